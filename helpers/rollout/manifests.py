"""The same roll-out as files for Kubernetes, KServe and Argo Rollouts.

The files are filled from ``templates/``, with comments, since they are made to be read. What they
cannot express (a sequential test, a comparison of scores) is said in a comment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from string import Template

from helpers.base import files
from helpers.base.checks import whole
from helpers.rollout.analysis import ErrorRate, Latency
from helpers.rollout.canary import Rollout

_TEMPLATES = Path(__file__).with_name("templates")
_LABEL = re.compile(r"[a-z]([-a-z0-9]{0,45}[a-z0-9])?")  # room for suffixes below 63 characters


class Plan(dict[str, str]):
    """YAML text of a roll-out for each file name; made by :func:`plan`."""

    def __repr__(self) -> str:
        kinds = {name: re.findall(r"^kind: (\w+)", text, re.M) for name, text in self.items()}
        return "\n".join(f"{name:<16}{', '.join(kinds[name])}" for name in self)

    def write(self, folder: str | Path) -> list[Path]:
        """Write the files into a folder, and return their paths.

        The cluster's own check of them is ``kubectl apply --dry-run=server -f``.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.items():
            files.write(folder / name, text)
        return [folder / name for name in self]


def plan(
    rollout: Rollout,
    *,
    model: str = "credit",
    image: str = "registry.example/credit",
    storage: str = "s3://models/credit",
    stable_version: int = 1,
    candidate_version: int = 2,
    namespace: str = "default",
    replicas: int = 2,
    max_replicas: int = 10,
    cpu: str = "1",
    memory: str = "1Gi",
    prometheus: str = "http://prometheus.monitoring:9090",
    gateway: str = "public",
    interval_s: int = 60,
    looks: int = 5,
) -> Plan:
    """Return a roll-out as files for the engines that run it on a cluster.

    Parameters
    ----------
    rollout : Rollout
        Its steps and its metrics of errors and latency are used.
    model : str, default "credit"
        Name of the model and of everything in the cluster.
    image : str
        Image of TensorFlow Serving with the model in it, without its tag: the tag is the version
        (``FROM tensorflow/serving`` and ``COPY credit /models/credit``).
    storage : str
        Where KServe, which loads models itself, finds them, without "-" and the version:
        ``s3://models/credit-2/2/saved_model.pb``.
    stable_version, candidate_version : int
        Versions of the model.
    namespace : str, default "default"
        Namespace in the cluster.
    replicas, max_replicas : int
        Fewest and most pods.
    cpu, memory : str
        What each pod needs, in Kubernetes' units.
    prometheus : str
        Where Argo's analysis gets its measurements.
    gateway : str, default "public"
        Name of the cluster's Gateway, for Argo's split of the traffic.
    interval_s, looks : int
        Seconds between two looks of Argo's analysis, and looks at each step.

    Returns
    -------
    Plan
        ``kubernetes.yaml`` (the stable version, without a roll-out), ``kserve.yaml`` and
        ``argo.yaml``.

    Raises
    ------
    ValueError
        If a name is not valid in Kubernetes, a step is not in whole percents, or there is none
        between 0 and 1.

    Examples
    --------
    >>> plan(Rollout())
    kubernetes.yaml ConfigMap, Deployment, Service, HorizontalPodAutoscaler
    kserve.yaml     InferenceService
    argo.yaml       Service, Service, HTTPRoute, Rollout, HorizontalPodAutoscaler, AnalysisTemplate
    """
    for name, value in {"model": model, "namespace": namespace, "gateway": gateway}.items():
        if not _LABEL.fullmatch(value):
            raise ValueError(
                f"{name} is {value!r}; expected a name in Kubernetes: lower-case letters, digits "
                "and '-', beginning with a letter, at most 47 of them"
            )
    numbers = {
        "stable_version": stable_version,
        "candidate_version": candidate_version,
        "replicas": replicas,
        "max_replicas": max_replicas,
        "interval_s": interval_s,
        "looks": looks,
    }
    for name, value in numbers.items():
        whole(name, value, 1)
    if max_replicas < replicas:
        raise ValueError(f"max_replicas is {max_replicas}; expected at least replicas, {replicas}")
    percents = [f"{100 * step:.9g}" for step in rollout.steps]
    if not all(percent.isdigit() for percent in percents):
        raise ValueError(
            f"steps are {rollout.steps}; KServe and Argo Rollouts split by whole percents only"
        )
    storage = storage.rstrip("/")
    values = numbers | {
        "model": model,
        "namespace": namespace,
        "gateway": gateway,
        "cpu": _quoted(cpu),
        "memory": _quoted(memory),
        "prometheus": _quoted(prometheus),
        "stable_image": _quoted(f"{image}:{stable_version}"),
        "candidate_image": f"{image}:{candidate_version}",
        "storage": storage,
        "candidate_storage": _quoted(f"{storage}-{candidate_version}"),
        "first_percent": percents[0],
        "next_percents": ", ".join([*percents[1:-1], "remove the line (100)"]),
        "alpha": f"{100 * rollout.analysis.alpha:g} %",
        "failures": looks // 4,
        "inconclusive": looks - 1,
        "window_s": max(2 * interval_s, 120),
    }
    users = [percent for percent in percents[:-1] if percent != "0"]
    if not users:
        raise ValueError(
            f"steps are {rollout.steps}; expected one between 0 and 1: without it, Argo gives the "
            "candidate to all users at once"
        )
    values["steps"], values["metrics"], not_measured = "", "", []
    if "0" in percents:
        values["steps"] = "# The plan's shadow is not here: Argo mirrors requests by Istio only.\n"
    for percent in users:
        values["steps"] += _filled("argo_step", values | {"percent": percent})
    for metric in rollout.analysis.metrics:
        if isinstance(metric, ErrorRate | Latency):
            values["metrics"] += _filled("argo_metric", values | _measurement(metric, values))
        else:
            not_measured.append(metric.name)
    if not values["metrics"]:
        raise ValueError(
            "the analysis has neither an ErrorRate nor a Latency, the only metrics that TensorFlow "
            "Serving measures; Argo's analysis would be empty"
        )
    values["not_measured"] = ", ".join(not_measured) or "nothing that the plan asks for"
    return Plan(
        {f"{name}.yaml": _filled(name, values) for name in ("kubernetes", "kserve", "argo")}
    )


