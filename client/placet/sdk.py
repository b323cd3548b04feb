"""A typed client of Placet's REST API (``/api/v1``).

>>> with Placet("http://localhost:8000", token) as placet:  # doctest: +SKIP
...     request = placet.request_promotion("credit-risk", "2", "champion")
...     request = placet.wait(request.id)
"""

import os
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

import httpx

from placet import workload
from placet.case_calls import CaseCalls
from placet.digests import file_digest, is_digest
from placet.evidence import EvidenceCalls
from placet.production import ProductionCalls, segment
from placet.trials import TrialCalls

if TYPE_CHECKING:
    import pandas as pd

SETTLED = frozenset({"applied", "superseded", "rolled_back", "failed"})
DECIDED = frozenset(
    {"changes_requested", "rejected", "approved", "suspended", "revoked", "lapsed", "renewed", "expired", "withdrawn"}
)
_PARQUET, _JSONL = "application/vnd.apache.parquet", "application/jsonl"


class PlacetProblem(Exception):
    """Placet refused or could not be reached; the fields are those of RFC 9457.

    ``status`` is the HTTP status, 0 when there was no answer. ``str()`` is one sentence that says what to do.
    """

    def __init__(
        self, *, title: str, detail: str = "", status: int = 0, type: str = "about:blank", errors: Any = None
    ) -> None:
        super().__init__(f"{title.rstrip('.')}: {detail}" if detail else title)
        self.title, self.detail, self.status, self.type, self.errors = title, detail, status, type, errors


@dataclass(frozen=True)
class Promotion:
    """A promotion request as the API tells it; ``raw`` is the whole answer."""

    id: str
    state: str
    url: str
    model: str
    version: str
    alias: str
    next_step: str
    approval: Mapping[str, Any]
    stages: tuple[Mapping[str, Any], ...]
    jobs: tuple[Mapping[str, Any], ...]
    raw: Mapping[str, Any]

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Read the API's answer; what it leaves out is empty."""
        approval = raw.get("approval") or {}
        text = {k: str(raw.get(k) or "") for k in ("id", "state", "url", "model", "version", "alias", "next_step")}
        stages = approval.get("stages") or raw.get("stages") or ()
        return cls(**text, approval=approval, stages=tuple(stages), jobs=tuple(raw.get("jobs") or ()), raw=raw)

    @property
    def verdict(self) -> str | None:
        """``ALLOW``, ``HOLD`` or ``BLOCK``; None while evidence is still being made."""
        return self.approval.get("verdict") or None

    @property
    def checks(self) -> tuple[Mapping[str, Any], ...]:
        """The policy's checks, each with id, title, outcome, value, low, high, limit and reason."""
        return tuple(self.approval.get("checks") or ())

    @property
    def working(self) -> bool:
        """Whether Placet is still making evidence or moving the alias: what waiting can help with."""
        if self.state in SETTLED:
            return False
        if self.state == "applying":
            return True
        return self.verdict is None and self.approval.get("state") not in DECIDED and not self.stuck

    @property
    def stuck(self) -> tuple[Mapping[str, Any], ...]:
        """The evidence jobs that failed or were cancelled, once no other is at work: only people can go on then."""
        newest: dict[str, Mapping[str, Any]] = {}
        for job in self.jobs:  # newest first
            newest.setdefault(str(job.get("type")), job)
        if any(job.get("state") in {"queued", "running"} for job in newest.values()):
            return ()
        return tuple(job for job in newest.values() if job.get("state") in {"failed", "cancelled"})


@dataclass(frozen=True)
class IssuedPermit:
    """A permit's envelope (not yet verified) and what Placet says of it: valid, revoked, suspended or lapsed.

    ``refuse_new_loads`` is Placet's word on a suspended or lapsed one: whether it may be loaded meanwhile, until the
    review or in the grace after its end.
    """

    envelope: Mapping[str, Any]
    status: str
    reason: str = ""
    refuse_new_loads: bool = False


