"""The pages of datasets, and the deletion of one."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from governance.accounts.narrow import actor
from governance.approvals.web.forms import errors_of, errors_of_refusal, sent
from governance.common.errors import DomainError
from governance.common.pages import page
from registry import datasets
from registry.reviewing import dataset_pages
from registry.web.acts import ActForm


@page
@require_GET
def dataset_list(request: HttpRequest) -> HttpResponse:
    """``GET /datasets``: the datasets of the systems in reach."""
    return render(request, "registry/dataset_list.html", dataset_pages.list_page(actor(request)))


@page
@require_GET
def dataset_detail(request: HttpRequest, digest: str) -> HttpResponse:
    """``GET /datasets/<digest>``: one dataset, what it is and what rests on it."""
    person = actor(request)
    found = datasets.dataset_for(person, digest)
    return render(request, "registry/dataset.html", dataset_pages.dataset_page(found, person))


@page
@require_POST
def dataset_delete(request: HttpRequest, digest: str) -> HttpResponse:
    """``POST /datasets/<digest>/delete``: a data protection officer has the stored rows deleted, for good."""
    person = actor(request)
    found = datasets.dataset_for(person, digest)
    form: forms.Form = ActForm(request.POST)
    errors, status = {}, 422
    datasets.check_may_delete(person, found.digest)
    if form.is_valid():
        try:
            datasets.delete_data(digest=found.digest, by=person, **form.cleaned_data)
        except DomainError as refusal:
            errors, status = errors_of_refusal(refusal, text_field="reason"), refusal.status
        else:
            messages.success(request, "Deleted. What was measured on it stays, and says that it can't be repeated.")
            return redirect("dataset", digest=found.digest[7:])
    else:
        errors = errors_of(form)
    context = dataset_pages.dataset_page(found, person)
    context["form"] = {"errors": errors, "reason": sent(form).get("reason", "")}
    return render(request, "registry/dataset.html", context, status=status)
