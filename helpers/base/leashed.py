"""A command that knows nothing of leashes, on one: ``python -m helpers.base.leashed COMMAND``."""

from __future__ import annotations

import subprocess
import sys
import threading

from helpers.base import leash


def main(command: list[str]) -> int:
    """Run the command until it or the leash ends."""
    let_go = threading.Event()
    leash.hold(let_go.set)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    while process.poll() is None:
        if let_go.wait(0.1):
            process.terminate()
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:
                process.kill()
    return process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
