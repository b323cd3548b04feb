"""Ask something of a module in a process of its own, which holds none of the worker's secrets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from django.conf import settings

_KEPT = ("PATH", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


def error_of(module: str, asked: Mapping[str, Any], *, deadline_s: float) -> str:
    """Run ``python -m module`` and return what it says went wrong, in a sentence; empty when nothing did.

    Args:
        module: reads ``asked`` as JSON from its standard input, and writes ``{"error": …}`` to its standard output.
        asked: goes in by the standard input: a command line can be read by every user of the machine.
        deadline_s: after so many seconds the process is killed.
    """
    try:
        done = subprocess.run(  # noqa: S603 (modules of ours)
            [sys.executable, "-m", module],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=deadline_s,
            cwd=settings.BASE_DIR,
            env={name: os.environ[name] for name in _KEPT if name in os.environ},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"The service did not answer within {deadline_s:g} s."
    try:
        return str(json.loads(done.stdout)["error"])
    except (ValueError, KeyError):
        return f"The sender stopped with status {done.returncode}."
