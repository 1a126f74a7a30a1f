"""Explanations of a model's outputs in terms of its original columns, and their quality.

Attributions are SHAP's. In addition they are those of the original columns even where a pipeline
encodes them, they are checked to sum to the output, and they can be compared with a reference.

Examples
--------
>>> import pandas as pd
>>> from sklearn.linear_model import LinearRegression
>>> X = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
>>> model = LinearRegression().fit(X, 2 * X["a"])
>>> result = explain(model, X, X.iloc[[3]])
>>> result.output_names, result.values[0, 0].round(3).item()
('prediction, by LinearExplainer', 3.0)
"""

from helpers.base import extras

extras.require("explanation", by=__name__)

from helpers.explanation.evaluation import Agreement, Faithfulness, agreement, faithfulness
from helpers.explanation.explainer import Explainer, explain
from helpers.explanation.models import output_of
from helpers.explanation.reasons import Phrase, Reasons, reason_codes

__all__ = [
    "Agreement",
    "Explainer",
    "Faithfulness",
    "Phrase",
    "Reasons",
    "agreement",
    "explain",
    "faithfulness",
    "output_of",
    "reason_codes",
]
