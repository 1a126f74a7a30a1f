"""Runs of a pipeline: each in a process of the TFX environment, followed component by component."""

from __future__ import annotations

import ast
import codecs
import contextlib
import itertools
import json
import re
import shutil
import subprocess
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from helpers.base import files, process

HERE = Path(__file__).resolve().parent
MODULE_FILE = HERE / "modules" / "loans_model.py"
SCHEMA_FILE = HERE / "loans_schema.pbtxt"
_PROGRAM = HERE / "in_tfx.py"
STARTING = "starting TFX"
# In the order in which they run.
COMPONENTS = (
    STARTING,
    *("CsvExampleGen", "ImportSchemaGen", "StatisticsGen", "ExampleValidator", "admit"),
    *("last_blessed", "window", "select_features", "Transform", "Tuner", "Trainer", "Evaluator"),
    *("check_model", "Pusher"),
)
_ENVIRON = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_USE_LEGACY_KERAS": "1",  # TFX's Keras is Keras 2
    "CUDA_VISIBLE_DEVICES": "-1",
    # TFX has pip install the module file, which needs nothing from the network.
    "PIP_NO_INDEX": "1",
    "PIP_NO_DEPS": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_COMPILE": "1",
}


class ComponentFailed(RuntimeError):  # noqa: N818 (it says what happened)
    """A component of the pipeline failed, which stopped the run. What was done before is kept.

    Attributes
    ----------
    component : str
        Its name.
    ename, evalue, traceback : str
        Type, message and traceback of its exception.
    steps : list of Step
        What was done before.
    """

    def __init__(
        self, component: str, ename: str, evalue: str, traceback: str, steps: list[Step]
    ) -> None:
        super().__init__(component, ename, evalue, traceback, steps)
        self.component, self.ename, self.evalue = component, ename, evalue
        self.traceback, self.steps = traceback, steps

    def __str__(self) -> str:
        return f"{self.component}: {self.evalue or self.ename}"

    def _render_traceback_(self) -> list[str]:
        return [f"ComponentFailed: {self}"]


@dataclass(frozen=True)
class Step:
    """One component's part of a run.

    Attributes
    ----------
    component, outcome : str
        Its name; ``"ran"``, or ``"cached"`` if it had worked on the same inputs before.
    seconds : float
        How long it took.
    outputs : dict of str to list of dict
        For each output its artifacts: ``id`` in the metadata store, ``uri``, ``properties``.
    """

    component: str
    outcome: str
    seconds: float
    outputs: dict[str, list[dict[str, Any]]] = field(repr=False)

    @property
    def result(self) -> str:
        """Its result in a few words; "" where the artifact says it all."""
        artifacts = itertools.chain.from_iterable(self.outputs.values())
        for properties in (artifact["properties"] for artifact in artifacts):
            if self.component == "Pusher":
                to = properties["pushed_destination"] if properties["pushed"] else ""
                return f"pushed to {to}" if to else "not pushed"
            if self.component in ("Evaluator", "check_model") and "blessed" in properties:
                reason = f": {properties['reason']}" if properties.get("reason") else ""
                return "blessed" if properties["blessed"] else f"not blessed{reason}"
        if self.component == "window":
            return f"{len(self.outputs['examples'])} months"
        if self.component == "last_blessed":
            models = self.outputs.get("model", [])
            return f"model {models[0]['id']}" if models else "none"
        return ""

    def __str__(self) -> str:
        start = f"{self.component:<16} {self.outcome:<7} {self.seconds:5.1f} s"
        return f"{start} {self.result}".rstrip()


def deliver(table: pd.DataFrame | str | Path, month: str, data: str | Path) -> Path:
    """Put a month's applications where the pipeline looks for them, and return the file.

    Parameters
    ----------
    table : pandas.DataFrame or path of a CSV file
        A file is copied as it is, faults included, but without a byte order mark: TFX would take
        that for a part of the first column's name.
    month : str
        Such as ``"2025-06"``; the file is then ``<data>/202506/applications.csv``.
    data : str or pathlib.Path
        Folder of the months. An earlier file of this month is replaced, unless its content is the
        same, since TFX knows a file by its size and its date.

    Raises
    ------
    FileNotFoundError
        If `table` is a file that does not exist.
    ValueError
        If `month` is not of the form ``"2025-06"``.
    """
    is_frame = isinstance(table, pd.DataFrame)
    content = table.to_csv(index=False).encode() if is_frame else Path(table).read_bytes()
    content = content.removeprefix(codecs.BOM_UTF8)
    file = Path(data) / str(_span(month)) / "applications.csv"
    if not file.exists() or file.read_bytes() != content:
        file.parent.mkdir(parents=True, exist_ok=True)
        files.write(file, content)
    return file


