"""Reads a metadata store with ML Metadata's own API; ``helpers.lineage`` runs this file in TFX.

It uses nothing of the lab; what it returns is plain values, which a session can hand over.
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
    """Return all that a store knows; the file may be brought to this version's format."""
    config = mlmd.ConnectionConfig()
    config.sqlite.filename_uri = path
    config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE
    store = ml_metadata.MetadataStore(config, enable_upgrade_migration=True)
    artifacts, executions = store.get_artifacts(), store.get_executions()
    contexts = store.get_contexts()
    return {
        "artifacts": [_common(one, mlmd.Artifact.State) | {"uri": one.uri} for one in artifacts],
        "executions": [_common(one, mlmd.Execution.State) for one in executions],
        "contexts": [_common(one, None) for one in contexts],
        "events": list(_events(store, [one.id for one in executions])),
        "memberships": [
            {"context": context.id, "execution": execution.id}
            for context in contexts
            for execution in store.get_executions_by_context(context.id)
        ],
    }


def _common(one: Any, states: Any) -> dict[str, Any]:
    state = getattr(one, "state", None) if isinstance(one, mlmd.Artifact) else None
    if isinstance(one, mlmd.Execution):
        state = one.last_known_state
    return {
        "id": one.id,
        "type": one.type,
        "name": one.name,
        "state": states.Name(state) if states and state is not None else "",
        "created": one.create_time_since_epoch,
        "updated": one.last_update_time_since_epoch,
        "properties": _values(one.properties) | _values(one.custom_properties),
    }


def _values(properties: Any) -> dict[str, Any]:
    found = {}
    for name, value in sorted(properties.items()):  # a protobuf map has no order of its own
        kind = value.WhichOneof("value")
        if kind in ("int_value", "double_value", "string_value", "bool_value"):
            found[name] = getattr(value, kind)
        elif kind is not None:
            message = json_format.MessageToDict(getattr(value, kind))
            found[name] = json.dumps(message, sort_keys=True)  # a struct has no order of its own
    return found


def _events(store: Any, executions: list[int]) -> Iterable[dict[str, Any]]:
    if not executions:
        return
    for event in store.get_events_by_execution_ids(executions):
        if event.type not in (*_INPUTS, *_OUTPUTS):
            continue  # a resolver's, which finds artifacts and makes none
        keys = [step.key for step in event.path.steps if step.HasField("key")]
        yield {
            "artifact": event.artifact_id,
            "execution": event.execution_id,
            "role": "input" if event.type in _INPUTS else "output",
            "key": keys[0] if keys else "",
        }
