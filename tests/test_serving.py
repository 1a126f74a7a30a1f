"""A server that speaks TensorFlow Serving's protocols, refuses politely and loses nothing."""

import asyncio
import base64
import json
import math
import os
import shutil
import socket
import stat
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pandas as pd
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.serving import ModelServer, ServingError, export, load_test, predict, read_log
from helpers.serving.batching import Batcher, Limits
from helpers.serving.errors import Refused
from helpers.serving.request_log import RequestLog

tf = pytest.importorskip("tensorflow")
import keras  # noqa: E402

FRAME = pd.DataFrame({"age": [30.0, 40.0, 50.0], "region": ["East", "West", "Moon"]})


def credit():
    """A table's model: strings and numbers go in, preprocessing is a part of it."""
    keras.utils.set_random_seed(1)
    age = keras.Input((1,), name="age")
    region = keras.Input((1,), dtype="string", name="region")
    known = keras.layers.StringLookup(vocabulary=["East", "West"], output_mode="one_hot")(region)
    scaled = keras.layers.Normalization(mean=40.0, variance=100.0)(age)
    both = keras.layers.Concatenate()([scaled, known])
    risk = keras.layers.Dense(1, activation="sigmoid", name="risk")(both)
    return keras.Model({"age": age, "region": region}, risk)


class Half(tf.Module):
    """y = x / 2 + plus, in many forms; the slow one multiplies matrices for a while."""

    def __init__(self, plus):
        super().__init__()
        self.plus = tf.Variable(float(plus))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def half(self, x):
        return {"y": x / 2 + self.plus}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2], tf.int64, "n"),
            tf.TensorSpec([None], tf.string, "s"),
            tf.TensorSpec([None], tf.bool, "b"),
            tf.TensorSpec([None], tf.float64, "d"),
            tf.TensorSpec([None], tf.uint8, "u"),
        ]
    )
    def types(self, n, s, b, d, u):
        return {"n": n, "s": s, "b": b, "d": d, "u": u, "raw_bytes": s}

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32, "x")])
    def scalar(self, x):
        return {"y": x * 2}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, "i")])
    def pick(self, i):
        return {"y": tf.gather(tf.constant([10.0, 20.0]), i)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def regress(self, examples):
        parsed = tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([], tf.float32)})
        return {"outputs": parsed["x"] / 2 + self.plus}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def classify(self, examples):
        x = tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([], tf.float32)})["x"]
        labels = tf.tile([["no", "yes"]], [tf.shape(x)[0], 1])
        return {"classes": labels, "scores": tf.transpose([1 - x, x])}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def slow(self, x):
        matrix = tf.fill([600, 600], 0.001 + 0.0 * x[0])
        for _ in tf.range(tf.cast(x[0], tf.int32)):
            matrix = tf.matmul(matrix, matrix) * 0.001
        return {"y": x + 0.0 * matrix[0, 0]}

    def signatures(self):
        names = ("types", "scalar", "pick", "regress", "classify", "slow")
        return {"serving_default": self.half, **{name: getattr(self, name) for name in names}}


def export_half(base, plus=0, **options):
    module = Half(plus)
    return export(module, base, signatures=module.signatures(), **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    base = tmp_path_factory.mktemp("models")
    export(credit(), base / "credit", warmup=FRAME)
    export_half(base / "half", 0)
    export_half(base / "moving", 1)
    export_half(base / "labelled", 1)
    export_half(base / "labelled", 2)
    return base


@pytest.fixture(scope="module")
def server(folder):
    models = {name: folder / name for name in ("credit", "half", "moving", "labelled")}
    log = folder / "log"
    with ModelServer(models, request_log=log, poll_seconds=0.1, timeout=200) as one:
        one.configure(name="labelled", versions="all", labels={"stable": 1, "canary": 2})
        one.wait_for(1, name="labelled")
        yield one


@pytest.fixture(scope="module")
def http(server):
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


def post(http, path, body):
    content = body if isinstance(body, bytes | str) else json.dumps(body)
    return http.post(f"/v1/models/{path}", content=content)


# What is exported


def test_versions_count_up_and_are_never_overwritten(tmp_path):
    assert export_half(tmp_path, 0) == tmp_path / "1"
    assert export_half(tmp_path, 0, version=7) == tmp_path / "7"
    (tmp_path / "9").write_text("not a version, but the name is taken")
    assert export_half(tmp_path, 0) == tmp_path / "10"
    with pytest.raises(FileExistsError, match="version is 7"):
        export_half(tmp_path, 0, version=7)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "10", "7", "9"]


