"""Sample contexts of the pages about people."""

# Rows of data, wide on purpose.

from __future__ import annotations

from datetime import timedelta
from typing import Any

from governance.accounts.roles import Role
from tests.common.samples import NOW, UID, a_digest, ago

GRAVE = {Role.VALIDATOR, Role.RISK_OFFICER, Role.DATA_PROTECTION_OFFICER, Role.POLICY_PUBLISHER, Role.ADMINISTRATOR}
SYSTEM = "Consumer credit scoring"
SHOWN = {"people": True, "waiting": 2, "reviews": 1}


def people() -> dict[str, Any]:
    """Five accounts: of many roles, one that ends soon, none, a machine, and one that is deactivated."""
    role = {"role": "Validator", "system": "", "valid_until": None, "ends_soon": False}
    soon = {"role": "Auditor", "system": "", "valid_until": NOW + timedelta(days=12), "ends_soon": True}
    here = {"role": "Engineer", "system": SYSTEM, "valid_until": NOW + timedelta(days=190), "ends_soon": False}
    base = {
        "pk": UID,
        "name": "Validator",
        "email": "validator@bank.example",
        "initials": "V",
        "is_service": False,
        "sponsor": "",
        "is_active": True,
        "roles": [role],
        "tokens": 0,
        "last_login": ago(hours=3),
    }
    rows = [
        base | {"name": "Auditor", "email": "auditor@bank.example", "initials": "A", "roles": [soon]},
        base | {"name": "Credit pipeline", "email": "ci@bank.example", "initials": "CP", "is_service": True}
        | {"sponsor": "ML engineer", "roles": [here], "tokens": 2, "last_login": None},
        base | {"name": "ML engineer", "email": "engineer@bank.example", "initials": "ME", "tokens": 1}
        | {"roles": [here, here | {"role": "Model owner", "system": "A name that is as long as names of systems get"}]},
        base | {"name": "Newcomer", "email": "newcomer@bank.example", "initials": "N", "roles": [], "last_login": None},
        base,
        base | {"name": "Who left", "email": "left@bank.example", "initials": "WL", "is_active": False, "roles": []},
    ]  # fmt: skip
    return {
        "rows": rows,
        "total": 126,
        "page": {"number": 2, "previous": 1, "next": 3},
        "filters": {"q": "a&b", "state": "all", "role": "validator"},
        "roles": Role.choices,
        "shown": SHOWN,
        "administrator": True,
    }


def _grant(role: str, **more: Any) -> dict[str, Any]:
    base = {
        "pk": UID,
        "role": role,
        "system": "",
        "grave": True,
        "valid_from": ago(days=200),
        "valid_until": None,
        "ends_soon": False,
        "state": "in force",
        "granted_by": "Administrator",
        "confirmed_by": "Second administrator",
    }
    return base | more


def _proposal(role: str, **more: Any) -> dict[str, Any]:
    base = {
        "pk": UID,
        "person": {"pk": UID, "name": "Validator"},
        "role": role,
        "system": "",
        "valid_until": None,
        "proposed_by": "Administrator",
        "proposed_at": ago(days=2),
        "open_until": NOW + timedelta(days=12),
        "state": "waits",
        "settled_by": "",
        "settled_at": None,
        "why_not": "",
        "may_withdraw": True,
    }
    return base | more


