"""Have the data changed? Two samples compared, and streams watched by detectors.

* :func:`compare` compares a current sample with a reference: how far each column moved, whether
  chance explains it, and whether the rows as a whole can be told apart.
* :func:`monitor` runs one of river's detectors over a stream of values or errors;
  :func:`monitor_windows` runs :func:`compare` over windows of a stream.
* :func:`score` compares detections with a known onset: the delay, and the false alarms.

A result shows itself as text; its ``.to_frame()`` returns the numbers. The tests are scipy's, the
classifier is scikit-learn's, the detectors are river's. For distances against a threshold in a
schema see ``helpers.validation`` (TFDV).

Examples
--------
>>> import numpy as np
>>> rng = np.random.default_rng(0)
>>> calm, moved = rng.normal(0, 1, 2_000), rng.normal(1, 1, 2_000)
>>> monitor(np.concatenate([calm, moved]), "ADWIN").to_frame()["position"].iloc[0] > 2_000
np.True_
"""

from __future__ import annotations

from helpers.base import extras

extras.require("drift", by=__name__)

from helpers.drift.comparison import Comparison, Joint, compare
from helpers.drift.monitoring import (
    DETECTORS,
    Monitoring,
    Score,
    make_detector,
    monitor,
    monitor_windows,
    score,
)

__all__ = [
    "DETECTORS",
    "Comparison",
    "Joint",
    "Monitoring",
    "Score",
    "compare",
    "make_detector",
    "monitor",
    "monitor_windows",
    "score",
]
