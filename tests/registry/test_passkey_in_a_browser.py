"""A passkey in a real browser signs a decision, and a stranger checks it offline from the bundle alone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings as django_settings
from django.db import connection, connections, transaction
from playwright.sync_api import Browser, Page, expect

from governance.accounts.models import Passkey
from governance.accounts.roles import Role
from governance.approvals.models import Decision, State
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.audit.export import export_bundle
from governance.audit.notary import Notary
from governance.common import clock
from governance.common.postgres.base import as_owner
from placet.assertions import challenge, encode64
from placet.canonical import canonical_json
from placet.notes import encode_vkey
from registry.models import Permit
from tests.authenticator import Authenticator
from tests.e2e.browsing import CHROMIUM, EVERY_LOOK, Visitor, chromium
from tests.factories import PASSWORD, REASON, Cast, a_policy_text, a_user, approve, state_of
from tests.roles import as_role

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]
BY_PASSKEY = ("roles: [risk_officer], quorum: 1}", "roles: [risk_officer], quorum: 1, signature: passkey}")
LOG_KEY, PERMIT_KEY = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
VIRTUAL = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
Report = Callable[[], tuple[int, dict[str, Any]]]


@pytest.fixture
def cast(transactional_db, mlflow_address, live_server, settings, monkeypatch) -> Cast:
    """A cast under a policy whose risk officers sign by passkey, and pages that a browser can open."""
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)  # the server's threads keep none open
    settings.MLFLOW_TRACKING_URI = mlflow_address
    settings.BASE_URL = live_server.url
    settings.CSRF_TRUSTED_ORIGINS = [live_server.url]
    return Cast(a_policy_text(BY_PASSKEY))


@pytest.fixture
def verified(tmp_path: Path) -> Report:
    """Export a bundle and check it with ``placet verify``, in a process of its own: exit code and report."""
    for name in ("state", "anchors"):
        (tmp_path / name).mkdir()
    notary = Notary(django_settings.LOG_ORIGIN, LOG_KEY, PERMIT_KEY, tmp_path / "state", tmp_path / "anchors")
    trust = tmp_path / "policy.txt"
    trust.write_text(f"log {encode_vkey(django_settings.LOG_ORIGIN, LOG_KEY.public_key())}\n")

    def sequence() -> None:
        with as_role("notary"):
            notary.round()

    def verify() -> tuple[int, dict[str, Any]]:
        sequence()
        sequence()  # permits are signed in the first and get their places in the second
        bundle = export_bundle(tmp_path / "bundle.zip", actor=System("test"), wait=sequence)
        command = [sys.executable, "-m", "placet.cli", "verify", bundle, "--policy", trust, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={"PATH": ""})
        return done.returncode, json.loads(done.stdout)

    return verify


def with_authenticator(browser: Browser, url: str, person: Any) -> Visitor:
    """A window of a person whose device has an authenticator."""
    page = browser.new_context(viewport={"width": 1440, "height": 1000}, reduced_motion="reduce").new_page()
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": VIRTUAL})
    window = Visitor(page, url)
    window.open("/login")
    page.get_by_label("E-mail address").fill(person.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(url + "/")
    return window


def enrol(window: Visitor) -> None:
    window.open("/account/passkeys")
    window.page.get_by_label("Name").fill("Laptop")
    window.page.get_by_label("Your password").fill(PASSWORD)
    window.page.get_by_role("button", name="Continue").click()
    window.page.get_by_role("button", name="Make the passkey").click()
    expect(window.page.get_by_text("waits for an administrator")).to_be_visible()


def confirm(window: Visitor, person: Any) -> None:
    window.open("/account/passkeys")
    window.page.get_by_label(f"Your password, to confirm the passkey of {person.name}").fill(PASSWORD)
    window.page.get_by_role("button", name=f"Confirm {person.name}").click()
    expect(window.page.get_by_text("counts for requests made from now on")).to_be_visible()


def asked(cast: Cast) -> Any:
    """A request that waits for the risk officer; the validator has signed by password."""
    approval = cast.allowed().approval
    approve(approval, cast.validator)
    return approval


def beside_the_browser(work: Callable[[], Any]) -> Any:
    """Use the database while Playwright's loop runs in this thread: in another one, with a connection of its own."""

    def done() -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(done).result()


def decide(page: Page) -> None:
    page.get_by_label("Approve").check()
    page.get_by_label("Rationale").fill(REASON)
    page.get_by_label("I have no conflict").check()
    page.get_by_role("button", name="Read what you sign").click()


