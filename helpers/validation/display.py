"""Tables as text and as HTML."""

from __future__ import annotations

import html
import math
from typing import Any

import pandas as pd


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rules of a schema as text: lists with commas, ranges as "low to high"."""

    def text(value: Any) -> str:
        if isinstance(value, list):
            short = value if len(value) <= 8 else [*value[:7], f"... ({len(value)})"]
            return ", ".join(map(str, short))
        if isinstance(value, tuple):
            low, high = ("any" if end is None else f"{end:,.15g}" for end in value)
            return f"{low} to {high}"
        if isinstance(value, float):
            return "" if math.isnan(value) else f"{value:g}"
        return "" if value is None else str(value)

    return pd.DataFrame({name: [text(v) for v in table[name]] for name in table}, dtype=object)


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Return statistics as text: shares in percent, numbers with four digits, no empty columns."""

    def number(value: Any) -> str:
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return ""
        if isinstance(value, str) or math.isinf(value):
            return str(value)
        if value == int(value) and abs(value) < 1e15:
            return f"{int(value):,}"
        return f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"

    def percent(value: float) -> str:
        return "" if math.isnan(value) else f"{value:.1%}"

    table = table.dropna(axis=1, how="all")
    makers = {name: percent if name in ("missing", "zeros") else number for name in table}
    return pd.DataFrame(
        {name: [makers[name](value) for value in table[name]] for name in table}, dtype=object
    )


def text_table(table: pd.DataFrame) -> str:
    """Return a table as plain text, columns aligned, without an index."""
    widths = [max(len(name), *map(len, table[name].astype(str))) for name in table]
    lines = [table.columns, *table.astype(str).itertuples(index=False)]
    rows = ("  ".join(f"{c:<{w}}" for c, w in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(row.rstrip() for row in rows)


def html_table(table: pd.DataFrame, extra: dict[str, list[str]] | None = None) -> str:
    """Return a table as HTML, values escaped; `extra` columns are HTML already."""
    extra = extra or {}
    heads = "".join(f'<th style="text-align:left">{name}</th>' for name in [*table, *extra])
    rows = []
    for i, line in enumerate(table.itertuples(index=False)):
        cells = [html.escape(str(value)) for value in line] + [extra[name][i] for name in extra]
        rows.append("".join(f'<td style="text-align:left">{cell}</td>' for cell in cells))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
