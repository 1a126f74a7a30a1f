"""What the site needs beyond its theme: nothing is fetched, and every picture has words."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from ipython_pygments_lexers import IPython3Lexer
from latex2mathml.converter import convert
from pygments.lexer import bygroups, using
from pygments.token import Keyword, Operator, Text
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator


class LessonLexer(IPython3Lexer):
    """IPython, with the Python that runs in TFX's environment."""

    name = "Lesson"
    aliases = ["lesson"]  # noqa: RUF012
    tokens = {  # noqa: RUF012
        "root": [
            (
                r"(?s)(%%)(tfx|writefile)([^\n]*\n)(.*)",
                bygroups(Operator, Keyword, Text, using(IPython3Lexer)),
            ),
            *IPython3Lexer.tokens["root"],
        ]
    }


def inline_math(translator: HTML5Translator, node: nodes.math) -> None:
    """Write TeX as MathML, which browsers draw without a program from elsewhere."""
    translator.body.append(convert(node.astext()))
    raise nodes.SkipNode


def display_math(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula of its own."""
    formula = convert(node.astext(), display="block")
    translator.body.append(f'<div class="fd-math">{formula}</div>\n')
    raise nodes.SkipNode


def describe_pictures(app: Sphinx, document: nodes.document) -> None:
    """Give the picture of an output the words that stand beside it as plain text."""
    for bundle in document.findall(nodes.container):
        if bundle.get("nb_element") == "mime_bundle":
            words = [c.astext() for c in bundle if c.get("mime_type") == "text/plain"]
            for picture in bundle.findall(nodes.image):
                picture["alt"] = "".join(words)


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx."""
    app.add_lexer("lesson", LessonLexer)
    app.add_html_math_renderer("mathml", (inline_math, None), (display_math, None))
    app.connect("doctree-read", describe_pictures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
