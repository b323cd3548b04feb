"""Make sinks from ``PLACET_ANCHORS``: one URL each."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

from governance.audit.anchors.folder import Folder
from governance.audit.anchors.sinks import Sink
from placet.verify import InvalidTrust

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_NO_MAIL = "django.core.mail.backends.dummy.EmailBackend"


@dataclass(frozen=True)
class _Url:
    """One URL of the list, taken apart."""

    text: str
    parts: SplitResult
    options: dict[str, str]

    @property
    def name(self) -> str:
        """The URL without user, password and options: what is stored and shown."""
        host = self.parts.netloc.rpartition("@")[2]
        return f"{self.parts.scheme}://{host}{self.parts.path}"

    @property
    def target(self) -> str:
        """The address behind a ``tsa+`` or ``witness+`` scheme."""
        return self.parts._replace(scheme=self.parts.scheme.partition("+")[2], query="", fragment="").geturl()

    def every(self, default: timedelta) -> timedelta:
        said = self.options.get("every")
        if said is None:
            return default
        match = re.fullmatch(r"([1-9][0-9]{0,5})([smhd])", said)
        if match is None:
            raise wrong(self.text, "write ?every= as a number and s, m, h or d, such as every=6h")
        return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def wrong(url: str, what: str) -> ImproperlyConfigured:
    """Return the error for a URL in the list; a password in it is not repeated."""
    shown = re.sub(r"//[^/@]*@", "//…@", url)
    return ImproperlyConfigured(f"PLACET_ANCHORS, {shown}: {what}.")


def sinks_from(urls: Sequence[str]) -> list[Sink]:
    """Return a sink for each URL, in order.

    Raises:
        ImproperlyConfigured: a URL is not one; the message is one sentence that says what to write.
    """
    sinks = [_sink(url) for url in urls]
    names = [sink.name for sink in sinks]
    for name in names:
        if names.count(name) > 1:
            raise wrong(name, "is listed twice; write it once")
    return sinks


def _sink(text: str) -> Sink:
    try:
        parts = urlsplit(text)
    except ValueError:  # unbalanced brackets
        parts = urlsplit("")
    known = ", ".join(f"{scheme}:" for scheme in _KINDS)
    if parts.scheme not in _KINDS:
        raise wrong(text, f"write an address that begins with one of {known}")
    make, allowed = _KINDS[parts.scheme]
    try:
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise wrong(text, "write options as ?name=value&name=value") from None
    for name in options:
        if name not in {"every", *allowed}:
            raise wrong(text, f"there is no option {name!r}; write {' or '.join(sorted({'every', *allowed}))}")
    # In a query a plus is a blank, but a witness's key has plus signs and no blanks.
    if "key" in options:
        options["key"] = options["key"].replace(" ", "+")
    return make(_Url(text, parts, options))


def _folder(url: _Url) -> Sink:
    path = unquote(url.parts.path)
    if url.parts.netloc or (path and not path.startswith("/")):
        raise wrong(url.text, "write folder: for the folder of PLACET_ANCHOR_DIR, or folder:/absolute/path")
    folder = Path(path or settings.ANCHOR_DIR)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise wrong(
            url.text, f"the folder {folder} can't be made ({error.strerror}); make it, or write another"
        ) from error
    return Folder(folder, f"folder:{path}" if path else "folder", url.every(Folder.every))


def _objects(url: _Url) -> Sink:
    from governance.audit.anchors.objects import ObjectStore

    if not url.parts.netloc:
        raise wrong(url.text, f"write {url.parts.scheme}://bucket/prefix")
    try:
        return ObjectStore.at(url.name, options=url.options, every=url.every(ObjectStore.every))
    except ImproperlyConfigured as error:
        raise wrong(url.text, str(error).rstrip(".")) from error


def _authority(url: _Url) -> Sink:
    from cryptography.x509 import load_pem_x509_certificates

    from governance.audit.anchors.timestamp import TimeStampAuthority

    _need_host(url)
    roots = []
    if "ca" in url.options:
        try:
            roots = load_pem_x509_certificates(Path(url.options["ca"]).read_bytes())
        except (OSError, ValueError) as error:
            raise wrong(url.text, "write ?ca=FILE with the authority's root certificates in PEM form") from error
    return TimeStampAuthority(url.name, url.target, roots, url.every(TimeStampAuthority.every))


def _mail(url: _Url) -> Sink:
    from governance.audit.anchors.mail import Mail

    address = unquote(url.parts.path)
    try:
        validate_email(address)
    except ValidationError:
        raise wrong(url.text, "write mailto:name@example.org, one address in each URL") from None
    if settings.EMAIL_BACKEND == _NO_MAIL:
        raise wrong(url.text, "set PLACET_EMAIL_URL as well, such as smtps://user:password@mail.example")
    return Mail(address, url.every(Mail.every))


def _witness(url: _Url) -> Sink:
    from governance.audit.anchors.witness import Witness
    from placet.cosignatures import parse_cosigner

    _need_host(url)
    try:
        cosigner = parse_cosigner(url.options.get("key", ""))
    except InvalidTrust:
        raise wrong(url.text, "write ?key= with the vkey that `placet witness-key` printed") from None
    return Witness(url.name, url.target, cosigner, url.every(Witness.every))


def _need_host(url: _Url) -> None:
    try:
        well_formed = bool(url.parts.hostname) and url.parts.port != 0
    except ValueError:  # the port is no number
        well_formed = False
    if not well_formed:
        raise wrong(url.text, f"write {url.parts.scheme}://host/path")


_OBJECTS = (_objects, ("endpoint", "region", "account", "credentials"))
_KINDS: dict[str, tuple[Callable[[_Url], Sink], tuple[str, ...]]] = {
    "folder": (_folder, ()),
    "s3": _OBJECTS,
    "gs": _OBJECTS,
    "az": _OBJECTS,
    "tsa+https": (_authority, ("ca",)),
    "tsa+http": (_authority, ("ca",)),
    "mailto": (_mail, ()),
    "witness+https": (_witness, ("key",)),
    "witness+http": (_witness, ("key",)),
}
"""Scheme -> who makes the sink, and its options beside ``every``."""
