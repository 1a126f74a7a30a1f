"""The exercises of lesson 2.3, Transform features."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from helpers import world
from helpers.course.exercises.calls import ReplyError, run
from helpers.course.exercises.core import Exercise
from helpers.course.exercises.judges import chosen


@cache
def _loans(seed: int, month: str, n: int = 400) -> pd.DataFrame:
    return world.World(seed=seed).applications(month, n)


def _z(frame: pd.DataFrame) -> pd.Series:
    return (frame["income"] - frame["income"].mean()) / frame["income"].std()


# Name, the step, whether it needs all rows, and what it teaches.
_STEPS: list[tuple[str, Callable[[pd.DataFrame], pd.Series], bool, str]] = [
    ("log of income", lambda f: np.log(f["income"]), False, "It looks at one row only."),
    ("z-score of income", _z, True, "Its mean and deviation come from the frame."),
    (
        "missing utilization as -1",
        lambda f: f["utilization"].fillna(-1),
        False,
        "The value put in is the same for any frame.",
    ),
    (
        "utilization as it is",
        lambda f: f["utilization"],
        False,
        "Missing in both is equal, though NaN == NaN is False.",
    ),
    (
        "missing utilization as the mean",
        lambda f: f["utilization"].fillna(f["utilization"].mean()),
        True,
        "Only the rows with a missing value change, 2 in 100: a look at the first row misses it.",
    ),
    (
        "income above the largest of the frame",
        lambda f: f["income"].clip(upper=f["income"].quantile(0.99)),
        True,
        "Only the largest incomes change, 1 row in 100.",
    ),
    (
        "rank of the age",
        lambda f: f["age"].rank(pct=True),
        True,
        "The rank of a row is among the rows that are there.",
    ),
    ("instalment by income", lambda f: f["amount"] / f["income"], False, "Two columns, one row."),
    (
        "the hour, by the clock",
        lambda f: f["applied_at"].dt.hour,
        False,
        "A whole number from one row only.",
    ),
]


def _needs_all(answer: Any) -> str | None:
    frame = _loans(7, "2025-03").reset_index(drop=True)
    for name, step, expected, why in _STEPS:
        about = f"the step {name!r} and 400 applications"
        got = run(answer, step, frame, about=about)
        if not isinstance(got, bool | np.bool_):
            return f"Expected True or False, got {type(got).__name__}. It was called with {about}."
        if bool(got) != expected:
            return f"{why} It was called with {about}, and returned {bool(got)}."
    return None


def _number_of(answer: Any) -> str | None:
    words = ["car", "boat", "roof"]
    cases = [
        (["car", "boat", "roof"], words, [0, 1, 2], "TFT's ids follow the list, from 0."),
        (["wedding", "car"], words, [3, 0], "A new word gets the id after the last of the list."),
        (["a", "b", "car"], words, [3, 3, 0], "All new words share one id."),
        (["", "Car"], words, [3, 3], "Words are compared letter by letter; '' is a new word."),
        ([], words, [], "No rows: no ids."),
        (["x"], [f"w{i}" for i in range(50)], [50], "The list may be of any length."),
    ]
    for values, known, expected, why in cases:
        about = f"\n{values}\n{known if len(known) < 9 else f'{len(known)} words'}"
        try:
            got = run(answer, list(values), list(known), about=about)
        except ReplyError as failure:
            return f"{why} {failure}"
        try:
            given = [int(one) for one in np.ravel(np.asarray(got))]
        except (TypeError, ValueError):
            return f"Expected whole numbers, one for each value, got {type(got).__name__}."
        if given != expected:
            shifted = given == [(one + 1) % (len(known) + 1) for one in expected]
            keras = " Those are Keras' ids, where 0 is the new word." if shifted and given else ""
            return f"{why}{keras} It was called with{about}\nand returned {given}."
    return None


def _parity(answer: Any) -> str | None:
    rng = np.random.default_rng(3)
    cases = [
        ([0.1, 0.2, 0.3], [0.1, 0.2, 0.3], [100, -50, 30], [0.15] * 3, (0, 0)),
        ([0.1, 0.2, 0.3], [0.11, 0.21, 0.31], [100, -50, 30], [0.15] * 3, (0, 0)),
        ([0.1, 0.2, 0.3], [0.2, 0.2, 0.3], [100, -50, 30], [0.15] * 3, (1, -100)),
        ([0.1, 0.2, 0.3], [0.1, 0.1, 0.1], [100, -50, 30], [0.15] * 3, (2, -20)),
        ([0.149, 0.3], [0.151, 0.3], [80, 30], [0.15, 0.1], (1, -80)),
        ([0.1, 0.3], [np.nan, 0.3], [80, 30], [0.15, 0.1], (1, -80)),
    ]
    a, b, limit = rng.random((3, 500))
    profit = rng.normal(0, 100, 500)
    first, second = a < limit, b < limit
    cases.append((a, b, profit, limit, ((first != second).sum(), profit @ (second * 1 - first))))
    replies = (
        "Floats that differ are no matter as long as both are on the same side of the limit.",
        "The money is that of b's decisions minus that of a's: a lost good loan is negative.",
    )
    for a, b, profit, limit, expected in cases:
        given = [np.asarray(one, float) for one in (a, b, profit, limit)]
        about = "\n" + "\n".join(str(one) for one in given) if len(given[0]) < 9 else "500 rows"
        got = run(answer, *given, about=about)
        try:
            apart, money = (float(one) for one in got)
        except (TypeError, ValueError):
            return "Expected a pair: the number of decisions that differ, and euro."
        if np.isnan(given[1]).any() and apart != expected[0]:
            return (
                "An answer that is missing grants nothing: a comparison with NaN is False. "
                f"It was called with {about}\nand returned {(apart, money)}."
            )
        for value, wanted, reply in zip((apart, money), expected, replies, strict=True):
            if not abs(value - wanted) < 1e-6:
                return f"{reply} It was called with {about}\nand returned {(apart, money)}."
    return None


def _hours(seed: int, hours: int = 120) -> pd.Series:
    rng = np.random.default_rng(seed)
    index = pd.date_range("2026-03-01", periods=hours, freq="h", tz="UTC")
    return pd.Series(np.round(rng.normal(100, 5, hours), 2), index)


def _windows_by_clock(series: pd.Series, length: int, ahead: int) -> tuple[np.ndarray, np.ndarray]:
    hourly = series.asfreq("h")
    lags = {k: hourly.shift(k) for k in range(ahead + length - 1, ahead - 1, -1)}
    table = pd.concat({**lags, "y": hourly}, axis=1).dropna()
    return table.drop(columns="y").to_numpy(), table["y"].to_numpy()


def _windows(answer: Any) -> str | None:
    whole = _hours(1, 12)
    holes = _hours(2).drop(_hours(2).index[[30, 31, 32, 70]])
    empty = _hours(3, 40).copy()
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
        X, y = _windows_by_clock(series, length, ahead)
        about = f"{len(series)} values, length={length}, ahead={ahead}"
        got = run(answer, series, length, ahead, about=about)
        try:
            given_X, given_y = (np.asarray(one, float) for one in got)
        except (TypeError, ValueError):
            return f"Expected a pair: windows and targets. It was called with {about}."
        if len(given_X) != len(X) or len(given_y) != len(y):
            found = f"{len(given_X)} windows, {len(given_y)} targets"
            return f"{why} It was called with {about}, and returned {found}."
        if len(X) == 0:
            continue
        if given_X.shape != X.shape:
            return f"A window has `length` columns. It was called with {about}."
        if np.allclose(given_X, X[:, ::-1]) and length > 1:
            return "The oldest value comes first in a window, the newest last."
        if not (np.allclose(given_X, X) and np.allclose(given_y, y)):
            return f"{why} The number is right and the values are not, with {about}."
    return None


def _split(answer: Any) -> str | None:
    for n, test, reach in ((100, 20, 24), (500, 100, 47), (60, 10, 1), (80, 30, 0)):
        about = f"n={n}, test={test}, reach={reach}"
        got = run(answer, n, test, reach, about=about)
        try:
            train_at, test_at = (np.asarray(one, int).ravel() for one in got)
        except (TypeError, ValueError):
            return "Expected a pair of arrays: positions of training and of test windows."
        if set(train_at) & set(test_at):
            return f"A window is in both. It was called with {about}."
        if list(test_at) != list(range(n - test, n)):
            return f"The test windows are the last {test} in time. It was called with {about}."
        last, most = (max(train_at) if len(train_at) else -1), n - test - reach - 1
        if last > most:
            shared = "the newest training target lies inside a test window"
            return f"Leave out {reach} windows before the test: {shared}. Called with {about}."
        if len(set(train_at)) != most + 1:
            return f"Training windows are thrown away without need. It was called with {about}."
    return None


@cache
def _worlds() -> tuple[tuple[pd.DataFrame, pd.DataFrame, np.ndarray], ...]:
    made = []
    for seed in (21, 22, 23, 24):
        home = world.World(seed=seed)
        past = home.applications(("2024-01", "2024-03"))
        test = home.applications(("2025-01", "2025-03"))
        made.append((past, test, home.expected_profit(test)))
    return tuple(made)


def _matrix(answer: Any, frame: pd.DataFrame, train: pd.DataFrame, about: str) -> np.ndarray:
    hidden = ["defaulted", "application_id"]
    got = run(answer, frame.drop(columns=hidden), train.drop(columns=hidden), about=about)
    try:
        values = np.asarray(got, dtype=float)
    except (TypeError, ValueError):
        raise ReplyError(
            "Expected numbers only: a matrix with a row for each application."
        ) from None
    if values.ndim != 2 or len(values) != len(frame):
        raise ReplyError(f"Expected a row for each of {len(frame)} applications; {about}.")
    if not np.isfinite(values).all():
        raise ReplyError(f"There is a NaN or an infinity among the features; {about}.")
    return values


GAIN = 3  # euro per application above the features of section 3


def euro(make: Callable, worlds: int = 4) -> list[float]:
    """Return what a linear model on these features earns in each world, euro per application.

    Parameters
    ----------
    make : callable
        Takes a frame and the training rows, returns a matrix.
    worlds : int, default 4
        How many worlds to try.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    result = []
    for past, test, truth in _worlds()[:worlds]:
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
        model.fit(_matrix(make, past, past, "training rows"), past["defaulted"])
        X = _matrix(make, test, past, "6,000 applications of the next year")
        granted = world.profit(test, model.predict_proba(X)[:, 1]) > 0
        result.append(float((truth * granted).mean()))
    return result


