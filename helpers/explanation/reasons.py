"""From attributions to the principal reasons that a refused applicant must be told."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from helpers.base import checks

if TYPE_CHECKING:
    import shap

TIE = 0.02  # contributions closer than this share of the largest count as equal


@dataclass(frozen=True)
class Phrase:
    """Wording of a feature as a reason.

    Attributes
    ----------
    adverse : str or callable
        The reason if the feature counted against the applicant, with ``{value}`` for its value (to
        four digits; in a form of your own as ``{value:.2%}``); or a function of the value, since
        the same feature may count in two directions.
    changeable : bool, default True
        Whether the applicant can do something about it within a year.
    lawful : bool, default True
        Whether it may be a reason at all.
    """

    adverse: str | Callable[[Any], str]
    changeable: bool = True
    lawful: bool = True

    def reason(self, value: Any) -> str:
        """Return the reason for a value, in words."""
        if callable(self.adverse):
            return self.adverse(value)
        return self.adverse.format(value=_Value(value))


@dataclass(frozen=True, repr=False)
class Reasons:
    """Principal reasons of one adverse decision; result of :func:`reason_codes`.

    Attributes
    ----------
    notes : list of str
        What to check before the letter goes out: an unlawful reason, one without a phrase, a tie
        at the cut.
    """

    notes: list[str]
    _frame: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each reason, strongest first.

        ``feature``, ``value``, ``contribution`` (the part of the output that counted against,
        positive), ``share`` (of all that counted against), ``reason`` (in words), ``changeable``,
        ``lawful`` and ``phrased`` (the phrase book has it).
        """
        return self._frame.copy()

    @property
    def may_be_sent(self) -> bool:
        """Whether every reason has a phrase and none is unlawful."""
        return bool(self._frame["lawful"].all() and self._frame["phrased"].all())

    def letter(self) -> str:
        """Return the reasons as a letter states them.

        Raises
        ------
        ValueError
            If a reason is unlawful: then the decision must be reviewed, not only its letter. If a
            reason has no phrase: then nobody has said that it may be one.
        """
        if not self._frame["phrased"].all():
            bad = list(self._frame.loc[~self._frame["phrased"], "feature"])
            raise ValueError(
                f"phrases has none for {bad}, among the principal reasons; whether a feature may "
                f"be a reason, and in which words, must be said first: {{{bad[0]!r}: Phrase(...)}}"
            )
        if not self._frame["lawful"].all():
            bad = ", ".join(self._frame.loc[~self._frame["lawful"], "feature"])
            raise ValueError(
                f"{bad} is among the principal reasons and may not be one. Leaving it out of the "
                "letter would be false: the decision itself must be reviewed"
            )
        lines = ["The principal reasons for our decision:"]
        for i, row in enumerate(self._frame.itertuples(), 1):
            fixed = "" if row.changeable else " (not something you can change soon)"
            lines.append(f"{i}. {row.reason}{fixed}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        rows = [
            f"{i}. {row.reason} ({row.share:.0%} of what counted against)"
            for i, row in enumerate(self._frame.itertuples(), 1)
        ]
        return "\n".join([*rows, *(f"Note: {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        table = self._frame[["reason", "share", "changeable", "lawful"]]
        table = table.assign(share=[f"{share:.0%}" for share in table["share"]])
        notes = "".join(f"<p>Note: {html.escape(note)}</p>" for note in self.notes)
        return table.to_html(index=False) + notes


def reason_codes(
    explanation: shap.Explanation,
    row: int = 0,
    k: int = 4,
    *,
    adverse: str | None = None,
    phrases: Mapping[str, Phrase] | None = None,
) -> Reasons:
    """Return the principal reasons for an adverse decision, strongest first.

    These are the reasons that counted most, whether or not the applicant can change them and
    whether or not they are convenient: a list that leaves one out is not the principal reasons.

    Parameters
    ----------
    explanation : shap.Explanation
        One or more rows, best against a background of approved applicants: then the reasons say
        what separates this applicant from them.
    row : int, default 0
        Which row.
    k : int, default 4
        Maximum number of reasons; more only if the last of them tie.
    adverse : str
        Required. ``"low"`` if a low output is bad for the applicant (a probability of repayment),
        ``"high"`` if a high one is (a probability of default).
    phrases : mapping of str to Phrase
        Required. The phrase book, by feature. A feature without a phrase appears under its name,
        and there is no letter.

    Returns
    -------
    Reasons

    Raises
    ------
    ValueError
        If ``adverse`` or ``phrases`` is missing, the row does not exist, or nothing counted against
        the applicant.

    References
    ----------
    U.S. Regulation B (12 CFR 1002.9 and its official interpretation), which asks for specific
    principal reasons and finds more than four unlikely to be helpful.

    Examples
    --------
    >>> import shap
    >>> explanation = shap.Explanation(
    ...     np.array([[-2.0, 0.5, -0.4]]),
    ...     display_data=np.array([[3, 0.2, 9000]], dtype=object),
    ...     feature_names=["late_payments", "utilization", "amount"],
    ... )
    >>> book = {"late_payments": Phrase("Late payments: {value}"), "amount": Phrase("{value} euro")}
    >>> reason_codes(explanation, adverse="low", phrases=book)
    1. Late payments: 3 (83% of what counted against)
    2. 9,000 euro (17% of what counted against)
    """
    if adverse not in ("low", "high"):
        raise ValueError(
            f"adverse is {adverse!r}; expected adverse='low' if a low output is bad for the "
            "applicant (a probability of repayment), adverse='high' if a high output is (a "
            "probability of default)"
        )
    if not isinstance(phrases, Mapping):
        raise ValueError(
            f"phrases is {phrases!r}; expected a phrase for each feature, such as "
            "phrases={'late_payments': Phrase('Late payments on record: {value}')}"
        )
    k = checks.whole("k", k, least=1)
    if len(explanation.shape) > 1:
        if not -len(explanation) <= row < len(explanation):
            raise ValueError(f"row is {row}; expected 0 to {len(explanation) - 1}")
        explanation = explanation[row]
    against = np.asarray(explanation.values, dtype=float) * (-1 if adverse == "low" else 1)
    names = list(explanation.feature_names)
    data = explanation.data if explanation.display_data is None else explanation.display_data
    data = [None] * len(names) if data is None else list(data)
    total = against[against > 0].sum()
    if not total > 0:
        raise ValueError(
            f"nothing counted against this applicant; was it refused, and is {adverse=} right?"
        )
    order = [i for i in np.argsort(-against, kind="stable") if against[i] > 1e-9 * total]
    notes = []
    chosen, rest = order[:k], order[k:]
    if ties := [i for i in rest if against[chosen[-1]] - against[i] <= TIE * against[order[0]]]:
        chosen += ties
        tied = ", ".join(names[i] for i in ties)
        notes.append(f"{len(ties)} more than {k}: {tied} weighed as much as the last")
    rows = []
    for i in chosen:
        phrase = phrases.get(names[i])
        phrased = isinstance(phrase, Phrase)
        if phrase is not None and not phrased:
            raise ValueError(f"phrases has {phrase!r} for {names[i]!r}; expected a Phrase")
        if not phrased:
            phrase = Phrase(lambda value, name=names[i]: f"{name}: {_Value(value)}")
            notes.append(f"{names[i]} has no phrase: whether it may be a reason has not been said")
        rows.append(
            {
                "feature": names[i],
                "value": data[i],
                "contribution": against[i],
                "share": against[i] / total,
                "reason": phrase.reason(data[i]),
                "changeable": phrase.changeable,
                "lawful": phrase.lawful,
                "phrased": phrased,
            }
        )
        if not phrase.lawful:
            notes.append(
                f"{names[i]} counted against the applicant and may not: stop, and review the model"
            )
    if not any(reason["changeable"] for reason in rows):
        notes.append("none of these can be changed soon: say when it makes sense to apply again")
    return Reasons(notes, pd.DataFrame(rows))


class _Value:
    """A value of a feature, as a letter states it."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __format__(self, form: str) -> str:
        value = self.value
        if pd.api.types.is_scalar(value) and pd.isna(value):
            return "not known"
        if form:
            return format(value, form)
        if isinstance(value, bool | np.bool_):
            return "yes" if value else "no"
        if isinstance(value, float | np.floating) and np.isfinite(value):
            if abs(value) < 1_000 and not float(value).is_integer():
                return np.format_float_positional(value, 4, fractional=False, trim="-")
            return f"{value:,.0f}"
        return f"{value:,}" if isinstance(value, int | np.integer) else str(value)
