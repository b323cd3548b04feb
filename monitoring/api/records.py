"""Records and late labels in, what was put aside of them, and their end, over HTTP."""

import uuid
from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.idempotency import idempotent
from governance.accounts.models import User
from governance.accounts.narrow import actor, deciding_person
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.common.broker import enqueue_on_commit
from governance.common.errors import DomainError, Forbidden, InvalidInput
from governance.common.pagination import lists, paged
from governance.common.preconditions import if_match
from monitoring import batches, erasure, keeping, refusals, selectors, services, tasks
from monitoring.api import record_serializers as forms
from monitoring.api.parsers import RecordsParser, RecordsRequest
from monitoring.api.serializers import MonitorOutput, monitor_as_dict
from monitoring.api.views import locked_tag, monitor_tag
from monitoring.models import LabelBatch, Monitor, RecordBatch

BODIES = dict.fromkeys(
    (
        "application/x-ndjson",
        "application/vnd.apache.parquet",
        "application/vnd.apache.arrow.stream",
        "application/vnd.apache.arrow.file",
    ),
    OpenApiTypes.BINARY,
)
BATCH = OpenApiParameter("batch", str, required=True, description="Names the batch; sending it twice counts once.")
ENCODING = OpenApiParameter(
    "Content-Encoding", str, OpenApiParameter.HEADER, description="gzip or zstd; without it the body is as it is."
)


class BodyView(APIView):
    """A view whose body is a batch; that one was refused is noted for the monitor's page."""

    parser_classes = [RecordsParser]
    kind = refusals.RECORDS
    asked: tuple[Monitor, User, str] | None = None

    def handle_exception(self, exc: Exception) -> Response:
        """Note what was refused of somebody who may send; every transaction of the call is over by now."""
        if self.asked and isinstance(exc, DomainError):
            refusals.note(*self.asked, kind=self.kind, refusal=exc)
        return super().handle_exception(exc)

    def initialize_request(self, request: Any, *args: Any, **kwargs: Any) -> Request:
        """Let the body come in chunks, too."""
        made = super().initialize_request(request, *args, **kwargs)
        made.__class__ = RecordsRequest
        return made

    def sent(self, request: Request, monitor_id: uuid.UUID) -> tuple[Monitor, User, dict[str, Any]]:
        """Return the monitor, who sends, and what was sent: ``batch_id``, ``body``, ``content_type``, ``encoding``.

        Raises:
            InvalidInput: the batch has no name.
            Unknown: there is no such monitor for the sender.
            Forbidden: the sender may not send.
        """
        batch_id, sender = request.query_params.get("batch", ""), actor(request)
        if not batch_id:
            raise InvalidInput("Name the batch: ?batch=<id of your choice>. Sending the same id again counts once.")
        monitor = selectors.monitor_for(sender, monitor_id)
        if not sender.is_service and not has_role(sender, *services.KEEPERS, system_id=monitor.model.system_id):
            raise Forbidden("Records are sent by a service account, or by an owner, engineer or administrator.")
        self.asked = monitor, sender, batch_id
        return (
            monitor,
            sender,
            {
                "batch_id": batch_id,
                "body": request.data.get("body", b""),
                "content_type": request.content_type or "",
                "encoding": request.headers.get("Content-Encoding", ""),
            },
        )


class Records(BodyView):
    """``/api/v1/monitors/{id}/records``."""

    scope = {"GET": "records:read", "POST": "records:write"}

    @lists(forms.BatchRow, summary="Batches of records, newest first")
    def get(self, request: Request, monitor_id: uuid.UUID) -> Response:
        """Return the batches of a monitor, newest first, with what became of their rows."""
        rows = batches.batches_of(selectors.monitor_for(actor(request), monitor_id))
        return paged(
            request,
            rows,
            newest_by="received_at",
            as_json=lambda page: forms.BatchRow([forms.batch_row(row) for row in page], many=True).data,
        )

    @extend_schema(
        request=BODIES,
        responses={201: forms.BatchOutput, 200: forms.BatchOutput},
        parameters=[
            BATCH,
            OpenApiParameter("version", int, description="Whose predictions; by default what is live now."),
            ENCODING,
        ],
        summary="Send a batch of records",
    )
    @idempotent
    @if_match(locked_tag)
    def post(self, request: Request, monitor_id: uuid.UUID) -> Response:
        """Take a batch in: 201 when it is new, 200 when it had been taken in before."""
        number = request.query_params.get("version")
        if number is not None and not (number.isascii() and number.isdigit() and len(number) < 10):
            raise InvalidInput("version is a number, such as ?version=2.")
        monitor, sender, given = self.sent(request, monitor_id)
        taken = services.accept_records(
            monitor_id=monitor.pk, sender=sender, version=int(number) if number else None, **given
        )
        if taken.created:
            enqueue_on_commit(tasks.profile_batch, taken.batch.pk)
            enqueue_on_commit(tasks.count_duplicates, taken.batch.pk)
        answer = {**forms.batch_row(taken.batch), "created": taken.created}
        code = status.HTTP_201_CREATED if taken.created else status.HTTP_200_OK
        return Response(forms.BatchOutput(answer).data, status=code)


