"""A training night on one machine or several: what a step waits for, its time and its price."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from helpers.base import style
from helpers.course.views import Explorer, View, subplots

STEPS, EPOCHS = 61_700, 10  # of 512 rows: 6 hours on one machine that waits for every batch
READ_MS, COMPUTE_MS, FIXED_MS = 290.0, 56.0, 4.0  # a batch of 512 rows, and what any step costs
SERVER = 4  # files that the file server gives at once without being slower
MEGABYTES, MB_PER_MS = 4.4, 0.1  # the gradient, and the network
DATA_GB, MEMORY_GB = 40, 16
NOISE_ROWS = 8_192  # gradient noise scale: above it more rows in a step hardly replace steps
SLOW, SLOWER = 0.06, 2.5  # share of the machines that are slow tonight, and by which factor
START_MINUTES, EURO_PER_HOUR = 3.0, 0.60


class Plan(NamedTuple):
    """How a night is run."""

    workers: int = 1  # machines that share each batch
    batch: int = 512  # rows in a step, of all workers together
    reads: int = 1  # files read at once
    prefetch: bool = False  # read during the step before
    cache: bool = False  # keep the rows in memory after the first epoch
    spares: int = 0  # workers that a step does not wait for; it loses their rows

    def fault(self) -> str:
        """Return why the plan cannot be run, or nothing."""
        if self.cache and self.workers * MEMORY_GB < DATA_GB:
            has = f"{self.workers} x {MEMORY_GB}"
            return f"cache: {DATA_GB} GB do not fit into the memory of {has} GB."
        if self.spares >= self.workers:
            return f"spares: of {self.workers} workers a step has to wait for at least one."
        return ""


def steps(plan: Plan) -> float:
    """Return the number of steps that reach the same model.

    Source: McCandlish and others (2018), "An empirical model of large-batch training".
    """
    rows = plan.batch * (plan.workers - plan.spares) / plan.workers
    return STEPS * 512 / rows * (1 + rows / NOISE_ROWS) / (1 + 512 / NOISE_ROWS)


def step(plan: Plan, slow: Any = 1.0) -> tuple[float, np.ndarray, float]:
    """Return ms of reading (first epoch), of computing for each worker, and of the exchange."""
    size = plan.batch / 512
    compute = (FIXED_MS + COMPUTE_MS * size / plan.workers) * np.ones(plan.workers) * slow
    around = 2 * (plan.workers - 1) / plan.workers  # of a ring: each part goes round twice
    return READ_MS * size / min(plan.reads, SERVER), compute, around * MEGABYTES / MB_PER_MS


def minutes(plan: Plan, nights: int = 200, seed: int = 0) -> np.ndarray:
    """Return how long each of some nights takes; machines are slow at random."""
    read, compute, exchange = step(plan, _luck(nights, seed)[:, :, : plan.workers])
    busy = np.sort(compute, axis=-1)[..., -1 - plan.spares] + exchange
    wait = _wait(plan, read, busy) * (1 / EPOCHS if plan.cache else 1)
    return START_MINUTES + steps(plan) * (busy + wait).mean(axis=1) / 60_000


def euro(plan: Plan, night: np.ndarray) -> float:
    """Return the mean price of nights of so many minutes."""
    return float(plan.workers * EURO_PER_HOUR * np.mean(night) / 60)


def _wait(plan: Plan, read: float, busy: Any) -> Any:
    return np.maximum(0.0, read - busy) if plan.prefetch else read


@cache
def _luck(nights: int, seed: int) -> np.ndarray:
    """Return a factor for the computing of each night, step and worker."""
    rng = np.random.default_rng([seed, 33])
    slow = np.where(rng.random((nights, 1, 12)) < SLOW, SLOWER, 1.0)
    return slow * np.exp(0.1 * rng.standard_normal((nights, 40, 12)))


class NightLab(Explorer):
    """Plan a night: one step of every worker, and what the night takes and costs."""

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        wide = {"style": {"description_width": "90px"}, "layout": w.Layout(width="330px")}
        box = {"indent": False, "layout": w.Layout(width="220px")}
        sizes = [512, 1_024, 2_048, 4_096, 8_192]
        narrow = {"description_width": "90px", "button_width": "60px"}
        return {
            "workers": w.IntSlider(value=2, min=1, max=10, description="workers", **wide),
            "batch": w.SelectionSlider(value=512, options=sizes, description="batch", **wide),
            "reads": w.ToggleButtons(
                value=1, options=[1, 2, 4], description="reads at once", style=narrow
            ),
            "spares": w.IntSlider(value=0, max=3, description="spares", **wide),
            "prefetch": w.Checkbox(value=False, description="prefetch", **box),
            "cache": w.Checkbox(value=False, description="cache after epoch 1", **box),
        }

    def describe(self, **state: Any) -> str:
        plan = Plan(**state)
        if fault := plan.fault():
            raise ValueError(fault)
        (read, compute, exchange), night = step(plan), minutes(plan)
        wait = 0.0 if plan.cache else _wait(plan, read, compute[0] + exchange)
        parts = {"waiting for data": wait, "computing": compute[0], "exchange": exchange}
        return (
            f"Step of {plan.batch:,} rows: read {read:.0f} ms{'; later 0' if plan.cache else ''}, "
            f"compute {compute[0]:.0f}, exchange {exchange:.0f}; {steps(plan):,.0f} steps. Most of "
            f"a step is {max(parts, key=parts.get)}. Nights: median {_clock(np.median(night))}, 95 "
            f"of 100 within {_clock(np.percentile(night, 95))}, {euro(plan, night):.2f} euro."
        )

    def plot(self, ax: Any = None, **state: Any) -> Any:
        plan = Plan(**state)
        ax, at = subplots(ax, (7.4, 3.4)), np.arange(plan.workers)
        bad = plan.workers > 1
        read, compute, exchange = step(plan, np.where(bad & (at == at[-1]), SLOWER, 1.0))
        until = np.sort(compute)[-1 - plan.spares]
        wait = 0.0 if plan.cache else float(_wait(plan, read, until + exchange))
        done, left = np.minimum(compute, until), np.zeros(plan.workers)
        for name, width, colour in (
            ("waits for data", wait, style.ORANGE),
            ("computes", done, style.BLUE),
            ("waits for the slowest", until - done, style.GREY),
            ("exchanges gradients", exchange, style.GREEN),
        ):
            ax.barh(at, width, left=left, color=colour, label=name)
            left = left + width
        names = [f"worker {i + 1}" for i in at]
        ax.set_yticks(at, [*names[:-1], names[-1] + "\n(slow)"] if bad else names)
        ax.invert_yaxis()
        ax.set(xlabel="ms of one step" + (", after the first epoch" if plan.cache else ""))
        ax.grid(axis="y", visible=False)
        ax.figure.legend(loc="outside lower center", ncols=4, fontsize=9)
        return ax

    def layout(self, view: View) -> list[Any]:
        import ipywidgets as w

        rows = w.HBox(list(view.controls.values()), layout=w.Layout(flex_flow="row wrap"))
        return [rows, view.screen, view.words]


def _clock(length: float) -> str:
    return f"{round(length) // 60} h {round(length) % 60:02}"
