"""The judges of lesson 4.6, Monitor."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

from helpers.course.exercises.calls import function, kind_of, run
from helpers.course.exercises.judges import as_number, behaves, number
from helpers.course.exercises.texts import replies

YEARS, MOST_PAGES, MOST_CALM = ((), (31,), (32,)), 25, 0.2
_ENDS = [0.125, 0.25, 0.5, 1.0, float("inf")]  # with powers of two all results are exact


def _instrument(answer: Any) -> str | None:
    from prometheus_client import CollectorRegistry

    registry, seen, start = CollectorRegistry(), [], time.perf_counter()
    read = registry.get_sample_value

    def predict(request: dict) -> float:
        seen.append(read("credit_in_flight"))
        time.sleep(0.003)
        if request["i"] == 30:
            wrapped(request | {"i": 61})  # another request, while this one is at work
        if request["i"] % 7 == 0:
            raise ArithmeticError("no income")
        return request["i"] / 1_000

    def outcome(i: int) -> Any:
        try:
            return wrapped({"i": i, "application_id": f"2026-11-{i:06}"})
        except ArithmeticError:
            return "raised"

    wrapped = function(run(answer, predict, registry, about="predict and a registry"))
    for i in range(1, 61):
        if run(outcome, i, about="a request") != (i / 1_000 if i % 7 else "raised"):
            return f"Request {i}: it must return what predict returns, and raise its error."
    took, one, two = time.perf_counter() - start, seen[0], seen[len(seen) // 2]
    series = sum(len(kept.samples) for kept in registry.collect() if kept.type == "counter")
    n, total, flying = (read(f"credit_{x}") for x in ("seconds_count", "seconds_sum", "in_flight"))
    ok, bad = (read("credit_requests_total", {"status": status}) for status in ("ok", "error"))
    for key, fault, *values in (
        ("series", series > 10, series),
        ("gauge", seen != [1] * 30 + [2] + [1] * 30 or flying, len(seen), one, two),
        ("counts", (ok, bad, n) != (53, 8, 61) or not 0.15 < total < 2 * took, ok, bad, n, total),
        ("promise", read("credit_seconds_bucket", {"le": "0.3"}) is None),
    ):
        if fault:
            return replies("4.6-a")[key].format(*values, flying)
    return None


def _estimate(answer: Any) -> str | None:
    import numpy as np
    from sklearn.metrics import roc_auc_score as auc

    from helpers import world
    from helpers.course.lesson_4_6.year import model

    for seed in (5, 6):
        frame = world.World(seed).applications("2026-02", 1_500)
        risk = model()[0].predict_proba(frame)[:, 1]
        yes = world.profit(frame, risk) > 0
        got = run(answer, risk, yes, about=f"{len(risk):,} risks and what was granted")
        if not isinstance(got, dict) or set(got) != {"defaults", "right", "auc"}:
            return "Expected a dict with the keys defaults, right and auc."
        ones, right = np.repeat([1, 0], len(risk)), np.where(yes, 1 - risk, risk).mean()
        area = auc(ones, np.tile(risk, 2), sample_weight=np.r_[risk, 1 - risk])
        aucs = {"half": auc(risk > 0.5, risk), "turned": 1 - area, "decisions": auc(~yes, risk)}
        for key, value, slips in (
            ("defaults", risk[yes].mean(), {"all": risk.mean(), "among": (risk * yes).mean()}),
            ("right", right, {"wrong": 1 - right, "grants": 1 - risk[yes].mean()}),
            ("auc", area, aucs | {"weight": 0.5}),
        ):
            mine, slips = as_number(got[key]), slips | {"rounded": round(value, 2)}
            if mine is None or abs(mine - value) > 5e-4:
                near = [k for k, slip in slips.items() if mine and abs(mine - slip) < 5e-4]
                why = replies("4.6-d")[near[0] if near else "unknown"]
                return f"{key}: you have {got[key]!r:.40}. {why}"
    return None


def _rules(answer: Any) -> str | None:
    from helpers.course.lesson_4_6.year import pages, score, year
    from helpers.course.rules import RuleError, read

    try:
        for rule in read(answer):
            for part, key in (("labels", "severity"), ("annotations", "runbook")):
                if not (rule.get(part) or {}).get(key):
                    return f"{rule['alert']} lacks {key} in its {part}: who does what at night?"
        for seed in YEARS:
            each, rung = score(answer, year(*seed)), pages(answer, year(*seed))
            found, each, say = each.iloc[-1], each.iloc[:-1], replies("4.6-e")
            text = say["other" if seed else "lesson"].format(found["pages"], found["calm"])
            if found.calm > MOST_CALM:
                return f"{text} {say['calm'].format(each.calm.idxmax())}"
            if found.missed:
                return f"{text} {say['unseen' if seed else 'missed'].format(found.missed)}"
            if found.pages > MOST_PAGES:
                noisy, of = each.pages.idxmax(), rung["incident"].fillna("nothing")
                of = of[rung["alert"] == noisy].value_counts()
                return f"{text} {say['pages'].format(noisy, of.sum(), of.iloc[0], of.index[0])}"
    except RuleError as error:
        return f"The file was not read. {error}."
    return None


def _redact(answer: Any) -> str | None:
    import numpy as np

    ages = np.random.default_rng(57).normal(45, 16, 290).clip(18, 75).astype(int).tolist()
    say, keys = replies("4.6-f"), (b"a key 1", b"a key 2", b"A key 1", b"a key 1")
    records = [
        {"application_id": f"2026-11-{n:06d}", "name": f"Person {i % 70}", "age": ages[n],
         "region": ("East", "North")[n % 3 % 2], "risk": i / 1_000, "message": "", "email": ""}
        for i in range(300) for n in [i % 290]]  # fmt: skip
    real = {row["risk"]: (row["region"], row["age"] // 10 * 10) for row in records}
    for k in (5, 12):
        outs = [[*run(answer, [*map(dict, records)], key, k, about=f"k = {k}")] for key in keys]
        for row in (row for out in outs for row in out):
            if not isinstance(row, dict) or set(row) != {"id", "region", "age", "risk"}:
                return say["fields"].format([*row] if isinstance(row, dict) else kind_of(row))
            if (pair := real.get(as_number(row["risk"]))) != (row["region"], row["age"]):
                return say["pair"].format(pair, row)
            if not isinstance(row["id"], str) or len(row["id"]) < 16:
                return say["id"].format(row["id"])
        ids = [[row["id"] for row in out] for out in outs]
        both = {(row["id"], round(1_000 * row["risk"]) % 290) for row in outs[0]}
        if ids[0] != ids[3] or {len(set(part)) for part in zip(*both, strict=True)} != {len(both)}:
            return say["same"]
        for mine, *others in zip(*ids[:3], strict=True):
            if any(mine[at : at + 8] in other for other in others for at in range(len(mine) - 7)):
                return say["key"]
        left = Counter((row["region"], row["age"]) for row in outs[0])
        for group, n in Counter(real.values()).items():
            if left[group] != n * (n >= k):
                return say["left"].format(k, n, group, left[group])
    return None


JUDGES = {
    "4.6-a": _instrument, "4.6-d": _estimate, "4.6-e": _rules, "4.6-f": _redact,
    "4.6-b": behaves([((q, _ENDS, counts), right, reply) for case, reply in replies("4.6-b").items()
                      for q, counts, right in [json.loads(case)]]),
    "4.6-c": number(54, within=0.5, replies=replies("4.6-c")),
}  # fmt: skip
