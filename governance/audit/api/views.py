"""The log over HTTP: the newest checkpoint, entries with proofs, receipts and the bundle."""

import base64
from typing import cast

from django.http import FileResponse, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.audit import selectors, tiles
from governance.audit.actors import Actor
from governance.audit.export import bundle_response
from governance.common.errors import Forbidden, Unknown

NOT_SEALED = OpenApiResponse(description="The notary has not sealed it yet; this takes about a second.")


class LatestCheckpoint(APIView):
    """``/api/v1/log/checkpoint``."""

    permission_classes = [AllowAny]

    @extend_schema(
        responses={(200, "text/plain"): OpenApiTypes.STR}, summary="The newest signed checkpoint (C2SP note)"
    )
    def get(self, request: Request) -> HttpResponse:
        """Public: a checkpoint proves something only to those who keep it elsewhere."""
        checkpoint = selectors.newest_checkpoint()
        if checkpoint is None:
            raise Unknown("The log has no signed checkpoint yet.")
        return HttpResponse(bytes(checkpoint.note), content_type="text/plain; charset=utf-8")


class LogTile(APIView):
    """``/api/v1/log/tile/{tile}``."""

    scope = "bundles:read"

    @extend_schema(
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
        summary="A tile of the log (C2SP tlog-tiles)",
    )
    def get(self, request: Request, tile: str) -> HttpResponse:
        """Return hashes of the tree (`0/000`) or entries (`entries/000`), up to 256 of them; for who may export."""
        if not request.user.has_perm("audit.export_bundle"):
            raise Forbidden("An auditor, risk officer or administrator reads the log's tiles.")
        content = tiles.read(tiles.parse(tile))
        return HttpResponse(
            content,
            content_type="application/octet-stream",
            headers={"Cache-Control": "private, max-age=31536000, immutable"},
        )


class EntryDetail(APIView):
    """``/api/v1/log/entries/{index}``."""

    scope = "bundles:read"

    @extend_schema(responses=OpenApiTypes.OBJECT, summary="One entry with its inclusion proof")
    def get(self, request: Request, index: int) -> Response:
        """Return the exact bytes (base64), the proof and the checkpoint it is against; for who reads the log."""
        if not request.user.has_perm("audit.read_log"):
            raise Forbidden(
                "An auditor, risk officer, data protection officer or administrator reads the log's entries."
            )
        entry = selectors.entry_at(index)
        checkpoint = selectors.newest_checkpoint()
        if checkpoint is None or checkpoint.size <= index:
            raise Unknown(f"Entry {index} is not under a signed checkpoint yet; try again in a second.")
        proof = selectors.inclusion_proof(index, checkpoint.size)
        return Response(
            {
                "index": index,
                "body": base64.b64encode(entry.body).decode(),
                "entry": entry.parsed,
                "proof": [base64.b64encode(step).decode() for step in proof],
                "checkpoint": bytes(checkpoint.note).decode(),
            }
        )


class LatestBundle(APIView):
    """``/api/v1/bundles/latest``."""

    scope = "bundles:read"

    @extend_schema(
        responses={(200, "application/zip"): OpenApiTypes.BINARY, 409: NOT_SEALED}, summary="The audit bundle, made now"
    )
    def get(self, request: Request) -> FileResponse:
        """Make and return the bundle; for auditors, risk officers and administrators."""
        if not request.user.has_perm("audit.export_bundle"):
            raise Forbidden("An auditor, risk officer or administrator downloads the audit bundle.")
        return bundle_response(cast(Actor, request.user))
