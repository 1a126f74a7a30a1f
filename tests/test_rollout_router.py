"""The router divides requests, keeps users where they are, mirrors, and loses none."""

import contextlib
import json
import math
import os
import re
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pandas as pd
import psutil
import pytest
from fake_models import PREDICT, FakeModel, Load, mortal_model, until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.rollout import Router, RouterError, assignment, proxy


@pytest.fixture(scope="module")
def models():
    with FakeModel(0.25) as stable, FakeModel(0.75) as candidate:
        yield stable, candidate


@pytest.fixture
def upstreams(models):
    for model in models:
        model.delay, model.status, model.body = 0.0, 200, None
        model.requests.clear()
    return {"stable": models[0].url, "candidate": models[1].url}


CLIENT = httpx.Client(timeout=300)  # one for all, since making one takes longer than a request


def ask(router, content=None, **more):
    return CLIENT.post(router.url + PREDICT, json=content or {"instances": [1]}, **more)


def served_by(answer):
    return answer.headers["x-served-by"]


def test_without_weights_the_first_gets_everything(upstreams):
    with Router(upstreams) as router:
        assert {served_by(ask(router)) for _ in range(20)} == {"stable"}


def test_requests_are_divided_by_weight(upstreams):
    with Router(upstreams, weights={"stable": 3, "candidate": 1}) as router:
        for _ in range(400):
            ask(router)
        assert router.weights == {"stable": 0.75, "candidate": 0.25}
        share = router.to_frame().loc["candidate", "requests"] / 400
        assert abs(share - 0.25) < 4 * math.sqrt(0.25 * 0.75 / 400)


def test_path_query_method_body_status_and_headers_pass_through(upstreams, models):
    models[0].status, models[0].body = 418, b'{"error": "a teapot"}'
    with Router(upstreams) as router:
        answer = CLIENT.put(
            router.url + "/v1/models/a%20b?x=1&y=%2F",
            content=b"\x00 any bytes",
            headers={"X-Mine": "kept", "Connection": "keep-alive, X-Hop", "TE": "trailers"},
        )
    assert (answer.status_code, answer.content) == (418, b'{"error": "a teapot"}')
    assert answer.headers["x-model"] == "fake"
    assert len(answer.headers.get_list("content-length")) == 1
    assert len(answer.headers.get_list("date")) == 1
    ((method, path, headers, content),) = models[0].requests
    assert (method, path) == ("PUT", "/v1/models/a%20b?x=1&y=%2F")
    assert content == b"\x00 any bytes"
    assert headers["x-mine"] == "kept"
    assert "te" not in headers


def test_a_look_at_the_status_passes_and_is_no_observation(upstreams):
    with Router(upstreams) as router:
        assert CLIENT.get(router.url + "/v1/models/credit").status_code == 200
        assert router.observations().empty
        assert list(router.observations().columns) == list(ask_and_observe(router).columns)


def ask_and_observe(router):
    ask(router)
    assert until(lambda: len(router.observations()) > 0)
    return router.observations()


def test_an_observation_says_what_happened(upstreams):
    with Router(upstreams, sticky_by="header:X-Customer") as router:
        before = pd.Timestamp.now("UTC")
        ask(router, {"instances": [1, 2]}, headers={"X-Customer": "7"})
        assert until(lambda: len(router.observations()) == 1)
        row = router.observations().iloc[0]
        assert row["variant"] == "stable" and row["status"] == 200 and row["error"] == ""
        assert row["scores"] == [0.25, 0.25]
        assert row["key"] == "7" and not row["shadow"]
        assert 0 < row["latency_ms"] < 30_000
        assert abs((row["time"] - before).total_seconds()) < 30
    assert len(router.observations()) == 1, "what was seen stays when the router ends"


@pytest.mark.parametrize("where", ["header", "json", "first instance"])
def test_a_user_stays_with_a_variant_and_the_log_says_with_which(upstreams, tmp_path, where):
    weights = {"stable": 0.5, "candidate": 0.5}
    sticky = "header:X-Customer" if where == "header" else "json:customer"
    log = tmp_path / "log.jsonl"
    seen = {}
    with Router(upstreams, weights=weights, sticky_by=sticky, salt="test", log=log) as router:
        for customer in [f"customer {i}" for i in range(12)] * 2:
            content = {"instances": [{"customer": customer}]}
            if where == "json":
                content = {"customer": customer, "instances": [1]}
            answer = ask(router, content, headers={"X-Customer": customer})
            seen.setdefault(customer, set()).add(served_by(answer))
        assert until(lambda: len(router.assignments()) == 24)
        written = router.assignments()
    expected = {customer: assignment(customer, weights, "test") for customer in seen}
    assert {c: {variant} for c, (variant, _) in expected.items()} == seen
    assert set(zip(written["served"], written["hash"], strict=True)) == set(expected.values())
    assert (written["assigned"] == written["served"]).all()
    assert "customer" not in log.read_text(), "keys are hashed"


