"""The exercises of lesson 2.3, Transform features."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from helpers import world
from helpers.course.exercises.calls import ReplyError, kind_of, run
from helpers.course.exercises.judges import chosen

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


def _pair(got: Any, about: str, kind: type = float, single: bool = False) -> list:
    import numpy as np

    try:
        first, second = (np.asarray(one, kind) for one in got)
        return [first.item(), second.item()] if single else [first, second.ravel()]
    except (TypeError, ValueError, OverflowError):
        expected = "numbers" if single else "arrays of numbers"
        raise ReplyError(f"Expected a pair of {expected}. It was called with {about}.") from None


def _z(values: pd.Series) -> pd.Series:
    return (values - values.mean()) / values.std(ddof=0)


# A step, whether it needs all rows, and what it teaches.
_STEPS: list[tuple[Callable[[pd.DataFrame], pd.Series], bool, str]] = [
    (lambda f: f["amount"] / f["income"], False, "Amount by income: two columns, one row."),
    (lambda f: _z(f["income"]), True, "A z-score: mean and deviation come from the frame."),
    (lambda f: f["utilization"].fillna(-1), False, "-1 for a gap is the same in any frame."),
    (lambda f: f["utilization"], False, "Missing in both is equal, though NaN == NaN is False."),
    (
        lambda f: f["utilization"].fillna(f["utilization"].mean()),
        True,
        "The mean for a gap changes 2 rows in 100: a look at the first row misses it.",
    ),
    (
        lambda f: f["income"].clip(upper=f["income"].quantile(0.99)),
        True,
        "Clipping at a quantile changes only the largest incomes, 1 row in 100.",
    ),
    (lambda f: f["amount"].cumsum(), True, "A running sum: a row depends on the rows before it."),
    (lambda f: f["income"].diff(), True, "A difference to the row before needs that row."),
    (lambda f: f["age"].rank(pct=True), True, "A rank is a place among the rows that are there."),
    (lambda f: f["applied_at"].dt.hour, False, "The hour: a whole number, from one row."),
]


def _needs_all(answer: Any) -> str | None:
    import numpy as np

    frame = world.World(seed=7).applications("2025-03", 400).reset_index(drop=True)
    for step, expected, why in _STEPS:
        got = run(answer, step, frame, about="a step and 400 applications.")
        if not isinstance(got, bool | np.bool_):
            return f"Expected True or False from your function, got {kind_of(got)}."
        if bool(got) != expected:
            return f"{why} For this step your function returned {bool(got)}."
    return None


# The columns of exercise b, and what typical slips give in their place.
_MINE: dict[str, tuple[list[float], list[tuple[list[float], str]]]] = {
    "burden": (
        [0.309, 0.168, -0.010],
        [
            ([-0.017, -0.142, -0.284], "It is a z-score of the ratio itself: the logarithm lacks."),
            ([0.069, -0.075, -0.241], "It is log1p; asked for is the logarithm of the ratio."),
            ([1.175, 0.095, -1.269], "Mean and variance are those of the three cases."),
            ([-1.073, -1.168, -1.288], "It is the logarithm, not yet a z-score."),
            ([0.756, 0.041, 0.037], "The difference of two z-scores is not that of the ratio."),
        ],
    ),
    "term": (
        [0, 0.75, 0.25],
        [
            ([0, 1, 0.333], "Lowest and highest are those of the three cases."),
            ([-1.651, 0.778, -0.842], "It is a z-score; asked for is a place from 0 to 1."),
            ([0.2, 0.8, 0.4], "It is a share of the longest term; the shortest is to be 0."),
        ],
    ),
    "purpose": (
        [4, 5, 5],
        [
            ([4, 5, 6], "Every word of training has an id, the rare one too."),
            ([4, -1, -1], "What is out of the vocabulary got -1: no column has that number."),
            ([5, 0, 0], "Those are Keras' ids, where 0 is the new word."),
        ],
    ),
}


def _mine(answer: Any) -> str | None:
    import numpy as np
    import pandas as pd

    if not isinstance(answer, pd.DataFrame) or set(answer) != set(_MINE) or len(answer) != 3:
        got = f"columns {list(answer)}" if isinstance(answer, pd.DataFrame) else kind_of(answer)
        return f"Expected the pulled frame: 3 rows and the columns {', '.join(_MINE)}; got {got}."
    for name, (right, slips) in _MINE.items():
        given = pd.to_numeric(answer[name], errors="coerce").to_numpy(float)
        for values, reply in slips:
            if np.allclose(given, values, atol=2e-3):
                return f"{name}: {reply}"
        if not np.allclose(given, right, atol=2e-3):
            return f"{name} is {np.round(given, 3)}, by no slip that is known here: take a hint."
    return None


def _parity(answer: Any) -> str | None:
    import numpy as np

    rng = np.random.default_rng(3)
    money, limits = [100, -50, 30], [0.15] * 3
    cases = [
        ([0.1, 0.2, 0.3], [0.11, 0.21, 0.31], money, limits),
        ([0.1, 0.2, 0.3], [0.2, 0.2, 0.3], money, limits),
        ([0.1, 0.2, 0.3], [0.1, 0.1, 0.1], money, limits),
        ([0.149, 0.3], [0.151, 0.3], [80, 30], [0.15, 0.1]),
        ([0.1, 0.3], [np.nan, 0.3], [80, 30], [0.15, 0.1]),
        (*rng.random((2, 500)), rng.normal(0, 100, 500), rng.random(500)),
    ]
    for case in cases:
        a, b, profit, limit = given = [np.asarray(one, float) for one in case]
        named = zip(("a", "b", "profit", "limit"), case, strict=True)
        few = ", ".join(f"{name} = {one}" for name, one in named)
        about = few if len(a) < 9 else "a = 500 risks and so on"
        apart, euro = _pair(run(answer, *given, about=about), about, single=True)
        called = f"It was called with {about}, and returned {(apart, round(euro, 2))}."
        differ = ((a < limit) != (b < limit)).sum()
        gain = profit[b < limit].sum() - profit[a < limit].sum()
        if apart != differ and np.isclose(apart, differ / len(a)):
            return f"Decisions are counted: a number of them, not a share. {called}"
        if apart != differ and np.isnan(b).any():
            return f"A risk that is missing grants nothing. {called}"
        if apart != differ:
            return f"Floats may differ on the same side of the limit; decisions count. {called}"
        if not abs(euro - gain) < 1e-6:
            mean = "the total, not an average, " if np.isclose(euro, gain / len(a)) else ""
            return f"The money is {mean}that of b's decisions minus that of a's. {called}"
    return None


def _hours(seed: int, hours: int = 120) -> pd.Series:
    import numpy as np
    import pandas as pd

    index = pd.date_range("2026-03-01", periods=hours, freq="h", tz="UTC")
    return pd.Series(np.random.default_rng(seed).normal(100, 5, hours).round(2), index)


def _windows(answer: Any) -> str | None:
    import numpy as np
    import pandas as pd

    whole, holes, empty = _hours(1, 12), _hours(2), _hours(3, 40)
    holes = holes.drop(holes.index[[30, 31, 32, 70]])
    empty.iloc[20] = np.nan
    cases = [
        (whole, 3, 1, "Without gaps, 12 hours give a window for each hour that has 3 before it."),
        (whole, 3, 4, "`ahead` hours lie between the window's last value and the target."),
        (holes, 24, 1, "Rows are missing, so 24 rows are more than 24 hours: go by the clock."),
        (holes, 6, 24, "Go by the clock also for the distance to the target."),
        (empty, 4, 1, "A value may be NaN in its place: no window may hold it, nor be its target."),
        (whole, 12, 1, "No window fits: return arrays without rows."),
    ]
    for series, length, ahead, why in cases:
        hourly = series.asfreq("h")
        lags = [hourly.shift(k) for k in range(ahead + length - 1, ahead - 1, -1)]
        table = pd.concat([*lags, hourly], axis=1).dropna().to_numpy()
        about = f"{len(series)} values, length={length}, ahead={ahead}"
        X, y = _pair(run(answer, series, length, ahead, about=about), about)
        if (len(X), y.shape) != (len(table), (len(table),)):
            found = f"{len(X)} windows, {y.size} targets"
            return f"{why} It was called with {about}, and returned {found}."
        if len(table) and X.shape != (len(table), length):
            return f"A window has `length` columns. It was called with {about}."
        if len(table) and np.array_equal(X, table[:, -2::-1]):
            return "The oldest value comes first in a window, the newest last."
        if len(table) and not np.allclose(np.column_stack([X, y]), table):
            return f"{why} The number is right and the values are not, with {about}."
    return None


def _split(answer: Any) -> str | None:
    for n, test, reach in ((100, 20, 24), (500, 100, 47), (60, 10, 1), (80, 30, 0)):
        about = f"n={n}, test={test}, reach={reach}"
        train_at, test_at = _pair(run(answer, n, test, reach, about=about), about, int)
        if set(train_at.flat) & set(test_at.flat):
            return f"A window is in both. It was called with {about}."
        if list(test_at.flat) != list(range(n - test, n)):
            return f"The test windows are the last {test} in time. It was called with {about}."
        most = n - test - reach
        if max(train_at.flat, default=0) >= most:
            shared = "the newest training target lies inside a test window"
            return f"Leave out {reach} windows before the test: {shared}. Called with {about}."
        if sorted(train_at.flat) != list(range(most)):
            return f"Training windows are thrown away without need. It was called with {about}."
    return None


@cache
def _worlds() -> list[tuple[pd.DataFrame, pd.DataFrame, np.ndarray]]:
    made = []
    for seed in (21, 22, 23, 24):
        home = world.World(seed=seed)
        past = home.applications(("2024-01", "2024-03"))
        test = home.applications(("2025-01", "2025-03"))
        made.append((past, test, home.expected_profit(test)))
    return made


def _matrix(answer: Any, frame: pd.DataFrame, train: pd.DataFrame, about: str) -> np.ndarray:
    import numpy as np

    hidden = ["defaulted", "application_id"]
    got = run(answer, frame.drop(columns=hidden), train.drop(columns=hidden), about=about)
    try:
        values = np.asarray(got, dtype=float)
    except (TypeError, ValueError):
        raise ReplyError(f"Expected a matrix of numbers only; it was called with {about}") from None
    if values.ndim != 2 or len(values) != len(frame):
        raise ReplyError(f"Expected a row for each of {len(frame)} applications; {about}")
    if not np.isfinite(values).all():
        raise ReplyError(f"There is a NaN or an infinity among the features; {about}")
    return values


GAIN = 3  # euro an application above the features of section 3


def euro(make: Callable) -> list[float]:
    """Return what a linear model earns in each of four worlds, euro an application.

    Parameters
    ----------
    make : callable
        Takes a frame and the training rows, returns a matrix.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    result = []
    for past, test, truth in _worlds():
        model = make_pipeline(StandardScaler(), LogisticRegression(solver="newton-cholesky"))
        model.fit(_matrix(make, past, past, "training rows."), past["defaulted"])
        X = _matrix(make, test, past, "6,000 applications of the next year.")
        granted = world.profit(test, model.predict_proba(X)[:, 1]) > 0
        result.append(float((truth * granted).mean()))
    return result


