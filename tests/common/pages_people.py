"""Sample contexts of the pages about people."""

# Rows of data, wide on purpose.

from __future__ import annotations

from datetime import timedelta
from typing import Any

from governance.accounts.roles import Role
from tests.common.samples import NOW, UID, ago

GRAVE = {Role.VALIDATOR, Role.RISK_OFFICER, Role.DATA_PROTECTION_OFFICER, Role.POLICY_PUBLISHER, Role.ADMINISTRATOR}
SYSTEM = "Consumer credit scoring"


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
        "shown": {"people": True, "waiting": 2},
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
        "shown": {"people": True, "waiting": 2},
        "administrator": True,
    }


PEOPLE = {
    "people": ("accounts/people.html", people),
    "person": ("accounts/person.html", person),
    "person-refused": ("accounts/person.html", lambda: person(errors=True)),
    "service-account": ("accounts/person.html", machine),
    "role-proposals": ("accounts/proposals.html", role_proposals),
    "role-proposals-none": ("accounts/proposals.html", lambda: role_proposals() | {"rows": [], "past": []}),
}
