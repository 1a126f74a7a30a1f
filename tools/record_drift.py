"""Detectors against incidents: how late each detector is, and how often it raises a false alarm.

``python -m tools.record_drift`` writes ``data/drift_benchmark.csv``; ``--tune`` prints what the
tuned settings below were chosen by: false alarms in calm years of other seeds.

A lender is watched through 2026, 2,000 applications a month. The model was fitted to 2024; the
reference is the second half of 2025. Every seed has one calm year, in which every alarm is false,
and for each incident the 90 days from its onset on, before which the year is the calm one. A
detector that has watched the calm months continues into the incident with what it has learned.

All settings were chosen before any incident was looked at: river's defaults; rules of thumb (PSI
0.1 and 0.25), p-values of 0.01; and, because some of river's defaults alarm all the time, the least
strict setting of a list with at most one false alarm a year on the tuning seeds. A look at one more
seed, which is not among those of the table, then added two streams to watch (outcome minus score,
defaults of granted loans); no setting was changed. Alarms of a detector on the same day count once.

Detectors see features and scores at once, and defaults a year after the application: every detector
that needs these has two rows, one as if labels came at once, one a year later. "Defaults of granted
loans" is all that a lender really learns; "wrong decisions" and "outcome less score" assume that it
also learns what the refused would have done.
"""

from __future__ import annotations

import copy
import multiprocessing
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from helpers import drift
from helpers.base import files, resources
from helpers.world import CHANNELS, EMPLOYMENTS, PURPOSES, REGIONS, World, incidents, profit, replay

SEEDS = range(1, 51)
TUNING_SEEDS = range(1_000, 1_020)
YEAR = ("2026-01", "2026-12")
HORIZON = pd.Timedelta(days=90)
LABELS_LATE_DAYS = 365
NUMBERS = ("age", "income", "years_employed", "amount", "term_months", "utilization")
NUMBERS += ("late_payments", "credit_history_years")
TEXTS = {"region": REGIONS, "employment": EMPLOYMENTS, "purpose": PURPOSES, "channel": CHANNELS}
FEATURES = [*NUMBERS, *TEXTS]
ONSETS = {name: pd.Timestamp(incident.onset) for name, incident in incidents.items()}
NEED_LABELS = ("outcome less score", "wrong decisions", "defaults of granted loans")
STREAMS = {
    "score": 1,
    **dict.fromkeys(NEED_LABELS, 1),
    "features": 2 * len(NUMBERS) + sum(len(values) + 1 for values in TEXTS.values()),
}
Frames = dict[str, pd.DataFrame]  # of each incident
Seen = dict[str, dict[str, np.ndarray]]
Found = dict[str, pd.Timestamp]


@dataclass(frozen=True)
class Stream:
    """A detector of river's, with an instance for each stream that it sees."""

    detector: str
    sees: str
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    chosen: str = "river's default"

    def make(self) -> list[Any]:
        settings = dict(self.settings)
        if self.detector == "ADWIN":  # its delta is a probability: divided among the streams
            settings["delta"] = settings.get("delta", 0.002) / STREAMS[self.sees]
        return [drift.make_detector(self.detector, **settings) for _ in range(STREAMS[self.sees])]

    @property
    def text(self) -> str:
        given = ", ".join(f"{name} {value:g}" for name, value in self.settings.items())
        return f"{self.chosen}: {given}" if given else self.chosen


@dataclass(frozen=True)
class Window:
    """A rule about windows of some days, compared with the reference."""

    detector: str
    sees: str
    rule: str
    days: int

    @property
    def text(self) -> str:
        return f"{self.rule}, windows of {self.days} days"


