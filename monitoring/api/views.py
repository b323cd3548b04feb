"""Monitors, records and drift runs, over HTTP."""

import uuid
from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.idempotency import idempotent
from governance.accounts.narrow import actor, deciding_person
from governance.accounts.selectors import has_role
from governance.common.errors import Forbidden
from governance.common.pagination import lists, paged
from governance.common.preconditions import etag, if_match, lock
from governance.evidence.models import EvidenceJob
from governance.evidence.tasks import enqueue
from monitoring import alerts, runs, selectors, services
from monitoring.api.serializers import (
    AlertOutput,
    MonitorChange,
    MonitorInput,
    MonitorOutput,
    MuteInput,
    ResolutionInput,
    RunInput,
    RunOutput,
    alert_as_dict,
    monitor_as_dict,
    run_as_dict,
)
from monitoring.models import Alert, Monitor
from registry import selectors as registry


def monitor_tag(monitor: Monitor) -> str:
    """Return the ETag of a monitor: it changes with its settings and with what is live behind its alias."""
    return etag(monitor, selectors.live_now(monitor))


def locked_tag(request: Request, monitor_id: uuid.UUID) -> str:
    lock(selectors.monitor_for(actor(request), monitor_id))
    return monitor_tag(selectors.monitor_for(actor(request), monitor_id))


class Monitors(APIView):
    """``/api/v1/monitors``."""

    scope = {"GET": "records:read", "POST": "records:write"}

    @lists(MonitorOutput, summary="List monitors, newest first", filters=["model", "alias"])
    def get(self, request: Request) -> Response:
        """Return monitors, newest first; filter by ``model`` and ``alias``."""
        rows = selectors.monitors_for(actor(request))
        if value := request.query_params.get("model"):
            rows = rows.filter(**registry.called(value, "model__"))
        if value := request.query_params.get("alias"):
            rows = rows.filter(alias=value)
        return paged(
            request,
            rows,
            newest_by="made_at",
            as_json=lambda page: MonitorOutput([monitor_as_dict(row) for row in page], many=True).data,
        )

    @extend_schema(request=MonitorInput, responses={201: MonitorOutput}, summary="Watch an alias of a model")
    @idempotent
    def post(self, request: Request) -> Response:
        """Open a monitor against the evaluation data of what is live."""
        payload = MonitorInput(data=request.data)
        payload.is_valid(raise_exception=True)
        given, person = payload.validated_data, actor(request)
        model = registry.model_for(person, given["model"])
        if not has_role(person, *services.KEEPERS, system_id=model.system_id):
            raise Forbidden("A monitor is opened by an owner, engineer, validator, risk officer or administrator.")
        monitor = services.open_monitor(
            model=model,
            alias=given["alias"],
            actor=person,
            settings=given["settings"],
            time_zone=given["time_zone"],
            intake=given["intake"],
        )
        headers = {"Location": f"/api/v1/monitors/{monitor.pk}", "ETag": monitor_tag(monitor)}
        return Response(MonitorOutput(monitor_as_dict(monitor)).data, status=status.HTTP_201_CREATED, headers=headers)


class MonitorDetail(APIView):
    """``/api/v1/monitors/{id}``."""

    scope = {"GET": "records:read"}

    @extend_schema(responses=MonitorOutput, summary="One monitor, and the columns that its records have")
    def get(self, request: Request, monitor_id: uuid.UUID) -> Response:
        """Return one monitor, with its ETag."""
        monitor = selectors.monitor_for(actor(request), monitor_id)
        return Response(MonitorOutput(monitor_as_dict(monitor)).data, headers={"ETag": monitor_tag(monitor)})

    @extend_schema(request=MonitorChange, responses=MonitorOutput, summary="Change a monitor's calendar, or switch it")
    @if_match(locked_tag)
    def patch(self, request: Request, monitor_id: uuid.UUID) -> Response:
        """Cut windows in another time zone, or switch a monitor off or on; owner or risk officer, never a token."""
        payload = MonitorChange(data=request.data)
        payload.is_valid(raise_exception=True)
        person = deciding_person(request)
        changed = services.change_monitor(monitor_id=monitor_id, person=person, **payload.validated_data)
        return Response(MonitorOutput(monitor_as_dict(changed)).data, headers={"ETag": monitor_tag(changed)})