def run(
    month: str,
    *,
    data: str | Path,
    root: str | Path,
    on_step: Callable[[Step], object] | None = None,
    **options: Any,
) -> Running:
    """Run the pipeline for one month, to its end, and return its steps and their results.

    Parameters
    ----------
    month, data, root, **options
        As for :func:`start`.
    on_step : callable, optional
        Called with each step as soon as it is done.

    Raises
    ------
    ComponentFailed
        If a component fails.
    """
    running = start(month, data=data, root=root, **options)
    for step in running:
        if on_step is not None:
            on_step(step)
    return running


def start(month: str, *, data: str | Path, root: str | Path, **options: Any) -> Running:
    """Start a run of the pipeline; iterating over it waits for each component.

    Parameters
    ----------
    month : str
        The month to take in, such as ``"2025-06"``; :func:`deliver` brings its file.
    data : str or pathlib.Path
        Folder of the months.
    root : str or pathlib.Path
        Folder of the pipeline: its artifacts, ``metadata.sqlite`` and ``serving/``. Runs with the
        same folder share their cache, and each starts from the last blessed model.
    **options
        Options of ``create_pipeline`` in ``loans.py``, among them ``first_month="2025-01"`` (the
        first month to learn from), ``schema_file``, ``module_file``, ``trials``, ``slices``,
        ``min_auc``, ``tolerance``, ``slice_tolerance`` and ``beam_args``.

    Raises
    ------
    FileNotFoundError
        If the month has no file.
    TypeError
        If the pipeline has no such option.
    ValueError
        If `month` is not of the form ``"2025-06"``, or another run uses this folder.
    helpers.tfx.TFXEnvironmentError
        If there is no TFX environment and none can be made.
    """
    span = _span(month)
    data, root = Path(data).absolute(), Path(root).absolute()
    if not list(data.glob(f"{span}/*.csv")):
        raise FileNotFoundError(
            f"there is no file {data / str(span)}/*.csv for month {month!r}; "
            f"deliver(table, {month!r}, {str(data)!r}) brings one"
        )
    known = _options()
    for name in options:
        if name not in known:
            raise TypeError(f"the pipeline has no option {name!r}; it has {known}")
    if "first_month" in options:
        options["first_month"] = _span(options["first_month"])
    for name in ("schema_file", "module_file"):
        if name in options:
            options[name] = str(Path(options[name]).absolute())
    return Running(month, {**options, "month": span, "data": str(data), "root": str(root)})


def prepare() -> None:
    """Start loading TFX in the background; the next run starts ten seconds sooner.

    Raises TFXEnvironmentError as :func:`start` does.
    """
    from helpers.tfx.environment import interpreter

    python = interpreter()
    if not any(worker.serves(python) for worker in _spare):
        _spare[:] = [_Worker(python)]


