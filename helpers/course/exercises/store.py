"""A learner's progress: a small file in their own folder that survives a crash."""

from __future__ import annotations

import json
import os
import time
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
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        try:
            states = json.loads(text)["exercises"]
            return {str(id): str(state) for id, state in states.items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            aside = self.path.with_name(f"{self.path.name}.unreadable-{time.time_ns()}")
            self.path.replace(aside)
            return {}

    def record(self, id: str, *, solved: bool) -> None:
        """Record the outcome of an attempt; what was solved once stays solved."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self.path}.lock"):  # two notebooks may write at once
            states = self.read()
            if states.get(id) == "solved":
                return
            states[id] = "solved" if solved else "attempted"
            files.write(self.path, json.dumps({"exercises": states}, indent=1))
