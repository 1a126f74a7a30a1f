"""Anomalies: where data and schema disagree."""

from __future__ import annotations

import pandas as pd
from tensorflow_metadata.proto.v0 import anomalies_pb2

from helpers.validation.display import html_table, text_table
from helpers.validation.protos import expect_message


class Anomalies:
    """Where data and schema disagree. True if there is any anomaly.

    Parameters
    ----------
    proto : tensorflow_metadata.proto.v0.anomalies_pb2.Anomalies
        From TFDV.

    Attributes
    ----------
    proto : anomalies_pb2.Anomalies
    """

    def __init__(self, proto: anomalies_pb2.Anomalies) -> None:
        self.proto = expect_message(proto, anomalies_pb2.Anomalies)

    @property
    def features(self) -> list[str]:
        """Columns with an anomaly; ``""`` is the table as a whole."""
        return list(dict.fromkeys(self.to_frame()["feature"]))

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each reason: ``feature``, ``severity``, ``what`` and ``details``.

        ``severity`` is ``"ERROR"`` or ``"WARNING"``; ``details`` is TFDV's description, with the
        number of values or the values.
        """
        # TFDV's keys are quoted where a name has a space or a dot; the path has the name itself.
        anomalies = [
            (".".join(info.path.step) or name, info)
            for name, info in sorted(self.proto.anomaly_info.items())
        ]
        if self.proto.HasField("dataset_anomaly_info"):
            anomalies.insert(0, ("", self.proto.dataset_anomaly_info))
        rows = []
        for name, info in anomalies:
            severity = anomalies_pb2.AnomalyInfo.Severity.Name(info.severity)
            for reason in info.reason or [info]:
                details = reason.description.strip()
                rows.append((name, severity, reason.short_description, details))
        if self.proto.data_missing:  # TFDV sets this flag and nothing else
            rows.append(("", "ERROR", "No data", "The statistics are of no examples at all."))
        return pd.DataFrame(rows, columns=["feature", "severity", "what", "details"])

    def __bool__(self) -> bool:
        return len(self) > 0

    def __len__(self) -> int:
        return len(self.to_frame())

    def __repr__(self) -> str:
        return text_table(self.to_frame()) if self else "no anomalies"

    def _repr_html_(self) -> str:
        return html_table(self.to_frame()) if self else "<p><b>✔ no anomalies</b></p>"
