"""`make update` brings the newest lessons and loses nothing, whatever state a checkout is in."""

import json
import re
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.base import resources
from helpers.course.exercises.core import exercises_by_lesson
from tools import update
from tools.update import MINE, Repository, carry_over

LESSON = "notebooks/2_data/2_1_validate.ipynb"
OTHER = "notebooks/3_models/3_5_fairness.ipynb"


def git(folder, *words):
    identity = ("-c", "user.name=T", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def notebook(*sources):
    """A notebook whose ids count the cells, as those of the lessons do."""
    cells = [
        {"cell_type": "markdown" if source[:1] in "#*" else "code", "id": f"c{at:03}"}
        | {"metadata": {}, "source": source.splitlines(keepends=True)}
        for at, source in enumerate(sources)
    ]
    for cell in cells:
        if cell["cell_type"] == "code":
            cell |= {"execution_count": None, "outputs": []}
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def exercise(letter, answer="..."):
    return f'answer = {answer}\ncheck("2.1-{letter}", answer)'


FIRST = ("# 2.1 Validate", "import pandas", "* Read it.", exercise("a"), "x = 1", exercise("b"))
SECOND = ("# 2.1 Validate", "* New.", "import pandas", "* Read.", exercise("a"), "x = 1\n# and 2")
SECOND += (exercise("c"), exercise("b"))


def write(folder, path, content):
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else update._as_text(content)
    (folder / path).write_text(text)


def read(folder, path=LESSON):
    return json.loads((folder / path).read_text())


def sources(notebook):
    return ["".join(cell["source"]) for cell in notebook["cells"]]


def edit(folder, at, source, path=LESSON, **more):
    lesson = read(folder, path)
    lesson["cells"][at] |= {"source": source, **more}
    write(folder, path, lesson)


@pytest.fixture
def author(tmp_path):
    """The checkout of the author, which pushes to what the learner's was cloned from."""
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "origin.git")
    git(tmp_path, "clone", "--quiet", "origin.git", "author")
    folder = tmp_path / "author"
    git(folder, "switch", "--quiet", "--create", "main")
    write(folder, LESSON, notebook(*FIRST))
    write(folder, OTHER, notebook("# 3.5", "y = 1"))
    write(folder, "helpers/one.py", "ONE = 1\n")
    write(folder, ".gitignore", f"/{MINE}/\n")
    publish(folder)
    return folder


@pytest.fixture
def learner(author):
    git(author.parent, "clone", "--quiet", "origin.git", "learner")
    return author.parent / "learner"


def publish(author):
    git(author, "add", "--all")
    git(author, "commit", "--quiet", "--message", "A version")
    git(author, "push", "--quiet", "origin", "main")


def publish_second(author):
    write(author, LESSON, notebook(*SECOND))
    write(author, "helpers/one.py", "ONE = 2\n")
    publish(author)


def state(folder):
    """All that must not change where nothing is changed."""
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }
    return files, git(folder, "rev-parse", "HEAD"), git(folder, "status", "--porcelain")


def copies(folder):
    return sorted(
        path.relative_to(folder / MINE).as_posix().partition("/")[2]
        for path in (folder / MINE).rglob("*")
        if path.is_file()
    )


def is_newest(learner, author):
    return git(learner, "rev-parse", "HEAD") == git(author, "rev-parse", "HEAD")


def test_nothing_new_changes_nothing(author, learner, capsys):
    edit(learner, 3, exercise("a", "1"))
    before = state(learner)
    assert update.main(learner) == 0
    assert "You have the newest version" in capsys.readouterr().out
    assert state(learner) == before


def test_a_lesson_that_was_only_run_is_the_new_one_and_its_outputs_are_kept(
    author, learner, capsys
):
    output = {"name": "stdout", "output_type": "stream", "text": ["ran here\n"]}
    edit(learner, 1, FIRST[1], outputs=[output], execution_count=7)
    publish_second(author)
    assert update.main(learner) == 0
    assert is_newest(learner, author) and git(learner, "status", "--porcelain") == ""
    assert copies(learner) == [LESSON]
    assert "1 that you had only run" in capsys.readouterr().out


