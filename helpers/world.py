"""Harbor Credit: a simulated consumer lender whose truth is known.

Applications arrive month by month; twelve months later it is known which loans defaulted. The true
probability of default is a function in this file, so a lesson can check what real data never let
one check. Two biases are built in, as real loan books have them:

* **measurement**: in the East two credit bureaus report every late payment, so each counts twice
  in ``late_payments``. The truth depends on the payments, not on the count.
* **proxy**: for equal employment and age, women's incomes are 16 % lower. The truth depends on the
  income, not on the sex; a rule about income still refuses more women.

``python -m helpers.world data/`` writes the files below ``data/``, each time the same bytes.

Examples
--------
>>> world = World()
>>> frame = world.applications("2025-03", n=1000)
>>> probability = world.default_probability(frame, "2025-03")
>>> bool(abs(probability.mean() - frame["defaulted"].mean()) < 0.05)
True
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from helpers.base.files import whole

Months = str | tuple[str, str] | Sequence[str]


class Column(NamedTuple):
    """What one column of the loan book means."""

    type: str
    unit: str
    range: str
    meaning: str


COLUMNS: dict[str, Column] = {
    "application_id": Column("text", "", "unique", "month and number within the month"),
    "applied_at": Column("datetime", "minute", "within the month", "when the application arrived"),
    "age": Column("integer", "years", "18 to 75", "age of the applicant"),
    "sex": Column("text", "", "female, male", "sex of the applicant; not a cause of default"),
    "region": Column("text", "", "5 values", "where the applicant lives; not a cause of default"),
    "employment": Column("text", "", "6 values", "kind of employment"),
    "income": Column("integer", "euro per year", "6,000 to 400,000", "gross income"),
    "years_employed": Column(
        "number", "years", "0 to 57", "in the present employment, or retirement"
    ),
    "purpose": Column("text", "", "6 values", "what the loan is for"),
    "amount": Column("integer", "euro", "500 to 50,000", "amount applied for, in hundreds"),
    "term_months": Column("integer", "months", "12, 24, 36, 48, 60", "time to pay back"),
    "utilization": Column(
        "number",
        "share",
        "0 to 1, 2 % missing",
        "used share of the credit lines; missing: has none",
    ),
    "late_payments": Column(
        "integer", "payments", "0 to 24", "late payments in 24 months; counted twice in the East"
    ),
    "credit_history_years": Column("number", "years", "0 to 57", "age of the oldest credit"),
    "channel": Column("text", "", "4 values", "how the application came in"),
    "defaulted": Column("integer", "", "0, 1", "1: not paid back; known 12 months later"),
}

# Text columns: values, and how often each is drawn.
SEXES = {"female": 0.48, "male": 0.52}
REGIONS = {"North": 0.22, "East": 0.20, "South": 0.25, "West": 0.24, "Islands": 0.09}
PURPOSES = {
    "car": 0.25,
    "debt consolidation": 0.25,
    "home improvement": 0.20,
    "business": 0.12,
    "medical": 0.10,
    "education": 0.08,
}
CHANNELS = {"online": 0.40, "branch": 0.30, "partner": 0.18, "broker": 0.12}
# Employment depends on age: shares below 27, from 27 to 62, from 63.
EMPLOYMENTS = {
    "salaried": (0.45, 0.62, 0.15),
    "public": (0.08, 0.13, 0.04),
    "self-employed": (0.07, 0.14, 0.08),
    "part-time": (0.15, 0.10, 0.05),
    "student": (0.25, 0.01, 0.00),
    "retired": (0.00, 0.00, 0.68),
}
OVERRECORDED_REGION = "East"
INCOME_RATIO_WOMEN = 0.84
TERMS = np.array([12, 24, 36, 48, 60])

# Typical income (median, euro per year) and amount (median, euro).
_INCOME = {
    "salaried": 38_000,
    "public": 40_000,
    "self-employed": 42_000,
    "part-time": 21_000,
    "student": 13_000,
    "retired": 25_000,
}
_AMOUNT = {
    "car": 11_000,
    "debt consolidation": 9_000,
    "home improvement": 10_000,
    "business": 13_000,
    "medical": 4_000,
    "education": 6_000,
}

# The truth: what each value adds to the log-odds of default.
_EMPLOYMENT_RISK = {
    "salaried": 0.0,
    "public": -0.5,
    "self-employed": 0.35,
    "part-time": 0.4,
    "student": 0.3,
    "retired": -0.2,
}
_PURPOSE_RISK = {
    "car": -0.15,
    "debt consolidation": 0.25,
    "home improvement": -0.25,
    "business": 0.4,
    "medical": 0.15,
    "education": 0.1,
}
_CHANNEL_RISK = {"online": 0.1, "branch": -0.15, "partner": 0.1, "broker": 0.35}

# What a loan earns and costs.
MARGIN = 0.09  # interest less cost of money, per year, on what is outstanding
LOSS_GIVEN_DEFAULT = 0.60  # share of the amount that a default costs


@dataclass(frozen=True)
class World:
    """The lender's world: who applies, and who will default.

    Parameters
    ----------
    seed : int, default 2025
        Same seed, same data. Each month has a stream of its own: a month is the same whether it is
        asked for alone or in a range.
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
        if not isinstance(self.seed, int | np.integer) or self.seed < 0:
            raise ValueError(f"seed is {self.seed!r}; expected a whole number, 0 or more")
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
            If a month is not one, a list repeats one, or ``n`` is not 1 or more.
        """
        if not isinstance(n, int | np.integer) or n < 1:
            raise ValueError(f"n is {n!r}; expected a whole number of applications, 1 or more")
        frames = [self._month(period, int(n)) for period in parse_months(month)]
        return pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]

    def default_probability(self, frame: pd.DataFrame, month: str | None = None) -> np.ndarray:
        """Give the true probability of default, from which ``defaulted`` was drawn.

        Parameters
        ----------
        frame : pandas.DataFrame
            Applications as they were made. After a fault the frame no longer says what is true:
            look the true rows up by ``application_id``.
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
            a yearly income below 3,000: then a fault has been at it.
        """
        return 1 / (1 + np.exp(-self.log_odds(frame, month)))

    def log_odds(self, frame: pd.DataFrame, month: str | None = None) -> np.ndarray:
        """Give the true log-odds of default: a sum of terms of one to three features each.

        Parameters
        ----------
        frame : pandas.DataFrame
            Applications as they were made.
        month : str, optional
            As for :meth:`default_probability`.

        Returns
        -------
        numpy.ndarray of shape (len(frame),)
        """
        _check_as_made(frame)
        log_odds = sum(risk_terms(frame).values())
        if month is not None:
            _period(month)  # a slip in it is told in every world, not only where it matters
        if "recession" in self.changes:
            begun = _since(incidents["recession"].onset, frame, month)
            log_odds = log_odds + begun * sum(recession_terms(frame).values())
        return np.asarray(log_odds, dtype=float)

    def expected_profit(self, frame: pd.DataFrame, month: str | None = None) -> np.ndarray:
        """Give what each loan would earn on average, in euro, if it were granted.

        Over its term half of the amount is outstanding on average and earns ``MARGIN`` a year,
        unless the loan defaults, which costs ``LOSS_GIVEN_DEFAULT`` of the amount.

        Parameters
        ----------
        frame : pandas.DataFrame
            Applications as they were made.
        month : str, optional
            As for :meth:`default_probability`.

        Returns
        -------
        numpy.ndarray of shape (len(frame),)
            Negative for a loan that had better not be granted.
        """
        return profit(frame, self.default_probability(frame, month))

    def _month(self, period: pd.Period, n: int) -> pd.DataFrame:
        rng = np.random.default_rng([self.seed, period.year, period.month])
        frame = _applicants(rng, n)
        minutes = np.sort(rng.integers(0, period.days_in_month * 24 * 60, n))
        frame["applied_at"] = period.start_time + pd.to_timedelta(minutes, unit="min")
        month = str(period)
        frame["application_id"] = [f"{month}-{i:06d}" for i in range(1, n + 1)]
        uniform = rng.random(n)
        if "campaign" in self.changes and period.end_time >= pd.Timestamp(
            incidents["campaign"].onset
        ):
            frame = incidents["campaign"].apply(frame, seed=int(rng.integers(2**31)))
        frame["defaulted"] = (uniform < self.default_probability(frame)).astype(np.int64)
        for name in frame.select_dtypes("category"):
            frame[name] = frame[name].cat.categories.take(frame[name].cat.codes)  # plain text
        return frame[list(COLUMNS)]


def risk_terms(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Give the terms whose sum is the true log-odds of default, each named by what it depends on.

    Parameters
    ----------
    frame : pandas.DataFrame
        Applications as they were made.

    Returns
    -------
    dict of str to numpy.ndarray of shape (len(frame),)
        Neither ``sex`` nor ``region`` is among them.
    """
    age, income = (frame[name].to_numpy(dtype=float) for name in ("age", "income"))
    late = true_late_payments(frame)
    used = frame["utilization"].to_numpy(dtype=float)
    has_lines = ~np.isnan(used)
    used = np.where(has_lines, used, 0.0)
    history = frame["credit_history_years"].to_numpy(dtype=float)
    return {
        "base": np.full(len(frame), -3.05),
        "income": -0.45 * np.log(income / 35_000),
        "burden": 2.7 * np.tanh(burden(frame) / 0.25),
        "employment": _look_up(frame["employment"], _EMPLOYMENT_RISK),
        "years_employed": -0.30 * np.log1p(frame["years_employed"].to_numpy(dtype=float)),
        "purpose": _look_up(frame["purpose"], _PURPOSE_RISK),
        "channel": _look_up(frame["channel"], _CHANNEL_RISK),
        "utilization": np.where(has_lines, 2.8 * np.maximum(used - 0.35, 0), 0.35),
        "late_payments": 0.95 * np.log1p(late),
        "late and used up": 0.6 * ((late >= 2) & (used > 0.6)),
        "credit_history": -0.05 * np.minimum(history, 15),
        "age": 0.04 * np.maximum(28 - age, 0),
    }


