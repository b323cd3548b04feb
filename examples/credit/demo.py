"""The demo: a credit-scoring model goes from MLflow into production through evidence, two signatures and the gate.

``make demo`` leaves the UI up; ``make demo-check`` (``--check``) is the same, headless, and exits non-zero if any step
comes out differently. Every act goes through the doors that people and pipelines use; nothing is written behind them.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.text import Text

from examples.credit import state
from governance.common.embedded.layout import DEFAULT_VAR, EmbeddedError
from governance.common.embedded.ports import DEFAULT_PORTS, add_option

ROOT = Path(__file__).resolve().parents[2]
INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run the demo and return its exit code: 0 as expected, 1 not, 130 interrupted before the story's end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="headless: run every step, stop everything, exit 0 or 1")
    parser.add_argument("--var", type=Path, default=None, help="where servers, keys and data live")
    parser.add_argument("--logs", action="store_true", help="show the processes' log lines")
    add_option(parser)
    options = parser.parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    console = Console(highlight=False)
    temporary = tempfile.mkdtemp(prefix="placet-demo-") if options.check and options.var is None else None
    if temporary:
        Path(temporary).chmod(0o755)
    var = Path(temporary) if temporary else options.var or DEFAULT_VAR
    ports = {**(dict.fromkeys(DEFAULT_PORTS, 0) if options.check else {}), **dict(options.port)}
    try:
        from examples.credit import telling  # seconds of imports, in which Ctrl-C must not print a traceback

        return telling.run(console, var, ports, check=options.check, logs=options.logs)
    except EmbeddedError as problem:
        console.print(Text(str(problem), style="red"))
        return 1
    except KeyboardInterrupt:
        again = "" if temporary or not state.is_half_told(var) else " The next `make demo` tells the story anew."
        console.print(f"\nStopped before the end; nothing is left running.{again}")
        return INTERRUPTED
    finally:
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Leave by the way that stops everything, once: a second Ctrl-C must not cut the stopping short."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