def test_answers_and_added_cells_are_in_the_new_lesson_though_its_cells_have_other_ids(
    author, learner, capsys
):
    mine = read(learner)
    reply = {"data": {"text/plain": "[right] 2.1-a"}, "metadata": {}, "output_type": "display_data"}
    mine["cells"][3] |= {"source": exercise("a", "'mine'"), "outputs": [reply]}
    added = {"cell_type": "code", "id": "abc", "metadata": {}, "source": "my = 'note'"}
    blank = {"cell_type": "code", "id": "def", "metadata": {}, "source": " "}
    mine["cells"][4:4] = [added | {"outputs": []}]
    mine["cells"].append(blank | {"outputs": []})
    write(learner, LESSON, mine)
    publish_second(author)
    assert update.main(learner) == 0
    found = read(learner)
    wanted = list(SECOND)
    wanted[4] = exercise("a", "'mine'")
    wanted.insert(5, "my = 'note'")
    assert sources(found) == wanted
    assert found["cells"][4]["id"] == "c004" and found["cells"][4]["outputs"] == [reply]
    assert len({cell["id"] for cell in found["cells"]}) == len(wanted)
    assert f"{LESSON}: put back 2.1-a and 1 other cell" in capsys.readouterr().out
    assert is_newest(learner, author)


def test_what_has_no_place_in_the_new_lesson_is_in_the_copy(author, learner, capsys):
    edit(learner, 4, "x = 1_000")
    mine = read(learner)
    publish_second(author)
    assert update.main(learner) == 0
    assert sources(read(learner)) == list(SECOND)
    out = capsys.readouterr().out
    copy = re.search(rf"{LESSON} has changed at \"x = 1_000\"; yours is in (\S+)", out)[1]
    assert read(learner, copy) == mine


def test_an_exercise_that_changed_keeps_the_answer_and_is_named(author, learner, capsys):
    edit(learner, 3, exercise("a", "1"))
    write(author, LESSON, notebook(*FIRST[:3], "# another shape\n" + exercise("a"), *FIRST[4:]))
    publish(author)
    assert update.main(learner) == 0
    assert sources(read(learner))[3] == exercise("a", "1")
    assert "put back 2.1-a (its cell has changed)" in capsys.readouterr().out


def test_a_lesson_that_is_gone_stays_in_the_copy(author, learner, capsys):
    edit(learner, 3, exercise("a", "1"))
    mine = read(learner)
    (author / LESSON).unlink()
    publish(author)
    assert update.main(learner) == 0
    assert not (learner / LESSON).exists()
    out = capsys.readouterr().out
    copy = re.search(r"no longer among the lessons; yours is (\S+)", out)[1]
    assert read(learner, copy) == mine


def test_answers_follow_a_lesson_that_was_moved(author, learner):
    edit(learner, 3, exercise("a", "1"))
    moved = "notebooks/2_data/2_2_validate.ipynb"
    git(author, "mv", LESSON, moved)
    edit(author, 1, "import pandas as pd", moved)
    publish(author)
    assert update.main(learner) == 0
    assert exercise("a", "1") in sources(read(learner, moved))
    assert not (learner / LESSON).exists()


def test_what_the_new_version_does_not_touch_stays_as_it_is(author, learner):
    edit(learner, 1, "y = 2", OTHER)
    write(learner, "notes.md", "mine\n")
    write(learner, "helpers/two.py", "TWO = 2\n")
    publish_second(author)
    assert update.main(learner) == 0
    assert sources(read(learner, OTHER))[1] == "y = 2"
    assert (learner / "notes.md").read_text() == "mine\n"
    assert (learner / "helpers/one.py").read_text() == "ONE = 2\n"
    assert copies(learner) == []


def test_a_lesson_that_was_deleted_here_comes_back_as_the_new_one(author, learner):
    (learner / LESSON).unlink()
    publish_second(author)
    assert update.main(learner) == 0
    assert sources(read(learner)) == list(SECOND)


def test_a_file_of_ones_own_that_is_in_the_way_is_kept(author, learner, capsys):
    new = "notebooks/2_data/2_2_skew.ipynb"
    write(learner, new, "my own\n")
    write(author, new, notebook("# 2.2"))
    publish(author)
    assert update.main(learner) == 0
    assert sources(read(learner, new)) == ["# 2.2"]
    out = capsys.readouterr().out
    assert f"{new} is a new lesson" in out
    copy = re.search(r"is part of the repository now; yours is (\S+)", out)[1]
    assert (learner / copy).read_text() == "my own\n"


def test_a_notebook_that_cannot_be_read_is_kept(author, learner, capsys):
    write(learner, LESSON, "<<<<<<< no notebook")
    publish_second(author)
    assert update.main(learner) == 0
    copy = re.search(r"could not be read; it is (\S+)", capsys.readouterr().out)[1]
    assert (learner / copy).read_text().startswith("<<<<<<<")
    assert sources(read(learner)) == list(SECOND)


def test_a_folder_that_is_in_the_way_stops_it(author, learner, capsys):
    new = "notebooks/2_data/2_2_skew.ipynb"
    write(learner, f"{new}/mine.txt", "mine\n")
    write(author, new, notebook("# 2.2"))
    publish(author)
    assert "git could not do it, and nothing was changed" in refused(learner, capsys)


