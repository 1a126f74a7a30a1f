"""A learner's progress: a small file in their own folder that survives a crash."""

from __future__ import annotations

import json
import os
import time
from datetime import date
from pathlib import Path

from filelock import FileLock
from platformdirs import user_data_path

from helpers.base import files


class ProgressFile:
    """The progress file of this user.

    Parameters
    ----------
    path : pathlib.Path, optional
        The file; by default ``MLOPS_PROGRESS`` or, without it, ``progress.json`` in the user's data
        folder.
    """

    def __init__(self, path: Path | None = None) -> None:
        given = os.environ.get("MLOPS_PROGRESS")
        home = user_data_path("first-dance-with-mlops") / "progress.json"
        self.path = path or (Path(given) if given else home)

    def read(self) -> dict[str, str]:
        """Return "solved" or "attempted" for each exercise that was tried.

        A file that cannot be read is renamed, so that nothing is lost, and counts as empty.
        """
        return self._content()[0]

    def days(self) -> dict[str, str]:
        """Return the day, such as "2026-11-26", on which each exercise was solved.

        Exercises that were solved before days were recorded are missing.
        """
        return self._content()[1]

    def record(self, id: str, *, solved: bool) -> None:
        """Record the outcome of an attempt; what was solved once stays solved."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self.path}.lock"):  # two notebooks may write at once
            states, days = self._content()
            if states.get(id) == "solved":
                return
            states[id] = "solved" if solved else "attempted"
            if solved:
                days[id] = date.today().isoformat()
            files.write(self.path, json.dumps({"exercises": states, "solved_on": days}, indent=1))

    def _content(self) -> tuple[dict[str, str], dict[str, str]]:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}, {}
        try:
            content = json.loads(text)
            states = {str(id): str(state) for id, state in content["exercises"].items()}
            days = {str(id): str(day) for id, day in content.get("solved_on", {}).items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            aside = self.path.with_name(f"{self.path.name}.unreadable-{time.time_ns()}")
            self.path.replace(aside)
            return {}, {}
        return states, days
