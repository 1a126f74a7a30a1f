"""The exercises of lesson 3.2, Shrink."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.course.exercises.calls import ReplyError, kind_of, run
from helpers.course.exercises.judges import as_number, as_numbers

if TYPE_CHECKING:
    import numpy as np


@cache
def _trained(units: int = 96) -> tuple[bytes, np.ndarray, np.ndarray]:
    """Return the file of a compiled network with its optimizer, 50 rows and their scores."""
    import keras
    import numpy as np

    rng = np.random.default_rng(32)
    hidden = [keras.layers.Dense(units, "relu") for _ in range(2)]
    model = keras.Sequential([keras.Input((7,)), *hidden, keras.layers.Dense(1, "sigmoid")])
    model.set_weights([rng.normal(0, w.shape[0] ** -0.5, w.shape) for w in model.get_weights()])
    model.compile("adam", "binary_crossentropy")
    model.optimizer.build(model.trainable_variables)
    rows = rng.standard_normal((50, 7)).astype("float32")
    with tempfile.TemporaryDirectory() as folder:
        model.save(path := Path(folder, "trained.keras"))
        return path.read_bytes(), rows, np.asarray(model(rows))[:, 0]


def _compact(answer: Any) -> str | None:
    import keras
    import numpy as np

    content, rows, score = _trained()
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "trained.keras"), Path(folder, "compact.keras")
        source.write_bytes(content)
        about = "the file of a trained network and the name of a file that is not there yet."
        run(answer, source, target, seconds=30, about=about)
        if source.read_bytes() != content:
            return "The file it was given has changed: write to the second name only."
        if not target.exists():
            return "There is no file by the second name. Does your function save?"
        try:
            model = keras.models.load_model(target)
        except Exception as error:
            return f"keras.models.load_model does not read your file ({type(error).__name__})."
        size = target.stat().st_size
    if model.input_shape != (None, 7) or np.abs(np.asarray(model(rows))[:, 0] - score).max() > 0.1:
        return (
            "The second file holds another network than the first: its inputs or its scores "
            "differ. Do you read the name that you were given?"
        )
    kinds = {layer.dtype_policy.quantization_mode or "float32" for layer in model.layers}
    told = f"The file went from {len(content) / 1_000:.0f} to {size / 1_000:.0f} kB, and "
    if getattr(model, "optimizer", None) is not None:
        return told + "still has the optimizer: a loaded network that is compiled brings it along."
    return None if kinds == {"int8"} else told + f"its weights are {', '.join(sorted(kinds))}."


# low, high, scale, zero point, reply
_RANGES = [
    (-1.0, 1.55, 0.01, -28, "Numbers below 0 and above it."),
    (-0.602, 1.438, 0.008, -53, "0 must have a code of its own: round to the nearest one."),
    (-0.606, 1.434, 0.008, -52, "0 must have a code of its own: round to the nearest one."),
    (0.0, 255.0, 1.0, -128, "The smallest number, 0, gets the code -128."),
    (-2.55, 0.0, 0.01, 127, "The largest number, 0, gets the code 127."),
    (20.0, 51.0, 0.2, -128, "All numbers are above 0: 0 must have a code all the same."),
    (-51.0, -20.0, 0.2, 127, "All numbers are below 0: 0 must have a code all the same."),
]


def _scale(answer: Any) -> str | None:
    for low, high, scale, zero, reply in _RANGES:
        about = f"{low:g} and {high:g}"
        got = run(answer, low, high, about=about)
        pair = as_numbers(got, (2,), "numbers: the scale, the zero point")
        told = f"{reply} For {about} your function gave a scale of {pair[0]:g} and a zero point of "
        if pair[0] == zero:
            return "The scale comes first, then the zero point."
        if abs(pair[0] * 256 - scale * 255) < 1e-6 * scale:
            return f"How many steps lie between 256 codes? {told}{pair[1]:g}."
        if abs(pair[0] - scale) > 1e-6 * scale or abs(pair[1] - zero) > 1e-9:
            code = min(low, 0) / pair[0] + pair[1] if pair[0] else float("nan")
            return f"{told}{pair[1]:g}. The smallest number would get the code {code:.2f}."
    return None


@cache
def _terminals() -> list[tuple[bytes, np.ndarray, np.ndarray]]:
    """Return int8 networks, rows and the scores that the terminal gives for these."""
    import io
    import os
    from contextlib import redirect_stderr, redirect_stdout

    import keras
    import numpy as np
    import tensorflow as tf

    found, rng = [], np.random.default_rng(3)
    for inputs, spread, shift in ((5, 1.0, 0.0), (9, 30.0, 12.0)):
        layer = keras.layers.Dense(1, "sigmoid")
        model = keras.Sequential([keras.Input((inputs,)), layer])
        kernel = rng.standard_normal((inputs, 1)) / spread
        layer.set_weights([kernel, -shift * kernel.sum(axis=0)])
        rows = (shift + spread * rng.standard_normal((400, inputs))).astype("float32")
        rows[-3:] *= 3  # beyond what the calibration has seen
        with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as quiet:
            path = Path(folder, "model.tflite")
            with redirect_stdout(io.StringIO()), redirect_stderr(quiet):
                model.export(
                    str(path),
                    format="litert",
                    verbose=False,
                    optimizations=[tf.lite.Optimize.DEFAULT],
                    representative_dataset=lambda rows=rows: ([row[None]] for row in rows[:300]),
                    target_spec={"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]},
                    inference_input_type=tf.int8,
                    inference_output_type=tf.int8,
                )
            found.append((content := path.read_bytes(), rows, _codes(content, rows)))
    return found


def _codes(content: bytes, rows: np.ndarray) -> np.ndarray:
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    inputs, outputs = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.resize_tensor_input(inputs["index"], rows.shape)
    interpreter.allocate_tensors()
    scale, zero = inputs["quantization"]
    codes = np.clip(np.round(rows / scale + zero), -128, 127)
    interpreter.set_tensor(inputs["index"], codes.astype(np.int8))
    interpreter.invoke()
    scale, zero = outputs["quantization"]
    return (interpreter.get_tensor(outputs["index"])[:, 0].astype(float) - zero) * scale


def _terminal(answer: Any) -> str | None:
    import numpy as np

    for content, rows, score in _terminals():
        about = f"the bytes of a network for int8 and {rows.shape} numbers as float32."
        got = run(answer, content, rows, seconds=20, about=about)
        try:
            got = np.asarray(got, dtype=float)
        except (TypeError, ValueError):
            return f"Expected an array of scores, got {kind_of(got)}."
        if got.shape != (len(rows),):
            return f"Expected {len(rows)} scores, one a row, got an array of shape {got.shape}."
        if got.min() < -0.01 or got.max() > 1.01:
            return (
                f"Your scores lie between {got.min():.3g} and {got.max():.3g}. The terminal "
                "answers in codes; they have a scale and a zero point of their own."
            )
        beyond = np.abs(rows).max(axis=1) > np.abs(rows[:300]).max()
        apart = np.abs(got - score)
        if apart[~beyond].max() > 0.1:
            return (
                f"A score is wrong by {apart[~beyond].max():.2f}. Are scale and zero point those "
                "of *this* network, and of its input?"
            )
        if apart[beyond].max() > 0.1:
            return "A row beyond the range came out far away: clip to -128 and 127 before the cast."
        if np.mean(apart > 1e-6) > 0.03:
            return (
                f"{np.mean(apart > 1e-6):.0%} of the scores are off by a code or a few. A cast to "
                "int8 cuts off, and floor rounds down; the nearest code is wanted."
            )
    return None


def _blind(answer: Any) -> str | None:
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(4)
    n = 500
    usual = pd.DataFrame(
        {
            "share": rng.random(n),
            "age": rng.integers(18, 76, n).astype(float),
            "income": rng.lognormal(10.4, 0.4, n).clip(6_000, 150_000),
        }
    )
    scaled = (usual - usual.mean()) / usual.std()
    one = scaled.copy()
    one.loc[17, "income"] = 4_000.0
    years = {"opened": rng.integers(2_000, 2_026, n), "born": rng.integers(1_945, 2_008, n)}
    counted = {"wide": np.arange(n) % 256.0, "four": np.arange(n) % 4, "five": np.arange(n) % 5}
    signed = {"wide": np.linspace(-60_000, 60_000, n), "four": np.linspace(270, 2_090, n)}
    cases = [
        (usual, {"share", "age"}, "One scale for the whole table, set by its largest number."),
        (scaled, set(), "Columns of one size: each has many codes."),
        (one, set(one), "One row of 500 has a huge income; the range is of all rows."),
        (pd.DataFrame(years), {"opened"}, "Years are far from 0, which must be in the range too."),
        (pd.DataFrame(counted), {"four"}, "From 0 to 255 a step is 1: 0 to 3 have 4 codes."),
        (pd.DataFrame(signed), {"four"}, "From -60,000 to 60,000 a step is 471: 4 codes."),
    ]
    for frame, expected, reply in cases:
        about = f"500 rows of {list(frame)}."
        got = run(answer, frame, about=about)
        names = got if isinstance(got, Collection | pd.Index | pd.Series | np.ndarray) else None
        if names is None or isinstance(got, str | Mapping | pd.DataFrame):
            return f"Expected names of columns, got {kind_of(got)}. {about}"
        if {str(name) for name in names} != expected:
            listed = ", ".join(map(str, names)) or "no column"
            return f"{reply} For {about[:-1]} your function returned {listed}."
    return None


def _prune(answer: Any) -> str | None:
    import numpy as np

    rng = np.random.default_rng(5)
    shapes = [(6, 40, 0.2), (40, 30, 1.0), (30, 1, 3.0)]
    weights = []
    for rows, columns, spread in shapes:
        weights += [rng.normal(0, spread, (rows, columns)), rng.normal(0, 0.01, columns)]
    for share in (0.0, 0.5, 0.9):
        about = f"the 6 arrays of get_weights() and a share of {share:g}."
        got = run(answer, handed := [w.copy() for w in weights], share, seconds=5, about=about)
        if not isinstance(got, list | tuple) or len(got) != len(weights):
            return f"Expected a list of {len(weights)} arrays, got {kind_of(got)}."
        try:
            got = [np.asarray(w, dtype=float) for w in got]
        except (TypeError, ValueError):
            return "Expected a list of arrays of numbers."
        if [w.shape for w in got] != [w.shape for w in weights]:
            return "The arrays have other shapes now: zeros stay where they are."
        if any((g != w).any() for g, w in zip(got[1::2], weights[1::2], strict=True)):
            return "A bias has changed. There are few of them; only kernels are pruned."
        if any((h != w).any() for h, w in zip(handed, weights, strict=True)):
            return "The weights that it was given have changed: return new arrays."
        flat = np.concatenate([w.ravel() for w in weights[::2]])
        new = np.concatenate([w.ravel() for w in got[::2]])
        zeros = np.mean(new == 0)
        if ((new != 0) & (new != flat)).any():
            return "A weight that is kept has another value now."
        if abs(zeros - share) > 0.002:
            return (
                f"{zeros:.1%} of the kernels' weights are 0; asked for: {share:.0%} of all of them."
            )
        if share and np.abs(flat[new == 0]).max() > np.abs(flat[new != 0]).min() + 1e-12:
            return (
                "A weight was set to 0 that is larger than one that was kept, in another layer or "
                "by its sign. One threshold for all kernels, on the absolute value."
            )
    return None


MOST_LOST = {4: 1.0, 1: 5.0}  # euro an application on average over the worlds, by kB
_NAMES = ["width", "bits", "zeros"]


def _plan(answer: Any) -> str | None:
    if not isinstance(answer, Mapping) or set(answer) != set(MOST_LOST):
        return f"Expected a dict with the keys 4 and 1, got {kind_of(answer)}."
    for budget, most in MOST_LOST.items():
        size, lost = _measured(answer[budget])
        told = (
            f"For {budget} kB: up to {size / 1_000:.1f} kB, and {lost:.1f} euro an application "
            "lost on average over the worlds. "
        )
        if size > 1_000 * budget:
            return told + "It does not fit in each world."
        if lost > 100:
            return told + "It refuses nearly everybody: nothing here was trained after the zeros."
        if lost > most:
            return told + f"At most {most:g} may be lost: what else fits, wider or with more bits?"
    return None


def _measured(chosen: Any) -> tuple[int, float]:
    """Return the largest size of a chosen network, and the euro it loses on average."""
    from helpers.course.lesson_3_2.view import networks

    table = networks()
    if not isinstance(chosen, Mapping) or set(chosen) != set(_NAMES):
        raise ReplyError(f"Expected the keys {', '.join(_NAMES)}, got {kind_of(chosen)}.")
    for name in _NAMES:
        known = sorted(set(table[name]))
        if as_number(chosen[name]) not in known:
            listed = ", ".join(map(str, known))
            raise ReplyError(f"The value of {name} was {chosen[name]!r}; the view has {listed}.")
    rows = table[(table[_NAMES] == [chosen[name] for name in _NAMES]).all(axis=1)]
    full = table.query("width == 512 and bits == 32 and zeros == 0")
    return rows["bytes"].max(), float(full["euro"].mean() - rows["euro"].mean())


@cache
def _tables() -> list[tuple[np.ndarray, np.ndarray, list[int]]]:
    """Return tables of 8 columns, labels, and the positions of the components that matter."""
    import numpy as np

    found, spread = [], 30 * 0.5 ** np.arange(8)
    for seed, effects in ((6, {0: 0.25, 1: 1.0, 7: -1.0}), (7, {0: 0.8, 2: -0.9})):
        rng = np.random.default_rng(seed)
        hidden = rng.standard_normal((3_000, 8))
        log_odds = hidden[:, list(effects)] @ np.array(list(effects.values()))
        label = (rng.random(3_000) < 1 / (1 + np.exp(-log_odds))).astype(int)
        turned = np.linalg.qr(rng.standard_normal((8, 8)))[0] if seed == 6 else np.eye(8)[::-1]
        found.append((5 + hidden * spread @ turned, label, list(effects)[-2:]))
    return found


def _keep(answer: Any) -> str | None:
    import numpy as np

    for X, y, matter in _tables():
        k = len(matter)
        about = f"1,500 rows of 8 numbers, and k = {k}."
        got = run(answer, X[:1_500], y[:1_500], k, seconds=10, about=about)
        if not isinstance(got, list | tuple | set | np.ndarray):
            return f"Expected {k} positions from 0 to 7, got {kind_of(got)}. {about}"
        places = [as_number(one) for one in got]
        if len(places) != k or not set(places) <= set(range(8)) or len(set(places)) < k:
            return f"Expected {k} different positions from 0 to 7, got {list(got)}. {about}"
        if set(places) == set(range(k)):
            return (
                "Those are the components of largest variance. PCA has not seen the label, and a "
                "measure that grows with a component's scale prefers them."
            )
        if set(places) == set(range(8 - k, 8)):
            return (
                "Those are the components of least variance: a coefficient is large where the "
                "component it multiplies is small."
            )
        if set(places) != set(matter):
            missing = len(set(matter) - set(places))
            return (
                f"{missing} of the {k} components that drive the label are not among yours. Are "
                "the components judged, each on one scale with the others and whatever its sign?"
            )
    return None


JUDGES = {
    "3.2-a": _compact,
    "3.2-b": _scale,
    "3.2-c": _terminal,
    "3.2-d": _blind,
    "3.2-e": _prune,
    "3.2-f": _plan,
    "3.2-g": _keep,
}