def plain(frame: pd.DataFrame, train: pd.DataFrame) -> np.ndarray:
    """Return the features of section 3: z-scores, a flag, six buckets of age, words."""
    columns = []
    for name in ("income", "amount", "term_months", "late_payments", "years_employed"):
        log = np.log1p(train[name])
        columns.append((np.log1p(frame[name]) - log.mean()) / log.std())
    columns.append(np.log1p(frame["credit_history_years"]))
    columns.append(frame["utilization"].fillna(train["utilization"].mean()))
    columns.append(frame["utilization"].isna())
    edges = train["age"].quantile(np.arange(1, 6) / 6)
    columns += list(np.eye(6)[np.searchsorted(edges, frame["age"], side="right")].T)
    for name in ("employment", "purpose", "channel"):
        columns += [frame[name] == word for word in train[name].unique()]
    return np.column_stack(columns).astype(float)


@cache
def _plain_euro() -> tuple[float, ...]:
    return tuple(euro(plain))


def _design(answer: Any) -> str | None:
    past, test, _ = _worlds()[0]
    some = test.head(40).copy()
    some.loc[some.index[:2], "utilization"] = np.nan
    some.loc[some.index[2], "purpose"] = "wedding"
    together = _matrix(answer, some, past, "40 applications, among them a new purpose")
    alone = _matrix(answer, some.iloc[[5]], past, "one application")
    if alone.shape[1] != together.shape[1]:
        return (
            f"40 applications have {together.shape[1]} columns and one alone {alone.shape[1]}: "
            "columns must come from the training rows, not from the batch."
        )
    if not np.allclose(alone, together[[5]], atol=1e-8):
        return (
            "The same application has other features alone than among 40: a statistic of the batch."
        )
    gains = np.array(euro(answer)) - _plain_euro()
    if gains.mean() < GAIN:
        listed = ", ".join(f"{gain:+.0f}" for gain in gains)
        return (
            f"It serves safely. In four worlds it earns {listed} euro per application more than "
            f"the features of section 3; asked for are {GAIN} on average. A linear model draws "
            "straight lines: for which column does the figure show that the risk bends?"
        )
    return None


