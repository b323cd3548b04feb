"""Retention over HTTP: the table, until when a system's records are kept, their disposal, and legal holds."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts import holds
from governance.accounts.hold_models import LegalHold
from governance.accounts.idempotency import idempotent
from governance.accounts.narrow import actor, deciding_person
from governance.common.pagination import lists, paged_sequence
from governance.common.preconditions import etag, if_match, lock
from governance.common.retention.table import Kept, table
from governance.inventory.api.views import locked_system_tag, system_of
from reports.disposal_models import Disposal
from reports.retention import disposing, selectors, systems


class KeptOutput(serializers.Serializer[Any]):
    """One row of the table of retention."""

    id = serializers.CharField()
    title = serializers.CharField()
    what = serializers.CharField()
    basis = serializers.ListField(child=serializers.CharField(), help_text="Points of law, or a sentence.")
    period = serializers.CharField(
        help_text="ISO 8601 (P10Y, P30D); setting NAME, in seconds; field MODEL.FIELD; row ID; or for good."
    )
    said = serializers.CharField(help_text="The period in words.")
    starts = serializers.CharField()
    ended_by = serializers.CharField(allow_blank=True, help_text="The task that deletes; empty where no clock deletes.")
    by_hand = serializers.CharField(allow_blank=True, help_text="What a person does to delete; empty: nobody can.")
    stays = serializers.CharField(allow_blank=True, help_text="What nobody can delete, and why.")
    holds = serializers.ListField(child=serializers.CharField(), help_text="Kinds of legal hold that stop deletion.")
    entry = serializers.CharField(allow_blank=True, help_text="The event that says so in the log.")


class SystemRetentionOutput(serializers.Serializer[Any]):
    """Until when one kind of a system's records has to be kept."""

    id = serializers.CharField(help_text="Of the row of the table.")
    title = serializers.CharField()
    starts = serializers.DateField(
        allow_null=True, help_text="The latest of the days on which it was placed on the market or a version went live."
    )
    earliest = serializers.DateField(allow_null=True, help_text="The last day of the period that began then.")
    until = serializers.DateField(
        allow_null=True, help_text="The last day on which they have to be kept; null while that can't be said."
    )
    why = serializers.CharField(allow_blank=True, help_text="Why it can't.")
    state = serializers.ChoiceField(
        choices=[systems.KEPT, systems.DUE, systems.HELD, systems.DISPOSED, systems.STAYS],
        help_text="stays: past its last day, and nothing of it can be removed.",
    )
    hold = serializers.UUIDField(allow_null=True, help_text="The legal hold on the system.")
    disposed_at = serializers.DateTimeField(allow_null=True)


class DisposalInput(serializers.Serializer[Any]):
    """What is disposed of, and why."""

    row = serializers.CharField(max_length=20, help_text="evidence or documents.")
    reason = serializers.CharField(min_length=20, max_length=disposing.LONGEST_REASON)
    password = serializers.CharField(trim_whitespace=False, max_length=4096, help_text="Yours, typed for it.")


class DisposalOutput(serializers.Serializer[Any]):
    """What was removed."""

    id = serializers.UUIDField()
    row = serializers.CharField()
    reason = serializers.CharField()
    kept_until = serializers.DateField()
    files = serializers.IntegerField()
    files_digest = serializers.CharField()
    made_at = serializers.DateTimeField()


class LegalHoldInput(serializers.Serializer[Any]):
    """What nobody may delete, and why."""

    kind = serializers.ChoiceField(choices=LegalHold.Kind.choices)
    object_id = serializers.CharField(max_length=80, help_text="Id of the object; digest of a dataset.")
    reason = serializers.CharField(min_length=holds.SHORTEST, max_length=holds.LONGEST)


class LiftInput(serializers.Serializer[Any]):
    """Why the hold is lifted."""

    reason = serializers.CharField(min_length=holds.SHORTEST, max_length=holds.LONGEST)


