"""Adoptions over HTTP: look what an MLflow has in production, propose to take it over, follow that, take it back.

A second person signs one on its page: a token never decides.
"""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.idempotency import idempotent
from governance.accounts.narrow import actor
from governance.common.errors import InvalidInput
from governance.common.pagination import lists, paged
from governance.common.preconditions import etag, if_match, lock
from registry import adoptable, adoption
from registry.adoptable import Look, Row, Wanted
from registry.models import AdoptedAlias, Adoption

MOST_MODELS = 20_000


class WhoseInput(serializers.Serializer[Any]):
    """To which AI system a model belongs, and who answers for it; either may be left out."""

    system = serializers.CharField(required=False, max_length=200, help_text="Slug of the AI system.")
    owner = serializers.CharField(required=False, max_length=254, help_text="Id or address of a person.")


class AdoptionInput(serializers.Serializer[Any]):
    """Which models serve on without an approval, until when, and who answers for them."""

    dry_run = serializers.BooleanField(default=False, help_text="Only say what it would hold; writes nothing.")
    deadline = serializers.DateField(required=False, help_text="A day, at most 366 ahead; needed unless dry_run.")
    owner = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=254, help_text="Id or address of a person."
    )
    mapping = serializers.DictField(child=WhoseInput(), required=False, default=dict, help_text="By model name.")
    only = serializers.ListField(
        child=serializers.CharField(max_length=256),
        required=False,
        default=list,
        max_length=100,
        help_text="Patterns of model names, such as `credit-*`; none: all.",
    )
    reason = serializers.CharField(required=False, max_length=1000, help_text="Needed unless dry_run.")


class AdoptedOutput(serializers.Serializer[Any]):
    """One version behind a protected alias, or in stage Production."""

    model = serializers.CharField()
    alias = serializers.CharField(allow_blank=True, help_text="Folded; empty where it is the stage.")
    stage = serializers.CharField(allow_blank=True)
    version = serializers.IntegerField(help_text="0 where it can't be told.")
    digest = serializers.CharField(allow_blank=True, help_text="Of its bytes; empty where they were not fetched.")
    system = serializers.CharField(allow_null=True)
    owner = serializers.UUIDField(allow_null=True, help_text="Who answers for it.")
    owner_name = serializers.CharField(allow_blank=True)
    problem = serializers.CharField(allow_blank=True, help_text="Why it can't be adopted, or was not.")
    state = serializers.ChoiceField(choices=[*AdoptedAlias.State.choices, ("", "Only looked at")])


class AdoptionOutput(serializers.Serializer[Any]):
    """One adoption, or what one would hold."""

    number = serializers.IntegerField(allow_null=True, help_text="Null where it is only looked at.")
    state = serializers.ChoiceField(choices=["dry run", "proposed", "signed", "withdrawn"])
    url = serializers.CharField(allow_blank=True, help_text="Where a risk officer signs it.")
    deadline = serializers.DateField(allow_null=True)
    only = serializers.ListField(child=serializers.CharField())
    proposed_by = serializers.UUIDField(allow_null=True)
    proposed_at = serializers.DateTimeField(allow_null=True)
    signed_by = serializers.UUIDField(allow_null=True)
    signed_at = serializers.DateTimeField(allow_null=True)
    unused = serializers.ListField(
        child=serializers.CharField(), help_text="Models of the mapping that have nothing in production."
    )
    rows = AdoptedOutput(many=True)


class AdoptionSummaryOutput(serializers.Serializer[Any]):
    """One adoption in the list."""

    number = serializers.IntegerField()
    state = serializers.ChoiceField(choices=["proposed", "signed", "withdrawn"])
    url = serializers.CharField()
    deadline = serializers.DateField()
    proposed_at = serializers.DateTimeField()
    signed_at = serializers.DateTimeField(allow_null=True)


