"""Statistics of a table, as TFDV computed them."""

from __future__ import annotations

import html
import math
from pathlib import Path
from typing import Any

import pandas as pd
from tensorflow_metadata.proto.v0 import statistics_pb2

from helpers.base.checks import nearest
from helpers.validation.display import html_table, rounded, text_table
from helpers.validation.protos import expect_message, read_text, write_text

STATISTICS = statistics_pb2.DatasetFeatureStatisticsList
_WHOLE = "All Examples"
_NUMBERS = {"mean": "mean", "std": "std_dev", "min": "min", "median": "median", "max": "max"}
_COLUMNS = ["feature", "type", "count", "missing", "unique", "top", "zeros", *_NUMBERS]


class Statistics:
    """Statistics of a table, for all rows and perhaps for slices.

    Parameters
    ----------
    proto : tensorflow_metadata.proto.v0.statistics_pb2.DatasetFeatureStatisticsList
        From TFDV.

    Attributes
    ----------
    proto : DatasetFeatureStatisticsList
    """

    def __init__(self, proto: STATISTICS) -> None:
        self.proto = expect_message(proto, STATISTICS)
        if not self.proto.datasets:
            raise ValueError("proto has no datasets; expected statistics of a table")

    @property
    def whole(self) -> Statistics:
        """The statistics of all rows."""
        return self.slice(_WHOLE) if self.slices else self

    @property
    def features(self) -> list[str]:
        """Names of the columns."""
        return [_feature_name(feature) for feature in self.whole.proto.datasets[0].features]

    @property
    def slices(self) -> list[str]:
        """Names of the slices, ``"All Examples"`` first; empty if the data were not sliced."""
        names = [dataset.name for dataset in self.proto.datasets]
        return sorted(names, key=lambda name: name != _WHOLE) if len(names) > 1 else []

    def slice(self, name: str) -> Statistics:
        """Return the statistics of one of the ``slices``."""
        for dataset in self.proto.datasets:
            if dataset.name == name:
                return Statistics(STATISTICS(datasets=[dataset]))
        raise KeyError(f"the statistics have no slice {name!r}; {nearest(name, self.slices)}")

    @property
    def _size(self) -> str:
        return f"{self.whole.proto.datasets[0].num_examples:,} examples"

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each column of the data (and slice), tidy.

        Returns
        -------
        pandas.DataFrame
            ``feature``, ``type``, ``count`` (values), ``missing`` (share); for text ``unique`` and
            ``top`` (the most frequent); for numbers ``zeros`` (share), ``mean``, ``std``, ``min``,
            ``median``, ``max``; with slices, ``slice`` first.
        """
        rows = []
        for dataset in self.proto.datasets:
            for feature in dataset.features:
                row = _row(feature, dataset.num_examples)
                rows.append({"slice": dataset.name, **row} if self.slices else row)
        return pd.DataFrame(rows, columns=["slice", *_COLUMNS] if self.slices else _COLUMNS)

    def save(self, path: str | Path) -> None:
        """Write the protocol buffer as text."""
        write_text(path, self.proto)

    @classmethod
    def load(cls, path: str | Path) -> Statistics:
        """Read statistics that ``save`` wrote."""
        return cls(read_text(path, STATISTICS()))

    def __repr__(self) -> str:
        return f"{self._size}\n{text_table(rounded(self.to_frame()))}"

    def _repr_html_(self) -> str:
        table = rounded(self.to_frame())
        pictures = [_picture(f) for dataset in self.proto.datasets for f in dataset.features]
        return f"<p>{self._size}</p>" + html_table(table, extra={"distribution": pictures})


def _feature_name(feature: Any) -> str:
    return ".".join(feature.path.step) or feature.name


def _row(feature: Any, examples: int) -> dict[str, Any]:
    """Return the statistics of one column."""
    kind = feature.WhichOneof("stats")
    stats = getattr(feature, kind)
    count = stats.common_stats.num_non_missing
    row: dict[str, Any] = {
        "feature": _feature_name(feature),
        "type": statistics_pb2.FeatureNameStatistics.Type.Name(feature.type),
        "count": count,
        "missing": (examples - count) / examples if examples else math.nan,
    }
    if kind == "num_stats" and count:  # without values, TFDV's are 0
        row["zeros"] = stats.num_zeros / count
        row |= {name: getattr(stats, field) for name, field in _NUMBERS.items()}
    elif kind == "string_stats":
        row["unique"] = stats.unique
        row["top"] = next((top.value for top in stats.top_values), None)
    return row


def _picture(feature: Any) -> str:
    """Return a tiny bar chart as SVG: a histogram of numbers, or the frequencies of texts."""
    if feature.HasField("num_stats"):
        standard = [h for h in feature.num_stats.histograms if h.type == h.STANDARD]
        bars = [bucket.sample_count for bucket in standard[0].buckets] if standard else []
        what = "histogram from the smallest to the largest value"
    else:
        bars = [text.sample_count for text in feature.string_stats.rank_histogram.buckets][:20]
        what = "how often each text occurs, most frequent first"
    if not bars or max(bars) <= 0:
        return ""
    width, height = 100, 24
    step = width / len(bars)
    rects = "".join(
        f'<rect x="{i * step:.1f}" y="{height - height * bar / max(bars):.1f}" '
        f'width="{max(step - 0.8, 0.8):.1f}" height="{height * bar / max(bars):.1f}"/>'
        for i, bar in enumerate(bars)
    )
    label = f"{_feature_name(feature)}: {what}"
    return (
        f'<svg width="{width}" height="{height}" role="img" aria-label="{html.escape(label)}" '
        f'fill="#3E8EBE"><title>{html.escape(label)}</title>{rects}</svg>'
    )
