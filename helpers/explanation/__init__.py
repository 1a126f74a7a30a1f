"""Explanations of a model's outputs, for the columns that people know, and whether they are true.

Attributions are SHAP's. What is added: they are those of the original columns even where a pipeline
encodes them, they are checked to sum to the output, and they can be compared with a reference.

Examples
--------
>>> import pandas as pd
>>> from sklearn.linear_model import LinearRegression
>>> X = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
>>> model = LinearRegression().fit(X, 2 * X["a"])
>>> found = explain(model, X, X.iloc[[3]])
>>> found.output_names, found.values[0, 0].round(3).item()
('prediction, by LinearExplainer', 3.0)
"""

from helpers.base import extras

extras.require("explanation", by=__name__)

from helpers.explanation.explainer import Explainer, explain, output_of
from helpers.explanation.reasons import HARBOR_CREDIT, Phrase, Reasons, reason_codes
from helpers.explanation.truth import Agreement, Faithfulness, agreement, faithfulness

__all__ = [
    "HARBOR_CREDIT",
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
