"""The surprises of lesson 2.3, over several seeds of the world: ``python -m benchmarks.lesson_2_3``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from river.datasets import WaterFlow
from sklearn.compose import make_column_transformer
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold, TimeSeriesSplit, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder

from helpers import world

SEEDS = (1, 2, 3, 4, 5)
LOGS = ["income", "amount"]
COUNTS = ["late_payments", "years_employed", "credit_history_years"]
WORDS = ["employment", "purpose", "channel"]
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
) -> np.ndarray:
    """Return the model's columns: z-scores, flag, age bucket, words, one column for new words."""
    columns = []
    for name, (mean, std) in found["numbers"].items():
        value = frame[name].astype(float)
        if clip and name in LOGS:
            value = value.clip(upper=found["top"][name])
        if name == "utilization":
            if flag:
                columns.append(value.isna().astype(float))
            value = value.fillna({"mean": mean, "zero": 0.0, "-9999": -9999.0, "-1": -1.0}[fill])
        elif name in LOGS:
            value = np.log(value)
        elif name in COUNTS:
            value = np.log1p(value)
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


def same_features(seed: int) -> pd.DataFrame:
    """Serve one model with several implementations of its features."""
    home = world.World(seed=seed)
    past = home.applications(("2024-01", "2024-12"))
    test = home.applications(("2025-01", "2025-05"))
    truth = home.expected_profit(test)
    odd = world.incidents["new purpose"].apply(home.applications("2026-06", 10_000), seed=seed)
    plain = home.applications("2026-06", 10_000)
    odd_truth = home.expected_profit(plain)
    found = constants(past)
    model = LogisticRegression(max_iter=1000).fit(features(past, found), past["defaulted"])

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

        def answer(frame: pd.DataFrame) -> np.ndarray:
            X = features(frame, own, **how)
            if noflag:
                X[:, 6] = 0  # the flag
            return model.predict_proba(X)[:, 1]

        now, odd_now = answer(test), answer(odd)
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
    return pd.DataFrame(rows).T


def batches(seed: int) -> pd.Series:
    """Take the statistics of the batch instead of the training rows'."""
    home = world.World(seed=seed, changes=("campaign",))
    past = home.applications(("2024-01", "2024-12"))
    found = constants(past)
    model = LogisticRegression(max_iter=1000).fit(features(past, found), past["defaulted"])
    rows = {}
    for month in ("2026-07", "2026-08"):
        test = home.applications(month, 4_000).sample(frac=1, random_state=0)
        truth = home.expected_profit(test)
        rows[month, "graph"] = earned(test, truth, model.predict_proba(features(test, found))[:, 1])
        rows[month, "granted"] = float(
            (world.profit(test, model.predict_proba(features(test, found))[:, 1]) > 0).mean()
        )
        for size in (1, 10, 100, 2_000):
            risks = []
            for start in range(0, len(test), size):
                batch = test.iloc[start : start + size]
                own = {**found, "numbers": {}}
                for name, (mean, std) in found["numbers"].items():
                    value = batch[name].astype(float)
                    value = np.log(value) if name in LOGS else value
                    value = np.log1p(value) if name in COUNTS else value
                    std = value.std(ddof=0)
                    mean = value.mean() if value.notna().any() else 0.0
                    own["numbers"][name] = (mean, std if std > 0 else 1.0)
                if size < 100 and start > 4000:
                    break
                risks.append(model.predict_proba(features(batch, own))[:, 1])
            risk = np.concatenate(risks)
            n = len(risk)
            rows[month, f"batches of {size}"] = earned(test[:n], truth[:n], risk)
            rows[month, f"granted, {size}"] = float((world.profit(test[:n], risk) > 0).mean())
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
        model = LogisticRegression(max_iter=1000).fit(features(train, found), train["defaulted"])
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
        model = LogisticRegression(max_iter=1000).fit(parts[0], train["defaulted"])
        risks = [model.predict_proba(part)[:, 1] for part in parts]
        result[name, "validation AUC"] = roc_auc_score(valid["defaulted"], risks[1])
        result[name, "true AUC"] = roc_auc_score(later["defaulted"], risks[2])
        result[name, "euro"] = earned(later, home.expected_profit(later), risks[2])
    encoder = TargetEncoder(target_type="binary", random_state=seed)
    own = encoder.fit_transform(cross(train).to_frame(), train["defaulted"])
    found = constants(train)
    model = LogisticRegression(max_iter=1000).fit(
        np.column_stack([features(train, found), own]), train["defaulted"]
    )
    for what, f in (("validation AUC", valid), ("true AUC", later)):
        risk = model.predict_proba(
            np.column_stack([features(f, found), encoder.transform(cross(f).to_frame())])
        )[:, 1]
        result["rate: TargetEncoder", what] = roc_auc_score(f["defaulted"], risk)
    result["rate: TargetEncoder", "euro"] = earned(later, home.expected_profit(later), risk)
    return pd.Series(result)


