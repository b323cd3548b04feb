"""Jobs of the evidence worker: three attempts, cancelling, trying again, and how long one will still take."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.audit.models import Entry
from governance.common import clock
from governance.common.errors import InvalidInput, Unknown
from governance.evidence import jobs, selectors, services
from governance.evidence.errors import JobFinished, JobNotRetried, LeaseLost
from governance.evidence.models import Evidence, EvidenceJob
from governance.evidence.producers import Product
from governance.evidence.progress import remaining_s, share_done
from tests.factories import a_user
from tests.payloads import a_digest, performance

pytestmark = pytest.mark.django_db


def asked(name="credit-risk/1"):
    return services.request_evidence(
        evidence_type="performance/v1", subject_digest=a_digest(name), subject_name=name, subject_id=SUBJECT
    )


SUBJECT = "0b9c6a52-6b2c-4a5e-9d6d-0f2f5a1c9d11"


def reasons(job):
    return [(row.number, row.reason) for row in job.tries.order_by("number")]


def test_a_job_that_fails_three_times_is_given_up_with_the_reason_of_each_attempt():
    job = asked()
    for number in (1, 2, 3):
        assert services.claim(job.pk) == number
        services.fail(job.pk, number, f"OSError: disk {number} is full", again=True)
    job.refresh_from_db()
    assert (job.state, job.attempts, job.error) == ("failed", 3, "OSError: disk 3 is full")
    assert reasons(job) == [(number, f"OSError: disk {number} is full") for number in (1, 2, 3)]
    assert services.claim(job.pk) is None


def test_deaths_of_the_worker_count_as_attempts_beside_errors():
    job, now = asked(), clock.now()
    services.claim(job.pk)
    services.fail(job.pk, 1, "OSError: disk is full", again=True)
    for number in (2, 3):
        with clock.frozen(now + timedelta(minutes=number)):
            assert services.claim(job.pk) == number
    with clock.frozen(now + timedelta(minutes=4)):
        assert services.claim(job.pk) is None, "no fourth attempt, although nobody holds the job"
        assert services.park_exhausted() == 1
    job.refresh_from_db()
    assert job.state == "failed"
    assert "1. OSError: disk is full" in job.error
    assert reasons(job)[1:] == [(2, services.WORKER_DIED), (3, services.WORKER_DIED)]


def test_what_trying_again_would_not_help_is_not_tried_again():
    job = asked()
    services.claim(job.pk)
    services.fail(job.pk, 1, "The evaluation data has no label column.", again=False)
    job.refresh_from_db()
    assert (job.state, job.attempts) == ("failed", 1)


@pytest.mark.parametrize("claimed", [False, True])
def test_a_cancelled_job_is_finished_logged_and_takes_no_evidence_any_more(claimed):
    engineer, job = a_user("engineer"), asked()
    attempt = services.claim(job.pk) if claimed else None
    jobs.cancel_job(job_id=job.pk, by=engineer, reason=" Wrong data were pinned. ")
    job.refresh_from_db()
    assert (job.state, job.message) == ("cancelled", "Cancelled")
    assert job.finished_at is not None
    entry = Entry.objects.latest("seq")
    said = json.loads(bytes(entry.body))
    assert (said["event"], said["actor"]) == ("evidence.cancelled", engineer.actor_id)
    assert said["data"]["job"] == str(job.pk)
    assert "Wrong data" not in bytes(entry.body).decode(), "why lies in the payload, which can be erased"
    assert services.claim(job.pk) is None
    if attempt:
        with pytest.raises(LeaseLost):
            services.heartbeat(job.pk, attempt)
        with pytest.raises(LeaseLost):
            services.finish(job.pk, attempt, Product(performance(), {}))
        services.fail(job.pk, attempt, "too late", again=True)
    assert not Evidence.objects.exists()
    assert EvidenceJob.objects.get().state == "cancelled"
    for again in (1, 2):
        with pytest.raises(JobFinished, match="cancelled already"):
            jobs.cancel_job(job_id=job.pk, by=engineer, reason=f"again {again}")


def test_cancelling_needs_a_reason_and_a_job():
    engineer, job = a_user("engineer"), asked()
    for wrong in ("", "  ", "x" * 401):
        with pytest.raises(InvalidInput, match="1 to 400"):
            jobs.cancel_job(job_id=job.pk, by=engineer, reason=wrong)
    with pytest.raises(Unknown):
        jobs.cancel_job(job_id=SUBJECT, by=engineer, reason="no such job")
    job.refresh_from_db()
    assert job.state == "queued"


def test_a_retry_is_a_job_of_its_own_and_the_old_one_stays():
    engineer, job = a_user("engineer"), asked()
    with pytest.raises(JobNotRetried, match="queued"):
        jobs.retry_job(job_id=job.pk, by=engineer)
    services.claim(job.pk)
    services.fail(job.pk, 1, "The model was refused.", again=False)
    new = jobs.retry_job(job_id=job.pk, by=engineer)
    assert (new.inputs_digest, new.retry_of_id, new.attempts, new.state) == (job.inputs_digest, job.pk, 0, "queued")
    said = json.loads(bytes(Entry.objects.latest("seq").body))
    assert (said["event"], said["data"]["retry_of"]) == ("evidence.retried", str(job.pk))
    with pytest.raises(JobNotRetried, match="open already"):
        jobs.retry_job(job_id=job.pk, by=engineer)
    attempt = services.claim(new.pk)
    services.finish(new.pk, attempt, Product(performance(), {}))
    with pytest.raises(JobNotRetried, match="done"):
        jobs.retry_job(job_id=new.pk, by=engineer)
    listed = list(selectors.jobs_of_subject(SUBJECT))
    assert [(row.state, len(row.tries.all())) for row in listed] == [("done", 1), ("failed", 1)]


def test_past_runs_of_the_same_type_tell_how_long_one_takes():
    now = clock.now()
    for seconds in (10, 20, 60):
        job = asked()
        with clock.frozen(now):
            attempt = services.claim(job.pk)
        with clock.frozen(now + timedelta(seconds=seconds)):
            services.finish(job.pk, attempt, Product(performance(), {}))
    failed = asked()
    services.fail(failed.pk, services.claim(failed.pk), "The model was refused.", again=False)
    assert sorted(selectors.past_durations("performance/v1", [SUBJECT])) == [10, 20, 60]
    assert selectors.past_durations("fairness/v1", [SUBJECT]) == []
    assert selectors.past_durations("performance/v1", []) == []


def test_the_remaining_time_is_weighed_between_the_job_s_own_pace_and_the_past():
    assert remaining_s(0, None, []) is None, "nobody can tell"
    assert remaining_s(5, None, [20, 30, 40]) == 25, "nothing is done yet: the median of the past"
    assert remaining_s(30, 0.75, []) == 10, "three quarters took 30 s"
    assert remaining_s(30, 0.75, [50]) == pytest.approx(0.75 * 10 + 0.25 * 20)
    assert remaining_s(100, 0.5, [20]) == 100, "slower than ever: its own pace alone"
    assert remaining_s(100, None, [20]) is None, "it should be done; when, nobody can tell"
    assert (share_done(0, 0), share_done(1, 4), share_done(4, 4)) == (None, 0.25, 1.0)


@given(
    elapsed=st.floats(0, 1e5),
    share=st.none() | st.floats(0, 1),
    past=st.lists(st.floats(0, 1e5), max_size=4),
)
def test_the_remaining_time_is_never_negative(elapsed, share, past):
    left = remaining_s(elapsed, share, past)
    assert left is None or left >= 0
