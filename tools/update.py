"""Bring the newest version of the lessons and keep your answers: ``make update``.

A lesson that was opened and run differs from the one in the repository, and ``git pull`` then
refuses. This program copies every lesson that both sides changed to ``my_work/<date>/``, moves the
checkout forward (never anything but a fast-forward), and puts the cells that you wrote into the new
lessons. What has no place there any more stays in the copy. A journal beside the copies lets the
next run finish one that was interrupted. Only the standard library and git are needed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MINE = "my_work"
JOURNAL = "unfinished.json"
EXERCISE = re.compile(r'^check\("([^"]+)"', re.M)

Cell = dict[str, Any]


class UpdateError(Exception):
    """The update cannot be done; the message says why, and what to do."""


class Repository:
    """A checkout, through git.

    Parameters
    ----------
    root : pathlib.Path
        Its top folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, *arguments: str, apart: bool = False) -> subprocess.CompletedProcess[str]:
        """Run git and read what it prints; `apart`, Ctrl-C does not reach it."""
        return subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            env=os.environ | {"LC_ALL": "C"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            start_new_session=apart,
        )

    def ask(self, *arguments: str) -> str | None:
        """Return what git prints, or None if it fails."""
        done = self.run(*arguments)
        return done.stdout.strip() if done.returncode == 0 else None

    def names(self, *arguments: str) -> list[str]:
        """Return what git prints with ``-z``, split."""
        return self.run(*arguments).stdout.split("\0")[:-1]

    def notebook(self, commit: str, path: str) -> dict[str, Any]:
        """Read a notebook as it is in a commit."""
        return json.loads(self.run("show", f"{commit}:{path}").stdout)


def carry_over(base: dict, mine: dict, new: dict) -> tuple[dict, list[str], list[str]]:
    """Put the cells that a learner wrote into a newer version of the notebook.

    Parameters
    ----------
    base, mine, new : dict
        The notebook as it was opened, as the learner left it, and the new version. Cells of the
        first two agree by id. The new version may have other ids: there a cell is found again by
        its exercise, or by its text.

    Returns
    -------
    notebook : dict
        The new version with the learner's cells.
    carried, left : list of str
        Names of the cells that were put back, and of those that found no place.
    """
    cells = list(new["cells"])
    added: dict[int, list[Cell]] = {}
    taken = set()  # numbers of cells that are the learner's now
    carried, left = [], []
    last = -1  # number of the nearest cell above that is in the new version, too
    for cell, origin in _origins(base["cells"], mine["cells"]):
        if origin is None:
            if _text(cell).strip():
                added.setdefault(last, []).append(cell | {"id": uuid.uuid4().hex[:8]})
                carried.append(_name(cell))
            continue
        place = _place(origin, new["cells"])
        if place is not None:
            last = place
        if _same(cell, origin):
            continue
        if place is None:
            left.append(_name(cell))
        elif place in taken:
            added.setdefault(place, []).append(cell | {"id": uuid.uuid4().hex[:8]})
            carried.append(_name(cell))
        elif not _same(cell, new["cells"][place]):
            changed = "" if _same(origin, new["cells"][place]) else " (its cell has changed)"
            # Id and tags are those of the new version.
            kept = {key: cells[place][key] for key in ("id", "metadata") if key in cells[place]}
            cells[place] = cell | kept
            taken.add(place)
            carried.append(_name(cell) + changed)
    result = list(added.get(-1, ()))
    for at, cell in enumerate(cells):
        result += [cell, *added.get(at, ())]
    return new | {"cells": result}, carried, left


