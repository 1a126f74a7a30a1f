"""Audits with intervals, and one move of the threshold explorer."""

import time

import numpy as np
from fairlearn import metrics as fair
from sklearn.metrics import precision_score

from helpers import fairness
from helpers.course.lesson_3_5.view import ThresholdExplorer
from helpers.course.views import image

METRICS = {
    "selection_rate": fair.selection_rate,
    "true_positive_rate": fair.true_positive_rate,
    "false_positive_rate": fair.false_positive_rate,
    "precision": precision_score,
}


def run() -> list[dict]:
    rows = []
    y, decided, _, group = _people(100_000)
    frame, theirs = _timed(lambda: _frame(y, decided, group, n_boot=20))
    _, ours = _timed(lambda: _audit(y, decided, group, resamples=20))
    low, high = (ends.to_numpy() for ends in frame.by_group_ci)
    wide = _audit(y, decided, group, resamples=2_000)
    names = list(METRICS)
    ours_low, ours_high = (
        np.column_stack([wide.by_group[name, kind] for name in names]) for kind in ("low", "high")
    )
    agree = np.abs(np.r_[ours_low - low, ours_high - high]).mean() / (ours_high - ours_low).mean()
    rows.append(
        {
            "what": "20 resamples, 100,000 rows, 10 groups, 4 metrics: fairlearn against audit",
            "measured": f"{theirs:.1f} s against {ours:.2f} s: {theirs / ours:.0f} times",
            "target": "faster",
            "note": f"ends of the intervals apart by {agree:.0%} of their width (20 resamples)",
        }
    )
    y, decided, score, group = _people(1_000_000)
    _, plain = _timed(lambda: _frame(y, decided, group))
    _, audited = _timed(lambda: _audit(y, decided, group, resamples=1_000))
    rows.append(
        {
            "what": "audit, 1,000 resamples, 1,000,000 rows against one plain MetricFrame",
            "measured": f"{audited / plain:.2f} times ({audited:.1f} s against {plain:.1f} s)",
            "target": "at most an eighth",
        }
    )
    for n in (10_000, 100_000, 1_000_000):
        y, _, score, group = _people(n, groups=3)
        explorer, made = _timed(
            lambda y=y, s=score, g=group: ThresholdExplorer(y, s, sensitive_features=g)
        )
        start = explorer.presets["one threshold"].thresholds
        _show(explorer, start)
        moves = []
        for threshold in np.linspace(0.2, 0.8, 20):
            chosen = dict.fromkeys(start, threshold)
            moves.append(_timed(lambda c=chosen, e=explorer: _show(e, c))[1])
        rows.append(
            {
                "what": f"threshold explorer, {n:,} rows: one move, value to picture",
                "measured": f"{np.median(moves) * 1000:.0f} ms (prepared in {made:.2f} s)",
                "target": "100 ms",
            }
        )
    return rows


def _show(explorer, chosen):
    return image(explorer.picture(thresholds=chosen), explorer.describe(chosen))


def _people(n, groups=10, seed=0):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, groups, n)
    score = 1 / (1 + np.exp(-rng.normal(0.1 * group, 1.2)))
    y = (rng.random(n) < score).astype(int)
    return y, (score > 0.6).astype(int), score, group


def _frame(y, decided, group, **settings):
    if settings:
        settings |= {"ci_quantiles": [0.025, 0.975], "random_state": 0}
    frame = fair.MetricFrame(
        metrics=METRICS, y_true=y, y_pred=decided, sensitive_features=group, **settings
    )
    frame.difference(), frame.ratio()
    return frame


def _audit(y, decided, group, resamples):
    return fairness.audit(
        y, decided, sensitive_features=group, metrics=list(METRICS), resamples=resamples
    )


def _timed(call):
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start
