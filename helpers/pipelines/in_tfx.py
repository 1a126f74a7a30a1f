"""Run in the TFX environment by ``helpers.pipelines``: pipelines, told component by component.

``in_tfx.py`` loads TFX, reads what to run from its standard input, a line of JSON for each run, and
writes a line of JSON for each component that begins or ends. Each run is a copy of this process
(fork), so that it finds TFX loaded and leaves nothing behind for the next. Where forking a process
that has loaded TensorFlow is unsafe, which is everywhere but on Linux, this process does one run
and exits. It ends with its notebook. This file uses nothing of the lab but ``base/process.py``.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "base"))
import process  # noqa: E402

del sys.path[0]
STARTING = "starting TFX"


def main() -> None:
    """Run what is asked for, one pipeline after the other."""
    tasks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    process.end_with_parent(on_line=tasks.put)
    me = os.getpid()
    # What the components print must not come between the lines.
    report = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def tell(**event: Any) -> None:
        report.write(json.dumps(event) + "\n")

    load = attempt(tell, {"component": STARTING}, load_tfx)
    if load:
        os._exit(load)
    while True:
        task = json.loads(tasks.get())
        current = {"component": STARTING}
        if sys.platform != "linux":
            os._exit(attempt(tell, current, run, task, tell, current))
        os.ftruncate(2, 0)  # the log is that of one run
        child = os.fork()
        if not child:
            process.when_ended(me, process.kill_all)
            os._exit(attempt(tell, current, run, task, tell, current))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code < 0:  # killed, and could not say so
            os.kill(os.getpid(), -code)


def attempt(tell: Any, current: dict[str, str], work: Any, *arguments: Any) -> int:
    """Do a piece of work and return the exit code; an error is told with the component."""
    code = 0
    try:
        work(*arguments)
    except BaseException as error:
        where = traceback.format_exc()
        message = str(error).split(" [while running '")[0].strip()  # Beam names its own steps
        tell(
            event="failed",
            component=current["component"],
            ename=type(error).__name__,
            evalue=message if len(message) <= 1_000 else f"{message[:1_000]} ...",
            traceback=where,
        )
        code = 1
    sys.stderr.flush()
    return code  # not the way of sys.exit: Beam's threads and TensorFlow's objects take seconds


def load_tfx() -> None:
    """Load TFX and the pipeline, which takes most of ten seconds."""
    warnings.filterwarnings("ignore")
    sys.path.insert(0, str(HERE))
    import loans  # noqa: F401
    from tfx.orchestration.local import local_dag_runner  # noqa: F401


def run(task: dict[str, Any], tell: Any, current: dict[str, str]) -> None:
    """Make the pipeline and run it; `current` says at which component it is."""
    tell(event="begins", component=STARTING)
    import loans
    from tfx.orchestration.local import local_dag_runner

    class Launcher(local_dag_runner.launcher.Launcher):
        """Launches a component, as TFX does, and tells about it."""

        def launch(self) -> Any:
            current["component"] = self._pipeline_node.node_info.id
            tell(event="begins", component=current["component"])
            begun = time.monotonic()
            info = super().launch()
            tell(
                event="ended",
                component=current["component"],
                seconds=time.monotonic() - begun,
                **_outcome(self._mlmd_connection, info),
            )
            return info

    pipeline = loans.create_pipeline(**task["options"])
    tell(
        event="ended",
        component=STARTING,
        seconds=time.time() - task["asked"],  # it may have been loaded before it was asked
        outcome="ran",
        outputs={},
    )
    local_dag_runner.launcher.Launcher = Launcher
    local_dag_runner.LocalDagRunner().run(pipeline)
    tell(event="done")


def _outcome(connection: Any, info: Any) -> dict[str, Any]:
    """Read from the metadata store whether the component ran, and what it put out."""
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    outputs: dict[str, list[dict[str, Any]]] = {}
    if info is None or not info.execution_id:
        return {"outcome": "ran", "outputs": outputs}
    with connection as handle:
        store = handle.store
        (execution,) = store.get_executions_by_id([info.execution_id])
        events = [
            event
            for event in store.get_events_by_execution_ids([info.execution_id])
            if event.type in (mlmd.Event.OUTPUT, mlmd.Event.INTERNAL_OUTPUT)
        ]
        artifacts = {a.id: a for a in store.get_artifacts_by_id([e.artifact_id for e in events])}
    for event in events:
        artifact = artifacts[event.artifact_id]
        key = next((step.key for step in event.path.steps if step.HasField("key")), "")
        properties = {
            name: getattr(value, value.WhichOneof("value"))
            for name, value in artifact.custom_properties.items()
            if value.WhichOneof("value") in ("int_value", "double_value", "string_value")
        }
        one = {"id": artifact.id, "uri": artifact.uri, "properties": properties}
        outputs.setdefault(key, []).append(one)
    cached = execution.last_known_state == mlmd.Execution.CACHED
    return {"outcome": "cached" if cached else "ran", "outputs": outputs}


if __name__ == "__main__":
    main()
