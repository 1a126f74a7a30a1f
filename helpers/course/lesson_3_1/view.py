"""A search on controls: how many trials, how many validation rows; what is seen, what is true."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from helpers.base import style
from helpers.base.stats import auc
from helpers.course.views import Explorer, subplots

ROWS = (200, 500, 1_000, 2_000, 5_000)


class SearchExplorer(Explorer):
    """Explore how the winner of a search looks, and what it is worth.

    Parameters
    ----------
    y : array-like of shape (n,)
        Labels of many validation rows, of which a search uses the first ones.
    p : array-like of shape (n,)
        Their true probabilities, by which other samples draw their labels.
    scores : array-like of shape (trials, n)
        What each trial's model says of those rows.
    truth : array-like of shape (trials,)
        The true AUC of each trial.
    """

    def __init__(self, y: ArrayLike, p: ArrayLike, scores: ArrayLike, truth: ArrayLike) -> None:
        self.y, self.p, self.scores, self.truth = map(np.asarray, (y, p, scores, truth))
        self._seen = functools.cache(self._measure)

    def _measure(self, rows: int, sample: int) -> np.ndarray:
        """Return the AUC of every trial on one sample of the validation rows."""
        if sample == 1:
            return auc(self.y[:rows], *self.scores[:, :rows])[0]
        rng = np.random.default_rng(sample)
        drawn = rng.permutation(len(self.y))[:rows]
        return auc(rng.random(rows) < self.p[drawn], *self.scores[:, drawn])[0]

    def best_so_far(self, rows: int, sample: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the best validation AUC after each trial, and the true AUC of that trial."""
        seen = self._seen(rows, sample)
        best = [int(np.argmax(seen[: k + 1])) for k in range(len(seen))]
        return seen[best], self.truth[best]

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        wide, n = {"style": {"description_width": "90px"}}, len(self.truth)
        sizes = [(f"{rows:,}", rows) for rows in ROWS if rows <= len(self.y)]
        return {
            "trials": w.IntSlider(n, 1, n, description="trials", **wide),
            "rows": w.Dropdown(options=sizes, value=500, description="rows", **wide),
            "sample": w.IntSlider(1, 1, 20, description="which rows", **wide),
        }

    def describe(self, trials: int, rows: int, sample: int) -> str:
        seen, true = (one[trials - 1] for one in self.best_so_far(rows, sample))
        best = self.truth[:trials].max()
        mood = "optimistic" if seen > true else "pessimistic"
        return (
            f"After {trials} trials on {rows:,} rows the winner shows an AUC of {seen:.3f}; its "
            f"true AUC is {true:.3f}, so the search is too {mood} by {abs(seen - true):.3f}. The "
            f"best of these trials has {best:.3f}: choosing lost {best - true:.3f}."
        )

    def plot(self, ax: Any = None, *, trials: int, rows: int, sample: int) -> Any:
        ax = subplots(ax, (7.6, 3.6))
        seen, true = (one[:trials] for one in self.best_so_far(rows, sample))
        at = np.arange(1, trials + 1)
        ax.plot(at, self._seen(rows, sample)[:trials], "o", ms=4, color=style.SKY, label="a trial")
        ax.step(at, seen, where="post", color=style.BLUE, lw=2, label="best so far, as seen")
        ax.step(at, true, where="post", color=style.RED, lw=2, label="its true AUC")
        best = np.maximum.accumulate(self.truth[:trials])
        ax.step(at, best, where="post", color=style.GREY, ls="--", label="best so far, in truth")
        ax.set(xlabel="trials", ylabel="AUC", xlim=(0.5, len(self.truth) + 0.5))
        shown = np.concatenate([self._seen(rows, sample), self.truth])
        ax.set_ylim(shown.min() - 0.01, shown.max() + 0.01)
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=4, columnspacing=1.2)
        return ax