def test_a_pushed_folder_is_exported_as_it_is(tmp_path, folder):
    place = export(folder / "credit" / "1", tmp_path, version=1700000000)
    pushed = (folder / "credit" / "1" / "saved_model.pb").read_bytes()
    assert (place / "saved_model.pb").read_bytes() == pushed
    with pytest.raises(ValueError, match=r"no saved_model\.pb"):
        export(tmp_path, tmp_path / "other")


def test_what_cannot_be_exported_leaves_nothing_behind(tmp_path):
    module = Half(0)
    with pytest.raises(ValueError, match="serving_default"):
        export(module, tmp_path, signatures={"half": module.half})
    with pytest.raises(TypeError, match="int; expected a Keras model"):
        export(3, tmp_path)
    with pytest.raises(ValueError, match="warmup lacks 'region'"):
        export(credit(), tmp_path, warmup=FRAME[["age"]])
    assert list(tmp_path.iterdir()) == []


def test_inputs_and_outputs_keep_the_names_they_were_given(server):
    signature = server.metadata("credit")["metadata"]["signature_def"]["signature_def"]
    assert set(signature["serving_default"]["inputs"]) == {"age", "region"}
    assert set(signature["serving_default"]["outputs"]) == {"risk"}


def test_a_sequential_model_with_a_further_signature(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="score")])

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "x")])
    def doubled(x):
        return {"twice": 2 * model(x)}

    loaded = tf.saved_model.load(str(export(model, tmp_path, signatures={"doubled": doubled})))
    rows = tf.constant([[1.0, 2.0]])
    score = loaded.signatures["serving_default"](inputs=rows)["score"]
    np.testing.assert_allclose(loaded.signatures["doubled"](x=rows)["twice"], 2 * score)


def test_a_model_that_does_not_know_its_inputs_says_what_to_do(tmp_path):
    class Unknown(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(ValueError, match="does not say what its inputs are"):
        export(Unknown(), tmp_path)


def test_a_model_with_one_unnamed_input_and_two_named_outputs(tmp_path):
    inputs = keras.Input((3,))
    a, b = keras.layers.Dense(1, name="a")(inputs), keras.layers.Dense(2, name="b")(inputs)
    loaded = tf.saved_model.load(str(export(keras.Model(inputs, [a, b]), tmp_path)))
    signature = loaded.signatures["serving_default"]
    assert list(signature.structured_input_signature[1]) == ["inputs"]
    assert set(signature.structured_outputs) == {"a", "b"}


# The answers


def test_rest_and_grpc_give_what_the_model_gives(server):
    tensors = {"age": tf.constant(FRAME[["age"]]), "region": tf.constant(FRAME[["region"]])}
    expected = credit()(tensors).numpy()
    rows = [{"age": [age], "region": [region]} for age, region in FRAME.itertuples(index=False)]
    for given_rows in (FRAME, rows, {name: list(FRAME[[name]].values) for name in FRAME}):
        for grpc in (False, True):
            answer = server.predict(given_rows, name="credit", grpc=grpc)
            np.testing.assert_allclose(answer, expected, rtol=1e-5)


def test_rows_are_answered_by_row_and_columns_by_column(http):
    assert post(http, "half:predict", {"instances": [1.0, 2, 5]}).json() == {
        "predictions": [0.5, 1.0, 2.5]
    }
    assert post(http, "half:predict", {"inputs": [1.0]}).json() == {"outputs": [0.5]}
    assert post(http, "half:predict", {"inputs": {"x": [1.0]}}).json() == {"outputs": [0.5]}
    columns = {"n": [[1, -2]], "s": ["é"], "b": [True], "d": [0.1], "u": [255]}
    row = {name: value[0] for name, value in columns.items()}
    encoded = {"b64": base64.b64encode("é".encode()).decode()}
    body = {"signature_name": "types", "inputs": columns}
    assert post(http, "half:predict", body).json() == {
        "outputs": {**columns, "raw_bytes": [encoded]}
    }
    body = {"signature_name": "types", "instances": [row, row]}
    answer = post(http, "half:predict", body).json()
    assert answer == {"predictions": [{**row, "raw_bytes": encoded}] * 2}


def test_base64_strings_are_decoded(http):
    text = {"b64": base64.b64encode(b"\xff\x00").decode()}
    row = {"n": [1, 2], "s": text, "b": False, "d": 0, "u": 0}
    answer = post(http, "half:predict", {"signature_name": "types", "instances": [row]}).json()
    assert answer["predictions"][0]["raw_bytes"] == text


def test_a_float32_is_written_with_the_digits_it_has(http):
    assert post(http, "half:predict", {"instances": [0.4]}).text == '{"predictions": [0.2]}'


def test_nan_and_infinity_go_in_and_out(http, server):
    answer = post(http, "half:predict", '{"instances": [NaN, Infinity, -Infinity, 1e300]}')
    assert answer.status_code == 400 and "does not fit float32" in answer.json()["error"]
    answer = post(http, "half:predict", '{"instances": [NaN, Infinity, -Infinity]}')
    assert answer.text == '{"predictions": [NaN, Infinity, -Infinity]}'
    assert math.isnan(server.predict([math.nan], name="half")[0])


def test_json_is_parsed_whatever_the_content_type(http):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "image/png"):
        headers = {"content-type": kind}
        answer = http.post(
            "/v1/models/half:predict", content='{"instances": [1.0]}', headers=headers
        )
        assert answer.json() == {"predictions": [0.5]}


