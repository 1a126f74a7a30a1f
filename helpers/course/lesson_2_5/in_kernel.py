"""Run in the TFX environment: try a learner's component, and run a learner's pipeline."""

import re
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import pandas as pd
import tensorflow_data_validation as tfdv
from calls import ReplyError, run  # of the exercises: their folder is on the path
from tfx import v1 as tfx
from tfx.types.standard_artifacts import Examples, ExampleStatistics
from tfx.v1.dsl.components import InputArtifact, OutputArtifact, Parameter, component

MONTH, SPLITS = 202506, '["train", "eval"]'
PORTS = ("INPUTS", "examples statistics"), ("OUTPUTS", "admitted"), ("PARAMETERS", "schema_file")
ABOUT = "a door, a month, the folder of months and a folder for all that is made."


def judged(name: str, answer: str, months: dict[str, Any], schema: str) -> str | None:
    """Return the reply to a component or pipeline; `months` have frame and columns by fault."""
    try:
        with tempfile.TemporaryDirectory() as work:
            tries = {"admit": _try_component, "create_pipeline": _try_pipeline}
            tries[name](_found(answer, name), months, schema, Path(work))
    except ReplyError as reply:
        return str(reply)
    return None


def _found(answer: str, name: str) -> Any:
    """Return what a cell has defined: by its name in this session, or by the text of the cell."""
    space = sys.modules["__main__"]
    if not answer.isidentifier():
        space = sys.modules["learner"] = types.ModuleType("learner")
        code = "\n".join(line for line in answer.splitlines() if not line.startswith("%%"))
        run(lambda: exec(code, vars(space)), about="the text of your cell.")
        answer = name
    _insist(hasattr(space, answer), f"TFX knows no {answer!r} there. Has your %%tfx cell run?")
    return getattr(space, answer)


def _insist(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ReplyError(otherwise)


def _raised(call: Any, about: str, seconds: float = 10) -> BaseException | None:
    """Return the exception that a call ended in, if any."""
    try:
        run(call, seconds=seconds, about=about)
    except ReplyError as reply:
        if reply.__cause__ is None:  # it was stopped
            raise
        return reply.__cause__
    return None


def _try_component(door: Any, months: dict[str, Any], schema: str, work: Path) -> None:
    _insist(hasattr(door, "SPEC_CLASS"), "That is no component yet: what stands above the `def`?")
    for kind, names in PORTS:
        given = " ".join(sorted(getattr(door.SPEC_CLASS, kind)))
        _insist(given == names, f"Its {kind.lower()}: {given or 'none'}. Expected: {names}.")
    schemas, refused = [schema, f"{work}/wider.pbtxt"], False
    Path(schemas[1]).write_text(Path(schema).read_text().replace('"car"', '"car" value: "yacht"'))
    for fault, (frame, columns) in months.items():
        asked = _artifacts(frame, work / fault) | {"schema_file": schemas["wider" in fault]}
        admitted, about = asked["admitted"], f"a month with this fault: {fault}."
        error = _raised(lambda a=asked: door.EXECUTOR_SPEC.executor_class._FUNCTION(**a), about)
        came = f"{type(error).__name__}: {error}"
        rows = len(list((work / fault / "admitted").rglob("*.gz")))
        if not columns:
            _insist(error is None, f"Refused, but `schema_file` has nothing against it. {came}")
            _insist(rows == 2, "It was admitted, but its rows are not in the folder of `admitted`.")
            month, splits = admitted.get_int_custom_property("span"), admitted.split_names
            _insist(splits == SPLITS, "`admitted` does not say which splits it has. See `enough`.")
            _insist(month == MONTH, "`admitted` does not say which month it is. See `enough`.")
            continue
        stops = "" if refused else " What stops a run is an exception."
        _insist(error is not None, f"It admitted {about}{stops}")
        refused, words = True, set(re.findall(r"\w+", str(error)))
        _insist(isinstance(error, ValueError), f"It refused {about} Raise a ValueError, not {came}")
        named = all(one in str(error) for one in [*columns, str(MONTH)])
        _insist(named, f"It refused {about} It lacks the month or a column at fault: {came}")
        fine = sorted(words & set(frame) - set(columns))
        _insist(not fine, f"It refused {about} It also names what is in order: {fine}")
        _insist(not rows, f"It refused {about} But the rows are in `admitted` already.")


def _artifacts(frame: pd.DataFrame, folder: Path) -> dict[str, Any]:
    """Return a month's examples and statistics, as components would have left them."""
    made = {"examples": Examples(), "statistics": ExampleStatistics(), "admitted": Examples()}
    for name, artifact in made.items():
        artifact.uri = str(folder / name)
        Path(artifact.uri).mkdir(parents=True)
    made["examples"].set_int_custom_property("span", MONTH)
    made["examples"].split_names = made["statistics"].split_names = SPLITS
    cut = len(frame) * 2 // 3
    for split, rows in {"train": frame[:cut], "eval": frame[cut:]}.items():
        statistics = tfdv.generate_statistics_from_dataframe(rows).SerializeToString()
        files = {"examples/{}/data.gz": b"", "statistics/{}/FeatureStats.pb": statistics}
        for file, content in files.items():
            place = folder / file.format(f"Split-{split}")
            place.parent.mkdir()
            place.write_bytes(content)
    return made


@component
def refuse(
    examples: InputArtifact[Examples], statistics: InputArtifact[ExampleStatistics],
    admitted: OutputArtifact[Examples], schema_file: Parameter[str],
) -> None:  # fmt: skip
    """Refuse any month."""
    tfdv.load_schema_text(schema_file)
    raise ValueError(f"refused: {examples.get_int_custom_property('span')}")


def _try_pipeline(create: Any, months: dict[str, Any], schema: str, work: Path) -> None:
    for month in (MONTH, MONTH + 1):
        (work / f"data/{month}").mkdir(parents=True)
        months["none"][0][:90].to_csv(work / f"data/{month}/applications.csv", index=False)
    root = f"{work}/root"
    pipeline = run(lambda: create(refuse, MONTH, f"{work}/data", root), about=ABOUT)
    is_one, kind = isinstance(pipeline, tfx.dsl.Pipeline), type(pipeline).__name__
    _insist(is_one, f"Expected a tfx.dsl.Pipeline from your function, got {kind}.")
    named = [type(one).__name__ for one in pipeline.components]
    for name, which in (("refuse", "the door that it was given"), ("StatisticsGen",) * 2):
        _insist(name in named, f"`components` lacks {which}.")
    _insist(len(named) == 3, f"Three components were asked for. Yours: {' '.join(named)}.")
    config = pipeline.metadata_connection_config
    made = [config.sqlite.filename_uri if config else "", pipeline.pipeline_info.pipeline_root]
    inside = all(one.startswith(root) for one in made)
    _insist(inside, "Artifacts and store have to be in the folder `root` that it was given.")
    _insist(pipeline.beam_pipeline_args, "`two` says where Beam works. Yours does not.")
    error = _raised(lambda: tfx.orchestration.LocalDagRunner().run(pipeline), ABOUT, 60)
    _insist("refused" in str(error), f"It ran with a door that refuses all; it ended with: {error}")
    which = "It was asked for one month of two in the folder, and took in the other. Which argument"
    _insist(str(MONTH) in str(error), f"{which} of CsvExampleGen says the month?")
