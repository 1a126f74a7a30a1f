"""Early signs of default: four sources that warn long before the outcome is known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from helpers.base import checks
from helpers.world.draws import Draws
from helpers.world.truth import outcomes

# How often a source warns: for loans that will default, and for those that will be paid back.
SIGNS = {
    "early_arrears": (0.55, 0.03),
    "bureau_alert": (0.45, 0.08),
    "debt_adviser": (0.25, 0.02),
    "collections_note": (0.55, 0.03),
}
SIGNS_KNOWN_AFTER = pd.Timedelta(days=120)


def early_signs(
    frame: pd.DataFrame,
    *,
    copying: float = 0.8,
    rates: Mapping[str, tuple[float, float]] | None = None,
    coverage: Mapping[str, float] | None = None,
    seed: int = 2025,
) -> pd.DataFrame:
    """Return what four sources have said about each loan 120 days after the application.

    Given the outcome, signs are independent of the features and of each other, except that the
    collections note may repeat early arrears, right or wrong. Both have the same rates, so that
    copying changes what the note adds and not how good it is.

    Parameters
    ----------
    frame : pandas.DataFrame
        Applications of any world and month, with their outcome, ``defaulted``.
    copying : float, default 0.8
        Share of the collections notes that repeat ``early_arrears``.
    rates : mapping, optional
        Other rates for some of ``SIGNS``. Whatever causes a warning at a lower rate also does so at
        a higher one.
    coverage : mapping, optional
        For some of ``SIGNS``, the share of loans about which the source has an opinion, whatever
        the outcome; by default 1. Rates refer to these loans.
    seed : int, default 2025
        A row's signs depend on it, ``application_id`` and ``defaulted``, and on no other row.

    Returns
    -------
    pandas.DataFrame
        With the frame's index. A column for each of ``SIGNS``: 1 (warns), 0 (silent, which is not
        a statement that all is well) or missing (no opinion). ``known_at``: the end of the 120
        days, when silence is known too.

    Raises
    ------
    ValueError
        If the frame lacks a column, a source is unknown, or a share is not from 0 to 1.

    Examples
    --------
    >>> from helpers.world import World
    >>> frame = World().applications("2026-10", n=10_000)
    >>> early_signs(frame)["early_arrears"].groupby(frame["defaulted"]).mean().round(2).tolist()
    [0.03, 0.54]
    """
    defaulted = outcomes(frame)
    rates, coverage = dict(rates or {}), dict(coverage or {})
    for name in [*rates, *coverage]:
        checks.one_of("source", name, SIGNS)
    draws = Draws(frame["application_id"], seed)
    signs = {}
    for name, both in (SIGNS | rates).items():
        hit, false_alarm = (checks.share(name, rate) for rate in both)
        signs[name] = (draws(name) < np.where(defaulted, hit, false_alarm)).astype(np.int64)
        if name in coverage:
            covered = draws(f"{name}: covered") < checks.share("coverage", coverage[name])
            signs[name] = np.where(covered, signs[name], np.nan)
    copied = draws("copied") < checks.share("copying", copying)
    signs["collections_note"] = np.where(copied, signs["early_arrears"], signs["collections_note"])
    return pd.DataFrame(signs, frame.index).assign(known_at=frame["applied_at"] + SIGNS_KNOWN_AFTER)
