"""Connections to addresses that somebody wrote down here: to the public internet, or to what the deployment names.

What counts is the address that is connected to, after the name was looked up, not the name.
"""

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Collection
from urllib.parse import urlsplit

NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class FetchFailed(Exception):
    """Nothing was fetched; ``str()`` says why, for whoever runs the deployment."""


def may_reach(host: str, port: int, allowed: Collection[tuple[str, int]]) -> bool:
    """Return whether an IP address is on the public internet, or is allowed with its port."""
    address = _meant(ipaddress.ip_address(host.partition("%")[0]))
    return (address.is_global and not address.is_multicast) or (str(address), port) in allowed


def resolved(hosts: Collection[str]) -> set[tuple[str, int]]:
    """Return the addresses of ``host:port`` names; one that can't be looked up allows nothing."""
    found = set()
    for name in hosts:
        host, _, port = name.rpartition(":")
        try:
            for row in socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM):
                found.add((str(row[4][0]), int(port)))
        except (OSError, ValueError):
            continue
    return found


def fetch(url: str, *, hosts: Collection[str], setting: str, most_bytes: int, seconds: float) -> bytes:
    """Return what an address answers to GET. No redirect is followed, no proxy asked, no cookie or password sent.

    Args:
        url: http or https; certificates are checked.
        hosts: ``host:port`` of private servers that the deployment allows; ``setting`` is where it does.
        most_bytes: a longer answer is refused.
        seconds: for all of it, from the first byte sent to the last one read.

    Raises:
        FetchFailed: no answer of 200 within time and size, or the address is not on the public internet.
    """
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    deadline = time.monotonic() + seconds
    late: threading.Timer | None = None
    try:
        port = parts.port or (443 if secure else 80)
        raw = _connected(host, port, resolved(hosts), setting, seconds)
        # A timeout of the socket is of each read, and who sends a byte a second never meets it: this one is of all.
        late = threading.Timer(max(0.0, deadline - time.monotonic()), _shut, [raw])
        late.daemon = True
        late.start()
        sock = _wrapped(raw, host) if secure else raw
        late.args = [sock]
        connection = http.client.HTTPConnection(host, port, timeout=seconds)
        with contextlib.closing(sock):
            if isinstance(sock, ssl.SSLSocket):
                sock.do_handshake()
            connection.sock = sock
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", target, headers={"Accept": "application/json", "User-Agent": "placet"})
            answer = connection.getresponse()
            if answer.status != http.client.OK:
                raise FetchFailed(f"{url} answered {answer.status}")
            content = answer.read(most_bytes + 1)
    except (OSError, ValueError, http.client.HTTPException) as error:
        why = f"nothing whole in {seconds:.0f} s" if time.monotonic() >= deadline else type(error).__name__
        raise FetchFailed(f"{url} does not answer: {why}") from error
    finally:
        if late is not None:
            late.cancel()
    if time.monotonic() >= deadline:  # what was cut off looks like an end
        raise FetchFailed(f"{url} does not answer: nothing whole in {seconds:.0f} s")
    if len(content) > most_bytes:
        raise FetchFailed(f"{url} answered with more than {most_bytes:,} bytes")
    return content


def _connected(
    host: str, port: int, allowed: Collection[tuple[str, int]], setting: str, seconds: float
) -> socket.socket:
    """Return a connection to the first address of a host; it is checked here, so no second look-up changes it."""
    address = str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
    if not may_reach(address, port, allowed):
        raise FetchFailed(f"{host}:{port} is not on the public internet, and {setting} does not allow it")
    return socket.create_connection((address, port), timeout=seconds)


def _wrapped(raw: socket.socket, host: str) -> ssl.SSLSocket:
    return ssl.create_default_context().wrap_socket(raw, server_hostname=host, do_handshake_on_connect=False)


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it is closed already
        connection.shutdown(socket.SHUT_RDWR)


def _meant(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one only wraps: mapped, 6to4 or NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or address