def test_a_disk_that_is_full_loses_nothing(author, learner, monkeypatch, capsys):
    edit(learner, 3, exercise("a", "1"))
    publish_second(author)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(update.shutil, "copy2", full)
        assert update.main(learner) == 1
    assert "No space left on device. Your lessons are as they were" in capsys.readouterr().err
    assert update.main(learner) == 0
    assert exercise("a", "1") in sources(read(learner))


def test_each_update_has_a_folder_of_its_own(author, learner):
    for version in ("x = 2", "x = 3"):
        edit(learner, 3, exercise("a", version[-1]))
        edit(author, 4, version)
        publish(author)
        assert update.main(learner) == 0
    assert len(list((learner / MINE).iterdir())) == 2
    assert exercise("a", "3") in sources(read(learner))


def refused(learner, capsys):
    """Run an update that is refused; return what it says."""
    before = state(learner)
    assert update.main(learner) == 1
    assert state(learner) == before
    return capsys.readouterr().err


def test_without_a_network_nothing_changes(author, learner, capsys):
    edit(learner, 3, exercise("a", "1"))
    shutil.move(author.parent / "origin.git", author.parent / "gone.git")
    assert "could not be reached, so nothing was changed" in refused(learner, capsys)


@pytest.mark.parametrize("way", ["keep", "rebase"])
def test_commits_of_ones_own_are_named_and_what_is_advised_works(author, learner, capsys, way):
    edit(learner, 1, "y = 2", OTHER)
    git(learner, "commit", "--quiet", "--all", "--message", "My answers")
    mine = git(learner, "rev-parse", "HEAD")
    publish_second(author)
    said = refused(learner, capsys)
    assert "you have committed changes of your own to main" in said
    lines = [line.strip() for line in said.splitlines() if line.startswith("  git ")]
    for line in lines[:-1] if way == "keep" else lines[-1:]:
        git(learner, *line.split()[1:])
    assert "ONE = 2" in (learner / "helpers/one.py").read_text()
    if way == "keep":
        assert git(learner, "rev-parse", "my-own") == mine
        assert update.main(learner) == 0


def test_commits_on_top_of_the_newest_version_are_no_obstacle(author, learner):
    edit(learner, 1, "y = 2", OTHER)
    git(learner, "commit", "--quiet", "--all", "--message", "My answers")
    assert update.main(learner) == 0


def test_a_checkout_of_a_tag_is_told_how_to_come_back(author, learner, capsys):
    git(learner, "switch", "--quiet", "--detach", "HEAD")
    publish_second(author)
    assert "git switch main" in refused(learner, capsys)


def test_a_branch_of_ones_own_has_no_newer_version(author, learner, capsys):
    git(learner, "switch", "--quiet", "--create", "trial")
    assert "trial is a branch of your own" in refused(learner, capsys)


def test_a_folder_that_was_not_cloned_is_refused(tmp_path, capsys):
    assert update.main(tmp_path) == 1
    assert "was not made by `git clone`" in capsys.readouterr().err


def test_a_merge_under_way_is_refused(author, learner, capsys):
    git(learner, "switch", "--quiet", "--create", "other")
    write(learner, "helpers/one.py", "ONE = 3\n")
    git(learner, "commit", "--quiet", "--all", "--message", "Three")
    git(learner, "switch", "--quiet", "main")
    write(learner, "helpers/one.py", "ONE = 4\n")
    git(learner, "commit", "--quiet", "--all", "--message", "Four")
    with pytest.raises(AssertionError):
        git(learner, "merge", "other")
    assert "A merge is under way" in refused(learner, capsys)


def test_code_that_both_changed_is_refused_by_name(author, learner, capsys):
    write(learner, "helpers/one.py", "ONE = 'mine'\n")
    edit(learner, 3, exercise("a", "1"))
    publish_second(author)
    assert "both changed helpers/one.py" in refused(learner, capsys)


def test_what_is_staged_is_refused(author, learner, capsys):
    edit(learner, 3, exercise("a", "1"))
    git(learner, "add", "--all")
    edit(learner, 3, exercise("a", "2"))
    publish_second(author)
    assert f"what you have staged: {LESSON}" in refused(learner, capsys)


def test_where_git_fails_all_is_put_back(author, learner, capsys):
    new = "notebooks/2_data/2_2_skew.ipynb"
    write(learner, new, "my own\n")
    edit(learner, 3, exercise("a", "1"))
    write(author, new, notebook("# 2.2"))
    publish_second(author)
    (learner / ".git/index.lock").touch()
    try:
        assert update.main(learner) == 1
    finally:
        (learner / ".git/index.lock").unlink()
    assert "nothing was changed" in capsys.readouterr().err
    assert sources(read(learner))[3] == exercise("a", "1")
    assert (learner / new).read_text() == "my own\n"
    assert copies(learner) == []


