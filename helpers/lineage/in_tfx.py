"""Read a metadata store with ML Metadata's own API; ``helpers.lineage`` runs this file in TFX.

It imports nothing from this package, and returns plain values, which can leave the TFX process.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import ml_metadata
from google.protobuf import json_format
from ml_metadata.proto import metadata_store_pb2 as mlmd

_INPUTS = (mlmd.Event.INPUT, mlmd.Event.DECLARED_INPUT)
_OUTPUTS = (mlmd.Event.OUTPUT, mlmd.Event.DECLARED_OUTPUT)


def read(path: str) -> dict[str, list[dict[str, Any]]]:
    """Return the whole content of a store; the file may be upgraded to this version's format."""
    config = mlmd.ConnectionConfig()
    config.sqlite.filename_uri = path
    config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE
    store = ml_metadata.MetadataStore(config, enable_upgrade_migration=True)
    artifacts, executions = store.get_artifacts(), store.get_executions()
    contexts = store.get_contexts()
    state, last_state = mlmd.Artifact.State.Name, mlmd.Execution.State.Name
    return {
        "artifacts": [_common(a, state(a.state)) | {"uri": a.uri} for a in artifacts],
        "executions": [_common(e, last_state(e.last_known_state)) for e in executions],
        "contexts": [_common(context, "") for context in contexts],
        "events": list(_events(store, [execution.id for execution in executions])),
        "memberships": [
            {"context": context.id, "execution": execution.id}
            for context in contexts
            for execution in store.get_executions_by_context(context.id)
        ],
    }


def _common(node: Any, state: str) -> dict[str, Any]:
    return {
        "id": node.id,
        "type": node.type,
        "name": node.name,
        "state": state,
        "created": node.create_time_since_epoch,
        "updated": node.last_update_time_since_epoch,
        "properties": _values(node.properties) | _values(node.custom_properties),
    }


def _values(properties: Any) -> dict[str, Any]:
    result = {}
    for name, value in sorted(properties.items()):  # a protobuf map has no order
        kind = value.WhichOneof("value")
        if kind in ("int_value", "double_value", "string_value", "bool_value"):
            result[name] = getattr(value, kind)
        elif kind is not None:
            message = json_format.MessageToDict(getattr(value, kind))
            result[name] = json.dumps(message, sort_keys=True)  # nor has a struct
    return result


def _events(store: Any, executions: list[int]) -> Iterable[dict[str, Any]]:
    if not executions:
        return
    for event in store.get_events_by_execution_ids(executions):
        if event.type not in (*_INPUTS, *_OUTPUTS):
            continue  # from a resolver, which finds artifacts and makes none
        keys = [step.key for step in event.path.steps if step.HasField("key")]
        yield {
            "artifact": event.artifact_id,
            "execution": event.execution_id,
            "role": "input" if event.type in _INPUTS else "output",
            "key": keys[0] if keys else "",
        }