def test_a_request_without_its_key_is_served_too(upstreams):
    with Router(upstreams, sticky_by="json:customer") as router:
        for content in (b"", b"no json", b"[]", b"3", b'{"instances": []}', b'{"instances": 5}'):
            assert CLIENT.post(router.url + PREDICT, content=content).status_code in (200, 400)


def test_assignment_follows_the_weights_and_a_growing_one_takes_users_and_gives_none_back():
    keys = [f"user {i}" for i in range(4_000)]
    small, large = ({"stable": 1 - w, "candidate": w} for w in (0.05, 0.25))
    before = {key for key in keys if assignment(key, small)[0] == "candidate"}
    after = {key for key in keys if assignment(key, large)[0] == "candidate"}
    assert before < after
    assert abs(len(after) / 4_000 - 0.25) < 4 * math.sqrt(0.25 * 0.75 / 4_000)
    again = {key for key in keys if assignment(key, large, "other test")[0] == "candidate"}
    assert abs(len(again & after) / len(after) - 0.25) < 0.06, "another salt divides anew"


def test_nobody_is_assigned_to_a_variant_of_weight_0():
    assert proxy.variant_at({"a": 0.0, "b": 1.0, "c": 0.0}, 0.0) == "b"
    assert proxy.variant_at({"a": 0.0, "b": 1.0, "c": 0.0}, 1.0) == "b"


def test_weights_change_under_load_without_a_lost_request(upstreams):
    with Router(upstreams) as router, Load(router.url) as load:
        for weight in (0.5, 0.1, 1.0, 0.0, 0.7, 1.0):
            router.set_weights(stable=1 - weight, candidate=weight)
            load.reaches(40)
        number = router.set_weights({"candidate": 1})
        load.reaches(40)
    assert load.statuses == {200} and not load.failures
    frame = router.observations()
    assert set(frame.loc[frame["split"] == number, "variant"]) == {"candidate"}
    assert len(frame) == frame["request"].nunique()


def test_a_mirrored_request_is_answered_by_the_live_variant_only(upstreams, models):
    with Router(upstreams, shadow="candidate") as router:
        answers = [ask(router) for _ in range(10)]
        assert all(answer.json() == {"predictions": [0.25]} for answer in answers)
        assert until(lambda: router.status()["mirrored"] == 10)
        frame = router.observations()
        copies = frame[frame["shadow"]]
        assert set(copies["variant"]) == {"candidate"} and len(copies) == 10
        assert set(copies["request"]) == set(frame.loc[~frame["shadow"], "request"])
        assert copies["scores"].tolist() == [[0.75]] * 10
        assert copies["live_scores"].tolist() == [[0.25]] * 10
        router.set_shadow(None)
        ask(router)
    assert len(models[1].requests) == 10


@pytest.mark.parametrize("fault", ["slow", "error", "garbage", "dead"])
def test_what_becomes_of_a_copy_never_touches_a_user(upstreams, models, fault):
    models[1].delay = 30 if fault == "slow" else 0  # longer than the whole test
    models[1].status = 500 if fault == "error" else 200
    models[1].body = b"\xff\x00" if fault == "garbage" else None
    if fault == "dead":
        upstreams["candidate"] = "http://127.0.0.1:9"
    with Router(upstreams, shadow="candidate", shadow_queue=5) as router:
        answers = [ask(router) for _ in range(60)]
        assert {answer.status_code for answer in answers} == {200}
        status = router.status()
        live = router.observations().query("not shadow")
        assert set(live["variant"]) == {"stable"} and (live["error"] == "").all()
        if fault == "slow":
            assert status["dropped"] > 0, "the queue is bounded"
            assert live["latency_ms"].max() < 30_000, "no user waited for a copy"
        else:
            assert until(lambda: (router.observations()["error"] != "").any())


