"""The lender: applications month by month, production with an incident, and the files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.base import checks, files
from helpers.world import truth
from helpers.world.incidents import INCOMING, incidents

Months = str | tuple[str, str] | Sequence[str]


@dataclass(frozen=True)
class World:
    """The lender's world: who applies, and who will default.

    Parameters
    ----------
    seed : int, default 2025
        Same seed, same data. Each month has its own random stream: it is the same whether it is
        drawn alone or in a range.
    changes : tuple of str, default ()
        Names of the incidents that change the world itself (``"campaign"``, ``"recession"``); they
        act in every month from their onset on. Faults of the data are not changes of the world:
        apply them to a frame, as in ``incidents["monthly income"].apply(frame)``.

    Raises
    ------
    ValueError
        If ``seed`` is not a whole number, 0 or more, or ``changes`` names something else.

    Examples
    --------
    >>> World(seed=1).applications("2025-03", n=3)["age"].between(18, 75).all()
    np.True_
    """

    seed: int = 2025
    changes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        checks.whole("seed", self.seed)
        if isinstance(self.changes, str):
            raise ValueError(
                f"changes is the text {self.changes!r}; expected a tuple: ({self.changes!r},)"
            )
        possible = [name for name, incident in incidents.items() if incident.changes_world]
        for name in self.changes:
            if name not in possible:
                raise ValueError(
                    f"changes has {name!r}, which does not change the world; those that do: "
                    f"{possible}. A fault of the data is applied to a frame: incidents[name].apply."
                )

    def applications(self, month: Months, n: int = 2_000) -> pd.DataFrame:
        """Draw the applications of one or several months, in order of arrival.

        Parameters
        ----------
        month : str, tuple of two str, or list of str
            A month such as ``"2025-03"``, a range such as ``("2025-01", "2025-06")`` (both ends
            included), or a list of months.
        n : int, default 2000
            Applications in each month.

        Returns
        -------
        pandas.DataFrame
            ``n`` rows for each month with the columns that ``COLUMNS`` describes. Values are
            recorded as the lender sees them, and rounded as in its files.

        Raises
        ------
        ValueError
            If a month is invalid or repeated, or ``n`` < 1.
        """
        n = checks.whole("n", n, 1)
        frames = [self._month(period, n) for period in parse_months(month)]
        return pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]

    def default_probability(self, frame: pd.DataFrame, month: str | None = None) -> np.ndarray:
        """Return the true probability of default, from which ``defaulted`` was drawn.

        Parameters
        ----------
        frame : pandas.DataFrame
            Applications as they were made. After a fault, look the true rows up by
            ``application_id``.
        month : str, optional
            Month of the applications, such as ``"2025-03"``; by default each row's ``applied_at``.
            It matters only in a world that changes.

        Returns
        -------
        numpy.ndarray of shape (len(frame),)

        Raises
        ------
        ValueError
            If the frame lacks a cause of default, or holds a value that no application has, such as
            a yearly income below 3,000 after a fault.
        """
        return truth.default_probability(frame, self._recession(frame, month))

    def log_odds(self, frame: pd.DataFrame, month: str | None = None) -> np.ndarray:
        """Return the true log-odds of default: a sum of terms of one to three features each.

        Parameters and errors are those of :meth:`default_probability`.
        """
        return truth.log_odds(frame, self._recession(frame, month))

    def expected_profit(self, frame: pd.DataFrame, month: str | None = None) -> np.ndarray:
        """Return what each loan would earn on average, in euro, if it were granted.

        Parameters and errors are those of :meth:`default_probability`; see also
        :func:`helpers.world.profit`.
        """
        return truth.profit(frame, self.default_probability(frame, month))

    def _recession(self, frame: pd.DataFrame, month: str | None) -> np.ndarray | bool:
        """Return whether there is a recession, for each row or for all."""
        # Checked in every world, not only in a recession.
        period = None if month is None else _period(month)
        if "recession" not in self.changes:
            return False
        recession = incidents["recession"]
        if period is not None:
            return recession.acts_in(period)
        if "applied_at" not in frame:
            raise ValueError("frame lacks 'applied_at': name the month, such as month='2025-03'")
        return (frame["applied_at"] >= pd.Timestamp(recession.onset)).to_numpy()

    def _month(self, period: pd.Period, n: int) -> pd.DataFrame:
        rng = np.random.default_rng([self.seed, period.year, period.month])
        frame = truth.applicants(rng, n)
        minutes = np.sort(rng.integers(0, period.days_in_month * 24 * 60, n))
        frame["applied_at"] = period.start_time + pd.to_timedelta(minutes, unit="min")
        frame["application_id"] = [f"{period}-{i:06d}" for i in range(1, n + 1)]
        uniform = rng.random(n)
        campaign = incidents["campaign"]
        if "campaign" in self.changes and campaign.acts_in(period):
            frame = campaign.apply(frame, seed=int(rng.integers(2**31)))
        frame["defaulted"] = (uniform < self.default_probability(frame)).astype(np.int64)
        for name in frame.select_dtypes("category"):
            frame[name] = frame[name].cat.categories.take(frame[name].cat.codes)  # plain text
        return frame[list(truth.COLUMNS)]


def parse_months(month: Months) -> list[pd.Period]:
    """Read a month, a range of months or a list of months.

    Parameters
    ----------
    month : str, tuple of two str, or list of str
        As for :meth:`World.applications`.

    Returns
    -------
    list of pandas.Period

    Raises
    ------
    ValueError
        If a month is not written like ``"2025-03"``, a range runs backwards or a list repeats one.
    """
    if isinstance(month, str):
        return [_period(month)]
    if isinstance(month, tuple):
        if len(month) != 2:
            raise ValueError(f"month is {month!r}; a range has two ends: ('2025-01', '2025-06')")
        first, last = map(_period, month)
        if last < first:
            raise ValueError(f"month is {month!r}; a range ends after it begins")
        return list(pd.period_range(first, last))
    if not isinstance(month, Iterable) or not list(month):
        raise ValueError(f"month is {month!r}; expected '2025-03', a range or a list of months")
    periods = [_period(item) for item in month]
    if len(set(periods)) < len(periods):
        raise ValueError(f"month is {month!r}; expected each month once")
    return periods


def _period(month: object) -> pd.Period:
    if isinstance(month, str) and len(month) == 7:
        try:
            return pd.Period(month, freq="M")
        except ValueError:
            pass
    raise ValueError(f"month is {month!r}; expected year and month, such as '2025-03'")


def replay(
    incident: str | None = None,
    *,
    months: Months = ("2026-01", "2026-12"),
    n: int = 2_000,
    seed: int = 2025,
    strength: float | None = None,
) -> pd.DataFrame:
    """Return the applications of some months as production sees them, with or without an incident.

    Parameters
    ----------
    incident : str, optional
        A key of ``incidents``, which acts from its onset on; by default nothing happens.
    months : str, tuple of two str, or list of str
        As for :meth:`World.applications`; by default 2026, the year of the incidents.
    n : int, default 2000
        Applications in each month, before any are sent twice.
    seed : int, default 2025
        Seed of the world, and of the rows that are touched.
    strength : float, optional
        From 0 to 1; by default the incident's own.

    Returns
    -------
    pandas.DataFrame
        In order of arrival, with ``defaulted`` (which production learns twelve months later).
        Before the onset the rows are the same as without an incident.

    Raises
    ------
    ValueError
        If there is no such incident.

    Examples
    --------
    >>> year = replay("missing history", n=500)
    >>> year.groupby(year["applied_at"] >= "2026-04-01")["credit_history_years"].count().tolist()
    [1500, 2695]
    """
    world = World(seed)
    if incident is None:
        return world.applications(months, n)
    checks.one_of("incident", incident, incidents)
    event = incidents[incident]
    frames = []
    for i, month in enumerate(parse_months(months)):
        frame = world.applications(str(month), n)
        if event.acts_in(month):
            frame = event.apply(frame, strength=strength, seed=seed + i)
        frames.append(frame)
    return pd.concat(frames).sort_values("applied_at", kind="stable", ignore_index=True)


def warehouse(frame: pd.DataFrame, seed: int = 5) -> pd.DataFrame:
    """Add two columns as the data warehouse holds them, a year after the applications.

    One is filled in after the decision and reveals the outcome: at the time of the decision it was
    0 for everybody. Lessons use it to show what such a leak looks like.

    Parameters
    ----------
    frame : pandas.DataFrame
        Applications with their outcome, ``defaulted``.
    seed : int, default 5
        Chooses the values.

    Returns
    -------
    pandas.DataFrame
        The applications with ``branch_km`` and ``service_contacts``.

    Raises
    ------
    ValueError
        If ``defaulted`` is missing.

    Examples
    --------
    >>> warehouse(World().applications("2025-03", n=3)).columns[-2:].tolist()
    ['branch_km', 'service_contacts']
    """
    if "defaulted" not in frame:
        raise ValueError("frame lacks 'defaulted'; expected applications with their outcome")
    rng = np.random.default_rng(seed)
    contacts = rng.poisson(0.4 + 1.6 * frame["defaulted"].to_numpy())
    distance = rng.gamma(2, 4, len(frame)).round(1)
    return frame.assign(branch_km=distance, service_contacts=contacts)


def incoming_truth(name: str) -> pd.DataFrame:
    """Return the applications behind a file in ``data/loans/incoming/`` as they were made.

    Parameters
    ----------
    name : str
        A key of ``INCOMING``, such as ``"2026-03_partner.csv"``.

    Returns
    -------
    pandas.DataFrame
        The same ``application_id`` as in the file, without its faults, and with ``defaulted``,
        which becomes known a year later and is not in the file.
    """
    if name not in INCOMING:
        raise ValueError(f"name is {name!r}; the incoming files are {list(INCOMING)}")
    n, channel, names = INCOMING[name]
    changes = tuple(incident for incident in names if incidents[incident].changes_world)
    frame = World(changes=changes).applications(name[:7], n)
    return frame if channel is None else frame[frame["channel"] == channel].reset_index(drop=True)


def write(folder: Path) -> list[Path]:
    """Write the loan book and the incoming files.

    Parameters
    ----------
    folder : pathlib.Path
        The project's ``data/`` folder, or another; ``loans/`` is made in it.

    Returns
    -------
    list of pathlib.Path
        The files, each written under a temporary name and then renamed.
    """
    loans = folder / "loans"
    (loans / "incoming").mkdir(parents=True, exist_ok=True)
    year = parse_months(("2025-01", "2025-12"))
    frames = {loans / f"{month}.csv": World().applications(str(month)) for month in year}
    for name, (_, _, names) in INCOMING.items():
        frame = incoming_truth(name).drop(columns="defaulted")
        for incident in map(incidents.get, names):
            if not incident.changes_world:
                frame = incident.apply(frame)
        frames[loans / "incoming" / name] = frame
    for path, frame in frames.items():
        with files.whole(path) as temporary:
            frame.to_csv(temporary, index=False, lineterminator="\n", date_format="%Y-%m-%d %H:%M")
    return list(frames)
