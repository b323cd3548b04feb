"""The pages of policies: what a reader sees, who gets a form, and what each refusal says."""

from __future__ import annotations

import re
from typing import Any

import pytest

from governance.accounts.roles import Role
from governance.policy import selectors, services, shipped
from governance.policy.models import PolicyVersion
from tests.factories import PASSWORD, a_policy, a_policy_text, a_system, a_user, enough_people, given, parse

LAXER = (("limit: 0.65", "limit: 0.6"), ("auc.low >= 0.65", "auc.low >= 0.6"), ("auc.high < 0.65", "auc.high < 0.6"))


def text_of(answer: Any) -> str:
    """The words of a page, without its elements and line ends."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


@pytest.fixture
def draft(db) -> PolicyVersion:
    """A draft that loosens the policy in force; enough people for it."""
    a_policy()
    return services.draft_policy(text=a_policy_text(*LAXER), author=a_user(Role.POLICY_AUTHOR, name="Ada Author"))


@pytest.fixture
def publisher(db, client):
    """A signed-in policy publisher."""
    person = a_user(Role.POLICY_PUBLISHER)
    client.force_login(person)
    return person


def test_the_list_says_what_is_in_force_and_which_drafts_wait(draft, publisher, client):
    page = client.get("/policies")
    assert [row["label"] for row in page.context["policies"]] == ["credit-high-risk v1"]
    assert [row["label"] for row in page.context["drafts"]] == ["credit-high-risk v2"]
    assert "Draft a policy" not in text_of(page)
    services.publish_policy(version_id=draft.pk, publisher=publisher)
    page = client.get("/policies")
    assert ([row["label"] for row in page.context["policies"]], page.context["drafts"]) == (["credit-high-risk v2"], [])


def test_without_a_policy_the_list_says_what_that_means(publisher, client):
    assert "No policy is in force: nothing may be promoted." in text_of(client.get("/policies"))


def test_a_version_shows_each_check_with_limit_reason_and_owner_and_its_text_by_line(draft, publisher, client):
    page = client.get(f"/policies/{draft.pk}")
    said = text_of(page)
    document = selectors.document_of(draft)
    assert len(page.context["checks"]) == len(document.checks)
    for check in document.checks:
        assert check.title.replace("'", "&#x27;") in said
        assert check.why[:30] in said
    assert "≥ 0.60" in said
    lines = page.content.decode()
    for number, line in enumerate(draft.text.splitlines(), 1):
        if line.startswith("  - id:"):
            assert f'<li id="L{number}">{line}</li>' in lines
            assert f'href="#L{number}"' in lines
    assert "2 of 3 changes against credit-high-risk v1 loosen it." in said


def test_the_difference_marks_a_loosening_in_words_and_puts_it_first(draft, publisher, client):
    page = client.get(f"/policies/{draft.pk}/diff")
    rows = re.findall(r"<tr[^>]*>.*?</tr>", page.content.decode(), re.DOTALL)[1:]
    assert [("Loosens" in row, 'class="x-bad"' in row) for row in rows] == [(True, True), (True, True), (False, False)]
    assert page.context["counts"] == {"loosens": 2, "tightens": 0, "neutral": 1}
    before = page.context["against"]["pk"]
    back = client.get(f"/policies/{before}/diff?against={draft.pk}")
    assert back.context["counts"] == {"loosens": 0, "tightens": 2, "neutral": 1}
    assert "Both say the same." in text_of(client.get(f"/policies/{draft.pk}/diff?against={draft.pk}"))
    assert client.get(f"/policies/{draft.pk}/diff?against=nonsense").status_code == 422
    alone = a_policy(shipped.text("minimal-risk"))
    assert "no other published version" in text_of(client.get(f"/policies/{alone.pk}/diff"))


def test_publishing_takes_the_publisher_s_password(draft, publisher, client):
    address = f"/policies/{draft.pk}/publish"
    for sent, says in (({}, "Type your password"), ({"password": "wrong"}, "The password is not right")):
        refused = client.post(address, sent)
        assert (refused.status_code >= 400, says in text_of(refused)) == (True, True)
        assert selectors.version(draft.pk).published_at is None
    assert client.get(address).status_code == 405
    done = client.post(address, {"password": PASSWORD}, follow=True)
    assert "credit-high-risk v2 is in force" in text_of(done)
    assert selectors.version(draft.pk).publisher == publisher
    again = client.post(address, {"password": PASSWORD})
    assert (again.status_code, "is published and immutable" in text_of(again)) == (409, True)


def test_who_may_not_publish_reads_why_and_gets_no_form(draft, client):
    for person, says in (
        (draft.author, "A policy publisher puts it in force."),
        (a_user(Role.AUDITOR), "A policy publisher puts it in force."),
    ):
        client.force_login(person)
        page = client.get(f"/policies/{draft.pk}")
        assert (says in text_of(page), 'name="password"' in page.content.decode()) == (True, False)
        refused = client.post(f"/policies/{draft.pk}/publish", {"password": PASSWORD})
        assert refused.status_code == 403
        assert selectors.version(draft.pk).published_at is None


def test_an_author_who_is_a_publisher_too_reads_that_another_must(db, client):
    both = a_user(Role.POLICY_AUTHOR)
    given(both, Role.POLICY_PUBLISHER)
    enough_people(parse(a_policy_text()))
    version = services.draft_policy(text=a_policy_text(), author=both)
    client.force_login(both)
    assert "another publisher puts it in force" in text_of(client.get(f"/policies/{version.pk}"))
    refused = client.post(f"/policies/{version.pk}/publish", {"password": PASSWORD})
    assert (refused.status_code, "another publisher must publish it" in text_of(refused)) == (403, True)


def test_what_publication_would_refuse_stands_on_the_draft_s_page(publisher, client):
    version = services.draft_policy(text=a_policy_text(), author=a_user(Role.POLICY_AUTHOR))
    page = client.get(f"/policies/{version.pk}")
    assert [row["path"] for row in page.context["publish"]["obstacles"]] == ["stages[0].quorum", "stages[1].quorum"]
    assert "0 hold validator" in text_of(page)
    refused = client.post(f"/policies/{version.pk}/publish", {"password": PASSWORD})
    assert (refused.status_code, "0 hold risk_officer" in text_of(refused)) == (422, True)


def test_an_author_checks_mends_and_keeps_a_text(db, client):
    a_policy()
    author = a_user(Role.POLICY_AUTHOR)
    client.force_login(author)
    start = client.get(f"/policies/new?from={PolicyVersion.objects.get().pk}")
    assert start.context["text"] == a_policy_text()
    bad = a_policy_text(("auc.low >= 0.65", "auc.lwo >= 0.65")).replace("\n", "\r\n")
    checked = client.post("/policies/new", {"text": bad, "do": "check"})
    assert (checked.status_code, "did you mean" in text_of(checked)) == (200, True)
    assert checked.context["problems"][0]["text"] == "expr: evidence.performance.auc.lwo >= 0.65"
    kept = client.post("/policies/new", {"text": bad, "do": "save"})
    assert (kept.status_code, "did you mean" in text_of(kept)) == (422, True)
    assert PolicyVersion.objects.count() == 1
    checked = client.post("/policies/new", {"text": a_policy_text(*LAXER), "do": "check"})
    assert ("2 loosen it" in text_of(checked), PolicyVersion.objects.count()) == (True, 1)
    done = client.post(
        "/policies/new", {"text": a_policy_text(*LAXER).replace("\n", "\r\n"), "do": "save"}, follow=True
    )
    assert "credit-high-risk v2 is drafted." in text_of(done)
    assert PolicyVersion.objects.get(number=2).text == a_policy_text(*LAXER)


@pytest.mark.parametrize("text", ["", "policy: [", "\0", "x" * 200_000, "<script>alert(1)</script>: x"])
def test_a_text_that_is_no_policy_comes_back_with_what_to_mend(db, client, text):
    client.force_login(a_user(Role.POLICY_AUTHOR))
    for do, status in (("check", 200), ("save", 422)):
        page = client.post("/policies/new", {"text": text, "do": do})
        assert page.status_code == status
        assert page.context["problems"]
        assert "<script>alert" not in page.content.decode()


def test_who_writes_no_policies_gets_no_form_and_keeps_nothing(publisher, client):
    page = client.get("/policies/new")
    assert ("A policy author writes policies." in text_of(page), "<textarea" in page.content.decode()) == (True, False)
    refused = client.post("/policies/new", {"text": a_policy_text(), "do": "save"})
    assert (refused.status_code, PolicyVersion.objects.count()) == (403, 0)


def test_nobody_reads_a_policy_without_signing_in(draft, client):
    for path in ("", "/new", f"/{draft.pk}", f"/{draft.pk}/diff"):
        assert client.get(f"/policies{path}").url.startswith("/login")
    assert client.post(f"/policies/{draft.pk}/publish", {"password": PASSWORD}).url.startswith("/login")
    client.force_login(a_user(Role.AUDITOR))
    assert client.get("/policies/00000000-0000-4000-8000-000000000000").status_code == 404


def test_a_system_s_page_says_which_version_governs_each_alias_and_why(db, client):
    system, first = a_system(), a_policy()
    taking = a_policy_text(
        ("policy: credit-high-risk", "policy: newer\nsupersedes: [credit-high-risk]"),
        ("targets: [champion, canary]", "targets: [champion]"),
    )
    second = a_policy(taking)
    rows = {row.alias: row for row in selectors.effective(system, aliases=["champion", "shadow"])}
    assert {alias: row.version for alias, row in rows.items()} == {"champion": second, "canary": first, "shadow": None}
    assert rows["champion"].shadowed == (first,)
    assert rows["champion"].because == (
        "It is for high-risk, tier 1 and names champion. "
        "credit-high-risk v1 would fit as well; newer was published last and takes the place."
    )
    for alias, row in rows.items():
        assert selectors.governing(system, alias) == row.version
    client.force_login(a_user(Role.AUDITOR))
    said = text_of(client.get(f"/systems/{system.pk}"))
    assert rows["champion"].because in said
    assert "Compare with credit-high-risk v1" in said


def test_a_system_without_a_class_is_governed_by_nothing(db, django_assert_num_queries):
    a_policy()
    system = a_system()
    system.ai_act_class = ""
    with django_assert_num_queries(0):
        (row,) = selectors.effective(system, aliases=["champion"])
    assert (row.version, "not classified yet" in row.because) == (None, True)
    system.ai_act_class = "minimal"
    (row,) = selectors.effective(system, aliases=["champion"])
    assert "No policy in force is for minimal" in row.because


def test_a_page_costs_the_same_for_one_version_and_for_many(
    draft, publisher, client, django_assert_max_num_queries, django_assert_num_queries
):
    costs = {}
    for path in ("/policies", f"/policies/{draft.pk}", f"/policies/{draft.pk}/diff"):
        with django_assert_max_num_queries(24) as first:
            client.get(path)
        costs[path] = len(first)
    for _ in range(3):
        services.draft_policy(text=a_policy_text(), author=a_user(Role.POLICY_AUTHOR))
    for path, queries in costs.items():
        with django_assert_num_queries(queries):
            client.get(path)
