"""The judges of lesson 3.1, Tune."""

from __future__ import annotations

import copy
import functools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from helpers.course.exercises.calls import kind_of, run
from helpers.course.exercises.judges import as_number, as_numbers, name

BUDGET = 150  # epochs of a search
WORLDS = range(1_000, 1_200)  # not those of the lesson
GOOD = 0.0115  # AUC that a good plan loses against the best of 81, on average


def _ship(answer: Any) -> str | None:
    import numpy as np

    for seed in (1, 2, 3, 4, 11):
        valid, final = np.random.default_rng(seed).normal(0.76, 0.02, (2, 12 + seed))
        final += 0.05 * (seed % 2)  # a final set may be kinder, too
        got = run(answer, valid, final, seconds=2, about="two arrays of AUCs, one of each trial.")
        at, score = as_numbers(got, (2,), "numbers: the trial's position, the score to report")
        if at == final.argmax() != valid.argmax():
            return "You chose by the final set. Its best score is as lucky as the other one was."
        if at != valid.argmax():
            return "That is not the trial to ship. (Its position comes first, counted from 0.)"
        if abs(score - valid.max()) < 1e-12:
            return "That score won a contest of many: it is too high on average."
        if abs(score - final[valid.argmax()]) > 1e-9:
            return "The score to report belongs to the shipped trial, on rows that chose nothing."
    return None


def _interval(answer: Any) -> str | None:
    import numpy as np

    from helpers.base.stats import auc

    widths = []
    for seed, better in ((1, 0.0), (2, 0.35), (3, 0.3), (4, 0.3)):
        rng = np.random.default_rng(seed)
        y = (rng.random(300) < 0.3).astype(int)
        shared = y + rng.normal(0, 1, 300)
        a, b = shared + rng.normal(0, 0.3, (2, 300)) + np.outer([0, better], y)
        values, covariance = auc(y, a, b)
        middle, apart = values[1] - values[0], 1.96 * np.sqrt(covariance.trace())
        half = 1.96 * np.sqrt([1, -1] @ covariance @ [1, -1])
        got = run(answer, y, a, b, seconds=30, about="300 labels and two arrays of scores.")
        low, high = as_numbers(got, (2,), "numbers: the ends of the interval, the lower one first")
        width = (high - low) / 2
        if low >= 0 and not better:
            return "Of two scores that are alike, either may be ahead: the difference has a sign."
        if better and width > 0.7 * half and abs((low + high) / 2 + middle) < 0.4 * half:
            return "The interval is that of AUC(a) minus AUC(b); asked is the reverse."
        if not low <= middle <= high:
            return (
                f"The difference on all rows is {middle:.3f}, and the interval from {low:.3f} to "
                f"{high:.3f} does not hold it. (np.percentile counts to 100, np.quantile to 1.)"
            )
        if width > 0.75 * apart:
            return "As wide as if on different rows; but a row that is hard for a is hard for b."
        widths.append(width / half)
    if 0.91 <= (share := np.mean(widths)) <= 1.15:
        return None
    return f"A 95 % interval leaves out 2.5 % at each end. Yours has {share:.0%} of its width."


def _space(answer: Any) -> str | None:
    import keras_tuner

    def explored() -> list:  # by a tuner, which builds once in each scope
        goal = keras_tuner.Objective("auc", "max")
        tuner = keras_tuner.RandomSearch(answer, goal, directory=tempfile.mkdtemp())
        return tuner.oracle.get_space().space

    asked = explored if callable(answer) else answer
    space = run(asked, seconds=20, about="a keras_tuner.HyperParameters object.")
    by_name = {key: [one for one in space if one.name == key] for key in _RANGES}
    scopes = {}  # the optimizers with which each is drawn
    for key, found in by_name.items():
        if not found:
            return f"{key!r} is not in the space: what an `if` leaves out, a scope would register."
        scopes[key] = {v for one in found for c in one.conditions for v in c.values} or _BOTH
    if set(getattr(by_name["optimizer"][0], "values", ())) != _BOTH:
        return "The optimizer is one of two names: 'adam' and 'sgd'."
    for one in by_name["learning_rate"] + by_name["momentum"]:
        if type(one).__name__ != "Float":
            return f"The {one.name} is any number in a range: which method of hp draws those?"
        if (one.min_value, one.max_value) != _RANGES[one.name]:
            return f"The range of the {one.name} is {one.min_value:g} to {one.max_value:g}."
    if scopes["learning_rate"] != _BOTH:
        return f"The learning rate is searched with {scopes['learning_rate']} only; both have one."
    if any(one.sampling != "log" for one in by_name["learning_rate"]):
        return "Of even draws 97 % are above 0.01. How is a range sampled evenly by its factor?"
    if scopes["momentum"] != {"sgd"}:
        return "Momentum is drawn with Adam too: trials that differ in nothing else are the same."
    return None


_BOTH = {"adam", "sgd"}
_RANGES = {"optimizer": (), "learning_rate": (1e-4, 0.3), "momentum": (0.0, 0.99)}


