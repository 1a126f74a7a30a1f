"""Write the site's pages: the committed notebooks and the Markdown of docs/, made ready for Sphinx.

``python docs/site/pages.py FOLDER`` writes one flat folder: ``index.ipynb`` is the start page, each
lesson and each page keeps its file's name. Nothing is executed and no list is kept: a notebook is a
lesson if its metadata says which (``first_dance.lesson``), and that is also the order.
"""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path, PurePosixPath
from posixpath import normpath

import nbformat

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tools import stamp  # noqa: E402
from tools.figures import describe  # noqa: E402

START = "0"  # the lesson number of the start page
BADGE = re.compile(r"\[!\[Open in Colab\]\([^)]*\)\]\(([^)]*)\)")
CONTEXT = re.compile(r"^\*Track (?P<track>[^·]*?) +·.*\*$", re.M)
# Code is no link, even where it looks like one: `models[7](rows)`.
LINK = re.compile(r"`[^`\n]+`|\]\((?![a-z]+:|#)([^)\s#]+)(#[^)\s]*)?\)")
CHECK = re.compile(r"^check\(", re.M)
HINTS = re.compile(r"(# (hint|solution)\(.*\)\n?)+")
PROGRESS = re.compile(r"^progress\(\)$", re.M)
TERM = re.compile(r"^- \*\*(.+?)\*\*(?: \((.+?)\))?: (.+)$", re.M)
BADGE_PICTURE = Path(__file__).with_name("colab.svg")
PICTURES = {".png", ".svg", ".gif", ".jpg", ".webp"}


@dataclass(frozen=True)
class Lesson:
    """A notebook that is a page of the site."""

    path: PurePosixPath
    notebook: nbformat.NotebookNode
    number: str

    @property
    def page(self) -> str:
        """Return the page's file, which names its address."""
        return "index.ipynb" if self.number == START else self.path.name

    @property
    def title(self) -> str:
        """Return the short title, as the sidebar has it."""
        return self.notebook.cells[0].source.partition("\n")[0].lstrip("# ").partition(":")[0]

    @property
    def track(self) -> str:
        """Return the name of its track, such as ``"2 · Data lifecycle"``."""
        line = CONTEXT.search(self.notebook.cells[0].source)
        return line["track"].replace(", ", " · ") if line else self.number.partition(".")[0]

    @property
    def description(self) -> str:
        """Return what a search engine shows: the first sentences, at most 200 characters."""
        words = CONTEXT.split(self.notebook.cells[0].source)[-1]
        if self.number != START:
            about = (c.source for c in self.notebook.cells[1:] if c.cell_type == "markdown")
            words = next(about, "")
        return shortened(words)


