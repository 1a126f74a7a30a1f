"""The exercises of lesson 4.1, Serve a model."""

from __future__ import annotations

import contextlib
import functools
import json
import random
import sys
import tempfile
import types
from collections import Counter
from pathlib import Path
from typing import Any
from unittest import mock

from helpers.course.exercises.calls import ReplyError, kind_of, run
from helpers.course.exercises.judges import as_number, as_numbers, number
from helpers.course.exercises.texts import replies


def _prepared(answer: Any) -> str | None:
    import keras
    import numpy as np

    says, rng = replies("4.1-a"), np.random.default_rng(1)
    income = np.exp(rng.normal(9.5, 0.5, 540)).round()
    train, rows = np.split(np.where(rng.random(540) < 0.15, -1.0, income), [500])
    about = f"500 incomes, from {income.min():,.0f} to {income.max():,.0f}, or -1 for a gap."
    made = run(answer, train, about=about)
    names = [one.name for one in made.inputs] if isinstance(made, keras.Model) else kind_of(made)
    if names != ["income"]:
        return f"{says['made']}; got {names}."

    def ask(some: np.ndarray) -> np.ndarray:
        feed = keras.tree.map_structure(lambda _: some[:, None].astype("float32"), made.input)
        return as_numbers(run(made, feed, about=about), (len(some), 1), "scaled incomes")[:, 0]

    got, alone, known = ask(rows), ask(rows[:1]), train[train >= 0]
    right = np.where(rows < 0, 0, (rows - known.mean()) / known.std())
    about = f"It was called with {about}"
    if abs(alone - got[0]) > 0.01:
        return f"{says['alone']} {about}"
    if np.abs(got - right)[rows < 0].max() > 0.01:
        return f"A gap became {got[rows < 0][0]:.2f}: {says['gap']} {about}"
    if (off := np.abs(got - right).max()) > 0.01:
        return f"Known incomes are off by up to {off:.2f}. {says['known']} {about}"
    return None


class _Stub:  # of a model server with three inputs
    def score(self, columns: dict[str, Any], label: str) -> Any:
        plain = columns["income"] / 1e5 + columns["age"] / 1e3 + (label == "canary")
        return (plain + [len(word) / 100 for word in columns["purpose"]]) / 3

    def Predict(self, request: Any, timeout: float | None = None) -> Any:  # noqa: N802
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2

        says, spec = replies("4.1-b"), getattr(request, "model_spec", None)
        if not isinstance(request, predict_pb2.PredictRequest) or spec.name != "credit":
            raise ReplyError(says["model"])
        late = not 0 < (timeout or 0) <= 60
        if late or spec.WhichOneof("version_choice") != "version_label":
            raise ReplyError(says["timeout" if late else "label"])
        if {*request.inputs} != {"age", "income", "purpose"}:
            raise ReplyError(f"INVALID_ARGUMENT: the inputs sent are {sorted(request.inputs)}.")
        columns = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
        for name, values in columns.items():
            if values.dtype != (object if name == "purpose" else "float32") or values.ndim != 2:
                came = f"{name} came as {values.dtype} of shape {values.shape}"
                raise ReplyError(f"INVALID_ARGUMENT: {came}. {says['signature']}")
        if len(values) > 100:
            raise ReplyError(f"RESOURCE_EXHAUSTED: {len(values)} rows in one request.")
        score = self.score({name: v[:, 0] for name, v in columns.items()}, spec.version_label)
        output = {"default_probability": tf.make_tensor_proto(score[:, None], tf.float32)}
        return types.SimpleNamespace(outputs=output)


def _grpc(answer: Any) -> str | None:
    import numpy as np

    for rows, label in ((3, "stable"), (250, "canary"), (100, "stable")):
        rng, stub = np.random.default_rng(rows), _Stub()
        columns = {"age": rng.integers(18, 80, rows), "income": rng.normal(3e4, 5e3, rows)}
        columns["purpose"] = rng.choice(np.array(["car", "renovation", "moving"], object), rows)
        about = f"a stub, columns of {rows} rows and {label!r}."
        scores = as_numbers(run(answer, stub, columns, label, about=about), (rows,), "scores")
        if not np.allclose(scores, stub.score(columns, label), atol=1e-4):
            return f"{replies('4.1-b')['order']} It was called with {about}"
    return None


