"""Asks Placet whether a protected write may happen, and turns every answer but ``ALLOW`` into a refusal.

Fails closed: no answer within 2.5 s, an answer that is not HTTP 200 with JSON, or a verdict other than the word
``ALLOW`` all refuse. The refusal is MLflow's PERMISSION_DENIED (HTTP 403), because MLflow's client repeats a 5xx with
growing pauses and would keep the user waiting for minutes.
"""

import http.client
import json
import os
import shlex
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, NoReturn

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED

from placet.mlflow_plugin import transport
from placet.mlflow_plugin.identity import Identity, current_grant, current_identity
from placet.mlflow_plugin.protection import example_alias
from placet.mlflow_plugin.word import is_word

URL_ENV = "PLACET_URL"
TOKEN_ENV = "PLACET_GATE_TOKEN"  # noqa: S105  (the name of a variable)
DECISIONS_PATH = "/api/v1/gate/decisions"
DEADLINE_S = 2.5
DETAIL_LIMIT = 1000
TEXT_LIMIT = 2000
REJECTED = frozenset({400, 413, 422, 429})
"""What Placet answers where it is the question that it does not take."""


def _plain(text: str) -> str:
    return text[:TEXT_LIMIT].replace("\0", "\ufffd")


def _nobody(_number: object) -> None:
    """Listen to nothing: outside a server there is no check-in."""


_listener: Callable[[object], None] = _nobody


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What the write is about, as it stands in the registry now.

    ``created_at_ms`` (Unix time in milliseconds), ``source`` and ``storage_location`` are part of the identity because
    MLflow starts numbering again when a model is deleted and made anew. They are ``None`` for a whole model.
    """

    workspace: str
    name: str
    version: str | None = None
    created_at_ms: int | None = None
    source: str | None = None
    storage_location: str | None = None
    run_id: str | None = None

    def __str__(self) -> str:
        return f"'{self.name}' version {self.version}" if self.version else f"'{self.name}'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """What the write would change; only the fields that belong to the action are set."""

    alias: str | None = None
    stage: str | None = None
    key: str | None = None
    new_name: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question to Placet. ``identity`` and ``grant`` are taken from the request that is being served."""

    action: str
    subject: Subject
    detail: Detail = field(default_factory=Detail)
    identity: Identity = field(default_factory=current_identity)
    grant: str | None = field(default_factory=current_grant)

    def as_json(self) -> bytes:
        """Return the body of the decision call, its texts as Placet can write them down.

        MLflow looks at names only after the gate; one that is too long for Placet's log, or no text, would have its
        attempt refused without an entry.
        """
        said = asdict(self)
        for part in ("subject", "detail"):
            said[part] = {
                name: _plain(value) if isinstance(value, str) else value for name, value in said[part].items()
            }
        return json.dumps(said).encode()


class NoDecision(Exception):
    """Placet gave no usable answer; the message says why and what the operator can do.

    ``away`` is whether Placet could not be asked. It is false where Placet answered that it takes no such question:
    whoever makes the request can bring that about, with a header that is too long, and it must open no other way.
    """

    def __init__(self, message: str, *, away: bool = True) -> None:
        super().__init__(message)
        self.away = away


def require_allowed(question: Question, *, what: str) -> str | None:
    """Return if Placet allows the write, with its word for the database if it gave one.

    Args:
        question: the write, in the gate's terms.
        what: the write, in words that follow "Placet refused to", such as ``set alias 'champion' on 'm' version 2``.

    Raises:
        MlflowException: PERMISSION_DENIED, in one or two sentences: what was refused, why, and what to do.
    """
    try:
        word = decide(question, what=what)
    except NoDecision as failure:
        deny(unasked(what, failure))
    return word


def decide(question: Question, *, what: str) -> str | None:
    """The same for a caller who has an answer of its own to Placet's silence.

    Raises:
        NoDecision: Placet could not be asked; without a permit the write must not happen.
        MlflowException: PERMISSION_DENIED, Placet says no.
    """
    answer = _ask(question)
    if answer["verdict"] != "ALLOW":
        deny(f"Placet refused to {what}: {_why(answer)}{_hint(question, answer)}{_link(answer)}")
    word: str | None = answer.get("word")
    return word


def unasked(what: str, failure: NoDecision) -> str:
    """Return the sentence for a write that nobody could be asked about."""
    return f"Placet could not be asked and so refused to {what}: {failure}"


