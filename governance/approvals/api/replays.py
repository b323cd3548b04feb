"""Replays of policies over HTTP: ask for one, follow it, read what came out."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.idempotency import idempotent
from governance.accounts.narrow import actor
from governance.approvals import replay, replaying, tasks
from governance.approvals.models import PolicyReplay
from governance.common.broker import enqueue_on_commit
from governance.policy import selectors as policies


class PolicyReplayInput(serializers.Serializer[Any]):
    """A policy's text, or one of its versions, and how many of the newest requests to take."""

    text = serializers.CharField(trim_whitespace=False, required=False)
    version = serializers.UUIDField(required=False, help_text="Id of a policy version, drafted or published.")
    most = serializers.IntegerField(
        required=False, default=replaying.USUAL, min_value=1, max_value=replaying.MOST, help_text="At most so many."
    )


class ChangedCheckOutput(serializers.Serializer[Any]):
    """A check that says or does something else; null where it is not asked at all."""

    id = serializers.CharField()
    title = serializers.CharField()
    then = serializers.CharField(allow_null=True)
    now = serializers.CharField(allow_null=True)
    effect_then = serializers.CharField(allow_null=True)
    effect_now = serializers.CharField(allow_null=True)


class LackingOutput(serializers.Serializer[Any]):
    """Evidence that the policy asks for and the request has not as asked."""

    type = serializers.CharField()
    why = serializers.CharField()


class ReplayedRequestOutput(serializers.Serializer[Any]):
    """One past request: its verdict then, and as it would be under the policy."""

    case = serializers.UUIDField(help_text="Id of the approval request.")
    then = serializers.CharField()
    now = serializers.CharField()
    way = serializers.ChoiceField(choices=["stricter", "looser", "same"])
    reason = serializers.CharField()
    changed_checks = ChangedCheckOutput(many=True)
    missing = LackingOutput(many=True)


class CountsOutput(serializers.Serializer[Any]):
    """The requests, counted; ``verdicts`` by pair of then and now, ``missing`` by type of evidence."""

    cases = serializers.IntegerField()
    changed = serializers.IntegerField()
    stricter = serializers.IntegerField()
    looser = serializers.IntegerField()
    verdicts = serializers.DictField(child=serializers.IntegerField())
    missing = serializers.DictField(child=serializers.IntegerField())


class PolicyReplayOutput(serializers.ModelSerializer[PolicyReplay]):
    """Where a replay stands. ``counts`` is null and ``result`` empty until it is ``done``."""

    counts = serializers.SerializerMethodField()
    result = ReplayedRequestOutput(many=True)

    class Meta:
        model = PolicyReplay
        fields = [
            "id",
            "policy_version",
            "policy_name",
            "policy_digest",
            "state",
            "steps_done",
            "steps_total",
            "error",
            "made_at",
            "finished_at",
            "counts",
            "result",
            "result_digest",
        ]

    @extend_schema_field(CountsOutput(allow_null=True))
    def get_counts(self, row: PolicyReplay) -> dict[str, Any] | None:
        """Return the counts of a replay that is done."""
        return row.counts or None


class PolicyReplays(APIView):
    """``/api/v1/policy-replays``."""

    scope = "policies:write"

    @extend_schema(
        request=PolicyReplayInput, responses={202: PolicyReplayOutput}, summary="Replay a policy over past requests"
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Ask how past requests would have fared; follow it until it is ``done``. Nothing of them changes."""
        payload = PolicyReplayInput(data=request.data)
        payload.is_valid(raise_exception=True)
        given = payload.validated_data
        row = replaying.ask_replay(
            asker=actor(request),
            text=given.get("text", ""),
            policy_version=policies.version(given["version"]) if "version" in given else None,
            most=given["most"],
        )
        enqueue_on_commit(tasks.replay_policy, row.pk)
        headers = {"Location": f"/api/v1/policy-replays/{row.pk}"}
        return Response(PolicyReplayOutput(row).data, status=status.HTTP_202_ACCEPTED, headers=headers)


class PolicyReplayDetail(APIView):
    """``/api/v1/policy-replays/{id}``."""

    scope = "policies:write"

    @extend_schema(responses=PolicyReplayOutput, summary="Follow a replay")
    def get(self, request: Request, replay_id: uuid.UUID) -> Response:
        """Return how far it is, and once it is done a row for each request, oldest first."""
        return Response(PolicyReplayOutput(replay.replay_for(actor(request), replay_id)).data)