def _halving(answer: Any) -> str | None:
    from helpers.course.lesson_3_1.curves import Bench, halve

    for n, first, factor in ((27, 1, 3), (20, 2, 3), (16, 1, 2), (1, 1, 3)):
        asked, right = Bench(n, n), Bench(n, n)
        expected = halve(right.candidates, right.train, first, factor)
        called = f"{n} candidates, train, first={first}, factor={factor}."
        got = run(answer, asked.candidates, asked.train, first, factor, seconds=2, about=called)
        called = f" It was called with {called}"
        if got == expected and (n == 1 or asked.calls == right.calls):
            continue
        if asked.spent > right.spent:
            most = f"{asked.spent} epochs were spent, and {right.spent} are enough"
            return f"{most}: train only what is kept, and stop when one is left.{called}"
        most, expected = (max(one.trained.values(), default=0) for one in (asked, right))
        if most < expected:
            return f"No candidate has more than {most} epochs in all; {expected} are due.{called}"
        return f"After some round the wrong ones are left. Which end of the order is kept?{called}"
    return None


def _plan(answer: Any) -> str | None:
    from helpers.course.lesson_3_1.curves import regret

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
    found = f"In 200 other worlds it spends {spent:.0f} epochs and loses {lost:.4f} AUC"
    if spent > BUDGET:
        return f"{found}; there are {BUDGET} epochs. A round costs candidates times new epochs."
    if lost <= GOOD:
        return None
    if factor >= candidates:
        return f"{found}. Nothing is halved: a bad candidate costs as much as a good one."
    if first < 4:
        return f"{found}. The first round drops those that learn slowly and would end on top."
    return f"{found}. The budget can be divided better: move one of the three numbers at a time."


@functools.cache
def _store() -> tuple[str, Any]:
    from helpers.course.tracking import tracking_store

    address = tracking_store(tempfile.mkdtemp())
    from mlflow import MlflowClient

    return address, MlflowClient(address)


@contextmanager
def _experiment() -> Iterator[str]:
    """Let MLflow log into the judges' own store, and return to the learner's."""
    address, client = _store()
    import mlflow

    while mlflow.active_run():
        mlflow.end_run()
    before, folder = mlflow.get_tracking_uri(), Path(tempfile.mkdtemp())
    mlflow.set_tracking_uri(address)
    try:
        yield client.create_experiment(folder.name, artifact_location=folder.as_uri())
    finally:
        while mlflow.active_run():
            mlflow.end_run()
        mlflow.set_tracking_uri(before)


def _record(answer: Any) -> str | None:
    trials = [
        {"params": {"learning_rate": 0.03 * i, "leaves": 2 + i}, "auc": 0.7 + 0.011 * i, "seed": i}
        for i in (1, 2, 3)
    ]
    given, about = copy.deepcopy(trials), "an experiment, three trials and the hash '9f3a'."
    with _experiment() as experiment:
        run(answer, experiment, given, "9f3a", seconds=10, about=about)
        runs = [(one.info.status, one.data) for one in _store()[1].search_runs([experiment])]
    if len(runs) != 3:
        return f"Of three trials this experiment now holds {len(runs)} run(s): a trial is a run."
    kept = []
    for status, one in runs:
        if lacking := {"learning_rate", "leaves"} - set(one.params):
            return f"The runs lack {sorted(lacking)}: what was tried must be found again."
        if "auc" not in one.metrics:
            return "No run has a metric 'auc'. What is kept as text, the store cannot put in order."
        if "seed" not in one.params:
            return "Without its seed, a parameter named 'seed', no trial can be repeated."
        if one.tags.get("data") != "9f3a":
            return "Nothing says which rows the scores are of: two of them may not be comparable."
        if status != "FINISHED":
            return f"A run is left {status}: a search for finished ones will not find it."
        kept.append((one.params["leaves"], one.params["seed"], round(one.metrics["auc"], 6)))
    if sorted(kept) != [("3", "1", 0.711), ("4", "2", 0.722), ("5", "3", 0.733)]:
        return "Parameters, seed and AUC of a run are not exactly those of one trial."
    return None if given == trials else "Your function changed the trials that it was given."


# experiment, AUC, status, hash of the rows, reply to the one who picks it
_RUNS = (
    (0, 0.74, "FINISHED", "9f3a", "The run is comparable, and not the best of those."),
    (0, 0.79, "FAILED", "9f3a", "The run has failed, and has left the metric of an epoch before."),
    (0, 0.77, "FINISHED", "9f3a", ""),
    (0, None, "FINISHED", "9f3a", "The run has no AUC."),
    (0, 0.80, "FINISHED", "11c0", "The run has the highest AUC, on other rows: is it comparable?"),
    (0, 0.78, "RUNNING", "9f3a", "The run is still running: it has nothing to ship yet."),
    (1, 0.81, "FINISHED", "9f3a", "The run is of another experiment."),
    (0, 0.75, "FINISHED", "9f3a", "The run is comparable, and not the best of those."),
)


@functools.cache
def _record_of_others() -> tuple[str, dict[str, str]]:
    """Return an experiment with runs that differ in one thing each, and the reply to each."""
    with _experiment() as experiment, _experiment() as other:
        client, replies = _store()[1], {}
        for at, area, status, data, reply in _RUNS:
            made = client.create_run((experiment, other)[at], tags={"data": data}).info.run_id
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
    if not isinstance(got, str):
        return f"Expected the run_id of one run as a text, got {kind_of(got)}."
    if got not in replies:
        return f"{got!r} is no run_id: that is a text of 32 letters and digits."
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
