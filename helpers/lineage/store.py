"""A metadata store as frames, graphs, sentences and differences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from helpers.lineage.content import Content, parameters, time
from helpers.lineage.provenance import Provenance, facts, sentences, short

if TYPE_CHECKING:
    import networkx as nx


class Store:
    """A metadata store, as it was when it was read.

    Parameters
    ----------
    path : str or pathlib.Path
        The SQLite file, such as ``"work/metadata.sqlite"``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not a metadata store, or has a format that this ML Metadata cannot read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.refresh()

    def refresh(self) -> Store:
        """Read the file again."""
        self._content = Content(self.path)
        return self

    def __repr__(self) -> str:
        sizes = len(self._content.artifacts), len(self._content.executions)
        return f"<metadata store {self.path}: {sizes[0]} artifacts, {sizes[1]} executions>"

    @property
    def artifacts(self) -> pd.DataFrame:
        """One row for each artifact, by its id.

        ``type``; ``made_by``, the component; ``run``, in which it was made; ``span`` of the data,
        if it has one; ``state`` (``"LIVE"``, ``"DELETED"``...); ``created``; ``uri``, the folder of
        its files; ``properties``, a dict.
        """
        content, rows = self._content, []
        for i, artifact in content.artifacts.items():
            maker, properties = content.maker(i), artifact["properties"]
            start = (i, artifact["type"], content.component(maker), content.runs.get(maker, ""))
            end = (artifact["state"], time(artifact["created"]), artifact["uri"], properties)
            rows.append((*start, properties.get("span", pd.NA), *end))
        columns = "id type made_by run span state created uri properties"
        return _frame(rows, columns).astype({"span": "Int64"})

    @property
    def executions(self) -> pd.DataFrame:
        """One row for each execution of a component, by its id.

        ``component``, ``run``, ``state`` (``"COMPLETE"``, ``"CACHED"``, ``"FAILED"``...),
        ``started``, ``seconds`` and ``parameters``, a dict.
        """
        content, rows = self._content, []
        for i, execution in content.executions.items():
            started, ended = execution["created"], execution["updated"]
            start = (i, content.component(i), content.runs.get(i, ""), execution["state"])
            seconds, given = (ended - started) / 1000, parameters(execution["properties"])
            rows.append((*start, time(started), seconds, given))
        return _frame(rows, "id component run state started seconds parameters")

    @property
    def contexts(self) -> pd.DataFrame:
        """One row for each context, by its id: ``type``, ``name`` and how many ``executions``.

        A context groups executions: those of a pipeline, of a run, of a component.
        """
        counts = Counter(member["context"] for member in self._content.memberships)
        contexts = self._content.contexts.values()
        rows = [(c["id"], c["type"], c["name"], counts[c["id"]]) for c in contexts]
        return _frame(rows, "id type name executions").astype({"executions": int})

    @property
    def events(self) -> pd.DataFrame:
        """One row each time that an artifact went into an execution or came out of one."""
        return pd.DataFrame(self._content.events, columns=["artifact", "execution", "role", "key"])

    @property
    def runs(self) -> pd.DataFrame:
        """One row for each run of a pipeline, in order of time, by its name.

        ``pipeline``, ``started``, ``span`` of the data taken in, how many components ``ran``, were
        ``cached`` or ``failed``, and the ``model`` that was made, if any.
        """
        executions, artifacts, rows = self.executions, self.artifacts, []
        outputs = self.events.query("role == 'output'").set_index("execution")["artifact"]
        executions["pipeline"] = [self._content.pipelines.get(i, "") for i in executions.index]
        in_runs = executions[executions["run"] != ""].groupby(["run", "pipeline"])
        for (name, pipeline), group in in_runs:
            made = artifacts.loc[sorted(set(outputs[outputs.index.isin(group.index)]))]
            models = made.index[made["type"] == "Model"]
            span = made.loc[made["type"] == "Examples", "span"].max()
            states = group["state"].value_counts()
            counts = [int(states.get(state, 0)) for state in ("COMPLETE", "CACHED", "FAILED")]
            start = (name, pipeline, group["started"].min(), span)
            rows.append((*start, *counts, models[-1] if len(models) else pd.NA))
        frame = _frame(rows, "run pipeline started span ran cached failed model")
        return frame.sort_values("started").astype({"span": "Int64", "model": "Int64"})

    @property
    def models(self) -> pd.DataFrame:
        """One row for each model, by its artifact's id.

        ``created``, ``run``, the last ``span`` that it learned from, ``started_from`` (the model
        with whose weights it began), whether it was ``blessed`` (by the Evaluator) and where it was
        ``pushed`` to.
        """
        artifacts, rows = self.artifacts, []
        for model in artifacts.index[artifacts["type"] == "Model"]:
            known = facts(self._content, model)
            created, run = artifacts.loc[model, ["created", "run"]]
            start = (model, created, run, known.span, known.base)
            rows.append((*start, known.blessed, known.pushed_to))
        frame = _frame(rows, "id created run span started_from blessed pushed")
        return frame.astype({"span": "Int64", "started_from": "Int64"})

    def lineage(self, artifact: int) -> nx.DiGraph:
        """Return what an artifact was made from, directly or indirectly.

        Parameters
        ----------
        artifact : int
            Its id, as in ``store.artifacts``.

        Returns
        -------
        networkx.DiGraph
            Nodes are ``("artifact", id)`` and ``("execution", id)`` with the attributes ``kind``,
            ``id``, ``type`` and ``label``; edges follow the data and have the attribute ``key``.
            :func:`draw` draws it, :func:`condense` keeps only some types.

        Raises
        ------
        KeyError
            If the store has no such artifact.
        """
        return self._part(artifact, "ancestors")

    def impact(self, artifact: int) -> nx.DiGraph:
        """Return what was made from an artifact, directly or indirectly.

        Parameters, result and errors are those of :meth:`lineage`. A model that began with the
        weights of another one, or was compared with it, counts as made from it.
        """
        return self._part(artifact, "descendants")

    def _part(self, artifact: int, direction: str) -> nx.DiGraph:
        import networkx as nx

        whole, node = self._content.graph, ("artifact", self._content.artifact(artifact)["id"])
        graph = whole.subgraph(getattr(nx, direction)(whole, node) | {node}).copy()
        graph.graph["focus"] = node
        return graph

    def explain(self, model: int) -> Provenance:
        """Return a model's provenance in sentences.

        Parameters
        ----------
        model : int
            Id of an artifact of type Model.

        Returns
        -------
        Provenance
            Which files, which schema, which code, which parameters, which model it began with and
            which one it replaced.

        Raises
        ------
        KeyError
            If the store has no such artifact.
        ValueError
            If it is not a model.
        """
        kind = self._content.artifact(model)["type"]
        if kind != "Model":
            models = [i for i, a in self._content.artifacts.items() if a["type"] == "Model"]
            raise ValueError(f"model is {model}, which is of type {kind}; models: {models}")
        return Provenance(model, tuple(sentences(self._content, model)))

    def diff(self, run_a: str, run_b: str) -> pd.DataFrame:
        """Return in what two runs differ.

        Parameters
        ----------
        run_a, run_b : str
            Names of runs, as in ``store.runs``.

        Returns
        -------
        pandas.DataFrame
            One row for each difference: ``component``, ``what`` (``"outcome"``, an input, a
            parameter, or a property of an output) and its value in each run.

        Raises
        ------
        KeyError
            If the store has no such run.
        """
        first, second = (self._settings(run) for run in (run_a, run_b))
        keys = list(first | second)
        order = {component: i for i, component in enumerate(dict.fromkeys(c for c, _ in keys))}
        rows = [
            (*key, first.get(key, ""), second.get(key, ""))
            for key in sorted(keys, key=lambda key: order[key[0]])
            if first.get(key, "") != second.get(key, "")
        ]
        return pd.DataFrame(rows, columns=["component", "what", run_a, run_b])

    def _settings(self, run: str) -> dict[tuple[str, str], Any]:
        """Return outcome, parameters, inputs and outputs of a run's components."""
        content = self._content
        executions = [i for i in content.executions if content.runs.get(i) == run]
        if not executions:
            known = sorted(set(content.runs.values()))
            raise KeyError(f"the store has no run {run!r}; it has {known}")
        settings: dict[tuple[str, str], Any] = {}
        for i in executions:
            execution, component = content.executions[i], content.component(i)
            settings[component, "outcome"] = execution["state"].lower()
            for name, value in parameters(execution["properties"]).items():
                settings[component, name] = short(value)
            for event in (event for event in content.events if event["execution"] == i):
                artifact = content.artifacts[event["artifact"]]
                if event["role"] == "input":
                    key, label = f"input {event['key']}", f"{artifact['type']} {artifact['id']}"
                    before = settings.get((component, key), "")
                    settings[component, key] = f"{before}, {label}".strip(", ")
                else:
                    for name in ("span", "blessed", "pushed", "reason", "input_fingerprint"):
                        if name in artifact["properties"]:
                            settings[component, name] = artifact["properties"][name]
        return settings


def _frame(rows: Iterable[tuple], columns: str) -> pd.DataFrame:
    """Return a frame with the first column as its index."""
    names = columns.split()
    return pd.DataFrame(rows, columns=names).set_index(names[0])
