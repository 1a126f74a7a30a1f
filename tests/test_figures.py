"""The words under a figure become the alternative text of its output."""

import nbformat
import pytest

from tools import figures, notebooks

PNG = "iVBORw0KGgo="
CAPTION = (
    "*The figure: one line,\nrising; see [2.1](a.ipynb), `low` and $p$.*\n\n**Read it.** *Up.*"
)
WORDS = "One line, rising; see 2.1, low and p."


def _notebook(*outputs, below=CAPTION):
    shown = [
        nbformat.v4.new_output("display_data", {"image/png": PNG, "text/plain": text})
        for text in outputs
    ]
    cells = [nbformat.v4.new_code_cell("plot()", outputs=shown)]
    if below is not None:
        cells.append(nbformat.v4.new_markdown_cell(below))
    return nbformat.v4.new_notebook(cells=cells)


def _alts(notebook):
    return [output.metadata.get("image/png", {}).get("alt") for output in notebook.cells[0].outputs]


@pytest.mark.parametrize("text", ["*A figure: no.*", "", "The figure: no.", "*The figure:*"])
def test_other_words_are_no_caption(text):
    assert figures.caption(text) == ""


def test_a_plain_figure_takes_the_words_below_it_and_a_view_its_own():
    notebook = _notebook("<Figure size 640x480 with 1 Axes>", "31 and over: 82 % selected")
    figures.describe(notebook)
    assert _alts(notebook) == [WORDS, "31 and over: 82 % selected"]


def test_words_that_are_there_stay():
    notebook = _notebook("a view")
    notebook.cells[0].outputs[0].metadata = {"image/png": {"alt": "mine", "width": 3}}
    figures.describe(notebook)
    assert notebook.cells[0].outputs[0].metadata == {"image/png": {"alt": "mine", "width": 3}}


@pytest.mark.parametrize("below", [None, "No caption."])
def test_without_words_nothing_is_written(below):
    notebook = _notebook("<Figure size 640x480 with 1 Axes>", below=below)
    figures.describe(notebook)
    assert notebook.cells[0].outputs[0].metadata == {}


def test_other_outputs_are_left_alone():
    notebook = _notebook(below="*The figure: words.*")
    stream = nbformat.v4.new_output("stream", text="hello")
    table = nbformat.v4.new_output("display_data", {"text/html": "<p>", "text/plain": "p"})
    notebook.cells[0].outputs = [stream, table]
    figures.describe(notebook)
    assert notebook.cells[0].outputs == [stream, table]


def test_executing_a_notebook_writes_them(tmp_path):
    source = f"from IPython.display import display\ndisplay({{'image/png': '{PNG}'}}, raw=True)"
    cells = [nbformat.v4.new_code_cell(source), nbformat.v4.new_markdown_cell(CAPTION)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "a.ipynb")
    notebooks.execute(tmp_path / "a.ipynb")
    notebook = nbformat.read(tmp_path / "a.ipynb", as_version=4)
    assert notebook.cells[0].outputs[0].metadata == {"image/png": {"alt": WORDS}}
    nbformat.validate(notebook)
