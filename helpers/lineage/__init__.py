"""Provenance and impact, read from ML Metadata (MLMD).

TFX records every artifact, every execution, and their inputs and outputs in an SQLite file, the
metadata store. :class:`Store` reads a copy of it, also while a pipeline writes, and answers with
frames, graphs and sentences.

Examples
--------
>>> store = Store("work/metadata.sqlite")  # doctest: +SKIP
>>> model = store.models.index[-1]  # doctest: +SKIP
>>> draw(store.lineage(model))  # doctest: +SKIP
>>> store.explain(model)  # doctest: +SKIP
"""

from __future__ import annotations

from helpers.base import extras

extras.require("validation", by=__name__)

from helpers.lineage.drawing import condense, draw
from helpers.lineage.provenance import Provenance
from helpers.lineage.store import Store

__all__ = ["Provenance", "Store", "condense", "draw"]
