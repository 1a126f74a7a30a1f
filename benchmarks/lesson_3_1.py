"""What lesson 3.1 tells about a search, over five seeds of the world.

``python -m benchmarks.lesson_3_1`` prints, for the mean and from the lowest to the highest seed:
what the winner of so many trials shows and is worth; its optimism by the size of the validation
set, and what choosing by AUC and by euro bring; what else the hours buy. Then, for the networks
that are recorded, what KerasTuner's Hyperband finds.

``--record`` first trains the networks of five worlds again (about 5 minutes), prints the last table
for each, and writes ``networks.csv`` of the lesson and ``sixty_trials.csv``, its search.
``--store`` only writes ``empty_store.zip`` again, for a new MLflow.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import sqlite3
import sys
import tempfile
import zipfile
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import loguniform
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import ParameterSampler
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from helpers import world
from helpers.base.stats import auc
from helpers.course import lesson_3_1, tracking
from helpers.course.lesson_3_1.curves import networks
from helpers.course.linear import NUMBERS, features

SPACE = {
    "learning_rate": loguniform(0.01, 0.5),
    "max_iter": [25, 50, 100, 200],
    "max_leaf_nodes": [2, 3, 4, 8, 16, 31],
    "min_samples_leaf": [5, 10, 20, 50, 100],
    "l2_regularization": loguniform(1e-3, 100),
}
TRIALS = 60
STEPS = (1, 5, 10, 20, 60)
GRID = {
    "learning_rate": [round(float(rate), 5) for rate in np.geomspace(0.0003, 0.3, 12)],
    "units": [4, 16, 64],
    "l2": [1e-4, 0.3, 3.0],
}
EPOCHS = 27


def true_auc(p_true, score):
    """Return the AUC expected over all outcomes that the true probabilities allow."""
    label, weight = np.repeat([1, 0], len(score)), np.concatenate([p_true, 1 - p_true])
    return roc_auc_score(label, np.tile(score, 2), sample_weight=weight)


def trees(**configuration):
    return HistGradientBoostingClassifier(**configuration, early_stopping=False, random_state=0)


class Search:
    """Sixty trials of boosted trees in one world, and what they are truly worth."""

    def __init__(self, seed, rows=2_000):
        lender = world.World(seed=seed)
        pool = lender.applications(("2025-01", "2025-06"), n=4_000)
        pool = pool.sample(frac=1, random_state=seed)
        self.train, self.more = pool[:rows], pool[: 4 * rows]
        self.valid = pool[12_000:22_000]
        self.chance = lender.default_probability(self.valid)
        self.test = lender.applications(("2025-07", "2025-12"), n=3_000)
        self.p_true = lender.default_probability(self.test)
        self.earns = lender.expected_profit(self.test)
        scale = features().fit(self.train)
        x, xv, xt = map(scale.transform, (self.train, self.valid, self.test))
        rng = np.random.RandomState(seed)
        self.configurations = list(ParameterSampler(SPACE, TRIALS, random_state=rng))
        models = [trees(**one).fit(x, self.train["defaulted"]) for one in self.configurations]
        self.on_valid = np.array([model.predict_proba(xv)[:, 1] for model in models])
        self.granted = np.array([world.profit(self.valid, p) > 0 for p in self.on_valid])
        self.truth = np.array([self.worth(model.predict_proba(xt)[:, 1]) for model in models])
        self.on_same_months = np.array([true_auc(self.chance, p) for p in self.on_valid])

    def worth(self, p):
        """Return the true AUC and the true euro of an application."""
        granted = world.profit(self.test, p) > 0
        return true_auc(self.p_true, p), float(np.mean(self.earns * granted))

    def seen(self, n, rng):
        """Return AUC and euro of all trials on ``n`` validation rows, whose outcomes are drawn."""
        drawn = rng.permutation(len(self.valid))[:n]
        y = (rng.random(n) < self.chance[drawn]).astype(int)
        brought = world.profit(self.valid.iloc[drawn], y)
        return auc(y, *self.on_valid[:, drawn])[0], (brought * self.granted[:, drawn]).mean(axis=1)

    def fitted(self, model, on, numbers=NUMBERS):
        """Return the worth of a model on top of the preparation."""
        on, test = (one.assign(burden=world.burden(one)) for one in (on, self.test))
        pipe = make_pipeline(features(numbers), model).fit(on, on["defaulted"])
        return self.worth(pipe.predict_proba(test)[:, 1])


def trials(search, samples=200):
    """Return the winner of so many trials, averaged over orders and validation samples."""
    rng, picks = np.random.default_rng(0), []
    for _ in range(samples):
        shown = search.seen(500, rng)[0]
        for k in STEPS:
            order = rng.permutation(TRIALS)[:k]
            best = order[shown[order].argmax()]
            picks.append((k, shown[best], *search.truth[best]))
    return pd.DataFrame(picks, columns=["trials", "seen", "true", "euro"]).groupby("trials").mean()


def optimism(search, samples=100):
    """Return seen minus true of the winner, by the size of the validation set."""
    rng, picks = np.random.default_rng(0), []
    for n in (200, 500, 2_000, 5_000):
        for _ in range(samples):
            area, euro = search.seen(n, rng)
            best, by_euro = area.argmax(), euro.argmax()
            gap = area[best] - search.on_same_months[best]
            picks.append((n, gap, search.truth[best, 1], search.truth[by_euro, 1]))
    names = ["rows", "optimism", "euro, chosen by AUC", "euro, chosen by euro"]
    return pd.DataFrame(picks, columns=names).groupby("rows").mean()


def otherwise(search):
    """Return what else the hours buy."""
    plain = HistGradientBoostingClassifier(random_state=0)
    linear, with_burden = LogisticRegression(max_iter=1_000), [*NUMBERS, "burden"]
    found = search.seen(500, np.random.default_rng(0))[0].argmax()
    tuned = trees(**search.configurations[found])
    rows = {
        "trees": search.fitted(plain, search.train),
        "trees, winner of 60": search.fitted(tuned, search.train),
        "trees, 4 x data": search.fitted(plain, search.more),
        "trees, winner, 4 x data": search.fitted(tuned, search.more),
        "trees, winner, burden": search.fitted(tuned, search.train, with_burden),
        "linear": search.fitted(linear, search.train),
        "linear, burden": search.fitted(linear, search.train, with_burden),
        "linear, burden, 4 x data": search.fitted(linear, search.more, with_burden),
        "best of 60 by the truth": tuple(search.truth.max(axis=0)),
        "ceiling": search.worth(search.p_true),
    }
    return pd.DataFrame(rows, index=["AUC", "euro"]).T


def train_networks(seed):
    """Return the learning curves of all networks of `GRID`, as ``networks.csv`` holds them."""
    lender = world.World(seed=seed)
    pool = lender.applications(("2025-01", "2025-06"), n=2_000)
    train, valid, test = pool[:2_000], pool[2_000:2_500], pool[6_000:9_000]
    p_true, scale = lender.default_probability(test), features().fit(train)
    x, xv, xt = map(scale.transform, (train, valid, test))
    rows = []
    for rate, units, l2 in itertools.product(*GRID.values()):
        model = MLPClassifier(
            (units,), learning_rate_init=rate, alpha=l2, batch_size=100, random_state=0
        )
        row = {"learning_rate": rate, "units": units, "l2": l2}
        for epoch in range(1, EPOCHS + 1):
            model.partial_fit(x, train["defaulted"], classes=[0, 1])
            row[epoch] = roc_auc_score(valid["defaulted"], model.predict_proba(xv)[:, 1])
            if epoch in (1, 3, 9, 27):
                row[f"true_{epoch}"] = true_auc(p_true, model.predict_proba(xt)[:, 1])
        rows.append(row)
    frame = pd.DataFrame(rows).set_index(list(GRID)).round(4)
    return frame[[*range(1, EPOCHS + 1), "true_1", "true_3", "true_9", "true_27"]]


def hyperband(curves, rng):
    """Return the networks and their epochs in the order of KerasTuner's Hyperband(27, 3)."""
    left, log = list(rng.permutation(len(curves))), []
    for bracket in (3, 2, 1, 0):
        wide = (3 + 1) / (bracket + 1)
        now = [left.pop() for _ in range(math.ceil(wide * 3**bracket))]
        for level in range(bracket, -1, -1):
            epochs = math.ceil(EPOCHS / 3**level)
            log += [(one, epochs) for one in now]
            now = sorted(now, key=lambda one: -curves[epochs].iloc[one])
            now = now[: math.ceil(wide * 3 ** (level - 1))]
    return log


