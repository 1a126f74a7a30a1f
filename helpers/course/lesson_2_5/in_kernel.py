"""Run in the TFX environment: try a learner's component, and run a learner's pipeline."""

import sys
import tempfile
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_metadata
import pandas as pd
import tensorflow_data_validation as tfdv
from calls import ReplyError, function, run  # of the exercises: their folder is on the path
from tfx import v1 as tfx
from tfx.types.standard_artifacts import Examples, ExampleStatistics

MONTH = 202506
SPLITS = '["train", "eval"]'
PORTS = {
    "INPUTS": ["examples", "statistics"],
    "OUTPUTS": ["admitted"],
    "PARAMETERS": ["schema_file"],
}
ABOUT = "a door, a month, the folder of months and a folder for all that is made."


def judged(name: str, answer: str, months: dict[str, Any], schema: str) -> str | None:
    """Return the reply to a learner's component or pipeline; None if it is right.

    `months` are by the name of their fault: a frame, and the columns at fault.
    """
    try:
        found = _found(answer, name)
        with tempfile.TemporaryDirectory() as work:
            if name == "admit":
                _try_component(found, months, schema, Path(work))
            else:
                _try_pipeline(found, months["none"][0][:90], Path(work))
    except ReplyError as reply:
        return str(reply)
    return None


def _found(answer: str, name: str) -> Any:
    """Return what a cell has defined: by its name in this session, or by the text of the cell."""
    if answer.isidentifier():
        space = sys.modules["__main__"]
        _insist(hasattr(space, answer), f"TFX knows no {answer!r}: has your %%tfx cell run?")
        return getattr(space, answer)
    space = sys.modules["learner"] = types.ModuleType("learner")
    code = "\n".join(line for line in answer.splitlines() if not line.startswith("%%"))
    run(lambda: exec(code, vars(space)), about="the text of your cell.")
    _insist(hasattr(space, name), f"The text defines no {name!r}.")
    return getattr(space, name)


def _insist(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ReplyError(otherwise)


def _raised(call: Callable[[], Any], about: str, seconds: float = 10) -> BaseException | None:
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
    for kind, names in PORTS.items():
        given = sorted(getattr(door.SPEC_CLASS, kind))
        _insist(given == names, f"Its {kind.lower()} are {given}, not {names}.")
    for fault, (frame, columns) in months.items():
        inputs, admitted = _artifacts(frame, work / fault), Examples()
        admitted.uri = str(work / fault / "admitted")
        Path(admitted.uri).mkdir()
        asked = {**inputs, "admitted": admitted, "schema_file": schema}
        about = f"a month with this fault: {fault}."
        error = _raised(lambda a=asked: door.EXECUTOR_SPEC.executor_class._FUNCTION(**a), about)
        came = f"{type(error).__name__}: {error}"
        rows = len(list(Path(admitted.uri).rglob("*.gz")))
        if not columns:
            _insist(error is None, f"A month without a fault was refused. {came}")
            _insist(rows == 2, "It was admitted, but its rows are not in `admitted`.")
            named = admitted.split_names == SPLITS
            _insist(named, "`admitted` does not say which splits it has. See `enough`.")
            named = admitted.get_int_custom_property("span") == MONTH
            _insist(named, "`admitted` does not say which month it is. See `enough`.")
            continue
        _insist(error is not None, f"It admitted {about} What stops a run is an exception.")
        named = all(one in str(error) for one in [*columns, str(MONTH)])
        _insist(named, f"It refused {about} The reason has to name the month and each column at "
                f"fault, for a person who is called at night. It was {came}")  # fmt: skip
        _insist(not rows, f"It refused {about} But the rows are in `admitted` already.")


def _artifacts(frame: pd.DataFrame, folder: Path) -> dict[str, Any]:
    """Return a month's examples and statistics, as two components would have left them."""
    inputs = {"examples": Examples(), "statistics": ExampleStatistics()}
    inputs["examples"].set_int_custom_property("span", MONTH)
    cut = len(frame) * 2 // 3
    for name, artifact in inputs.items():
        artifact.uri, artifact.split_names = str(folder / name), SPLITS
        for split, rows in {"train": frame[:cut], "eval": frame[cut:]}.items():
            place = folder / name / f"Split-{split}"
            place.mkdir(parents=True)
            if name == "examples":
                (place / "data.gz").touch()
            else:
                statistics = tfdv.generate_statistics_from_dataframe(rows)
                (place / "FeatureStats.pb").write_bytes(statistics.SerializeToString())
    return inputs


@tfx.dsl.components.component
def refuse(
    examples: tfx.dsl.components.InputArtifact[Examples],
    statistics: tfx.dsl.components.InputArtifact[ExampleStatistics],
    admitted: tfx.dsl.components.OutputArtifact[Examples],
    schema_file: tfx.dsl.components.Parameter[str],
) -> None:
    """Refuse any month."""
    raise ValueError(f"refused: {examples.get_int_custom_property('span')}")


def _try_pipeline(create: Any, frame: pd.DataFrame, work: Path) -> None:
    function(create)
    for month in (MONTH, MONTH + 1):
        (work / f"data/{month}").mkdir(parents=True)
        frame.to_csv(work / f"data/{month}/applications.csv", index=False)
    root = f"{work}/root"
    pipeline = run(lambda: create(refuse, MONTH, f"{work}/data", root), about=ABOUT)
    kind = type(pipeline).__name__
    _insist(isinstance(pipeline, tfx.dsl.Pipeline), f"Expected a tfx.dsl.Pipeline, got {kind}.")
    for name in ("CsvExampleGen", "StatisticsGen", "refuse"):
        there = name in [type(one).__name__ for one in pipeline.components]
        which = "the door that it was given" if name == "refuse" else name
        _insist(there, f"`components` lacks {which}.")
    config = pipeline.metadata_connection_config
    made = [config.sqlite.filename_uri if config else "", pipeline.pipeline_info.pipeline_root]
    inside = all(one.startswith(root) for one in made)
    _insist(inside, "Artifacts and store have to be in the folder `root` that it was given.")
    told = bool(pipeline.beam_pipeline_args)
    _insist(told, "The pipeline above says where Beam works, `beam_pipeline_args`. Yours does not.")
    error = _raised(lambda: tfx.orchestration.LocalDagRunner().run(pipeline), ABOUT, 60)
    _insist("refused" in str(error), f"It ran with a door that refuses all; it ended with: {error}")
    which = "It was asked for one month of two in the folder, and took in the other. Which argument"
    _insist(str(MONTH) in str(error), f"{which} of CsvExampleGen says the month?")
    states = [one.last_known_state for one in ml_metadata.MetadataStore(config).get_executions()]
    _insist(len(states) == 3, f"Three components were to run, and {len(states)} did.")
