"""The exercises of lesson 4.4, Pipelines, registry, CI/CD."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from helpers import world
from helpers.course.exercises.calls import function, refused, run
from helpers.course.exercises.judges import as_numbers, behaves
from helpers.course.exercises.texts import replies
from helpers.course.lesson_4_4.delivery import evidence
from helpers.course.linear import as_score, linear
from helpers.course.tracking import registry

_model = cache(lambda seed: as_score(linear(world.World(seed).applications("2025-03"))))


def _behaviour(answer: Any) -> str | None:
    lender, good, say = world.World(44), _model(44), replies("4.4-a")
    rows = lender.applications("2025-05", 300)

    def some(name: str, values: Any, change: Callable) -> Callable:
        return lambda frame: np.where(frame[name].isin(values), change(frame), good(frame))

    def richer(frame: Any) -> Any:
        return good(frame.assign(income=90_000 - frame["income"]))

    models = {
        "good": good,
        "good too": lambda f: lender.default_probability(
            f.assign(utilization=f["utilization"].clip(upper=1), income=f["income"].clip(upper=4e5))
        ),
        "constant": lambda f: np.full(len(f), 0.15),
        "income": richer,
        "some": some("employment", ["self-employed"], richer),
        "opposite": lambda f: good(f.assign(utilization=1 - f["utilization"])),
        "without": lambda f: good(f.assign(utilization=0.4)),
        "sex": some("sex", ["female"], lambda f: good(f) + 0.02),
        "id": some("application_id", rows["application_id"][::7], lambda f: good(f) / 2),
    }
    for name, score in models.items():
        got = run(answer, score, rows, about="a model and 300 applications")
        if not isinstance(got, bool | np.bool_):
            return f"Expected True or False, got {str(got)[:60]}."
        if got != name.startswith("good"):
            return say[name.split()[0]]
    return None


def _money(answer: Any) -> str | None:
    say = replies("4.4-b")
    for seed, n in ((46, 3_000), (47, 400)):
        frame = world.World(seed).applications("2025-08", n)
        risks = _model(44)(frame), _model(45)(frame) ** 1.1
        fact = world.profit(frame, frame["defaulted"].to_numpy())
        grants = [world.profit(frame, risk) > 0 for risk in risks]
        made = np.array([granted * fact for granted in grants])
        own = [yes * world.profit(frame, p) for yes, p in zip(grants, risks, strict=True)]
        gain, width = made[1] - made[0], 1.96 / n**0.5
        at, half = gain.mean(), width * gain.std(ddof=1)
        got = as_numbers(run(answer, frame, *risks, about=f"{n:,} loans"), (3,), "numbers")
        called = f" For {n:,} applications it returned {np.round(got, 2).tolist()}."
        slips = {"own": (own[1] - own[0]).mean(), "half own": (own[1] - made[0]).mean()}
        slips |= {"sign": -at, "sum": gain.sum(), "granted": gain[gain != 0].mean()}
        if abs(got[0] - at) > 0.01 * half:
            near = [name for name, slip in slips.items() if abs(got[0] - slip) < 0.01 * abs(slip)]
            return say[near[0] if near else "gain"] + called
        apart = width * np.sqrt(made.var(axis=1, ddof=1).sum())
        if abs((got[2] - got[1]) / 2 / apart - 1) < 0.05:
            return say["apart"] + called
        if np.abs(got[1:] - [at - half, at + half]).max() > 0.05 * half:
            return say["interval"] + called
    return None


def _plan(answer: Any) -> str | None:
    if not isinstance(answer, Mapping) or not all(isinstance(r, str) for r in answer.values()):
        return "Expected a dict from the name of a gate to its rule, a text as in GATES."
    table = evidence().loc[11:].sample(frac=1, random_state=4)  # no place tells what a release is
    good = table.index.get_level_values("release").str.startswith("good")
    seen, stops = table.drop(columns="damage").reset_index(drop=True), good & False
    for name, rule in answer.items():
        try:
            found = np.asarray(seen.eval(rule, engine="python", local_dict={}, global_dict={}))
            if found.dtype != bool:
                raise TypeError("it gives numbers; compare them with a limit")
            stops = stops | found
        except Exception as error:
            return f"The rule {rule!r} of {name!r} cannot be read: {type(error).__name__}: {error}"
    past = table["damage"][~good & ~stops].clip(lower=0).groupby("release").sum() / 20e6
    text = f" (20 other worlds: {stops[good].mean():.0%} of the good ones stopped; let through, "
    text += f"million euro a month: {past.nlargest(4).round(2).to_dict() or 'nothing'}.)"
    if stops[good].mean() > 0.05:
        return f"It stops good releases too often; people will learn to override it.{text}"
    return f"Too much damage is let through.{text}" if past.sum() > 0.4 else None


def _champion(client: Any) -> str:
    return str(client.get_registered_model("scores").aliases.get("champion"))


def _promote(answer: Any) -> str | None:
    say, tried, log = replies("4.4-d"), function(answer), []
    with registry("scores", [{"data": "a1"}, {"data": "b2"}, {}]) as client:
        for before, version, data in ((None, "2", "b2"), ("2", "1", "a1")):
            run(lambda to=version: tried(client, "scores", to, log), about=f"version {version!r}")
            if (now := _champion(client)) != version:
                return f"After promoting version {version} the alias champion is at {now}."
            line = log[-1] if log and isinstance(log[-1], Mapping) else {}
            if not {"from", "to", "data"} <= line.keys():
                return say["line"]
            first = (line["from"] and str(line["from"])) == before
            if not first or (str(line["to"]), line["data"]) != (version, data):
                return f"{say['data' if first else 'from']} It is {line}."
        if not refused(lambda: tried(client, "scores", "3", log)):
            return say["untagged"]
        return say["late"] if _champion(client) != "1" or len(log) != 2 else None


def _rollback(answer: Any) -> str | None:
    say, tried = replies("4.4-e"), function(answer)
    tags = [{"schema": f"s{i}", "vocabulary": f"w{i}", "threshold": f"{i / 8}"} for i in range(6)]
    order = pairwise([None, "1", "2", "4", "6"])
    log = [{"action": "promote", "from": before, "to": version} for before, version in order]
    with registry("scores", tags) as client:
        client.set_registered_model_alias("scores", "champion", "6")
        live: dict = {"model": "6", **tags[5], "threshold": 5 / 8}
        for before, version in zip("642", "421", strict=True):
            lines, about = len(log), f"the log {log} and what is live: {live}"
            run(lambda: tried(client, "scores", log, live), about=about)
            if (now := _champion(client)) != version:
                say = say["first" if before == "6" else "again"]
                return f"{say} It went from {before} to {now}."
            right = {"model": version, **tags[int(version) - 1]}
            if wrong := [name for name in right if str(live.get(name)) != right[name]]:
                return f"{say['live']} At {version}, {wrong[0]} is {live.get(wrong[0])!r}."
            if not isinstance(live["threshold"], float):
                return say["text"]
            line = log[-1] if len(log) == lines + 1 else {}
            got = [str(line.get(name)) for name in ("action", "from", "to")]
            if got != ["rollback", before, version]:
                return f"{say['log']} Its last line is {log[-1]}."
        kept = [*log], {**live}
        stays = refused(lambda: tried(client, "scores", log, live)) and _champion(client) == "1"
        return None if stays and (log, live) == kept else say["end"]


def _order(answer: Any) -> str | None:
    say, cases = replies("4.4-f"), []
    for name, minutes, stops, share, right in (
        ("cheap", (8, 2, 3), ({0, 1}, {1, 2, 3}, {}), (0.2, 0.2, 0.2, 0.1, 0.3), "BAC"),
        ("catch", (3, 18, 8), ({2, 3}, {0}, {0, 1, 2, 3}), (0.3, 0.2, 0.3, 0.1, 0.1), "ACB"),
        ("alone", (10, 12, 5), ({0, 1}, {0, 1, 2}, {3}), (0.4, 0.3, 0.1, 0.2), "ACB"),
        ("next", (12, 13, 20), ({3, 4}, {1, 2}, {2, 3, 4}), (0.1, 0.1, 0.4, 0.3, 0.1), "BAC"),
    ):
        gates = [dict(zip("ABC", one, strict=True)) for one in (minutes, map(set, stops))]
        cases.append(((*gates, dict(enumerate(share))), list(right), say[name]))
    return behaves(cases)(answer)


def _dora(answer: Any) -> str | None:
    rng, say = np.random.default_rng(9), replies("4.4-g")
    for n, weeks in ((40, 6), (25, 4)):
        hours = rng.uniform(0, weeks * 168, n), *rng.gamma(1, [[30], [5]], (2, n))
        first, lead, back = (pd.to_timedelta(one, "h") for one in hours)
        log = pd.DataFrame({"commit": pd.Timestamp("2026-03-02") + first})
        log["deployed"] = (log["commit"] + lead).where(rng.random(n) < 0.6)
        log["failed"] = (rng.random(n) < 0.4) & log["deployed"].notna()
        log["restored"] = (log["deployed"] + back).where(log["failed"] & (rng.random(n) < 0.8))
        pairs = (("deployed", "commit"), ("restored", "deployed"), ("restored", "commit"))
        lead, back, late = (log[end] - log[start] for end, start in pairs)
        out, failed, hour = log["deployed"].count(), log["failed"].sum(), pd.Timedelta("1h")
        right = {"per_week": out / weeks, "lead_hours": lead.median() / hour}
        right |= {"failure_rate": failed / out, "restore_hours": back.median() / hour}
        slips = {"per_week": n / weeks, "lead_hours": lead.mean() / hour, "rate": failed / n}
        slips |= {"restore_hours": back.mean() / hour, "commit": late.median() / hour}
        slips |= {"days": lead.dt.seconds.median() / 3600, "percent": 100 * failed / out}
        slips["restored"] = log["restored"].count() / out
        got = run(answer, log, weeks, about=f"a log of {n} commits in {weeks} weeks")
        if not isinstance(got, Mapping) or not right.keys() <= got.keys():
            return f"Expected a dict with {', '.join(right)}; got {str(got)[:60]}."
        for name, value in right.items():
            given = as_numbers([got[name]], (1,), name)[0]
            if abs(given - value) > 1e-4 * value:
                near = [slip for slip, at in slips.items() if abs(given - at) < 1e-4 * value]
                return f"{say[near[0] if near else 'other']} {name} came out as {given:.3f}."
    return None


JUDGES = {
    "4.4-a": _behaviour,
    "4.4-b": _money,
    "4.4-c": _plan,
    "4.4-d": _promote,
    "4.4-e": _rollback,
    "4.4-f": _order,
    "4.4-g": _dora,
}