class PutAside(APIView):
    """``/api/v1/monitors/{id}/records/{batch}/quarantine``."""

    scope = "records:read"
    of: type[RecordBatch] | type[LabelBatch] = RecordBatch

    @extend_schema(
        responses={(200, "application/x-ndjson"): OpenApiTypes.BINARY}, summary="The rows of a batch that did not fit"
    )
    def get(self, request: Request, monitor_id: uuid.UUID, batch: str) -> StreamingHttpResponse:
        """Return the rows of a batch that were put aside, with the reasons of each, as JSON lines."""
        person = actor(request)
        monitor = selectors.monitor_for(person, monitor_id)
        readers = (*services.KEEPERS, Role.DATA_PROTECTION_OFFICER)
        if not person.is_service and not has_role(person, *readers, system_id=monitor.model.system_id):
            raise Forbidden("Rows that were put aside are read by whoever sends records or protects data.")
        return StreamingHttpResponse(
            batches.put_aside(monitor, batch, of=self.of),
            content_type="application/x-ndjson",
            headers={"Content-Disposition": f'attachment; filename="{batch}.quarantine.jsonl"'},
        )


class LabelsPutAside(PutAside):
    """``/api/v1/monitors/{id}/labels/{batch}/quarantine``."""

    of = LabelBatch

    @extend_schema(
        responses={(200, "application/x-ndjson"): OpenApiTypes.BINARY}, summary="The labels of a batch that did not fit"
    )
    def get(self, request: Request, monitor_id: uuid.UUID, batch: str) -> StreamingHttpResponse:
        """Return the labels of a batch that were put aside, with the reasons of each, as JSON lines."""
        return super().get(request, monitor_id, batch)


class Labels(BodyView):
    """``/api/v1/monitors/{id}/labels``."""

    scope = {"GET": "records:read", "POST": "records:write"}
    kind = refusals.LABELS

    @lists(forms.LabelBatchRow, summary="Batches of labels that came late, newest first")
    def get(self, request: Request, monitor_id: uuid.UUID) -> Response:
        """Return the batches of labels of a monitor, newest first, with how many rows were put aside."""
        rows = batches.label_batches_of(selectors.monitor_for(actor(request), monitor_id))
        return paged(
            request,
            rows,
            newest_by="received_at",
            as_json=lambda page: forms.LabelBatchRow([forms.label_row(row) for row in page], many=True).data,
        )

    @extend_schema(
        request=BODIES,
        responses={201: forms.LabelBatchOutput, 200: forms.LabelBatchOutput},
        parameters=[BATCH, ENCODING],
        summary="Send labels that came late",
    )
    @idempotent
    @if_match(locked_tag)
    def post(self, request: Request, monitor_id: uuid.UUID) -> Response:
        """Take a batch of labels in: 201 when it is new, 200 when it had been taken in before."""
        monitor, sender, given = self.sent(request, monitor_id)
        taken = services.accept_labels(monitor_id=monitor.pk, sender=sender, **given)
        code = status.HTTP_201_CREATED if taken.created else status.HTTP_200_OK
        answer = {**forms.label_row(taken.batch), "created": taken.created}
        return Response(forms.LabelBatchOutput(answer).data, status=code)


def _monitor(monitor: Monitor, code: int = status.HTTP_200_OK) -> Response:
    return Response(MonitorOutput(monitor_as_dict(monitor)).data, status=code, headers={"ETag": monitor_tag(monitor)})


class Intake(APIView):
    """``/api/v1/monitors/{id}/intake``."""

    scope = "records:write"

    @extend_schema(request=forms.IntakeInput, responses=MonitorOutput, summary="Say what a monitor takes in")
    @if_match(locked_tag)
    def put(self, request: Request, monitor_id: uuid.UUID) -> Response:
        """Replace what a monitor takes in beside features and predictions, and for how long records are kept."""
        payload = forms.IntakeInput(data=request.data)
        payload.is_valid(raise_exception=True)
        person = actor(request)
        monitor = selectors.monitor_for(person, monitor_id)
        if not has_role(person, *services.KEEPERS, system_id=monitor.model.system_id):
            raise Forbidden(
                "What a monitor takes in is said by an owner, engineer, validator, risk officer or administrator."
            )
        if keeping.shortens(monitor, payload.validated_data):
            person = deciding_person(request)
        return _monitor(keeping.set_intake(monitor_id=monitor.pk, intake=payload.validated_data, actor=person))


class Erasures(APIView):
    """``/api/v1/monitors/{id}/erasures``."""

    scope = {"GET": "records:read"}

    @lists(forms.ListedErasure, summary="Erasures, newest first")
    def get(self, request: Request, monitor_id: uuid.UUID) -> Response:
        """Return what was erased from a monitor's records, newest first."""
        rows = batches.erasures_of(selectors.monitor_for(actor(request), monitor_id))
        return paged(
            request,
            rows,
            newest_by="made_at",
            as_json=lambda page: forms.ListedErasure([forms.listed_erasure(row) for row in page], many=True).data,
        )

    @extend_schema(request=forms.ErasureInput, responses={201: forms.ErasureOutput}, summary="Erase a person's records")
    @idempotent
    @if_match(locked_tag)
    def post(self, request: Request, monitor_id: uuid.UUID) -> Response:
        """Erase what is kept of a data subject or a prediction; a data protection officer does it, never a token."""
        payload = forms.ErasureInput(data=request.data)
        payload.is_valid(raise_exception=True)
        person = deciding_person(request)
        monitor = selectors.monitor_for(person, monitor_id)
        done = erasure.erase_records(monitor_id=monitor.pk, by=person, **payload.validated_data)
        return Response(forms.ErasureOutput(forms.erased(done)).data, status=status.HTTP_201_CREATED)
