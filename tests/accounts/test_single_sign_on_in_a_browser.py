"""Single sign-on in a real browser: in by a claim, asked anew for a signature, out here and at the provider."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections
from playwright.sync_api import Page, expect

from governance.accounts import mappings
from governance.accounts.models import Grant, User
from governance.accounts.roles import Role
from governance.approvals.models import Decision, State
from governance.config.oidc import Provider
from tests.accounts.test_role_rules import two
from tests.e2e.browsing import CHROMIUM, EVERY_LOOK, Visitor, chromium, visitor
from tests.factories import PASSWORD, REASON, Cast, approve, state_of
from tests.healthy_mlflow import healthy_mlflow
from tests.provider import CLIENT_ID, LyingProvider, running
from tests.registry.test_passkey_in_a_browser import beside_the_browser

__all__ = ["two"]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore:.*is deprecated and will be removed:DeprecationWarning"),  # in the provider
]


@pytest.fixture
def idp(
    transactional_db: None,
    live_server: Any,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    two: tuple[User, User],
) -> Iterator[LyingProvider]:
    """The provider on a port of its own, whose claim ``groups: risk`` makes a risk officer of live pages."""
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)  # the server's threads keep none open
    with running() as provider, healthy_mlflow() as mlflow:
        settings.MLFLOW_TRACKING_URI = mlflow
        settings.BASE_URL = live_server.url
        settings.CSRF_TRUSTED_ORIGINS = [live_server.url]
        settings.OIDC = Provider(
            issuer=provider.url, client_id=CLIENT_ID, client_secret="a secret of both", name="Bank ID"
        )
        mapping = mappings.map_claim(claim="groups", value="risk", role=Role.RISK_OFFICER, by=two[0])
        mappings.confirm_mapping(mapping_id=mapping.pk, by=two[1], password=PASSWORD)
        provider.knows("anna", groups=["risk"], name="Anna Officer")
        yield provider


def says_who(page: Page, idp: LyingProvider, sub: str = "anna") -> None:
    """Sign in on the provider's own page, to which the browser was sent."""
    page.wait_for_url(f"{idp.url}/oauth2/authorize*")
    page.get_by_placeholder("sub").fill(sub)
    page.get_by_role("button", name="Authorize").click()


def of_ours(window: Visitor) -> list[str]:
    """What the console said on our pages; the provider's own may want an icon that it lacks."""
    return [line for line in window.said if line.startswith(window.url)]


def test_in_by_a_claim_asked_anew_for_a_signature_and_out_at_both(idp: LyingProvider, live_server: Any) -> None:
    with chromium() as browser, visitor(browser, live_server.url) as window:
        page = window.page
        window.open("/login")
        page.get_by_role("link", name="Sign in with Bank ID").click()
        says_who(page, idp)
        page.wait_for_url(f"{live_server.url}/")
        expect(page.get_by_role("banner")).to_contain_text("Risk officer")

        approval = beside_the_browser(_asked)
        window.open(f"/approvals/{approval.pk}")
        assert page.get_by_label("Your password").count() == 0
        _fill_in(page)
        _sign(page)
        expect(page.locator("#decision")).to_contain_text("Bank ID")  # not yet: nobody asked them for this signature
        assert beside_the_browser(lambda: state_of(approval)) == State.IN_REVIEW
        assert len(of_ours(window)) == 1, window.said  # that the form was refused
        window.said.clear()

        page.locator("#decision").get_by_role("link", name="Confirm with Bank ID").click()
        says_who(page, idp)
        page.wait_for_url(f"{live_server.url}/approvals/{approval.pk}")
        expect(page.locator("#decision")).to_contain_text("Bank ID confirmed that it is you")
        _fill_in(page)
        _sign(page)
        expect(page.get_by_text("Signed: you approve")).to_be_visible()
        assert beside_the_browser(lambda: _signature(approval)) == ("re-authentication (oidc)", "Anna Officer")

        page.locator("summary", has_text="Anna Officer").click()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(f"{idp.url}/oauth2/end_session*")
        page.get_by_role("button", name="End session").click()
        page.wait_for_url(f"{live_server.url}/signed-out")
        expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out of Placet")
        wrong = window.problems("signed-out", EVERY_LOOK)
        assert wrong == [], "\n".join(wrong)
        window.open("/")
        assert page.url.startswith(f"{live_server.url}/login")
        assert of_ours(window) == []
        window.said.clear()
    person = User.objects.get(email="anna@bank.example")
    assert Grant.objects.get(person=person).mapping is not None
    assert state_of(approval) == State.APPROVED


def _asked() -> Any:
    """A request that waits for the risk officer, made after that one's first sign-in gave the role."""
    cast = Cast()
    approval = cast.allowed().approval
    approve(approval, cast.validator)
    return approval


def _fill_in(page: Page) -> None:
    page.get_by_label("Approve").check()
    page.get_by_label("Rationale").fill(REASON)
    page.get_by_label("I have no conflict").check()


def _sign(page: Page) -> None:
    page.locator("#decision").get_by_role("button", name="Sign", exact=True).click()


def _signature(approval: Any) -> tuple[str, str]:
    decision = Decision.objects.select_related("approver").get(request=approval, stage="risk")
    return decision.signature_kind, decision.approver.name