def _origins(base: list[Cell], mine: list[Cell]) -> Iterator[tuple[Cell, Cell | None]]:
    """Pair each cell of a learner with the one that it was; None for cells that were added."""
    open_cells = dict(enumerate(base))
    found: dict[int, Cell] = {}

    def agree(one: Cell, other: Cell, key: Any) -> bool:
        return key(one) is not None and key(one) == key(other)

    # By id first; an editor that drops the ids leaves the exercises and the texts.
    for key in (lambda cell: cell.get("id"), _exercise, _text):
        for at, cell in enumerate(mine):
            if at not in found:
                same = (n for n, there in open_cells.items() if agree(cell, there, key))
                if (number := next(same, None)) is not None:
                    found[at] = open_cells.pop(number)
    for at, cell in enumerate(mine):
        yield cell, found.get(at)


def _place(origin: Cell, cells: list[Cell]) -> int | None:
    """Find a cell of the old version in the new one."""
    if exercise := _exercise(origin):
        same = [at for at, cell in enumerate(cells) if _exercise(cell) == exercise]
    else:
        same = [at for at, cell in enumerate(cells) if _same(cell, origin)]
        # The same text in several cells: only an id tells them apart.
        if len(same) > 1:
            same = [at for at in same if cells[at].get("id") == origin.get("id")]
    return same[0] if len(same) == 1 else None


def _text(cell: Cell) -> str:
    return "".join(cell["source"])


def _same(one: Cell, other: Cell) -> bool:
    return one["cell_type"] == other["cell_type"] and _text(one) == _text(other)


def _exercise(cell: Cell) -> str | None:
    match = EXERCISE.search(_text(cell))
    return match[1] if match else None


def _name(cell: Cell) -> str:
    if exercise := _exercise(cell):
        return exercise
    first = _text(cell).strip().partition("\n")[0]
    return f'"{first if len(first) <= 50 else f"{first[:47]}..."}"'


def update(repository: Repository) -> None:
    """Do all of it, and print what was done.

    Raises
    ------
    UpdateError
        Then nothing was changed.
    """
    branch = _branch(repository)
    for folder in sorted(repository.root.glob(f"{MINE}/*/{JOURNAL}")):
        print("The last update was interrupted; first that one is finished.")
        _finish(repository, folder.parent)
    here, there = _versions(repository, branch)
    if here == there:
        print("You have the newest version; nothing was changed.")
        return
    added, changed, moved = _differences(repository, here, there)
    lessons = _dirty(repository, changed, there)
    others = [path for path in added if (repository.root / path).is_file()]
    folder = _aside(repository, here, lessons, others, moved) if lessons or others else None
    try:
        _forward(repository, lessons, others, there)
    except BaseException:
        if folder and repository.ask("rev-parse", "HEAD") == here:
            for path in (*lessons, *others):
                shutil.copy2(folder / path, repository.root / path)
            shutil.rmtree(folder)
        raise
    print("This is the newest version now.")
    for path in added:
        if path.startswith("notebooks/") and path not in moved.values():
            print(f"  {path} is a new lesson")
    if folder:
        _finish(repository, folder)
    if any(path.startswith("requirements/") or path == "pyproject.toml" for path in changed):
        print("Libraries have changed, too: the next `make lab` installs them.")
    print(
        "CHANGELOG.md says what is new. If a lesson is open in JupyterLab: File, Reload Notebook."
    )


def _branch(repository: Repository) -> str:
    if shutil.which("git") is None:
        raise UpdateError("git is not installed, and it is what brings new versions.")
    if repository.ask("rev-parse", "--show-prefix") != "":
        raise UpdateError(
            "This folder was not made by `git clone`, so there is nothing to bring a new version "
            "from. Clone the repository into another folder and copy your notebooks over."
        )
    if repository.names("diff", "--name-only", "--diff-filter=U", "-z"):
        raise UpdateError("A merge is under way here. `git status` says how to finish or undo it.")
    branch = repository.ask("symbolic-ref", "--quiet", "--short", "HEAD")
    if branch is None:
        raise UpdateError(
            "This checkout shows one fixed version (a tag or a commit), not a branch. "
            "`git switch main` goes to the newest lessons; then run `make update` again."
        )
    return branch


