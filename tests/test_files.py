"""A file is there whole or as it was before; a process ends with the one that started it."""

import subprocess
import sys
import threading

import pytest

from helpers.base import files


def test_a_file_is_written_and_replaced_and_nothing_stays_beside_it(tmp_path):
    place = tmp_path / "file.txt"
    files.write(place, "old")
    files.write(place, "é\n")
    assert place.read_bytes() == "é\n".encode()
    files.write(place, b"\xff")
    assert place.read_bytes() == b"\xff"
    assert list(tmp_path.iterdir()) == [place]


def test_what_breaks_off_leaves_the_old_file(tmp_path):
    place = tmp_path / "file.txt"
    files.write(place, "old")
    with pytest.raises(ZeroDivisionError), files.whole(place) as temporary:
        temporary.write_text("half of the n")
        assert place.read_text() == "old"
        1 / 0
    assert place.read_text() == "old"
    assert list(tmp_path.iterdir()) == [place]


def test_two_who_write_at_once_do_not_mix(tmp_path):
    place, texts = tmp_path / "file.txt", ["a" * 100_000, "b" * 100_000]
    files.write(place, texts[0])
    writers = [
        threading.Thread(target=lambda text=text: [files.write(place, text) for _ in range(30)])
        for text in texts
    ]
    for writer in writers:
        writer.start()
    seen = {place.read_text() for _ in range(50)}
    for writer in writers:
        writer.join()
    assert seen <= set(texts)


def test_a_command_on_a_leash_ends_when_it_is_let_go_and_its_folder_goes(tmp_path):
    program = (
        "import os, pathlib, subprocess, sys\n"
        "from helpers.base import leash\n"
        f"folder = pathlib.Path({str(tmp_path / 'folder')!r}); folder.mkdir()\n"
        "sleep = [sys.executable, '-c', 'import time; time.sleep(60)']\n"
        "one = leash.start(['-m', 'helpers.base.leashed', *sleep], folder)\n"
        "leash.stop(one, folder, owner=0)\n"
        "print(one.poll(), folder.exists())\n"  # a fork of the owner may not
        "leash.stop(one, folder, os.getpid(), seconds=20)\n"
        "print(one.returncode not in (None, 0), folder.exists())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["None", "True", "True", "False"], done.stderr
