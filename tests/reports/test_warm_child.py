"""One isolated process for several calls on one version: loaded once, limited each time, never shared."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from celery.signals import worker_process_init, worker_process_shutdown

from reports.isolation import session as module
from reports.isolation.errors import ModelFailed, ModelObjected
from reports.isolation.session import Session
from reports.isolation.warm import Warm
from reports.isolation.warm import _warm as warm_of_this_process
from tests.reports.flavors import MODELS, rows, save_code

ASKED = rows(40)


@pytest.fixture(scope="module")
def logistic(tmp_path_factory):
    """A small model by skops."""
    path = tmp_path_factory.mktemp("warm") / "logistic"
    MODELS["logistic"][-1](path)
    return path


@pytest.fixture(scope="module")
def moody(tmp_path_factory):
    """A python_function that counts its calls and does as the first number of the frame says."""
    source = """
import os, resource, time
self.calls = getattr(self, "calls", 0) + 1
mood = frame["a"].iloc[0]
if mood == 1: time.sleep(100)
if mood == 2: os._exit(3)
if mood == 3: return frame["a"].head(1)
if mood == 4: print("x" * 1000)
if mood == 5:
    began = time.process_time()
    while time.process_time() - began < 2: pass
if mood == 6: return np.full(len(frame), resource.getrlimit(resource.RLIMIT_CPU)[0] - time.process_time())
return np.full(len(frame), float(self.calls))
"""
    return save_code(tmp_path_factory.mktemp("warm") / "moody", source)


def calls(model, mood=0.0, **more):
    return model.predict(ASKED.assign(a=mood), task="regression", **more).values[0]


def process_of(model):
    return model._child._process.pid if model._child else None


def test_the_model_is_loaded_once_and_later_frames_reach_it(logistic):
    with Session(logistic) as model:
        first = model.predict(ASKED, task="binary")
        process = process_of(model)
        for size in (1, 40, 7):
            again = model.predict(ASKED.head(size), task="binary")
            np.testing.assert_array_equal(again.probabilities, first.probabilities[:size])
        assert process_of(model) == process
    assert process_of(model) is None
    assert not Path(f"/proc/{process}").exists()


def test_a_question_that_the_model_refuses_does_not_cost_its_process(logistic):
    with Session(logistic) as model:
        model.predict(ASKED, task="binary")
        process = process_of(model)
        with pytest.raises(ModelObjected, match="lacks columns"):
            model.predict(ASKED.iloc[:, :1], task="binary")
        assert process_of(model) == process
        assert len(model.predict(ASKED, task="binary")) == len(ASKED)


def test_a_large_frame_goes_in_parts_and_comes_back_whole(logistic, monkeypatch):
    with Session(logistic) as model:
        whole = model.predict(ASKED, task="binary")
        monkeypatch.setattr(module, "CELLS", 3 * 7)  # seven rows of three columns
        parts = model.predict(ASKED, task="binary")
        np.testing.assert_allclose(parts.probabilities, whole.probabilities, rtol=1e-12)  # BLAS adds in other orders
        np.testing.assert_array_equal(parts.labels, whole.labels)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mood", "reason"),
    [(1, "did not finish within 2 s"), (2, "ended with 3 before it gave a result"), (3, "1 rows of .*expected 40")],
)
def test_after_a_failure_another_process_takes_its_place(moody, mood, reason):
    with Session(moody) as model:
        assert [calls(model), calls(model)] == [1, 2]
        process = process_of(model)
        with pytest.raises(ModelFailed, match=reason):
            calls(model, mood, timeout_s=2 if mood == 1 else 60)
        assert process_of(model) is None
        assert not Path(f"/proc/{process}").exists()
        assert calls(model) == 1  # nothing of the first is left in it
        assert process_of(model) != process


@pytest.mark.slow
def test_each_call_has_its_own_limit_of_processor_time(moody):
    with Session(moody) as model:
        first = calls(model, 6, timeout_s=60)
        assert 50 < first <= 62  # a slow machine spends some of it on answering
        calls(model, 5, timeout_s=60)  # two seconds, which are not taken from the next call's
        assert first - 1 < calls(model, 6, timeout_s=60) <= 62
        assert 10 < calls(model, 6, timeout_s=20) <= 22


@pytest.mark.slow
def test_the_worker_keeps_the_process_of_one_version_and_no_other(logistic, moody, tmp_path):
    warm = Warm()
    with warm.session(logistic) as model:
        model.predict(ASKED, task="binary")
        cold = process_of(model)
    assert not Path(f"/proc/{cold}").exists()  # not switched on: as a command or the web process has it
    warm.switch_on()
    copy = shutil.copytree(logistic, tmp_path / "copy")
    with warm.session(copy) as model:
        model.predict(ASKED, task="binary")
        kept = process_of(model)
    shutil.rmtree(copy)  # the next job has its own copy of the same bytes
    with warm.session(logistic) as model:
        assert process_of(model) == kept
        with pytest.raises(ModelFailed):
            model.predict(ASKED.drop(columns="a"), task="binary")
        model.predict(ASKED, task="binary")  # also the replacement finds the files
        kept = process_of(model)
        with warm.session(logistic) as meanwhile:  # used already: a process of its own, which is not kept
            meanwhile.predict(ASKED, task="binary")
            assert process_of(meanwhile) != kept
    with warm.session(moody) as other:
        assert not Path(f"/proc/{kept}").exists()
        assert calls(other) == 1
        kept = process_of(other)
    warm.close()
    assert not Path(f"/proc/{kept}").exists()


def test_a_process_that_nobody_asks_ends(logistic):
    warm = Warm(idle_s=0.3)
    warm.switch_on()
    with warm.session(logistic) as model:
        model.predict(ASKED, task="binary")
        kept = process_of(model)
    assert Path(f"/proc/{kept}").exists()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{kept}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{kept}").exists()


def test_a_process_that_died_between_two_calls_is_replaced(logistic):
    with Session(logistic) as model:
        first = model.predict(ASKED, task="binary")
        os.killpg(process_of(model), 9)
        model._child._process.wait()
        again = model.predict(ASKED, task="binary")
        np.testing.assert_array_equal(again.probabilities, first.probabilities)


def test_a_process_lives_as_long_as_the_thread_that_started_it_and_is_then_replaced(logistic):
    """The kernel ends it with its parent's thread; the next call must not be lost for that."""
    with Session(logistic) as model:
        thread = threading.Thread(target=lambda: model.predict(ASKED, task="binary"))
        thread.start()
        thread.join()
        time.sleep(0.3)
        assert len(model.predict(ASKED, task="binary")) == 40


