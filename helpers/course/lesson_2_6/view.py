"""Walk along a lineage graph: from an artifact to what it comes from, or to what came of it."""

from __future__ import annotations

from typing import Any

from helpers.course.views import Explorer, View, subplots
from helpers.lineage import Store, draw
from helpers.lineage.drawing import size

DIRECTIONS = ("what it comes from", "what came of it")
STEPS = (1, 2, 3, 4)
_STAY = ("(stay here)", 0)  # no artifact has this number; for None, a menu shows nothing


class LineageWalk(Explorer):
    """Walk in a metadata store.

    Parameters
    ----------
    store : helpers.lineage.Store
    artifact : int, optional
        Where to begin; by default the last model, or the last artifact if there is no model.
    """

    def __init__(self, store: Store, artifact: int | None = None) -> None:
        artifacts = store.artifacts
        if artifacts.empty:
            raise ValueError(f"{store} holds nothing to walk in: run a pipeline first")
        models_last = [*artifacts.index, *artifacts.index[artifacts["type"] == "Model"]]
        self.artifact = int(models_last[-1]) if artifact is None else artifact
        store.lineage(self.artifact)  # raises if there is no such artifact
        self.store = store
        self._labels = {int(id): f"{kind} {id}" for id, kind in artifacts["type"].items()}

    def graph(self, artifact: int, direction: str, steps: int) -> Any:
        """Return a graph of what is within some steps of an artifact, in one of `DIRECTIONS`."""
        import networkx as nx

        upstream = direction == DIRECTIONS[0]
        whole = (self.store.lineage if upstream else self.store.impact)(artifact)
        focus = ("artifact", artifact)
        seen = nx.ego_graph(whole.reverse() if upstream else whole, focus, radius=2 * steps)
        return whole.subgraph(seen).copy()

    def nearest(self, artifact: int, direction: str) -> list[int]:
        """Return the ids of the artifacts that are one step away."""
        near = self.graph(artifact, direction, 1)
        return sorted(id for kind, id in near if kind == "artifact" and id != artifact)

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        look = {"style": {"description_width": "80px"}}
        places = [(label, id) for id, label in self._labels.items()]
        return {
            "artifact": w.Dropdown(options=places, value=self.artifact, description="at", **look),
            "direction": w.ToggleButtons(options=DIRECTIONS, description="look at", **look),
            "steps": w.SelectionSlider(options=STEPS, value=1, description="steps", **look),
            "onward": w.Dropdown(options=[_STAY], description="walk to", **look),
        }

    def state(self, controls: dict[str, Any]) -> dict[str, Any]:
        return {name: controls[name].value for name in ("artifact", "direction", "steps")}

    def describe(self, artifact: int, direction: str, steps: int) -> str:
        graph = self.graph(artifact, direction, steps)
        others = [id for kind, id in sorted(graph) if kind == "artifact" and id != artifact]
        runs = sorted({d["label"] for _, d in graph.nodes(data=True) if d["kind"] == "execution"})
        maker = self.store.artifacts.loc[artifact, "made_by"] or "nobody here"
        text = f"{self._labels[artifact]}, made by {maker}. "
        if not others:
            end = "comes from nothing else" if direction == DIRECTIONS[0] else "went into nothing"
            return f"{text}It {end} in this store."
        names = ", ".join(self._labels[id] for id in others)
        return f"{text}{direction[0].upper()}{direction[1:]}: {names}; through {', '.join(runs)}."

    def plot(self, artifact: int, direction: str, steps: int, ax: Any = None) -> Any:
        return draw(graph := self.graph(artifact, direction, steps), subplots(ax, size(graph)))

    def connect(self, view: View) -> None:
        def walk(change: dict[str, Any]) -> None:
            if change["new"]:
                view.controls["artifact"].value = change["new"]

        view.controls["onward"].observe(walk, "value")

    def follow(self, view: View) -> None:
        near = self.nearest(view.state["artifact"], view.state["direction"])
        view.controls["onward"].options = [_STAY, *((self._labels[id], id) for id in near)]
