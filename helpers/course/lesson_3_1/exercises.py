"""The judges of lesson 3.1, Tune."""

from __future__ import annotations

import functools
import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.course.exercises.calls import kind_of, run
from helpers.course.exercises.judges import as_number, name

if TYPE_CHECKING:
    from mlflow import MlflowClient

BUDGET = 150  # epochs of a search
WORLDS = range(1_000, 1_060)  # not those of the lesson
GOOD = 0.0062  # AUC that a good plan loses against the best of 81, on average


def _ship(answer: Any) -> str | None:
    import numpy as np

    for seed in range(5):
        valid, final = np.random.default_rng(seed).normal(0.76, 0.02, (2, 12 + seed))
        got = run(answer, valid, final, seconds=2, about="two arrays of AUCs, one of each trial.")
        if not isinstance(got, tuple | list) or len(got) != 2:
            return "Expected two values: the position of the trial, and the score to report."
        at, score = map(as_number, got)
        if at is None or score is None:
            return "Expected two numbers: a position and an AUC."
        if at == final.argmax() != valid.argmax():
            return "You chose by the final set. Its best score is as lucky as the other one was."
        if at != valid.argmax():
            return "That is not the trial that the search would ship."
        if abs(score - valid.max()) < 1e-12:
            return "That score won a contest of many: it is too high on average."
        if abs(score - final[valid.argmax()]) > 1e-9:
            return "The score to report belongs to the shipped trial, on rows that chose nothing."
    return None


def _interval(answer: Any) -> str | None:
    import numpy as np

    from helpers.base.stats import auc

    for seed, better in ((1, 0.0), (2, 0.35)):
        rng = np.random.default_rng(seed)
        y = (rng.random(500) < 0.2).astype(int)
        shared = y + rng.normal(0, 1, 500)
        a, b = shared + rng.normal(0, 0.3, (2, 500)) + np.outer([0, better], y)
        values, covariance = auc(y, a, b)
        middle, apart = values[1] - values[0], 1.96 * np.sqrt(covariance.trace())
        half = 1.96 * np.sqrt([1, -1] @ covariance @ [1, -1])
        got = run(answer, y, a, b, seconds=30, about="500 labels and two arrays of scores.")
        ends = [as_number(one) for one in got] if isinstance(got, tuple | list | np.ndarray) else []
        if len(ends) != 2 or None in ends:
            return "Expected two numbers: the lower and the upper end of the interval."
        low, high = ends
        if low > high:
            return "The lower end comes first."
        found, width = (low + high) / 2, (high - low) / 2
        if abs(found + middle) < 0.3 * half < abs(middle):
            return "The interval is that of AUC(a) minus AUC(b); asked is the reverse."
        if width > 0.75 * apart:
            return (
                "The interval is as wide as if the two models had been measured on different rows. "
                "They saw the same rows, and a row that is hard for one is hard for the other."
            )
        if width < 0.75 * half:
            return "The interval is too narrow for 95 % of 500 rows."
        if width > 1.3 * half or abs(found - middle) > 0.4 * half:
            return "The interval is not where the paired 95 % interval of the difference is."
    return None


def _space(answer: Any) -> str | None:
    import keras_tuner

    hp = keras_tuner.HyperParameters()
    asked = functools.partial(answer, hp) if callable(answer) else answer  # not on a copy of hp
    run(asked, seconds=5, about="a keras_tuner.HyperParameters object.")
    space = {one.name: one for one in hp.space}
    for wanted in ("learning_rate", "optimizer", "momentum"):
        if wanted not in space:
            return f"{wanted!r} was not asked from hp; it knows {sorted(space) or 'nothing'}."
    rate = space["learning_rate"]
    if type(rate).__name__ != "Float":
        return "The learning rate is one of any number in a range: which method of hp draws those?"
    if rate.min_value > 1e-4 or not 0.1 <= rate.max_value <= 1:
        return f"The range of the learning rate is {rate.min_value:g} to {rate.max_value:g}."
    if rate.sampling != "log":
        tiny = sum(rate.random_sample(seed) < 0.01 for seed in range(200)) / 200
        return (
            f"Of 200 draws {tiny:.0%} are below 0.01, though that is more than half of the orders "
            "of magnitude. How is a range sampled evenly by its factor?"
        )
    if set(getattr(space["optimizer"], "values", ())) != {"adam", "sgd"}:
        return "The optimizer is one of two names: 'adam' and 'sgd'."
    conditions = space["momentum"].conditions
    if not conditions:
        return (
            "Momentum is drawn with Adam too, which does not use it: trials that differ in nothing "
            "else are the same trial, and a Bayesian search learns from a number without effect."
        )
    if any(one.name != "optimizer" or list(one.values) != ["sgd"] for one in conditions):
        return "Momentum depends on something else than the optimizer being 'sgd'."
    return None


