"""The truth about the lender's customers: who applies, who defaults and what a loan earns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd


class Column(NamedTuple):
    """What a column of the loan book means."""

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
PURPOSES = {"car": 0.25, "debt consolidation": 0.25, "home improvement": 0.20, "business": 0.12,
            "medical": 0.10, "education": 0.08}  # fmt: skip
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
_INCOME = {"salaried": 38_000, "public": 40_000, "self-employed": 42_000, "part-time": 21_000,
           "student": 13_000, "retired": 25_000}  # fmt: skip
_AMOUNT = {"car": 11_000, "debt consolidation": 9_000, "home improvement": 10_000,
           "business": 13_000, "medical": 4_000, "education": 6_000}  # fmt: skip

# The truth: what each value adds to the log-odds of default.
_EMPLOYMENT_RISK = {"salaried": 0.0, "public": -0.5, "self-employed": 0.35, "part-time": 0.4,
                    "student": 0.3, "retired": -0.2}  # fmt: skip
_PURPOSE_RISK = {"car": -0.15, "debt consolidation": 0.25, "home improvement": -0.25,
                 "business": 0.4, "medical": 0.15, "education": 0.1}  # fmt: skip
_CHANNEL_RISK = {"online": 0.1, "branch": -0.15, "partner": 0.1, "broker": 0.35}

# What a loan earns and costs.
MARGIN = 0.09  # interest minus cost of money, per year, on the outstanding amount
LOSS_GIVEN_DEFAULT = 0.60  # share of the amount that a default costs

# What default depends on, and the values that an application can have. The bounds of incomes and
# amounts are wider than those drawn, to allow for "and if she earned as much as he does?".
CAUSES: dict[str, tuple[float, float] | Mapping] = {
    "age": (18, 75),
    "region": REGIONS,  # no cause of default, but late payments are counted by region
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


def check_as_made(frame: pd.DataFrame) -> None:
    """Raise a ValueError if a frame holds a value that no application has, as after a fault."""
    lacking = [name for name in CAUSES if name not in frame]
    if lacking:
        raise ValueError(f"frame lacks {lacking}, which the truth is about")
    for name, possible in CAUSES.items():
        column = frame[name]
        if isinstance(possible, tuple):
            expected = "{:,} to {:,}".format(*possible)
            if not pd.api.types.is_numeric_dtype(column):
                column = column.map(lambda value: np.nan if isinstance(value, str) else value)
            valid = column.astype(float).between(*possible)
        else:
            expected, valid = str(list(possible)), column.isin(list(possible))
        if name == "utilization":
            valid |= column.isna()
        if not valid.all():
            wrong = frame.loc[~valid, name]
            raise ValueError(
                f"frame has {name} {str(wrong.iloc[0])!r}, in {len(wrong):,} rows a value that no "
                f"application has; expected {expected}. The truth is about applications as they "
                "were made, before any fault: look them up by application_id."
            )


def outcomes(frame: pd.DataFrame) -> np.ndarray:
    """Return whether each loan defaulted; raise a ValueError if the frame does not say."""
    lacking = [name for name in ("application_id", "applied_at", "defaulted") if name not in frame]
    if lacking:
        raise ValueError(f"frame lacks {lacking}; expected applications with their outcome")
    if not pd.api.types.is_datetime64_dtype(frame["applied_at"]):
        raise ValueError("applied_at holds no times; read it with parse_dates=['applied_at']")
    if not frame["defaulted"].isin([0, 1]).all():
        raise ValueError("defaulted holds values other than 0 and 1")
    return frame["defaulted"].to_numpy() == 1


def _look_up(column: pd.Series, values: Mapping[str, float]) -> np.ndarray:
    codes, names = pd.factorize(column)  # looks up each name once, not each row
    return np.array([values[name] for name in names])[codes]


def _draw(rng: np.random.Generator, shares: Mapping[str, float], n: int) -> pd.Categorical:
    codes = np.searchsorted(np.cumsum(list(shares.values()))[:-1], rng.random(n))
    return pd.Categorical.from_codes(codes, list(shares))


def applicants(rng: np.random.Generator, n: int, *, campaign: bool = False) -> pd.DataFrame:
    """Draw applicants and their loans; a campaign attracts young people, most of them online.

    Text columns are categories here, which is quicker; the lender's files hold plain text.
    """
    shape = (1.2, 6.0) if campaign else (1.9, 2.7)
    age = 18 + np.floor(58 * rng.beta(*shape, n)).astype(np.int64)
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

    # Not recorded: how tight money is at home. It drives utilization and late payments.
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
    wanted = np.log(amount / 8_000) / 0.8 + 0.7 * rng.standard_normal(n)
    term = TERMS[np.digitize(wanted, [-1.2, -0.4, 0.5, 1.2])]

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


def risk_terms(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the terms whose sum is the true log-odds of default, named by what they depend on.

    Each has a value for each row. Neither ``sex`` nor ``region`` has a term.
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
    """Return what a recession adds to the log-odds: debts weigh more, work protects less."""
    insecure = dict.fromkeys(EMPLOYMENTS, 0.0)
    insecure |= {"self-employed": 1.3, "part-time": 1.0, "salaried": 0.3}
    return {
        "employment": _look_up(frame["employment"], insecure),
        "burden": 1.5 * np.tanh(burden(frame) / 0.25),
        "years_employed": 0.15 * np.log1p(frame["years_employed"].to_numpy(dtype=float)),
    }


def log_odds(frame: pd.DataFrame, recession: float | np.ndarray = 0) -> np.ndarray:
    """Return the true log-odds of default, with a share of a recession's full effect."""
    check_as_made(frame)
    result = sum(risk_terms(frame).values())
    if np.any(recession):
        result = result + recession * sum(recession_terms(frame).values())
    return result


def default_probability(frame: pd.DataFrame, recession: float | np.ndarray = 0) -> np.ndarray:
    """Return the true probability of default, with a share of a recession's full effect."""
    return 1 / (1 + np.exp(-log_odds(frame, recession)))


def burden(frame: pd.DataFrame) -> np.ndarray:
    """Return the loan's yearly instalments as a share of the yearly income."""
    amount, term, income = (
        frame[name].to_numpy(dtype=float) for name in ("amount", "term_months", "income")
    )
    return 12 * amount / term / income


def true_late_payments(frame: pd.DataFrame) -> np.ndarray:
    """Return the number of late payments, without the East's double counting."""
    recorded = frame["late_payments"].to_numpy()
    return np.where(frame["region"] == OVERRECORDED_REGION, recorded // 2, recorded)


def profit(frame: pd.DataFrame, probability: np.ndarray) -> np.ndarray:
    """Return the expected profit of each loan, in euro, for given probabilities of default.

    Over its term half of the amount is outstanding on average and earns ``MARGIN`` a year,
    unless the loan defaults, which costs ``LOSS_GIVEN_DEFAULT`` of the amount.

    Parameters
    ----------
    frame : pandas.DataFrame
        Has ``amount`` (euro) and ``term_months``.
    probability : numpy.ndarray of shape (len(frame),)
        Probability of default: a model's, or the true one.

    Returns
    -------
    numpy.ndarray of shape (len(frame),)
        Negative for a loan that loses money.

    Examples
    --------
    >>> loan = pd.DataFrame({"amount": [10_000], "term_months": [24]})
    >>> float(profit(loan, np.array([0.05]))[0])
    555.0
    """
    amount = frame["amount"].to_numpy()
    interest = amount / 2 * MARGIN * frame["term_months"].to_numpy() / 12
    return (1 - probability) * interest - probability * LOSS_GIVEN_DEFAULT * amount
