"""The look of feedback, hints and progress: a coloured panel, or plain text without HTML."""

from __future__ import annotations

import html
from dataclasses import dataclass, field

# Code has explicit colours too: a dark theme would make it white on our white background.
_CODE = "color:#1a1a1a;background:#f4f4f4;padding:4px 8px"

# Status: colour of bar and badge (contrast at least 4.5 to 1 with the badge's white text), mark.
_LOOK = {"right": ("#00734F", "✔"), "wrong": ("#B03A00", "✘"), "not attempted": ("#555555", "…")}
_INFO = ("#0060A0", "i")


@dataclass(frozen=True, repr=False)
class Feedback:
    """The reply to an answer.

    Attributes
    ----------
    id : str
        The exercise.
    status : {"right", "wrong", "not attempted"}
        The verdict.
    message : str
        The reply.
    """

    id: str
    status: str
    message: str

    def __repr__(self) -> str:
        return f"[{self.status}] {self.id}: {self.message}"

    def _repr_html_(self) -> str:
        colour, mark = _LOOK[self.status]
        return _panel(colour, f"{mark} {self.status}", f"Exercise {self.id}", _lines(self.message))


@dataclass(frozen=True, repr=False)
class Text:
    """A hint, or a solution as code."""

    title: str
    text: str
    code: bool = False

    def __repr__(self) -> str:
        return f"{self.title}:{chr(10) if self.code else ' '}{self.text}"

    def _repr_html_(self) -> str:
        code = f'<pre style="{_CODE}">{html.escape(self.text)}</pre>'
        body = code if self.code else _lines(self.text)
        colour, mark = _INFO
        return _panel(colour, mark, self.title, body)


@dataclass(frozen=True, repr=False)
class Progress:
    """For each lesson, the number of exercises solved, only attempted, and in total."""

    counts: dict[str, tuple[int, int, int]]
    titles: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        lines = [
            f"lesson {lesson:<5} {self.titles.get(lesson, ''):<30} {solved} of {total} solved"
            + (f", {attempted} attempted" if attempted else "")
            for lesson, (solved, attempted, total) in self.counts.items()
        ]
        return "\n".join(lines) or "no exercises yet"

    def _repr_html_(self) -> str:
        rows = []
        for lesson, (solved, attempted, total) in self.counts.items():
            done = f"{solved} of {total} solved" + (f", {attempted} attempted" if attempted else "")
            name = html.escape(f"Lesson {lesson} {self.titles.get(lesson, '')}".strip())
            bar = (
                f'<progress value="{solved}" max="{total}" aria-label="lesson {lesson}: {done}">'
                f"</progress>"
            )
            rows.append(
                f'<tr><td style="text-align:left">{name}</td><td>{bar}</td>'
                f'<td style="text-align:left">{done}</td></tr>'
            )
        return f"<table>{''.join(rows)}</table>"


def _panel(colour: str, badge: str, title: str, body: str) -> str:
    """Text and background have explicit colours, to be readable in light and in dark themes."""
    return (
        f'<div role="status" style="border:1px solid {colour};border-left:6px solid {colour};'
        "border-radius:4px;padding:8px 12px;margin:4px 0;background:#ffffff;color:#1a1a1a;"
        'max-width:900px">'
        f'<span style="background:{colour};color:#ffffff;border-radius:3px;padding:1px 8px;'
        f'font-weight:bold">{badge}</span> <b>{html.escape(title)}</b>'
        f'<div style="margin-top:6px">{body}</div></div>'
    )


def _lines(text: str) -> str:
    """Escape a text; the lines after the first keep their layout in columns."""
    first, _, rest = text.partition("\n")
    more = (
        f'<pre style="color:#1a1a1a;background:#f4f4f4">{html.escape(rest)}</pre>' if rest else ""
    )
    return html.escape(first) + more
