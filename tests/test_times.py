"""The tables of times go where the page has a place for them, and nowhere else."""

import os
import subprocess
import sys
import time

import pandas as pd
import pytest

from benchmarks import times


def test_a_table_replaces_the_one_between_its_markers(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- times: x -->\nold\n<!-- end: x -->\nb\n")
    for value in ("1", "2"):
        times.write("x", pd.DataFrame({"n": [value]}), page)
        table = f"| n |\n|---|\n| {value} |"
        assert page.read_text() == f"a\n<!-- times: x -->\n{table}\n<!-- end: x -->\nb\n"


def test_a_page_without_a_place_is_left_alone(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n")
    with pytest.raises(ValueError, match="page.md has no place for x"):
        times.write("x", pd.DataFrame({"n": ["1"]}), page)
    assert page.read_text() == "a\n"


def test_the_instructors_page_has_a_place_for_each_part():
    text = times.PAGE.read_text()
    for part in times.PARTS:
        assert f"<!-- times: {part} -->" in text and f"<!-- end: {part} -->" in text


def test_memory_of_children_is_counted():
    program = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    child = "import time; held = bytearray(200 * 2**20); held[:] = b'1' * len(held); time.sleep(2)"
    process = subprocess.Popen([sys.executable, "-c", program, child])
    with times.peak_memory(process.pid) as peak:
        process.wait()
    assert 200 < peak() < 700


def test_watching_a_process_that_is_gone_does_no_harm():
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", ""], os.environ)
    os.waitpid(pid, 0)
    with times.peak_memory(pid) as peak:
        time.sleep(0.5)
    assert peak() == 0