def test_examples_are_classified_and_regressed(http):
    rows = {"examples": [{"x": 0.25}, {"x": 1.0}]}
    body = {"signature_name": "regress", **rows}
    assert post(http, "half:regress", body).json() == {"results": [0.125, 0.5]}
    body = {"signature_name": "regress", "context": {"x": 3.0}, "examples": [{}, {}]}
    assert post(http, "half:regress", body).json() == {"results": [1.5, 1.5]}
    body = {"signature_name": "classify", **rows}
    assert post(http, "half:classify", body).json() == {
        "results": [[["no", 0.75], ["yes", 0.25]], [["no", 0.0], ["yes", 1.0]]]
    }
    wrong = post(http, "half:classify", {**rows, "signature_name": "regress"})
    assert wrong.status_code == 400 and "not for classify" in wrong.json()["error"]


def test_status_and_metadata_have_tensorflow_servings_form(http):
    assert http.get("/v1/models/half").json() == {
        "model_version_status": [
            {
                "version": "1",
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
        ]
    }
    metadata = http.get("/v1/models/half/versions/1/metadata").json()
    assert metadata["model_spec"] == {"name": "half", "signature_name": "", "version": "1"}
    default = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert default["inputs"]["x"]["dtype"] == "DT_FLOAT"
    assert default["inputs"]["x"]["tensor_shape"] == {
        "dim": [{"size": "-1", "name": ""}],
        "unknown_rank": False,
    }
    assert default["method_name"] == "tensorflow/serving/predict"


def test_labels_choose_versions_and_move(server, http):
    def half_of(address):
        return post(http, f"labelled{address}:predict", {"instances": [0.0]}).json()

    assert half_of("/labels/stable") == half_of("/versions/1") == {"predictions": [1.0]}
    assert half_of("/labels/canary") == half_of("") == {"predictions": [2.0]}
    server.configure(name="labelled", labels={"stable": 2, "future": 9})
    deadline = time.monotonic() + 10
    while half_of("/labels/stable") != {"predictions": [2.0]} and time.monotonic() < deadline:
        time.sleep(0.05)
    assert half_of("/labels/stable") == {"predictions": [2.0]}
    assert half_of("/labels/canary") == {"error": "Unrecognized servable version label: canary"}
    assert half_of("/labels/future") == {"error": "Unrecognized servable version label: future"}
    assert predict(server.grpc_address, [0.0], model="labelled", label="stable") == [2.0]


def test_grpc_tells_status_and_refuses_with_a_code(server):
    import grpc
    from tensorflow_serving.apis import (
        get_model_status_pb2,
        model_service_pb2_grpc,
        predict_pb2,
        prediction_service_pb2_grpc,
    )

    with grpc.insecure_channel(server.grpc_address) as channel:
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = "half"
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        (status,) = stub.GetModelStatus(request, timeout=30).model_version_status
        assert (status.version, status.state) == (1, status.AVAILABLE)
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        bad = predict_pb2.PredictRequest()
        codes = []
        for name, tensor in (("", 1.0), ("other", 1.0), ("half", "text"), ("half", 1.0)):
            bad.model_spec.name = name
            bad.inputs["x"].CopyFrom(tf.make_tensor_proto(tensor))
            with pytest.raises(grpc.RpcError) as caught:
                stub.Predict(bad, timeout=30)
            codes.append(caught.value.code().name)
            assert "Traceback" not in caught.value.details()
        assert codes == ["INVALID_ARGUMENT", "NOT_FOUND", "INVALID_ARGUMENT", "INVALID_ARGUMENT"]
        bad.inputs["x"].CopyFrom(tf.make_tensor_proto([2.0]))
        bad.inputs["x"].tensor_content = b"123"
        with pytest.raises(grpc.RpcError) as caught:
            stub.Predict(bad, timeout=30)
        assert caught.value.code().name == "INVALID_ARGUMENT"
        huge = predict_pb2.PredictRequest()
        huge.model_spec.name = "half"
        huge.inputs["x"].CopyFrom(tf.make_tensor_proto(np.zeros(17 * 2**20, np.float32)))
        with pytest.raises(grpc.RpcError) as caught:
            stub.Predict(huge, timeout=60)
        assert caught.value.code().name == "RESOURCE_EXHAUSTED"


# The mistakes

DEEP = "[" * 100_000 + "]" * 100_000
MISTAKES = [
    ("POST", "half:predict", "", 400, "document is empty"),
    ("POST", "half:predict", "instances = [1]", 400, "JSON Parse error"),
    ("POST", "half:predict", b"\xff\xfe\x00", 400, "JSON Parse error"),
    ("POST", "half:predict", f'{{"instances": {DEEP}}}', 400, "too deeply"),
    ("POST", "half:predict", '{"instances": [1' + "0" * 5000 + "]}", 400, "JSON Parse error"),
    ("POST", "half:predict", "[1.0]", 400, "Is not object"),
    ("POST", "half:predict", "{}", 400, "Missing 'inputs' or 'instances'"),
    ("POST", "half:predict", '{"instances": [1.0], "inputs": [1.0]}', 400, "only one of"),
    ("POST", "half:predict", '{"instances": 1.0}', 400, "to be a list"),
    ("POST", "half:predict", '{"instances": []}', 400, "No values"),
    ("POST", "half:predict", '{"instances": ["1.0"]}', 400, "not of expected type: float32"),
    ("POST", "half:predict", '{"instances": [1.0, true]}', 400, "true is not of expected type"),
    ("POST", "half:predict", '{"instances": [null]}', 400, "null is not of expected type"),
    ("POST", "half:predict", '{"instances": [16777217]}', 400, "without loss of precision"),
    ("POST", "half:predict", '{"instances": [[1.0], [1.0, 2.0]]}', 400, "unequal size"),
    ("POST", "half:predict", '{"instances": [1.0, [1.0]]}', 400, "not of expected type"),
    ("POST", "half:predict", '{"instances": [[1.0]]}', 400, "expects [?]"),
    ("POST", "half:predict", '{"inputs": 1.0}', 400, "expects [?]"),
    ("POST", "half:predict", '{"instances": [{"z": 1.0}]}', 400, "keys must be equal to: x"),
    ("POST", "half:predict", '{"instances": [{"x": 1.0}, 1.0]}', 400, "element: 1"),
    ("POST", "half:predict", '{"inputs": {"z": [1.0]}}', 400, "Missing named input: x"),
    ("POST", "half:predict", '{"signature_name": 1, "instances": [1.0]}', 400, "string value"),
    ("POST", "half:predict", '{"signature_name": "no", "instances": [1]}', 400, '"no" not found'),
    ("POST", "credit:predict", '{"instances": [[1.0]]}', 400, "list of objects"),
    ("POST", "credit:predict", '{"inputs": [[1.0]]}', 400, "expecting an object"),
    (
        "POST",
        "half:predict",
        '{"signature_name": "scalar", "instances": [1.0]}',
        400,
        "expects []",
    ),
    ("POST", "half:predict", '{"signature_name": "pick", "instances": [1.0]}', 400, "int32"),
    ("POST", "half:predict", '{"signature_name": "pick", "instances": [7]}', 400, "not in [0, 2)"),
    ("POST", "half:regress", '{"examples": []}', 400, "at least one"),
    ("POST", "half:regress", '{"examples": [{"x": [1, "a"]}]}', 400, "unexpected JSON type"),
    ("POST", "half:regress", '{"examples": [{"x": null}]}', 400, "unexpected JSON type"),
    ("POST", "other:predict", '{"instances": [1.0]}', 404, "Latest(other)"),
    ("POST", "half/versions/5:predict", '{"instances": [1.0]}', 404, "Specific(half, 5)"),
    ("POST", "half/labels/x:predict", '{"instances": [1.0]}', 400, "label: x"),
    ("POST", "half/versions/9999999999999999999:predict", "{}", 400, "to numeric"),
    ("POST", "half/versions/one:predict", "{}", 400, "Malformed request"),
    ("POST", "half", "{}", 400, "Malformed request"),
    ("PUT", "half:predict", "{}", 400, "Malformed request"),
    ("BREW", "half:predict", "{}", 400, "Malformed request"),
    ("GET", "half:predict", "", 400, "Malformed request"),
    ("GET", "half/versions/9", "", 404, "Could not find version 9 of model half"),
    ("GET", "other", "", 404, "Could not find any versions of model other"),
    ("GET", "half/versions/9/metadata", "", 404, "Specific(half, 9)"),
    ("GET", "..%2F..%2Fetc%2Fpasswd", "", 404, "any versions of model ../../etc/passwd"),
    ("GET", "%00", "", 404, "any versions"),
    ("GET", "half%2Fversions", "", 404, "any versions"),
    ("GET", "", "", 400, "Missing model name"),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    MISTAKES,
    ids=[str(n) for n in range(len(MISTAKES))],
)
def test_a_mistake_is_answered_with_what_is_wrong(http, method, path, body, status, says):
    answer = http.request(method, f"/v1/models/{path}", content=body)
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]
    assert says in answer.json()["error"]
    assert "Traceback" not in answer.text
    assert answer.status_code == status


