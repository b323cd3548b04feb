"""A model is untrusted code: how its failures are told, and that only checked numbers come back."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from examples.credit import dataset
from reports.isolation import explainer, process, runner
from reports.isolation.errors import ModelFailed
from reports.isolation.explainer import Limits
from tests.reports.explaining import LIMITS
from tests.reports.isolating import launch, probe

__all__ = ["probe"]


# --- how failures are told -----------------------------------------------------------------------------------------


def test_a_model_that_takes_too_long_is_ended_and_leaves_no_process(probe, tmp_path):
    started = time.monotonic()
    with pytest.raises(ModelFailed, match=r"did not finish within 1.5 s and was ended. Allow more time"):
        probe("import time; time.sleep(60)", timeout_s=1.5)
    assert time.monotonic() - started < 20
    assert running(f"{tmp_path}/probe.py") == []


def test_when_the_worker_is_killed_the_model_dies_with_it(tmp_path):
    script = tmp_path / "orphan.py"
    script.write_text('import time\nprint(\'{"progress": {"done": 0, "total": 1}}\', flush=True)\ntime.sleep(60)')
    tmp_path.chmod(0o755)
    (tmp_path / "model").mkdir()
    worker = f"""
import pathlib
from reports.isolation import process
where = pathlib.Path({str(tmp_path)!r})
process.run({{}}, script=where / "orphan.py", model_dir=where / "model", frames=[], outputs=0, rows=0, timeout_s=60,
            progress=lambda done, total: print("started", flush=True))
"""
    root = process.HERE.parents[1]
    own = os.environ | {"TMPDIR": str(tmp_path)}  # what a killed worker can't clear away
    command = [sys.executable, "-c", worker]
    with subprocess.Popen(command, cwd=root, env=own, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout.readline() == "started\n"
        assert running("orphan.py")
        started.kill()
    deadline = time.monotonic() + 5
    while running("orphan.py") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert running("orphan.py") == []


def running(name):
    """The processes of this machine with ``name`` in their command line, as text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes().decode(errors="replace"))
    return [command for command in found if name in command]


def test_too_much_memory_is_an_error_and_not_a_crash_of_the_worker(probe):
    with pytest.raises(ModelFailed, match="MemoryError"):
        probe("big = bytearray(2000 << 20)", memory_mb=1600)
    assert probe("big = bytearray(200 << 20)", memory_mb=1600).result == {}


@pytest.mark.slow
def test_a_model_that_runs_out_of_memory_says_how_much_it_may_use(boosted_dir, credit_rows):
    _, evaluation = credit_rows
    many = pd.concat([evaluation] * 3000, ignore_index=True)  # 900,000 rows
    with pytest.raises(ModelFailed, match=r"more than the 1536 MB|Memory|memory|allocate"):
        runner.predict(boosted_dir, many, task="binary", positive_label="bad", memory_mb=1536)


def test_used_up_processor_time_is_told(tmp_path, boosted_dir):
    script = f"""{process.IMPORT}
import json, os
from inside import main
reading, writing = os.pipe()
def spin(model, job, stream):
    while True: pass
main.ACTIONS["predict"] = spin
main.Model = dict
job = json.dumps({{"action": "predict", "cpu_s": 1}})
os.write(writing, job.encode() + b"\\n")
os.dup2(reading, 0)
sys.argv[1:] = ["[]"]
main.main()
"""
    said = launch(script, user=os.getuid(), binds=[], root="/does/not/exist", cpu_s=5)
    assert json.loads(said.stdout.splitlines()[1]) == {
        "error": "The model used up its 1 s of processor time.",
        "ended": True,
    }


def test_a_crash_is_told_with_its_last_words(probe):
    with pytest.raises(ModelFailed, match=r"ended with 3 before it gave a result. Its last words: goodbye"):
        probe("print('goodbye', file=sys.stderr); sys.exit(3)")
    with pytest.raises(ModelFailed, match=r"ended by SIG(SEGV|BUS)"):
        probe("import ctypes; ctypes.string_at(1)")


@pytest.mark.parametrize(
    "line",
    ["hello", "[1]", '{"result": 3}', '{"progress": {"done": 2, "total": 1}, "result": 1}', "[" * 5000, '{"level": 1}'],
)
def test_a_line_outside_the_protocol_ends_the_job(probe, line):
    with pytest.raises(ModelFailed, match=r"protocol|finish"):
        probe(f"print({line!r}, flush=True); sys.exit()")


def test_a_flood_of_output_is_cut_off(probe):
    with pytest.raises(ModelFailed, match="wrote more than it was asked for"):
        probe("while True: sys.stdout.write('x' * 10000)")


def test_control_characters_of_an_error_do_not_reach_the_reader(probe):
    with pytest.raises(ModelFailed) as caught:
        probe("print(json.dumps({'error': 'a\\x1b[2Jb\\n' + 'c' * 10000}), flush=True); sys.exit()")
    assert str(caught.value).startswith("a [2Jb ccc")
    assert len(str(caught.value)) <= process.ERROR_TAIL


