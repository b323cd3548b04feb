"""A model is untrusted code: what the isolated process can't reach, and how its failures are told."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from examples.credit import dataset
from reports.isolation import process, runner
from reports.isolation.errors import ModelFailed

as_root = pytest.mark.skipif(os.getuid() != 0, reason="the own uid needs root")
FRAME = pd.DataFrame({"x": [1.0, 2.0, 3.0]})


@pytest.fixture
def probe(tmp_path):
    """Run a few lines in the isolated process instead of a model; what they put into ``found`` comes back."""

    def run(code, *, outputs=0, timeout_s=20.0, memory_mb=process.MEMORY_MB, progress=None):
        script = tmp_path / "probe.py"
        head = "import json, os, sys\njob = json.loads(sys.argv[1])\nfound = {}\n"
        tail = "\nprint(json.dumps({'result': found}), flush=True)\n"
        script.write_text(head + textwrap.dedent(code) + tail)
        script.chmod(0o644)
        tmp_path.chmod(0o755)
        model = tmp_path / "model"
        model.mkdir(exist_ok=True)
        (model / "weights").write_text("1")
        return process.run(
            {"action": "probe"},
            model_dir=model,
            frames=[FRAME],
            outputs=outputs,
            rows=3,
            timeout_s=timeout_s,
            memory_mb=memory_mb,
            progress=progress,
            script=script,
        )

    return run


# --- what it can't reach -------------------------------------------------------------------------------------------


@as_root
def test_every_step_of_isolation_is_reached_here_and_named(probe):
    assert probe("").isolation == "netns+pidns+filesystem+uid+rlimits+seccomp"


def test_it_cannot_open_a_socket(probe):
    found = probe(
        """
        import errno, socket
        for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK):
            try:
                socket.socket(family, socket.SOCK_STREAM)
            except OSError as error:
                found[family.name] = errno.errorcode[error.errno]
        try:
            socket.socketpair()
        except OSError as error:
            found["pair"] = errno.errorcode[error.errno]
        """
    ).result
    assert found == dict.fromkeys(["AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK", "pair"], "EPERM")


def test_it_inherits_no_environment(probe, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    found = probe("found.update(os.environ)").result
    assert "DATABASE_URL" not in found
    assert set(found) <= {*process.ENVIRONMENT, "LC_CTYPE"}


@as_root
def test_it_is_nobody_without_privileges_and_cannot_get_them_back(probe):
    found = probe(
        """
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        found["ids"] = [*os.getresuid(), *os.getresgid(), *os.getgroups()]
        found["no_new_privs"] = libc.prctl(39, 0, 0, 0, 0)
        found["seccomp"] = libc.prctl(21, 0, 0, 0, 0)
        for name, call in {"setuid": lambda: os.setuid(0), "chroot": lambda: os.chroot("/tmp")}.items():
            try:
                call()
            except PermissionError:
                found[name] = "refused"
        for name, flags in {"unshare": 0x10000000, "newnet": 0x40000000}.items():
            found[name] = libc.unshare(flags)
        found["mount"] = libc.mount(b"none", b"/tmp", b"tmpfs", 0, None)
        found["ptrace"] = libc.ptrace(0, 0, 0, 0)
        """
    ).result
    assert found["ids"] == [process.UID] * 6
    assert found["no_new_privs"] == 1
    assert found["seccomp"] == 2
    assert (found["setuid"], found["chroot"]) == ("refused", "refused")
    assert {found["unshare"], found["newnet"], found["mount"], found["ptrace"]} == {-1}


@as_root
def test_it_sees_no_file_but_the_libraries_and_the_model(probe, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("key")
    secret.chmod(0o644)  # readable by all: what hides it is the missing file system, not its mode
    found = probe(
        f"""
        found["root"] = sorted(os.listdir("/"))
        found["etc"] = os.listdir("/etc")
        found["exists"] = [p for p in ({str(secret)!r}, "/etc/shadow", "/etc/passwd", "/proc/self", "/var", "/dev/shm")
                           if os.path.exists(p)]
        found["model"] = os.listdir(job["model"])
        found["written"] = []
        for place in ("/", job["model"], "/usr", os.path.dirname(os.__file__), "/etc"):
            try:
                open(os.path.join(place, "mine"), "w")
                found["written"].append(place)
            except OSError:
                pass
        """
    ).result
    assert found["exists"] == []
    assert found["etc"] == ["ld.so.cache"]
    assert found["model"] == ["weights"]
    assert found["written"] == []
    assert {"proc", "sys", "home", "var"}.isdisjoint(found["root"])


@as_root
def test_without_its_own_file_system_the_uid_still_keeps_it_from_what_only_root_may_read():
    said = launch("open('/etc/shadow')", user=0, binds=[], root="/does/not/exist")
    level, error = said.stdout.splitlines()[0], said.stderr
    assert json.loads(level)["level"] == "netns+pidns+uid+rlimits+seccomp"
    assert "no filesystem" in json.loads(level)["reasons"][0]
    assert "PermissionError" in error


@as_root
def test_an_ordinary_user_reaches_the_same_by_a_user_namespace():
    script = """
