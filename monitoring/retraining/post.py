"""Post one event, in a process of its own: ``python -m monitoring.retraining.post``.

It holds none of the worker's secrets, follows no redirect, and refuses each connection to an address that is not on the
public internet or allowed by name, after the name was looked up: see the sender of notices.
"""

import json
import sys

from governance.common.outgoing import resolved
from governance.notices.channels.sender import Refused, guard

TIMEOUT_S = 20


def post(url: str, headers: dict[str, str], body: str) -> str:
    """Post; return an empty text, or why the event was not taken."""
    import httpx

    try:
        with (
            httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client,
            client.stream("POST", url, headers=headers, content=body.encode()) as answer,
        ):
            pass  # its status says all; what it writes is not read
    except Refused as refusal:
        return f"Refused: {refusal}."
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"{type(error).__name__}: no answer."
    if answer.is_success:
        return ""
    return f"It answered {answer.status_code}" + (
        ", a redirect; name the address itself." if answer.is_redirect else "."
    )


def main() -> None:
    """Read ``{url, headers, body, allowed}`` from the standard input; write ``{error}`` to the standard output."""
    asked = json.load(sys.stdin)
    guard(resolved(asked["allowed"]), setting="PLACET_HOOK_HOSTS")
    json.dump({"error": post(asked["url"], asked["headers"], asked["body"])}, sys.stdout)


if __name__ == "__main__":
    main()
