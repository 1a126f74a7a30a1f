"""What a metadata store knows about a model: facts, and the sentences that state them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from helpers.lineage.content import Content, parameters, time

# Parameters of TFX's own components that are stated elsewhere, or concern files and not the model.
_PLUMBING = {"disable_statistics", "eval_config", "force_tf_compat_v1", "input_base",
             "input_config", "input_fingerprint", "module_file", "module_path", "output_config",
             "output_data_format", "output_file_format", "push_destination", "range_config",
             "schema_file", "span", "version"}  # fmt: skip


@dataclass(frozen=True)
class Provenance:
    """A model's provenance in sentences.

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


@dataclass
class Facts:
    """What is known of a model; artifacts and executions by their ids."""

    maker: int | None
    base: int | None = None  # the model with whose weights it began
    baseline: int | None = None  # the model with which it was compared
    blessed: bool | None = None
    pushed_to: str = ""
    pushed_at: int | None = None
    replaced: int | None = None  # the model that its pipeline pushed there before it
    hyperparameters: str = ""
    span: int | None = None  # the last one that it learned from
    executions: list[int] = field(default_factory=list)  # that led to it, but not to its base


def facts(content: Content, model: int) -> Facts:
    """Return what a store knows about a model."""
    import networkx as nx

    graph, node = content.graph, ("artifact", model)
    known = Facts(content.maker(model))
    if known.maker is not None:
        inputs = content.inputs(known.maker)
        known.base = inputs.get("base_model")
        # What the base model learned from belongs to the base model's own provenance.
        before = nx.ancestors(graph.subgraph(set(graph) - {("artifact", known.base)}), node)
        known.executions = sorted(i for kind, i in before if kind == "execution")
        artifacts = [content.artifacts[i] for kind, i in before if kind == "artifact"]
        spans = (artifact["properties"].get("span") for artifact in artifacts)
        known.span = max((span for span in spans if span is not None), default=None)
        if "hyperparameters" in inputs:
            known.hyperparameters = _chosen(content.artifacts[inputs["hyperparameters"]])
    for _, execution in graph.out_edges(node):
        inputs = content.inputs(execution[1])
        for _, (_, output) in graph.out_edges(execution):
            artifact = content.artifacts[output]
            properties = artifact["properties"]
            if artifact["type"] == "ModelBlessing" and inputs.get("model") == model:
                known.blessed = bool(properties.get("blessed"))
                known.baseline = inputs.get("baseline_model")
            elif artifact["type"] == "PushedModel" and properties.get("pushed"):
                known.pushed_to = _place(artifact)
                known.pushed_at = artifact["created"]
                known.replaced = _pushed_before(content, output)
    return known


def sentences(content: Content, model: int) -> Iterable[str]:
    """Yield a model's provenance, a sentence for each fact."""
    known, artifact = facts(content, model), content.artifacts[model]
    version = artifact["properties"].get("tfx_version", "")
    made = f"Model {model} was made on {_minute(artifact['created'])}"
    if known.maker is not None:
        made += f" by {content.component(known.maker)}"
        made += f" in run {content.runs[known.maker]}" if known.maker in content.runs else ""
    yield made + (f", with TFX {version}." if version else ".")

    executed = [content.executions[i]["properties"] for i in known.executions]
    files = [_files(properties) for properties in executed if "input_base" in properties]
    if files:
        count = "1 delivery" if len(files) == 1 else f"{len(files)} deliveries"
        yield f"It learned from {count}: {'; '.join(files)}."
    for properties in executed:
        if "schema_file" in properties:
            file = Path(properties["schema_file"]).name
            yield f"The data were checked against schema {file}."
    for code in dict.fromkeys(filter(None, map(_code, executed))):
        yield f"Its code is {code}."
    settings = [text for i in known.executions if (text := _settings(content, i))]
    if settings:
        yield f"Parameters: {'; '.join(settings)}."
    if known.hyperparameters:
        yield f"The Tuner chose {known.hyperparameters}."
    if known.base is not None:
        yield f"It began with the weights of model {known.base}."
    elif known.maker is not None:
        yield "It began with fresh weights."

    if known.blessed is None:
        yield "It was never evaluated."
    else:
        against = f", against model {known.baseline}," if known.baseline is not None else ""
        verdict = "blessed it" if known.blessed else "did not bless it"
        yield f"The Evaluator measured it{against} and {verdict}."
    if known.pushed_at is None:
        yield "It was not pushed."
    else:
        first = known.replaced is None
        after = "was the first one there" if first else f"replaced model {known.replaced}"
        yield f"It was pushed to {known.pushed_to} on {_minute(known.pushed_at)} and {after}."