@dataclass(frozen=True)
class Site:
    """All pages, and where each file of the repository is found from them."""

    lessons: list[Lesson]
    documents: list[PurePosixPath]
    address: str
    root: Path
    pictures: set[PurePosixPath] = field(default_factory=set)

    @classmethod
    def of(cls, root: Path) -> Site:
        """Find the pages of a checkout."""
        found = []
        for path in stamp.notebooks(root):
            notebook = nbformat.read(path, as_version=4)
            number = notebook.metadata.get("first_dance", {}).get("lesson")
            if number is not None and path.is_relative_to(root / "notebooks"):
                place = PurePosixPath(path.relative_to(root).as_posix())
                found.append(Lesson(place, notebook, str(number)))
        found.sort(key=lambda lesson: [int(part) for part in lesson.number.split(".")])
        documents = [PurePosixPath("docs", path.name) for path in sorted(root.glob("docs/*.md"))]
        return cls(found, documents, stamp.address(root), root)

    def link(self, target: str, origin: PurePosixPath) -> str:
        """Return where a relative link of a file leads from a page of the site.

        A page of the site is linked as such, a picture is copied, and any other file or folder is
        found in the repository.
        """
        path = PurePosixPath(normpath(origin.parent / target))
        pages = {lesson.path: lesson.page for lesson in self.lessons}
        pages |= {document: document.name for document in self.documents}
        if path in pages:
            return pages[path]
        there = self.root / path
        if there.suffix in PICTURES and there.is_file():
            self.pictures.add(path)
            return path.name
        if ".." in path.parts or not there.exists():
            raise FileNotFoundError(f"{origin} links to {target}, which does not exist")
        return f"{self.address}/{'tree' if there.is_dir() else 'blob'}/main/{path}"

    def relinked(self, text: str, origin: PurePosixPath) -> str:
        """Return Markdown of a file of the repository, with its links as they are on the site."""

        def moved(found: re.Match) -> str:
            if not found[1]:
                return found[0]
            return f"]({self.link(found[1], origin)}{found[2] or ''})"

        return LINK.sub(moved, text)

    def tree(self) -> str:
        """Return the table of contents in MyST's Markdown."""
        parts = [toctree("", ["Start here <self>"])]
        numbered = [lesson for lesson in self.lessons if lesson.number != START]
        for _, track in groupby(numbered, lambda lesson: lesson.number.partition(".")[0]):
            lessons = list(track)
            entries = [f"{one.title} <{one.page.removesuffix('.ipynb')}>" for one in lessons]
            parts.append(toctree(lessons[0].track, entries))
        parts.append(toctree("More", [path.stem for path in self.documents]))
        return "\n\n".join(parts)

    def notebook(self, lesson: Lesson) -> nbformat.NotebookNode:
        """Return a lesson as Sphinx shall read it."""
        notebook = nbformat.from_dict(lesson.notebook)
        describe(notebook)
        for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
            for kind in list(output.get("data", {})):
                if words := output.metadata.get(kind, {}).get("alt"):
                    output.data["text/plain"] = words
        notebook.metadata = nbformat.from_dict(
            {
                "kernelspec": lesson.notebook.metadata.kernelspec,
                "language_info": {"name": "python", "pygments_lexer": "lesson"},
                "myst": {"html_meta": {"description": lesson.description}},
            }
        )
        badge = BADGE.search(notebook.cells[0].source)
        live = badge[1] if badge else f"{self.address}/blob/main/{lesson.path}"
        cells = [cell for cell in notebook.cells if not HINTS.fullmatch(cell.source)]
        for cell in cells:
            if cell.cell_type == "markdown":
                cell.source = self.relinked(cell.source, lesson.path)
            else:
                readable(cell, live, f"{self.address}#readme")
        first = cells[0]
        ways = way_in(live, f"{self.address}#readme")
        first.source = BADGE.sub("", first.source)
        first.source = CONTEXT.sub(lambda line: f"{line[0]}\n\n{ways}", first.source)
        if lesson.number == START:
            cells.append(nbformat.v4.new_markdown_cell(self.tree(), id="contents"))
        notebook.cells = cells
        return notebook

    def document(self, path: PurePosixPath) -> str:
        """Return a page of docs/ as Sphinx shall read it."""
        text = (self.root / path).read_text(encoding="utf-8")
        lead = next((part for part in text.split("\n\n")[1:] if part[0] not in "#`-<"), "")
        if path.stem == "glossary":
            text = glossary(text)
        words = shortened(lead).replace('"', "'")
        front = f'---\nmyst:\n  html_meta:\n    description: "{words}"\n---\n'
        return front + self.relinked(text, path)

    def write(self, folder: Path) -> None:
        """Write all pages into a folder, which is emptied before."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for lesson in self.lessons:
            nbformat.write(self.notebook(lesson), folder / lesson.page)
        for path in self.documents:
            (folder / path.name).write_text(self.document(path), encoding="utf-8")
        for picture in [BADGE_PICTURE, *(self.root / path for path in self.pictures)]:
            shutil.copy(picture, folder / picture.name)


def readable(cell: nbformat.NotebookNode, live: str, readme: str) -> None:
    """Change a code cell so that it makes sense where it cannot be run."""
    words = ""
    if "%load_ext helpers" in cell.source:
        cell.metadata["tags"] = ["hide-input"]
    elif CHECK.search(cell.source):
        words = (
            f'Answered in the live notebook, <a href="{live}">on Colab</a> or '
            f'<a href="{readme}">on your machine</a>: it replies to your answer, and has hints and '
            "a solution."
        )
    elif PROGRESS.search(cell.source):
        words = "In the live notebook, what you have solved so far stands here."
    if words:
        data = {"text/html": f'<p class="fd-live">{words}</p>', "text/plain": words}
        cell.outputs = [nbformat.v4.new_output("display_data", data)]


def way_in(live: str, readme: str) -> str:
    """Return the line that says where a lesson is not only read but done."""
    return (
        "{.fd-live}\n"
        "This page is for reading. The exercises are answered in the live notebook: "
        f"[on your machine or in a dev container]({readme}), or without installing anything "
        f"[![Open in Colab](colab.svg)]({live})"
    )


def toctree(caption: str, entries: list[str]) -> str:
    """Return one part of the table of contents."""
    options = [":hidden:", *([f":caption: {caption}"] if caption else [])]
    return "\n".join(["```{toctree}", *options, "", *entries, "```"])


def glossary(text: str) -> str:
    r"""Return the glossary with each term as an entry that can be linked and searched for.

    Examples
    --------
    >>> print(glossary("# Glossary\n\n- **Canary release** (canary): a small share first.\n"))
    # Glossary
    <BLANKLINE>
    ```{glossary}
    Canary release
    canary
      a small share first.
    <BLANKLINE>
    ```
    """
    entries = (f"{m[1]}\n{m[2] or ''}".rstrip() + f"\n  {m[3]}\n" for m in TERM.finditer(text))
    before = text[: TERM.search(text).start()]
    return "\n".join([f"{before}```{{glossary}}", *entries, "```"])


def shortened(text: str, most: int = 200) -> str:
    """Return Markdown as plain text, cut after a sentence."""
    text = re.sub(r"^#.*$", "", text, flags=re.M)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    words = " ".join(re.sub(r"[*`]", "", text).split())
    whole = re.match(rf".{{40,{most - 1}}}[.!?](?=\s|$)", words)
    return whole[0] if whole else words[:most].rsplit(" ", 1)[0]


def main() -> None:
    """Write the pages of this checkout into the folder named on the command line."""
    site = Site.of(ROOT)
    site.write(Path(sys.argv[1]))
    print(f"{len(site.lessons)} lessons, {len(site.documents)} pages")


if __name__ == "__main__":
    main()
