"""Comment on a request, from the review page and from the requester's."""

import uuid

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from governance.accounts.narrow import actor
from governance.approvals import comments
from governance.approvals.web.forms import errors_of, sent
from governance.common.errors import DomainError, InvalidInput
from governance.common.pages import page
from registry import selectors
from registry.reviewing import requester, review
from registry.reviewing.comments import with_refused
from registry.web import views


class CommentForm(forms.Form):
    """What is said, of whom the attention is asked, and from which page."""

    text = forms.CharField(
        max_length=comments.LONGEST,
        error_messages={
            "required": "Write something first.",
            "max_length": f"A comment has {comments.LONGEST:,} characters at most.",
        },
    )
    mentions = forms.CharField(required=False, max_length=2000)
    at_page = forms.ChoiceField(required=False, choices=[("", "review"), ("request", "request")])


@page
@require_POST
def review_comment(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /approvals/<pk>/comments``: say something without deciding; goes back to the page it came from."""
    approval, form = views.approval_of(request, pk), CommentForm(request.POST)
    errors, status = {}, InvalidInput.status
    at_page = "request" if request.POST.get("at_page") == "request" else ""
    promotion = selectors.promotion_of(approval)
    if not form.is_valid():
        errors = errors_of(form)
    else:
        mentions = [name for name in form.cleaned_data["mentions"].split(",") if name.strip()]
        text = form.cleaned_data["text"]
        try:
            made = comments.write_comment(request_id=pk, author=actor(request), text=text, mentions=mentions)
        except DomainError as refusal:
            errors, status = {"mentions": [refusal.detail]}, refusal.status
        else:
            messages.success(request, "Your comment is there. It decides nothing.")
            address = redirect("promotion-detail", pk=promotion.pk) if at_page else redirect("review", pk=pk)
            address["Location"] += f"#comment-{made.pk}"
            return address
    messages.error(request, " ".join(sentence for sentences in errors.values() for sentence in sentences))
    if at_page:
        context, template = requester.request_page(views.promotion_of(request, promotion.pk), actor(request)), "request"
    else:
        context, template = review.review_page(approval, actor(request)), "review"
    return render(request, f"registry/{template}.html", with_refused(context, sent(form), errors), status=status)
