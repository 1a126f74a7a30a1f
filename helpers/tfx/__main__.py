"""Manage the TFX environment from a shell: ``python -m helpers.tfx install|info|remove``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from helpers.tfx import environment


def main(argv: Sequence[str] | None = None) -> int:
    """Run one of the commands and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m helpers.tfx", description=__doc__)
    help_ = "make the environment, or check and mend it; show what and where it is; delete it"
    parser.add_argument("command", choices=["install", "info", "remove"], help=help_)
    help_ = "install: trust an environment that looks complete"
    parser.add_argument("--quick", action="store_true", help=help_)
    arguments = parser.parse_args(argv)
    try:
        if arguments.command == "install":
            python = environment.provision(thorough=not arguments.quick)
            print(f"TFX environment ready: {python}")
        elif arguments.command == "info":
            print(json.dumps(environment.info(), indent=2))
        else:
            for folder in environment.remove():
                print(f"removed {folder}")
    except environment.TFXEnvironmentError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
