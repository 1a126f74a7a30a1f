"""The distribution's extras: which libraries a part of the helpers needs, and how to get them."""

from __future__ import annotations

from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

DISTRIBUTION = "first-dance-with-mlops"


def require(extra: str, *, by: str) -> None:
    """Check that the libraries of an extra are installed.

    A package calls this before its other imports. Where the helpers are not installed as a
    distribution (a checkout on the path, the TFX environment) nothing is checked.

    Parameters
    ----------
    extra : str
        The extra in ``pyproject.toml``.
    by : str
        The module that needs it, for the message.

    Raises
    ------
    ImportError
        Naming what is missing, and the command that installs it.

    Examples
    --------
    >>> require("validation", by="helpers.validation")
    """
    missing = [name for name in names(extra) if not _installed(name)]
    if missing:
        command = f'in the checkout, pip install ".[{extra}]"'
        listed = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" * (len(missing) > 3))
        raise ImportError(f"{by} needs {listed}: {command}", name=by)


def names(extra: str) -> list[str]:
    """Return the names of the distributions that an extra adds on this platform.

    Parameters
    ----------
    extra : str
        The extra in ``pyproject.toml``; extras that it includes are followed.

    Returns
    -------
    list of str
        Sorted; empty where the helpers are not installed as a distribution.

    Examples
    --------
    >>> "fairlearn" in names("fairness")
    True
    """
    try:
        declared = [Requirement(text) for text in metadata.requires(DISTRIBUTION) or []]
    except metadata.PackageNotFoundError:
        return []
    found: set[str] = set()
    extras = [extra]
    for current in extras:  # grows while it is read
        for requirement in declared:
            if requirement.marker and requirement.marker.evaluate({"extra": current}):
                if canonicalize_name(requirement.name) == DISTRIBUTION:
                    extras += sorted(requirement.extras - set(extras))
                else:
                    found.add(requirement.name)
    return sorted(found)


def _installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True
