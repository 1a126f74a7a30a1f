"""Model cards: a model's purpose, its performance by group, and its limits."""

from __future__ import annotations

import io
import itertools
import os
import re
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from helpers.base import extras, files

extras.require("fairness", by=__name__)

if TYPE_CHECKING:
    from helpers.fairness import Audit, MitigationComparison

# The sections of a card, in this order, are those of
# Mitchell et al. (2019), "Model Cards for Model Reporting".
_RESULTS = "Results"


@dataclass(frozen=True)
class ModelCard:
    """A model card; result of :func:`model_card`.

    Attributes
    ----------
    title : str
        Name of the model.
    text : str
        The card in Markdown, without its figures.
    figures : dict of str to bytes
        PNG pictures by description.
    """

    title: str
    text: str
    figures: dict[str, bytes]

    def __repr__(self) -> str:
        return self.text

    def _ipython_display_(self, **_: Any) -> None:
        from IPython.display import Image, Markdown, display

        display(Markdown(self.text))
        for description, picture in self.figures.items():
            display(Image(picture, alt=description))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the card as Markdown, its figures to a folder beside it.

        Parameters
        ----------
        path : path
            The Markdown file; it is written whole or not at all.

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
            lines.append("\n## Figures\n")
        taken: set[str] = set()
        for description, picture in self.figures.items():
            stem = re.sub(r"[^a-z0-9]+", "_", description.lower())[:60].strip("_") or "figure"
            others = (f"{stem}_{i}" for i in itertools.count(2))
            name = next(name for name in itertools.chain([stem], others) if name not in taken)
            taken.add(name)
            files.write(folder / f"{name}.png", picture)
            words = re.sub(r"([\[\]])", r"\\\1", _literal(" ".join(description.split())))
            place = f"{urllib.parse.quote(folder.name)}/{name}.png"
            lines.append(f"![{words}]({place})\n\n*{words}*\n")
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
    comparison: MitigationComparison | None = None,
    decision: str = "",
    figures: Mapping[str, Any] | None = None,
) -> ModelCard:
    """Return a model card with the measurements that were made.

    Parameters
    ----------
    model : object
        The model; the card states its kind and parameters.
    title : str
        Name of the model.
    intended_use, data : str
        Its purpose, its users and what it is not for; the data for fitting and testing.
    limits : str or sequence of str
        Where it must not be trusted, what is not known. A card without limits is refused.
    metrics : mapping of str to value, or DataFrame, optional
        Performance on data not used for fitting.
    audit : helpers.fairness.Audit, optional
        Metrics by group, with intervals.
    comparison : helpers.fairness.MitigationComparison, optional
        The mitigations that were considered.
    decision : str, optional
        The choice and its reasons.
    figures : mapping of str to Figure, Axes or PNG, optional
        Pictures by description, a sentence that becomes the caption.

    Returns
    -------
    ModelCard
        Displays itself in a notebook; ``.save("card.md")`` writes it.

    Raises
    ------
    ValueError
        If a required text is empty, or a figure is not one.

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
    pictures = {text: _png(text, figure) for text, figure in (figures or {}).items()}
    card = Card(model, template=None, model_diagram=False)
    card.add(folded=False, **{"card/Intended use": intended_use})
    card.add(folded=False, **{"card/Model": _described(model)})
    card.add(folded=False, **{"card/Data": data})
    results = {}
    if metrics is not None:
        table = metrics if isinstance(metrics, pd.DataFrame) else pd.DataFrame({"value": metrics})
        results["Performance"] = table.rename_axis("metric")
    if audit is not None:
        results["By group"] = audit.text()
    if comparison is not None:
        results["Mitigations compared"] = comparison.text()
    for name, table in results.items():
        place = f"card/{_RESULTS}/{name}"
        card.add_table(folded=False, **{place: _cells(table)})
        card.select(place).title = name  # skops writes the whole path
    if decision:
        card.add(folded=False, **{"card/Decision": decision})
    listed = "\n".join(f"- {limit}" for limit in limits)
    card.add(folded=False, **{"card/Limits and caveats": listed})
    card.select("card").title = " ".join(title.split())  # not a path: it may have slashes
    return ModelCard(title, card.render().strip() + "\n", pictures)


def _cells(table: pd.DataFrame) -> dict[str, list[str]]:
    """Return a table, with its index, as texts that Markdown shows as they are."""
    cells: dict[str, list[str]] = {}
    for name, values in ((table.index.name or "", table.index), *table.items()):
        heading = " ".join(_literal(name).split())
        while heading in cells:  # such as a group called 'n'
            heading += " "
        cells[heading] = ["\n".join(_literal(value).splitlines()) for value in values]
    return cells


def _literal(value: Any) -> str:
    """Return text without what Markdown takes for syntax."""
    return re.sub(r"([\\|*`<]|(?<!\w)_|_(?!\w)|(?<=\])\()", r"\\\1", str(value))


def _described(model: Any) -> str:
    kind = type(model).__name__
    if hasattr(model, "steps"):
        return " then ".join(type(step).__name__ for _, step in model.steps) + "."
    if hasattr(model, "count_params"):
        return f"Keras {kind} with {model.count_params():,} parameters."
    return f"{kind}."


def _png(description: str, figure: Any) -> bytes:
    if isinstance(figure, bytes):
        return figure
    figure = getattr(figure, "figure", figure)  # an Axes belongs to a figure
    if not hasattr(figure, "savefig"):
        raise ValueError(
            f"figures[{description!r}] is a {type(figure).__name__}; expected a matplotlib Figure "
            "or Axes, or the bytes of a PNG"
        )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
