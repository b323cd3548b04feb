"""Hostile words in every field that can be sent are kept and shown as words, or refused; a megabyte is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests import proving
from tests.documents.hostile import redirecting_server
from tests.security.fields import Fed
from tests.security.sending import GATE_TOKEN, MEGABYTE, Sender, undone
from tests.security.test_permission_matrix import quiet_gc, world

__all__ = ["quiet_gc", "world"]
MARK = "[h"
OURS = ("governance.", "registry.", "monitoring.", "reports.")
# In the state of the world nothing sent there is taken; the same service keeps what its twin sends.
NEVER_TAKEN = {
    # One word of RFC 8693 or nothing, and a token that an issuer signed.
    "api-token-exchange: grant_type",
    "api-token-exchange: subject_token",
    "api-token-exchange: subject_token_type",
    # What MLflow holds is applied by Placet, so nobody states that it is in use.
    "api-use-statements: statement",
    "promotion-use: statement",
    "model-request: use_restrictions",
    # No earlier version is there to go back to.
    "api-rollbacks: reason",
    "model-rollback: reason",
    # What serves is suspended: nothing stands to be repeated, and what was asked for is not in force.
    "api-standing-approvals: reason",
    "standing-approval-ask: reason",
    "standing-approval-revoke: rationale",
    # Every check that people may review is reviewed.
    "review-human-review: statement",
    # Nothing is in production outside Placet, and no record of that person is here.
    "api-adoptions: reason",
    "api-monitor-erasures: reason",
    # The system is in use, so that nothing of it is past its day.
    "api-system-disposals: reason",
    "system-dispose: reason",
}
# Read only after what tells who may send it, which is refused first.
REFUSED_BEFORE = {
    "governance.accounts.api.views.ExchangeInput.scope",
    "registry.api.documents.SubmittedDocumentInput.system",
    "registry.api.recorded.RecordedVersionInput.system",
    "registry.api.recorded.UseInput.statement",
    "reports.api.retention.DisposalInput.row",
}
SHOWN_ELSEWHERE = {
    "api-systems: metric-choice",  # beside its question of the record
    "api-promotion-requests: use_restrictions",  # in the review of the request
    "api-system-retirements: reason",  # on the page of the system, which is another than that of the world
    # Printed on the declaration that a worker draws.
    "document-sign: name",
    "document-sign: function",
    "document-sign: on_behalf_of",
    "document-sign: place",
}
"""Kept, and shown where this test does not look."""
REASONS = ("person-deactivate", "passkey-end", "waiver-withdraw", "standing-approval-withdraw")


@pytest.mark.slow
@pytest.mark.usefixtures("quiet_gc")
def test_every_field_keeps_hostile_words_as_words_or_refuses_them_in_words(
    world: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 2**26  # so that several fields can hold a megabyte at once
    settings.NOTICE_KEY = "a key"
    settings.GATE_TOKEN = GATE_TOKEN
    fed, said = Fed(monkeypatch, MARK), {}
    with redirecting_server() as (server, asked):
        sender = Sender(world, server, fed)
        for place, ask in enumerate(sender.asks()):
            sender.words(ask)
            if proving.PROVE or place % 3 == 0:  # what limits a text's length is one rule for all
                sender.megabytes(ask)
            if ask.name in REASONS:
                with undone():
                    answer = sender.send(ask, {("reason",): "x" * MEGABYTE})
                    said[ask.name] = "The reason takes at most" in answer.said
        assert asked == []
    found = sender.found
    assert found.alive == set()
    assert found.faults == set()
    assert found.endless == set()
    assert found.unsaid - NEVER_TAKEN == set()
    assert found.lost - SHOWN_ELSEWHERE == set()
    assert found.refused - found.kept - NEVER_TAKEN == set()
    assert said == dict.fromkeys(REASONS, True)
    assert set(fed.left_out(OURS)) - REFUSED_BEFORE == set()
