"""Input and output of the promotion, permit and gate endpoints."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from rest_framework import serializers

from governance.approvals.models import ChangeClass
from governance.evidence.models import EvidenceJob
from placet.mlflow_plugin.identity import GRANT_LIMIT
from registry import protected
from registry.models import PromotionRequest, RegisteredModel
from registry.reviewing.evidence import jobs_of
from registry.reviewing.stages import next_step, stages_of


class PromotionInput(serializers.Serializer[Any]):
    """What an engineer asks for."""

    model = serializers.CharField(max_length=256, help_text="Registered model; `team-a:name` in another workspace.")
    version = serializers.IntegerField(min_value=1)
    alias = serializers.CharField(max_length=255, help_text="The governed alias, such as champion.")
    use_restrictions = serializers.ListField(child=serializers.CharField(max_length=200), required=False, default=list)
    change_class = serializers.ChoiceField(
        choices=ChangeClass.choices, required=False, default=ChangeClass.NON_SUBSTANTIAL
    )
    in_answer_to = serializers.CharField(
        max_length=20, required=False, allow_blank=True, default="", help_text="The alert that it answers: AL-7."
    )


class ReasonInput(serializers.Serializer[Any]):
    """Why, in a sentence; it is kept in the log."""

    reason = serializers.CharField(min_length=10, max_length=2000)


class ResubmissionInput(ReasonInput):
    """How requested changes were answered, and the change class where it is another now."""

    change_class = serializers.ChoiceField(choices=ChangeClass.choices, required=False, default="")


class CheckOutput(serializers.Serializer[Any]):
    """One check of the policy, as it stands."""

    id = serializers.CharField()
    title = serializers.CharField()
    outcome = serializers.CharField()
    value = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    n = serializers.IntegerField(allow_null=True)
    limit = serializers.FloatField(allow_null=True)
    evidence_type = serializers.CharField(allow_null=True)
    reason = serializers.CharField()
    effect = serializers.CharField()


class StageOutput(serializers.Serializer[Any]):
    """One round of signatures."""

    name = serializers.CharField()
    roles = serializers.ListField(child=serializers.CharField())
    quorum = serializers.IntegerField()
    signed = serializers.IntegerField()
    state = serializers.CharField()


class ApprovalOutput(serializers.Serializer[Any]):
    """The approval behind a promotion."""

    id = serializers.UUIDField()
    state = serializers.CharField()
    verdict = serializers.CharField(allow_null=True)
    reason = serializers.CharField(allow_blank=True)
    policy = serializers.CharField()
    manifest_digest = serializers.CharField(allow_blank=True)
    valid_until = serializers.DateTimeField(allow_null=True)
    checks = CheckOutput(many=True)
    stages = StageOutput(many=True)


class JobOutput(serializers.Serializer[Any]):
    """One piece of evidence being made."""

    type = serializers.CharField()
    state = serializers.CharField()
    done = serializers.IntegerField()
    total = serializers.IntegerField()
    message = serializers.CharField(allow_blank=True)
    attempts = serializers.IntegerField()
    error = serializers.CharField(allow_blank=True)


class GateStateOutput(serializers.Serializer[Any]):
    """What stands before a governed alias: the gate refuses a write past Placet, or it is only detected.

    `not-enforced`: no MLflow holds the model, so the verdict binds people and no machine.
    """

    kind = serializers.ChoiceField(choices=["governed", "detect-only", "not-enforced"])
    configuration = serializers.IntegerField(help_text="Number of the gate's configuration; 0: the settings' own.")


class PromotionOutput(serializers.Serializer[Any]):
    """A promotion with everything a terminal needs."""

    id = serializers.UUIDField()
    reference = serializers.CharField()
    state = serializers.CharField()
    model = serializers.CharField()
    version = serializers.IntegerField()
    alias = serializers.CharField()
    url = serializers.URLField()
    next_step = serializers.CharField()
    made_at = serializers.DateTimeField()
    in_answer_to = serializers.CharField(allow_blank=True)
    approval = ApprovalOutput()
    jobs = JobOutput(many=True)
    gate = GateStateOutput()


def promotions_as_dicts(promotions: Iterable[PromotionRequest]) -> list[dict[str, Any]]:
    """Return the plain form of each; their evidence jobs are asked for once."""
    rows = list(promotions)
    jobs, gate = jobs_of([row.approval for row in rows]), protected.in_force()
    return [promotion_as_dict(row, jobs[row.approval_id], gate) for row in rows]


def promotion_as_dict(
    promotion: PromotionRequest,
    jobs: Sequence[EvidenceJob] | None = None,
    gate: protected.Protected | None = None,
) -> dict[str, Any]:
    """Return the plain form that :class:`PromotionOutput` describes."""
    approval = promotion.approval
    jobs = jobs_of([approval])[approval.pk] if jobs is None else jobs
    decisions = sorted(approval.decisions.all(), key=lambda row: row.decided_at)
    return {
        "id": promotion.pk,
        "reference": str(promotion),
        "state": promotion.state,
        "model": str(promotion.version.model),
        "version": promotion.version.number,
        "alias": promotion.alias,
        "url": f"{settings.BASE_URL}/promotions/{promotion.pk}",
        "next_step": next_step(promotion, jobs),
        "made_at": promotion.made_at,
        "in_answer_to": promotion.in_answer_to,
        "approval": {
            "id": approval.pk,
            "state": approval.state,
            "verdict": approval.outcome or None,
            "reason": approval.state_reason or approval.verdict.get("reason", ""),
            "policy": str(approval.policy_version),
            "manifest_digest": approval.manifest_digest,
            "valid_until": approval.valid_until,
            "checks": approval.verdict.get("checks", []),
            "stages": stages_of(approval, decisions),
        },
        "jobs": [
            {
                "type": job.type,
                "state": job.state,
                "done": job.steps_done,
                "total": job.steps_total,
                "message": job.message,
                "attempts": job.attempts,
                "error": job.error,
            }
            for job in jobs
        ],
        "gate": (gate or protected.in_force()).said_of(promotion.version.model),
    }


class GateInput(serializers.Serializer[Any]):
    """One attempt, as MLflow's plugin saw it."""

    identity = serializers.DictField()
    action = serializers.CharField(max_length=40)
    subject = serializers.DictField()
    detail = serializers.DictField(required=False, default=dict)
    grant = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        trim_whitespace=False,
        default=None,
        max_length=GRANT_LIMIT,
        help_text="As the caller sent it: also one that is none is an attempt, to be refused and logged.",
    )


