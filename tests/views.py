"""Find the parts of an interactive view as its reader does: by kind and by label."""

import ipywidgets as w


def of_kind(view, kind=w.Widget):
    """List the widgets of a kind, from top to bottom; of a view or of a widget."""
    widget = getattr(view, "widget", view)
    found = [widget] if isinstance(widget, kind) else []
    for child in getattr(widget, "children", ()):
        found += of_kind(child, kind)
    return found


def controls(view, kind=w.DOMWidget):
    """Map the label of each control to the control."""
    labelled = [each for each in of_kind(view, kind) if hasattr(each, "description")]
    return {each.description: each for each in labelled if not isinstance(each, w.HTML)}


def picture(view):
    """Return the widget that shows the picture."""
    (found,) = [each for each in of_kind(view, w.HTML) if "<img" in each.value]
    return found


def words(view):
    """Return the widget that tells in words what the picture shows, or what is wrong."""
    marks = ("<p aria-live=", "<p role=")
    (found,) = [each for each in of_kind(view, w.HTML) if each.value.startswith(marks)]
    return found
