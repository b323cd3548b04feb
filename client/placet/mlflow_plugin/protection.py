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


def fold(text: str | None) -> str:
    """Return the form under which two names count as the same one.

    Unicode NFKC, case folded, NFKC again because folding can undo it, surrounding white space removed.
    ``None`` folds to the empty string. ``Champion``, ``champion\\n`` and full-width letters all fold to ``champion``.
    """
    folded = unicodedata.normalize("NFKC", text or "").strip().casefold()
    return unicodedata.normalize("NFKC", folded).strip()


def protected_aliases() -> tuple[str, ...]:
    """Return the folded patterns in force, never empty.

    Read from ``PLACET_PROTECTED_ALIASES``: names or shell patterns (``prod-*``) separated by commas, which replace the
    default. Unset, blank or only commas means the default, so that a slip in the settings protects more, not less.
    """
    patterns = tuple(filter(None, map(fold, os.environ.get(PROTECTED_ALIASES_ENV, "").split(","))))
    return patterns or DEFAULT_PROTECTED_ALIASES


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
