"""Models that no MLflow holds, over HTTP: record a version, say what one builds on, state that one is in use."""

import uuid
from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.idempotency import idempotent
from governance.accounts.narrow import actor
from governance.common.errors import InvalidInput
from governance.common.pagination import lists, paged
from governance.common.preconditions import etag, if_match, lock
from governance.inventory import selectors as inventory
from registry import bases, descriptions, outside, recorded_data, recording, selectors
from registry.api.alias_changes import AliasChangeOutput, as_dict
from registry.api.views import locked_tag
from registry.models import BuildsOn, DatasetSnapshot, ModelVersion


class RecordedPinInput(serializers.Serializer[Any]):
    """A file or document by whose digest the version is told from others."""

    what = serializers.ChoiceField(choices=list(descriptions.PINS.items()))
    name = serializers.CharField(max_length=200)
    digest = serializers.CharField(max_length=71, help_text="`sha256:` and 64 hex digits.")


class RecordedVersionInput(serializers.Serializer[Any]):
    """What somebody writes down of a version that no MLflow holds. No names of people."""

    name = serializers.CharField(max_length=100, help_text="What it is called here: `outside_mlflow:<name>`.")
    system = serializers.CharField(max_length=80, help_text="Id or slug of the AI system that uses it.")
    kind = serializers.ChoiceField(choices=list(descriptions.KINDS.items()))
    runs = serializers.ChoiceField(choices=list(descriptions.RUNS.items()))
    supplier = serializers.CharField(max_length=200)
    product = serializers.CharField(max_length=200)
    supplier_version = serializers.CharField(max_length=100, help_text="As the supplier calls it.")
    licence = serializers.CharField(
        max_length=200, required=False, allow_blank=True, default="", help_text="Or contract; needed of what is bought."
    )
    where = serializers.CharField(
        max_length=300, required=False, allow_blank=True, default="", help_text="Address, server or folder."
    )
    summary = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")
    pins = RecordedPinInput(many=True, required=False, default=list)


class WhichSystem(serializers.Serializer[Any]):
    """Which system, so that who may record for it is asked first."""

    system = serializers.CharField(max_length=80)


class RecordedVersionOutput(serializers.Serializer[Any]):
    """A recorded version; its digest is over ``described`` (RFC 8785)."""

    id = serializers.UUIDField()
    model = serializers.CharField()
    version = serializers.IntegerField()
    system = serializers.CharField(allow_null=True, help_text="Null until a second person signs that it serves one.")
    digest = serializers.CharField()
    described = serializers.DictField()
    recorded_by = serializers.UUIDField()
    recorded_at = serializers.DateTimeField()


class BaseInput(serializers.Serializer[Any]):
    """Which version is built on which other one."""

    model = serializers.CharField(max_length=256)
    version = serializers.IntegerField(min_value=1)
    base_model = serializers.CharField(max_length=256)
    base_version = serializers.IntegerField(min_value=1)
    kind = serializers.ChoiceField(choices=BuildsOn.Kind.choices)


class BaseOutput(BaseInput):
    """Somebody's word that one version is built on another."""

    id = serializers.UUIDField()
    stated_by = serializers.UUIDField()
    stated_at = serializers.DateTimeField()
    withdrawn_at = serializers.DateTimeField(allow_null=True)


class UseInput(serializers.Serializer[Any]):
    """Since when what was approved is in use, and where."""

    since = serializers.DateField(help_text="Not before the approval.")
    statement = serializers.CharField(min_length=10, max_length=1000, help_text="Where it is used, and by which unit.")


