"""Serious incidents over HTTP: read them, and what people do about one.

Every word about an incident is a person's, and reporting and closing are decisions: a token reads, and says nothing.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.idempotency import idempotent
from governance.accounts.models import User
from governance.accounts.narrow import actor, deciding_person
from governance.accounts.presence_input import password_for
from governance.common.errors import InvalidInput
from governance.common.pagination import lists, paged
from governance.common.preconditions import etag, if_match, lock
from governance.inventory import selectors as inventory
from monitoring import selectors as monitors
from monitoring.api.incident_serializers import (
    ClosureInput,
    FactsInput,
    IncidentDetailOutput,
    IncidentHandOverInput,
    IncidentInput,
    IncidentOutput,
    NoteInput,
    ReportInput,
    TaskInput,
    TimesInput,
    detail_as_dict,
    incident_as_dict,
)
from monitoring.incidents import checks, facts, selectors, services
from monitoring.incidents.models import Incident
from monitoring.incidents.report import as_json
from registry import selectors as registry
from registry.models import ModelVersion


class Incidents(APIView):
    """``/api/v1/incidents``."""

    scope = {"GET": "incidents:read"}

    @lists(IncidentOutput, summary="List serious incidents, newest first", filters=["state", "harm", "system"])
    def get(self, request: Request) -> Response:
        """Return incidents, newest first; filter by ``state``, ``harm`` and ``system``."""
        person = actor(request)
        rows, asked = selectors.incidents_for(person).order_by(), request.query_params
        for name, known in (("state", Incident.State.values), ("harm", Incident.Harm.values)):
            if value := asked.get(name):
                if value not in known:
                    raise InvalidInput(f"{name} is one of {', '.join(known)}; without it, all are listed.")
                rows = rows.filter(harms__contains=[value]) if name == "harm" else rows.filter(state=value)
        if value := asked.get("system"):
            rows = rows.filter(system=inventory.system_for(person, value))
        return paged(request, rows, newest_by="opened_at", as_json=_as_json)

    @extend_schema(request=IncidentInput, responses={201: IncidentDetailOutput}, summary="Write an incident down")
    @idempotent
    def post(self, request: Request) -> Response:
        """Write an incident down, as who keeps monitors of the system; its clocks run from awareness. No token does."""
        given, person = _given(IncidentInput, request), deciding_person(request)
        system = inventory.system_for(person, given["system"])
        made = services.open_incident(
            system=system,
            title=given["title"],
            what_happened=given["what_happened"],
            by=person,
            aware_at=given.get("aware_at"),
            owner=_person(given["owner"]) if given.get("owner") else None,
            persons=given["persons"],
            equivalent_law_note=given.get("equivalent_law_note", ""),
            version=_version(person, given.get("version", "")),
            alert=monitors.alert_for(person, given["alert"]) if given.get("alert") else None,
            times={name: given.get(name) for name in checks.TIMES},
            facts={name: given[name] for name in checks.FACTS if name in given and name != "version"},
        )
        return _answer(request, made.pk)


def _locked_tag(request: Request, incident_id: uuid.UUID) -> str:
    lock(selectors.incident_for(actor(request), incident_id))
    return etag(selectors.incident_for(actor(request), incident_id))


def _locked_tag_of_task(request: Request, incident_id: uuid.UUID, task_id: uuid.UUID) -> str:
    return _locked_tag(request, incident_id)  # a task is shown by its incident, whose entries name both


class IncidentDetail(APIView):
    """``/api/v1/incidents/{id}``."""

    scope = "incidents:read"

    @extend_schema(responses=IncidentDetailOutput, summary="One incident: its clocks, tasks and what was done")
    def get(self, request: Request, incident_id: uuid.UUID) -> Response:
        """Return one incident, with its ETag."""
        return _answer(request, incident_id, status.HTTP_200_OK)


class IncidentDraft(APIView):
    """``/api/v1/incidents/{id}/draft``."""

    scope = "incidents:read"

    @extend_schema(responses={200: OpenApiTypes.OBJECT}, summary="Draft of a report under Article 73")
    def get(self, request: Request, incident_id: uuid.UUID) -> Response:
        """Return what is on record, declared or missing. A draft: it is sent to nobody and claims no completeness."""
        return Response(as_json(facts.draft_of(selectors.incident_for(actor(request), incident_id))))


class IncidentFacts(APIView):
    """``/api/v1/incidents/{id}/facts``."""

    @extend_schema(request=FactsInput, responses={201: IncidentDetailOutput}, summary="State facts anew")
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, incident_id: uuid.UUID) -> Response:
        """State facts anew and say why; what is left out stays. Never with a token."""
        given, person = _given(FactsInput, request), _reader(request, incident_id)
        if "version" in given:
            given["version"] = _version(person, given["version"])
        services.change_facts(
            incident_id=incident_id,
            by=person,
            why=given["why"],
            facts={name: given[name] for name in checks.FACTS if name in given},
            words={name: given[name] for name in checks.SAID if name in given},
        )
        return _answer(request, incident_id)


class IncidentTimes(APIView):
    """``/api/v1/incidents/{id}/times``."""

    @extend_schema(request=TimesInput, responses={201: IncidentDetailOutput}, summary="Put times right")
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, incident_id: uuid.UUID) -> Response:
        """Put times right and say why; null takes one away, what is left out stays. Never with a token."""
        given, person = _given(TimesInput, request), _reader(request, incident_id)
        times = {name: given[name] for name in checks.TIMES if name in given}
        services.change_times(incident_id=incident_id, by=person, why=given["why"], times=times)
        return _answer(request, incident_id)


class IncidentNotes(APIView):
    """``/api/v1/incidents/{id}/notes``."""

    @extend_schema(request=NoteInput, responses={201: IncidentDetailOutput}, summary="Note something")
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, incident_id: uuid.UUID) -> Response:
        """Note something; a note is never changed. Never with a token."""
        given, person = _given(NoteInput, request), _reader(request, incident_id)
        services.add_note(incident_id=incident_id, by=person, text=given["text"])
        return _answer(request, incident_id)


class IncidentTasks(APIView):
    """``/api/v1/incidents/{id}/tasks``."""

    @extend_schema(request=TaskInput, responses={201: IncidentDetailOutput}, summary="Give somebody something to do")
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, incident_id: uuid.UUID) -> Response:
        """Add a task; the caller has it unless another person is named. Never with a token."""
        given, person = _given(TaskInput, request), _reader(request, incident_id)
        owner = _person(given["owner"]) if given.get("owner") else person
        services.add_task(incident_id=incident_id, by=person, text=given["text"], owner=owner, due_on=given["due_on"])
        return _answer(request, incident_id)


class IncidentTaskDone(APIView):
    """``/api/v1/incidents/{id}/tasks/{id}/completions``."""

    @extend_schema(request=None, responses={201: IncidentDetailOutput}, summary="Say that a task is done")
    @idempotent
    @if_match(_locked_tag_of_task)
    def post(self, request: Request, incident_id: uuid.UUID, task_id: uuid.UUID) -> Response:
        """Say that a task is done; never with a token."""
        services.finish_task(incident_id=incident_id, task_id=task_id, by=_reader(request, incident_id))
        return _answer(request, incident_id)


class IncidentReports(APIView):
    """``/api/v1/incidents/{id}/reports``."""

    @extend_schema(request=ReportInput, responses={201: IncidentDetailOutput}, summary="Record that a report was sent")
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, incident_id: uuid.UUID) -> Response:
        """Record a report to an authority, as owner or risk officer; Placet sends none. Never with a token."""
        given, person = _given(ReportInput, request), _reader(request, incident_id)
        services.record_report(incident_id=incident_id, by=person, **given)
        return _answer(request, incident_id)


class IncidentHandOvers(APIView):
    """``/api/v1/incidents/{id}/hand-overs``."""

    @extend_schema(
        request=IncidentHandOverInput, responses={201: IncidentDetailOutput}, summary="Give it another owner"
    )
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, incident_id: uuid.UUID) -> Response:
        """Give the incident another owner, as who owns it, or an owner or risk officer of the system; no token does."""
        given, person = _given(IncidentHandOverInput, request), _reader(request, incident_id)
        services.hand_over(incident_id=incident_id, by=person, owner=_person(given["owner"]), why=given["why"])
        return _answer(request, incident_id)


class IncidentClosures(APIView):
    """``/api/v1/incidents/{id}/closures``."""

    @extend_schema(request=ClosureInput, responses={201: IncidentDetailOutput}, summary="Close an incident")
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, incident_id: uuid.UUID) -> Response:
        """Sign it as an owner or risk officer of the system, on the word of others; never with a token.

        Whoever owns the incident or handed it over does not, nor who recorded the report; where it is closed on another
        ground, nor who wrote it down or stated last what it is.
        """
        given, person = _given(ClosureInput, request), _reader(request, incident_id)
        services.close_incident(
            incident_id=incident_id,
            closer=person,
            how=given["how"],
            ending=given["ending"],
            reference=given["reference"],
            password=password_for(request, given.get("password")),
        )
        return _answer(request, incident_id)


def _given(expected: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    payload = expected(data=request.data)
    payload.is_valid(raise_exception=True)
    return dict(payload.validated_data)


def _reader(request: Request, incident_id: uuid.UUID) -> User:
    """Return the person in a session who may read the incident: who may not learns nothing by trying."""
    person = deciding_person(request)
    selectors.incident_for(person, incident_id)
    return person


def _version(person: User, asked: str) -> ModelVersion | None:
    if not asked:
        return None
    model, _, number = asked.rpartition("/")
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise InvalidInput("version is a model and a number, such as credit-risk/2.")
    return registry.version(registry.model_for(person, model), int(number))


def _person(pk: uuid.UUID) -> User:
    found = User.objects.filter(pk=pk).first()
    if found is None:
        raise InvalidInput("There is no such person.")
    return found


def _as_json(rows: Sequence[Incident]) -> Any:
    return IncidentOutput([incident_as_dict(row) for row in rows], many=True).data


def _answer(request: Request, incident_id: uuid.UUID, code: int = status.HTTP_201_CREATED) -> Response:
    found = selectors.incident_for(actor(request), incident_id)
    headers: Mapping[str, str] = {"ETag": etag(found), "Location": f"/api/v1/incidents/{incident_id}"}
    return Response(IncidentDetailOutput(detail_as_dict(found)).data, status=code, headers=dict(headers))
