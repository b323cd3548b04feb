"""What is protected: which aliases, stages and tag keys need Placet's word before they change."""

import os
import unicodedata
from collections.abc import Iterable
from fnmatch import fnmatchcase

PROTECTED_ALIASES_ENV = "PLACET_PROTECTED_ALIASES"
DEFAULT_PROTECTED_ALIASES = ("champion", "canary", "production", "prod")
PROTECTED_STAGE = "production"
RESERVED_TAG_PREFIX = "gov."
PROMPT_TAG = "mlflow.prompt.is_prompt"

_received: tuple[str, ...] = ()


def fold(text: str | None) -> str:
    """Return the form under which two names count as the same one.

    Unicode NFKC, case folded, NFKC again because folding can undo it, surrounding white space removed.
    ``None`` folds to the empty string. ``Champion``, ``champion\\n`` and full-width letters all fold to ``champion``.
    """
    folded = unicodedata.normalize("NFKC", text or "").strip().casefold()
    return unicodedata.normalize("NFKC", folded).strip()


def protected_aliases() -> tuple[str, ...]:
    """Return the folded patterns in force, never empty.

    Those that Placet named (``receive``), the default until it has; and always, in addition, names or shell patterns
    (``prod-*``) from ``PLACET_PROTECTED_ALIASES``, separated by commas. So a slip in the settings protects more.
    """
    added = filter(None, map(fold, os.environ.get(PROTECTED_ALIASES_ENV, "").split(",")))
    return tuple(dict.fromkeys((*(_received or DEFAULT_PROTECTED_ALIASES), *added)))


def receive(patterns: Iterable[str]) -> None:
    """Protect what Placet says from now on, in this process; nothing at all means the default."""
    global _received  # noqa: PLW0603  (one set for the process, replaced as a whole)
    _received = tuple(filter(None, map(fold, patterns)))


def keep_default() -> None:
    """Protect the default, too, whatever Placet said: its newest answer could not be used."""
    if _received:
        receive((*_received, *DEFAULT_PROTECTED_ALIASES))


def is_protected_alias(alias: str | None, patterns: Iterable[str] | None = None) -> bool:
    """Tell whether moving or removing ``alias`` needs Placet's word.

    Args:
        patterns: folded patterns; those in force (``protected_aliases``) when left out.
    """
    folded = fold(alias)
    return any(fnmatchcase(folded, pattern) for pattern in (protected_aliases() if patterns is None else patterns))


def example_alias() -> str:
    """Return a protected alias that is a plain name, for the command shown in a refusal."""
    return next((name for name in protected_aliases() if not set("*?[") & set(name)), DEFAULT_PROTECTED_ALIASES[0])


def is_protected_stage(stage: str | None) -> bool:
    """Tell whether entering or leaving ``stage`` needs Placet's word."""
    return fold(stage) == PROTECTED_STAGE


def is_reserved_tag(key: str | None) -> bool:
    """Tell whether ``key`` is one of Placet's own tags."""
    return fold(key).startswith(RESERVED_TAG_PREFIX)


def is_prompt_tag(key: str | None) -> bool:
    """Tell whether ``key`` is the tag by which MLflow tells a prompt from a model."""
    return fold(key) == PROMPT_TAG


def any_reserved_tag(keys: Iterable[str]) -> bool:
    """Tell whether any of ``keys`` is one of Placet's own tags."""
    return any(map(is_reserved_tag, keys))
