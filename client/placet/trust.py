"""The trust file: the public keys that somebody who checks Placet has decided to trust.

A C2SP tlog-policy: ``log <vkey>`` signs checkpoints, ``witness <name> <vkey>`` cosigns them, ``group`` and ``quorum``
say whose cosignatures are enough. Added to it: ``permit <vkey>`` signs permits, and ``log <vkey> until <size>`` ends a
key that was compromised. Several log and permit keys are allowed (rotation), ``#`` starts a comment.
"""

import os
from pathlib import Path

from placet.verify import InvalidTrust, Trust, parse_trust

__all__ = ["InvalidTrust", "Trust", "format_trust", "load_trust", "parse_trust"]


def load_trust(path: str | os.PathLike[str] | None = None) -> Trust:
    """Read a trust file; without a path, the one that ``PLACET_TRUST_FILE`` names.

    Raises:
        InvalidTrust: no file is named, it cannot be read, or a line in it is wrong.
    """
    named = path or os.environ.get("PLACET_TRUST_FILE")
    if not named:
        raise InvalidTrust("No trust file: pass one, or set PLACET_TRUST_FILE to the path of policy.txt.")
    try:
        return parse_trust(Path(named).read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidTrust(f"The trust file {named} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InvalidTrust(f"The trust file {named} is not text.") from None


def format_trust(trust: Trust) -> str:
    """Return the text of a trust file."""
    lines = [f"log {key}" for key in trust.logs] + [f"permit {key}" for key in trust.permits]
    lines += [f"witness {name} {key}" for name, key in trust.witnesses.items()]
    lines += [f"group {name} {count} {' '.join(members)}" for name, (count, members) in trust.groups.items()]
    lines += [f"quorum {trust.quorum}"] if trust.quorum != "none" else []
    return "".join(f"{line}\n" for line in lines)
