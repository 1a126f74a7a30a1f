"""The same roll-out as files for Kubernetes, KServe and Argo Rollouts.

The files are text with comments, made to be read. What a file of these cannot say (a sequential
test, a comparison of scores) is said in a comment where it is missing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from helpers.base import files
from helpers.rollout.analysis import ErrorRate, Latency
from helpers.rollout.canary import Rollout

_LABEL = re.compile(r"[a-z]([-a-z0-9]{0,45}[a-z0-9])?")  # room for suffixes below 63 characters


@dataclass(frozen=True)
class Plan(Mapping[str, str]):
    """Files of a roll-out, by name; made by :func:`plan`.

    Attributes
    ----------
    files : dict of str to str
        YAML text for each file name.
    """

    files: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.files[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)

    def __repr__(self) -> str:
        kinds = (
            (name, ", ".join(re.findall(r"^kind: (\w+)", text, re.M)))
            for name, text in self.files.items()
        )
        return "\n".join(f"{name:<16}{said}" for name, said in kinds)

    def write(self, folder: str | Path) -> list[Path]:
        """Write the files; ``kubectl apply --dry-run=server -f`` is the cluster's own check.

        Parameters
        ----------
        folder : str or pathlib.Path
            Made if it is missing; files of the same names are replaced.

        Returns
        -------
        list of pathlib.Path
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.files.items():
            files.write(folder / name, text)
        return [folder / name for name in self.files]


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
    """Write a roll-out down for the engines that run it on a cluster.

    Parameters
    ----------
    rollout : Rollout
        Its steps and its metrics of errors and latency are taken.
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
        Least and most pods.
    cpu, memory : str
        What each pod needs, in Kubernetes' units.
    prometheus : str
        Where Argo's analysis asks for measurements.
    gateway : str, default "public"
        Name of the cluster's Gateway, for Argo's split of the traffic.
    interval_s, looks : int
        Argo's analysis looks so many times at each step, so many seconds apart.

    Returns
    -------
    Plan
        ``kubernetes.yaml`` (the stable version, without a roll-out), ``kserve.yaml`` and
        ``argo.yaml``.

    Raises
    ------
    ValueError
        If a name is none in Kubernetes, or a step is not whole percents, which these engines need.

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
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} is {value!r}; expected a whole number, 1 or more")
    if max_replicas < replicas:
        raise ValueError(f"max_replicas is {max_replicas}; expected at least replicas, {replicas}")
    percents = [round(100 * step, 9) for step in rollout.steps]
    if any(percent != int(percent) for percent in percents):
        raise ValueError(
            f"steps are {rollout.steps}; KServe and Argo Rollouts split by whole percents only"
        )
    percents = [int(percent) for percent in percents]
    base = _Names(model, namespace, replicas, max_replicas)
    return Plan(
        {
            "kubernetes.yaml": _kubernetes(base, f"{image}:{stable_version}", cpu, memory),
            "kserve.yaml": _kserve(
                base, storage, stable_version, candidate_version, percents, cpu, memory
            ),
            "argo.yaml": _argo(
                base,
                rollout,
                percents,
                f"{image}:{candidate_version}",
                prometheus,
                gateway,
                interval_s,
                looks,
            ),
        }
    )


@dataclass(frozen=True)
class _Names:
    model: str
    namespace: str
    replicas: int
    max_replicas: int


def _kubernetes(base: _Names, image: str, cpu: str, memory: str) -> str:
    model, namespace = base.model, base.namespace
    return f"""\
# TensorFlow Serving on Kubernetes: apply with `kubectl apply -f kubernetes.yaml`.
# A change of the image replaces pod by pod (a rolling update), and looks at readiness only:
# a model that answers quickly and wrongly would go to all users. See argo.yaml.
apiVersion: v1
kind: ConfigMap
metadata:
  name: {model}-monitoring
  namespace: {namespace}
