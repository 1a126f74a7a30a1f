"""MLflow on this machine: a store that opens at once, and the record of lesson 3.1's search."""

from __future__ import annotations

import csv
import logging
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

EMPTY = Path(__file__).with_name("empty_store.zip")
EMPTY_REVISION = "dc11669786a5"  # of the tables in it
TRIALS = Path(__file__).with_name("sixty_trials.csv")
SEARCH = "tune trees"


def tracking_store(folder: str | Path) -> str:
    """Return the address of a SQLite store in a folder, and make it if there is none.

    MLflow makes the 65 tables of an empty store itself, which takes about ten seconds. Here they
    come out of a zip, if it was made for the installed version. Nothing is sent anywhere.

    Parameters
    ----------
    folder : path
        An existing folder.

    Returns
    -------
    str
        For ``mlflow.set_tracking_uri``.
    """
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # read when mlflow is imported
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    database = Path(folder).resolve() / "mlflow.db"
    if not database.exists() and _revision() == EMPTY_REVISION:
        with zipfile.ZipFile(EMPTY) as packed:
            packed.extract("mlflow.db", database.parent)
    return f"sqlite:///{database.as_posix()}"


def sixty_trials(folder: str | Path) -> str:
    """Return the address of a store with the search of lesson 3.1: sixty finished runs.

    They are of the experiment `SEARCH`. Each has its configuration as parameters, with ``seed``
    (of the model) and ``search_seed``, the metric ``auc`` on 500 validation rows, and the tag
    ``data``, a hash of the rows. What is in the store already is kept, and not logged twice.

    Parameters
    ----------
    folder : path
        An existing folder.

    Returns
    -------
    str
        For ``mlflow.set_tracking_uri``.
    """
    address = tracking_store(folder)
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag

    client = MlflowClient(address)
    made = client.get_experiment_by_name(SEARCH)
    files = (Path(folder).resolve() / "files").as_uri()
    id = made.experiment_id if made else client.create_experiment(SEARCH, artifact_location=files)
    there = {run.info.run_name for run in client.search_runs([id], "status = 'FINISHED'")}
    with TRIALS.open(encoding="utf-8", newline="") as file:
        trials = [row for row in csv.DictReader(file) if row["trial"] not in there]
    for row in trials:
        run = client.create_run(id, run_name=row.pop("trial")).info.run_id
        metrics = [Metric("auc", float(row.pop("auc")), 0, 0)]
        tags = [RunTag("data", row.pop("data"))]
        client.log_batch(run, metrics, [Param(name, value) for name, value in row.items()], tags)
        client.set_terminated(run)
    return address


@contextmanager
def registry(name: str, versions: Sequence[Mapping[str, str]]) -> Iterator[Any]:
    """Open a registry that exists only in the block, with versions 1, 2... of a model.

    Parameters
    ----------
    name : str
        The registered model.
    versions : sequence of mapping
        The tags of each version; there are no files behind them.

    Yields
    ------
    mlflow.MlflowClient
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        address = tracking_store(folder)
        from mlflow import MlflowClient

        client = MlflowClient(address)
        client.create_registered_model(name)
        for tags in versions:
            client.create_model_version(name, "file:///nowhere", tags=dict(tags))
        yield client


def _revision() -> str:
    """Return the newest revision of the tables that the installed MLflow knows."""
    from alembic.script import ScriptDirectory
    from mlflow.store import db_migrations

    return ScriptDirectory(str(Path(db_migrations.__file__).parent)).get_current_head() or ""
