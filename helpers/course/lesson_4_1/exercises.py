"""The exercises of lesson 4.1, Serve a model."""

from __future__ import annotations

import functools
from typing import Any

from helpers.course.exercises.core import Exercise
from helpers.course.exercises.judges import behaves, chosen, name, number

RIGHT = "/v1/models/credit/versions/2:predict"


def _address(answer: Any) -> str | None:
    if not isinstance(answer, str):
        return "Expected a string that begins with /v1."
    given = answer.strip().rstrip("/")
    if given == RIGHT:
        return None
    if given.startswith("http"):
        return "Only what comes after the port, beginning with /v1."
    if given.startswith("/v2"):
        return "/v1 is the version of the protocol, not of the model, and stays."
    if "labels" in given:
        return "A label can be moved to another version; this client wants version 2 for good."
    if ":predict" not in given:
        return "Without what to do at its end the address asks for the status."
    if "versions" not in given:
        return "Without a version the newest answers, which need not be number 2."
    return "The parts are right or nearly so: compare each with the table, from left to right."


@functools.cache
def _replicas() -> Any:
    return behaves(
        [
            (
                (150, 10, 100),
                2,
                "Compare with the table above: which is its first row that keeps 100 ms?",
            ),
            ((150, 10, 60), 3, "The target decides, not the load alone: here it is stricter."),
            (
                (600, 10, 100),
                7,
                "The load alone needs more than 6, and p99 is the tail.",
            ),
            ((1_500, 10, 100), 16, "With a large load, look further than a few replicas."),
            ((20, 10, 1_000), 1, "One replica may be enough."),
        ]
    )


EXERCISES = [
    Exercise(
        id="4.1-a",
        question="The address after the port: a string that begins with /v1.",
        judge=_address,
        hints=(
            "Protocol, model, version, what to do: in this order.",
            "The table of the address shows all its parts.",
        ),
        solution=f"answer = {RIGHT!r}",
        wrong=(
            ("'/v2/models/credit:predict'", "protocol"),
            ("'/v1/models/credit/labels/2:predict'", "can be moved"),
            ("'/v1/models/credit:predict'", "newest"),
            ("'/v1/models/credit/versions/2'", "status"),
        ),
        right="A client that pins a version also pins its faults: most should ask for a label.",
    ),
    Exercise(
        id="4.1-b",
        question="Where the scaling should be done: one letter.",
        judge=name(
            "C",
            among="ABCD",
            replies={
                "A": "Then the same income means something else with each client, and the model "
                "learned only one meaning.",
                "B": "The model learned its weights with one mean. If the mean moves, the weights "
                "no longer fit; and a drift of incomes would be scaled away unseen.",
                "D": "Then training and serving have two copies of the code, which will differ "
                "one day.",
            },
        ),
        hints=(
            "With which mean did the model learn its weights?",
            "How many copies of the code are there in each of the answers?",
        ),
        solution="answer = 'C'",
        wrong=(("'A'", "one meaning"), ("'B'", "no longer fit"), ("'D'", "two copies")),
        right="Whatever is learned from data in training is part of the model and travels with it.",
    ),
    Exercise(
        id="4.1-c",
        question="What a change of version needs to lose no request: a set of letters.",
        judge=chosen(
            {"A", "C", "D", "F"},
            among="ABCDEF",
            extra={
                "B": "That decides whether to change, not whether requests are lost.",
                "E": "A request that has to come again tomorrow is lost.",
            },
            missing={
                "A": "What does the first user after the change wait for?",
                "C": "What about a request that was under way?",
                "D": "What if the server reads a folder while it is being copied?",
                "F": "What if version 3 is broken?",
            },
        ),
        hints=(
            "Go through the change step by step and ask at each: who is asking just now?",
            "There are four.",
        ),
        solution="answer = {'A', 'C', 'D', 'F'}",
        wrong=(
            ("{'A', 'B', 'C', 'D', 'F'}", "whether to change"),
            ("{'A', 'D', 'F'}", "under way"),
            ("{'A', 'C', 'F'}", "being copied"),
        ),
        right="All four happened in the cell above, and the price was memory for two versions.",
    ),
    Exercise(
        id="4.1-d",
        question="Requests per second: a number, within 1 %.",
        judge=number(
            2_000,
            within=20,
            replies={
                50: "That is what one clerk gets. There are forty.",
                800: "40 x 20 multiplies users and milliseconds. Which two does the law multiply?",
                0.8: "40 x 0.02: the law says users = throughput x latency.",
                2: "Mind the unit: 20 ms are 0.02 s.",
            },
        ),
        hints=("users = throughput x mean latency.", "40 = throughput x 0.02 s."),
        solution="answer = 40 / 0.020",
        wrong=(("50", "one clerk"), ("800", "multiplies"), ("2", "unit")),
        right="And you know it without looking into the server. If a report says otherwise, the "
        "report is wrong.",
    ),
    Exercise(
        id="4.1-e",
        question="A function replicas(rate, service_ms, target_ms) that returns the smallest "
        "number of replicas.",
        judge=lambda answer: _replicas()(answer),
        hints=(
            "Take the table's rows one after the other, until one keeps the target.",
            "`table.index[table['p99 (ms)'] <= target_ms]` are those that do; mind how many rows "
            "the table has.",
        ),
        solution="""\
from helpers.serving.capacity import queue


def answer(rate, service_ms, target_ms):
    replicas = 1
    while 1000 * queue(rate, service_ms / 1000, replicas).latency(0.99) > target_ms:
        replicas += 1
    return replicas
""",
        wrong=(
            (
                "import math\n"
                "def answer(rate, service_ms, target_ms):\n"
                "    return math.ceil(rate * service_ms / 1000)",
                "The target decides",
            ),
            (
                "from helpers.serving.capacity import queue\n"
                "def answer(rate, service_ms, target_ms):\n"
                "    return next(k for k in range(1, 99)\n"
                "                if 1000 * queue(rate, service_ms / 1000, k).mean <= target_ms)",
                "The target decides",
            ),
            (
                "from helpers.serving.capacity import queue\n"
                "def answer(rate, service_ms, target_ms):\n"
                "    tail = lambda k: 1000 * queue(rate, service_ms / 1000, k).latency()\n"
                "    return next(k for k in range(2, 99) if tail(k) <= target_ms)",
                "One replica may be enough",
            ),
        ),
        right="Then one more, for the replica that is being restarted.",
    ),
    Exercise(
        id="4.1-f",
        question="What happens with six replicas: one letter.",
        judge=name(
            "B",
            among="ABCD",
            replies={
                "A": "It fits on average. A clump of requests that has to wait finds no idle "
                "moment later to make up for the delay.",
                "C": "That would be so if the requests came like the ticks of a clock. They "
                "come in clumps.",
                "D": "A full queue answers 503, but before it is full, all wait longer and longer.",
            },
        ),
        hints=(
            "Set the view to 600 requests, 10 ms, six replicas.",
            "What is the utilization, and what does the curve do there?",
        ),
        solution="answer = 'B'",
        wrong=(("'A'", "on average"), ("'C'", "clock"), ("'D'", "before it is full")),
        right="Utilization is what one buys latency with. Seven replicas, at 86 %, keep 62 ms.",
    ),
]
