"""What lesson 3.2 tells about shrinking a network, over five seeds of the world.

``python -m benchmarks.lesson_3_2`` prints a line for each number that the lesson quotes as a range:
the least and the largest over the seeds, and all of them. The networks are trained on 2024 and
their decisions are counted by the exact expectation of 2025, in euro for each application.

It also writes ``helpers/course/lesson_3_2/networks.csv``, which the lesson's view and its design
exercise read: for each world, width, number of bits and share of weights set to 0, the bytes after
gzip, the AUC, the euro, and how many decisions differ from those of the unshrunk network.
"""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from keras import layers, ops
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from benchmarks.ranges import show
from helpers import world
from helpers.base.stats import auc
from helpers.course.linear import NUMBERS, features

WIDTHS = (512, 128, 64, 32, 16, 8)
BITS = (32, 8, 4, 2)
ZEROS = (0, 50, 80, 90, 95)
TABLE = Path(__file__).parents[1] / "helpers/course/lesson_3_2/networks.csv"
INT8 = {
    "optimizations": [tf.lite.Optimize.DEFAULT],
    "target_spec": {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]},
    "inference_input_type": tf.int8,
    "inference_output_type": tf.int8,
}


class FakeQuantDense(layers.Dense):
    """Trains with rounded weights; the gradient passes the rounding as if it were not there."""

    top = 1

    def call(self, x):
        step = ops.max(ops.abs(self.kernel), axis=0) / self.top
        rounded = ops.round(self.kernel / step) * step
        kernel = self.kernel + ops.stop_gradient(rounded - self.kernel)
        return self.activation(ops.matmul(x, kernel) + self.bias)


class Mask(keras.constraints.Constraint):
    """Sets the same weights to 0 after each step."""

    def __init__(self, mask):
        self.mask = ops.convert_to_tensor(mask, "float32")

    def __call__(self, kernel):
        return kernel * self.mask


def network(inputs, width, kind=layers.Dense, masks=(None, None), seed=1):
    keras.utils.set_random_seed(seed)
    hidden = [kind(width, activation="relu", kernel_constraint=mask) for mask in masks]
    return keras.Sequential([keras.Input((inputs,)), *hidden, layers.Dense(1, "sigmoid")])


def fit(model, X, y, epochs, seed):
    keras.utils.set_random_seed(seed)
    model.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy")
    model.fit(X, y, epochs=epochs, batch_size=256, verbose=0)
    return model


def forward(weights, X):
    for i in range(0, 4, 2):
        X = np.maximum(X @ weights[i] + weights[i + 1], 0)
    return 1 / (1 + np.exp(-(X @ weights[4] + weights[5])[:, 0].astype(float)))


def prune(w, percent):
    return w * (np.abs(w) >= np.quantile(np.abs(w), percent / 100)) if percent else w


def rounded(w, bits):
    """Return weights with one scale for each output, and the bytes that hold them."""
    if bits == 32:
        return w, w.astype("float32").tobytes()
    top = 2 ** (bits - 1) - 1
    step = np.maximum(np.abs(w).max(axis=0), 1e-12) / top
    codes = np.round(w / step).astype(np.int8)
    parts = codes.ravel().view(np.uint8) & (2**bits - 1)
    per = 8 // bits
    parts = np.pad(parts, (0, -len(parts) % per)).reshape(-1, per)
    packed = (parts << (bits * np.arange(per, dtype=np.uint8))).sum(axis=1).astype(np.uint8)
    return codes * step, packed.tobytes() + step.astype("float32").tobytes()


def shrunk(weights, bits, percent):
    """Return the weights of a network after pruning and rounding, and its bytes after gzip."""
    result, held = [], b""
    for w in weights:
        w, part = rounded(prune(w, percent), bits) if w.ndim == 2 else (w, w.tobytes())
        result.append(w.astype("float32"))
        held += part
    return result, len(gzip.compress(held, mtime=0))


def lite(model, **options):
    path = Path(tempfile.mkdtemp()) / "model.tflite"
    model.export(str(path), format="litert", verbose=False, **options)
    return path.read_bytes()


def run(content, rows):
    interpreter = Interpreter(model_content=content)
    into, out = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.resize_tensor_input(into["index"], rows.shape)
    interpreter.allocate_tensors()
    if into["dtype"] == np.int8:
        scale, zero = into["quantization"]
        rows = np.clip(np.round(rows / scale) + zero, -128, 127).astype(np.int8)
    interpreter.set_tensor(into["index"], rows)
    interpreter.invoke()
    score = interpreter.get_tensor(out["index"])[:, 0].astype(float)
    scale, zero = out["quantization"]
    return (score - zero) * scale if out["dtype"] == np.int8 else score


def sample(rows):
    return lambda: ([row[None]] for row in rows[:300])


