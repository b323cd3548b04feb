"""Sample contexts of the pages about single sign-on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from governance.accounts.roles import GRAVE, Role
from tests.common.pages_people import SHOWN
from tests.common.samples import NOW, UID, ago


def _mapping(value: str, role: str, **more: Any) -> dict[str, Any]:
    base = {
        "pk": UID,
        "claim": "groups",
        "value": value,
        "issuer": "https://login.bank.example/realms/bank",
        "role": role,
        "system": "",
        "days": None,
        "made_by": "Administrator",
        "made_at": ago(days=3),
        "open_until": NOW + timedelta(days=11),
        "confirmed_by": "",
        "ended_at": None,
        "ended_by": "",
        "holders": 0,
        "why_not": "",
    }
    return base | more


def mappings() -> dict[str, Any]:
    """Two that count, one that waits for the viewer and one of their own, and two that are past; a form was refused."""
    other = "7c9e6679-7425-40de-944b-e07fc1f90ae8"
    return {
        "rows": [
            _mapping("/model-risk/officers", "Risk officer", confirmed_by="Second administrator", holders=4),
            _mapping("internal-audit", "Auditor", days=30, system="A name that is as long as names of systems get"),
        ],
        "pending": [
            _mapping("/model-validation", "Validator"),
            _mapping(
                "it-admins", "Administrator", pk=other, why_not="You wrote it; another administrator confirms it."
            ),
        ],
        "past": [
            _mapping("everybody", "Engineer", ended_at=ago(days=1), ended_by="Administrator"),
            _mapping("dpo", "Data protection officer"),
        ],
        "provider": {"name": "Bank ID", "issuer": "https://login.bank.example/realms/bank"},
        "choices": {
            "roles": [(role.value, role.label, role in GRAVE) for role in Role],
            "systems": [(UID, "Consumer credit scoring")],
        },
        "form": {
            "claim": "groups",
            "value": "",
            "role": "auditor",
            "errors": {
                "value": ["Say what the claim must hold."],
                "all": ["An auditor's access always has an end: give the days."],
                UID: ["The password is not right."],
            },
        },
        "shown": SHOWN | {"mappings": True, "mapped": 4},
        "administrator": True,
    }


def asked_anew(*, confirmed: bool) -> dict[str, Any]:
    """The confirmation page of somebody whom the identity provider asks; with ``confirmed`` it just has."""
    proof = {"proof": "sso:not-a-real-one", "until": NOW + timedelta(minutes=5)} if confirmed else {}
    again = {"name": "Bank ID", "here": "/security/confirm", **proof}
    return {"with_code": False, "errors": [], "next": "/security", "sign_again": again}


SINGLE_SIGN_ON = {
    "mappings": ("accounts/mappings.html", mappings),
    "mappings-none": (
        "accounts/mappings.html",
        lambda: mappings() | {"rows": [], "pending": [], "past": [], "administrator": False},
    ),
    "sso-refused": (
        "accounts/sso_refused.html",
        lambda: {
            "detail": "anna@bank.example has an account that is not linked to your sign-in. Ask an administrator of "
            "Placet to link it: https://login.bank.example/realms/bank#0f6f2c1e-33e5-4a55-9a4e-5cb2a5a1e6ab",
            "name": "Bank ID",
        },
    ),
    "sso-again": ("accounts/confirm.html", lambda: asked_anew(confirmed=False)),
    "sso-confirmed": ("accounts/confirm.html", lambda: asked_anew(confirmed=True)),
    "signed-out": ("accounts/signed_out.html", lambda: {"name": "Bank ID", "leads_on": True}),
    "signed-out-here-alone": ("accounts/signed_out.html", lambda: {"name": "Bank ID", "leads_on": False}),
    "signed-out-at-both": ("accounts/signed_out.html", lambda: {"name": "", "leads_on": False}),
    "login-sso": (
        "registration/login.html",
        lambda: {"form": {}, "next": "", "demo_accounts": [], "sso_name": "Bank ID", "emergency_only": True},
    ),
}
