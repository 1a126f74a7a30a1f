"""What the committed notebooks show of the learner's progress, and what else is kept in them."""

import nbformat

from helpers.course import exercises
from tools import notebooks, progress


def _notebook(source="progress()", data=None):
    output = nbformat.v4.new_output("execute_result", data or {"text/plain": "old"})
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source, outputs=[output])])


def test_it_is_the_progress_of_somebody_who_has_not_solved_anything(tmp_path, monkeypatch):
    done = tmp_path / "progress.json"
    done.write_text('{"exercises": {"2.1-a": "solved"}}')
    monkeypatch.setenv("MLOPS_PROGRESS", str(done))
    progress.beginning.cache_clear()
    lines = progress.beginning()["text/plain"].splitlines()
    totals = [len(group) for group in exercises.core.exercises_by_lesson().values()]
    for total, line in zip(totals, lines, strict=True):
        assert line.endswith(f" 0 of {total} solved")


def test_a_list_that_lacks_a_lesson_is_brought_up_to_date():
    notebook = _notebook()
    assert progress.refresh(notebook)
    assert notebook.cells[0].outputs[0].data == progress.beginning()
    assert not progress.refresh(notebook), "now it is"
    nbformat.validate(notebook)


def test_other_outputs_are_left_alone():
    notebook = _notebook("progress")
    assert not progress.refresh(notebook)
    assert notebook.cells[0].outputs[0].data == {"text/plain": "old"}


def test_why_an_output_is_not_compared_outlives_an_execution(tmp_path):
    kept = {"first_dance": {"not_compared": "times differ"}, "tags": ["nbval-ignore-output"]}
    cells = [
        nbformat.v4.new_code_cell("1", metadata=kept | {"execution": {"iopub": "now"}}),
        nbformat.v4.new_code_cell("2", metadata={"trusted": True}),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "a.ipynb")
    notebooks.execute(tmp_path / "a.ipynb")
    found = nbformat.read(tmp_path / "a.ipynb", as_version=4)
    assert [cell.metadata for cell in found.cells] == [kept, {}]