def measure(seed, table):
    """Yield the name and the value of everything that is quoted, for one world."""
    lender = world.World(seed)
    train, test = (lender.applications((f"{y}-01", f"{y}-12")) for y in (2024, 2025))
    expected = lender.expected_profit(test)
    prepare = features()
    X = prepare.fit_transform(train).astype("float32")
    Z = prepare.transform(test).astype("float32")
    y = train["defaulted"].to_numpy("float32")

    def granted(score):
        return world.profit(test, score) > 0

    def compared(name, score, before):
        now, then = granted(score), granted(before)
        yield f"{name}: AUC", auc(test["defaulted"], score)[0][0]
        yield f"{name}: euro more", np.mean(expected * now) - np.mean(expected * then)
        yield f"{name}: flips", np.sum(now != then)
        yield f"{name}: euro that moved", np.abs(expected[now != then]).sum() / len(test)

    networks = {}
    for width in WIDTHS:
        model = fit(network(X.shape[1], width), X, y, 4 if width == 512 else 8, seed=1)
        weights = model.get_weights()
        before = forward(weights, Z)
        networks[width] = model, before
        yield f"width {width}: AUC", auc(test["defaulted"], before)[0][0]
        yield f"width {width}: euro", np.mean(expected * granted(before))
        for bits in BITS:
            for zeros in ZEROS:
                small, size = shrunk(weights, bits, zeros)
                score = forward(small, Z)
                row = [seed, width, bits, zeros, size, auc(test["defaulted"], score)[0][0]]
                row += [
                    np.mean(expected * granted(score)),
                    np.sum(granted(score) != granted(before)),
                ]
                table.append(row)
    model, before = networks[512]
    contents = {
        "float": lite(model),
        "dynamic range": lite(model, optimizations=[tf.lite.Optimize.DEFAULT]),
        "int8": lite(model, representative_dataset=sample(X), **INT8),
    }
    income = NUMBERS.index("income")
    for euro in (400_000, 4_000_000):
        odd = X[:300].copy()
        odd[7, income] = (euro - train["income"].mean()) / train["income"].std()
        contents[f"int8, one income of {euro:,}"] = lite(
            model, representative_dataset=sample(odd), **INT8
        )
    for name, content in contents.items():
        yield f"{name}: kB", len(content) / 1_000
        yield from compared(name, run(content, Z), before)

    scaler = prepare.transformers_[0][1][-1]
    mean = np.append(scaler.mean_, np.zeros(X.shape[1] - len(NUMBERS)))
    spread = np.append(scaler.var_, np.ones(X.shape[1] - len(NUMBERS)))
    inside = keras.Sequential(
        [
            keras.Input((X.shape[1],)),
            layers.Normalization(mean=mean, variance=spread),
            *model.layers,
        ]
    )
    raw, raw_test = ((rows * spread**0.5 + mean).astype("float32") for rows in (X, Z))
    score = run(lite(inside, representative_dataset=sample(raw), **INT8), raw_test)
    yield from compared("int8, raw inputs", score, before)
    yield "int8, raw inputs: distinct scores", len(np.unique(score))

    weights = model.get_weights()
    longer = network(X.shape[1], 512)
    longer.set_weights(weights)
    longer = fit(longer, X, y, 1, seed=2).get_weights()
    yield from compared("1 epoch more", forward(longer, Z), before)
    for percent in (80, 90, 95):
        masks = [np.abs(w) >= np.quantile(np.abs(w), percent / 100) for w in weights[:4:2]]
        again = network(X.shape[1], 512, masks=[Mask(mask) for mask in masks])
        start = [w * masks[i // 2] if i in (0, 2) else w for i, w in enumerate(weights)]
        again.set_weights(start)
        yield from compared(f"{percent} % pruned", forward(start, Z), before)
        kept = fit(again, X, y, 1, seed=2).get_weights()
        assert np.mean(kept[2] == 0) > percent / 100 - 0.01
        yield from compared(f"{percent} % pruned, 1 epoch", forward(kept, Z), before)
    for bits, top in ((4, 7), (2, 1)):
        FakeQuantDense.top = top
        again = network(X.shape[1], 512, FakeQuantDense)
        again.set_weights(weights)
        ends = {"trained for it": fit(again, X, y, 1, seed=2).get_weights()}
        ends |= {"after training": weights, "1 epoch more": longer}
        for how, held in ends.items():
            cut = [rounded(w, bits)[0] if i in (0, 2) else w for i, w in enumerate(held)]
            yield from compared(f"int{bits}, {how}", forward(cut, Z), before)
    again = fit(network(X.shape[1], 512, seed=7), X, y, 4, seed=7)
    yield from compared("trained again with another seed", forward(again.get_weights(), Z), before)

    logs, tests = (np.log1p(frame[NUMBERS]) for frame in (train, test))
    logs, tests = logs.fillna(logs.mean()), tests.fillna(logs.mean())
    tests, logs = (tests - logs.mean()) / logs.std(), (logs - logs.mean()) / logs.std()
    pca = PCA().fit(logs)
    A, B = pca.transform(logs), pca.transform(tests)

    def earned(columns):
        score = LogisticRegression().fit(A[:, columns], y).predict_proba(B[:, columns])[:, 1]
        return np.mean(expected * granted(score))

    share, money = pca.explained_variance_ratio_, [earned(slice(k)) for k in range(1, 9)]
    for k in (5, 6, 7):
        yield f"component {k + 1}: share of variance", share[k]
        yield f"component {k + 1}: euro more", money[k] - money[k - 1]
    yield (
        "component 7: correlation with burden",
        abs(np.corrcoef(B[:, 6], np.log(world.burden(test)))[0, 1]),
    )


def main() -> None:
    table = []
    show(lambda seed: measure(seed, table))
    names = ["world", "width", "bits", "zeros", "bytes", "auc", "euro", "flips"]
    frame = pd.DataFrame(table, columns=names).round({"auc": 4, "euro": 1})
    frame.to_csv(TABLE, index=False)


if __name__ == "__main__":
    main()
