"""What Argo Rollouts makes of a metric in an AnalysisTemplate, without a cluster."""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from helpers.course.exercises.calls import ReplyError, kind_of

_NUMBERS = {"count": 0, "failureLimit": 0, "inconclusiveLimit": 0, "consecutiveErrorLimit": 4}
_OTHERS = {"name", "interval", "initialDelay", "successCondition", "failureCondition", "provider"}
_ALLOWED = (ast.Expression, ast.BoolOp, ast.boolop, ast.UnaryOp, ast.Not, ast.USub, ast.Compare)
_ALLOWED += (ast.cmpop, ast.Subscript, ast.Call, ast.Name, ast.Constant, ast.Load)


def metric_of(text: Any) -> dict[str, Any]:
    """Return the metric in a piece of YAML, complete with Argo's defaults."""
    import yaml

    if not isinstance(text, str) or not text.strip():
        raise ReplyError(f"Expected the YAML of a metric, as a text; got {kind_of(text)}.")
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ReplyError(f"That is not YAML: {error}") from None
    metric = found[0] if isinstance(found, list) and len(found) == 1 else found
    if not isinstance(metric, dict) or "provider" not in metric:
        raise ReplyError("Expected one metric: a list item with name, interval, provider ...")
    if unknown := [name for name in metric if name not in _OTHERS | _NUMBERS.keys()]:
        raise ReplyError(f"Argo has no field {unknown[0]!r} here. Mind capital letters.")
    metric = {"initialDelay": "0s", "interval": "0s"} | _NUMBERS | metric
    for name in _NUMBERS:
        if type(metric[name]) is not int or not 0 <= metric[name] <= 1_000:
            raise ReplyError(f"{name} is {metric[name]!r}; expected a whole number up to 1,000.")
    for name in ("initialDelay", "interval"):
        if not re.fullmatch(r"\d+[ms]", str(metric[name])):
            raise ReplyError(f"{name} is {metric[name]!r}; expected seconds or minutes: 90s, 2m.")
        metric[name] = int(metric[name][:-1]) * (60 if metric[name][-1] == "m" else 1)
    if not metric["count"] or not metric["interval"]:
        raise ReplyError("Without an interval and a count, the step looks once, or never ends.")
    return metric


def _holds(condition: str, result: list[float]) -> bool:
    text = str(condition).replace("&&", " and ").replace("||", " or ")
    known = {"len": len, "isNaN": math.isnan, "result": result}
    try:
        tree = ast.parse(re.sub(r"!(?!=)", " not ", text).strip(), mode="eval")
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        if names - known.keys() or not all(isinstance(node, _ALLOWED) for node in ast.walk(tree)):
            raise TypeError
        return bool(eval(compile(tree, "condition", "eval"), {"__builtins__": {}}, known))
    except (SyntaxError, TypeError):
        raise ReplyError(
            f"Cannot read {condition!r}: result is a list, and len, isNaN and comparisons are known."
        ) from None


def phase(metric: dict[str, Any], measured: Callable[[float], list[float]]) -> str:
    """Return how the analysis of a step ends: Successful, Failed, Inconclusive or Error."""
    kinds: Counter[str] = Counter()
    success, failure = metric.get("successCondition"), metric.get("failureCondition")
    for look in range(metric["count"]):
        result = measured(metric["initialDelay"] + look * metric["interval"])
        try:
            good = _holds(success, result) if success else not failure
            bad = _holds(failure, result) if failure else not good
        except IndexError:  # result[0] of nothing
            kinds["error"] += 1
        else:
            kinds["error"] = 0
            kinds["bad"] += bad
            kinds["unclear"] += not bad and not good and bool(success)
        for kind, limit, name in (
            ("bad", "failureLimit", "Failed"),
            ("unclear", "inconclusiveLimit", "Inconclusive"),
            ("error", "consecutiveErrorLimit", "Error"),
        ):
            if kinds[kind] > metric[limit]:
                return name
    return "Successful"
