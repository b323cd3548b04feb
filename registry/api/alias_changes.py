"""Every write of a protected alias over HTTP: go back, stop, break the glass, and follow what came of it."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.idempotency import idempotent
from governance.accounts.narrow import actor
from governance.common.broker import enqueue_on_commit
from governance.common.pagination import lists, paged
from governance.common.preconditions import if_match, lock
from placet.mlflow_plugin.protection import fold
from registry import interventions, selectors, standby, tasks
from registry.api.views import model_tag
from registry.models import AliasChange, Permit

REASON = "For whoever reviews it afterwards, in 10 to 1,000 characters."


class StopInput(serializers.Serializer[Any]):
    """Why."""

    reason = serializers.CharField(max_length=1000, help_text=REASON)


class RollbackInput(StopInput):
    """Why, and perhaps to which version."""

    version = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, help_text="The one live before, when left out."
    )


class BreakGlassInput(StopInput):
    """Why, and which version."""

    version = serializers.IntegerField(min_value=1)


class AliasChangeOutput(serializers.Serializer[Any]):
    """One write of a protected alias."""

    id = serializers.UUIDField()
    number = serializers.CharField(help_text="What people call it: AC-7.")
    kind = serializers.ChoiceField(choices=AliasChange.Kind.choices)
    model = serializers.CharField()
    alias = serializers.CharField()
    version = serializers.IntegerField(allow_null=True, help_text="Null takes the alias off.")
    digest = serializers.CharField(allow_null=True)
    replaces = serializers.IntegerField(allow_null=True, help_text="What was live when it was asked.")
    promotion = serializers.CharField(allow_null=True, help_text="On whose approval the version serves.")
    state = serializers.ChoiceField(choices=AliasChange.State.choices)
    reason = serializers.CharField(allow_blank=True)
    state_reason = serializers.CharField(allow_blank=True)
    asked_by = serializers.UUIDField(allow_null=True, help_text="Null: Placet itself.")
    asked_at = serializers.DateTimeField()
    done_at = serializers.DateTimeField(allow_null=True)


class StandbyPermitsOutput(serializers.Serializer[Any]):
    """Permits for the day when Placet is away, each a DSSE envelope, or null where nobody could use one."""

    rollback = serializers.DictField(allow_null=True)
    stop = serializers.DictField(allow_null=True)


def as_dict(row: AliasChange) -> dict[str, Any]:
    """Return the plain form that :class:`AliasChangeOutput` describes."""
    version, replaces = row.version, row.replaces
    return {
        "id": row.pk,
        "number": str(row),
        "kind": row.kind,
        "model": str(row.model),
        "alias": row.alias,
        "version": version.number if version else None,
        "digest": version.artifact_digest if version else None,
        "replaces": replaces.number if replaces else None,
        "promotion": str(row.promotion) if row.promotion else None,
        "state": row.state,
        "reason": row.reason,
        "state_reason": row.state_reason,
        "asked_by": row.asked_by_id,
        "asked_at": row.asked_at,
        "done_at": row.done_at,
    }


def _locked_tag(request: Request, name: str, alias: str) -> str:
    """Return the ETag of the model, locked: whoever sends it acts on what they saw of it."""
    found = selectors.model_for(actor(request), name)
    lock(found)
    return model_tag(selectors.model(name))


def _asked(change: AliasChange) -> Response:
    enqueue_on_commit(tasks.carry_out, change.pk)
    headers = {"Location": f"/api/v1/alias-changes/{change}"}
    return Response(AliasChangeOutput(as_dict(change)).data, status=status.HTTP_202_ACCEPTED, headers=headers)


class Rollbacks(APIView):
    """``/api/v1/registered-models/{name}/aliases/{alias}/rollbacks``."""

    scope = "production:write"

    @extend_schema(
        request=RollbackInput, responses={202: AliasChangeOutput}, summary="Go back to what was approved before"
    )
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, name: str, alias: str) -> Response:
        """Have Placet move the alias back, to a version whose approval is still in force."""
        payload = RollbackInput(data=request.data)
        payload.is_valid(raise_exception=True)
        return _asked(interventions.roll_back(model=name, alias=alias, person=actor(request), **payload.validated_data))


class Stops(APIView):
    """``/api/v1/registered-models/{name}/aliases/{alias}/stops``."""

    scope = "production:write"

    @extend_schema(request=StopInput, responses={202: AliasChangeOutput}, summary="Take an alias off at once")
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, name: str, alias: str) -> Response:
        """Have Placet take the alias off on one person's word; a finding asks somebody else to review it."""
        payload = StopInput(data=request.data)
        payload.is_valid(raise_exception=True)
        return _asked(interventions.stop(model=name, alias=alias, person=actor(request), **payload.validated_data))


class BrokenGlasses(APIView):
    """``/api/v1/registered-models/{name}/aliases/{alias}/broken-glasses``."""

    scope = "production:write"

    @extend_schema(
        request=BreakGlassInput, responses={202: AliasChangeOutput}, summary="Put a version there that nobody approved"
    )
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, name: str, alias: str) -> Response:
        """Have Placet set the alias on one person's word; a critical finding asks for its review within a day."""
        payload = BreakGlassInput(data=request.data)
        payload.is_valid(raise_exception=True)
        return _asked(
            interventions.break_glass(model=name, alias=alias, person=actor(request), **payload.validated_data)
        )


class StandbyPermits(APIView):
    """``/api/v1/registered-models/{name}/aliases/{alias}/standby-permits``."""

    scope = "promotions:read"

    @extend_schema(responses=StandbyPermitsOutput, summary="Permits to go back and to stop while Placet is away")
    def get(self, request: Request, name: str, alias: str) -> Response:
        """Return what lies ready; each works for the people whom it names, from the present state alone."""
        live = selectors.live(selectors.model_for(actor(request), name), fold(alias))
        kinds = (Permit.Kind.ROLLBACK, Permit.Kind.STOP)
        found = {kind.value: standby.ready(live, kind) if live else None for kind in kinds}
        body = {name: permit.envelope if permit else None for name, permit in found.items()}
        return Response(StandbyPermitsOutput(body).data)


class AliasChanges(APIView):
    """``/api/v1/alias-changes``."""

    scope = "promotions:read"

    @lists(
        AliasChangeOutput,
        summary="List writes of protected aliases, newest first",
        filters=["model", "alias", "kind", "state"],
    )
    def get(self, request: Request) -> Response:
        """Return changes, newest first; filter by ``model``, ``alias``, ``kind`` and ``state``."""
        rows = selectors.alias_changes_for(actor(request))
        for name in ("kind", "state"):
            if value := request.query_params.get(name):
                rows = rows.filter(**{name: value})
        if value := request.query_params.get("model"):
            rows = rows.filter(**selectors.called(value, "model__"))
        if value := request.query_params.get("alias"):
            rows = rows.filter(alias=fold(value))
        return paged(
            request,
            rows,
            newest_by="asked_at",
            as_json=lambda page: AliasChangeOutput([as_dict(row) for row in page], many=True).data,
        )


class AliasChangeDetail(APIView):
    """``/api/v1/alias-changes/{AC-number}``."""

    scope = "promotions:read"

    @extend_schema(responses=AliasChangeOutput, summary="Follow one write of a protected alias")
    def get(self, request: Request, change: str) -> Response:
        """Return one change as it stands."""
        return Response(AliasChangeOutput(as_dict(selectors.alias_change_for(actor(request), change))).data)