_RULES = [
    ("PSI", "features", "0.1"),
    ("PSI", "features", "0.25"),
    ("tests, corrected", "features", "p < 0.01"),
    ("tests and PSI", "features", "p < 0.01 and 0.1"),
    ("PSI", "score", "0.1"),
    ("Kolmogorov-Smirnov", "score", "p < 0.01"),
]
WINDOWS = [Window(*rule, days) for days in (30, 7) for rule in _RULES]
WINDOWS.append(Window("domain classifier", "features", "p < 0.01", 30))  # slow: monthly only
DEFAULTS = [
    Stream("ADWIN", "features"),
    Stream("PageHinkley", "features"),
    Stream("ADWIN", "score"),
    Stream("PageHinkley", "score"),
    Stream("KSWIN", "score"),
    Stream("ADWIN", "outcome less score"),
    Stream("PageHinkley", "outcome less score"),
    *(
        Stream(detector, sees)
        for sees in ("wrong decisions", "defaults of granted loans")
        for detector in ("ADWIN", "PageHinkley", "DDM", "EDDM", "FHDDM", "HDDM_A", "HDDM_W")
    ),
]
# From the default to ever stricter settings. KSWIN, at a fifth of a millisecond for each value,
# keeps its default: a second setting would double the time that the table takes.
LADDERS = {
    "ADWIN": [{"delta": 0.002 / 10**i} for i in range(5)],
    "PageHinkley": [{"threshold": t} for t in (50, 100, 200, 400, 800, 1600)],
    "DDM": [{"drift_threshold": t} for t in (3, 3.5, 4, 5, 6)],
    "EDDM": [{"alpha": 0.95, "beta": b} for b in (0.9, 0.8, 0.7, 0.6, 0.5, 0.4)],
    "FHDDM": [{"confidence_level": 10.0**-i} for i in (6, 8, 10, 12)],
    "HDDM_A": [{"drift_confidence": 10.0**-i} for i in (3, 4, 5, 6, 8)],
    "HDDM_W": [{"drift_confidence": 10.0**-i} for i in (3, 4, 5, 6, 8, 10, 12)],
}
# The least strict with at most one false alarm a year, where that is not the default.
TUNED = [
    Stream("PageHinkley", "features", {"threshold": 400}, "tuned"),
    Stream("PageHinkley", "score", {"threshold": 200}, "tuned"),
    Stream("PageHinkley", "wrong decisions", {"threshold": 100}, "tuned"),
    Stream("EDDM", "wrong decisions", {"alpha": 0.95, "beta": 0.7}, "tuned"),
    Stream("FHDDM", "wrong decisions", {"confidence_level": 1e-8}, "tuned"),
    Stream("HDDM_W", "wrong decisions", {"drift_confidence": 1e-4}, "tuned"),
    Stream("DDM", "defaults of granted loans", {"drift_threshold": 3.5}, "tuned"),
    Stream("EDDM", "defaults of granted loans", {"alpha": 0.95, "beta": 0.6}, "tuned"),
]


@cache
def _model() -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan
    )
    columns = make_column_transformer((encoder, list(TEXTS)), remainder="passthrough")
    trees = HistGradientBoostingClassifier(
        learning_rate=0.06, max_leaf_nodes=15, categorical_features=range(4), random_state=0
    )
    past = World().applications(("2024-01", "2024-12"))
    return make_pipeline(columns, trees).fit(past[FEATURES], past["defaulted"])


