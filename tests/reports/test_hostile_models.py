"""Models that mean harm, as real files through the whole path: each ends with its reason, and nothing is harmed."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
import time
from pathlib import Path

import pytest

from governance.evidence.models import Evidence, EvidenceJob
from governance.evidence.tasks import run_job
from reports.isolation import runner
from reports.isolation.errors import ModelFailed
from tests.proving import some
from tests.reports.flavors import rows, save_code
from tests.reports.jobs import a_job

pytestmark = pytest.mark.slow
ASKED = rows(30)

# What it does when it is asked: the reason that is told.
HOSTILE = {
    "socket": (
        "import socket; socket.create_connection(('127.0.0.1', PORT), 2)",
        r"Operation not permitted|Name or service not known|resolution",
    ),
    "environment": (
        "import os\nif 'DATABASE_URL' not in os.environ: raise NameError(f'only {sorted(os.environ)} here')",
        r"NameError: only \[(?!.*(DATABASE|REDIS|PLACET|SECRET|TOKEN|PASSWORD))[^\]]*\] here",
    ),
    "writes outside": ("open('OUTSIDE/mine', 'w')", r"No such file or directory"),
    "writes over itself": (
        "import os; open(os.path.dirname(__file__) + '/MLmodel', 'w')",
        r"Read-only file system|No such file|Permission denied",
    ),
    "forks without end": ("import os\nwhile True: os.fork()", r"Operation not permitted"),
    "threads without end": (
        "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()",
        r"can't start new thread",
    ),
    "sleeps for ever": ("import time; time.sleep(10 ** 6)", r"did not finish within 15 s and was ended"),
    "computes for ever": ("while True: pass", r"did not finish within 15 s|used up its 16 s of processor time"),
    "allocates 50 GB": (
        "return np.ones(50 << 27) * frame['a'].iloc[0]",
        r"needs more than the 3072 MB that it may use",
    ),
    "prints 1 GB": ("for _ in range(1024): print('x' * (1 << 20))", r"printed or wrote more than the 256 MB"),
    "writes into the protocol": (
        "import os\nfor n in range(3, 99):\n    try: os.write(n, b'{\"result\": 1}\\n' * 9)\n    except OSError: pass",
        r"broke the protocol|readable Arrow table|Error|expected 30",
    ),
    "NaN": ("return frame['a'] * float('nan')", r"missing or not finite"),
    "infinite": ("return frame['a'] / 0", r"missing or not finite"),
    "wrong shape": ("return frame[['a', 'b']]", r"shape \(30, 2\), where each row needs one number"),
    "another number of rows": ("return frame['a'].head(7)", r"gave 7 rows of .*, expected 30 of numbers"),
    "texts": ("return frame['a'].astype(str) + '<b>'", r"could not convert string to float"),
    "nothing": ("return None", r"Error|shape"),
    "ends the process": ("import os; os._exit(0)", r"ended with 0 before it gave a result"),
    "exits": ("raise SystemExit(0)", r"SystemExit"),
    "crashes": ("import ctypes; ctypes.string_at(1)", r"ended by SIG(SEGV|BUS)"),
}


@pytest.fixture
def apart(tmp_path, monkeypatch):
    """A folder for temporary files, a server on the loopback and a folder that a model must not reach."""
    (tmp_path / "temporary").mkdir()
    (tmp_path / "outside").mkdir(mode=0o777)
    tmp_path.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("DATABASE_URL", "postgresql://placet_app:secret@127.0.0.1/placet")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield tmp_path, server


@pytest.mark.parametrize("what", some(HOSTILE, 8))
def test_it_ends_with_its_reason_and_nothing_else_is_harmed(what, apart):
    tmp_path, server = apart
    source, reason = HOSTILE[what]
    source = source.replace("PORT", str(server.getsockname()[1])).replace("OUTSIDE", str(tmp_path / "outside"))
    model = save_code(tmp_path / "model", source)
    before = {path: path.read_bytes() for path in model.rglob("*") if path.is_file()}
    began = time.monotonic()
    with pytest.raises(ModelFailed, match=reason) as caught:
        runner.predict(model, ASKED, task="regression", timeout_s=15 if "for ever" in what else 120)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 700
    assert time.monotonic() - began < 150
    assert list((tmp_path / "temporary").iterdir()) == []  # no copy, no output, nothing it wrote
    assert list((tmp_path / "outside").iterdir()) == []
    assert {path: path.read_bytes() for path in model.rglob("*") if path.is_file()} == before
    with pytest.raises(BlockingIOError):
        server.accept()  # nobody called
    deadline = time.monotonic() + 10  # the kernel collects what is killed in its own time
    while (left := [name for name in commands() if str(tmp_path) in name]) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []


NAMES = {
    "markup": ("'<script>alert(1)</script>': 0.5", "names a class .*without markup"),
    "entity": ("'&lt;b&gt;': 0.5", "names a class .*without markup"),
    "unprintable": ("'a\\x1b[2J': 0.5", "names a class .*printable"),
    "long": ("'a' * 101: 0.5", "names a class .*1 to 100"),
    "empty": ("'': 0.5", "names a class .*1 to 100"),
    "not shares": ("'x': 0.9", "don't sum to 1"),
    "outside": ("'x': 1.5, 'z': -1.0", "outside 0 to 1"),
}


@pytest.mark.parametrize("what", some(NAMES, 3))
def test_names_and_shares_that_are_none_do_not_come_back(what, apart):
    column, reason = NAMES[what]
    model = save_code(apart[0] / "model", f"return pd.DataFrame({{'y': [0.5] * len(frame), {column}}})")
    with pytest.raises(ModelFailed, match=reason):
        runner.predict(model, ASKED, task="multiclass")


def commands():
    """The command lines of this machine's processes, but for this one."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if int(path.parent.name) != os.getpid():
                yield path.read_bytes().decode(errors="replace")


# --- through an evidence job ---------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import os\nwhile True: os.fork()", "Operation not permitted"),
        ("return [2.0] * len(frame)", "The model gave scores outside 0 to 1: they are not probabilities."),
    ],
)
def test_an_evidence_job_on_a_hostile_model_fails_once_with_the_reason(source, reason, apart):
    job = a_job(save_code(apart[0] / "model", source))
    run_job(str(job.pk))
    job.refresh_from_db()
    assert (job.state, job.attempts) == (EvidenceJob.State.FAILED, 1)
    assert reason in job.error
    assert not Evidence.objects.filter(type="performance/v1").exists()


@pytest.mark.django_db(transaction=True)
def test_an_evidence_job_on_a_model_of_other_versions_fails_with_each_of_them(apart, settings):
    settings.MODEL_INDEX = "off"
    settings.MODEL_ENVIRONMENTS = str(apart[0] / "environments")
    model = save_code(apart[0] / "model", "return frame['a']")
    (model / "requirements.txt").write_text("scikit-learn==1.2.2\npandas==1.5.3")
    job = a_job(model)
    run_job(str(job.pk))
    job.refresh_from_db()
    assert (job.state, job.attempts) == (EvidenceJob.State.FAILED, 1)
    assert job.error.startswith("environment_mismatch: pandas 1.5.3 (here ")
    assert "scikit-learn 1.2.2 (here " in job.error
