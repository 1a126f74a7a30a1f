"""Interactive views for the lessons, made of plain ipywidgets."""

from helpers.base import extras

extras.require("lessons", by=__name__)
