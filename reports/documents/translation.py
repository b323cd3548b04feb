"""The words that documents print, in the language of their snapshot: gettext of the standard library, and no Django.

A document is written in one language from its first word to its last, whoever asks for it and wherever it is drawn:
``document.language`` of the snapshot names it, English where it names none. Texts are marked with :func:`_` or
:func:`counted`; constants that are made at import with :func:`N_`, and translated where they are used. A catalogue
stands in ``locale/<language>/LC_MESSAGES/documents.mo``; English has none. See docs/how-to/translate-documents.md.

What the snapshot holds is never translated: names, answers, texts of the legal register, reasons in evidence.
Numbers, dates and times are written alike in every language.
"""

from __future__ import annotations

import gettext
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from string import Formatter

ENGLISH = "en"
DOMAIN = "documents"
LOCALE = Path(__file__).with_name("locale")
Messages = Mapping[str | tuple[str, int], str]


class UnknownLanguage(ValueError):
    """There is no catalogue of a language; the message names those that there are."""


class CatalogueInvalid(ValueError):
    """A catalogue cannot be used: it is no compiled catalogue, or a translation has other placeholders."""


_spoken: ContextVar[gettext.NullTranslations] = ContextVar("spoken", default=gettext.NullTranslations())  # noqa: B039


def _(message: str) -> str:
    """Return a message in the language that is spoken, itself where the catalogue lacks it; nothing stays nothing."""
    return _spoken.get().gettext(message) if message else ""


def counted(message: str, n: int | None) -> str:
    """Return a message about a number of things in the form that the language has for that number.

    In English it has one form; a catalogue has as many as its language. A number that is not known counts as none.
    """
    return _spoken.get().ngettext(message, message, 0 if n is None else n)


def N_(message: str) -> str:  # noqa: N802 (as gettext calls it everywhere)
    """Mark a message that is translated elsewhere, where it is used."""
    return message


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Write everything inside in a language. Generators made inside have to be read inside.

    Raises:
        UnknownLanguage: there is no catalogue of it.
        CatalogueInvalid: there is one that cannot be used.
    """
    token = _spoken.set(_catalogue_of(language))
    try:
        yield
    finally:
        _spoken.reset(token)


def languages() -> tuple[str, ...]:
    """Return the languages in which documents can be made, English first."""
    found = sorted(path.parents[1].name for path in LOCALE.glob(f"*/LC_MESSAGES/{DOMAIN}.mo"))
    return (ENGLISH, *(name for name in found if name != ENGLISH))


def catalogue_digest(language: str) -> str:
    """Return ``sha256:<hex>`` of a language's catalogue: it decides the words of a document as libraries its bytes.

    Raises:
        UnknownLanguage: there is none; English has none either.
    """
    return f"sha256:{hashlib.sha256(_path_of(language).read_bytes()).hexdigest()}"


def faults(messages: Messages) -> list[str]:
    """Say which translations of a catalogue have other placeholders than their message.

    A placeholder is a bare name in braces, ``{name}``. A translation may leave none out and add none.

    Args:
        messages: as ``gettext`` reads them: each translation by its message, of a plural by message and number.
    """
    found = []
    for key, text in messages.items():
        message = key if isinstance(key, str) else key[0]  # of a plural there is the singular alone
        if message and (problem := _fault(message, text)):
            found.append(f"{message!r}: {problem}")
    return found


def placeholders(message: str) -> frozenset[str]:
    """Return the names in braces of a message.

    Raises:
        ValueError: a brace is open, or one holds anything but a name.
    """
    names = set()
    for _text, name, spec, conversion in Formatter().parse(message):
        if name is None:
            continue
        if not name.isidentifier() or spec or conversion:
            raise ValueError(f"{{{name}}} is no bare name in braces")
        names.add(name)
    return frozenset(names)


def _fault(message: str, text: str) -> str:
    try:
        said, wanted = placeholders(text), placeholders(message)
    except ValueError as error:
        return f"the translation cannot be filled in ({error})"
    if said == wanted:
        return ""
    names = ", ".join(f"{{{name}}}" for name in sorted(said ^ wanted))
    return f"message and translation differ in {names}"


def _path_of(language: str) -> Path:
    if language == ENGLISH or language not in languages():
        there = ", ".join(languages())
        raise UnknownLanguage(f"There is no catalogue of documents in {language!r}; there is {there}.")
    return LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.mo"


def _catalogue_of(language: str) -> gettext.NullTranslations:
    return gettext.NullTranslations() if language == ENGLISH else _loaded(_path_of(language))


@cache
def _loaded(path: Path) -> gettext.GNUTranslations:
    try:
        with path.open("rb") as file:
            catalogue = gettext.GNUTranslations(file)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise CatalogueInvalid(f"The catalogue {path.parents[1].name} can't be read: compile it anew.") from error
    # The standard library has no other way to what it read.
    if wrong := faults(catalogue._catalog):  # type: ignore[attr-defined]
        raise CatalogueInvalid(f"The catalogue {path.parents[1].name} can't be used. {'; '.join(wrong[:5])}.")
    return catalogue
