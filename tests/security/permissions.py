"""docs/reference/permissions.md, made of the matrix's table; ``python -m tests.security.permissions`` writes it."""

from __future__ import annotations

import os
import sys
from itertools import groupby
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "permissions.md"
WORDS = {
    "200": "may",
    "200+": "may, on record",
    "201": "may",
    "201+": "may, on record",
    "202": "may",
    "202+": "may, on record",
    "302": "may",
    "302+": "may, on record",
    "without": "gets the list without it",
    "turned back": "refused on the page they came from",
    "401": "refused (401)",
    "403": "refused (403)",
    "404": "told that there is none (404)",
    "409+": "may, on record",
    "409": "held against the state (409)",
    "422": "held against the input (422)",
    "503": "may, if the identity provider answers",
}
HEAD = """# Permissions

Who may do what, at every address. `python -m tests.security.permissions` writes this page from the table in
`tests/security/matrix.py`. A test asks every address as everybody and holds the answers against the table: each of the
nine roles for the whole deployment, for the AI system in question and for another one; no role; the requester, the
trainer, the owner, who is eligible and who is not; tokens; nobody. An address without a line fails it. `make prove`
asks as all of them; `make test`, of those who must be answered alike, as some, others at each address.

## What one reads

- **A role for the whole deployment** reads every AI system; **a role for one AI system** reads that system: its models,
  requests, evidence, findings, monitors and documents. Policies are read by whoever holds any role.
- **Without a role** one reads the legal register and the requests that one made, and nothing else. The requester
  always reads their own.
- **What is out of reach does not exist**: it is `unknown` (404), in the words for what is missing, also for somebody
  who would change it, and it is left out of lists.
- **The log** is of no one system. Its pages and lists are for auditors, risk officers, data protection officers and
  administrators whose role is for the whole deployment; the erasable text behind an entry for the first three of them.
  Who signed something takes the receipt of it, and whoever reads a request reads the reasons given in it.
- **Who may do what** is read by administrators and auditors whose role is for the whole deployment: people, their
  roles, tokens and names elsewhere, and access reviews. A reviewer reads the reviews in which they decide.
- **A token** needs the scope of the address, and reads what its holder does. Where no scope is named, no token opens
  the address: a token can never decide. Pages take no token.
- **Not signed in**: pages send to the sign-in, the API answers 401. So it does once an account is deactivated.
- **What a proposal says** of another system is read by whoever signs it: the name and class of the AI system that a
  model would leave. A model that serves no system yet can be proposed for one's own by whoever knows its name.

## Rules

Read each from the top: the first line that fits says what somebody is answered. A role counts if it is for the AI
system in question or for the whole deployment, unless the line says otherwise.

"""


def page() -> str:
    """Return the page as the table has it."""
    from tests.security.matrix import NEEDS_NO_SIGN_IN, ROUTES, RULES
    from tests.security.routes import addresses

    patterns = {address.name: f"/{address.pattern}" for address in addresses()}
    lines = ["| Rule | Who | Is answered |", "|---|---|---|"]
    for name, rule in RULES.items():
        if name not in NEEDS_NO_SIGN_IN:
            lines += [
                f"| {name if first else ''} | {who.says} | {_told(outcome)} |"
                for first, (who, outcome) in zip([True, *[False] * len(rule)], rule, strict=False)
            ]
    lines += ["", "## Addresses", "", "| Address | Method | Rule | Scope of a token |", "|---|---|---|---|"]
    keys = [(*key.partition(" ")[::2], route) for key, route in ROUTES.items()]
    rows = [(patterns[name], "any" if method == "*" else method, route) for method, name, route in keys]
    for where, method, route in rows:
        if not route.why:
            scope = f"`{route.scope}`" if route.scope else ""
            lines.append(f"| `{where}` | {method} | {route.rule} | {scope} |")
    lines += ["", "Needing no sign-in:", "", "| Address | Method | Why |", "|---|---|---|"]
    lines += [f"| `{where}` | {method} | {route.why} |" for where, method, route in rows if route.why]
    return HEAD + "\n".join(lines) + "\n"


def _told(outcome: object) -> str:
    from tests.security.world import STATES

    if isinstance(outcome, str):
        return WORDS[outcome]
    assert isinstance(outcome, dict)
    named = sorted((state for state in outcome if state), key=STATES.index)
    said = [
        f"{', '.join(states)}: {WORDS[answer]}"
        for answer, states in groupby(named, key=lambda state: str(outcome[state]))
    ]
    return "; ".join([*said, f"else: {WORDS[outcome['']]}"])


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.config.settings")
    os.environ.setdefault("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    sys.path.insert(0, "client")
    django.setup()
    PAGE.write_text(page())
