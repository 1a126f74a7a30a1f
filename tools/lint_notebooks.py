"""Check the shape of lessons: ``python -m tools.lint_notebooks [PATH ...]``.

A lesson has a fixed shape (see ``docs/instructors.md``), and a program can check a good part of it:
the sections and their order, exercises, descriptions of figures, paths of one machine. A line is
printed for each fault, and the exit code is 1 if there is one; advice is marked and does not
count. The start page (lesson 0) needs no incident, no widget and fewer exercises.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from helpers.course.exercises.core import exercises_by_lesson
from tools import progress
from tools.figures import CAPTION

USUAL_SECONDS = 60
MOST_SECONDS = 120
MOST_LINES = 15
FEWEST_EXERCISES = 5
FEWEST_SOURCES = 3
MOST_WORDS = 3_000
SHORTEST_ALT = 10  # a caption that is cut short has fewer characters
OUTCOMES = range(3, 6)
BOXES = ("Note", "Caution", "In real life", "Go deeper")
START = "0"  # the lesson number of the start page

BADGE = re.compile(r"\]\(https://colab\.research\.google\.com/github/[^/\s]+/[^/\s]+/blob/(\S+)\)")
SETUP = "%load_ext helpers"
# Sections of a lesson in their order; the setup cell is between the second and the third.
BEFORE = ("The incident", "You will be able to")
AFTER = ("In production", "What you learned", "Next", "Sources")
_LINK = re.compile(r"\]\(https?://[^)\s]+\)")
_MACHINE = re.compile(
    r"/(?:home|Users)/\w+|/root/|/private/var/|/tmp/(?:tmp|ipykernel_)|\b[A-Z]:\\+Users"
)
_FILE = re.compile(r"(?<![\w:/.~-])/[^\s\"'<>:]+\.py\b")
# What is meant for CI and formatters, not for the reader of a cell.
_CI_TALK = re.compile(r"#.*(?:nbval|not compared|\bfmt:|\bnoqa\b|\btype: ignore|pragma:)", re.I)
_ANSI = re.compile(r"\x1b\[[\d;]*m")
_VIEW = "application/vnd.jupyter.widget-view+json"


@dataclass(frozen=True)
class Fault:
    """A fault in a notebook.

    Attributes
    ----------
    path : pathlib.Path
        The notebook.
    cell : int or None
        Number of the cell, from 0; None for the whole notebook.
    message : str
        What is wrong and what was expected.
    advice : bool
        Whether it is only advice, and does not count.
    """

    path: Path
    cell: int | None
    message: str
    advice: bool = False

    def __str__(self) -> str:
        where = "" if self.cell is None else f" cell {self.cell}:"
        return f"{self.path}:{where} {'advice: ' if self.advice else ''}{self.message}"


def lint(path: Path | str) -> list[Fault]:
    """Return the faults of one notebook.

    Parameters
    ----------
    path : path
        A notebook, as it is committed: executed.

    Returns
    -------
    list of Fault
        Advice included; empty if there is none.

    Examples
    --------
    >>> from pathlib import Path
    >>> sorted(Path("notebooks").glob("*.ipynb")) and lint("notebooks/0_start_here.ipynb")
    []
    """
    path = Path(path)
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cells = [_Cell.read(cell) for cell in notebook["cells"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return [Fault(path, None, f"cannot be read as a notebook ({error})")]
    about = notebook.get("metadata", {}).get("first_dance", {})
    page = _Page(path, about, cells)
    rules = _RULES if page.number == START else (*_RULES, *_LESSON_RULES)
    faults = [Fault(path, *fault) for rule in rules for fault in rule(page)]
    return sorted(faults, key=lambda fault: -1 if fault.cell is None else fault.cell)


def notebooks(places: Sequence[Path | str]) -> list[Path]:
    """Return the notebooks among the given files and below the given folders.

    Parameters
    ----------
    places : sequence of path
        Notebooks and folders.

    Returns
    -------
    list of pathlib.Path
    """
    paths: list[Path] = []
    for place in map(Path, places):
        paths += sorted(place.rglob("*.ipynb")) if place.is_dir() else [place]
    return [path for path in paths if ".ipynb_checkpoints" not in path.parts]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the faults of the notebooks and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.lint_notebooks", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("path", nargs="*", default=["notebooks"], help="notebooks or folders")
    faults = [fault for path in notebooks(parser.parse_args(argv).path) for fault in lint(path)]
    for fault in faults:
        print(fault)
    return int(any(not fault.advice for fault in faults))


@dataclass(frozen=True)
class _Cell:
    kind: str
    source: str
    outputs: list[dict[str, Any]]
    tags: list[str]
    reason: str  # why its output is not compared
    count: int | None

    @classmethod
    def read(cls, cell: dict[str, Any]) -> _Cell:
        about = cell.get("metadata", {})
        tags, reason = about.get("tags", []), about.get("first_dance", {}).get("not_compared", "")
        outputs, count = cell.get("outputs", []), cell.get("execution_count")
        return cls(cell["cell_type"], "".join(cell["source"]), outputs, tags, reason, count)

    @property
    def commands(self) -> list[str]:
        """Return the lines that are neither empty nor a comment."""
        return [
            line for line in map(str.strip, self.source.splitlines()) if line[:1] not in ("#", "")
        ]

    @property
    def printed(self) -> list[str]:
        """Return the text of each stream."""
        return ["".join(output.get("text", "")) for output in self.outputs]

    @property
    def data(self) -> list[dict[str, str]]:
        """Return the text of each output, by kind of data."""
        bundles = [output.get("data", {}) for output in self.outputs]
        return [{kind: _text(value) for kind, value in bundle.items()} for bundle in bundles]


@dataclass(frozen=True)
class _Page:
    path: Path
    about: dict[str, Any]
    cells: list[_Cell]

    @property
    def number(self) -> str:
        return str(self.about.get("lesson", ""))

    @property
    def code(self) -> list[tuple[int, _Cell]]:
        return [(at, cell) for at, cell in enumerate(self.cells) if cell.kind == "code"]

    @property
    def text(self) -> list[tuple[int, _Cell]]:
        return [(at, cell) for at, cell in enumerate(self.cells) if cell.kind == "markdown"]

    @property
    def code_text(self) -> str:
        return "\n".join(cell.source for _, cell in self.code)

    @property
    def kinds(self) -> list[str]:
        """Return the kind of each of the lesson's exercises."""
        return [exercise.kind for exercise in exercises_by_lesson().get(self.number, [])]

    def heading(self, title: str) -> int | None:
        """Return the cell with this heading, or with these words in bold at a line's start."""
        form = re.compile(rf"^(?:#+ |\*\*){re.escape(title)}\b", re.M)
        return next((at for at, cell in self.text if form.search(cell.source)), None)

    def checks(self) -> list[tuple[int, str]]:
        """Return the cells with a check, each with the exercise's id."""
        form = re.compile(r"^check\(\s*[\"']([^\"']*)", re.M)
        return [(at, id) for at, cell in self.code for id in form.findall(cell.source)]


