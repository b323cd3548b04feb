"""Promotions, permits and the gate's decisions, over HTTP."""

import hmac
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.idempotency import idempotent
from governance.accounts.narrow import actor
from governance.approvals import services as approvals
from governance.common import clock
from governance.common.broker import enqueue_on_commit
from governance.common.errors import InvalidInput, Unknown
from governance.common.pagination import lists, paged
from governance.common.preconditions import etag, if_match, lock
from governance.evidence.tasks import enqueue
from placet.mlflow_plugin.protection import fold
from placet.uris import OUTSIDE, split_workspace
from registry import applying, gate, mlflow, permit_status, promotions, renewals, selectors, tasks
from registry.api.serializers import (
    GateInput,
    GateOutput,
    ModelOutput,
    PermitOutput,
    PromotionInput,
    PromotionOutput,
    ReasonInput,
    ResubmissionInput,
    model_as_dict,
    promotion_as_dict,
    promotions_as_dicts,
)
from registry.models import PromotionRequest, RegisteredModel


def _tag(promotion: PromotionRequest) -> str:
    """Return the ETag of a promotion: it changes with the promotion, its approval and each decision on that."""
    return etag(promotion, promotion.approval, *promotion.approval.decisions.order_by("decided_at", "pk"))


def locked_tag(request: Request, promotion: str) -> str:
    """Return the ETag of a promotion, locked with its approval."""
    found = selectors.promotion_for(actor(request), promotion)
    lock(found.approval, found)  # in the order in which the services take them
    return _tag(selectors.promotion(promotion))


def _answer(promotion: PromotionRequest, code: int = status.HTTP_200_OK) -> Response:
    """Return a promotion as it stands now."""
    now = selectors.promotion(promotion.pk)
    headers = {"ETag": _tag(now)}
    if code == status.HTTP_202_ACCEPTED:
        headers["Location"] = f"/api/v1/promotion-requests/{now.pk}"
    return Response(PromotionOutput(promotion_as_dict(now)).data, status=code, headers=headers)


class PromotionRequests(APIView):
    """``/api/v1/promotion-requests``."""

    scope = {"GET": "promotions:read", "POST": "promotions:write"}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Ask whether MLflow answers, before any transaction: an outside call has no place in one."""
        super().initial(request, *args, **kwargs)
        if request.method == "POST" and not _is_outside(request):
            mlflow.require_up()

    @extend_schema(
        request=PromotionInput,
        responses={202: PromotionOutput},
        summary="Request that a version gets a governed alias",
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Open a promotion; evidence is produced in the background."""
        payload = PromotionInput(data=request.data)
        payload.is_valid(raise_exception=True)
        promotion, jobs = promotions.request_promotion(requester=actor(request), **payload.validated_data)
        enqueue(jobs)
        return _answer(promotion, status.HTTP_202_ACCEPTED)

    @lists(PromotionOutput, summary="List promotions, newest first", filters=["model", "alias", "state"])
    def get(self, request: Request) -> Response:
        """Return promotions, newest first; filter by ``model``, ``alias`` and ``state``."""
        rows = selectors.promotions_for(actor(request))
        for name in ("alias", "state"):
            if value := request.query_params.get(name):
                rows = rows.filter(**{name: value})
        if value := request.query_params.get("model"):
            rows = rows.filter(**selectors.called(value, "version__model__"))
        return paged(
            request,
            rows,
            newest_by="made_at",
            as_json=lambda page: PromotionOutput(promotions_as_dicts(page), many=True).data,
        )


def _is_outside(request: Request) -> bool:
    """Return whether the model that a request names is in no MLflow, so that none need answer."""
    model = request.data.get("model") if isinstance(request.data, Mapping) else None
    return isinstance(model, str) and split_workspace(model)[0] == OUTSIDE


class PromotionDetail(APIView):
    """``/api/v1/promotion-requests/{id or PR-number}``."""

    scope = "promotions:read"

    @extend_schema(responses=PromotionOutput, summary="Follow one promotion")
    def get(self, request: Request, promotion: str) -> Response:
        """Return state, verdict, checks, stages, jobs, and what must happen next, with its ETag."""
        return _answer(selectors.promotion_for(actor(request), promotion))


class Applications(APIView):
    """``/api/v1/promotion-requests/{id or PR-number}/applications``."""

    scope = "promotions:write"

    @extend_schema(request=None, responses={202: PromotionOutput}, summary="Apply an approved promotion")
    @idempotent
    @if_match(locked_tag)
    def post(self, request: Request, promotion: str) -> Response:
        """Have Placet set the alias; follow the promotion until it is ``applied``."""
        found = selectors.promotion_for(actor(request), promotion)
        change = applying.request_apply(promotion_id=found.pk, person=actor(request))
        enqueue_on_commit(tasks.carry_out, *([change.pk] if change else []))
        return _answer(found, status.HTTP_202_ACCEPTED)


