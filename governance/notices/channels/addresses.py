"""What an Apprise address may be, and what of it may be shown. The address itself is a secret."""

import ipaddress
from collections.abc import Collection
from urllib.parse import SplitResult, unquote, urlsplit

from governance.notices.errors import AddressRefused

LONGEST = 500
NAMES_ITS_HOST = frozenset(
    {
        *("json", "jsons", "xml", "xmls", "form", "forms", "mmost", "mmosts", "rocket", "rockets", "ntfy", "ntfys"),
        *("matrix", "matrixs", "gotify", "gotifys"),
    }
)
"""Schemes whose address holds the name of a server in the host's place; elsewhere a secret may stand there."""
NEVER = frozenset({"dbus", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows", "file", "smpp", "snpp"})
"""Schemes that act on this machine, whatever a setting says."""


def checked(address: str, *, schemes: Collection[str], hosts: Collection[str]) -> str:
    """Return an address that this deployment sends to.

    What the name really leads to is checked when a message goes out; see ``sender``. Here, what is plain to see.

    Raises:
        AddressRefused: it is none, its scheme is not among ``schemes``, or it names a private server that is not
            among ``hosts``.
    """
    address = address.strip()
    parts = _split(address)
    if len(address) > LONGEST or not parts.scheme or not parts.netloc or any(char.isspace() for char in address):
        raise AddressRefused(f"Write one Apprise address, such as slack://…, in at most {LONGEST} characters.")
    if parts.scheme not in schemes or parts.scheme in NEVER:
        raise AddressRefused(f"This deployment sends to {', '.join(sorted(set(schemes) - NEVER))}.")
    if parts.scheme in NAMES_ITS_HOST and _is_private(parts, hosts):
        raise AddressRefused("The server is not on the public internet; whoever runs Placet allows private ones.")
    return address


def shown(address: str) -> str:
    """Return what may be shown of an address: the scheme, and the server where it is no secret."""
    parts = _split(address)
    host = parts.hostname if parts.scheme in NAMES_ITS_HOST else None
    return f"{parts.scheme}://{host}/…"[:120] if host else f"{parts.scheme}://…"


def scrubbed(said: str, address: str) -> str:
    """Return a sentence without any piece of an address that could be a secret."""
    parts = _split(address)
    words = [parts.netloc, parts.username or "", parts.password or "", *parts.path.split("/"), *_values(parts.query)]
    if parts.scheme not in NAMES_ITS_HOST:
        words.append(parts.hostname or "")
    for word in sorted({address, *words, *map(unquote, words)}, key=len, reverse=True):
        if len(word) > 3:  # shorter ones are no secrets, and would take ordinary words to pieces
            said = said.replace(word, "…")
    return said


def _values(query: str) -> list[str]:
    return [pair.partition("=")[2] for pair in query.split("&")]


def _split(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 (raises where it is none)
    except ValueError:
        return urlsplit("")
    return parts


def _is_private(parts: SplitResult, hosts: Collection[str]) -> bool:
    host = parts.hostname or ""
    if any(host == name.rpartition(":")[0].strip("[]").lower() for name in hosts):
        return False
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host.rstrip(".") or host.rstrip(".").endswith((".localhost", ".local", ".internal"))