def test_paths_outside_the_api_are_not_found(http):
    for path in ("/", "/docs", "/openapi.json", "/v2/models/half", "/%2e%2e/etc/passwd"):
        answer = http.get(path)
        assert answer.status_code == 404 and "error" in answer.json(), path


def test_a_body_of_more_than_64_mebibytes_is_refused_and_one_of_less_is_read(http):
    answer = post(http, "half:predict", b" " * (65 * 2**20))
    assert answer.status_code == 413 and "64 MiB" in answer.json()["error"]
    body = b'{"instances": [1.0]' + b" " * (63 * 2**20) + b"}"
    assert post(http, "half:predict", body).json() == {"predictions": [0.5]}


KEYS = ["instances", "inputs", "signature_name", "x", "b64", "examples", "context", "n", "s"]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=5)
    | st.sampled_from(["types", "scalar", "pick", "regress", "classify", "serving_default"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
    ),
    max_leaves=8,
)
BODIES = st.binary(max_size=50) | st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4).map(
    lambda value: json.dumps(value).encode()
)
PLACES = st.sampled_from(["half", "credit", "half/versions/1", "half/labels/x"]) | st.text(
    st.sampled_from("ahlf:/%.0\\ é?#"), max_size=12
)


@settings(
    max_examples=1_000,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(place=PLACES, call=st.sampled_from(["predict", "classify", "regress"]), body=BODIES)
def test_whatever_is_sent_the_server_stays_polite(http, place, call, body):
    answer = http.post(f"/v1/models/{place}:{call}", content=body)
    assert answer.status_code in (200, 400, 404)
    assert answer.status_code == 200 or list(answer.json()) == ["error"]


def test_after_all_that_it_still_serves_and_has_nothing_to_complain_of(http, server):
    assert post(http, "half:predict", {"instances": [1.0]}).json() == {"predictions": [0.5]}
    assert "Traceback" not in server.log


# Versions


class Users:
    """Ask without a pause, and note what comes back."""

    def __init__(self, server, name, count=4):
        self.url = f"{server.model_url(name)}:predict"
        self.seen, self.lost = [], []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(count)]

    def _ask(self):
        with httpx.Client(timeout=30) as client:
            while not self._stop.is_set():
                try:
                    answer = client.post(self.url, json={"instances": [0.0]})
                except httpx.HTTPError as error:
                    self.lost.append(repr(error))
                    continue
                if answer.status_code == 200:
                    self.seen.append(answer.json()["predictions"][0])
                else:
                    self.lost.append(answer.text)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_no_request_is_lost_while_versions_come_break_and_go(server, folder):
    base = folder / "moving"
    with Users(server, "moving") as users:
        export_half(base, 2)
        server.wait_for(2, name="moving")
        server.wait_for(1, "END", name="moving")

        broken = folder / "broken"
        shutil.copytree(base / "2", broken)
        shutil.rmtree(broken / "variables")
        broken.rename(base / "3")
        server.wait_for(3, "END", name="moving")
        status = server.status("moving")
        assert status.loc[3, "error_code"] != "OK" and status.loc[3, "error_message"]
        assert status.loc[2, "state"] == "AVAILABLE"

        shutil.copytree(base / "2" / "variables", base / "3" / "variables")  # mended
        server.wait_for(3, name="moving")
        server.wait_for(2, "END", name="moving")
        shutil.rmtree(base / "3")  # removed: the version before comes back first
        server.wait_for(2, name="moving")
        server.wait_for(3, "END", name="moving")
    assert users.lost == []
    assert users.seen[0] == 1.0 and users.seen[-1] == 2.0


