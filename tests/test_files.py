"""A file is there whole or as it was before."""

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
