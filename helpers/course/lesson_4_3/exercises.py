"""The exercises of lesson 4.3, One model, many infrastructures."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from helpers.course.exercises.calls import ReplyError, kind_of, run
from helpers.course.exercises.judges import as_number, chosen

NEED = ("requirements.txt", "serve.py", "model.onnx")
SECRET = re.compile(r"TOKEN|SECRET|PASSWORD|API_?KEY", re.I)
START_S, MOST_LOST, MOST_HOURS = 60, 100, 29.5
MONDAYS = range(101, 121)

_SPEC = {
    "numbers": ["age", "income", "utilization"],
    "fill": [41.6, 34000.5, 0.33],
    "mean": [41.6, 34000.5, 0.33],
    "scale": [12.0, 15000.0, 0.25],
    "words": {"purpose": ["boat", "car", "school"], "channel": ["branch", "online"]},
}
_ROW = {"age": 30, "income": 20000, "utilization": 0.5, "purpose": "car", "channel": "online"}
_FLAGS = [0, 1, 0, 0, 1]
# row, what is expected, reply
_ROWS = [
    (_ROW, [30, 20000, 0.5, *_FLAGS], "This row has no gap and no new word."),
    (_ROW | {"utilization": 0.0}, [30, 20000, 0, *_FLAGS], "A number that is 0 is not a gap."),
    (_ROW | {"utilization": float("nan")}, [30, 20000, 0.33, *_FLAGS], "A gap came as nan."),
    (_ROW | {"income": None}, [30, 34000.5, 0.5, *_FLAGS], "A gap came as None, JSON's null."),
    ({k: v for k, v in _ROW.items() if k != "age"}, [41.6, 20000, 0.5, *_FLAGS], "No such key."),
    (_ROW | {"purpose": "wedding"}, [30, 20000, 0.5, 0, 0, 0, 0, 1], "A word is new: the model's "
     "encoder gives it no flag at all."),
    ({k: _ROW[k] for k in reversed(_ROW)}, [30, 20000, 0.5, *_FLAGS], "The row's keys are in "
     "another order; the spec has the one that counts."),
]  # fmt: skip


def _encode(answer: Any) -> str | None:
    import numpy as np

    for row, expected, reply in _ROWS:
        about = f"a spec with {len(expected)} weights and the row {row}"
        got = run(answer, row, json.loads(json.dumps(_SPEC)), about=about)
        if not isinstance(got, np.ndarray):
            return f"Expected a numpy array, got {kind_of(got)}. It was called with {about}."
        if got.shape != (1, len(expected)):
            return (
                f"Expected the shape (1, {len(expected)}), got {got.shape}: the interpreter wants "
                f"rows. {reply} It was called with {about}."
            )
        if got.dtype != np.float32:
            return f"The interpreter refuses {got.dtype} where it wants 32-bit floats."
        if not np.array_equal(got[0], np.float32(expected)):
            scaled = "Is something scaled that the graph scales? " if abs(got[0, 1]) < 100 else ""
            return f"{scaled}{reply} It was called with {about}, and returned {got[0].tolist()}."
    return None


@cache
def _golden() -> Any:
    from helpers import world

    frame = world.World(7).applications("2025-05", 400)
    return frame, world.World(7).default_probability(frame)


def _parity(answer: Any) -> str | None:
    import numpy as np

    from helpers import world

    frame, expected = _golden()
    grants = world.profit(frame, expected) > 0
    refused, granted = np.flatnonzero(~grants), np.flatnonzero(grants)

    def changed(rows: Any, value: float) -> Any:
        got = expected.copy()
        got[rows] = value
        return got

    cases = [
        (expected + 1e-9, 0, "All scores differ in the ninth digit, and no decision does."),
        (changed(granted[:5], 1.0), 5, "Five loans are refused that should be granted."),
        (changed(refused[:4], 0.0), 4, "Four loans are granted that should be refused."),
        (changed(granted[:6], np.nan), 6, "Six rows have nan where a loan should be granted."),
        (changed(refused[:7], np.nan), 7, "Seven rows have nan where a loan should be refused: "
         "the place has no answer, although the decision happens to look the same."),
        (changed(refused[:3], np.inf), 3, "Three rows have inf as a score."),
    ]  # fmt: skip
    mixed = changed(granted[:5], 1.0)
    mixed[refused[:7]] = np.nan
    cases.append((mixed, 12, "Five rows decide differently and seven others have nan."))
    for got, count, reply in cases:
        value = as_number(run(answer, frame, expected, got, about="400 golden rows"))
        if value is None:
            return "Expected one number of rows."
        if value != count:
            return f"{reply} Your function counted {value:g}. It was called with 400 golden rows."
    return None


def _write_image(folder: Path, *faults: str) -> set[str]:
    """Write an image of two manifests with the named faults; return the digests to be found."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)

    def put(data: bytes) -> dict[str, Any]:
        name = hashlib.sha256(data).hexdigest()
        (blobs / name).write_bytes(data)
        return {"digest": f"sha256:{name}", "size": len(data)}

    shared, entries, parts = put(b"libraries" * 50), [], {"layer": {}, "config": {}, "manifest": {}}
    for tag in ("1", "2"):
        own, config = put(b"code" + tag.encode()), put(json.dumps({"tag": tag}).encode())
        entries.append(put(json.dumps({"config": config, "layers": [shared, own]}).encode()))
        for kind, one in (("layer", own), ("config", config), ("manifest", entries[-1])):
            parts[kind][tag] = one["digest"]
    (folder / "index.json").write_text(json.dumps({"manifests": entries}))
    put(b"left over"), (blobs / ("0" * 64)).write_bytes(b"nobody names this one")
    found = set()
    for kind, tag, how in (fault.split() for fault in faults):
        digest = parts[kind][tag]
        place, data = blobs / digest[7:], (blobs / digest[7:]).read_bytes()
        found.add(digest)
        if how == "missing":
            place.unlink()
        else:  # one bit, so that the size stays, or one byte less
            place.write_bytes(bytes([data[0] ^ 1]) + data[1:] if how == "flipped" else data[:-1])
    return found