@pytest.mark.parametrize("times", ["0.0", "-1.0", "float('nan')", "1000.0"])
def test_times_that_can_not_be_are_refused(logistic, monkeypatch, times, tmp_path):
    from reports.isolation import process

    script = tmp_path / "script.py"
    script.write_text(
        f"{process.IMPORT}\nimport json, os\nimport pyarrow as pa\njob = json.loads(sys.stdin.readline())\n"
        f"table = pa.table({{'seconds': pa.array([{times}] * 5)}})\n"
        "with os.fdopen(os.dup(job['outputs'][0]), 'wb') as file, pa.ipc.new_stream(file, table.schema) as writer:\n"
        "    writer.write_table(table)\n"
        "print(json.dumps({'result': {}}), flush=True)\nsys.stdin.readline()\n"
    )
    monkeypatch.setattr(
        module, "Child", lambda *a, **more: process.Child(*a, **more | {"script": script, "environment": None})
    )
    with Session(logistic) as model, pytest.raises(ModelFailed, match=r"times that can't be|not finite"):
        model.time(ASKED, rows_per_call=1, calls=5)


def test_a_worker_process_keeps_a_child_from_its_start_to_its_end():
    assert not warm_of_this_process._on
    try:
        worker_process_init.send(sender=None)
        assert warm_of_this_process._on
    finally:
        worker_process_shutdown.send(sender=None, pid=0, exitcode=0)
    assert not warm_of_this_process._on
