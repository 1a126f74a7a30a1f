"""The surprises of lesson 3.1 over five seeds of the world: ``python -m benchmarks.lesson_3_1``."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from scipy.stats import loguniform
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import ParameterSampler
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from helpers import world

NUMBERS = ["age", "income", "years_employed", "amount", "term_months"]
NUMBERS += ["utilization", "late_payments", "credit_history_years"]
TEXTS = ["employment", "purpose", "channel"]
SPACE = {
    "learning_rate": loguniform(0.01, 0.5),
    "max_iter": [25, 50, 100, 200],
    "max_leaf_nodes": [2, 3, 4, 8, 16, 31],
    "min_samples_leaf": [5, 10, 20, 50, 100],
    "l2_regularization": loguniform(1e-3, 100),
}
TRIALS = 60


def prepare(numbers: list[str] = NUMBERS):
    """Return the columns' preparation of lesson 1.2."""
    return make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), TEXTS),
    )


def true_auc(p_true: np.ndarray, score: np.ndarray) -> float:
    """Return the AUC expected over all outcomes that the true probabilities allow."""
    n = len(score)
    label, weight = np.repeat([1, 0], n), np.concatenate([p_true, 1 - p_true])
    return roc_auc_score(label, np.tile(score, 2), sample_weight=weight)