def _scored(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the model's probability; it sees text among numbers as missing."""
    read = frame.assign(term_months=pd.to_numeric(frame["term_months"], errors="coerce"))
    return frame.assign(score=_model().predict_proba(read[FEATURES])[:, 1])


def _streams(frame: pd.DataFrame, reference: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return what each kind of detector sees, one column for each stream."""
    read = frame.assign(term_months=pd.to_numeric(frame["term_months"], errors="coerce"))
    mean, spread = reference[list(NUMBERS)].mean(), reference[list(NUMBERS)].std()
    columns = [
        ((read[list(NUMBERS)] - mean) / spread).to_numpy(float),
        read[list(NUMBERS)].isna().to_numpy(float),
    ]
    for name, values in TEXTS.items():
        known = np.column_stack([read[name] == value for value in values])
        columns.append(np.column_stack([known, ~known.any(axis=1)]).astype(float))
    score = frame["score"].to_numpy()
    granted = profit(read.fillna({"term_months": 36}), score) > 0
    z = (score - reference["score"].mean()) / reference["score"].std()
    defaulted = frame["defaulted"].to_numpy(float)
    single = {
        "score": z,
        "outcome less score": defaulted - score,
        "wrong decisions": (granted == (defaulted == 1)).astype(float),
        "defaults of granted loans": np.where(granted, defaulted, np.nan),
    }
    seen = {name: stream[:, None] for name, stream in single.items()}
    return seen | {"features": np.column_stack(columns)}


def _worlds(seed: int, names: Iterable[str] = tuple(ONSETS)) -> tuple[pd.DataFrame, ...]:
    """Return the reference, the calm year, and for each incident the days from its onset on."""
    after = {}
    for name in names:
        months = (str(ONSETS[name])[:7], str(ONSETS[name] + HORIZON)[:7])
        frame = replay(name, months=months, seed=seed)
        after[name] = _scored(frame[frame["applied_at"] < ONSETS[name] + HORIZON])
    reference = World(seed).applications(("2025-07", "2025-12"))
    return _scored(reference), _scored(replay(months=YEAR, seed=seed)), after


def _alarms(detectors: list[Any], seen: np.ndarray, times: pd.Series) -> set[pd.Timestamp]:
    """Return the times at which any detector detects drift; the detectors keep learning."""
    alarms = set()
    for detector, stream in zip(detectors, seen.T, strict=True):
        if not np.isnan(stream).all():
            alarms |= set(drift.monitor(stream, detector, times=times).to_frame()["time"])
    return alarms


def _pieces(frame: pd.DataFrame, cuts: list[pd.Timestamp]) -> list[np.ndarray]:
    """Return the positions of the rows between each two cuts."""
    stretch = np.searchsorted(pd.DatetimeIndex(cuts), frame["applied_at"], side="right")
    return [np.flatnonzero(stretch == i) for i in range(len(cuts) + 1)]


def _by_stream(watch: Stream, calm: pd.DataFrame, after: Frames, seen: Seen) -> tuple[list, Found]:
    """Return the alarms of the calm year, and the first alarm after each onset."""
    detectors, alarms, known = watch.make(), set(), {}
    cuts = sorted({ONSETS[name] for name in after})
    for i, rows in enumerate(_pieces(calm, cuts)):
        times = calm["applied_at"].iloc[rows]
        alarms |= _alarms(detectors, seen["calm"][watch.sees][rows], times)
        if i < len(cuts):
            known[cuts[i]] = copy.deepcopy(detectors)
    first = {}
    for name, frame in after.items():
        detectors = copy.deepcopy(known[ONSETS[name]])
        weeks = [ONSETS[name] + pd.Timedelta(days=day) for day in range(7, HORIZON.days, 7)]
        for rows in _pieces(frame, weeks):  # week by week, until the first alarm
            times = frame["applied_at"].iloc[rows]
            alarm = _alarms(detectors, seen[name][watch.sees][rows], times)
            if alarm:
                first[name] = min(alarm)
                break
    return sorted(alarms), first


def _windows(frame: pd.DataFrame, days: int) -> Iterator[tuple[pd.Timestamp, pd.DataFrame]]:
    """Yield windows of some days since the year began, each with its end."""
    length, start = pd.Timedelta(days=days), pd.Timestamp(YEAR[0])
    number = (frame["applied_at"] - start) // length
    for i, window in frame.groupby(number):
        end = start + (i + 1) * length
        if end <= start + pd.Timedelta(days=365):
            yield end, window


def _fired(reference: pd.DataFrame, window: pd.DataFrame, days: int, joint: bool) -> set[Window]:
    """Return the rules that detect drift in a window."""
    features = drift.compare(reference, window, columns=FEATURES, joint=joint)
    score = drift.compare(reference, window, columns=["score"], joint=False).to_frame()
    table = features.to_frame()
    verdicts = {
        ("PSI", "features", "0.1"): (table["psi"] >= 0.1).any(),
        ("PSI", "features", "0.25"): (table["psi"] >= 0.25).any(),
        ("tests, corrected", "features", "p < 0.01"): (table["p_corrected"] < 0.01).any(),
        ("tests and PSI", "features", "p < 0.01 and 0.1"): bool(features.drifted),
        ("PSI", "score", "0.1"): (score["psi"] >= 0.1).any(),
        ("Kolmogorov-Smirnov", "score", "p < 0.01"): (score["p"] < 0.01).any(),
        ("domain classifier", "features", "p < 0.01"): joint and features.joint.p < 0.01,
    }
    rules = [rule for rule in WINDOWS if rule.days == days]
    return {rule for rule in rules if verdicts[rule.detector, rule.sees, rule.rule]}


def _by_window(
    days: int, reference: pd.DataFrame, calm: pd.DataFrame, after: Frames
) -> dict[Window, tuple[list, Found]]:
    """Return the same for every rule about windows of this length."""
    result = {rule: ([], {}) for rule in WINDOWS if rule.days == days}
    joint = any(rule.detector == "domain classifier" for rule in result)
    for end, window in _windows(calm, days):
        for rule in _fired(reference, window, days, joint):
            result[rule][0].append(end)
    for name, frame in after.items():
        onset = ONSETS[name]
        whole = pd.concat([calm[calm["applied_at"] < onset], frame])
        for end, window in _windows(whole, days):
            waiting = [rule for rule in result if name not in result[rule][1]]
            if not waiting or end <= onset or end > onset + HORIZON:
                continue
            joint = any(rule.detector == "domain classifier" for rule in waiting)
            for rule in _fired(reference, window, days, joint):
                result[rule][1].setdefault(name, end)
    return result


def run_seed(seed: int) -> list[dict[str, Any]]:
    """Watch a seed's calm year and every incident with every detector: a row for each pair."""
    reference, calm, after = _worlds(seed)
    seen = {name: _streams(frame, reference) for name, frame in {"calm": calm, **after}.items()}
    results: dict[Stream | Window, tuple[list, Found]] = {}
    for watch in [*DEFAULTS, *TUNED]:
        results[watch] = _by_stream(watch, calm, after, seen)
    for days in sorted({rule.days for rule in WINDOWS}):
        results |= _by_window(days, reference, calm, after)
    rows = []
    for watch, (alarms, first) in results.items():
        for name, onset in ONSETS.items():
            end = onset + HORIZON
            delay = (first[name] - onset) / pd.Timedelta(days=1) if name in first else np.inf
            rows.append(
                {
                    "detector": watch.detector,
                    "sees": watch.sees,
                    "settings": watch.text,
                    "incident": name,
                    "seed": seed,
                    "delay": delay,
                    "by_chance": any(onset < alarm <= end for alarm in alarms),
                    "false_alarms": len({alarm.normalize() for alarm in alarms}),
                }
            )
    return rows


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each detector and incident, over the seeds, with 95 % intervals."""
    from scipy.stats import binomtest

    rows = []
    keys = ["detector", "sees", "settings", "incident"]
    for key, group in runs.groupby(keys, sort=False):
        share = binomtest(int(np.isfinite(group["delay"]).sum()), len(group))
        interval = share.proportion_ci(method="wilson")
        delay = _interval(group["delay"], np.median)
        alarms = _interval(group["false_alarms"], np.mean)
        when = {"not needed": 0}
        if key[1] in NEED_LABELS:
            when = {"at once (not possible)": 0, "a year late": LABELS_LATE_DAYS}
        for known, late in when.items():
            rows.append(
                dict(zip(keys, key, strict=True))
                | {
                    "kind": incidents[key[3]].kind,
                    "labels": known,
                    "seeds": len(group),
                    "found": share.statistic,
                    "found_low": interval.low,
                    "found_high": interval.high,
                    "found_by_chance": group["by_chance"].mean(),
                    "delay_days": delay[0] + late,
                    "delay_low": delay[1] + late,
                    "delay_high": delay[2] + late,
                    "false_alarms_per_year": alarms[0],
                    "false_alarms_low": alarms[1],
                    "false_alarms_high": alarms[2],
                }
            )
    return pd.DataFrame(rows).replace(np.inf, np.nan).round(3)


def _interval(values: pd.Series, statistic: Any) -> tuple[float, float, float]:
    """Return a statistic over seeds with its bootstrap interval; a miss is an infinite delay."""
    x = values.to_numpy(float)
    draws = x[np.random.default_rng(0).integers(len(x), size=(2_000, len(x)))]
    with np.errstate(invalid="ignore"):
        each = statistic(draws, axis=1)
        low, high = np.quantile(each, [0.025, 0.975], method="nearest")
        return float(statistic(x)), float(low), float(high)


def _calm_alarms(seed: int) -> list[dict[str, Any]]:
    """Return the false alarms of a calm year with every setting of every ladder."""
    reference, calm, _ = _worlds(seed, names=())
    seen = {"calm": _streams(calm, reference)}
    rows = []
    for default in DEFAULTS:
        for settings in LADDERS.get(default.detector, ()):
            watch = Stream(default.detector, default.sees, settings, "tuned")
            alarms, _ = _by_stream(watch, calm, {}, seen)
            days = {alarm.normalize() for alarm in alarms}
            rows.append({"sees": watch.sees, "watch": repr(watch), "alarms": len(days)})
    return rows


def _pool() -> ProcessPoolExecutor:
    os.environ["OMP_NUM_THREADS"] = "1"  # a seed is one core's work
    return ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn"))


def tune() -> None:
    """Print each setting's false alarms a year on the tuning seeds."""
    with _pool() as pool:
        waiting = tqdm(pool.map(_calm_alarms, TUNING_SEEDS), total=len(TUNING_SEEDS), unit="seed")
        rows = [row for rows in waiting for row in rows]
    means = pd.DataFrame(rows).groupby(["sees", "watch"], sort=False)["alarms"].mean()
    print(means.reset_index().to_string(index=False))


def make(path: Path, seeds: range = SEEDS) -> None:
    """Write the table."""
    rows = []
    with _pool() as pool:
        waiting = [pool.submit(run_seed, seed) for seed in seeds]
        for done in tqdm(as_completed(waiting), total=len(waiting), unit="seed"):
            rows += done.result()
    runs = pd.DataFrame(rows).sort_values("seed", kind="stable")
    with files.whole(path) as temporary:
        summary(runs).to_csv(temporary, index=False, lineterminator="\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["--tune"]:
        tune()
    elif not sys.argv[1:]:
        make(resources.path("data", "drift_benchmark.csv"))
    else:
        raise SystemExit("usage: python -m tools.record_drift [--tune]")