import json, os, socket
found = {"uid": os.getuid(), "passwd": os.path.exists("/etc/passwd")}
for name, call in {"socket": socket.socket, "write": lambda: open(OWN + "/mine", "w")}.items():
    try: call()
    except OSError as error: found[name] = error.strerror
print(json.dumps(found))
"""
    with tempfile.TemporaryDirectory(dir="/tmp") as own:
        os.chown(own, 65534, 65534)  # even what belongs to the user is read-only
        binds = [path for path in ("/usr", "/lib", "/lib64", "/etc/ld.so.cache") if Path(path).exists()]
        said = launch(script.replace("OWN", repr(own)), user=65534, binds=[*binds, own])
    level, probed = said.stdout.splitlines()
    assert json.loads(level) == {"level": "userns+netns+pidns+filesystem+rlimits+seccomp", "reasons": []}
    assert json.loads(probed) == {
        "uid": 65534, "passwd": False, "socket": "Operation not permitted", "write": "Read-only file system",
    }  # fmt: skip


@as_root
def test_where_the_interpreter_is_closed_to_others_the_uid_stays_and_the_reason_is_told():
    closed = Path(tempfile.mkdtemp())  # 0700, as root's home
    (closed / "lib").mkdir()
    said = launch("print('ran')", user=0, binds=[str(closed / "lib")], root="/does/not/exist")
    shutil.rmtree(closed)
    level = json.loads(said.stdout.splitlines()[0])
    assert level["level"] == "netns+pidns+rlimits+seccomp"
    assert level["reasons"][1] == f"no uid: {closed} is closed to other users"


def launch(script, *, user, binds, root=None, cpu_s=10):
    """Run the launcher, and in it a script, by the system's Python, which every user may run."""
    python = "/usr/bin/python3"
    if not Path(python).exists():
        pytest.skip("needs the system's Python, which every user can run")
    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # pytest's own is closed to other users
        os.chown(name, user, user)
        own = Path(name) / "root"
        own.mkdir()
        os.chown(own, user, user)
        launcher = Path(name) / "launcher.py"
        shutil.copy(process.HERE / "launcher.py", launcher)
        launcher.chmod(0o644)
        config = {
            "command": [python, "-I", "-c", script],
            "environment": {},
            "binds": binds,
            "root": root or str(own),
            "uid": process.UID if user == 0 else None,
            "memory_mb": 2048,
            "cpu_s": cpu_s,
            "file_mb": 1,
        }
        return subprocess.run(
            [python, "-I", str(launcher), json.dumps(config)],
            capture_output=True, text=True, env={}, cwd="/", user=user, group=user, extra_groups=[], timeout=30,
        )  # fmt: skip


# --- how failures are told -----------------------------------------------------------------------------------------


