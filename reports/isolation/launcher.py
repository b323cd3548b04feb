"""Shut this process in, then start the command: ``python -I launcher.py '<json>'`` with an empty environment.

Standard library only. Takes away, in this order and as far as the kernel and the caller's rights allow: the network and
the process table (namespaces), the file system (a new root that holds the interpreter and the model, read-only), the
user id, resources (rlimits), privileges, and the system calls that could win any of it back (seccomp). Each step that
worked is named in the level, written as one JSON line to standard output before the command starts. Linux on x86-64 and
arm64; elsewhere the steps that do not exist there are left out of the level, and the reason stands beside it.

It fails closed: without a network that is gone, and files of its own or a user of its own (root always gets one), the
command is not started, and the line says in ``refused`` what the host lacks.

The JSON: {"command": [str], "environment": {str: str}, "binds": [path shown read-only], "hidden": [path covered where a
bind would show it], "root": empty directory, "uid": int (of a model that root runs), "memory_mb", "cpu_s" (soft: the
command may raise it to "cpu_hard_s"), "file_mb", "required": the level without which it is not started}.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Callable
from typing import Any

CLONE_THREAD = 1 << 16
CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 1 << 17, 1 << 27, 1 << 28, 1 << 29, 1 << 30
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 38, 22, 24
DEVICES = ("/dev/null", "/dev/urandom", "/dev/zero")
SCRATCH_MB = 64
MOST_THREADS = 1024  # of the model's user; it can't make processes
REFUSED = 77

# Per machine: the AUDIT_ARCH of seccomp, pivot_root, clone, clone3, and the numbers of the refused calls: socket,
# socketpair, connect, bind, listen, accept, accept4, sendto, sendmsg, ptrace, mount, umount2, pivot_root, chroot,
# unshare, setns, bpf, keyctl, add_key, request_key, process_vm_readv, process_vm_writev, io_uring_setup, kexec_load,
# perf_event_open, userfaultfd, open_by_handle_at, init_module, finit_module, pidfd_getfd, move_mount, open_tree,
# fsopen; fork, vfork.
X86_64 = (
    0xC000003E, 155, 56, 435,
    [41, 53, 42, 49, 50, 43, 288, 44, 46, 101, 165, 166, 155, 161, 272, 308, 321, 250, 248, 249, 310, 311, 425, 246,
     298, 323, 304, 175, 313, 438, 429, 428, 430, 57, 58],
)  # fmt: skip
AARCH64 = (
    0xC00000B7, 41, 220, 435,
    [198, 199, 203, 200, 201, 202, 242, 206, 211, 117, 40, 39, 41, 51, 97, 268, 280, 219, 217, 218, 270, 271, 425, 104,
     241, 282, 265, 105, 273, 438, 429, 428, 430],
)  # fmt: skip
MACHINES = {"x86_64": X86_64, "aarch64": AARCH64}

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    """Raise OSError, naming the step, when a libc call did not return 0."""
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def unshare(flags: int) -> None:
    """Leave the caller's namespaces of these kinds."""
    check(libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """Call mount(2)."""
    encoded = [None if text is None else text.encode() for text in (source, target, kind, data)]
    arguments = (*encoded[:3], ctypes.c_ulong(flags), encoded[3])
    check(libc.mount(*arguments), f"mount {target}")


def become_nobody_of_own_namespace() -> None:
    """Enter a user namespace of our own, in which an ordinary user may unshare the rest."""
    uid, gid = os.getuid(), os.getgid()
    unshare(CLONE_NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123  # os-level module, keeps imports small
            file.write(text)


def fork_into_process_namespace() -> None:
    """Continue as process 1 of a new process table; the outer process waits and passes the end on."""
    unshare(CLONE_NEWPID)
    child = os.fork()
    if child == 0:
        return
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    for stream in (0, 1, 2):  # so that the reader sees the end of output when the inner process ends
        os.close(stream)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        os._exit(128 + os.WTERMSIG(status))
    os._exit(os.WEXITSTATUS(status))


def hide_file_system(root: str, binds: list[str], hidden: list[str], pivot_root: int) -> None:
    """Make a new root with only ``binds`` (read-only), three devices and a small /tmp, and leave the old one.

    What of ``hidden`` lies inside a bind is covered with nothing: an empty directory, or an empty device.
    """
    unshare(CLONE_NEWNS)
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755")
    os.makedirs(root + "/tmp", exist_ok=True)  # noqa: PTH103, S108
    mount("tmpfs", root + "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, f"size={SCRATCH_MB}m,mode=1777")  # noqa: S108
    for path in (*binds, *DEVICES):
        target = root + path
        if os.path.isdir(path):  # noqa: PTH112
            os.makedirs(target, exist_ok=True)  # noqa: PTH103
        else:
            os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
        mount(path, target, None, MS_BIND | MS_REC)
        if path not in DEVICES:
            mount("none", target, None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)
    for path in (path for path in hidden if any(path == bind or path.startswith(f"{bind}/") for bind in binds)):
        if os.path.isdir(root + path):  # noqa: PTH112
            mount("tmpfs", root + path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV, "size=4k,mode=755")
        elif os.path.exists(root + path):  # noqa: PTH110
            mount("/dev/null", root + path, None, MS_BIND)
    old = root + "/.old"
    os.makedirs(old, exist_ok=True)  # noqa: PTH103
    check(libc.syscall(pivot_root, root.encode(), old.encode()), "pivot_root")
    os.chdir("/")
    check(libc.umount2(b"/.old", MNT_DETACH), "umount2")
    os.rmdir("/.old")  # noqa: PTH106
    mount("none", "/", None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)


def closed_to_others(paths: list[str]) -> str | None:
    """Return the first directory on the way to ``paths`` that other users may not enter, or None."""
    for path in filter(os.path.exists, paths):
        parent = os.path.dirname(os.path.realpath(path))  # noqa: PTH120
        while True:
            if not os.stat(parent).st_mode & 0o001:  # noqa: PTH116
                return parent
            if parent == "/":
                break
            parent = os.path.dirname(parent)  # noqa: PTH120
    return None


def drop_to(uid: int) -> None:
    """Give up root for good: no groups, own user and group id, no capability left in the bounding set."""
    for capability in range(64):
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def limit_resources(config: dict[str, Any]) -> None:
    """Set rlimits. CPU soft is under hard, so that the end of time is SIGXCPU and not mistaken for lack of memory."""
    cpu = int(config["cpu_s"])
    cpu_hard = max(cpu + 5, int(config.get("cpu_hard_s", 0)))
    for kind, soft, hard in (
        (resource.RLIMIT_AS, int(config["memory_mb"]) << 20, int(config["memory_mb"]) << 20),
        (resource.RLIMIT_CPU, cpu, cpu_hard),
        (resource.RLIMIT_FSIZE, int(config["file_mb"]) << 20, int(config["file_mb"]) << 20),
        (resource.RLIMIT_NOFILE, 256, 256),
        (resource.RLIMIT_NPROC, MOST_THREADS, MOST_THREADS),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        resource.setrlimit(kind, (soft, hard))


def lacking(level: list[str], *, root: bool, required: str = "limited") -> str:
    """Return what the host lacks to keep a model apart, empty when nothing: no network, and other files or user.

    With ``required`` "full", for code of the model's author, every step has to be there.
    """
    if "netns" not in level and "seccomp" not in level:
        return "no step takes the network away: allow user namespaces, or seccomp"
    if root and "uid" not in level:
        return "the model would run as root: let other users enter the interpreter's directories, or do not run as root"
    if "uid" not in level and "filesystem" not in level:
        return "the model would see this user's files: allow unprivileged user namespaces (sysctl, AppArmor, container)"
    missing = [step for step in ("netns", "pidns", "filesystem", "rlimits", "seccomp") if step not in level]
    if required == "full" and missing:
        return f"the model brings its author's code, which is run in full isolation only, and {missing} was not reached"
    return ""


def refuse_system_calls(architecture: int, clone: int, clone3: int, numbers: list[int]) -> None:
    """Install a filter: EPERM for ``numbers``, end on a foreign architecture, x32 refused. Needs no_new_privs.

    Threads may be made, processes not: clone(2) passes with CLONE_THREAD only, and clone3(2), whose flags a filter
    can't read, does not exist (ENOSYS), upon which libc takes clone(2).
    """

    def instruction(code: int, if_true: int, if_false: int, value: int) -> bytes:
        return struct.pack("HBBI", code, if_true, if_false, value)

    n = len(numbers)
    program = [
        instruction(0x20, 0, 0, 4),  # load the architecture
        instruction(0x15, 1, 0, architecture),
        instruction(0x06, 0, 0, 0x80000000),  # another one: kill the process
        instruction(0x20, 0, 0, 0),  # load the number of the call
        instruction(0x35, n + 7, 0, 0x40000000),  # x32 numbers: to the last instruction
        *(instruction(0x15, n - i + 6, 0, number) for i, number in enumerate(numbers)),
        instruction(0x15, 2, 0, clone),
        instruction(0x15, 3, 0, clone3),
        instruction(0x06, 0, 0, 0x7FFF0000),  # allow
        instruction(0x20, 0, 0, 16),  # load the lower half of the first argument, the flags
        instruction(0x45, 1, 2, CLONE_THREAD),
        instruction(0x06, 0, 0, 0x00050000 | errno.ENOSYS),
        instruction(0x06, 0, 0, 0x7FFF0000),
        instruction(0x06, 0, 0, 0x00050000 | errno.EPERM),
    ]
    code = ctypes.create_string_buffer(b"".join(program))
    filter_program = struct.pack("HxxxxxxQ", len(program), ctypes.addressof(code))
    check(libc.prctl(PR_SET_SECCOMP, 2, filter_program, 0, 0), "seccomp")


def main() -> None:
    """Shut in, report the level, start the command."""
    config = json.loads(sys.argv[1])
    architecture, pivot_root, clone, clone3, numbers = MACHINES.get(platform.machine(), (0, 0, 0, 0, []))
    level: list[str] = []
    reasons: list[str] = []
    root = os.getuid() == 0

    def attempt(name: str, step: Callable[[], None]) -> None:
        try:
            step()
        except OSError as error:
            reasons.append(f"no {name}: {error.strerror or error}")
        else:
            level.append(name)

    os.umask(0o022)  # the directories of the new root must be open to the new user
    if not root:
        attempt("userns", become_nobody_of_own_namespace)
    attempt("netns", lambda: unshare(CLONE_NEWNET | CLONE_NEWIPC))
    attempt("pidns", fork_into_process_namespace)
    if pivot_root:
        attempt("filesystem", lambda: hide_file_system(config["root"], config["binds"], config["hidden"], pivot_root))
    if root:
        closed = None if "filesystem" in level else closed_to_others([*config["binds"], config["command"][0]])
        if closed:
            reasons.append(f"no uid: {closed} is closed to other users")
        else:
            attempt("uid", lambda: drop_to(config["uid"]))
    os.umask(0o077)
    limit_resources(config)
    level.append("rlimits")
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # after the change of user, which clears it
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    if architecture:
        attempt("seccomp", lambda: refuse_system_calls(architecture, clone, clone3, numbers))
    said: dict[str, Any] = {"level": "+".join(level), "reasons": reasons}
    refused = lacking(level, root=root, required=config.get("required", "limited"))
    print(json.dumps(said | ({"refused": refused} if refused else {})), flush=True)  # noqa: T201
    if refused:
        sys.exit(REFUSED)
    os.execve(config["command"][0], config["command"], config["environment"])  # noqa: S606


if __name__ == "__main__":
    main()
