"""Write the repository's address wherever it is named, and the setup cell into each notebook.

``python tools/stamp.py [OWNER/NAME]``. The address is kept in one place, ``[project.urls]`` of
``pyproject.toml``; with an argument it is changed there first. Notebooks get the Colab badge below
their title and the setup cell; in the other files the address itself is replaced. The workflow
``address.yml`` runs this on a bare runner, so it needs the standard library only.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
HOST = "https://github.com/"
COLAB = "https://colab.research.google.com"
# Files, apart from the notebooks, that contain the address. None is a workflow: the token of a
# workflow may not change those.
NAMING = (
    "pyproject.toml",
    "README.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "docs/faq.md",
    "docs/instructors.md",
    ".github/ISSUE_TEMPLATE/config.yml",
)
# The owner before the first stamp, and what the README says as long as it is that.
NOBODY = "OWNER"
UNKNOWN = """\
> **This copy does not know its own address yet.** Where `OWNER` appears below, write the account
> in this page's address; the green *Code* button has it, too.
"""
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


def on_github(url: str) -> str | None:
    """Return owner and name if a URL is that of a repository on GitHub.

    Examples
    --------
    >>> on_github("git@github.com:me/mine.git")
    'me/mine'
    """
    login = r"https://(?:[^@/]+@)?|ssh://git@|git@"
    match = re.fullmatch(rf"(?:{login})github\.com[/:]([\w.-]+/[\w.-]+?)(?:\.git)?/?", url)
    return match[1] if match else None


def remotes(root: Path = ROOT) -> dict[str, str]:
    """Return owner and name of each remote that is on GitHub, by the remote's name."""
    command = ["git", "config", "--get-regexp", r"^remote\..*\.url$"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    rows = [line.partition(" ") for line in done.stdout.splitlines()]
    places = {key.split(".", 1)[1].removesuffix(".url"): on_github(url) for key, _, url in rows}
    return {name: place for name, place in places.items() if place}


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


def stamp(notebook: dict[str, Any], address: str, path: str) -> None:
    """Write badge and setup cell into a notebook, given its path in the repository.

    Raises
    ------
    ValueError
        If the notebook does not begin with a title, or has no setup cell.
    """
    first = notebook["cells"][0]
    title, _, rest = _source(first).partition("\n")
    setups = [cell for cell in notebook["cells"] if "%load_ext helpers" in _source(cell)]
    if first["cell_type"] != "markdown" or not title.startswith("# "):
        raise ValueError(f"{path}: expected the title in the first cell, '# ...', got {title!r}")
    if len(setups) != 1 or setups[0]["cell_type"] != "code":
        raise ValueError(f"{path}: expected one cell of code with '%load_ext helpers'")
    rest = re.sub(r"^\[!\[Open in Colab\].*\n?", "", rest.lstrip("\n")).lstrip("\n")
    text = "\n\n".join(part for part in (title, badge(address, path), rest) if part)
    first["source"] = text.splitlines(keepends=True)
    setups[0]["source"] = SETUP.format(address=address).splitlines(keepends=True)


def stamped(path: Path, root: Path = ROOT) -> str:
    """Return the text that a file should have: a notebook, or one of `NAMING`."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        note = UNKNOWN if address(root).startswith(f"{HOST}{NOBODY}/") else ""
        return re.sub(r"(?s)(<!-- address -->\n).*?(<!-- end -->)", rf"\g<1>{note}\g<2>", text)
    notebook = json.loads(text)
    stamp(notebook, address(root), path.relative_to(root).as_posix())
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


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
    # As in github.com/OWNER/NAME and its like, and as in OWNER.github.io/NAME.
    before, after = address(root).removeprefix(HOST), repository
    for path in (root / name for name in NAMING):
        text = path.read_text(encoding="utf-8")
        for old, new in ((before, after), (_pages(before), _pages(after))):
            text = re.sub(rf"(?<![\w.-]){re.escape(old)}(?![\w-])", new, text)
        _write(path, text)


def main() -> None:
    """Stamp the checkout; with an argument, with a new address."""
    try:
        if given := "".join(sys.argv[1:]):
            rename(given)
        paths = [*notebooks(), *(ROOT / name for name in NAMING)]
        for path in paths:
            _write(path, stamped(path))
    except ValueError as error:
        raise SystemExit(str(error)) from None
    print(f"stamped {len(paths)} files with {address()}")


def _source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def _pages(repository: str) -> str:
    """Return the address of the site that GitHub publishes for a repository."""
    owner, _, name = repository.partition("/")
    return f"{owner}.github.io/{name}"


def _write(path: Path, text: str) -> None:
    if text == path.read_text(encoding="utf-8"):
        return
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


if __name__ == "__main__":
    main()
