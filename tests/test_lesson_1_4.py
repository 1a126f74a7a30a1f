"""The worlds of lesson 1.4: what a detector is tuned in, and what a brake is tried in."""

import numpy as np
import pandas as pd
import pytest

from helpers.course.exercises.calls import ReplyError
from helpers.course.exercises.core import find
from helpers.course.lesson_1_4 import worlds


def solved(id):
    space = {}
    exec(find(id).solution, space)
    return space["answer"]


def test_a_brake_that_does_nothing_earns_nothing_more():
    for kind in worlds.KINDS:
        months = worlds.simulate(lambda signs: 1, kind)
        assert (months["factor"] == 1).all() and months["brake"].equals(months["never"])


def test_on_the_first_of_march_the_signs_of_october_are_known_and_no_others():
    known = {}

    def note(signs):
        known[len(known)] = list(map(str, signs.index))
        return 1

    months = worlds.simulate(note, "severe")
    assert known[list(map(str, months.index)).index("2027-03")] == ["2026-10"]
    assert known[0] == []


def test_the_signs_show_what_happened():
    seen = {}
    for kind in worlds.KINDS:
        worlds.simulate(lambda signs, at=kind: seen.update({at: signs}) or 1, kind)
    arrears = {kind: signs["early_arrears"] for kind, signs in seen.items()}
    assert arrears["severe"].mean() > 1.5 * arrears["mild"].mean() > 0.03
    assert arrears["ends"]["2027-07":].mean() == pytest.approx(0, abs=0.01)
    assert arrears["calm"].idxmax() == pd.Period("2027-03"), "the strike"
    assert seen["calm"]["bureau_alert"].abs().max() < 0.05, "which the bureau does not see"


@pytest.mark.parametrize("odd", ["brake", None, 0, -1, float("nan"), [2]])
def test_a_brake_returns_a_factor(odd):
    with pytest.raises(ReplyError, match="Expected a factor"):
        worlds.simulate(lambda signs: odd, "calm")


def test_who_is_granted_nothing_is_also_simulated():
    months = worlds.simulate(lambda signs: 1e9, "severe")
    assert (months["brake"] == 0).all()


def test_in_a_calm_year_the_brake_of_the_table_costs_some_twelve_million():
    year = worlds.simulate(lambda signs: 2, "calm").loc["2027"]
    assert 10 < (year["never"] - year["brake"]).sum() < 16


def test_months_before_october_are_the_same_in_every_recession():
    strong, weak = (
        worlds.applications(1, "2026-08", "2026-10", strength, 500) for strength in (1, 0)
    )
    before = (strong["applied_at"] < worlds.ONSET).to_numpy()
    assert strong[before].equals(weak[before])
    assert strong["probability"][~before].mean() > 1.5 * weak["probability"][~before].mean()


def test_the_stated_risks_are_right_until_the_recession():
    stream = worlds.residuals(1)
    assert abs(stream[:"2026-09"].mean()) < 0.01 < 0.05 < stream["2026-10":].mean()


def test_the_level_of_few_loans_is_not_above_one():
    answer = solved("1.4-h")
    new = worlds.applications(71, "2028-01", "2028-01", 1, 500)
    since = new.head(60).assign(defaulted=1)
    risk = answer(worlds.model(), since, new)
    assert risk.shape == (500,) and np.all((risk >= 0) & (risk <= 1))


def test_other_ways_to_cut_at_deciles_are_right_too():
    def cut(reference, current):
        edges = [-np.inf, *reference.quantile(np.arange(0.1, 1, 0.1)).unique(), np.inf]
        r, c = (
            pd.cut(one, edges).value_counts(sort=False, dropna=False).reindex(bins, fill_value=0)
            for bins in [[*pd.IntervalIndex.from_breaks(edges), np.nan]]
            for one in (reference, current)
        )
        r, c = (r.to_numpy() + 0.5, c.to_numpy() + 0.5)
        r, c = r / r.sum(), c / c.sum()
        return ((c - r) * np.log(c / r)).sum()

    assert find("1.4-c").feedback(cut).status == "right"


def test_rows_that_cannot_be_sent_may_be_caught_by_the_error_of_a_model_server():
    code = find("1.4-b").solution.replace("except Exception", "except ServingError")
    space = {}
    exec("from helpers.serving import ServingError\n" + code, space)
    assert find("1.4-b").feedback(space["answer"]).status == "right"


def test_a_gap_among_texts_may_be_sent_too_and_other_columns_returned():
    parity = solved("1.4-b")

    def answer(local, remote, rows):
        more = pd.concat([rows, rows.head(2).assign(channel=None)], ignore_index=True)
        return parity(local, remote, more).assign(note="differs")

    assert find("1.4-b").feedback(answer).status == "right"
