"""Incidents: what goes wrong with the data, or changes in the world, on a known date."""
# ruff: noqa: D401 (the docstring of a change is its cause, as an incident report puts it)

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.base import checks
from helpers.world.truth import applicants, check_as_made, default_probability

Change = Callable[[pd.DataFrame, float, np.random.Generator], pd.DataFrame]


@dataclass(frozen=True)
class Incident:
    """Something that goes wrong, or changes, on a known date for a known reason.

    Attributes
    ----------
    name : str
        Its name in ``incidents``.
    kind : str
        ``"fault"`` (the file is wrong, the world is not), ``"skew"`` (serving computes a feature
        differently from training), ``"covariate drift"`` (other people apply) or ``"concept
        drift"`` (the same people default for other reasons).
    onset : str
        First day, as ``"2026-03-01"``.
    columns : tuple of str
        The columns in which it shows.
    cause : str
        What happened, as in an incident report.
    strength : float
        Default strength, from 0 to 1: a share of the rows that can be touched or, for the
        recession, of its full effect.
    change : callable
        ``change(frame, strength, rng)`` returns the frame, which it may change, after the incident.
    """

    name: str
    kind: str
    onset: str
    columns: tuple[str, ...]
    cause: str
    strength: float
    change: Change

    @property
    def changes_world(self) -> bool:
        """Whether it changes the world itself and not only the data that arrive."""
        return self.kind in ("covariate drift", "concept drift")

    def acts_in(self, month: pd.Period) -> bool:
        """Whether it has begun by the end of a month."""
        return month.end_time >= pd.Timestamp(self.onset)

    def apply(
        self, frame: pd.DataFrame, *, strength: float | None = None, seed: int = 0
    ) -> pd.DataFrame:
        """Return what arrives when this incident acts on a frame.

        Parameters
        ----------
        frame : pandas.DataFrame
            Applications; it is not changed. Apply several incidents one after the other, in the
            order in which things happen: the campaign (who comes), the recession (who defaults),
            then faults (what arrives).
        strength : float, optional
            From 0 (nothing happens) to 1; by default ``self.strength``. With the same seed, the
            rows that a weaker incident touches are among those that a stronger one touches.
        seed : int, default 0
            Chooses the rows.

        Returns
        -------
        pandas.DataFrame
            A new frame. Rows keep their ``application_id``, so the truth can be looked up. Where
            the world itself changes, ``defaulted`` (if present) changes with it.

        Raises
        ------
        ValueError
            If ``strength`` is not from 0 to 1, the frame lacks a column that this incident touches,
            or the world is to change after a fault.

        Examples
        --------
        >>> from helpers.world import World
        >>> frame = World().applications("2026-03", n=100)
        >>> wrong = incidents["monthly income"].apply(frame, strength=1)
        >>> bool(wrong["income"].min() < frame["income"].min())
        True
        """
        strength = self.strength if strength is None else checks.share("strength", strength)
        lacking = [name for name in self.columns if name not in frame]
        if lacking:
            raise ValueError(f"frame lacks {lacking}, which {self.name!r} touches")
        if self.changes_world:
            check_as_made(frame)
        # Each incident has its own stream, so that two incidents choose their rows independently.
        rng = np.random.default_rng([seed, *self.name.encode()])
        return self.change(frame.copy(), strength, rng)


incidents: dict[str, Incident] = {}


def _incident(
    name: str, kind: str, onset: str, columns: tuple[str, ...], strength: float
) -> Callable[[Change], Change]:
    """Add the function that follows to ``incidents``; its docstring is the cause."""

    def add(change: Change) -> Change:
        cause = change.__doc__ or ""
        incidents[name] = Incident(name, kind, onset, columns, cause, strength, change)
        return change

    return add


def _some(
    frame: pd.DataFrame, strength: float, rng: np.random.Generator, where: pd.Series | bool = True
) -> np.ndarray:
    """Choose a share of the rows where a condition holds; a larger share includes a smaller one."""
    return np.asarray(where) & (rng.random(len(frame)) < strength)


@_incident("monthly income", "fault", "2026-03-01", ("income", "channel"), 1.0)
def _monthly_income(frame: pd.DataFrame, strength: float, rng: np.random.Generator) -> pd.DataFrame:
    """The partner's new export sends income per month; everybody else's is per year."""
    rows = _some(frame, strength, rng, frame["channel"] == "partner")
    monthly = np.round(frame["income"] / 12).astype(frame["income"].dtype)
    frame["income"] = frame["income"].where(~rows, monthly)
    return frame


