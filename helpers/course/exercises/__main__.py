"""Report progress from a shell: ``python -m helpers.course.exercises report``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from helpers.base import files, resources
from helpers.course.exercises import progress
from helpers.course.exercises.core import exercises_by_lesson
from helpers.course.exercises.report import junit, page
from helpers.course.exercises.store import ProgressFile


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m helpers.course.exercises", description=__doc__)
    parser.add_argument("command", choices=["report"], help="report: print your progress")
    parser.add_argument(
        "--junit", metavar="FILE", type=Path, help="also write it to FILE, as a JUnit report"
    )
    parser.add_argument("--html", metavar="FILE", type=Path, help="also write it as a web page")
    arguments = parser.parse_args(argv)
    print(progress())
    store, lessons = ProgressFile(), exercises_by_lesson()
    try:
        if arguments.junit:
            files.write(arguments.junit, junit(lessons, store.read()))
        if arguments.html:
            titles = {lesson.number: lesson.title for lesson in resources.lessons()}
            files.write(arguments.html, page(lessons, store.read(), store.days(), titles))
            print(f"The page is {arguments.html}")
    except OSError as error:
        print(f"the report could not be written: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
