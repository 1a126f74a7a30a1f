"""Lesson 4.6: the reader of alert rules, against promtool where it is; its year; its view."""

import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
import yaml
from views import controls, picture, words

from helpers.course.lesson_4_6 import exercises as room
from helpers.course.lesson_4_6.view import AlertExplorer
from helpers.course.lesson_4_6.year import TIMES, Year, pages, score
from helpers.course.rules import RuleError, firing, read

FILE = """
groups:
  - name: g
    rules:
      - {alert: Plain, expr: level > 5}
      - {alert: Wait, expr: level > 5, for: 10m}
      - {alert: Keep, expr: level > 5, keep_firing_for: 20m}
      - {alert: Both, expr: "rate(bad[30m]) / rate(all[30m]) > 2 * 0.02 and increase(bad[5m]) >= 3"}
      - {alert: Smooth, expr: "avg_over_time(level[10m]) > 4.5"}
"""
NAMES = ["Plain", "Wait", "Keep", "Both", "Smooth"]
LEVEL = [3] * 60 + [8] * 5 + [3] * 10 + [8] * 30 + [3] * 75
BAD = np.r_[np.zeros(90), np.full(90, 5)].cumsum()


def series():
    table = {"level": LEVEL, "bad": BAD, "all": 100 * np.arange(180) + 100}
    return pd.DataFrame(table, pd.date_range("2026-01-01", periods=180, freq="min"), dtype=float)


def rule(expression, **more):
    return yaml.safe_dump(
        {"groups": [{"name": "g", "rules": [{"alert": "A", "expr": expression, **more}]}]}
    )


def test_alerts_fire_when_they_should():
    fires = firing(FILE, series())
    at = {name: np.flatnonzero(fires[name]).tolist() for name in NAMES}
    assert at["Plain"] == [*range(60, 65), *range(75, 105)]
    assert at["Wait"] == list(range(85, 105))
    assert at["Keep"] == list(range(60, 125))
    assert not fires["Both"][:96].any() and fires["Both"][125:].all()


def test_rules_of_one_name_are_both_read_and_what_is_not_known_yet_is_not_true():
    rules = [{"alert": "A", "expr": f"level {sign}"} for sign in ("> 5", "< 2")]
    file = yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]})
    assert firing(file, series())["A"].sum() == sum(level > 5 for level in LEVEL)
    assert not firing(rule("(rate(bad[30m]) + 1) * 2 < 1000"), series())["A"][:30].any()


@pytest.mark.skipif(not shutil.which("promtool"), reason="there is no promtool")
def test_promtool_says_the_same_at_each_time(tmp_path):
    fires, table = firing(FILE, series()), series()
    (tmp_path / "rules.yml").write_text(FILE)
    given = [
        {"series": name, "values": " ".join(f"{value:g}" for value in table[name])}
        for name in table
    ]
    asked = [
        {"eval_time": f"{at}m", "alertname": name,
         "exp_alerts": [{"exp_labels": {}}] if fires[name].iloc[at] else []}
        for name in NAMES for at in range(30, 180)
    ]  # fmt: skip
    tests = [{"interval": "1m", "input_series": given, "alert_rule_test": asked}]
    test = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": tests}
    (tmp_path / "test.yml").write_text(yaml.safe_dump(test))
    call = ["promtool", "test", "rules", "test.yml"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("level > 5 or bad > 3", "cannot read|no single"),
        ('level{job="x"} > 5', "cannot read|no single"),
        ("histogram_quantile(0.9, level) > 5", "no metric or function histogram_quantile"),
        ("rate(level[1m]) > 5", "single scrape"),
        ("level", "no single comparison"),
        ("level > 1 > 0", "no single comparison"),
        ("level > 5 5", "cannot read"),
        ("level > __import__", "no metric"),
        ("level > 9 ** 9", "cannot read"),
    ],
)
def test_what_is_not_known_is_refused_with_words(expression, words):
    with pytest.raises(RuleError, match=words):
        firing(rule(expression), series())


def test_files_that_are_no_rule_files_are_refused():
    for text in (
        "",
        "groups: 3",
        "groups: [{name: g, rules: [{record: a, expr: b}]}]",
        "a: [",
        "- 1",
    ):
        with pytest.raises(RuleError, match="expected YAML"):
            read(text)
    with pytest.raises(RuleError, match="unless_for"):
        read(rule("level > 5", unless_for="5m"))


@pytest.fixture(scope="module")
def small():
    """A year with one incident, and an alert that also rings without it."""
    at = np.arange(len(TIMES))
    calm = pd.DataFrame({"credit_errors_total": 0.0, "credit_requests_total": 10.0 * at}, TIMES)
    calm["credit_errors_total"] = np.cumsum((at >= 1_000) & (at < 1_010)) * 5.0
    year = calm.copy()
    year["credit_errors_total"] += np.cumsum((at >= 5_000) & (at < 6_000)) * 3.0
    for name in ("applications", "out_of_range", "missing", "repeated"):
        calm[f"credit_{name}_total"] = year[f"credit_{name}_total"] = at * 1.0
    rows = {"start": [TIMES[5_000]], "end": [TIMES[6_000]], "call": [True]}
    return Year(year, calm, pd.DataFrame(rows, index=["leak"]))


def test_a_page_counts_only_if_the_same_alert_is_silent_without_the_incident(small):
    file = rule("rate(credit_errors_total[5m]) / rate(credit_requests_total[5m]) > 0.1")
    rung = pages(file, small)
    assert rung["incident"].fillna("").tolist() == ["", "leak"]
    assert 0 < rung["delay"].iloc[1] < 0.1
    found = score(file, small).loc["all together"]
    assert (found["pages"], found["precision"], found["caught"]) == (2, 0.5, 1)
    assert found["calm"] == pytest.approx(1 / (len(TIMES) / 10_080))


def test_a_file_without_a_rule_gets_a_reply():
    assert "Not caught" in room._rules("groups: [{name: g, rules: []}]")


def test_each_control_changes_words_and_picture(small):
    view = AlertExplorer(small).view()
    controls(view)["metric"].value = "failed requests"
    for label, value in (("window", "6h"), ("above (%)", 10), ("for", "1h"), ("keep firing", "1d")):
        before = picture(view).value, words(view).value
        controls(view)[label].value = value
        assert words(view).value != before[1]
        assert label in ("for", "keep firing") or picture(view).value != before[0]
