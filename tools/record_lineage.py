"""Record the metadata store of lesson 2.6: seven runs of the loan pipeline, and what they decided.

``python tools/record_lineage.py [FOLDER FOLDER]`` takes some twelve minutes and writes
``data/lineage/``; the folders keep the two recordings, to write it again without running.

The pipeline runs for real, twice: once with a wrong file of March, and once with the right one, to
know what would have been decided. Then the traces of the recording machine are replaced: its folder
by ``/harbor``, its clock by the calendar of ``RUNS``. Durations stay as measured.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import struct
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from helpers import datasets, pipelines
from helpers.lineage import Store
from helpers.tfx import session
from helpers.world import World, incidents, profit

FOLDER = Path(__file__).resolve().parents[1] / "data" / "lineage"
ROOT = "/harbor"
WRONG = "2025-03"
DECIDED = 150  # applications a month in the log of decisions
TOLERANCE = 0.01  # by how much a candidate's AUC may be lower
KEEP_ALL = -0.5  # columns: if they changed, no model could begin with the weights of the last one


@dataclass(frozen=True)
class Run:
    """One run of the pipeline.

    Attributes
    ----------
    day : str
        When it ran.
    month : str
        Month of the applications that it took in; defaults are known a year later.
    schema, code : int
        Versions of the schema and of the module file.
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
# The artifacts of the first model whose files are kept, by the component that made them.
KEPT = ("CsvExampleGen", "StatisticsGen", "Transform", "Tuner")
INCOME_RANGE = "  int_domain { min: 6000 max: 400000 }\n"
LATE = '"late_payments", '


def schema(version: int) -> str:
    """Return a version of the schema: the first one has no range for the income."""
    text = pipelines.SCHEMA_FILE.read_text()
    return _without(text, INCOME_RANGE) if version == 1 else text


def code(version: int) -> str:
    """Return a version of the module file.

    The second one removes `late_payments` from the plain numbers and forgets to add it to those on
    the logarithmic scale; the third one adds it.
    """
    text = pipelines.MODULE_FILE.read_text()
    if version >= 2:
        text = _without(text, LATE)
    if version == 3:
        line = 'LOGGED = ("income", "amount")'
        if line not in text:
            raise ValueError(f"{pipelines.MODULE_FILE} has no line {line}")
        text = text.replace(line, 'LOGGED = ("income", "amount", "late_payments")')
    return text


def _without(text: str, part: str) -> str:
    if text.count(part) != 1:
        raise ValueError(f"{part!r} occurs {text.count(part)} times in the file; expected once")
    return text.replace(part, "")


def record(root: Path, *, wrong: bool) -> None:
    """Run the pipeline for every month, if `wrong` with the partner's monthly incomes in March."""
    for run in RUNS:
        file = pipelines.deliver(_delivery(run.month, wrong), run.month, root / "data")
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
            run.month,
            data=root / "data",
            root=root,
            first_month=run.first_month,
            least_information=KEEP_ALL,
            tolerance=TOLERANCE,
            **versions,
        )
        print(
            run.day,
            *(f"{s.component}: {s.result}" for s in done.steps if s.result),
            sep="\n  ",
            flush=True,
        )


def _delivery(month: str, wrong: bool) -> Path:
    """Return the file of a month, as the loan book has it or as the partner sent it."""
    file = datasets.path("loans", f"{month}.csv")
    if not wrong or month != WRONG:
        return file
    frame = incidents["monthly income"].apply(pd.read_csv(file))
    sent = Path(tempfile.mkdtemp()) / file.name
    frame.to_csv(sent, index=False, lineterminator="\n")
    return sent


def decide(root: Path, right: Path) -> pd.DataFrame:
    """Return what the pushed models decide on the applications of 2026, each while in production.

    `right` is the folder of the recording with the right file: what its models would have decided.
    """
    pushed, other = _pushed(root), _pushed(right)
    starts = {run.day: run.start for run in RUNS if run.day in pushed}
    first = min(starts.values())
    applications = World().applications(("2026-02", "2026-08"), DECIDED)
    applications = applications[applications["applied_at"] >= first].reset_index(drop=True)
    day = pd.Series("", applications.index)
    for begun, start in starts.items():
        day[applications["applied_at"] >= start] = begun
    rows = pd.DataFrame(
        {
            "application_id": applications["application_id"],
            "decided_at": applications["applied_at"],
            "channel": applications["channel"],
            "model_version": day.map({begun: path.name for begun, path in pushed.items()}),
        }
    )
    for suffix, folders in (("", pushed), ("_with_right_file", other)):
        scores = _scores(folders, applications)
        # Where only one of the two recordings pushed a model: the last one before.
        chosen = [scores[max(d for d in scores if d <= begun)][i] for i, begun in day.items()]
        rows[f"probability{suffix}"] = pd.Series(chosen).round(4)
        granted = profit(applications, rows[f"probability{suffix}"].to_numpy()) > 0
        rows[f"granted{suffix}"] = granted.astype(int)
    return rows