@mock.patch("helpers.serving.config.model_config", side_effect=ReplyError("docker_files wrote it."))
def _config(answer: Any, _: Any) -> str | None:
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2 as config

    for versions, labels in (([1, 2], {"stable": 1, "canary": 2}), ([7], {}), ([9, 4], {"old": 4})):
        about = f"It was called with 'risk', '/models/risk', {versions} and {labels}."
        text = run(answer, "risk", "/models/risk", [*versions], {**labels}, about=about[19:])
        try:
            read = text_format.Parse(str(text), config.ModelServerConfig()).model_config_list.config
        except text_format.ParseError as error:
            return f"No server can read this {type(text).__name__}; line:column {error} {about}"
        found = read[0] if len(read) == 1 else config.ModelConfig()
        for field, seen, right in (
            ("name", found.name, "risk"), ("base_path", found.base_path, "/models/risk"),
            ("model_platform", found.model_platform, "tensorflow"),
            ("policy", found.model_version_policy.WhichOneof("policy_choice"), "specific"),
            ("versions", sorted(found.model_version_policy.specific.versions), sorted(versions)),
            ("labels", dict(found.version_labels), labels),
        ):  # fmt: skip
            if seen != right:
                return f"{field} is read as {seen!r}. {replies('4.1-c')[field]} {about}"
    try:
        run(answer, "risk", "/models/risk", [3, 4], {"stable": 2})
    except ReplyError as failure:
        return None if isinstance(failure.__cause__, ValueError) else str(failure)
    return replies("4.1-c")["label"]


class _Server:
    """As strict as TensorFlow Serving: a label moves at once, even to a version not loaded."""

    def __init__(self, versions: list[int], labels: dict[str, int], broken: int | None) -> None:
        self.ready, self.wanted, self.broken, self.due = {*versions}, {*versions}, broken, 0
        self.labels, self.seen = dict(labels), {label: [] for label in labels}

    def traffic(self, times: int = 3) -> None:
        for _ in range(times):
            self.due -= 1
            if self.due <= 0:
                self.ready |= self.wanted - {self.broken}
            for name, got in self.seen.items():
                got.append(at if (at := self.labels.get(name)) in self.ready else "nobody")

    def configure(self, *, versions: Any = None, labels: Any = None) -> None:
        if versions is not None:
            self.wanted, self.due = {*versions}, 9
            self.ready &= self.wanted
        self.labels = self.labels if labels is None else dict(labels)
        self.traffic()

    def wait_for(self, version: int, state: str = "AVAILABLE", *, timeout: float = 60) -> None:
        self.traffic(12)
        if (version in self.ready) != (state == "AVAILABLE"):
            raise TimeoutError(f"version {version} is not {state} after {timeout} s")


def _roll_back(answer: Any) -> str | None:
    for versions, labels, to, broken in (
        ([2], {"stable": 2}, 1, None), ([2, 3], {"stable": 2, "canary": 3}, 1, None),
        ([5, 8], {"stable": 8, "partner": 8}, 5, None), ([7], {"stable": 7, "canary": 7}, 6, 6),
    ):  # fmt: skip
        server = _Server(versions, labels, broken)
        about = f"a server, {versions}, {labels} and {to}" + (", which is broken" * bool(broken))
        said = run(answer, server, [*versions], {**labels}, to, seconds=2, about=f"{about}.")
        server.traffic()
        told = f"It was called with {about}. Clients were answered by: " + "; ".join(
            f"{name} {dict(Counter(map(str, got)))}" for name, got in server.seen.items()
        )
        if any("nobody" in got for got in server.seen.values()):
            return f"Requests were lost. {told}"
        if (last := server.seen["stable"][-1]) != (labels["stable"] if broken else to):
            return f"At the end version {last} answers the clients of `stable`. {told}"
        if any({*got} != {labels[name]} for name, got in server.seen.items() if name != "stable"):
            return f"Clients of another label were moved as well. {told}"
        if said is not (broken is None):
            return f"It returned {said!r}; it should say whether it moved `stable`. {told}"
    return None


URL, _ROWS = "/v1/models/credit", [{"income": [float(income)]} for income in range(20_000, 20_040)]


@contextlib.contextmanager
def _caught(answer: Any) -> Any:
    answer.counted = answer.ok  # as Locust does where the task does not judge
    answer.success = lambda: vars(answer).update(counted=True)
    answer.failure = lambda exc: vars(answer).update(counted=False)
    yield answer


class _User:
    def request(self, method: str, url: str, **options: Any) -> Any:
        score = random.choice([0.2, 0.7, 7.0, -0.1, None])
        status, caught = 503 if score is None else 200, options.get("catch_response")
        text = json.dumps({"predictions": [[score]]} if status == 200 else {"error": "busy"})
        answer = types.SimpleNamespace(score=score, ok=status == 200, status_code=status, text=text)
        answer.json, answer.counted = lambda: json.loads(text), None if caught else answer.ok
        body = options.get("json") or options.get("data") or {}
        self.seen.append((method, url, json.loads(body) if isinstance(body, str) else body, answer))
        return _caught(answer) if caught else answer

    get = functools.partialmethod(request, "GET")
    post = functools.partialmethod(request, "POST")


