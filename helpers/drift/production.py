"""Production as it arrives: months of applications with one incident in them."""

from __future__ import annotations

import pandas as pd

from helpers.world import Months, World, incidents, parse_months


def replay(
    incident: str | None = None,
    *,
    months: Months = ("2026-01", "2026-12"),
    n: int = 2_000,
    seed: int = 2025,
    strength: float | None = None,
) -> pd.DataFrame:
    """Give the applications of some months as production sees them, an incident from its onset on.

    Parameters
    ----------
    incident : str, optional
        A key of ``helpers.world.incidents``; by default nothing happens.
    months : str, tuple of two str, or list of str
        As for ``World.applications``; the year 2026 by default, in which the incidents are.
    n : int, default 2000
        Applications in each month, before any are sent twice.
    seed : int, default 2025
        The world's seed, and that of the rows that are touched.
    strength : float, optional
        From 0 to 1; by default the incident's own.

    Returns
    -------
    pandas.DataFrame
        In order of arrival, with ``defaulted`` (which production learns twelve months later).
        Before the onset the rows are those of the calm world.

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
    if incident not in incidents:
        raise ValueError(f"incident is {incident!r}; the incidents are {list(incidents)}")
    happened = incidents[incident]
    onset = pd.Timestamp(happened.onset)
    frames = []
    for i, month in enumerate(parse_months(months)):
        frame = world.applications(str(month), n)
        if month.end_time >= onset:
            frame = happened.apply(frame, strength=strength, seed=seed + i)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True).sort_values(
        "applied_at", kind="stable", ignore_index=True
    )
