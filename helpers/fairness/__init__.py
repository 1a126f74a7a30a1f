"""Fairness, measured with its uncertainty: metrics by group, thresholds, the cost of mitigation.

Point values are those of ``fairlearn.metrics.MetricFrame``; intervals are percentile bootstrap
intervals. Rates are computed from the counts of each group; resampling these costs the same for a
thousand rows and for a million.

Examples
--------
>>> import numpy as np
>>> label = np.array([1, 1, 0, 0] * 50)
>>> decision = np.array([1, 0, 0, 0] * 25 + [1, 1, 1, 0] * 25)
>>> group = np.array(["a"] * 100 + ["b"] * 100)
>>> result = audit(label, decision, sensitive_features=group, metrics="selection_rate")
>>> result.differences["value"].to_dict()
{'selection_rate': 0.5}
"""

from helpers.base import extras

extras.require("fairness", by=__name__)

from helpers.fairness.audits import Audit, audit
from helpers.fairness.group_thresholds import Preset, Thresholds, thresholds
from helpers.fairness.mitigation import MitigationComparison, compare_mitigations, reweighing

__all__ = [
    "Audit",
    "MitigationComparison",
    "Preset",
    "Thresholds",
    "audit",
    "compare_mitigations",
    "reweighing",
    "thresholds",
]
