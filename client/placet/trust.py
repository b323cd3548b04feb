"""The trust file: the public keys that somebody who checks Placet has decided to trust.

A C2SP tlog-policy: ``log <vkey>`` signs checkpoints, ``witness <name> <vkey>`` cosigns them, ``group`` and ``quorum``
say whose cosignatures are enough. Added to it: ``permit <vkey>`` signs permits, and ``log <vkey> until <size>`` ends a
key that was compromised. Several log and permit keys are allowed (rotation), ``#`` starts a comment.
"""

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, NoReturn

from placet.cosignatures import cosigned_by, parse_cosigner
from placet.verify import InvalidTrust, parse_vkey

__all__ = ["InvalidTrust", "Trust", "default_policy", "format_trust", "load_trust", "parse_trust"]

NUMBER = "(?:0|[1-9][0-9]{0,17})"


class Trust(NamedTuple):
    """The keys you trust: of logs (perhaps with `` until <size>``), of permits, of witnesses by name.

    ``groups`` says how many of which members make a group, ``quorum`` which witness or group must have cosigned.
    """

    logs: tuple[str, ...]
    permits: tuple[str, ...]
    witnesses: Mapping[str, str] = {}
    groups: Mapping[str, tuple[int, tuple[str, ...]]] = {}
    quorum: str = "none"

    def cosigned(self, note: bytes) -> tuple[dict[str, int], bool]:
        """Return which witnesses cosigned a note when (POSIX time), and whether they are the quorum."""
        signed = cosigned_by(note, [parse_cosigner(vkey) for vkey in self.witnesses.values()])
        times = {name: signed[vkey] for name, vkey in self.witnesses.items() if vkey in signed}
        met = set(times)
        for name, (count, members) in self.groups.items():  # a group stands behind its members
            met |= {name} if len(met.intersection(members)) >= count else set()
        return times, self.quorum in met

    def vouched(self, note: bytes) -> str:
        """Say whose cosignatures make a note one that was seen outside; nothing when they are not the quorum.

        Raises:
            InvalidSignature: a line claims a witness of yours, and does not fit.
        """
        times, quorum = self.cosigned(note)
        if not quorum:
            return ""
        last = datetime.fromtimestamp(min(max(times.values()), 1 << 37), UTC).isoformat()
        return f"cosigned by {', '.join(times)}, last {last}"


def parse_trust(text: str) -> Trust:
    """Read a trust file: C2SP tlog-policy, plus ``permit`` lines, and ``until`` for a log key that was compromised.

    ``log <vkey> [until <size>]``, ``permit <vkey>``, ``witness <name> <vkey> [<url>]``, ``group <name> <k|any|all>
    <name>...``, ``quorum <name|none>``, ``#`` comments. Raises InvalidTrust, which names the line.
    """
    logs, permits, witnesses, groups, quorum = [], [], {}, {}, "none"  # type: ignore[var-annotated]
    once = [("name", "none")]  # what may stand in the file only once
    for number, line in enumerate(text.split("\n"), start=1):
        known = {*witnesses, *groups}
        try:
            match [] if line.lstrip().startswith("#") else line.split():
                case []:
                    continue
                case ["log", vkey, *until] if re.fullmatch(f"(until {NUMBER})?", " ".join(until)):
                    once.append(("log", str(parse_vkey(vkey))))
                    logs.append(" ".join([vkey, *until]))
                case ["permit", vkey]:
                    once.append(("permit", str(parse_vkey(vkey))))
                    permits.append(vkey)
                case ["witness", name, vkey] | ["witness", name, vkey, _]:
                    once += [("name", name), ("witness", str(parse_vkey(vkey, 4)[1]))]
                    witnesses[name] = vkey
                case ["group", name, how, *members] if known.issuperset(members) and members:
                    groups[name] = _count(name, how, len(members)), tuple(members)
                    once += [("name", name), *(("member", member) for member in members)]
                case ["quorum", quorum] if quorum in {*known, "none"}:
                    once.append(("quorum", ""))
                case _:
                    _refuse("expected 'log <vkey>', 'permit <vkey>' or C2SP tlog-policy.")
            if len({*once}) != len(once):
                _refuse("a key, a name, a member or the quorum stands there twice.")
        except InvalidTrust as error:
            raise InvalidTrust(f"Trust file, line {number}: {error}") from None
    return Trust(tuple(logs), tuple(permits), witnesses, groups, quorum)


def _count(name: str, how: str, members: int) -> int:
    count = {"any": 1, "all": members}.get(how) or int(how if re.fullmatch(NUMBER, how) else 0)
    if not 0 < count <= members:
        _refuse(f"{name} takes any, all or 1 to {members}.")
    return count


def _refuse(sentence: str) -> NoReturn:
    raise InvalidTrust(sentence)


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


def default_policy(bundle: Path) -> Path | None:
    """Return the trust file to use when none is named: policy.txt beside the bundle, else PLACET_TRUST_FILE."""
    beside, named = bundle.with_name("policy.txt"), os.environ.get("PLACET_TRUST_FILE")
    return beside if beside.is_file() else Path(named) if named else None
