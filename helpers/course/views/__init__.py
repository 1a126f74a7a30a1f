"""The frame of interactive views, made of plain ipywidgets.

A view is a class: it states its controls, and how to describe and to draw one state of them.

Examples
--------
>>> import ipywidgets as w
>>> class Line(Explorer):
...     def controls(self):
...         return {"slope": w.FloatSlider(value=1.0, description="slope")}
...
...     def describe(self, slope):
...         return f"A line of slope {slope:g}."
...
...     def plot(self, slope, ax=None):
...         ax = subplots(ax, (6, 3))
...         ax.plot([0, 1], [0, slope])
...         return ax
>>> Line().view()
A line of slope 1.
"""

from helpers.base import extras

extras.require("lessons", by=__name__)

from helpers.course.views.canvas import Canvas, MovingExplorer
from helpers.course.views.explorer import Explorer
from helpers.course.views.view import View, html_table, image, png, subplots, with_progress

__all__ = [
    "Canvas",
    "Explorer",
    "MovingExplorer",
    "View",
    "html_table",
    "image",
    "png",
    "subplots",
    "with_progress",
]
