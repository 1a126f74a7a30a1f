"""``%%tfx`` cells behave as cells of a notebook."""

import sys

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from helpers.tfx import Session, TFXError
from helpers.tfx import session as shared_session


@pytest.fixture(scope="module")
def shell():
    """A notebook whose TFX session is one of the lab's own Python."""
    patch = pytest.MonkeyPatch()
    with Session(sys.executable) as session:
        patch.setattr(sys.modules["helpers.tfx.kernel_session"], "_shared", session)
        shell = InteractiveShell.instance()
        shell.run_line_magic("load_ext", "helpers.tfx")
        yield shell
        patch.undo()
    InteractiveShell.clear_instance()


def cell(shell, code):
    """Run a cell as a notebook does; what it put out and how it ended."""
    with capture_output() as captured:
        result = shell.run_cell(code)
    return captured, result


def test_a_cell_runs_over_there_and_puts_out_here(shell):
    captured, result = cell(
        shell,
        "%%tfx\nimport os, sys\nprint(os.getpid())\nprint('oh', file=sys.stderr)",
    )
    assert result.success
    assert int(captured.stdout) == shared_session().pid
    assert captured.stderr == "oh\n"


def test_variables_are_pushed_and_pulled(shell):
    shell.user_ns["frame"] = pd.DataFrame({"x": [1, 2]})
    shell.user_ns["factor"] = 10
    _, result = cell(
        shell,
        "%%tfx --push frame, factor --pull scaled total\n"
        "scaled = frame * factor\ntotal = int(scaled['x'].sum())",
    )
    assert result.success
    assert shell.user_ns["scaled"]["x"].tolist() == [10, 20]
    assert shell.user_ns["total"] == 30


def test_the_last_expression_is_shown_with_all_its_forms(shell):
    captured, _ = cell(shell, "%%tfx\nimport pandas as pd\npd.DataFrame({'a': [1]})")
    assert [set(output.data) for output in captured.outputs] == [{"text/plain", "text/html"}]
    captured, _ = cell(shell, "%%tfx\n1 + 1;")
    assert captured.outputs == []


def test_figures_and_displays_keep_their_order_and_metadata(shell):
    captured, _ = cell(
        shell,
        "%%tfx\nfrom IPython.display import display\n"
        "import matplotlib.pyplot as plt\n"
        "display({'text/html': '<i>x</i>'}, raw=True, metadata={'text/html': {'isolated': True}})\n"
        "plt.plot([1, 2]);",
    )
    first, second = captured.outputs
    assert first.metadata == {"text/html": {"isolated": True}}
    assert "image/png" in second.data


def test_display_ids_and_updates_are_passed_on(shell, monkeypatch):
    published = []
    monkeypatch.setattr(shell.display_pub, "publish", lambda **each: published.append(each))
    shell.run_cell(
        "%%tfx\nfrom IPython.display import display\n"
        "handle = display('a', display_id='one')\nhandle.update('b')"
    )
    assert [(each["transient"]["display_id"], each["update"]) for each in published] == [
        ("one", False),
        ("one", True),
    ]


def test_a_widget_of_the_other_kernel_is_shown_as_its_text(shell):
    captured, _ = cell(
        shell,
        "%%tfx\nfrom IPython.display import display\n"
        "display({'application/vnd.jupyter.widget-view+json': {'model_id': 'x'},"
        " 'text/plain': 'a bar'}, raw=True)",
    )
    assert [output.data for output in captured.outputs] == [{"text/plain": "a bar"}]


def test_an_error_fails_the_cell_with_the_traceback_from_there(shell):
    captured, result = cell(shell, "%%tfx --pull never\nprint('first')\nnever = {}['income']")
    assert isinstance(result.error_in_exec, TFXError)
    assert str(result.error_in_exec) == "KeyError: 'income'"
    assert "first" in captured.stdout
    assert "never" in captured.stdout and "helpers/tfx" not in captured.stdout
    assert "never" not in shell.user_ns


def test_a_variable_that_is_not_there_fails_the_cell_and_names_its_like(shell):
    shell.user_ns["loans"] = 1
    captured, result = cell(shell, "%%tfx --push loan\nran = True")
    assert isinstance(result.error_in_exec, NameError)
    assert "no variable 'loan'. Did you mean loans?" in captured.stdout
    assert "Traceback" not in captured.stdout
    assert not cell(shell, "%tfx ran")[1].success
    _, result = cell(shell, "%%tfx --pull anomaly\nanomalies = 1")
    assert "Did you mean anomalies?" in str(result.error_in_exec)


def test_an_unknown_option_fails_the_cell(shell):
    captured, result = cell(shell, "%%tfx --psh x\n1")
    assert not result.success
    assert "unrecognized arguments: --psh" in captured.stderr + captured.stdout


def test_a_line_runs_there_too_and_its_braces_are_left_alone(shell):
    shell.user_ns["a"] = "wrong"
    captured, result = cell(shell, "%tfx {'a': 1}['a'] + 1")
    assert result.success
    assert [output.data["text/plain"] for output in captured.outputs] == ["2"]