def _versions(repository: Repository, branch: str) -> tuple[str, str]:
    """Fetch; return the commit that is here, and the newest."""
    remote = repository.ask("config", f"branch.{branch}.remote")
    merge = repository.ask("config", f"branch.{branch}.merge")
    if remote is None or merge is None:
        raise UpdateError(
            f"{branch} is a branch of your own: there is no newer version of it anywhere. "
            "`git switch main` goes to the lessons; then run `make update` again."
        )
    print("Looking for a new version ...", flush=True)
    done = repository.run("fetch", "--quiet", remote, merge)
    if done.returncode:
        raise UpdateError(
            f"The repository could not be reached, so nothing was changed. {_last(done)}\n"
            "Is there a network? Behind a proxy, git needs HTTPS_PROXY or `git config http.proxy`."
        )
    questions = ("rev-parse HEAD", "rev-parse FETCH_HEAD", "merge-base HEAD FETCH_HEAD")
    here, there, common = (repository.ask(*words.split()) for words in questions)
    assert here is not None and there is not None
    if common == there:  # also if commits of the learner are on top of it
        return here, here
    if common != here:
        theirs = f"{remote}/{merge.removeprefix('refs/heads/')}"
        raise UpdateError(
            f"There is a new version, and you have committed changes of your own to {branch}. "
            f"Nothing was changed. To keep your commits as a branch and go on with the new "
            f"lessons:\n  git branch my-own\n  git reset --keep {theirs}\n"
            f"To put your commits on top of the new version instead:\n  git rebase {theirs}"
        )
    return here, there


def _differences(
    repository: Repository, here: str, there: str
) -> tuple[list[str], set[str], dict[str, str]]:
    """Return what is added, all that differs, and what was moved where."""
    words = ("diff", "--name-status", "-z", "--find-renames=40%", here, there)
    parts = iter(repository.names(*words))
    added, changed, moved = [], set(), {}
    for status in parts:
        path = next(parts)
        changed.add(path)
        if status[0] == "R":
            moved[path] = next(parts)
            changed.add(moved[path])
            added.append(moved[path])
        elif status == "A":
            added.append(path)
    return added, changed, moved


def _dirty(repository: Repository, changed: set[str], there: str) -> list[str]:
    """Return the lessons that both sides changed; nothing else may be changed by both."""
    rows = repository.names(
        "status", "--porcelain=v1", "-z", "--untracked-files=no", "--no-renames"
    )
    both = [(row[:2], row[3:]) for row in rows if row[3:] in changed]
    if staged := [path for state, path in both if state[0] != " "]:
        raise UpdateError(
            f"The new version also changes what you have staged: {', '.join(staged)}. Nothing was "
            "changed. Commit it, or undo `git add` by `git restore --staged .`, and try again."
        )
    edited = [path for state, path in both if state != " D"]
    # What an update that was killed left behind is the new version already.
    known = [path for path in edited if _is_new(repository, path, there)]
    if known:
        repository.run("restore", "--", *known)
    edited = [path for path in edited if path not in known]
    if others := [path for path in edited if not path.endswith(".ipynb")]:
        raise UpdateError(
            f"You and the new version both changed {', '.join(others)}, and only lessons can be "
            "put together here. Nothing was changed. `git diff` shows your changes; commit them, "
            "or give them up by `git restore FILE`, and try again."
        )
    return edited


def _is_new(repository: Repository, path: str, there: str) -> bool:
    new = repository.ask("rev-parse", f"{there}:{path}")
    return new is not None and repository.ask("hash-object", "--", path) == new


def _aside(
    repository: Repository, here: str, lessons: list[str], others: list[str], moved: dict[str, str]
) -> Path:
    """Copy files to a new folder of the learner's, with a journal."""
    number, today = 1, date.today().isoformat()
    while (folder := repository.root / MINE / f"{today}{f'-{number}' * (number > 1)}").exists():
        number += 1
    for path in (*lessons, *others):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(repository.root / path, folder / path)
    targets = {path: moved.get(path, path) for path in lessons}
    _write(folder / JOURNAL, {"base": here, "lessons": targets, "others": others})
    return folder


