"""Read settings from the environment, with errors that say which variable to set and how."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str | None = None) -> str:
    """Return the variable, or the default; without either, refuse and name it."""
    value = os.environ.get(name, default)
    if value is None:
        raise ImproperlyConfigured(f"Set {name}: see docs/reference/settings.md, or start with `make up`.")
    return value


def flag(name: str, *, default: bool = False) -> bool:
    """Return a yes/no variable: 1, true, yes and on are yes."""
    return os.environ.get(name, str(default)).strip().lower() in {"1", "true", "yes", "on"}


def number(name: str, default: int) -> int:
    """Return a positive whole number, or the default; refuse anything else and name the variable."""
    value = os.environ.get(name, "").strip() or str(default)
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise ImproperlyConfigured(f"{name} is {value!r}; give a whole number of at least 1.")
    return int(value)


def words(name: str, default: str = "") -> list[str]:
    """Return a comma-separated variable as a list without blanks."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def storage_root(url: str) -> Path:
    """Return the folder that a storage URL names: a path, or file://."""
    parts = urlsplit(url)
    if parts.scheme not in {"", "file"}:
        raise ImproperlyConfigured(f"PLACET_STORAGE_URL: {parts.scheme}:// is not supported yet; use a folder.")
    return Path(unquote(parts.path)).resolve()


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
