"""The server's two configuration files, which are TensorFlow Serving's own text formats."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from helpers.base import files

Versions = str | Sequence[int]


def model_config(
    models: Mapping[str, str | Path], versions: Versions, labels: Mapping[str, int] | None
) -> Any:
    """Make a ``ModelServerConfig`` proto.

    Parameters
    ----------
    models : mapping
        Base folder by model name.
    versions : "latest", "all" or sequence of int
        The version policy of every model.
    labels : mapping, optional
        Version by label, for every model.

    Returns
    -------
    tensorflow_serving.config.model_server_config_pb2.ModelServerConfig
    """
    from tensorflow_serving.config import model_server_config_pb2

    config = model_server_config_pb2.ModelServerConfig()
    for name, base_dir in models.items():
        if not re.fullmatch(r"[^/:]+", name):
            raise ValueError(
                f"name is {name!r}; expected a model's name without '/' and ':', such as 'credit'"
            )
        one = config.model_config_list.config.add(
            name=name, base_path=str(Path(base_dir).absolute()), model_platform="tensorflow"
        )
        if versions is not None:
            set_versions(one, versions)
        set_labels(one, labels or {})
    return config


def set_versions(one: Any, versions: Versions) -> None:
    """Set the version policy of one model of a ``ModelServerConfig``."""
    policy = one.model_version_policy
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


def set_labels(one: Any, labels: Mapping[str, int]) -> None:
    """Set the labels of one model of a ``ModelServerConfig``."""
    for label, version in labels.items():
        if not re.fullmatch(r"[^/:]+", str(label)) or not _is_version(version):
            raise ValueError(
                f"labels has {label!r}: {version!r}; expected a name without '/' and ':' and a "
                "version number, such as {'stable': 1}"
            )
    one.version_labels.clear()
    one.version_labels.update(labels)


def _is_version(version: Any) -> bool:
    return isinstance(version, int) and not isinstance(version, bool) and version >= 0


def read(path: str | Path) -> Any:
    """Read a ``models.config`` file.

    Raises
    ------
    ValueError
        If the file is none.
    """
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    try:
        text = Path(path).read_text()
        config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise ValueError(
            f"base_dir is the file {path}, which is no models.config of TensorFlow Serving: {error}"
        ) from None
    models = config.model_config_list.config
    names = [one.name for one in models]
    if (
        not models
        or len(set(names)) < len(names)
        or not all(o.name and o.base_path for o in models)
    ):
        raise ValueError(
            f"base_dir is the file {path}; expected model_config_list with one config for each "
            "model, each with a name of its own and a base_path"
        )
    return config


def write(config: Any, path: Path) -> None:
    """Write a ``models.config`` file in one step: a server may be reading it."""
    from google.protobuf import text_format

    files.write(path, text_format.MessageToString(config))


def batching_parameters(**values: int) -> str:
    """Text of a ``batching_parameters_file``."""
    return "".join(f"{name} {{ value: {value} }}\n" for name, value in values.items())


def read_batching_parameters(text: str) -> dict[str, int]:
    """Values of a ``batching_parameters_file`` by name."""
    return {name: int(value) for name, value in re.findall(r"(\w+)\s*{\s*value:\s*(\d+)", text)}
