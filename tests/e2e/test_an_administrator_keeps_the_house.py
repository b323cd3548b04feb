"""An administrator gives and takes access, with a second one where it is grave, and has no say in what is decided."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from examples.credit import story, watching
from examples.credit.people import Person, Refused
from governance.common.embedded.layout import REPOSITORY
from tests.e2e.browsing import CHROMIUM, Visitor, chromium, visitor
from tests.e2e.ledger import Ledger

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]
SECOND, NEWCOMER, PIPELINE = "administrator2@bank.example", "newcomer@bank.example", "nightly@bank.example"
COMMANDS = """
import io, json, sys
import django
from django.core.management import call_command
django.setup()
for line in sys.stdin:
    said = io.StringIO()
    call_command(*json.loads(line), stdout=said)
    print(json.dumps(said.getvalue()), flush=True)
"""
REASON = "Left the bank at the end of the month."


class Terminal:
    """A terminal on the server, where somebody runs management commands in the administrator's name."""

    def __init__(self, world: story.World) -> None:
        self._by = world.people["admin"].email
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", COMMANDS],
            cwd=REPOSITORY,
            env={**os.environ, **world.stack.env("app"), "DJANGO_SETTINGS_MODULE": "governance.config.settings"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def manage(self, command: str, *words: str) -> str:
        """Run one command to its end, and return what it prints."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([command, *words, "--by", self._by]) + "\n")
        self._process.stdin.flush()
        return str(json.loads(self._process.stdout.readline())).strip()

    def close(self) -> None:
        """Leave it."""
        self._process.communicate()


@pytest.fixture(scope="module")
def terminal(world: story.World) -> Iterator[Terminal]:
    """A terminal on the server."""
    opened = Terminal(world)
    yield opened
    opened.close()


def made(world: story.World, terminal: Terminal, email: str, name: str) -> Person:
    """Make somebody who has no role yet, and sign them in with their first password."""
    password = terminal.manage("create_person", email, name).rpartition(" ")[2]
    return Person(world.url, email, {"role": name, "email": email, "password": password})


@pytest.fixture(scope="module")
def second(world: story.World, terminal: Terminal, ledger: Ledger) -> Iterator[Person]:
    """A second administrator, until the end of the story."""
    person = made(world, terminal, SECOND, "Second administrator")
    terminal.manage("grant_role", SECOND, "administrator")
    yield person
    first = world.people["admin"]
    gone = {"reason": "The story is over.", "password": first.password}
    first.post_form(f"/people/{key_of(ledger, SECOND)}/deactivation", **gone)
    person._http.close()


@pytest.fixture(scope="module")
def newcomer(world: story.World, terminal: Terminal) -> Iterator[Person]:
    """Somebody who came to the bank."""
    person = made(world, terminal, NEWCOMER, "Newcomer")
    yield person
    person._http.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def admin(world: story.World, browser: Browser) -> Iterator[Visitor]:
    """The administrator's window, signed in."""
    with visitor(browser, world.url) as window:
        window.sign_in(world.people["admin"])
        yield window


def key_of(ledger: Ledger, email: str) -> str:
    """Return the key of somebody's row."""
    ((pk,),) = ledger.rows("SELECT id::text FROM accounts_user WHERE email = %s", [email])
    return str(pk)


def events_after(ledger: Ledger, number: int, *, by: str) -> list[str]:
    """Return what somebody did after an entry of the log, as its events."""
    actor = f"person:{key_of(ledger, by)}"
    return [entry["event"] for entry in ledger.entries_after(number) if entry["actor"] == actor]


def test_a_role_that_decides_counts_once_a_second_administrator_confirms_it(
    world: story.World, admin: Visitor, browser: Browser, second: Person, newcomer: Person, ledger: Ledger
) -> None:
    page, before = admin.page, ledger.newest()
    admin.menu("People")
    page.get_by_role("link", name=newcomer.role, exact=True).click()
    page.get_by_label("Role", exact=True).select_option("validator")
    page.get_by_role("button", name="Give or propose it").click()
    expect(page.get_by_text("Validator waits for a second administrator")).to_be_visible()
    assert newcomer.call("GET", "promotion-requests")["results"] == []
    page.get_by_role("link", name="Confirm or withdraw").click()
    expect(page.get_by_text("You proposed it; another administrator confirms it.")).to_be_visible()
    expect(page.get_by_role("button", name="Confirm")).to_have_count(0)

    with visitor(browser, world.url) as other:
        other.sign_in(second)
        other.menu("People")
        other.page.get_by_role("link", name="Roles to confirm").click()
        other.page.get_by_label("Your password").fill(second.password)
        other.page.get_by_role("button", name=f"Confirm {newcomer.role}").click()
        expect(other.page.get_by_text(f"{newcomer.role} is validator from now on.")).to_be_visible()
        assert other.problems("role-proposals-settled") == []
    assert newcomer.call("GET", "promotion-requests")["results"] != []

    admin.menu("People")
    page.get_by_role("link", name=newcomer.role, exact=True).click()
    held = page.get_by_role("row", name="Validator")
    expect(held).to_contain_text("confirmed by Second administrator")
    held.get_by_role("button", name="End now").click()
    expect(page.get_by_text(f"{newcomer.role} is validator no more, in open requests too.")).to_be_visible()
    assert newcomer.call("GET", "promotion-requests")["results"] == []
    assert events_after(ledger, before, by=world.people["admin"].email) == ["role.proposed", "role.revoked"]
    assert events_after(ledger, before, by=SECOND) == ["role.granted", "role.confirmed"]


def test_a_token_opens_what_it_says_until_it_is_revoked(
    world: story.World, admin: Visitor, terminal: Terminal, ledger: Ledger
) -> None:
    page, before = admin.page, ledger.newest()
    terminal.manage("create_service_account", PIPELINE, "Nightly", "--sponsor", world.people["engineer"].email)
    admin.menu("People")
    page.get_by_label("Who", exact=True).select_option("service")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="Nightly", exact=True).click()
    page.get_by_label("Role", exact=True).select_option("engineer")
    page.get_by_label("AI system").select_option(label="Consumer credit scoring")
    page.get_by_role("button", name="Give or propose it").click()
    expect(page.get_by_text("Nightly is engineer from now on.")).to_be_visible()
    token = terminal.manage("create_token", PIPELINE, "--label", "nightly", "--scope", "promotions:read", "--days", "9")

    def asked() -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.get(f"{world.url}/api/v1/registered-models/{story.MODEL}", headers=headers).status_code

    assert asked() == httpx.codes.OK
    page.reload()
    expect(page.get_by_role("row", name="nightly")).to_contain_text("valid")
    assert admin.problems("service-account") == []
    terminal.manage("revoke_token", PIPELINE, "--label", "nightly")
    assert asked() == httpx.codes.UNAUTHORIZED
    page.reload()
    expect(page.get_by_role("row", name="nightly")).to_contain_text("revoked")
    assert events_after(ledger, before, by=world.people["admin"].email) == [
        *("service_account.created", "role.granted", "token.created", "token.revoked")
    ]


