"""Texts that people write about a system, cleaned alike everywhere: refused where they don't fit, never cut."""

from governance.common.errors import InvalidInput

LONGEST = 8000
SHORTEST_REASON = 20


def text_of(value: str | None, what: str, most: int = LONGEST) -> str:
    """Return a text with plain line ends and nothing around it.

    Args:
        what: what it is, in the words of the form: ``answer``.

    Raises:
        InvalidInput: it is longer than ``most`` characters, or holds a NUL.
    """
    kept = str(value or "").replace("\r\n", "\n").strip()
    if len(kept) > most:
        raise InvalidInput(f"The {what} takes at most {most:,} characters; this has {len(kept):,}.")
    if "\x00" in kept:
        raise InvalidInput(f"The {what} holds a NUL character; remove it.")
    return kept


def reason_of(value: str | None, most: int = LONGEST) -> str:
    """Return why something is done.

    Raises:
        InvalidInput: as :func:`text_of` says, or it is shorter than 20 characters.
    """
    kept = text_of(value, "reason", most)
    if len(kept) < SHORTEST_REASON:
        raise InvalidInput(f"Say why, in at least {SHORTEST_REASON} characters.")
    return kept