def _halving(answer: Any) -> str | None:
    from helpers.course.lesson_3_1.halving import Bench, halve

    for n, first, factor in ((27, 1, 3), (20, 2, 3), (16, 1, 2), (1, 1, 3)):
        asked, right = Bench(n, n), Bench(n, n)
        expected = halve(right.candidates, right.train, first, factor)
        called = f"{n} candidates, train, first={first}, factor={factor}."
        got = run(answer, asked.candidates, asked.train, first, factor, seconds=2, about=called)
        called = f" It was called with {called}"
        if got == expected and (n == 1 or asked.calls == right.calls):
            continue
        if not isinstance(got, dict):
            return f"Expected the candidate that is left, got {got!r}.{called}"
        if asked.spent > right.spent:
            return (
                f"{asked.spent} epochs were spent, and {right.spent} are enough: those that are "
                f"dropped must not be trained on.{called}"
            )
        most, expected = (max(one.trained.values(), default=0) for one in (asked, right))
        if most < expected:
            return f"None is trained for longer than {most} epochs: a round gives more.{called}"
        return f"After some round the wrong ones are left. Which end of the order is kept?{called}"
    return None


def _plan(answer: Any) -> str | None:
    from helpers.course.lesson_3_1.halving import regret

    wanted = ("candidates", "first", "factor")
    if not isinstance(answer, dict) or set(answer) != set(wanted):
        return f"Expected a dict with the keys {', '.join(wanted)}."
    values = [as_number(answer[key]) for key in wanted]
    if any(value is None or value % 1 for value in values):
        return "Expected whole numbers."
    candidates, first, factor = map(int, values)
    if not (1 <= candidates <= 81 and 1 <= first <= BUDGET and 2 <= factor <= 81):
        return f"Possible are 1 to 81 candidates, 1 to {BUDGET} first epochs, a factor of 2 to 81."
    lost, spent = regret(candidates, first, factor, WORLDS)
    found = f"In 60 other worlds it spends {spent:.0f} epochs and loses {lost:.4f} AUC"
    if spent > BUDGET:
        return f"{found}; there are {BUDGET} epochs. A round costs candidates times new epochs."
    if lost <= GOOD:
        return None
    if candidates < 9:
        return f"{found}. Among so few candidates a very good one is rare, however well they train."
    if first < 4:
        return f"{found}. The first round drops those that learn slowly and would end on top."
    return f"{found}. The budget can be divided better: move one of the three numbers at a time."


@functools.cache
def _store() -> tuple[str, MlflowClient]:
    from helpers.course.tracking import tracking_store

    address = tracking_store(tempfile.mkdtemp())
    from mlflow import MlflowClient

    return address, MlflowClient(address)


_NUMBERS = itertools.count()


@contextmanager
def _experiment() -> Iterator[str]:
    """Let MLflow log into the judges' own store, and return to the learner's."""
    address, client = _store()
    import mlflow

    while mlflow.active_run():
        mlflow.end_run()
    before, folder = mlflow.get_tracking_uri(), Path(tempfile.mkdtemp()).as_uri()
    mlflow.set_tracking_uri(address)
    try:
        yield client.create_experiment(f"judged {next(_NUMBERS)}", artifact_location=folder)
    finally:
        while mlflow.active_run():
            mlflow.end_run()
        mlflow.set_tracking_uri(before)


