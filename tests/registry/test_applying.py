"""Applying a promotion: once, one at a time for an alias, and never half refused."""

from __future__ import annotations

import time
from threading import Barrier, Thread

import pytest
from django.db import connection

from governance.approvals import services as approvals
from governance.audit.actors import System
from registry import alias_changes, applying, selectors, tasks
from registry.models import AliasChange, AliasHistory, PromotionRequest
from tests.factories import accept, approve, attach, fresh
from tests.payloads import explanation, fairness, performance
from tests.registry.test_reconcile import digest

State = PromotionRequest.State
DONE = AliasChange.State.DONE


@pytest.fixture(autouse=True)
def _a_permit(monkeypatch):
    """The notary has signed: its own process and role do that, and tests/e2e run them."""
    monkeypatch.setattr(selectors, "has_permit", lambda approval: True)


def ready(cast, tracking, *, number=1):
    """An approved promotion whose bytes MLflow's store holds."""
    from django.db import transaction

    from registry import promotions
    from tests.factories import a_version

    version = a_version(
        cast.model, number=number, trained_by=cast.engineer, storage_location=f"mlflow-artifacts:/{number}/model"
    )
    tracking.mirror(version)
    with transaction.atomic():
        digest(version)
    made, _ = promotions.request_promotion(
        model=cast.model.name, version=number, alias="champion", requester=cast.engineer
    )
    for payload in (performance(production=False), fairness(ratio=0.97, half=0.05), explanation()):
        attach(made.approval, payload)
    accept(made.approval, cast.validator)
    approve(made.approval, cast.validator)
    approve(made.approval, cast.officer)
    return fresh(made)


def applied(cast, promotion):
    """Ask for it, then do the worker's part."""
    return carried_out(promotion, asked(cast, promotion))


def asked(cast, promotion):
    return applying.request_apply(promotion_id=promotion.pk, person=cast.engineer)


def carried_out(promotion, change):
    """Return the state of a promotion after the worker did its part."""
    tasks.carry_out(str(change.pk))
    return fresh(promotion).state


def at_once(*calls):
    """Run each call in a thread of its own, all released together; return what they gave or raised."""
    barrier, results = Barrier(len(calls)), [None] * len(calls)

    def run(place, call):
        try:
            barrier.wait(timeout=10)
            results[place] = call()
        except Exception as error:  # noqa: BLE001  # the test looks at it
            results[place] = error
        finally:
            connection.close()

    threads = [Thread(target=run, args=(place, call)) for place, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return results


def test_an_approved_promotion_is_applied_once(cast, tracking):
    promotion = ready(cast, tracking)
    change = asked(cast, promotion)
    assert carried_out(promotion, change) == State.APPLIED
    assert carried_out(promotion, change) == State.APPLIED
    assert tracking.set_calls == [(cast.model.name, "champion", 1)]


def test_a_promotion_whose_approval_is_suspended_while_it_is_applied_fails_with_the_reason(cast, tracking):
    promotion = ready(cast, tracking)
    change = asked(cast, promotion)
    approvals.suspend(request_id=promotion.approval_id, reason="Drift in income.", actor=System("monitoring"))
    assert carried_out(promotion, change) == State.FAILED
    promotion = fresh(promotion)
    assert (promotion.state, promotion.state_reason) == (State.FAILED, "Its approval is suspended: Drift in income.")
    assert tracking.set_calls == []
    assert not PromotionRequest.objects.filter(state=State.APPLYING).exists()  # the sweep has nothing to take up


def test_what_is_applied_never_becomes_failed(cast, tracking):
    promotion = ready(cast, tracking)
    applied(cast, promotion)
    change = AliasChange.objects.get()
    assert alias_changes.fail(change.pk, "a worker that came late") == AliasChange.State.DONE
    assert fresh(promotion).state == State.APPLIED


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"source": "s3://elsewhere"}, "The version was changed in MLflow: MLflow's source is s3://elsewhere"),
        ({"location": "mlflow-artifacts:/elsewhere"}, "The version was changed in MLflow: MLflow's storage location"),
        ({"creation_timestamp": 1}, "MLflow has another version 1 now"),
    ],
)
def test_a_version_that_mlflow_has_differently_now_is_not_applied(cast, tracking, change, reason):
    promotion = ready(cast, tracking)
    tracking.versions[cast.model.name, 1].update(change)
    assert applied(cast, promotion) == State.FAILED
    assert fresh(promotion).state_reason.startswith(reason)
    assert tracking.set_calls == []


def test_files_that_cannot_be_read_fail_the_promotion_with_the_reason(cast, tracking):
    promotion = ready(cast, tracking)
    tracking.broken_paths.add("1/model")
    assert applied(cast, promotion) == State.FAILED
    assert "MLflow can't serve its files" in fresh(promotion).state_reason
    tracking.broken_paths.clear()
    assert applied(cast, promotion) == State.APPLIED  # a failed one can be applied again


def test_other_bytes_suspend_the_approval_and_fail_the_promotion(cast, tracking):
    promotion = ready(cast, tracking)
    tracking.files["1/model/model.skops"] = b"other"
    assert applied(cast, promotion) == State.FAILED
    assert fresh(promotion).approval.state == "suspended"


def test_two_workers_with_the_same_promotion_set_the_alias_once(committed_cast, tracking):
    promotion = ready(committed_cast, tracking)
    change = asked(committed_cast, promotion)
    tracking.before_alias = lambda alias, number: time.sleep(0.3)
    results = at_once(*[lambda: alias_changes.carry_out(change.pk)] * 3)
    assert results == [DONE] * 3
    assert len(tracking.set_calls) == 1
    assert AliasHistory.objects.count() == 1


def test_two_promotions_of_one_alias_leave_a_history_that_agrees_with_mlflow(committed_cast, tracking, monkeypatch):
    cast = committed_cast
    promotions = [ready(cast, tracking, number=number) for number in (1, 2)]
    changes = [asked(cast, promotion) for promotion in promotions]
    record = alias_changes.record

    def slowly(pk):
        """Without a lock, version 1 is set first in MLflow and written down last."""
        time.sleep(1.0 if pk == changes[0].pk else 0)
        return record(pk)

    monkeypatch.setattr(alias_changes, "record", slowly)
    results = at_once(
        lambda: alias_changes.carry_out(changes[0].pk),
        lambda: time.sleep(0.4) or alias_changes.carry_out(changes[1].pk),
    )
    assert results == [DONE] * 2
    serving = selectors.live(cast.model, "champion")
    assert serving.version.number == tracking.aliases[cast.model.name]["champion"]
    states = {fresh(promotion).version.number: fresh(promotion).state for promotion in promotions}
    assert states[serving.version.number] == State.APPLIED
    assert sorted(states.values()) == [State.APPLIED, State.SUPERSEDED]


def test_a_worker_that_waits_in_vain_leaves_the_promotion_to_the_sweep(committed_cast, tracking, monkeypatch):
    cast = committed_cast
    promotion = ready(cast, tracking)
    change = asked(cast, promotion)
    monkeypatch.setattr(alias_changes, "LOCK_WAIT_S", 0.2)
    tracking.before_alias = lambda alias, number: time.sleep(1.0)
    first, second = at_once(
        lambda: alias_changes.carry_out(change.pk),
        lambda: time.sleep(0.4) or alias_changes.carry_out(change.pk),
    )
    assert (first, second) == (DONE, AliasChange.State.ASKED)
