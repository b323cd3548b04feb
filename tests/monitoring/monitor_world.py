"""A governed world for monitors: a live version with an approval, its reference data, people, a token; and a worker."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import numpy as np

from governance.common.clock import rfc3339
from monitoring import scoring
from monitoring.crosscheck_result import CrossCheck
from monitoring.intake import JSON_LINES
from tests.factories import CREDIT_POLICY

FEATURES = ["amount", "months", "purpose"]
START = datetime(2026, 11, 2, tzinfo=UTC)


def a_frame(n: int, *, seed: int, shift: float = 0.0) -> Any:
    """Return n rows of features; ``shift`` moves ``months`` by that many standard deviations."""
    import pandas as pd

    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "amount": rng.lognormal(8, 0.7, n),
            "months": np.maximum(rng.normal(21 + 12 * shift, 12, n).round(), 1).astype(int),
            "purpose": rng.choice(["car", "radio", "business"], n, p=[0.5, 0.4, 0.1]),
        }
    )


def scores_of(frame: Any) -> np.ndarray[Any, Any]:
    """Return the score of this world's model."""
    return np.asarray(1 / (1 + np.exp(-(frame["months"] - 21) / 12)), dtype=float)


def score_rows(version: Any, snapshot: Any, features: Any) -> scoring.Scored:
    """Score as the live model does; stands where the isolated child stands in production."""
    return scoring.Scored(scores_of(features), "in-process", {})


def lines_of(frame: Any, *, start: datetime = START, hours: float = 24 * 7) -> bytes:
    """Return rows as JSON lines with scores, spread evenly over ``hours`` from ``start``."""
    frame = frame.assign(prediction=scores_of(frame))
    step = timedelta(hours=hours) / len(frame)
    rows = []
    for place, row in enumerate(frame.to_dict("records")):
        rows.append(json.dumps({**row, "predicted_at": rfc3339(start + place * step)}))
    return "\n".join(rows).encode()


@dataclass
class World:
    """What the tests need of the rows below."""

    owner: Any
    engineer: Any
    auditor: Any
    service: Any
    token: str
    model: Any
    version: Any
    approval: Any
    snapshot: Any


def make_world(*, on_drift: str = "suspend", terms: str = "", reference: Any = None) -> World:
    """Make the rows of :class:`World`.

    Args:
        terms: what its policy says besides of monitoring, as lines of YAML.
        reference: the evaluation data, with its label and its sensitive columns; these are no features.
    """
    from django.db import transaction
    from psycopg.types.range import TimestamptzRange

    from governance.accounts.models import Grant, User
    from governance.accounts.services import create_token
    from governance.approvals.models import ApprovalRequest, State
    from governance.audit import services as audit
    from governance.audit.actors import System
    from governance.audit.events import Event
    from governance.common import clock
    from governance.evidence import storage as files
    from governance.inventory.models import AISystem
    from governance.policy.document import parse
    from governance.policy.models import PolicyVersion
    from registry.models import AliasHistory, DatasetSnapshot, ModelVersion, PromotionRequest, RegisteredModel

    now = clock.now()
    people = {
        name: User.objects.create_user(f"{name}@example.org", "long enough password", name=name.title())
        for name in ("owner", "engineer", "auditor")
    }
    service = User.objects.create_user("scoring@example.org", None, name="Scoring", sponsor=people["owner"])
    text = CREDIT_POLICY.replace("on_drift: suspend", f"on_drift: {on_drift}")
    text = text.replace("\nmonitoring:\n", f"\nmonitoring:\n{terms}")
    buffer = io.BytesIO()
    frame = a_frame(600, seed=1).assign(credit_risk="good") if reference is None else reference
    frame.to_parquet(buffer)
    sensitive = [name for name in frame.columns if name not in {*FEATURES, "credit_risk"}]
    grants = [
        Grant(person=people[name], role=name, valid_from=now - timedelta(days=1), valid_until=now + timedelta(days=90))
        for name in ("owner", "engineer", "auditor")
    ]
    ai_system = AISystem(
        slug="credit",
        name="Consumer credit",
        purpose="Score",
        owner=people["owner"],
        favourable_outcome="granted",
        ai_act_class="high",
        model_tier=1,
        made_at=now,
    )
    policy = PolicyVersion(
        name="credit-high-risk", number=1, text=text, digest=parse(text).digest, author=people["owner"], made_at=now
    )
    model = RegisteredModel(name="credit-risk", system=ai_system, mirrored_at=now)
    types = {"amount": "double", "months": "int64", "purpose": "large_string", "credit_risk": "large_string"}
    types |= dict.fromkeys(sensitive, "large_string")
    snapshot = DatasetSnapshot(
        digest=files.put(buffer.getvalue()),
        role="evaluation",
        uri="runs:/r/placet/evaluation.parquet",
        rows=len(frame),
        columns=[{"name": name, "type": type_} for name, type_ in types.items()],
        features=FEATURES,
        label="credit_risk",
        positive_label="bad",
        favourable_labels=["good"],
        sensitive_features=sensitive,
        mirrored_at=now,
    )
    version = ModelVersion(
        model=model,
        number=2,
        mlflow_created_at_ms=1,
        source="models:/x",
        storage_location="mlflow-artifacts:/x",
        artifact_digest="sha256:" + "ab" * 32,
        evaluation_dataset=snapshot,
        mirrored_at=now,
    )
    approval = ApprovalRequest(
        subject_kind="promotion",
        subject_id=version.pk,
        subject_name="credit-risk/2",
        subject_digest=version.artifact_digest,
        asks_for="alias champion",
        system=ai_system,
        policy_version=policy,
        requester=people["engineer"],
        excluded=[],
        stages=[],
        required_evidence=[],
        decide_within=timedelta(days=30),
        opened_at=now,
    )
    promotion = PromotionRequest(
        number=90,  # what is requested by its service counts from 1
        version=version,
        alias="champion",
        approval=approval,
        requester=people["engineer"],
        state="applied",
        made_at=now,
    )
    history = AliasHistory(
        model=model,
        alias="champion",
        version=version,
        promotion=promotion,
        during=TimestamptzRange(now - timedelta(hours=1), None, "[)"),
    )
    with transaction.atomic():
        audit.append(
            event=Event.MODEL_MIRRORED,
            actor=System("test"),
            subjects=[*grants, ai_system, policy, model, snapshot, version, approval, promotion, history],
        )
        # A request goes through its states; without stages, an open review is all that approval takes.
        approval.state, approval.review_opened_at, approval.manifest_digest = (
            State.IN_REVIEW,
            now,
            "sha256:" + "cd" * 32,
        )
        audit.append(event=Event.APPROVAL_REVIEW_OPENED, actor=System("test"), subjects=[approval])
        approval.state, approval.settled_at = State.APPROVED, now
        audit.append(event=Event.APPROVAL_APPROVED, actor=System("test"), subjects=[approval])
    token = create_token(holder=people["engineer"], label="t", scopes=["records:write"], days=1)
    return World(
        owner=people["owner"],
        engineer=people["engineer"],
        auditor=people["auditor"],
        service=service,
        token=token,
        model=model,
        version=version,
        approval=approval,
        snapshot=snapshot,
    )


