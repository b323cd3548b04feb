"""Sign in as the run of a pipeline: the token that GitHub or GitLab gives the run, for one of Placet's.

Nothing is stored: the token is kept in memory, and fetched anew where the run can be given another.
"""

import os
import threading
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field

import httpx

EXCHANGE = "/api/v1/token-exchange"
_EARLY_S = 30.0
_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
_JWT = "urn:ietf:params:oauth:token-type:jwt"


class NotSignedIn(httpx.HTTPError):
    """The run has no token of its own, or Placet does not exchange it; ``str()`` says what to do."""


@dataclass(frozen=True)
class Run:
    """What the environment of a run offers: a token, or an address that gives one for an audience."""

    token: str = field(default="", repr=False)
    address: str = ""
    bearer: str = field(default="", repr=False)


def from_environment(environ: Mapping[str, str] | None = None) -> Run | None:
    """Return what this run is given: ``PLACET_OIDC_TOKEN`` (GitLab's ``id_tokens``), else GitHub's; None elsewhere."""
    found = os.environ if environ is None else environ
    token = found.get("PLACET_OIDC_TOKEN", "").strip()
    address, bearer = found.get("ACTIONS_ID_TOKEN_REQUEST_URL", ""), found.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "")
    if token:
        return Run(token=token)
    return Run(address=address, bearer=bearer) if address and bearer else None


def run_auth(url: str) -> "RunAuth | None":
    """Return what signs in to Placet at ``url`` as this run; None where the environment is of none."""
    run = from_environment()
    return RunAuth(url, run) if run else None


class RunAuth(httpx.Auth):
    """Adds Placet's token to each request; exchanges the run's own before the first, and as it ends."""

    requires_response_body = True

    def __init__(self, url: str, run: Run, *, audience: str = "") -> None:
        """Sign in to Placet at ``url``.

        Args:
            audience: for whom GitHub is to make the token: what the workload identity names; ``url`` by default.
        """
        self._url, self._run = url.rstrip("/"), run
        self._audience = audience or os.environ.get("PLACET_OIDC_AUDIENCE") or self._url
        self._secret, self._ends, self._shown = "", 0.0, False
        self._lock = threading.Lock()

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign the request, with calls of its own before it where there is no token yet.

        Raises:
            NotSignedIn: there is none to be had.
        """
        with self._lock:
            if time.monotonic() >= self._ends:
                yield from self._sign_in()
            request.headers["Authorization"] = f"Bearer {self._secret}"
        yield request

    def _sign_in(self) -> Generator[httpx.Request, httpx.Response, None]:
        own = self._run.token
        if own and self._shown:
            raise NotSignedIn(
                "This run's sign-in at Placet has ended, and its token was exchanged already. Wait for less time in "
                "one job, or let another job go on."
            )
        if not own:
            asked = httpx.Request(
                "GET",
                httpx.URL(self._run.address).copy_merge_params({"audience": self._audience}),
                headers={"Authorization": f"Bearer {self._run.bearer}", "Accept": "application/json"},
            )
            own = _text((yield asked), "value")
            if not own:
                raise NotSignedIn("GitHub gave this run no token. Give the job the permission id-token: write.")
        self._shown = True
        data = {"grant_type": _GRANT, "subject_token": own, "subject_token_type": _JWT}
        answer = yield httpx.Request("POST", self._url + EXCHANGE, data=data, headers={"Accept": "application/json"})
        answer.read()
        self._secret, lives = _text(answer, "access_token"), _seconds(answer)
        if not self._secret:
            raise NotSignedIn(_why(answer, self._audience, given=bool(self._run.token)))
        self._ends = time.monotonic() + max(1.0, lives - _EARLY_S)


def _why(answer: httpx.Response, audience: str, *, given: bool) -> str:
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return "Placet refused too many tokens from here of late. Try again in a minute."
    if answer.status_code == httpx.codes.NOT_FOUND:
        return "This Placet exchanges no tokens, or PLACET_URL is not its address. Set PLACET_TOKEN instead."
    if answer.status_code != httpx.codes.FORBIDDEN:
        return f"Placet answered {answer.status_code} where this run's token is exchanged. Check PLACET_URL."
    made_for = "its audience" if given else f"its audience, {audience},"
    again = " A token is exchanged once: run one placet command in a job." if given else ""
    return (
        "Placet does not exchange this run's token. Have an administrator compare its repository, branch, environment "
        f"and {made_for} with manage.py confirm_workload; the server's log says what was missing.{again}"
    )


def _text(answer: httpx.Response, name: str) -> str:
    answer.read()
    try:
        said = answer.json() if answer.is_success else {}
    except ValueError:
        return ""
    value = said.get(name) if isinstance(said, dict) else None
    return value if isinstance(value, str) else ""


def _seconds(answer: httpx.Response) -> float:
    try:
        return float(answer.json()["expires_in"])
    except (ValueError, KeyError, TypeError):
        return 60.0