def missing(seed: int) -> pd.DataFrame:
    """Code the missing utilization in several ways, in training and serving alike."""
    home = world.World(seed=seed)
    rows = {}
    for share in (0.0, 0.2):  # and once with more missing: the field was optional for some months
        past = home.applications(("2024-01", "2024-12"))
        test = home.applications(("2025-01", "2025-06"))
        truth = home.expected_profit(test)
        rng = np.random.default_rng(seed)
        for frame in (past, test):
            frame.loc[rng.random(len(frame)) < share, "utilization"] = np.nan
        found = constants(past)
        for fill, flag in (
            ("-9999", False),
            ("zero", False),
            ("-1", False),
            ("mean", False),
            ("zero", True),
            ("mean", True),
        ):
            found["numbers"]["utilization"] = (
                past["utilization"].mean(),
                past["utilization"].std(ddof=0),
            )
            X = features(past, found, fill=fill, flag=flag)
            pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
            pipeline.fit(X, past["defaulted"])
            risk = pipeline.predict_proba(features(test, found, fill=fill, flag=flag))[:, 1]
            trees = HistGradientBoostingClassifier(max_iter=60, random_state=0)
            trees.fit(X, past["defaulted"])
            tree_risk = trees.predict_proba(features(test, found, fill=fill, flag=flag))[:, 1]
            gone = test["utilization"].isna().to_numpy()
            rows[share, f"{fill}{' + flag' if flag else ''}"] = {
                "linear euro": earned(test, truth, risk),
                "trees euro": earned(test, truth, tree_risk),
                "linear, missing": earned(test[gone], truth[gone], risk[gone]),
                "granted of missing": float((world.profit(test[gone], risk[gone]) > 0).mean()),
            }
    return pd.DataFrame(rows).T


def buckets(seed: int) -> pd.Series:
    """The number of buckets, and the cross that the truth has."""
    home = world.World(seed=seed)
    past = home.applications(("2024-01", "2024-03"))
    test = home.applications(("2025-01", "2025-06"))
    truth = home.expected_profit(test)
    rows = {}

    def euro(name: str, make: Features) -> None:
        pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        pipeline.fit(make(past), past["defaulted"])
        rows[name] = earned(test, truth, pipeline.predict_proba(make(test))[:, 1])

    for count in (2, 6, 20, 50):
        found = constants(past, count)
        euro(f"age in {count}", lambda f, found=found: features(f, found))
    found = constants(past)
    used = np.quantile(past["utilization"].dropna(), [0.25, 0.5, 0.75])

    def cross(f: pd.DataFrame, sizes: int) -> np.ndarray:
        late = np.minimum(f["late_payments"], 3)
        number = late * 4 + np.searchsorted(used, f["utilization"].fillna(0))
        return np.column_stack([features(f, found), np.eye(16)[number]])

    euro("late x utilization", lambda f: cross(f, 16))

    def words(f: pd.DataFrame, number: int) -> np.ndarray:
        import zlib

        keys = ["employment", "purpose", "channel", "region", "term_months"]
        joined = f[keys].astype(str).agg("|".join, axis=1)
        at = joined.map(lambda one: zlib.crc32(one.encode()) % number)
        return np.column_stack([features(f, found), np.eye(number)[at]])

    for number in (64, 1024):
        euro(f"cross of five, {number}", lambda f, n=number: words(f, n))
    euro(
        "burden",
        lambda f: np.column_stack([features(f, found), np.tanh(world.burden(f) / 0.25)]),
    )
    euro("log burden", lambda f: np.column_stack([features(f, found), np.log(world.burden(f))]))
    euro("burden raw", lambda f: np.column_stack([features(f, found), world.burden(f)]))
    euro(
        "burden in 6",
        lambda f: np.column_stack(
            [
                features(f, found),
                np.eye(6)[
                    np.searchsorted(
                        np.quantile(world.burden(past), np.arange(1, 6) / 6), world.burden(f)
                    )
                ],
            ]
        ),
    )
    return pd.Series(rows)


