"""Whether the environment has what the lessons need; what to do about each part that is missing."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from importlib import metadata
from typing import NamedTuple

from packaging.requirements import Requirement

DISTRIBUTION = "first-dance-with-mlops"


class Part(NamedTuple):
    """A part of the environment: its name, whether it is ready, what it is or what to do."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class Checkup:
    """The state of the environment: its ``parts``, in the order in which they are shown."""

    parts: list[Part]

    @property
    def ok(self) -> bool:
        """Whether every part is ready."""
        return all(part.ok for part in self.parts)

    def __repr__(self) -> str:
        width = max(len(part.name) for part in self.parts)
        return "\n".join(
            f"{'ok   ' if ok else 'MEND '} {name:<{width}}  {detail}"
            for name, ok, detail in self.parts
        )

    def _repr_html_(self) -> str:
        rows = []
        for name, ok, detail in self.parts:
            # Words and a mark as well as colour: not everybody sees the colour.
            colour, word = ("#00734F", "✔ ready") if ok else ("#B03A00", "✘ to mend")
            look = f"background:{colour};color:#fff;border-radius:3px;padding:1px 8px"
            badge = f'<span style="{look};white-space:nowrap">{word}</span>'
            texts = (badge, f"<b>{escape(name)}</b>", escape(detail))
            cells = (f'<td style="text-align:left;padding:2px 12px">{text}</td>' for text in texts)
            rows.append(f"<tr>{''.join(cells)}</tr>")
        return f"<table>{''.join(rows)}</table>"


def checkup() -> Checkup:
    """Return the state of the environment that this notebook runs in.

    Nothing is imported or installed, so it takes a fraction of a second.

    Examples
    --------
    >>> [part.name for part in checkup().parts][:2]
    ['Python', 'Notebooks and widgets']
    """
    looks: dict[str, Callable[[], str]] = {
        "Python": lambda: f"{platform.python_version()} on {platform.system()}",
        "Notebooks and widgets": lambda: _versions("ipykernel", "ipywidgets"),
        "Numbers and pictures": lambda: _versions("numpy", "pandas", "matplotlib"),
        "Models": lambda: _versions("tensorflow", "scikit-learn"),
        "Fairness and explanation": lambda: _versions("fairlearn", "shap"),
        "Data of Harbor Credit": _data,
        "TFX, in its own environment": _tfx,
    }
    parts = []
    for name, look in looks.items():
        try:
            parts.append(Part(name, True, look()))
        except Exception as problem:  # one broken part must not hide the others
            parts.append(Part(name, False, str(problem)))
    return Checkup(parts)


def _versions(*names: str) -> str:
    """Return versions of packages; raise for the first that is outside of the project's bounds."""
    bounds = {r.name: r for r in map(Requirement, metadata.requires(DISTRIBUTION) or [])}
    versions = []
    for name in names:
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            raise RuntimeError(f"{name} is not installed: run `make lab` in a terminal") from None
        if name in bounds and not bounds[name].specifier.contains(version, prereleases=True):
            raise RuntimeError(
                f"{name} {version} is installed, {bounds[name]} is needed: run `make lab`"
            )
        versions.append(f"{name} {version}")
    return ", ".join(versions)


def _data() -> str:
    from helpers.base import resources

    files = sorted(resources.path("data", "loans").glob("*.csv"))
    if not files:
        raise RuntimeError("no files in data/loans: run `python -m helpers.world data/`")
    return f"{len(files)} months of loans, {files[0].stem} to {files[-1].stem}"


def _tfx() -> str:
    from helpers.tfx import environment

    facts = environment.info()
    if not facts["ready"]:
        raise RuntimeError(
            "not made yet: it is made on first use (about 3 GB), or now by "
            "`python -m helpers.tfx install` in a terminal"
        )
    if "packages" not in facts:
        return facts["folder"]
    tfdv = facts["packages"]["tensorflow_data_validation"]
    return f"{facts['recipe']}: TFDV {tfdv} on Python {facts['python']}"
