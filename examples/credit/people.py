"""People of the demo, acting through the same doors as anybody: a browser's session and forms, or an API token."""

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import httpx


class Refused(Exception):
    """Placet refused; the message is its sentence."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(f"{title}. {detail}" if title else detail)
        self.status, self.title, self.detail = status, title, detail


class Person:
    """Somebody with a browser: signs in, calls the API with the session, posts forms."""

    def __init__(self, url: str, key: str, signin: dict[str, str]) -> None:
        self.key, self.role, self.email, self.password = key, signin["role"], signin["email"], signin["password"]
        self._http = httpx.Client(base_url=url, timeout=60.0, headers={"Referer": url + "/"})
        self._sign_in()

    def _sign_in(self) -> None:
        self._http.get("/login").raise_for_status()
        answer = self._http.post(
            "/login", data={"username": self.email, "password": self.password, "csrfmiddlewaretoken": self._csrf}
        )
        if answer.status_code != httpx.codes.FOUND:
            raise RuntimeError(f"{self.role} could not sign in ({answer.status_code}).")

    @property
    def _csrf(self) -> str:
        return self._http.cookies["csrftoken"]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the API as this person and return the answer, or raise what it refused."""
        answer = self._http.request(method, f"/api/v1/{path}", json=body, headers={"X-CSRFToken": self._csrf})
        return _unwrapped(answer)

    def post_form(self, path: str, **fields: str) -> str:
        """Post a form as the browser would and return the page; raise what it refused."""
        answer = self._http.post(path, data={**fields, "csrfmiddlewaretoken": self._csrf})
        if answer.status_code == httpx.codes.FOUND:
            return answer.headers["location"]
        raise Refused(answer.status_code, "", alerts(answer.text) or answer.reason_phrase)

    def page(self, path: str) -> str:
        """Return a page's HTML."""
        answer = self._http.get(path)
        answer.raise_for_status()
        return answer.text

    def download(self, path: str, target: Path) -> Path:
        """Save what an address returns."""
        answer = self._http.get(path)
        if answer.is_error:
            _unwrapped(answer)
        target.write_bytes(answer.content)
        return target


class Machine:
    """Somebody with a token, such as a pipeline."""

    def __init__(self, url: str, token: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=60.0, headers={"Authorization": f"Bearer {token}"})

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Call the API with the token."""
        return _unwrapped(self._http.request(method, f"/api/v1/{path}", json=body, headers=headers))

    def send(self, path: str, content: bytes, content_type: str) -> Any:
        """Send a file."""
        return _unwrapped(self._http.post(f"/api/v1/{path}", content=content, headers={"Content-Type": content_type}))


def alerts(page: str) -> str:
    """Return what a page says at its top about why it refused, as one line of text."""
    found = re.findall(r'(?s)<div class="x-message x-note x-bad"\s+role="alert"[^>]*>(.*?)</div>', page)
    return " ".join(unescape(re.sub(r"(?s)<[^>]+>", " ", " ".join(found))).split())


def _unwrapped(answer: httpx.Response) -> Any:
    body = answer.json() if "json" in answer.headers.get("content-type", "") else None
    if answer.is_error:
        problem = body or {}
        raise Refused(answer.status_code, problem.get("title", answer.reason_phrase), problem.get("detail", ""))
    return body


def people(url: str, file: Path) -> dict[str, Person]:
    """Sign everybody in."""
    return {key: Person(url, key, signin) for key, signin in json.loads(file.read_text())["people"].items()}