_Faults = Iterator[tuple[int | None, str] | tuple[int | None, str, bool]]


def _says_what_it_is(page: _Page) -> _Faults:
    lacking = {"track", "lesson", "minutes", "budget_s"} - set(page.about)
    if lacking:
        yield None, f"its metadata first_dance lacks {', '.join(sorted(lacking))}"
    seconds = page.about.get("budget_s", USUAL_SECONDS)
    if not isinstance(seconds, int | float) or not 0 < seconds <= MOST_SECONDS:
        yield None, f"its time budget is {seconds!r} s; expected at most {MOST_SECONDS}"
    elif seconds > USUAL_SECONDS:
        yield None, f"its time budget is {seconds} s; {USUAL_SECONDS} is usual", True


def _begins_with_title_badge_and_context(page: _Page) -> _Faults:
    first = page.cells[0].source if page.cells and page.cells[0].kind == "markdown" else ""
    title = "# " if page.number == START else f"# {page.number} "
    if not first.startswith(title):
        yield 0, f"expected the title, a line that starts {title!r}"
    badge = BADGE.search(first)
    if not badge:
        yield 0, "expected the Colab badge below the title: run `make stamp`"
    elif Path(badge[1]).name != page.path.name:
        yield 0, f"the Colab badge leads to {badge[1]}: run `make stamp`"
    context = re.search(r"^\*Track (\S+?),? .*about (\d+) minutes.*\*$", first, re.M)
    about = (str(page.about.get("track")), str(page.about.get("minutes")))
    if not context:
        yield 0, "expected a line of context: *Track 2, Data lifecycle · about 60 minutes · ...*"
    elif context.groups() != about:
        yield (
            0,
            f"the line of context says track and minutes {context.groups()}, the metadata {about}",
        )


def _has_one_setup_cell(page: _Page) -> _Faults:
    setups = [at for at, cell in page.code if SETUP in cell.source]
    if setups != [at for at, _ in page.code][:1]:
        yield (setups or [None])[-1], f"expected one setup cell ({SETUP}), the first cell with code"


def _was_run_from_top_to_bottom(page: _Page) -> _Faults:
    for (_, before), (at, cell) in pairwise([(None, None), *page.code]):
        if cell.count is None:
            yield at, "was never run: run `make notebooks`"
        elif before and before.count and cell.count <= before.count:
            yield at, "was not run after the one above it: run `make notebooks`"


