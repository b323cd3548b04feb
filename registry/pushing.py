"""Evidence about a version that somebody made elsewhere: held against its signature, schema and itself, then kept."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta
from hashlib import sha256
from typing import Any, BinaryIO

import rfc8785
from django.db import transaction

from governance.accounts.models import User
from governance.common import clock
from governance.evidence import documents, evaluation, keys, schemas, services, storage
from governance.evidence.errors import EvidenceKnown, InvalidEvidence, Unsigned
from governance.evidence.models import Evidence
from governance.evidence.plausible import impossible
from governance.evidence.producers import Product
from placet.attestations import Attestation, InvalidAttestation, verify
from registry import selectors
from registry.errors import ModelUnassigned
from registry.models import DatasetSnapshot, ModelVersion

NOT_PUSHED = frozenset({"drift/v1", "canary/v1", "human_review/v1", "document/v1", "submitted_document/v1"})
"""Made by Placet from its own records, or signed by people on its pages."""
LARGEST_PAYLOAD = 4_000_000
LARGEST_ENVELOPE = 200_000
MOST_FILES = 10
ENVELOPE, PAYLOAD = "statement.dsse.json", "payload.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", re.ASCII)
_PIECE = 65_536
CLOCKS_APART = timedelta(minutes=5)


@dataclass(frozen=True)
class Pushed:
    """What came: the signed statement and the payload as they were sent, and the other files by name."""

    envelope: bytes
    payload: bytes
    files: Mapping[str, BinaryIO]


def pushable() -> list[str]:
    """Return the types of evidence that may be pushed."""
    return [name for name in schemas.TYPES if name not in NOT_PUSHED]


@transaction.atomic
def push_evidence(*, submitter: User, model: str, number: int, evidence_type: str, pushed: Pushed) -> Evidence:
    """Keep evidence that its sender made elsewhere and signed. It says ``submitted`` for good.

    Its sender has a part in every request that it supports, and decides on none of them.

    Raises:
        UnknownModel, UnknownVersion, ModelUnassigned: nothing there that it could be about.
        Forbidden: the submitter has no role that works on the system.
        Unsigned: not signed by a key of the submitter's, or what was signed is not what was sent.
        EvidenceKnown: the statement was taken before.
        InvalidEvidence: the payload does not fit its schema, or says other things than the statement.
    """
    version = selectors.version(selectors.model_for(submitter, model), number)
    if version.model.system_id is None:
        raise ModelUnassigned(f"{model} belongs to no AI system. The owner of one must assign it first.")
    documents.check_may_submit(submitter, version.model.system_id)
    if evidence_type not in pushable():
        raise InvalidEvidence(
            f"{evidence_type} is not pushed; there are {', '.join(pushable())}. What was evaluated in another way, "
            f"by a penetration test for example, is {evaluation.TYPE}; a report on paper is submitted as a document."
        )
    said = _signed(submitter, pushed.envelope)
    stored = _checked_files(said, pushed)
    _check_subject(said, version, evidence_type)
    payload = _payload(pushed.payload)
    if problem := schemas.first_problem(evidence_type, payload):
        raise InvalidEvidence(f"{evidence_type}: {problem}")
    if wrong := contradiction(said, payload, version) or impossible(payload, rows=_rows(said.dataset_digest)):
        raise InvalidEvidence(wrong)
    envelope = storage.put(pushed.envelope)
    known = Evidence.objects.filter(subject_id=version.pk, origin=Evidence.Origin.SUBMITTED)
    if known.filter(files__contains={ENVELOPE: envelope}).exists():
        raise EvidenceKnown("This very statement was submitted before; sign a new one to submit it again.")
    return services.attach(
        evidence_type=evidence_type,
        subject_digest=version.artifact_digest,
        subject_name=version.subject_name,
        subject_id=version.pk,
        dataset_digest=said.dataset_digest,
        parameters=said.parameters,
        settings={"subject": {"decision_threshold": said.decision_threshold}},
        producer=submitter,
        origin=Evidence.Origin.SUBMITTED,
        product=Product(
            payload=payload,
            environment={
                "made_with": said.made_with,
                "signed_by": said.key_digest,
                "signed_at": clock.rfc3339(said.signed_at),
            },
            files={PAYLOAD: pushed.payload},
            stored={ENVELOPE: envelope, **stored},
        ),
    )


def _signed(submitter: User, content: bytes) -> Attestation:
    try:
        envelope = json.loads(content) if len(content) <= LARGEST_ENVELOPE else None
    except (ValueError, RecursionError):
        envelope = None
    if not isinstance(envelope, dict):
        raise Unsigned(f"The statement is no DSSE envelope in JSON of at most {LARGEST_ENVELOPE:,} bytes.")
    try:
        return verify(envelope, keys.usable(submitter))
    except InvalidAttestation as wrong:
        raise Unsigned(
            f"{wrong} An administrator registers your key with `manage.py register_evidence_key`."
        ) from wrong


def _checked_files(said: Attestation, pushed: Pushed) -> dict[str, str]:
    """Keep the files once all of them are what was signed; return them by name."""
    if "sha256:" + sha256(pushed.payload).hexdigest() != said.payload_digest:
        raise Unsigned("The payload that was sent is not the one that was signed.")
    if set(pushed.files) != set(said.files):
        raise Unsigned("The files that were sent are not those that were signed.")
    if len(pushed.files) > MOST_FILES:
        raise InvalidEvidence(f"At most {MOST_FILES} files belong to a piece of evidence.")
    for name, file in pushed.files.items():
        if not _NAME.fullmatch(name) or name in {ENVELOPE, PAYLOAD}:
            raise InvalidEvidence(f"{name[:80]!r} is no name for a file: letters, digits, dots and dashes, 80 at most.")
        if _digest(file) != said.files[name]:
            raise Unsigned(f"The file {name} that was sent is not the one that was signed.")
    return {name: storage.put_stream(_pieces(file)) for name, file in pushed.files.items()}


def _digest(file: BinaryIO) -> str:
    digest = sha256()
    for piece in _pieces(file):
        digest.update(piece)
    return f"sha256:{digest.hexdigest()}"


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(_PIECE):
        yield piece


def _rows(digest: str) -> int | None:
    """Return how many rows the data has, None where Placet does not know it."""
    known = DatasetSnapshot.objects.filter(digest=digest).first() if digest else None
    return known.rows if known else None


def _check_subject(said: Attestation, version: ModelVersion, evidence_type: str) -> None:
    if (said.model, said.version) != (str(version.model), str(version.number)):
        raise Unsigned(f"The statement is about {said.model}/{said.version}, not about {version.subject_name}.")
    if said.artifact_digest != version.artifact_digest:
        raise Unsigned(f"The statement is about other bytes than those of {version}: {version.artifact_digest}.")
    if said.signed_at > clock.now() + CLOCKS_APART:
        raise Unsigned(
            f"The statement says that it was signed on {said.signed_at:%Y-%m-%d at %H:%M} UTC, which is to come."
        )
    if said.evidence_type != evidence_type:
        raise Unsigned(f"The statement is about {said.evidence_type}, not about {evidence_type}.")


def _payload(content: bytes) -> dict[str, Any]:
    if len(content) > LARGEST_PAYLOAD:
        raise InvalidEvidence(f"The payload is larger than {LARGEST_PAYLOAD:,} bytes.")
    try:
        payload = json.loads(content, parse_constant=_no_number)
        rfc8785.dumps(payload)  # or it could have no digest
    except (ValueError, RecursionError) as wrong:
        raise InvalidEvidence(f"The payload is no JSON: {str(wrong)[:200]}.") from wrong
    if not isinstance(payload, dict):
        raise InvalidEvidence("The payload is a JSON object.")
    return payload


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number; what is undefined is null, with a reason")


def contradiction(said: Attestation, payload: Mapping[str, Any], version: ModelVersion) -> str:
    """Return where a payload says other things than the statement about it, in a sentence; empty when nowhere."""
    threshold = said.decision_threshold
    if threshold != version.decision_threshold:
        return f"It was measured at the decision threshold {threshold}, and {version} decides at {_its(version)}."
    if isinstance(stated := payload.get("threshold"), int | float) and stated != threshold:
        return f"The payload says the threshold {stated}, and the statement {threshold}."
    for name, value in said.parameters.items():
        if name in payload and payload[name] != value:
            return f"The payload says {name} {payload[name]!r}, and the statement {value!r}."
    if said.evidence_type == evaluation.TYPE:
        return evaluation.contradiction(said.parameters, payload, signed_on=said.signed_at.astimezone(UTC).date())
    wanted = said.parameters.get("sensitive_features")
    if isinstance(wanted, list):
        features = payload.get("features")
        there = {row.get("feature") for row in features if isinstance(row, dict)} if isinstance(features, list) else ()
        if lacking := [name for name in wanted if name not in there]:
            return f"The statement says that it is about {', '.join(map(str, lacking))}; the payload is not."
    return ""


def _its(version: ModelVersion) -> str:
    return "none" if version.decision_threshold is None else f"{version.decision_threshold:g}"
