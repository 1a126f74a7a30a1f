"""Serve models over TensorFlow Serving's protocols, on one machine and without Docker.

``export`` writes a model as a server wants it, ``ModelServer`` serves it in a process of its own,
``predict`` asks it, ``load_test`` measures it and ``read_log`` tells what was served. The same
folders and the same client work with the real TensorFlow Serving.

Source: Olston et al. (2017), "TensorFlow-Serving: Flexible, High-Performance ML Serving", Workshop
on ML Systems at NIPS 2017.
"""

from __future__ import annotations

from helpers.base import extras

extras.require("serving", by=__name__)

from helpers.serving.client import ServingError, predict
from helpers.serving.export import export
from helpers.serving.load import LoadTest, load_test
from helpers.serving.model_server import ModelServer
from helpers.serving.request_log import read_log

__all__ = [
    "LoadTest",
    "ModelServer",
    "ServingError",
    "export",
    "load_test",
    "predict",
    "read_log",
]