_IMAGES = [
    ((), "Nothing that the index leads to is damaged; a blob that nobody names does not count."),
    (("layer 1 flipped",), "One bit of a layer is flipped, and its size is as before."),
    (("layer 1 shorter",), "A layer is one byte shorter."),
    (("layer 1 missing",), "A layer's file is missing."),
    (("config 1 flipped",), "A config is damaged."),
    (("layer 2 flipped",), "A layer of the second manifest is damaged."),
    (("manifest 2 flipped",), "A manifest is damaged, so nothing that it says counts."),
    (("manifest 1 missing", "config 2 missing"), "A manifest and a config are missing."),
]


def _damaged(answer: Any) -> str | None:
    for faults, reply in _IMAGES:
        with tempfile.TemporaryDirectory() as folder:
            expected = _write_image(Path(folder), *faults)
            about = "an image with two manifests that share a layer"
            try:
                got = run(answer, Path(folder), about=about)
            except ReplyError as failure:
                return (
                    str(failure) if "Expected a function" in str(failure) else f"{reply} {failure}"
                )
        if not isinstance(got, set | frozenset):
            return f"Expected a set of digests, got {kind_of(got)}."
        if strange := [one for one in got if not str(one).startswith("sha256:")]:
            return f"Expected digests, which start with 'sha256:', got {strange[0]!r}."
        if got != expected:
            return f"{reply} Your set has {len(got)} digests; {len(expected)} were to be found."
    return None