data:
  monitoring.config: |
    prometheus_config {{ enable: true, path: "/monitoring/prometheus/metrics" }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {model}
  namespace: {namespace}
  labels: {{app: {model}}}
spec:
  replicas: {base.replicas}
  selector:
    matchLabels: {{app: {model}}}
  strategy:
    type: RollingUpdate
    rollingUpdate: {{maxSurge: 1, maxUnavailable: 0}}  # never fewer pods than asked for
  template:
    metadata:
      labels: {{app: {model}}}
      annotations:
        prometheus.io/scrape: "true"
        prometheus.io/port: "8501"
        prometheus.io/path: /monitoring/prometheus/metrics
    spec:
      terminationGracePeriodSeconds: 30
      containers:
        - name: serving
          image: {_text(image)}  # the model is in the image; the tag is its version
          args:
            - --model_name={model}
            - --model_base_path=/models/{model}
            - --monitoring_config_file=/etc/serving/monitoring.config
            - --enable_batching=true
          ports:
            - {{name: grpc, containerPort: 8500}}
            - {{name: rest, containerPort: 8501}}
          readinessProbe:  # no traffic before the model is loaded
            httpGet: {{path: /v1/models/{model}, port: rest}}
            periodSeconds: 5
          livenessProbe:
            tcpSocket: {{port: grpc}}
            initialDelaySeconds: 30
          lifecycle:
            preStop:  # until every router knows that this pod is going
              exec: {{command: [sleep, "5"]}}
          resources:
            requests: {{cpu: {_text(cpu)}, memory: {_text(memory)}}}
            limits: {{memory: {_text(memory)}}}
          volumeMounts:
            - {{name: monitoring, mountPath: /etc/serving}}
      volumes:
        - name: monitoring
          configMap: {{name: {model}-monitoring}}
---
apiVersion: v1
kind: Service
metadata:
  name: {model}
  namespace: {namespace}
spec:
  selector: {{app: {model}}}
  ports:
    - {{name: rest, port: 8501, targetPort: rest}}
    - {{name: grpc, port: 8500, targetPort: grpc}}
---
{_autoscaler(base, "apps/v1", "Deployment")}"""


def _autoscaler(base: _Names, version: str, kind: str) -> str:
    return f"""\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {base.model}
  namespace: {base.namespace}
spec:
  scaleTargetRef: {{apiVersion: {version}, kind: {kind}, name: {base.model}}}
  minReplicas: {base.replicas}
  maxReplicas: {base.max_replicas}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target: {{type: Utilization, averageUtilization: 60}}
"""


def _kserve(
    base: _Names,
    storage: str,
    stable: int,
    candidate: int,
    percents: list[int],
    cpu: str,
    memory: str,
) -> str:
    storage = storage.rstrip("/")
    following = [str(percent) for percent in percents[1:-1]] + ["remove the line (100)"]
    return f"""\
# The canary as a KServe InferenceService (it needs KServe with Knative, which splits the traffic).
# KServe keeps the last revision that had all users: version {stable}, applied before with
# storageUri {storage}-{stable} and without canaryTrafficPercent.
# TensorFlow Serving wants a folder of versions: {candidate}/saved_model.pb is below the storageUri.
# KServe does not judge: someone, or a pipeline, changes the number and applies the file again.
# To roll back, set it to 0.
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {base.model}
  namespace: {base.namespace}
spec:
  predictor:
    canaryTrafficPercent: {percents[0]}  # then {", ".join(following)}
    minReplicas: {base.replicas}
    maxReplicas: {base.max_replicas}
    model:
      modelFormat: {{name: tensorflow}}
      protocolVersion: v1
      storageUri: {_text(f"{storage}-{candidate}")}
      resources:
        requests: {{cpu: {_text(cpu)}, memory: {_text(memory)}}}
        limits: {{cpu: {_text(cpu)}, memory: {_text(memory)}}}
"""


def _argo(
    base: _Names,
    rollout: Rollout,
    percents: list[int],
    image: str,
    prometheus: str,
    gateway: str,
    interval_s: int,
    looks: int,
) -> str:
    model, namespace = base.model, base.namespace
    metrics, left_out = _argo_metrics(rollout, model, prometheus, interval_s, looks)
    services = "".join(
        f"""\
apiVersion: v1
kind: Service
metadata:
  name: {model}-{role}
  namespace: {namespace}
spec:
  selector: {{app: {model}}}  # Argo adds the hash of the version
  ports:
    - {{name: rest, port: 8501, targetPort: rest}}
---
"""
        for role in ("stable", "canary")
    )
    steps = "".join(_argo_step(model, percent) for percent in percents[:-1])
    alpha = f"{100 * rollout.analysis.alpha:g} %"
    return f"""\
# The same canary as an Argo Rollouts plan. Apply kubernetes.yaml first, then this file, then start:
#   kubectl -n {namespace} set image deployment/{model} serving={image}
# Argo goes through the steps, asks Prometheus, and goes back by itself when an analysis fails.
# The split of the traffic needs the cluster's Gateway and Argo's plugin for the Gateway API.
{services}apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: {model}
  namespace: {namespace}
spec:
  parentRefs:
    - name: {gateway}
  rules:
    - matches:
        - path: {{type: PathPrefix, value: /v1/models/{model}}}
      backendRefs:  # Argo sets the weights
        - {{name: {model}-stable, port: 8501}}
        - {{name: {model}-canary, port: 8501}}
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata:
  name: {model}
  namespace: {namespace}
spec:
  replicas: {base.replicas}
  selector:
    matchLabels: {{app: {model}}}
  workloadRef:  # the pods are described once, in the Deployment
    apiVersion: apps/v1
    kind: Deployment
    name: {model}
    scaleDown: onsuccess
  strategy:
    canary:
      stableService: {model}-stable
      canaryService: {model}-canary
      trafficRouting:
        plugins:
          argoproj-labs/gatewayAPI:
            httpRoute: {model}
            namespace: {namespace}
      steps:
{steps}      # After the last step all users get the new version.
---
# Takes the place of the autoscaler in kubernetes.yaml: from now on Argo owns the pods.
{_autoscaler(base, "argoproj.io/v1alpha1", "Rollout")}---
# A look is a comparison with a fixed limit, {looks} at each step. Unlike helpers.rollout, Argo has
# no test that keeps the chance of a false rollback ({alpha} there) over all looks: failureLimit
# softens it. Nor does it wait for a number of requests: see to it that there are enough.
# Prometheus must keep the pods' label rollouts-pod-template-hash when it scrapes them.
# TensorFlow Serving does not measure: {", ".join(left_out) or "nothing that the plan asks for"}.
# Whoever wants it here exports it to Prometheus and adds a metric. An answer of NaN is OK to it.
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata:
  name: {model}
  namespace: {namespace}
spec:
  args:
    - name: canary
    - name: stable
  metrics:
{metrics}"""


def _argo_step(model: str, percent: int) -> str:
    scale = ""
    if percent == 0:
        scale = "        - setCanaryScale: {replicas: 1}  # the pod that mirrored requests go to\n"
    weight = f"        - setWeight: {percent}\n"
    back = "        - setCanaryScale: {matchTrafficWeight: true}\n" if percent == 0 else ""
    return f"""\
{scale}{weight}        - analysis:
            templates:
              - templateName: {model}
            args:
              - name: canary
                valueFrom: {{podTemplateHashValue: Latest}}
              - name: stable
                valueFrom: {{podTemplateHashValue: Stable}}
{back}"""


def _argo_metrics(
    rollout: Rollout, model: str, prometheus: str, interval_s: int, looks: int
) -> tuple[str, list[str]]:
    """Return the metrics that TensorFlow Serving measures, and the names of the others."""

    def rate(name: str, role: str, more: str = "") -> str:
        pods = f'model_name="{model}",rollouts_pod_template_hash="{{{{args.{role}}}}}"{more}'
        return f"rate(:tensorflow:serving:{name}{{{pods}}}[{max(2 * interval_s, 120)}s])"

    def errors(role: str) -> str:
        failed = rate("request_count", role, ',status!="OK"')
        return f"(sum({failed}) or vector(0)) / sum({rate('request_count', role)})"

    def quantile(role: str, q: float) -> str:
        return (
            f"histogram_quantile({q / 100:g}, sum by (le) ({rate('request_latency_bucket', role)}))"
        )

    written, left_out = [], []
    for metric in rollout.analysis.metrics:
        if isinstance(metric, ErrorRate):
            name, limit = "errors", metric.margin
            query = f"({errors('canary')})\n- ({errors('stable')})"
        elif isinstance(metric, Latency) and metric.limit_ms is None:
            name, limit = f"latency-p{metric.percentile:g}", metric.factor
            query = "\n/ ".join(quantile(role, metric.percentile) for role in ("canary", "stable"))
        elif isinstance(metric, Latency):
            name, limit = f"latency-within-{metric.limit_ms:g}ms", metric.limit_ms * 1000
            query = quantile("canary", metric.percentile)
        else:
            left_out.append(metric.name)
            continue
        lines = query.replace("\n", "\n            ")
        written.append(f"""\
    - name: {_text(name.replace(".", "-"))}
      interval: {interval_s}s
      count: {looks}
      failureLimit: {looks // 4}
      successCondition: result[0] <= {limit:g}
      provider:
        prometheus:
          address: {_text(prometheus)}
          query: |
            {lines}
""")
    if not written:
        raise ValueError(
            "the analysis has neither an ErrorRate nor a Latency, the only metrics that TensorFlow "
            "Serving measures; Argo's analysis would be empty"
        )
    return "".join(written), left_out


def _text(value: str) -> str:
    """Quote a text; JSON's way is YAML's too."""
    return json.dumps(str(value))