def notify(question: Question) -> None:
    """Tell Placet of a write that has happened; the verdict is not read.

    Raises:
        NoDecision: Placet did not take it.
    """
    _ask(question)


def listen(listener: Callable[[object], None]) -> None:
    """Let ``listener`` know the number of Placet's configuration that each decision carries."""
    global _listener  # noqa: PLW0603  (the process's one check-in)
    _listener = listener


def deny(message: str) -> NoReturn:
    """Refuse with MLflow's PERMISSION_DENIED."""
    raise MlflowException(message, error_code=PERMISSION_DENIED)


def configuration() -> tuple[str, str]:
    """Return Placet's address and the gate's token.

    Raises:
        NoDecision: ``PLACET_URL`` or ``PLACET_GATE_TOKEN`` is missing or unusable.
    """
    base, token = os.environ.get(URL_ENV, "").strip().rstrip("/"), os.environ.get(TOKEN_ENV, "").strip()
    for name, value in ((URL_ENV, base), (TOKEN_ENV, token)):
        if not value:
            raise NoDecision(f"the MLflow server's operator must set {name}.")
    try:
        transport.check_url(base)
    except ValueError as problem:
        raise NoDecision(f"the MLflow server's operator must correct {URL_ENV}: {problem}") from problem
    if not all("!" <= character <= "~" for character in token):
        raise NoDecision(f"the MLflow server's operator must correct {TOKEN_ENV}: it holds more than visible ASCII.")
    return base, token


def post(path: str, body: bytes) -> bytes:
    """Post JSON to Placet and return the JSON that it answered, unread, within the deadline.

    Raises:
        NoDecision: there was no answer of HTTP 200 with JSON.
    """
    base, token = configuration()
    url = base + path
    later = "Start Placet or try again later; writes that are not protected still work."
    try:
        reply = transport.post_json(url, body=body, token=token, deadline_s=DEADLINE_S)
    except TimeoutError as slow:
        raise NoDecision(f"no answer from {url} within {DEADLINE_S} s. {later}") from slow
    except (OSError, http.client.HTTPException) as broken:
        raise NoDecision(f"no answer from {url} ({type(broken).__name__}). {later}") from broken
    except ValueError as unusable:
        raise NoDecision(f"{url} gave an answer that is not a decision. Check {URL_ENV}.") from unusable
    if reply.status in (401, 403):
        raise NoDecision(f"{url} did not accept the gate's token (HTTP {reply.status}). Check {TOKEN_ENV}.")
    if reply.status != 200:
        problem = f"{url} answered HTTP {reply.status}. Check Placet's log, or try again later."
        raise NoDecision(problem, away=reply.status not in REJECTED)
    if reply.content_type != "application/json":
        raise NoDecision(f"{url} gave an answer that is not a decision. Check {URL_ENV}.")
    return reply.body


def parse_decision(body: bytes) -> dict[str, Any]:
    """Read a decision.

    Raises:
        NoDecision: it is none, or carries a word for the database that is not one.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    usable = isinstance(answer, dict) and answer.get("verdict") in ("ALLOW", "BLOCK", "HOLD")
    if not usable or not (answer.get("word") is None or is_word(answer["word"])):
        raise NoDecision(f"Placet gave an answer that is not a decision. Check {URL_ENV}.")
    return dict(answer)


def _ask(question: Question) -> dict[str, Any]:
    answer = parse_decision(post(DECISIONS_PATH, question.as_json()))
    _listener(answer.get("configuration"))
    return answer


def _why(answer: dict[str, Any]) -> str:
    detail = answer.get("detail")
    sentence = " ".join(detail.split())[:DETAIL_LIMIT] if isinstance(detail, str) else ""
    sentence = sentence or f"the verdict is {answer['verdict']}."
    return sentence if sentence.endswith((".", "!", "?", "`")) else f"{sentence}."


def _hint(question: Question, answer: dict[str, Any]) -> str:
    """Return the command that leads to the goal, unless Placet's own sentence names one already."""
    if question.action not in ("alias.set", "stage.transition") or "`placet " in str(answer.get("detail")):
        return ""
    alias = question.detail.alias or example_alias()
    command = shlex.join(["placet", "request", question.subject.name, str(question.subject.version), "--to", alias])
    return f" To get it there, run `{command}`."


def _link(answer: dict[str, Any]) -> str:
    link = answer.get("link")
    usable = isinstance(link, str) and link.startswith(("http://", "https://")) and len(link.split()) == 1
    return f" See {link}" if usable else ""