def _shows_no_error_and_no_warning(page: _Page) -> _Faults:
    for at, cell in page.code:
        if "raises-exception" in cell.tags:
            continue
        kinds = {output.get("name") or output["output_type"] for output in cell.outputs}
        if "error" in kinds:
            yield at, "shows an error; one that is meant needs the tag raises-exception"
        if "stderr" in kinds:
            yield at, "shows a warning (text on stderr)"


def _names_no_place_of_one_machine(page: _Page) -> _Faults:
    for at, cell in enumerate(page.cells):
        raised = "\n".join(line for out in cell.outputs for line in out.get("traceback", []))
        shown = cell.printed
        shown += [text for out in cell.data for kind, text in out.items() if "image" not in kind]
        for where, text, form in (
            ("text", cell.source, _MACHINE),
            ("output", "\n".join(shown), _MACHINE),
            ("traceback", _ANSI.sub("", raised), _FILE),
        ):
            if match := form.search(text):
                yield at, f"its {where} has a path of one machine: {match[0]}"


def _says_why_an_output_is_not_compared(page: _Page) -> _Faults:
    for at, cell in page.code:
        ignored = "nbval-ignore-output" in cell.tags
        if ignored and not cell.reason.strip():
            beside = '"first_dance": {"not_compared": "..."}'
            yield (
                at,
                f"has the tag nbval-ignore-output without the reason in its metadata: {beside}",
            )
        if cell.reason and not ignored:
            yield at, "says why it is not compared, and lacks the tag nbval-ignore-output"
        if match := _CI_TALK.search(cell.source):
            yield at, f"has a comment that is not for its reader: {match[0]!r}; use the metadata"


def _shows_the_progress_of_a_new_learner(page: _Page) -> _Faults:
    for at, cell in page.code:
        if cell.source.strip() == progress.CALL:
            if "nbval-ignore-output" not in cell.tags:
                yield at, "shows the learner's progress; expected the tag nbval-ignore-output"
            if cell.data != [progress.beginning()]:
                yield at, "does not list all lessons with their exercises: run `make notebooks`"


def _describes_its_figures(page: _Page) -> _Faults:
    for at, cell in enumerate(page.cells):
        for output in cell.outputs:
            for kind in output.get("data", {}):
                alt = output.get("metadata", {}).get(kind, {}).get("alt")
                if kind.startswith("image/") and len(alt or "") < SHORTEST_ALT:
                    yield at, "has a picture without alt text in its metadata: run `make notebooks`"
        for tag in re.findall(
            r"<img\b[^>]*>", "".join([cell.source, *(d.get("text/html", "") for d in cell.data)])
        ):
            if "alt=" not in tag:
                yield at, "has an <img> without alt"
        if cell.kind == "markdown" and re.search(r"!\[\s*\]\(", cell.source):
            yield at, "has a picture without alt text: ![what it shows](...)"
        if not any(kind.startswith("image/") or kind == _VIEW for out in cell.data for kind in out):
            continue
        below = page.cells[at + 1] if at + 1 < len(page.cells) else None
        if not (below and below.kind == "markdown" and CAPTION.search(below.source)):
            yield at, "shows a figure; the cell below should describe it: *The figure: ...*"


def _asks_its_exercises(page: _Page) -> _Faults:
    known = {exercise.id for group in exercises_by_lesson().values() for exercise in group}
    own = [exercise.id for exercise in exercises_by_lesson().get(page.number, [])]
    asked = page.checks()
    for at, id in asked:
        if id not in known:
            yield at, f"there is no exercise {id!r}"
        elif id not in own:
            yield at, f"exercise {id!r} is of another lesson"
        if "answer = ..." not in page.cells[at].commands:
            yield at, f"the answer of {id} is given away; expected `answer = ...`"
        above = "\n".join(cell.source for place, cell in page.text if place < at)
        if not re.search(rf"^#+ Exercise {re.escape(id)}\b", above, re.M):
            yield at, f"expected the question above it, under the heading `Exercise {id}`"
        below = page.cells[at + 1].source.splitlines() if at + 1 < len(page.cells) else []
        if [line.replace("'", '"') for line in below] != [f'# hint("{id}")', f'# solution("{id}")']:
            yield at, f'expected below it a cell with # hint("{id}") and # solution("{id}")'
    for id in own:
        if (times := [id for _, id in asked].count(id)) != 1:
            yield None, f"exercise {id} is asked {times} times; expected once"