def test_a_share_of_the_requests_can_be_mirrored(upstreams):
    with Router(upstreams, shadow="candidate", shadow_share=0.3) as router:
        for _ in range(200):
            ask(router)
        assert until(lambda: router.status()["mirrored"] > 30)
        time.sleep(0.2)
        assert 30 < router.status()["mirrored"] < 90


def test_no_request_is_lost_when_a_server_is_killed_and_it_gets_users_again_when_it_is_back(
    upstreams,
):
    with mortal_model() as mortal:
        upstreams["candidate"] = mortal.url
        with Router(upstreams, weights={"stable": 1, "candidate": 1}) as router:
            with Load(router.url, users=8) as load:
                load.reaches(80)
                mortal.send_signal(signal.SIGKILL)
                mortal.wait()
                load.reaches(80)
                assert router.status()["down_s"]["candidate"] > 0
                with mortal_model(port=mortal.port):
                    assert until(lambda: router.status()["down_s"]["candidate"] == 0)
                    load.reaches(80)
            frame = router.observations()
    assert load.statuses == {200} and not load.failures
    failed = frame[frame["status"] == 0]
    assert len(failed) and set(failed["variant"]) == {"candidate"} and (failed["error"] != "").all()
    again = frame[frame["request"].isin(failed["request"]) & (frame["status"] > 0)]
    assert set(again["variant"]) == {"stable"} and len(again) == len(failed)
    assert frame["variant"].iloc[-30:].nunique() == 2


def test_a_server_that_hangs_is_given_up_and_the_user_is_answered_by_another(upstreams, models):
    models[1].delay = 60
    with Router(upstreams, weights={"candidate": 1}, timeout=3) as router:
        assert served_by(ask(router)) == "stable"
        assert until(lambda: len(router.observations()) == 2)
        first = router.observations().iloc[0]
        assert first["variant"] == "candidate" and "no answer within 3 s" in first["error"]


def test_a_variant_of_weight_0_never_gets_users_unless_it_is_the_first(upstreams):
    dead = "http://127.0.0.1:9"
    with Router({"stable": dead, "bad": upstreams["candidate"]}, shadow="bad") as router:
        answer = ask(router)  # a model that was rolled back does not return by the back door
        assert answer.status_code == 502
        assert "stable" in answer.json()["error"]
    with Router({"stable": upstreams["stable"], "new": dead}, weights={"new": 1}) as router:
        assert served_by(ask(router)) == "stable"


@contextlib.contextmanager
def raw_server(*answers):
    """A server that gives each request on a connection the next answer, then closes it.

    Yields its URL and the requests; an empty answer closes the connection without one.
    """
    requests = []

    def serve(connection):
        with connection, contextlib.suppress(OSError):
            for answer in answers:
                if not (request := connection.recv(65_536)):
                    return
                requests.append(request)
                connection.sendall(answer)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", requests


OK = b'HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n{"predictions": [0.5]}'


def test_a_request_is_sent_again_if_its_idle_connection_was_just_closed():
    with raw_server(OK, OK, b"") as (url, requests), Router({"only": url}) as router:
        assert [ask(router).status_code for _ in range(30)] == [200] * 30
        assert until(lambda: len(router.observations()) == 30)
        assert set(router.observations()["error"]) == {""}
        assert len(requests) > 30, "some were sent twice"


def test_a_request_is_sent_again_once_only():
    with raw_server(b"") as (url, requests), Router({"only": url}) as router:
        answer = ask(router)
        assert answer.status_code == 502 and "no model answered" in answer.json()["error"]
        assert sum(request.startswith(b"POST") for request in requests) == 2


def test_headers_that_a_connection_names_go_no_further():
    answer = (
        b"HTTP/1.1 200 OK\r\nConnection: X-Private, keep-alive\r\nX-Private: 1\r\nX-Public: 2\r\n"
        b"Content-Length: 2\r\n\r\n{}"
    )
    with raw_server(answer) as (url, requests), Router({"only": url}) as router:
        given = {"Connection": "x-hop , keep-alive", "X-Hop": "1", "X-End": "2"}
        headers = ask(router, headers=given).headers
        assert "x-private" not in headers and headers["x-public"] == "2"
        assert b"x-end: 2" in requests[0].lower() and b"x-hop" not in requests[0].lower()


