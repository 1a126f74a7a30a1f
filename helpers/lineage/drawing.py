"""A lineage graph as a picture: from left to right, in the order in which things were made."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from helpers.base import style

if TYPE_CHECKING:
    import networkx as nx
    from matplotlib.axes import Axes

# A colour for each family of artifacts; a component is white.
COLOURS = {
    "data": (style.SKY, ("Examples", "ExampleStatistics", "ExampleAnomalies")),
    "schema": (style.ORANGE, ("Schema",)),
    "features": (style.GREEN, ("TransformGraph", "TransformCache")),
    "model": (style.BLUE, ("Model", "PushedModel", "ModelRun")),
    "verdict": (style.PURPLE, ("ModelBlessing", "InfraBlessing", "ModelEvaluation")),
}
_OTHER = "#BBBBBB"
_WIDTH, _HEIGHT = 1.6, 0.62  # of a node's cell, in inches


def condense(graph: nx.DiGraph, types: Collection[str]) -> nx.DiGraph:
    """Leave only artifacts of some types, joined where one came of the other.

    Parameters
    ----------
    graph : networkx.DiGraph
        As ``Store.lineage`` returns it.
    types : collection of str
        Such as ``("Examples", "Model")``.

    Returns
    -------
    networkx.DiGraph
        The same nodes with the same attributes; an edge stands for a way through others that are
        left out.

    Raises
    ------
    ValueError
        If the graph has none of these types.
    """
    import networkx as nx

    kept = [node for node, data in graph.nodes(data=True) if data["type"] in set(types)]
    if not kept:
        there = sorted({data["type"] for _, data in graph.nodes(data=True)})
        raise ValueError(f"types is {list(types)}, of which the graph has none; it has {there}")
    small = nx.DiGraph(**graph.graph)
    small.add_nodes_from((node, graph.nodes[node]) for node in kept)
    for node in kept:
        seen, ahead = set(), list(graph.successors(node))
        while ahead:
            other = ahead.pop()
            if other in seen:
                continue
            seen.add(other)
            if other in small:
                small.add_edge(node, other)
            else:
                ahead.extend(graph.successors(other))
    reduced = nx.transitive_reduction(small)  # what is said by two short edges needs no long one
    small.remove_edges_from([edge for edge in small.edges if edge not in reduced.edges])
    return small


def draw(graph: nx.DiGraph, ax: Axes | None = None) -> Axes:
    """Draw a lineage graph, what came first on the left.

    Parameters
    ----------
    graph : networkx.DiGraph
        As ``Store.lineage``, ``Store.impact`` or :func:`condense` returns it.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a figure as large as the graph asks for.

    Returns
    -------
    matplotlib.axes.Axes
    """
    from matplotlib.patches import FancyArrowPatch

    at, ways = layout(graph)
    xs, ys = zip(*at.values(), *(point for way in ways.values() for point in way), strict=True)
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=size(graph), layout="constrained")
    focus = graph.graph.get("focus")
    boxes = {}
    for node, data in graph.nodes(data=True):
        text = ax.text(*at[node], data["label"], **_look(data, node == focus))
        boxes[node] = text.get_bbox_patch()
    for (_, target), way in ways.items():
        ax.plot(*zip(*way, strict=True), color=style.GREY, lw=0.9, zorder=1)  # below the labels
        (x, y), (end_x, end_y) = way[-2:]
        head = FancyArrowPatch(
            ((x + end_x) / 2, (y + end_y) / 2),
            (end_x, end_y),
            arrowstyle="-|>",
            mutation_scale=9,
            color=style.GREY,
            lw=0.9,
            patchB=boxes[target],
            shrinkA=0,
            shrinkB=1,
            zorder=4,  # after the boxes, which are placed as they are drawn
        )
        ax.add_patch(head)
    ax.set(xlim=(min(xs) - 0.6, max(xs) + 0.6), ylim=(min(ys) - 0.7, max(ys) + 0.7))
    ax.axis("off")
    return ax


def size(graph: nx.DiGraph) -> tuple[float, float]:
    """Width and height in inches at which a graph's labels can be read."""
    at, ways = layout(graph)
    xs, ys = zip(*at.values(), *(point for way in ways.values() for point in way), strict=True)
    wide, high = max(xs) - min(xs) + 1.2, max(ys) - min(ys) + 1
    return max(3.0, wide * _WIDTH), max(1.2, high * _HEIGHT + 0.3)


