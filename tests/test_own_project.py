"""The worked example of docs/project.md: its code runs, prints what is shown, adds up as graded."""

import re
from pathlib import Path

from tools import page_outputs

DOCS = Path(__file__).resolve().parents[1] / "docs"
RUBRIC = (DOCS / "project.md").read_text(encoding="utf-8")
EXAMPLE = (DOCS / "project_loanapp.md").read_text(encoding="utf-8")
STAGE = re.compile(r"^#{2,3} (\d+)\. (.+)$", re.M)


def test_the_example_prints_what_it_shows():
    found = page_outputs.run(EXAMPLE)
    assert len(found) > 10
    for code, shown, printed in found:
        assert printed == shown, (
            f"run `python -m tools.page_outputs docs/project_loanapp.md`\n{code}"
        )


def test_an_output_is_written_once_and_a_silent_fence_has_none():
    page = "```python\na = 1\n```\n\ntext\n\n```python\nprint(a)\n```\n\n```text\nold\n```\n"
    written = page.replace("old", "1")
    assert page_outputs.write(page) == page_outputs.write(written) == written


def test_the_example_has_the_stages_of_the_project():
    assert [number for number, _ in STAGE.findall(RUBRIC)] == [str(n) for n in range(1, 11)]
    names = dict(STAGE.findall(EXAMPLE))
    assert names.keys() == dict(STAGE.findall(RUBRIC)).keys()
    for stage in re.split(r"^## \d+\. ", EXAMPLE, flags=re.M)[1:]:
        assert "**Gate: " in stage, stage[:40]


def test_the_grades_are_those_of_the_rubric_and_add_up():
    weights = dict(re.findall(r"^\| \*\*([\w -]+)\*\* \| (\d) \|", RUBRIC, re.M))
    rows = re.findall(r"^\| ([A-Z][\w -]+) \| (\d) \| (\d) \| (\d+) \|", EXAMPLE, re.M)
    assert {name: weight for name, _, weight, _ in rows} == weights
    assert all(int(level) * int(weight) == int(points) for _, level, weight, points in rows)
    total = sum(int(points) for *_, points in rows)
    most = 3 * sum(map(int, weights.values()))
    assert f"**{total} of {most}**" in EXAMPLE and f"it earned {total}" in RUBRIC
    assert f"{most} at most" in RUBRIC
