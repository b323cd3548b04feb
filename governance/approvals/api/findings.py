"""The findings register over HTTP: read it, and what people do with a finding between opening and closing.

A finding is a person's word and so is what its owner says of it: a token reads, and says nothing. Closing one is a
decision, which is made on its page.
"""

import uuid
from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.idempotency import idempotent
from governance.accounts.models import User
from governance.accounts.narrow import actor, deciding_person
from governance.accounts.presence_input import PresenceInput, password_for
from governance.approvals import register, remediation, selectors
from governance.approvals.models import Finding
from governance.common.errors import InvalidInput
from governance.common.pagination import lists, paged
from governance.common.preconditions import etag, if_match, lock
from governance.inventory import selectors as inventory


class FindingInput(serializers.Serializer[Any]):
    """What a person has seen."""

    system = serializers.CharField(help_text="Id or slug of the AI system.")
    title = serializers.CharField(max_length=300)
    description = serializers.CharField(max_length=4000, help_text="At least 20 characters.")
    severity = serializers.ChoiceField(choices=Finding.Severity.choices)
    source = serializers.ChoiceField(choices=sorted(remediation.SOURCES))  # type: ignore[assignment]


class PlanInput(serializers.Serializer[Any]):
    """How it will be mended, and by when."""

    plan = serializers.CharField(max_length=4000, help_text="At least 20 characters.")
    plan_due = serializers.DateField(help_text="At the latest the day on which the finding is due.")


class ClosureProposalInput(serializers.Serializer[Any]):
    """How it was mended, and the evidence for that."""

    how = serializers.CharField(max_length=4000, help_text="At least 20 characters.")
    evidence = serializers.UUIDField(required=False)


class ExtensionInput(PresenceInput):
    """Until when it may take, why, and the risk officer's own password typed for it."""

    due_on = serializers.DateField()
    reason = serializers.CharField(max_length=4000, help_text="At least 20 characters.")


class HandOverInput(serializers.Serializer[Any]):
    """Who has it from now on, and why."""

    owner = serializers.UUIDField(help_text="Id of an active person.")
    reason = serializers.CharField(max_length=4000, help_text="At least 20 characters.")


class FindingOwnerOutput(serializers.Serializer[Any]):
    """Who must mend it, or closed it."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class FindingOutput(serializers.Serializer[Any]):
    """One line of the register."""

    id = serializers.UUIDField()
    system = serializers.CharField(allow_null=True, help_text="Slug; null: it is about the installation.")
    request = serializers.UUIDField(allow_null=True, help_text="The approval request that it is about.")
    code = serializers.CharField()
    title = serializers.CharField()
    severity = serializers.ChoiceField(choices=Finding.Severity.choices)
    source = serializers.CharField()  # type: ignore[assignment]
    state = serializers.ChoiceField(choices=["open", "proposed", "closed"])
    owner = FindingOwnerOutput()
    opened_at = serializers.DateTimeField()
    due_on = serializers.DateField()
    plan_due = serializers.DateField(allow_null=True)
    extensions = serializers.IntegerField()
    proposed_at = serializers.DateTimeField(allow_null=True)
    closure_evidence = serializers.UUIDField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    closed_by = FindingOwnerOutput(allow_null=True)


class FindingActOutput(serializers.Serializer[Any]):
    """Something that was done about it; ``text`` reads ``erased`` once its words were erased."""

    at = serializers.DateTimeField()
    who = serializers.CharField()
    what = serializers.CharField()
    data = serializers.DictField()  # type: ignore[assignment]
    text = serializers.CharField(allow_blank=True)
    index = serializers.IntegerField(allow_null=True, help_text="Of its entry in the log.")


class FindingDetailOutput(FindingOutput):
    """One finding with what was done about it, oldest first."""

    history = FindingActOutput(many=True)


class Findings(APIView):
    """``/api/v1/findings``."""

    scope = {"GET": "findings:read"}

    @lists(
        FindingOutput,
        summary="List findings, newest first",
        filters=["state", "severity", "source", "system", "owner"],
    )
    def get(self, request: Request) -> Response:
        """Return findings, newest first; ``state`` is one of the page's, ``owner=me`` what the caller must mend."""
        rows = _filtered(selectors.findings_for(actor(request), closed=True), request, actor(request))
        rows = rows.select_related("closed_by").order_by()
        return paged(request, rows, newest_by="opened_at", as_json=_as_json)

    @extend_schema(request=FindingInput, responses={201: FindingOutput}, summary="Raise a finding")
    @idempotent
    def post(self, request: Request) -> Response:
        """Put something into the register, as who decides on the system or audits it; never with a token."""
        given, person = _given(FindingInput, request), deciding_person(request)
        system = inventory.system_for(person, given.pop("system"))
        made = remediation.raise_finding(system=system, by=person, **given)
        return _answer(made.pk)


def _locked_tag(request: Request, finding_id: uuid.UUID) -> str:
    lock(selectors.finding_for(actor(request), finding_id))
    return etag(selectors.finding_for(actor(request), finding_id))


