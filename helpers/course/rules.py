"""Read alert rules as Prometheus does, and say when they fire: a small part of PromQL."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import yaml

_MINUTES = {"m": 1, "h": 60, "d": 1_440, "w": 10_080}
_CALL = re.compile(r"\b(rate|increase|avg_over_time)\(\s*([a-zA-Z_]\w*)\s*\[(\w+)\]\s*\)")
_PARTS = re.compile(r"[^<>=!]+(>=|<=|>|<)[^<>=!]+")
_KEYS = ("alert", "expr", "for", "keep_firing_for", "labels", "annotations")
KNOWN = "metrics, numbers, + - * /, one comparison, and; rate, increase, avg_over_time of a metric"


class RuleError(ValueError):
    """Not a rule, or of a part of PromQL that is not read here."""


def read(text: str) -> list[dict[str, Any]]:
    """Return the alert rules in the text of a rule file."""
    try:
        rules = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
        unknown = [key for rule in rules for key in rule if rule["alert"] and key not in _KEYS]
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        known = "expected YAML: groups with name and rules, rules with alert and expr"
        raise RuleError(f"{known} ({' '.join(str(error).split())})") from None
    if unknown:
        raise RuleError(f"{unknown[0]} is not among {', '.join(_KEYS)}")
    return rules


def firing(text: str, series: pd.DataFrame) -> pd.DataFrame:
    """Return when each alert of a file fires; a row of the series is a scrape, one a minute."""
    found = {}
    for rule in read(text):
        try:
            parts = re.split(r"\band\b", str(rule.get("expr")))
            true = np.all([_condition(part, series) for part in parts], axis=0)
            times = (minutes(str(rule.get(key, "0m"))) for key in _KEYS[2:4])
            found[rule["alert"]] = _fires(true, *times) | found.get(rule["alert"], False)
        except RuleError as error:
            raise RuleError(f"{rule['alert']}: {error}") from None
    return pd.DataFrame(found, series.index)


def _condition(text: str, series: pd.DataFrame) -> np.ndarray:
    """Return where a comparison is true; of what is not known yet, NaN, nothing is true."""
    values: list[np.ndarray] = []

    def keep(match: re.Match) -> str:
        values.append(_over(*(match.groups() or (None, match[0], "2m")), series))
        return f"@{len(values) - 1}@"

    if not _PARTS.fullmatch(text.strip()):
        raise RuleError(f"no single comparison: {text.strip()!r}; known are {KNOWN}")
    code = re.sub(r"[a-zA-Z_]\w*", keep, _CALL.sub(keep, text))
    try:
        if not re.fullmatch(r"[@\d.\s+*/()<>=-]+", code) or re.search(r"\*\*|//", code):
            raise SyntaxError
        code = re.sub(r"@(\d+)@", r"values[\1]", code.strip())  # nothing but arithmetic by now
        with np.errstate(all="ignore"):
            true = eval(code, {"__builtins__": {}}, {"values": values})
            return np.broadcast_to(np.asarray(true, bool), len(series))
    except (SyntaxError, TypeError, ArithmeticError):
        raise RuleError(f"cannot read {text.strip()!r}; known are {KNOWN}") from None


def _over(function: str | None, name: str, window: str, series: pd.DataFrame) -> np.ndarray:
    if name not in series:
        raise RuleError(f"no metric or function {name}; known are {KNOWN}: {', '.join(series)}")
    values, steps = series[name].to_numpy(float), minutes(window)
    if steps < 2:
        raise RuleError(f"[{window}] may hold a single scrape, and shows no change")
    if function == "avg_over_time":
        return pd.Series(values).rolling(steps + 1, min_periods=1).mean().to_numpy()
    if not function:
        return values
    change = np.r_[np.full(steps, np.nan), values[steps:] - values[:-steps]]
    return change / (60 * steps) if function == "rate" else change


def minutes(text: str) -> int:
    """Return the minutes of a time such as 1h30m."""
    parts = re.findall(r"(\d+)([mhdw])", text)
    if not parts or "".join(map("".join, parts)) != text:
        raise RuleError(f"cannot read the time {text!r}; expected such as 5m, 1h30m or 3d")
    return sum(int(number) * _MINUTES[unit] for number, unit in parts)


def _fires(true: np.ndarray, wait: int, keep: int) -> np.ndarray:
    """Return where an alert fires: true for `wait` minutes, and then until false for `keep`."""
    at = np.arange(len(true))
    lasting = true & (at - np.maximum.accumulate(np.where(true, -1, at)) > wait)
    alive = at - np.maximum.accumulate(np.where(true, at, -keep - 1)) <= keep
    begin = np.maximum.accumulate(np.where(alive & ~np.r_[False, alive[:-1]], at, -1))
    return alive & (np.maximum.accumulate(np.where(lasting, at, -1)) >= begin)