class Adoptions(APIView):
    """``/api/v1/adoptions``."""

    scope = {"GET": "promotions:read", "POST": "production:write"}
    seen: Look

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Read MLflow before any transaction: an outside call has no place in one."""
        super().initial(request, *args, **kwargs)
        if request.method == "POST":
            adoption.check_may_propose(actor(request))
            self.seen = adoptable.look()

    @extend_schema(
        request=AdoptionInput,
        responses={200: AdoptionOutput, 201: AdoptionOutput},
        summary="Propose that what an MLflow has in production serves on without an approval until a day",
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Propose one as an administrator or risk officer; another risk officer signs it on its page.

        ``dry_run`` answers 200 with what it would hold.
        """
        payload = AdoptionInput(data=request.data)
        payload.is_valid(raise_exception=True)
        values = payload.validated_data
        if len(values["mapping"]) > MOST_MODELS:
            raise InvalidInput(f"A mapping has at most {MOST_MODELS} models; name fewer by `only`, and take turns.")
        wanted = Wanted(tuple(values["only"]), values["owner"], values["mapping"])
        found = adoptable.rows(self.seen, wanted)
        unused = adoptable.unused(wanted, found)
        if values["dry_run"]:
            return Response(AdoptionOutput(_looked_at(wanted, found, unused)).data)
        if "deadline" not in values or "reason" not in values:
            raise InvalidInput("Give a deadline and a reason, or dry_run: true to see what it would hold.")
        made = adoption.propose(
            seen=self.seen,
            wanted=wanted,
            deadline=values["deadline"],
            reason=values["reason"],
            person=actor(request),
        )
        body = _as_dict(made) | {"unused": unused}
        left_out = [_seen_row(row) for row in found if row.problem]
        body["rows"] = sorted([*body["rows"], *left_out], key=lambda row: (row["model"], row["alias"], row["version"]))
        return Response(
            AdoptionOutput(body).data,
            status=status.HTTP_201_CREATED,
            headers={"Location": f"/api/v1/adoptions/{made.number}"},
        )

    @lists(AdoptionSummaryOutput, summary="List adoptions, newest first")
    def get(self, request: Request) -> Response:
        """Return adoptions, newest first, for whoever has a role for the whole deployment."""
        rows = adoption.adoptions_for(actor(request))
        return paged(request, rows, newest_by="proposed_at", as_json=_summaries)


class AdoptionDetail(APIView):
    """``/api/v1/adoptions/{number}``."""

    scope = "promotions:read"

    @extend_schema(responses=AdoptionOutput, summary="One adoption with all that it holds")
    def get(self, request: Request, number: int) -> Response:
        """Return what it holds, and what became of each row at the signature, with its ETag."""
        found = adoption.adoption_for(actor(request), number)
        return Response(AdoptionOutput(_as_dict(found)).data, headers={"ETag": etag(found)})


def _locked_tag(request: Request, number: int) -> str:
    found = adoption.adoption_for(actor(request), number)
    lock(found)
    return etag(adoption.adoption_for(actor(request), number))


class AdoptionWithdrawals(APIView):
    """``/api/v1/adoptions/{number}/withdrawals``."""

    scope = "production:write"

    @extend_schema(request=None, responses={200: AdoptionOutput}, summary="Take a proposed adoption back")
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, number: int) -> Response:
        """Withdraw, as an administrator or risk officer, what nobody has signed yet."""
        person = actor(request)
        adoption.adoption_for(person, number)
        adoption.withdraw(number=number, person=person)
        return Response(AdoptionOutput(_as_dict(adoption.adoption_for(person, number))).data)


def _url_of(row: Adoption) -> str:
    """Return where an adoption is read and signed."""
    return f"{settings.BASE_URL}/adoptions/{row.number}"


def _summaries(rows: Sequence[Adoption]) -> Any:
    said = [
        {
            "number": row.number,
            "state": row.state,
            "url": _url_of(row),
            "deadline": row.deadline,
            "proposed_at": row.proposed_at,
            "signed_at": row.signed_at,
        }
        for row in rows
    ]
    return AdoptionSummaryOutput(said, many=True).data


def _as_dict(row: Adoption) -> dict[str, Any]:
    return {
        "number": row.number,
        "state": row.state,
        "url": _url_of(row),
        "deadline": row.deadline,
        "only": row.only,
        "proposed_by": row.proposed_by_id,
        "proposed_at": row.proposed_at,
        "signed_by": row.signed_by_id,
        "signed_at": row.signed_at,
        "unused": [],
        "rows": [
            {
                "model": str(held.model),
                "alias": held.alias,
                "stage": held.stage,
                "version": held.version.number,
                "digest": held.digest,
                "system": held.system.slug if held.system else None,
                "owner": held.owner_id,
                "owner_name": held.owner.name,
                "problem": held.state_reason,
                "state": held.state,
            }
            for held in adoption.rows_of(row)
        ],
    }


def _looked_at(wanted: Wanted, found: Sequence[Row], unused: Sequence[str]) -> dict[str, Any]:
    nothing = dict.fromkeys(("number", "deadline", "proposed_by", "proposed_at", "signed_by", "signed_at"))
    return {
        **nothing,
        "state": "dry run",
        "url": "",
        "only": list(wanted.only),
        "unused": unused,
        "rows": [_seen_row(row) for row in found],
    }


def _seen_row(row: Row) -> dict[str, Any]:
    return {
        "model": row.place.model,
        "alias": row.place.alias,
        "stage": row.place.stage,
        "version": row.place.number,
        "digest": row.digest,
        "system": row.system.slug if row.system else None,
        "owner": row.owner.pk if row.owner else None,
        "owner_name": row.owner.name if row.owner else "",
        "problem": row.problem,
        "state": "",
    }