def a_version(world: World, number: int) -> Any:
    """Return another version of the world's model, on the same evaluation data, behind no alias."""
    from django.db import transaction

    from governance.audit import services as audit
    from governance.audit.actors import System
    from governance.audit.events import Event
    from governance.common import clock
    from registry.models import ModelVersion

    version = ModelVersion(
        model=world.model,
        number=number,
        mlflow_created_at_ms=number,
        source="models:/x",
        storage_location="x",
        artifact_digest=f"sha256:{number:064x}",
        evaluation_dataset=world.snapshot,
        mirrored_at=clock.now(),
    )
    with transaction.atomic():
        audit.append(event=Event.VERSION_MIRRORED, actor=System("test"), subjects=[version])
    return version


def an_officer(world: World) -> Any:
    """Return the data protection officer of the world's system."""
    from django.db import transaction

    from governance.accounts.models import Grant, User
    from governance.audit import services as audit
    from governance.audit.actors import System
    from governance.audit.events import Event
    from governance.common import clock

    officer = User.objects.create_user("dpo@example.org", "long enough password", name="Dpo")
    now = clock.now()
    grant = Grant(
        person=officer,
        role="data_protection_officer",
        valid_from=now - timedelta(days=1),
        valid_until=now + timedelta(days=3650),
    )
    with transaction.atomic():
        audit.append(event=Event.ROLE_GRANTED, actor=System("test"), subjects=[grant])
    return officer


def send(monitor: Any, world: World, body: bytes, batch: str = "b-1", **more: Any) -> Any:
    """Take one batch in."""
    from monitoring import services

    facts = {"content_type": JSON_LINES, "sender": world.service, **more}
    return services.accept_records(monitor_id=monitor.pk, batch_id=batch, body=body, **facts)


def without_evidently(reference: Any, window: Any, *, kinds: Any, html: bool = False) -> CrossCheck:
    """Stand where Evidently stands, whose import takes ten seconds; it has a test of its own."""
    return CrossCheck({}, "not run", (len(reference), len(window)), None, html=b"<html>" if html else None)


def run_job(job: Any, *, check: Any = without_evidently) -> Any:
    """Do what the evidence worker does with a job."""
    from governance.evidence import services as evidence
    from governance.evidence.producers import Task
    from monitoring import crosscheck, producer
    from monitoring.models import DriftRun

    attempt = evidence.claim(job.pk)
    task = Task(
        job_id=job.pk,
        type=job.type,
        subject_digest=job.subject_digest,
        dataset_digest=job.dataset_digest,
        baseline_digest="",
        parameters=job.parameters,
        seed=7,
        progress=lambda *_: None,
    )
    with patch.object(crosscheck, "compare", check):
        product = producer.measure_drift(task)
    evidence.finish(job.pk, attempt, product)
    return DriftRun.objects.get(pk=job.pk)


def measure(monitor: Any, **window: Any) -> Any:
    """Ask for a run and do it."""
    from monitoring import runs

    return run_job(runs.request_run(monitor_id=monitor.pk, **window))


def measure_week(monitor: Any, week: int = 0, **more: Any) -> Any:
    """Have a week of the calendar measured: only such windows alarm."""
    start = START + week * timedelta(days=7)
    return measure(monitor, start=start, end=start + timedelta(days=7), **more)