def tuners(curves, searches=200):
    """Return what 200 searches by Hyperband, and by 14 random trials, find on average."""
    winner, rows = int(curves[EPOCHS].argmax()), []
    ranks = curves.rank(ascending=False, method="min").iloc[winner]
    for seed in range(searches):
        rng = np.random.default_rng(seed)
        log = hyperband(curves, rng)
        random = [(one, EPOCHS) for one in rng.permutation(len(curves))[:14]]
        row = {}
        full = [one for one in log if one[1] == EPOCHS]
        for name, found in {"any": log, "27 epochs": full, "random": random}.items():
            best, epochs = max(found, key=lambda one: curves[one[1]].iloc[one[0]])
            row[f"{name}: seen"] = curves[epochs].iloc[best]
            row[f"{name}: true"] = curves[f"true_{epochs}"].iloc[best]
        row["later winner drawn"] = winner in {one for one, _ in log}
        row["later winner trained to the end"] = (winner, EPOCHS) in log
        rows.append(row)
    table = pd.DataFrame(rows).astype(float).mean()
    for epoch in (1, 3, 9):
        table[f"rank of the later winner after {epoch}"] = ranks[epoch]
    return table


def record_search():
    """Write ``sixty_trials.csv``: the search of the notebook, as it logs it."""
    loans = world.World().applications(("2025-01", "2025-06"), n=3_000)
    loans = loans.sample(frac=1, random_state=0)
    train, valid = loans[:2_000], loans[8_000:8_500]
    scale = features().fit(train)
    text = pd.concat([train, valid]).to_csv(index=False, lineterminator="\n")
    rows = []
    for i, one in enumerate(ParameterSampler(SPACE, TRIALS, random_state=1)):
        model = trees(**one).fit(scale.transform(train), train["defaulted"])
        p = model.predict_proba(scale.transform(valid))[:, 1]
        area = round(roc_auc_score(valid["defaulted"], p), 6)
        rows.append({"trial": f"trial {i + 1}", **one, "seed": 0, "search_seed": 1, "auc": area})
    data = hashlib.sha256(text.encode()).hexdigest()[:12]
    frame = pd.DataFrame(rows).assign(data=data)
    frame.to_csv(tracking.TRIALS, index=False, lineterminator="\n")