@pytest.mark.parametrize(
    ("method", "answer", "length"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n", "22"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", None),
        ("GET", b"HTTP/1.1 304 Not Modified\r\n\r\n", None),
        ("GET", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "0"),
    ],
)
def test_the_length_of_an_answer_without_a_body_stays(method, answer, length):
    with raw_server(answer) as (url, _), Router({"only": url}) as router:
        response = httpx.request(method, f"{router.url}/v1/models/credit")
        assert response.headers.get("content-length") == length and response.content == b""


def test_if_nobody_answers_the_user_is_told_so(upstreams):
    dead = {"stable": "http://127.0.0.1:9", "candidate": "http://127.0.0.1:11"}
    with Router(dead, weights={"stable": 1, "candidate": 1}) as router:
        answers = [ask(router) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {502}
    assert all("Traceback" not in answer.text for answer in answers)
    assert "no model answered" in answers[0].json()["error"]


@pytest.mark.parametrize(
    ("body", "scores", "error"),
    [
        (b'{"predictions": [0.5, 1]}', [0.5, 1.0], ""),
        (b'{"predictions": [[0.9, 0.1], [0.2, 0.8]]}', [0.1, 0.8], ""),
        (b'{"predictions": [{"p": [0.4], "z": 0.6}]}', [0.6], ""),
        (b'{"outputs": [[0.5], [0.7]]}', [0.5, 0.7], ""),
        (b'{"outputs": {"p": [0.5, 0.7]}}', [0.5, 0.7], ""),
        (b'{"predictions": [0.5, NaN]}', None, "not finite"),
        (b'{"predictions": [[-Infinity, 0.5]]}', None, "not finite"),
        (b'{"predictions": [null]}', None, "not finite"),
        (b'{"predictions": ["yes"]}', None, ""),
        (b'{"predictions": []}', [], ""),
        (b'{"predictions": 3}', None, "no predictions"),
        (b'{"something": 3}', None, "no predictions"),
        (b"[1, 2]", None, "no predictions"),
        (b"7", None, "no predictions"),
        (b"\xff<html>", None, "no predictions"),
        (b"", None, "no predictions"),
        (b'{"predictions": [1' + b"0" * 400 + b"]}", None, "not finite"),
    ],
)
def test_scores_are_read_from_answers_and_what_is_no_number_is_an_error(body, scores, error):
    assert proxy.read_scores(body, -1) == (scores, error)


def test_nan_reaches_the_user_unchanged_and_counts_as_an_error(upstreams, models):
    models[0].body = b'{"predictions": [NaN]}'
    with Router(upstreams) as router:
        assert ask(router).content == b'{"predictions": [NaN]}'
        assert until(lambda: len(router.observations()) == 1)
        row = router.observations().iloc[0]
        assert (row["status"], row["error"], row["scores"]) == (200, "not finite", None)
        assert router.to_frame().loc["stable", "errors"] == 1


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    path=st.text(st.characters(codec="ascii", min_codepoint=33, max_codepoint=126), max_size=20),
    body=st.one_of(st.binary(max_size=60), st.from_regex(rb'\{"(instances|inputs)": .{0,20}\}')),
    kind=st.sampled_from(["application/json", "text/plain", "", "multipart/form-data"]),
)
def test_malformed_requests_get_no_5xx_and_hurt_nobody(long_lived, path, body, kind):
    request = httpx.Request(
        "POST",
        httpx.URL(long_lived.url, raw_path=b"/" + re.sub("[%#]", "", path).encode()),
        content=body,
        headers={"Content-Type": kind},
    )
    assert long_lived.client.send(request).status_code < 500
    assert long_lived.client.post(long_lived.url + PREDICT, json={"instances": [1]}).is_success


@pytest.fixture(scope="module")
def long_lived(models):
    upstreams = {"stable": models[0].url, "candidate": models[1].url}
    with (
        Router(upstreams, sticky_by="json:customer", shadow="candidate") as router,
        httpx.Client(timeout=300) as router.client,
    ):
        yield router


