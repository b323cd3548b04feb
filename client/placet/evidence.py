"""What a connection to Placet can ask and do about evidence: read it, push it, have it made again, steer its jobs."""

import hashlib
import os
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from placet import permits
from placet.attestations import build_statement
from placet.canonical import canonical_json
from placet.digests import file_digest
from placet.production import segment

OPEN = frozenset({"queued", "running"})
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", re.ASCII)
PathLike = str | os.PathLike[str]


class EvidenceCalls:
    """The part of :class:`placet.sdk.Placet` that is about evidence."""

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        raise NotImplementedError

    def _rows(self, path: str, only: Mapping[str, str | None]) -> Iterator[dict[str, Any]]:
        raise NotImplementedError

    def evidence_list(
        self, *, model: str | None = None, version: str | int | None = None, type: str | None = None
    ) -> Iterator[Mapping[str, Any]]:
        """Yield evidence as the API tells it, newest first, to the last."""
        number = None if version is None else str(version)
        yield from self._rows("/api/v1/evidence", {"model": model, "version": number, "type": type})

    def evidence(self, id: str) -> Mapping[str, Any]:
        """Return one piece of evidence with its ``payload`` and its ``reproductions``."""
        return self._json("GET", f"/api/v1/evidence/{segment(id)}")

    def push_evidence(
        self,
        payload: PathLike,
        *,
        type: str,
        model: str,
        version: str | int,
        dataset: str,
        key: Ed25519PrivateKey,
        files: Mapping[str, PathLike] | None = None,
        parameters: Mapping[str, Any] | None = None,
        decision_threshold: float | None = None,
        made_with: str = "",
        idempotency_key: str | None = None,
    ) -> Mapping[str, Any]:
        """Sign evidence that you made elsewhere, and push it.

        Args:
            payload: a JSON file that fits the schema of ``type``.
            dataset: digest of the rows that it was made on, as Placet names them (``sha256:…``).
            key: registered for your account by an administrator.
            files: others that belong to it, by the name to keep them under.
            parameters: those that a policy names, with the values that it was made with.
            decision_threshold: that it was measured at; the version's own by default.
        Raises:
            ValueError: a name that no file can have.
            OSError: a file can't be read.
            PlacetProblem: it does not fit its schema, is not signed by a key of yours, or is about something else.
        """
        found = self._version(model, version)
        threshold = found.get("decision_threshold") if decision_threshold is None else decision_threshold
        others = {name: Path(path) for name, path in (files or {}).items()}
        if wrong := [name for name in others if not _NAME.fullmatch(name)]:
            raise ValueError(f"{wrong[0]!r} is no name for a file: letters, digits, dots and dashes, 80 at most.")
        content = Path(payload).read_bytes()
        statement = build_statement(
            evidence_type=type,
            model=model,
            version=str(version),
            artifact_digest=str(found["digest"]),
            dataset_digest=dataset,
            payload_digest=f"sha256:{hashlib.sha256(content).hexdigest()}",
            files={name: file_digest(path) for name, path in others.items()},
            parameters=parameters,
            decision_threshold=None if threshold is None else repr(float(threshold)),
            made_with=made_with,
        )
        envelope = canonical_json(permits.sign(statement, key))
        with ExitStack() as stack:
            parts: list[tuple[str, tuple[str, Any, str]]] = [
                ("statement", ("statement.dsse.json", envelope, "application/json")),
                ("payload", ("payload.json", content, "application/json")),
            ]
            for name, path in others.items():
                parts.append(("file", (name, stack.enter_context(path.open("rb")), "application/octet-stream")))
            return self._json(
                "POST",
                "/api/v1/evidence",
                data={"type": type, "model": model, "version": str(version)},
                files=parts,
                headers={"Idempotency-Key": idempotency_key or str(uuid.uuid4())},
            )

    def evidence_jobs(
        self, *, model: str | None = None, version: str | int | None = None, state: str | None = None
    ) -> Iterator[Mapping[str, Any]]:
        """Yield the jobs that make evidence, newest first, each with every attempt."""
        number = None if version is None else str(version)
        yield from self._rows("/api/v1/evidence-jobs", {"model": model, "version": number, "state": state})

    def evidence_job(self, id: str) -> Mapping[str, Any]:
        """Return one job: how far it is, every attempt, what came of it."""
        return self._json("GET", f"/api/v1/evidence-jobs/{segment(id)}")

    def cancel_evidence_job(self, id: str, *, reason: str) -> Mapping[str, Any]:
        """Close an open job without evidence."""
        path = f"/api/v1/evidence-jobs/{segment(id)}/cancellations"
        return self._json("POST", path, json={"reason": reason}, headers={"Idempotency-Key": str(uuid.uuid4())})

    def retry_evidence_job(self, id: str) -> Mapping[str, Any]:
        """Have a failed or cancelled job tried again; returns the new job."""
        path = f"/api/v1/evidence-jobs/{segment(id)}/retries"
        return self._json("POST", path, json={}, headers={"Idempotency-Key": str(uuid.uuid4())})

    def reproduce_evidence(self, id: str) -> Mapping[str, Any]:
        """Have evidence made again and compared; returns the job, whose ``reproduction`` says what came of it."""
        path = f"/api/v1/evidence/{segment(id)}/reproductions"
        return self._json("POST", path, json={}, headers={"Idempotency-Key": str(uuid.uuid4())})

    def wait_for_evidence_job(
        self,
        id: str,
        *,
        timeout_s: float = 1800.0,
        every_s: float = 1.0,
        progress: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> Mapping[str, Any]:
        """Wait until a job is done, failed or cancelled, and return it.

        Args:
            progress: called with the job each time it was read.
        Raises:
            TimeoutError: it is still open after ``timeout_s``.
            PlacetProblem: not reachable.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            job = self.evidence_job(id)
            if progress:
                progress(job)
            if job.get("state") not in OPEN:
                return job
            if time.monotonic() + every_s > deadline:
                raise TimeoutError(f"Job {id} is not through after {timeout_s:.0f} s; it goes on without you.")
            time.sleep(every_s)

    def _version(self, model: str, version: str | int) -> Mapping[str, Any]:
        rows = self._json("GET", f"/api/v1/registered-models/{quote(model, safe='')}").get("versions") or []
        found = [row for row in rows if str(row.get("number")) == str(version)]
        if not found:
            raise ValueError(f"Placet knows no version {version} of {model}.")
        row: Mapping[str, Any] = found[-1]
        return row
