"""The process that holds the model, started by the launcher with nothing to lose: ``main()``, the set-up its argument.

It imports nothing of Placet. The model is loaded once, at the first job. Jobs come in as JSON lines on standard input;
frames come in as Arrow IPC files and numbers go out as streams on inherited descriptors; progress, results and errors
go out as JSON lines on standard output. Whatever the model prints goes to standard error. It ends at the end of its
input.

The set-up: what ``Inspection.setup`` gives, and "model": its directory. A job: {"action": one of ``ACTIONS``, "inputs":
[fd], "outputs": [fd], "cpu_s": int, and what the action needs}: for the explanations, ``explaining/job.py`` and
``explaining/record.py`` say it.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import re
import resource
import signal
import sys

from .explaining import explain, explain_record
from .models import Model, measure_time, predict
from .protocol import Refused, say

QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
LONG_NUMBER = re.compile(r"\d{5,}")
ACTIONS = {"predict": predict, "time": measure_time, "explain": explain, "explain_record": explain_record}


def main() -> int:
    """Do the jobs, say how each ended."""
    stream = os.dup(1)
    os.dup2(2, 1)  # a model that prints must not write into the protocol
    jobs = os.fdopen(os.dup(0), "rb")
    with contextlib.suppress(OSError):
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)  # nor may one that asks for input eat the next job
    setup = json.loads(sys.argv[1])
    model: Model | None = None
    for line in jobs:
        job = json.loads(line)
        seconds = limit_time(int(job["cpu_s"]))
        signal.signal(signal.SIGXCPU, lambda *_, seconds=seconds: out_of_time(stream, seconds))
        try:
            if model is None:
                model = Model(setup)
            ACTIONS[job["action"]](model, job, stream)
        except Refused as error:
            say(stream, error=str(error))
        except MemoryError:
            limit = resource.getrlimit(resource.RLIMIT_AS)[0] >> 20
            say(stream, error=f"The model needs more than the {limit} MB that it may use.", ended=True)
            return 1
        except OSError as error:
            say(stream, error=too_long(error) or told(error, model))
        except BaseException as error:  # noqa: BLE001  # whatever the model does wrong must be told, exit() too
            say(stream, error=told(error, model))
    return 0


def told(error: BaseException, model: Model | None) -> str:
    """Return an error of the model's in words, without what may be a value of somebody's row.

    A library quotes the value that it can't take; only quoted names of features are kept. What is said of code (a
    missing module, an unknown name), and whatever goes wrong before there are rows, is kept as it is.
    """
    text = str(error)
    if model is not None and not isinstance(error, (ImportError, AttributeError, NameError)):
        names = set(model.features)
        text = QUOTED.sub(lambda found: found[0] if found[0][1:-1] in names else "'…'", text)
        text = LONG_NUMBER.sub("…", text)
    return f"{type(error).__name__}: {text}"[:500]


def limit_time(seconds: int) -> int:
    """Allow this many seconds of processor time from now on, and return them."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    wanted = math.ceil(used.ru_utime + used.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
    return seconds


def out_of_time(stream: int, seconds: int) -> None:
    """Tell that the CPU time is used up, and end."""
    say(stream, error=f"The model used up its {seconds} s of processor time.", ended=True)
    os._exit(1)


def too_long(error: OSError) -> str:
    """Return a sentence if a file or what was printed is larger than allowed, else nothing."""
    if error.errno != errno.EFBIG:
        return ""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0] >> 20
    return f"The model printed or wrote more than the {limit} MB that it may."