class Placet(ProductionCalls, EvidenceCalls, CaseCalls, TrialCalls):
    """Calls Placet as one service account or person. Use it as a context manager, or ``close()`` it."""

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        timeout_s: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Connect to ``url`` with ``token``; by default ``PLACET_URL`` and ``PLACET_TOKEN``, else as a pipeline's run.

        Raises:
            PlacetProblem: no URL is given, or it is not one.
        """
        base = (url or os.environ.get("PLACET_URL") or "").rstrip("/")
        if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", base):
            raise PlacetProblem(
                title="No address of Placet", detail="Pass url, or set PLACET_URL, as in http://localhost:8000."
            )
        secret = token or os.environ.get("PLACET_TOKEN") or ""
        headers = {"Accept": "application/json, application/problem+json", "User-Agent": "placet-client"}
        if secret:
            headers["Authorization"] = f"Bearer {secret}"
        self.url = base
        # A server may close an idle connection just as a call begins; one that was idle for a second is not used again.
        self._http = httpx.Client(
            base_url=base,
            headers=headers,
            auth=None if secret else workload.run_auth(base),
            timeout=timeout_s,
            transport=transport,
            limits=httpx.Limits(keepalive_expiry=1.0),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _value: object, _trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def request_promotion(
        self,
        model: str,
        version: str | int,
        alias: str,
        *,
        change_class: str | None = None,
        in_answer_to: str | None = None,
        idempotency_key: str | None = None,
    ) -> Promotion:
        """Ask for ``alias`` to be moved to a model version; evidence jobs start at once.

        Args:
            change_class: ``substantial``, ``non-substantial`` (unless you say otherwise) or ``pre-determined``.
            in_answer_to: the alert for which the version was made, ``AL-7``.
            idempotency_key: repeat a call with the same key and it is done once; a random one by default.
        Raises:
            PlacetProblem: unknown model, version or alias; a model without AI system; not allowed; not reachable.
        """
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        body = {"model": model, "version": str(version), "alias": alias}
        body |= {"change_class": change_class} if change_class else {}
        body |= {"in_answer_to": in_answer_to} if in_answer_to else {}
        return Promotion.from_json(self._json("POST", "/api/v1/promotion-requests", json=body, headers=headers))

    def promotion(self, id: str) -> Promotion:
        """Return a promotion request as it stands, by its id or by its reference (``PR-12``)."""
        return Promotion.from_json(self._json("GET", f"/api/v1/promotion-requests/{segment(id)}"))

    def promotions(
        self, *, model: str | None = None, alias: str | None = None, state: str | None = None
    ) -> Iterator[Promotion]:
        """Yield promotion requests, newest first, to the last; pages are fetched as they are needed."""
        only = {"model": model, "alias": alias, "state": state}
        yield from map(Promotion.from_json, self._rows("/api/v1/promotion-requests", only))

    def monitors(self, *, model: str | None = None, alias: str | None = None) -> Iterator[Mapping[str, Any]]:
        """Yield monitors as the API tells them, newest first, to the last."""
        yield from self._rows("/api/v1/monitors", {"model": model, "alias": alias})

    def apply(self, id: str, *, idempotency_key: str | None = None) -> Promotion:
        """Move the alias of an approved request, by id or reference. Returns at once; ``wait`` for the end."""
        path = f"/api/v1/promotion-requests/{segment(id)}/applications"
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        return Promotion.from_json(self._json("POST", path, json={}, headers=headers))

    def wait(
        self,
        id: str,
        *,
        until: Literal["verdict", "applied"] = "verdict",
        timeout_s: float = 900.0,
        every_s: float = 1.0,
        progress: Callable[[Promotion], None] | None = None,
    ) -> Promotion:
        """Wait until there is a verdict, or (after ``apply``) until the request has ended. It never waits for people.

        Args:
            until: ``verdict``, or ``applied``: the alias is moved, or moving it failed.
            progress: called with the request each time it was read.
        Raises:
            PlacetProblem: refused, not reachable, or still working after ``timeout_s``.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            request = self.promotion(id)
            if progress:
                progress(request)
            if request.state in SETTLED or (until == "verdict" and not request.working):
                return request
            if time.monotonic() + every_s > deadline:
                raise PlacetProblem(
                    title="Still working",
                    detail=f"Request {id} is not through after {timeout_s:.0f} s; look at {request.url or self.url}.",
                )
            time.sleep(every_s)

    def current_permit(self, model: str, alias: str) -> IssuedPermit:
        """Return the permit under which ``alias`` of ``model`` serves. Verify it with ``placet.permits`` before use."""
        answer = self._json("GET", "/api/v1/permits", params={"model": model, "alias": alias})
        if not isinstance(answer.get("envelope"), dict) or not isinstance(answer.get("status"), str):
            raise PlacetProblem(title="Unexpected answer", detail="Placet's answer holds no permit.", status=200)
        return IssuedPermit(
            envelope=answer["envelope"],
            status=answer["status"],
            reason=str(answer.get("reason") or ""),
            refuse_new_loads=_refused(answer),
        )

    def revocation_list(self) -> Mapping[str, Any]:
        """Return the envelope of the newest revocation list. Verify it with ``placet.revocations`` before use."""
        envelope = self._json("GET", "/api/v1/permits/revocation-list").get("envelope")
        if not isinstance(envelope, dict):
            raise PlacetProblem(title="Unexpected answer", detail="Placet's answer holds no list.", status=200)
        return envelope

    def model_signature(self, permit: str) -> bytes:
        """Return the signature of what a permit covers, for the stock ``model_signing`` tool.

        Args:
            permit: the permit's digest (``VerifiedModel.permit_digest``).
        Raises:
            PlacetProblem: there is none, or Placet can't be asked.
        """
        if not is_digest(permit):
            raise ValueError(f"{permit!r} is not a permit's digest.")
        try:
            answer = self._http.get(f"/api/v1/permits/{permit}/model-signature")
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None
        if not answer.is_success:
            raise _problem(answer)
        return answer.content

    def push_records(
        self,
        monitor: str,
        records: "str | os.PathLike[str] | pd.DataFrame",
        *,
        batch: str | None = None,
        version: str | int | None = None,
    ) -> Mapping[str, Any]:
        """Send served records to a monitor.

        Args:
            monitor: the monitor's id.
            records: a pandas frame, or the path of a ``.parquet`` or ``.jsonl`` file.
            batch: names this batch, so that sending it twice counts once; by default the content's digest.
            version: the model version that made the predictions; by default the one that is live when they arrive.
        Raises:
            ValueError: a file with another ending.
        """
        content, kind, digest = _records(records)
        path = f"/api/v1/monitors/{segment(monitor)}/records"
        headers = {"Content-Type": kind}
        query = {"batch": batch or digest} | ({"version": str(version)} if version is not None else {})
        return self._json("POST", path, params=query, content=content, headers=headers)

    def check_policy(self, text: str, *, against: str | None = None) -> Mapping[str, Any]:
        """Check a policy's text without keeping it; returns ``problems``, ``before_publication`` and ``changes``.

        Args:
            against: the id of the version to compare with; by default the one in force under the policy's name.
        """
        body = {"text": text} | ({"against": against} if against else {})
        return self._json("POST", "/api/v1/policy-checks", json=body)

    def draft_policy(self, text: str, *, commit: str = "", repository: str = "") -> Mapping[str, Any]:
        """Hand a policy's text in as the next version of its name, with the commit that it is from.

        Raises:
            PlacetProblem: the text has problems (``errors`` names line and path), or you are no policy author.
        """
        body = {"text": text, "commit": commit, "repository": repository}
        return self._json("POST", "/api/v1/policies", json=body)

    def download_bundle(self, path: str | os.PathLike[str], *, id: str | None = None) -> Path:
        """Save the bundle of the whole log, made now, or one that was asked for; only a whole file replaces another."""
        target, address = Path(path), f"/api/v1/bundles/{f'{segment(id)}/file' if id else 'latest'}"
        temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            with self._http.stream("GET", address, headers={"Accept": "application/zip"}) as answer:
                if answer.status_code != 200:
                    answer.read()
                    raise _problem(answer)
                with temporary.open("wb") as file:
                    for chunk in answer.iter_bytes():
                        file.write(chunk)
            temporary.replace(target)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None
        finally:
            temporary.unlink(missing_ok=True)
        return target

    def replay_policy(self, text: str, *, most: int = 1000) -> Mapping[str, Any]:
        """Ask how past requests would have fared under a policy's text; :meth:`wait_for_replay` brings the result.

        Raises:
            PlacetProblem: the text has problems (``errors`` names line and path), your roles do not allow it, or your
                last replay is not finished.
        """
        return self._json("POST", "/api/v1/policy-replays", json={"text": text, "most": most})

    def wait_for_replay(
        self,
        id: str,
        *,
        timeout_s: float = 900.0,
        every_s: float = 0.5,
        progress: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> Mapping[str, Any]:
        """Wait until a replay is ``done`` or ``failed``, and return it with its ``counts`` and ``result``.

        Args:
            progress: called with the replay each time it was read.
        Raises:
            PlacetProblem: not reachable, or still running after ``timeout_s``.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            found = self._json("GET", f"/api/v1/policy-replays/{segment(id)}")
            if progress:
                progress(found)
            if found.get("state") in {"done", "failed"}:
                return found
            if time.monotonic() + every_s > deadline:
                raise PlacetProblem(
                    title="Still working", detail=f"Replay {id} is not through after {timeout_s:.0f} s."
                )
            time.sleep(every_s)

    def _rows(self, path: str, only: Mapping[str, str | None]) -> Iterator[dict[str, Any]]:
        query = {name: value for name, value in only.items() if value is not None}
        while True:
            page = self._json("GET", path, params=query)
            rows, following = page.get("results"), page.get("next")
            if not isinstance(rows, list):
                raise PlacetProblem(
                    title="Unexpected answer", detail="Placet's answer is no page of a list.", status=200
                )
            yield from rows
            if not following:
                return
            # Of next only the query counts: the token goes to the address that it was given for, whatever next says.
            query = dict(httpx.URL(str(following)).params)

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        try:
            answer = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None
        if not answer.is_success:
            raise _problem(answer)
        try:
            value = answer.json() if answer.content else {}
        except ValueError:
            value = None
        if not isinstance(value, dict):
            detail = f"{self.url} answered with something else than a JSON object; is it Placet's address?"
            raise PlacetProblem(title="Unexpected answer", detail=detail, status=answer.status_code)
        return value

    def _unreachable(self, error: httpx.HTTPError) -> PlacetProblem:
        if isinstance(error, workload.NotSignedIn):
            return PlacetProblem(title="Not signed in", detail=str(error), status=401)
        what = "did not answer in time" if isinstance(error, httpx.TimeoutException) else "cannot be reached"
        return PlacetProblem(title=f"Placet at {self.url} {what}", detail="Check PLACET_URL and that the server runs.")


def _problem(answer: httpx.Response) -> PlacetProblem:
    try:
        said = answer.json()
    except ValueError:
        said = None
    if not isinstance(said, dict):
        said = {}
    title = str(said.get("title") or answer.reason_phrase or "Refused")
    detail = str(said.get("detail") or "")
    if answer.status_code == 401 and not detail:
        detail = "Set PLACET_TOKEN to a token that has not expired."
    kind = str(said.get("type") or "about:blank")
    return PlacetProblem(title=title, detail=detail, status=answer.status_code, type=kind, errors=said.get("errors"))


def _refused(answer: Mapping[str, Any]) -> bool:
    """Return whether nothing may be loaded: as Placet says; where it says nothing, a lapsed permit refuses."""
    said = answer.get("refuse_new_loads")
    return said if isinstance(said, bool) else answer["status"] == "lapsed"


def _records(records: Any) -> tuple[bytes, str, str]:
    if isinstance(records, str | os.PathLike):
        path = Path(records)
        kinds = {".parquet": _PARQUET, ".jsonl": _JSONL}
        if path.suffix not in kinds:
            raise ValueError(f"{path} is neither .parquet nor .jsonl.")
        return path.read_bytes(), kinds[path.suffix], file_digest(path)
    import tempfile

    from placet.tracking import write_parquet

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "records.parquet"
        write_parquet(records, file)
        return file.read_bytes(), _PARQUET, file_digest(file)
