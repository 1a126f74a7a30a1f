"""The judges of lesson 4.2, Batch inference."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from helpers.course.exercises.calls import kind_of, run
from helpers.course.exercises.judges import as_number, behaves

TARGET = 34_000  # euro a year
KILLS = 20


def _handler(answer: Any) -> str | None:
    import numpy as np
    import pandas as pd

    loads, calls = [], []

    def model(frame: Any) -> Any:
        calls.append(len(frame))
        return frame["income"].to_numpy() / 1e6

    def load() -> Any:
        loads.append(len(calls))
        return model

    if not isinstance(answer, type):
        return f"Expected a class (its name, without calling it), got {kind_of(answer)}."
    handler = run(lambda: answer(load), about="load, to make a handler")
    if not all(callable(getattr(handler, name, None)) for name in ("load_model", "run_inference")):
        return "Beam calls two methods of a handler: load_model and run_inference. One is missing."
    if loads:
        return "Loaded where the pipeline is built: from there a model cannot travel to workers."
    rng = np.random.default_rng(42)
    for workers in (1, 2):
        loaded = run(handler.load_model, about="nothing, once in each worker")
        for sizes in ((40, 1, 25), (30,), (7, 7)):
            frames = [pd.DataFrame({"income": rng.integers(1e4, 9e4, n)}) for n in sizes]
            about = f"a batch of frames with {' + '.join(map(str, sizes))} rows, and the model"
            calls.clear()
            got = run(lambda *call: list(handler.run_inference(*call)), frames, loaded, about=about)
            if len(loads) != workers:
                return f"{about}: loaded again. A worker loads the model once in load_model."
            if len(got) != len(frames):
                text = f"{about}: {len(frames)} elements went in and {len(got)} came out. Beam"
                return f"{text} expects one result for each element, here for each frame."
            for frame, risks in zip(frames, got, strict=True):
                if np.ravel(risks).tolist() != (frame["income"] / 1e6).tolist():
                    return f"{about}: not the risks of its {len(frame)} rows. Cut by length?"
            if len(calls) != 1:
                text = f"{about}: the model was called {len(calls)} times. That is the loop which"
                return f"{text} batches are to replace: one call for all rows of the batch."
    return None


def _rescue(answer: Any) -> str | None:
    import numpy as np

    for n, bad in ((400, {123}), (400, {0, 200, 399}), (1, {0}), (0, set()), (37, {0, 36}),
                   (1, set()), (3, {0, 1, 2}), (399, {5, 6})):  # fmt: skip
        rows, calls = [{"application_id": i, "income": 1_000 * i} for i in range(n)], []

        def infer(some: list[dict], calls: list = calls, bad: set[int] = bad) -> list[float]:
            calls.append(len(some))
            if bad & {row["application_id"] for row in some}:
                raise (ValueError, TypeError, RuntimeError)[len(bad) - 1]("a bad row")
            return [row["application_id"] + 1.0 for row in some]

        about = f"a batch of {n} rows, {len(bad)} of them bad"
        try:
            good, dead = run(answer, rows, infer, seconds=1, about=about)
            risks = {row["application_id"]: float(risk) for row, risk in good}
            ids = [row["application_id"] for row in dead]
        except (TypeError, ValueError, KeyError, IndexError):
            return f"Expected two lists: pairs (row, risk), and dead rows. Called with {about}."
        both = f"{about}: {len(good)} good + {len(ids)} dead"
        if len(good) + len(ids) != n:
            fault = "more" if len(good) + len(ids) > n else "fewer"
            return f"{both}, {fault} than went in. Count in = count out + dead."
        if set(ids) != bad or len(risks) + len(ids) != n:
            return f"{both}. Good rows are among the dead: a dead letter is a batch, not a row."
        if any(risk != 1 + i for i, risk in risks.items()):
            return f"{both}. The counts agree, but some rows have the risk of another row."
        limit = 2 + 2 * len(bad) * (1 + np.ceil(np.log2(max(n, 2))))
        if len(calls) > limit:
            text = f"{both}: right, with {len(calls)} calls of infer; {limit:.0f} are enough."
            return f"{text} If a part works, all its rows are good. How small must it be at first?"
    return None


def _reconcile(answer: Any) -> str | None:
    import numpy as np
    import pandas as pd

    why = {
        "lost": "Neither a letter nor dead: those. A dead letter is a batch, a list of rows.",
        "doubled": "More than one letter, whatever is in it; each customer counts once.",
        "contradicted": "Not every second letter, nor every other version, says something else.",
        "both": "A letter and dead, both: then the two numbers add up to too much.",
    }
    for seed in (1, 2, 3):
        rng = np.random.default_rng(seed)
        ids = [f"2026-08-{i:06d}" for i in rng.choice(10**5, 300, replace=False)]
        right = {"lost": ids[45:48], "doubled": ids[50:80], "contradicted": ids[50:80:5],
                 "both": ids[40:42]}  # fmt: skip
        offer = dict(zip(ids, (rng.random(300) < 0.6).tolist(), strict=True))
        sent = [[i, 7, offer[i]] for i in ids[48:] + right["both"]]
        again = [[i, 7 if k < 3 else 8, offer[i] ^ (k % 5 == 0)]
                 for k, i in enumerate(right["doubled"])]  # fmt: skip
        again += [row for row in sent if row[0] in right["doubled"][5:11:5]]  # yes, no, yes
        letters = pd.DataFrame(sent + again, columns=["application_id", "version", "offer"])
        letters = letters.sample(frac=1, random_state=seed)
        rows = [{"application_id": i, "income": "unknown"} for i in ids[:45]]
        dead = [(rows[:20], "ValueError"), (rows[20:44], "ValueError"), (rows[44:], "TypeError")]
        about = f"300 ids, {len(letters)} letters and {len(dead)} dead letters with 45 rows"
        got = run(answer, pd.Series(ids), letters, dead, about=about)
        if not isinstance(got, Mapping) or set(got) != set(right):
            return f"Expected a dict with the keys {', '.join(right)}."
        for name, found in got.items():
            if isinstance(found, str) or not isinstance(found, Iterable):
                return f"For {name!r} expected a set of ids, got {kind_of(found)}."
            if set(found) != set(right[name]):
                n = len(set(found))
                return f"{name}: you found {n}, there are {len(right[name])}. {why[name]}"
    return None


def _night(answer: Any) -> str | None:
    import numpy as np
    import pandas as pd

    from helpers.course.lesson_4_2.disk import Disk, Killed

    rng = np.random.default_rng(60)
    frame = pd.DataFrame({"application_id": range(100, 147), "income": rng.integers(1e4, 9e4, 47)})
    chunks = [frame.iloc[i : i + 10] for i in range(0, 47, 10)]

    def score(work: list[int], version: int, chunk: Any) -> Any:
        work.append(version)
        return chunk["income"] / 1e6 + version

    def start(folder: str, die_at: float, versions: range, text: str = "calm") -> int:
        disk = Disk(folder, die_at)
        models = {version: partial(score, work, version) for version in versions}
        with suppress(Killed):
            run(answer, chunks, models, disk, about=f"5 chunks, the models and a disk ({text})")
        return disk.done

    work: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        steps = start(folder, np.inf, range(1, 4))
    if not steps:
        return "Your function wrote nothing: disk.write, then disk.rename."
    for kill in range(KILLS):
        work.clear()
        dies = rng.integers(1, steps + 1, 1 + kill % 2).tolist()
        old, newest = 5 * kill, 5 * kill + 3  # in force tonight; a newer one after each crash
        text = f"Night {kill + 1}, killed at operation {' and '.join(map(str, dies))}"
        with tempfile.TemporaryDirectory() as folder:
            for crash, die_at in enumerate([*dies, np.inf], 1):
                start(folder, die_at, range(old, newest + crash), text)
            scored = len(work)
            start(folder, np.inf, range(old, newest + 9), text)
            disk = Disk(folder)
            parts = [disk.read(name) for name in disk.names() if name.startswith("part-")]
        if reply := _letters(parts, frame, newest):
            return f"{text}: {reply}"
        if len(work) > scored:
            return f"{text}: started once more when all was done, it scores chunks again."
        if scored > len(chunks) + len(dies):
            return f"{text}: {scored} chunks scored of {len(chunks)}. A restart should go on."
    return None


def _letters(parts: list[Any], frame: Any, newest: int) -> str:
    import numpy as np
    import pandas as pd

    columns = {"application_id", "risk", "version"}
    if not parts or any(set(part) != columns for part in parts):
        return f"expected files named part-... with the columns {', '.join(columns)}."
    out = pd.concat(parts)
    lost, versions = set(frame["application_id"]) - set(out["application_id"]), set(out["version"])
    text = f"{len(frame)} in, {len(out)} out, {len(lost)} lost, by models {sorted(versions)}."
    if lost:
        return f"{text} What is in a file while it is written, and what does its name say then?"
    if len(versions) > 1 or min(versions) < newest:
        return f"{text} One model decides a night: the newest at its start, also after a crash."
    right = out["application_id"].map(frame.set_index("application_id")["income"]) / 1e6
    if len(out) > len(frame) or not np.allclose(out["risk"], right + out["version"]):
        return f"{text} Some are there twice, or have not the risk of the model beside them."
    return ""


def _plan(answer: Any) -> str | None:
    import numpy as np

    from helpers.course.lesson_4_2.plans import price

    if not isinstance(answer, Mapping) or set(answer) != {"every", "band"}:
        return "Expected a dict with the keys 'every' and 'band'."
    every, band = (as_number(answer[key]) for key in ("every", "band"))
    if answer["every"] is not None and (every is None or not 1 <= every <= 180):
        return "'every' is a number of days from 1 to 180, or None for no night job."
    if band is None or band < 0:
        return "'band' is a number, 0 or more."
    years = [price(every, band, seed) for seed in range(11, 15)]
    cost = {name: np.mean([year[name] for year in years]) for name in years[0]}
    share = cost.pop("share live")
    if cost["total"] <= TARGET:
        return None
    text = f"Four years, euro a year: {', '.join(f'{k} {v:,.0f}' for k, v in cost.items())}."
    if every is None:
        return f"{text} Nobody's risk is stored, so every question counts. Must all be asked?"
    if share == 0:
        return f"{text} No application is scored live. On which would it change the decision?"
    why = {
        "nights": "The nights cost most. What must a stored risk still be good for?",
        "live": f"{share:.0%} are asked live. How many of them could a stored risk decide?",
        "old values": "Old values decide too often: they are too old for so narrow a band.",
    }
    return f"{text} {why[max(why, key=lambda name: cost[name])]}"


_MOVES = [("2026-03-01", 6), ("2026-01-01", 5), ("2026-05-20", 8), ("2026-04-10", 7),
          ("2026-04-12", 6), ("2026-05-22", 7), ("2026-07-01", 9)]  # fmt: skip
_NOT_YET = "That version was not yet in force: a backfill by it decides what nobody decided then."
_BACK = "An older version had come back: after a rollback it decides, not the highest number."
_ORDER = "The moves are in no order: it is the last by time that counts, not the last in the list."
_OPEN = "Its window is still open: the watermark has not come to the window's end."
_END = "Look where the window ends. An event at its very beginning is in it; it begins at no event."
_ALLOWED = "Within the time allowed, counted from the end of the window, it still corrects it."
_GONE = "It comes after the time allowed, which is counted from the end of the window."
JUDGES = {
    "4.2-a": _handler,
    "4.2-b": _rescue,
    "4.2-c": _reconcile,
    "4.2-d": _night,
    "4.2-e": behaves([
        (("2026-02-28", _MOVES), 5, _NOT_YET),
        (("2026-03-20", _MOVES), 6, _ORDER),
        (("2026-06-30", _MOVES), 7, _BACK),
        (("2026-05-01", sorted(_MOVES)), 6, _BACK),
        (("2026-05-20", _MOVES), 8, "A move is in force from its own day on."),
    ]),
    "4.2-f": behaves([
        ((3.5, 29.0, 30, 10), "on time", _OPEN),
        ((30.0, 45.0, 30, 0), "on time", _END),
        ((28.0, 33.0, 30, 10), "late", _END),
        ((65.0, 92.0, 30, 10), "late", _ALLOWED),
        ((3.5, 41.0, 30, 10), "dropped", _GONE),
        ((6.9, 7.2, 7, 0), "dropped", _GONE),
    ]),
    "4.2-g": _plan,
}  # fmt: skip
