"""Watch a roll-out: who gets the users, how fast and how well both answer, what is decided."""

from __future__ import annotations

import html
import time
from typing import Any

from helpers.base import style
from helpers.course.views import Explorer, View, subplots
from helpers.rollout import Rollout

# Of the metrics: blue and orange are the two versions, red is the limit.
_COLOURS = (style.GREEN, style.PURPLE, style.SKY, style.BLACK, style.GREY)
_SECONDS = 0.4  # between two pictures, so that drawing does not slow the roll-out down


class RolloutView(Explorer):
    """Watch a roll-out; the picture is renewed in place until it is over.

    Parameters
    ----------
    rollout : helpers.rollout.Rollout
        Before, during or after its run.
    """

    def __init__(self, rollout: Rollout) -> None:
        self.rollout = rollout

    def describe(self) -> str:
        rollout = self.rollout
        if rollout.history.empty:
            plan = ", ".join(f"{step:.0%}" for step in rollout.steps)
            return (
                f"{rollout.candidate}: {rollout.state}, with no request compared so far; a picture "
                f"comes with the first. The plan: {plan} of the users."
            )
        against = rollout.evidence.against()
        metric = max(against, key=against.get)
        return (
            f"{rollout.candidate} gets {rollout.weight:.0%} of the users: {rollout.state}. The "
            f"most evidence against it is {against[metric]:.3g} ({metric}); "
            f"{rollout.analysis.limit:g} would roll it back."
        )

    def words(self, text: str) -> str:
        return f"{super().words(text)}<pre>{html.escape(self.rollout.story())}</pre>"

    def picture(self) -> bytes:
        return b"" if self.rollout.history.empty else super().picture()

    def plot(self, ax: Any = None) -> Any:
        """Draw the roll-out so far: split, latency, errors, evidence."""
        split, latency, errors, evidence = axes = subplots(ax, (7.6, 5.6), nrows=2, ncols=2)
        rollout, history = self.rollout, self.rollout.history
        events = rollout.events[rollout.events["what"] != "counted"]
        ends = [*events["at"], *history.get("at", [])][-1:]
        shares = [*events["weight"] * 100, events["weight"].iloc[-1] * 100]
        split.step([*events["at"], *ends], shares, where="post", color=style.ORANGE, lw=2)
        split.set(ylim=(-3, 103), ylabel="users of the candidate (%)")
        split.set_title(f"{rollout.candidate}: {rollout.state}")
        for name, colour in ((rollout.stable, style.BLUE), (rollout.candidate, style.ORANGE)):
            if history.empty:
                break
            marker = {"marker": "o", "ms": 3, "lw": 1.5, "color": colour, "label": name}
            latency.plot(history["at"], history[f"p50_ms {name}"], **marker)
            latency.plot(history["at"], history[f"p95_ms {name}"], ls=":", lw=1.5, color=colour)
            errors.plot(history["at"], 100 * history[f"errors {name}"], **marker)
        latency.set(ylabel="latency (ms)", title="latency: p50 (line), p95 (dots)")
        latency.set_ylim(bottom=0)
        errors.set(ylabel="errors (% of the batch)", title="requests that failed", ylim=(-3, 103))
        limit = rollout.analysis.limit
        for i, metric in enumerate(rollout.evidence.against() if len(history) else ()):
            colour = _COLOURS[i % len(_COLOURS)]
            shown = history[metric].clip(0.1, 100 * limit)  # also when it is off the scale
            evidence.plot(history["at"], shown, color=colour, lw=1.5, label=metric)
        evidence.axhline(limit, color=style.RED, ls="--", lw=1.5)
        look = {"color": style.RED, "va": "bottom", "size": 10}
        evidence.text(0.01, limit, " roll back", transform=evidence.get_yaxis_transform(), **look)
        evidence.set(yscale="log", ylim=(0.08, 200 * limit), ylabel="evidence against it")
        evidence.set_title("verdict on each metric")
        for each in axes:
            each.set_xlabel(rollout.clock)
        if history.empty:
            split.set_xlim(0, 1)
        else:
            latency.legend()
            lines = evidence.get_legend_handles_labels()
            evidence.figure.legend(*lines, loc="outside lower right", fontsize=9, ncols=3)
        return axes

    def connect(self, view: View) -> None:
        drawn = time.monotonic()

        def redraw() -> None:
            nonlocal drawn
            if self.rollout.state != "running" or time.monotonic() - drawn >= _SECONDS:
                view.draw()
                drawn = time.monotonic()

        self.rollout.on_change(redraw)
