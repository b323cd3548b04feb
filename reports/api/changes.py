"""What changed between two versions of a document, over HTTP."""

import uuid
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.narrow import actor
from governance.common.errors import InvalidInput, Unknown
from reports import selectors
from reports.documents.comparing import KINDS, Change, SectionChange, Value
from reports.documents.content import Paragraph, Source


class ChangedValueOutput(serializers.Serializer[Any]):
    """One printed value that differs."""

    where = serializers.CharField(help_text="Caption, row and column; the label of a line of the cover.")
    before = serializers.CharField(allow_blank=True, help_text="Empty where it was not printed.")
    after = serializers.CharField(allow_blank=True)


class ComparedParagraphOutput(serializers.Serializer[Any]):
    """One paragraph as it stands in one of the two."""

    state = serializers.CharField(help_text="measured, declared or missing.")
    text = serializers.CharField()
    declared_by = serializers.CharField(allow_null=True, help_text="The role, of a declared paragraph.")
    declared_on = serializers.DateField(allow_null=True)
    owed_by = serializers.CharField(allow_null=True, help_text="The role, of a missing paragraph.")


class ComparedSourceOutput(serializers.Serializer[Any]):
    """What a measured paragraph rests on."""

    name = serializers.CharField()
    id = serializers.CharField(allow_blank=True)
    digest = serializers.CharField(allow_null=True)
    log_index = serializers.IntegerField(allow_null=True)


class ParagraphChangeOutput(serializers.Serializer[Any]):
    """One paragraph that differs; ``kind`` is the gravest of its differences."""

    kind = serializers.ChoiceField(choices=list(KINDS))
    before = ComparedParagraphOutput(allow_null=True)
    after = ComparedParagraphOutput(allow_null=True)
    values = ChangedValueOutput(many=True)
    sources_before = ComparedSourceOutput(many=True, help_text="Sources that it rests on no more.")
    sources_after = ComparedSourceOutput(many=True, help_text="Sources that it did not rest on before.")


class ChangedSectionOutput(serializers.Serializer[Any]):
    """One section in which something differs."""

    number = serializers.CharField()
    title = serializers.CharField()
    point = serializers.CharField(allow_null=True)
    standing = serializers.ChoiceField(choices=["added", "removed", "changed"])
    requirement = ChangedValueOutput(allow_null=True, help_text="Where the wording of the point itself differs.")
    changes = ParagraphChangeOutput(many=True)
    same = serializers.IntegerField(help_text="Paragraphs that are as they were.")


class DocumentChangesOutput(serializers.Serializer[Any]):
    """What changed in a document since another version of it."""

    document = serializers.UUIDField()
    since = serializers.UUIDField(allow_null=True, help_text="Null for the first version: nothing to compare with.")
    law = ChangedValueOutput(allow_null=True, help_text="Where the version of the legal register differs.")
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="Paragraphs by kind of change.")
    cover = ChangedValueOutput(many=True)
    sections = ChangedSectionOutput(many=True)


class DocumentChanges(APIView):
    """``/api/v1/documents/{document id}/changes``."""

    @extend_schema(
        responses=DocumentChangesOutput,
        parameters=[OpenApiParameter("since", str, description="Id of another version; the one before without it.")],
        summary="What changed since another version",
    )
    def get(self, request: Request, document_id: uuid.UUID) -> Response:
        """Return the paragraphs that differ, by section, with the figures and sources of each."""
        person = actor(request)
        row = selectors.document_for(person, document_id)
        older, found = selectors.comparison(person, row, _since(request.query_params.get("since", "")))
        if older is not None and found is None:
            raise Unknown("One of the two was made by another release; its PDF holds everything.")
        return Response(
            {
                "document": str(row.pk),
                "since": str(older.pk) if older else None,
                "law": _value(found.law) if found and found.law else None,
                "counts": found.counts if found else {},
                "cover": [_value(value) for value in found.cover] if found else [],
                "sections": [_section(section) for section in found.changed] if found else [],
            }
        )


def _since(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        raise InvalidInput("since is the id of another version of the document.") from None


def _section(section: SectionChange) -> dict[str, Any]:
    return {
        "number": section.number,
        "title": section.title,
        "point": section.point,
        "standing": section.standing,
        "requirement": _value(section.requirement) if section.requirement else None,
        "changes": [_change(change) for change in section.changes],
        "same": section.same,
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "before": _paragraph(change.before) if change.before else None,
        "after": _paragraph(change.after) if change.after else None,
        "values": [_value(value) for value in change.values],
        "sources_before": [_source(source) for source in change.gone],
        "sources_after": [_source(source) for source in change.come],
    }


def _value(value: Value) -> dict[str, str]:
    return {"where": value.where, "before": value.before, "after": value.after}


def _paragraph(paragraph: Paragraph) -> dict[str, Any]:
    who = paragraph.declared_by
    return {
        "state": paragraph.state,
        "text": paragraph.text,
        "declared_by": who.role if who else None,
        "declared_on": who.on if who else None,
        "owed_by": paragraph.owner,
    }


def _source(source: Source) -> dict[str, Any]:
    return {"name": source.name, "id": source.id, "digest": source.digest, "log_index": source.log_index}
