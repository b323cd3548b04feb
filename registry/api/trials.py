"""What asking for an alias would come to, over HTTP: the policy's verdict without a request."""

from collections.abc import Mapping
from typing import Any, get_args

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.idempotency import idempotent
from governance.accounts.narrow import actor
from governance.approvals.models import ChangeClass
from governance.evidence.tasks import enqueue
from registry import trials
from registry.api.serializers import CheckOutput, StageOutput
from registry.reviewing.stages import stages_of


class TrialInput(serializers.Serializer[Any]):
    """What an engineer would ask for, and whether evidence that is missing shall be made."""

    model = serializers.CharField(max_length=256, help_text="Registered model; `team-a:name` in another workspace.")
    version = serializers.IntegerField(min_value=1)
    alias = serializers.CharField(max_length=255, help_text="The governed alias, such as champion.")
    change_class = serializers.ChoiceField(
        choices=ChangeClass.choices, required=False, default=ChangeClass.NON_SUBSTANTIAL
    )
    make_evidence = serializers.BooleanField(
        required=False, default=False, help_text="Have what is not made yet made; the request then finds it."
    )


class PieceOutput(serializers.Serializer[Any]):
    """One piece of evidence that the policy wants, and how it stands."""

    type = serializers.CharField()
    kind = serializers.CharField(allow_blank=True, help_text="Of a document that people submit.")
    state = serializers.ChoiceField(choices=get_args(trials.Standing))
    evidence = serializers.UUIDField(allow_null=True)
    error = serializers.CharField(allow_blank=True)


class TrialOutput(serializers.Serializer[Any]):
    """What a request would be told: no request was opened."""

    model = serializers.CharField()
    version = serializers.IntegerField()
    alias = serializers.CharField()
    artifact_digest = serializers.CharField()
    dataset = serializers.CharField(allow_blank=True, help_text="Digest of the rows that evidence is made on.")
    policy = serializers.CharField()
    policy_digest = serializers.CharField()
    verdict = serializers.ChoiceField(choices=["ALLOW", "HOLD", "BLOCK"])
    reason = serializers.CharField(allow_blank=True)
    checks = CheckOutput(many=True)
    evidence = PieceOutput(many=True)
    under_way = serializers.BooleanField(help_text="Evidence is being made: ask again.")
    stages = StageOutput(many=True)


def trial_as_dict(trial: trials.Trial) -> dict[str, Any]:
    """Return the plain form that :class:`TrialOutput` describes."""
    verdict = trial.verdict.as_json()
    return {
        "model": str(trial.candidate.model),
        "version": trial.candidate.number,
        "alias": trial.alias,
        "artifact_digest": trial.candidate.artifact_digest,
        "dataset": trial.dataset,
        "policy": verdict["policy"],
        "policy_digest": verdict["policy_digest"],
        "verdict": verdict["outcome"],
        "reason": verdict["reason"],
        "checks": verdict["checks"],
        "evidence": [
            {
                "type": piece.type,
                "kind": piece.kind,
                "state": piece.standing,
                "evidence": piece.evidence,
                "error": piece.error,
            }
            for piece in trial.evidence
        ],
        "under_way": trial.under_way,
        "stages": stages_of(trial.approval, []),
    }


class PromotionChecks(APIView):
    """``/api/v1/promotion-checks``."""

    scope = "promotions:write"

    @extend_schema(request=TrialInput, responses=TrialOutput, summary="Hold a version against the policy of an alias")
    @idempotent
    def post(self, request: Request) -> Response:
        """Return what a promotion request would be told now; no request is opened, and nobody is asked to decide."""
        payload = TrialInput(data=request.data)
        payload.is_valid(raise_exception=True)
        wanted = dict(payload.validated_data)
        make = wanted.pop("make_evidence")
        found = trials.try_promotion(requester=actor(request), **wanted)
        if make:
            found = _made(found, wanted, request)
        return Response(TrialOutput(trial_as_dict(found)).data)


def _made(found: trials.Trial, wanted: Mapping[str, Any], request: Request) -> trials.Trial:
    """Have what is missing made, and return the trial as it stands then."""
    with transaction.atomic():
        jobs = trials.ask_for_evidence(found)
    if not jobs:
        return found
    enqueue(jobs)
    return trials.try_promotion(requester=actor(request), **wanted)
