"""The exercises of lesson 1.4, Deploy and meet drift."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

from helpers.course.exercises.calls import ReplyError, function, kind_of, run
from helpers.course.exercises.judges import as_number, as_numbers, number
from helpers.course.exercises.texts import replies


def _month(answer: Any) -> str | None:
    if not isinstance(answer, str) or not re.fullmatch(r"\d{4}-\d\d", answer.strip()):
        return f"Expected a month such as '2024-03', in quotes; got {answer!r:.40}."
    return (replies("1.4-a") | {"2025-02": None}).get(answer.strip(), replies("1.4-a")["other"])


def _parity(answer: Any) -> str | None:
    import numpy as np
    import pandas as pd

    from helpers.course.lesson_1_4 import worlds
    from helpers.course.linear import NUMBERS, TEXTS
    from helpers.serving import ServingError

    columns = NUMBERS + TEXTS
    rows = worlds.applications(5, "2026-01", "2026-01", 0)[columns].dropna()[:400]

    def local(frame: pd.DataFrame) -> np.ndarray:
        return worlds.model().predict_proba(frame)[:, 1]

    def changed(name: str, change: Any) -> Any:
        return lambda frame: local(frame.assign(**{name: change(frame[name])}))

    class RefusedError(ReplyError, ServingError): ...  # whoever does not catch it reads the reply

    def refusing(frame: pd.DataFrame) -> np.ndarray:
        if not frame["purpose"].isin(set(rows["purpose"])).all():
            raise RefusedError(400, replies("1.4-b")["raised"])
        return local(frame)

    def values(frame: pd.DataFrame) -> set[tuple]:
        every = frame[columns].itertuples(index=False, name=None)
        return {tuple("" if one is None or one != one else one for one in row) for row in every}

    swapped = {"salaried": "part-time", "part-time": "salaried"}
    remotes = {
        "right": lambda frame: local(frame).astype("float32"),
        "scaling": changed("income", lambda income: income / 1_000),
        "order": changed("employment", lambda column: column.replace(swapped)),
        "gap": changed("credit_history_years", lambda years: years.fillna(0)),
        "nan": lambda frame: np.where(frame["utilization"].isna(), np.nan, local(frame)),
        "word": changed("channel", lambda name: name.where(name.isin(set(rows.channel)), "branch")),
        "refused": refusing,
    }
    for fault, remote in remotes.items():
        sent = [rows.assign(served=remote(rows))]

        def noted(frame: pd.DataFrame, remote: Any = remote, sent: list = sent) -> np.ndarray:
            risks = remote(frame)
            sent.append(frame[columns].assign(served=risks))
            return risks

        got = run(answer, local, noted, rows, about=f"{len(rows)} ordinary rows.")
        if not isinstance(got, pd.DataFrame):
            return f"Expected a DataFrame of the rows that differ, got {kind_of(got)}."
        if got.empty == (fault != "right"):
            return replies("1.4-b")[fault]
        every = pd.concat(sent)
        gap = np.abs(local(every[columns]) - every["served"])
        least, most = every[~(gap <= 0.0011)], every[~(gap < 1e-5)]
        back = values(got) if set(columns) <= set(got) else set()
        if fault != "refused" and not values(least) <= back <= values(most):
            return replies("1.4-b")["rows"]
    return None


def _psi(answer: Any) -> str | None:
    import numpy as np

    from helpers.course.lesson_1_4 import worlds

    before = worlds.applications(3, "2025-07", "2025-12", 0)
    now = worlds.applications(3, "2026-08", "2026-08", 0)
    years = now["credit_history_years"].where(np.arange(len(now)) % 5 > 1)
    cases = {"same": before["income"][:3_000], "moved": now["age"], "outside": now["income"] / 12}
    for what, current in (cases | {"missing": years}).items():
        reference = before[current.name]
        edges = np.nanquantile(reference, np.arange(0.1, 1, 0.1))
        shares = []
        for one in (reference, current):
            bins = np.where(one.isna(), len(edges) + 1, np.searchsorted(edges, one, side="right"))
            counts = np.bincount(bins, minlength=len(edges) + 2) + 0.5
            shares.append(counts / counts.sum())
        r, c = shares
        right = ((c - r) * np.log(c / r)).sum()
        about = f"{reference.name}, {len(reference):,} values, and {len(current):,} of now."
        given = run(answer, reference, current, about=about)
        got = as_number(given)
        if got is None or abs(got - right) > 0.15 * right + 0.01:
            slips = {"bits": right / np.log(2), "ten": right / np.log(10)}
            slips["entropy"] = (c * np.log(c / r)).sum()
            near = [slip for slip, value in slips.items() if got and abs(got / value - 1) < 0.07]
            kind = "empty" if isinstance(given, float) else "number"
            text = replies("1.4-c")[kind if got is None else [*near, what][0]]
            return f"{text} It was called with {about} It returned {given}."
    return None


def _tell(answer: Any) -> str | None:
    from helpers.course.lesson_1_4.worlds import applications
    from helpers.course.linear import NUMBERS, TEXTS

    columns = [*NUMBERS, *TEXTS, "risk", "defaulted"]
    calm, campaign = ("2025-07", "2025-12"), ("2026-08", "2026-09")
    months = [(calm, "2026-05", 0, "neither"), (calm, "2026-08", 0, "data drift")]
    months += [(campaign, "2026-10", 1, "concept drift"), (calm, "2026-12", 1, "both")]
    months += [(campaign, "2026-11", 0.5, "concept drift"), (calm, "2026-04", 0, "data drift")]
    for seed in (61, 62):
        for before, month, strength, expected in months:
            reference = applications(seed, *before, strength)[columns]
            now = applications(seed, month, month, strength)[columns]
            if month == "2026-04":  # of two purposes three in four go elsewhere; the score stays
                gone = now["purpose"].isin(["car", "debt consolidation"]) & (now.index % 4 > 0)
                now = now[~gone]
            got = run(answer, reference, now, about=f"{len(now):,} rows of a month.")
            if not isinstance(got, str) or got not in {row[-1] for row in months}:
                return f"Expected one of the question's four texts, got {got!r:.40}."
            if got != expected:
                return f"{replies('1.4-d')[expected]} You returned {got!r}."
    return None


def _detector(answer: Any) -> str | None:
    import numpy as np
    from river.drift import PageHinkley

    from helpers.course.lesson_1_4.worlds import ONSET, residuals

    streams = [residuals(seed) for seed in range(210, 220)]

    def watch() -> Any:
        for stream in streams:
            detector, days = answer(), []
            if not isinstance(detector, PageHinkley):
                raise ReplyError(f"Expected a PageHinkley of River, got {kind_of(detector)}.")
            if detector is answer():
                raise ReplyError(replies("1.4-f")["same"])
            for when, value in stream.items():
                detector.update(value)
                if detector.drift_detected:
                    days.append((when - ONSET).total_seconds() / 86_400)
            yield np.array(days)

    function(answer)
    found = run(lambda: list(watch()), seconds=20, about="nothing; then its detector saw a year.")
    false = sum((days < 0).sum() for days in found)
    slow = np.median([days[days >= 0].min(initial=92) for days in found])
    fault = "false" if false > 1 else "slow" if slow > 9 else None
    return fault and replies("1.4-f")[fault].format(false=false, slow=slow)


def _brake(answer: Any) -> str | None:
    from helpers.course.lesson_1_4.worlds import gain

    least = {"severe": 30, "mild": 7, "ends": 1.5, "calm": -1.5}
    function(answer)
    seeds, about = range(21, 25), "the signs of the months known so far, at first of none."
    for kind in least:  # makes the worlds, which is not the learner's time
        gain(lambda signs: 1, kind, seeds)
    got = run(lambda: {at: gain(answer, at, seeds) for at in least}, seconds=20, about=about)
    short = [kind for kind in least if got[kind] < least[kind]]
    table = ", ".join(f"{kind} {got[kind]:+.2f} (needs {least[kind]:+g})" for kind in least)
    return f"{replies('1.4-g')[short[0]]} Million euro a year: {table}." if short else None


def _adapt(answer: Any) -> str | None:
    import numpy as np

    from helpers import world
    from helpers.course.lesson_1_4.worlds import applications, model
    from helpers.course.linear import NUMBERS, TEXTS

    columns = NUMBERS + TEXTS
    for n, least in ((100, 20), (3_000, 27)):
        earned = []
        for seed in range(71, 76):
            new = applications(seed, "2028-01", "2028-06", 1, 1_000)
            since = applications(seed, "2026-10", "2026-12", 1).sample(frac=1, random_state=seed)
            since = since[world.profit(since, since["risk"].to_numpy()) > 0][:n]
            given = deepcopy(model()), since[[*columns, "defaulted"]], new[columns]
            about = f"the model, {n:,} loans since the drift and {len(new):,} applications."
            risk = as_numbers(run(answer, *given, about=about), (len(new),), "risks")
            earns = world.profit(new, new["probability"].to_numpy())
            earned.append(0.12 * np.mean(earns * (world.profit(new, risk) > 0)))
        if np.mean(earned) < least:
            much = f"Earned: {np.mean(earned):.0f} million euro a year; needed: {least}."
            return f"{replies('1.4-h')[str(n)]} {much}"
    return None


JUDGES = {
    "1.4-a": _month,
    "1.4-b": _parity,
    "1.4-c": _psi,
    "1.4-d": _tell,
    "1.4-e": number(130.2, within=1, replies=replies("1.4-e")),
    "1.4-f": _detector,
    "1.4-g": _brake,
    "1.4-h": _adapt,
}
