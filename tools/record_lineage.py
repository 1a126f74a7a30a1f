"""Record the metadata store of lesson 2.6: seven runs of the loan pipeline, and what they decided.

``python tools/record_lineage.py`` takes some ten minutes and writes ``data/lineage/``. The pipeline
runs for real, twice: once with a file of March that is wrong, and once more with the right one, to
know what would have been decided. Then what belongs to the recording machine is replaced: its
folder by ``/harbor``, its clock by the calendar of ``RUNS``. Durations stay as measured.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from helpers import datasets, pipelines
from helpers.tfx import session
from helpers.world import World, incidents, profit

FOLDER = Path(__file__).resolve().parents[1] / "data" / "lineage"
ROOT = "/harbor"
WRONG = "2025-03"
DECIDED = 250  # applications a month in the log of decisions


@dataclass(frozen=True)
class Run:
    """One run of the pipeline.

    Attributes
    ----------
    day : str
        On which it ran.
    month : str
        Whose applications it took in; who defaulted is known a year later.
    schema, code : int
        Versions: of the schema, and of the module file.
    first_month : str
        The first month that its model learns from.
    """

    day: str
    month: str
    schema: int
    code: int
    first_month: str = "2025-01"

    @property
    def start(self) -> pd.Timestamp:
        """When it began, in UTC."""
        return pd.Timestamp(f"{self.day} 05:00")


RUNS = (
    Run("2026-02-02", "2025-01", schema=1, code=1),
    Run("2026-03-02", "2025-02", schema=1, code=1),
    Run("2026-04-01", "2025-03", schema=1, code=1),
    Run("2026-05-04", "2025-04", schema=2, code=1),
    Run("2026-06-01", "2025-05", schema=2, code=2),
    Run("2026-07-01", "2025-06", schema=2, code=3),
    Run("2026-08-03", "2025-07", schema=2, code=3, first_month="2025-04"),
)
INCOME_RANGE = "  int_domain { min: 6000 max: 400000 }\n"
LATE = '"late_payments", '


def schema(version: int) -> str:
    """Give a version of the schema: the first one has no range for the income."""
    text = pipelines.SCHEMA_FILE.read_text()
    return _without(text, INCOME_RANGE) if version == 1 else text


def code(version: int) -> str:
    """Give a version of the module file.

    The second one takes `late_payments` from the plain numbers, to put it on the logarithmic scale,
    and forgets to put it there; the third one does.
    """
    text = pipelines.MODULE_FILE.read_text()
    if version >= 2:
        text = _without(text, LATE)
    if version == 3:
        there = 'LOGGED = ("income", "amount")'
        if there not in text:
            raise ValueError(f"{pipelines.MODULE_FILE} has no line {there}")
        text = text.replace(there, 'LOGGED = ("income", "amount", "late_payments")')
    return text


def _without(text: str, part: str) -> str:
    if text.count(part) != 1:
        raise ValueError(f"{part!r} stands {text.count(part)} times in the file; expected once")
    return text.replace(part, "")


def record(root: Path, *, wrong: bool) -> None:
    """Run the pipeline for every month; `wrong`: with the partner's incomes of March per month."""
    for run in RUNS:
        frame = datasets.load("loans", months=run.month)
        if wrong and run.month == WRONG:
            frame = incidents["monthly income"].apply(frame)
        file = pipelines.deliver(frame, run.month, root / "data")
        delivered = (run.start - pd.Timedelta(hours=2)).timestamp()
        os.utime(file, (delivered, delivered))
        versions = {}
        for kind, text in (("schema", schema(run.schema)), ("module", code(run.code))):
            folder = root / "code" / str(getattr(run, {"module": "code"}.get(kind, kind)))
            folder.mkdir(parents=True, exist_ok=True)
            name = {"schema": "loans_schema.pbtxt", "module": "loans_model.py"}[kind]
            (folder / name).write_text(text)
            versions[f"{kind}_file"] = folder / name
        done = pipelines.run(
            run.month, data=root / "data", root=root, first_month=run.first_month, **versions
        )
        print(run.day, *(f"{s.component}: {s.result}" for s in done.steps if s.result), sep="\n  ")


def decide(root: Path, right: Path) -> pd.DataFrame:
    """Let the pushed models decide on the applications of 2026, each while it was in force."""
    pushed = _pushed(root)
    applications = World().applications(("2026-02", "2026-08"), DECIDED)
    began = [run.start for run in RUNS if run.day in pushed]
    applications = applications[applications["applied_at"] >= began[0]].reset_index(drop=True)
    in_force = pd.cut(applications["applied_at"], [*began, pd.Timestamp.max], right=False)
    rows = applications[["application_id", "applied_at", "channel"]].rename(
        columns={"applied_at": "decided_at"}
    )
    scores = {"probability": _scores(root, applications), "with_right_file": _scores(right, applications)}
    days = [run.day for run in RUNS if run.day in pushed]
    rows["day"] = [days[i] for i in in_force.cat.codes]
    for name, by_day in scores.items():
        # A day on which only one of the two recordings pushed a model: the last one before it.
        chosen = [by_day[max(d for d in by_day if d <= day)][i] for i, day in enumerate(rows["day"])]
        rows[name] = pd.Series(chosen).round(3)
    rows["granted"] = (profit(applications, rows["probability"].to_numpy()) > 0).astype(int)
    rows["granted_with_right_file"] = (
        profit(applications, rows["with_right_file"].to_numpy()) > 0
    ).astype(int)
    return rows


