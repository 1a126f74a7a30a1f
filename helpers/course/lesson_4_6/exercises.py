"""The judges of lesson 4.6, Monitor."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from helpers.course.exercises.calls import ReplyError, function, kind_of, run
from helpers.course.exercises.judges import as_number, number
from helpers.course.exercises.texts import replies

YEARS, MOST_PAGES, MOST_CALM = (31, 32), 25, 0.2


def _instrument(answer: Any) -> str | None:
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.parser import text_string_to_metric_families as families

    for bad in (7, 3):
        registry, seen = CollectorRegistry(), []

        def predict(request: dict, bad: int = bad, read: Any = registry, seen: Any = seen) -> float:
            seen.append(read.get_sample_value("credit_in_flight"))
            time.sleep(0.003)
            if request["application_id"] % bad == 0:
                raise ArithmeticError("no income")
            return request["application_id"] / 1_000

        wrapped = function(run(answer, predict, registry, about="predict and a registry"))
        for i in range(1, 61):
            try:
                got = run(wrapped, {"application_id": i}, about="a request")
            except ReplyError as error:
                if not isinstance(error.__cause__, ArithmeticError):
                    raise
                got = "raised"
            if got != (i / 1_000 if i % bad else "raised"):
                return f"Request {i}: it must return what predict returns, and raise its error."
        text, errors = generate_latest(registry).decode(), 60 // bad
        found = {(s.name, *s.labels.values()): s.value for f in families(text) for s in f.samples}
        shown, flying = f"60 requests, {errors} errors: ", found.get(("credit_in_flight",))
        if len(found) > 100:
            return f"{shown}{len(found)} series, one for each value of a label. Which has so many?"
        if {*seen, flying} != {1.0, 0.0} or flying:
            return f"{shown}credit_in_flight was {seen[-1]} within, and at the end it is {flying}."
        ok, bad = (found.get(("credit_requests_total", status), 0) for status in ("ok", "error"))
        n, total = (found.get((f"credit_seconds_{what}",), 0) for what in ("count", "sum"))
        if (ok, bad, n) != (60 - errors, errors, 60) or not 0.15 < total < 30:
            text = f"{shown}credit_requests_total has {ok:g} ok and {bad:g} error, credit_seconds"
            return f"{text} {n:g} observations, in all {total:g} seconds."
        if ("credit_seconds_bucket", "0.3") not in found:
            return "The promise is 0.3 s, and no bucket ends there: nobody can count what kept it."
    return None


def _estimate(answer: Any) -> str | None:
    import numpy as np
    from sklearn.metrics import roc_auc_score as auc

    from helpers import world
    from helpers.course.lesson_4_6.year import model

    for seed in (5, 6):
        frame = world.World(seed).applications("2026-02", 1_500)
        risk = model()[0].predict_proba(frame)[:, 1]
        granted = world.profit(frame, risk) > 0
        got = run(answer, risk, granted, about=f"{len(risk):,} risks and what was granted")
        if not isinstance(got, Mapping) or set(got) != {"defaults", "right", "auc"}:
            return "Expected a dict with the keys defaults, right and auc."
        ones, right = np.repeat([1, 0], len(risk)), np.where(granted, 1 - risk, risk).mean()
        area = auc(ones, np.tile(risk, 2), sample_weight=np.r_[risk, 1 - risk])
        for key, value, slip, why in (
            ("defaults", risk[granted].mean(), risk.mean(), "of all. Who can default?"),
            ("right", right, 1 - right, "of the decisions that are wrong."),
            ("auc", area, auc(risk > 0.5, risk), "with 0.6 as a default: it is 0.6 of one."),
        ):
            mine = as_number(got[key])
            if mine is None or not math.isclose(mine, value, rel_tol=1e-4):
                near = mine is not None and math.isclose(mine, slip, rel_tol=1e-4)
                why = f"That is the value {why}" if near else "That is no slip that is known here."
                return f"{key}: you have {got[key]!r:.40}. {why}"
    return None


def _rules(answer: Any) -> str | None:
    from helpers.course.lesson_4_6.rules import RuleError, read
    from helpers.course.lesson_4_6.year import score, year

    if not isinstance(answer, str):
        return f"Expected the text of a rule file, got {kind_of(answer)}."
    try:
        for rule in read(answer):
            for part, key in (("labels", "severity"), ("annotations", "runbook")):
                if key not in (rule.get(part) or ()):
                    return f"{rule['alert']} lacks {key} in its {part}: who does what at night?"
        for one in map(year, YEARS):
            found = score(answer, one).loc["all together"]
            text = f"Unseen year: {found.pages} pages, {found.calm:.2f} a week if all is well."
            if found.calm > MOST_CALM:
                return f"{text} Too many when all is well: how few bad events fire it?"
            if found.missed:
                return f"{text} Not caught: {found.missed}. Which metric would show that?"
            if found.pages > MOST_PAGES:
                return f"{text} An incident rings again and again, or a harmless one rings."
    except RuleError as error:
        return f"The file was not read. {error}."
    return None


def _redact(answer: Any) -> str | None:
    import numpy as np

    ages = np.random.default_rng(46).normal(45, 16, 300).clip(18, 75).astype(int).tolist()
    records = [{"application_id": f"2026-11-{i:06d}", "name": f"Person {i}", "risk": i / 1_000,
                "age": age, "region": ("East", "North")[i % 3 % 2], "message": f"about {i}"}
               for i, age in enumerate(ages)]  # fmt: skip
    records[5]["email"] = "someone@example.com"
    groups = Counter((row["region"], row["age"] // 10 * 10) for row in records)
    for k in (5, 12):
        outs = [run(answer, records, key, k, about=f"k = {k}") for key in (b"1", b"2", b"1")]
        for row in (row for out in outs for row in out):
            if not isinstance(row, Mapping) or set(row) != {"id", "region", "age", "risk"}:
                keys = ", ".join(map(str, row)) if isinstance(row, Mapping) else kind_of(row)
                return f"A record has {keys}. Name what may stay: new fields come by themselves."
        first, second, again = ([row["id"] for row in out] for out in outs)
        if first != again or len(set(first)) != len(first):
            return "With one key a customer always has the same id, and no other customer has it."
        if set(first) & set(second):
            return "The ids do not depend on the key: then all ids can be hashed, in a second."
        left = Counter((row["region"], row["age"]) for row in outs[0])
        if left != {group: n for group, n in groups.items() if n >= k}:
            return f"k = {k}: groups left have {sorted(left.values())[:3]}...; is an age a decade?"
    return None


JUDGES = {
    "4.6-a": _instrument,
    "4.6-b": number(0.45, within=0.001, replies=replies("4.6-b")),
    "4.6-c": number(54, within=0.5, replies=replies("4.6-c")),
    "4.6-d": _estimate,
    "4.6-e": _rules,
    "4.6-f": _redact,
}
