"""A server that speaks TensorFlow Serving's protocols, refuses politely and loses nothing."""

import asyncio
import base64
import gzip
import json
import math
import re
import shlex
import shutil
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import httpx
import numpy as np
import pandas as pd
import psutil
import pytest
from fake_models import FakeModel, until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.serving import (
    ModelServer,
    ServingError,
    docker_files,
    export,
    load_test,
    predict,
    read_log,
)
from helpers.serving.batching import Batcher, Limits
from helpers.serving.errors import RequestError
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

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def slow(self, x):
        matrix = tf.fill([600, 600], 0.001 + 0.0 * x[0])
        for _ in tf.range(tf.cast(x[0], tf.int32)):
            matrix = tf.matmul(matrix, matrix) * 0.001
        return {"y": x + 0.0 * matrix[0, 0]}

    def signatures(self):
        names = ("types", "scalar", "pick", "slow")
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
    with httpx.Client(base_url=server.url, timeout=300) as client:
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
    assert answer.text == '{"predictions": [NaN, Infinity, -Infinity, Infinity]}'
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
    assert until(lambda: half_of("/labels/stable") == {"predictions": [2.0]})
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
        for name, tensor in (("", 1.0), ("other", 1.0), ("half", "text"), ("half", 1)):
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
    ("POST", "half:predict", '{"instances": [[1.0], [1.0, 2.0]]}', 400, "unequal size"),
    ("POST", "half:predict", '{"instances": [1.0, [1.0]]}', 400, "not of expected type"),
    (
        "POST",
        "credit:predict",
        '{"inputs": {"age": [[1]], "region": [["x"], ["y"]]}}',
        400,
        "ConcatOp",
    ),
    ("POST", "half:predict", '{"instances": [{"z": 1.0}]}', 400, "keys must be equal to: x"),
    ("POST", "half:predict", '{"instances": [{"x": 1.0}, 1.0]}', 400, "element: 1"),
    ("POST", "half:predict", '{"inputs": {"z": [1.0]}}', 400, "Missing named input: x"),
    ("POST", "half:predict", '{"signature_name": 1, "instances": [1.0]}', 400, "string value"),
    ("POST", "half:predict", '{"signature_name": "no", "instances": [1]}', 400, '"no" not found'),
    ("POST", "credit:predict", '{"instances": [[1.0]]}', 400, "list of objects"),
    ("POST", "credit:predict", '{"inputs": [[1.0]]}', 400, "expecting an object"),
    ("POST", "half:predict", '{"signature_name": "pick", "instances": [1.0]}', 400, "int32"),
    ("POST", "half:predict", '{"signature_name": "pick", "instances": [7]}', 400, "not in [0, 2)"),
    ("POST", "half:classify", "{}", 400, "Malformed request"),
    ("POST", "other:predict", '{"instances": [1.0]}', 404, "Latest(other)"),
    ("POST", "half/versions/5:predict", '{"instances": [1.0]}', 404, "Specific(half, 5)"),
    ("POST", "half/labels/x:predict", '{"instances": [1.0]}', 400, "label: x"),
    ("POST", "half/versions/9999999999999999999:predict", "{}", 400, "to numeric"),
    ("POST", "half/versions/one:predict", "{}", 400, "Malformed request"),
    ("POST", "half", "{}", 400, "Malformed request"),
    ("PUT", "half:predict", "{}", 400, "Malformed request"),
    ("PROPFIND", "half:predict", "{}", 400, "Malformed request"),
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


# TensorFlow Serving's own example models, rebuilt from the signatures that they declare


