"""Drafting and publishing: what is refused, and with which answer."""

from __future__ import annotations

import uuid

import pytest
from django.db import transaction

from governance.accounts.roles import Role
from governance.approvals.errors import DataUnfit
from governance.approvals.models import ApprovalRequest
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Unknown
from governance.policy import services
from governance.policy.document import parse
from governance.policy.models import PolicyVersion
from governance.policy.problems import InvalidPolicy
from registry.models import DatasetSnapshot
from tests.factories import SETUP, Cast, a_dataset, a_policy_text, a_user
from tests.healthy_mlflow import healthy_mlflow

PROMISES = a_policy_text(("dataset: evaluation", "dataset: training"))


def test_publishing_a_version_that_does_not_exist_is_answered_404_over_the_api(db, client):
    publisher = a_user(Role.POLICY_PUBLISHER)
    with pytest.raises(Unknown):
        services.publish_policy(version_id=uuid.uuid4(), publisher=publisher)
    client.force_login(publisher)
    answer = client.post(f"/api/v1/policies/{uuid.uuid4()}/publications", content_type="application/json")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_a_policy_that_promises_what_is_not_enforced_is_neither_kept_nor_published(db):
    author = a_user(Role.POLICY_AUTHOR)
    with pytest.raises(InvalidPolicy, match="`dataset: training` is not enforced yet"):
        services.draft_policy(text=PROMISES, author=author)
    document = parse(PROMISES)
    old = PolicyVersion(  # drafted while nobody asked
        name=document.name, number=1, text=PROMISES, digest=document.digest, author=author, made_at=clock.now()
    )
    with transaction.atomic():
        audit.append(event=Event.POLICY_DRAFTED, actor=SETUP, subjects=[old], data={"made": "by a test"})
    with pytest.raises(InvalidPolicy, match=r"\.dataset, line"):
        services.publish_policy(version_id=old.pk, publisher=a_user(Role.POLICY_PUBLISHER))
    assert PolicyVersion.objects.get(pk=old.pk).published_at is None


def test_evidence_is_asked_for_on_data_of_the_role_that_the_policy_names(db, settings):
    with healthy_mlflow() as address:
        settings.MLFLOW_TRACKING_URI = address
        cast = Cast()
        training = a_dataset("training rows")
        with transaction.atomic():
            training.role = DatasetSnapshot.Role.TRAINING
            audit.append(event=Event.DATASET_MIRRORED, actor=SETUP, subjects=[training], data={"made": "by a test"})
        with pytest.raises(DataUnfit, match="wants performance/v1 on evaluation data"):
            cast.promotion(evaluation_dataset=training)
        assert not ApprovalRequest.objects.exists()
        cast.promotion(number=2)
