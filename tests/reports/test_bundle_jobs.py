"""Who makes a bundle: one worker at a time, so often and no more; and how many one person may wait for."""

from datetime import timedelta
from pathlib import Path

import pytest

from governance.audit.events import Event
from governance.audit.models import Search
from governance.common import clock
from governance.evidence.errors import LeaseLost
from reports import tasks
from reports.bundles import selectors, services
from reports.models import BundleJob
from tests.reports.factories import Bank, notarise
from tests.reports.test_bundles import bank, made  # noqa: F401  # a fixture


def exported() -> int:
    return Search.objects.filter(event=Event.BUNDLE_EXPORTED).count()


def kept(settings) -> list[Path]:
    return [path for path in (Path(settings.STORAGE_ROOT) / selectors.FOLDER).rglob("*") if path.is_file()]


def asked(bank: Bank) -> BundleJob:  # noqa: F811
    return services.request_bundle(requester=bank.auditor, promotion=bank.allowed())


def replaced(job: BundleJob) -> None:
    """The lease ran out and the sweep gave the job to another worker."""
    BundleJob.objects.filter(pk=job.pk).update(attempt=9)


def test_a_job_that_a_worker_holds_is_taken_by_no_other(bank, tmp_path):  # noqa: F811
    job = asked(bank)
    notarise(tmp_path)
    BundleJob.objects.filter(pk=job.pk).update(state="running", attempt=1, due_at=clock.now() + timedelta(minutes=1))
    same = services.build_bundle(job.pk, wait=lambda: notarise(tmp_path))
    assert (same.state, same.attempt, same.entry) == ("running", 1, None)
    assert services.due_bundles() == []


def test_who_lost_a_job_logs_nothing(bank, tmp_path, settings, monkeypatch):  # noqa: F811
    job, gather = asked(bank), services.gather
    notarise(tmp_path)

    def slowly(taken, size):
        replaced(taken)
        return gather(taken, size)

    monkeypatch.setattr(services, "gather", slowly)
    with pytest.raises(LeaseLost):
        services.build_bundle(job.pk, wait=lambda: notarise(tmp_path))
    notarise(tmp_path)
    job.refresh_from_db()
    assert (job.state, job.attempt, job.entry, job.error) == ("running", 9, None, "")
    assert (exported(), kept(settings)) == (0, [])


def test_who_lost_a_job_after_it_was_logged_leaves_no_file_and_the_next_has_the_entry(bank, tmp_path, settings):  # noqa: F811
    job = asked(bank)
    notarise(tmp_path)

    def steal():
        notarise(tmp_path)
        replaced(job)

    with pytest.raises(LeaseLost):
        services.build_bundle(job.pk, wait=steal)
    job.refresh_from_db()
    assert (job.state, job.file_digest, exported(), kept(settings)) == ("running", "", 1, [])
    BundleJob.objects.filter(pk=job.pk).update(attempt=1, due_at=clock.now() - timedelta(seconds=1))
    assert services.due_bundles() == [job.pk]
    again = made(job, tmp_path)
    assert (again.state, again.attempt, again.entry, exported()) == ("done", 2, job.entry, 1)
    assert len(kept(settings)) == 1


def test_what_may_pass_is_tried_three_times_and_says_why(bank, tmp_path):  # noqa: F811
    job = asked(bank)
    for attempt, state in enumerate(("queued", "queued", "failed"), start=1):
        tasks.build_bundle(str(job.pk))  # the notary stands still
        job.refresh_from_db()
        assert (job.state, job.attempt, job.entry) == (state, attempt, None)
        assert "checkpoint" in job.error
    tasks.build_bundle(str(job.pk))
    job.refresh_from_db()
    assert job.attempt == 3
    late = asked(bank)
    tasks.build_bundle(str(late.pk))
    assert services.due_bundles() == []
    with clock.frozen(clock.now() + timedelta(minutes=2)):
        assert services.due_bundles() == [late.pk]
        late = made(late, tmp_path)
    assert (late.state, late.error, late.attempt) == ("done", "", 2)


def test_a_worker_that_dies_each_time_is_not_sent_the_job_for_ever(bank):  # noqa: F811
    job = asked(bank)
    over = {"state": "running", "due_at": clock.now() - timedelta(seconds=1)}
    BundleJob.objects.filter(pk=job.pk).update(attempt=2, **over)
    assert services.due_bundles() == [job.pk]
    assert services.due_bundles() == [], "it was told, and is not told again each minute"
    BundleJob.objects.filter(pk=job.pk).update(attempt=3, **over)
    assert services.due_bundles() == []
    job.refresh_from_db()
    assert job.state == "failed"
    assert "died in the last of 3 attempts" in job.error


def test_one_person_waits_for_five_at_most(bank, client):  # noqa: F811
    jobs = [services.request_bundle(requester=bank.auditor, ai_system=bank.system) for _ in range(5)]
    with pytest.raises(services.TooManyBundles):
        services.request_bundle(requester=bank.auditor, ai_system=bank.system)
    services.request_bundle(requester=bank.officer, ai_system=bank.system)
    client.force_login(bank.auditor)
    page = client.post("/bundles/ask", {"scope": "system", "system": bank.system.pk})
    assert (page.status_code, "not done yet" in page.content.decode()) == (429, True)
    BundleJob.objects.filter(pk=jobs[0].pk).update(state="failed")
    services.request_bundle(requester=bank.auditor, ai_system=bank.system)
