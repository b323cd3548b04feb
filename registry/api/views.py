"""Promotions, permits and the gate's decisions, over HTTP."""

import hmac
import uuid
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

from governance.accounts.idempotency import once
from governance.accounts.narrow import actor, deciding_person
from governance.approvals import services as approvals
from governance.common.errors import InvalidInput, Unknown
from governance.evidence.tasks import enqueue
from governance.inventory import selectors as inventory
from placet.mlflow_plugin.protection import fold
from registry import applying, gate, mlflow, permits, promotions, selectors, tasks
from registry.api.serializers import (
    AssignmentInput,
    GateInput,
    GateOutput,
    ModelOutput,
    PermitOutput,
    PromotionInput,
    PromotionOutput,
    ReasonInput,
    model_as_dict,
    promotion_as_dict,
    promotions_as_dicts,
)


class PromotionRequests(APIView):
    """``/api/v1/promotion-requests``."""

    scope = "promotions:write"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Ask whether MLflow answers, before any transaction: an outside call has no place in one."""
        super().initial(request, *args, **kwargs)
        if request.method == "POST":
            mlflow.require_up()

    @extend_schema(
        request=PromotionInput,
        responses={202: PromotionOutput},
        parameters=[OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER)],
        summary="Request that a version gets a governed alias",
    )
    def post(self, request: Request) -> Response:
        """Open a promotion; evidence is produced in the background."""
        payload = PromotionInput(data=request.data)
        payload.is_valid(raise_exception=True)
        person = actor(request)

        def make() -> Response:
            promotion, jobs = promotions.request_promotion(requester=person, **payload.validated_data)
            enqueue(jobs)
            made = selectors.promotion(promotion.pk)
            return Response(
                PromotionOutput(promotion_as_dict(made)).data,
                status=status.HTTP_202_ACCEPTED,
                headers={"Location": f"/api/v1/promotion-requests/{made.pk}"},
            )

        return once(request, person, make)

    @extend_schema(responses=PromotionOutput(many=True), summary="List promotions, newest first")
    def get(self, request: Request) -> Response:
        """Return the newest promotions, at most 200; filter by ``model``, ``alias`` and ``state``."""
        rows = selectors.promotions().order_by("-made_at")
        for name, field in (("model", "version__model__name"), ("alias", "alias"), ("state", "state")):
            if value := request.query_params.get(name):
                rows = rows.filter(**{field: value})
        return Response(PromotionOutput(promotions_as_dicts(rows[:50]), many=True).data)


class PromotionDetail(APIView):
    """``/api/v1/promotion-requests/{id}``."""

    scope = "promotions:read"

    @extend_schema(responses=PromotionOutput, summary="Follow one promotion")
    def get(self, request: Request, promotion_id: uuid.UUID) -> Response:
        """Return state, verdict, checks, stages, jobs, and what must happen next."""
        return Response(PromotionOutput(promotion_as_dict(selectors.promotion(promotion_id))).data)


class Applications(APIView):
    """``/api/v1/promotion-requests/{id}/applications``."""

    scope = "promotions:write"

    @extend_schema(request=None, responses={202: PromotionOutput}, summary="Apply an approved promotion")
    def post(self, request: Request, promotion_id: uuid.UUID) -> Response:
        """Have Placet set the alias; follow the promotion until it is ``applied``."""
        selectors.promotion(promotion_id)
        applying.request_apply(promotion_id=promotion_id, person=actor(request))
        tasks.apply_promotion.delay_on_commit(str(promotion_id))
        made = selectors.promotion(promotion_id)
        return Response(PromotionOutput(promotion_as_dict(made)).data, status=status.HTTP_202_ACCEPTED)


class Resubmissions(APIView):
    """``/api/v1/promotion-requests/{id}/resubmissions``."""

    scope = "promotions:write"

    @extend_schema(request=ReasonInput, responses={202: PromotionOutput}, summary="Answer requested changes")
    def post(self, request: Request, promotion_id: uuid.UUID) -> Response:
        """Start a new round of the same request, on the newest evidence."""
        payload = ReasonInput(data=request.data)
        payload.is_valid(raise_exception=True)
        enqueue(promotions.resubmit(promotion_id=promotion_id, requester=actor(request), **payload.validated_data))
        made = selectors.promotion(promotion_id)
        return Response(PromotionOutput(promotion_as_dict(made)).data, status=status.HTTP_202_ACCEPTED)


class Withdrawals(APIView):
    """``/api/v1/promotion-requests/{id}/withdrawals``."""

    scope = "promotions:write"

    @extend_schema(request=ReasonInput, responses={200: PromotionOutput}, summary="Take an open request back")
    def post(self, request: Request, promotion_id: uuid.UUID) -> Response:
        """Withdraw a request that is not settled yet; the version can be requested again afterwards."""
        payload = ReasonInput(data=request.data)
        payload.is_valid(raise_exception=True)
        found = selectors.promotion(promotion_id)
        approvals.withdraw(request_id=found.approval_id, requester=actor(request), **payload.validated_data)
        return Response(PromotionOutput(promotion_as_dict(selectors.promotion(promotion_id))).data)


class ModelAssignment(APIView):
    """``/api/v1/registered-models/{name}/system``."""

    @extend_schema(request=AssignmentInput, responses={200: ModelOutput}, summary="Assign a model to an AI system")
    def put(self, request: Request, name: str) -> Response:
        """Say which AI system a model serves; without one, nothing of it is promoted."""
        payload = AssignmentInput(data=request.data)
        payload.is_valid(raise_exception=True)
        row = promotions.assign_model(
            model=name, ai_system=inventory.system(payload.validated_data["system"]), person=deciding_person(request)
        )
        return Response(model_as_dict(row))


class ModelDetail(APIView):
    """``/api/v1/registered-models/{name}``."""

    scope = "promotions:read"

    @extend_schema(responses=ModelOutput, summary="One model with its versions and what is live")
    def get(self, request: Request, name: str) -> Response:
        """Return what Placet has mirrored of a model."""
        return Response(model_as_dict(selectors.model(name)))


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
        permit = selectors.permit_for(live.promotion.approval) if live and live.promotion else None
        if permit is None:
            raise Unknown(f"Nothing that Placet approved is behind {alias} of {name}.")
        word = permits.status_of(permit)
        body = {
            "envelope": permit.envelope,
            "status": word,
            "reason": permit.approval.state_reason,
            "refuse_new_loads": permits.refuses_loads(permit),
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
