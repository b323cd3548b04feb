"""Rollback and stop while Placet is away: a permit that Placet signed beforehand, verified here.

Each promotion leaves two such permits. The caller sends one as ``X-Placet-Permit``, and why as ``X-Placet-Reason``,
percent-encoded. It counts only while Placet can't be asked and unless it was withdrawn, for one named version, from the
one state it was made for, by the people it names, and once.
"""

import base64
import binascii
import json
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import Any
from urllib.parse import unquote

from placet.mlflow_plugin import withdrawn
from placet.mlflow_plugin.decisions import DECISIONS_PATH, NoDecision, Question, deny, parse_decision, post, unasked
from placet.mlflow_plugin.identity import PERMIT_HEADER, REASON_HEADER, request_header
from placet.mlflow_plugin.journal import JOURNAL_ENV, Journal, journal_of_this_server
from placet.mlflow_plugin.protection import fold
from placet.permits import InvalidPermit, Permit, verify
from placet.revocations import permit_digest
from placet.trust import InvalidTrust, load_trust

KINDS = {"alias.set": "rollback", "alias.delete": "stop"}
LIMIT = 256 * 1024
REASON_LIMIT = 1000
PER_VISIT = 50

_logger = logging.getLogger(__name__)


class NotUsable(Exception):
    """The permit allows nothing here and now; the message says why, in words that follow "because"."""


@contextmanager
def permitted(store: Any, question: Question, *, what: str, failure: NoDecision) -> Iterator[None]:
    """Let the write of the block happen on the permit that the request carries, and keep a journal of it.

    Args:
        store: the registry, to see where the alias points now.
        question: what Placet could not be asked.
        what: the write, in words that follow "Placet refused to".
        failure: why Placet could not be asked.

    Raises:
        MlflowException: PERMISSION_DENIED without a usable permit, with both reasons, or where Placet is not away.
    """
    refusal = unasked(what, failure)
    sent = request_header(PERMIT_HEADER)
    if sent is None or not failure.away:
        deny(refusal)
    journal = journal_of_this_server()
    with ExitStack() as held:
        try:
            held.enter_context(journal.locked())
            use = _begin(store, question, sent, journal)
        except NotUsable as problem:
            deny(f"{refusal} The permit that was sent can't be used, because {problem}")
        except OSError as problem:
            where = f"{journal.path} ({problem.strerror})"
            reason = f"this server can't write its journal {where}; its operator must correct {JOURNAL_ENV}."
            deny(f"{refusal} The permit that was sent can't be used, because {reason}")
        try:
            yield
        except BaseException:
            _note(journal, use, "failed")
            raise
        _note(journal, use, "done")


def _begin(store: Any, question: Question, sent: str, journal: Journal) -> str:
    """Verify the permit and note its use; the alias stays meanwhile, as only the journal's holder writes."""
    envelope = _envelope(sent)
    permit = _verified(envelope, question)
    digest = permit_digest(envelope, permit)
    _check_people(permit, question)
    _check_state(store, permit, question)
    if withdrawn.is_withdrawn(digest):
        raise NotUsable(f"version {permit.version} is approved no more, said Placet when it was last heard.")
    if journal.was_used(digest):
        raise NotUsable("it was used already; each permit is good once.")
    return journal.begin(
        subject=asdict(question.subject),
        identity=asdict(question.identity),
        alias=fold(question.detail.alias),
        permit_digest=digest,
        reason=unquote(request_header(REASON_HEADER) or "")[:REASON_LIMIT],
    )


def _envelope(sent: str) -> Mapping[str, Any]:
    try:
        envelope = json.loads(base64.b64decode(sent, validate=True)) if len(sent) <= LIMIT else None
    except (binascii.Error, ValueError, RecursionError):
        envelope = None
    if not isinstance(envelope, dict):
        raise NotUsable(f"{PERMIT_HEADER} is not the base64 of a permit's JSON.")
    return envelope


def _verified(envelope: Mapping[str, Any], question: Question) -> Permit:
    subject, alias = question.subject, question.detail.alias
    kind = KINDS.get(question.action)
    if kind == "stop" and subject.version is None:
        raise NotUsable(f"nothing is behind an alias spelt '{alias}' now.")
    if kind is None or subject.version is None:
        raise NotUsable("without Placet only a rollback to a named version and a stop are possible.")
    try:
        permit = verify(
            envelope,
            load_trust(),
            kind=kind,
            workspace=subject.workspace,
            model=subject.name,
            version=subject.version,
            created_at_ms=subject.created_at_ms,
            storage_location=subject.storage_location,
        )
    except InvalidPermit as problem:
        raise NotUsable(f"of its {problem.reason}: {problem}") from problem
    except InvalidTrust as problem:
        raise NotUsable(f"the server can't verify it. {problem}") from problem
    if fold(permit.alias) != fold(alias):
        raise NotUsable(f"it is for the alias '{permit.alias}'.")
    return permit


def _check_people(permit: Permit, question: Question) -> None:
    username = question.identity.username
    if not permit.holders:
        raise NotUsable("it names nobody who may use it.")
    if question.identity.source == "none" or username not in permit.holders:
        raise NotUsable(f"'{username or 'nobody'}' is not among those who may use it: {', '.join(permit.holders)}.")


def _check_state(store: Any, permit: Permit, question: Question) -> None:
    """See that the alias, spelt as in the request, points now to the version that the permit was made against."""
    if permit.replaces is None:
        raise NotUsable("it does not say which version it replaces.")
    expected = permit.replaces
    if permit.kind == "stop" and expected["version"] != permit.version:
        raise NotUsable("it takes off another version than it names.")
    name, alias = question.subject.name, question.detail.alias
    current = store.get_registered_model(name).aliases.get(alias)
    if current is None:
        raise NotUsable(f"there is no alias spelt '{alias}' now, and it replaces version {expected['version']}.")
    made_at = store.get_model_version(name, str(current)).creation_timestamp
    if (str(current), made_at) != (expected["version"], expected["created_at_ms"]):
        raise NotUsable(f"the alias points to version {current} now, and it replaces version {expected['version']}.")


def _note(journal: Journal, use: str, step: str) -> None:
    try:
        journal.note(use, step)
    except OSError:
        _logger.exception("The journal could not note that the use %s is %s; Placet will be told 'unknown'.", use, step)


def deliver() -> None:
    """Tell Placet of the uses that it does not know yet, in order, until it does not take one."""
    journal = journal_of_this_server()
    if not journal.path.exists():
        return
    try:
        with journal.delivering() as mine:
            if mine:
                _deliver(journal)
    except OSError as problem:
        _logger.warning("The journal %s could not be delivered: %s", journal.path, problem.strerror)


def _deliver(journal: Journal) -> None:
    with journal.locked():
        waiting = journal.undelivered()[:PER_VISIT]
    for use in waiting:
        began = time.monotonic()
        try:
            accepted = parse_decision(post(DECISIONS_PATH, use.as_question()))["verdict"] == "ALLOW"
        except NoDecision as failure:
            _logger.info("Placet was not told of the use %s yet: %s", use.journal_id, failure)
            return
        if not accepted:
            _logger.warning("Placet did not take note of the use %s; it will be told again.", use.journal_id)
            return
        with journal.locked():
            journal.note(use.journal_id, "delivered")
        _logger.info("Placet took note of the use %s in %.1f s.", use.journal_id, time.monotonic() - began)
