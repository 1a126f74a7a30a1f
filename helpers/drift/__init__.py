"""Have the data changed? Two samples compared, and streams watched by detectors.

* :func:`compare` sets a current sample against a reference: how far each column moved, whether
  chance explains it, and whether the rows as a whole can be told apart.
* :func:`monitor` runs one of river's detectors over a stream of values or errors;
  :func:`monitor_windows` runs :func:`compare` over windows of a stream.
* :func:`score` holds detections against a known onset: the delay, and the false alarms.
* :func:`replay` gives Harbor Credit's production months with one incident in them.

The tests are scipy's, the classifier is scikit-learn's, the detectors are river's. Distances
against a threshold in a schema are TFDV's (``helpers.validation``), and are not repeated here.

Examples
--------
>>> import numpy as np
>>> rng = np.random.default_rng(0)
>>> calm, moved = rng.normal(0, 1, 2_000), rng.normal(1, 1, 2_000)
>>> monitor(np.concatenate([calm, moved]), "ADWIN").detections["position"].iloc[0] > 2_000
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
from helpers.drift.production import replay

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
    "replay",
    "score",
]
