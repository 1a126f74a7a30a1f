"""Run in the TFX environment by ``helpers.pipelines``: pipelines, followed component by component.

It loads TFX, reads what to run from its standard input, a line of JSON for each run, and writes a
line of JSON for each component that begins or ends. On Linux each run is a fork, which has TFX
loaded and leaves nothing behind for the next; elsewhere, where forking after loading TensorFlow is
unsafe, the process runs once and exits. Of the lab it uses ``base/process.py`` alone.
"""

from __future__ import annotations

import gc
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

sys.path[0] = str(HERE)
STARTING = "starting TFX"


def main() -> None:
    """Run what is asked for, one pipeline after the other."""
    gc.set_threshold(100_000)  # after 700 objects, as by default, it takes a fifth of the time
    tasks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    process.end_with_parent(on_line=tasks.put)
    me = os.getpid()
    # What the components print must not come between the lines.
    events = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def report(**event: Any) -> None:
        events.write(json.dumps(event) + "\n")

    if code := attempt(report, {"component": STARTING}, load_tfx):
        os._exit(code)
    gc.freeze()  # what TFX is made of stays, and forks share it
    while True:
        task = json.loads(tasks.get())
        current = {"component": STARTING}
        if sys.platform != "linux":
            os._exit(attempt(report, current, run, task, report, current))
        os.ftruncate(2, 0)  # the log is that of one run
        child = os.fork()
        if not child:
            process.when_ended(me, process.kill_all)
            os._exit(attempt(report, current, run, task, report, current))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code < 0:  # killed, before it could report that
            os.kill(me, -code)


def attempt(report: Any, current: dict[str, str], work: Any, *arguments: Any) -> int:
    """Do a piece of work and return the exit code; report an error, with the component."""
    code = 0
    try:
        work(*arguments)
    except BaseException as error:
        message = str(error).split(" [while running '")[0].strip()  # Beam names its own steps
        report(
            event="failed",
            component=current["component"],
            ename=type(error).__name__,
            evalue=message if len(message) <= 1_000 else f"{message[:1_000]} ...",
            traceback=traceback.format_exc(),
        )
        code = 1
    sys.stderr.flush()
    return code  # for os._exit: with sys.exit, Beam's threads and TensorFlow's objects take seconds


def load_tfx() -> None:
    """Load TFX and the pipeline, which takes most of ten seconds."""
    warnings.filterwarnings("ignore")
    import loans  # noqa: F401
    from tfx.orchestration.local import local_dag_runner  # noqa: F401


def run(task: dict[str, Any], report: Any, current: dict[str, str]) -> None:
    """Make the pipeline and run it; keep the component that it is at in `current`."""
    report(event="begins", component=STARTING)
    import loans
    from tfx.orchestration.local import local_dag_runner

    class Launcher(local_dag_runner.launcher.Launcher):
        """Launches a component, as TFX does, and reports it."""

        def launch(self) -> Any:
            current["component"] = self._pipeline_node.node_info.id
            report(event="begins", **current)
            begun = time.monotonic()
            info = super().launch()
            seconds = time.monotonic() - begun
            report(
                event="ended", **current, seconds=seconds, **_outcome(self._mlmd_connection, info)
            )
            return info

    pipeline = loans.create_pipeline(**task["options"])
    seconds = time.time() - task["asked"]  # TFX may have been loaded before
    report(event="ended", component=STARTING, seconds=seconds, outcome="ran", outputs={})
    local_dag_runner.launcher.Launcher = Launcher
    local_dag_runner.LocalDagRunner().run(pipeline)
    report(event="done")


def _outcome(connection: Any, info: Any) -> dict[str, Any]:
    """Read from the metadata store whether the component ran, and its output artifacts."""
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
        facts = {"id": artifact.id, "uri": artifact.uri, "properties": properties}
        outputs.setdefault(key, []).append(facts)
    cached = execution.last_known_state == mlmd.Execution.CACHED
    return {"outcome": "cached" if cached else "ran", "outputs": outputs}


if __name__ == "__main__":
    main()
