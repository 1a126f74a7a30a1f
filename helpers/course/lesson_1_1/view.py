"""What a decision is worth: the costs of right and wrong on sliders, profit and payback drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from helpers.base import style
from helpers.course.views import Canvas, MovingExplorer, subplots

MONTHS = 36
LIMITS = np.linspace(0, 0.6, 121)  # the risk above which a case is refused


class ValueCalculator(MovingExplorer):
    """Explore what a model is worth above what is done today.

    Source: Elkan (2001), "The foundations of cost-sensitive learning", IJCAI.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        1 where the bad thing happened (a default), else 0.
    risk : array-like of shape (n,)
        The model's probability of it.
    today : array-like of shape (n,)
        Whether the case is refused today: True or 1.
    gain, loss : float, default 1000 and 5000
        What a granted case that goes well brings, and one that goes badly costs (euro). A refused
        case brings and costs nothing.
    per_month : int, default 10000
        Cases in a month.
    build, run : float, default 300000 and 10000
        What the model costs once, and in a month (euro).

    Raises
    ------
    ValueError
        If the three arrays differ in length, or a value is not of its kind.

    Examples
    --------
    >>> calculator = ValueCalculator([0, 0, 1], [0.1, 0.2, 0.9], [False, True, False])
    >>> round(calculator.value(limit=0.5, gain=100, loss=500)["euro per case above today"])
    200
    """

    def __init__(
        self,
        y_true: Any,
        risk: Any,
        today: Any,
        *,
        gain: float = 1_000,
        loss: float = 5_000,
        per_month: int = 10_000,
        build: float = 300_000,
        run: float = 10_000,
    ) -> None:
        y_true, risk, today = (np.asarray(values, dtype=float) for values in (y_true, risk, today))
        n = len(y_true)
        if not n or not (y_true.shape == risk.shape == today.shape == (n,)):
            raise ValueError(
                f"y_true, risk and today have shapes {y_true.shape}, {risk.shape} and "
                f"{today.shape}; expected one value for each case, one case or more"
            )
        for name, values in (("y_true", y_true), ("today", today)):
            if not np.isin(values, (0, 1)).all():
                raise ValueError(f"{name} holds {np.unique(values)[:5]}; expected 0 and 1 only")
        if not ((risk >= 0) & (risk <= 1)).all():
            raise ValueError("risk holds a value that is not a probability; expected 0 to 1")
        self.start = {
            "gain": gain,
            "loss": loss,
            "per_month": per_month,
            "build": build,
            "run": run,
        }
        for name, number in self.start.items():
            if not (np.isfinite(number) and number >= 0):
                raise ValueError(f"{name} is {number!r}; expected a number, 0 or more")
        good, bad = np.sort(risk[y_true == 0]), np.sort(risk[y_true == 1])
        # Shares of all cases that are granted at each limit and go well, or badly.
        self._well = np.searchsorted(good, LIMITS, side="right") / n
        self._badly = np.searchsorted(bad, LIMITS, side="right") / n
        granted = today == 0
        self._today = ((granted & (y_true == 0)).mean(), (granted & (y_true == 1)).mean())
        self._all = ((y_true == 0).mean(), (y_true == 1).mean())

    def profits(self, gain: float, loss: float) -> tuple[np.ndarray, float, float]:
        """Return the profit per case (euro): at each limit, as it is today, granting all."""
        model = gain * self._well - loss * self._badly
        today, everybody = (gain * well - loss * badly for well, badly in (self._today, self._all))
        return model, float(today), float(everybody)

    def best(self, gain: float, loss: float) -> float:
        """Return the limit of highest profit.

        With probabilities that are right it is near ``gain / (gain + loss)``.
        """
        return float(LIMITS[np.argmax(self.profits(gain, loss)[0])])

    def value(
        self,
        limit: float | None = None,
        gain: float | None = None,
        loss: float | None = None,
        per_month: float | None = None,
        build: float | None = None,
        run: float | None = None,
    ) -> pd.Series:
        """Return what the model is worth above today.

        Parameters
        ----------
        limit : float, optional
            The risk above which a case is refused, 0 to 0.6 in steps of 0.005; by default the best.
        gain, loss, per_month, build, run : float, optional
            As for the class, which has the defaults.

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

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        def slider(label: str, value: float, high: float, step: float, form: str) -> w.FloatSlider:
            return w.FloatSlider(
                value=value, min=0, max=max(high, value), step=step, description=label,
                readout_format=form, style={"description_width": "230px"},
                layout=w.Layout(width="600px"),
            )  # fmt: skip

        best = self.best(self.start["gain"], self.start["loss"])
        money = {
            "gain": ("gain of a good case (euro)", 5_000, 50),
            "loss": ("loss of a bad case (euro)", 20_000, 100),
            "per_month": ("cases per month", 50_000, 100),
            "build": ("cost to build (euro)", 2_000_000, 10_000),
            "run": ("cost to run per month (euro)", 200_000, 1_000),
        }
        return {"limit": slider("refuse above a risk of", best, LIMITS[-1], LIMITS[1], ".3f")} | {
            name: slider(label, self.start[name], high, step, ",.0f")
            for name, (label, high, step) in money.items()
        }

    def describe(self, **state: float) -> str:
        value = self.value(**state)
        best = self.value(**(state | {"limit": None}))
        after = value["payback (months)"]
        paid = f"paid back after {after:.1f} months" if np.isfinite(after) else "never paid back"
        return (
            f"Refused above a risk of {value['limit']:.1%}: {value['euro per case']:,.0f} euro per "
            f"case, today {value['euro per case today']:,.0f}. A year brings "
            f"{value['euro per year above today'] / 1e6:,.2f} million euro above today, "
            f"{value['euro per year, costs paid'] / 1e6:,.2f} when its running is paid; {paid}. "
            f"The best limit is {best['limit']:.1%}."
        )

    def still(self, ax: Any = None) -> Canvas:
        axes = curve, sums = subplots(ax, (7.6, 3.4), ncols=2)
        (model,) = curve.plot([], [], color=style.BLUE, label="model")
        (today,) = curve.plot([], [], color=style.ORANGE, ls="--", label="today")
        (everybody,) = curve.plot([], [], color=style.GREY, ls=":", label="grant all")
        (point,) = curve.plot([], [], "o", color=style.RED, ms=9)
        curve.set(xlim=(0, LIMITS[-1]), ylim=(-0.5, 1.05), yticks=[-0.5, 0, 0.5, 1])
        curve.set(xlabel="refuse above a risk of", ylabel="profit per case (share of the gain)")
        curve.legend(loc="lower right", ncols=3, columnspacing=1, handlelength=1.5)
        sums.axhline(0, color=style.BLACK, lw=1)
        (total,) = sums.plot([], [], color=style.GREEN)
        after = sums.axvline(-1, color=style.RED, lw=1, ls=":")
        name = sums.text(0, 0.05, "", transform=sums.get_xaxis_transform(), size=9)
        sums.set(xlim=(0, MONTHS), ylim=(-2, 8), xlabel="months after the launch")
        sums.set(ylabel="above today, costs paid (million euro)")
        return Canvas(
            axes, model=model, today=today, everybody=everybody, point=point, total=total,
            after=after, name=name,
        )  # fmt: skip

    def move(self, canvas: Canvas, **state: float) -> None:
        names = ("gain", "loss", "build", "run", "per_month")
        gain, loss, build, run, per_month = self._filled(
            **{name: state.get(name) for name in names}
        )
        value = self.value(**state)
        model, today, everybody = self.profits(gain, loss)
        unit = gain or 1.0
        canvas.model.set_data(LIMITS, model / unit)
        canvas.today.set_data([0, 1], [today / unit] * 2)
        canvas.everybody.set_data([0, 1], [everybody / unit] * 2)
        canvas.point.set_data([value["limit"]], [value["euro per case"] / unit])
        months = np.arange(MONTHS + 1)
        monthly = value["euro per case above today"] * per_month - run
        canvas.total.set_data(months, (months * monthly - build) / 1e6)
        after = value["payback (months)"]
        shown = after if after <= MONTHS else -1
        canvas.after.set_xdata([shown, shown])
        canvas.name.set_x(max(shown, 1))
        later = f"paid back in month {after:.0f}" if np.isfinite(after) else "never paid back"
        canvas.name.set_text(f" paid back after {after:.1f} months" if shown >= 0 else later)

    def _filled(self, **given: float | None) -> tuple[float, ...]:
        return tuple(self.start[name] if value is None else value for name, value in given.items())
