"""Generate and keep the passwords and signing keys of one state folder; each is made once and stays."""

import base64
import hashlib
import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from governance.common.embedded.layout import Layout

PASSWORDS = (
    "postgres-superuser",
    "postgres-owner",
    "postgres-app",
    "postgres-notary",
    "postgres-privacy",
    "postgres-mlflow",
    "valkey",
    "web-secret-key",
    "gate-token",
    "notice-key",
    "records-key",
    "mlflow-webhook-secret",
    "mlflow-admin",
    "mlflow-placet",
    "mlflow-ml-engineer",
    "mlflow-flask-secret-key",
)
"""Names of the secrets, which are also their file names below ``var/secrets``."""

_ED25519 = b"\x01"  # the C2SP signed-note algorithm byte


def write_private(path: Path, content: str | bytes) -> None:
    """Write ``content`` to ``path`` with mode 0600, whole or not at all: a reader never sees half a secret."""
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _create_private(path: Path, content: str | bytes) -> None:
    """Write like :func:`write_private`, but keep what a concurrent starter wrote first."""
    if path.exists():
        return
    candidate = path.with_name(f".{path.name}.{os.getpid()}.new")
    write_private(candidate, content)
    try:
        os.link(candidate, path)
    except FileExistsError:
        pass
    finally:
        candidate.unlink()


def password(layout: Layout, name: str) -> str:
    """Return the secret called ``name``, made at its first use.

    64 hexadecimal characters (256 bits), so that it needs no quoting in a URL, a DSN or a configuration file.

    Raises:
        ValueError: ``name`` is not one of ``PASSWORDS``.
    """
    if name not in PASSWORDS:
        raise ValueError(f"No secret is called {name!r}; the names are {', '.join(PASSWORDS)}.")
    path = layout.secrets / name
    _create_private(path, secrets.token_hex(32) + "\n")
    return path.read_text().strip()


def origin(layout: Layout, *, host: str = "placet.localhost") -> str:
    """Return the log's origin, the name its keys and checkpoints carry, made at the first use.

    ``host`` is who runs it; a random part follows, so that two folders are two logs.
    """
    path = layout.keys / "origin"
    _create_private(path, f"{host}/{secrets.token_hex(4)}\n")
    return path.read_text().strip()


def vkey(name: str, public: bytes) -> str:
    """Return the C2SP verifier key ``name+<key id>+<base64>`` of a raw Ed25519 public key (32 bytes).

    Source: https://c2sp.org/signed-note, "Verifier keys".
    """
    key_id = hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]
    return f"{name}+{key_id.hex()}+{base64.b64encode(_ED25519 + public).decode()}"


def _public_bytes(key_file: Path) -> bytes:
    key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def _signing_key(key_file: Path) -> bytes:
    """Create the Ed25519 key at ``key_file`` if it is not there (PKCS8 PEM); return its raw public key."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _create_private(key_file, pem)
    return _public_bytes(key_file)


def _model_signing_key(layout: Layout) -> None:
    """Create the P-256 key of model signatures (PKCS8 PEM) and its public half, if they are not there."""
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _create_private(model_signing_key_file(layout), pem)
    public = model_signing_public_file(layout)
    if not public.exists():
        key = serialization.load_pem_private_key(model_signing_key_file(layout).read_bytes(), password=None)
        write_private(
            public,
            key.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode(),
        )
        public.chmod(0o644)


def log_key_file(layout: Layout) -> Path:
    """Return where the checkpoint key is; only the notary is told."""
    return layout.keys / "log.pem"


def permit_key_file(layout: Layout) -> Path:
    """Return where the permit key is; only the notary is told."""
    return layout.keys / "permit.pem"


def model_signing_key_file(layout: Layout) -> Path:
    """Return where the key of model signatures is; only the notary is told."""
    return layout.keys / "model-signing.pem"


def model_signing_public_file(layout: Layout) -> Path:
    """Return the public half of it, in the form that the stock ``model_signing`` tool reads."""
    return layout.keys / "model-signing.pub"


def trust_file(layout: Layout) -> Path:
    """Return the public trust file that verifiers, the web process and the plugin read."""
    return layout.keys / "policy.txt"


def create_all(layout: Layout, *, host: str = "placet.localhost") -> None:
    """Make every password, the three keys, the log's origin and the public files that are not there yet."""
    layout.create()
    for name in PASSWORDS:
        password(layout, name)
    name = origin(layout, host=host)
    log_public = _signing_key(log_key_file(layout))
    permit_public = _signing_key(permit_key_file(layout))
    _model_signing_key(layout)
    trust = trust_file(layout)
    if not trust.exists():
        # Never rewritten: after a rotation it lists several keys, and those lines are not ours to lose.
        write_private(
            trust,
            "# Public keys of this installation's log and permits. Give a copy to whoever verifies a bundle.\n"
            f"log {vkey(name, log_public)}\npermit {vkey(f'{name}/permit', permit_public)}\n",
        )
        trust.chmod(0o644)
