"""Choose TCP ports on the loopback address, the defaults when they are free, and claim them until they are listened on.

A port that is free now may be another server's a second later: between choosing and listening lie a migration and a
start of seconds. So each start claims what it chose, by a name that the kernel gives away once and takes back when the
process ends, however it ends.
"""

import argparse
import contextlib
import socket
from collections.abc import Mapping

LOOPBACK = "127.0.0.1"

DEFAULT_PORTS = {"web": 8000, "mlflow": 5000, "postgres": 5433, "valkey": 6380}
"""Not the servers' own defaults (5432, 6379), which an installed server would hold."""

_TRIES = 200


def wish(text: str) -> tuple[str, int]:
    """Read ``NAME=PORT`` from a command line.

    Raises:
        argparse.ArgumentTypeError: it is none; the message says how to write it.
    """
    name, _, port = text.partition("=")
    if name not in DEFAULT_PORTS or not port.isdecimal() or not 0 < int(port) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r}: write NAME=PORT, NAME one of {', '.join(DEFAULT_PORTS)}")
    return name, int(port)


def add_option(parser: argparse.ArgumentParser) -> None:
    """Give a command line ``--port NAME=PORT``; what it holds then is a list of pairs."""
    usual = ", ".join(f"{name} {port}" for name, port in DEFAULT_PORTS.items())
    parser.add_argument(
        "--port",
        type=wish,
        action="append",
        default=[],
        metavar="NAME=PORT",
        help=f"a port other than the usual one ({usual}); repeatable",
    )


def is_free(port: int) -> bool:
    """Return whether a server could listen on ``port``, on loopback and on every address.

    Both are tried: Linux lets a server bind 127.0.0.1 beside one that holds 0.0.0.0 only with SO_REUSEADDR tricks,
    and a person who opens ``localhost`` must not reach the other one.
    """
    for host in (LOOPBACK, "0.0.0.0"):  # noqa: S104  (bound for an instant, never listened on)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # Without it a port with connections in TIME_WAIT looks taken for a minute after each stop.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


class Ports(contextlib.ExitStack):
    """The ports of one start, claimed from all other starts on this machine until the context is left."""

    def choose(self, preferred: int) -> int:
        """Claim and return ``preferred`` if it is free, else the next port that is.

        Args:
            preferred: 1 to 65535; 0 lets the kernel choose (for tests).
        Raises:
            OSError: none of the next 200 ports is free.
        """
        if preferred == 0:
            while not self._claim(port := _any_free_port()):
                pass
            return port
        for port in range(preferred, min(preferred + _TRIES, 65536)):
            if is_free(port) and self._claim(port):
                return port
        raise OSError(f"No free port between {preferred} and {preferred + _TRIES}: stop what listens there.")

    def choose_all(self, preferred: Mapping[str, int]) -> dict[str, int]:
        """Claim and return a free port for each name, all different."""
        return {name: self.choose(port) for name, port in preferred.items()}

    def _claim(self, port: int) -> bool:
        # An abstract socket name lives in the same network namespace as the port, and leaves no file behind.
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            claim.bind(f"\0placet-port-{port}")
        except OSError:
            claim.close()
            return False
        self.enter_context(claim)
        return True


def _any_free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port