def example_models(folder):
    """Save half_plus_two, with its shape [None, 1], and counter, as TensorFlow 1 did."""
    v1 = tf.compat.v1
    signature = v1.saved_model.signature_def_utils.build_signature_def
    info = v1.saved_model.utils.build_tensor_info

    def save(name, session, signatures):
        builder = v1.saved_model.Builder(str(folder / name / "00000123"))
        builder.add_meta_graph_and_variables(session, ["serve"], signatures)
        builder.save()

    def predict_signature(inputs, outputs):
        tensors = [{k: info(v) for k, v in part.items()} for part in (inputs, outputs)]
        return signature(*tensors, "tensorflow/serving/predict")

    with tf.Graph().as_default(), v1.Session() as session:
        a, b = (v1.Variable(n, use_resource=False) for n in (0.5, 2.0))
        examples = v1.placeholder(tf.string, [None], "tf_example")
        x = tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]
        y = a * x + b
        shapeless = v1.placeholder(tf.float32, [None, 2], "wide")
        product = shapeless @ v1.Variable([[1.0], [2.0]], use_resource=False)
        session.run(v1.global_variables_initializer())
        signatures = {
            "serving_default": predict_signature({"x": x}, {"y": y}),
            "product": predict_signature({"wide": shapeless}, {"y": product}),
        }
        save("half_plus_two", session, signatures)
    with tf.Graph().as_default(), v1.Session() as session:
        counter, delta = (
            v1.Variable(0.0, use_resource=False),
            v1.placeholder(tf.float32, name="delta"),
        )
        signatures = {
            "get_counter": predict_signature({}, {"output": counter}),
            "incr_counter": predict_signature({}, {"output": counter.assign_add(1.0)}),
            "incr_counter_by": predict_signature(
                {"delta": delta}, {"output": counter.assign_add(delta)}
            ),
        }
        gone = signature({}, {"output": info(counter)}, "tensorflow/serving/predict")
        gone.outputs["output"].name = "gone:0"
        session.run(v1.global_variables_initializer())
        save("counter", session, signatures | {"of_nothing": gone})


