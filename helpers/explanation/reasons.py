"""From attributions to the principal reasons that a refused applicant is owed."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import shap

TIE = 0.02  # contributions nearer than this share of the largest are equal for a reader


@dataclass(frozen=True)
class Phrase:
    """How to speak of a feature.

    Attributes
    ----------
    adverse : str or callable
        What to say when the feature counted against the applicant; ``{value}`` stands for its
        value. A callable is given the value: the same feature may err in two directions.
    changeable : bool, default True
        Whether the applicant can do something about it within a year.
    lawful : bool, default True
        Whether it may be a reason at all.
    """

    adverse: str | Callable[[Any], str]
    changeable: bool = True
    lawful: bool = True

    def said(self, value: Any) -> str:
        """Say it about a value."""
        if callable(self.adverse):
            return self.adverse(value)
        return self.adverse.format(value=_plain(value))


HARBOR_CREDIT = {
    "age": Phrase("Length of your working life so far", changeable=False),
    "sex": Phrase("Sex", changeable=False, lawful=False),
    "region": Phrase("Place of residence: {value}", changeable=False),
    "employment": Phrase("Kind of employment: {value}"),
    "income": Phrase("Income too low for the amount requested ({value} euro a year)"),
    "years_employed": Phrase("Length of employment: {value} years", changeable=False),
    "purpose": Phrase("Purpose of the loan: {value}"),
    "amount": Phrase("Amount requested: {value} euro"),
    "term_months": Phrase("Term requested: {value} months"),
    "utilization": Phrase(
        lambda value: (
            "Use of your credit lines is not known"
            if pd.isna(value)
            else f"Share of your credit lines in use: {value:.0%}"
        )
    ),
    "late_payments": Phrase("Late payments on record in the last two years: {value}"),
    "credit_history_years": Phrase("Length of credit history: {value} years", changeable=False),
    "channel": Phrase("How the application reached us: {value}"),
}


@dataclass(frozen=True, repr=False)
class Reasons:
    """Principal reasons of one adverse decision; made by :func:`reason_codes`.

    Attributes
    ----------
    table : pandas.DataFrame
        The reasons, strongest first: ``feature``, ``value``, ``contribution`` (how
        much of the output it counted against, positive), ``share`` (of all that counted against),
        ``reason`` (in words), ``changeable``, ``lawful``.
    notes : list of str
        What a person must know before the letter goes out: an unlawful reason, a tie at the cut.
    """

    table: pd.DataFrame
    notes: list[str]

    @property
    def may_be_sent(self) -> bool:
        """Whether no reason is unlawful."""
        return bool(self.table["lawful"].all())

    def letter(self) -> str:
        """Write the reasons as a letter states them.

        Returns
        -------
        str

        Raises
        ------
        ValueError
            If a reason may not be one: the decision must be looked at, not only its letter.
        """
        if not self.may_be_sent:
            bad = ", ".join(self.table.loc[~self.table["lawful"], "feature"])
            raise ValueError(
                f"{bad} is among the principal reasons and may not be one. Leaving it out of the "
                "letter would be false: the decision itself must be reviewed"
            )
        lines = ["The principal reasons for our decision:"]
        for i, row in enumerate(self.table.itertuples(), 1):
            fixed = "" if row.changeable else " (not something you can change soon)"
            lines.append(f"{i}. {row.reason}{fixed}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        rows = [
            f"{i}. {row.reason} ({row.share:.0%} of what counted against)"
            for i, row in enumerate(self.table.itertuples(), 1)
        ]
        return "\n".join([*rows, *(f"Note: {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        shown = self.table[["reason", "share", "changeable", "lawful"]].copy()
        shown["share"] = [f"{share:.0%}" for share in shown["share"]]
        notes = "".join(f"<p>Note: {html.escape(note)}</p>" for note in self.notes)
        return shown.to_html(index=False) + notes


def reason_codes(
    explanation: shap.Explanation,
    row: int = 0,
    k: int = 4,
    *,
    adverse: str = "low",
    phrases: Mapping[str, Phrase] = HARBOR_CREDIT,
) -> Reasons:
    """Give the principal reasons for an adverse decision, strongest first.

    Stated are the reasons that counted most, whether or not the applicant can change them and
    whether or not they are convenient: a list that leaves one out is not the principal reasons.

    Parameters
    ----------
    explanation : shap.Explanation
        Of one or more rows. Best against a background of those who were approved: the reasons then
        say what separates this applicant from them.
    row : int, default 0
        Which row.
    k : int, default 4
        How many reasons at most; more only if the last of them tie.
    adverse : str, default "low"
        ``"low"`` if a low output is bad for the applicant (a probability of repayment), ``"high"``
        if a high one is (a probability of default).
    phrases : mapping of str to Phrase, optional
        The phrase book; Harbor Credit's by default. A feature without a phrase is named as it is.

    Returns
    -------
    Reasons

    Raises
    ------
    ValueError
        If the row is not there, or nothing counted against the applicant.

    References
    ----------
    U.S. Regulation B (12 CFR 1002.9 and its official interpretation), which asks for specific
    principal reasons and finds more than four unlikely to be helpful.

    Examples
    --------
    >>> import shap
    >>> found = shap.Explanation(
    ...     np.array([[-2.0, 0.5, -0.4]]),
    ...     display_data=np.array([[3, 0.2, 9000]], dtype=object),
    ...     feature_names=["late_payments", "utilization", "amount"],
    ... )
    >>> reason_codes(found)
    1. Late payments on record in the last two years: 3 (83% of what counted against)
    2. Amount requested: 9,000 euro (17% of what counted against)
    """
    if adverse not in ("low", "high"):
        raise ValueError(f"adverse is {adverse!r}; expected 'low' or 'high'")
    if not isinstance(k, int | np.integer) or k < 1:
        raise ValueError(f"k is {k!r}; expected 1 or more reasons")
    one = explanation if len(explanation.shape) == 1 else _row(explanation, row)
    against = np.asarray(one.values, dtype=float) * (-1 if adverse == "low" else 1)
    names = list(one.feature_names)
    shown = one.data if one.display_data is None else one.display_data
    shown = [None] * len(names) if shown is None else list(shown)
    total = against[against > 0].sum()
    if not total > 0:
        raise ValueError(
            "nothing counted against this applicant; was it refused, and is adverse="
            f"{adverse!r} the right direction?"
        )
    order = [i for i in np.argsort(-against, kind="stable") if against[i] > 1e-9 * total]
    notes = []
    cut = len(order[:k])
    if len(order) > k:
        last = against[order[k - 1]]
        ties = [i for i in order[k:] if last - against[i] <= TIE * against[order[0]]]
        if ties:
            cut += len(ties)
            notes.append(
                f"{len(ties)} more than {k}: {', '.join(names[i] for i in ties)} weighed "
                "as much as the last"
            )
    rows = []
    for i in order[:cut]:
        phrase = phrases.get(names[i], Phrase(f"{names[i]}: {{value}}"))
        rows.append(
            {
                "feature": names[i],
                "value": shown[i],
                "contribution": against[i],
                "share": against[i] / total,
                "reason": phrase.said(shown[i]),
                "changeable": phrase.changeable,
                "lawful": phrase.lawful,
            }
        )
        if not phrase.lawful:
            notes.append(
                f"{names[i]} counted against the applicant and may not: stop, and review the model"
            )
    table = pd.DataFrame(rows)
    if not table["changeable"].any():
        notes.append("none of these can be changed soon: say when it makes sense to apply again")
    return Reasons(table, notes)


def _row(explanation: shap.Explanation, row: int) -> shap.Explanation:
    if not -len(explanation) <= row < len(explanation):
        raise ValueError(f"row is {row}; expected 0 to {len(explanation) - 1}")
    return explanation[row]


def _plain(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "not known"
    if isinstance(value, int | float | np.number):
        return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 100 else f"{value:.1f}"
    return str(value)
