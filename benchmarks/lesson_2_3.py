"""The surprises of lesson 2.3 over five seeds: ``python -m benchmarks.lesson_2_3 [TABLE ...]``."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from river.datasets import WaterFlow
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold, TimeSeriesSplit, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder

from helpers import world
from helpers.course.linear import linear

SEEDS = (1, 2, 3, 4, 5)
LOGS = ["income", "amount"]
COUNTS = ["late_payments", "years_employed", "credit_history_years"]
WORDS = ["employment", "purpose", "channel"]
MODEL = partial(LogisticRegression, solver="newton-cholesky")
Features = Callable[[pd.DataFrame], np.ndarray]


def constants(frame: pd.DataFrame, buckets: int = 6) -> dict[str, Any]:
    """Return what the full pass finds."""
    used = frame["utilization"]
    found = {
        "numbers": {
            **{
                name: (np.log(frame[name]).mean(), np.log(frame[name]).std(ddof=0)) for name in LOGS
            },
            **{
                name: (np.log1p(frame[name]).mean(), np.log1p(frame[name]).std(ddof=0))
                for name in COUNTS
            },
            "term_months": (frame["term_months"].mean(), frame["term_months"].std(ddof=0)),
            "utilization": (used.mean(), used.std(ddof=0)),
        },
        "edges": np.quantile(frame["age"], np.arange(1, buckets) / buckets),
        "words": {name: list(frame[name].value_counts().index) for name in WORDS},
        "top": {name: frame[name].max() for name in LOGS},
    }
    return found


def features(
    frame: pd.DataFrame,
    found: dict[str, Any],
    *,
    fill: str = "mean",
    flag: bool = True,
    shift: int = 0,
    order: str = "frequency",
    side: str = "right",
    unknown: str = "room",
    clip: bool = False,
    size: int | None = None,
) -> np.ndarray:
    """Return the model's columns: z-scores, flag, age bucket, words, one column for new words."""
    columns = []
    for name, (mean, std) in found["numbers"].items():
        value = frame[name].astype(float)
        if clip and name in LOGS:
            value = value.clip(upper=found["top"][name])
        value = np.log(value) if name in LOGS else np.log1p(value) if name in COUNTS else value
        if size:
            batch = value.groupby(np.arange(len(value)) // size)
            mean = batch.transform("mean").fillna(0)
            std = batch.transform("std", ddof=0).replace(0, 1).fillna(1)
        if name == "utilization":
            if flag:
                columns.append(value.isna().astype(float))
            value = value.fillna({"mean": mean, "zero": 0.0, "-9999": -9999.0, "-1": -1.0}[fill])
        columns.append((value - mean) / std)
    bucket = np.searchsorted(found["edges"], frame["age"], side=side)
    columns += list(np.eye(len(found["edges"]) + 1)[bucket].T)
    for name, words in found["words"].items():
        listed = sorted(words) if order == "alphabet" else words
        new = {"room": len(words), "first": 0, "last": len(words) - 1}[unknown]
        number = frame[name].map({word: at for at, word in enumerate(listed)}).fillna(new)
        number = (number.astype(int) + shift) % (len(words) + 1)
        columns += list(np.eye(len(words) + 1)[number].T)
    return np.column_stack(columns)


def earned(test: pd.DataFrame, truth: np.ndarray, risk: np.ndarray) -> float:
    """Return euro per application of the decisions that this risk makes."""
    return float((truth * (world.profit(test, risk) > 0)).mean())


def same_features(seed: int) -> pd.Series:
    """Serve one model with several implementations of its features."""
    home = world.World(seed=seed)
    past = home.applications(("2024-01", "2024-12"))
    test = home.applications(("2025-01", "2025-05"))
    truth = home.expected_profit(test)
    odd = world.incidents["new purpose"].apply(home.applications("2026-06", 10_000), seed=seed)
    plain = home.applications("2026-06", 10_000)
    odd_truth = home.expected_profit(plain)
    found = constants(past)
    model = MODEL().fit(features(past, found), past["defaulted"])

    def risk(frame: pd.DataFrame, **how: Any) -> np.ndarray:
        return model.predict_proba(features(frame, found, **how))[:, 1]

    sample = past.sample(2_000, random_state=0)
    ways = {
        "the graph": {},
        "ids one higher (Keras)": {"shift": 1},
        "ids by alphabet": {"order": "alphabet"},
        "missing as 0": {"fill": "zero"},
        "missing as 0, no flag raised": {"fill": "zero", "noflag": True},
        "missing as mean, no flag raised": {"noflag": True},
        "missing as -1": {"fill": "-1", "noflag": True},
        "edge belongs below": {"side": "left"},
        "income clipped at the maximum": {"clip": True},
        "new word is the first": {"unknown": "first"},
        "constants of 2,000 rows": {"sample": True},
    }
    base, odd_base = risk(test), risk(odd)
    rows = {}
    for name, how in ways.items():
        how = dict(how)
        own = constants(sample) if how.pop("sample", False) else found
        noflag = how.pop("noflag", False)

        matrices = [features(frame, own, **how) for frame in (test, odd)]
        for X in matrices:
            X[:, 6] *= not noflag
        now, odd_now = (model.predict_proba(X)[:, 1] for X in matrices)
        rows[name] = {
            "rows apart": float((abs(now - base) > 1e-6).mean()),
            "decisions apart, of 10,000": 1e4
            * ((world.profit(test, now) > 0) != (world.profit(test, base) > 0)).mean(),
            "euro": earned(test, truth, now),
            "loss": earned(test, truth, base) - earned(test, truth, now),
            "odd file: loss": earned(plain, odd_truth, odd_base)
            - earned(plain, odd_truth, odd_now),
        }
        gone = test["utilization"].isna().to_numpy()
        rows[name]["loss on missing"] = earned(test[gone], truth[gone], base[gone]) - earned(
            test[gone], truth[gone], now[gone]
        )
    return pd.Series(
        {(name, key): value for name, row in rows.items() for key, value in row.items()}
    )


def batches(seed: int) -> pd.Series:
    """Take the statistics of the batch instead of the training rows'."""
    home = world.World(seed=seed, changes=("campaign",))
    past = home.applications(("2024-01", "2024-12"))
    found = constants(past)
    model = MODEL().fit(features(past, found), past["defaulted"])
    rows = {}
    for month in ("2026-07", "2026-08"):
        test = home.applications(month, 4_000).sample(frac=1, random_state=0)
        truth = home.expected_profit(test)
        for size in (None, 1, 100, 2_000):
            risk = model.predict_proba(features(test, found, size=size))[:, 1]
            name = f"batches of {size}" if size else "training rows"
            rows[month, name, "euro"] = earned(test, truth, risk)
            rows[month, name, "granted"] = float((world.profit(test, risk) > 0).mean())
    return pd.Series(rows)


def leaks(seed: int) -> pd.Series:
    """Fit a step before the split: on the scaler, and on a target encoding of a cross."""
    home = world.World(seed=seed)
    book = home.applications(("2024-01", "2024-02"))
    later = home.applications(("2025-01", "2025-06"))
    half = len(book) // 2
    train, valid = book[:half], book[half:]
    result = {}
    for name, rows in (("scaler: training rows", train), ("scaler: all rows", book)):
        found = constants(rows)
        model = MODEL().fit(features(train, found), train["defaulted"])
        seen = model.predict_proba(features(valid, found))[:, 1]
        real = model.predict_proba(features(later, found))[:, 1]
        result[name, "validation AUC"] = roc_auc_score(valid["defaulted"], seen)
        result[name, "true AUC"] = roc_auc_score(later["defaulted"], real)
        result[name, "euro"] = earned(later, home.expected_profit(later), real)

    def cross(frame: pd.DataFrame) -> pd.Series:
        keys = ["employment", "purpose", "channel", "region", "term_months"]
        return frame[keys].astype(str).agg("|".join, axis=1)

    mean = book["defaulted"].mean()
    for name, rows in (("rate: all rows", book), ("rate: training rows", train)):
        rates = rows["defaulted"].groupby(cross(rows)).mean()
        parts = [
            np.column_stack([features(f, constants(train)), cross(f).map(rates).fillna(mean)])
            for f in (train, valid, later)
        ]
        model = MODEL().fit(parts[0], train["defaulted"])
        risks = [model.predict_proba(part)[:, 1] for part in parts]
        result[name, "validation AUC"] = roc_auc_score(valid["defaulted"], risks[1])
        result[name, "true AUC"] = roc_auc_score(later["defaulted"], risks[2])
        result[name, "euro"] = earned(later, home.expected_profit(later), risks[2])
    encoder = TargetEncoder(target_type="binary")
    own = encoder.fit_transform(cross(train).to_frame(), train["defaulted"])
    found = constants(train)
    model = MODEL().fit(np.column_stack([features(train, found), own]), train["defaulted"])
    for what, f in (("validation AUC", valid), ("true AUC", later)):
        risk = model.predict_proba(
            np.column_stack([features(f, found), encoder.transform(cross(f).to_frame())])
        )[:, 1]
        result["rate: TargetEncoder", what] = roc_auc_score(f["defaulted"], risk)
    result["rate: TargetEncoder", "euro"] = earned(later, home.expected_profit(later), risk)
    return pd.Series(result)


def shapes(seed: int) -> pd.Series:
    """Write the columns of a linear model in several ways, in training and serving alike."""
    home = world.World(seed=seed)
    past = home.applications(("2024-01", "2024-03"))
    test = home.applications(("2025-01", "2025-06"))
    truth = home.expected_profit(test)
    numbers = [*LOGS, *COUNTS, "term_months"]
    rows = {}

    def euro(name: str, make: Features, model: Any = None) -> None:
        model = model or make_pipeline(StandardScaler(), MODEL())
        model.fit(make(past), past["defaulted"])
        rows[name] = earned(test, truth, model.predict_proba(make(test))[:, 1])

    def words(f: pd.DataFrame) -> list[pd.Series]:
        return [f[name] == word for name in WORDS for word in sorted(past[name].unique())]

    def hot(f: pd.DataFrame, name: str, count: int) -> list[np.ndarray]:
        edges = np.unique(past[name].quantile(np.arange(1, count) / count))
        return list(np.eye(len(edges) + 1)[np.searchsorted(edges, f[name].fillna(-1), "right")].T)

    def raw(f: pd.DataFrame, fill: float) -> np.ndarray:
        columns = [*(f[name] for name in numbers), f["age"], f["utilization"].fillna(fill)]
        return np.column_stack([*columns, *words(f)]).astype(float)

    def logs(f: pd.DataFrame, *more: Any, fill: float | None = None) -> np.ndarray:
        used = f["utilization"].fillna(past["utilization"].mean() if fill is None else fill)
        columns = [np.log1p(f[name]) for name in numbers]
        return np.column_stack([*columns, used, f["utilization"].isna(), *words(f), *more]).astype(
            float
        )

    def crossed(f: pd.DataFrame, number: int) -> np.ndarray:
        keys = [*WORDS, "region", "term_months"]
        joined = f[keys].astype(str).agg("|".join, axis=1)
        return np.eye(number)[joined.map(lambda text: zlib.crc32(text.encode()) % number)]

    def all_hot(f: pd.DataFrame, count: int) -> np.ndarray:
        names = [*numbers, "age", "utilization"]
        columns = [column for name in names for column in hot(f, name, count)]
        return np.column_stack([*columns, *words(f)]).astype(float)

    mean = past["utilization"].mean()
    rows["lesson 1.2"] = earned(test, truth, linear(past).predict_proba(test)[:, 1])
    for name, fill in (("mean", mean), ("0", 0), ("-1", -1), ("-9999", -9999)):
        euro(f"raw, missing as {name}", lambda f, fill=fill: raw(f, fill))
    for name, fill in (("mean", mean), ("-9999", -9999)):
        trees = HistGradientBoostingClassifier(max_iter=60, random_state=0)
        euro(f"trees, missing as {name}", lambda f, fill=fill: raw(f, fill), trees)
    euro("logs and flag, missing as mean", logs)
    euro("logs and flag, missing as 0", lambda f: logs(f, fill=0))
    for count in (6, 50):
        euro(f"... and age in {count}", lambda f, n=count: logs(f, *hot(f, "age", n)))
    euro("... and utilization in 4", lambda f: logs(f, *hot(f, "utilization", 4)))
    euro("... and a bend at 0.35", lambda f: logs(f, (f["utilization"].fillna(0) - 0.35).clip(0)))
    euro("... and instalments by income", lambda f: logs(f, world.burden(f)))
    for number in (64, 1024):
        euro(f"... and five crossed in {number}", lambda f, n=number: logs(f, crossed(f, n)))
    for count in (6, 20):
        euro(f"all in {count} buckets", lambda f, n=count: all_hot(f, n))
    return pd.Series(rows)


def water(seed: int) -> pd.Series:
    """Predict real hourly data from windows, shuffled with this seed and in blocks."""
    rows = [(row["Time"], flow) for row, flow in WaterFlow()]
    times = pd.to_datetime([time for time, _ in rows], utc=True)
    series = pd.Series([flow for _, flow in rows], times).asfreq("h")
    found = {}
    window = pd.concat({k: series.shift(k) for k in range(47, 23, -1)}, axis=1)
    whole = window.notna().all(axis=1) & series.notna()
    X, y = window[whole].to_numpy(), series[whole].to_numpy()
    models = {f"{k} nearest": KNeighborsRegressor(k) for k in (1, 5)}
    models["trees"] = ExtraTreesRegressor(30, random_state=0)
    for name, model in models.items():
        for split, folds in (
            ("shuffled", KFold(5, shuffle=True, random_state=seed)),
            ("blocks", KFold(5)),
            ("forward", TimeSeriesSplit(5, gap=47)),
        ):
            score = cross_val_score(model, X, y, cv=folds, scoring="neg_mean_absolute_error")
            found[name, split] = -score.mean()
    median = [abs(np.median(y[a]) - y[b]).mean() for a, b in TimeSeriesSplit(5, gap=47).split(X)]
    found["median of the past", "forward"] = np.mean(median)
    near = pd.concat({k: series.shift(k) for k in range(24, 0, -1)}, axis=1)
    complete, late = near.notna().all(axis=1), series.index >= series.index[3 * len(series) // 4]
    score_at = complete & series.notna() & late
    for name, used, at in (("left out", near, complete), ("as 0", near.fillna(0), complete | True)):
        fit_at = at & series.notna() & ~late
        ridge = Ridge().fit(used[fit_at].to_numpy(), series[fit_at])
        guess = ridge.predict(used[score_at].to_numpy())
        found["next hour, gaps", name] = abs(guess - series[score_at]).mean()
    return pd.Series(found)


def main() -> None:
    """Print the tables."""
    pd.set_option("display.width", 200)
    pd.set_option("display.max_columns", 20)
    tables = {
        "same": same_features,
        "batches": batches,
        "leaks": leaks,
        "shapes": shapes,
        "water": water,
    }
    for name in sys.argv[1:] or tables:
        runs = {seed: tables[name](seed) for seed in SEEDS}
        print(f"\n{name}\n{pd.DataFrame(runs).round(2).to_string()}", flush=True)


if __name__ == "__main__":
    main()