class Typed(tf.Module):
    """Returns each type that a tensor may have, and a ragged tensor by another signature."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def typed(self, x):
        return {kind.name: tf.cast(x, kind) for kind in KINDS} | {"string": tf.strings.as_string(x)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def ragged(self, x):
        return {"y": tf.RaggedTensor.from_row_lengths(x, [tf.shape(x)[0]])}


KINDS = (
    tf.float32, tf.float64, tf.float16, tf.bfloat16, tf.int8, tf.int16, tf.int32, tf.int64,
    tf.uint8, tf.uint16, tf.uint32, tf.uint64, tf.bool, tf.complex64, tf.complex128,
)  # fmt: skip


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    base = tmp_path_factory.mktemp("examples")
    example_models(base)
    module = Typed()
    signatures = {"serving_default": module.typed, "ragged": module.ragged}
    export(module, base / "typed", signatures=signatures)
    (base / "typed" / str(2**63)).mkdir()
    warmup_of_all_kinds(base / "half_plus_two" / "00000123")
    names = ("half_plus_two", "counter", "typed")
    with ModelServer({name: base / name for name in names}, timeout=200) as one:
        yield one


def warmup_of_all_kinds(folder):
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    request = predict_pb2.PredictRequest()
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([1.0, 2.0]))
    kinds = {"predict_log": request, "regress_log": None, "classify_log": None}
    (folder / "assets.extra").mkdir()
    with tf.io.TFRecordWriter(str(folder / "assets.extra/tf_serving_warmup_requests")) as writer:
        for kind, request in kinds.items():
            log = prediction_log_pb2.PredictionLog()
            getattr(log, kind).SetInParent()
            if request:
                log.predict_log.request.CopyFrom(request)
            writer.write(log.SerializeToString())


def ask(server, path, body, **headers):
    content = body if isinstance(body, bytes) else json.dumps(body)
    return httpx.post(f"{server.url}/v1/models/{path}", content=content, headers=headers)


@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [
        # The first request of TensorFlow Serving's README, of a model that declares [None, 1].
        ("half_plus_two", {"instances": [1.0, 2.0, 5.0]}, {"predictions": [2.5, 3.0, 4.5]}),
        ("half_plus_two", {"instances": [[1.0]]}, {"predictions": [[2.5]]}),
        ("half_plus_two", {"inputs": 1.0}, {"outputs": 2.5}),
        ("half_plus_two", {"inputs": [[[2]]]}, {"outputs": [[[3.0]]]}),
        # A whole number is taken as the same number with a decimal point is: both are rounded.
        ("half_plus_two", {"instances": [20_000_000]}, {"predictions": [10_000_002.0]}),
        ("half_plus_two", {"instances": [2**24 + 1]}, {"predictions": [2.0**23 + 2]}),
        ("half_plus_two", {"instances": [-(2**41)]}, {"predictions": [-1099511600000.0]}),
        ("counter", {"signature_name": "get_counter", "inputs": {}}, {"outputs": 0.0}),
        ("counter", {"signature_name": "incr_counter", "inputs": {}}, {"outputs": 1.0}),
        ("counter", {"signature_name": "incr_counter_by", "inputs": 2}, {"outputs": 3.0}),
    ],
)
def test_the_example_models_of_tensorflow_serving_answer_as_documented(
    examples, path, body, answer
):
    response = ask(examples, f"{path}:predict", body)
    assert (response.status_code, response.json()) == (200, answer)


def test_a_number_beyond_a_float_is_infinite_and_beyond_a_double_an_error(examples):
    response = ask(examples, "half_plus_two:predict", {"instances": [1e39, -1e300]})
    assert response.text == '{"predictions": [Infinity, -Infinity]}'
    response = ask(examples, "half_plus_two:predict", {"instances": [10**400]})
    assert response.status_code == 400 and "too big" in response.json()["error"]


def test_a_shape_that_the_graph_cannot_take_is_refused_with_the_graphs_reason(examples):
    body = {"signature_name": "product", "instances": [[1.0, 2.0, 3.0]]}
    response = ask(examples, "half_plus_two:predict", body)
    assert response.status_code == 400
    assert response.json()["error"] == "Matrix size-incompatible: In[0]: [1,3], In[1]: [2,1]"


def test_requests_of_other_shapes_at_the_same_time_keep_their_own_answers(examples):
    bodies = [{"instances": [n]} if n % 2 else {"inputs": [[n, n + 1]]} for n in range(60)]
    expected = [
        {"predictions": [n / 2 + 2]} if n % 2 else {"outputs": [[n / 2 + 2, (n + 1) / 2 + 2]]}
        for n in range(60)
    ]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda b: ask(examples, "half_plus_two:predict", b), bodies))
    assert [answer.json() for answer in answers] == expected


def grpc_predict(server, model, signature, **inputs):
    import grpc
    from tensorflow_serving.apis import predict_pb2
    from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    with grpc.insecure_channel(server.grpc_address) as channel:
        return PredictionServiceStub(channel).Predict(request, 10.0).outputs


def test_grpc_answers_have_their_values_where_clients_read_them(examples):
    values = [0.0, 1.0, 1.0]
    outputs = grpc_predict(examples, "typed", "", x=np.float32(values))
    assert list(outputs["float32"].float_val) == values
    assert list(outputs["float64"].double_val) == values
    assert list(outputs["string"].string_val) == [b"0.000000", b"1.000000", b"1.000000"]
    assert list(outputs["int64"].int64_val) == list(outputs["int8"].int_val) == [0, 1, 1]
    assert list(outputs["uint32"].uint32_val) == list(outputs["uint64"].uint64_val) == [0, 1, 1]
    assert list(outputs["bool"].bool_val) == [False, True, True]
    assert list(outputs["complex64"].scomplex_val) == [0, 0, 1, 0, 1, 0]
    for kind in KINDS:
        assert not outputs[kind.name].tensor_content, kind
        array = tf.make_ndarray(outputs[kind.name])
        assert array.dtype == kind.as_numpy_dtype and array.shape == (3,)
        np.testing.assert_array_equal(array, np.array(values, kind.as_numpy_dtype))


def test_grpc_answers_without_values_and_without_a_dimension(examples):
    empty = grpc_predict(examples, "typed", "", x=np.zeros(0, np.float32))["float32"]
    assert tf.make_ndarray(empty).shape == (0,)
    scalar = grpc_predict(examples, "counter", "get_counter")["output"]
    assert tf.make_ndarray(scalar).shape == () and len(scalar.float_val) == 1


def test_a_signature_that_cannot_be_served_does_not_take_the_others_down(examples):
    body = {"signature_name": "ragged", "instances": [1.0]}
    response = ask(examples, "typed:predict", body)
    assert response.status_code == 400
    assert "\"ragged\" cannot be served: output 'y' is a ragged" in response.json()["error"]
    assert list(examples.status("typed").index) == [1], "a folder of 2**63 is not a version"
    response = ask(examples, "counter:predict", {"signature_name": "of_nothing", "inputs": {}})
    assert response.status_code == 400 and "gone" in response.json()["error"]


def test_export_refuses_a_default_signature_that_cannot_be_served(tmp_path):
    module = Typed()
    with pytest.raises(ValueError, match="output 'y' is a ragged or sparse tensor; use a dense"):
        export(module, tmp_path, signatures={"serving_default": module.ragged})
    with pytest.raises(ValueError, match="expected at most 9223372036854775807"):
        export(Half(0), tmp_path, version=2**63)
    assert list(tmp_path.iterdir()) == []


def test_a_zipped_body_is_read_within_the_limit(examples):
    def zipped(content):
        return ask(examples, "half_plus_two:predict", content, **{"Content-Encoding": "gzip"})

    body = gzip.compress(b'{"instances": [1.0]}')
    assert zipped(body).json() == {"predictions": [2.5]}
    bomb = gzip.compress(b" " * (65 * 2**20))
    for content, status, words in (
        (b'{"instances": [1.0]}', 400, "not gzip data"),
        (body[:-12], 400, "ends in the middle"),
        (b"", 400, "ends in the middle"),
        (bomb, 413, "64 MiB"),
    ):
        response = zipped(content)
        assert response.status_code == status and words in response.json()["error"]


def test_paths_outside_the_api_are_not_found(http):
    for path in ("/", "/docs", "/openapi.json", "/v2/models/half", "/%2e%2e/etc/passwd"):
        answer = http.get(path)
        assert answer.status_code == 404 and "error" in answer.json(), path


def test_a_body_of_more_than_64_mebibytes_is_refused_and_one_of_less_is_read(http):
    answer = post(http, "half:predict", b" " * (65 * 2**20))
    assert answer.status_code == 413 and "64 MiB" in answer.json()["error"]
    body = b'{"instances": [1.0]' + b" " * (63 * 2**20) + b"}"
    assert post(http, "half:predict", body).json() == {"predictions": [0.5]}


KEYS = ["instances", "inputs", "signature_name", "x", "b64", "n", "s"]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=5)
    | st.sampled_from(["types", "scalar", "pick", "serving_default"]),
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
@given(place=PLACES, body=BODIES)
def test_whatever_is_sent_the_server_stays_polite(http, place, body):
    answer = http.post(f"/v1/models/{place}:predict", content=body)
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
        with httpx.Client(timeout=300) as client:
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


def test_a_removed_version_finishes_what_it_has_begun(server, http, folder):
    base = folder / "moving"
    export_half(base, 5, version=50)
    server.wait_for(50, name="moving")
    path = "moving/versions/50:predict"

    def batches():
        page = http.get("/monitoring/prometheus/metrics").text
        return re.findall(r'batch_size_count{model_name="moving"} (\S+)', page)

    before = batches()
    with ThreadPoolExecutor(1) as threads:
        body = {"signature_name": "slow", "instances": [200.0]}
        answer = threads.submit(post, http, path, body)
        assert until(lambda: batches() != before), "a batch is counted when it begins"
        shutil.rmtree(base / "50")
        assert answer.result().json() == {"predictions": [200.0]}
    server.wait_for(50, "END", name="moving")
    assert post(http, path, {"instances": [1.0]}).status_code == 404


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
    refused = [answer for answer in answers if isinstance(answer, RequestError)]
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
    assert until(lambda: len(read_log(server.request_log)) >= before + 3)
    log = read_log(server.request_log).query("model == 'credit'").tail(3)
    assert list(log["input.age"]) == list(FRAME["age"])
    assert list(log["input.region"]) == list(FRAME["region"])
    np.testing.assert_allclose(log["output.risk"], answer[:, 0])
    assert set(log["version"]) == {1} and (log["latency_ms"] > 0).all()
    with pytest.raises(FileNotFoundError, match="request_log"):
        read_log(server.request_log / "nowhere")


ABOUT = ("m", 1, "serving_default")


def test_an_entry_unlike_the_others_does_not_end_the_log(tmp_path, capsys):
    log = RequestLog(tmp_path, sampling=1.0)
    for value in (b"text", b"\xff", b"text again"):
        tensors = {"s": np.array([value], object)}
        log.offer(ABOUT, "REST", 0.01, tensors, tensors)
        log.flush()
    log.offer(ABOUT, "GRPC", 0.01, {"z": np.array([1j])}, {"y": np.array([1.0])})
    log.flush()
    assert list(read_log(tmp_path)["input.s"]) == [b"text", b"\xff", b"text again"]
    assert "request log: " in capsys.readouterr().err


def test_requests_of_several_shapes_share_a_log(tmp_path):
    log = RequestLog(tmp_path, sampling=1.0)
    for values in ([1.0, 2.0], [[3.0, 4.0]], np.zeros((1, 0))):
        log.offer(ABOUT, "REST", 0.01, {"x": np.array(values)}, {"y": np.array(values)})
    log.flush()
    assert list(read_log(tmp_path)["input.x"]) == [1.0, 2.0, [3.0, 4.0], []]


def test_the_log_has_a_row_for_each_row_in_the_order_of_their_times(tmp_path):
    first, second = (RequestLog(tmp_path, sampling=1.0) for _ in range(2))  # as of two processes
    numbers = np.array([[0.1], [np.nan]], np.float32)
    for log, model in ((first, "a"), (second, "b"), (first, "a")):
        outputs = {"p": numbers, f"only {model}": np.array([[1, 2], [3, 4]])}
        log.offer((model, 2, "serving_default"), "REST", 0.5, {"x": numbers}, outputs)
    first.flush()
    second.flush()
    frame = read_log(tmp_path)
    assert frame["model"].tolist() == ["a", "a", "b", "b", "a", "a"]
    assert frame["time"].is_monotonic_increasing and str(frame["time"].dtype.tz) == "UTC"
    assert frame["version"].dtype == np.int64 and set(frame["latency_ms"]) == {500}
    np.testing.assert_array_equal(frame["input.x"], np.tile(numbers[:, 0].astype(float), 3))
    assert frame["output.only a"].iloc[1].tolist() == [3, 4]
    assert frame["output.only b"].isna().tolist() == [True, True, False, False, True, True]
    (tmp_path / "empty").mkdir()
    assert read_log(tmp_path / "empty").empty


def test_a_process_that_is_killed_in_the_middle_of_a_line_loses_that_request_only(tmp_path):
    log = RequestLog(tmp_path, sampling=1.0)
    for value in (1.0, 2.0, 3.0):
        log.offer(ABOUT, "REST", 0.01, {"x": np.array([value])}, {"y": np.array([value])})
    log.flush()
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    last = content.rindex(b"\n", 0, -1) + 1
    for end in (last, last + 1, last + 40, len(content) - 1):
        file.write_bytes(content[:end])
        assert read_log(tmp_path)["input.x"].tolist() == [1.0, 2.0]


def test_a_log_that_could_not_be_written_goes_on_in_another_file(tmp_path, capsys):
    class Full:
        def write(self, lines):
            raise OSError("No space left on device")

    log = RequestLog(tmp_path, sampling=1.0)
    log._file = Full()
    for value in (1.0, 2.0):
        log.offer(ABOUT, "REST", 0.01, {"x": np.array([value])}, {"y": np.array([value])})
        log.flush()
    assert "No space left" in capsys.readouterr().err
    assert read_log(tmp_path)["input.x"].tolist() == [2.0]


def test_a_load_test_counts_every_request(server):
    states = []
    result = load_test(
        f"{server.model_url('half')}:predict",
        [{"instances": [1.0]}, {"instances": ["wrong"]}],
        users=[1, 3],
        duration=1,
        progress=states.append,
    )
    table = result.to_frame()
    assert list(table.index) == [1, 3]
    assert set(result.requests["status"]) == {200, 400}
    assert table["failures"].sum() == (~result.requests["ok"]).sum() > 0
    assert (table["p50_ms"] <= table["p99_ms"]).all()
    assert str(table["requests"].iloc[0]) in repr(result)
    assert states[-1]["users"] == 3
    axes = result.plot()
    assert axes.get_xlabel() == "latency (ms)"


def test_the_users_of_a_load_test_are_always_asking():
    """Little's law; the server's delay is far longer than what a busy machine adds."""
    with FakeModel(delay=0.5) as model:
        result = load_test(f"{model.url}/v1/models/m:predict", {"instances": [1]}, users=4)
    waited, seconds = result.requests["latency_ms"].sum() / 1_000, result.seconds[4]
    longest = result.requests["latency_ms"].max() / 1_000  # may have begun before the stage
    assert 0.6 < waited / seconds / 4 <= (seconds + longest) / seconds


def test_a_load_test_of_a_server_that_is_gone_counts_failures_and_ends():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    result = load_test(f"http://127.0.0.1:{port}", users=2, duration=1, warmup=0)
    assert len(result.requests) and set(result.requests["status"]) == {0}


def test_a_load_test_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="users is 0"):
        load_test("http://127.0.0.1:1", users=0)
    with pytest.raises(ValueError, match="url is 'x'"):
        load_test("x")


# Processes


def runs(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_port_that_is_taken_is_named(server, folder):
    port = int(server.url.rsplit(":", 1)[1])
    with pytest.raises(RuntimeError, match=f"rest_port is {port}, which cannot be used"):
        ModelServer(folder / "half", rest_port=port)
    assert server.predict([1.0], name="half") == [0.5]


def test_what_cannot_be_served_is_refused_before_anything_starts(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        ModelServer(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="has no version"):
        ModelServer(tmp_path)
    with pytest.raises(ValueError, match="max_batch_size is 0; expected a whole number, 1 or"):
        ModelServer(tmp_path, max_batch_size=0)
    with pytest.raises(ValueError, match="sampling is 2"):
        ModelServer(tmp_path, sampling=2)
    (tmp_path / "model" / "1").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=r"versions is \[2\]; .* has \[1\]"):
        ModelServer(tmp_path / "model", versions=[2])
    (tmp_path / "models.config").write_text("no such thing {")
    with pytest.raises(ValueError, match=r"not a models\.config"):
        ModelServer(tmp_path / "models.config")


def test_a_server_of_a_config_file_with_the_smallest_queue(tmp_path, folder):
    config = tmp_path / "models.config"
    config.write_text(
        "model_config_list { config { name: 'slow' model_platform: 'tensorflow' base_path: "
        f"'{folder / 'labelled'}' model_version_policy {{ specific {{ versions: 1 }} }} "
        "version_labels { key: 'stable' value: 1 } } }"
    )
    limits = {"max_batch_size": 1, "max_enqueued_batches": 1, "num_batch_threads": 1}
    with ModelServer(config, timeout=200, **limits) as server:
        assert server.predict([1.0], label="stable") == [1.5]
        body = {"signature_name": "slow", "instances": [100.0]}
        answers, refused = [], []

        def some_are_refused():
            with ThreadPoolExecutor(8) as threads, httpx.Client(timeout=300) as client:
                url = f"{server.model_url()}:predict"
                sent = [threads.submit(client.post, url, json=body) for _ in range(8)]
                answers.extend(each.result() for each in sent)
            refused[:] = [answer for answer in answers if answer.status_code == 503]
            return refused

        assert until(some_are_refused)
        assert {answer.status_code for answer in answers} == {200, 503}
        assert all(answer.headers["retry-after"] == "1" for answer in refused)
        assert "queue" in refused[0].json()["error"]
        assert server.predict([1.0]) == [1.5]
        with pytest.raises(ValueError, match="which decides"):
            server.configure(labels={})
        pid = server.pid
    assert until(lambda: not runs(pid))


def test_tensorflow_serving_in_docker_gets_the_same_models_and_limits(folder):
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    models = {"a": folder / "half", "b c": "/srv/models b"}
    limits = Limits(max_batch_size=8, batch_timeout_ms=1.5, max_enqueued_batches=100)
    files = docker_files(models, versions=[1, 2], labels={"stable": 1}, limits=limits, rest_port=80)
    assert list(files) == ["run.sh", "models.config", "batching.config"]
    words = shlex.split(files["run.sh"])
    assert words[:2] == ["docker", "run"]
    options, flags = words[2 : words.index("tensorflow/serving")], words[-5:]
    assert options[options.index("-p") + 1] == "127.0.0.1:80:8501"
    volumes = [value for name, value in pairwise(options) if name == "-v"]
    assert volumes == [
        f"{folder / 'half'}:/models/a:ro",
        "/srv/models b:/models/b c:ro",
        "$PWD:/config:ro",
    ]
    assert "--allow_version_labels_for_unavailable_models=true" in flags
    for flag in flags:
        if "/config/" in flag:
            assert flag.partition("/config/")[2] in files
    config = model_server_config_pb2.ModelServerConfig()
    text_format.Parse(files["models.config"], config)
    assert [model.base_path for model in config.model_config_list.config] == [
        "/models/a",
        "/models/b c",
    ]
    assert all(dict(m.version_labels) == {"stable": 1} for m in config.model_config_list.config)
    # In the real program a request with more rows than max_batch_size is refused, and those with
    # more than max_execution_batch_size are split.
    batching = dict(re.findall(r"(\w+) { value: (\w+) }\n", files["batching.config"]))
    assert batching == {
        "max_batch_size": "800",
        "batch_timeout_micros": "1500",
        "max_enqueued_batches": "100",
        "num_batch_threads": "2",
        "enable_large_batch_splitting": "true",
        "max_execution_batch_size": "8",
    }


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
        predict(f"127.0.0.1:{port}", [1.0])
