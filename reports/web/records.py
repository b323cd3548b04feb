"""The page that explains one record: a form, and what came of the last question. Nothing of it is kept."""

import json
import uuid
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from governance.accounts.models import User
from governance.accounts.narrow import actor
from governance.common.broker import enqueue_on_commit
from governance.common.errors import Unknown
from governance.common.pages import page
from registry import selectors
from registry.models import DatasetSnapshot, ModelVersion
from reports import looks, tasks
from reports.looks import CannotLook

LONGEST = 64 << 10
LONGEST_ID = 1_000
MOST = 5
OPEN = ("queued", "running")


class Refused(Exception):
    """What was sent can't be a question; the message says why."""


@page
@require_http_methods(["GET", "POST"])
def record_explain(request: HttpRequest, pk: uuid.UUID, number: int) -> HttpResponse:
    """``GET``/``POST /models/<pk>/versions/<number>/explain``: ask for one record, read the answer at ``?look=``."""
    person = actor(request)
    version, data = _version(person, pk, number)
    problem = ""
    if request.method == "POST":
        try:
            look = _asked(request, person, version, data)
        except (Refused, CannotLook) as error:
            problem = str(error)
        else:
            enqueue_on_commit(tasks.explain_record, look)
            messages.success(request, "Asked for; a worker explains it now.")
            return redirect(f"{reverse('record-explain', args=[pk, number])}?look={look}")
    context = {
        "model": {"pk": version.model_id, "name": str(version.model), "number": version.number},
        "data": _data(data),
        "problem": problem,
        "sent": request.POST if problem else {},
        **_look(request, person, version),
    }
    return render(request, "reports/record.html", context, status=422 if problem else 200)


@page
@require_GET
def record_look(request: HttpRequest, pk: uuid.UUID, number: int) -> HttpResponse:
    """``GET /models/<pk>/versions/<number>/explain/look?look=<uuid>``: the answer alone, for htmx."""
    person = actor(request)
    version, _ = _version(person, pk, number)
    return render(request, "reports/_record.html", {"model": {"pk": pk}, **_look(request, person, version)})


def _version(person: User, pk: uuid.UUID, number: int) -> tuple[ModelVersion, DatasetSnapshot | None]:
    model = selectors.models_for(person).filter(pk=pk).first()
    if model is None:
        raise Unknown(f"There is no registered model {pk}.")
    version = selectors.version(model, number)
    source = looks.evidence_of(version)
    return version, selectors.dataset(source.dataset_digest) if source else None


def _data(data: DatasetSnapshot | None) -> dict[str, Any] | None:
    if data is None:
        return None
    return {
        "rows": data.rows,
        "digest": data.digest,
        "mutable": looks.changeable(data) if data.task == DatasetSnapshot.Task.BINARY else [],
        "most": MOST,
    }


def _asked(request: HttpRequest, person: User, version: ModelVersion, data: DatasetSnapshot | None) -> uuid.UUID:
    if data is None:
        raise Refused("There is no explanation of this version yet, whose data and background a look would use.")
    mutable = [name for name in request.POST.getlist("mutable") if name in looks.changeable(data)]
    most = _number(request.POST.get("most", "0") or "0", 0, MOST, "The number of changes")
    if most and not mutable:
        raise Refused("Name the features that may change, or ask for no change.")
    return looks.ask(viewer=person, version=version, record=_record(request, data), mutable=mutable, most=most)


def _record(request: HttpRequest, data: DatasetSnapshot) -> dict[str, Any]:
    """Return which record is meant, as :func:`reports.looks.ask` takes it."""
    row, features, prediction = (request.POST.get(name, "").strip() for name in ("row", "features", "prediction"))
    if sum(map(bool, (row, features, prediction))) > 1:
        raise Refused("Name one record: a row, or features, or the id of a logged prediction.")
    if features:
        return {"features": _features(features)}
    if prediction:
        if len(prediction) > LONGEST_ID or not prediction.isprintable():
            raise Refused(f"The id of a prediction has at most {LONGEST_ID:,} characters, all of them printable.")
        return {"prediction": prediction, "day": _day(request.POST.get("day", "").strip())}
    return {"row": _number(row, 1, data.rows, "The row")}


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat() if text else ""
    except ValueError:
        raise Refused("The day must be a date as in 2026-11-02.") from None


def _features(text: str) -> dict[str, Any]:
    if len(text) > LONGEST:
        raise Refused(f"The features are longer than {LONGEST >> 10} kB.")
    try:
        found = json.loads(text, parse_constant=_no_number, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        raise Refused(f"The features are not JSON: {error}.") from error
    if not isinstance(found, dict) or not all(
        value is None or isinstance(value, (str, int, float)) for value in found.values()
    ):
        raise Refused('The features must be one JSON object of texts and numbers: {"months": 12, "purpose": "car"}.')
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number; leave a value that is not known null")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{', '.join(twice[:3])} stands there twice")
    return dict(pairs)


def _number(text: str, low: int, high: int, what: str) -> int:
    if not text.strip().isdecimal() or not low <= int(text) <= high:
        raise Refused(f"{what} must be a whole number from {low} to {high:,}.")
    return int(text)


def _look(request: HttpRequest, person: User, version: ModelVersion) -> dict[str, Any]:
    """Return the look that the address names: its answer, why there is none, or that it is being worked out."""
    wanted = request.GET.get("look", "")
    if not wanted:
        return {"look": None}
    try:
        pk = uuid.UUID(wanted)
        look = looks.look_for(person, version, pk)
    except (ValueError, Unknown):
        return {"look": {"state": "over", "open": False}}
    url = f"{reverse('record-look', args=[version.model_id, version.number])}?look={pk}"
    return {"look": {**look, "open": look["state"] in OPEN, "url": url}}
