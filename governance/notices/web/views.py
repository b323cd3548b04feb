"""A person's own notices, and how they want to be told."""

import uuid
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.accounts.narrow import actor
from governance.common.errors import DomainError, InvalidInput
from governance.common.pages import page
from governance.notices import preferences, selectors
from governance.notices.kinds import EXPLAINED, MANDATORY, Kind

PER_PAGE = 50
OPTIONAL = [kind for kind in Kind if kind not in MANDATORY]
SHOWN = [kind for kind in Kind if kind in EXPLAINED]


class SettingsForm(forms.Form):
    """What a person is told by message, when, and by e-mail or not. What is not ticked is off."""

    by_mail = forms.BooleanField(required=False)
    on = forms.MultipleChoiceField(choices=[(kind.value, kind.value) for kind in OPTIONAL], required=False)
    when = forms.ChoiceField(choices=[("at-once", "at once"), ("digest", "digest")])
    digest_hour = forms.IntegerField(min_value=0, max_value=23)
    time_zone = forms.CharField(max_length=64)


@page
@require_GET
def notice_list(request: HttpRequest) -> HttpResponse:
    """``GET /notices``: what one was told, newest first, and how that went out."""
    person = actor(request)
    rows = selectors.notices_of(person)
    asked = request.GET.get("page", "")
    number = int(asked) if asked.isascii() and asked.isdigit() and 0 < int(asked) < 10_000 else 1
    found = list(rows[(number - 1) * PER_PAGE : number * PER_PAGE + 1])
    context = {
        "rows": selectors.rows_of(person, found[:PER_PAGE]),
        "page": {
            "number": number,
            "previous": number - 1 if number > 1 else None,
            "next": number + 1 if len(found) > PER_PAGE else None,
        },
    }
    return render(request, "notices/notices.html", context)


@page
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def notice_settings(request: HttpRequest) -> HttpResponse:
    """``/notices/settings``: read and keep how one wants to be told."""
    if request.method != "POST":
        return _settings(request)
    form = SettingsForm(request.POST)
    if not form.is_valid():
        errors = [f"{name.replace('_', ' ').capitalize()}: {said[0]}" for name, said in form.errors.items()]
        return _settings(request, status=InvalidInput.status, errors=errors)
    values = form.cleaned_data
    try:
        preferences.save_settings(
            person=actor(request),
            by_mail=values["by_mail"],
            off=[kind.value for kind in OPTIONAL if kind.value not in values["on"]],
            digest=values["when"] == "digest",
            digest_hour=values["digest_hour"],
            time_zone=values["time_zone"],
        )
    except DomainError as refusal:
        return _settings(request, status=refusal.status, errors=[refusal.detail])
    messages.success(request, _("Kept. It counts for what comes from now on."))
    return redirect("notice-settings")


@page
@require_POST
@sensitive_post_parameters("address")
def channel_add(request: HttpRequest) -> HttpResponse:
    """``POST /notices/channels``: keep an Apprise address, sealed. It is not given back, also not after a mistake."""
    label = request.POST.get("label", "")
    try:
        preferences.add_channel(person=actor(request), label=label, address=request.POST.get("address", ""))
    except DomainError as refusal:
        return _settings(request, status=refusal.status, channel_errors=[refusal.detail], label=label)
    messages.success(request, _("Added. Send a test message to see that it works."))
    return redirect("notice-settings")


@page
@require_POST
def channel_remove(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /notices/channels/<pk>/removal``: forget an address."""
    preferences.remove_channel(person=actor(request), channel_id=pk)
    messages.success(request, _("Removed; its address is deleted."))
    return redirect("notice-settings")


@page
@require_POST
def test_message(request: HttpRequest) -> HttpResponse:
    """``POST /notices/test``: ask for a test message to every channel of one's own."""
    if preferences.send_test(person=actor(request)):
        messages.success(request, _("It is on its way; how it went stands here in a few seconds."))
    else:
        messages.error(request, _("One a minute; the last one is on this page."))
    return redirect("notice-list")


def _settings(request: HttpRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    person = actor(request)
    kept = selectors.settings_of(person)
    sent = request.POST if request.method == "POST" and "when" in request.POST else None
    off = [kind.value for kind in OPTIONAL if kind.value not in sent.getlist("on")] if sent else kept.off
    context = {
        "kinds": [
            {
                "value": kind.value,
                "label": kind.label,
                "hint": EXPLAINED[kind],
                "mandatory": kind in MANDATORY,
                "on": kind.value not in off,
            }
            for kind in SHOWN
        ],
        "by_mail": "by_mail" in sent if sent else kept.by_mail,
        "digest": sent["when"] == "digest" if sent else kept.digest,
        "hours": [
            {"value": hour, "chosen": str(hour) == (sent.get("digest_hour") if sent else str(kept.digest_hour))}
            for hour in range(24)
        ],
        "time_zone": sent.get("time_zone", "") if sent else kept.time_zone,
        "time_zones": sorted(available_timezones()),
        "channels": selectors.channels_of(person),
        "schemes": preferences.schemes(),
        **more,
    }
    return render(request, "notices/settings.html", context, status=status)