@_incident("missing history", "fault", "2026-04-01", ("credit_history_years",), 0.4)
def _missing(frame: pd.DataFrame, strength: float, rng: np.random.Generator) -> pd.DataFrame:
    """A credit bureau's interface times out; the field stays empty."""
    frame.loc[_some(frame, strength, rng), "credit_history_years"] = np.nan
    return frame


@_incident("term as text", "fault", "2026-05-01", ("term_months",), 0.3)
def _text(frame: pd.DataFrame, strength: float, rng: np.random.Generator) -> pd.DataFrame:
    """A spreadsheet on the way writes '36 months' where 36 stood."""
    rows = _some(frame, strength, rng)
    term = frame["term_months"].astype(object)
    frame["term_months"] = term.where(~rows, term.astype(str) + " months")
    return frame


@_incident("impossible age", "fault", "2026-05-01", ("age",), 0.02)
def _out_of_range(frame: pd.DataFrame, strength: float, rng: np.random.Generator) -> pd.DataFrame:
    """A form lets people go on without a birthday and sends 999."""
    frame.loc[_some(frame, strength, rng), "age"] = 999
    return frame


@_incident("sent twice", "fault", "2026-05-01", ("application_id",), 0.05)
def _duplicates(frame: pd.DataFrame, strength: float, rng: np.random.Generator) -> pd.DataFrame:
    """After a time-out the sender sends part of the file again."""
    again = frame[_some(frame, strength, rng)]
    return pd.concat([frame, again], ignore_index=True)


@_incident("new purpose", "fault", "2026-06-01", ("purpose",), 0.5)
def _new_category(frame: pd.DataFrame, strength: float, rng: np.random.Generator) -> pd.DataFrame:
    """Sales offers loans for heat pumps, and nobody tells the model's owners."""
    rows = _some(frame, strength, rng, frame["purpose"] == "home improvement")
    frame.loc[rows, "purpose"] = "heat pump"
    return frame


@_incident("utilization in percent", "skew", "2026-07-01", ("utilization",), 1.0)
def _percent(frame: pd.DataFrame, strength: float, rng: np.random.Generator) -> pd.DataFrame:
    """The new serving code computes the used share of credit lines in percent."""
    rows = _some(frame, strength, rng, frame["utilization"].notna())
    frame.loc[rows, "utilization"] = np.round(100 * frame.loc[rows, "utilization"], 1)
    return frame


@_incident("campaign", "covariate drift", "2026-08-01", ("age", "channel"), 0.5)
def _campaign(frame: pd.DataFrame, strength: float, rng: np.random.Generator) -> pd.DataFrame:
    """An advertisement brings many young people who apply online."""
    rows = _some(frame, strength, rng)
    newcomers = applicants(rng, len(frame), campaign=True)
    for name in newcomers.columns:
        frame[name] = frame[name].where(~rows, newcomers[name].astype(frame[name].dtype))
    if "defaulted" in frame:
        drawn = rng.random(len(frame)) < default_probability(frame)
        frame["defaulted"] = np.where(rows, drawn, frame["defaulted"]).astype(np.int64)
    return frame


@_incident("recession", "concept drift", "2026-10-01", ("employment",), 1.0)
def _recession(frame: pd.DataFrame, strength: float, rng: np.random.Generator) -> pd.DataFrame:
    """Work becomes insecure: the self-employed and the indebted default more often."""
    if "defaulted" in frame:
        calm, bad = (default_probability(frame, recession) for recession in (0, strength))
        # All who default in calm times still do; others make up the rest of the probability.
        more = rng.random(len(frame)) < (bad - calm) / (1 - calm)
        frame["defaulted"] = np.where(more, 1, frame["defaulted"]).astype(np.int64)
    return frame


# The files in ``data/loans/incoming/``: applications drawn for the month, the channel that sends
# the file (or None for all), and its incidents.
INCOMING: dict[str, tuple[int, str | None, tuple[str, ...]]] = {
    "2026-02_partner.csv": (10_000, "partner", ()),
    "2026-03_partner.csv": (10_000, "partner", ("monthly income",)),
    "2026-04_all.csv": (2_000, None, ("missing history",)),
    "2026-05_all.csv": (2_000, None, ("term as text", "impossible age", "sent twice")),
    "2026-06_all.csv": (2_000, None, ("new purpose",)),
    "2026-08_all.csv": (2_000, None, ("campaign",)),
}
