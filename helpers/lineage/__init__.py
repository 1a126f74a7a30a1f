"""Where a model comes from, and what comes of a file: the record that ML Metadata (MLMD) keeps.

TFX writes every artifact, every execution and what went in and out into one SQLite file, the
metadata store. :class:`Store` reads it, with MLMD's own API in the TFX environment, and answers in
frames, graphs and sentences. It never writes: it reads a copy, which SQLite makes safely while a
pipeline writes.

Examples
--------
>>> store = Store("work/metadata.sqlite")  # doctest: +SKIP
>>> model = store.models().index[-1]  # doctest: +SKIP
>>> draw(store.lineage(model))  # doctest: +SKIP
>>> store.explain(model)  # doctest: +SKIP
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Collection, Iterable
from contextlib import closing
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from helpers.lineage.drawing import condense, draw
from helpers.tfx import session

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["Explanation", "Store", "condense", "draw"]

# Names of MLMD's contexts, by TFX's own runner and by its InteractiveContext.
_RUN = ("pipeline_run", "run")
_NODE = ("node", "component_run")
_PIPELINE = ("pipeline",)
# Parameters that say nothing about what a component does.
_UNTOLD = {"is_external", "tfx_version", "name", "pipeline_name", "producer_component"}
_SOURCE = Path(__file__).with_name("in_tfx.py")
_EMPTY = ("", "None", "null", "[]", "{}")


class Store:
    """A metadata store, as it was when it was read.

    Parameters
    ----------
    path : str or pathlib.Path
        The SQLite file, such as ``"work/metadata.sqlite"``.

    Attributes
    ----------
    path : pathlib.Path
        The file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no metadata store, or one of a format that this ML Metadata does not know.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.refresh()

    def refresh(self) -> Store:
        """Read the file anew."""
        self._content = _read(self.path)
        self._nodes, self._runs, self._pipelines = ({}, {}, {})
        names = {c["id"]: (c["type"], c["name"]) for c in self._content["contexts"]}
        for member in self._content["memberships"]:
            kind, name = names[member["context"]]
            for kinds, found in (
                (_NODE, self._nodes),
                (_RUN, self._runs),
                (_PIPELINE, self._pipelines),
            ):
                if kind in kinds:
                    found[member["execution"]] = name
        self._graph = self._whole_graph()
        return self

    def __repr__(self) -> str:
        sizes = [len(self._content[kind]) for kind in ("artifacts", "executions")]
        return f"<metadata store {self.path}: {sizes[0]} artifacts, {sizes[1]} executions>"

    # -------------------------------------------------------------------------- frames

    @property
    def artifacts(self) -> pd.DataFrame:
        """One row for each artifact, by its id.

        ``type``; ``made_by``, the component; ``run``, in which it was made; ``span`` of the data,
        if it has one; ``state`` (``"LIVE"``, ``"DELETED"``...); ``created``; ``uri``, the folder of
        what it stands for; ``properties``, a dict.
        """
        rows = []
        for one in self._content["artifacts"]:
            maker = self._maker(one["id"])
            rows.append(
                {
                    "id": one["id"],
                    "type": one["type"],
                    "made_by": self._component(maker) if maker else "",
                    "run": self._runs.get(maker, "") if maker else "",
                    "span": one["properties"].get("span") or pd.NA,
                    "state": one["state"],
                    "created": _time(one["created"]),
                    "uri": one["uri"],
                    "properties": one["properties"],
                }
            )
        columns = ["id", "type", "made_by", "run", "span", "state", "created", "uri", "properties"]
        return pd.DataFrame(rows, columns=columns).set_index("id").astype({"span": "Int64"})

    @property
    def executions(self) -> pd.DataFrame:
        """One row for each execution of a component, by its id.

        ``component``, ``run``, ``state`` (``"COMPLETE"``, ``"CACHED"``, ``"FAILED"``...),
        ``started``, ``seconds`` and ``parameters``, a dict.
        """
        rows = [
            {
                "id": one["id"],
                "component": self._component(one["id"]),
                "run": self._runs.get(one["id"], ""),
                "state": one["state"],
                "started": _time(one["created"]),
                "seconds": (one["updated"] - one["created"]) / 1000,
                "parameters": _told(one["properties"]),
            }
            for one in self._content["executions"]
        ]
        columns = ["id", "component", "run", "state", "started", "seconds", "parameters"]
        return pd.DataFrame(rows, columns=columns).set_index("id")

    @property
    def contexts(self) -> pd.DataFrame:
        """One row for each context, by its id: ``type``, ``name`` and how many ``executions``.

        A context groups executions: those of a pipeline, of a run, of a component.
        """
        members = pd.Series([m["context"] for m in self._content["memberships"]], dtype="int64")
        rows = [{key: c[key] for key in ("id", "type", "name")} for c in self._content["contexts"]]
        frame = pd.DataFrame(rows, columns=["id", "type", "name"]).set_index("id")
        counts = members.value_counts().reindex(frame.index, fill_value=0)
        return frame.assign(executions=counts.astype(int))

    @property
    def events(self) -> pd.DataFrame:
        """One row each time that an artifact went into an execution or came out of one."""
        columns = ["artifact", "execution", "role", "key"]
        return pd.DataFrame(self._content["events"], columns=columns)

    def runs(self) -> pd.DataFrame:
        """One row for each run of a pipeline, in order of time, by its name.

        ``pipeline``, ``started``, ``span`` of what was taken in, how many components ``ran``, were
        ``cached`` or ``failed``, and the ``model`` that came of it, if any.
        """
        executions = self.executions
        outputs = self.events.query("role == 'output'").set_index("execution")["artifact"]
        artifacts = self.artifacts
        rows = []
        for name, of_run in executions[executions["run"] != ""].groupby("run"):
            made = artifacts.loc[sorted(set(outputs[outputs.index.isin(of_run.index)]))]
            models = made.index[made["type"] == "Model"]
            states = of_run["state"].value_counts()
            rows.append(
                {
                    "run": name,
                    "pipeline": self._pipelines.get(of_run.index[0], ""),
                    "started": of_run["started"].min(),
                    "span": made.loc[made["type"] == "Examples", "span"].max(),
                    "ran": int(states.get("COMPLETE", 0)),
                    "cached": int(states.get("CACHED", 0)),
                    "failed": int(states.get("FAILED", 0)),
                    "model": models[-1] if len(models) else pd.NA,
                }
            )
        columns = ["run", "pipeline", "started", "span", "ran", "cached", "failed", "model"]
        frame = pd.DataFrame(rows, columns=columns).set_index("run").sort_values("started")
        return frame.astype({"span": "Int64", "model": "Int64"})

    def models(self) -> pd.DataFrame:
        """One row for each model, by its artifact's id.

        ``created``, ``run``, the last ``span`` that it learned from, ``started_from`` (the model
        whose weights it began with), whether it was ``blessed`` (by the Evaluator) and where it was
        ``pushed`` to.
        """
        artifacts = self.artifacts
        of_type = artifacts[artifacts["type"] == "Model"]
        rows = []
        for model, one in of_type.iterrows():
            known = self._about(model)
            rows.append(
                {
                    "id": model,
                    "created": one["created"],
                    "run": one["run"],
                    "span": max(known["spans"], default=pd.NA),
                    "started_from": known["base"] if known["base"] is not None else pd.NA,
                    "blessed": known["blessed"],
                    "pushed": known["pushed_to"],
                }
            )
        columns = ["id", "created", "run", "span", "started_from", "blessed", "pushed"]
        frame = pd.DataFrame(rows, columns=columns).set_index("id")
        return frame.astype({"span": "Int64", "started_from": "Int64"})

    # -------------------------------------------------------------------------- graphs

    def lineage(self, artifact: int) -> nx.DiGraph:
        """Trace what an artifact comes from: all that went into it, and into that.

        Parameters
        ----------
        artifact : int
            Its id, as in ``store.artifacts``.

        Returns
        -------
        networkx.DiGraph
            Nodes are ``("artifact", id)`` and ``("execution", id)`` with the attributes ``kind``,
            ``id``, ``type`` and ``label``; edges follow the data and have the attribute ``key``.
            :func:`draw` draws it, :func:`condense` leaves out what is not asked for.

        Raises
        ------
        KeyError
            If the store has no such artifact.
        """
        return self._part(artifact, "ancestors")

    def impact(self, artifact: int) -> nx.DiGraph:
        """Trace what came of an artifact: all that it went into, and that went into.

        Parameters, result and errors are those of :meth:`lineage`. That a model began with the
        weights of another one counts, and so does that it was compared with it.
        """
        return self._part(artifact, "descendants")

    def _part(self, artifact: int, direction: str) -> nx.DiGraph:
        import networkx as nx

        node = ("artifact", self._known(artifact))
        part = getattr(nx, direction)(self._graph, node) | {node}
        graph = self._graph.subgraph(part).copy()
        graph.graph["focus"] = node
        return graph

    def _whole_graph(self) -> nx.DiGraph:
        """Make the graph of executions that ran; what came from the cache was made before."""
        import networkx as nx

        graph = nx.DiGraph()
        for one in self._content["artifacts"]:
            note = _note(one)
            graph.add_node(
                ("artifact", one["id"]),
                kind="artifact",
                id=one["id"],
                type=one["type"],
                label=f"{one['type']} {one['id']}" + (f"\n{note}" if note else ""),
            )
        ran = [one for one in self._content["executions"] if one["state"] == "COMPLETE"]
        for one in ran:
            name = self._component(one["id"])
            graph.add_node(
                ("execution", one["id"]), kind="execution", id=one["id"], type=name, label=name
            )
        for event in self._content["events"]:
            artifact, execution = ("artifact", event["artifact"]), ("execution", event["execution"])
            if artifact in graph and execution in graph:
                ends = (artifact, execution) if event["role"] == "input" else (execution, artifact)
                graph.add_edge(*ends, key=event["key"])
        # A resolver finds artifacts and makes none: it stands in no lineage.
        lone = [n for n in graph if n[0] == "execution" and graph.degree(n) == 0]
        graph.remove_nodes_from(lone)
        return graph

    # ----------------------------------------------------------------------- sentences

    def explain(self, model: int) -> Explanation:
        """Write a model's provenance in sentences.

        Parameters
        ----------
        model : int
            Id of an artifact of type Model.

        Returns
        -------
        Explanation
            Which files, which schema, which code, which parameters, which model it began with and
            which one it replaced.

        Raises
        ------
        KeyError
            If the store has no such artifact.
        ValueError
            If it is no model.
        """
        one = self._artifact(model)
        if one["type"] != "Model":
            models = [a["id"] for a in self._content["artifacts"] if a["type"] == "Model"]
            raise ValueError(f"model is {model}, which is of type {one['type']}; models: {models}")
        return Explanation(model, tuple(self._sentences(model, one)))

    def _sentences(self, model: int, one: dict[str, Any]) -> Iterable[str]:
        known = self._about(model)
        maker, version = known["maker"], one["properties"].get("tfx_version", "")
        made = f"Model {model} was made on {_time(one['created']):%Y-%m-%d %H:%M} UTC"
        if maker is not None:
            made += f" by {self._component(maker)}"
            made += f" in run {self._runs[maker]}" if maker in self._runs else ""
        yield made + (f", with TFX {version}." if version else ".")

        files = [self._file(execution) for execution in known["sources"]]
        if files:
            yield f"It learned from {_count(files, 'delivery', 'deliveries')}: {'; '.join(files)}."
        for execution in known["schemas"]:
            file = Path(self._execution(execution)["properties"].get("schema_file", "")).name
            yield f"The data were checked against schema {file}."
        for code in known["code"]:
            yield f"Its code is {code}."
        told = [text for execution in known["own"] if (text := self._parameters(execution))]
        if told:
            yield f"Parameters: {'; '.join(told)}."
        if known["hyperparameters"]:
            yield f"The Tuner chose {known['hyperparameters']}."
        if known["base"] is not None:
            yield f"It began with the weights of model {known['base']}."
        elif maker is not None:
            yield "It began with fresh weights."

        against = f", against model {known['baseline']}," if known["baseline"] is not None else ""
        if known["blessed"] is not None:
            yield f"The Evaluator measured it{against} and {_blessed(known['blessed'])}."
        else:
            yield "It was never evaluated."
        if known["pushed_to"]:
            when = f"{_time(known['pushed_at']):%Y-%m-%d %H:%M} UTC"
            yield f"It was pushed to {known['pushed_to']} on {when}" + (
                f" and replaced model {known['replaced']}."
                if known["replaced"] is not None
                else " and was the first one there."
            )
        else:
            yield "It was not pushed."

    def diff(self, run_a: str, run_b: str) -> pd.DataFrame:
        """Compare two runs: which components did something else, with what.

        Parameters
        ----------
        run_a, run_b : str
            Names of runs, as in ``store.runs()``.

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
        sides = [self._facts(run) for run in (run_a, run_b)]
        keys = list(dict.fromkeys([*sides[0], *sides[1]]))
        order = {component: i for i, component in enumerate(dict.fromkeys(c for c, _ in keys))}
        rows = [
            (*key, sides[0].get(key, ""), sides[1].get(key, ""))
            for key in sorted(keys, key=lambda key: order[key[0]])
            if sides[0].get(key, "") != sides[1].get(key, "")
        ]
        return pd.DataFrame(rows, columns=["component", "what", run_a, run_b])

    def _facts(self, run: str) -> dict[tuple[str, str], Any]:
        executions = [e for e in self._content["executions"] if self._runs.get(e["id"]) == run]
        if not executions:
            known = sorted(set(self._runs.values()))
            raise KeyError(f"the store has no run {run!r}; it has {known}")
        facts: dict[tuple[str, str], Any] = {}
        for one in executions:
            component = self._component(one["id"])
            facts[component, "outcome"] = one["state"].lower()
            for name, value in _told(one["properties"]).items():
                facts[component, name] = _short(value)
            for event in self._content["events"]:
                if event["execution"] != one["id"]:
                    continue
                artifact = self._artifact(event["artifact"])
                if event["role"] == "input":
                    before = facts.get((component, f"input {event['key']}"), "")
                    label = f"{artifact['type']} {artifact['id']}"
                    facts[component, f"input {event['key']}"] = f"{before}, {label}".strip(", ")
                else:
                    for name in ("span", "blessed", "pushed", "reason", "input_fingerprint"):
                        if name in artifact["properties"]:
                            facts[component, name] = artifact["properties"][name]
        return facts

    # ------------------------------------------------------------------------- look-ups

    def _about(self, model: int) -> dict[str, Any]:
        """Find what the graph knows of a model."""
        import networkx as nx

        graph, node = self._graph, ("artifact", model)
        maker = self._maker(model)
        known: dict[str, Any] = dict.fromkeys(
            ("base", "baseline", "blessed", "replaced", "pushed_at"), None
        )
        known |= {"maker": maker, "pushed_to": "", "hyperparameters": ""}
        known |= {"sources": [], "schemas": [], "code": [], "own": [], "spans": []}
        if maker is not None:
            inputs = {
                data["key"]: source
                for source, _, data in graph.in_edges(("execution", maker), True)
            }
            base = inputs.get("base_model")
            known["base"] = base[1] if base else None
            # What it took from the base model is the base model's own story.
            own = graph.subgraph(set(graph) - {base}) if base else graph
            before = nx.ancestors(own, node)
            executions = sorted(i for kind, i in before if kind == "execution")
            known["own"] = executions
            for execution in executions:
                properties = self._execution(execution)["properties"]
                if "input_base" in properties:
                    known["sources"].append(execution)
                if "schema_file" in properties:
                    known["schemas"].append(execution)
                if code := _code(properties):
                    known["code"].append(code)
            known["code"] = list(dict.fromkeys(known["code"]))
            spans = [
                self._artifact(i)["properties"].get("span") for k, i in before if k != "execution"
            ]
            known["spans"] = sorted({span for span in spans if span})
            if "hyperparameters" in inputs:
                known["hyperparameters"] = _chosen(self._artifact(inputs["hyperparameters"][1]))
        for _, execution in graph.out_edges(node):
            sources = {d["key"]: s[1] for s, _, d in graph.in_edges(execution, True)}
            for _, output in graph.out_edges(execution):
                one = self._artifact(output[1])
                said = one["properties"]
                if one["type"] == "ModelBlessing" and sources.get("model") == model:
                    known["blessed"] = bool(said.get("blessed"))
                    known["baseline"] = sources.get("baseline_model")
                elif one["type"] == "PushedModel" and said.get("pushed"):
                    known["pushed_to"] = said.get("pushed_destination", one["uri"])
                    known["pushed_at"] = one["created"]
        if known["pushed_at"] is not None:
            known["replaced"] = self._pushed_before(known["pushed_at"])
        return known

    def _pushed_before(self, time: int) -> int | None:
        """Find the model that was pushed last before a time."""
        pushed = [
            one
            for one in self._content["artifacts"]
            if one["type"] == "PushedModel" and one["properties"].get("pushed")
        ]
        earlier = [one for one in pushed if one["created"] < time]
        if not earlier:
            return None
        last = max(earlier, key=lambda one: (one["created"], one["id"]))
        maker = self._maker(last["id"])
        sources = self._graph.in_edges(("execution", maker), True) if maker else ()
        return next((s[1] for s, _, d in sources if d["key"] == "model"), None)

    def _file(self, execution: int) -> str:
        """Say which files a component read."""
        properties = self._execution(execution)["properties"]
        patterns = [
            split.get("pattern", "")
            for split in json.loads(properties.get("input_config") or "{}").get("splits", [])
        ]
        said = f"{properties['input_base']}/{', '.join(patterns)}"
        fingerprint = dict(
            part.split(":", 1)
            for part in properties.get("input_fingerprint", "").split(",")
            if ":" in part
        )
        if "total_bytes" in fingerprint:
            count = int(fingerprint.get("num_files", 1))
            written = _time(int(fingerprint.get("xor_checksum", 0)) * 1000)
            when = f", written {written:%Y-%m-%d %H:%M} UTC" if count == 1 else ""
            said += f" ({_count(count, 'file')}, {int(fingerprint['total_bytes']):,} bytes{when})"
        return said

    def _parameters(self, execution: int) -> str:
        told = {
            name: _short(value)
            for name, value in _told(self._execution(execution)["properties"]).items()
            if name
            in ("least_information", "custom_config", "train_args", "eval_args", "exclude_splits")
        }
        if not told:
            return ""
        return f"{self._component(execution)} {', '.join(f'{k} {v}' for k, v in told.items())}"

    def _maker(self, artifact: int) -> int | None:
        return next((i for _, i in self._graph.predecessors(("artifact", artifact))), None)

    def _component(self, execution: int) -> str:
        name = self._nodes.get(execution) or self._execution(execution)["type"]
        return name.rsplit(".", 1)[-1]

    def _known(self, artifact: int) -> int:
        return self._artifact(artifact)["id"]

    def _artifact(self, artifact: int) -> dict[str, Any]:
        for one in self._content["artifacts"]:
            if one["id"] == artifact:
                return one
        raise KeyError(f"the store has no artifact {artifact!r}; see store.artifacts")

    def _execution(self, execution: int) -> dict[str, Any]:
        return next(one for one in self._content["executions"] if one["id"] == execution)


@dataclass(frozen=True)
class Explanation:
    """A model's provenance.

    Attributes
    ----------
    model : int
        Id of its artifact.
    sentences : tuple of str
        One fact each.
    """

    model: int
    sentences: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.sentences)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "".join(f"<p>{escape(sentence)}</p>" for sentence in self.sentences)


def _read(path: Path) -> dict[str, list[dict[str, Any]]]:
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no metadata store {path}; a pipeline writes it as metadata.sqlite into its "
            "folder"
        )
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.sqlite"
        try:
            # A copy that is whole, also while a pipeline writes: SQLite's own way to make one.
            with (
                closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source,
                closing(sqlite3.connect(copy)) as target,
            ):
                source.backup(target)
                target.execute("SELECT schema_version FROM MLMDEnv").fetchone()
        except sqlite3.Error as error:
            raise ValueError(f"{path} is no metadata store of ML Metadata: {error}") from None
        return _ask_tfx(copy)


def _ask_tfx(copy: Path) -> dict[str, list[dict[str, Any]]]:
    from helpers.tfx import TFXError

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


def _time(milliseconds: int) -> pd.Timestamp:
    return pd.Timestamp(milliseconds, unit="ms")


def _note(artifact: dict[str, Any]) -> str:
    """Say the one thing about an artifact that its picture shows: its month, or the verdict."""
    said = artifact["properties"]
    if "pushed" in said:
        return "pushed" if said["pushed"] else "not pushed"
    if artifact["type"].endswith("Blessing"):
        return "blessed" if said.get("blessed") else "not blessed"
    return str(said.get("span") or "")


def _told(properties: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in properties.items() if k not in _UNTOLD and str(v) not in _EMPTY}


def _short(value: Any) -> str:
    """Write a parameter in one line: JSON without its white space."""
    try:
        return json.dumps(json.loads(value)) if isinstance(value, str) else str(value)
    except ValueError:
        return value


def _code(properties: dict[str, Any]) -> str:
    """Name the user's code of a component: the module and the hash of the wheel that TFX made."""
    module, _, wheel = str(properties.get("module_path", "")).partition("@")
    if not wheel:
        return str(properties.get("module_file") or "")
    version = wheel.rsplit("0.0+", 1)[-1].split("-")[0]
    return f"{module}, version {version[:12]}"


def _chosen(hyperparameters: dict[str, Any]) -> str:
    """Read what the Tuner chose, if its file is still there."""
    files = sorted(Path(hyperparameters["uri"]).glob("*"))
    try:
        values = json.loads(files[0].read_text())["values"]
    except (IndexError, OSError, ValueError, KeyError):
        return ""
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in values.items()
    )


def _blessed(blessed: bool) -> str:
    return "blessed it" if blessed else "did not bless it"


def _count(things: Collection[Any] | int, one: str, many: str = "") -> str:
    count = things if isinstance(things, int) else len(things)
    return f"{count} {one if count == 1 else many or one + 's'}"
