"""A model is untrusted code: what the isolated process can't reach, and where it is not started at all."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
from pathlib import Path

import pytest

from reports.isolation import process, visible
from reports.isolation.errors import ModelFailed
from reports.isolation.launcher import lacking
from tests.reports.isolating import as_root, launch, probe

__all__ = ["probe"]


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
    assert found["ids"] == [found["ids"][0]] * 6
    assert found["ids"][0] in process.UIDS
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
def test_where_the_interpreter_is_closed_to_others_root_runs_nothing_and_the_reason_is_told():
    closed = Path(tempfile.mkdtemp())  # 0700, as root's home
    (closed / "lib").mkdir()
    said = launch("print('ran')", user=0, binds=[str(closed / "lib")], root="/does/not/exist")
    shutil.rmtree(closed)
    level = json.loads(said.stdout)  # this line and nothing of the model's
    assert level["level"] == "netns+pidns+rlimits+seccomp"
    assert level["reasons"][1] == f"no uid: {closed} is closed to other users"
    assert level["refused"].startswith("the model would run as root")


@as_root
def test_where_user_namespaces_are_forbidden_an_ordinary_user_runs_nothing():
    """The network is gone (seccomp), but the files of the worker, its keys among them, would be readable."""
    said = launch("print('ran')", user=65534, binds=[], root="/does/not/exist")
    level = json.loads(said.stdout)
    assert "filesystem" not in level["level"]
    assert level["refused"].startswith("the model would see this user's files")


@as_root
def test_code_of_an_author_is_not_started_where_one_step_is_missing():
    said = launch("print('ran')", user=0, binds=[], root="/does/not/exist", required="full")
    level = json.loads(said.stdout)  # this line and nothing of the model's
    assert level["level"] == "netns+pidns+uid+rlimits+seccomp"
    assert "run in full isolation only, and ['filesystem'] was not reached" in level["refused"]


def test_it_makes_threads_and_no_processes(probe):
    found = probe(
        """
        import subprocess, threading
        def attempt(name, call):
            try:
                found[name] = call()
            except OSError as error:
                found[name] = error.strerror
        attempt("fork", os.fork)
        attempt("spawn", lambda: os.posix_spawn("/bin/true", ["true"], {}))
        attempt("run", lambda: subprocess.run(["/bin/true"]).returncode)
        thread = threading.Thread(target=lambda: found.update(thread="ran"))
        thread.start()
        thread.join()
        """
    ).result
    refused = "Operation not permitted"
    assert found == {"fork": refused, "spawn": refused, "run": refused, "thread": "ran"}


@pytest.mark.parametrize(
    ("level", "root", "lacks"),
    [
        ("pidns+filesystem+uid+rlimits", True, "no step takes the network away"),
        ("netns+pidns+filesystem+rlimits+seccomp", True, "would run as root"),
        ("netns+pidns+rlimits+seccomp", False, "would see this user's files"),
        ("rlimits+seccomp", False, "would see this user's files"),
        ("rlimits", False, "no step takes the network away"),
        ("userns+netns+pidns+filesystem+rlimits+seccomp", False, ""),
        ("uid+rlimits+seccomp", True, ""),
    ],
)
def test_what_a_host_lacks_is_told_in_a_sentence(level, root, lacks):
    found = lacking(level.split("+"), root=root)
    assert lacks in found if lacks else found == ""


def test_evidence_is_not_taken_from_a_model_that_was_not_kept_apart(probe, monkeypatch):
    monkeypatch.setattr(process, "lacking", lambda level, root, required: "no step takes the network away")
    with pytest.raises(ModelFailed, match="This host can't keep a model apart, so it was not run: no step takes"):
        probe("")


SECRETS = """
import socket
def attempt(name, call):
    try:
        found[name] = f"reached: {got}" if (got := call()) else "kept from it"
    except OSError as error:
        found[name] = "kept from it"
for name, path in PATHS.items():
    attempt(name, lambda: open(path, "rb").read(20))
attempt("loopback", lambda: socket.create_connection(("127.0.0.1", PORT), 2))
def unix():
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect("SOCKET")
        return "connected"
