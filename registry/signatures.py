"""Model signatures: the notary signs the files of what it permits, for the stock ``model_signing`` tool."""

import base64
import json
import logging
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.db import transaction

from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.audit.notary import Notary
from governance.common import clock
from governance.common.errors import Unknown
from governance.evidence import storage
from placet.digests import ArtifactManifest, sha256
from placet.model_signature import build_bundle, key_hint, load_key, read_manifest
from registry.models import ModelSignature, Permit

log = logging.getLogger(__name__)
NOTARY = System("notary")
LOOKED_AT = 500
AT_ONCE = 20


def sign_due(notary: Notary) -> None:
    """Sign the models of unexpired permits that have no signature by the present key. A duty of the notary.

    Without a key nothing is signed; the permits are not the less valid. The newest come first, and one whose manifest
    was not kept (mirrored by a release that kept none) waits for ever without standing in the way of others.
    """
    if not settings.MODEL_SIGNING_KEY_FILE:
        return
    key = load_key(Path(settings.MODEL_SIGNING_KEY_FILE))
    hint = key_hint(key.public_key())
    waiting = Permit.objects.filter(kind="serve", expires_at__gt=clock.now()).exclude(model_signatures__key_hint=hint)
    signed = 0
    for permit in waiting.order_by("-issued_at")[:LOOKED_AT]:
        manifest = _manifest(permit)
        if manifest is not None and signed < AT_ONCE:
            sign(permit, manifest, key)
            signed += 1


def sign(permit: Permit, manifest: ArtifactManifest, key: ec.EllipticCurvePrivateKey) -> ModelSignature:
    """Sign the files that a permit names, and say so in the log."""
    bundle = build_bundle(manifest, name=_said(permit)["subject"][0]["name"], key=key)
    content = json.dumps(bundle, indent=2).encode()
    row = ModelSignature(
        permit=permit,
        bundle=content.decode(),
        digest=sha256(content),
        key_hint=key_hint(key.public_key()),
        signed_at=clock.now(),
    )
    data = {"permit": permit.digest, "artifact": manifest.root_digest, "signature": row.digest, "key": row.key_hint}
    with transaction.atomic():
        audit.append(event=Event.MODEL_SIGNED, actor=NOTARY, subjects=[row], data=data)
    return row


def _manifest(permit: Permit) -> ArtifactManifest | None:
    """Return the kept list of files that the permit itself names by digest, None where there is none.

    What lies in the storage is believed for its digest alone, and must have the root digest that the permit names.
    """
    said = _said(permit)
    named = said["predicate"].get("artifact_manifest")
    if named is None or not storage.holds(named):
        return None
    try:
        found = read_manifest(storage.get(named))
    except (Unknown, ValueError) as error:
        log.warning("the manifest of permit %s can't be signed: %s", permit.digest, error)
        return None
    return found if found.root_digest == "sha256:" + said["subject"][0]["digest"]["sha256"] else None


def _said(permit: Permit) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(base64.b64decode(permit.envelope["payload"]))
    return said


def of_permit(digest: str) -> ModelSignature:
    """Return the newest model signature of a permit, by the permit's digest.

    Raises:
        Unknown: there is no such permit, or no signature of what it permits.
    """
    if not Permit.objects.filter(digest=digest).exists():
        raise Unknown(f"There is no permit {digest[:80]}.")
    row = ModelSignature.objects.filter(permit__digest=digest).order_by("-signed_at").first()
    if row is None:
        raise Unknown(
            "The model of this permit is not signed: the notary has no key for it, or no list of files was kept."
        )
    return row