def plain(frame: pd.DataFrame, train: pd.DataFrame) -> np.ndarray:
    """Return the features of section 3: logarithms, a flag, six buckets of age, words."""
    import numpy as np

    names = ["income", "amount", "term_months", "late_payments", "years_employed"]
    columns = [np.log1p(frame[name]) for name in [*names, "credit_history_years"]]
    columns.append(frame["utilization"].fillna(train["utilization"].mean()))
    columns.append(frame["utilization"].isna())
    edges = train["age"].quantile(np.arange(1, 6) / 6)
    columns += list(np.eye(6)[np.searchsorted(edges, frame["age"], side="right")].T)
    for name in ("employment", "purpose", "channel"):
        columns += [frame[name] == word for word in train[name].unique()]
    return np.column_stack(columns).astype(float)


@cache
def _plain_euro() -> list[float]:
    return euro(plain)


def _design(answer: Any) -> str | None:
    import numpy as np

    past, test, _ = _worlds()[0]
    some = test.head(40).copy()
    some.loc[some.index[:2], "utilization"] = np.nan
    some.loc[some.index[2], "purpose"] = "wedding"
    together = _matrix(answer, some, past, "40 applications, among them a new purpose.")
    for at in (5, 0, 2):
        alone = _matrix(answer, some.iloc[[at]], past, "one application alone.")
        if alone.shape[1] != together.shape[1]:
            return (
                f"40 applications have {together.shape[1]} columns and one alone {alone.shape[1]}: "
                "columns must come from the training rows, not from the batch."
            )
        if not np.allclose(alone, together[[at]], atol=1e-8):
            return "Alone, an application has other features than among 40: something of the batch."
    gains = np.array(euro(answer)) - _plain_euro()
    if gains.mean() >= GAIN:
        return None
    listed = ", ".join(f"{gain:+.0f}" for gain in gains)
    return (
        f"It serves safely. In four worlds it earns {listed} euro an application more than the "
        f"features of section 3; asked for are {GAIN} on average. A linear model draws straight "
        "lines: for which column does the figure show that the risk bends?"
    )


JUDGES = {
    "2.3-a": _needs_all,
    "2.3-b": _mine,
    "2.3-c": _parity,
    "2.3-d": _design,
    "2.3-e": _windows,
    "2.3-f": _split,
    "2.3-g": chosen(
        {"A", "D"},
        among="ABCDEF",
        extra={
            "B": "B: whose mean and deviation would he use?",
            "C": "C: the list's order belongs to one version of the model.",
            "E": "E: what fills the gap was found on the training rows.",
            "F": "F: the edges are constants of one version of the model.",
        },
        missing={
            "A": "A unit is a matter of contract, and needs no statistics.",
            "D": "Two columns of one row: is there a number that training found?",
        },
    ),
}
