"""SHAP for any model on any columns, checked: attributions must sum to what the model says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import shap

METHODS = ("tree", "linear", "gradient", "permutation")
OUTPUTS = ("probability", "log-odds", "prediction")
CHUNK = 100  # rows between two steps of the progress bar
TOLERANCE = {"tree": 1e-3, "linear": 1e-6, "permutation": 1e-4, "gradient": 0.05}
_GRADIENT_SAMPLES = 500
_BATCH = 8192  # rows in one call of a Keras model
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
        Rows to compare with: a feature that is 'left out' takes its values from these. Some 100
        rows that are typical of those whom the answer compares with; the cost grows with ``b``.
    X : DataFrame or array of shape (n, columns)
        Rows to explain. Text and categorical columns may stand beside numbers.
    method : str, default "auto"
        ``"tree"``, ``"linear"``, ``"gradient"`` (Keras) or ``"permutation"`` (any model). By
        itself it takes the first that fits the model; where that one cannot explain this model
        (native categorical splits, say), the permutation method.
    output : str, default "auto"
        ``"probability"``, ``"log-odds"`` or ``"prediction"``. By itself: log-odds for linear and
        boosted classifiers, whose sums are made in them, else what the model gives.
    target : object, optional
        The class whose output is explained; of two, the second.
    seed : int, default 0
        Chooses the samples of the methods that sample.
    progress : bool, default True
        Show a bar if it takes more than some seconds.

    Returns
    -------
    shap.Explanation
        ``values`` of shape (n, columns), ``base_values``, ``data`` (text as codes),
        ``display_data`` (as given); ``output_names`` says which output and explainer.

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
    >>> found = explain(lambda X: X[:, 0] - X[:, 1], np.zeros((5, 2)), np.array([[3.0, 1.0]]))
    >>> found.values.tolist()
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
    method : str
        The method in use.
    output : str
        The output that is explained.
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
        for name, value, known in (("method", method, METHODS), ("output", output, OUTPUTS)):
            if value not in ("auto", *known):
                raise ValueError(f"{name} is {value!r}; expected 'auto' or one of {known}")
        if not len(background):
            raise ValueError("background has no rows; expected some 100 typical rows")
        self.background = background
        self.model, self.target, self.seed = model, target, seed
        self.chosen = method == "auto"
        self.method = _method(model) if method == "auto" else method
        self.output = _natural_output(model, self.method) if output == "auto" else output
        if self.chosen and not _explains(self.method, model, self.output):
            self.method = "permutation"
        self.score = output_of(model, output=self.output, target=target)
        self._columns = _Columns(background)
        self._attribute: Callable[[Any], tuple[np.ndarray, np.ndarray]] | None = None

    def __repr__(self) -> str:
        return f"Explainer({self.method}, {self.output}, {len(self.background)} background rows)"

    def __call__(self, X: Any, *, progress: bool = False) -> shap.Explanation:
        """Explain rows.

        Parameters
        ----------
        X : DataFrame or array of shape (n, columns)
            As the background.
        progress : bool, default False
            Show a bar if it takes more than some seconds.

        Returns
        -------
        shap.Explanation

        Raises
        ------
        ValueError
            As :func:`explain`.
        """
        self._columns.check(X)
        outputs = self.score(X)
        try:
            values, base = self._values(X, progress)
            self._check_sum(values, base, outputs)
        except Exception as error:
            if not self.chosen or self.method == "permutation":
                raise
            self.method, self._attribute = "permutation", None  # what explains any model
            try:
                values, base = self._values(X, progress)
                self._check_sum(values, base, outputs)
            except Exception as second:
                raise second from error
        return self._explanation(X, values, base)

    def _values(self, X: Any, progress: bool) -> tuple[np.ndarray, np.ndarray]:
        from tqdm.auto import tqdm

        if self._attribute is None:
            with _quiet(self.seed):
                self._attribute = getattr(self, f"_{self.method}")()
        starts = range(0, len(X), CHUNK)
        values, base = [], []
        with _quiet(self.seed):
            for at in tqdm(starts, desc="explain", leave=False, delay=3, disable=not progress):
                rows = X.iloc[at : at + CHUNK] if hasattr(X, "iloc") else X[at : at + CHUNK]
                some, at_base = self._attribute(rows)
                values.append(some)
                base.append(np.broadcast_to(at_base, len(rows)))
        return np.concatenate(values), np.concatenate(base)

    def _check_sum(self, values: np.ndarray, base: np.ndarray, outputs: np.ndarray) -> None:
        sums = values.reshape(len(values), -1).sum(axis=1) + base
        spread = max(float(np.ptp(outputs)), float(np.ptp(self._at_background())), 1e-12)
        off = np.abs(sums - outputs) / spread
        # sampling errs in every row a little: there the mean counts, elsewhere every row
        worst = float(off.mean() if self.method == "gradient" else off.max())
        if worst > TOLERANCE[self.method] or np.isnan(worst):
            raise ValueError(
                f"the attributions of method {self.method!r} do not sum to the {self.output}: they "
                f"are off by {worst:.1%} of its spread; use method='permutation', which takes any "
                "model, or a larger background"
            )

    def _at_background(self) -> np.ndarray:
        if not hasattr(self, "_background_outputs"):
            self._background_outputs = self.score(self.background)
        return self._background_outputs

    def _explanation(self, X: Any, values: np.ndarray, base: np.ndarray) -> shap.Explanation:
        import shap

        image = np.ndim(X) > 2
        names = None if image else self._columns.names
        return shap.Explanation(
            values,
            base_values=base,
            data=np.asarray(X) if image else self._columns.codes(X),
            display_data=None if image else np.asarray(X, dtype=object),
            feature_names=names,
            output_names=f"{self.output}, by {self.method.capitalize()}Explainer",
        )

    # --- the methods: each makes a function from rows to (attributions, base values) --------------

    def _tree(self) -> Callable:
        import shap

        to_numbers, last = _split(self.model)

        def encode(rows: Any) -> np.ndarray:
            # shap's code for trees compares in single precision: values that sit on a threshold
            # would fall to the wrong side, and by this rounding they do not
            return to_numbers(rows).astype(np.float32).astype(float)

        data = encode(self.background)
        base = self._at_background().mean()
        raw = "raw" if self.output != "probability" or not _raw_is_log_odds(last) else "probability"
        explainer = shap.TreeExplainer(
            last,
            data=shap.maskers.Independent(data, max_samples=len(data)),
            feature_perturbation="interventional",
            model_output=raw,
        )
        at = _class_place(self.model, self.target)
        to_columns = self._columns.gather(encode, self.background)

        def attribute(rows: Any) -> tuple[np.ndarray, np.ndarray]:
            values = explainer.shap_values(encode(rows), check_additivity=False)
            return to_columns(values[..., at] if values.ndim == 3 else values), base

        return attribute

    def _linear(self) -> Callable:
        import shap

        encode, last = _split(self.model)
        data = encode(self.background)
        explainer = shap.LinearExplainer(
            last, shap.maskers.Independent(data, max_samples=len(data))
        )
        at = _class_place(self.model, self.target)
        sign = -1 if len(getattr(last, "classes_", ())) == 2 and at == 0 else 1
        to_columns = self._columns.gather(encode, self.background)

        def attribute(rows: Any) -> tuple[np.ndarray, np.ndarray]:
            values = np.asarray(explainer.shap_values(encode(rows)))
            base = np.asarray(explainer.expected_value)
            values = values[..., at] if values.ndim == 3 else values
            base = base[at] if base.ndim and len(base) > 1 else base.squeeze()
            return sign * to_columns(values), sign * base

        return attribute

    def _gradient(self) -> Callable:
        import shap

        numbers = _as_numbers
        explainer = shap.GradientExplainer(
            (self.model.inputs, self.model.outputs[0]), numbers(self.background)
        )
        base = self._at_background().mean()  # shap's explainer leaves it out

        def attribute(rows: Any) -> tuple[np.ndarray, np.ndarray]:
            values = np.asarray(
                explainer.shap_values(numbers(rows), nsamples=_GRADIENT_SAMPLES, rseed=self.seed)
            )
            return values[..., _keras_place(self.model, self.target)], base

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
            found = explainer(columns.codes(rows), max_evals=evaluations, silent=True)
            return found.values, found.base_values

        return attribute


def output_of(
    model: Any, *, output: str = "auto", target: Any = None
) -> Callable[[Any], np.ndarray]:
    """Give a model's output as a function from rows to n numbers, whatever the model is.

    Parameters
    ----------
    model, output, target
        As in :func:`explain`.

    Returns
    -------
    callable

    Raises
    ------
    ValueError
        If the model has no such output, or has several and ``target`` is not given.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> model = DummyClassifier().fit([[0], [0], [0], [0]], [0, 1, 1, 1])
    >>> output_of(model)([[0]]).tolist()
    [0.75]
    """
    if output == "auto":
        output = _natural_output(model, _method(model))
    if _is_keras(model):
        return _keras_output(model, output, target)
    if output == "prediction":
        call = model.predict if hasattr(model, "predict") else model
        return lambda rows: np.asarray(call(rows), dtype=float).reshape(len(rows))
    at = _class_place(model, target)
    if output == "log-odds" and hasattr(model, "decision_function"):

        def log_odds(rows: Any) -> np.ndarray:
            found = np.asarray(model.decision_function(rows))
            return found[:, at] if found.ndim == 2 else found if at else -found

        return log_odds
    if not hasattr(model, "predict_proba"):
        raise ValueError(f"output is {output!r}, but {_kind(model)} has no predict_proba")

    def probability(rows: Any) -> np.ndarray:
        found = np.asarray(model.predict_proba(rows))[:, at]
        return _logit(found) if output == "log-odds" else found

    return probability


def origins(
    encode: Callable[[Any], np.ndarray], frame: pd.DataFrame, seed: int = 0
) -> np.ndarray | None:
    """Find which original column each encoded column comes from, by changing one at a time.

    Looking at what changes, and not at names, works for every transformer and cannot be misled by
    columns that are called alike.

    Parameters
    ----------
    encode : callable
        From a frame to a matrix.
    frame : pandas.DataFrame
        Rows to try it on.
    seed : int, default 0
        Chooses the changes.

    Returns
    -------
    numpy.ndarray of shape (encoded columns,) or None
        Places of the original columns, -1 for a column that nothing changes; None if an encoded
        column depends on several originals (a product, a principal component).
    """
    rng = np.random.default_rng(seed)
    # rows that show every value of every text column, and some more
    seen = [frame[~frame[name].duplicated()].index for name in _texts(frame)]
    place = pd.Index(np.concatenate([np.arange(min(200, len(frame))), *(
        frame.index.get_indexer(one) for one in seen if frame.index.is_unique
    )])).unique()  # fmt: skip
    rows = frame.iloc[place].reset_index(drop=True)
    changed = [rows]
    for name in rows:
        copy = rows.copy()
        copy[name] = rows[name].take(rng.permutation(len(rows))).to_numpy()
        copy[name] = copy[name].astype(rows[name].dtype)
        changed.append(copy)
    encoded = encode(pd.concat(changed, ignore_index=True)).reshape(len(changed), len(rows), -1)
    same = np.isclose(encoded[1:], encoded[0], rtol=1e-9, atol=1e-12, equal_nan=True)
    moved = ~same.all(axis=1)  # original x encoded
    if (moved.sum(axis=0) > 1).any():
        return None
    return np.where(moved.any(axis=0), moved.argmax(axis=0), -1)


class _Columns:
    """The columns of a background: their names, and text as numbers and back."""

    def __init__(self, background: Any) -> None:
        self.frame = background.iloc[:0] if isinstance(background, pd.DataFrame) else None
        shape = np.shape(background)
        if self.frame is None:
            self.names = [f"feature {i}" for i in range(shape[1])] if len(shape) == 2 else []
            self.shape = shape[1:]
            return
        self.names = list(map(str, background.columns))
        self.values = {
            name: pd.Index(background[name].dropna().unique()) for name in _texts(background)
        }

    def check(self, X: Any) -> None:
        if not len(X):
            raise ValueError("X has no rows; expected one or more to explain")
        if self.frame is not None:
            given = list(X.columns) if isinstance(X, pd.DataFrame) else type(X).__name__
            if given != list(self.frame.columns):
                raise ValueError(
                    f"X has {given}; expected a DataFrame with the background's columns, "
                    f"{list(self.frame.columns)}"
                )
        elif np.shape(X)[1:] != self.shape:
            raise ValueError(f"X has the shape {np.shape(X)}; expected (n, {self.shape})")

    def codes(self, X: Any) -> np.ndarray:
        """Numbers as they are, each text as its place among those seen so far, missing as NaN."""
        if self.frame is None:
            return np.asarray(X, dtype=float)
        found = np.empty((len(X), len(self.names)))
        for i, name in enumerate(X.columns):
            if name in self.values:
                self.values[name] = self.values[name].union(
                    pd.Index(X[name].dropna().unique()), sort=False
                )
                code = self.values[name].get_indexer(X[name]).astype(float)
                found[:, i] = np.where(X[name].isna(), np.nan, code)
            else:
                found[:, i] = X[name].to_numpy(dtype=float, na_value=np.nan)
        return found

    def rows(self, codes: np.ndarray) -> Any:
        """Make rows of codes, as the model takes them."""
        if self.frame is None:
            return codes
        columns = {}
        for i, name in enumerate(self.frame.columns):
            column, dtype = codes[:, i], self.frame[name].dtype
            if name in self.values:
                missing = np.isnan(column)
                texts = self.values[name].to_numpy(dtype=object)
                column = texts[np.where(missing, 0, column).astype(int)]
                if missing.any():
                    column = np.where(missing, None, column)
                columns[name] = pd.Series(column, dtype=dtype)
            elif pd.api.types.is_integer_dtype(dtype) and not np.isnan(column).any():
                columns[name] = column.astype(dtype.name.lower())
            else:
                columns[name] = column
        return pd.DataFrame(columns)

    def gather(self, encode: Callable, background: Any) -> Callable[[np.ndarray], np.ndarray]:
        """Make a function that sums the attributions of encoded columns to the original ones."""
        if self.frame is None:
            return lambda values: values
        origin = origins(encode, background)
        if origin is None:
            raise ValueError(
                "the pipeline makes a column out of several: its attribution cannot be divided; "
                "use method='permutation', which explains the pipeline as a whole"
            )
        known = np.flatnonzero(origin >= 0)
        to = np.zeros((len(origin), len(self.names)))
        to[known, origin[known]] = 1
        return lambda values: values @ to  # what came from nowhere would fail the check of the sum


# --- what kind of model this is -------------------------------------------------------------------


def _method(model: Any) -> str:
    if _is_keras(model):
        plain = len(model.inputs) == 1 and str(model.inputs[0].dtype).startswith("float")
        return "gradient" if plain else "permutation"
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    names = {base.__name__ for base in type(last).__mro__}
    if hasattr(last, "coef_") and names & {"LinearModel", "LinearClassifierMixin"}:
        return "linear"
    trees = {"BaseForest", "BaseDecisionTree", "BaseGradientBoosting", "BaseHistGradientBoosting"}
    boosters = {"XGBModel", "LGBMModel", "CatBoost"}
    return "tree" if names & (trees | boosters) else "permutation"


def _explains(method: str, model: Any, output: str) -> bool:
    """Whether a method can explain this output of this model."""
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    if method == "linear":
        return output != "probability"
    if method == "tree":
        return output != "log-odds" or _raw_is_log_odds(last)
    if method == "gradient":
        return output == _natural_output(model, method)
    return True


def _natural_output(model: Any, method: str) -> str:
    if _is_keras(model):
        return "probability" if _keras_gives_probability(model) else "prediction"
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    if not hasattr(last, "predict_proba"):
        return "prediction"
    boosted = method == "tree" and _raw_is_log_odds(last)
    return "log-odds" if method == "linear" or boosted else "probability"


def _raw_is_log_odds(last: Any) -> bool:
    boosters = ("XGBClassifier", "LGBMClassifier", "CatBoostClassifier")
    return hasattr(last, "decision_function") or type(last).__name__ in boosters


def _split(model: Any) -> tuple[Callable[[Any], np.ndarray], Any]:
    """Give the encoding before the last step, and the last step."""
    if not hasattr(model, "steps"):
        return lambda rows: _as_numbers(rows, float), model
    before, last = model[:-1], model.steps[-1][1]

    def encode(rows: Any) -> np.ndarray:
        found = before.transform(rows) if len(before) else rows
        found = found.toarray() if hasattr(found, "toarray") else found
        return np.asarray(found, dtype=float)

    return encode, last


def _class_place(model: Any, target: Any) -> int:
    classes = list(getattr(model, "classes_", ()))
    if target is None:
        if len(classes) > 2:
            raise ValueError(
                f"the model has the classes {classes}; say which: target={classes[0]!r}"
            )
        return 1
    if target not in classes:
        raise ValueError(f"target is {target!r}; expected one of the classes {classes}")
    return classes.index(target)


def _is_keras(model: Any) -> bool:
    return any(base.__module__.startswith("keras.") for base in type(model).__mro__)


def _keras_gives_probability(model: Any) -> bool:
    activation = getattr(model.layers[-1], "activation", None)
    return getattr(activation, "__name__", "") in ("sigmoid", "softmax")


def _keras_place(model: Any, target: Any) -> int:
    outputs = model.outputs[0].shape[-1]
    if outputs > 1 and target is None:
        raise ValueError(f"the model has {outputs} outputs; say which: target=0 to {outputs - 1}")
    at = 0 if target is None or outputs == 1 else int(target)
    if not 0 <= at < outputs:
        raise ValueError(f"target is {target!r}; expected 0 to {outputs - 1}")
    return at


def _keras_output(model: Any, output: str, target: Any) -> Callable[[Any], np.ndarray]:
    at = _keras_place(model, target)
    natural = _natural_output(model, "gradient")
    if output not in (natural, "log-odds") or (output == "log-odds" and natural == "prediction"):
        raise ValueError(f"output is {output!r}, but this Keras model gives a {natural}")

    import tensorflow as tf

    # the model as one graph costs milliseconds where its predict costs tens of them
    graph = tf.function(lambda inputs: model(inputs, training=False), reduce_retracing=True)

    def score(rows: Any) -> np.ndarray:
        parts = [
            np.asarray(graph(_keras_rows(model, rows[i : i + _BATCH])))
            for i in range(0, len(rows), _BATCH)
        ]
        found = np.concatenate(parts).reshape(len(rows), -1)[:, at].astype(float)
        return _logit(found) if output == "log-odds" else found

    return score


def _keras_rows(model: Any, rows: Any) -> Any:
    """Rows as a Keras model takes them: a matrix, or a dict of columns for named inputs."""
    if len(model.inputs) == 1 and not isinstance(rows, dict):
        return _as_numbers(rows)
    import tensorflow as tf

    columns = {}
    for tensor in model.inputs:
        column = rows[tensor.name]
        text = str(tensor.dtype) == "string"
        values = column.astype(object).to_numpy() if text else column.to_numpy(np.float32)
        columns[tensor.name] = tf.constant(
            values.reshape(-1, 1) if len(tensor.shape) > 1 else values
        )
    return columns


def _as_numbers(rows: Any, dtype: Any = np.float32) -> np.ndarray:
    try:
        return np.asarray(rows, dtype=dtype)
    except (TypeError, ValueError):
        raise ValueError(
            "a column is not numeric, and this method needs numbers; put the encoding into a "
            "pipeline with the model, or use method='permutation'"
        ) from None


def _texts(frame: pd.DataFrame) -> list[Any]:
    return [name for name in frame if not pd.api.types.is_numeric_dtype(frame[name].dtype)]


def _logit(probability: np.ndarray) -> np.ndarray:
    clipped = np.clip(probability, 1e-7, 1 - 1e-7)
    return np.log(clipped / (1 - clipped))


def _kind(model: Any) -> str:
    return f"a {type(model).__name__}"


@contextmanager
def _quiet(seed: int) -> Iterator[None]:
    """Keep numpy's global chance as it was: shap's samplers set it."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
