"""Show Placet's state where engineers look: in MLflow's tags ``gov.*``, which nobody else may write there.

They are also what the plugin reads to know, without asking, which versions' files are frozen. Only ``gov.status`` says
so: a version without one, or whose request ended in nothing, is free.
"""

import base64
import json
import logging
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import httpx
from django.conf import settings

from governance.approvals.models import GRANTED, OPEN, State
from governance.common import clock
from registry import locks, mlflow, selectors, standby
from registry.errors import MlflowDown, UnknownModel
from registry.models import AliasHistory, Marking, ModelVersion, Permit, PromotionRequest, RegisteredModel

log = logging.getLogger(__name__)
STATUS, CASE_URL, DIGEST, PERMIT = "gov.status", "gov.case_url", "gov.digest", "gov.permit"
Tags = dict[str, str]
RELEASED = frozenset({State.REJECTED, State.WITHDRAWN, State.EXPIRED, State.REVOKED})
"""What ends in nothing: MLflow's plugin freezes no files for it (placet.mlflow_plugin.freeze.ENDED)."""


def mark_all() -> int:
    """Bring every tag up to date that is not; return how many models and versions changed.

    One at a time, and without MLflow nothing: what is missing is set the next time.
    """
    changed = 0
    with locks.held("mark models") as mine:
        if not mine:
            return 0
        try:
            with mlflow.Client() as client:
                for model, version, wanted in _due():
                    changed += _mark(client.within(model.workspace), model, version, wanted)
        except MlflowDown as down:
            log.warning("MLflow's tags are not up to date: %s", down.detail)
    return changed


def tags_of(
    version: ModelVersion, promotion: PromotionRequest | None, span: AliasHistory | None, permit: str = ""
) -> Tags:
    """Return the tags that a version should have; of its permit the digest, for which the envelope is written.

    Args:
        promotion: its newest request that did not end in nothing, else its newest.
        span: what it is live as.
        permit: the digest of the permit that it has.
    """
    if promotion is None and span is None:
        return {}
    where = f"promotions/{promotion.pk}" if promotion else f"models/{version.model_id}"
    return {
        STATUS: status_of(promotion, span),
        CASE_URL: f"{settings.BASE_URL}/{where}",
        DIGEST: version.artifact_digest,
        **({PERMIT: permit} if permit else {}),
    }


def status_of(promotion: PromotionRequest | None, span: AliasHistory | None) -> str:
    """Return one word: ``live`` or why what is live lost its force; else what became of the newest request."""
    if span:
        if span.promotion is None:
            return "break-glass" if span.opened_by else "grandfathered"
        state = span.promotion.approval.state
        return "live" if state in {State.APPROVED, State.RENEWED} else str(state)
    if promotion is None:
        return ""
    state = promotion.approval.state
    if state in GRANTED and promotion.state in {PromotionRequest.State.SUPERSEDED, PromotionRequest.State.ROLLED_BACK}:
        return str(promotion.state)
    if state in OPEN:
        return "in_review"
    return "approved" if state == State.RENEWED else str(state)


def encoded(permit: Permit) -> str:
    """Return a permit's envelope as a tag or header holds it: base64 of its JSON."""
    return base64.b64encode(json.dumps(permit.envelope, separators=(",", ":")).encode()).decode()


def _due() -> Iterable[tuple[RegisteredModel, ModelVersion | None, Tags]]:
    """Yield what has other tags than it should, with those that it should have; a few queries, whatever the number."""
    spans = {span.version_id: span for span in selectors.all_live_in_mlflow().select_related("opened_by")}
    newest: dict[Any, PromotionRequest] = {}
    rows = PromotionRequest.objects.exclude(version__origin=ModelVersion.Origin.RECORDED)
    rows = rows.select_related("approval", "version__model").order_by("made_at")
    for row in rows.iterator(chunk_size=500):
        known = newest.get(row.version_id)
        if known is None or row.approval.state not in RELEASED or known.approval.state in RELEASED:
            newest[row.version_id] = row  # an approval holds, whatever became of a later request for another alias
    signed = Permit.objects.filter(kind=Permit.Kind.SERVE).order_by("issued_at")
    permits: dict[uuid.UUID | None, str] = {
        approval or change: digest for approval, change, digest in signed.values_list("approval", "change", "digest")
    }
    held = {row.version_id: row.tags for row in Marking.objects.filter(version__isnull=False)}
    for pk in {*newest, *spans}:
        promotion, span = newest.get(pk), spans.get(pk)
        version = promotion.version if promotion else spans[pk].version
        wanted = tags_of(version, promotion, span, permits.get(_rests_on(promotion, span), ""))
        if wanted != held.get(pk, {}):
            yield version.model, version, wanted
    yield from _due_models(spans.values())


def _rests_on(promotion: PromotionRequest | None, span: AliasHistory | None) -> uuid.UUID | None:
    """Return the approval, or the broken glass, of which a version has its permit."""
    if span and span.promotion is None:
        return span.opened_by_id
    promotion = span.promotion if span else promotion
    return promotion.approval_id if promotion else None


def _due_models(spans: Iterable[AliasHistory]) -> Iterable[tuple[RegisteredModel, None, Tags]]:
    held = {row.model_id: row for row in Marking.objects.filter(version__isnull=True).select_related("model")}
    wanted: dict[Any, Tags] = {pk: {} for pk in held}
    models: dict[Any, RegisteredModel] = {pk: row.model for pk, row in held.items()}
    for span in spans:
        models[span.model_id] = span.version.model
        tags = wanted.setdefault(span.model_id, {})
        for kind in (Permit.Kind.ROLLBACK, Permit.Kind.STOP):
            if permit := standby.ready(span, kind):
                tags[f"gov.{kind.value}.{span.alias}"] = permit.digest
    for pk, tags in wanted.items():
        if tags != (held[pk].tags if pk in held else {}):
            yield models[pk], None, tags


def _mark(client: mlflow.Client, model: RegisteredModel, version: ModelVersion | None, wanted: Tags) -> int:
    row = Marking.objects.filter(model=model, version=version).first()
    row = row or Marking(model=model, version=version)
    try:
        _write(client, model, version, row.tags, wanted)
    except UnknownModel as gone:  # the reconciler reports what matters of that; here there is nothing to mark
        log.warning("%s can't be marked in MLflow: %s", version or model, gone.detail)
    except (PermissionError, httpx.HTTPStatusError) as error:
        log.warning("%s can't be marked in MLflow: %s", version or model, error)
        return 0
    row.tags, row.set_at = wanted, clock.now()
    row.save()
    return 1


def _write(
    client: mlflow.Client,
    model: RegisteredModel,
    version: ModelVersion | None,
    held: Mapping[str, str],
    wanted: Mapping[str, str],
) -> None:
    number = version.number if version else None
    if version and client.version(model.name, version.number).created_at_ms != version.mlflow_created_at_ms:
        raise UnknownModel(f"MLflow has another version {version.number} now.")
    for key, value in wanted.items():
        if held.get(key) != value:
            client.set_tag(model.name, number, key, _written(key, value))
    for key in held.keys() - wanted.keys():
        client.delete_tag(model.name, number, key)


def _written(key: str, value: str) -> str:
    """Return what stands in MLflow for a tag: of a permit its envelope."""
    return value if key in {STATUS, CASE_URL, DIGEST} else encoded(Permit.objects.get(digest=value))
