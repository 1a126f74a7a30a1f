"""Each term of the glossary is explained where its link says."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
GLOSSARY = ROOT / "docs" / "glossary.md"
ENTRY = re.compile(
    r"- \*\*(?P<term>[^*]+)\*\*(?: \((?P<alias>[^)]+)\))?: (?P<words>.+\.) "
    r"\[(?P<lesson>\d\.\d)[^]]*\]\((?P<path>[^)#]+)#(?P<anchor>[^)]+)\)"
)
LINES = [line for line in GLOSSARY.read_text(encoding="utf-8").splitlines() if line[:2] == "- "]
ENTRIES = [ENTRY.fullmatch(line) for line in LINES]
HEADING = re.compile(r"^(#+) (.+)$", re.M)


def anchor(heading):
    """Return a heading's anchor, by the rule of GitHub, which the site follows."""
    return re.sub(r"[^\w\- ]", "", heading.lower().strip()).replace(" ", "-")


def sections(path):
    """Return the text of each section of a notebook by its anchor, its subsections included."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    text = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    found, heads = {}, list(HEADING.finditer(text))
    for at, head in enumerate(heads):
        ends = (other.start() for other in heads[at + 1 :] if len(other[1]) <= len(head[1]))
        found[anchor(head[2])] = text[head.start() : next(ends, len(text))]
    return found


def test_there_are_many_terms_each_once_and_in_order():
    assert None not in ENTRIES, LINES[ENTRIES.index(None)]
    terms = [entry["term"].lower().replace("/", "") for entry in ENTRIES]
    assert terms == sorted(set(terms)) and 100 <= len(terms) <= 250


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e], ids=lambda entry: entry["term"])
def test_the_linked_section_has_the_term(entry):
    path = (GLOSSARY.parent / entry["path"]).resolve()
    assert path.name.startswith(entry["lesson"].replace(".", "_"))
    found = sections(path)
    assert entry["anchor"] in found, f"its headings are {sorted(found)}"
    text = " ".join(re.sub(r"[*`_]", " ", found[entry["anchor"]]).lower().split())
    assert entry["term"].lower() in text
    assert not entry["alias"] or entry["alias"].lower() in text
