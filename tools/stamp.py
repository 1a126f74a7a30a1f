"""Write the repository's address wherever it is named, and the setup cell into each notebook.

``python tools/stamp.py [OWNER/NAME]``. The address is kept in one place, ``[project.urls]`` of
``pyproject.toml``; with an argument it is changed there first. Notebooks get the Colab badge below
their title and the setup cell; in the other files the address itself is replaced.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
HOST = "https://github.com/"
COLAB = "https://colab.research.google.com"
# Files, apart from the notebooks, in which the address is written out.
NAMING = ("pyproject.toml", "README.md", "docs/instructors.md")
SETUP = """\
# Nothing to install here: `make lab`, or Codespaces, has made a kernel for the lessons, .venv.
# Only Colab installs them now (a minute, once). On Kaggle or Binder, press Open in Colab above.
import importlib.util
import sys

if "google.colab" in sys.modules and not importlib.util.find_spec("helpers"):
    !git clone --quiet --depth 1 {address} lab
    !{{sys.executable}} lab/tools/colab.py
assert importlib.util.find_spec("helpers"), "Choose the kernel .venv: see the first lines here."
%load_ext helpers"""


def address(root: Path = ROOT) -> str:
    """Return the repository's address, without a slash at its end."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["urls"]["Repository"].rstrip("/")


def notebooks(root: Path = ROOT) -> list[Path]:
    """Return the notebooks that carry the stamp: all lessons and the template."""
    paths = sorted([*root.glob("notebooks/**/*.ipynb"), *root.glob("docs/*.ipynb")])
    return [path for path in paths if ".ipynb_checkpoints" not in path.parts]


def badge(address: str, path: str) -> str:
    """Return the badge that opens a notebook on Colab.

    Examples
    --------
    >>> badge("https://github.com/me/mine", "notebooks/a.ipynb").partition("](")[0]
    '[![Open in Colab'
    """
    place = address.removeprefix(HOST)
    link = f"{COLAB}/github/{place}/blob/main/{path}"
    return f"[![Open in Colab]({COLAB}/assets/colab-badge.svg)]({link})"


def stamp(notebook: nbformat.NotebookNode, address: str, path: str) -> None:
    """Write badge and setup cell into a notebook, given its path in the repository.

    Raises
    ------
    ValueError
        If the notebook does not begin with a title, or has no setup cell.
    """
    first = notebook.cells[0]
    title, _, rest = first.source.partition("\n")
    setups = [cell for cell in notebook.cells if "%load_ext helpers" in cell.source]
    if first.cell_type != "markdown" or not title.startswith("# "):
        raise ValueError(f"{path}: expected the title in the first cell, '# ...', got {title!r}")
    if len(setups) != 1 or setups[0].cell_type != "code":
        raise ValueError(f"{path}: expected one cell of code with '%load_ext helpers'")
    rest = re.sub(r"^\[!\[Open in Colab\].*\n?", "", rest.lstrip("\n")).lstrip("\n")
    first.source = "\n\n".join(part for part in (title, badge(address, path), rest) if part)
    setups[0].source = SETUP.format(address=address)


def stamped(path: Path, root: Path = ROOT) -> str:
    """Return the text that a notebook's file should have."""
    notebook = nbformat.read(path, as_version=4)
    stamp(notebook, address(root), path.relative_to(root).as_posix())
    return nbformat.writes(notebook) + "\n"


def rename(repository: str, root: Path = ROOT) -> None:
    """Change the address in every file that names it.

    Parameters
    ----------
    repository : str
        Owner and name, such as ``"me/first-dance-with-mlops"``.
    root : pathlib.Path
        The checkout.

    Raises
    ------
    ValueError
        If that is not an owner and a name.
    """
    repository = repository.removeprefix(HOST).removesuffix(".git").strip("/")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise ValueError(f"REPO is {repository!r}; expected owner/name, as GitHub has it")
    old = re.compile(re.escape(address(root)) + r"(?![\w-])")
    for path in (root / name for name in NAMING):
        _write(path, old.sub(HOST + repository, path.read_text(encoding="utf-8")))


def main() -> None:
    """Stamp the checkout; with an argument, with a new address."""
    try:
        if given := "".join(sys.argv[1:]):
            rename(given)
        for path in notebooks():
            _write(path, stamped(path))
    except ValueError as error:
        raise SystemExit(str(error)) from None
    print(f"stamped {len(notebooks())} notebooks with {address()}")


def _write(path: Path, text: str) -> None:
    if text == path.read_text(encoding="utf-8"):
        return
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


if __name__ == "__main__":
    main()