class Search:
    """Sixty trials of boosted trees in one world, and what they are truly worth."""

    def __init__(self, seed: int, rows: int = 2_000) -> None:
        lender = world.World(seed=seed)
        pool = lender.applications(("2025-01", "2025-06"), n=4_000)
        pool = pool.sample(frac=1, random_state=seed)
        self.train, self.more = pool[:rows], pool[: 4 * rows]
        self.valid = pool[12_000:22_000]  # 10,000 rows, used from the first on
        self.test = lender.applications(("2025-07", "2025-12"), n=3_000)
        self.p_true = lender.default_probability(self.test)
        self.earns = lender.expected_profit(self.test)
        scale = prepare().fit(self.train)
        x, xv, xt = map(scale.transform, (self.train, self.valid, self.test))
        rng = np.random.RandomState(seed)
        self.configurations = list(ParameterSampler(SPACE, TRIALS, random_state=rng))
        self.on_valid, self.truth = [], []
        for one in self.configurations:
            model = HistGradientBoostingClassifier(**one, early_stopping=False, random_state=0)
            model.fit(x, self.train["defaulted"])
            self.on_valid.append(model.predict_proba(xv)[:, 1])
            self.truth.append(self.worth(model.predict_proba(xt)[:, 1]))

    def worth(self, p: np.ndarray) -> tuple[float, float]:
        """Return the true AUC and the true euro of an application."""
        granted = world.profit(self.test, p) > 0
        return true_auc(self.p_true, p), float(np.mean(self.earns * granted))

    def seen(self, n: int, start: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return AUC and euro of all trials on ``n`` validation rows."""
        rows = slice(start, start + n)
        y, frame = self.valid["defaulted"].to_numpy()[rows], self.valid[rows]
        brought = world.profit(frame, y)
        auc = [roc_auc_score(y, p[rows]) for p in self.on_valid]
        euro = [np.mean(brought * (world.profit(frame, p[rows]) > 0)) for p in self.on_valid]
        return np.array(auc), np.array(euro)

    def fitted(self, model, on: pd.DataFrame, numbers: list[str] = NUMBERS) -> tuple[float, float]:
        """Return the worth of a model on top of the preparation."""
        more = {"burden": world.burden(on)}
        pipe = make_pipeline(prepare(numbers), model).fit(on.assign(**more), on["defaulted"])
        test = self.test.assign(burden=world.burden(self.test))
        return self.worth(pipe.predict_proba(test)[:, 1])


def curve(search: Search) -> pd.DataFrame:
    """Return the best seen on 500 rows after so many trials, its truth and its euro."""
    seen, truth = search.seen(500)[0], np.array(search.truth)
    rows = {}
    for k in (1, 5, 10, 20, 60):
        best = int(np.argmax(seen[:k]))
        rows[k] = {"seen": seen[best], "true": truth[best, 0], "euro": truth[best, 1]}
    return pd.DataFrame(rows).T


def curves_by_order(search: Search, orders: int = 200) -> pd.DataFrame:
    """Return the same, averaged over orders of the trials and twenty validation samples."""
    rng, truth = np.random.default_rng(0), np.array(search.truth)
    seen = [search.seen(500, start)[0] for start in range(0, 10_000, 500)]
    rows = {}
    for k in (1, 5, 10, 20, 60):
        picks = []
        for _ in range(orders):
            order, now = rng.permutation(TRIALS)[:k], seen[rng.integers(len(seen))]
            best = order[np.argmax(now[order])]
            picks.append((now[best], *truth[best]))
        rows[k] = dict(zip(("seen", "true", "euro"), np.mean(picks, axis=0), strict=True))
    return pd.DataFrame(rows).T


def optimism(search: Search) -> pd.DataFrame:
    """Return seen minus true of the winner, by the size of the validation set."""
    truth, rows = np.array(search.truth), {}
    for n in (200, 500, 2_000, 5_000):
        gaps, euro, by_euro = [], [], []
        for start in range(0, 10_000, n):
            auc, money = search.seen(n, start)
            best = np.argmax(auc)
            gaps.append(auc[best] - truth[best, 0])
            euro.append(truth[best, 1])
            by_euro.append(truth[np.argmax(money), 1])
        rows[n] = {
            "optimism": np.mean(gaps),
            "euro of the AUC's winner": np.mean(euro),
            "euro of the euro's winner": np.mean(by_euro),
        }
    return pd.DataFrame(rows).T


def otherwise(search: Search) -> pd.DataFrame:
    """Return what else the hours buy."""
    trees = HistGradientBoostingClassifier(random_state=0)
    linear = LogisticRegression(max_iter=1_000)
    best = search.configurations[int(np.argmax(search.seen(500)[0]))]
    tuned = HistGradientBoostingClassifier(**best, early_stopping=False, random_state=0)
    with_burden = [*NUMBERS, "burden"]
    rows = {
        "trees, defaults": search.fitted(trees, search.train),
        "trees, winner of 60": search.fitted(tuned, search.train),
        "trees, defaults, 4x data": search.fitted(trees, search.more),
        "trees, winner, 4x data": search.fitted(tuned, search.more),
        "trees, winner, burden": search.fitted(tuned, search.train, with_burden),
        "linear, untuned": search.fitted(linear, search.train),
        "linear, burden": search.fitted(linear, search.train, with_burden),
        "linear, burden, 4x data": search.fitted(linear, search.more, with_burden),
        "best of 60 by the truth": tuple(np.max(search.truth, axis=0)),
        "ceiling": search.worth(search.p_true),
    }
    return pd.DataFrame(rows, index=["AUC", "euro"]).T


def main(seeds: list[int]) -> None:
    """Print the tables, seed by seed and on average."""
    pd.set_option("display.width", 150)
    tables = {curve: [], curves_by_order: [], optimism: [], otherwise: []}
    for seed in seeds:
        search = Search(seed)
        for table, found in tables.items():
            found.append(table(search))
            print(f"\n{table.__name__}, seed {seed}\n{found[-1].round(3)}", flush=True)
    for table, found in tables.items():
        every = pd.concat(found).groupby(level=0, sort=False)
        ends = {"mean": every.mean(), "lowest": every.min(), "highest": every.max()}
        print(f"\n{table.__name__}, all\n{pd.concat(ends, axis=1).round(3).to_string()}")


if __name__ == "__main__":
    main([int(one) for one in sys.argv[1:]] or [1, 2, 3, 4, 5])
