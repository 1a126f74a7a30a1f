"""The TFX environment is chosen for the platform, made once, and mended when it is broken."""

import functools
import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from helpers import tfx
from helpers.base import resources
from helpers.tfx import __main__ as command
from helpers.tfx import environment
from helpers.tfx.environment import TFXEnvironmentError
from tools.test_colab import WRONG

RECIPE = environment.recipe


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        (("Linux", "x86_64", (2, 31)), "tfx-1.16"),
        (("Linux", "x86_64", (2, 36)), "tfx-1.16"),
        (("Linux", "x86_64", (2, 38)), "tfx-1.16"),
        (("Linux", "x86_64", (2, 39)), "tfx-1.21"),
        (("Linux", "AMD64", (2, 41)), "tfx-1.21"),
        (("Darwin", "x86_64"), "tfx-1.16"),
        (("Darwin", "arm64"), "tfx-1.21"),
    ],
)
def test_each_supported_platform_has_a_recipe_whose_locks_exist(platform, expected):
    recipe = environment.recipe(*platform)
    assert recipe.name == expected
    assert recipe.locks and all(lock.stat().st_size > 100 for lock in recipe.locks)


@pytest.mark.parametrize(
    "platform", [("Linux", "aarch64", (2, 39)), ("Windows", "AMD64"), ("FreeBSD", "amd64")]
)
def test_an_unsupported_platform_is_named_and_a_way_out_is_given(platform):
    with pytest.raises(TFXEnvironmentError, match=f"{platform[0]} on {platform[1].lower()}") as e:
        environment.recipe(*platform)
    assert "MLOPS_TFX_PYTHON" in str(e.value)


def test_a_linux_without_glibc_is_told_so(monkeypatch):
    monkeypatch.setattr(environment, "_glibc", lambda: None)
    with pytest.raises(TFXEnvironmentError, match="without glibc"):
        environment.recipe("Linux", "x86_64")


def test_the_variable_comes_first(monkeypatch):
    monkeypatch.setenv("MLOPS_TFX_PYTHON", sys.executable)
    assert environment.interpreter() == Path(sys.executable)


@pytest.mark.parametrize("wrong", ["/no/such/python", "/"])
def test_a_variable_that_names_no_program_is_an_error(monkeypatch, wrong):
    monkeypatch.setenv("MLOPS_TFX_PYTHON", wrong)
    with pytest.raises(TFXEnvironmentError, match="MLOPS_TFX_PYTHON"):
        environment.interpreter()


def test_the_running_interpreter_is_used_if_it_has_tfdv(monkeypatch):
    monkeypatch.delenv("MLOPS_TFX_PYTHON", raising=False)
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda name: object())
    assert environment.interpreter() == Path(sys.executable)


@pytest.fixture
def small(tmp_path, monkeypatch):
    """An environment of one tiny local package, so that provisioning needs neither net nor time."""
    wheel = _wheel(tmp_path / "tiny-1.0-py3-none-any.whl", "__version__ = '1.0'\n")
    lock = tmp_path / "requirements" / "small.txt"
    lock.parent.mkdir()
    lock.write_text(_requirement(wheel))
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    recipe = environment.Recipe("tfx-small", (python,))
    monkeypatch.setattr(environment.Recipe, "locks", property(lambda self: [lock]))
    monkeypatch.setattr(environment, "recipe", lambda: recipe)
    monkeypatch.setattr(environment, "PACKAGES", ("tiny",))
    monkeypatch.setattr(environment, "_SPACE_NEEDED_GIB", 0.01)
    monkeypatch.setenv("MLOPS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MLOPS_TFX_PYTHON", raising=False)
    return recipe, lock


def _wheel(path, source):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny/__init__.py", source)
        about = "tiny-1.0.dist-info"
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{about}/RECORD", "")
    return path


def _requirement(wheel):
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"tiny @ {wheel.as_uri()} --hash=sha256:{digest}\n"


