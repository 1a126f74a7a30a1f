"""A session keeps its state, says clearly what went wrong, and leaves nothing behind."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from pathlib import Path

import pandas as pd
import psutil
import pytest

from helpers.tfx import Session, SessionDied, TFXError, environment


@pytest.fixture(scope="module")
def shared():
    """A session of the lab's own Python, which starts faster than TFX's."""
    with Session(sys.executable) as session:
        yield session


def text(outputs, name="stdout"):
    return "".join(output["text"] for output in outputs if output.get("name") == name)


HANG = 200  # seconds: no verdict hangs on the clock, but a test that hangs shall fail


def gone(*pids):
    """Whether all these processes end."""

    def runs(pid):
        try:
            return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    deadline = time.monotonic() + HANG
    while any(map(runs, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(runs, pids))


def test_the_process_keeps_its_bytecode_and_a_path_of_its_own(monkeypatch):
    """Without bytecode TFX takes half a minute to load."""
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH"):
        monkeypatch.setenv(name, "1")
    with Session(sys.executable) as session:
        said = session.run(
            "import os, sys; print(sys.dont_write_bytecode, 'PYTHONPATH' in os.environ)"
        )
        assert text(said) == "False False\n"


def test_the_stack_says_nothing_about_itself_and_the_user_is_heard():
    with Session(environment.interpreter(progress=False)) as tfx:
        silent = tfx.run(
            "import tensorflow_data_validation as tfdv\n"
            "import pandas as pd\n"
            "frame = pd.DataFrame({'n': [1, 2, 3], 's': ['x', 'y', None]})\n"
            "statistics = tfdv.generate_statistics_from_dataframe(frame)\n"
            "schema = tfdv.infer_schema(statistics)\n"
            "anomalies = tfdv.validate_statistics(statistics, schema)\n"
        )
        assert silent == []
        heard = tfx.run(
            "import logging, os, subprocess, warnings\n"
            "warnings.warn('my warning')\n"
            "logging.warning('my log')\n"
            "subprocess.run('echo my command >&2', shell=True)\n"
            "os.write(2, b'2026-01-01 00:00:00.123456: I tensorflow/core/x.cc:1] noise\\n')\n"
            "os.write(2, b'INFO:apache_beam.runners.worker:noise\\n')\n"
            "os.write(2, b'2026-01-01 00:00:00.123456: F tensorflow/core/x.cc:1] fatal\\n');\n"
        )
        said = text(heard, "stderr")
        for mine in ("UserWarning: my warning", "my log", "my command", "fatal"):
            assert mine in said
        assert "noise" not in said
        assert type(tfx.pull("schema")).__name__ == "Schema"
        assert text(tfx.run("import shutil; print(shutil.which('python'))")).startswith(
            str(environment.interpreter().parent)
        )


def test_variables_live_from_one_run_to_the_next(shared):
    shared.run("kept = 20")
    assert text(shared.run("print(kept + 1)")) == "21\n"


def test_outputs_are_given_as_notebooks_store_them_in_their_order(shared):
    outputs = shared.run(
        "import sys\n"
        "from IPython.display import HTML, clear_output, display\n"
        "print('one', flush=True)\n"
        "handle = display(HTML('<b>two</b>'), display_id='d', metadata={'text/html': {'k': 1}})\n"
        "print('three', file=sys.stderr, flush=True)\n"
        "handle.update(HTML('<b>four</b>'))\n"
        "clear_output(wait=True)\n"
        "'five'"
    )
    assert [output["output_type"] for output in outputs] == [
        "stream",
        "display_data",
        "stream",
        "update_display_data",
        "clear_output",
        "execute_result",
    ]
    assert outputs[0] == {"output_type": "stream", "name": "stdout", "text": "one\n"}
    assert outputs[1]["data"]["text/html"] == "<b>two</b>"
    assert outputs[1]["metadata"]["text/html"] == {"k": 1}
    assert outputs[1]["transient"]["display_id"] == outputs[3]["transient"]["display_id"] == "d"
    assert outputs[5]["data"]["text/plain"] == "'five'"


def test_outputs_arrive_while_the_code_still_runs(shared, tmp_path):
    # The code ends only once its first output was heard of.
    mark = tmp_path / "heard"
    code = (
        "import os, time\n"
        "print('now', flush=True)\n"
        f"while not os.path.exists({str(mark)!r}): time.sleep(0.01)"
    )
    assert shared.run(code, on_output=lambda output: mark.touch()) == []


def test_figures_arrive_as_pictures(shared):
    outputs = shared.run("import matplotlib.pyplot as plt\nplt.plot([1, 2]);")
    assert [list(output["data"]) for output in outputs] == [["text/plain", "image/png"]] or (
        "image/png" in outputs[-1]["data"]
    )


def test_an_error_there_is_an_error_here_with_its_traceback(shared):
    seen = []
    with pytest.raises(TFXError, match=r"^KeyError: 'income'$") as caught:
        shared.run("print('before')\n{}['income']", seen.append)
    assert (caught.value.ename, caught.value.evalue) == ("KeyError", "'income'")
    shown = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(caught.value._render_traceback_()))
    assert "{}['income']" in shown
    assert text(seen) == "before\n"
    with pytest.raises(TFXError, match="SyntaxError"):
        shared.run("x = = 1")
    with pytest.raises(TFXError, match="StdinNotImplementedError"):
        shared.run("input()")


def test_error_locations_do_not_change_from_run_to_run(shared):
    with pytest.raises(TFXError) as caught:
        shared.run("import warnings\n1 / 0")
    assert "ipykernel_" not in "".join(caught.value.traceback)


def test_frames_and_values_go_in_and_come_back(shared):
    frame = pd.DataFrame({"n": [1, 2], "s": ["a", None]}, index=["p", "q"])
    shared.push("frame", frame)
    shared.run("assert list(frame.index) == ['p', 'q']\nrows = len(frame)")
    pd.testing.assert_frame_equal(shared.pull("frame"), frame)
    assert shared.pull("rows") == 2


def test_files_of_a_transfer_are_removed(shared):
    shared.push("x", pd.DataFrame({"a": [1]}))
    shared.pull("x")
    with pytest.raises(NameError):
        shared.pull("no_such_thing")
    folders = [path for path in shared._kernel.folder.iterdir() if path.is_dir()]
    assert [path.name for path in folders] == ["ipython"]


def test_mistakes_in_handing_over_are_told_as_such(shared):
    shared.run("income = 1\ndef function(): pass")
    with pytest.raises(NameError, match=r"'incom'.*mean income"):
        shared.pull("incom")
    with pytest.raises(TypeError, match=r"function: .*builtins\.function"):
        shared.pull("function")
    with pytest.raises(TypeError, match="builtins.object"):
        shared.push("x", object())
    for name in ("a.b", "1x", "", "class", None):
        with pytest.raises(ValueError, match=r"name is .*variable's name"):
            shared.push(name, 1)
        with pytest.raises(ValueError, match=r"name is .*variable's name"):
            shared.pull(name)


def test_ctrl_c_interrupts_the_code_and_not_the_session(shared):
    shared.run("state = 1")

    def press(output):
        os.kill(os.getpid(), signal.SIGINT)

    code = (
        "import time\n"
        "try:\n    print('go', flush=True)\n    time.sleep(600)\n    state = 'slept'\n"
        "except KeyboardInterrupt:\n    state = 'interrupted'\n    raise"
    )
    with pytest.raises(KeyboardInterrupt):
        shared.run(code, press)
    assert shared.run("print(state)") == [
        {"output_type": "stream", "name": "stdout", "text": "interrupted\n"}
    ]


def test_ctrl_c_right_at_the_start_interrupts_too(shared):
    pid = shared.pid
    timer = threading.Timer(0.0, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        timer.start()
        shared.run("import time; state = 'asleep'; time.sleep(600); state = 'awake'")
    assert shared.pid == pid
    assert text(shared.run("print('still here', globals().get('state') == 'awake')")) == (
        "still here False\n"
    )


def test_a_reader_that_fails_stops_the_code(shared):
    def fail(output):
        raise OSError("no more room")

    with pytest.raises(OSError, match="no more room"):
        shared.run(
            "awake = False\nprint(1, flush=True)\nimport time; time.sleep(600); awake = True", fail
        )
    assert text(shared.run("print(awake)")) == "False\n"


def test_calls_from_threads_wait_for_each_other(shared):
    shared.push("n", 0)

    def add():
        for _ in range(10):
            shared.run("n = n + 1")

    threads = [threading.Thread(target=add) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shared.pull("n") == 30


def _in_child(queue, session):
    try:
        state = session.pid
        session.run("import os; mine = os.getpid()")
        queue.put((state, session.pid, session.pull("mine")))
        session.close()
    except BaseException as error:
        queue.put(repr(error))


def test_a_forked_child_starts_a_session_of_its_own(shared):
    shared.run("theirs = 5")
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # forking a process with threads: that is the point here
        child = context.Process(target=_in_child, args=(queue, shared))
        child.start()
    state, pid, mine = queue.get(timeout=HANG)
    child.join(HANG)
    assert state is None
    assert pid == mine != shared.pid
    assert shared.pull("theirs") == 5


def test_a_death_is_told_and_the_next_call_starts_afresh():
    with Session(sys.executable) as session:
        session.run("x = 1")
        first = session.pid
        with pytest.raises(SessionDied, match=r"(?s)SIGKILL.*memory.*variables are lost.*my last"):
            session.run(
                "import os, signal, subprocess\n"
                "orphan = subprocess.Popen(['sleep', '100']).pid\n"
                "os.write(2, b'my last words\\n')\n"
                "os.kill(os.getpid(), signal.SIGKILL)"
            )
        assert session.pid is None
        with pytest.warns(RuntimeWarning, match=f"process {first} ended.*again") as told:
            assert session.run("print('x' in globals())")[0]["text"] == "False\n"
        assert told[0].filename == __file__
        # It may also die between two calls.
        second = session.pid
        os.kill(second, signal.SIGKILL)
        session._kernel.process.wait(HANG)
        with pytest.warns(RuntimeWarning, match=f"process {second} ended"):
            session.run("x = 2")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            third = session.pid
            session.restart()
        assert session.pid != third
        assert gone(third)
        assert text(session.run("print('x' in globals())")) == "False\n"


def test_a_session_that_cannot_start_says_why(tmp_path):
    with pytest.raises(SessionDied, match="could not be started"):
        Session(tmp_path / "no_python").run("1")
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho No module named ipykernel >&2\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(SessionDied, match=r"(?s)exit code 3.*No module named ipykernel"):
        Session(broken).run("1")


CHILD = textwrap.dedent(
    """
    import sys
    from helpers.tfx import Session
    session = Session(sys.executable)
    session.run(
        "import subprocess, os\\n"
        "children = [subprocess.Popen(['sleep', '100']).pid,\\n"
        "            subprocess.Popen(['sleep', '100'], start_new_session=True).pid]\\n"
        "print(os.getpid(), *children, end=' ')",
        lambda output: print(output["text"], end=""),
    )
    print(session._kernel.folder, flush=True)
    """
)


def test_nothing_outlives_a_notebook_that_exits():
    done = subprocess.run([sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True)
    *pids, folder = done.stdout.split()
    assert len(pids) == 3
    assert gone(*map(int, pids))
    assert not Path(folder).exists()


def test_closing_ends_the_process_and_removes_its_files():
    session = Session(sys.executable)
    child = session.run("import subprocess; print(subprocess.Popen(['sleep', '100']).pid)")
    pids, folder = [session.pid, int(text(child))], session._kernel.folder
    session.close()
    assert gone(*pids)
    assert not folder.exists()
    assert repr(session) == "<TFX session, not started>"
    session.close()


def test_one_session_is_shared_and_starts_only_when_used():
    program = (
        "import helpers\n"
        "from helpers.tfx import session\n"
        "one = helpers.tfx.session()\n"
        "print(one is session(), one.pid)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["True", "None"], done.stderr


def test_importing_the_package_imports_nothing_heavy():
    program = (
        "import sys, helpers.tfx\n"
        "heavy = {'zmq', 'jupyter_client', 'pandas', 'IPython', 'pyarrow'} & set(sys.modules)\n"
        "sys.exit(bool(heavy))"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