def _pushed(root: Path) -> dict[str, Path]:
    """Folder of the model that each run pushed, by the run's day."""
    from helpers.lineage import Store

    store = Store(root / "metadata.sqlite")
    frame = store.runs().dropna(subset="model")
    pushed = store.models()["pushed"]
    return {
        run.day: Path(pushed[model])
        for run, model in zip(RUNS, frame["model"], strict=True)
        if pushed[model]
    }


def _scores(root: Path, applications: pd.DataFrame) -> dict[str, list[float]]:
    """Probabilities of default that each pushed model gives, by its day."""
    session().push("_applications", applications.drop(columns=["applied_at", "defaulted"]))
    session().push("_models", {day: str(path) for day, path in _pushed(root).items()})
    session().run(
        "import tensorflow as tf\n"
        "_scores = {}\n"
        "for _day, _path in _models.items():\n"
        "    _ask = tf.saved_model.load(_path).signatures['serving_default']\n"
        "    _given = {n: tf.constant(_applications[n].to_numpy(), s.dtype)\n"
        "              for n, s in _ask.structured_input_signature[1].items()}\n"
        "    _scores[_day] = [float(p) for p in _ask(**_given)['probability']]\n"
    )
    return session().pull("_scores")


def neutral(source: Path, target: Path, root: Path) -> dict[str, str]:
    """Copy a store without what belongs to the machine; return old versions of models and new.

    Every path below `root` begins with ``/harbor`` instead; each run begins when ``RUNS`` says, and
    what was made in it moves with it.
    """
    target.unlink(missing_ok=True)
    shutil.copy(source, target)
    with closing(sqlite3.connect(target)) as store:
        ask = store.execute
        ids = ask(
            "SELECT c.id, c.name FROM Context c JOIN Type t ON t.id = c.type_id "
            "WHERE t.name = 'pipeline_run' ORDER BY c.id"
        ).fetchall()
        if len(ids) != len(RUNS):
            raise ValueError(f"the store has {len(ids)} runs; expected {len(RUNS)}")
        versions, texts = {}, {str(root): ROOT}
        for run, (context, name) in zip(RUNS, ids, strict=True):
            of_run = f"(SELECT execution_id FROM Association WHERE context_id = {context})"
            (began,) = ask(
                f"SELECT MIN(create_time_since_epoch) FROM Execution WHERE id IN {of_run}"
            ).fetchone()
            shift = int(run.start.timestamp() * 1000) - began
            texts[name] = run.start.isoformat()
            made = (
                "(SELECT artifact_id FROM Event WHERE type IN (2, 4) GROUP BY artifact_id "
                f"HAVING MIN(execution_id) IN {of_run})"
            )
            for version, created in ask(
                "SELECT p.string_value, a.create_time_since_epoch FROM ArtifactProperty p "
                "JOIN Artifact a ON a.id = p.artifact_id "
                f"WHERE p.name = 'pushed_version' AND a.id IN {made}"
            ).fetchall():
                versions[version] = str((created + shift) // 1000)
            owners = {
                "Execution": f"id IN {of_run}",
                "Artifact": f"id IN {made}",
                # A context of the pipeline or of a component is as old as its first run.
                "Context": f"id IN (SELECT context_id FROM Association GROUP BY context_id "
                f"HAVING MIN(execution_id) IN {of_run})",
            }
            for table, where in owners.items():
                ask(
                    f"UPDATE {table} SET create_time_since_epoch = create_time_since_epoch + ?, "
                    f"last_update_time_since_epoch = last_update_time_since_epoch + ? WHERE {where}",
                    (shift, shift),
                )
            ask(
                "UPDATE Event SET milliseconds_since_epoch = milliseconds_since_epoch + ? "
                f"WHERE execution_id IN {of_run}",
                (shift,),
            )
        _replace(store, texts | versions)
        store.commit()
        ask("VACUUM")
    return versions


def _replace(store: sqlite3.Connection, texts: dict[str, str]) -> None:
    """Replace texts in every column that holds text."""
    tables = store.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        for _, column, kind, *_ in store.execute(f"PRAGMA table_info('{table}')").fetchall():
            if kind.upper().startswith(("TEXT", "VARCHAR")):
                for old, new in texts.items():
                    store.execute(
                        f'UPDATE "{table}" SET "{column}" = replace("{column}", ?, ?) '
                        f'WHERE instr("{column}", ?)',
                        (old, new, old),
                    )


if __name__ == "__main__":
    wrong, right = (Path(tempfile.mkdtemp()).resolve() for _ in range(2))
    if sys.argv[1:]:  # two folders of an earlier recording
        wrong, right = map(Path, sys.argv[1:])
    else:
        record(wrong, wrong=True)
        record(right, wrong=False)
    print(wrong, right)