class Running:
    """A run of the pipeline, made by :func:`start`; iterate over it to wait for its steps.

    It displays itself as a table of them.

    Attributes
    ----------
    month : str
        The month that it takes in.
    root : pathlib.Path
        Folder of the pipeline.
    steps : list of Step
        What was done so far.
    """

    def __init__(self, month: str, options: dict[str, Any]) -> None:
        from helpers.tfx.environment import interpreter

        self.month = month
        self.steps: list[Step] = []
        self.root = Path(options["root"])
        self._component = STARTING
        self._count = len(COMPONENTS) - (options.get("trials") == 0)  # then without a Tuner
        python = interpreter()
        self.root.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as failed:
            lock = _lock(self.root)
            failed.callback(lock.release)
            self._worker = _worker(python)
            failed.pop_all()
        # Also at exit, and when nothing refers to this run any more.
        self._stop = weakref.finalize(self, _finish, self._worker, self.root, lock)
        self._process = self._worker.child
        line = json.dumps({"options": options, "asked": time.time()})
        with contextlib.suppress(BrokenPipeError):  # iterating reports how the process ended
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Step]:
        """Wait for the steps; leaving before the end, as Ctrl-C does, ends the run."""
        yield from self.steps
        try:
            yield from self._events()
        finally:
            self.close()

    def __getitem__(self, component: str) -> Step:
        for step in self.steps:
            if step.component == component:
                return step
        raise KeyError(f"{component!r} is not done; done are {[s.component for s in self.steps]}")

    @property
    def pushed(self) -> Path | None:
        """Folder that the model was pushed to; None if none was."""
        pushers = [step for step in self.steps if step.component == "Pusher"]
        models = [model["properties"] for step in pushers for model in step.outputs["pushed_model"]]
        return next((Path(m["pushed_destination"]) for m in models if m["pushed"]), None)

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each step: ``component``, ``outcome``, ``seconds``, ``result``."""
        rows = [(s.component, s.outcome, round(s.seconds, 1), s.result) for s in self.steps]
        return pd.DataFrame(rows, columns=["component", "outcome", "seconds", "result"])

    def close(self) -> None:
        """End the run, if it still goes on; what was done is kept."""
        self._stop()

    def __repr__(self) -> str:
        return "\n".join([f"run of {self.month}", *map(str, self.steps)])

    def _repr_html_(self) -> str:
        return self.to_frame().to_html(index=False)

    def _events(self) -> Iterator[Step]:
        if self._process.stdout.closed:
            return
        for line in self._process.stdout:
            event = json.loads(line)
            kind = event.pop("event")
            if kind == "begins":
                self._component = event["component"]
            elif kind == "ended":
                self.steps.append(Step(**event))
                self._component = f"after {event['component']}"
                yield self.steps[-1]
            elif kind == "failed":
                self._worker.free = True
                raise ComponentFailed(**event, steps=self.steps)
            elif kind == "done":
                self._worker.free = True
                return
        code = self._process.wait()
        tail = " ".join(self._process.log.read_text(errors="replace").strip().splitlines()[-5:])
        message = f"the process ended with code {code}; it last wrote: {tail or 'nothing'}"
        raise ComponentFailed(self._component, "ProcessEnded", message, "", self.steps)


class _Worker:
    """A process that loads TFX and waits for runs; it ends with this one."""

    def __init__(self, python: Path) -> None:
        self.python = python
        folder = Path(tempfile.mkdtemp(prefix="tfx-pipeline-"))
        environ = _ENVIRON | {"TMPDIR": str(folder)}
        arguments = ["-W", "ignore", _PROGRAM]
        self.child = process.Child(arguments, folder, python, environ, stdout=subprocess.PIPE)
        self.stop = weakref.finalize(self, self.child.stop, 0)
        self.began = time.time()
        self.free = True  # for a run

    def serves(self, python: Path) -> bool:
        """Whether it can take a run: alive, of this TFX, with the pipeline as it is now."""
        changed = max(file.stat().st_mtime for file in HERE.glob("*.py"))
        alive = self.child.poll() is None
        return self.free and alive and self.python == python and changed < self.began


_spare: list[_Worker] = []


def _worker(python: Path) -> _Worker:
    """Return the worker that waits, if it can still be used, or else a new one."""
    while _spare:
        worker = _spare.pop()
        if worker.serves(python):
            break
        worker.stop()
    else:
        worker = _Worker(python)
    worker.free = False
    return worker


def _finish(worker: _Worker, root: Path, lock: FileLock) -> None:
    """Keep what a run wrote beside its artifacts; its worker takes the next run, or ends."""
    with contextlib.suppress(OSError):
        shutil.copy(worker.child.log, root / "run.log")
    if worker.free and not _spare:
        _spare.append(worker)
    else:
        worker.stop()
    lock.release()


def _lock(root: Path) -> FileLock:
    lock = FileLock(root / ".running", thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(
            f"root is {str(root)!r}, where another run goes on: wait for its end, close() it, or "
            "give another folder"
        ) from None
    return lock


def _options() -> list[str]:
    """Return the options of the pipeline, read from its file, which only TFX can import."""
    tree = ast.parse((HERE / "loans.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "create_pipeline":
            return [option.arg for option in node.args.kwonlyargs if option.arg != "kubeflow"]
    raise RuntimeError("loans.py has no create_pipeline")


def _span(month: str) -> int:
    if not isinstance(month, str) or not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month):
        raise ValueError(f"month is {month!r}; expected one month, such as '2025-06'")
    return int(month.replace("-", ""))