def test_a_removed_version_finishes_what_it_has_begun(server, folder):
    base = folder / "moving"
    export_half(base, 5, version=50)
    server.wait_for(50, name="moving")
    url = f"{server.model_url('moving', version=50)}:predict"
    with ThreadPoolExecutor(1) as threads:
        body = {"signature_name": "slow", "instances": [200.0]}
        answer = threads.submit(httpx.post, url, json=body, timeout=120)
        while "predict" not in httpx.get(f"{server.url}/monitoring/prometheus/metrics").text:
            time.sleep(0.01)
        time.sleep(0.2)
        shutil.rmtree(base / "50")
        assert answer.result().json() == {"predictions": [200.0]}
    server.wait_for(50, "END", name="moving")
    assert httpx.post(url, json={"instances": [1.0]}).status_code == 404


def test_things_in_the_folder_that_are_no_versions_are_passed_by(server, folder):
    for name in (".export-x", "latest", "²", "-3"):
        (folder / "half" / name).mkdir()
    (folder / "half" / "7").write_text("a file")
    time.sleep(0.3)
    assert list(server.status("half").index) == [1]


# Batching, without a server


def batcher(run, batchable=True, **limits):
    return Batcher(run, batchable, Limits(**limits), ThreadPoolExecutor(4))


def rows(*values):
    return {"x": np.array(values)}


