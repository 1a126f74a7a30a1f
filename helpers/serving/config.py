"""TensorFlow Serving's configuration: models.config, which `ModelServer` reads too, and Docker."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from helpers.base import files
from helpers.serving.batching import Limits

Versions = str | Sequence[int]


def docker_files(
    base_dir: str | Path | Mapping[str, str | Path],
    name: str = "model",
    *,
    versions: Versions | None = None,
    labels: Mapping[str, int] | None = None,
    limits: Limits | None = None,
    rest_port: int = 8501,
    grpc_port: int = 8500,
) -> dict[str, str]:
    """Return the files that serve the same models with TensorFlow Serving in Docker.

    Parameters
    ----------
    base_dir, name, versions, labels
        As for `ModelServer`; the folders are those on the machine that has Docker.
    limits : helpers.serving.batching.Limits, optional
        How requests are batched.
    rest_port, grpc_port : int
        Ports of that machine.

    Returns
    -------
    dict of str to str
        ``run.sh``, the command, which is run in the folder with the two files that it refers to:
        ``models.config`` and ``batching.config``.

    References
    ----------
    https://www.tensorflow.org/tfx/serving/serving_config, and the program's ``--help``.

    Examples
    --------
    >>> list(docker_files("/srv/models/credit", "credit"))
    ['run.sh', 'models.config', 'batching.config']
    """
    from google.protobuf import text_format

    models = base_dir if isinstance(base_dir, Mapping) else {name: base_dir}
    inside = {name: f"/models/{name}" for name in models}
    volumes = [f"{Path(models[name]).absolute()}:{path}:ro" for name, path in inside.items()]
    lines = [
        f"docker run --rm -p 127.0.0.1:{rest_port}:8501 -p 127.0.0.1:{grpc_port}:8500",
        *(f"-v {shlex.quote(volume)}" for volume in volumes),
        '-v "$PWD:/config:ro"',
        "tensorflow/serving",
        "--model_config_file=/config/models.config",
        "--model_config_file_poll_wait_seconds=1",
        # Else a label may only name a version that is loaded already, and the start fails.
        "--allow_version_labels_for_unavailable_models=true",
        "--enable_batching=true",
        "--batching_parameters_file=/config/batching.config",
    ]
    config = model_config(inside, versions, labels)
    return {
        "run.sh": " \\\n    ".join(lines) + "\n",
        "models.config": text_format.MessageToString(config),
        "batching.config": _batching_parameters(limits or Limits()),
    }


def model_config(
    models: Mapping[str, str | Path], versions: Versions | None, labels: Mapping[str, int] | None
) -> Any:
    """Return a ``ModelServerConfig`` proto for base folders by model name.

    All models have the same version policy and labels.
    """
    from tensorflow_serving.config import model_server_config_pb2

    config = model_server_config_pb2.ModelServerConfig()
    for name, base_dir in models.items():
        if not re.fullmatch(r"[^/:]+", name):
            raise ValueError(
                f"name is {name!r}; expected a model's name without '/' and ':', such as 'credit'"
            )
        model = config.model_config_list.config.add(
            name=name, base_path=str(Path(base_dir).absolute()), model_platform="tensorflow"
        )
        if versions is not None:
            set_versions(model, versions)
        set_labels(model, labels or {})
    return config


def set_versions(model: Any, versions: Versions) -> None:
    """Set the version policy of a model in a ``ModelServerConfig``."""
    policy = model.model_version_policy
    policy.Clear()
    if versions == "latest":
        policy.latest.num_versions = 1
    elif versions == "all":
        policy.all.SetInParent()
    elif isinstance(versions, str) or not all(_is_version(version) for version in versions):
        raise ValueError(
            f"versions is {versions!r}; expected 'latest', 'all' or a list of version numbers, "
            "such as [1, 2]"
        )
    else:
        policy.specific.versions.extend(versions)


def set_labels(model: Any, labels: Mapping[str, int]) -> None:
    """Set the labels of a model in a ``ModelServerConfig``."""
    for label, version in labels.items():
        if not re.fullmatch(r"[^/:]+", str(label)) or not _is_version(version):
            raise ValueError(
                f"labels has {label!r}: {version!r}; expected a name without '/' and ':' and a "
                "version number, such as {'stable': 1}"
            )
    model.version_labels.clear()
    model.version_labels.update(labels)


def _is_version(version: Any) -> bool:
    return isinstance(version, int) and not isinstance(version, bool) and version >= 0


def read(path: str | Path) -> Any:
    """Return the ``ModelServerConfig`` in a ``models.config`` file, or raise ValueError."""
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    try:
        text = Path(path).read_text()
        config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise ValueError(
            f"base_dir is the file {path}, which is not a models.config of TensorFlow Serving: "
            f"{error}"
        ) from None
    models = config.model_config_list.config
    names = {model.name for model in models if model.name and model.base_path}
    if not models or len(names) < len(models):
        raise ValueError(
            f"base_dir is the file {path}; expected model_config_list with a config for each "
            "model, each with a name of its own and a base_path"
        )
    return config


def write(config: Any, path: Path) -> None:
    """Write a ``models.config`` file in one step: a server may be reading it."""
    from google.protobuf import text_format

    files.write(path, text_format.MessageToString(config))


def _batching_parameters(limits: Limits) -> str:
    """Return the text of a ``batching_parameters_file``.

    TensorFlow Serving refuses a request with more rows than ``max_batch_size`` unless it may split
    it into batches of ``max_execution_batch_size``. Here a request may fill the queue.
    """
    values = {
        "max_batch_size": limits.max_batch_size * limits.max_enqueued_batches,
        "batch_timeout_micros": int(limits.batch_timeout_ms * 1000),
        "max_enqueued_batches": limits.max_enqueued_batches,
        "num_batch_threads": limits.num_batch_threads,
        "enable_large_batch_splitting": "true",
        "max_execution_batch_size": limits.max_batch_size,
    }
    return "".join(f"{name} {{ value: {value} }}\n" for name, value in values.items())
