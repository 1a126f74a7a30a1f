"""Harbor Credit's phrase book: how a letter names each column of an application."""

from __future__ import annotations

import pandas as pd

from helpers.explanation import Phrase

HARBOR_CREDIT = {
    "age": Phrase("Age: {value}", changeable=False),
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
