"""The reconciler: what one version or model does must not hide the others, and nothing live goes unwatched."""

from __future__ import annotations

from datetime import timedelta

import pytest

from governance.accounts import identities
from governance.accounts.roles import Role
from governance.approvals.models import Finding, State
from governance.common import clock
from registry import artifacts, gate, locks, mlflow, promotions, reconcile
from registry.errors import ArtifactUnavailable, MlflowDown, VersionUnusable
from registry.models import ModelVersion, RegisteredModel, RegistrationNotice
from tests.factories import (
    PASSWORD,
    a_model,
    a_user,
    a_version,
    record_applied,
    state_of,
)


@pytest.fixture
def live(cast, tracking):
    """A champion that Placet put there, with the same bytes in MLflow's store as were mirrored."""
    version = a_version(cast.model, number=1, trained_by=cast.engineer)
    tracking.mirror(version)
    return put_live(cast, tracking, version)


def put_live(cast, tracking, version):
    """Approve and apply a version, as people and the apply task do."""
    digest(version)
    made, _ = promotions.request_promotion(
        model=version.model.name, version=version.number, alias="champion", requester=cast.engineer
    )
    tracking.aliases[version.model.name]["champion"] = version.number
    record_applied(made.pk)
    made.version = version
    return made


def digest(version):
    """Give a factory's version the digest of what the tracking server holds; past the guard, as a test may."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from governance.audit import services as audit
    from governance.audit.events import Event
    from placet.digests import artifact_manifest
    from registry.findings import RECONCILER

    with TemporaryDirectory() as folder, mlflow.Client() as client:
        artifacts.fetch(client, version.storage_location, Path(folder))
        manifest = artifact_manifest(folder)
    version.artifact_digest, version.manifest_digest = manifest.root_digest, manifest.digest
    audit.append(event=Event.VERSION_MIRRORED, actor=RECONCILER, subjects=[version], data={"made": "by a test"})


def codes():
    return sorted(Finding.objects.values_list("code", flat=True))


# --- one version, one model --------------------------------------------------------------------------------------


def test_a_version_that_cannot_be_fetched_is_kept_with_its_problem_and_hides_nothing(live, cast, tracking):
    tracking.add("scoring", 1, location="nowhere://bucket/model")  # MLflow takes any source; no library knows this one
    tracking.add("scoring", 2, files={"MLmodel": b"flavors: [: broken"})
    tracking.add("scoring", 3)
    tracking.aliases["scoring"]["champion"] = 3
    tracking.aliases[cast.model.name]["champion"] = 7
    tracking.add(cast.model.name, 7)
    reconcile.reconcile()
    rows = {row.number: row for row in ModelVersion.objects.filter(model__name="scoring")}
    assert rows[1].artifact_digest == ""
    assert rows[1].problem.startswith("The store at nowhere://bucket/model can't be read")
    assert rows[2].problem == "Its MLmodel file is not readable; log the model again."
    assert rows[2].artifact_digest.startswith("sha256:")
    assert rows[3].artifact_digest.startswith("sha256:")
    assert Finding.objects.get(system=cast.system).title.startswith(
        f"Unapproved champion: MLflow has {cast.model.name}"
    )


def test_a_version_with_a_problem_is_shown_and_cannot_be_requested(cast, tracking, client):
    tracking.add(cast.model.name, 1, location="nowhere://bucket/model")
    reconcile.reconcile()
    with pytest.raises(VersionUnusable, match=r"v1: The store at nowhere://bucket/model can't be read"):
        promotions.request_promotion(model=cast.model.name, version=1, alias="champion", requester=cast.engineer)
    client.force_login(cast.owner)
    assert "The store at nowhere://bucket/model" in client.get(f"/models/{cast.model.pk}").content.decode()


def test_an_unfetchable_version_is_tried_again_later_and_mended_in_its_row(cast, tracking):
    tracking.add(cast.model.name, 1)
    tracking.broken_paths.add(f"{cast.model.name}/1")
    reconcile.reconcile()
    row = ModelVersion.objects.get()
    assert row.problem.startswith("MLflow can't serve its files")
    tracking.broken_paths.clear()
    reconcile.reconcile()
    assert ModelVersion.objects.get().artifact_digest == ""  # not every ten seconds
    from django.core.cache import cache

    cache.delete(f"placet:mirrored-lately:{row.pk}")
    reconcile.reconcile()
    row.refresh_from_db()
    assert row.artifact_digest.startswith("sha256:")
    assert "MLflow can't serve" not in row.problem


def test_who_trained_a_version_is_who_had_the_name_when_it_was_registered(cast, tracking):
    """Also if the name goes to somebody else before Placet mirrors the version."""
    first, second = a_user(Role.ADMINISTRATOR), a_user(Role.ADMINISTRATOR)
    before, after = a_user(Role.VALIDATOR, name="Before"), a_user(name="After")
    name, now = {"provider": "mlflow", "subject": "trainer"}, clock.now()
    two = {"by": first, "confirmed_by": second, "confirmation": PASSWORD}
    identities.link_identity(person=before, **name, **two)
    for number, passed in enumerate((0, 2), 5):
        tracking.add(cast.model.name, number)
        RegistrationNotice.objects.create(
            name=cast.model.name,
            number=number,
            created_at_ms=1_700_000_000_000 + number,
            username="trainer",
            at=clock.now() + timedelta(hours=passed),
        )
    with clock.frozen(now + timedelta(hours=1)):
        identities.unlink_identity(**name, **two)
        identities.link_identity(person=after, by=first, **name)
        reconcile.reconcile()
    rows = {row.number: row.trained_by for row in ModelVersion.objects.filter(model=cast.model)}
    assert (rows[5], rows[6]) == (before, after)


def test_who_made_the_run_trained_it_and_who_registered_it_is_kept_from_deciding_too(cast, tracking):
    """Both as MLflow's plugin had them signed in, whatever the client said of itself."""
    from registry.promotions import parts_of

    trainer, registrant = cast.validator, cast.officer
    first, second = a_user(Role.ADMINISTRATOR), a_user(Role.ADMINISTRATOR)
    two = {"by": first, "confirmed_by": second, "confirmation": PASSWORD}
    for person, name in ((trainer, "trainer"), (registrant, "pipeline")):
        identities.link_identity(person=person, provider="mlflow", subject=name, **two)
    tracking.add(cast.model.name, 5, run_id="r5")
    tracking.tags["r5"] = {}
    told = {"grant": None, "detail": {}}
    for username, action, subject in (
        ("trainer", "run.create", {"name": "", "run_id": "r5"}),
        ("stranger", "run.create", {"name": "", "run_id": "r5"}),  # later: the first counts
        ("pipeline", "version.create", {"name": cast.model.name, "version": "5", "created_at_ms": 1_700_000_000_005}),
    ):
        who = {"username": username, "source": "basic-auth"}
        assert gate.decide(identity=who, action=action, subject=subject, **told).verdict == "ALLOW"
    reconcile.reconcile()
    version = ModelVersion.objects.get(model=cast.model, number=5)
    assert (version.trained_by, version.registered_by) == (trainer, registrant)
    parts = parts_of(version, cast.system, cast.engineer, None)
    assert set(parts["trainer"]) == {str(trainer.pk), str(registrant.pk)}


