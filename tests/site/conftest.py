"""The site as `tools/site.sh` made it, served below a folder as GitHub Pages does, in a browser."""

import functools
import http.server
import os
import re
import sys
import threading
import tomllib
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "build" / "site"
PAGES = sorted(SITE.glob("*.html"))
ADDRESS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Repository"]
FOLDER = re.search('<base href="(.+?)">', (SITE / "404.html").read_text())[1]
sys.path.insert(0, str(ROOT / "docs" / "site"))


class Pages(http.server.SimpleHTTPRequestHandler):
    """Files of the site below FOLDER, and its 404.html for all else."""

    def translate_path(self, path):
        return super().translate_path(re.sub(f"^{FOLDER}", "/", path))

    def do_GET(self):
        name = Path(self.translate_path(self.path))
        if self.path.startswith(FOLDER) and (name.is_file() or (name / "index.html").is_file()):
            return super().do_GET()
        self.send_response(404)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write((SITE / "404.html").read_bytes())

    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def address():
    handler = functools.partial(Pages, directory=SITE)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}{FOLDER}"
    server.shutdown()


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=os.environ["MLOPS_BROWSER"])
        yield running
        running.close()


@pytest.fixture(scope="session")
def tab(browser, address):
    """Return one page of the browser, which notes errors and what it asked elsewhere."""
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.errors, page.elsewhere = [], []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda said: page.errors.append(said.text) if said.type == "error" else None)
    page.on("request", lambda asked: _note(page, asked.url, address))
    return page


def _note(page, url, address):
    if not url.startswith((address, "data:")):
        page.elsewhere.append(url)
