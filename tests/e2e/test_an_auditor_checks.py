"""An auditor follows a decision to its proof, has a stranger check the papers offline, and can change nothing."""

import re
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Download, expect

from examples.credit import story, watching
from examples.credit.stage import Stage
from tests.e2e.browsing import CHROMIUM, Visitor, chromium, visitor
from tests.e2e.ledger import Ledger
from tests.e2e.steps import Step
from tests.e2e.stranger import CHANGED, INCOMPLETE, Stranger, flipped, stranger

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def auditor(world: story.World, browser: Browser, v2_live: Any) -> Iterator[Visitor]:
    """The auditor's window, signed in."""
    with visitor(browser, world.url) as window:
        window.sign_in(world.people["auditor"])
        yield window


@pytest.fixture
def outsider(world: story.World) -> Iterator[Stranger]:
    """Somebody to whom the auditor hands files; the public keys came to them by another way."""
    with stranger(world) as found:
        yield found


@pytest.fixture(scope="module")
def documentation(world: story.World, step: Step, v2_live: Any) -> None:
    """The technical documentation that the story made; where it has not come so far, it makes it now."""
    if not world.people["auditor"].call("GET", "documents")["results"]:
        step(8)


def saved(download: Download, folder: Path, name: str) -> bytes:
    """Keep a download in a folder under a name, and return its bytes."""
    download.save_as(folder / name)
    return (folder / name).read_bytes()


