"""The version and signature of a model that a request addresses."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

DEFAULT_SIGNATURE = "serving_default"


class Target(NamedTuple):
    """A function of a model.

    Examples
    --------
    >>> Target("credit", version=2).path
    '/v1/models/credit/versions/2'
    """

    model: str
    version: int | None = None  # without version and label: the newest that is available
    label: str | None = None
    signature: str = ""  # "": the default signature

    @property
    def path(self) -> str:
        """Path of its URL, to which ``:predict`` or ``/metadata`` is added."""
        path = f"/v1/models/{quote(self.model, safe='')}"
        if self.version is not None:
            return f"{path}/versions/{self.version}"
        return path if self.label is None else f"{path}/labels/{quote(self.label, safe='')}"