def _play(text: str) -> tuple[list, list]:
    """Return waits and requests of a locustfile's user, without Locust: it rewrites sockets."""

    def task(weight: Any) -> Any:  # also @task in place of @task(3)
        return task(1)(weight) if callable(weight) else lambda f: setattr(f, "weight", weight) or f

    locust = types.ModuleType("locust")
    vars(locust).update(HttpUser=_User, FastHttpUser=_User, task=task)
    locust.constant = locust.constant_pacing = lambda seconds: lambda user: seconds
    locust.between = lambda low, high: lambda user: random.uniform(low, high)
    space: dict[str, Any] = {"__name__": "locustfile"}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("rows.json").write_text(json.dumps(_ROWS))
        with mock.patch.dict(sys.modules, locust=locust):
            exec(compile(text, "locustfile.py", "exec"), space)
        kind = [k for k in space.values() if isinstance(k, type) and issubclass(k, _User)][-1:]
        tasks = [one for one in vars(*kind).values() if hasattr(one, "weight")] if kind else []
        if not tasks or not hasattr(*kind, "wait_time"):
            raise ReplyError("Expected one subclass of HttpUser that has a wait_time and tasks.")
        user = kind[0]()
        user.client, user.seen = user, []
        getattr(user, "on_start", bool)()
        for one in tasks:
            for _ in range(int(2_400 * one.weight / sum(other.weight for other in tasks))):
                one(user)
        return [user.wait_time() for _ in range(200)], user.seen


def _locust(answer: Any) -> str | None:
    if not isinstance(answer, str):
        return f"Expected the text of a locustfile, got {kind_of(answer)}."
    says = replies("4.1-e")
    waits, seen = run(lambda: _play(answer), seconds=3, about=says["tasks"])
    posts = [body for method, _, body, _ in seen if method == "POST"]
    if min(waits) < 1 or max(waits) > 5 or max(waits) - min(waits) < 2:
        return f"The waits go from {min(waits):.1f} to {max(waits):.1f} s. {says['wait']}"
    wanted = {("POST", f"{URL}/labels/stable:predict"), ("GET", URL)}
    if strange := {one[:2] for one in seen} - wanted:
        return f"{' '.join(min(strange))}: {says['address']}"
    if not 0.71 < len(posts) / len(seen) < 0.79:
        return f"{len(posts) / len(seen):.0%} of the requests are POST. {says['share']}"
    if any(body not in [{"instances": [row]} for row in _ROWS] for body in posts):
        return says["body"]
    if len({str(body) for body in posts}) < 30:
        return says["cache"]
    for method, _, _, got in seen:
        if got.counted is not (got.ok and (method == "GET" or 0 <= got.score <= 1)):
            return f"Status {got.status_code}, {method}, score {got.score}: {says['counted']}"
    return None


PROMISES = {
    ("night", "p99 (ms)"): 20, ("afternoon", "busy (%)"): 35, ("Monday at nine", "p99 (ms)"): 80,
    ("Monday at nine", "refused (%)"): 0.1, ("flood", "refused (%)"): 60, ("flood", "p99 (ms)"): 85,
}  # fmt: skip


def _limits(answer: Any) -> str | None:
    from helpers.course.lesson_4_1.rehearsal import rehearse
    from helpers.serving.batching import Limits

    if not isinstance(answer, Limits):
        return f"Expected Limits of helpers.serving.batching, got {kind_of(answer)}."
    counts, says = [getattr(answer, name) for name in vars(answer)], replies("4.1-g")
    wait = as_number(counts.pop(1))
    whole = {*map(type, counts)} == {int} and 1 <= min(counts) <= max(counts) <= 4_096
    if not whole or wait is None or not 0 <= wait <= 1_000:
        return says["unit"]
    worlds = [rehearse(answer, seed) for seed in range(100, 120)]
    for (scene, column), most in PROMISES.items():
        found = [world.loc[scene, column] for world in worlds]
        if sum(value <= most for value in found) < 19:
            spread = f"{min(found):.1f} to {max(found):.1f}, promised {most}"
            return f"{scene}: {column} {spread}. {says[f'{scene}, {column}']}"
    return None


def _replicas(answer: Any) -> str | None:
    for case, (arguments, right) in {
        "first": ((150, 10, 100), 2), "target": ((150, 10, 60), 3), "tail": ((600, 10, 100), 7),
        "further": ((100_000, 12, 100), 1_201), "one": ((20, 10, 1_000), 1),
        "never": ((150, 10, 40), None), "small": ((1, 300, 1_000), None),
        "close": ((9_000, 2, 9.3), 24),
    }.items():  # fmt: skip
        got = run(answer, *arguments, seconds=2, about=f"replicas{arguments}: can any number do?")
        if (as_number(got) if right else got) != right:
            return f"{replies('4.1-h')[case]} replicas{arguments} returned {got!r}."
    return None


JUDGES = {
    "4.1-a": _prepared, "4.1-b": _grpc, "4.1-c": _config, "4.1-d": _roll_back, "4.1-e": _locust,
    "4.1-f": number(10, within=0.1, replies=replies("4.1-f")), "4.1-g": _limits, "4.1-h": _replicas,
}  # fmt: skip
