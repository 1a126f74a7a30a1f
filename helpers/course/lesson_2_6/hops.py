"""Run in the TFX environment: try a learner's hop in stores of ML Metadata made for it."""

import sys
import types
from typing import Any

from calls import ReplyError, run  # of the exercises: their folder is on the path
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

# Each execution: artifacts that went in, and those that came out. The last one was cached.
EXECUTIONS = (("", "1"), ("", "2"), ("12", "34"), ("3", "5"), ("31", "6"), ("12", "34"))
HOPS = {4: set(), 2: {3, 4}, 1: {3, 4, 6}, 3: {5, 6}, 5: set()}


def store() -> metadata_store.MetadataStore:
    """Return a store in memory with six artifacts, of which two were found in the cache again."""
    config = mlmd.ConnectionConfig()
    config.fake_database.SetInParent()
    made = metadata_store.MetadataStore(config)
    kind = made.put_artifact_type(mlmd.ArtifactType(name="Examples"))
    made.put_artifacts([mlmd.Artifact(type_id=kind, uri=f"/made/{i}") for i in range(6)])
    kind = made.put_execution_type(mlmd.ExecutionType(name="Transform"))
    made.put_executions([mlmd.Execution(type_id=kind) for _ in EXECUTIONS])
    events = (
        mlmd.Event(artifact_id=int(one), execution_id=number, type=role)
        for number, run in enumerate(EXECUTIONS, 1)
        for role, ids in zip((mlmd.Event.INPUT, mlmd.Event.OUTPUT), run, strict=True)
        for one in ids
    )
    made.put_events(list(events))
    return made


def judged(answer: str) -> list[str] | None:
    """Return None, or the name of the reply to a function and what it did."""
    space = sys.modules["__main__"]
    try:
        if not answer.isidentifier():  # the text of the cell
            space = types.ModuleType("learner")
            code = "\n".join(line for line in answer.splitlines() if not line.startswith("%%"))
            run(lambda: exec(code, vars(space)), about="the text of your cell.")
            answer = "came_of"
        if not hasattr(space, answer):
            return ["unknown", repr(answer)]
        for start, expected in HOPS.items():
            about = f"a store of the judge's and its artifact {start}."
            got = run(getattr(space, answer), store(), start, about=about)
            if got != expected:
                return _reply(start, got)
    except ReplyError as reply:
        return ["failed", str(reply)]
    return None


def _reply(start: int, got: Any) -> list[str]:
    ran = [f"{', '.join(went) or 'nothing'} -> {', '.join(out)}" for went, out in EXECUTIONS]
    did = f"Asked for {start}, yours returned {got!r}. Its executions: {'; '.join(ran)}."
    makers = [run for run in EXECUTIONS if str(start) in run[1]]
    back, siblings = ({int(one) for run in makers for one in run[i]} for i in (0, 1))
    if not isinstance(got, set):
        return ["set", did]
    if got and (got == back or got <= siblings):
        return ["back" if got == back else "siblings", did]
    slip = "inputs" if start in got else "far" if got > HOPS[start] else "else"
    return [slip, did]