def _record(answer: Any) -> str | None:
    trials = [
        {"params": {"learning_rate": 0.03 * i, "leaves": 2 + i}, "auc": 0.7 + 0.01 * i, "seed": i}
        for i in (1, 2, 3)
    ]
    about = "an experiment, three trials and the hash '9f3a'."
    with _experiment() as experiment:
        run(answer, experiment, trials, "9f3a", seconds=10, about=about)
        runs = [one.data for one in _store()[1].search_runs([experiment])]
    if len(runs) != 3:
        return f"Of three trials this experiment now holds {len(runs)} run(s): a trial is a run."
    for one in runs:
        if lacking := {"learning_rate", "leaves"} - set(one.params):
            return f"The runs lack {sorted(lacking)}: what was tried must be found again."
        if "auc" in {*one.params, *one.tags}:
            return "The AUC is kept as text, so that the store cannot order runs by it."
        if "auc" not in one.metrics:
            return "The runs lack the metric 'auc'."
        if "seed" not in one.params:
            return "Without its seed, a parameter named 'seed', no trial can be repeated."
        if one.tags.get("data") != "9f3a":
            return "Nothing says which rows the scores are of: two of them may not be comparable."
    kept = {
        (one.params["leaves"], one.params["seed"], round(one.metrics["auc"], 4)) for one in runs
    }
    if kept != {("3", "1", 0.71), ("4", "2", 0.72), ("5", "3", 0.73)}:
        return "Parameters, seed and AUC of a run are not those of one trial."
    return None


# AUC, status, hash of the rows, reply to the one who picks it
_RUNS = (
    (0.74, "FINISHED", "9f3a", "The run is comparable, and not the best of those."),
    (0.79, "FAILED", "9f3a", "The run has failed, and has left the metric of an epoch before."),
    (0.77, "FINISHED", "9f3a", ""),
    (None, "FINISHED", "9f3a", "The run has no AUC."),
    (0.80, "FINISHED", "11c0", "The run has the highest AUC, on other rows: is it comparable?"),
    (0.78, "RUNNING", "9f3a", "The run is still running: it has nothing to ship yet."),
)


@functools.cache
def _record_of_others() -> tuple[str, dict[str, str]]:
    """Return an experiment with runs that differ in one thing each, and the reply to each."""
    with _experiment() as experiment:
        client, replies = _store()[1], {}
        for area, status, data, reply in _RUNS:
            made = client.create_run(experiment, tags={"data": data}).info.run_id
            replies[made] = reply
            if area:
                client.log_metric(made, "auc", area)
            if status != "RUNNING":
                client.set_terminated(made, status)
    return experiment, replies


def _pick(answer: Any) -> str | None:
    experiment, replies = _record_of_others()
    with _experiment():
        got = run(answer, experiment, "9f3a", seconds=5, about="an experiment and a hash.")
        none = run(answer, experiment, "77e2", seconds=5, about="a hash that no run has.")
    if not isinstance(got, str) or got not in replies:
        return f"Expected the run_id of one run as a text, got {kind_of(got)}."
    if reply := replies[got]:
        return reply
    if none is not None:
        return f"Where no run is comparable, there is nothing to ship: None, not {none!r}."
    return None


JUDGES = {
    "3.1-a": _ship,
    "3.1-b": _interval,
    "3.1-c": _space,
    "3.1-d": _halving,
    "3.1-e": _plan,
    "3.1-f": name(
        "C",
        among="ABCD",
        replies={
            "A": "More trials on the same 500 rows: look at the curve of the truth after ten.",
            "B": "A cleverer sampler of the same space: how far is its best from the ceiling?",
            "D": "More validation rows, a better choice: how far up does the best of sixty reach?",
        },
    ),
    "3.1-g": _record,
    "3.1-h": _pick,
}