WRITE = """
import pyarrow as pa
def write(*columns, compression=None):
    table = pa.table([values for _, values in columns], names=[name for name, _ in columns])
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with os.fdopen(job["outputs"][0], "wb") as file, pa.ipc.new_stream(file, table.schema, options=options) as writer:
        writer.write_table(table)
"""


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("write(('score', pa.array([0.1, float('nan'), 0.2])))", "not finite"),
        ("write(('score', pa.array([0.1, None, 0.2])))", "missing or not finite"),
        ("write(('score', pa.array([0.1, 0.2])))", "2 rows"),
        ("write(('score', pa.array(['a', 'b', 'c'])))", "expected 3 of numbers"),
        ("os.write(job['outputs'][0], b'ARROW1' + bytes(range(200)))", "readable Arrow table"),
        ("os.write(job['outputs'][0], bytes(range(8, 208)))", "readable Arrow table"),
        ("write(('score', pa.array([0.1, 0.2, 0.3])), compression='zstd')", "readable Arrow table"),
        ("write(('score', pa.array([0.1, 0.2, 0.3]).dictionary_encode()))", "readable Arrow table"),
        ("write(('a', pa.array([1, 2, 3])), ('a', pa.array([1, 2, 3])))", "named a column twice"),
        ("", "readable Arrow table"),
    ],
)
def test_only_numbers_of_the_right_shape_come_back(probe, code, message):
    with pytest.raises(ModelFailed, match=message):
        probe(WRITE + code, outputs=1)


def test_good_numbers_and_progress_come_back(probe):
    seen = []
    answer = probe(
        WRITE + "print(json.dumps({'progress': {'done': 1, 'total': 2}}), flush=True)\n"
        "write(('score', pa.array([0.1, 0.2, 0.3])))\n"
        "found['frame'] = pa.ipc.open_file(os.fdopen(job['inputs'][0], 'rb')).read_all().to_pydict()",
        outputs=1,
        progress=lambda done, total: seen.append((done, total)),
    )
    np.testing.assert_array_equal(answer.tables[0]["score"], [0.1, 0.2, 0.3])
    assert answer.result["frame"] == {"x": [1.0, 2.0, 3.0]}
    assert seen == [(1, 2)]


# --- real models ---------------------------------------------------------------------------------------------------


def test_scores_are_those_of_the_same_model_in_this_process(boosted_dir, boosted, credit_rows):
    _, evaluation = credit_rows
    found = runner.predict(boosted_dir, evaluation, task="binary", positive_label="bad")
    expected = boosted.predict_proba(evaluation[dataset.FEATURES])
    np.testing.assert_array_equal(found.score("bad"), expected[:, list(boosted.classes_).index("bad")])
    np.testing.assert_array_equal(found.labels, (boosted.predict(evaluation[dataset.FEATURES]) == "good").astype(int))
    assert found.classes == ("bad", "good")
    assert {"scikit-learn", "numpy"} <= set(found.libraries)
    other = runner.predict(boosted_dir, pa.Table.from_pandas(evaluation), task="binary", positive_label="good")
    np.testing.assert_array_equal(other.score("bad"), found.score("bad"))


@pytest.mark.slow
def test_an_unknown_class_and_missing_columns_are_told(boosted_dir, credit_rows):
    _, evaluation = credit_rows
    with pytest.raises(ModelFailed, match=r"classes are \['bad', 'good'\]; 'default', the positive label"):
        runner.predict(boosted_dir, evaluation, task="binary", positive_label="default")
    with pytest.raises(ModelFailed, match=r"lacks columns that the model was trained on: \['savings'\]"):
        runner.predict(boosted_dir, evaluation.drop(columns="savings"), task="binary", positive_label="bad")
    with pytest.raises(ValueError, match="no row"):
        runner.predict(boosted_dir, evaluation.head(0), task="binary", positive_label="bad")


@pytest.mark.slow
def test_explanations_add_up_and_the_rows_and_columns_are_ours(boosted_dir, boosted, credit_rows):
    training, evaluation = credit_rows
    rows = evaluation.head(6)
    seen = []
    found = explainer.explain(
        boosted_dir, rows, [training.head(8), training.tail(9)], positive_label="bad", limits=Limits(**LIMITS), seed=0,
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert set(found.features) == set(dataset.FEATURES)
    expected = boosted.predict_proba(rows[dataset.FEATURES])[:, 0]
    np.testing.assert_array_equal(found.said[:, 0], expected)
    np.testing.assert_allclose(1 / (1 + np.exp(-found.score[:, 0])), expected, atol=1e-12)
    for values, base, background in zip(
        (found.values, *found.repeats), found.base_values, (training.head(8), training.tail(9)), strict=True
    ):
        margin = -boosted.decision_function(background[dataset.FEATURES])
        assert base[0] == pytest.approx(margin.mean())
        np.testing.assert_allclose(base + values.sum(axis=1), found.score, atol=1e-6)
    assert (found.family, found.summed) == ("tree", True)
    assert seen[-1][0] == seen[-1][1]
