"""The exercises of lesson 3.3, Speed up."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from helpers.course.exercises.calls import ReplyError, run, time_limit
from helpers.course.exercises.judges import as_number, assigned, number

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

MOST_MINUTES, MOST_EURO = 60, 2.75


def _trace(parts: Mapping[str, float], gap: float, first: float) -> pd.DataFrame:
    """Return a log of six steps, one part after the other; in step 0 the graph is built."""
    import pandas as pd

    rows, now = [], 100.0
    for step in range(6):
        for what, ms in parts.items():
            ms += first * (step == 0 and what == "compute")
            rows.append((step, what, now, now + ms))
            now += ms
        now += gap
    return pd.DataFrame(rows, columns=["step", "what", "start", "end"])


_LOGS = [
    ({"read": 30.0, "compute": 10.0}, 0.0, 0.0, 2.0),
    ({"read": 10.0, "compute": 40.0}, 0.0, 9_000.0, 4.0),
    ({"read": 5.0, "compute": 20.0, "exchange": 25.0}, 0.0, 900.0, 8.0),
    ({"read": 10.0, "compute": 40.0}, 30.0, 500.0, 1_000.0),
]


def _faster(log: pd.DataFrame, k: float) -> float:
    old = log["end"].max() - log["start"].min()
    computing = (log["end"] - log["start"])[log["what"] == "compute"].sum()
    return old / (old - computing * (1 - 1 / k))


def _bound(answer: Any) -> str | None:
    for parts, gap, first, k in _LOGS:
        log = _trace(parts, gap, first)
        about = f"a log of 6 steps with {', '.join(parts)}, and k = {k:g}."
        if (value := as_number(run(answer, log, k, about=about))) is None:
            return f"Expected a number. It was called with {about}"
        right = _faster(later := log[log["step"] > 0], k)
        known = {
            k: "Only the computing becomes k times as fast; the rest of the step stays.",
            _faster(later, 1e9): "That is the limit for an infinitely fast computer.",
            1 / right: "That is the new time as a share of the old. Which of them is on top?",
            _faster(log, k): "Step 0 builds the graph: it comes once in a night. Leave it out.",
        }
        last = "The clock runs from the first start to the last end, also where nothing is logged."
        last = "That is a share, not how many times as fast it becomes." if value < 1 else last
        near = [reply for slip, reply in known.items() if abs(value - slip) < 0.002]
        if abs(value - right) > 0.002:
            return f"{value:.3g}: {(near or [last])[0]} It was called with {about}"
    return None


class _Source:
    """Files that count how often, and how many at once, they are read."""

    def __init__(self) -> None:
        self.reads = self.prepared = self.now = self.most = 0
        self.lock, self.four = threading.Lock(), threading.Event()

    def fetch(self, number: np.ndarray) -> np.ndarray:
        import numpy as np

        with self.lock:
            self.reads += 1
            self.now += 1
            self.most = max(self.most, self.now)
            if self.now == 4:
                self.four.set()
        self.four.wait(0.5)
        self.four.set()  # nobody waits twice
        with self.lock:
            self.now -= 1
        return np.full((16, 2), number, dtype="float32")

    def count(self, rows: np.ndarray) -> np.ndarray:
        with self.lock:
            self.prepared += 1
        return rows + 100

    def epochs(self, answer: Any) -> list[np.ndarray]:
        import numpy as np
        import tensorflow as tf

        def read(number: Any) -> Any:
            return tf.ensure_shape(tf.numpy_function(self.fetch, [number], tf.float32), (16, 2))

        def prepare(rows: Any) -> Any:
            return tf.ensure_shape(tf.numpy_function(self.count, [rows], tf.float32), (16, 2))

        chance = tf.random.Generator.from_non_deterministic_state()  # a global seed repeats itself

        def jitter(rows: Any) -> Any:
            return rows + chance.uniform(tf.shape(rows), 0.0, 0.1)

        numbers, about = tf.data.Dataset.range(8), "8 files of 16 rows."
        with time_limit(20):
            made = run(answer, numbers, read, prepare, jitter, seconds=20, about=about)
            if not isinstance(made, tf.data.Dataset):
                raise ReplyError(f"Expected a tf.data.Dataset, got {type(made).__name__}.")
            found = [[rows.numpy() for rows in made.take(200)] for _ in range(3)]
        for rows in found:
            if not rows or any(one.ndim != 2 for one in rows):
                raise ReplyError("Expected elements that are whole files: matrices of rows.")
        return [np.concatenate(rows) for rows in found]


def _pipeline(answer: Any) -> str | None:
    import numpy as np

    source = _Source()
    found = source.epochs(answer)
    values = [np.floor(rows[:, 0] - 100) for rows in found]
    every, noise = np.repeat(np.arange(8), 16), [np.sort(rows[:, 0]) for rows in found]
    faults = (
        (
            any(not np.array_equal(np.sort(one), every) for one in values),
            "In an epoch there should be each prepared row once: 8 files of 16 rows.",
        ),
        (source.reads > 8, f"{source.reads} files were read in three epochs: keep what was read."),
        (
            source.prepared > 8,
            f"`prepare` ran {source.prepared} times in three epochs, for 8 files. What gives the "
            "same each time belongs before the place where rows are kept.",
        ),
        (
            any(np.array_equal(noise[0], one) for one in noise[1:]),
            "The noise of the first epoch came again: what is random was kept with the rows.",
        ),
        (
            all(np.array_equal(values[0], one) for one in values[1:]),
            "The order of the files is the same in each epoch. A kept order is no longer chance.",
        ),
        (
            source.most < 4,
            f"At most {source.most} files were read at once, where four were wanted. Did you ask "
            "for it, and are there enough threads to wait in?",
        ),
    )
    return next((reply for fault, reply in faults if fault), None)


def _mine(answer: Any) -> str | None:
    import tensorflow as tf

    for workers, batch in ((2, 8), (3, 12), (4, 8)):
        about = f"a dataset of the rows 0 to 47, batch {batch}, {workers} workers."
        parts = []
        with time_limit(10):
            for worker in range(workers):
                made = run(answer, tf.data.Dataset.range(48), batch, workers, worker, about=about)
                if not isinstance(made, tf.data.Dataset):
                    return f"Expected a tf.data.Dataset, got {type(made).__name__}. Called: {about}"
                steps = [one.numpy() for one in made.take(100)]
                if not steps or steps[0].ndim != 1:
                    return f"Expected batches of rows, and got single ones. Called with {about}"
                parts.append([one.tolist() for one in steps])
        most = max(len(one) for steps in parts for one in steps)
        if parts[0] == parts[1]:
            return f"Every worker gets the same rows: nothing is shared out. Called with {about}"
        if most > batch // workers:
            return f"A worker takes {most} rows a step; `batch` is the global one. Called: {about}"
        for at, step in enumerate(zip(*parts, strict=False)):
            rows, first = sorted(row for one in step for row in one), at * batch
            if rows != list(range(first, first + batch)):
                wanted = f"one process would have {first} to {first + batch - 1}. Called: {about}"
                return f"Step {at} of all workers together has the rows {rows}; {wanted}"
        if any(len(steps) != 48 // batch for steps in parts):
            return f"An epoch should have {48 // batch} steps for each worker. Called: {about}"
    return None


def _plan(answer: Any) -> str | None:
    import numpy as np

    from helpers.course.lesson_3_3.view import Plan, euro, minutes, step

    if not isinstance(answer, Plan):
        return f"Expected a Plan(...), got {type(answer).__name__}."
    limits = {"workers": (1, 12), "batch": (32, 65_536), "reads": (1, 64), "spares": (0, 12)}
    for name, (least, most) in limits.items():
        value = as_number(getattr(answer, name))
        if value is None or value != int(value) or not least <= value <= most:
            return f"{name} is a whole number from {least} to {most:,}."
        answer = answer._replace(**{name: int(value)})
    plan = answer
    if fault := plan.fault():
        return fault
    night = np.concatenate([minutes(plan, seed=seed) for seed in range(1, 6)])
    late, price = float(np.percentile(night, 95)), euro(plan, night)
    if late <= MOST_MINUTES and price <= MOST_EURO:
        return None
    short = f"95 of 100 nights end within {late:.0f} minutes, for {price:.2f} euro. "
    if late <= MOST_MINUTES:
        return short + "In time, but too expensive: what is one more machine worth, and a spare?"
    read, compute, exchange = step(plan)
    if read > compute[0] + exchange and not plan.cache:
        return short + "A step waits for the file server, whatever the workers do."
    if late > 1.2 * np.median(night):
        return short + f"Half end within {np.median(night):.0f}: whom do the others wait for?"
    return short + "Look at the view: what is the largest part of a step, and of the first epoch?"


@cache
def _teacher() -> tuple[Any, np.ndarray, np.ndarray]:
    import numpy as np

    rng = np.random.default_rng(3)
    X, new = (rng.standard_normal((n, 6)).astype("float32") for n in (2_000, 1_000))
    teacher = _net()
    teacher.set_weights([rng.standard_normal(w.shape) * 0.7 for w in teacher.get_weights()])
    return teacher, X, new


def _net() -> Any:
    import keras

    hidden = keras.layers.Dense(16, "tanh")
    return keras.Sequential([keras.Input((6,)), hidden, keras.layers.Dense(2)])


def _distil(answer: Any) -> str | None:
    import keras
    import numpy as np

    teacher, X, new = _teacher()
    keras.utils.set_random_seed(1)
    before = [w.copy() for w in teacher.get_weights()]
    about = "a teacher, a student and 2,000 rows of 6 columns."
    student = run(lambda: answer(teacher, _net(), X), seconds=30, about=about)
    if not isinstance(student, keras.Model) or student.output_shape != (None, 2):
        return f"Expected the student, a keras.Model; got {type(student).__name__}."
    if any((a != b).any() for a, b in zip(before, teacher.get_weights(), strict=True)):
        teacher.set_weights(before)
        return "The teacher has changed: only the student may learn."
    if student is teacher:
        return "That is the teacher itself."

    def chance(model: Any) -> np.ndarray:
        return keras.ops.convert_to_numpy(keras.ops.softmax(model(new)))[:, 1]

    taught, truth = chance(student), chance(teacher)
    gap = float(np.mean(abs(taught - truth)))
    if gap <= 0.05:
        return None
    off = f"On 1,000 new rows student and teacher are {gap:.2f} apart on average. "
    if np.mean(taught) < np.mean(truth) - 0.08:
        return off + "It leans to the first class: do labels that do not exist count?"
    if gap > 0.15:
        return off + "Did its loss fall below zero? A divergence cannot: look at what it compares."
    if np.mean(abs(taught - 0.5)) > np.mean(abs(truth - 0.5)) + 0.02:
        return off + "It is surer than its teacher: did it see probabilities, or verdicts?"
    return off + "More steps, or larger ones?"


JUDGES = {
    "3.3-a": _bound,
    "3.3-b": _pipeline,
    "3.3-c": assigned(
        dict(zip("ABCD", ("prefetch", "reading", "computing", "reading"), strict=True)),
        values=("prefetch", "reading", "computing"),
        replies={
            "A": "A: together it takes as long as one after the other. What would overlap give?",
            "B": "B: the run is as long as the longer of the two: they overlap already.",
            "C": "C: the run is as long as the longer of the two. Which is that?",
            "D": "D: they do not overlap. What is the most that overlap can save, and is it more "
            "than half of the reading?",
        },
    ),
    "3.3-d": _mine,
    "3.3-e": _plan,
    "3.3-f": number(
        16,
        replies={
            4: "Then the bubble is 4 of 8. Does it shrink with more micro-batches?",
            15: "That is nearly it: what is (p - 1) / (m + p - 1) for 15?",
            20: "A fifth of all time, not of the time in which they work.",
        },
    ),
    "3.3-g": _distil,
}
