"""Start one child process the safe way; run as a script, never imported.

``python -I -S launch.py --parent PID --signal N [--user UID] -- COMMAND...`` gives up root when told, asks the kernel
to signal the child when its supervisor dies, and becomes the command. A ``preexec_fn`` would run Python between fork
and exec in a process with threads, which can deadlock; and an interpreter below a private home directory cannot be
started by another user at all, whereas here it is already running when the user changes.

``--probe PATH...`` instead prints the paths that the user cannot enter or execute, one a line.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
SUPERVISOR_IS_GONE = 91


def main(arguments: list[str]) -> int:  # noqa: RET503  (its last line does not return)
    """Read the few options by hand: argparse would double the start-up time of every child."""
    options = {"--parent": "0", "--signal": "9", "--user": ""}
    while arguments and arguments[0] in options:
        options[arguments[0]] = arguments[1]
        del arguments[:2]
    if options["--user"]:
        uid = int(options["--user"])
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    if arguments[0] == "--probe":
        for path in arguments[1:]:
            if not os.access(path, os.R_OK | os.X_OK):
                print(path)  # noqa: T201  (this script's answer)
        return 0
    # After the change of user, which would clear it.
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(options["--signal"]), 0, 0, 0)
    if os.getppid() != int(options["--parent"]):
        return SUPERVISOR_IS_GONE  # it died before the line above: nobody would ever stop us
    command = arguments[1:]  # drop the "--"
    os.execvp(command[0], command)  # noqa: S606  (an argument list, no shell)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
