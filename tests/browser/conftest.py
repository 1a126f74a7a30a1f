"""Each worker has a browser and a JupyterLab; each lesson is opened and run once."""

import os
import tempfile
from pathlib import Path

import pytest
from lab import HIGH, WIDE, Lesson, Server
from playwright.sync_api import sync_playwright
from xdist.scheduler import LoadScopeScheduling

from helpers.base import resources

ROOT = Path(__file__).resolve().parents[2]
# Those that may run longest start first.
LESSONS = [
    lesson.path for lesson in sorted(resources.lessons(), key=lambda lesson: -lesson.budget_s)
]


class ByLesson(LoadScopeScheduling):
    """All tests of a lesson go to one worker (`--dist loadgroup` does nothing with pytest 9.2)."""

    def _split_scope(self, nodeid):
        return nodeid.rpartition("[")[2]


def pytest_xdist_make_scheduler(config, log):
    return ByLesson(config, log)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("lab"), ROOT / "notebooks")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=os.environ.get("MLOPS_BROWSER", "/usr/bin/chromium")
        )
        yield running
        running.close()


@pytest.fixture(scope="session")
def shots():
    """Folder for the screenshots, which outlive the tests."""
    folder = Path(os.environ.get("MLOPS_SHOTS") or tempfile.mkdtemp(prefix="first-dance-shots-"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module", params=LESSONS, ids=lambda path: path.stem)
def lesson(request, browser, server):
    context = browser.new_context(viewport={"width": WIDE, "height": HIGH})
    place = request.param.relative_to(ROOT).as_posix()
    opened = Lesson(context, server, request.param, place)
    yield opened
    opened.close()
    context.close()
