"""What the API answers where no view of ours does: an address that is none, and a fault of ours."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from governance.common.errors import Unknown
from governance.common.problems import MEDIA_TYPE


@extend_schema(exclude=True)
class NoSuchAddress(APIView):
    """Every address below ``/api/v1/`` that nothing else takes."""

    permission_classes = [AllowAny]

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        """Refuse, whatever the method."""
        raise Unknown(f"The API has no address {request.path}; its addresses are in /api/v1/openapi.yaml.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a fault of ours: a problem for the API, a page for people; both carry the request's id."""
    if not request.path.startswith("/api/"):
        return defaults.server_error(request)
    reference = request.META.get("PLACET_REQUEST_ID", "")
    body = {
        "type": "/problems/server-error",
        "title": "Placet could not answer",
        "status": 500,
        "detail": "The fault is ours; what you asked for is in the log as a whole or not at all. Try again; if it "
        f"happens again, give your administrator the request {reference}.",
        "request": reference,
    }
    return JsonResponse(body, status=500, content_type=MEDIA_TYPE)
