"""Take the pictures of the README again, in JupyterLab in a real browser: ``make pictures``.

A still of a lesson, and a film of a view whose slider is moved.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import BrowserContext, Locator, sync_playwright

from helpers.base import resources

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))
from lab import Lesson, Server  # noqa: E402

STILL = {"lesson": "2.1", "file": ROOT / "docs" / "lesson-2-1.png"}
FILM = {"lesson": "3.5", "file": ROOT / "docs" / "view.gif", "slider": "threshold under 31"}
STEPS = 26  # of the slider, to the left
FRAME_MS, HOLD_MS = 90, 1800
MOST_BYTES = 1_500_000


@contextmanager
def opened(number: str, context: BrowserContext, server: Server) -> Iterator[Lesson]:
    """Open a lesson and run it."""
    path = next(lesson.path for lesson in resources.lessons() if lesson.number == number)
    lesson = Lesson(context, server, path, path.relative_to(ROOT).as_posix())
    try:
        yield lesson
    finally:
        lesson.close()


def still(lesson: Lesson, file: Path) -> None:
    """Take the whole window, with the lesson's last view in sight."""
    view = lesson.views()[-1]
    view.evaluate("view => view.scrollIntoView({block: 'center'})")
    lesson.page.mouse.move(0, 0)
    lesson.page.wait_for_timeout(3000)  # a finished progress bar goes
    lesson.page.screenshot(path=file)


def film(lesson: Lesson, file: Path, slider: str) -> None:
    """Move a slider by keyboard, there and back, and put a picture of each step together."""
    view = next(view for view in lesson.views() if view.get_by_text(slider, exact=True).count())
    handle = view.locator(f".widget-inline-hbox:has-text('{slider}') [role=slider]").first
    view.scroll_into_view_if_needed()
    handle.focus()
    frames = [picture(view)]
    for _ in range(STEPS):
        before = view.locator("img").first.get_attribute("src")
        lesson.page.keyboard.press("ArrowLeft")
        lesson.page.wait_for_function(
            "([view, before]) => view.querySelector('img').src !== before",
            arg=[view.element_handle(), before],
        )
        lesson.page.wait_for_timeout(150)
        frames.append(picture(view))
    # One palette for all, or colours flicker.
    palette = frames[0].quantize(256, Image.Quantize.FASTOCTREE)
    there = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    steps = [*there, *there[-2:0:-1]]
    times = [FRAME_MS] * len(steps)
    times[0] = times[len(there) - 1] = HOLD_MS
    steps[0].save(file, save_all=True, append_images=steps[1:], duration=times, loop=0)
    if file.stat().st_size > MOST_BYTES:
        raise SystemExit(f"{file.name} has {file.stat().st_size:,} bytes; at most {MOST_BYTES:,}")


def picture(view: Locator) -> Image.Image:
    """Return what a view shows now."""
    return Image.open(io.BytesIO(view.screenshot())).convert("RGB")


def main() -> None:
    """Take both."""
    browser = os.environ.get("MLOPS_BROWSER", "/usr/bin/chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser)
        server = Server(Path(folder), ROOT / "notebooks")
        try:
            for size, take, wanted in (((1360, 1000), still, STILL), ((1180, 1200), film, FILM)):
                viewport = {"width": size[0], "height": size[1]}
                context = chromium.new_context(viewport=viewport)
                with opened(wanted["lesson"], context, server) as lesson:
                    take(lesson, *list(wanted.values())[1:])
                context.close()
                print(f"{wanted['file'].name}: {wanted['file'].stat().st_size:,} bytes")
        finally:
            server.stop()


if __name__ == "__main__":
    main()
