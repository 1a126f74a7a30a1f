"""The rehearsal of batching limits, and the view and the judges of lesson 4.1 at their edges."""

import numpy as np
import pytest

from helpers.course.exercises.core import find
from helpers.course.lesson_4_1 import rehearsal
from helpers.course.lesson_4_1.view import CapacityPlanner
from helpers.serving.batching import Limits


def serve(*times, **limits):
    return rehearsal._serve(np.array(times, float), Limits(**limits))


def test_a_batch_starts_when_it_is_full_or_its_oldest_row_has_waited():
    latency, busy, end = serve(0, 1, 2, max_batch_size=2, batch_timeout_ms=10, num_batch_threads=1)
    # The first two run from 1 to 9.5; the third has waited long enough at 12.
    assert latency == pytest.approx([9.5, 8.5, 10 + 8.25])
    assert (busy, end) == pytest.approx((8.5 + 8.25, 20.25))


def test_a_row_beyond_the_line_is_refused():
    latency, *_ = serve(*range(5), max_batch_size=1, max_enqueued_batches=2, num_batch_threads=1)
    assert len(latency) == 3, "one runs and two stand in line"


def test_more_threads_than_cores_share_them():
    two, four = (serve(0, num_batch_threads=threads)[0][0] for threads in (2, 4))
    assert four == pytest.approx(2 * two)


def test_the_limits_of_the_lesson_break_two_promises_and_one_change_does_not_mend_them():
    judge = find("4.1-g").judge
    assert judge(Limits()).startswith("afternoon")
    for change in ({"batch_timeout_ms": 8}, {"max_enqueued_batches": 4}, {"max_batch_size": 16}):
        assert judge(Limits(**change))
    for size, batches in ((64, 3), (80, 3), (128, 2)):
        assert judge(Limits(size, 7, batches, 2)) is None


def test_the_planner_says_when_no_number_of_replicas_is_enough():
    planner = CapacityPlanner(target_ms=100)
    state = {"rate": 20, "replicas": 20}
    assert "missed with any number of replicas" in planner.describe(service_ms=25, **state)
    assert "any number" not in planner.describe(service_ms=21, **state)


def test_the_config_may_come_from_protobuf_itself():
    from google.protobuf import text_format
    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

    def answer(name, folder, versions, labels):
        if not set(labels.values()) <= set(versions):
            raise ValueError(labels)
        config = ModelServerConfig()
        model = config.model_config_list.config.add(name=name, base_path=folder)
        model.model_platform = "tensorflow"
        model.model_version_policy.specific.versions.extend(versions)
        model.version_labels.update(labels)
        return text_format.MessageToString(config)

    assert find("4.1-c").judge(answer) is None


def test_a_locustfile_may_send_text_and_take_rows_in_turn():
    exercise = find("4.1-e")
    space = {}
    exec(exercise.solution, space)
    text = space["answer"].replace("json=body", "data=json.dumps(body)")
    text = text.replace("ROWS = json", "import itertools\n\nROWS = json").replace(
        "random.choice(ROWS)", "next(TURN)"
    )
    text = text.replace('MODEL = "', 'TURN = itertools.cycle(ROWS)\nMODEL = "')
    text = text.replace("answer.json()", "json.loads(answer.text)")
    assert exercise.judge(text.replace("@task(1)", "@task")) is None


def test_a_locustfile_may_judge_every_answer_and_choose_the_task_itself():
    exercise = find("4.1-e")
    space = {}
    exec(exercise.solution, space)
    text = space["answer"].replace("return  # Locust counts it as failed", "answer.failure(503)")
    text = text.replace("            score = answer", "            else: score = answer")
    text = text.replace("            if not 0", "            if answer.ok and not 0")
    assert exercise.judge(text) is None
    one = "if random.random() > 0.75: return self.client.get(MODEL)\n        "
    text = text.replace("@task(3)", "@task").replace("url, body", one + "url, body")
    assert exercise.judge(text[: text.index("    @task(1)")]) is None