_BEST = """
import numpy as np

logs = ["income", "amount", "term_months", "late_payments", "years_employed"]


def features(frame, train):
    used = frame["utilization"]
    columns = [np.log1p(frame[name]) for name in [*logs, "credit_history_years"]]
    columns += [used.fillna(train["utilization"].mean()), used.isna()]
    columns += [np.maximum(used.fillna(0) - 0.35, 0)]  # or buckets: the risk bends here
    for name in ("employment", "purpose", "channel"):
        columns += [frame[name] == word for word in sorted(train[name].unique())]
    return np.column_stack(columns).astype(float)


answer = features
"""
_PLAIN = "from helpers.course.lesson_2_3.exercises import plain\n\n"

EXERCISES = [
    Exercise(
        id="2.3-a",
        kind="code",
        question="A function needs_all(step, frame): does a row's value depend on the other rows?",
        judge=_needs_all,
        hints=(
            "Transform all rows together, then a part of them alone, and compare the same rows.",
            "One row is not enough, since some steps change few rows: take each row, or two "
            "halves. `Series.equals` counts missing values as equal.",
        ),
        solution="""
import numpy as np
import pandas as pd


def needs_all(step, frame):
    together = step(frame)
    alone = pd.concat([step(frame.iloc[[at]]) for at in range(len(frame))])
    return not np.allclose(together.astype(float), alone.astype(float), equal_nan=True)


answer = needs_all
""",
        wrong=(
            ("True", "Expected a function"),
            ("answer = lambda step, frame: True", "one row only"),
            (
                "answer = lambda step, frame: "
                "bool((step(frame.iloc[[0]]) != step(frame).iloc[[0]]).any())",
                "a look at the first row misses it",
            ),
            (
                "answer = lambda step, frame: bool((step(frame.head(200)) != "
                "step(frame).head(200)).any())",
                "NaN == NaN",
            ),
        ),
        right="That is right. Run it over your own preprocessing: what returns True needs a "
        "constant from training, wherever the code runs.",
    ),
    Exercise(
        id="2.3-b",
        kind="code",
        question="A function ids(values, words) with the ids that TFT's graph gives.",
        judge=_number_of,
        hints=(
            "`vocabulary_by_name` gives the words in the order of their ids, from 0.",
            "`keras.layers.StringLookup(vocabulary=words)` has the new word at 0: what must be "
            "done to its ids? Or a dict and `get`.",
        ),
        solution="""
def ids(values, words):
    known = {word: at for at, word in enumerate(words)}
    return [known.get(value, len(words)) for value in values]


answer = ids
""",
        wrong=(
            ("{'car': 0}", "Expected a function"),
            (
                "answer = lambda values, words: "
                "[words.index(v) + 1 if v in words else 0 for v in values]",
                "Keras' ids",
            ),
            ("answer = lambda values, words: [words.index(v) for v in values]", "A new word"),
            (
                "answer = lambda values, words: [sorted(words).index(v) for v in values]",
                "follow the list",
            ),
            (
                "answer = lambda values, words: [words.index(v) if v in words else -1 "
                "for v in values]",
                "after the last of the list",
            ),
        ),
        right="That is right: the same words, in the same order, and one rule for what is new.",
    ),
    Exercise(
        id="2.3-c",
        kind="code",
        question="A function parity(a, b, profit, limit): decisions apart, euro of b over a.",
        judge=_parity,
        hints=(
            "A loan is granted where the risk is below its limit: two arrays of booleans.",
            "Decisions apart: `(first != second).sum()`. Money: what is granted by each, summed.",
        ),
        solution="""
def parity(a, b, profit, limit):
    first, second = a < limit, b < limit
    return (first != second).sum(), profit[second].sum() - profit[first].sum()


answer = parity
""",
        wrong=(
            ("(0, 0)", "Expected a function"),
            (
                "answer = lambda a, b, profit, limit: ((abs(a - b) > 1e-6).sum(), 0)",
                "same side of the limit",
            ),
            (
                "answer = lambda a, b, profit, limit: (((a < limit) != (b < limit)).sum(), "
                "profit[a < limit].sum() - profit[b < limit].sum())",
                "b's decisions minus",
            ),
            (
                "answer = lambda a, b, profit, limit: (((a < limit) != (b < limit)).sum(), "
                "profit[(a < limit) != (b < limit)].sum())",
                "b's decisions minus",
            ),
            (
                "answer = lambda a, b, profit, limit: (((a > limit) != (b > limit)).sum(), "
                "profit[~(b > limit)].sum() - profit[~(a > limit)].sum())",
                "grants nothing",
            ),
        ),
        right="That is right. This is the release test of any second implementation: decisions "
        "first, and floats to find the cause.",
    ),
    Exercise(
        id="2.3-d",
        kind="design",
        question=f"A function features(frame, train) that earns {GAIN} euro more than section 3's.",
        judge=_design,
        hints=(
            "Look at the figure: where is the risk flat, where does it climb, and where do the "
            "missing ones lie? A straight line cannot follow.",
            "Keep section 3's logarithms, the flag and the words; add buckets of utilization with "
            "edges from `train`, or a column that is 0 up to the bend.",
        ),
        solution=_BEST,
        wrong=(
            ("None", "Expected a function"),
            (_PLAIN + "answer = plain", "It serves safely"),
            (
                _PLAIN + "answer = lambda frame, train: plain(frame, frame)",
                "one application",
            ),
            (
                "answer = lambda frame, train: "
                "(frame[['income', 'age']] - frame[['income', 'age']].mean())",
                "a statistic of the batch",
            ),
            (
                "import pandas as pd\nanswer = lambda frame, train: "
                "pd.get_dummies(frame[['income', 'purpose', 'channel']])",
                "columns must come from the training rows",
            ),
            (
                "answer = lambda frame, train: frame[['income', 'utilization']]",
                "a NaN or an infinity",
            ),
            ("answer = lambda frame, train: frame[['income', 'purpose']]", "numbers only"),
        ),
        right="That is right. The gain comes from a quantity that means something, and it is "
        "safe because every edge and every column was fixed in training.",
    ),
    Exercise(
        id="2.3-e",
        kind="code",
        question="A function windows(series, length, ahead) that cuts windows by the clock.",
        judge=_windows,
        hints=(
            "`series.asfreq('h')` puts a NaN where an hour is missing. Then `shift` goes by hours.",
            "Columns `hourly.shift(k)` for k from ahead + length - 1 down to ahead; `dropna`.",
        ),
        solution="""
import pandas as pd


def windows(series, length, ahead):
    hourly = series.asfreq("h")
    columns = [hourly.shift(k) for k in range(ahead + length - 1, ahead - 1, -1)]
    table = pd.concat([*columns, hourly], axis=1).dropna().to_numpy()
    return table[:, :-1], table[:, -1]


answer = windows
""",
        wrong=(
            ("[[1, 2]]", "Expected a function"),
            (
                "import numpy as np\n\n\ndef answer(series, length, ahead):\n"
                "    v, n = series.to_numpy(), length + ahead - 1\n"
                "    X = [v[i : i + length] for i in range(len(v) - n)]\n"
                "    return np.reshape(X, (-1, length)), v[n:]",
                "go by the clock",
            ),
            (
                "import pandas as pd\n\n\ndef answer(series, length, ahead):\n"
                "    h = series.asfreq('h')\n"
                "    t = pd.concat([h.shift(k) for k in range(ahead, ahead + length)] + [h], "
                "axis=1).dropna().to_numpy()\n    return t[:, :-1], t[:, -1]",
                "oldest value comes first",
            ),
            (
                "import pandas as pd\n\n\ndef answer(series, length, ahead):\n"
                "    h = series.asfreq('h').fillna(0)\n"
                "    t = pd.concat([h.shift(k) for k in range(ahead + length - 1, ahead - 1, -1)] "
                "+ [h], axis=1).dropna().to_numpy()\n    return t[:, :-1], t[:, -1]",
                "go by the clock",
            ),
            (
                "import pandas as pd\n\n\ndef answer(series, length, ahead):\n"
                "    h = series.asfreq('h')\n"
                "    t = pd.concat([h.shift(k) for k in range(length - 1, -1, -1)] "
                "+ [h], axis=1).dropna().to_numpy()\n    return t[:, :-1], t[:, -1]",
                "3 before it",
            ),
        ),
        right="That is right. Fewer windows, and each is what its name says.",
    ),
    Exercise(
        id="2.3-f",
        kind="code",
        question="A function split(n, test, reach): positions of training and test windows.",
        judge=_split,
        hints=(
            "The last `test` windows are the test set. Which training targets lie in their past?",
            "Windows from n - test - reach up to n - test are in neither.",
        ),
        solution="""
import numpy as np


def split(n, test, reach):
    return np.arange(n - test - reach), np.arange(n - test, n)


answer = split
""",
        wrong=(
            ("0.2", "Expected a function"),
            (
                "import numpy as np\n\n\ndef answer(n, test, reach):\n"
                "    at = np.random.default_rng(0).permutation(n)\n    return at[test:], at[:test]",
                "last 20 in time",
            ),
            (
                "import numpy as np\nanswer = lambda n, test, reach: "
                "(np.arange(n - test), np.arange(n - test, n))",
                "Leave out",
            ),
            (
                "import numpy as np\nanswer = lambda n, test, reach: "
                "(np.arange(n - test - 2 * reach), np.arange(n - test, n))",
                "without need",
            ),
        ),
        right="That is right: scikit-learn's `TimeSeriesSplit(gap=...)` does this in folds.",
    ),
    Exercise(
        id="2.3-g",
        kind="choice",
        question="Which of A to F may run in the partner's own code? A set of letters.",
        judge=chosen(
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
        hints=(
            "Put each step through exercise 2.3-a, and ask which constants it needs.",
            "Constants of a model's version change with the next one; then his copy is old.",
        ),
        solution='answer = {"A", "D"}  # B, C, E and F hold constants of one version of the model',
        wrong=(
            ('{"A", "D", "B"}', "B:"),
            ('{"A", "C", "D"}', "C:"),
            ('{"A", "D", "E"}', "E:"),
            ('{"A", "D", "F"}', "F:"),
            ('{"A"}', "Two columns of one row"),
            ('"AD"', "Expected a set"),
        ),
        right="That is right: what needs no constant cannot grow old.",
    ),
]
