"""A child process ends with its parent, gets a clean environment, and leaves nothing behind."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest
from fake_models import FakeModel

from helpers import world
from helpers.base import process

HANG = 100  # seconds: how long a busy machine may take for what is done at once on an idle one
PROGRAM = """
import json, os, subprocess, sys, time
from helpers.base import process
lines = []
process.end_with_parent({arguments})
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
family = [subprocess.Popen(sleep), subprocess.Popen(sleep, start_new_session=True)]
print(json.dumps([os.getpid(), *(child.pid for child in family)]), flush=True)
{more}
time.sleep(600)
"""


def gone(*pids):
    """Whether all these processes end before the test counts as hanging."""

    def runs(pid):
        try:
            return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    return until(lambda: not any(map(runs, pids)))


def until(condition):
    deadline = time.monotonic() + HANG
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


@pytest.fixture
def child(tmp_path):
    """Start a program that has two children, one of them in a session of its own."""
    started = []

    def start(arguments="", more="", **options):
        folder = tmp_path / f"folder of {len(started)}"
        folder.mkdir()
        program = PROGRAM.format(arguments=arguments, more=more)
        started.append(process.Child(["-c", program], folder, stdout=subprocess.PIPE, **options))
        return started[-1], json.loads(started[-1].stdout.readline())

    yield start
    for each in started:
        each.stop(0)


def test_stop_ends_the_program_and_all_that_it_started_and_removes_its_folder(child):
    program, pids = child()
    assert program.log.exists()
    program.stop()
    assert gone(*pids)
    assert not program.folder.exists()
    program.stop()


def test_a_program_may_end_in_its_own_way(child):
    program, pids = child("lambda: os._exit(7), seconds=100")
    program.stop(seconds=HANG)
    assert program.returncode == 7
    assert gone(*pids)


@pytest.mark.parametrize("more", ["", "import signal; os.kill(os.getpid(), signal.SIGSTOP)"])
def test_a_program_that_does_not_end_is_killed(child, more):
    program, pids = child("seconds=100", more)
    program.stop(seconds=0.1)
    assert program.returncode == -signal.SIGKILL
    assert gone(*pids)


def test_what_the_parent_writes_arrives_line_by_line_and_not_in_programs_that_the_child_starts(
    child,
):
    more = """
    while len(lines) < 2: time.sleep(0.01)
    print(json.dumps([line.decode() for line in lines]), flush=True)
    print(json.dumps(subprocess.run(["cat"], capture_output=True, text=True).stdout), flush=True)
    """
    program, _ = child("on_line=lines.append", textwrap.dedent(more))
    for part in (b"one\ntw", b"o\nthr"):
        program.stdin.write(part)
        program.stdin.flush()
    assert json.loads(program.stdout.readline()) == ["one", "two"]
    assert json.loads(program.stdout.readline()) == ""


def test_a_fork_of_the_parent_does_not_stop_its_children(child):
    program, pids = child()
    if not (fork := os.fork()):
        program.stop(0)
        os._exit(0)
    os.waitpid(fork, 0)
    assert program.poll() is None and program.folder.exists()
    assert psutil.pid_exists(pids[1])


def test_a_program_may_be_started_through_a_script(child, tmp_path):
    """Then its parent's id is that of the script, which does not end with the notebook."""
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\n{sys.executable} "$@"\necho done\n')
    script.chmod(0o755)
    program, pids = child(python=script, env={"PYTHONPATH": str(process._ROOT)})
    assert pids[0] != program.pid
    program.stop()
    assert gone(program.pid, *pids)


def test_a_program_without_such_a_parent_is_left_alone(monkeypatch):
    monkeypatch.delenv("MLOPS_PARENT", raising=False)
    program = "from helpers.base import process; process.end_with_parent(); print(input())"
    done = subprocess.run(
        [sys.executable, "-c", program], input="kept", capture_output=True, text=True
    )
    assert done.stdout == "kept\n"