def gather(batcher, *requests):
    async def all_of_them():
        asked = [asyncio.create_task(batcher.submit(request)) for request in requests]
        return await asyncio.gather(*asked, return_exceptions=True)

    return asyncio.run(all_of_them())


def test_waiting_requests_run_together_and_each_gets_its_own():
    sizes = []

    def double(inputs):
        sizes.append(len(inputs["x"]))
        time.sleep(0.05)
        return {"y": inputs["x"] * 2}

    one = batcher(double, max_batch_size=8, num_batch_threads=1)
    answers = gather(one, *(rows(n, n + 0.5) for n in range(6)))
    assert [list(answer["y"]) for answer in answers] == [[2 * n, 2 * n + 1] for n in range(6)]
    assert sizes == [2, 8, 2]


def test_a_lone_request_waits_no_longer_than_the_timeout():
    one = batcher(lambda inputs: inputs, max_batch_size=8, batch_timeout_ms=50)
    begun = time.monotonic()
    gather(one, rows(1))
    assert time.monotonic() - begun >= 0.05


def test_one_bad_request_does_not_spoil_its_batch():
    def picky(inputs):
        time.sleep(0.02)
        if (inputs["x"] < 0).any():
            raise ValueError("negative")
        return {"y": inputs["x"]}

    answers = gather(batcher(picky, num_batch_threads=1), rows(1), rows(2), rows(-1), rows(3))
    assert [type(answer) for answer in answers] == [dict, dict, ValueError, dict]


def test_rows_of_different_shape_and_functions_of_the_whole_are_not_mixed():
    seen = []

    def total(inputs):
        seen.append(inputs["x"].shape)
        return {"y": inputs["x"].sum(keepdims=True).reshape(1)}

    requests = [{"x": np.ones((1, 2))}, {"x": np.ones((1, 3))}, {"x": np.ones((1, 3))}]
    answers = gather(batcher(total, num_batch_threads=1), *requests)
    assert [float(answer["y"][0]) for answer in answers] == [2, 3, 3]
    assert (1, 5) not in seen


