"""What a decision is worth: the costs of right and wrong on sliders, profit and payback drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from helpers.base import style
from helpers.course.views.canvas import Canvas
from helpers.course.views.view import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MONTHS = 36
LIMITS = np.linspace(0, 0.6, 121)  # the risk above which one refuses


def value_calculator(
    y_true: Any,
    risk: Any,
    today: Any,
    *,
    gain: float = 1_000,
    loss: float = 5_000,
    per_month: int = 10_000,
    build: float = 300_000,
    run: float = 10_000,
) -> ValueCalculator:
    """Explore what a model is worth above what is done today.

    Source: Elkan (2001), "The foundations of cost-sensitive learning", IJCAI.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        1 where the bad thing happened (a default), else 0.
    risk : array-like of shape (n,)
        The model's probability of it.
    today : array-like of shape (n,)
        Whether today's way refuses: True or 1.
    gain, loss : float, default 1000 and 5000
        What a granted case that goes well brings, and one that goes badly costs (euro). A refused
        case brings and costs nothing.
    per_month : int, default 10000
        Cases in a month.
    build, run : float, default 300000 and 10000
        What the model costs once, and in a month (euro).

    Returns
    -------
    ValueCalculator
        Displays itself; ``.table()`` and ``.value()`` give its numbers.

    Raises
    ------
    ValueError
        If the three do not have the same length, or hold other values.

    Examples
    --------
    >>> calculator = value_calculator([0, 0, 1], [0.1, 0.2, 0.9], [False, True, False])
    >>> round(calculator.value(limit=0.5, gain=100, loss=500)["euro per case above today"])
    200
    """
    y_true, risk, today = (np.asarray(values, dtype=float) for values in (y_true, risk, today))
    if not len(y_true) or not (y_true.shape == risk.shape == today.shape == (len(y_true),)):
        raise ValueError(
            f"y_true, risk and today have shapes {y_true.shape}, {risk.shape} and {today.shape}; "
            "expected one value for each case, one case or more"
        )
    for name, values in (("y_true", y_true), ("today", today)):
        if not np.isin(values, (0, 1)).all():
            raise ValueError(f"{name} holds {np.unique(values)[:5]}; expected 0 and 1 only")
    if not ((risk >= 0) & (risk <= 1)).all():
        raise ValueError("risk holds a value that is no probability; expected 0 to 1")
    start = {"gain": gain, "loss": loss, "per_month": per_month, "build": build, "run": run}
    for name, number in start.items():
        if not (np.isfinite(number) and number >= 0):
            raise ValueError(f"{name} is {number!r}; expected a number, 0 or more")
    return ValueCalculator(y_true, risk, today, start)


class ValueCalculator:
    """The interactive view; made by :func:`value_calculator`.

    Parameters
    ----------
    y_true, risk, today : numpy.ndarray
        As in :func:`value_calculator`.
    start : dict of str to float
        Where the sliders begin.
    """

    def __init__(
        self, y_true: np.ndarray, risk: np.ndarray, today: np.ndarray, start: dict[str, float]
    ) -> None:
        self.start = start
        n = len(y_true)
        good, bad = np.sort(risk[y_true == 0]), np.sort(risk[y_true == 1])
        # Shares of all cases that are granted at each limit and go well, or badly.
        self._well = np.searchsorted(good, LIMITS, side="right") / n
        self._badly = np.searchsorted(bad, LIMITS, side="right") / n
        granted = today == 0
        self._today = ((granted & (y_true == 0)).mean(), (granted & (y_true == 1)).mean())
        self._all = ((y_true == 0).mean(), (y_true == 1).mean())
        self._picture: _Picture | None = None

    def profits(self, gain: float, loss: float) -> tuple[np.ndarray, float, float]:
        """Give the profit for each case: at each limit, as it is done today, granting all.

        Parameters
        ----------
        gain, loss : float
            As in :func:`value_calculator` (euro).

        Returns
        -------
        tuple of numpy.ndarray, float, float
            Euro for each case.
        """
        model = gain * self._well - loss * self._badly
        today, everybody = (gain * well - loss * badly for well, badly in (self._today, self._all))
        return model, float(today), float(everybody)

    def best(self, gain: float, loss: float) -> float:
        """Give the limit that brings most.

        Parameters
        ----------
        gain, loss : float
            As in :func:`value_calculator` (euro).

        Returns
        -------
        float
            A risk; with probabilities that are right it is near ``gain / (gain + loss)``.
        """
        return float(LIMITS[np.argmax(self.profits(gain, loss)[0])])

    def table(self, gain: float | None = None, loss: float | None = None) -> pd.DataFrame:
        """Give what several limits do.

        Parameters
        ----------
        gain, loss : float, optional
            As in :func:`value_calculator` (euro); by default where the sliders begin.

        Returns
        -------
        pandas.DataFrame
            One row for each limit: shares of all cases, and euro for each case.
        """
        gain, loss = self._filled(gain=gain, loss=loss)
        profit = self.profits(gain, loss)[0]
        at = np.arange(0, len(LIMITS), 10)
        return pd.DataFrame(
            {
                "granted": (self._well + self._badly)[at],
                "granted and bad": self._badly[at],
                "refused and good": self._all[0] - self._well[at],
                "euro per case": profit[at],
            },
            index=pd.Index(LIMITS[at].round(2), name="limit"),
        )

    def value(
        self,
        limit: float | None = None,
        gain: float | None = None,
        loss: float | None = None,
        per_month: float | None = None,
        build: float | None = None,
        run: float | None = None,
    ) -> pd.Series:
        """Give what the model is worth above today.

        Parameters
        ----------
        limit : float, optional
            The risk above which one refuses, 0 to 0.6 in steps of 0.005; by default the best.
        gain, loss, per_month, build, run : float, optional
            As in :func:`value_calculator`; by default where the sliders begin.

        Returns
        -------
        pandas.Series
            ``payback (months)`` is infinite where the running cost is not earned.
        """
        gain, loss, per_month, build, run = self._filled(
            gain=gain, loss=loss, per_month=per_month, build=build, run=run
        )
        model, today, _ = self.profits(gain, loss)
        limit = self.best(gain, loss) if limit is None else limit
        at = int(np.abs(LIMITS - limit).argmin())
        more = float(model[at]) - today
        monthly = more * per_month - run
        return pd.Series(
            {
                "limit": float(LIMITS[at]),
                "euro per case": float(model[at]),
                "euro per case today": today,
                "euro per case above today": more,
                "euro per year above today": 12 * more * per_month,
                "euro per year, costs paid": 12 * monthly,
                "payback (months)": build / monthly if monthly > 0 else np.inf,
            }
        )

    def plot(self, axes: Any = None, **state: float) -> list[Axes]:
        """Draw one state of the view.

        Parameters
        ----------
        axes : sequence of two matplotlib.axes.Axes, optional
            For the profit and the payback; made if not given.
        **state : float
            As for :meth:`value`.

        Returns
        -------
        list of two matplotlib.axes.Axes
        """
        picture = _Picture(axes)
        picture.move(self, state)
        return picture.axes

    def describe(self, **state: float) -> str:
        """Say in words what the picture shows.

        Parameters
        ----------
        **state : float
            As for :meth:`value`.
        """
        found = self.value(**state)
        best = self.value(**(state | {"limit": None}))
        after = found["payback (months)"]
        paid = f"paid back after {after:.1f} months" if np.isfinite(after) else "never paid back"
        return (
            f"Refused above a risk of {found['limit']:.1%}: {found['euro per case']:,.0f} euro per "
            f"case, today {found['euro per case today']:,.0f}. A year brings "
            f"{found['euro per year above today'] / 1e6:,.2f} million euro above today, "
            f"{found['euro per year, costs paid'] / 1e6:,.2f} when its running is paid; {paid}. "
            f"The best limit is {best['limit']:.1%}."
        )

    def _ipython_display_(self, **_: Any) -> None:
        self.view()._ipython_display_()

    def view(self) -> View:
        """Make the interactive view: six sliders, the picture and its words.

        Returns
        -------
        helpers.course.views.view.View
        """
        import ipywidgets as w

        look = {"style": {"description_width": "230px"}, "layout": w.Layout(width="600px")}
        start = self.start

        def slider(says: str, value: float, most: float, step: float) -> w.FloatSlider:
            most = max(most, value)
            return w.FloatSlider(
                value=value, min=0, max=most, step=step, description=says,
                readout_format=",.0f", **look,
            )  # fmt: skip

        best = self.best(start["gain"], start["loss"])
        limit = w.FloatSlider(
            value=best, min=0, max=LIMITS[-1], step=LIMITS[1], readout_format=".3f",
            description="refuse above a risk of", **look,
        )  # fmt: skip
        controls = {
            "limit": limit,
            "gain": slider("gain of a good case (euro)", start["gain"], 5_000, 50),
            "loss": slider("loss of a bad case (euro)", start["loss"], 20_000, 100),
            "per_month": slider("cases per month", start["per_month"], 50_000, 100),
            "build": slider("cost to build (euro)", start["build"], 2_000_000, 10_000),
            "run": slider("cost to run per month (euro)", start["run"], 200_000, 1_000),
        }
        picture, words = w.HTML(), w.HTML()
        if self._picture is None:
            self._picture = _Picture()
            self._picture.freeze()

        def redraw(_: object = None) -> None:
            state = {name: control.value for name, control in controls.items()}
            said = self.describe(**state)
            self._picture.move(self, state)
            picture.value = self._picture.canvas.html(said)
            words.value = f"<p aria-live='polite'>{said}</p>"

        for control in controls.values():
            control.observe(redraw, "value")
        redraw()
        first = self.describe(**{name: control.value for name, control in controls.items()})
        box = w.VBox([*controls.values(), picture, words])
        return View(box, self._picture.canvas.png(), first)

    def _filled(self, **given: float | None) -> tuple[float, ...]:
        return tuple(self.start[name] if one is None else one for name, one in given.items())


class _Picture:
    """Profit against the limit, and what is earned over the months; curves and scales move."""

    def __init__(self, axes: Any = None) -> None:
        if axes is None:
            from matplotlib.figure import Figure

            figure = Figure(figsize=(10.0, 3.6), layout="constrained")
            axes = figure.subplots(1, 2)
        self.axes = list(axes)
        curve, sums = self.axes
        (self.model,) = curve.plot([], [], color=style.BLUE, label="model")
        (self.today,) = curve.plot([], [], color=style.ORANGE, ls="--", label="today")
        (self.all,) = curve.plot([], [], color=style.GREY, ls=":", label="grant all")
        (self.point,) = curve.plot([], [], "o", color=style.RED, ms=9)
        curve.set(xlim=(0, LIMITS[-1]), ylim=(-0.5, 1.05), yticks=[-0.5, 0, 0.5, 1])
        curve.set(xlabel="refuse above a risk of", ylabel="profit per case (share of the gain)")
        curve.legend(loc="lower right", ncols=3)
        sums.axhline(0, color=style.BLACK, lw=1)
        (self.sum,) = sums.plot([], [], color=style.GREEN)
        self.after = sums.axvline(-1, color=style.RED, lw=1, ls=":")
        self.name = sums.text(0, 0.05, "", transform=sums.get_xaxis_transform(), size=9)
        sums.set(xlim=(0, MONTHS), ylim=(-2, 8), xlabel="months after the launch")
        sums.set(ylabel="above today, costs paid (million euro)")

    def freeze(self) -> None:
        moving = [self.model, self.today, self.all, self.point, self.sum, self.after, self.name]
        self.canvas = Canvas(self.axes[0].figure, moving)

    def move(self, calculator: ValueCalculator, state: dict[str, float]) -> None:
        gain, loss, build, run, per_month = (
            calculator.start[n] if state.get(n) is None else state[n]
            for n in ("gain", "loss", "build", "run", "per_month")
        )
        found = calculator.value(**state)
        model, today, everybody = calculator.profits(gain, loss)
        unit = gain or 1.0
        self.model.set_data(LIMITS, model / unit)
        self.today.set_data([0, 1], [today / unit] * 2)
        self.all.set_data([0, 1], [everybody / unit] * 2)
        self.point.set_data([found["limit"]], [found["euro per case"] / unit])
        months = np.arange(MONTHS + 1)
        monthly = found["euro per case above today"] * per_month - run
        self.sum.set_data(months, (months * monthly - build) / 1e6)
        after = found["payback (months)"]
        shown = after if after <= MONTHS else -1
        self.after.set_xdata([shown, shown])
        self.name.set_x(max(shown, 1))
        never = "never paid back" if not np.isfinite(after) else f"paid back in month {after:.0f}"
        self.name.set_text(f" paid back after {after:.1f} months" if shown >= 0 else never)
