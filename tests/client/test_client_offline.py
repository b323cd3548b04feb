"""While Placet is down the last permit and the last signed list decide, and mean what Placet's own word means."""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from placet.loader import Refused, verify_folder, verify_model
from placet.permit_cache import PermitCache
from placet.trust import format_trust

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own warnings while it logs and loads a model
URI = "models:/credit-risk@champion"

# What the permit's standing allows, alike whether Placet says it or the signed list does while Placet is down.
STANDINGS = [
    ("valid", False, {}, "loads"),
    ("suspended", False, {}, "loads with a warning"),
    ("suspended", False, {"refuse_suspended": True}, "refuses"),
    ("suspended", True, {}, "refuses"),
    ("revoked", True, {}, "refuses"),
    ("lapsed", False, {}, "loads with a warning"),
    ("lapsed", True, {}, "refuses"),
    ("unheard of", False, {}, "refuses"),
]


@pytest.mark.parametrize("asked", ["online", "offline", "a folder"])
@pytest.mark.parametrize(("status", "refuses", "options", "outcome"), STANDINGS)
def test_a_standing_means_the_same_online_offline_and_for_a_folder(
    permitted, tmp_path, caplog, asked, status, refuses, options, outcome
):
    cache = tmp_path / "cache"
    permitted.lists()
    verify_model(URI, trust=permitted.trust, cache=cache)
    caplog.clear()
    options = options | {"trust": permitted.trust, "cache": cache}
    said = [] if status == "valid" else [(status, refuses)]
    if asked == "online":
        permitted(status=status, refuse_new_loads=refuses)
    else:
        listed = permitted.lists(*said, number=2)
        verify_folder_once = {"permit": permitted.envelope, "revocation_list": listed}
        permitted.down()
    if asked == "offline":
        PermitCache(cache).keep_list(listed, 2)

    def load():
        if asked == "a folder":
            return verify_folder(permitted.folder, **verify_folder_once, **options)
        return verify_model(URI, **options)

    if outcome == "refuses":
        with pytest.raises(Refused, match=status):
            load()
        return
    found = load()
    assert (found.version, found.status, found.offline) == ("1", status, asked != "online")
    assert (f"approval {'is' if status == 'suspended' else 'has'}" in caplog.text) == ("warning" in outcome)


def offline(permitted, cache, **options):
    return verify_model(URI, trust=permitted.trust, cache=cache, **options)


@pytest.fixture
def kept(permitted, tmp_path):
    """A cache from a time when Placet answered; Placet is down now."""
    permitted.lists(number=7)
    cache = tmp_path / "cache"
    assert not offline(permitted, cache).offline
    permitted.down()
    return cache


def test_without_a_cache_placet_must_answer(permitted, kept):
    with pytest.raises(Refused, match="No permit"):
        verify_model(URI, trust=permitted.trust)
    assert offline(permitted, kept).offline


