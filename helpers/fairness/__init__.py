"""Fairness, measured with its uncertainty: who is selected, who is wronged, what mitigation costs.

Point values are those of ``fairlearn.metrics.MetricFrame``; intervals are percentile bootstrap
intervals. Rates are computed from the counts of each group, whose resampling costs the same for a
thousand rows and for a million.

Examples
--------
>>> import numpy as np
>>> label = np.array([1, 1, 0, 0] * 50)
>>> decision = np.array([1, 0, 0, 0] * 25 + [1, 1, 1, 0] * 25)
>>> group = np.array(["a"] * 100 + ["b"] * 100)
>>> found = audit(label, decision, sensitive=group, metrics="selection_rate")
>>> found.differences["value"].to_dict()
{'selection_rate': 0.5}
"""

from helpers.base import extras

extras.require("fairness", by=__name__)

from helpers.fairness.audits import Audit, audit
from helpers.fairness.by_threshold import Preset, Thresholds, thresholds
from helpers.fairness.mitigation import Comparison, compare_mitigations, reweighing

__all__ = [
    "Audit",
    "Comparison",
    "Preset",
    "Thresholds",
    "audit",
    "compare_mitigations",
    "reweighing",
    "thresholds",
]
