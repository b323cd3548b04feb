"""A bare DRF view that does one INSERT: what a decision of the gate is held against."""

import json
import uuid

from django.db import connection
from django.urls import path
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from benchmarks.log_writers import PLAIN


class Insert(APIView):
    """Keeps what it is sent."""

    authentication_classes: list[type] = []
    permission_classes = [AllowAny]

    def post(self, request: Request) -> Response:
        """Insert one row in a transaction of its own."""
        with connection.cursor() as cursor:
            cursor.execute(PLAIN, [uuid.uuid4(), json.dumps(request.data).encode()])
        return Response({"verdict": "ALLOW", "detail": ""})


urlpatterns = [path("", Insert.as_view())]
