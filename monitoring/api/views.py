"""Monitors, records and drift runs, over HTTP."""

import uuid

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.idempotency import once
from governance.accounts.narrow import actor, deciding_person
from governance.accounts.selectors import has_role
from governance.common.errors import Forbidden, InvalidInput
from governance.evidence.tasks import enqueue
from monitoring import runs, selectors, services, tasks
from monitoring.api.parsers import RecordsParser
from monitoring.api.serializers import (
    AlertOutput,
    BatchOutput,
    MonitorInput,
    MonitorOutput,
    ResolutionInput,
    RunInput,
    RunOutput,
    alert_as_dict,
    batch_as_dict,
    monitor_as_dict,
    run_as_dict,
)
from registry import selectors as registry

RUNS_LISTED = 100


class Monitors(APIView):
    """``/api/v1/monitors``."""

    scope = "records:write"

    @extend_schema(responses=MonitorOutput(many=True), summary="List monitors")
    def get(self, request: Request) -> Response:
        """Return every monitor; filter by ``model`` and ``alias``."""
        rows = selectors.monitors_for(actor(request))
        for name, field in (("model", "model__name"), ("alias", "alias")):
            if value := request.query_params.get(name):
                rows = rows.filter(**{field: value})
        return Response(MonitorOutput([monitor_as_dict(row) for row in rows[:200]], many=True).data)

    @extend_schema(request=MonitorInput, responses={201: MonitorOutput}, summary="Watch an alias of a model")
    def post(self, request: Request) -> Response:
        """Open a monitor against the evaluation data of what is live."""
        payload = MonitorInput(data=request.data)
        payload.is_valid(raise_exception=True)
        given, person = payload.validated_data, actor(request)
        model = registry.model(given["model"])
        if not has_role(person, *services.KEEPERS, system_id=model.system_id):
            raise Forbidden("A monitor is opened by an owner, engineer, validator, risk officer or administrator.")

        def make() -> Response:
            monitor = services.open_monitor(model=model, alias=given["alias"], actor=person, settings=given["settings"])
            return Response(MonitorOutput(monitor_as_dict(monitor)).data, status=status.HTTP_201_CREATED)

        return once(request, person, make)


class MonitorDetail(APIView):
    """``/api/v1/monitors/{id}``."""

    scope = "records:write"

    @extend_schema(responses=MonitorOutput, summary="One monitor, and the columns that its records have")
    def get(self, request: Request, monitor_id: uuid.UUID) -> Response:
        """Return one monitor."""
        return Response(MonitorOutput(monitor_as_dict(selectors.monitor(monitor_id))).data)


class Records(APIView):
    """``/api/v1/monitors/{id}/records``."""

    scope = "records:write"
    parser_classes = [RecordsParser]

    @extend_schema(
        request={"application/x-ndjson": OpenApiTypes.BINARY, "application/vnd.apache.parquet": OpenApiTypes.BINARY},
        responses={201: BatchOutput, 200: BatchOutput},
        parameters=[
            OpenApiParameter("batch", str, required=True, description="Names the batch; sending it twice counts once."),
            OpenApiParameter("version", int, description="Whose predictions; by default what is live now."),
        ],
        summary="Send a batch of records",
    )
    def post(self, request: Request, monitor_id: uuid.UUID) -> Response:
        """Take a batch in: 201 when it is new, 200 when it had been taken in before."""
        batch_id, number = request.query_params.get("batch", ""), request.query_params.get("version")
        if not batch_id:
            raise InvalidInput("Name the batch: ?batch=<id of your choice>. Sending the same id again counts once.")
        if number is not None and not (number.isascii() and number.isdigit() and len(number) < 10):
            raise InvalidInput("version is a number, such as ?version=2.")
        sender, monitor = actor(request), selectors.monitor(monitor_id)
        if not sender.is_service and not has_role(sender, *services.KEEPERS, system_id=monitor.model.system_id):
            raise Forbidden("Records are sent by a service account, or by an owner, engineer or administrator.")
        taken = services.accept_records(
            monitor_id=monitor.pk,
            batch_id=batch_id,
            body=bytes(request.data.get("body", b"")),
            content_type=request.content_type or "",
            sender=sender,
            version=int(number) if number else None,
        )
        if taken.created:
            tasks.profile_batch.delay_on_commit(str(taken.batch.pk))
        code = status.HTTP_201_CREATED if taken.created else status.HTTP_200_OK
        return Response(BatchOutput(batch_as_dict(taken.batch, created=taken.created)).data, status=code)


