"""The exercises of lesson 3.1, Tune."""

from __future__ import annotations

import functools
import itertools
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from helpers.course.exercises.calls import ReplyError, run
from helpers.course.exercises.core import Exercise
from helpers.course.exercises.judges import as_number, name


def _ship(answer: Any) -> str | None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        valid, final = rng.normal(0.76, 0.02, (2, 12 + seed))
        got = run(answer, valid, final, seconds=2, about="two arrays of AUCs, one of each trial.")
        if not isinstance(got, tuple | list) or len(got) != 2:
            return "Expected two values: the position of the trial, and the score to report."
        at, score = map(as_number, got)
        if at is None or score is None:
            return "Expected two numbers: a position and an AUC."
        if at == final.argmax() != valid.argmax():
            return (
                "You chose by the final set. Then it is the set that was searched, and its best "
                "score is as lucky as the other one was."
            )
        if at != valid.argmax():
            return "That is not the trial that the search would ship."
        if abs(score - valid.max()) < 1e-12:
            return (
                "That score won a contest of many: it is the largest of that many lucky and "
                "unlucky draws, so it is too high on average."
            )
        if abs(score - final[valid.argmax()]) > 1e-9:
            return "The score to report belongs to the shipped trial, on rows that chose nothing."
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
    if rate.min_value > 1e-4 or rate.max_value < 0.1 or rate.max_value > 1:
        return f"The range of the learning rate is {rate.min_value:g} to {rate.max_value:g}."
    if rate.sampling != "log":
        draws = [rate.random_sample(seed) for seed in range(200)]
        tiny = np.mean(np.array(draws) < 0.01)
        return (
            f"Of 200 draws {tiny:.0%} are below 0.01, though that is two thirds of the orders of "
            "magnitude. How is a range sampled evenly by its factor?"
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


class Bench:
    """Candidates whose learning curves are made up, and a count of the epochs that were spent.

    A slow learner ends higher on average: what a curve shows early is a hint, not a verdict.

    Parameters
    ----------
    n : int
        Number of candidates.
    seed : int
        Which ones.
    """

    def __init__(self, n: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.speed = np.exp(rng.uniform(np.log(0.2), np.log(3.0), n))
        self.final = 0.775 - 0.006 * np.log(self.speed) - rng.exponential(0.03, n)
        self.candidates = [{"trial": i, "speed": round(float(self.speed[i]), 3)} for i in range(n)]
        self.noise = rng.normal(0, 0.002, n)
        self.trained: dict[int, int] = {}
        self.calls: list[tuple[int, int]] = []

    def score(self, trial: int, epochs: int) -> float:
        """Return the validation AUC of a trial after so many epochs."""
        at_end = self.final[trial] + self.noise[trial]
        return float(at_end - 0.1 * np.exp(-self.speed[trial] * epochs))

    def train(self, candidate: dict[str, Any], epochs: int) -> float:
        """Train on to so many epochs in all, and return the validation AUC."""
        if not isinstance(candidate, dict) or "trial" not in candidate:
            raise ReplyError(f"train(candidate, epochs) was given {candidate!r} as the candidate.")
        trial = candidate["trial"]
        self.calls.append((trial, int(epochs)))
        self.trained[trial] = max(self.trained.get(trial, 0), int(epochs))
        return self.score(trial, int(epochs))

    @property
    def spent(self) -> int:
        """Return the epochs that were spent so far."""
        return sum(self.trained.values())


def halve(
    candidates: list, train: Callable[[Any, int], float], first: int = 1, factor: int = 3
) -> Any:
    """Return the winner of successive halving: keep the best part, and train those on."""
    epochs = first
    while len(candidates) > 1:
        ranked = sorted(candidates, key=lambda one: train(one, epochs), reverse=True)
        candidates = ranked[: max(1, len(ranked) // factor)]
        epochs *= factor
    return candidates[0]


def _halving(answer: Any) -> str | None:
    for n, first, factor in ((27, 1, 3), (20, 2, 3), (16, 1, 2), (1, 1, 3)):
        asked, right = Bench(n, n), Bench(n, n)
        expected = halve(right.candidates, right.train, first, factor)
        called = f"{n} candidates, train, first={first}, factor={factor}."
        got = run(answer, asked.candidates, asked.train, first, factor, seconds=2, about=called)
        if n == 1 and got == expected:
            continue
        if sorted(set(asked.calls)) == sorted(set(right.calls)) and got == expected:
            continue
        called = f" It was called with {called}"
        if not isinstance(got, dict):
            return f"Expected the candidate that is left, got {got!r}.{called}"
        most, longest = (
            max(asked.trained.values(), default=0),
            max(right.trained.values(), default=0),
        )
        if asked.spent > right.spent:
            return (
                f"{asked.spent} epochs were spent, and {right.spent} are enough: those that are "
                f"dropped must not be trained on.{called}"
            )
        if most < longest:
            return (
                f"The survivors are never trained for longer than {most} epochs: a round gives "
                f"more epochs to fewer candidates.{called}"
            )
        return f"After some round the wrong ones are left. Which end of the order is kept?{called}"
    return None


@functools.cache
def regret(candidates: int, first: int, factor: int, worlds: int = 60) -> tuple[float, float]:
    """Return how far below the best of 81 a plan ends on average, and the epochs it spends."""
    lost, spent = [], []
    for seed in range(1_000, 1_000 + worlds):
        bench = Bench(81, seed)
        left = halve(bench.candidates[:candidates], bench.train, first, factor)
        lost.append(bench.final.max() - bench.final[left["trial"]])
        spent.append(bench.spent)
    return float(np.mean(lost)), float(np.mean(spent))


def _interval(answer: Any) -> str | None:
    from helpers.base.stats import auc

    for seed, better in ((1, 0.0), (2, 0.35)):
        rng = np.random.default_rng(seed)
        y = (rng.random(500) < 0.2).astype(int)
        shared = y + rng.normal(0, 1, 500)
        a, b = shared + rng.normal(0, 0.3, (2, 500)) + np.outer([0, better], y)
        values, covariance = auc(y, a, b)
        middle = values[1] - values[0]
        half = 1.96 * np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
        apart = 1.96 * np.sqrt(covariance[0, 0] + covariance[1, 1])
        got = run(answer, y, a, b, seconds=10, about="500 labels and two arrays of scores.")
        ends = [as_number(one) for one in got] if isinstance(got, tuple | list | np.ndarray) else []
        if len(ends) != 2 or None in ends:
            return "Expected two numbers: the lower and the upper end of the interval."
        low, high = ends
        if low > high:
            return "The lower end comes first."
        if abs((low + high) / 2 + middle) < 0.3 * half and abs(middle) > 0.3 * half:
            return "The interval is that of the first minus the second; asked is the reverse."
        width = (high - low) / 2
        if width > 0.75 * apart:
            return (
                "The interval is as wide as if the two models had been measured on different rows. "
                "They saw the same rows, and a row that is hard for one is hard for the other."
            )
        if width < 0.75 * half:
            return "The interval is too narrow for 95 % of 500 rows."
        if width > 1.3 * half or abs((low + high) / 2 - middle) > 0.4 * half:
            return "The interval is not where the paired 95 % interval of the difference is."
    return None


@functools.cache
def _store() -> str:
    from helpers.course.lesson_3_1.store import tracking_store

    return tracking_store(tempfile.mkdtemp())


_NUMBERS = itertools.count()


def _logged(answer: Any) -> str | None:
    address = _store()
    import mlflow

    before, active = mlflow.get_tracking_uri(), mlflow.active_run()
    if active:
        mlflow.end_run()
    mlflow.set_tracking_uri(address)
    try:
        folder = tempfile.mkdtemp()
        made = mlflow.create_experiment(f"judged {next(_NUMBERS)}", artifact_location=folder)
        mlflow.set_experiment(experiment_id=made)
        trials = [
            {
                "params": {"learning_rate": 0.03 * i, "leaves": 2 + i},
                "auc": 0.7 + 0.01 * i,
                "seed": i,
            }
            for i in (1, 2, 3)
        ]
        run(answer, trials, "9f3a", seconds=10, about="three trials and the hash '9f3a'.")
        runs = mlflow.search_runs([made])
    finally:
        while mlflow.active_run():
            mlflow.end_run()
        mlflow.set_tracking_uri(before)
    return _read(runs)


def _read(runs: pd.DataFrame) -> str | None:
    if len(runs) == 0:
        return "The experiment that is set holds no run after your function."
    if len(runs) != 3:
        return f"Three trials were given, and the store holds {len(runs)} run(s): a trial is a run."
    lacking = {"params.learning_rate", "params.leaves"} - set(runs)
    if lacking:
        return f"The runs lack {sorted(lacking)}: what was tried must be found again."
    if "metrics.auc" not in runs:
        inside = "params.auc" in runs or "tags.auc" in runs
        return (
            "The AUC is kept as text, so that the store cannot order runs by it: it is a metric."
            if inside
            else "The runs lack the metric 'auc'."
        )
    if not np.allclose(sorted(runs["metrics.auc"]), [0.71, 0.72, 0.73]):
        return "The AUCs of the runs are not those of the trials."
    if "params.seed" not in runs or sorted(runs["params.seed"]) != ["1", "2", "3"]:
        return "Without its seed, a parameter named 'seed', no trial can be repeated."
    if "tags.data" not in runs or set(runs["tags.data"]) != {"9f3a"}:
        return (
            "Nothing says which rows the scores are of: two runs are comparable only if the tag "
            "'data' is the same."
        )
    pairs = zip(runs["params.leaves"], runs["metrics.auc"].round(2), strict=True)
    if set(pairs) != {("3", 0.71), ("4", 0.72), ("5", 0.73)}:
        return "Parameters of one trial stand beside the metric of another."
    return None


def _pick(answer: Any) -> str | None:
    runs = pd.DataFrame(
        {
            "run_id": list("abcdefg"),
            "status": ["FINISHED", "FAILED", *["FINISHED"] * 4, "RUNNING"],
            "metrics.auc": [0.74, 0.79, 0.77, np.nan, 0.80, 0.76, 0.78],
            "tags.data": ["9f3a", "9f3a", "9f3a", "9f3a", "11c0", "9f3a", "9f3a"],
        }
    )
    replies = {
        "e": "Run e has the highest AUC, on other rows: is it comparable?",
        "b": "Run b has failed, and has left the metric of an epoch before.",
        "g": "Run g is still running: it has nothing to ship yet.",
        "d": "Run d has no AUC.",
    }
    for frame in (runs, runs.iloc[::-1].set_index(np.arange(7) + 5)):
        got = run(answer, frame, "9f3a", seconds=2)
        if got != "c":
            text = got if isinstance(got, str) else None
            return replies.get(text, f"Expected the run_id of one run, got {got!r}.")
    none = run(answer, runs[runs["tags.data"] == "11c0"], "9f3a", seconds=2)
    if none is not None:
        return f"Where no run is comparable, there is nothing to ship: None, not {none!r}."
    return None


BUDGET = 150  # epochs of a search
GOOD = 0.0062  # AUC that a good plan loses against the best of 81, on average


def _plan(answer: Any) -> str | None:
    wanted = ("candidates", "first", "factor")
    if not isinstance(answer, dict) or set(answer) != set(wanted):
        return f"Expected a dict with the keys {', '.join(wanted)}."
    values = [as_number(answer[key]) for key in wanted]
    if None in values or any(value != int(value) for value in values if value is not None):
        return "Expected whole numbers."
    candidates, first, factor = (int(value) for value in values if value is not None)
    if not (1 <= candidates <= 81 and 1 <= first <= BUDGET and 2 <= factor <= 81):
        return f"Possible are 1 to 81 candidates, 1 to {BUDGET} first epochs, a factor of 2 to 81."
    lost, spent = regret(candidates, first, factor)
    told = f"Over 60 worlds it spends {spent:.0f} epochs and loses {lost:.4f} AUC"
    if spent > BUDGET:
        return f"{told}; there are {BUDGET} epochs. A round costs candidates times new epochs."
    if lost <= GOOD:
        return None
    if candidates < 9:
        return f"{told}. Among so few candidates a very good one is rare, however well they train."
    if first < 4:
        return f"{told}. The first round drops those that learn slowly and would end on top."
    return f"{told}. The budget can be divided better: move one of the three numbers at a time."


_INTERVAL = """
import numpy as np
from sklearn.metrics import roc_auc_score


def interval(y, a, b):
    rng, differences = np.random.default_rng(0), []
    for _ in range(200):
        rows = rng.integers(len(y), size=len(y))
        differences.append(roc_auc_score(y[rows], b[rows]) - roc_auc_score(y[rows], a[rows]))
    return np.quantile(differences, [0.025, 0.975])


answer = interval
"""

_SPACE = """
def build(hp):
    hp.Float("learning_rate", 1e-4, 0.3, sampling="log")
    hp.Choice("optimizer", ["adam", "sgd"])
    with hp.conditional_scope("optimizer", ["sgd"]):
        hp.Float("momentum", 0.0, 0.99)


answer = build
"""

_HALVING = """
def successive_halving(candidates, train, first, factor):
    epochs = first
    while len(candidates) > 1:
        scores = [train(one, epochs) for one in candidates]
        order = sorted(range(len(scores)), key=lambda i: scores[i], reverse=True)
        candidates = [candidates[i] for i in order[: max(1, len(order) // factor)]]
        epochs *= factor
    return candidates[0]


answer = successive_halving
"""

_RECORD = """
import mlflow


def record(trials, data):
    for trial in trials:
        with mlflow.start_run():
            mlflow.log_params({**trial["params"], "seed": trial["seed"]})
            mlflow.log_metric("auc", trial["auc"])
            mlflow.set_tag("data", data)


answer = record
"""

_PICK = """
def pick(runs, data):
    good = runs[(runs["status"] == "FINISHED") & (runs["tags.data"] == data)]
    good = good.dropna(subset="metrics.auc")
    return None if good.empty else good.loc[good["metrics.auc"].idxmax(), "run_id"]


answer = pick
"""

EXERCISES = [
    Exercise(
        id="3.1-a",
        kind="code",
        question="A function ship(valid, final) that returns the trial to ship and its score.",
        judge=_ship,
        hints=(
            "Two decisions, two sets of rows: one chooses, the other reports.",
            "`valid.argmax()` is a position; look it up in the other array.",
        ),
        solution="""
def ship(valid, final):
    at = valid.argmax()
    return at, final[at]


answer = ship
""",
        wrong=(
            ("answer = lambda valid, final: (valid.argmax(), valid.max())", "contest of many"),
            ("answer = lambda valid, final: (final.argmax(), final.max())", "searched"),
            ("answer = lambda valid, final: (valid.argmax(), final.max())", "belongs to"),
            ("answer = lambda valid, final: valid.argmax()", "two values"),
            ("0.78", "Expected a function"),
        ),
        right="That is right. One look at the final set costs it nothing; sixty looks make it a "
        "validation set.",
    ),
    Exercise(
        id="3.1-b",
        kind="code",
        question="A function interval(y, a, b): the 95 % interval of AUC(b) minus AUC(a), paired.",
        judge=_interval,
        hints=(
            "Bootstrap: draw row numbers with replacement, and take both AUCs on the same rows.",
            "`np.quantile(differences, [0.025, 0.975])` of some 200 draws.",
        ),
        solution=_INTERVAL,
        wrong=(
            (
                _INTERVAL.replace(
                    "y[rows], a[rows]",
                    "*(lambda r: (y[r], a[r]))(rng.integers(len(y), size=len(y)))",
                ),
                "as wide as if",
            ),
            (_INTERVAL.replace("0.025, 0.975", "0.4, 0.6"), "too narrow"),
            (_INTERVAL.replace("[0.025, 0.975]", "0.5"), "Expected two numbers"),
            ("0.02", "Expected a function"),
        ),
    ),
    Exercise(
        id="3.1-c",
        kind="code",
        question="A function build(hp) that asks KerasTuner's hp for the three hyperparameters.",
        judge=_space,
        hints=(
            "`hp.Float` takes `sampling`; `hp.Choice` takes a list.",
            "`with hp.conditional_scope('optimizer', [...]):` and ask for the momentum inside.",
        ),
        solution=_SPACE,
        wrong=(
            (_SPACE.replace(', sampling="log"', ""), "evenly by its factor"),
            (
                _SPACE.replace('with hp.conditional_scope("optimizer", ["sgd"])', "if hp"),
                "does not use it",
            ),
            (_SPACE.replace("1e-4, 0.3", "1e-3, 0.01"), "range of the learning rate"),
            (
                _SPACE.replace(
                    'Float("learning_rate", 1e-4, 0.3, sampling="log")',
                    'Choice("learning_rate", [1e-4, 0.3])',
                ),
                "any number in a range",
            ),
            ("answer = lambda hp: {'learning_rate': 0.01}", "not asked from hp"),
        ),
    ),
    Exercise(
        id="3.1-d",
        kind="code",
        question="A function successive_halving(candidates, train, first, factor).",
        judge=_halving,
        hints=(
            "A loop: train all that are left, order them by score, keep the best part, raise.",
            "`ranked[: max(1, len(ranked) // factor)]`, and `epochs *= factor`.",
        ),
        solution=_HALVING,
        wrong=(
            (_HALVING.replace("reverse=True", "reverse=False"), "Which end"),
            (_HALVING.replace("        epochs *= factor\n", ""), "never trained for longer"),
            (
                "answer = lambda candidates, train, first, factor: "
                "max(candidates, key=lambda one: train(one, 27))",
                "must not be trained on",
            ),
            ("27", "Expected a function"),
        ),
        right="That is right. Most of the epochs go to the few that have earned them.",
    ),
    Exercise(
        id="3.1-e",
        kind="design",
        question="A plan of successive halving for 150 epochs: a dict of three whole numbers.",
        judge=_plan,
        hints=(
            "First ask how many epochs tell the slow learners from the bad ones.",
            "Then spend what is left on candidates; a factor of 2 or 3 keeps more of them.",
        ),
        solution='answer = {"candidates": 15, "first": 6, "factor": 3}',
        wrong=(
            ('{"candidates": 27, "first": 1, "factor": 3}', "learn slowly"),
            ('{"candidates": 5, "first": 27, "factor": 5}', "so few"),
            ('{"candidates": 81, "first": 1, "factor": 3}', "there are 150"),
            ('{"candidates": 27}', "keys"),
            ("150", "Expected a dict"),
        ),
    ),
    Exercise(
        id="3.1-f",
        kind="choice",
        question="What the next hundred hours should buy: a letter.",
        judge=name(
            "C",
            among="ABCD",
            replies={
                "A": "More trials on the same 500 rows: look at the curve of the truth after ten.",
                "B": "A cleverer sampler of the same space: how far is the best of it from "
                "the ceiling?",
                "D": "More validation rows show a better choice among the sixty. How far up does "
                "the best of the sixty reach?",
            },
        ),
        hints=(
            "Compare the lines of the table in section 5 in euro, not the efforts.",
            "Which line comes nearest to the ceiling?",
        ),
        solution='answer = "C"',
        wrong=(('"A"', "curve of the truth"), ('"B"', "cleverer"), ('"D"', "sixty reach")),
    ),
    Exercise(
        id="3.1-g",
        kind="code",
        question="A function record(trials, data) that logs a run of MLflow for each trial.",
        judge=_logged,
        hints=(
            "`with mlflow.start_run():` inside the loop, so that each trial is a run of its own.",
            "`log_params`, `log_param`, `log_metric` and `set_tag`, once each.",
        ),
        solution=_RECORD,
        wrong=(
            (_RECORD.replace('            mlflow.set_tag("data", data)\n', ""), "which rows"),
            (_RECORD.replace(', "seed": trial["seed"]', ""), "can be repeated"),
            (_RECORD.replace('log_metric("auc"', 'log_param("auc"'), "kept as text"),
            (
                "import mlflow\n\n\ndef answer(trials, data):\n    with mlflow.start_run():\n"
                "        for trial in trials:\n            mlflow.log_metric('auc', trial['auc'])",
                "a trial is a run",
            ),
        ),
        right="That is right. Lesson 4.4 reads such a record, and decides by it.",
    ),
    Exercise(
        id="3.1-h",
        kind="code",
        question="A function pick(runs, data): the run_id to ship of a search_runs frame, or None.",
        judge=_pick,
        hints=(
            "Three conditions: finished, on these rows, with a score. Then the highest.",
            "`idxmax` returns a label of the index; an empty frame has none.",
        ),
        solution=_PICK,
        wrong=(
            (_PICK.replace(' & (runs["tags.data"] == data)', ""), "Run e"),
            (_PICK.replace('(runs["status"] == "FINISHED") & ', ""), "Run b"),
            (_PICK.replace('== "FINISHED"', '!= "FAILED"'), "Run g"),
            (_PICK.replace("None if good.empty else ", ""), "raised"),
        ),
    ),
]
