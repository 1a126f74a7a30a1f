"""Switch sources on and off: what the labels say of each source, what is true, what it earns."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from helpers.base import style
from helpers.course.lesson_2_8 import bank as room
from helpers.course.views import Explorer, subplots

HAND = 100
LEAST = -200  # euro: lower bars are cut, and say so


class LabelLab(Explorer):
    """Choose sources, how much one of them copies, and how votes become labels.

    Parameters
    ----------
    seed : int, default 2025
        The world's seed.
    """

    def __init__(self, seed: int = 2025) -> None:
        self.bank = room.bank(seed)
        self.reference = self.bank.earned(self.bank.risk(self.bank.y))
        self.measure = cache(self._measure)

    @threadpool_limits.wrap(limits=1)  # many small fits: two threads wait for each other
    def _measure(self, sources: tuple[str, ...], copying: float, vote: str) -> dict[str, Any]:
        """Return rates and euro of a label set; `sources` are the chosen ones, in their order."""
        lender = self.bank
        at = [room.SOURCES.index(name) for name in sources]
        votes = lender.votes(copying=copying)[:, at]
        labels = lender.labels(votes, vote if len(sources) > 1 else "any")
        model = room.fit(lender.X, labels)
        known, risk = (model.predict_proba(X)[:, 1] for X in (lender.X, lender.X_test))
        draws = [np.random.default_rng(k).choice(len(known), HAND, False) for k in range(10)]
        mended = [lender.earned(room.platt(known[d], lender.y[d], risk)) for d in draws]
        return {
            "believed": labels @ votes / labels.sum(),
            "true": votes[lender.y == 1].mean(axis=0),
            "share": labels.mean(),
            "euro": lender.earned(risk),
            "with hand labels": float(np.mean(mended)),
        }

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        look = {"indent": False, "layout": w.Layout(width="140px")}
        boxes: dict[str, Any] = {
            name: w.Checkbox(True, description=name.replace("_", " "), **look)
            for name in room.SOURCES
        }
        wide = {"style": {"description_width": "90px"}}
        shares = [(f"{tenths * 10} %", tenths / 10) for tenths in range(0, 11, 2)]
        copied = {"value": 0.8, "description": "notes copied", **wide}
        boxes["copying"] = w.SelectionSlider(options=shares, **copied)
        names = ["any", "majority", "label model"]
        chosen = {"value": names[-1], "description": "labels by", **wide}
        boxes["vote"] = w.ToggleButtons(options=names, **chosen)
        boxes["vote"].style.button_width = "100px"
        return boxes

    def state(self, controls: dict[str, Any]) -> dict[str, Any]:
        sources = tuple(name for name in room.SOURCES if controls[name].value)
        return {"sources": sources, **{name: controls[name].value for name in ("copying", "vote")}}

    def describe(self, sources: tuple[str, ...], copying: float, vote: str) -> str:
        if not sources:
            labels = f"No source, no labels by {vote!r}."
            return f"{labels} True labels, at once, would earn {self.reference:.0f} euro."
        found = self.measure(sources, copying, vote)
        rates = "; ".join(
            f"{name.replace('_', ' ')} {believed:.2f} (true {true:.2f})"
            for name, believed, true in zip(sources, found["believed"], found["true"], strict=True)
        )
        way = f"Labels by {vote!r}" if len(sources) > 1 else "The source's warnings as labels"
        return (
            f"{way}: {found['share']:.0%} defaults, truly {self.bank.y.mean():.0%}. "
            f"By these labels the hit rates are {rates}. The model earns {found['euro']:.0f} euro "
            f"an application, with {HAND} hand labels {found['with hand labels']:.0f}; true "
            f"labels, if they came at once, {self.reference:.0f}."
        )

    def plot(self, sources: tuple[str, ...], copying: float, vote: str, ax: Any = None) -> Any:
        rates, money = axes = subplots(ax, (7.6, 3.2), ncols=2)
        nothing: dict[str, Any] = dict.fromkeys(("believed", "true"), ()) | {"euro": 0.0}
        found = self.measure(sources, copying, vote) if sources else nothing
        at = np.arange(len(sources))[::-1]
        rates.hlines(at, found["true"], found["believed"], color=style.GREY, lw=1.5)
        rates.plot(found["true"], at, "D", color=style.GREEN, ms=8, label="true")
        rates.plot(found["believed"], at, "o", color=style.RED, ms=8, label="by these labels")
        rates.set_yticks(at, [name.replace("_", "\n") for name in sources])
        rates.set(xlim=(0, 1.03), ylim=(-0.6, len(sources) - 0.4), title="Hit rate of each source")
        rates.legend(loc="upper center", bbox_to_anchor=(0.4, -0.1), ncols=2, columnspacing=1)
        bars = {"true labels\nat once": self.reference}
        if sources:
            with_hand = {f"+ {HAND} hand\nlabels": found["with hand labels"]}
            bars = {"these labels": found["euro"], **with_hand, **bars}
        colours = [style.RED, style.ORANGE, style.GREEN][-len(bars) :]
        money.barh(list(bars), list(bars.values()), color=colours)
        for row, euro in enumerate(bars.values()):
            cut = " (cut off)" if euro < LEAST else ""
            money.text(max(euro, 0) + 6, row, f"{euro:.0f}{cut}", va="center", size=10)
        money.set(xlim=(min(0, max(LEAST, 1.1 * found["euro"])), 420), title="Euro an application")
        money.invert_yaxis()
        return axes
