"""One HTTP POST with a limit on its whole length in time and bytes.

A socket's time-out limits one read; a server that sends a byte a second would hold the caller for as long as it likes.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import httpx

from governance.audit.errors import AnchorUnavailable

LIMIT = 256 * 1024
"""The most bytes that an answer may have; tokens and cosignatures are below 20 kB."""


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    content: bytes

    @property
    def sentence(self) -> str:
        """The answer's first line as far as it is text, for an error message."""
        text = self.content[:200].decode(errors="replace").partition("\n")[0]
        return "".join(c if c.isprintable() else "\ufffd" for c in text)


def post(url: str, *, content: bytes, headers: Mapping[str, str], deadline: timedelta, sink: str) -> Reply:
    """Send ``content`` and return the whole answer, whatever its status; redirects are not followed.

    Args:
        url: may hold a user name and password, which no message repeats.
        content: the body.
        headers: at least its content type.
        deadline: for name look-up, connecting, sending and every byte that comes back together.
        sink: who asks, for the message.
    Raises:
        AnchorUnavailable: no connection, no complete answer in time, or more than ``LIMIT`` bytes.
    """
    try:
        return asyncio.run(_post(url, content, headers, deadline.total_seconds()))
    except TimeoutError:
        why = f"no complete answer within {deadline.total_seconds():g} s"
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        why = str(error) or type(error).__name__
    except OverflowError:
        why = f"the answer is longer than {LIMIT} bytes"
    raise AnchorUnavailable(
        f"{sink}: {why}. Check that the address is right and that the notary's machine reaches it.", sink=sink
    )


async def _post(url: str, content: bytes, headers: Mapping[str, str], seconds: float) -> Reply:
    async with (
        asyncio.timeout(seconds),
        httpx.AsyncClient(timeout=seconds) as client,
        client.stream("POST", url, content=content, headers=dict(headers)) as response,
    ):
        received = bytearray()
        async for chunk in response.aiter_bytes():
            received += chunk
            if len(received) > LIMIT:
                raise OverflowError
        return Reply(response.status_code, bytes(received))
