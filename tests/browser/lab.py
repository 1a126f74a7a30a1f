"""A JupyterLab of its own on a copy of the lessons, and a lesson in it as a learner sees it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

TOKEN = "only-here"
CELL = ".jp-Notebook .jp-Cell"
VIEW = ".jp-OutputArea-output:has(.jupyter-widgets)"
CONTROLS = "select, button, input, [role=slider]"
RUN_SECONDS = 300
WIDE, NARROW, HIGH = 1400, 1000, 1400  # of the window, in pixels; the file browser is open


class Server:
    """A JupyterLab server on a free port of this machine.

    Parameters
    ----------
    folder : pathlib.Path
        Empty; for the copy of the lessons, settings and log.
    notebooks : pathlib.Path
        The lessons to copy.
    """

    def __init__(self, folder: Path, notebooks: Path) -> None:
        shutil.copytree(notebooks, folder / "lessons" / "notebooks")
        # Cells that are not in sight stay in the page, so that all of it can be looked at.
        settings = folder / "settings" / "@jupyterlab" / "notebook-extension"
        settings.mkdir(parents=True)
        (settings / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')
        variables = {
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTER_DATA_DIR": str(folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
            "MLOPS_PROGRESS": str(folder / "progress.json"),
        }
        options = [
            "--no-browser",
            "--allow-root",
            "--port=0",
            f"--IdentityProvider.token={TOKEN}",
            f"--ServerApp.root_dir={folder / 'lessons'}",
        ]
        self.log = folder / "log.txt"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", *options],
                env=os.environ | variables,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self.url = self._wait(folder / "runtime")
        except BaseException:
            self.stop()
            raise

    def _wait(self, runtime: Path) -> str:
        for _ in range(600):
            for info in runtime.glob("jpserver-*.json"):
                text = info.read_text()
                if text.endswith("}"):
                    return json.loads(text)["url"]
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError(f"JupyterLab did not start:\n{self.log.read_text()}")

    def stop(self) -> None:
        """End the server with its kernels."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


class Lesson:
    """A notebook that is open in a browser and was run from top to bottom.

    Parameters
    ----------
    context : playwright.sync_api.BrowserContext
        The browser.
    server : Server
        Where the notebook is.
    path : pathlib.Path
        The notebook's file.
    place : str
        The notebook below the folder of the lessons.
    """

    def __init__(self, context, server: Server, path: Path, place: str) -> None:
        self.name = path.stem
        self.cells = json.loads(path.read_text())["cells"]
        self.number = json.loads(path.read_text())["metadata"]["first_dance"]["lesson"]
        self.errors: list[str] = []
        self.asked: list[str] = []
        self.server = server
        self.page = page = context.new_page()
        page.set_default_timeout(30_000)
        page.route(lambda url: not url.startswith(server.url), self._answer)
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(f"{server.url}lab/workspaces/{self.name}/tree/{place}?token={TOKEN}")
        page.wait_for_selector(CELL)
        # Before the kernel is there, "Run All" would ask which one to take.
        page.get_by_role("contentinfo").get_by_text("| Idle").wait_for()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        self._prompts("some", r"/\[\*\]/")
        self._prompts("every", r"/\[\d+\]/")

    def _answer(self, route) -> None:
        """Stand in for the network: the badge is an empty picture, and all else is noted."""
        self.asked.append(route.request.url)
        empty = '<svg xmlns="http://www.w3.org/2000/svg" width="117" height="20"/>'
        route.fulfill(status=200, content_type="image/svg+xml", body=empty)

    def _note(self, message) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url')})")

    def _prompts(self, how_many: str, form: str) -> None:
        """Wait until so many of the prompts of code cells have this form."""
        script = f"prompts => [...document.querySelectorAll(prompts)].{how_many}(prompt => "
        self.page.wait_for_function(
            f"{script}{form}.test(prompt.textContent))",
            arg=f"{CELL}.jp-CodeCell .jp-InputArea-prompt",
            timeout=RUN_SECONDS * 1000,
        )

    def cell(self, at: int):
        """Find the cell with this number."""
        return self.page.locator(CELL).nth(at)

    def views(self) -> list:
        """List the widgets that have a picture or something to operate."""
        views = self.page.locator(VIEW).all()
        return [view for view in views if view.locator(f"img, {CONTROLS}").count()]

    def run(self, at: int, source: str) -> None:
        """Write other code into a cell and run it, by keyboard."""
        before = self.cell(at).locator(".jp-InputArea-prompt").inner_text()
        self.cell(at).locator(".cm-content").click()
        self.page.keyboard.press("ControlOrMeta+A")
        self.page.keyboard.insert_text(source)
        self.page.keyboard.press("Control+Enter")
        self.page.wait_for_function(
            "([cell, before]) => {const now = cell.querySelector('.jp-InputArea-prompt')"
            r".textContent; return now !== before && /\[\d+\]/.test(now)}",
            arg=[self.cell(at).element_handle(), before],
            timeout=120_000,
        )

    def exercises(self) -> list[tuple[int, str]]:
        """List the cells that check an answer, each with the exercise's id."""
        sources = enumerate("".join(cell["source"]) for cell in self.cells)
        matches = ((at, re.search(r'^check\("([^"]+)"', source, re.M)) for at, source in sources)
        return [(at, match[1]) for at, match in matches if match]

    def close(self) -> None:
        """Close the notebook and end its kernel."""
        header = {"Authorization": f"token {TOKEN}"}
        kernels = f"{self.server.url}api/kernels"
        for kernel in self.page.request.get(kernels, headers=header).json():
            self.page.request.delete(f"{kernels}/{kernel['id']}", headers=header)
        self.page.close()