def person(*, errors: bool = False) -> dict[str, Any]:
    """A validator with a past, as an administrator sees them; with ``errors`` after a refused form."""
    token = {
        "label": "laptop",
        "scopes": ["promotions:read", "records:write"],
        "made_at": ago(days=80),
        "revoked_at": None,
    }
    name = {
        "provider": "MLflow",
        "subject": "v.validator",
        "valid_from": ago(days=190),
        "valid_until": None,
        "linked_by": "",
    }
    passkey = {
        "label": "Security key",
        "enrolled_at": ago(days=60),
        "confirmed_by": "Administrator",
        "state": "confirmed",
    }
    account = {"pk": UID, "name": "Credit pipeline", "email": "ci@bank.example", "is_active": True, "tokens": 2}
    refused = {
        "all": ["An administrator does not decide."],
        "role": ["Choose a role."],
        "password": ["It is not right."],
    }
    return {
        "person": {
            "pk": UID,
            "name": "Validator",
            "email": "validator@bank.example",
            "is_service": False,
            "is_active": True,
            "joined_at": ago(days=300),
            "last_login": ago(hours=3),
            "sponsor": None,
            "second_factor": True,
        },
        "grants": [
            _grant("Validator"),
            _grant(
                "Policy author", system=SYSTEM, confirmed_by="", valid_until=NOW + timedelta(days=9), ends_soon=True
            ),
            _grant("Engineer", granted_by="", confirmed_by=""),
        ],
        "ended": [_grant("Risk officer", valid_until=ago(days=30), state="ended")],
        "pending": [_proposal("Data protection officer")],
        "tokens": [
            token | {"expires_at": NOW + timedelta(days=10), "state": "valid", "ends_soon": True},
            token | {"label": "old", "expires_at": ago(days=3), "state": "expired", "ends_soon": False},
            token | {"label": "lost", "expires_at": NOW, "state": "revoked", "revoked_at": ago(days=9), "scopes": []},
        ],
        "identities": [
            name,
            name | {"provider": "GitHub", "valid_until": ago(days=20), "linked_by": "Administrator"},
        ],
        "accounts": [account, account | {"name": "Old pipeline", "is_active": False}],
        "passkeys": [passkey, passkey | {"state": "waits", "confirmed_by": ""}, passkey | {"state": "ended"}],
        "may": {"give": True, "end": True, "deactivate": True},
        "choices": {
            "roles": [(role, label, role in GRAVE) for role, label in Role.choices],
            "systems": [(UID, SYSTEM)],
            "today": NOW.date(),
        },
        "form": {"role": "validator", "until": "2026-12-24", "errors": refused if errors else {}},
    }


def machine() -> dict[str, Any]:
    """A service account without anything, as an auditor sees it."""
    base = person()
    facts = {"name": "Credit pipeline", "is_service": True, "is_active": False, "last_login": None}
    none: dict[str, Any] = {
        key: [] for key in ("grants", "ended", "pending", "tokens", "identities", "accounts", "passkeys")
    }
    return base | none | {
        "person": base["person"] | facts | {"sponsor": {"pk": UID, "name": "ML engineer"}},
        "may": dict.fromkeys(("give", "end", "deactivate"), False),
    }  # fmt: skip


def role_proposals() -> dict[str, Any]:
    """Two roles that wait, one of which the reader proposed, and two that are settled."""
    settled = {"settled_by": "Second administrator", "settled_at": ago(days=20), "may_withdraw": False}
    return {
        "rows": [
            _proposal("Risk officer", system=SYSTEM, valid_until=NOW + timedelta(days=90)),
            _proposal("Validator", why_not="You proposed it; another administrator confirms it."),
        ],
        "past": [
            _proposal("Policy publisher", state="confirmed", **settled),
            _proposal("Validator", state="withdrawn", system=SYSTEM, **settled),
        ],
        "errors": {UID: ["The password is not right. Nothing was signed; type it again."]},
        "shown": SHOWN,
        "administrator": True,
    }


def _review(**more: Any) -> dict[str, Any]:
    base = {
        "pk": UID,
        "roles": ["Risk officer", "Validator"],
        "system": "",
        "reviewer": "Head of risk",
        "opened_by": "Administrator",
        "opened_at": ago(days=12),
        "due_on": (NOW + timedelta(days=18)).date(),
        "overdue": False,
        "signed_at": None,
        "total": 24,
        "decided": 7,
        "state": "open",
    }
    return base | more


def access_reviews(*, errors: bool = False) -> dict[str, Any]:
    """Reviews in each state, for an administrator; with ``errors`` after a refused form."""
    refused = {"all": ["A role of yours is in this scope."], "reviewer": ["Choose one."], "due_on": ["Say by when."]}
    signed = {"signed_at": ago(days=90), "decided": 24, "state": "signed"}
    return {
        "rows": [
            _review(mine=3),
            _review(mine=0, roles=[], system=SYSTEM, due_on=ago(days=2).date(), overdue=True),
            _review(mine=0, roles=["Administrator"], total=2, decided=2, state="waits for the signature"),
            _review(mine=0, roles=["Engineer"], **signed),
        ],
        "may_open": True,
        "choices": {
            "roles": Role.choices,
            "systems": [(UID, SYSTEM)],
            "people": [(UID, "Head of risk")],
            "today": NOW.date(),
        },
        "form": {"roles": ["validator"], "due_on": "2026-12-24", "errors": refused if errors else {}},
        "shown": SHOWN,
    }


