"""The exercises of lesson 4.1, Serve a model."""

from __future__ import annotations

import functools
from typing import Any

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


JUDGES = {
    "4.1-a": _address,
    "4.1-b": name(
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
    "4.1-c": chosen(
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
    "4.1-d": number(
        2_000,
        within=20,
        replies={
            50: "That is what one clerk gets. There are forty.",
            800: "40 x 20 multiplies users and milliseconds. Which two does the law multiply?",
            0.8: "40 x 0.02: the law says users = throughput x latency.",
            2: "Mind the unit: 20 ms are 0.02 s.",
        },
    ),
    "4.1-e": lambda answer: _replicas()(answer),
    "4.1-f": name(
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
}