def water() -> pd.DataFrame:
    """Windows of real hourly data, split in two ways."""
    rows = [(row["Time"], flow) for row, flow in WaterFlow()]
    raw = pd.Series([r[1] for r in rows], pd.to_datetime([r[0] for r in rows], utc=True))
    print(
        len(raw),
        "rows;",
        raw.index[0],
        raw.index[-1],
        "steps",
        raw.index.to_series().diff().value_counts().to_dict(),
    )
    print(raw.describe().round(1).to_dict())
    series = raw[~raw.index.duplicated()].asfreq("h")
    print("hours", len(series), "missing", series.isna().sum())
    lags = pd.concat({k: series.shift(k) for k in range(24, 48)}, axis=1)
    near = pd.concat({k: series.shift(k) for k in range(1, 25)}, axis=1)
    local = series.index.tz_convert("Europe/Rome")
    results = {}
    for label, window in (("next hour", near), ("a day ahead", lags)):
        ok = window.notna().all(axis=1) & series.notna()
        X, y = window[ok].to_numpy(), series[ok].to_numpy()
        hour = local.hour[ok].to_numpy()
        circle = np.column_stack([np.sin(hour * np.pi / 12), np.cos(hour * np.pi / 12)])
        print(label, len(y), "windows; persistence", np.abs(y - X[:, 0]).mean().round(2))
        models = {
            "ridge": make_pipeline(StandardScaler(), Ridge()),
            "trees": ExtraTreesRegressor(200, random_state=0),
            "nn": KNeighborsRegressor(1),
        }
        for name, model in models.items():
            full = np.column_stack([X, circle])
            for split, cv in (
                ("shuffled", KFold(5, shuffle=True, random_state=0)),
                ("by time", TimeSeriesSplit(5)),
                ("blocks", KFold(5)),
            ):
                score = -cross_val_score(model, full, y, cv=cv, scoring="neg_mean_absolute_error")
                results[label, name, split] = score.mean()
        plain = {"hour 0-23": hour[:, None], "sin, cos": circle, "24 columns": np.eye(24)[hour]}
        for name, columns in plain.items():
            score = -cross_val_score(
                Ridge(), columns, y, cv=KFold(5), scoring="neg_mean_absolute_error"
            )
            results[label, "only hour", name] = score.mean()
        two = np.column_stack([circle, np.sin(hour * np.pi / 6), np.cos(hour * np.pi / 6)])
        score = -cross_val_score(Ridge(), two, y, cv=KFold(5), scoring="neg_mean_absolute_error")
        results[label, "only hour", "sin, cos of 24 and 12"] = score.mean()
    return pd.Series(results)


def main() -> None:
    """Print the tables."""
    pd.set_option("display.width", 200)
    pd.set_option("display.max_columns", 20)
    which = sys.argv[1:] or ["same", "batches", "leaks", "missing", "buckets", "water"]
    tables = {
        "same": same_features,
        "batches": batches,
        "leaks": leaks,
        "missing": missing,
        "buckets": buckets,
    }
    for name in which:
        if name == "water":
            print(water().round(2).to_string())
            continue
        runs = {seed: tables[name](seed) for seed in SEEDS}
        flat = pd.DataFrame({s: r.stack() if r.ndim == 2 else r for s, r in runs.items()})
        print(f"\n{name}\n{flat.round(3).to_string()}", flush=True)


if __name__ == "__main__":
    main()
