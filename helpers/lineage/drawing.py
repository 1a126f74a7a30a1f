"""A lineage graph as a picture: left to right, in the order in which things were made."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from helpers.base import style

if TYPE_CHECKING:
    import networkx as nx
    from matplotlib.axes import Axes

# A colour for each family of artifacts; a component is white.
_COLOURS = {
    **dict.fromkeys(("Examples", "ExampleStatistics", "ExampleAnomalies"), style.SKY),
    **dict.fromkeys(("Schema",), style.ORANGE),
    **dict.fromkeys(("TransformGraph", "TransformCache"), style.GREEN),
    **dict.fromkeys(("Model", "PushedModel", "ModelRun"), style.BLUE),
    **dict.fromkeys(("ModelBlessing", "InfraBlessing", "ModelEvaluation"), style.PURPLE),
}
Point = tuple[float, float]
_WIDTH, _HEIGHT = 1.6, 0.62  # of a node's cell, in inches


def condense(graph: nx.DiGraph, types: Collection[str]) -> nx.DiGraph:
    """Return a graph of only some types of artifacts, joined where one was made from the other.

    Parameters
    ----------
    graph : networkx.DiGraph
        As ``Store.lineage`` returns it.
    types : collection of str
        Such as ``("Examples", "Model")``.

    Returns
    -------
    networkx.DiGraph
        The same nodes with the same attributes; an edge is a path through nodes left out.

    Raises
    ------
    ValueError
        If the graph has none of these types.
    """
    import networkx as nx

    kept = [node for node, data in graph.nodes(data=True) if data["type"] in set(types)]
    if not kept:
        present = sorted({data["type"] for _, data in graph.nodes(data=True)})
        raise ValueError(f"types is {list(types)}, of which the graph has none; it has {present}")
    small = nx.DiGraph(**graph.graph)
    small.add_nodes_from((node, graph.nodes[node]) for node in kept)
    for node in kept:
        seen, ahead = set(), list(graph.successors(node))
        while ahead:
            other = ahead.pop()
            if other in small:
                if other != node:  # through a cycle
                    small.add_edge(node, other)
            elif other not in seen:
                seen.add(other)
                ahead.extend(graph.successors(other))
    if nx.is_directed_acyclic_graph(small):
        reduced = nx.transitive_reduction(small)  # without edges that repeat two shorter ones
        small.remove_edges_from([edge for edge in small.edges if edge not in reduced.edges])
    return small


def draw(graph: nx.DiGraph, ax: Axes | None = None) -> Axes:
    """Draw a lineage graph, what came first on the left.

    Parameters
    ----------
    graph : networkx.DiGraph
        As ``Store.lineage``, ``Store.impact`` or :func:`condense` returns it.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes, large enough for the graph.

    Returns
    -------
    matplotlib.axes.Axes
    """
    from matplotlib.patches import FancyArrowPatch

    at, ways = layout(graph)
    xs, ys = zip(*(point for way in ways.values() for point in way), *at.values(), strict=True)
    ax = style.axes(ax, *size(graph))
    focus = graph.graph.get("focus")
    boxes = {}
    for node, place in at.items():
        data = graph.nodes[node]
        text = ax.text(*place, data["label"], **_look(data, node == focus))
        boxes[node] = text.get_bbox_patch()
    for (_, target), way in ways.items():
        ax.plot(*zip(*way, strict=True), color=style.GREY, lw=0.9, zorder=1)  # below the labels
        (x, y), (end_x, end_y) = way[-2:]
        arrow = FancyArrowPatch(
            ((x + end_x) / 2, (y + end_y) / 2),
            (end_x, end_y),
            arrowstyle="-|>",
            mutation_scale=9,
            color=style.GREY,
            lw=0.9,
            patchB=boxes[target],
            shrinkA=0,
            shrinkB=1,
            zorder=4,  # after the boxes, whose positions are known once they are drawn
        )
        ax.add_patch(arrow)
    ax.set(xlim=(min(xs) - 0.5, max(xs) + 0.5), ylim=(min(ys) - 0.45, max(ys) + 0.45))
    ax.axis("off")
    return ax


def size(graph: nx.DiGraph) -> tuple[float, float]:
    """Return width and height in inches at which a graph's labels can be read."""
    at, ways = layout(graph)
    xs, ys = zip(*at.values(), *(point for way in ways.values() for point in way), strict=True)
    wide, high = max(xs) - min(xs) + 1, max(ys) - min(ys) + 0.9
    return max(3.0, wide * _WIDTH), max(0.8, high * _HEIGHT)


def layout(graph: nx.DiGraph) -> tuple[dict[Any, Point], dict[tuple, list[Point]]]:
    """Place the nodes in columns, and lead each edge past the nodes between its ends.

    A node's column is the longest path to it; its row follows the rows of its neighbours. An edge
    over several columns has a position in each of them, as a node has (Sugiyama, Tagawa and Toda
    1981, "Methods for Visual Understanding of Hierarchical System Structures", IEEE Transactions on
    Systems, Man, and Cybernetics 11).

    Parameters
    ----------
    graph : networkx.DiGraph
        Of each cycle, one edge leads back to the left.

    Returns
    -------
    at : dict
        ``(x, y)`` of each node, in cells; the rows of a column are centred at 0.
    ways : dict
        The points that each edge goes through, its ends included.
    """
    import networkx as nx

    nodes = sorted(graph, key=str)  # a part of a graph has its nodes in the order of their hashes
    column: dict[Any, int] = {}
    forward = nx.DiGraph(graph.edges)
    forward.add_nodes_from(nodes)
    with contextlib.suppress(nx.NetworkXNoCycle):
        while True:
            forward.remove_edge(*nx.find_cycle(forward)[-1])
    for node in nx.lexicographical_topological_sort(forward, key=str):
        column[node] = max((column[n] + 1 for n in forward.predecessors(node)), default=0)
    # A node without predecessors comes just before its successors, not at the far left.
    for node in forward:
        if not forward.in_degree(node) and forward.out_degree(node):
            column[node] = min(column[n] for n in forward.successors(node)) - 1
    grid = nx.DiGraph()
    grid.add_nodes_from(nodes)
    chains = {}
    for source, target in sorted(graph.edges, key=str):
        if source == target:
            continue
        between = [(source, target, x) for x in range(column[source] + 1, column[target])]
        column |= {bend: bend[2] for bend in between}
        chains[source, target] = [source, *between, target]
        nx.add_path(grid, chains[source, target])
    at: dict[Any, Point] = {}
    columns = [[n for n in grid if column[n] == x] for x in range(max(column.values()) + 1)]
    for sweep in range(4):  # to the right and back, the rows following their neighbours
        for x, rows in list(enumerate(columns))[:: 1 if sweep % 2 == 0 else -1]:
            near = grid.predecessors if sweep % 2 == 0 else grid.successors

            def wish(node: Any, near: Any = near) -> tuple[float, str]:
                ys = [at[n][1] for n in near(node) if n in at]
                return (-sum(ys) / len(ys) if ys else -at.get(node, (0, 0))[1], str(node))

            rows.sort(key=wish)
            for i, node in enumerate(rows):
                at[node] = (float(x), (len(rows) - 1) / 2 - i)
    ways = {edge: [at[point] for point in chain] for edge, chain in chains.items()}
    return {node: at[node] for node in nodes}, ways


def _look(data: dict[str, Any], focus: bool) -> dict[str, Any]:
    """Return a node's text settings: a component is white, an artifact in its family's colour."""
    colour = _COLOURS.get(data["type"], "#BBBBBB")
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
