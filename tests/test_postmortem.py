"""A postmortem is read for its form, the facts of the records, and blame; bad forms are named."""

import doctest

import pytest

from helpers import postmortem
from helpers.postmortem import faults

DATES = ["2026-01-13", "2026-01-15", "2026-01-16"]
GOOD = {
    "timeline": [(day, f"What is known on day {k}.") for k, day in enumerate(DATES)],
    "detection": "The alert Mix, after two days.",
    "impact_euro": 43_900,
    "cause": "The gate knows ranges, and 0 is in the range.",
    "lesson": "A share of zeros is a number to watch.",
    "actions": [
        {"what": "Alert on the share of zeros", "owner": "data engineer", "due": "2026-02-01"}
        | {"kind": "detect"},
        {"what": "Refuse files without a bureau's version", "owner": "gate's owner"}
        | {"due": "2026-03-01", "kind": "prevent"},
    ],
}


def read(**changes):
    return faults(GOOD | changes, DATES, 43_832, "Mix")


def test_its_example_is_true():
    assert doctest.testmod(postmortem).failed == 0


def test_a_good_one_passes_also_with_an_entry_before_the_begin():
    assert read() is None
    assert (
        read(timeline=[("2026-01-02", "A new interface is announced."), *GOOD["timeline"]]) is None
    )


@pytest.mark.parametrize(
    ("fault", "changes"),
    [
        ("missing", {"lesson": ""}),
        ("blame", {"cause": "The engineer on call failed to look at the file."}),
        ("blame", {"detection": "The alert Mix, which they ignored for two days."}),
        ("empty", {"lesson": "Be more careful with files."}),
        ("order", {"timeline": GOOD["timeline"][::-1]}),
        ("dates", {"timeline": [("2026-01-12", "It was on this day."), *GOOD["timeline"][1:]]}),
        ("detection", {"detection": "Somebody saw it by chance."}),
        ("impact", {"impact_euro": 4_390}),
        ("same", {"actions": [GOOD["actions"][0], GOOD["actions"][0] | {"kind": "prevent"}]}),
        ("both", {"actions": GOOD["actions"][:1]}),
    ],
)
def test_a_fault_is_named(fault, changes):
    assert read(**changes)[0] == fault


def test_what_a_system_should_have_done_is_no_blame():
    assert read(lesson="The alert should have watched the share of zeros.") is None


@pytest.mark.parametrize("changes", [{"timeline": ["13 January"]}, {"impact_euro": "much"}])
def test_a_part_in_another_form_is_refused_with_the_form_that_is_expected(changes):
    with pytest.raises(ValueError, match="form that cannot be read.*timeline as pairs"):
        read(**changes)


def test_an_action_that_is_no_dict_is_a_fault():
    assert read(actions=[7]) == ("actions", "7")
