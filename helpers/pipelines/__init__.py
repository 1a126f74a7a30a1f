"""Harbor Credit's TFX pipeline, run from the lab: a month goes in, a model comes out, or a reason.

The pipeline is the file ``helpers/pipelines/loans.py``, which is TFX and nothing else; its
``preprocessing_fn``, search space and network are in ``modules/loans_model.py`` and its curated
schema is ``loans_schema.pbtxt``. A run is a process of its own in the TFX environment, which ends
with its notebook.

Examples
--------
>>> from helpers import datasets
>>> deliver(datasets.path("loans", "2025-01.csv"), "2025-01", "work/data")  # doctest: +SKIP
>>> run("2025-01", data="work/data", root="work")  # doctest: +SKIP
component        outcome  seconds  result
...
Pusher           ran      0.2      pushed to work/serving/loans/1767225600
"""

from helpers.base import extras

extras.require("validation", by=__name__)

from helpers.pipelines.runs import (
    COMPONENTS,
    HERE,
    MODULE_FILE,
    SCHEMA_FILE,
    ComponentFailed,
    Running,
    Step,
    deliver,
    prepare,
    run,
    start,
)

__all__ = [
    "COMPONENTS",
    "HERE",
    "MODULE_FILE",
    "SCHEMA_FILE",
    "ComponentFailed",
    "Running",
    "Step",
    "deliver",
    "prepare",
    "run",
    "start",
]
