"""What lesson 4.3 tells about parity and about a Monday, over five seeds of the world.

``python -m benchmarks.lesson_4_3`` prints a line for each number that the lesson quotes as a range:
the least and the largest over the seeds, and all of them. The linear model and the forest are
fitted on 2025. Cold starts are measured in the lesson itself.
"""

from __future__ import annotations

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.ranges import show
from helpers import world
from helpers.course.lesson_4_3.view import monday, morning_run
from helpers.course.linear import NUMBERS, linear


def measure(seed):
    """Yield the name and the value of everything that is quoted, for one world."""
    lender = world.World(seed)
    train = lender.applications(("2025-01", "2025-12"))
    january, year = (lender.applications(m) for m in ("2026-01", ("2026-01", "2026-12")))
    model = linear(train)

    expected = lender.expected_profit(january)
    right = world.profit(january, model.predict_proba(january)[:, 1]) > 0
    gap = january[NUMBERS].isna().any(axis=1).to_numpy()
    zero = model.predict_proba(january.fillna(dict.fromkeys(NUMBERS, 0.0)))[:, 1]
    yield "rows with a gap", gap.sum()
    for name, granted in {
        "nan": right & ~gap,
        "zero": world.profit(january, zero) > 0,
    }.items():
        yield f"{name}: decisions", (granted != right).sum()
        yield f"{name}: euro in January", expected[granted].sum() - expected[right].sum()

    X, Z = (frame[NUMBERS].to_numpy(float) for frame in (train, year))
    for name, steps in {
        "scaled": (SimpleImputer(), StandardScaler()),
        "raw": (SimpleImputer(),),
    }.items():
        forest = RandomForestClassifier(30, max_depth=8, random_state=0)
        twin = make_pipeline(*steps, forest).fit(X, train["defaulted"])
        options = {id(forest): {"zipmap": False}}
        graph = to_onnx(twin, X[:1].astype(np.float32), options=options, target_opset=18)
        run = onnxruntime.InferenceSession(graph.SerializeToString()).run
        p, q = twin.predict_proba(Z)[:, 1], run(None, {"X": Z.astype(np.float32)})[1][:, 1]
        yield f"forest, {name}: rows apart", (abs(p - q) > 1e-4).sum()
        yield f"forest, {name}: largest", abs(p - q).max()
        differ = (world.profit(year, p) > 0) != (world.profit(year, q) > 0)
        yield f"forest, {name}: decisions", differ.sum()

    for start in (15, 30, 60):
        yield (
            f"Monday, start {start} s: lost",
            morning_run(monday(seed), 0.6, 2, start)["lost"].sum(),
        )


if __name__ == "__main__":
    show(measure)