def test_a_threshold_that_is_no_probability_is_a_problem_and_not_one_half(cast, tracking, monkeypatch):
    tracking.add(cast.model.name, 1)
    run = mlflow.Run({"decision_threshold": "3 percent"}, {"auc": float("nan")})
    tracking.versions[cast.model.name, 1]["run_id"] = "a" * 32
    monkeypatch.setattr(mlflow.Client, "run", lambda self, run_id: run)
    monkeypatch.setattr("registry.mirror.declared_by", lambda client, run_id: _nothing_declared())
    reconcile.reconcile()
    row = ModelVersion.objects.get()
    assert row.problem.startswith("Its run says decision_threshold='3 percent'")
    assert row.metrics == {"auc": None}


def _nothing_declared():
    from registry.declared import Declared

    return Declared()


def test_a_model_whose_check_breaks_is_a_finding_and_the_next_is_still_checked(cast, tracking):
    other = a_model(cast.system)
    for name in (cast.model.name, other.name):
        tracking.add(name, 1)
        tracking.aliases[name]["champion"] = 1
    del tracking.versions[cast.model.name, 1]  # an alias that points to nothing: MLflow answers 404
    reconcile.reconcile()
    assert codes() == ["unapproved-alias", "unchecked"]


def test_a_pass_that_breaks_down_is_a_finding(cast, tracking):
    a_user(Role.ADMINISTRATOR)

    def broken(client, report):
        raise RuntimeError("no space left")

    reconcile.run_pass("aliases", broken)
    reconcile.run_pass("aliases", broken)
    finding = Finding.objects.get()
    assert finding.title == "The reconciler's pass over aliases broke down: RuntimeError: no space left"
    assert finding.severity == "critical"
    assert finding.system is None


