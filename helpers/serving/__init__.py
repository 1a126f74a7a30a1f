"""Serve models over TensorFlow Serving's protocols, on one machine and without Docker.

``export`` writes a model in the layout that a server reads, ``ModelServer`` serves it in a process
of its own, ``predict`` sends requests, ``load_test`` measures and ``read_log`` reads what was
served. The same folders and the same client work with the real TensorFlow Serving, for which
``docker_files`` returns command and configuration.

Source: Olston et al. (2017), "TensorFlow-Serving: Flexible, High-Performance ML Serving", Workshop
on ML Systems at NIPS 2017.

Examples
--------
>>> export(model, "models/credit")  # doctest: +SKIP
>>> with ModelServer("models/credit", "credit") as server:  # doctest: +SKIP
...     server.predict([{"age": [30]}])
"""

from __future__ import annotations

from helpers.base import extras

extras.require("serving", by=__name__)

from helpers.serving.client import ServingError, predict
from helpers.serving.config import docker_files
from helpers.serving.export import export
from helpers.serving.load import LoadTest, load_test
from helpers.serving.model_server import ModelServer
from helpers.serving.request_log import read_log

__all__ = [
    "LoadTest",
    "ModelServer",
    "ServingError",
    "docker_files",
    "export",
    "load_test",
    "predict",
    "read_log",
]
