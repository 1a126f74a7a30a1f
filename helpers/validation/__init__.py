"""Statistics, schemas and anomalies of tables, computed by TensorFlow Data Validation (TFDV).

The functions have TFDV's names and take DataFrames and files. TFDV runs in the TFX environment
(``helpers.tfx``); the results are small classes around its protocol buffers that display themselves
in a notebook. All results are TFDV's own.

Source: Breck, Polyzotis, Roy, Whang and Zinkevich (2019), "Data Validation for Machine Learning",
Proceedings of MLSys 2019.

Examples
--------
>>> import pandas as pd
>>> january = pd.DataFrame({"age": [30, 40], "region": ["East", "West"]})
>>> schema = infer_schema(generate_statistics(january))
>>> schema["age"].range = (18, 75)
>>> february = january.assign(age=[300, 40])
>>> validate_statistics(generate_statistics(february), schema)
feature  severity  what                 details
age      ERROR     Out-of-range values  Unexpectedly large value: 300.
"""

from helpers.base import extras

extras.require("validation", by=__name__)

from helpers.validation.anomalies import Anomalies
from helpers.validation.schema import Feature, Schema
from helpers.validation.statistics import Statistics
from helpers.validation.tfdv import (
    generate_statistics,
    infer_schema,
    validate_statistics,
    wrong_rows,
)

__all__ = [
    "Anomalies",
    "Feature",
    "Schema",
    "Statistics",
    "generate_statistics",
    "infer_schema",
    "validate_statistics",
    "wrong_rows",
]