def test_a_full_queue_refuses_and_later_takes_again():
    def slow(inputs):
        time.sleep(0.05)
        return inputs

    one = batcher(slow, max_batch_size=1, max_enqueued_batches=2, num_batch_threads=1)
    answers = gather(one, *(rows(n) for n in range(10)))
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    assert len(refused) == 7 and {answer.http for answer in refused} == {503}


# Metrics and log


def test_metrics_have_tensorflow_servings_names(http):
    post(http, "half:predict", {"instances": [1.0]})
    post(http, "nobody:predict", {"instances": [1.0]})
    page = http.get("/monitoring/prometheus/metrics")
    assert page.headers["content-type"].startswith("text/plain")
    assert ':tensorflow:serving:request_count{model_name="half",status="OK"}' in page.text
    assert ':tensorflow:serving:request_latency_bucket{API="predict",entrypoint="REST"' in page.text
    assert "nobody" not in page.text, "names that clients invent must not become time series"


def test_what_was_served_can_be_read_back(server):
    before = len(read_log(server.request_log))
    answer = server.predict(FRAME, name="credit")
    deadline = time.monotonic() + 10
    while len(read_log(server.request_log)) < before + 3 and time.monotonic() < deadline:
        time.sleep(0.1)
    log = read_log(server.request_log).query("model == 'credit'").tail(3)
    assert list(log["input.age"]) == list(FRAME["age"])
    assert list(log["input.region"]) == list(FRAME["region"])
    np.testing.assert_allclose(log["output.risk"], answer[:, 0])
    assert set(log["version"]) == {1} and (log["latency_ms"] > 0).all()
    with pytest.raises(FileNotFoundError, match="request_log"):
        read_log(server.request_log / "nowhere")


def test_an_entry_unlike_the_others_does_not_end_the_log(tmp_path):
    log = RequestLog(tmp_path, sampling=1.0)
    for value in (b"text", b"\xff", b"text again"):
        tensors = {"s": np.array([value], object)}
        log.offer(("m", 1, "serving_default"), "REST", 0.01, tensors, tensors)
        log.flush()
    assert list(read_log(tmp_path)["input.s"]) == [b"text", b"\xff", b"text again"]


def test_a_load_test_counts_every_request(server):
    states = []
    result = load_test(
        f"{server.model_url('half')}:predict",
        [{"instances": [1.0]}, {"instances": ["wrong"]}],
        users=[1, 3],
        duration=1,
        progress=states.append,
    )
    assert list(result.table.index) == [1, 3]
    assert set(result.requests["status"]) == {200, 400}
    assert result.table["failures"].sum() == (~result.requests["ok"]).sum() > 0
    assert (result.table["p50_ms"] <= result.table["p99_ms"]).all()
    for users, part in result.requests.groupby("users"):  # Little's law: all are always asking
        asking = len(part) / result.seconds[users] * part["latency_ms"].mean() / 1_000
        assert abs(asking / users - 1) < 0.1
    assert states[-1]["users"] == 3
    axes = result.plot()
    assert axes.get_xlabel() == "latency (ms)"


def test_a_load_test_of_a_server_that_is_gone_counts_failures_and_ends():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    result = load_test(f"http://127.0.0.1:{port}", users=2, duration=0.5, warmup=0)
    assert len(result.requests) and set(result.requests["status"]) == {0}


def test_a_load_test_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="users is 0"):
        load_test("http://127.0.0.1:1", users=0)
    with pytest.raises(ValueError, match="url is 'x'"):
        load_test("x")


# Processes


def gone(pids, seconds=5):
    def runs(pid):
        try:
            return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    deadline = time.monotonic() + seconds
    while any(map(runs, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(runs, pids))


def test_a_port_that_is_taken_is_named(server, folder):
    port = int(server.url.rsplit(":", 1)[1])
    with pytest.raises(RuntimeError, match=f"rest_port is {port}, which cannot be used"):
        ModelServer(folder / "half", rest_port=port)
    assert server.predict([1.0], name="half") == [0.5]


def test_what_cannot_be_served_is_said_before_anything_starts(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        ModelServer(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="has no version"):
        ModelServer(tmp_path)
    with pytest.raises(ValueError, match="expected one of auto"):
        ModelServer(tmp_path, backend="flask")
    (tmp_path / "model" / "1").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=r"versions is \[2\]; .* has \[1\]"):
        ModelServer(tmp_path / "model", versions=[2])
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="not on PATH; install"):
        ModelServer(tmp_path, backend="tensorflow_model_server")
    with pytest.raises(FileNotFoundError, match="no Docker engine answers"):
        ModelServer(tmp_path, backend="docker")
    (tmp_path / "models.config").write_text("no such thing {")
    with pytest.raises(ValueError, match=r"no models\.config"):
        ModelServer(tmp_path / "models.config")


