"""Who opens the log's pages: the roles behind the permission ``audit.read_log``, and each person their own receipts."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase

READ_LOG = "audit.read_log"
READERS = "An auditor, risk officer, data protection officer or administrator reads the log."

View = Callable[..., HttpResponseBase]


def log_reader(view: View) -> View:
    """Require a signed-in person who may read the log."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.has_perm(READ_LOG):
            raise PermissionDenied(READERS)
        return view(request, *args, **kwargs)

    return login_required(wrapped)