class DriftRuns(APIView):
    """``/api/v1/monitors/{id}/drift-runs``."""

    scope = {"GET": "records:read", "POST": "records:write"}

    @lists(RunOutput, summary="Drift runs, newest first")
    def get(self, request: Request, monitor_id: uuid.UUID) -> Response:
        """Return what was asked of a monitor, newest first: the run, or the job while it waits, works or has failed."""
        monitor = selectors.monitor_for(actor(request), monitor_id)

        def as_json(page: Sequence[EvidenceJob]) -> Any:
            runs_by_job = selectors.runs_of(monitor).in_bulk([job.pk for job in page])
            return RunOutput([run_as_dict(runs_by_job.get(job.pk, job)) for job in page], many=True).data

        return paged(request, selectors.asked_of(monitor), newest_by="made_at", as_json=as_json)

    @extend_schema(request=RunInput, responses={202: RunOutput}, summary="Measure a window")
    @idempotent
    @if_match(locked_tag)
    def post(self, request: Request, monitor_id: uuid.UUID) -> Response:
        """Have the evidence worker measure a window; follow ``Location`` until its state is ``done``."""
        payload = RunInput(data=request.data)
        payload.is_valid(raise_exception=True)
        given, person = payload.validated_data, actor(request)
        monitor = selectors.monitor_for(person, monitor_id)
        if not person.is_service and not has_role(person, *services.KEEPERS, system_id=monitor.model.system_id):
            raise Forbidden("A drift run is asked for by an owner, engineer, validator, risk officer or administrator.")
        runs.aware_window(given.get("start"), given.get("end"))
        number = given.get("version")
        job = runs.request_run(
            monitor_id=monitor.pk,
            start=given.get("start"),
            end=given.get("end"),
            version=registry.version(monitor.model, number) if number else None,
            evidently_report=given["evidently_report"],
        )
        enqueue([job.pk])
        headers = {"Location": f"/api/v1/monitors/{monitor.pk}/drift-runs/{job.pk}"}
        return Response(RunOutput(run_as_dict(job)).data, status=status.HTTP_202_ACCEPTED, headers=headers)


class DriftRunDetail(APIView):
    """``/api/v1/monitors/{id}/drift-runs/{id}``."""

    scope = "records:read"

    @extend_schema(responses=RunOutput, summary="Follow one drift run")
    def get(self, request: Request, monitor_id: uuid.UUID, run_id: uuid.UUID) -> Response:
        """Return the job while it works, then the run with its ``drift/v1`` payload."""
        found = selectors.job_or_run(selectors.monitor_for(actor(request), monitor_id), run_id)
        return Response(RunOutput(run_as_dict(found, payload=True)).data)


def _locked_alert_tag(request: Request, alert_id: uuid.UUID) -> str:
    lock(selectors.alert_for(actor(request), alert_id))
    return etag(selectors.alert_for(actor(request), alert_id))


def _alert(row: Alert, code: int = status.HTTP_200_OK) -> Response:
    headers = {"ETag": etag(row)}
    if code == status.HTTP_201_CREATED:
        headers["Location"] = f"/api/v1/alerts/{row.pk}"
    return Response(AlertOutput(alert_as_dict(row)).data, status=code, headers=headers)


class AlertDetail(APIView):
    """``/api/v1/alerts/{id}``."""

    scope = "records:read"

    @extend_schema(responses=AlertOutput, summary="One alert")
    def get(self, request: Request, alert_id: uuid.UUID) -> Response:
        """Return an alert, with its ETag."""
        return _alert(selectors.alert_for(actor(request), alert_id))


class Acknowledgements(APIView):
    """``/api/v1/alerts/{id}/acknowledgements``."""

    @extend_schema(request=None, responses={201: AlertOutput}, summary="Take an alert in hand")
    @idempotent
    @if_match(_locked_alert_tag)
    def post(self, request: Request, alert_id: uuid.UUID) -> Response:
        """Acknowledge an open alert; a person does it, never a token."""
        alert = alerts.acknowledge_alert(alert_id=alert_id, person=deciding_person(request))
        return _alert(alert, status.HTTP_201_CREATED)


class Mutes(APIView):
    """``/api/v1/alerts/{id}/mutes``."""

    @extend_schema(request=MuteInput, responses={201: AlertOutput}, summary="Mute an alert for a time")
    @idempotent
    @if_match(_locked_alert_tag)
    def post(self, request: Request, alert_id: uuid.UUID) -> Response:
        """Let an alert be quiet until a moment; the owner or a risk officer does it, never a token."""
        payload = MuteInput(data=request.data)
        payload.is_valid(raise_exception=True)
        alert = alerts.mute_alert(alert_id=alert_id, person=deciding_person(request), **payload.validated_data)
        return _alert(alert, status.HTTP_201_CREATED)


class Resolutions(APIView):
    """``/api/v1/alerts/{id}/resolutions``."""

    @extend_schema(request=ResolutionInput, responses={201: AlertOutput}, summary="Resolve an alert")
    @idempotent
    @if_match(_locked_alert_tag)
    def post(self, request: Request, alert_id: uuid.UUID) -> Response:
        """Close an alert and say how; a suspended approval stays suspended until it is reviewed."""
        payload = ResolutionInput(data=request.data)
        payload.is_valid(raise_exception=True)
        alert = alerts.resolve_alert(
            alert_id=alert_id, person=deciding_person(request), how=payload.validated_data["how"]
        )
        return _alert(alert, status.HTTP_201_CREATED)
