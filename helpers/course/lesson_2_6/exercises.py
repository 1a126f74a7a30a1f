"""The exercises of lesson 2.6, Lineage and provenance."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from helpers.base import resources
from helpers.course.exercises import calls
from helpers.course.exercises.calls import ReplyError, kind_of, run
from helpers.course.exercises.judges import as_names, as_number
from helpers.course.exercises.texts import replies
from helpers.course.lesson_2_6.letters import answered

ROOM = Path(__file__).resolve().parent
PUSHED = {11: 1670008441, 27: 1672427673, 44: 1675019700, 63: 1677870866, 102: 1682882109}
PUSHED |= {120: 1685733329, None: 1699999999}  # the last is in no store
DELETED = {34, 58}
LIMITS = {"supervisor": 95, "partner": 95}  # percent answered
MOST = 7_700  # euro a year


@cache
def _year_before() -> tuple[Any, Any]:
    """Return a store, and a log with roll-backs: the version does not follow from the date."""
    import pandas as pd

    from helpers.lineage import Store

    rng, rows = random.Random(6), []
    for n in range(90):
        day = f"2025-{3 + n // 15:02}-{1 + n % 15:02} 10:00"
        version = rng.choice(list(PUSHED.values()))
        rows.append((f"{day[:7]}-{n:06}", day, version, rng.randint(0, 1), rng.randint(0, 1)))
    names = "application_id decided_at model_version granted granted_with_right_file"
    log = pd.DataFrame(rows, columns=names.split()).sample(frac=1, random_state=6)
    with tempfile.TemporaryDirectory() as folder:
        file = shutil.copy(resources.path("data", "lineage", "metadata.sqlite"), folder)
        with closing(sqlite3.connect(file)) as copy:
            copy.executescript((ROOM / "year_before.sql").read_text())
        return Store(file), log


def _came_of(answer: Any) -> str | None:
    if not isinstance(answer, str) or not answer.strip():
        return f"Expected a string: the name of what your cell defines; got {kind_of(answer)}."
    from helpers.tfx import session

    folders, tfx = [str(ROOM), str(Path(calls.__file__).parent)], session()
    tfx.run(f"import sys; sys.path += [one for one in {folders} if one not in sys.path]")
    tfx.push("_given", answer)
    tfx.run("import hops; _reply = hops.judged(_given)")
    reply = tfx.pull("_reply")
    return reply and f"{replies('2.6-a').get(reply[0], '')} {reply[1]}".strip()


def _decided_by(answer: Any) -> str | None:
    store, log = _year_before()
    model_of = {version: model for model, version in PUSHED.items()}
    for row in log[:40].itertuples():
        about = f"a store, its log and {row.application_id}, decided on {row.decided_at}."
        got = run(answer, store, log, row.application_id, about=about)
        given, right = as_number(got), model_of[row.model_version]
        if given == right and (got is None or right):
            continue
        kind = "none" if got is None else "version" if given in model_of else "other"
        kind = "unknown" if right is None and kind == "other" else kind
        return f"{replies('2.6-b')[kind]} It was called with {about} It returned {got!r}."
    return None


def _two(answer: Any) -> str | None:
    store, log = _year_before()
    readers = {202401: {11, 27, 44, 63, 102}, 202403: {44, 63, 102}, 202404: {63, 102, 120}}
    for span, touched in readers.items():
        about = f"a store, its log and {span}."
        got = run(answer, store, log, span, about=about)
        if not isinstance(got, Sequence) or isinstance(got, str) or len(got) != 2:
            return f"Expected two lists; your function returned {kind_of(got)}."
        given = [{*map(str, one)} for one in got]
        by = {"right": touched, "all": set(PUSHED), "few": {min(touched)}}
        by |= {"date": {model for model in PUSHED if model and model >= min(touched)}}
        for kind, models in by.items():
            rows = log[log["model_version"].isin([PUSHED[model] for model in models])]
            change = rows["granted_with_right_file"] - rows["granted"]
            two = [set(rows["application_id"][change == sign]) for sign in (1, -1)]
            by[kind] = given == two or (given == two[::-1] and "swapped")
        if by["right"] is not True:
            slip = next((kind for kind, fits in by.items() if fits), "else")
            slip = "swapped" if slip == "right" else slip
            return f"{replies('2.6-c')[slip]} It was called with {about}"
    return None


def _written(folder: Path, *contents: str) -> list[Path]:
    files = [folder / name for name in ("2024-05.csv", "2024-03.csv", "2024-04.csv")]
    folder.mkdir()
    for file, content in zip(files, contents, strict=False):
        file.write_text(content)
        os.utime(file, (1_770_001_200, 1_770_001_200))
    return files[: len(contents)]


ONE, TWO, SETTINGS = "900,0\n" * 20_000, "700,1\n" * 20_000, {"n_estimators": 40}
EDITED = f"{ONE[:60_000]}800,0\n{ONE[60_006:]}"  # in the middle, at the same size


def _record(answer: Any) -> str | None:
    with tempfile.TemporaryDirectory() as work:
        first, moved = (_written(Path(work, name), ONE, TWO) for name in ("x", "y"))
        edited = _written(Path(work, "z"), EDITED, TWO)
        os.utime(moved[0], (1_780_000_000, 1_780_000_000))
        runs = [("process", first, SETTINGS, 7), ("moved", moved, SETTINGS, 7)]
        runs += [("edited", edited, SETTINGS, 7), ("seed", first, SETTINGS, 8)]
        runs += [("parameters", first, other, 7) for other in ({"n_estimators": 80}, {"trees": 40})]
        made = []
        for name, *given in [("", first, SETTINGS, 7), *runs, ("order", first[::-1], SETTINGS, 7)]:
            # In each process of Python its own `hash` gives other numbers.
            with mock.patch("builtins.hash", (lambda one: 6) if name == "process" else hash):
                record = run(answer, *given, about="two files, parameters and a seed.")
            if not isinstance(record, Mapping):
                return f"Expected that your function returns a dict; it returned {kind_of(record)}."
            try:
                made.append(json.dumps(record))  # as it lies beside the model
            except (TypeError, ValueError) as error:
                return f"{replies('2.6-d')['json']} {error}."
            if (made[-1] == made[0]) != (name in ("", "process", "moved")):
                return replies("2.6-d")[name]
    return None


def _again(answer: Any) -> str | None:
    def fit(files: Any, parameters: Any, seed: Any) -> str:
        ran.append([[os.path.realpath(file) for file in files], parameters, seed])
        return "the model"

    texts, one, other = replies("2.6-e"), "2024-03.csv", "2024-05.csv"
    cases = {"fine": (), "edited": (one,), "gone": (other,), "both": (one, other), "recorded": ()}
    for seed, (case, spoilt) in enumerate(cases.items(), 7):
        ran, about = [], f"a record of two files with seed {seed}, a folder of three, and a `fit`."
        with tempfile.TemporaryDirectory() as work:
            files = _written(folder := Path(work, "x"), ONE, TWO, ONE)[:2]
            digests = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
            record = {"data": digests, "parameters": {"n_estimators": 5 * seed}, "seed": seed}
            if one in spoilt:
                files[1].write_text(TWO.replace(",1", ",0"))
            if other in spoilt:
                files[0].unlink()
            right = [[os.path.realpath(file) for file in files], record["parameters"], seed]
            try:
                got = run(answer, record, folder, fit, about=about)
            except ReplyError as failure:
                error = failure.__cause__
                named = {file.name for file in files if file.name in str(error)}
                fits = isinstance(error, ValueError) and spoilt and named == set(spoilt)
                if fits and not ran:
                    continue
                return texts["early"] if fits else f"{texts[case]} {failure}"
            if spoilt or ran != [right] or got != "the model":
                case = "order" if ran == [[sorted(right[0]), *right[1:]]] else case
                return f"{texts[case]} `fit` got {ran}; yours returned {got!r}, called with {about}"
    return None


def _holders(answer: Any) -> str | None:
    store, log = _year_before()
    kinds = store.artifacts["type"]
    people = {"2024-03-000012": 33, "2024-06-001999": 88, log["application_id"].iloc[0]: None}
    for person, delivery in people.items():
        about = f"a store, its log and {person!r}."
        got = run(answer, store, log, person, about=about)
        if not isinstance(got, Mapping) or set(got) != {"files", "artifacts", "log"}:
            return (
                f"Expected a dict of exactly files, artifacts and log; it returned {kind_of(got)}."
            )
        here = [f"/harbor/data/{person[:4]}{person[5:7]}"] if delivery else []
        came = {i for kind, i in store.impact(delivery) if kind == "artifact"} if delivery else ()
        rows = {i for i in came if kinds[i] in ("Examples", "ExampleStatistics")}
        more, lacks = (found := {*map(as_number, got["artifacts"])}) - rows, rows - found - DELETED
        log_off, files_off = as_number(got["log"]) != (not delivery), list(got["files"]) != here
        cases = {"log": log_off, "files": files_off, "gone": found & DELETED, "more": more}
        cases |= {"statistics": {kinds[i] for i in lacks} == {"ExampleStatistics"}, "lacks": lacks}
        for case in (case for case, holds in cases.items() if holds):
            return f"{replies('2.6-f')[case]} It was called with {about} It returned {dict(got)}."
    return None


def _plan(answer: Any) -> str | None:
    keys = ("fingerprint", "log", "rows", "models", "fresh")
    if not isinstance(answer, Mapping) or set(answer) != set(keys):
        return f"Expected a dict of exactly the keys {', '.join(keys)}; got {kind_of(answer)}."
    months = {key: as_number(answer[key]) for key in keys[2:]}
    for key, value in months.items():
        if value is None or not 1 <= value <= 120 or value != int(value):
            return f"{key} is {answer[key]!r}; expected whole months, from 1 to 120."
    as_names([answer["fingerprint"]], ("size and date", "content"), "fingerprints")
    as_names(answer["log"], ("version", "inputs"), "what is logged", more="Write a list.")
    plan = dict(answer) | {key: int(value) for key, value in months.items()}
    found = answered(plan, range(1_000, 1_200))
    said = "; ".join(f"{name} {value:,.0f}" for name, value in found.items())
    short = [who for who, least in LIMITS.items() if found[f"{who}: answered, %"] < least]
    if short or found["euro a year"] > MOST:
        reply = replies("2.6-g")[short[0] if short else "cost"]
        return f"{reply} In 200 other histories: {said}."
    return None


JUDGES = {"2.6-a": _came_of, "2.6-b": _decided_by, "2.6-c": _two, "2.6-d": _record}
JUDGES |= {"2.6-e": _again, "2.6-f": _holders, "2.6-g": _plan}