class LegalHoldOutput(serializers.Serializer[Any]):
    """A legal hold."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=LegalHold.Kind.choices)
    object_id = serializers.CharField()
    title = serializers.CharField(help_text="What it is on, as it stands now.")
    systems = serializers.ListField(child=serializers.UUIDField(), help_text="The AI systems that it concerns.")
    reason = serializers.CharField()
    set_at = serializers.DateTimeField()
    lifted_at = serializers.DateTimeField(allow_null=True)
    lifting = serializers.CharField(allow_blank=True, help_text="Why it was lifted.")


class Retention(APIView):
    """``/api/v1/retention``."""

    @lists(KeptOutput, summary="The table of retention")
    def get(self, request: Request) -> Response:
        """Return what is kept, on which ground, how long, and what ends it. The table is no secret."""
        return paged_sequence(request, table(), as_json=lambda page: [_kept(row) for row in page])


class SystemRetention(APIView):
    """``/api/v1/systems/{id}/retention``."""

    @lists(SystemRetentionOutput, summary="Until when a system's records are kept")
    def get(self, request: Request, system: str) -> Response:
        """Return a row for each kind of record whose period begins with the placing on the market."""
        rows = systems.standings([system_of(request, system)])[0]
        return paged_sequence(request, rows, as_json=lambda page: [_standing(row) for row in page])


class SystemDisposals(APIView):
    """``/api/v1/systems/{id}/disposals``."""

    @extend_schema(request=DisposalInput, responses={201: DisposalOutput}, summary="Dispose of a system's records")
    @idempotent
    @if_match(locked_system_tag)
    def post(self, request: Request, system: str) -> Response:
        """Remove the files of records whose last day has passed, for good; a person does it, never a token."""
        payload = DisposalInput(data=request.data)
        payload.is_valid(raise_exception=True)
        row: Disposal = disposing.dispose(
            system=system_of(request, system), by=deciding_person(request), **payload.validated_data
        )
        return Response(DisposalOutput(row).data, status=status.HTTP_201_CREATED)


class LegalHolds(APIView):
    """``/api/v1/legal-holds``."""

    @lists(LegalHoldOutput, summary="Legal holds in force, newest first")
    def get(self, request: Request) -> Response:
        """Return those that you may read: of systems whose risk or data protection officer or auditor you are."""
        rows = holds.holds_for(actor(request))
        return paged_sequence(request, rows, as_json=lambda page: [_hold(row) for row, _ in page])

    @extend_schema(request=LegalHoldInput, responses={201: LegalHoldOutput}, summary="Set a legal hold")
    @idempotent
    def post(self, request: Request) -> Response:
        """Keep a system with all that is of it, or one object, until the hold is lifted. Never with a token."""
        payload = LegalHoldInput(data=request.data)
        payload.is_valid(raise_exception=True)
        sent = payload.validated_data
        person = deciding_person(request)
        return _answer(holds.set_hold(kind=sent["kind"], key=sent["object_id"], reason=sent["reason"], by=person))


def _locked_hold_tag(request: Request, hold_id: uuid.UUID) -> str:
    lock(holds.hold_for(actor(request), hold_id))
    return etag(holds.hold_for(actor(request), hold_id))


class LegalHoldDetail(APIView):
    """``/api/v1/legal-holds/{id}``."""

    @extend_schema(responses=LegalHoldOutput, summary="One legal hold")
    def get(self, request: Request, hold_id: uuid.UUID) -> Response:
        """Return a hold, lifted or not."""
        return _answer(holds.hold_for(actor(request), hold_id), status.HTTP_200_OK)


class LegalHoldLifts(APIView):
    """``/api/v1/legal-holds/{id}/lifts``."""

    @extend_schema(request=LiftInput, responses={201: LegalHoldOutput}, summary="Lift a legal hold")
    @idempotent
    @if_match(_locked_hold_tag)
    def post(self, request: Request, hold_id: uuid.UUID) -> Response:
        """Lift a hold, with the reason; never with a token."""
        payload = LiftInput(data=request.data)
        payload.is_valid(raise_exception=True)
        person = deciding_person(request)
        hold = holds.hold_for(person, hold_id)
        return _answer(holds.lift_hold(hold_id=hold.pk, by=person, reason=payload.validated_data["reason"]))


def _answer(row: LegalHold, code: int = status.HTTP_201_CREATED) -> Response:
    headers = {"ETag": etag(row), "Location": f"/api/v1/legal-holds/{row.pk}"}
    return Response(LegalHoldOutput(_hold(row)).data, status=code, headers=headers)


def _hold(row: LegalHold) -> dict[str, Any]:
    about = holds.found(row)
    fields = ("kind", "object_id", "reason", "set_at", "lifted_at", "lifting")
    return {"id": row.pk, "title": about.title, "systems": sorted(about.systems)} | {
        name: getattr(row, name) for name in fields
    }


def _kept(row: Kept) -> dict[str, Any]:
    names = ("id", "title", "what", "basis", "starts", "ended_by", "by_hand", "stays", "holds", "entry")
    return {name: getattr(row, name) for name in names} | {"period": str(row.period), "said": selectors.said(row)}


def _standing(row: systems.Standing) -> dict[str, Any]:
    return {
        "id": row.kept.id,
        "title": row.kept.title,
        "starts": row.until.starts,
        "earliest": row.until.earliest,
        "until": row.until.day,
        "why": row.until.why,
        "state": row.state,
        "hold": row.hold.pk if row.hold else None,
        "disposed_at": row.disposal.made_at if row.disposal else None,
    }