@pytest.mark.parametrize("step", ["_aside", "_forward", "_finish"])
def test_an_interruption_before_any_step_is_made_good_by_the_next_run(
    author, learner, monkeypatch, capsys, step
):
    edit(learner, 3, exercise("a", "1"))
    publish_second(author)

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(update, step, interrupted)
        assert update.main(learner) == 130
    assert "Interrupted" in capsys.readouterr().err
    assert update.main(learner) == 0
    assert exercise("a", "1") in sources(read(learner)) and is_newest(learner, author)
    assert not list((learner / MINE).rglob(update.JOURNAL))


def killed_after_copying(learner):
    here = git(learner, "rev-parse", "HEAD")
    return update._aside(Repository(learner), here, [LESSON], [], {})


def test_a_kill_between_restoring_and_moving_on_is_made_good(author, learner, capsys):
    edit(learner, 3, exercise("a", "1"))
    publish_second(author)
    killed_after_copying(learner)
    git(learner, "restore", LESSON)
    assert update.main(learner) == 0
    assert "The last update was interrupted" in capsys.readouterr().out
    assert exercise("a", "1") in sources(read(learner)) and is_newest(learner, author)


def test_a_kill_while_git_writes_files_is_made_good(author, learner):
    edit(learner, 3, exercise("a", "1"))
    publish_second(author)
    killed_after_copying(learner)
    for path in (LESSON, "helpers/one.py"):
        shutil.copy(author / path, learner / path)
    assert update.main(learner) == 0
    assert is_newest(learner, author)
    assert exercise("a", "1") in sources(read(learner)) or len(copies(learner)) == 1


def test_a_lesson_that_was_used_after_an_interruption_is_left_alone(author, learner, capsys):
    edit(learner, 3, exercise("a", "1"))
    killed_after_copying(learner)
    git(learner, "restore", LESSON)
    edit(learner, 5, exercise("b", "2"))
    assert update.main(learner) == 0
    assert sources(read(learner))[5] == exercise("b", "2")
    copy = re.search(r"was changed since; what it was before is (\S+)", capsys.readouterr().out)[1]
    assert sources(read(learner, copy))[3] == exercise("a", "1")


def test_ids_that_an_editor_dropped_are_not_needed():
    mine = notebook(*FIRST)
    for cell in mine["cells"]:
        del cell["id"]
    mine["cells"][3]["source"] = exercise("a", "1")
    mine["cells"].insert(2, {"cell_type": "code", "metadata": {}, "source": "own", "outputs": []})
    found, carried, left = carry_over(notebook(*FIRST), mine, notebook(*SECOND))
    assert sources(found)[3:6] == ["own", "* Read.", exercise("a", "1")]
    assert (carried, left) == (['"own"', "2.1-a"], [])


def test_every_exercise_of_a_real_lesson_is_carried_over():
    lesson = next(each for each in resources.lessons() if each.number == "2.1")
    base = json.loads(lesson.path.read_text())
    new = json.loads(lesson.path.read_text().replace('"id": "c0', '"id": "d1'))
    new["cells"].insert(1, notebook("* Another beginning.")["cells"][0])
    mine = json.loads(lesson.path.read_text())
    for cell in mine["cells"]:
        cell["source"] = "".join(cell["source"]).replace("answer = ...", "answer = 'mine'")
        if cell["source"].startswith("# hint("):
            cell["source"] = cell["source"].replace("# hint", "hint")
    found, carried, left = carry_over(base, mine, new)
    assert sources(found)[2:] == sources(mine)[1:] and left == []
    assert len(carried) == 2 * len(exercises_by_lesson()["2.1"])  # an answer and a hint each


lines = st.lists(st.sampled_from(["a", "b", "# c", exercise("a"), exercise("b"), ""]), max_size=6)


@settings(deadline=None)
@given(base=lines, new=lines, data=st.data())
def test_each_cell_that_a_learner_wrote_is_in_the_new_lesson_or_named(base, new, data):
    mine = notebook(*base)
    own = []
    for cell in mine["cells"]:
        if data.draw(st.booleans()):
            own.append(f"own {len(own)}\n{''.join(cell['source'])}")
            cell["source"] = own[-1]
    at = data.draw(st.integers(0, len(base)))
    added = {"cell_type": "code", "id": "new", "metadata": {}, "source": "own added"}
    mine["cells"].insert(at, added | {"outputs": []})
    found, carried, left = carry_over(notebook(*base), mine, notebook(*new))
    assert len(carried) + len(left) == len(own) + 1
    present = sources(found)
    assert "own added" in present
    assert sum(each in present for each in own) == len(carried) - 1
    assert len({cell["id"] for cell in found["cells"]}) == len(found["cells"])
    assert len(new) < len(present) <= len(new) + len(carried)
