"""SHAP values of any model for its original columns, checked to sum to the model's output."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from helpers.base import checks
from helpers.explanation import models
from helpers.explanation.columns import Columns

if TYPE_CHECKING:
    import shap

METHODS = ("tree", "linear", "gradient", "permutation")
OUTPUTS = ("probability", "log-odds", "margin", "prediction")
CHUNK = 250  # rows between two steps of the progress bar
TOLERANCE = {"tree": 1e-3, "linear": 1e-6, "permutation": 1e-4, "gradient": 0.05}
_GRADIENT_SAMPLES = 500
_PERMUTATIONS = 5  # each in both directions; the sum is exact with any number


def explain(
    model: Any,
    background: Any,
    X: Any,
    *,
    method: str = "auto",
    output: str = "auto",
    target: Any = None,
    seed: int = 0,
    progress: bool = True,
) -> shap.Explanation:
    """Attribute a model's outputs to the columns of its input.

    Parameters
    ----------
    model : estimator, pipeline, Keras model or callable
        scikit-learn's estimators and pipelines, Keras functional and sequential models, or a
        function from a frame of the columns of ``X`` to n numbers.
    background : DataFrame or array of shape (b, columns)
        Rows to compare with: a feature that is 'left out' takes its values from these. About 100
        typical rows of the group to compare with; the cost grows with ``b``.
    X : DataFrame or array of shape (n, columns)
        Rows to explain. Numbers, text and categorical columns may be mixed.
    method : str, default "auto"
        ``"tree"``, ``"linear"``, ``"gradient"`` (Keras) or ``"permutation"`` (any model). By
        default the first that fits the model, or the permutation method where that one fails
        (because of native categorical splits, for example).
    output : str, default "auto"
        ``"probability"``, ``"log-odds"`` (of the class against all others), ``"margin"`` (what
        scikit-learn's ``decision_function`` returns) or ``"prediction"``. By default what linear
        and boosted classifiers add up: log-odds of two classes, of more the margins before the
        softmax; otherwise the model's own output.
    target : object, optional
        The class whose output is explained (of a Keras model, its number); of two, the second.
    seed : int, default 0
        Seed of the methods that sample.
    progress : bool, default True
        Show a bar if it takes more than a few seconds.

    Returns
    -------
    shap.Explanation
        ``values`` of shape (n, columns), ``base_values``, ``data`` (text as codes),
        ``display_data`` (the original values); ``output_names`` has the output and the explainer.

    Raises
    ------
    ValueError
        If the columns differ, the method does not fit the model, or the attributions do not sum to
        the output.

    References
    ----------
    Lundberg & Lee (2017), "A unified approach to interpreting model predictions"; Lundberg et al.
    (2020), "From local explanations to global understanding with explainable AI for trees"; Erion
    et al. (2021), "Improving performance of deep learning models with axiomatic attribution priors
    and expected gradients".

    Examples
    --------
    >>> result = explain(lambda X: X[:, 0] - X[:, 1], np.zeros((5, 2)), np.array([[3.0, 1.0]]))
    >>> result.values.tolist()
    [[3.0, -1.0]]
    """
    make = Explainer(model, background, method=method, output=output, target=target, seed=seed)
    return make(X, progress=progress)


class Explainer:
    """Explains one model against one background; for many calls, as in an interactive view.

    Parameters
    ----------
    model, background, method, output, target, seed
        As in :func:`explain`.

    Attributes
    ----------
    method, output : str
        The method in use, and the output that is explained.
    """

    def __init__(
        self,
        model: Any,
        background: Any,
        *,
        method: str = "auto",
        output: str = "auto",
        target: Any = None,
        seed: int = 0,
    ) -> None:
        checks.one_of("method", method, ("auto", *METHODS))
        checks.one_of("output", output, ("auto", *OUTPUTS))
        if not len(background):
            raise ValueError("background has no rows; expected about 100 typical rows")
        self.background = background
        self.model, self.target, self.seed = model, target, seed
        self.automatic = method == "auto"
        self.method = models.method_for(model) if self.automatic else method
        self.output = models.natural_output(model, self.method) if output == "auto" else output
        if self.automatic and not models.explains(self.method, model, self.output):
            self.method = "permutation"
        self.score = models.output_of(model, output=self.output, target=target)
        self._columns = Columns(background)
        self._attribute: Callable[[Any], tuple[np.ndarray, np.ndarray]] | None = None

    def __repr__(self) -> str:
        return f"Explainer({self.method}, {self.output}, {len(self.background)} background rows)"

    def __call__(self, X: Any, *, progress: bool = False) -> shap.Explanation:
        """Explain rows that have the columns of the background; as :func:`explain`."""
        import shap

        self._columns.check(X)
        outputs = self.score(X)
        try:
            values, base = self._values(X, outputs, progress)
        except Exception:
            if not self.automatic or self.method == "permutation":
                raise
            self.method, self._attribute = "permutation", None  # explains any model
            values, base = self._values(X, outputs, progress)
        image = np.ndim(X) > 2
        return shap.Explanation(
            values,
            base_values=base,
            data=np.asarray(X) if image else self._columns.codes(X),
            display_data=None if image else np.asarray(X, dtype=object),
            feature_names=None if image else self._columns.names,
            output_names=f"{self.output}, by {self.method.capitalize()}Explainer",
        )

    def _values(self, X: Any, outputs: np.ndarray, progress: bool) -> tuple[np.ndarray, np.ndarray]:
        from tqdm.auto import tqdm

        starts = range(0, len(X), CHUNK)
        values, base = [], []
        with _numpy_seed(self.seed):
            self._attribute = self._attribute or getattr(self, f"_{self.method}")()
        with _numpy_seed(self.seed):
            for at in tqdm(starts, desc="explain", leave=False, delay=3, disable=not progress):
                rows = X.iloc[at : at + CHUNK] if hasattr(X, "iloc") else X[at : at + CHUNK]
                part, part_base = self._attribute(rows)
                values.append(part)
                base.append(np.broadcast_to(part_base, len(rows)))
        values, base = np.concatenate(values), np.concatenate(base)
        self._check_sum(values.reshape(len(values), -1).sum(axis=1) + base, outputs)
        return values, base

    def _check_sum(self, sums: np.ndarray, outputs: np.ndarray) -> None:
        spread = max(float(np.ptp(outputs)), float(np.ptp(self._background_outputs)), 1e-12)
        rounding = 1e-6 * max(np.abs(outputs).max(), np.abs(self._background_outputs).max())
        off = np.clip(np.abs(sums - outputs) - rounding, 0, None) / spread
        # sampling leaves a small error in each row, so the mean counts; otherwise every row does
        worst = float(off.mean() if self.method == "gradient" else off.max())
        if worst > TOLERANCE[self.method] or np.isnan(worst):
            advice = "use method='permutation', which takes any model, or a larger background"
            if self.method == "permutation":
                advice = "does the model give a number for every row, and the same each time?"
            raise ValueError(
                f"the attributions of method {self.method!r} do not sum to the {self.output}: they "
                f"are off by {worst:.1%} of its spread; {advice}"
            )

    @functools.cached_property
    def _background_outputs(self) -> np.ndarray:
        return self.score(self.background)

    # --- the methods: each returns a function from rows to (attributions, base values) ------------

    def _tree(self) -> Callable:
        import shap

        to_numbers, last = models.split(self.model)

        def encode(rows: Any) -> np.ndarray:
            # shap's code for trees compares in single precision: without this rounding, values
            # exactly on a threshold would fall to the wrong side
            return to_numbers(rows).astype(np.float32).astype(float)

        data = encode(self.background)
        base = self._background_outputs.mean()
        raw = self.output == models.raw_output(last)
        explainer = shap.TreeExplainer(
            last,
            data=shap.maskers.Independent(data, max_samples=len(data)),
            feature_perturbation="interventional",
            model_output="raw" if raw else "probability",
        )
        at = models.class_index(self.model, self.target)
        sign = -1 if at == 0 else 1  # one column is that of the second class
        to_columns = self._columns.gather(encode, self.background)

        def attribute(rows: Any) -> tuple[np.ndarray, np.ndarray]:
            values = explainer.shap_values(encode(rows), check_additivity=False)
            return to_columns(values[..., at] if values.ndim == 3 else sign * values, rows), base

        return attribute

    def _linear(self) -> Callable:
        import shap

        encode, last = models.split(self.model)
        data = encode(self.background)
        masker = shap.maskers.Independent(data, max_samples=len(data))
        explainer = shap.LinearExplainer(last, masker)
        at = models.class_index(self.model, self.target)
        sign = -1 if len(getattr(last, "classes_", ())) == 2 and at == 0 else 1
        to_columns = self._columns.gather(encode, self.background)

        def attribute(rows: Any) -> tuple[np.ndarray, np.ndarray]:
            values = np.asarray(explainer.shap_values(encode(rows)))
            base = np.asarray(explainer.expected_value)
            values = values[..., at] if values.ndim == 3 else values
            base = base[at] if base.ndim and len(base) > 1 else base.squeeze()
            return sign * to_columns(values, rows), sign * base

        return attribute

    def _gradient(self) -> Callable:
        import shap

        layers = (self.model.inputs, self.model.outputs[0])
        explainer = shap.GradientExplainer(layers, models.as_numbers(self.background))
        base = self._background_outputs.mean()  # shap's explainer has none
        at, sign = models.keras_index(self.model, self.target)

        def attribute(rows: Any) -> tuple[np.ndarray, np.ndarray]:
            numbers = models.as_numbers(rows)
            values = explainer.shap_values(numbers, nsamples=_GRADIENT_SAMPLES, rseed=self.seed)
            return sign * np.asarray(values)[..., at], base

        return attribute

    def _permutation(self) -> Callable:
        import shap

        columns = self._columns
        data = columns.codes(self.background)
        explainer = shap.PermutationExplainer(
            lambda codes: self.score(columns.rows(codes)),
            shap.maskers.Independent(data, max_samples=len(data)),
            seed=self.seed,
        )
        evaluations = _PERMUTATIONS * (2 * len(columns.names) + 1)

        def attribute(rows: Any) -> tuple[np.ndarray, np.ndarray]:
            result = explainer(columns.codes(rows), max_evals=evaluations, silent=True)
            return result.values, result.base_values

        return attribute


@contextmanager
def _numpy_seed(seed: int) -> Iterator[None]:
    """Seed numpy's global generator, which shap's samplers use, and restore its state after."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
