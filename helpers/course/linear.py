"""The linear model of lesson 1.2, with which other lessons go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NUMBERS = ["age", "income", "years_employed", "amount", "term_months"]
NUMBERS += ["utilization", "late_payments", "credit_history_years"]
TEXTS = ["employment", "purpose", "channel"]


def features(numbers: Sequence[str] = NUMBERS, texts: Sequence[str] = TEXTS) -> ColumnTransformer:
    """Return what makes a matrix of columns: numbers filled and scaled, a column for each text.

    Examples
    --------
    >>> features(["age"], []).fit_transform(pd.DataFrame({"age": [20, None, 40]})).ravel().tolist()
    [-1.224744871391589, 0.0, 1.224744871391589]
    """
    return make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), list(numbers)),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), list(texts)),
    )


def linear(
    frame: pd.DataFrame, numbers: Sequence[str] = NUMBERS, texts: Sequence[str] = TEXTS
) -> Any:
    """Return the model, fitted to a frame's outcomes."""
    model = make_pipeline(features(numbers, texts), LogisticRegression(solver="newton-cholesky"))
    return model.fit(frame, frame["defaulted"])


def as_score(
    model: Any, change: Callable[[pd.DataFrame], pd.DataFrame] | None = None
) -> Callable[[pd.DataFrame], np.ndarray]:
    """Return a model as a function from a frame, which may be changed before, to its risks."""
    return lambda frame: model.predict_proba(change(frame) if change else frame)[:, 1]