class FindingDetail(APIView):
    """``/api/v1/findings/{id}``."""

    scope = "findings:read"

    @extend_schema(responses=FindingDetailOutput, summary="One finding and what was done about it")
    def get(self, request: Request, finding_id: uuid.UUID) -> Response:
        """Return a finding with its history, and its ETag."""
        found = selectors.finding_for(actor(request), finding_id)
        body = FindingDetailOutput(_plain(found) | {"history": register.history_of(found)})
        return Response(body.data, headers={"ETag": etag(found)})


class FindingPlans(APIView):
    """``/api/v1/findings/{id}/plans``."""

    @extend_schema(request=PlanInput, responses={201: FindingOutput}, summary="State how a finding will be mended")
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, finding_id: uuid.UUID) -> Response:
        """Say it as the finding's owner; a later plan replaces it. Never with a token."""
        given, person = _given(PlanInput, request), _reader(request, finding_id)
        remediation.state_plan(finding_id=finding_id, by=person, **given)
        return _answer(finding_id)


class FindingClosureProposals(APIView):
    """``/api/v1/findings/{id}/closure-proposals``."""

    @extend_schema(request=ClosureProposalInput, responses={201: FindingOutput}, summary="Say that it is mended")
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, finding_id: uuid.UUID) -> Response:
        """Say it as the finding's owner; somebody else looks at it, and closes it on its page. Never with a token."""
        given, person = _given(ClosureProposalInput, request), _reader(request, finding_id)
        remediation.propose_closure(
            finding_id=finding_id, by=person, how=given["how"], evidence_id=given.get("evidence")
        )
        return _answer(finding_id)


class FindingExtensions(APIView):
    """``/api/v1/findings/{id}/extensions``."""

    @extend_schema(request=ExtensionInput, responses={201: FindingOutput}, summary="Give a finding more time")
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, finding_id: uuid.UUID) -> Response:
        """Sign it as a risk officer who does not own the finding; never with a token."""
        given, person = _given(ExtensionInput, request), _reader(request, finding_id)
        password = password_for(request, given.get("password"))
        remediation.extend(
            finding_id=finding_id, by=person, due_on=given["due_on"], reason=given["reason"], password=password
        )
        return _answer(finding_id)


class FindingHandOvers(APIView):
    """``/api/v1/findings/{id}/hand-overs``."""

    @extend_schema(request=HandOverInput, responses={201: FindingOutput}, summary="Give a finding another owner")
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, finding_id: uuid.UUID) -> Response:
        """Hand it over as its owner or a risk officer of the system; never with a token."""
        given, person = _given(HandOverInput, request), _reader(request, finding_id)
        to = User.objects.filter(pk=given["owner"]).first()
        if to is None:
            raise InvalidInput("There is no such person.")
        remediation.hand_over(finding_id=finding_id, by=person, to=to, reason=given["reason"])
        return _answer(finding_id)


def _given(expected: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    payload = expected(data=request.data)
    payload.is_valid(raise_exception=True)
    return dict(payload.validated_data)


def _reader(request: Request, finding_id: uuid.UUID) -> User:
    """Return the person in a session who may read the finding: who may not learns nothing by trying."""
    person = deciding_person(request)
    selectors.finding_for(person, finding_id)
    return person


def _filtered(rows: QuerySet[Finding], request: Request, person: User) -> QuerySet[Finding]:
    asked = request.query_params
    if state := asked.get("state"):
        if state not in register.CONDITIONS:
            raise InvalidInput(f"state is one of {', '.join(register.CONDITIONS)}; without it, all are listed.")
        rows = rows.filter(register.CONDITIONS[state]())
    for name in ("severity", "source"):
        if value := asked.get(name):
            rows = rows.filter(**{name: value})
    if value := asked.get("system"):
        rows = rows.filter(system=inventory.system_for(person, value))
    if value := asked.get("owner"):
        same = Q(owner=person) if value == "me" else Q(owner_id=serializers.UUIDField().run_validation(value))
        rows = rows.filter(same)
    return rows


def _answer(finding_id: uuid.UUID, code: int = status.HTTP_201_CREATED) -> Response:
    # Who handed a finding over may not read it any more, and is told of it all the same.
    found = Finding.objects.select_related("system", "owner", "closed_by").get(pk=finding_id)
    headers = {"ETag": etag(found), "Location": f"/api/v1/findings/{finding_id}"}
    return Response(FindingOutput(_plain(found)).data, status=code, headers=headers)


def _as_json(rows: Sequence[Finding]) -> Any:
    return FindingOutput([_plain(row) for row in rows], many=True).data


def _plain(row: Finding) -> dict[str, Any]:
    return {
        "id": row.pk,
        "system": row.system.slug if row.system else None,
        "request": row.request_id,
        "code": row.code,
        "title": row.title,
        "severity": row.severity,
        "source": row.source,
        "state": "closed" if row.closed_at else "proposed" if row.proposed_at else "open",
        "owner": {"id": row.owner_id, "name": row.owner.name},
        "opened_at": row.opened_at,
        "due_on": row.due_on,
        "plan_due": row.plan_due,
        "extensions": row.extensions,
        "proposed_at": row.proposed_at,
        "closure_evidence": row.closure_evidence_id,
        "closed_at": row.closed_at,
        "closed_by": {"id": row.closed_by_id, "name": row.closed_by.name} if row.closed_by else None,
    }