def layout(
    graph: nx.DiGraph,
) -> tuple[dict[Any, tuple[float, float]], dict[tuple, list[tuple[float, float]]]]:
    """Place the nodes in columns, and lead each edge past those between its ends.

    A node's column is the longest way to it; its row follows the rows of those before it. An edge
    over several columns has a place in each of them, as a node has (Sugiyama, Tagawa and Toda 1981,
    "Methods for Visual Understanding of Hierarchical System Structures", IEEE Transactions on
    Systems, Man, and Cybernetics 11).

    Parameters
    ----------
    graph : networkx.DiGraph
        Without circles.

    Returns
    -------
    at : dict
        Node to ``(x, y)``, in cells; the rows of a column lie around 0.
    ways : dict
        Edge to the points that it goes through, its ends included.
    """
    import networkx as nx

    column: dict[Any, int] = {}
    for node in nx.lexicographical_topological_sort(graph, key=str):
        column[node] = max((column[n] + 1 for n in graph.predecessors(node)), default=0)
    # What nothing leads to stands just before what it leads to, not at the far left.
    for node in graph:
        if not graph.in_degree(node) and graph.out_degree(node):
            column[node] = min(column[n] for n in graph.successors(node)) - 1
    places = nx.DiGraph()
    places.add_nodes_from(graph)
    chains = {}
    for source, target in graph.edges:
        between = [(source, target, x) for x in range(column[source] + 1, column[target])]
        column |= {bend: bend[2] for bend in between}
        chains[source, target] = [source, *between, target]
        nx.add_path(places, chains[source, target])
    at: dict[Any, tuple[float, float]] = {}
    columns = [[n for n in places if column[n] == x] for x in range(max(column.values()) + 1)]
    for sweep in range(4):  # to the right and back: each time the rows follow the neighbours'
        for x, nodes in list(enumerate(columns))[:: 1 if sweep % 2 == 0 else -1]:
            near = places.predecessors if sweep % 2 == 0 else places.successors

            def wish(node: Any, near: Any = near) -> tuple[float, str]:
                rows = [at[n][1] for n in near(node) if n in at]
                return (-sum(rows) / len(rows) if rows else -at.get(node, (0, 0))[1], str(node))

            nodes.sort(key=wish)
            for i, node in enumerate(nodes):
                at[node] = (float(x), (len(nodes) - 1) / 2 - i)
    ways = {edge: [at[place] for place in chain] for edge, chain in chains.items()}
    return {node: at[node] for node in graph}, ways


def legend() -> dict[str, str]:
    """Colour of each family of artifacts, by its name."""
    return {family: colour for family, (colour, _) in COLOURS.items()}


def _look(data: dict[str, Any], focus: bool) -> dict[str, Any]:
    """Give a node's text its box: a component is white, an artifact has its family's colour."""
    colour = next((c for c, types in COLOURS.values() if data["type"] in types), _OTHER)
    execution = data["kind"] == "execution"
    return {
        "ha": "center",
        "va": "center",
        "size": 9,
        "color": "white" if colour == style.BLUE and not execution else "black",
        "fontstyle": "italic" if execution else "normal",
        "bbox": {
            "boxstyle": "square,pad=0.3" if execution else "round,pad=0.35",
            "facecolor": "white" if execution else colour,
            "edgecolor": style.RED if focus else style.GREY,
            "linewidth": 2.2 if focus else 0.8,
        },
    }