def test_the_program_runs_with_the_same_folder_file_and_client(tmp_path, folder, monkeypatch):
    """The program is played by the embedded server, which takes the same flags.

    Its queue is as small as can be, so it shows too what a full queue answers.
    """
    program = tmp_path / "tensorflow_model_server"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m helpers.serving "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    config = tmp_path / "models.config"
    config.write_text(
        "model_config_list { config { name: 'slow' model_platform: 'tensorflow' base_path: "
        f"'{folder / 'labelled'}' model_version_policy {{ specific {{ versions: 1 }} }} "
        "version_labels { key: 'stable' value: 1 } } }"
    )
    with ModelServer(
        config,
        backend="tensorflow_model_server",
        max_batch_size=1,
        max_enqueued_batches=1,
        num_batch_threads=1,
        timeout=200,
    ) as server:
        pids = [server.pid, *(p.pid for p in psutil.Process(server.pid).children(recursive=True))]
        assert len(pids) >= 2
        assert server.predict([1.0], label="stable") == [1.5]
        body = {"signature_name": "slow", "instances": [100.0]}
        with ThreadPoolExecutor(8) as threads:
            send = [
                threads.submit(httpx.post, f"{server.model_url()}:predict", json=body, timeout=120)
                for _ in range(8)
            ]
            answers = [each.result() for each in send]
        refused = [answer for answer in answers if answer.status_code == 503]
        assert {answer.status_code for answer in answers} == {200, 503}
        assert all(answer.headers["retry-after"] == "1" for answer in refused)
        assert "queue" in refused[0].json()["error"]
        assert server.predict([1.0]) == [1.5]
        with pytest.raises(ValueError, match="which rules"):
            server.configure(labels={})
    assert gone(pids)


# Plays `docker`: answers `info`, and runs the embedded server as the image would, with the ports
# and folders that `-p` and `-v` give it.
DOCKER = """
import os, sys
if sys.argv[1] != "run":
    sys.exit(0)
given, flags = sys.argv[2:], []
at = given.index("tensorflow/serving")
pairs = list(zip(given[:at], given[1:at]))
ports = dict(value.split(":")[:0:-1] for name, value in pairs if name == "-p")
folders = {inside: outside for outside, inside, _ in
           (value.split(":") for name, value in pairs if name == "-v")}
config = open(folders["/serving"] + "/models.config").read()
for inside, outside in folders.items():
    config = config.replace('"' + inside + '"', '"' + outside + '"')
seen = sys.argv[0] + ".config"
open(seen, "w").write(config)
for flag in given[at + 1:]:
    flags.append("--model_config_file=" + seen if "config_file" in flag else
                 flag.replace("=/serving/", "=" + folders["/serving"] + "/"))
ports = ["--rest_api_port=" + ports["8501"], "--port=" + ports["8500"]]
os.execv(sys.executable, [sys.executable, "-m", "helpers.serving", *flags, *ports])
"""


def test_docker_is_given_the_folder_and_the_ports(tmp_path, folder, monkeypatch):
    docker = tmp_path / "docker"
    docker.write_text(f"#!{sys.executable}\n{DOCKER}")
    docker.chmod(docker.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with ModelServer(folder / "half", "half", backend="docker", timeout=200) as server:
        assert server.backend == "docker"
        assert server.predict([1.0]) == [0.5]
        assert predict(server.grpc_address, [1.0], model="half") == [0.5]
        pid = server.pid
    assert gone([pid])


def test_it_listens_on_this_machine_only(server):
    listening = [
        one
        for one in psutil.Process(server.pid).net_connections(kind="inet")
        if one.status == psutil.CONN_LISTEN
    ]
    assert len(listening) == 2
    assert {one.laddr.ip.removeprefix("::ffff:") for one in listening} == {"127.0.0.1"}


def test_a_server_that_does_not_answer_is_a_clear_error():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ServingError, match="does not answer"):
        predict(f"http://127.0.0.1:{port}", [1.0])
    with pytest.raises(ServingError, match="UNAVAILABLE"):
        predict(f"127.0.0.1:{port}", [1.0], timeout=2)
