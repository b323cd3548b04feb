"""Send one message through Apprise, in a process of its own: ``python -m governance.notices.channels.sender``.

Apprise speaks to a hundred services, and the address, a person's own text, says to which. So it runs apart: without the
worker's passwords, without starting programs, for a short time, and with a hook under every connection. The hook sees
the address that is really connected to, after the name was looked up and after any redirect, and refuses whatever is
not on the public internet or allowed by name.
"""

import json
import logging
import sys
from collections.abc import Collection
from typing import Any

from governance.common.outgoing import may_reach, resolved

FORBIDDEN = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "pty.spawn")


class Refused(BaseException):
    """A connection or a program that a message does not need. No ``except Exception`` of a plugin swallows it."""


def guard(allowed: Collection[tuple[str, int]], *, setting: str = "PLACET_NOTICE_HOSTS") -> None:
    """Refuse, from now on and for good in this process, programs and connections to other than public addresses.

    Args:
        allowed: (address, port) of private servers that the deployment allows.
        setting: where it does, for the sentence.
    """

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in FORBIDDEN:
            raise Refused("it wants to start a program")
        if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
            _check(arguments[1], allowed, setting)

    sys.addaudithook(hook)


def _check(target: Any, allowed: Collection[tuple[str, int]], setting: str) -> None:
    if not isinstance(target, tuple) or len(target) < 2:
        raise Refused("it wants to connect to a socket of this machine")
    if not may_reach(str(target[0]), int(target[1]), allowed):
        raise Refused(f"the address is not on the public internet, and {setting} does not allow it")


def send(address: str, title: str, body: str) -> str:
    """Send one message; return an empty text, or why it could not be sent."""
    import apprise  # in this process alone: half a second, and 150 modules

    asset = apprise.AppriseAsset(
        app_id="Placet",
        app_desc="Placet",
        app_url="",
        async_mode=False,
        http_redirects=False,
        plugin_paths=[],
        secure_logging=True,
        storage_mode=apprise.PersistentStoreMode.MEMORY,
        pem_autogen=False,
        pgp_autogen=False,
    )
    with apprise.LogCapture(level=logging.WARNING) as captured:  # type: ignore[no-untyped-call]
        made = apprise.Apprise.instantiate(address, asset=asset, suppress_exceptions=True)
        if made is None:
            return "Apprise can't read the address"
        try:
            sent = made.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT)
        except Refused as refusal:
            return f"Refused: {refusal}"
        said = " ".join(captured.getvalue().split())
    return "" if sent else (said or "the service did not take the message")


def main() -> None:
    """Read ``{url, title, body, allowed}`` from the standard input; write ``{error}`` to the standard output."""
    asked = json.load(sys.stdin)
    guard(resolved(asked["allowed"]))
    json.dump({"error": send(asked["url"], asked["title"], asked["body"])}, sys.stdout)


if __name__ == "__main__":
    main()
