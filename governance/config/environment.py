"""Read settings from the environment, with errors that say which variable to set and how."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from governance.common.object_store import OPTIONS, SCHEMES


def text(name: str, default: str | None = None) -> str:
    """Return the variable, or the default; without either, refuse and name it."""
    value = os.environ.get(name, default)
    if value is None:
        raise ImproperlyConfigured(f"Set {name}: see docs/reference/settings.md, or start with `make up`.")
    return value


def secret(name: str, default: str | None = None) -> str:
    """Return a secret: the variable, or what stands in the file that ``<name>_FILE`` names; refuse both at once.

    Orchestrators hand secrets over as files, which other users of the machine and crash reports do not show.
    """
    path = os.environ.get(f"{name}_FILE", "")
    if not path:
        return text(name, default)
    if os.environ.get(name):
        raise ImproperlyConfigured(f"{name} and {name}_FILE are both set; set one of them.")
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{name}_FILE: {path} can't be read.") from error


def flag(name: str, *, default: bool = False) -> bool:
    """Return a yes/no variable: 1, true, yes and on are yes."""
    return os.environ.get(name, str(default)).strip().lower() in {"1", "true", "yes", "on"}


def whole(name: str, default: int, *, least: int = 0) -> int:
    """Return a variable that is a whole number from ``least`` on; refuse and name it if it is none."""
    value = os.environ.get(name, "").strip() or str(default)
    if not (value.isascii() and value.isdigit()) or int(value) < least:
        raise ImproperlyConfigured(f"{name} is {value!r}; give a whole number of at least {least}, such as {default}.")
    return int(value)


def choice(name: str, choices: tuple[str, ...]) -> str:
    """Return a variable that is one of ``choices``, of which the first is the default; refuse and name it otherwise."""
    value = os.environ.get(name, "").strip() or choices[0]
    if value not in choices:
        raise ImproperlyConfigured(f"{name} is {value!r}; give one of {', '.join(choices)}.")
    return value


def limits(name: str, defaults: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Return limits such as ``account=5/300,address=30/60`` (times/seconds) over the defaults; refuse what is none."""
    found = dict(defaults)
    for word in words(name):
        match = re.fullmatch(r"(\w+)=([1-9]\d{0,5})/([1-9]\d{0,5})", word, re.ASCII)
        if match is None or match[1] not in defaults:
            given = ", ".join(f"{key}={most}/{seconds}" for key, (most, seconds) in defaults.items())
            raise ImproperlyConfigured(f"{name} holds {word!r}; give times/seconds, such as {given}.")
        found[match[1]] = (int(match[2]), int(match[3]))
    return found


def words(name: str, default: str = "") -> list[str]:
    """Return a comma-separated variable as a list without blanks."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def urls(name: str, default: str) -> list[str]:
    """Return a variable (or file) of addresses, separated by blanks or commas; an empty one counts as not set."""
    return re.split(r"[\s,]+", (secret(name, "").strip(" ,\n") or default))


@dataclass(frozen=True)
class MailServer:
    """Django's settings for outgoing mail."""

    backend: str = "django.core.mail.backends.dummy.EmailBackend"
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = field(default="", repr=False)
    starttls: bool = False
    ssl: bool = False
    sender: str = "placet@localhost"


def mail_server(url: str) -> MailServer:
    """Turn ``smtp://user:password@host:587`` (STARTTLS) or ``smtps://…`` into Django's settings; empty is no mail.

    Options: ``from``, the sender's address; ``tls=off``, for a relay on the same machine.
    """
    if not url:
        return MailServer()
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    port = 465 if parts.scheme == "smtps" else 587
    try:
        port = parts.port or port
    except ValueError:
        port = 0
    known = options.keys() <= {"from", "tls"} and options.get("tls", "off") == "off"
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or not port or not known:
        raise ImproperlyConfigured(
            "PLACET_EMAIL_URL: write smtps://user:password@host or smtp://user:password@host:587, with ?from=address; "
            "smtp://localhost:25?tls=off for a relay without encryption on the same machine."
        )
    return MailServer(
        "django.core.mail.backends.smtp.EmailBackend",
        parts.hostname,
        port,
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        starttls=parts.scheme == "smtp" and "tls" not in options,
        ssl=parts.scheme == "smtps",
        sender=options.get("from", f"placet@{parts.hostname}"),
    )


def named(prefix: str) -> dict[str, str]:
    """Return the variables that begin with ``prefix``, by the rest of their names; empty ones are left out."""
    found = {name.removeprefix(prefix): value.strip() for name, value in os.environ.items() if name.startswith(prefix)}
    return {name: value for name, value in found.items() if name and value}


@dataclass(frozen=True)
class Storage:
    """Where files lie: in ``folder``, or in the bucket of ``url`` with ``folder`` for the copies that are read."""

    folder: Path
    url: str = ""
    options: dict[str, str] = field(default_factory=dict)


def storage(url: str, spool: str) -> Storage:
    """Read a storage URL: a path, ``file://``, or ``s3://bucket/prefix`` (``gs://``, ``az://``) with options."""
    parts = urlsplit(url)
    if parts.scheme in {"", "file"}:
        return Storage(Path(unquote(parts.path)).resolve())
    options = dict(parse_qsl(parts.query))
    if parts.scheme not in SCHEMES or not parts.hostname or options.keys() - {*OPTIONS, "credentials"}:
        raise ImproperlyConfigured(
            "PLACET_STORAGE_URL: write a folder, or s3://bucket/prefix (gs://, az://), with ?endpoint=, ?region=, "
            "?account= or ?credentials=FILE."
        )
    return Storage(Path(spool).resolve(), parts._replace(query="", fragment="").geturl(), options)


def database(url: str) -> dict[str, Any]:
    """Turn ``postgresql://user:password@host:port/name?option=value`` into Django's form."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ImproperlyConfigured(f"Placet runs on PostgreSQL only, not on {parts.scheme or 'an empty URL'}://.")
    return {
        "ENGINE": "governance.common.postgres",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "OPTIONS": dict(parse_qsl(parts.query)),
    }