attempt("unix socket", unix)
attempt("parent", lambda: open(f"/proc/{os.getppid()}/environ", "rb").read())
attempt("worker", lambda: open(f"/proc/WORKER/environ", "rb").read())
attempt("self", lambda: open("/proc/self/environ", "rb").read())
"""


@pytest.fixture
def secrets(tmp_path, monkeypatch):
    """A permit key, a storage folder and a password file, all readable by everybody, and a server on the loopback."""
    tmp_path.chmod(0o755)
    paths = {}
    for name in ("PLACET_PERMIT_KEY_FILE", "PLACET_STORAGE_URL", "HOME"):
        folder = tmp_path / name.lower()
        folder.mkdir()
        (folder / "secret").write_text("a secret")
        (folder / "secret").chmod(0o644)
        paths[name] = str(folder / "secret")
        monkeypatch.setenv(name, str(folder / "secret") if name.endswith("FILE") else str(folder))
    monkeypatch.setenv("DATABASE_URL", "postgresql://placet_app:password@127.0.0.1/placet")
    paths["the server's own files"] = str(visible.ROOT / "governance" / "config" / "settings.py")
    variable = visible.ROOT / "var"
    variable.mkdir(exist_ok=True)
    with (
        tempfile.NamedTemporaryFile(dir=variable, prefix="key-") as key,  # 0600, as everything there is
        tempfile.TemporaryDirectory(dir="/tmp") as folder,
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as database,
    ):
        key.write(b"a key")
        key.flush()
        paths["var"] = key.name
        Path(folder).chmod(0o755)
        database.bind(f"{folder}/.s.PGSQL.5432")
        Path(f"{folder}/.s.PGSQL.5432").chmod(0o777)  # as PostgreSQL makes its own
        database.listen()
        yield (
            SECRETS.replace("PATHS", repr(paths))
            .replace("SOCKET", f"{folder}/.s.PGSQL.5432")
            .replace("PORT", str(server.getsockname()[1]))
            .replace("WORKER", str(os.getpid()))
        )


KEPT = dict.fromkeys(
    [
        *("PLACET_PERMIT_KEY_FILE", "PLACET_STORAGE_URL", "HOME", "var", "the server's own files"),
        *("loopback", "unix socket", "parent", "worker", "self"),
    ],
    "kept from it",
)


def test_a_model_reads_no_key_no_password_no_environment_and_reaches_no_port(probe, secrets):
    assert probe(secrets).result == KEPT


def test_what_our_settings_name_stays_hidden_where_the_interpreter_lies_above_it(probe, secrets, tmp_path, monkeypatch):
    """As with Python installed in a home folder that holds var/ as well."""
    shown = visible.visible
    monkeypatch.setattr(
        visible, "visible", lambda *own, environment: [*shown(*own[1:], environment=environment), str(tmp_path)]
    )
    assert probe(secrets).result == KEPT


@as_root
def test_an_ordinary_user_keeps_a_model_from_the_same(secrets):
    code = "import json, os\nfound = {}\n" + secrets + "\nprint(json.dumps(found))"
    binds = [path for path in ("/usr", "/lib", "/lib64", "/etc/ld.so.cache") if Path(path).exists()]
    said = launch(code, user=65534, binds=binds)
    level, found = said.stdout.splitlines()
    assert "refused" not in json.loads(level)
    assert json.loads(found) == KEPT


@as_root
def test_a_user_of_its_own_keeps_a_model_from_the_same_without_a_private_file_system(secrets, tmp_path):
    for name in ("placet_permit_key_file", "placet_storage_url", "home"):
        (tmp_path / name / "secret").chmod(0o600)  # as everything of var/ is
    code = "import json, os\nfound = {}\n" + secrets + "\nprint(json.dumps(found))"
    said = launch(code, user=0, binds=[], root="/does/not/exist")
    level, found = said.stdout.splitlines()
    assert json.loads(level)["level"] == "netns+pidns+uid+rlimits+seccomp"
    open_to_all = {"self", "the server's own files"}  # its own environment, which is empty, and the program's text
    assert {k: v for k, v in json.loads(found).items() if k not in open_to_all} == {
        k: v for k, v in KEPT.items() if k not in open_to_all
    }