def test_a_program_that_cannot_be_started_leaves_no_folder(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(OSError, match="no_python"):
        process.Child([], folder, tmp_path / "no_python")
    assert not folder.exists()


def test_a_clean_environment_bends_no_other_python_and_still_leads_to_the_packages(monkeypatch):
    monkeypatch.setattr(os, "environ", {"PATH": "/bin", "HOME": "/root"})
    bending = [
        *("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONDONTWRITEBYTECODE", "PYTHONWARNINGS"),
        *("VIRTUAL_ENV", "CONDA_PREFIX", "__PYVENV_LAUNCHER__", "JPY_PARENT_PID", "IPYTHONDIR"),
        *("PIP_CONSTRAINT", "PIP_REQUIRE_VIRTUALENV", "PIP_TARGET", "PIP_USER", "PIP_PREFIX"),
        *("UV_CONSTRAINT", "UV_BUILD_CONSTRAINT", "UV_OVERRIDE", "UV_PRERELEASE", "UV_PYTHON"),
        *("UV_SYSTEM_PYTHON", "UV_PROJECT_ENVIRONMENT", "UV_EXCLUDE_NEWER", "UV_NO_BINARY"),
        *("PYTEST_CURRENT_TEST", "MPLBACKEND", "PIP_NO_DEPS", "PIP_ONLY_BINARY", "PIP_PRE"),
    ]
    leading = [
        *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CERT"),
        *("PIP_CLIENT_CERT", "PIP_TRUSTED_HOST", "PIP_PROXY", "PIP_CACHE_DIR", "PIP_CONFIG_FILE"),
        *("UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX_MINE_PASSWORD", "UV_OFFLINE"),
        *("UV_CACHE_DIR", "UV_NATIVE_TLS", "UV_HTTP_TIMEOUT", "UV_PYTHON_INSTALL_MIRROR"),
        *("UV_PYTHON_INSTALL_DIR", "UV_KEYRING_PROVIDER", "UV_INSECURE_HOST"),
        *("HTTP_PROXY", "https_proxy", "NO_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"),
        *("HOME", "MLOPS_CACHE", "LANG"),
    ]
    os.environ.update(dict.fromkeys([*bending, *leading], "x"))
    assert process.clean_environ().keys() == {"PATH", *leading}
    assert process.clean_environ("/env/bin/python")["PATH"] == f"/env/bin{os.pathsep}/bin"


# Each starts what its package starts and prints a line once that runs, with all its processes.
USERS = {
    "a program": """
        import pathlib, subprocess
        from helpers.base import process
        pathlib.Path("folder").mkdir()
        child = process.Child(["-c", {program!r}], pathlib.Path("folder"), stdout=subprocess.PIPE)
        child.stdout.readline()
    """,
    "the TFX session": """
        from helpers.tfx import Session
        session = Session(sys.executable)
        session.run(
            "import subprocess\\n"
            "plain = subprocess.Popen(['sleep', '600'])\\n"
            "apart = subprocess.Popen(['sleep', '600'], start_new_session=True)"
        )
    """,
    "the TFX session while a cell runs": """
        from helpers.tfx import Session
        code = "import time; print(1, flush=True); time.sleep(600)"
        Session(sys.executable).run(code, lambda output: ready())
    """,
    "a pipeline": """
        from helpers import pipelines
        running = pipelines.start("2025-01", data="data", root="root")
        steps = iter(running)
        next(steps)  # TFX is loaded: from here on a fork does the work
    """,
    "the model server": """
        import tensorflow as tf
        from helpers.serving import ModelServer, export
        module = tf.Module()
        specification = tf.TensorSpec([None], tf.float32, "x")
        module.half = tf.function(lambda x: {{"y": x / 2}}, input_signature=[specification])
        export(module, "half", signatures={{"serving_default": module.half}})
        server = ModelServer("half", timeout={hang})
    """,
    "the router": """
        from helpers.rollout import Router
        router = Router({{"stable": {url!r}}}).start()
    """,
    "the load test": """
        from helpers.serving import load_test
        load_test({url!r}, duration=600, users=3, progress=lambda state: ready())
    """,
}
NOTEBOOK = """
import os, sys, time
def ready():
    global fork
    if not fork and not (fork := os.fork()):
        time.sleep(600)  # holds every pipe that the notebook holds
        os._exit(0)
    print(fork, flush=True)
    time.sleep(600)
fork = 0
{start}
ready()
"""


@pytest.mark.parametrize("user", USERS)
def test_nothing_outlives_a_notebook_that_is_killed(user, tmp_path):
    """Not even while a fork of the notebook lives on and holds its pipes."""
    from helpers.pipelines import deliver

    deliver(world.World().applications("2025-01", 300), "2025-01", tmp_path / "data")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with FakeModel() as model, contextlib.ExitStack() as stack:
        child = PROGRAM.format(arguments="", more="")
        start = textwrap.dedent(USERS[user]).format(url=model.url, hang=HANG, program=child)
        notebook = subprocess.Popen(
            [sys.executable, "-c", NOTEBOOK.format(start=start)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(process._ROOT)},
        )
        stack.callback(notebook.stdout.close)
        stack.callback(notebook.wait)
        stack.callback(notebook.kill)
        fork = int(notebook.stdout.readline())
        stack.callback(os.kill, fork, signal.SIGKILL)
        family = {one.pid for one in psutil.Process(notebook.pid).children(recursive=True)}
        family.remove(fork)
        assert family
        notebook.kill()
        notebook.wait()
        assert gone(*family)
        assert psutil.pid_exists(fork)
        # TensorFlow leaves files of its own; folders are ours.
        assert until(lambda: not any(path.is_dir() for path in temporary.iterdir()))
