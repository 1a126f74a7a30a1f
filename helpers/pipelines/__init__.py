"""Harbor Credit's TFX pipeline, run from the lab: a month goes in, a model comes out, or a reason.

The pipeline is the file ``helpers/pipelines/loans.py``, which is TFX and nothing else; its
``preprocessing_fn``, search space and network are in ``modules/loans_model.py`` and its curated
schema is ``loans_schema.pbtxt``. A run is a process of its own in the TFX environment, which ends
with its notebook.

Examples
--------
>>> from helpers import datasets
>>> deliver(datasets.path("loans", "2025-01.csv"), "2025-01", "work/data")  # doctest: +SKIP
>>> run("2025-01", data="work/data", root="work")  # doctest: +SKIP
component        outcome  seconds  result
...
Pusher           ran      0.2      pushed to work/serving/loans/1767225600
"""

from __future__ import annotations

import ast
import contextlib
import json
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

from helpers.base import extras, files, process

extras.require("validation", by=__name__)

from helpers.world import parse_months

__all__ = [
    "COMPONENTS",
    "ComponentFailed",
    "Running",
    "Step",
    "deliver",
    "prepare",
    "run",
    "start",
]

HERE = Path(__file__).resolve().parent
MODULE_FILE = HERE / "modules" / "loans_model.py"
SCHEMA_FILE = HERE / "loans_schema.pbtxt"
_RUNNER = HERE / "in_tfx.py"
STARTING = "starting TFX"
# In the order in which they run.
COMPONENTS = (
    STARTING,
    "CsvExampleGen",
    "ImportSchemaGen",
    "StatisticsGen",
    "ExampleValidator",
    "admit",
    "last_blessed",
    "window",
    "select_features",
    "Transform",
    "Tuner",
    "Trainer",
    "Evaluator",
    "check_model",
    "Pusher",
)
_OURS = {
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
        Which one.
    ename, evalue : str
        Type and message of its exception, such as ``"ValueError"``.
    traceback : str
        Its traceback.
    steps : list of Step
        What was done before.
    """

    def __init__(
        self, component: str, ename: str, evalue: str, traceback: str, steps: list[Step]
    ) -> None:
        super().__init__(f"{component}: {evalue or ename}")
        self.component = component
        self.ename = ename
        self.evalue = evalue
        self.traceback = traceback
        self.steps = steps

    def __reduce__(self) -> tuple:
        return type(self), (self.component, self.ename, self.evalue, self.traceback, self.steps)

    def _render_traceback_(self) -> list[str]:
        return [f"ComponentFailed: {self}"]


@dataclass(frozen=True)
class Step:
    """One component's part of a run.

    Attributes
    ----------
    component : str
        Its name.
    outcome : str
        ``"ran"``, or ``"cached"`` if the same inputs had been worked on before.
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
        """What came of it, in a few words; "" where the artifact is all there is to say."""
        for artifact in (one for many in self.outputs.values() for one in many):
            said = artifact["properties"]
            if self.component == "Pusher":
                return f"pushed to {said['pushed_destination']}" if said["pushed"] else "not pushed"
            if self.component in ("Evaluator", "check_model") and "blessed" in said:
                reason = f": {said['reason']}" if said.get("reason") else ""
                return "blessed" if said["blessed"] else f"not blessed{reason}"
        if self.component == "window":
            return f"{len(self.outputs['examples'])} months"
        if self.component == "last_blessed":
            models = self.outputs.get("model", [])
            return f"model {models[0]['id']}" if models else "none"
        return ""

    def __str__(self) -> str:
        said = f" {self.result}" if self.result else ""
        return f"{self.component:<16} {self.outcome:<7} {self.seconds:5.1f} s{said}"


def deliver(table: pd.DataFrame | str | Path, month: str, data: str | Path) -> Path:
    """Put a month's applications where the pipeline looks for them.

    Parameters
    ----------
    table : pandas.DataFrame or path of a CSV file
        A file is copied as it is, faults included.
    month : str
        Such as ``"2025-06"``.
    data : str or pathlib.Path
        Folder of the months. What is there for this month is replaced; the same content leaves the
        file alone, since TFX knows a file by its size and its date.

    Returns
    -------
    pathlib.Path
        The file, ``<data>/202506/applications.csv``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If `month` is no month.
    """
    if isinstance(table, pd.DataFrame):
        content = table.to_csv(index=False).encode()
    else:
        content = Path(table).read_bytes()
    file = Path(data) / str(_span(month)) / "applications.csv"
    if file.exists() and file.read_bytes() == content:
        return file
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
    """Run the pipeline for one month, to its end.

    Parameters
    ----------
    month, data, root, **options
        As for :func:`start`.
    on_step : callable, optional
        Called with each step as soon as it is done.

    Returns
    -------
    Running
        Its ``steps`` and what came of them; it displays itself as a table.

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
    """Begin a run of the pipeline; going through it waits for each component.

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

    Returns
    -------
    Running
        To go through, as in ``for step in progress(running, "a run of the pipeline")``.

    Raises
    ------
    FileNotFoundError
        If the month has no file.
    TypeError
        If the pipeline has no such option.
    ValueError
        If `month` is no month, or another run uses this folder.
    helpers.tfx.environment.TFXEnvironmentError
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
    task = {"options": {**options, "month": span, "data": str(data), "root": str(root)}}
    return Running(month, task, root)


def prepare() -> None:
    """Load TFX for the next run while something else goes on, which saves that run ten seconds.

    Raises
    ------
    helpers.tfx.environment.TFXEnvironmentError
        If there is no TFX environment and none can be made.
    """
    from helpers.tfx.environment import interpreter

    python = interpreter()
    if not any(one.serves(python) for one in _spare):
        _spare[:] = [_Worker(python)]


class Running:
    """A run of the pipeline: go through it to wait for its steps; made by :func:`start`.

    It displays itself as a table of what was done so far.

    Parameters
    ----------
    month : str
        The month that it takes in.
    task : dict
        What ``in_tfx.py`` is to do.
    root : pathlib.Path
        The pipeline's folder.

    Attributes
    ----------
    steps : list of Step
        What was done so far.
    """

    def __init__(self, month: str, task: dict[str, Any], root: Path) -> None:
        from helpers.tfx.environment import interpreter

        self.month = month
        self.steps: list[Step] = []
        self.root = root
        self._component = STARTING
        self._count = len(COMPONENTS) - (task["options"].get("trials") == 0)  # then without a Tuner
        self._stop = lambda: None
        python = interpreter()
        root.mkdir(parents=True, exist_ok=True)
        lock = _lock(root)
        try:
            self._worker = _worker(python)
        except BaseException:
            lock.release()
            raise
        self._process = self._worker.child
        # Also at exit, and when nobody refers to this run any more.
        self._stop = weakref.finalize(self, _finish, self._worker, root, lock)
        line = json.dumps({**task, "asked": time.time()})
        with contextlib.suppress(BrokenPipeError):  # how it ended is told by who goes through it
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
        said = [s for s in self.steps if s.component == "Pusher"]
        (artifact,) = said[0].outputs["pushed_model"] if said else [{"properties": {"pushed": 0}}]
        properties = artifact["properties"]
        return Path(properties["pushed_destination"]) if properties["pushed"] else None

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
        tail = self._process.log.read_text(errors="replace").strip().splitlines()[-5:]
        said = f"the process ended with code {code}; it last wrote: {' '.join(tail) or 'nothing'}"
        raise ComponentFailed(self._component, "ProcessEnded", said, "", self.steps)


class _Worker:
    """A process that loads TFX and waits for runs; it ends with this one."""

    def __init__(self, python: Path) -> None:
        self.python = python
        folder = Path(tempfile.mkdtemp(prefix="tfx-pipeline-"))
        self.child = process.Child(
            ["-W", "ignore", _RUNNER],
            folder,
            python,
            _OURS | {"TMPDIR": str(folder)},
            stdout=subprocess.PIPE,
        )
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
    """Read from the pipeline's file, which only TFX can import, what one may choose."""
    tree = ast.parse((HERE / "loans.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "create_pipeline":
            return [one.arg for one in node.args.kwonlyargs if one.arg != "kubeflow"]
    raise RuntimeError("loans.py has no create_pipeline")


def _span(month: str) -> int:
    try:
        (one,) = parse_months(month)
    except (TypeError, ValueError):
        raise ValueError(f"month is {month!r}; expected one month, such as '2025-06'") from None
    return int(str(one).replace("-", ""))