def test_mlflow_that_stays_away_is_a_finding_after_five_minutes(cast, tracking, settings, monkeypatch):
    a_user(Role.ADMINISTRATOR)
    settings.MLFLOW_TRACKING_URI = "http://127.0.0.1:9"
    reconcile.run_pass("aliases", reconcile.watch_aliases)
    assert codes() == []
    monkeypatch.setattr(reconcile, "PATIENCE_S", 0)
    reconcile.run_pass("aliases", reconcile.watch_aliases)
    assert codes() == ["reconciler-failed"]


def test_two_workers_do_not_do_the_same_pass_at_a_time(transactional_db, tracking):
    from threading import Thread

    from django.db import connection

    seen = []

    def elsewhere():
        reconcile.run_pass("aliases", lambda client, report: seen.append("ran"))
        connection.close()

    with locks.held("reconcile aliases") as mine:
        assert mine
        thread = Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert seen == []
    reconcile.run_pass("aliases", lambda client, report: seen.append("ran"))
    assert seen == ["ran"]


# --- limits ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", ["?x=1", "#x", "%41", "/../1", "\\1"])
def test_a_location_that_mlflow_reads_otherwise_is_not_fetched(tracking, tmp_path, more):
    """MLflow's client loads ``m/1`` for ``m/1?x=1``; whoever fills a folder of that name would have that reviewed."""
    tracking.files[f"m/1{more}/MLmodel"] = b"clean"
    with mlflow.Client() as client:
        with pytest.raises(ArtifactUnavailable, match=r"read .* otherwise than it is written"):
            artifacts.fetch(client, f"mlflow-artifacts:/m/1{more}", tmp_path)
        with pytest.raises(ArtifactUnavailable):
            artifacts.fetch(client, "mlflow-artifacts://elsewhere.example/m/1", tmp_path)
        assert artifacts.listing_digest(client, f"mlflow-artifacts:/m/1{more}") == ""


def test_downloads_are_limited_in_size_and_names(tracking, settings, tmp_path):
    settings.MAX_ARTIFACT_MB = 1
    tracking.add("m", 1, files={"big": b"x" * (1 << 20) + b"x"})
    tracking.add("m", 2, files={"..": b"x"})
    with mlflow.Client() as client:
        with pytest.raises(ArtifactUnavailable, match="larger than 1 MB"):
            artifacts.fetch(client, "mlflow-artifacts:/m/1", tmp_path)
        with pytest.raises(ArtifactUnavailable, match=r"a file called '\.\.'"):
            artifacts.fetch(client, "mlflow-artifacts:/m/2", tmp_path)
    assert tracking.served == []


def test_downloads_are_limited_in_time(tracking, settings, tmp_path):
    tracking.add("m", 1)
    settings.ARTIFACT_TIMEOUT_S = 0
    with mlflow.Client() as client, pytest.raises(ArtifactUnavailable, match="not fetched within 0 s"):
        artifacts.fetch(client, "mlflow-artifacts:/m/1", tmp_path)


def test_names_with_special_characters_arrive(tracking, tmp_path):
    tracking.add("m", 1, files={"a b#c?d%20e/f": b"x"})
    with mlflow.Client() as client:
        artifacts.fetch(client, "mlflow-artifacts:/m/1", tmp_path)
    assert (tmp_path / "a b#c?d%20e" / "f").read_bytes() == b"x"


# --- what is live ------------------------------------------------------------------------------------------------


def test_what_is_as_approved_gives_no_finding(live):
    reconcile.reconcile()
    assert codes() == []


@pytest.mark.parametrize("field", ["source", "location"])
def test_a_version_that_was_pointed_elsewhere_is_seen_and_loses_its_approval(live, cast, tracking, field):
    """By SQL in MLflow's database: number, creation time, and the bytes at the mirrored place stay the same."""
    cast.signed(live)
    tracking.versions[cast.model.name, 1][field] = "mlflow-artifacts:/elsewhere/1"
    reconcile.reconcile()
    finding = Finding.objects.get()
    assert finding.code == "source-changed"
    assert "mlflow-artifacts:/elsewhere/1" in finding.title
    assert state_of(live.approval) == State.SUSPENDED