class GateOutput(serializers.Serializer[Any]):
    """ALLOW, or a sentence and a link."""

    verdict = serializers.ChoiceField(choices=["ALLOW", "HOLD", "BLOCK"])
    detail = serializers.CharField(required=False)
    link = serializers.CharField(required=False)
    configuration = serializers.IntegerField(required=False, help_text="The number of what the gate protects now.")
    word = serializers.CharField(required=False, help_text="For MLflow's database, where it is hardened.")


class PermitOutput(serializers.Serializer[Any]):
    """The signed permit behind an alias, and whether it holds now."""

    envelope = serializers.DictField()
    status = serializers.ChoiceField(choices=["valid", "suspended", "revoked", "lapsed"])
    reason = serializers.CharField(allow_blank=True)
    refuse_new_loads = serializers.BooleanField()


class ModelOutput(serializers.Serializer[Any]):
    """A mirrored model."""

    name = serializers.CharField()
    system = serializers.CharField(allow_null=True)
    versions = serializers.ListField(child=serializers.DictField())
    live = serializers.DictField()
    gate = GateStateOutput()


def model_as_dict(row: RegisteredModel) -> dict[str, Any]:
    """Return the plain form that :class:`ModelOutput` describes."""
    return {
        "name": str(row),
        "system": row.system.slug if row.system else None,
        "versions": [
            {
                "number": version.number,
                "origin": version.origin,
                "described": version.described,
                "digest": version.artifact_digest,
                "problem": version.problem,
                "decision_threshold": version.decision_threshold,
                "evaluation_dataset": version.evaluation_dataset.digest if version.evaluation_dataset else None,
                "trained_by": version.trained_by.name if version.trained_by else None,
            }
            for version in row.versions.select_related("evaluation_dataset", "trained_by").order_by("number")
        ],
        "live": {
            item.alias: item.version.number
            for item in row.alias_history.filter(during__endswith__isnull=True).select_related("version")
        },
        "gate": protected.in_force().said_of(row),
    }
