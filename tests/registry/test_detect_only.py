"""A stock or managed MLflow: Placet applies without the plugin, sees bypasses in one pass, and says so everywhere."""

from __future__ import annotations

import pytest
from django.db import transaction
from typer.testing import CliRunner

from governance.accounts.roles import Role
from governance.accounts.services import create_token
from governance.approvals.models import Finding
from governance.audit import services as audit
from governance.audit.events import Event
from placet.commands import app
from registry import applying, configuring, promotions, protected, reconcile, selectors, tasks
from registry.findings import RECONCILER
from registry.models import ApplyGrant, PromotionRequest, RegisteredModel
from tests.factories import PASSWORD, a_dataset, a_user, assigned, fresh
from tests.registry.stock_mlflow import Estate, stock_server

WORDS = "Detected, not prevented"
STOCK = {"protected_aliases": ["champion", "canary"], "mode": "block", "registry": "stock", "automatic_revert": False}


def detect_only():
    """Have two people say that MLflow runs without the plugin."""
    row = configuring.propose(**STOCK, reason="A managed MLflow takes no plugin.", person=a_user(Role.ADMINISTRATOR))
    return configuring.sign(number=row.number, person=a_user(Role.RISK_OFFICER), password=PASSWORD)


def a_promotion(cast):
    """Approve the mirrored version 1, as if its run had declared evaluation data and its trainer were known."""
    version = cast.model.versions.get(number=1)
    version.evaluation_dataset, version.problem, version.trained_by = a_dataset(), "", cast.engineer
    with transaction.atomic():
        audit.append(event=Event.VERSION_MIRRORED, actor=RECONCILER, subjects=[version], data={"made": "by a test"})
    made, _ = promotions.request_promotion(model="loans", version=1, alias="champion", requester=cast.engineer)
    return cast.signed(made)


def pages(cast, promotion):
    return ("/", f"/models/{cast.model.pk}", f"/promotions/{promotion.pk}", "/findings", "/models")


def test_every_page_says_that_it_is_detected_and_only_then(cast, client):
    promotion = cast.promotion()
    client.force_login(cast.owner)
    for path in pages(cast, promotion):
        assert WORDS not in client.get(path).content.decode(), path
    detect_only()
    for path in pages(cast, promotion):
        assert f"<b>{WORDS}.</b>" in client.get(path).content.decode(), path
    for path in pages(cast, promotion)[1:3]:
        assert "detected, not prevented" in client.get(path).content.decode(), path


def test_the_api_says_what_the_gate_is(cast, client):
    promotion = cast.promotion()
    token = create_token(holder=cast.owner, label="mine", scopes=["promotions:read"])
    addresses = (f"registered-models/{cast.model.name}", f"promotion-requests/{promotion.pk}", "promotion-requests")

    def said():
        answers = [client.get(f"/api/v1/{path}", HTTP_AUTHORIZATION=f"Bearer {token}").json() for path in addresses]
        return [(answer["results"][0] if "results" in answer else answer)["gate"] for answer in answers]

    assert said() == [{"kind": "governed", "configuration": 0}] * 3
    row = detect_only()
    assert said() == [{"kind": "detect-only", "configuration": row.number}] * 3


def test_the_command_line_says_so(committed_cast, live_server, monkeypatch):
    promotion = committed_cast.promotion()
    monkeypatch.setenv("PLACET_URL", live_server.url)
    token = create_token(holder=committed_cast.owner, label="mine", scopes=["promotions:read"])
    monkeypatch.setenv("PLACET_TOKEN", token)
    assert WORDS not in CliRunner().invoke(app, ["status", str(promotion)]).output
    detect_only()
    assert WORDS in CliRunner().invoke(app, ["status", str(promotion)]).output


@pytest.mark.slow
def test_a_stock_mlflow_is_applied_to_and_a_bypass_is_found_in_one_pass(
    committed_cast, settings, tmp_path, monkeypatch
):
    cast = committed_cast
    monkeypatch.setattr(selectors, "has_permit", lambda approval: True)  # the notary is a process of its own
    detect_only()
    assert protected.in_force().detect_only
    with stock_server(tmp_path) as url, Estate(url) as estate:
        settings.MLFLOW_TRACKING_URI = url
        estate.model("loans", versions=2)
        reconcile.run_pass("new-versions", reconcile.mirror_registry)
        assigned("loans", cast.system)
        cast.model = RegisteredModel.objects.get(name="loans")
        promotion = a_promotion(cast)
        change = applying.request_apply(promotion_id=promotion.pk, person=cast.engineer)
        assert tasks.carry_out(str(change.pk)) == "done"
        assert fresh(promotion).state == PromotionRequest.State.APPLIED
        grant = ApplyGrant.objects.get(change=change)
        assert grant.used_at
        assert grant.written_at
        assert reconcile.run_pass("aliases", reconcile.watch_aliases).findings == []
        estate.alias("loans", "champion", 2)
        (title,) = reconcile.run_pass("aliases", reconcile.watch_aliases).findings
        assert title.startswith("Unapproved champion: MLflow has loans version 2 there")
        assert Finding.objects.get(code="unapproved-alias").severity == "critical"