def test_a_decision_leads_to_its_proof_and_a_stranger_holds_it(
    world: story.World, auditor: Visitor, ledger: Ledger, outsider: Stranger, v2_live: Any
) -> None:
    page = auditor.page
    auditor.menu("Models")
    page.get_by_role("link", name=story.MODEL, exact=True).click()
    page.locator("#versions").get_by_role("link", name=v2_live["reference"], exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"{story.MODEL} v2")
    for name in ("validator", "risk"):
        expect(page.locator("#stages blockquote").filter(has_text=world.people[name].role)).to_have_count(1)
    page.locator("#trail details").evaluate_all("all => all.forEach(details => { details.open = true })")
    decided = page.locator("#trail").get_by_role("row").filter(has_text="approval.decided").last
    decided.get_by_role("link", name="Proof of entry").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Audit log, entry")
    for verdict in ("Integrity", "Completeness"):
        expect(page.get_by_role("heading", name=verdict)).to_contain_text("holds")
    index = int(page.url.rpartition("/")[2])
    ((body,),) = ledger.rows(
        "SELECT e.body FROM audit_entry e JOIN audit_leaf l ON l.entry_id = e.id WHERE l.position = %s", [index]
    )
    assert page.get_by_label("Exact bytes").text_content() == bytes(body).decode()
    with page.expect_download() as coming:
        page.get_by_role("link", name=f"{index}.tlog-proof").click()
    receipt = saved(coming.value, outsider.folder, "decision.tlog-proof")
    held = outsider.verify("decision.tlog-proof")
    assert held.returncode == 0, held.stdout + held.stderr
    (outsider.folder / "decision.tlog-proof").write_bytes(flipped(receipt, len(receipt) // 2))
    assert outsider.verify("decision.tlog-proof").returncode == CHANGED


def test_the_log_is_searched(auditor: Visitor, world: story.World, v2_live: Any) -> None:
    page = auditor.page
    auditor.menu("Audit log")
    page.get_by_label("Words").fill(f"{story.MODEL}/2")
    page.get_by_label("Who", exact=True).fill(world.people["risk"].role)
    page.get_by_label("Event", exact=True).select_option("approval.decided")
    page.get_by_role("button", name="Show").click()
    found = page.get_by_role("row").filter(has_text="approval.decided")
    expect(found).to_have_count(1)
    expect(found).to_contain_text("stage risk")
    assert auditor.problems("log-searched") == []


def test_the_whole_log_is_taken_away_and_verified_offline(auditor: Visitor, stage: Stage, outsider: Stranger) -> None:
    def taken() -> subprocess.CompletedProcess[str] | None:
        auditor.open("/log")
        with auditor.page.expect_download() as coming:
            auditor.page.get_by_role("link", name="Audit bundle (zip)").click()
        saved(coming.value, outsider.folder, "log.zip")
        held = outsider.verify("log.zip")
        return None if held.returncode == INCOMPLETE else held  # an entry was on its way into the tree

    held = stage.wait("the bundle is whole", taken, seconds=60)
    assert held.returncode == 0, held.stdout + held.stderr


def test_the_papers_of_a_promotion_are_taken_away_and_a_changed_one_is_named(
    auditor: Visitor, outsider: Stranger, v2_live: Any
) -> None:
    page = auditor.page
    auditor.open(f"/promotions/{v2_live['id']}")
    page.get_by_role("link", name="Audit bundle", exact=True).click()
    expect(page.get_by_label("Request", exact=True)).to_have_value(v2_live["reference"])
    page.get_by_label("Size of a checkpoint that you kept").fill(str(outsider.seen_size))
    page.get_by_role("button", name="Make the bundle").first.click()
    expect(page.get_by_text("The bundle is asked for")).to_be_visible()
    with page.expect_download() as coming:
        page.locator("tbody tr").first.get_by_role("link", name="Download").click()
    papers = saved(coming.value, outsider.folder, "papers.zip")
    held = outsider.verify("papers.zip")
    assert held.returncode == 0, held.stdout + held.stderr
    assert re.search(r"anchoring +holds", held.stdout), held.stdout
    with zipfile.ZipFile(outsider.folder / "papers.zip") as archive:
        name = next(name for name in archive.namelist() if re.fullmatch(r"evidence/[0-9a-f]{64}\.json", name))
        paper = archive.read(name)
    (outsider.folder / "papers.zip").write_bytes(flipped(papers, papers.rindex(paper) + len(paper) // 2))
    held = outsider.verify("papers.zip")
    assert held.returncode == CHANGED
    assert name in held.stdout + held.stderr


def test_a_pdf_is_told_from_one_with_a_flipped_byte(auditor: Visitor, documentation: None, outsider: Stranger) -> None:
    page = auditor.page
    auditor.menu("Documents")
    with page.expect_download() as coming:
        page.get_by_role("link", name="PDF, Technical documentation").first.click()
    made = saved(coming.value, outsider.folder, "annex-iv.pdf")
    (outsider.folder / "changed.pdf").write_bytes(flipped(made, len(made) // 2))
    page.get_by_role("link", name="Check a PDF that you were given").click()
    for name, verdict in (("annex-iv.pdf", "One of ours, byte for byte"), ("changed.pdf", "Not the file that we made")):
        page.get_by_role("button", name="PDF").set_input_files(outsider.folder / name)
        page.get_by_role("button", name="Check", exact=True).click()
        expect(page.locator("#result-h")).to_have_text(name)
        expect(page.locator("#result").get_by_role("status")).to_contain_text(verdict)
        assert auditor.problems(f"check-{name}") == []


def test_nothing_offers_itself_to_be_decided_or_changed(
    world: story.World, auditor: Visitor, again_in_review: Any
) -> None:
    page, model = auditor.page, watching._model_pk(world)
    auditor.open(f"/approvals/{again_in_review['approval']['id']}")
    expect(page.locator("#decision")).to_contain_text("The open stage asks for a validator")
    expect(page.locator("#decision form, [id^=human-review] form, #waivers form")).to_have_count(0)
    auditor.open(f"/promotions/{again_in_review['id']}")
    expect(page.locator("#todo")).to_contain_text("Nothing is asked of you now")
    expect(page.locator("#todo button:enabled")).to_have_count(0)
    auditor.open(f"/models/{model}")
    expect(page.locator("#versions")).to_be_visible()
    expect(page.locator("main form[method=post]")).to_have_count(0)
    auditor.open(f"/models/{model}")
    page.locator(".x-facts").get_by_role("link", name="Consumer credit scoring").click()
    expect(page.locator("#classification")).to_be_visible()
    expect(page.locator("main form[method=post]")).to_have_count(0)
    page.locator("#declared").get_by_role("link", name="answered").click()
    expect(page.locator("#map")).to_be_visible()
    expect(page.locator("main form[method=post]")).to_have_count(0)
    auditor.menu("People")
    page.get_by_role("link", name=world.people["engineer"].role, exact=True).click()
    expect(page.get_by_text("Administrators give and end roles; you read them.")).to_be_visible()
    expect(page.locator("main form[method=post]")).to_have_count(0)


def test_a_forged_post_is_refused_and_leaves_nothing(
    world: story.World, auditor: Visitor, ledger: Ledger, again_in_review: Any
) -> None:
    approval, before = again_in_review["approval"], ledger.newest()
    signed = {"password": world.people["auditor"].password}
    held = next(check["id"] for check in approval["checks"] if check["effect"] == "HOLD")
    reason = {"reason": story.REASON["approve"], **signed}
    decision = {"verdict": "approve", "rationale": story.REASON["approve"], "no_conflict": "on", **signed}
    review = {"check": held, "statement": story.REASON["review"], "verdict": "accepted", **signed}
    forged = {
        f"/approvals/{approval['id']}/decide": decision,
        f"/approvals/{approval['id']}/reviews": review,
        f"/promotions/{again_in_review['id']}/apply": {},
        f"/promotions/{again_in_review['id']}/withdraw": reason,
        f"/models/{watching._model_pk(world)}/aliases/champion/stop": reason,
        f"/people/{person_of(ledger, world, 'engineer')}/roles": {"role": "engineer"},
    }
    (token,) = [cookie["value"] for cookie in auditor.page.context.cookies() if cookie["name"] == "csrftoken"]
    for path, form in forged.items():
        answer = auditor.page.request.post(world.url + path, form={**form, "csrfmiddlewaretoken": token})
        assert answer.status == 403, f"{path}: {answer.status}"
    me = f"person:{person_of(ledger, world, 'auditor')}"
    assert [entry for entry in ledger.entries_after(before) if entry["actor"] == me] == []
    now = story.follow(world, again_in_review["version"])["approval"]
    assert (now["state"], now["stages"]) == (approval["state"], approval["stages"])
    assert watching.alias_in_mlflow(world) == 2


def person_of(ledger: Ledger, world: story.World, key: str) -> str:
    """Return the key of somebody's row."""
    ((pk,),) = ledger.rows("SELECT id::text FROM accounts_user WHERE email = %s", [world.people[key].email])
    return str(pk)
