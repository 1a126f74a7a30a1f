"""Walk along a lineage graph: from an artifact to what it comes from, or to what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from helpers.course.views.view import View, image, png
from helpers.lineage import Store, draw

if TYPE_CHECKING:
    import networkx as nx
    from matplotlib.axes import Axes

DIRECTIONS = ("what it comes from", "what came of it")
STEPS = (1, 2, 3, 4)


def lineage_walk(store: Store, artifact: int | None = None) -> LineageWalk:
    """Show a metadata store as an interactive view to walk in.

    Parameters
    ----------
    store : helpers.lineage.Store
    artifact : int, optional
        Where to begin; by default the last model, or the last artifact if there is no model.

    Returns
    -------
    LineageWalk
        Displays itself.

    Raises
    ------
    KeyError
        If the store has no such artifact.
    ValueError
        If the store is empty.
    """
    artifacts = store.artifacts
    if artifacts.empty:
        raise ValueError(f"{store} holds nothing to walk in: run a pipeline first")
    if artifact is None:
        models = artifacts.index[artifacts["type"] == "Model"]
        artifact = int(models[-1] if len(models) else artifacts.index[-1])
    store.lineage(artifact)  # says so if there is none
    return LineageWalk(store, artifact)


class LineageWalk:
    """The interactive view; made by :func:`lineage_walk`.

    Parameters
    ----------
    store : helpers.lineage.Store
    artifact : int
        Where to begin.
    """

    def __init__(self, store: Store, artifact: int) -> None:
        self.store = store
        self.artifact = artifact
        self._labels = {
            int(i): f"{one['type']} {i}" for i, one in store.artifacts[["type"]].iterrows()
        }

    def graph(self, artifact: int, direction: str, steps: int) -> nx.DiGraph:
        """Return what is within some steps of an artifact.

        Parameters
        ----------
        artifact : int
            Its id.
        direction : str
            One of ``DIRECTIONS``.
        steps : int
            Executions to go through.

        Returns
        -------
        networkx.DiGraph
        """
        import networkx as nx

        upstream = direction == DIRECTIONS[0]
        whole = (self.store.lineage if upstream else self.store.impact)(artifact)
        seen = nx.ego_graph(
            whole.reverse() if upstream else whole, ("artifact", artifact), radius=2 * steps
        )
        part = whole.subgraph(seen).copy()
        part.graph["focus"] = ("artifact", artifact)
        return part

    def nearest(self, artifact: int, direction: str) -> list[int]:
        """Artifacts that are one step away, by their ids."""
        near = self.graph(artifact, direction, 1)
        return sorted(i for kind, i in near if kind == "artifact" and i != artifact)

    def plot(self, artifact: int, direction: str, steps: int, ax: Axes | None = None) -> Axes:
        """Draw one state of the view; the parameters are those of :meth:`graph`."""
        graph = self.graph(artifact, direction, steps)
        if ax is None:
            from matplotlib.figure import Figure

            from helpers.lineage.drawing import size

            ax = Figure(figsize=size(graph), layout="constrained").subplots()
        return draw(graph, ax)

    def describe(self, artifact: int, direction: str, steps: int) -> str:
        """Say in words what the picture shows, for all and for those who cannot see it."""
        graph = self.graph(artifact, direction, steps)
        others = [i for kind, i in sorted(graph) if kind == "artifact" and i != artifact]
        runs = sorted({d["label"] for _, d in graph.nodes(data=True) if d["kind"] == "execution"})
        one = self.store.artifacts.loc[artifact]
        said = f"{self._labels[artifact]}, made by {one['made_by'] or 'nobody here'}. "
        if not others:
            end = "comes from nothing else" if direction == DIRECTIONS[0] else "went into nothing"
            return f"{said}It {end} in this store."
        names = ", ".join(self._labels[i] for i in others)
        return f"{said}{direction[0].upper()}{direction[1:]}: {names}; through {', '.join(runs)}."

    def _ipython_display_(self, **_: object) -> None:
        self.view()._ipython_display_()

    def view(self) -> View:
        """Make the interactive view: where one is, which way to look, how far, and where to go.

        Returns
        -------
        helpers.course.views.view.View
        """
        import ipywidgets as w

        style = {"description_width": "80px"}
        where = w.Dropdown(
            options=[(label, i) for i, label in self._labels.items()],
            value=self.artifact,
            description="at",
            style=style,
        )
        direction = w.ToggleButtons(options=DIRECTIONS, description="look at", style=style)
        steps = w.SelectionSlider(options=STEPS, value=2, description="steps", style=style)
        stay = ("(stay here)", 0)  # no artifact has this number; for None, a menu shows nothing
        onward = w.Dropdown(options=[stay], description="walk to", style=style)
        picture, words = w.HTML(), w.HTML()

        def redraw(_: object = None) -> None:
            state = (where.value, direction.value, steps.value)
            near = self.nearest(where.value, direction.value)
            onward.options = [stay, *((self._labels[i], i) for i in near)]
            said = self.describe(*state)
            picture.value = image(png(self.plot(*state).figure), said)
            words.value = f"<p aria-live='polite'>{said}</p>"

        def walk(change: dict) -> None:
            if change["new"]:
                where.value = change["new"]

        for control in (where, direction, steps):
            control.observe(redraw, "value")
        onward.observe(walk, "value")
        redraw()
        box = w.VBox([where, direction, steps, onward, picture, words])
        first = (where.value, direction.value, steps.value)
        return View(box, png(self.plot(*first).figure), self.describe(*first))
