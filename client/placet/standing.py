"""What a permit's standing means for loading, and how the signed list tells it while Placet can't be asked."""

import logging
import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from placet.permit_cache import PermitCache
from placet.revocations import MAX_AGE, InvalidList, Withdrawn, verify_list
from placet.trust import Trust

_log = logging.getLogger("placet")
VALID = "valid"


class Refused(Exception):
    """The model must not be loaded; the message is the reason, in a sentence.

    ``status`` is that of its approval where this is the reason, empty where it is another.
    """

    def __init__(self, reason: str, *, status: str = "") -> None:
        super().__init__(reason)
        self.reason, self.status = reason, status


def check(uri: str, status: str, *, refuses: bool, reason: str = "", refuse_suspended: bool = False) -> None:
    """Let a valid permit pass, and with a warning a suspended or lapsed one on which loading is not refused.

    Raises:
        Refused: any other.
    """
    if status == VALID:
        return
    if status == "suspended" and not (refuse_suspended or refuses):
        _log.warning("%s: its approval is suspended; it may go on serving until the review.", uri)
        return
    if status == "lapsed" and not refuses:
        _log.warning("%s: its approval has lapsed; it may be loaded in the grace that its policy gives.", uri)
        return
    why = f" {reason}" if reason else ""
    raise Refused(f"The approval of {uri} is {status}.{why} Ask its owner, or roll back.", status=status)


def by_list(
    uri: str,
    permit: str,
    listed: Mapping[str, Any] | None,
    keys: Trust,
    *,
    kept: PermitCache | None,
    max_age: timedelta | None,
    now: datetime | None,
) -> Withdrawn | None:
    """Return what the signed list says of a permit, by its digest; None when it does not name it.

    Raises:
        Refused: there is no list, or none by which anything can be decided.
    """
    if listed is None:
        raise Refused(f"Nobody says that the permit of {uri} still holds: Placet can't be asked, no list is kept.")
    seen = kept.seen() if kept else 0
    try:
        moment = now or datetime.now(UTC)
        found = verify_list(listed, keys, now=moment, max_age=_age(max_age), at_least=seen)
    except InvalidList as error:
        raise Refused(f"Nobody says that the permit of {uri} still holds. {error}") from None
    if kept is not None and found.number > seen:
        try_to_keep(uri, lambda: kept.keep_list(listed, found.number))
    return found.entries.get(permit)


def try_to_keep(uri: str, act: Callable[[], None]) -> None:
    """Write to the cache; a full disk must not stop what Placet itself has just allowed."""
    try:
        act()
    except OSError as error:
        _log.warning("%s: the cache can't be written: %s", uri, error)


def _age(given: timedelta | None) -> timedelta:
    if given is not None:
        return given
    named = os.environ.get("PLACET_MAX_LIST_AGE_HOURS")
    if not named:
        return MAX_AGE
    if not re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,3})?", named):
        raise Refused(f"PLACET_MAX_LIST_AGE_HOURS={named} is not a number of hours.")
    return timedelta(hours=float(named))