class RecordedVersions(APIView):
    """``/api/v1/recorded-versions``."""

    scope = {"GET": "promotions:read", "POST": "promotions:write"}

    @lists(RecordedVersionOutput, summary="List versions that no MLflow holds, newest first", filters=["model"])
    def get(self, request: Request) -> Response:
        """Return recorded versions, newest first; filter by ``model``."""
        rows = recording.recorded_for(actor(request))
        if value := request.query_params.get("model"):
            rows = rows.filter(**selectors.called(value, "model__"))
        return paged(request, rows, newest_by="mirrored_at", as_json=_versions)

    @extend_schema(
        request=RecordedVersionInput,
        responses={201: RecordedVersionOutput},
        summary="Record a version that no MLflow holds",
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Record it as an engineer or the owner; Placet gives the number. Say what changed to record the next one."""
        which = WhichSystem(data=request.data)
        which.is_valid(raise_exception=True)
        person = actor(request)
        ai_system = inventory.system_for(person, which.validated_data["system"])
        recording.check_may_record(person, ai_system)
        payload = RecordedVersionInput(data=request.data)
        payload.is_valid(raise_exception=True)
        values = dict(payload.validated_data)
        values.pop("system")
        values["version"] = values.pop("supplier_version")
        made = recording.record_version(recorder=person, ai_system=ai_system, **values)
        place = {"Location": f"/api/v1/registered-models/{made.model}"}
        return Response(_versions([made])[0], status=status.HTTP_201_CREATED, headers=place)


class WhichVersion(serializers.Serializer[Any]):
    """Which recorded version."""

    model = serializers.CharField(max_length=256)
    version = serializers.IntegerField(min_value=1)


class EvaluationDataInput(WhichVersion):
    """Rows with their outcome and what a recorded version answered on them."""

    file = serializers.FileField(
        help_text="Parquet: the features, the outcome, and `prediction`, what the version answered (of two classes the "
        "score of the positive one). At most 95 MB."
    )
    label_column = serializers.CharField(max_length=200, help_text="Of the outcome.")
    task = serializers.ChoiceField(choices=DatasetSnapshot.Task.choices, required=False, default="binary")
    positive_label = serializers.CharField(max_length=200, required=False, help_text="Two classes: the event.")
    favourable_label = serializers.CharField(max_length=200, required=False, help_text="Two classes.")
    favourable_labels = serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, help_text="Several classes; repeated."
    )
    favourable_direction = serializers.ChoiceField(choices=DatasetSnapshot.Direction.choices, required=False)
    sensitive_features = serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, help_text="Columns that are no features; repeated."
    )
    delete_by = serializers.DateField(required=False, help_text="The last day on which the rows may be kept.")


class EvaluationDataOutput(serializers.Serializer[Any]):
    """What is kept of it; the digest is over the file."""

    digest = serializers.CharField()
    rows = serializers.IntegerField()
    features = serializers.ListField(child=serializers.CharField())
    label_column = serializers.CharField()
    task = serializers.CharField()


class EvaluationData(APIView):
    """``/api/v1/evaluation-data``."""

    scope = "promotions:write"
    parser_classes = [MultiPartParser, JSONParser]  # a JSON body holds no file, and is told so

    @extend_schema(
        request={"multipart/form-data": EvaluationDataInput},
        responses={201: EvaluationDataOutput},
        summary="Give the data on which a recorded version was evaluated",
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Keep rows with the version's answers, once; its records are compared with them from then on."""
        person, which = actor(request), WhichVersion(data=request.data)
        which.is_valid(raise_exception=True)
        model, number = which.validated_data["model"], which.validated_data["version"]
        recorded_data.version_for(person, model, number)
        payload = EvaluationDataInput(data=request.data)
        payload.is_valid(raise_exception=True)
        values = dict(payload.validated_data)
        del values["model"], values["version"]
        file, label = values.pop("file"), values.pop("label_column")
        if file.size > recorded_data.LARGEST:
            raise InvalidInput(f"The file is larger than {recorded_data.LARGEST >> 20} MB.")
        made = recorded_data.give_data(
            model=model, number=number, person=person, content=file.read(), label=label, **values
        )
        place = {"Location": f"/api/v1/registered-models/{made.model}"}
        return Response(
            EvaluationDataOutput(recorded_data.as_json(made)).data, status=status.HTTP_201_CREATED, headers=place
        )


class Bases(APIView):
    """``/api/v1/bases``."""

    scope = {"GET": "promotions:read", "POST": "promotions:write"}

    @lists(BaseOutput, summary="List what versions are built on, newest first", filters=["model", "base_model"])
    def get(self, request: Request) -> Response:
        """Return who said that what is built on what, newest first; filter by ``model`` and ``base_model``."""
        rows = bases.words_for(actor(request))
        for name, where in (("model", "version__model__"), ("base_model", "base__model__")):
            if value := request.query_params.get(name):
                rows = rows.filter(**selectors.called(value, where))
        return paged(request, rows, newest_by="stated_at", as_json=_words)

    @extend_schema(request=BaseInput, responses={201: BaseOutput}, summary="State that a version is built on another")
    @idempotent
    def post(self, request: Request) -> Response:
        """State it as an engineer or the owner of the upper one; you must be able to read the other."""
        payload = BaseInput(data=request.data)
        payload.is_valid(raise_exception=True)
        word = bases.state_base(person=actor(request), **payload.validated_data)
        headers = {"Location": f"/api/v1/bases/{word.pk}", "ETag": etag(word)}
        return Response(_words([word])[0], status=status.HTTP_201_CREATED, headers=headers)


class BaseDetail(APIView):
    """``/api/v1/bases/{id}``."""

    scope = "promotions:read"

    @extend_schema(responses=BaseOutput, summary="One word of what a version is built on")
    def get(self, request: Request, word_id: uuid.UUID) -> Response:
        """Return it with its ETag."""
        word = bases.word_for(actor(request), word_id)
        return Response(_words([word])[0], headers={"ETag": etag(word)})


def _locked_word(request: Request, word_id: uuid.UUID) -> str:
    lock(bases.word_for(actor(request), word_id))
    return etag(bases.word_for(actor(request), word_id))


class BaseWithdrawals(APIView):
    """``/api/v1/bases/{id}/withdrawals``."""

    scope = "promotions:write"

    @extend_schema(request=None, responses={200: BaseOutput}, summary="Withdraw a word that was wrong")
    @idempotent
    @if_match(_locked_word)
    def post(self, request: Request, word_id: uuid.UUID) -> Response:
        """Withdraw it; the log keeps that it was said."""
        word = bases.withdraw_base(word_id=word_id, person=actor(request))
        return Response(_words([word])[0], headers={"ETag": etag(word)})


class UseStatements(APIView):
    """``/api/v1/promotion-requests/{id or PR-number}/use-statements``."""

    scope = "promotions:write"

    @extend_schema(
        request=UseInput,
        responses={201: AliasChangeOutput},
        summary="State that what was approved is in use, where no MLflow holds it",
    )
    @idempotent
    @if_match(locked_tag)
    def post(self, request: Request, promotion: str) -> Response:
        """Write down since when; nothing is moved anywhere."""
        found = selectors.promotion_for(actor(request), promotion)
        outside.check_may_state(found, actor(request))
        payload = UseInput(data=request.data)
        payload.is_valid(raise_exception=True)
        change = outside.state_in_use(promotion_id=found.pk, person=actor(request), **payload.validated_data)
        place = {"Location": f"/api/v1/alias-changes/{change}"}
        return Response(AliasChangeOutput(as_dict(change)).data, status=status.HTTP_201_CREATED, headers=place)


def _versions(rows: Sequence[ModelVersion]) -> Any:
    said = [
        {
            "id": row.pk,
            "model": str(row.model),
            "version": row.number,
            "system": row.model.system.slug if row.model.system else None,
            "digest": row.artifact_digest,
            "described": row.described,
            "recorded_by": row.registered_by_id,
            "recorded_at": row.mirrored_at,
        }
        for row in rows
    ]
    return RecordedVersionOutput(said, many=True).data


def _words(rows: Sequence[BuildsOn]) -> Any:
    said = [
        {
            "id": row.pk,
            "model": str(row.version.model),
            "version": row.version.number,
            "base_model": str(row.base.model),
            "base_version": row.base.number,
            "kind": row.kind,
            "stated_by": row.stated_by_id,
            "stated_at": row.stated_at,
            "withdrawn_at": row.withdrawn_at,
        }
        for row in rows
    ]
    return BaseOutput(said, many=True).data