@pytest.mark.parametrize(
    "bytes_sent",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: minus\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET http://elsewhere:1/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET //elsewhere:1/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET @elsewhere:1/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /# HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /%zz%00?%%#? HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_is_hardly_http_gets_no_5xx_and_goes_nowhere_else(long_lived, bytes_sent):
    with socket.create_connection(("127.0.0.1", int(long_lived.url.split(":")[-1]))) as raw:
        raw.settimeout(300)
        raw.sendall(bytes_sent)
        raw.shutdown(socket.SHUT_WR)
        answer = raw.recv(4_096)
    assert not answer.startswith(b"HTTP/1.1 5"), answer
    assert long_lived.client.post(long_lived.url + PREDICT, json={"instances": [1]}).is_success


def test_a_body_beyond_the_limit_is_refused(long_lived):
    def parts():
        for _ in range(65):
            yield bytes(2**20)

    answer = long_lived.client.post(long_lived.url + PREDICT, content=parts())
    assert answer.status_code == 413 and "larger than" in answer.json()["error"]


def test_observations_come_in_pages_and_a_reader_may_begin_where_it_left_off(upstreams):
    with Router(upstreams) as router:
        for _ in range(30):
            ask(router)
        assert until(lambda: len(router.observations()) == 30)
        later = router.observations(after=25)
        assert list(later.index) == [25, 26, 27, 28, 29]
        assert later["request"].tolist() == [26, 27, 28, 29, 30]


def test_the_process_keeps_a_bounded_number_of_observations():
    names = ("sticky_by", "salt", "timeout", "score", "shadow", "shadow_share", "seed", "log")
    process = proxy.Proxy(
        dict.fromkeys(names) | {"upstreams": {"a": ""}, "weights": {"a": 1}, "shadow_queue": 1}
    )
    split = proxy.Split(1, {"a": 1}, None, 0)
    request = proxy.Request(proxy.KEPT, {"path": "/"}, b"", split, None)
    answer = proxy.Answer("a", 0.0, 200, 1.0, [], b"[]", "")
    process.rows = [[None, i] for i in range(proxy.KEPT)]
    process._record(answer, request)
    assert len(process.rows) <= proxy.KEPT, "also if nobody ever asks for them"
    reply = process.command({"do": "observations", "after": 0})
    first = reply["first"]
    assert first > 0 and reply["rows"][0][1] == first and len(reply["rows"]) == proxy.FETCHED
    reply = process.command({"do": "observations", "after": first + proxy.FETCHED})
    assert reply["first"] == reply["rows"][0][1] == first + proxy.FETCHED


def test_an_upload_that_breaks_off_goes_nowhere(upstreams, models):
    with Router(upstreams, shadow="candidate") as router:
        with socket.create_connection(("127.0.0.1", int(router.url.split(":")[-1]))) as raw:
            head = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n"
            raw.sendall(head.encode() + b'{"instances": ')
        ask(router)
        assert until(lambda: router.status()["mirrored"] == 1)
        assert set(router.observations()["status"]) == {200}
    assert [len(model.requests) for model in models] == [1, 1]


def test_one_late_answer_does_not_make_a_variant_one_that_has_long_been_dead(upstreams, models):
    models[1].delay, timeout = 60, 3
    with Router(upstreams, weights={"candidate": 1}, timeout=timeout) as router:
        begun = time.monotonic()
        ask(router)
        down_s = router.status()["down_s"]["candidate"]
        assert 0 < down_s < time.monotonic() - begun - timeout + 0.1, "not since the request came"


def test_two_routers_that_ask_for_the_same_port(upstreams):
    with Router(upstreams) as router:
        port = int(router.url.rsplit(":", 1)[1])
        with pytest.raises(RouterError, match=f"port {port} cannot be used"):
            Router(upstreams, port=port).start()
        assert ask(router).status_code == 200
    with Router(upstreams, port=port) as again:
        assert again.url == router_url(port)


def router_url(port):
    return f"http://127.0.0.1:{port}"


def test_a_router_listens_on_this_machine_only(upstreams):
    with Router(upstreams) as router:
        (place,) = [
            c.laddr
            for c in psutil.Process(router.pid).net_connections("inet")
            if c.status == psutil.CONN_LISTEN
        ]
    assert place.ip == "127.0.0.1"


def test_a_router_that_was_killed_says_so_and_can_be_started_again(upstreams):
    with Router(upstreams) as router:
        os.kill(router.pid, signal.SIGKILL)
        with pytest.raises(RouterError, match="ended"):
            router.status()
        assert router.pid is None
        router.start()
        assert ask(router).status_code == 200


class Cut:
    """A pipe to the router's process in whose first call the stop button is pressed."""

    def __init__(self, pipe, call, when):
        self._pipe, self._call, self._when = pipe, call, when

    def __getattr__(self, name):
        real = getattr(self._pipe, name)
        if name != self._call or self._when is None:
            return real

        def cut(*given):
            when, self._when = self._when, None
            if when == "after":
                real(*given)
            elif when == "half" and name == "write":
                real(given[0][: len(given[0]) // 2])
                self._pipe.flush()
            elif when == "half":
                real(9)
            raise KeyboardInterrupt

        return cut


@pytest.fixture(scope="module")
def interrupted():
    with FakeModel(0.25) as model:
        upstreams = {"stable": model.url, "candidate": model.url}
        with Router(upstreams) as router:
            for _ in range(5):
                ask(router)
            assert until(lambda: len(router.observations()) == 5)
            yield router


@pytest.mark.parametrize(
    ("call", "when"),
    [
        *(("write", when) for when in ("before", "half", "after")),
        *(("flush", when) for when in ("before", "after")),
        *(("readline", when) for when in ("before", "half", "after")),
    ],
)
@pytest.mark.parametrize("order", ["set_weights", "set_shadow", "status", "observations"])
def test_after_an_interrupt_the_next_order_gets_its_own_reply(interrupted, order, call, when):
    router, process = interrupted, interrupted._process
    arguments = {"set_weights": ({"candidate": 1},), "set_shadow": ("candidate",)}
    before = router.status()["split"]
    # A wait without an end becomes an error: the process dies.
    bound = threading.Timer(120, process.kill)
    bound.start()
    pipes = process.stdin, process.stdout
    name = "stdout" if call == "readline" else "stdin"
    try:
        setattr(process, name, Cut(getattr(process, name), call, when))
        with pytest.raises(KeyboardInterrupt):
            getattr(router, order)(*arguments.get(order, ()))
        assert len(router.observations()) == 5
        assert len(router.to_frame()) == 1
        assert router.status()["split"] in (before, before + 1)
        number = router.set_weights(stable=3, candidate=1)
        status = router.status()
        assert status["split"] == number > before
        assert status["weights"] == {"stable": 0.75, "candidate": 0.25} == router.weights
        assert router.set_shadow(None) == number + 1
        assert router.status()["shadow"] is None
    finally:
        bound.cancel()
        process.stdin, process.stdout = pipes


def test_weights_set_before_the_start_hold(upstreams):
    router = Router(upstreams)
    router.set_weights(candidate=1)
    with pytest.raises(RuntimeError, match="not started"):
        _ = router.url
    with router:
        assert served_by(ask(router)) == "candidate"


def test_requests_under_way_are_answered_before_the_router_ends(upstreams, models):
    models[0].delay = 0.5
    router = Router(upstreams).start()
    with ThreadPoolExecutor(3) as threads:
        answers = [threads.submit(ask, router) for _ in range(3)]
        assert until(lambda: len(models[0].requests) == 3)
        router.close()
    assert [answer.result().status_code for answer in answers] == [200] * 3
    assert router.pid is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"upstreams": {}}, "upstreams is empty"),
        ({"upstreams": {"a": "localhost:80"}}, "'a' is 'localhost:80'; expected a base URL"),
        ({"weights": {"other": 1}}, "'other' is not a variant"),
        ({"weights": {"stable": 0}}, "at least one must be more than 0"),
        ({"weights": {"stable": -1}}, "'stable' is -1"),
        ({"weights": {"stable": math.nan}}, "'stable' is nan"),
        ({"sticky_by": "customer"}, "expected 'header:NAME'"),
        ({"shadow": "other"}, "'other' is not a variant"),
        ({"shadow_share": 2}, "shadow_share is 2; expected a share from 0 to 1"),
        ({"shadow_queue": 0}, "expected a whole number, 1 or more"),
        ({"timeout": 0}, "expected seconds"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(arguments, message):
    arguments = {"upstreams": {"stable": "http://127.0.0.1:1"}} | arguments
    with pytest.raises(ValueError, match=message):
        Router(**arguments)


def test_a_router_without_a_log_says_how_to_have_one(upstreams):
    with pytest.raises(ValueError, match=r"log='assignments.jsonl'"):
        Router(upstreams).assignments()


def test_the_log_is_json_lines(upstreams, tmp_path):
    log = tmp_path / "log.jsonl"
    with Router(upstreams, log=log) as router:
        ask(router)
        assert until(lambda: log.read_text().endswith("\n"))
    assert json.loads(log.read_text())["hash"] is None
