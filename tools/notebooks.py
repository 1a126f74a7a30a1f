"""Execute notebooks in place, in fresh kernels, and strip what changes from run to run.

``python -m tools.notebooks [PATH ...]``: all notebooks below ``notebooks/`` by default. Those that
are not executed are brought up to date where they list all lessons, in the learner's progress.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from tqdm import tqdm

from helpers.base.files import whole
from tools import progress
from tools.figures import describe

ROOT = Path(__file__).resolve().parents[1]
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def execute(path: Path) -> None:
    """Run one notebook top to bottom; it is replaced only if every cell ran as it should."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        coalesce_streams=True,  # how the kernel cuts a text into pieces is chance
        resources={"metadata": {"path": path.parent}},
    )
    client.execute()
    strip(notebook)
    describe(notebook)
    write(notebook, path)


def write(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Replace the file, or leave it as it was if anything goes wrong."""
    with whole(path) as temporary:
        nbformat.write(notebook, temporary)


def strip(notebook: nbformat.NotebookNode) -> None:
    """Remove times, widget models, and what the machine put into metadata and tracebacks."""
    kept = notebook.metadata.get("first_dance", {})
    notebook.metadata = nbformat.from_dict(
        {
            "first_dance": kept,
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for cell in notebook.cells:
        own = {name: cell.metadata.get(name) for name in ("first_dance", "tags")}
        cell.metadata = nbformat.from_dict({name: value for name, value in own.items() if value})
        for output in cell.get("outputs", []):
            # Without a kernel a widget cannot be drawn; the picture beside it is shown instead.
            output.get("data", {}).pop(WIDGET_VIEW, None)
            if "traceback" in output:  # without the path of this checkout
                output["traceback"] = [line.replace(f"{ROOT}/", "") for line in output.traceback]


def main() -> None:
    """Execute the notebooks named on the command line, or all of them."""
    given = [Path(name) for name in sys.argv[1:]]
    everything = sorted(ROOT.glob("notebooks/**/[!.]*.ipynb"))
    # Readers see the lessons as they are before the first answer.
    os.environ["MLOPS_PROGRESS"] = str(Path(tempfile.mkdtemp()) / "progress.json")
    bar = tqdm(given or [path for path in everything if ".ipynb_checkpoints" not in path.parts])
    for path in bar:
        bar.set_description(path.name)
        execute(path)
    for path in [*everything, ROOT / "docs" / "lesson_template.ipynb"]:
        notebook = nbformat.read(path, as_version=4)
        if progress.refresh(notebook):
            write(notebook, path)


if __name__ == "__main__":
    main()