class DriftRuns(APIView):
    """``/api/v1/monitors/{id}/drift-runs``."""

    scope = "records:write"

    @extend_schema(responses=RunOutput(many=True), summary="Drift runs, newest window first")
    def get(self, request: Request, monitor_id: uuid.UUID) -> Response:
        """Return what waits, is at work or failed, then the runs by window; at most 100 of each."""
        monitor = selectors.monitor(monitor_id)
        rows = [run_as_dict(job) for job in selectors.jobs_of(monitor)[:RUNS_LISTED]]
        rows += [run_as_dict(run) for run in selectors.runs_of(monitor)[:RUNS_LISTED]]
        return Response(RunOutput(rows, many=True).data)

    @extend_schema(
        request=RunInput,
        responses={202: RunOutput},
        parameters=[OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER)],
        summary="Measure a window",
    )
    def post(self, request: Request, monitor_id: uuid.UUID) -> Response:
        """Have the evidence worker measure a window; follow ``Location`` until its state is ``done``."""
        payload = RunInput(data=request.data)
        payload.is_valid(raise_exception=True)
        given, person = payload.validated_data, actor(request)
        monitor = selectors.monitor(monitor_id)
        if not person.is_service and not has_role(person, *services.KEEPERS, system_id=monitor.model.system_id):
            raise Forbidden("A drift run is asked for by an owner, engineer, validator, risk officer or administrator.")
        runs.aware_window(given.get("start"), given.get("end"))

        def make() -> Response:
            number = given.get("version")
            job = runs.request_run(
                monitor_id=monitor.pk,
                start=given.get("start"),
                end=given.get("end"),
                version=registry.version(monitor.model, number) if number else None,
                evidently_report=given["evidently_report"],
            )
            enqueue([job.pk])
            return Response(
                RunOutput(run_as_dict(job)).data,
                status=status.HTTP_202_ACCEPTED,
                headers={"Location": f"/api/v1/monitors/{monitor.pk}/drift-runs/{job.pk}"},
            )

        return once(request, person, make)


class DriftRunDetail(APIView):
    """``/api/v1/monitors/{id}/drift-runs/{id}``."""

    scope = "records:write"

    @extend_schema(responses=RunOutput, summary="Follow one drift run")
    def get(self, request: Request, monitor_id: uuid.UUID, run_id: uuid.UUID) -> Response:
        """Return the job while it works, then the run with its ``drift/v1`` payload."""
        found = selectors.job_or_run(selectors.monitor(monitor_id), run_id)
        return Response(RunOutput(run_as_dict(found, payload=True)).data)


class Acknowledgements(APIView):
    """``/api/v1/alerts/{id}/acknowledgements``."""

    @extend_schema(request=None, responses={201: AlertOutput}, summary="Take an alert in hand")
    def post(self, request: Request, alert_id: uuid.UUID) -> Response:
        """Acknowledge an open alert; a person does it, never a token."""
        alert = services.acknowledge_alert(alert_id=alert_id, person=deciding_person(request))
        return Response(AlertOutput(alert_as_dict(alert)).data, status=status.HTTP_201_CREATED)


class Resolutions(APIView):
    """``/api/v1/alerts/{id}/resolutions``."""

    @extend_schema(request=ResolutionInput, responses={201: AlertOutput}, summary="Resolve an alert")
    def post(self, request: Request, alert_id: uuid.UUID) -> Response:
        """Close an alert and say how; a suspended approval stays suspended until it is reviewed."""
        payload = ResolutionInput(data=request.data)
        payload.is_valid(raise_exception=True)
        alert = services.resolve_alert(
            alert_id=alert_id, person=deciding_person(request), how=payload.validated_data["how"]
        )
        return Response(AlertOutput(alert_as_dict(alert)).data, status=status.HTTP_201_CREATED)