def _keeps_to_short_cells_and_known_boxes(page: _Page) -> _Faults:
    for at, cell in page.code:
        if len(cell.commands) > MOST_LINES:
            yield at, f"has {len(cell.commands)} lines of code; {MOST_LINES} are enough", True
    for at, cell in page.text:
        for word in re.findall(r"^> \*\*(.+?)\.?\*\*", cell.source, re.M):
            if word not in BOXES:
                yield at, f"has a box {word!r}; boxes are {', '.join(BOXES)}"


def _has_its_sections_in_order(page: _Page) -> _Faults:
    setup = next((at for at, cell in page.code if SETUP in cell.source), None)
    order = [(title, page.heading(title)) for title in BEFORE]
    order += [("the setup cell", setup), *((title, page.heading(title)) for title in AFTER)]
    for title, at in order:
        if at is None and title != "the setup cell":
            yield None, f"has no section {title!r}"
    present = [(title, at) for title, at in order if at is not None]
    for (title, first), (later, second) in pairwise(present):
        if first > second:
            yield second, f"{later!r} stands before {title!r}"


def _names_outcomes_and_sources(page: _Page) -> _Faults:
    if (at := page.heading(BEFORE[1])) is not None:
        outcomes = len(re.findall(r"^(?:\d+\.|[-*]) ", page.cells[at].source, re.M))
        if outcomes not in OUTCOMES:
            yield at, f"names {outcomes} outcomes; expected a list of 3 to 5"
    if (at := page.heading("Sources")) is not None:
        links = len(_LINK.findall(page.cells[at].source.split("Sources", 1)[1]))
        if links < FEWEST_SOURCES:
            yield at, f"has {links} sources with links; expected at least {FEWEST_SOURCES}"


def _ends_with_the_progress(page: _Page) -> _Faults:
    shown = [at for at, cell in page.code if cell.source.strip() == progress.CALL]
    last = max((at for at, _ in page.code), default=None)
    if shown != [last] or (page.heading("Next") or 0) > shown[0]:
        yield None, "expected a cell `progress()` after **Next**, the last cell with code"


def _teaches_by_doing(page: _Page) -> _Faults:
    if (asked := len(page.checks())) < FEWEST_EXERCISES:
        yield None, f"has {asked} exercises; expected at least {FEWEST_EXERCISES}"
    words = "\n".join(cell.source for _, cell in page.text)
    for habit in ("Predict", "Read"):
        if not re.search(rf"^\*\*{habit}\b", words, re.M):
            yield None, f"never says **{habit}**: predict, run, read"
    if not re.search(r"ipywidgets|helpers\.course\.(views|lesson_)", page.code_text):
        yield None, "has no widget (nothing from helpers.course.views, no ipywidgets)"


def _makes_the_learner_do_it(page: _Page) -> _Faults:
    kinds = page.kinds
    if not any(kinds):  # of no exercise at all, other rules speak
        if kinds:
            yield None, "its exercises do not say of what kind they are", True
        return
    doing = kinds.count("code") + kinds.count("design")
    if 2 * doing < len(kinds):
        yield None, f"{doing} of {len(kinds)} exercises run what the learner wrote; expected half"
    if "design" not in kinds:
        yield None, "has no exercise in which something is designed"


def _is_short(page: _Page) -> _Faults:
    text = "\n".join(cell.source for _, cell in page.text)
    words = len(re.findall(r"[\w'-]*[a-zA-Z][\w'-]*", re.sub(r"\]\([^)]*\)", "]", text)))
    if words > MOST_WORDS:
        yield None, f"has {words:,} words; at most {MOST_WORDS:,}", not any(page.kinds)


def _shows_numbers_and_not_only_whether(page: _Page) -> _Faults:
    for at, cell in page.code:
        shown = [*cell.printed, *(out.get("text/plain", "") for out in cell.data)]
        if any(text.strip() in ("True", "False", "np.True_", "np.False_") for text in shown):
            yield at, "shows only whether something is true; show the numbers", True


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "".join(value)
    return value if isinstance(value, str) else json.dumps(value)


_Rule = Callable[[_Page], _Faults]
_RULES: tuple[_Rule, ...] = (
    _says_what_it_is,
    _begins_with_title_badge_and_context,
    _has_one_setup_cell,
    _was_run_from_top_to_bottom,
    _shows_no_error_and_no_warning,
    _names_no_place_of_one_machine,
    _says_why_an_output_is_not_compared,
    _shows_the_progress_of_a_new_learner,
    _describes_its_figures,
    _asks_its_exercises,
    _keeps_to_short_cells_and_known_boxes,
)
_LESSON_RULES: tuple[_Rule, ...] = (
    _has_its_sections_in_order,
    _names_outcomes_and_sources,
    _ends_with_the_progress,
    _teaches_by_doing,
    _makes_the_learner_do_it,
    _is_short,
    _shows_numbers_and_not_only_whether,
)

if __name__ == "__main__":
    raise SystemExit(main())