def recession_terms(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Give what a recession adds to the log-odds: debts weigh more, work shelters less.

    Parameters
    ----------
    frame : pandas.DataFrame
        Applications as they were made.

    Returns
    -------
    dict of str to numpy.ndarray of shape (len(frame),)
    """
    insecure = {"self-employed": 1.3, "part-time": 1.0, "salaried": 0.3}
    shock = {kind: insecure.get(kind, 0.0) for kind in EMPLOYMENTS}
    return {
        "employment": _look_up(frame["employment"], shock),
        "burden": 1.5 * np.tanh(burden(frame) / 0.25),
        "years_employed": 0.15 * np.log1p(frame["years_employed"].to_numpy(dtype=float)),
    }


def burden(frame: pd.DataFrame) -> np.ndarray:
    """Give the loan's yearly instalments as a share of the yearly income."""
    amount, term, income = (
        frame[name].to_numpy(dtype=float) for name in ("amount", "term_months", "income")
    )
    return 12 * amount / term / income


def true_late_payments(frame: pd.DataFrame) -> np.ndarray:
    """Give the late payments that there were, the East's double counting undone."""
    recorded = frame["late_payments"].to_numpy()
    return np.where(frame["region"] == OVERRECORDED_REGION, recorded // 2, recorded)


def profit(frame: pd.DataFrame, probability: np.ndarray) -> np.ndarray:
    """Give the expected profit of each loan, in euro, for given probabilities of default.

    Parameters
    ----------
    frame : pandas.DataFrame
        Has ``amount`` (euro) and ``term_months``.
    probability : numpy.ndarray of shape (len(frame),)
        Probability of default: a model's, or the true one.

    Returns
    -------
    numpy.ndarray of shape (len(frame),)

    Examples
    --------
    >>> loan = pd.DataFrame({"amount": [10_000], "term_months": [24]})
    >>> float(profit(loan, np.array([0.05]))[0])
    555.0
    """
    amount = frame["amount"].to_numpy()
    interest = amount / 2 * MARGIN * frame["term_months"].to_numpy() / 12
    return (1 - probability) * interest - probability * LOSS_GIVEN_DEFAULT * amount


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
    periods = [_period(one) for one in month]
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


def _since(onset: str, frame: pd.DataFrame, month: str | None) -> np.ndarray | bool:
    if month is not None:
        return _period(month).end_time >= pd.Timestamp(onset)
    if "applied_at" not in frame:
        raise ValueError("frame lacks 'applied_at': name the month, such as month='2025-03'")
    return (frame["applied_at"] >= pd.Timestamp(onset)).to_numpy()


# What default depends on, and what an application can say. The bounds of incomes and amounts are
# wider than what is drawn, so that one may ask "and if she earned as much as he does?".
_CAUSES: dict[str, tuple[float, float] | Mapping] = {
    "age": (18, 75),
    "region": REGIONS,  # of no matter to default, but it tells how late payments were counted
    "employment": EMPLOYMENTS,
    "income": (3_000, 800_000),
    "years_employed": (0, 57),
    "purpose": PURPOSES,
    "amount": (250, 100_000),
    "term_months": (6, 120),
    "utilization": (0, 1),
    "late_payments": (0, 24),
    "credit_history_years": (0, 57),
    "channel": CHANNELS,
}


def _check_as_made(frame: pd.DataFrame) -> None:
    """Refuse to state a truth about what no application says: a fault would become the truth."""
    lacking = [name for name in _CAUSES if name not in frame]
    if lacking:
        raise ValueError(f"frame lacks {lacking}, which the truth is about")
    for name, possible in _CAUSES.items():
        column = frame[name]
        if isinstance(possible, tuple):
            expected = "{:,} to {:,}".format(*possible)
            if not pd.api.types.is_numeric_dtype(column):
                column = column.map(lambda value: np.nan if isinstance(value, str) else value)
            right = column.astype(float).between(*possible)
        else:
            expected, right = str(list(possible)), column.isin(list(possible))
        if name == "utilization":
            right |= column.isna()
        if not right.all():
            wrong = frame.loc[~right, name]
            raise ValueError(
                f"frame has {name} {str(wrong.iloc[0])!r}, in {len(wrong):,} rows not what an "
                f"application can say: {expected}. The truth is about applications as they were "
                "made, before any fault: look them up by application_id."
            )


def _look_up(column: pd.Series, values: Mapping[str, float]) -> np.ndarray:
    codes, names = pd.factorize(column)  # looks up each name once, not each row
    return np.array([values[name] for name in names])[codes]


def _draw(rng: np.random.Generator, shares: Mapping[str, float], n: int) -> pd.Categorical:
    codes = np.searchsorted(np.cumsum(list(shares.values()))[:-1], rng.random(n))
    return pd.Categorical.from_codes(codes, list(shares))


def _applicants(rng: np.random.Generator, n: int, *, campaign: bool = False) -> pd.DataFrame:
    """Draw who applies and for what; the campaign brings young people who come online.

    Text columns are categories here, which is quicker; the lender's files hold plain text.
    """
    age = 18 + np.floor(58 * rng.beta(*((1.2, 6.0) if campaign else (1.9, 2.7)), n)).astype(
        np.int64
    )
    sex = _draw(rng, SEXES, n)
    region = _draw(rng, REGIONS, n)

    band = np.digitize(age, [27, 63])
    bounds = np.cumsum([list(shares) for shares in EMPLOYMENTS.values()], axis=0)[:-1, band]
    kind = (rng.random(n) >= bounds).sum(axis=0)
    employment = pd.Categorical.from_codes(kind, list(EMPLOYMENTS))

    income = np.array(list(_INCOME.values()))[kind] * np.where(
        sex == "female", INCOME_RATIO_WOMEN, 1
    )
    experience = 0.75 + 0.25 * np.minimum((age - 18) / 20, 1)
    spread = np.where(employment == "self-employed", 0.6, 0.35)
    income = income * experience * np.exp(spread * rng.standard_normal(n))
    income = np.clip(np.round(income, -1), 6_000, 400_000).astype(np.int64)

    longest = (age - 18).astype(float)
    years_employed = np.minimum(np.round(rng.exponential(6.5, n), 1), longest)
    years_employed[employment == "student"] = 0.0
    history = np.round(longest * rng.beta(2.5, 2.0, n), 1)

    # What nobody records: how tight money is at home. It moves utilization and late payments.
    strain = rng.standard_normal(n)
    used = 1 / (1 + np.exp(-(-0.9 + 1.0 * strain + 0.8 * rng.standard_normal(n))))
    used = np.round(used, 3)
    used[rng.random(n) < 0.02] = np.nan
    late = np.minimum(rng.poisson(np.exp(-1.35 + 0.95 * strain)), 12)
    late = np.where(region == OVERRECORDED_REGION, 2 * late, late).astype(np.int64)

    shares = {**CHANNELS, "online": 0.90, "branch": 0.03, "partner": 0.05, "broker": 0.02}
    channel = _draw(rng, shares if campaign else CHANNELS, n)
    purpose = _draw(rng, PURPOSES, n)
    typical = pd.Series(purpose).map(_AMOUNT).to_numpy(float) * np.sqrt(income / 35_000)
    amount = np.exp(0.55 * rng.standard_normal(n)) * typical
    amount = np.clip(np.round(amount, -2), 500, 50_000).astype(np.int64)
    wish = np.log(amount / 8_000) / 0.8 + 0.7 * rng.standard_normal(n)
    term = TERMS[np.digitize(wish, [-1.2, -0.4, 0.5, 1.2])]

    return pd.DataFrame(
        {
            "age": age,
            "sex": sex,
            "region": region,
            "employment": employment,
            "income": income,
            "years_employed": years_employed,
            "purpose": purpose,
            "amount": amount,
            "term_months": term,
            "utilization": used,
            "late_payments": late,
            "credit_history_years": history,
            "channel": channel,
        }
    )


# What the terms of the log-odds depend on, where it is not one feature of the same name. A feature
# has the same place in every tuple, so that one mixed frame serves a coalition of each term.
_TERM_FEATURES = {
    "burden": ("income", "amount", "term_months"),
    "late_payments": ("late_payments", "region"),
    "late and used up": ("late_payments", "region", "utilization"),
    "credit_history": ("credit_history_years",),
}
_MIXED_ROWS = 200_000  # at a time, to keep memory small


def warehouse(frame: pd.DataFrame, seed: int = 5) -> pd.DataFrame:
    """Add two columns as the data warehouse holds them, a year after the applications.

    One is filled in after the decision and tells the outcome: at the time of the decision it was 0
    for everybody. Lessons use it to show what such a leak looks like.

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
        raise ValueError(
            "frame has no column 'defaulted'; expected applications with their outcome"
        )
    rng = np.random.default_rng(seed)
    contacts = rng.poisson(0.4 + 1.6 * frame["defaulted"].to_numpy())
    distance = rng.gamma(2, 4, len(frame)).round(1)
    return frame.assign(branch_km=distance, service_contacts=contacts)


def attributions(
    frame: pd.DataFrame, background: pd.DataFrame, *, recession: bool = False
) -> pd.DataFrame:
    """Give the exact Shapley values of the true log-odds: what an explanation ought to find.

    A feature that is left out takes its value from a row of the background, whatever the other
    features are, and the log-odds is averaged over the background (interventional values). The
    log-odds is a sum of terms of one to three features, so the coalitions of each term's own
    features are all there are to enumerate.

    Parameters
    ----------
    frame : pandas.DataFrame
        Applications as they were made.
    background : pandas.DataFrame
        Applications to compare with. The cost grows with ``len(frame) * len(background)``.
    recession : bool, default False
        Whether there is a recession, for the frame and the background.

    Returns
    -------
    pandas.DataFrame of shape (len(frame), 13)
        In log-odds, a column for each feature; ``sex`` is always 0. Each row sums to its log-odds
        less the mean log-odds of the background.

    Raises
    ------
    ValueError
        If one of them has no rows, or is not as applications are made.

    References
    ----------
    Lundberg and Lee (2017), "A unified approach to interpreting model predictions", NeurIPS;
    Janzing, Minorics and Blöbaum (2020), "Feature relevance quantification in explainable AI: a
    causal problem", AISTATS.

    Examples
    --------
    >>> frame = World().applications("2025-03", n=50)
    >>> found = attributions(frame, frame)
    >>> log_odds = World().log_odds(frame)
    >>> bool(np.allclose(found.sum(axis=1), log_odds - log_odds.mean()))
    True
    """
    for name, one in (("frame", frame), ("background", background)):
        if not len(one):
            raise ValueError(f"{name} has no rows; expected one application or more")
        _check_as_made(one)
    texts = {name: list(values) for name, values in _CAUSES.items() if isinstance(values, Mapping)}
    here, there = (
        one[list(_CAUSES)].astype({name: pd.CategoricalDtype(v) for name, v in texts.items()})
        for one in (frame, background)
    )
    step = max(1, _MIXED_ROWS // len(there))
    starts = range(0, len(here), step)
    parts = [_attributions(here.iloc[at : at + step], there, recession) for at in starts]
    features = [name for name in COLUMNS if name in _CAUSES or name == "sex"]
    found = {name: np.concatenate([part[name] for part in parts]) for name in _CAUSES}
    found["sex"] = np.zeros(len(here))
    return pd.DataFrame(found, index=frame.index)[features]


def _attributions(
    here: pd.DataFrame, there: pd.DataFrame, recession: bool
) -> dict[str, np.ndarray]:
    """Shapley values for a few rows: every row meets every row of the background."""
    n, m = len(here), len(there)
    ours, theirs = np.repeat(np.arange(n), m), np.tile(np.arange(m), n)
    place = dict.fromkeys(_CAUSES, 0)
    for names in _TERM_FEATURES.values():
        place |= {name: at for at, name in enumerate(names)}

    # worth[c][term]: mean of the term when the features whose place is in c are the row's own.
    worth = []
    for coalition in range(8):
        own = [name for name in _CAUSES if coalition >> place[name] & 1]
        others = [name for name in _CAUSES if name not in own]
        mixed = pd.concat(
            [
                part.reset_index(drop=True)
                for part in (here[own].iloc[ours], there[others].iloc[theirs])
            ],
            axis=1,
        )
        terms = risk_terms(mixed)
        if recession:
            terms |= {f"{name}, recession": v for name, v in recession_terms(mixed).items()}
        worth.append({name: v.reshape(n, m).mean(axis=1) for name, v in terms.items()})

    found = {name: np.zeros(n) for name in _CAUSES}
    for term in worth[0]:
        name = term.removesuffix(", recession")
        features = () if name == "base" else _TERM_FEATURES.get(name, (name,))
        bits = [1 << place[feature] for feature in features]
        for feature, bit in zip(features, bits, strict=True):
            others = [one for one in bits if one != bit]
            for size in range(len(bits)):
                weight = factorial(size) * factorial(len(bits) - size - 1) / factorial(len(bits))
                for joined in map(sum, combinations(others, size)):
                    gain = worth[joined | bit][term] - worth[joined][term]
                    found[feature] += weight * gain
    return found


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
        otherwise than training did), ``"covariate drift"`` (other people apply) or ``"concept
        drift"`` (the same people default for other reasons).
    onset : str
        First day, as ``"2026-03-01"``.
    columns : tuple of str
        The columns in which it shows.
    cause : str
        What happened, as one would write it in the incident report.
    strength : float
        How strong it is unless one says otherwise, from 0 to 1: a share of the rows that can be
        touched or, for the recession, of its full effect.
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

    def apply(
        self, frame: pd.DataFrame, *, strength: float | None = None, seed: int = 0
    ) -> pd.DataFrame:
        """Return what arrives when this incident acts on a frame.

        Parameters
        ----------
        frame : pandas.DataFrame
            Applications; it is not changed. Several incidents are applied one after the other, in
            the order in which things happen: the campaign (who comes), the recession (who
            defaults), then faults (what arrives).
        strength : float, optional
            From 0 (nothing happens) to 1; by default ``self.strength``. With the same seed, the
            rows that a weaker incident touches are among those that a stronger one touches.
        seed : int, default 0
            Chooses the rows.

        Returns
        -------
        pandas.DataFrame
            A new frame. Rows keep their ``application_id``, so the truth can be looked up. Where
            the world itself changes, ``defaulted`` (if it is there) changes with it.

        Raises
        ------
        ValueError
            If ``strength`` is not from 0 to 1, the frame lacks a column that this incident touches,
            or the world is to change after a fault.

        Examples
        --------
        >>> frame = World().applications("2026-03", n=100)
        >>> wrong = incidents["monthly income"].apply(frame, strength=1)
        >>> bool(wrong["income"].min() < frame["income"].min())
        True
        """
        strength = self.strength if strength is None else strength
        if not 0 <= strength <= 1:
            raise ValueError(f"strength is {strength!r}; expected a number from 0 to 1")
        lacking = [name for name in self.columns if name not in frame]
        if lacking:
            raise ValueError(f"frame lacks {lacking}, which {self.name!r} touches")
        if self.changes_world:
            _check_as_made(frame)
        # Each incident has a stream of its own, so that one's rows are not another's.
        rng = np.random.default_rng([seed, *self.name.encode()])
        return self.change(frame.copy(), strength, rng)


def _among(where: np.ndarray | pd.Series, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Choose a share of the rows where something holds; more strength keeps the rows of less."""
    return np.asarray(where) & (rng.random(len(where)) < strength)


def _monthly_income(frame: pd.DataFrame, strength: float, rng: np.random.Generator) -> pd.DataFrame:
    rows = _among(frame["channel"] == "partner", strength, rng)
    monthly = np.round(frame["income"] / 12).astype(frame["income"].dtype)
    frame["income"] = frame["income"].where(~rows, monthly)
    return frame


def _new_category(frame: pd.DataFrame, strength: float, rng: np.random.Generator) -> pd.DataFrame:
    rows = _among(frame["purpose"] == "home improvement", strength, rng)
    frame.loc[rows, "purpose"] = "heat pump"
    return frame


def _missing(frame: pd.DataFrame, strength: float, rng: np.random.Generator) -> pd.DataFrame:
    frame.loc[_among(np.ones(len(frame), bool), strength, rng), "credit_history_years"] = np.nan
    return frame


def _text(frame: pd.DataFrame, strength: float, rng: np.random.Generator) -> pd.DataFrame:
    rows = _among(np.ones(len(frame), bool), strength, rng)
    term = frame["term_months"].astype(object)
    frame["term_months"] = term.where(~rows, term.astype(str) + " months")
    return frame


def _out_of_range(frame: pd.DataFrame, strength: float, rng: np.random.Generator) -> pd.DataFrame:
    frame.loc[_among(np.ones(len(frame), bool), strength, rng), "age"] = 999
    return frame


def _duplicates(frame: pd.DataFrame, strength: float, rng: np.random.Generator) -> pd.DataFrame:
    again = frame[_among(np.ones(len(frame), bool), strength, rng)]
    return pd.concat([frame, again], ignore_index=True)


def _percent(frame: pd.DataFrame, strength: float, rng: np.random.Generator) -> pd.DataFrame:
    rows = _among(frame["utilization"].notna(), strength, rng)
    frame.loc[rows, "utilization"] = np.round(100 * frame.loc[rows, "utilization"], 1)
    return frame


def _campaign(frame: pd.DataFrame, strength: float, rng: np.random.Generator) -> pd.DataFrame:
    rows = _among(np.ones(len(frame), bool), strength, rng)
    newcomers = _applicants(rng, len(frame), campaign=True)
    for name in newcomers.columns:
        frame[name] = frame[name].where(~rows, newcomers[name].astype(frame[name].dtype))
    if "defaulted" in frame:
        drawn = rng.random(len(frame)) < World().default_probability(frame)
        frame["defaulted"] = np.where(rows, drawn, frame["defaulted"]).astype(np.int64)
    return frame


def _recession(frame: pd.DataFrame, strength: float, rng: np.random.Generator) -> pd.DataFrame:
    if "defaulted" in frame:
        log_odds = World().log_odds(frame)
        calm, bad = (
            1 / (1 + np.exp(-log_odds - share * sum(recession_terms(frame).values())))
            for share in (0, strength)
        )
        # Who defaults in calm times still does; the others make up the rest of the probability.
        too = rng.random(len(frame)) < (bad - calm) / (1 - calm)
        frame["defaulted"] = np.where(too, 1, frame["defaulted"]).astype(np.int64)
    return frame


incidents: dict[str, Incident] = {
    incident.name: incident
    for incident in (
        Incident(
            "monthly income",
            "fault",
            "2026-03-01",
            ("income", "channel"),
            "The partner's new export sends income per month; everybody else's is per year.",
            1.0,
            _monthly_income,
        ),
        Incident(
            "missing history",
            "fault",
            "2026-04-01",
            ("credit_history_years",),
            "A credit bureau's interface times out; the field stays empty.",
            0.4,
            _missing,
        ),
        Incident(
            "term as text",
            "fault",
            "2026-05-01",
            ("term_months",),
            "A spreadsheet on the way writes '36 months' where 36 stood.",
            0.3,
            _text,
        ),
        Incident(
            "impossible age",
            "fault",
            "2026-05-01",
            ("age",),
            "A form lets people go on without a birthday and sends 999.",
            0.02,
            _out_of_range,
        ),
        Incident(
            "sent twice",
            "fault",
            "2026-05-01",
            ("application_id",),
            "After a time-out the sender sends part of the file again.",
            0.05,
            _duplicates,
        ),
        Incident(
            "new purpose",
            "fault",
            "2026-06-01",
            ("purpose",),
            "Sales offers loans for heat pumps, and nobody tells the model's owners.",
            0.5,
            _new_category,
        ),
        Incident(
            "utilization in percent",
            "skew",
            "2026-07-01",
            ("utilization",),
            "The new serving code computes the used share of credit lines in percent.",
            1.0,
            _percent,
        ),
        Incident(
            "campaign",
            "covariate drift",
            "2026-08-01",
            ("age", "channel"),
            "An advertisement brings many young people who apply online.",
            0.5,
            _campaign,
        ),
        Incident(
            "recession",
            "concept drift",
            "2026-10-01",
            ("employment",),
            "Work becomes insecure: the self-employed and the indebted default more often.",
            1.0,
            _recession,
        ),
    )
}

# The files that wait at the door: applications drawn for the month, the channel that sends the
# file (or all of them), and the incidents that it carries.
INCOMING: dict[str, tuple[int, str | None, tuple[str, ...]]] = {
    "2026-02_partner.csv": (10_000, "partner", ()),
    "2026-03_partner.csv": (10_000, "partner", ("monthly income",)),
    "2026-04_all.csv": (2_000, None, ("missing history",)),
    "2026-05_all.csv": (2_000, None, ("term as text", "impossible age", "sent twice")),
    "2026-06_all.csv": (2_000, None, ("new purpose",)),
    "2026-08_all.csv": (2_000, None, ("campaign",)),
}


def incoming_truth(name: str) -> pd.DataFrame:
    """Give the applications behind a file in ``data/loans/incoming/`` as they were made.

    Parameters
    ----------
    name : str
        A key of ``INCOMING``, such as ``"2026-03_partner.csv"``.

    Returns
    -------
    pandas.DataFrame
        The same ``application_id`` as in the file, without its faults, and with ``defaulted``,
        which the file cannot have: it is known a year later.
    """
    if name not in INCOMING:
        raise ValueError(f"name is {name!r}; the incoming files are {list(INCOMING)}")
    n, channel, carried = INCOMING[name]
    changes = tuple(one for one in carried if incidents[one].changes_world)
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
    files = {}
    for period in parse_months(("2025-01", "2025-12")):
        files[loans / f"{period}.csv"] = World().applications(str(period))
    for name, (_, _, carried) in INCOMING.items():
        frame = incoming_truth(name).drop(columns="defaulted")
        for incident in (incidents[one] for one in carried if not incidents[one].changes_world):
            frame = incident.apply(frame)
        files[loans / "incoming" / name] = frame
    for path, frame in files.items():
        with whole(path) as temporary:
            frame.to_csv(temporary, index=False, lineterminator="\n", date_format="%Y-%m-%d %H:%M")
    return list(files)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m helpers.world FOLDER (the project's is data/)")
    for written in write(Path(sys.argv[1])):
        print(written)
