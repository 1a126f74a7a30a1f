"""The content of a metadata store: what MLMD, in the TFX environment, reads from a copy of it."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from helpers.tfx import TFXError, session

if TYPE_CHECKING:
    import networkx as nx

# Parameters that say nothing about what a component does.
_BOOKKEEPING = {"is_external", "tfx_version", "name", "pipeline_name", "producer_component"}
_EMPTY = ("", "None", "null", "[]", "{}")
_SOURCE = Path(__file__).with_name("in_tfx.py")


class Content:
    """Artifacts and executions by id, contexts, events, names of runs and pipelines, and a graph.

    Parameters
    ----------
    path : pathlib.Path
        The SQLite file.
    """

    def __init__(self, path: Path) -> None:
        content = _read(path)
        self.artifacts: dict[int, dict[str, Any]] = {a["id"]: a for a in content["artifacts"]}
        self.executions: dict[int, dict[str, Any]] = {e["id"]: e for e in content["executions"]}
        self.contexts: dict[int, dict[str, Any]] = {c["id"]: c for c in content["contexts"]}
        self.events, self.memberships = content["events"], content["memberships"]
        # By execution; TFX's own runner and its InteractiveContext differ in the types.
        self.runs: dict[int, str] = self._names("pipeline_run", "run")
        self.pipelines: dict[int, str] = self._names("pipeline")
        self._nodes = self._names("node", "component_run")
        self.graph = self._graph()

    def _names(self, *types: str) -> dict[int, str]:
        """Return the names of the executions' contexts of some types."""
        pairs = [(m["execution"], self.contexts[m["context"]]) for m in self.memberships]
        return {i: context["name"] for i, context in pairs if context["type"] in types}

    def artifact(self, artifact: int) -> dict[str, Any]:
        """Return an artifact, or raise a KeyError that says where to look."""
        if artifact not in self.artifacts:
            raise KeyError(f"the store has no artifact {artifact!r}; see store.artifacts")
        return self.artifacts[artifact]

    def component(self, execution: int | None) -> str:
        """Return the name of the component that an execution ran, or "" without an execution."""
        if execution is None:
            return ""
        name = self._nodes.get(execution) or self.executions[execution]["type"]
        return name.rsplit(".", 1)[-1]

    def maker(self, artifact: int) -> int | None:
        """Return the execution that made an artifact, or None."""
        return next((i for _, i in self.graph.predecessors(("artifact", artifact))), None)

    def inputs(self, execution: int | None) -> dict[str, int]:
        """Return the artifacts that went into an execution, by their keys."""
        edges = self.graph.in_edges(("execution", execution), "key")
        return {key: artifact for (_, artifact), _, key in edges}

    def _graph(self) -> nx.DiGraph:
        """Return the graph of the executions that ran; cached results were made by earlier ones.

        Stores that TFX did not write often have no states: then an execution ran. One that failed
        but put something out made it.
        """
        import networkx as nx

        made = {event["execution"] for event in self.events if event["role"] == "output"}
        graph = nx.DiGraph()
        for i, artifact in self.artifacts.items():
            kind, note = artifact["type"], _note(artifact)
            label = f"{kind} {i}" + (f"\n{note}" if note else "")
            graph.add_node(("artifact", i), kind="artifact", id=i, type=kind, label=label)
        for i, execution in self.executions.items():
            state = execution["state"]
            if state in ("COMPLETE", "UNKNOWN") or (state != "CACHED" and i in made):
                name = self.component(i)
                graph.add_node(("execution", i), kind="execution", id=i, type=name, label=name)
        for event in self.events:
            artifact, execution = ("artifact", event["artifact"]), ("execution", event["execution"])
            if artifact in graph and execution in graph:
                ends = (artifact, execution) if event["role"] == "input" else (execution, artifact)
                graph.add_edge(*ends, key=event["key"])
        # A resolver finds artifacts and makes none: it is not part of a lineage.
        lone = [n for n in graph if n[0] == "execution" and not graph.degree(n)]
        graph.remove_nodes_from(lone)
        return graph


def time(milliseconds: int) -> pd.Timestamp:
    """Return a time of MLMD's, in UTC."""
    return pd.Timestamp(milliseconds, unit="ms")


def parameters(properties: dict[str, Any]) -> dict[str, Any]:
    """Return the properties that say what a component does."""
    return {k: v for k, v in properties.items() if k not in _BOOKKEEPING and str(v) not in _EMPTY}


def _note(artifact: dict[str, Any]) -> str:
    """Return what an artifact's label shows besides type and id: its span, or the verdict."""
    properties = artifact["properties"]
    if "pushed" in properties:
        return "pushed" if properties["pushed"] else "not pushed"
    if artifact["type"].endswith("Blessing"):
        return "blessed" if properties.get("blessed") else "not blessed"
    return str(properties.get("span", ""))


def _read(path: Path) -> dict[str, list[dict[str, Any]]]:
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no metadata store {path}; a pipeline writes it as metadata.sqlite into its "
            "folder"
        )
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.sqlite"
        try:
            # SQLite's own way to copy: consistent even while a pipeline writes.
            with (
                closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source,
                closing(sqlite3.connect(copy)) as target,
            ):
                source.backup(target)
                target.execute("SELECT schema_version FROM MLMDEnv").fetchone()
        except sqlite3.Error as error:
            raise ValueError(f"{path} is not a metadata store of ML Metadata: {error}") from None
        return _read_in_tfx(copy)


def _read_in_tfx(copy: Path) -> dict[str, list[dict[str, Any]]]:
    tfx = session()
    tfx.push("_mlops_store", {"path": str(copy), "source": _SOURCE.read_text(encoding="utf-8")})
    try:
        tfx.run(
            "_mlops_reader = {'__name__': '_mlops_reader'}\n"
            "exec(_mlops_store['source'], _mlops_reader)\n"
            "_mlops_store = _mlops_reader['read'](_mlops_store['path'])"
        )
    except TFXError as error:
        raise ValueError(f"ML Metadata cannot read the store: {error.evalue}") from error
    return tfx.pull("_mlops_store")