def test_a_model_that_takes_too_long_is_ended_and_leaves_no_process(probe):
    started = time.monotonic()
    with pytest.raises(ModelFailed, match=r"did not finish within 1.5 s and was ended. Allow more time"):
        probe("import time; time.sleep(60)", timeout_s=1.5)
    assert time.monotonic() - started < 20
    assert running("probe.py") == []


def test_when_the_worker_is_killed_the_model_dies_with_it(tmp_path):
    script = tmp_path / "orphan.py"
    script.write_text('import time\nprint(\'{"progress": {"done": 0, "total": 1}}\', flush=True)\ntime.sleep(60)')
    tmp_path.chmod(0o755)
    (tmp_path / "model").mkdir()
    worker = f"""
import pathlib
from reports.isolation import process
where = pathlib.Path({str(tmp_path)!r})
process.run({{}}, model_dir=where / "model", frames=[], outputs=0, rows=0, timeout_s=60, script=where / "orphan.py",
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
        runner.predict(boosted_dir, many, positive_label="bad", memory_mb=1536)


def test_used_up_processor_time_is_told(tmp_path, boosted_dir):
    child = str(process.HERE / "child.py")
    script = f"""
import json, runpy, sys
child = runpy.run_path({child!r})
def spin(job, stream):
    while True: pass
child["main"].__globals__["predict"] = spin
sys.argv[1:] = [json.dumps({{"action": "predict"}})]
child["main"]()
"""
    said = launch(script, user=os.getuid(), binds=[], root="/does/not/exist", cpu_s=1)
    assert json.loads(said.stdout.splitlines()[1]) == {"error": "The model used up its 1 s of processor time."}


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
def write(*columns):
    table = pa.table(dict(columns))
    with os.fdopen(job["outputs"][0], "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
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
    found = runner.predict(boosted_dir, evaluation, positive_label="bad")
    expected = boosted.predict_proba(evaluation[dataset.FEATURES])
    np.testing.assert_array_equal(found.score, expected[:, list(boosted.classes_).index("bad")])
    assert found.classes == ("bad", "good")
    assert {"scikit-learn", "numpy"} <= set(found.libraries)
    other = runner.predict(boosted_dir, pa.Table.from_pandas(evaluation), positive_label="good")
    np.testing.assert_allclose(other.score, 1 - found.score)


@pytest.mark.slow
def test_an_unknown_class_and_missing_columns_are_told(boosted_dir, credit_rows):
    _, evaluation = credit_rows
    with pytest.raises(ModelFailed, match=r"classes are \['bad', 'good'\]; 'default', the positive label"):
        runner.predict(boosted_dir, evaluation, positive_label="default")
    with pytest.raises(ModelFailed, match=r"lacks columns that the model was trained on: \['savings'\]"):
        runner.predict(boosted_dir, evaluation.drop(columns="savings"), positive_label="bad")
    with pytest.raises(ValueError, match="no row"):
        runner.predict(boosted_dir, evaluation.head(0), positive_label="bad")


@pytest.mark.slow
def test_explanations_add_up_and_the_rows_and_columns_are_ours(boosted_dir, boosted, credit_rows):
    training, evaluation = credit_rows
    rows = evaluation.head(6)
    seen = []
    found = runner.explain(
        boosted_dir, rows, [training.head(8), training.tail(9)], positive_label="bad", max_evals=35, seed=0,
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert set(found.features) == set(dataset.FEATURES)
    expected = boosted.predict_proba(rows[dataset.FEATURES])[:, 0]
    np.testing.assert_array_equal(found.score, expected)
    for run, background in zip(found.runs, (training.head(8), training.tail(9)), strict=True):
        assert run.base_value == pytest.approx(boosted.predict_proba(background[dataset.FEATURES])[:, 0].mean())
        np.testing.assert_allclose(run.base_value + run.values.sum(axis=1), expected, atol=1e-12)
    assert seen == [(6, 12), (12, 12)]