def short(value: Any) -> str:
    """Return a parameter in one line: JSON without its white space."""
    try:
        return json.dumps(json.loads(value)) if isinstance(value, str) else str(value)
    except ValueError:
        return value


def _place(pushed: dict[str, Any]) -> str:
    """Return where a model was pushed to."""
    return pushed["properties"].get("pushed_destination", pushed["uri"])


def _pushed_before(content: Content, pushed: int) -> int | None:
    """Return the model that the same pipeline pushed to the same folder last before another."""

    def series(i: int) -> tuple[str, Path]:
        pipeline = content.pipelines.get(content.maker(i), "")
        return pipeline, Path(_place(content.artifacts[i])).parent

    earlier = [
        (artifact["created"], i)
        for i, artifact in content.artifacts.items()
        if artifact["type"] == "PushedModel" and artifact["properties"].get("pushed")
        if (artifact["created"], i) < (content.artifacts[pushed]["created"], pushed)
        if series(i) == series(pushed)
    ]
    return content.inputs(content.maker(max(earlier)[1])).get("model") if earlier else None


def _files(properties: dict[str, Any]) -> str:
    """Return which files a component read, with count, size and, if there is one, its time."""
    splits = json.loads(properties.get("input_config") or "{}").get("splits", [])
    text = f"{properties['input_base']}/{', '.join(s.get('pattern', '') for s in splits)}"
    parts = (part.partition(":") for part in properties.get("input_fingerprint", "").split(","))
    fingerprint = {name: value for name, _, value in parts}
    if "total_bytes" not in fingerprint:
        return text
    size, count = int(fingerprint["total_bytes"]), int(fingerprint.get("num_files", 1))
    if count != 1:
        return f"{text} ({count} files, {size:,} bytes)"
    written = _minute(int(fingerprint.get("xor_checksum", 0)) * 1000)
    return f"{text} (1 file, {size:,} bytes, written {written})"


def _settings(content: Content, execution: int) -> str:
    """Return a component and the parameters that shape the model; "" if there are none."""
    given = parameters(content.executions[execution]["properties"])
    texts = [f"{name} {short(value)}" for name, value in given.items() if name not in _PLUMBING]
    return f"{content.component(execution)} {', '.join(texts)}" if texts else ""


def _code(properties: dict[str, Any]) -> str:
    """Return the user's code of a component: the module, and the hash of the wheel TFX made."""
    module, _, wheel = str(properties.get("module_path", "")).partition("@")
    if not wheel:
        return str(properties.get("module_file") or "")
    version = wheel.rsplit("0.0+", 1)[-1].split("-")[0]
    return f"{module}, version {version[:12]}"


def _chosen(hyperparameters: dict[str, Any]) -> str:
    """Return what the Tuner chose, or "" if its file is gone."""
    files = sorted(Path(hyperparameters["uri"]).glob("*"))
    try:
        values = json.loads(files[0].read_text())["values"]
    except (IndexError, OSError, ValueError, KeyError):
        return ""
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in values.items()
    )


def _minute(milliseconds: int) -> str:
    return f"{time(milliseconds):%Y-%m-%d %H:%M} UTC"
