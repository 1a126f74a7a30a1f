"""Write into a page what its code prints: each python fence is followed by a text fence.

``python -m tools.page_outputs docs/project_loanapp.md`` runs a page's fences in their order and in
one namespace, and writes what each prints into the fence after it. A fence that prints nothing has
none.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
import time
from pathlib import Path

CODE, SHOWN = r"^```python\n(?P<code>.*?)^```\n", r"\n```text\n(?P<shown>.*?)^```\n"
FENCE = re.compile(f"{CODE}(?:{SHOWN})?", re.M | re.S)


def run(page: str) -> list[tuple[str, str, str]]:
    """Return for each fence its code, what the page shows, and what the code prints."""
    namespace: dict[str, object] = {"__name__": "page"}
    found = []
    for fence in FENCE.finditer(page):
        lines = page.count("\n", 0, fence.start("code"))
        code = compile("\n" * lines + fence["code"], "page", "exec")  # errors name the page's line
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, namespace)
        text = "".join(line.rstrip() + "\n" for line in printed.getvalue().splitlines())
        found.append((fence["code"], fence["shown"] or "", text))
    return found


def write(page: str) -> str:
    """Return the page with what its fences print."""
    printed = iter(run(page))

    def with_output(fence: re.Match[str]) -> str:
        code, _, text = next(printed)
        return f"```python\n{code}```\n" + (f"\n```text\n{text}```\n" if text else "")

    return FENCE.sub(with_output, page)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path, start = Path(name), time.monotonic()
        path.write_text(write(path.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"{path}: {time.monotonic() - start:.0f} s")