def test_the_cache_is_the_owners_alone_and_holds_nothing_half_written(kept):
    assert kept.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in kept.iterdir()} == {0o600}
    assert not [path for path in kept.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("status", [403, 404, 422])
def test_a_refusal_is_no_outage(permitted, kept, status):
    permitted.down(status=status)
    with pytest.raises(Refused, match="No permit"):
        offline(permitted, kept)
    permitted.down()
    if status != 404:  # some proxy's refusal says nothing about the permit
        assert offline(permitted, kept).offline
        return
    with pytest.raises(Refused, match="None is kept"):  # what Placet does not know any more is not loaded later on
        offline(permitted, kept)


def test_what_was_revoked_online_is_not_loaded_from_the_cache_when_placet_goes_down(permitted, kept):
    permitted(status="revoked")
    with pytest.raises(Refused, match="revoked"):
        offline(permitted, kept)
    permitted.down()
    with pytest.raises(Refused, match="None is kept"):
        offline(permitted, kept)


def test_a_signed_revocation_counts_more_than_an_answer_that_says_valid(permitted, kept):
    permitted()
    permitted.lists(("revoked", True), number=8)
    with pytest.raises(Refused, match="revoked"):
        offline(permitted, kept)


def test_offline_the_bytes_are_digested_as_ever(permitted, kept):
    extra = permitted.folder / "extra.py"
    extra.write_text("evil = True")
    try:
        with pytest.raises(Refused, match="not the approved ones"):
            offline(permitted, kept)
    finally:
        extra.unlink()
    offline(permitted, kept)


def test_a_list_that_is_too_old_decides_nothing(permitted, kept, monkeypatch):
    later = datetime.now(UTC) + timedelta(hours=23)
    assert offline(permitted, kept, now=later).offline
    with pytest.raises(Refused, match="older than the 24 hours"):
        permitted(expires_at=datetime.now(UTC) + timedelta(days=9))
        offline(permitted, kept)
        permitted.down()
        offline(permitted, kept, now=later + timedelta(hours=2))
    assert offline(permitted, kept, now=later + timedelta(hours=2), max_list_age=timedelta(hours=48)).offline
    monkeypatch.setenv("PLACET_MAX_LIST_AGE_HOURS", "1.5")
    with pytest.raises(Refused, match=r"older than the 1\.5 hours"):
        offline(permitted, kept, now=later)
    monkeypatch.setenv("PLACET_MAX_LIST_AGE_HOURS", "soon")
    with pytest.raises(Refused, match="not a number of hours"):
        offline(permitted, kept)


def test_no_list_is_believed_that_is_older_than_one_that_was_seen(permitted, kept, caplog):
    older = permitted.lists(number=6)
    permitted()
    assert not offline(permitted, kept).offline  # Placet itself allows it; the old list is not kept
    assert "number 6; number 7 was seen before" in caplog.text
    permitted.down()
    assert offline(permitted, kept).offline
    (kept / "revocation-list.json").write_text(json.dumps(older))
    with pytest.raises(Refused, match="number 6; number 7 was seen before"):
        offline(permitted, kept)
    with pytest.raises(Refused, match="number 6; number 7 was seen before"):
        verify_folder(permitted.folder, permitted.envelope, trust=permitted.trust, revocation_list=older, cache=kept)


@pytest.mark.parametrize("broken", ["nothing", "not JSON", "a stranger's", "another permit's"])
def test_a_cache_that_was_tampered_with_decides_nothing(permitted, kept, log, broken):
    target = kept / "revocation-list.json"
    if broken == "nothing":
        target.unlink()
    elif broken == "not JSON":
        target.write_text("{")
    elif broken == "a stranger's":
        target.write_text(json.dumps(permitted.lists(number=9, key=log.key)))
    else:
        permitted(key=log.key)
        target = next(kept.glob("permit-*.json"))
        target.write_text(json.dumps(permitted.envelope))
    permitted.down()
    with pytest.raises(Refused):
        offline(permitted, kept)


def test_an_alias_that_moved_while_placet_was_down_is_not_covered_by_the_kept_permit(permitted, kept):
    permitted(version="2")
    envelope = permitted.envelope
    permitted.down()
    PermitCache(kept).keep_permit("credit-risk", "champion", envelope)
    with pytest.raises(Refused, match="for version '2', not '1'"):
        offline(permitted, kept)


def test_placet_can_not_be_asked_when_nothing_listens_or_no_address_is_given(permitted, kept, monkeypatch, caplog):
    monkeypatch.setenv("PLACET_CACHE", str(kept))
    monkeypatch.setenv("PLACET_URL", "http://127.0.0.1:9")
    assert verify_model(URI, trust=permitted.trust).offline
    assert "cannot be reached" in caplog.text
    monkeypatch.delenv("PLACET_URL")
    assert verify_model(URI, trust=permitted.trust).offline


def test_a_cache_that_can_not_be_written_stops_nothing_that_placet_allows(permitted, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    permitted.lists()
    assert not offline(permitted, tmp_path / "file" / "cache").offline
    assert "can't be written" in caplog.text


def test_a_folder_is_held_against_a_permit_without_placet_and_without_mlflow(permitted, tmp_path, monkeypatch):
    copy = tmp_path / "model"
    shutil.copytree(permitted.folder, copy)
    for name, content in (("permit", {"envelope": permitted.envelope}), ("list", permitted.lists())):
        (tmp_path / name).write_text(json.dumps(content))
    (tmp_path / "policy.txt").write_text(format_trust(permitted.trust))
    permitted.down()
    code = "import sys; sys.modules['mlflow'] = None; from placet.cli import main; main()"
    command = [sys.executable, "-c", code, "verify-model", str(copy), "--permit", str(tmp_path / "permit"), "--json"]
    command += ["--trust", str(tmp_path / "policy.txt")]

    def run(*more):
        done = subprocess.run([*command, *more], capture_output=True, text=True, check=False)
        return done.returncode, json.loads(done.stdout or "{}")

    given = ("--revocation-list", str(tmp_path / "list"))
    code, said = run(*given)
    assert (code, said["allowed"], said["version"], said["status"]) == (0, True, "1", "valid")
    assert run()[1]["reason"].startswith("No revocation list says")
    (copy / "MLmodel").write_bytes((copy / "MLmodel").read_bytes() + b"\n")
    code, said = run(*given)
    assert (code, "not the approved ones" in said["reason"]) == (3, True)


def test_a_folder_without_a_list_asks_placet_and_then_the_cache(permitted, kept):
    permitted()
    permitted.lists(number=8)
    found = verify_folder(permitted.folder, permitted.envelope, trust=permitted.trust, cache=kept)
    assert (found.offline, found.model, found.alias) == (False, "credit-risk", "champion")
    permitted.down()
    assert verify_folder(permitted.folder, permitted.envelope, trust=permitted.trust, cache=kept).offline
    for wrong in ("no such file", Path(__file__)):
        with pytest.raises(Refused, match=r"cannot be read|not JSON"):
            verify_folder(permitted.folder, Path(wrong), trust=permitted.trust, cache=kept)