def test_how_the_house_is_doing_is_told_part_by_part(admin: Visitor) -> None:
    page = admin.page
    page.locator(".x-user summary").click()
    page.get_by_role("link", name="System health").click()
    for part in ("MLflow", "PostgreSQL", "Notary"):
        expect(page.get_by_role("row").filter(has_text=part).first).to_be_visible()
    page.get_by_role("link", name="Log health").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Log health")
    admin.menu("Models")
    page.get_by_role("link", name="Gate", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Gate")
    assert admin.problems("gate") == []
    admin.open("/notices/settings")
    assert admin.problems("notice-settings") == []


def test_who_is_shut_out_is_out_at_once(
    world: story.World, admin: Visitor, browser: Browser, newcomer: Person, ledger: Ledger
) -> None:
    page, before = admin.page, ledger.newest()
    with visitor(browser, world.url) as other:
        other.sign_in(newcomer)
        admin.menu("People")
        page.get_by_role("link", name=newcomer.role, exact=True).click()
        page.get_by_text("Shut this account out").click()
        page.get_by_label("Why").fill(REASON)
        page.get_by_label("Your password").fill(world.people["admin"].password)
        page.get_by_role("button", name="Shut it out now").click()
        expect(page.get_by_text(f"{newcomer.role} is shut out: roles, tokens and sessions ended.")).to_be_visible()
        other.menu("Systems")
        expect(other.page.get_by_role("button", name="Sign in")).to_be_visible()
    with pytest.raises(Refused) as refusal:
        newcomer.call("GET", "promotion-requests")
    assert refusal.value.status in {401, 403}
    with pytest.raises(RuntimeError, match="could not sign in"):
        newcomer._sign_in()
    assert events_after(ledger, before, by=world.people["admin"].email) == ["person.deactivated"]
    admin.menu("Audit log")
    page.get_by_label("Who", exact=True).fill(world.people["admin"].email)
    page.get_by_label("Event", exact=True).select_option("person.deactivated")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("row").filter(has_text="person.deactivated").first).to_contain_text("Administrator")


def test_an_administrator_has_no_say_in_what_is_decided(
    world: story.World, admin: Visitor, ledger: Ledger, again_in_review: Any
) -> None:
    page, approval, before = admin.page, again_in_review["approval"], ledger.newest()
    admin.open(f"/approvals/{approval['id']}")
    expect(page.locator("#decision")).to_contain_text("The open stage asks for a validator")
    expect(page.locator("#decision form, [id^=human-review] form")).to_have_count(0)
    admin.open(f"/models/{watching._model_pk(world)}")
    expect(page.locator("#act")).to_have_count(0)
    person = world.people["admin"]
    signed = {"password": person.password, "reason": REASON, "rationale": story.REASON["approve"]}
    for path, form in {
        f"/approvals/{approval['id']}/decide": {"verdict": "approve", "no_conflict": "on"},
        f"/promotions/{again_in_review['id']}/apply": {},
        f"/models/{watching._model_pk(world)}/aliases/champion/stop": {},
        f"/people/{key_of(ledger, person.email)}/roles": {"role": "risk_officer"},
    }.items():
        with pytest.raises(Refused) as refusal:
            person.post_form(path, **signed, **form)
        assert refusal.value.status == 403, path
    assert events_after(ledger, before, by=person.email) == []
    assert story.follow(world, again_in_review["version"])["approval"]["state"] == "in_review"