def record_store(target=tracking.EMPTY):
    """Write ``empty_store.zip`` for the installed MLflow, and print its revision."""
    import mlflow

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mlflow.db")
        mlflow.MlflowClient(f"sqlite:///{path.as_posix()}").search_experiments()  # makes it
        with closing(sqlite3.connect(path)) as store:
            store.execute("update experiments set artifact_location = 'mlruns/0'")
            store.execute("update experiments set creation_time = 0, last_update_time = 0")
            store.commit()
            store.execute("vacuum")
        name = zipfile.ZipInfo("mlflow.db", (2026, 1, 1, 0, 0, 0))
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr(name, path.read_bytes(), zipfile.ZIP_DEFLATED, 9)
    print("tracking.EMPTY_REVISION is", tracking._revision())


def main(seeds=(1, 2, 3, 4, 5), *, record=False):
    """Print the tables, and write what the lesson reads if that is asked for."""
    pd.set_option("display.width", 150)
    recorded = {2025: networks()}
    if record:
        record_search()
        recorded = {seed: train_networks(seed) for seed in (2025, 1, 2, 3, 4)}
        text = recorded[2025].to_csv(lineterminator="\n")
        (Path(lesson_3_1.__file__).parent / "networks.csv").write_text(text)
    found = {trials: [], optimism: [], otherwise: []}
    for seed in seeds:
        search = Search(seed)
        for table, tables in found.items():
            tables.append(table(search))
    for table, tables in found.items():
        every = pd.concat(tables).groupby(level=0, sort=False)
        ends = {"mean": every.mean(), "lowest": every.min(), "highest": every.max()}
        print(f"\n{table.__name__}\n{pd.concat(ends, axis=1).round(3).to_string()}", flush=True)
    table = pd.DataFrame({seed: tuners(curves) for seed, curves in recorded.items()})
    print(f"\ntuners\n{table.round(4).to_string()}")


if __name__ == "__main__":
    if "--store" in sys.argv:
        record_store()
    else:
        with threadpool_limits(1):
            main(record="--record" in sys.argv)
