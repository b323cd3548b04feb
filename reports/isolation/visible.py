"""What of the file system the isolated process may see, and what is covered where that would show too much."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SYSTEM = tuple(Path(name) for name in ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache"))


def visible(*own: Path, environment: Path | None = None) -> list[str]:
    """Return the paths to show: system libraries, an interpreter with its packages, and ``own``.

    Args:
        environment: the model's own environment; None for the packages of this process.
    """
    python = [Path(sys.base_prefix), Path(sys.prefix)]
    if environment is not None:
        python = [(environment / "bin" / "python").resolve().parents[1], environment]
    present = [path for path in (*SYSTEM, *python, *own) if path.exists()]
    inside = {path for path in present for other in present if path != other and path.is_relative_to(other)}
    return [str(path) for path in present if path not in inside]


def secrets() -> list[str]:
    """Paths to cover where the visible ones would show them: our var/, the home, and what our settings point to.

    Nothing of it is visible as a rule; an interpreter installed above them must not change that.
    """
    named = [Path(value) for name, value in os.environ.items() if name.startswith("PLACET_") and value.startswith("/")]
    wanted = [ROOT / "var", *named, *([Path(os.environ["HOME"])] if os.environ.get("HOME") else [])]
    return [str(path) for path in wanted if path != Path("/") and path.exists()]
