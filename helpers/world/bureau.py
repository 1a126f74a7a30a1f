"""A credit bureau's statements: each value with the time it is from and the time it arrived."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.base import checks
from helpers.world.draws import Draws
from helpers.world.truth import OVERRECORDED_REGION, check_as_made, outcomes

_MONTHS = range(-6, 13)  # statements, counted from the one that the loan book holds
_DAY = 1440  # minutes
_USED = -0.9  # log-odds of the typical used share, to which it returns


def bureau_history(
    frame: pd.DataFrame, *, corrected: tuple[float, float] = (0.5, 0.03), seed: int = 2025
) -> pd.DataFrame:
    """Return a bureau's statements about each applicant, with the corrections that came later.

    Every 30 days a statement is closed (``event_time``); it arrives 1 to 25 days later, 4 on
    average (``arrival_time``). **The loan book holds the newest statement that had arrived when the
    application was made**; a newer one may have been closed already, and under way.

    When a loan goes bad, collectors go through the customer's accounts and report payments that had
    been let pass as late after all. The bureau enters them under the dates at which they were due:
    on the 5th of the next month it sends the statements of the 90 days before the application
    again, with the old ``event_time`` and one or two more late payments. A few other customers are
    corrected too, up or down. A correction therefore carries information about the outcome.

    Parameters
    ----------
    frame : pandas.DataFrame
        Applications as they were made, each once, with their outcome, ``defaulted``.
    corrected : tuple of two float, default (0.5, 0.03)
        Share of customers with corrected statements: of those who default, and of the others.
    seed : int, default 2025
        The statements about a row depend on it and on the row, and on no other row.

    Returns
    -------
    pandas.DataFrame
        In order of arrival: ``application_id``, ``event_time``, ``arrival_time``,
        ``late_payments`` (counted twice in the East) and ``utilization`` (missing where there are
        no credit lines), from half a year before the application to a year after it.

    Raises
    ------
    ValueError
        If the frame lacks a column, repeats an application or holds a value that no application
        has, or a share is not from 0 to 1.

    Examples
    --------
    >>> from helpers.world import World
    >>> frame = World().applications("2025-03", n=100)
    >>> history = bureau_history(frame).merge(frame[["application_id", "applied_at"]])
    >>> known = history[history["arrival_time"] <= history["applied_at"]]
    >>> newest = known.sort_values("event_time").groupby("application_id")["late_payments"].last()
    >>> newest.tolist() == frame["late_payments"].tolist()
    True
    """
    defaulted = outcomes(frame)
    check_as_made(frame)
    if not frame["application_id"].is_unique:
        raise ValueError("frame repeats an application_id; expected each application once")
    hit, false_alarm = (checks.share("corrected", share) for share in corrected)
    draws = Draws(frame["application_id"], seed)

    # Times are minutes since the application, whole ones, so that rounding cannot change what had
    # arrived. Where the newest statement is still under way, the loan book holds the one before.
    delay = {
        m: np.ceil(np.minimum(1 - 3 * np.log(draws(f"delay {m}")), 25) * _DAY) for m in _MONTHS
    }
    ago = np.floor(30 * _DAY * draws("closed"))
    under_way = delay[0] > ago
    delay[0], delay[1] = np.where(under_way, [delay[1], delay[0]], [delay[0], delay[1]])
    closed = {m: 30 * _DAY * (m - under_way) - ago for m in _MONTHS}
    default = (90 + 240 * draws("default")) * _DAY

    # Both values walk from statement 0 into the future, and into the past.
    unit = np.where(frame["region"] == OVERRECORDED_REGION, 2, 1)
    late = {0: frame["late_payments"].to_numpy() // unit}
    used = {0: frame["utilization"].to_numpy(dtype=float)}
    share = np.clip(used[0], 0.005, 0.995)
    odds = {0: np.log(share / (1 - share))}
    for m in [*range(1, _MONTHS.stop), *range(-1, _MONTHS.start - 1, -1)]:
        near = m - 1 if m > 0 else m + 1
        failing = defaulted & (m > 0) & (closed[m] > default - 90 * _DAY) & (closed[m] < default)
        up, down = np.where(failing, 0.9, 0.03), np.where(failing, 0, 0.12)
        chance, noise = draws(f"late {m}"), draws(f"used {m}")
        late[m] = np.clip(late[near] + (chance < up) - (chance > 1 - down), 0, 12)
        # Customers draw on their credit lines in the month before they apply, and before a default.
        rise = 0.6 * failing - 0.3 * (m == -1) + 0.42 * np.log(noise / (1 - noise))
        odds[m] = _USED + 0.8 * (odds[near] - _USED) + rise
        used[m] = np.round(1 / (1 + np.exp(-odds[m])), 3)

    def after(minutes: np.ndarray) -> pd.Series:
        times = frame["applied_at"] + pd.to_timedelta(np.round(minutes), unit="min")
        return times.astype(frame["applied_at"].dtype)

    noticed = after(np.where(defaulted, default + 30 * _DAY, (15 + 300 * draws("notice")) * _DAY))
    fifth = (noticed.dt.to_period("M") + 1).dt.start_time + pd.Timedelta(days=4)
    more = np.where(defaulted | (draws("more") < 0.5), 1, -1) * (1 + (draws("two") < 0.5))
    wrong = draws("corrected") < np.where(defaulted, hit, false_alarm)
    messages = []
    for m in _MONTHS:
        statement = pd.DataFrame(
            {
                "application_id": frame["application_id"],
                "event_time": after(closed[m]),
                "arrival_time": after(closed[m] + delay[m]),
                "late_payments": unit * late[m],
                "utilization": used[m],
            }
        )
        again = statement.assign(
            arrival_time=fifth.astype(frame["applied_at"].dtype),
            late_payments=unit * np.clip(late[m] + more, 0, 12),
        )
        sent = wrong & (closed[m] >= -90 * _DAY) & (closed[m] <= 0)
        messages += [statement, again[sent & (fifth > statement["arrival_time"])]]
    order = ["arrival_time", "application_id", "event_time"]
    return pd.concat(messages).sort_values(order, ignore_index=True)
