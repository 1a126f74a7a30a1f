"""The map of an ML system: how little of it is the model, what the rest is, and where it hurts."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from helpers.base import checks, resources, style
from helpers.course.views import Explorer, View, subplots

PAPER, HERE = "as in the paper", "this repository's lines of code"
AREAS = (PAPER, HERE)
ML_CODE = "ML code"


@dataclass(frozen=True)
class Box:
    """A part of an ML system.

    Attributes
    ----------
    name : str
        As in the paper.
    paper : float
        Its share of the paper's figure (percent), read off by eye; the paper gives no numbers.
    what : str
        What it is.
    goes_wrong : str
        What goes wrong there at Harbor Credit.
    lessons : tuple of str
        Lessons about it; some may not be written yet.
    code : tuple of str
        Files of this repository that do this work, relative to its top folder: patterns for
        ``Path.glob``, or one file with ``::`` and a name defined in it.
    """

    name: str
    paper: float
    what: str
    goes_wrong: str
    lessons: tuple[str, ...]
    code: tuple[str, ...]


_MODEL = "helpers/pipelines/modules/loans_model.py::"
# From left to right, and in each column from top to bottom.
COLUMNS = (
    (
        Box(
            "Configuration",
            14,
            "What one can set without touching code: features, thresholds, versions, schedules. It "
            "is changed more often than code, and tested less.",
            "The limit above which a loan is refused stood in three places. One was forgotten.",
            ("1.1", "2.7", "4.4"),
            ("helpers/course/lesson_1_1/design_document.py", "helpers/rollout/manifests.py",
             "tools/*.py"),
        ),
        Box(
            "Data collection",
            14,
            "Getting the rows, with the right to use them, and the labels, which here come a year "
            "later.",
            "The campaign brought other people than those whom the model had learned from.",
            ("1.3", "2.8"),
            ("helpers/world/*.py", "helpers/datasets.py"),
        ),
        Box(
            "Feature extraction",
            9,
            "Turning columns into what a model is fed, in training and in serving alike.",
            "A feature from the warehouse is filled in after the decision: offline it knows the "
            "future.",
            ("2.3", "2.4", "2.5"),
            tuple(
                f"{_MODEL}{name}"
                for name in ("preprocessing_fn", "_id", "_filled", "datasets", "_signatures",
                             "_sparse")
            ),
        ),
    ),
    (
        Box(
            "Data verification",
            10,
            "Looking at data before anything learns from them: statistics, a schema, a gate that "
            "says no.",
            "The partner sent incomes per month instead of per year. No program failed.",
            ("2.1", "2.2", "2.7"),
            ("helpers/validation/**/*.py",),
        ),
        Box(
            ML_CODE,
            1,
            "The network, its training and the search for its settings: what most courses teach.",
            "Least of all. The losses of this lender begin in the boxes around it.",
            ("1.2", "3.1", "3.2"),
            tuple(
                f"{_MODEL}{name}"
                for name in ("search_space", "_Network", "build_model", "fit", "_Trials",
                             "tuner_fn", "run_fn", "warm_start")
            ),
        ),
        Box(
            "Machine resource management",
            10,
            "Processes, memory, processors, environments: who may use how much of what, and what "
            "ends when.",
            "Two libraries wanted different versions of a third. The pipeline stood for a week.",
            ("3.3", "4.3"),
            ("helpers/tfx/*.py", "helpers/base/*.py", "helpers/course/lesson_0/checkup.py"),
        ),
    ),
    (
        Box(
            "Analysis tools",
            8,
            "Asking why: errors by slice, fairness, explanations, model cards.",
            "A customer asked why she was refused, and the answer named the wrong reason.",
            ("1.2", "3.4", "3.5", "3.6"),
            ("helpers/fairness/*.py", "helpers/explanation/*.py", "helpers/cards.py"),
        ),
        Box(
            "Process management tools",
            6,
            "What runs when, after what, on which version, and the record of it.",
            "An auditor asked which file had taught the model of June. Nobody knew.",
            ("2.5", "2.6", "4.4"),
            ("helpers/pipelines/*.py", "helpers/lineage/*.py"),
        ),
    ),
    (
        Box(
            "Serving infrastructure",
            17,
            "Answering in time, always, also while the model is being changed.",
            "Version 2 went to everybody on a Friday afternoon. The bill came a year later.",
            ("4.1", "4.2", "4.3", "4.5"),
            ("helpers/serving/*.py", "helpers/rollout/[!m]*.py"),
        ),
        Box(
            "Monitoring",
            11,
            "Seeing that the world, the data or the model has changed, soon enough and not every "
            "night.",
            "A recession began in July. No feature looked different.",
            ("1.4", "2.2", "4.6"),
            ("helpers/drift/*.py",),
        ),
    ),
)  # fmt: skip
BOXES = {box.name: box for column in COLUMNS for box in column}
# Blues and greens alternate so that neighbours differ; all are light enough for black text.
_GROUNDS = ("#CFE3F1", "#E9F1D8", "#FBE7C6", "#F3DCE8")


def code_lines(source: str, name: str | None = None) -> int:
    r"""Return the number of lines that do something: no blank lines, comments or docstrings.

    Parameters
    ----------
    source : str
        Python source.
    name : str, optional
        Count only the function or class of this name.

    Returns
    -------
    int

    Raises
    ------
    LookupError
        If nothing of that name is defined at the top level.

    Examples
    --------
    >>> code_lines("# why\n\nx = 1\ny = 2")
    2
    """
    lines = {
        line
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in _SILENT
        for line in range(token.start[0], token.end[0] + 1)
    }
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    if name is not None:
        named = [node for node in tree.body if getattr(node, "name", None) == name]
        if not named:
            raise LookupError(f"nothing is named {name!r} at the top level of this source")
        lines &= set(range(named[0].lineno, named[0].end_lineno + 1))
    return len(lines)


_SILENT = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
    tokenize.ENDMARKER,
}  # fmt: skip
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


class Place(NamedTuple):
    """A box, its colour, and its rectangle on the map: 0 to 1, from the lower left corner."""

    box: Box
    colour: str
    x: float
    y: float
    width: float
    height: float


class SystemMap(Explorer):
    """The map of an ML system, with boxes to open.

    Source of boxes and idea: Sculley et al. (2015), "Hidden technical debt in machine learning
    systems", NIPS, figure 1.

    Parameters
    ----------
    root : pathlib.Path, optional
        Top folder of the repository to count; by default this one.

    Examples
    --------
    >>> bool(SystemMap().lines["ML code"] < 200)
    True
    """

    pictured = False

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or Path(resources.__file__).parents[2]

    @cached_property
    def lines(self) -> pd.Series:
        """Lines of code by box, without tests and teaching."""
        counts = {
            name: sum(
                code_lines(path.read_text(encoding="utf-8"), part or None)
                for pattern, _, part in (code.partition("::") for code in box.code)
                for path in sorted(self.root.glob(pattern))
            )
            for name, box in BOXES.items()
        }
        return pd.Series(counts, name="lines of code")

    def shares(self, areas: str = PAPER) -> pd.Series:
        """Return the share of each box (percent).

        Parameters
        ----------
        areas : str
            One of ``AREAS``.

        Returns
        -------
        pandas.Series

        Raises
        ------
        ValueError
            If there are no such areas.
        """
        checks.one_of("areas", areas, AREAS)
        paper = pd.Series({name: box.paper for name, box in BOXES.items()})
        sizes = paper if areas == PAPER else self.lines
        return (100 * sizes / sizes.sum()).rename(areas)

    def places(self, areas: str = PAPER) -> Iterator[Place]:
        """Yield each box with its rectangle, whose area is its share.

        Parameters
        ----------
        areas : str
            One of ``AREAS``.

        Yields
        ------
        Place
        """
        shares = self.shares(areas) / 100
        x = 0.0
        for across, column in enumerate(COLUMNS):
            width = float(shares[[box.name for box in column]].sum())
            y = 1.0
            for down, box in enumerate(column):
                ground = _GROUNDS[(across + 2 * down) % len(_GROUNDS)]
                height = float(shares[box.name]) / width if width else 0.0
                y -= height
                yield Place(
                    box, style.BLACK if box.name == ML_CODE else ground, x, y, width, height
                )
            x += width

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        buttons = {name: w.Button(description=name, tooltip=f"Open {name}") for name in BOXES}
        for place in self.places():
            buttons[place.box.name].style.button_color = place.colour
        buttons[ML_CODE].add_class("system-map-model")
        columns = [w.VBox([buttons[box.name] for box in column]) for column in COLUMNS]
        wide = w.Layout(width="100%", height="400px", flex_flow="row nowrap")
        the_map = w.HBox(columns, layout=wide)
        the_map.add_class("system-map")
        look = {"description": "areas", "style": {"button_width": "240px"}}
        areas = w.ToggleButtons(options=AREAS, **look)
        return {"areas": areas, "map": the_map, "about": w.HTML(), **buttons}

    def state(self, controls: dict[str, Any]) -> dict[str, str]:
        return {"areas": controls["areas"].value}

    def describe(self, areas: str = PAPER) -> str:
        shares = self.shares(areas).sort_values(ascending=False)
        first, second = shares.index[:2]
        counted = "" if areas == PAPER else f" of {self.lines.sum():,} lines"
        return (
            f"Ten boxes, {areas}. The {ML_CODE} is {shares[ML_CODE]:.1f} %{counted}; the "
            f"largest are {first.lower()} ({shares[first]:.0f} %) and {second.lower()} "
            f"({shares[second]:.0f} %)."
        )

    def plot(self, areas: str = PAPER, ax: Any = None) -> Any:
        from matplotlib.patches import Rectangle

        ax = subplots(ax, (9, 4.6))
        shares = self.shares(areas)
        for box, colour, x, y, width, height in self.places(areas):
            ax.add_patch(Rectangle((x, y), width, height, fc=colour, ec="white", lw=2))
            name, share, flat = box.name, f"{shares[box.name]:.0f} %", height < 0.1
            if not flat:
                name = name.replace("management", "\nmanagement") + f"\n{share}"
            elif width > 0.17:
                name = f"{name} {share}"
            look = {"ha": "center", "va": "center", "fontsize": 9 if flat else 10}
            look["color"] = "white" if colour == style.BLACK else "black"
            ax.annotate(name, (x + width / 2, y + height / 2), **look)
        ax.set(xlim=(0, 1), ylim=(0, 1), title=f"The boxes of an ML system, {areas}")
        ax.axis("off")
        return ax

    def about(self, name: str) -> str:
        """Return HTML about a box: what it is, what goes wrong, which lessons are about it.

        Parameters
        ----------
        name : str
            Of the box.

        Returns
        -------
        str
        """
        box = BOXES[name]
        titles = {lesson.number: lesson.title for lesson in resources.lessons()}
        lessons = [f"{number} {titles[number]}" for number in box.lessons if number in titles]
        later = [number for number in box.lessons if number not in titles]
        if later:
            lessons.append(f"to come: {', '.join(later)}")
        rows = (
            ("What it is", box.what),
            ("At Harbor Credit", box.goes_wrong),
            ("Lessons", "; ".join(lessons)),
            ("Here", f"{self.lines[name]:,} of {self.lines.sum():,} lines of code"),
        )
        text = "".join(f"<p><b>{title}.</b> {escape(words)}</p>" for title, words in rows)
        return f"<div aria-live='polite'><h3>{escape(name)}</h3>{text}</div>"

    def follow(self, view: View) -> None:
        import ipywidgets as w

        widths = {}
        for place in self.places(view.state["areas"]):
            widths[place.x] = place.width
            view.controls[place.box.name].layout = w.Layout(
                width="auto", height="auto", margin="1px", min_height="18px",
                flex=f"{place.height:.4f} 1 0",
            )  # fmt: skip
        for column, width in zip(view.controls["map"].children, widths.values(), strict=True):
            column.layout = w.Layout(height="100%", overflow="hidden", flex=f"{width:.4f} 1 0")

    def connect(self, view: View) -> None:
        def open_box(button: Any) -> None:
            for name in BOXES:
                view.controls[name].remove_class("mod-active")
            button.add_class("mod-active")
            view.controls["about"].value = self.about(button.description)

        for name in BOXES:
            view.controls[name].on_click(open_box)
        open_box(view.controls[ML_CODE])

    def layout(self, view: View) -> list[Any]:
        import ipywidgets as w

        areas, the_map, about = (view.controls[name] for name in ("areas", "map", "about"))
        return [w.HTML(_CSS), areas, the_map, view.words, about]


# The text of a button neither wraps nor has a colour of its own in ipywidgets 7.
_CSS = """<style>
.system-map {container-type: inline-size}
.system-map .jupyter-button {white-space: normal; line-height: 1.25; color: #000; padding: 2px}
.system-map .jupyter-button {font-size: min(13px, 1.8cqw)}
.system-map .jupyter-button.system-map-model {color: #fff; line-height: 1}
.system-map .jupyter-button.mod-active {box-shadow: inset 0 0 0 3px #0072B2}
.system-map .jupyter-button.system-map-model.mod-active {box-shadow: inset 0 0 0 3px #56B4E9}
.system-map .jupyter-button:focus {outline: 2px solid #000; outline-offset: -3px}
</style>"""
