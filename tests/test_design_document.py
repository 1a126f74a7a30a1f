"""A design on one page: what contradicts is found, what is missing is named, the rest passes."""

import re
import subprocess
import sys

import numpy as np
import pytest

from helpers.course.lesson_1_1.design_document import CONTRADICTIONS, ENTRIES, RULES, review

SOUND = {
    "title": "Loan decisions",
    "decision": "Whether a loan is granted; the clerk's.",
    "today": "A rule of two conditions.",
    "why_a_model": "The rule leaves half of the distance to the ceiling.",
    "value_per_year": 1_500_000,
    "cost_per_year": 120_000,
    "optimize": "profit per application",
    "guardrails": {"granted at least": 0.65, "p99 ms": 300},
    "features": ["income", "amount"],
    "known_after_decision": ["defaulted"],
    "consent": ["income", "amount", "age"],
    "rows_needed": 12_000,
    "source": "partner",
    "rows_in_hand": {"loan book": 18_000, "partner": 6_000},
    "labelled_rows_per_month": 2_000,
    "label_delay_days": 365,
    "launch_in_months": 16,
    "first_model": "A linear model, then trees.",
    "serving": "online",
    "decisions_per_month": 10_000,
    "peak_per_second": 5,
    "answer_within_ms": 300,
    "stages_ms": {"network": 40, "feature lookup": 200, "model": 20},
    "model_ms": 20,
    "replicas": 2,
    "availability": 0.995,
    "dependencies": {"credit bureau": 0.998, "database": 0.999},
    "rollback_minutes": 10,
    "cost_per_thousand": 2,
    "monitors_inputs": {"income drifts": 7},
    "monitors_labels": {"more defaults than expected": 400},
    "stopped_by": "late instalments",
    "risks": {"a group is wronged": "Ada, risk"},
}


def test_a_consistent_document_passes():
    assert review(SOUND) == []
    assert review(SOUND | {"monitors_labels": {"late instalments": 150}}) == []


def test_each_rule_has_its_words_and_takes_the_entries_that_they_name():
    assert RULES.keys() == CONTRADICTIONS.keys()
    for name, rule in CONTRADICTIONS.items():
        assert set(rule["entries"]) <= ENTRIES.keys()
        assert RULES[name].__code__.co_argcount == len(rule["entries"])


@pytest.mark.parametrize(
    ("change", "named", "words"),
    [
        ({"answer_within_ms": 50}, "stages_ms", "take 260 ms.* 50 ms"),
        ({"monitors_labels": {"defaults": 30}}, "label_delay_days", "seen in 30 days.*after 365"),
        ({"monitors_labels": {"late instalments": 30}}, "label_delay_days", "30 days.*after 150"),
        ({"monitors_inputs": {}}, "monitors_labels", "for 365 days nobody"),
        ({"features": ["income", "defaulted"], "consent": ["income", "defaulted"]},
         "known_after_decision", "'defaulted'"),
        ({"features": ["income", "sex"]}, "consent", "'sex'"),
        ({"launch_in_months": 14}, "rows_needed", "needs 12,000.*there are 10,000"),
        ({"launch_in_months": 0}, "launch_in_months", "there are 6,000"),
        ({"guardrails": {"p99 ms": 100}}, "guardrails", "p99 ms is 100 ms"),
        ({"peak_per_second": 100}, "replicas", "keep 2 replicas"),
        ({"peak_per_second": 0.001}, "decisions_per_month", "mean minute"),
        ({"availability": 0.998}, "dependencies", "promised"),
        ({"availability": 0.9999, "dependencies": {}}, "rollback_minutes", "allows 4 minutes"),
        ({"value_per_year": 120_000}, "cost_per_year", "worth 120,000"),
        ({"cost_per_thousand": 2_000}, "cost_per_thousand", "cost 240,000"),
        ({"serving": "batch", "batch_every_hours": 24}, "batch_every_hours", "every 24 hours"),
        ({"risks": {"drift": "nobody"}}, "risks", "'drift' has no owner"),
        ({"risks": {"drift": "The team"}}, "risks", "no one's name"),
    ],
)  # fmt: skip
def test_each_contradiction_is_found_alone_and_names_its_entries(change, named, words):
    found = review(SOUND | change)
    assert len(found) == 1, found
    says, _, entries = found[0].rpartition(" (")
    assert says.startswith("Contradiction: ") and re.search(words, says)
    assert named in entries.rstrip(")").split(", ")


@pytest.mark.parametrize(
    "change",
    [
        {"answer_within_ms": 260},
        {"monitors_labels": {"defaults": 365}},
        {"peak_per_second": 99},
        {"availability": 0.998 * 0.999},
        {"cost_per_thousand": 1_000},
        {"monitors_labels": {}},
        {"risks": {}},
        {"features": []},
        {"source": "both", "launch_in_months": 0},
    ],
)
def test_what_just_fits_is_no_contradiction(change):
    assert review(SOUND | change) == []


@pytest.mark.parametrize("name", ENTRIES)
def test_a_missing_entry_is_named_and_contradicts_nothing(name):
    for without in ({k: v for k, v in SOUND.items() if k != name}, SOUND | {name: ...}):
        found = review(without)
        names = [name] * (name != "batch_every_hours") + ["batch_every_hours"] * (name == "serving")
        assert found == [f"Missing: {one}. {ENTRIES[one]['asks']}" for one in names]


def test_an_empty_document_misses_everything_and_asks_for_it():
    assert review({}) == [f"Missing: {name}. {ENTRIES[name]['asks']}" for name in ENTRIES]


def test_batches_need_no_replicas_and_online_no_schedule():
    online = ("peak_per_second", "answer_within_ms", "stages_ms", "model_ms", "replicas")
    batch = {k: v for k, v in SOUND.items() if k not in online}
    assert review(batch | {"serving": "batch", "batch_every_hours": 24}) == []
    assert review(SOUND | {"serving": "batch"})[0].startswith("Missing: batch_every_hours.")


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="'label_delay'.*label_delay_days"):
        review({"label_delay": 365})
    with pytest.raises(ValueError, match="'qqq'.*title"):
        review({"qqq": 1})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", ""), ("title", 3), ("answer_within_ms", "50"), ("answer_within_ms", -1),
        ("answer_within_ms", float("nan")), ("answer_within_ms", True), ("availability", 99.9),
        ("features", "income"), ("features", [1]), ("features", {"income": 1}),
        ("stages_ms", [1, 2]), ("stages_ms", {"model": "fast"}), ("stages_ms", {"": 2}),
        ("dependencies", {"bureau": 99}), ("risks", ["drift"]), ("risks", {"drift": None}),
        ("risks", {"drift": " "}), ("source", "the moon"),
        ("serving", "sometimes"), ("features", iter(["income"])),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_is_refused_with_the_question(name, value):
    with pytest.raises(ValueError, match=f"{name} is .*expected"):
        review({name: value})


def test_numbers_of_numpy_and_sets_of_names_are_taken():
    entries = SOUND | {
        "peak_per_second": np.float64(5),
        "rows_in_hand": {"partner": np.int64(6_000)},
    }
    assert review(entries | {"features": {"income"}}) == []


def test_it_loads_nothing_heavy():
    program = (
        "import sys, helpers.course.lesson_1_1.design_document;"
        "print(sorted({'numpy', 'pandas', 'IPython'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