def _item(**more: Any) -> dict[str, Any]:
    base = {
        "pk": UID,
        "person": {"pk": UID, "name": "Validator", "email": "validator@bank.example"},
        "is_service": False,
        "role": "Validator",
        "system": "",
        "since": ago(days=200),
        "until": None,
        "granted_by": "Administrator",
        "confirmed_by": "Second administrator",
        "last_login": ago(days=2),
        "verdict": "",
        "assigned_to": "Head of risk",
        "decided_by": "",
        "decided_at": None,
        "reason": "",
        "may": {"keep": True, "revoke": True},
        "own": False,
    }
    return base | more


def access_review() -> dict[str, Any]:
    """A review under way, as its reviewer sees it, who is an administrator too; one verdict was refused."""
    nothing = {"keep": False, "revoke": False}
    said = {"decided_by": "Head of risk", "decided_at": ago(days=1)}
    other = {"pk": "7c9e6679-7425-40de-944b-e07fc1f90ae8"}
    return {
        "review": _review(overdue=True)
        | {"statement": "", "digest": "", "index": None, "counts": {"keep": 5, "revoke": 1, "ended": 1}},
        "items": [
            _item(),
            _item(**other, role="Engineer", system="A name that is as long as names of systems get", last_login=None)
            | {"until": NOW + timedelta(days=20), "confirmed_by": "", "pk": "7c9e6679-7425-40de-944b-e07fc1f90ae1"},
            _item(is_service=True, granted_by="", verdict="keep", may=nothing | {"revoke": True}, **said)
            | {"pk": "7c9e6679-7425-40de-944b-e07fc1f90ae2"},
            _item(verdict="revoke", reason="Moved to sales.", may=nothing, **said, **other),
            _item(verdict="ended", may=nothing, **other),
            _item(own=True, assigned_to="Administrator", may=nothing, **other),
            _item(assigned_to="Administrator", may=nothing, **other),
        ],
        "waiting": {"all": 17, "mine": 16, "others": 1},
        "filters": {"show": "all"},
        "page": {"number": 2, "previous": 1, "next": 3},
        "may": {"sign": True, "hand_over": True},
        "people": [(UID, "Head of risk")],
        "form": {"reason": "", "errors": {UID: ["Say why the role is taken away."], "reviewer": ["Choose another."]}},
        "shown": SHOWN,
    }


def access_review_to_sign() -> dict[str, Any]:
    """The same with nothing left to decide, by a reviewer who reads no more of people; the password was not right."""
    return access_review() | {
        "items": [],
        "waiting": {"all": 0, "mine": 0, "others": 0},
        "filters": {"show": "waiting"},
        "page": {"number": 1, "previous": None, "next": None},
        "may": {"sign": True, "hand_over": False},
        "form": {"errors": {"password": ["The password is not right."]}},
        "shown": {"people": False},
    }


def access_review_signed() -> dict[str, Any]:
    """The signed result."""
    base = access_review()
    signed = {"signed_at": ago(hours=2), "decided": 24, "overdue": False, "index": 1502, "digest": a_digest("result")}
    return base | {
        "review": base["review"] | signed | {"statement": '{"format":"placet-access-review/1","items":[]}'},
        "items": [item | {"may": {"keep": False, "revoke": False}} for item in base["items"][2:5]],
        "waiting": {"all": 0, "mine": 0, "others": 0},
        "may": {"sign": False, "hand_over": False},
        "form": {"errors": {}},
    }


PEOPLE = {
    "people": ("accounts/people.html", people),
    "person": ("accounts/person.html", person),
    "person-refused": ("accounts/person.html", lambda: person(errors=True)),
    "service-account": ("accounts/person.html", machine),
    "role-proposals": ("accounts/proposals.html", role_proposals),
    "access-reviews": ("accounts/access_reviews.html", access_reviews),
    "access-reviews-refused": ("accounts/access_reviews.html", lambda: access_reviews(errors=True)),
    "access-reviews-none": ("accounts/access_reviews.html", lambda: access_reviews() | {"rows": [], "may_open": False}),
    "access-review": ("accounts/access_review.html", access_review),
    "access-review-to-sign": ("accounts/access_review.html", access_review_to_sign),
    "access-review-signed": ("accounts/access_review.html", access_review_signed),
    "role-proposals-none": ("accounts/proposals.html", lambda: role_proposals() | {"rows": [], "past": []}),
}