def test_a_number_that_was_used_again_is_seen(live, cast, tracking):
    tracking.versions[cast.model.name, 1]["creation_timestamp"] += 5
    reconcile.reconcile()
    assert Finding.objects.get().title.endswith("another version 1, made after the approved one was deleted")


def test_an_alias_that_was_taken_off_is_seen(live, cast, tracking):
    tracking.aliases[cast.model.name].clear()
    reconcile.reconcile()
    assert codes() == ["alias-removed"]


def test_a_live_model_that_was_deleted_is_seen(live, cast, tracking):
    del tracking.aliases[cast.model.name]
    reconcile.reconcile()
    assert "alias-removed" in codes()


def test_a_model_without_a_system_is_reported_to_an_administrator(cast, tracking, client):
    administrator = a_user(Role.ADMINISTRATOR)
    tracking.add("stray", 1)
    tracking.aliases["stray"]["Champion"] = 1
    reconcile.reconcile()
    finding = Finding.objects.get()
    assert finding.title == (
        "Unapproved Champion: MLflow has stray version 1 there, Placet approved another or none "
        "(the model belongs to no AI system)"
    )
    assert (finding.owner, finding.system) == (administrator, None)
    client.force_login(cast.owner)
    page = client.get(f"/models/{RegisteredModel.objects.get(name='stray').pk}").content.decode()
    assert "belongs to no AI system)" in page
    assert client.get("/").status_code == 200


def test_a_pattern_protects_as_it_does_in_the_plugin(cast, tracking, settings):
    settings.PROTECTED_ALIASES = ("prod-*",)
    tracking.add(cast.model.name, 1)
    tracking.aliases[cast.model.name]["Prod-EU"] = 1
    reconcile.reconcile()
    assert codes() == ["unapproved-alias"]


def test_the_stage_production_is_seen(cast, tracking):
    tracking.add(cast.model.name, 1, stage="Production")
    reconcile.reconcile()
    assert codes() == ["unapproved-stage"]


def test_bytes_are_digested_on_a_schedule_and_at_once_when_sizes_change(live, cast, tracking, settings):
    reconcile.reconcile()
    tracking.served.clear()
    reconcile.reconcile()
    assert tracking.served == []  # nothing is due
    tracking.files["1/model/model.skops"] = b"other weights"
    reconcile.reconcile()
    assert codes() == ["digest-mismatch"]


def test_a_flipped_bit_is_found_when_the_digest_is_due(live, cast, tracking, settings):
    settings.REDIGEST_S = 1
    cast.signed(live)
    reconcile.reconcile()
    tracking.files["1/model/model.skops"] = b"weighty"
    from time import sleep

    sleep(1.1)
    reconcile.reconcile()
    assert codes() == ["digest-mismatch"]
    assert state_of(live.approval) == State.SUSPENDED


def test_files_that_cannot_be_read_are_a_finding_and_no_verdict(live, cast, tracking):
    cast.signed(live)
    tracking.broken_paths.add("1/model")
    reconcile.reconcile()
    assert codes() == ["unchecked"]
    assert state_of(live.approval) == State.APPROVED


def test_data_that_was_never_declared_is_not_taken_for_a_server_that_is_broken(cast, tracking):
    """An MLflow 2 answers 500 for a file that is not there, as for one that it can't read."""
    tracking.add("loans", 1, run_id="trained")
    tracking.tags["trained"] = {}
    tracking.broken_paths.add("placet/")
    with mlflow.Client() as client:
        assert client.run_artifact("trained", "placet/dataset.json") is None
        reconcile.reconcile()
        version = ModelVersion.objects.get(model__name="loans")
        assert version.artifact_digest.startswith("sha256:")
        assert version.problem.startswith("The run declares no evaluation data")
        tracking.files["placet/dataset.json"] = b"{}"
        with pytest.raises(MlflowDown):
            client.run_artifact("trained", "placet/dataset.json")


@pytest.mark.parametrize(("release", "found"), [("2.2.2", 1), ("2.3.0", 0), ("3.18.0.dev0", 0), ("<html>", 0)])
def test_an_mlflow_from_before_there_were_aliases_is_a_finding(cast, tracking, release, found):
    tracking.release = release
    reconcile.run_pass("new-versions", reconcile.mirror_registry)
    reconcile.run_pass("new-versions", reconcile.mirror_registry)
    assert Finding.objects.filter(code="mlflow-too-old", severity="critical").count() == found
