"""Read a postmortem, as a program in CI might: complete, true, and without blame."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

KEYS = ("timeline", "detection", "impact_euro", "cause", "actions", "lesson")
BLAME = re.compile(r"\b(he|she|his|her|forgot|careless\w*|to blame|stupid\w*|should have|"
                   r"human error|negligen\w*|incompeten\w*|mrs?)\b", re.IGNORECASE)  # fmt: skip
ACTION = ("what", "owner", "due", "kind")
NOBODY = ("all", "everybody", "everyone", "team", "the team", "we", "tbd")
KINDS = ("detect", "prevent", "mitigate")


def faults(document: dict[str, Any], year: Any, incident: str) -> tuple[str, str] | None:
    """Return the first fault of a postmortem: its key and what was found; None if there is none."""
    lacking = [key for key in KEYS if not document.get(key)]
    if lacking:
        return "missing", ", ".join(lacking)
    texts = [str(document["cause"]), str(document["lesson"]), str(document["detection"])]
    texts += [str(what) for _, what in document["timeline"]]
    for text in texts:
        if found := BLAME.search(text):
            return "blame", found[0]
    days = [pd.Timestamp(day) for day, _ in document["timeline"]]
    if len(days) < 3 or days != sorted(days):
        return "timeline", f"{len(days)} entries"
    start, ended = year.causes.loc[incident, ["start", "ended"]]
    log = year.log[(year.log["hook"] == "on_alarm") & year.log["answer"].eq("page")]
    seen = log.loc[log["day"].between(start, ended) & log["shown"].str.startswith("Errors"), "day"]
    for day in (start, seen.min(), ended):
        if abs(days[0] - start).days > 1 or day not in days:
            return "dates", ", ".join(f"{one:%Y-%m-%d}" for one in days)
    euro, true = float(document["impact_euro"]), -float(year.ledger[incident])
    if abs(euro - true) > 0.02 * true:
        return "impact", f"{euro:,.0f} euro"
    if len(str(document["cause"]).split()) < 5:
        return "cause", str(document["cause"])
    actions = list(document["actions"])
    for one in actions:
        if not isinstance(one, dict) or any(not one.get(key) for key in ACTION):
            return "actions", str(one)[:80]
        if one["kind"] not in KINDS:
            return "kinds", str(one["kind"])
        if pd.Timestamp(one["due"]) <= ended:
            return "due", str(one["due"])
        if str(one["owner"]).lower().strip() in NOBODY:
            return "owner", str(one["owner"])
    if not {"detect", "prevent"} <= {one["kind"] for one in actions}:
        return "both", ", ".join(one["kind"] for one in actions)
    return None
