"""Harbor Credit: a simulated consumer lender whose truth is known.

Applications arrive month by month; which loans defaulted is known twelve months later. The true
probability of default is a function (``truth.py``), so a lesson can check what real data never
allow to check. Two biases are built in, as in real loan books:

* **measurement**: in the East two credit bureaus report every late payment, so each counts twice
  in ``late_payments``. The truth depends on the payments, not on the count.
* **proxy**: for equal employment and age, women's incomes are 16 % lower. The truth depends on the
  income, not on the sex; a rule about income still refuses more women.

What becomes known after the decision is drawn apart, from hashes of ``application_id``: early signs
of default (``signs.py``) and a credit bureau's statements with their corrections (``bureau.py``).

``python -m helpers.world data/`` writes the files below ``data/``, each time the same bytes.

Examples
--------
>>> world = World()
>>> frame = world.applications("2025-03", n=1000)
>>> probability = world.default_probability(frame, "2025-03")
>>> bool(abs(probability.mean() - frame["defaulted"].mean()) < 0.05)
True
"""

from __future__ import annotations

from helpers.world.bureau import bureau_history
from helpers.world.clerks import CLERKS, clerks, habit
from helpers.world.incidents import INCOMING, Incident, incidents
from helpers.world.lender import World, incoming_truth, parse_months, replay, warehouse, write
from helpers.world.shapley import attributions
from helpers.world.signs import SIGNS, SIGNS_KNOWN_AFTER, early_signs
from helpers.world.truth import (
    CHANNELS,
    COLUMNS,
    EMPLOYMENTS,
    INCOME_RATIO_WOMEN,
    LOSS_GIVEN_DEFAULT,
    MARGIN,
    OVERRECORDED_REGION,
    PURPOSES,
    REGIONS,
    SEXES,
    TERMS,
    Column,
    burden,
    profit,
    recession_terms,
    risk_terms,
    true_late_payments,
)

__all__ = [
    "CHANNELS",
    "CLERKS",
    "COLUMNS",
    "EMPLOYMENTS",
    "INCOME_RATIO_WOMEN",
    "INCOMING",
    "LOSS_GIVEN_DEFAULT",
    "MARGIN",
    "OVERRECORDED_REGION",
    "PURPOSES",
    "REGIONS",
    "SEXES",
    "SIGNS",
    "SIGNS_KNOWN_AFTER",
    "TERMS",
    "Column",
    "Incident",
    "World",
    "attributions",
    "burden",
    "bureau_history",
    "clerks",
    "early_signs",
    "habit",
    "incidents",
    "incoming_truth",
    "parse_months",
    "profit",
    "recession_terms",
    "replay",
    "risk_terms",
    "true_late_payments",
    "warehouse",
    "write",
]