def _pushed(root: Path) -> dict[str, Path]:
    """Return the folder of the model that each run pushed, by the run's day."""
    store = Store(root / "metadata.sqlite")
    pushed = store.models["pushed"]
    models = zip(RUNS, store.runs["model"], strict=True)
    return {run.day: Path(pushed[model]) for run, model in models if pushed[model]}


def _scores(folders: dict[str, Path], applications: pd.DataFrame) -> dict[str, list[float]]:
    """Return the probabilities of default from each pushed model, by its day."""
    session().push("_applications", applications.drop(columns=["applied_at", "defaulted"]))
    session().push("_models", {day: str(path) for day, path in folders.items()})
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
    """Copy a store without traces of the machine; return the new version of each old one.

    Every path below `root` begins with ``/harbor`` instead; each run begins when ``RUNS`` says, and
    what it made moves with it.
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
                    f"UPDATE {table} SET create_time_since_epoch = create_time_since_epoch + ?1, "
                    "last_update_time_since_epoch = last_update_time_since_epoch + ?1 "
                    f"WHERE {where}",
                    (shift,),
                )
            ask(
                "UPDATE Event SET milliseconds_since_epoch = milliseconds_since_epoch + ? "
                f"WHERE execution_id IN {of_run}",
                (shift,),
            )
        _replace(store, texts | versions)
        store.commit()
        ask("PRAGMA page_size = 1024")  # many small tables: a quarter of the size
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


def keep(root: Path, folder: Path) -> None:
    """Keep what readers of the store may want to open: code, schemas, files of the first model."""
    for version in sorted({run.code for run in RUNS}):
        text = code(version).encode()
        target = folder / "code" / wheel_version({"loans_model.py": text})[:12]
        target.mkdir(parents=True)
        (target / "loans_model.py").write_bytes(text)
    shutil.copytree(root / "schemas", folder / "schemas")
    store = Store(root / "metadata.sqlite")
    first = store.models.index[0]
    for kind, i in sorted(store.lineage(first)):
        if kind == "execution" or store.artifacts.loc[i, "made_by"] not in KEPT:
            continue
        uri = Path(store.artifacts.loc[i, "uri"])
        # The graph itself is large; the specification of its features is enough for a reader.
        left_out = ["saved_model.pb", "variables", "fingerprint.pb"]
        if store.artifacts.loc[i, "made_by"] != "Transform":
            left_out.append("Split-eval")  # nobody learned from it
        shutil.copytree(
            uri, folder / uri.relative_to(root), ignore=shutil.ignore_patterns(*left_out)
        )
    saved = Path(store.artifacts.loc[first, "uri"])
    target = folder / saved.relative_to(root)
    target.mkdir(parents=True)
    session().push("_files", [str(saved / "Format-Serving"), str(target / "weights.npz")])
    session().run(
        "import numpy, tf_keras\n"
        "_model = tf_keras.models.load_model(_files[0], compile=False)\n"
        "_weights = {w.name.split(':')[0].replace('/', '_'): w.numpy() for w in _model.weights}\n"
        "numpy.savez_compressed(_files[1], **_weights)"
    )


def wheel_version(files: dict[str, bytes]) -> str:
    """Return the version that TFX gives a wheel of these files: a hash of names and contents."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        for part in (name.encode(), content):
            digest.update(struct.pack(">Q", len(part)) + part)
    return digest.hexdigest()


def main(wrong: Path, right: Path) -> None:
    """Record into two folders, unless they hold a recording, and write ``data/lineage/``."""
    for root, is_wrong in ((wrong, True), (right, False)):
        if not (root / "metadata.sqlite").exists():
            record(root, wrong=is_wrong)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    versions = neutral(wrong / "metadata.sqlite", FOLDER / "metadata.sqlite", wrong)
    decisions = decide(wrong, right)
    decisions["model_version"] = decisions["model_version"].map(versions)
    decisions.to_csv(
        FOLDER / "decisions.csv", index=False, lineterminator="\n", date_format="%Y-%m-%d %H:%M"
    )
    keep(wrong, FOLDER)


if __name__ == "__main__":
    given = [Path(folder).resolve() for folder in sys.argv[1:3]]
    main(*(given or (Path(tempfile.mkdtemp()).resolve() for _ in range(2))))