def test_a_passkey_decision_verifies_offline_and_a_changed_word_is_reported(
    cast: Cast, live_server: Any, verified: Report
) -> None:
    administrator = a_user(Role.ADMINISTRATOR)
    with chromium() as browser:
        window = with_authenticator(browser, live_server.url, cast.officer)
        enrol(window)
        wrong = window.problems("passkeys", EVERY_LOOK)
        other = with_authenticator(browser, live_server.url, administrator)
        confirm(other, cast.officer)

        approval = beside_the_browser(lambda: asked(cast))
        window.page.set_viewport_size({"width": 1440, "height": 1000})
        window.open(f"/approvals/{approval.pk}")
        decide(window.page)
        expect(window.page.get_by_role("heading", name="What you sign", level=1)).to_be_visible()
        wrong += window.problems("sign", EVERY_LOOK)
        window.page.get_by_role("button", name="Sign").click()
        expect(window.page.get_by_text("Signed: you approve")).to_be_visible()
        assert wrong == [], "\n".join(wrong)
        assert window.said == []
    assert state_of(approval) == State.APPROVED

    code, report = verified()
    assert (code, report["findings"]) == (0, [])
    assert "One signed act carries the signature of a passkey that the log knows, and it fits." in report["notes"]
    assert Permit.objects.filter(approval=approval).exists()  # the notary read the same signature from the log

    entry = Decision.objects.get(approver=cast.officer).log_entry
    changed = "convert_to(replace(convert_from(payload, 'UTF8'), 'pinned', 'other'), 'UTF8')"
    tampered(f"UPDATE audit_payload SET payload = {changed} WHERE entry_id = '{entry}'", "audit_payload")
    code, report = verified()
    assert code == 3
    assert any("does not commit to the payload shown" in found["message"] for found in report["findings"])


def test_a_passkey_younger_than_its_request_is_refused_and_if_forced_in_reported(
    cast: Cast, live_server: Any, verified: Report
) -> None:
    administrator = a_user(Role.ADMINISTRATOR)
    approval = asked(cast)
    with chromium() as browser:
        window = with_authenticator(browser, live_server.url, cast.officer)
        enrol(window)
        confirm(with_authenticator(browser, live_server.url, administrator), cast.officer)
        window.open(f"/approvals/{approval.pk}")
        decide(window.page)
        expect(window.page.locator("#decision")).to_contain_text("no passkey that was confirmed before this request")
    assert state_of(approval) == State.IN_REVIEW

    # Somebody who owns the database switches the rule off, and writes the decision past every service.
    forged = a_forged_decision(approval, cast.officer, Passkey.objects.get())
    with as_owner(connection), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE approvals_decision DISABLE TRIGGER separation_of_duties")
    with transaction.atomic():
        data = forged.pop("data")
        row = Decision(**forged)
        audit.append(event=Event.APPROVAL_DECIDED, actor=cast.officer, subjects=[row], data=data)
    with as_owner(connection), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE approvals_decision ENABLE ALWAYS TRIGGER separation_of_duties")
    code, report = verified()
    assert code == 3
    assert any("younger than the request" in found["message"] for found in report["findings"])


def a_forged_decision(approval: Any, officer: Any, row: Passkey) -> dict[str, Any]:
    """A decision that is right in all but the age of its passkey, of which the forger has the key."""
    mine = Authenticator(origin=row.origin, rp_id=row.rp_id)
    said = {
        "request": str(approval.pk),
        "subject": {"name": approval.subject_name, "digest": approval.subject_digest},
        "stage": "risk",
        "verdict": "approve",
        "manifest": approval.manifest_digest,
    }
    more = {"signer": officer.actor_id, "rationale": None, "log": django_settings.LOG_ORIGIN}
    statement = canonical_json(said | more)
    assertion = mine.sign(challenge(statement))
    key = {"public_key": encode64(mine.cose)}
    tampered(f"UPDATE accounts_passkey SET public_key = '{key['public_key']}'", "accounts_passkey")
    return {
        "request": approval,
        "round": 1,
        "stage": "risk",
        "approver": officer,
        "verdict": "approve",
        "statement": statement.decode(),
        "statement_digest": "sha256:" + sha256(statement).hexdigest(),
        "signature_kind": "passkey",
        "passkey": row,
        "assertion": assertion,
        "decided_at": clock.now(),
        "data": said
        | {
            "statement": statement.decode(),
            "signature": {"kind": "passkey", "passkey": row.credential_id, **assertion},
        },
    }


def tampered(statement: str, table: str) -> None:
    """Change a table as somebody who owns it could, its guards switched off for the moment."""
    with as_owner(connection), connection.cursor() as cursor:
        cursor.execute(
            "SELECT g.tgname FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid "
            "WHERE c.relname = %s AND NOT g.tgisinternal",
            [table],
        )
        guards = [name for (name,) in cursor.fetchall()]
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement)
        for guard in guards:
            cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {guard}")
