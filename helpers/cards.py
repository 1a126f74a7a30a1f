"""Model cards: what a model is for, how it does for whom, and where not to trust it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from helpers.base import extras, files

extras.require("fairness", by=__name__)

if TYPE_CHECKING:
    from helpers.fairness import Audit, Comparison

# Sections that readers of such cards expect, in this order.
# Source: Mitchell et al. (2019), "Model Cards for Model Reporting".
_USE, _DATA, _RESULTS, _FIGURES, _LIMITS = (
    "Intended use",
    "Data",
    "Results",
    "Figures",
    "Limits and caveats",
)


@dataclass(frozen=True)
class ModelCard:
    """A model card; made by :func:`model_card`.

    Attributes
    ----------
    title : str
        Name of the model.
    text : str
        The card in Markdown, without its figures.
    figures : dict of str to bytes
        PNG pictures by what they show.
    """

    title: str
    text: str
    figures: dict[str, bytes]

    def __repr__(self) -> str:
        return self.text

    def _ipython_display_(self, **_: Any) -> None:
        from IPython.display import Image, Markdown, display

        display(Markdown(self.text))
        for shows, picture in self.figures.items():
            display(Image(picture, alt=shows))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the card as Markdown, its figures in a folder beside it.

        Parameters
        ----------
        path : path
            Of the Markdown file; it is written whole or not at all.

        Returns
        -------
        pathlib.Path

        Raises
        ------
        ValueError
            If the name does not end in ``.md``.
        """
        path = files.markdown(path)
        folder = path.with_name(f"{path.stem}_figures")
        lines = [self.text.rstrip()]
        if self.figures:
            folder.mkdir(exist_ok=True)
            lines.append(f"\n## {_FIGURES}\n")
        for shows, picture in self.figures.items():
            name = re.sub(r"[^a-z0-9]+", "_", shows.lower())[:60].strip("_") + ".png"
            files.write(folder / name, picture)
            lines.append(f"![{shows}]({folder.name}/{name})\n\n*{shows}*\n")
        files.write(path, "\n".join(lines) + "\n")
        return path


def model_card(
    model: Any,
    *,
    title: str,
    intended_use: str,
    data: str,
    limits: str | Sequence[str],
    metrics: Mapping[str, Any] | pd.DataFrame | None = None,
    audit: Audit | None = None,
    comparison: Comparison | None = None,
    decision: str = "",
    figures: Mapping[str, Any] | None = None,
) -> ModelCard:
    """Write a model card from what was measured.

    Parameters
    ----------
    model : object
        The model; its kind and parameters are stated.
    title : str
        Name of the model.
    intended_use, data : str
        What it is for, for whom and what not; what it was fitted and tested on.
    limits : str or sequence of str
        Where it must not be trusted, what is not known. A card without limits is refused.
    metrics : mapping of str to value, or DataFrame, optional
        Performance on data not used for fitting.
    audit : helpers.fairness.Audit, optional
        Metrics by group, with intervals.
    comparison : helpers.fairness.Comparison, optional
        The mitigations that were weighed.
    decision : str, optional
        What was chosen and why.
    figures : mapping of str to Figure, Axes or PNG, optional
        Pictures by what they show: the sentence becomes the figure's description.

    Returns
    -------
    ModelCard
        Shows itself in a notebook; ``.save("card.md")`` writes it.

    Raises
    ------
    ValueError
        If a required text is empty or a figure is none.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> card = model_card(
    ...     DummyClassifier(),
    ...     title="Refuse all",
    ...     intended_use="A baseline.",
    ...     data="None.",
    ...     limits="It lends to nobody.",
    ... )
    >>> card.text.splitlines()[0]
    '# Refuse all'
    """
    from skops.card import Card

    limits = [limits] if isinstance(limits, str) else list(limits)
    texts = {"title": title, "intended_use": intended_use, "data": data, "limits": "".join(limits)}
    for name, text in texts.items():
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"{name} is empty; expected a sentence or more: a card owes it")
    pictures = {shows: _png(shows, figure) for shows, figure in (figures or {}).items()}
    card = Card(model, template=None, model_diagram=False)
    card.add(folded=False, **{f"{title}/{_USE}": intended_use})
    card.add(folded=False, **{f"{title}/Model": _described(model)})
    card.add(folded=False, **{f"{title}/{_DATA}": data})
    results = {}
    if metrics is not None:
        table = metrics if isinstance(metrics, pd.DataFrame) else pd.DataFrame({"value": metrics})
        results["Performance"] = table.rename_axis("metric").reset_index()
    if audit is not None:
        results["By group"] = audit.table().reset_index()
    if comparison is not None:
        results["Mitigations compared"] = comparison.text().reset_index()
    for name, table in results.items():
        card.add_table(folded=False, **{f"{title}/{_RESULTS}/{name}": table.astype(str)})
    if decision:
        card.add(folded=False, **{f"{title}/Decision": decision})
    listed = "\n".join(f"- {limit}" for limit in limits)
    card.add(folded=False, **{f"{title}/{_LIMITS}": listed})
    # skops heads a table with its whole path
    text = card.render().replace(f"{title}/{_RESULTS}/", "").strip() + "\n"
    return ModelCard(title, text, pictures)


def _described(model: Any) -> str:
    kind = type(model).__name__
    if hasattr(model, "steps"):
        return " then ".join(type(step).__name__ for _, step in model.steps) + "."
    if hasattr(model, "count_params"):
        return f"Keras {kind} with {model.count_params():,} parameters."
    return f"{kind}."


def _png(shows: str, figure: Any) -> bytes:
    if isinstance(figure, bytes):
        return figure
    figure = getattr(figure, "figure", figure)  # an Axes belongs to a figure
    if not hasattr(figure, "savefig"):
        raise ValueError(
            f"figures[{shows!r}] is a {type(figure).__name__}; expected a matplotlib Figure or "
            "Axes, or the bytes of a PNG"
        )
    import io

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