def _forward(repository: Repository, lessons: list[str], others: list[str], there: str) -> None:
    """Move the checkout to the new version; files that have a copy give way."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # git must not stop half-way
    try:
        for path in others:
            (repository.root / path).unlink()
        if lessons:
            repository.run("restore", "--", *lessons, apart=True)
        done = repository.run("merge", "--quiet", "--ff-only", there, apart=True)
    finally:
        signal.signal(signal.SIGINT, before)
    if done.returncode:
        raise UpdateError(f"git could not do it, and nothing was changed:\n{done.stderr.strip()}")


def _finish(repository: Repository, folder: Path) -> None:
    """Put the learner's cells into the lessons; print what has no place in them any more."""
    root, shown = repository.root, folder.relative_to(repository.root)
    journal = json.loads((folder / JOURNAL).read_text(encoding="utf-8"))
    for path in journal["others"]:
        if not os.path.lexists(root / path):
            shutil.copy2(folder / path, root / path)
        elif _is_new(repository, path, "HEAD"):
            print(f"  {path} is part of the repository now; yours is {shown / path}")
    only_run = 0
    for old, path in journal["lessons"].items():
        there = [name for name in (path, old) if repository.ask("rev-parse", f"HEAD:{name}")]
        copy = shown / old
        if not there:
            print(f"  {old} is no longer among the lessons; yours is {copy}")
            continue
        path = there[0]
        try:
            mine = json.loads((folder / old).read_text(encoding="utf-8"))
            base = repository.notebook(journal["base"], old)
            merged, carried, left = carry_over(base, mine, repository.notebook("HEAD", path))
        except (ValueError, KeyError, TypeError):
            print(f"  {path}: your notebook could not be read; it is {copy}")
            continue
        if not _is_new(repository, path, "HEAD"):
            # After an interruption: not touched yet, done already, or used since.
            now = (root / path).read_bytes() if (root / path).exists() else b""
            if now not in ((folder / old).read_bytes(), _as_text(merged).encode()):
                print(f"  {path} was changed since; what it was before is {copy}")
            continue
        only_run += not carried and not left
        if carried:
            _write(root / path, merged)
            print(f"  {path}: put back {_listed(carried)}")
        if left:
            print(f"  {path} has changed at {', '.join(left)}; yours is in {copy}")
    if only_run:
        print(f"  {only_run} that you had only run: the outputs are in {shown}")
    (folder / JOURNAL).unlink()


def _listed(names: list[str]) -> str:
    """Name the exercises, and count the other cells."""
    exercises = [name for name in names if not name.startswith('"')]
    others = len(names) - len(exercises)
    more = [f"{others} other cell{'s' * (others > 1)}"] if others else []
    *first, last = exercises + more
    return f"{', '.join(first)} and {last}" if first else last


def _last(done: subprocess.CompletedProcess[str]) -> str:
    return "".join(done.stderr.strip().splitlines()[-1:])


def _as_text(content: dict[str, Any]) -> str:
    """Write JSON as nbformat does."""
    return json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _write(path: Path, content: dict[str, Any]) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(_as_text(content), encoding="utf-8")
    partial.replace(path)


def main(root: Path = ROOT) -> int:
    """Update a checkout and return the exit code."""
    try:
        update(Repository(root))
    except UpdateError as error:
        print(error, file=sys.stderr)
        return 1
    except (KeyboardInterrupt, OSError) as error:
        what = str(error) or "Interrupted"
        print(
            f"{what}. Your lessons are as they were, or copied to my_work/: run "
            "`make update` again, and it finishes.",
            file=sys.stderr,
        )
        return 1 if isinstance(error, OSError) else 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