def _instructions(text: str) -> list[tuple[str, str]]:
    """Return instruction and arguments of each step, without comments, with joined lines."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\s*\n", " ", "\n".join(lines))
    split = (line.strip().partition(" ") for line in joined.splitlines() if line.strip())
    return [(word.upper(), rest.strip()) for word, _, rest in split]


def _dockerfile(answer: Any) -> str | None:
    if not isinstance(answer, str):
        return f"Expected the text of a Dockerfile, a string, got {kind_of(answer)}."
    steps = _instructions(answer)
    of = {word: [rest for name, rest in steps if name == word] for word, _ in steps}
    if not steps or steps[0][0] not in ("FROM", "ARG") or "FROM" not in of:
        return "A Dockerfile begins with FROM: which image is the base?"
    bases = [[one for one in rest.split() if one[:2] != "--"] for rest in of["FROM"]]
    stages = {base[-1] for base in bases if len(base) == 3}  # FROM image AS stage
    for base in (base[0] if base else "" for base in bases):
        if base not in stages and ("latest" in base or ":" not in base):
            return f"The base is {base}: next month the same line is another Python."
    told = [rest for word, rest in steps if word in ("ENV", "ARG", "LABEL")]
    if any(map(SECRET.search, told)) or any("hc-" in rest for _, rest in steps):
        return "A secret stands in the file, so in the image's config and history."
    copies = [(at, rest) for at, (word, rest) in enumerate(steps) if word in ("COPY", "ADD")]
    taken = " ".join(rest for _, rest in copies)
    sources = [one for _, rest in copies for one in rest.split()[:-1] if not one.startswith("--")]
    if {".", "./", "*", "./*"} & set(sources) or ".env" in taken:
        return "COPY takes .env along, with the token in it. Name what the service needs."
    if missing := [name for name in NEED if name not in taken]:
        return f"The service needs {missing[0]}, and no COPY brings it in."
    installs = [i for i, (word, rest) in enumerate(steps) if word == "RUN" and "requirem" in rest]
    if not installs:
        return "What is installed has no pinned versions: each build may get others."
    first = {name: next(at for at, rest in copies if name in rest) for name in NEED}
    if first["requirements.txt"] > installs[-1]:
        return "requirements.txt is not there yet when it is installed from."
    if first["serve.py"] < installs[-1] or first["model.onnx"] < installs[-1]:
        return "After each change of code or model, all libraries are installed again. What stays?"
    if of.get("USER", ["root"])[-1].split(":")[0].lower() in ("root", "0", ""):
        return "The service runs as root, and so does whoever gets into it."
    starts = of.get("CMD", [])[-1:] + of.get("ENTRYPOINT", [])[-1:]
    if "serve.py" not in " ".join(starts):
        return "Nothing starts serve.py."
    if any(one[0] != "[" or re.search(r'"(/bin/)?(ba)?sh"', one) for one in starts):
        return (
            "A shell starts the service, and keeps the signal to end for itself: on each update "
            "the pod is killed in the middle of its requests."
        )
    return None


_LOOKS = [
    ((4, 90, 60, 2, 10), 6, "The load is half as much again as the target."),
    ((3, 90, 60, 1, 20), 5, "A part of a pod is a pod."),
    ((10, 64, 60, 2, 20), 10, "The ratio is within the tolerance: nothing changes."),
    ((20, 56, 60, 2, 30), 20, "Within the tolerance below the target nothing changes."),
    ((2, 64, 60, 2, 10), 2, "Two pods slightly above the target: within the tolerance."),
    ((8, 30, 60, 2, 10), 4, "Half of the target: half of the pods."),
    ((8, 100, 50, 2, 10), 10, "More than the most."),
    ((4, 5, 60, 2, 10), 2, "Fewer than the least."),
    ((1, 60, 60, 3, 10), 3, "On target, and fewer pods than the least."),
    ((12, 61, 60, 3, 10), 10, "Within the tolerance, and more pods than the most."),
    ((5, 0, 60, 1, 10), 1, "Nobody asks."),
]


def _desired(answer: Any) -> str | None:
    for given, expected, reply in _LOOKS:
        got = run(answer, *given, about=f"{given}")
        if as_number(got) is None:
            return f"Expected a whole number, got {kind_of(got)}. It was called with {given}."
        if as_number(got) != expected:
            return f"{reply} It was called with {given}, and returned {got!r}."
    return None


def _replays(target: float, least: int, morning: int) -> tuple[float, float, float]:
    """Return lost requests, those lost after 10:00, and pod-hours, on an average Monday."""
    from helpers.course.lesson_4_3.view import HOURS, monday, morning_run

    runs = [morning_run(monday(s), target / 100, least, START_S, morning) for s in MONDAYS]
    lost = sum(run["lost"].sum() for run in runs) / len(runs)
    late = sum(run["lost"][HOURS >= 10].sum() for run in runs) / len(runs)
    return lost, late, sum(run["pods"].sum() for run in runs) / len(runs) / 240


def _design(answer: Any) -> str | None:
    keys = ("target", "least", "morning")
    if not isinstance(answer, Mapping) or set(answer) != set(keys):
        return f"Expected a dict with the keys {', '.join(keys)}, got {kind_of(answer)}."
    target, least, morning = (as_number(answer[key]) for key in keys)
    if target is None or not 5 <= target <= 100:
        return "The target is a number of percent, from 5 to 100."
    if least is None or least % 1 or not 1 <= least <= 10:
        return "The least is a whole number of pods, from 1 to 10."
    if morning is None or morning % 1 or not 0 <= morning <= 10:
        return "The pods of the morning are a whole number, from 0 to 10."
    lost, late, hours = _replays(target, int(least), int(morning))
    told = f"{lost:,.0f} requests lost and {hours:.1f} pod-hours on an average Monday"
    if hours > MOST_HOURS:
        return f"{told}. That is too expensive: which pods are idle, and for how long?"
    if lost > MOST_LOST:
        which = "after 10:00, when nothing is scheduled" if late > lost / 2 else "at nine"
        return f"{told}. Most are lost {which}."
    return None


JUDGES = {
    "4.3-a": _encode,
    "4.3-b": _parity,
    "4.3-c": _damaged,
    "4.3-d": _dockerfile,
    "4.3-e": _desired,
    "4.3-f": _design,
    "4.3-g": chosen(
        {"B", "D", "E"},
        among="ABCDEF",
        extra={
            "A": "A is in other hands already; what matters is that nothing depends on it alone.",
            "C": "C is what the customer sees in the menus of the form.",
            "F": "F says which model answered; without it nobody finds Monday's fault.",
        },
        missing={
            "B": "One lets somebody try until the answer is yes, and nobody counts the tries.",
            "D": "One is stolen once and used everywhere: the key to the encryption is there too.",
            "E": "One is about people who have never been in that shop.",
        },
    ),
}
