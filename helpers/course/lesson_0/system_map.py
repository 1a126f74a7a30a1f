"""The map of an ML system: how little of it is the model, what the rest is, and where it hurts."""

from __future__ import annotations

import ast
import io
import tokenize
import tomllib
from collections.abc import Iterator
from functools import cached_property
from html import escape
from itertools import groupby
from pathlib import Path
from textwrap import fill
from typing import Any, NamedTuple

import pandas as pd

from helpers.base import checks, resources
from helpers.course.views import Explorer, View, subplots

PAPER, HERE = "as in the paper", "this repository's lines of code"
AREAS = (PAPER, HERE)
ML_CODE = "ML code"


class Box(NamedTuple):
    """A part of an ML system; ``boxes.toml`` says what is what."""

    name: str
    column: int
    colour: str
    paper: float
    what: str
    goes_wrong: str
    lessons: list[str]
    code: list[str]


_TEXTS = tomllib.loads(Path(__file__).with_name("boxes.toml").read_text(encoding="utf-8"))
BOXES = {box["name"]: Box(**box) for box in _TEXTS["boxes"]}
COLUMNS = [list(column) for _, column in groupby(BOXES, lambda name: BOXES[name].column)]


def code_lines(source: str, *names: str) -> int:
    r"""Return the number of lines that do something: no blank lines, comments or docstrings.

    Parameters
    ----------
    source : str
        Python source.
    *names : str
        Count only the functions and classes of these names, without their decorators.

    Raises
    ------
    LookupError
        If nothing of such a name is defined at the top level.

    Examples
    --------
    >>> code_lines("# why\n\nx = 1\ny = 2")
    2
    """
    lines = {
        line
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.string.strip() and token.type != tokenize.COMMENT
        for line in range(token.start[0], token.end[0] + 1)
    }
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            lines -= _span(node.body[0])
    if not names:
        return len(lines)
    defined = {getattr(node, "name", ""): _span(node) for node in tree.body}
    if lacking := set(names) - set(defined):
        raise LookupError(f"nothing is named {min(lacking)!r} at the top level of this source")
    return len(lines & set().union(*(defined[name] for name in names)))


_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _span(node: Any) -> set[int]:
    return set(range(node.lineno, node.end_lineno + 1))


class Place(NamedTuple):
    """A box and its rectangle on the map: 0 to 1, from the lower left corner."""

    box: Box
    x: float
    y: float
    width: float
    height: float


class SystemMap(Explorer):
    """The map of an ML system, with boxes to open.

    Source of boxes and idea: Sculley et al. (2015), "Hidden technical debt in machine learning
    systems", NIPS, figure 1. ``root`` is the repository whose lines are counted, by default this.

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
                code_lines(path.read_text(encoding="utf-8"), *names.split())
                for pattern, _, names in (code.partition("::") for code in box.code)
                for path in self.root.glob(pattern)
            )
            for name, box in BOXES.items()
        }
        return pd.Series(counts, name="lines of code")

    def shares(self, areas: str = PAPER) -> pd.Series:
        """Return the share of each box (percent), by one of the ``AREAS``."""
        checks.one_of("areas", areas, AREAS)
        paper = pd.Series({name: box.paper for name, box in BOXES.items()})
        sizes = paper if areas == PAPER else self.lines
        return (100 * sizes / sizes.sum()).rename(areas)

    def places(self, areas: str = PAPER) -> Iterator[Place]:
        """Yield each box with its rectangle, whose area is its share."""
        shares = self.shares(areas) / 100
        x = 0.0
        for column in COLUMNS:
            width, y = float(shares[column].sum()), 1.0
            for name in column:
                height = float(shares[name]) / width
                y -= height
                yield Place(BOXES[name], x, y, width, height)
            x += width

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        buttons = {name: w.Button(description=name, tooltip=f"Open {name}") for name in BOXES}
        for name, button in buttons.items():
            button.style.button_color = BOXES[name].colour
        buttons[ML_CODE].add_class("system-map-model")
        columns = [w.VBox([buttons[name] for name in column]) for column in COLUMNS]
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

        ax = subplots(ax, (7.6, 4.6))
        for box, x, y, width, height in self.places(areas):
            ax.add_patch(Rectangle((x, y), width, height, fc=box.colour, ec="white", lw=2))
            flat, share = height < 0.1, f"{100 * width * height:.0f} %"
            name = f"{box.name} {share}" if flat else f"{fill(box.name, int(100 * width))}\n{share}"
            look = {"ha": "center", "va": "center", "fontsize": 9 if flat else 10}
            look["color"] = "white" if box.name == ML_CODE else "black"
            ax.annotate(name, (x + width / 2, y + height / 2), **look)
        ax.set(xlim=(0, 1), ylim=(0, 1), title=f"The boxes of an ML system, {areas}")
        ax.axis("off")
        return ax

    def about(self, name: str) -> str:
        """Return HTML about a box: what it is, what goes wrong, which lessons are about it."""
        box = BOXES[name]
        titles = {lesson.number: lesson.title for lesson in resources.lessons()}
        lessons = [f"{number} {titles.get(number, '(to come)')}" for number in box.lessons]
        rows = {
            "What it is": box.what,
            "At Harbor Credit": box.goes_wrong,
            "Lessons": "; ".join(lessons),
            "Here": f"{self.lines[name]:,} of {self.lines.sum():,} lines of code",
        }
        text = "".join(f"<p><b>{title}.</b> {escape(words)}</p>" for title, words in rows.items())
        return f"<div aria-live='polite'><h3>{escape(name)}</h3>{text}</div>"

    def follow(self, view: View) -> None:
        import ipywidgets as w

        look = {"width": "auto", "height": "auto", "margin": "1px", "min_height": "18px"}
        widths = {}
        for box, x, _, width, height in self.places(view.state["areas"]):
            view.controls[box.name].layout = w.Layout(flex=f"{height:.4f} 1 0", **look)
            widths[x] = width
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
