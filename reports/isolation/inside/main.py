"""The process that holds the model, started by the launcher with nothing to lose: ``main()`` with the job as argument.

It imports nothing of Placet. Frames come in and numbers go out as Arrow IPC files on inherited descriptors; progress,
the result and errors go out as JSON lines on standard output. Whatever the model prints goes to standard error.

The JSON: {"action": "predict" | "explain", "model": directory, "trusted": [type names], "positive_label": str,
"inputs": [fd], "outputs": [fd], and for explain "max_evals": int, "seed": int}.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys

from .explaining import explain
from .models import predict
from .protocol import Refused, say

ACTIONS = {"predict": predict, "explain": explain}


def main() -> int:
    """Do the job, say how it ended."""
    stream = os.dup(1)
    os.dup2(2, 1)  # a model that prints must not write into the protocol
    seconds = resource.getrlimit(resource.RLIMIT_CPU)[0]  # now: the kernel raises it by one with each signal
    signal.signal(signal.SIGXCPU, lambda *_: out_of_time(stream, seconds))
    job = json.loads(sys.argv[1])
    try:
        ACTIONS[job["action"]](job, stream)
    except Refused as error:
        say(stream, error=str(error))
    except MemoryError:
        limit = resource.getrlimit(resource.RLIMIT_AS)[0] >> 20
        say(stream, error=f"The model needs more than the {limit} MB that it may use.")
    except Exception as error:  # noqa: BLE001  # anything the model does wrong must be told, in one line
        say(stream, error=f"{type(error).__name__}: {error}"[:500])
    else:
        return 0
    return 1


def out_of_time(stream: int, seconds: int) -> None:
    """Tell that the CPU time is used up, and end."""
    say(stream, error=f"The model used up its {seconds} s of processor time.")
    os._exit(1)
