"""Bad calls of the API as data: who sends what where, and what must come back."""

import json
from dataclasses import dataclass, field
from typing import Any, Literal

PROMOTIONS = "promotion-requests"
NOBODY = "00000000-0000-4000-8000-000000000000"
GOOD: dict[str, Any] = {"model": "credit-risk", "version": 1, "alias": "canary"}
Sender = Literal["token", "expired", "narrow", "unknown", "nobody", "owner", "engineer"]


def body(**changes: Any) -> bytes:
    """Return a promotion request that would be let through, but for ``changes``."""
    return json.dumps({**GOOD, **changes}).encode()


@dataclass(frozen=True)
class Call:
    """One call and its refusal.

    ``{again}``, ``{orphan}``, ``{unlabelled}`` and ``{open}`` in ``path`` and ``content`` are put in by the test:
    version numbers, and the id of an open promotion. ``says`` stands in the answer's ``detail``.
    """

    name: str
    status: int
    type: str
    says: str
    method: str = "POST"
    path: str = PROMOTIONS
    content: bytes = b""
    sender: Sender = "token"
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


REQUESTS = [
    Call("an unknown model", 404, "unknown-model", "Check the spelling", content=body(model="credit-rsik")),
    Call("an unknown version", 404, "unknown-version", "99", content=body(version=99)),
    Call("a version beyond any number", 404, "unknown-version", "", content=body(version=2**63)),
    Call("an alias that is not governed", 422, "unprotected-alias", "champion, canary", content=body(alias="latest")),
    Call("a model without an AI system", 409, "model-unassigned", "must assign it",
         content=body(model="orphan", version="{orphan}")),
    Call("a dataset without the label", 422, "version-unusable", "no label column 'credit_risk'",
         content=body(version="{unlabelled}", alias="champion")),
    Call("a version that is live", 409, "already-live", "since 20", content=body(version=2, alias="champion")),
    Call("a second open request", 409, "request-open", "withdraw it first",
         content=body(version="{again}", alias="champion")),
    Call("malformed JSON", 400, "malformed-body", "JSON parse error", content=b'{"model": "credit-risk", '),
    Call("JSON in other letters", 400, "malformed-body", "JSON parse error", content=b'{"model": "cr\xe9dit"}'),
    Call("JSON that nests without end", 400, "malformed-body", "nests", content=b"[" * 100_000),
    Call("no body", 422, "invalid-input", "required"),
    Call("a list", 422, "invalid-input", "dictionary", content=b"[]"),
    Call("a word for a number", 422, "invalid-input", "version: A valid integer", content=body(version="two")),
    Call("a negative number", 422, "invalid-input", "version: ", content=body(version=-1)),
    Call("a list for a name", 422, "invalid-input", "model: ", content=body(model=["credit-risk"])),
    Call("a null alias", 422, "invalid-input", "alias: ", content=body(alias=None)),
    Call("a NUL in the name", 422, "invalid-input", "model: ", content=body(model="credit\0risk")),
    Call("half a character", 422, "invalid-input", "model: ", content=body(model="\ud800")),
    Call("text for a list", 422, "invalid-input", "use_restrictions: ", content=body(use_restrictions="none")),
    Call("an unknown change class", 422, "invalid-input", "change_class: ", content=body(change_class="small")),
    Call("a form", 415, "unsupported-media-type", "x-www-form-urlencoded", content=b"model=credit-risk",
         headers={"Content-Type": "application/x-www-form-urlencoded"}),
    Call("a key that is too long", 422, "invalid-input", "128",
         content=body(), headers={"Content-Type": "application/json", "Idempotency-Key": "k" * 129}),
    Call("an unknown promotion", 404, "unknown", "", path=f"{PROMOTIONS}/{NOBODY}/applications"),
    Call("a promotion that is not approved", 409, "not-approved", "in review",
         path=PROMOTIONS + "/{open}/applications"),
    Call("a method that is not there", 405, "method-not-allowed", "DELETE", method="DELETE"),
]  # fmt: skip

OTHERS = [
    Call("a permit of nothing", 422, "invalid-input", "model and alias", method="GET", path="permits"),
    Call("a permit of a NUL", 422, "invalid-input", "NUL", method="GET", path="permits?model=%00&alias=champion"),
    Call("a model of a NUL", 422, "invalid-input", "NUL", method="GET", path="registered-models/a%00b"),
    Call("an unknown model", 404, "unknown-model", "ten seconds", method="GET", path="registered-models/nothing"),
    Call("an unknown system of a document", 404, "unknown", "", path="documents", sender="owner",
         content=b'{"kind": "annex-iv", "system": "nothing"}'),
    Call("an unknown kind of document", 422, "invalid-input", "kind: ", path="documents", sender="owner",
         content=b'{"kind": "poem", "system": "consumer-credit"}'),
    Call("a system without fields", 422, "invalid-input", "required", path="systems", sender="owner", content=b"{}"),
    Call("answers that are none", 422, "invalid-input", "answers: ", path="systems/consumer-credit/classifications",
         sender="owner", content=b'{"answers": "yes", "model_tier": 1}'),
    Call("a tier that there is not", 422, "invalid-input", "model_tier: ", sender="owner",
         path="systems/consumer-credit/classifications", content=b'{"answers": {}, "model_tier": 9}'),
    Call("a monitor of an unknown model", 404, "unknown-model", "", path="monitors",
         content=b'{"model": "nothing", "alias": "champion"}'),
    Call("records for no monitor", 404, "unknown", "", path=f"monitors/{NOBODY}/records?batch=a", content=b"{}"),
    Call("a gate question of a stranger", 401, "authentication-failed", "PLACET_GATE_TOKEN", path="gate/decisions",
         content=b"{}"),
]  # fmt: skip

SENDERS = [
    Call("no token", 401, "not-authenticated", "", sender="nobody", content=body()),
    Call("an unknown token", 401, "authentication-failed", "create_token", sender="unknown", content=body()),
    Call("an expired token", 401, "authentication-failed", "expired", sender="expired", content=body()),
    Call("a token without the scope", 403, "permission-denied", "Make one", sender="narrow", content=body()),
    Call("a token that would sign a classification", 403, "permission-denied", "takes no token",
         path=f"systems/consumer-credit/classifications/{NOBODY}/signatures", content=b'{"password": "x"}'),
    Call("a token that would assign a model", 403, "permission-denied", "takes no token",
         path="systems/consumer-credit/assignments", content=b'{"model": "orphan"}'),
    Call("a token that would publish a policy", 403, "permission-denied", "takes no token",
         path=f"policies/{NOBODY}/publications"),
    Call("somebody who does not own the system", 403, "forbidden", "owner", sender="engineer",
         path="systems/consumer-credit/assignments", content=b'{"model": "orphan"}'),
]  # fmt: skip