class Resubmissions(APIView):
    """``/api/v1/promotion-requests/{id or PR-number}/resubmissions``."""

    scope = "promotions:write"

    @extend_schema(request=ResubmissionInput, responses={202: PromotionOutput}, summary="Answer requested changes")
    @idempotent
    @if_match(locked_tag)
    def post(self, request: Request, promotion: str) -> Response:
        """Start a new round of the same request, on the newest evidence."""
        payload = ResubmissionInput(data=request.data)
        payload.is_valid(raise_exception=True)
        found = selectors.promotion_for(actor(request), promotion)
        enqueue(promotions.resubmit(promotion_id=found.pk, requester=actor(request), **payload.validated_data))
        return _answer(found, status.HTTP_202_ACCEPTED)


class Withdrawals(APIView):
    """``/api/v1/promotion-requests/{id or PR-number}/withdrawals``."""

    scope = "promotions:write"

    @extend_schema(request=ReasonInput, responses={200: PromotionOutput}, summary="Take an open request back")
    @idempotent
    @if_match(locked_tag)
    def post(self, request: Request, promotion: str) -> Response:
        """Withdraw a request that is not settled yet; the version can be requested again afterwards."""
        payload = ReasonInput(data=request.data)
        payload.is_valid(raise_exception=True)
        found = selectors.promotion_for(actor(request), promotion)
        approvals.withdraw(request_id=found.approval_id, requester=actor(request), **payload.validated_data)
        return _answer(found)


class Renewals(APIView):
    """``/api/v1/promotion-requests/{id or PR-number}/renewals``."""

    scope = "promotions:write"

    @extend_schema(request=None, responses={202: PromotionOutput}, summary="Ask that an approval be renewed")
    @idempotent
    @if_match(locked_tag)
    def post(self, request: Request, promotion: str) -> Response:
        """Ask for the renewal of what is live, near the end of its approval; evidence is made in the background."""
        found = selectors.promotion_for(actor(request), promotion)
        renewal, jobs = renewals.request_renewal(promotion_id=found.pk, requester=actor(request))
        enqueue(jobs)
        return _answer(renewal, status.HTTP_202_ACCEPTED)


def model_tag(row: RegisteredModel) -> str:
    """Return the ETag of a model: it changes with its system, with each version mirrored, and with what is live."""
    versions = row.versions.order_by("number", "pk")
    return etag(row, *versions, *row.alias_history.filter(during__endswith__isnull=True).order_by("alias"))


class ModelDetail(APIView):
    """``/api/v1/registered-models/{name}``."""

    scope = "promotions:read"

    @extend_schema(responses=ModelOutput, summary="One model with its versions and what is live")
    def get(self, request: Request, name: str) -> Response:
        """Return what Placet has mirrored of a model, with its ETag."""
        row = selectors.model_for(actor(request), name)
        return Response(model_as_dict(row), headers={"ETag": model_tag(row)})


class Permits(APIView):
    """``/api/v1/permits``."""

    permission_classes = [AllowAny]
    authentication_classes: list[type[BaseAuthentication]] = []

    @extend_schema(
        responses=PermitOutput,
        summary="The permit behind an alias",
        parameters=[OpenApiParameter("model", str, required=True), OpenApiParameter("alias", str, required=True)],
    )
    def get(self, request: Request) -> Response:
        """Return the signed permit and its status. Public, as serving hosts have no account; it holds no secret."""
        name, alias = request.query_params.get("model"), request.query_params.get("alias")
        if not name or not alias:
            raise InvalidInput("Give both query parameters: model and alias.")
        live = selectors.live(selectors.model(name), fold(alias))
        permit = selectors.permit_behind(live) if live else None
        if live and live.adoption:
            raise Unknown(
                f"{live.version} is {live.alias} as it was when Placet came: grandfathered until "
                f"{clock.day(live.adoption.deadline)}: no permit. Request its promotion to get one."
            )
        if live and live.version.is_recorded:
            raise Unknown(f"{live.version} is in no MLflow: no permit, and nothing is enforced at its use.")
        if permit is None:
            raise Unknown(f"Nothing that Placet approved is behind {alias} of {name}.")
        body = {
            "envelope": permit.envelope,
            "status": permit_status.status_of(permit),
            "reason": permit.approval.state_reason if permit.approval else "One person broke the glass.",
            "refuse_new_loads": permit_status.refuses_loads(permit),
        }
        return Response(PermitOutput(body).data)


class _GateToken(BaseAuthentication):
    """The plugin's shared token; it identifies the MLflow server, not a person."""

    def authenticate(self, request: Request) -> None:
        words = get_authorization_header(request).decode("latin-1").split()
        given = words[1] if len(words) == 2 and words[0].lower() == "bearer" else ""
        if not settings.GATE_TOKEN or not hmac.compare_digest(given.encode(), settings.GATE_TOKEN.encode()):
            raise AuthenticationFailed(
                "Only the governed MLflow server asks here; check PLACET_GATE_TOKEN on both sides."
            )

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class GateDecisions(APIView):
    """``/api/v1/gate/decisions``."""

    authentication_classes = [_GateToken]
    permission_classes = [AllowAny]

    @extend_schema(request=GateInput, responses=GateOutput, summary="May this identity do this in MLflow?")
    def post(self, request: Request) -> Response:
        """Answer ALLOW, or a sentence that says what to do; log the attempt."""
        payload = GateInput(data=request.data)
        payload.is_valid(raise_exception=True)
        return Response(gate.decide(**payload.validated_data).as_json())