def _filled(template: str, values: Mapping[str, object]) -> str:
    """Return a template with its values; text of several lines is indented like its place."""
    text = (_TEMPLATES / f"{template}.yaml").read_text()
    values = dict(values)
    for indent, name in re.findall(r"^( +)\$(\w+)$", text, re.M):
        values[name] = values[name].rstrip("\n").replace("\n", f"\n{indent}")
    return Template(text).substitute(values)


def _measurement(metric: ErrorRate | Latency, values: Mapping[str, object]) -> dict[str, str]:
    """Return name, limit and query of a metric."""

    def rate(name: str, role: str, more: str = "") -> str:
        seconds = values["window_s"]
        pods = (
            f'model_name="{values["model"]}",rollouts_pod_template_hash="{{{{args.{role}}}}}"{more}'
        )
        return f"rate(:tensorflow:serving:{name}{{{pods}}}[{seconds}s])"

    def errors(role: str) -> str:
        failed = rate("request_count", role, ',status!="OK"')
        return f"(sum({failed}) or vector(0)) / sum({rate('request_count', role)})"

    def quantile(role: str) -> str:
        buckets = f"sum by (le) ({rate('request_latency_bucket', role)})"
        return f"histogram_quantile({metric.percentile / 100:g}, {buckets})"

    if isinstance(metric, ErrorRate):
        name, limit = "errors", metric.margin
        query = f"({errors('canary')})\n- ({errors('stable')})"
    elif metric.limit_ms is None:
        name, limit = f"latency-p{metric.percentile:g}", metric.factor
        query = f"{quantile('canary')}\n/ {quantile('stable')}"
    else:
        name, limit = f"latency-within-{metric.limit_ms:g}ms", metric.limit_ms * 1000
        query = quantile("canary")
    return {"name": _quoted(name.replace(".", "-")), "limit": f"{limit:g}", "query": query}


def _quoted(value: str) -> str:
    """Quote a text; JSON's way is YAML's too."""
    return json.dumps(str(value))