def test_it_is_made_once_and_then_found(small):
    python = environment.provision(progress=False)
    assert subprocess.run([python, "-c", "import tiny"]).returncode == 0
    mark = python.parents[1] / "ready.json"
    made = mark.stat().st_mtime_ns
    assert environment.provision(progress=False) == python
    assert mark.stat().st_mtime_ns == made
    assert environment.info()["ready"] and environment.info()["packages"] == {"tiny": "1.0"}


def test_its_cost_is_said_before_it_is_made_and_never_again(small, monkeypatch, capsys):
    shell = InteractiveShell()
    assert environment.missing()
    tfx.load_ipython_extension(shell)
    said = capsys.readouterr().out
    assert "The first cell that needs it installs it" in said and environment.COST in said
    monkeypatch.setattr(environment, "_make", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        environment.provision()
    assert capsys.readouterr().out == f"Installing TFX, {environment.COST}.\n"
    monkeypatch.undo()


def test_an_environment_that_is_there_or_cannot_be_had_costs_nothing(small, monkeypatch, capsys):
    environment.provision(progress=False)
    assert not environment.missing()
    tfx.load_ipython_extension(InteractiveShell())
    environment.remove()
    assert environment.missing()
    monkeypatch.setenv("MLOPS_TFX_PYTHON", sys.executable)
    assert not environment.missing()
    monkeypatch.delenv("MLOPS_TFX_PYTHON")
    monkeypatch.setattr(environment, "recipe", functools.partial(RECIPE, "Windows", "AMD64"))
    assert not environment.missing()
    tfx.load_ipython_extension(InteractiveShell())
    assert capsys.readouterr().out == ""


def test_variables_that_bend_installers_do_not_reach_them(small, monkeypatch):
    for name, value in {**WRONG, "UV_PYTHON": "2.7", "PIP_TARGET": "/nowhere"}.items():
        monkeypatch.setenv(name, value)
    environment.provision(progress=False)
    assert environment.info()["packages"] == {"tiny": "1.0"}


def test_what_was_interrupted_half_way_is_made_again(small):
    python = environment.provision(progress=False)
    folder = python.parents[1]
    (folder / "ready.json").unlink()  # an interruption leaves everything but the mark
    (folder / "left over").touch()
    assert not environment.info()["ready"]
    environment.provision(progress=False)
    assert environment.info()["ready"]
    assert not (folder / "left over").exists()


def test_a_lost_package_is_noticed_and_the_environment_rebuilt(small):
    python = environment.provision(progress=False)
    shutil.rmtree(next(python.parents[1].glob("lib/python*/site-packages/tiny")))
    assert not environment.info()["ready"]
    environment.provision(progress=False)
    assert environment.info()["ready"]


def test_a_lost_interpreter_is_noticed_and_the_environment_rebuilt(small):
    python = environment.provision(progress=False)
    python.unlink()
    python.symlink_to("/no/such/python")
    assert not environment.info()["ready"]
    environment.provision(progress=False)
    assert subprocess.run([python, "-c", "import tiny"]).returncode == 0


def test_a_package_that_no_longer_imports_is_found_by_a_thorough_look(small):
    python = environment.provision(progress=False)
    module = next(python.parents[1].glob("lib/python*/site-packages/tiny/__init__.py"))
    module.unlink()  # not truncated in place: uv may have linked the file to its cache
    module.write_text("import no_such_module")
    environment.provision(progress=False, thorough=True)
    assert "no_such_module" not in module.read_text()


def test_a_changed_lock_means_a_new_environment(small):
    recipe, lock = small
    before = recipe.folder
    lock.write_text("# one line more\n" + lock.read_text())
    assert recipe.folder != before
    assert environment.provision(progress=False).parents[1] == recipe.folder


def test_of_several_that_ask_at_once_one_makes_it(small, monkeypatch):
    made = []
    really_make = environment._make
    monkeypatch.setattr(environment, "_make", lambda *args: (made.append(1), really_make(*args))[1])
    with ThreadPoolExecutor(3) as pool:
        pythons = set(pool.map(lambda _: environment.provision(progress=False), range(3)))
    assert len(pythons) == 1
    assert len(made) == 1


def test_an_environment_that_does_not_import_is_not_called_ready(small, tmp_path):
    _, lock = small
    lock.write_text(_requirement(_wheel(tmp_path / "tiny-1.0-py3-none-any.whl", "1 / 0")))
    with pytest.raises(TFXEnvironmentError, match=r"does not import here(.|\n)*ZeroDivisionError"):
        environment.provision(progress=False)
    assert not environment.info()["ready"]


def test_a_wrong_hash_stops_the_installation(small):
    _, lock = small
    lock.write_text(lock.read_text()[:-10] + "0" * 9 + "\n")
    with pytest.raises(TFXEnvironmentError, match="could not be installed"):
        environment.provision(progress=False)
    assert not environment.info()["ready"]


def test_no_network_is_told_as_such(small, monkeypatch):
    _, lock = small
    lock.write_text(f"no-such-package==1.0 --hash=sha256:{'0' * 64}\n")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(TFXEnvironmentError, match="Check the network"):
        environment.provision(progress=False)


def test_too_little_disk_space_is_told_before_anything_is_written(small, monkeypatch):
    recipe, _ = small
    monkeypatch.setattr(environment, "_SPACE_NEEDED_GIB", 10**9)
    with pytest.raises(TFXEnvironmentError, match="GiB of free disk space"):
        environment.provision(progress=False)
    assert not recipe.folder.exists()


def test_a_disk_that_fills_up_is_told_as_such():
    problem = environment._diagnosis("error: No space left on device (os error 28)", Path("python"))
    assert "The disk is full" in str(problem)


def test_a_missing_compiler_is_told_as_such(monkeypatch, tmp_path):
    monkeypatch.setenv("MLOPS_CACHE", str(tmp_path))
    monkeypatch.setattr(environment.shutil, "which", lambda name: None)
    said = "error: Failed to build `pyfarmhash==0.3.2`\n  command 'g++' failed"
    problem = environment._diagnosis(said, Path(sys.executable))
    assert "want of a C++ compiler" in str(problem)
    assert "apt install g++ python3-dev" in str(problem)
    assert "pyfarmhash==0.3.2" in str(problem)


def test_a_python_that_cannot_be_had_is_told_as_such(small, monkeypatch):
    impossible = environment.Recipe("tfx-small", ("3.99",))
    monkeypatch.setattr(environment, "recipe", lambda: impossible)
    with pytest.raises(TFXEnvironmentError, match=r"TFX needs Python 3\.99"):
        environment.provision(progress=False)


def test_a_folder_that_cannot_be_written_is_told_as_such(small, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MLOPS_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(TFXEnvironmentError, match="set MLOPS_CACHE"):
        environment.provision(progress=False)


def test_the_command_line_installs_tells_and_removes(small, capsys):
    assert command.main(["install"]) == 0
    assert "ready" in capsys.readouterr().out
    assert command.main(["info"]) == 0
    assert json.loads(capsys.readouterr().out)["ready"] is True
    assert command.main(["remove"]) == 0
    assert "removed" in capsys.readouterr().out
    assert command.main(["info"]) == 0
    assert json.loads(capsys.readouterr().out)["ready"] is False


def test_the_command_line_reports_a_problem_without_a_traceback(small, monkeypatch, capsys):
    monkeypatch.setattr(environment, "_SPACE_NEEDED_GIB", 10**9)
    assert command.main(["install"]) == 1
    assert "free disk space" in capsys.readouterr().err


def test_the_locks_name_no_index_and_hash_everything():
    locks = set(resources.path("requirements").glob("*.txt"))
    for lock in locks - set(resources.path("requirements").glob("colab-*.txt")):  # not a lock
        text = lock.read_text()
        assert "://" not in text and "index" not in text.replace("importlib", ""), lock
        blocks = text.replace("\\\n", " ").splitlines()
        assert all("--hash=sha256:" in block for block in blocks if block[:1].isalpha()), lock
