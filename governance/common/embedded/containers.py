"""Write the files that ``docker-compose.yml`` names: one environment file a service, keys, and the servers' passwords.

The same table of roles as for the embedded servers decides who gets what; only addresses and paths differ.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from governance.common.embedded import environment, mlflow_accounts, secrets
from governance.common.embedded.environment import DATABASE_ROLES, PLACET_DATABASE, Addresses
from governance.common.embedded.layout import EmbeddedError, Layout

WEB_ONLY = {"PLACET_ALLOWED_HOSTS", "PLACET_SSL_REDIRECT", "PLACET_SECOND_FACTOR"}
SERVICES = {
    "web": "web",
    "worker": "worker",
    "evidence-worker": "evidence",
    "beat": "beat",
    "notary": "notary",
    "mlflow": "mlflow",
    "bootstrap": "bootstrap",
    "migrate": "owner",
    "mlflow-users": "mlflow-admin",
}
"""Service of ``docker-compose.yml`` -> role."""

AT_PROVIDER = "oidc-client-secret"
# What signs documents, by the variable that names it: copied as the provider's secret is, and empty where none is told.
OF_DOCUMENTS = {
    "PLACET_DOCUMENT_KEY": "document-key.pem",
    "PLACET_DOCUMENT_CERTIFICATE_FILE": "document-chain.pem",
    "PLACET_DOCUMENT_TRUST_FILE": "document-roots.pem",
}
_PKCS11 = "pkcs11:"
_KEYS = ("log.pem", "permit.pem", "model-signing.pem", "policy.txt")
SECRET_FILES = (*_KEYS, "basic_auth.ini", "valkey.conf", "postgres-superuser", AT_PROVIDER, *OF_DOCUMENTS.values())


def _database(layout: Layout, role: str, database: str) -> str:
    user = {"superuser": "postgres", "mlflow": "mlflow"}.get(role, f"placet_{role}")
    return f"postgresql://{user}:{secrets.password(layout, f'postgres-{role}')}@postgres:5432/{database}"


def write(folder: Path, *, base_url: str) -> list[Path]:
    """Write ``folder/env/<service>.env`` and ``folder/secrets/*``; return what was written.

    Passwords and keys are made once and kept in ``folder/state``, so that a second run changes none of them. The secret
    of the identity provider is copied from where ``PLACET_OIDC_CLIENT_SECRET_FILE`` or ``PLACET_OIDC_CLIENT_SECRET``
    has it now; without either, what an earlier run wrote stays, and its file is empty where there was never one. So are
    key, chain and roots of the documents' signature, from where the variables of ``OF_DOCUMENTS`` say; a key in a
    PKCS#11 token stays there.

    Args:
        folder: closed to everybody else (0700). The files in ``secrets`` are readable, since the containers' users
            have other numbers than the one who runs this.
        base_url: the address people open; https unless it is localhost.
    Raises:
        EmbeddedError: ``base_url`` is not such an address, or a file that is to be copied can't be read.
    """
    host = urlsplit(base_url)
    if host.scheme != "https" and not (host.scheme == "http" and host.hostname in {"localhost", "127.0.0.1"}):
        raise EmbeddedError(f"{base_url!r}: give the https:// address that people will open (http only for localhost).")
    client_secret = _client_secret()
    signing = {name: _copied(variable) for variable, name in OF_DOCUMENTS.items()}
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    layout = Layout.at(folder / "state")
    secrets.create_all(layout, host=host.hostname or "localhost")
    external = {name: _database(layout, role, PLACET_DATABASE) for name, role in DATABASE_ROLES.items()}
    external["PLACET_BOOTSTRAP_URL"] = _database(layout, "superuser", "postgres")
    external["PLACET_MLFLOW_DATABASE_URL"] = _database(layout, "mlflow", "mlflow")
    external["REDIS_URL"] = f"redis://:{secrets.password(layout, 'valkey')}@valkey:6379/0"
    addresses = Addresses({}, external)
    inside = {
        "PLACET_BASE_URL": base_url.rstrip("/"),
        # The gate and the health check come from inside, where no proxy speaks https.
        "PLACET_ALLOWED_HOSTS": f"{host.hostname},web,127.0.0.1",
        "PLACET_SSL_REDIRECT": "0",
        "PLACET_URL": "http://web:8000",
        "MLFLOW_TRACKING_URI": "http://mlflow:5000",
        "PLACET_LOG_KEY_FILE": "/run/secrets/log.pem",
        "PLACET_PERMIT_KEY_FILE": "/run/secrets/permit.pem",
        "PLACET_MODEL_SIGNING_KEY_FILE": "/run/secrets/model-signing.pem",
        "PLACET_TRUST_FILE": "/run/secrets/policy.txt",
        "PLACET_JOURNAL": "/data/journal/placet-journal.jsonl",
        "MLFLOW_AUTH_CONFIG_PATH": "/run/secrets/basic_auth.ini",
        "PLACET_OIDC_CLIENT_SECRET_FILE": f"/run/secrets/{AT_PROVIDER}",
        # Revocation lists end within days: without files of yours, the worker fetches them.
        "PLACET_DOCUMENT_REVOCATION": os.environ.get("PLACET_DOCUMENT_REVOCATION", "fetch"),
        **_signature(folder / "secrets", signing),
        "PLACET_STORAGE_URL": "/data/storage",
        "PLACET_MODEL_ENVIRONMENTS": "/data/environments",
        "PLACET_ANCHOR_DIR": "/data/anchors",
        "PLACET_NOTARY_STATE_DIR": "/data/notary",
        "PLACET_REDIGEST_SECONDS": "900",
        "PLACET_SIGN_IN_LIMITS": "account=5/300,address=30/60,token=60/60",
        "PLACET_TRUSTED_PROXIES": "1",  # the one that ends TLS
        "PLACET_SECOND_FACTOR": "deciders",
    }
    written = []
    (folder / "env").mkdir(mode=0o700, exist_ok=True)
    for service, role in SERVICES.items():
        values = environment.variables(layout, addresses, role)
        wanted = {*environment.ROLES[role], *(WEB_ONLY if role == "web" else ())}
        values |= {name: value for name, value in inside.items() if name in wanted}
        values.pop("PLACET_OIDC_CLIENT_SECRET", None)  # it is in its file, as the other secrets are
        path = folder / "env" / f"{service}.env"
        secrets.write_private(path, "".join(f"{name}={value}\n" for name, value in sorted(values.items())))
        written.append(path)
    return [*written, *_secret_files(folder / "secrets", layout, external, {AT_PROVIDER: client_secret, **signing})]


def _signature(folder: Path, given: Mapping[str, str | None]) -> dict[str, str]:
    """Return where the services find what signs the documents; nothing where no run was told of any."""
    found = {}
    for variable, name in OF_DOCUMENTS.items():
        told = os.environ.get(variable, "")
        has = told.startswith(_PKCS11) or given[name] or ((folder / name).exists() and (folder / name).read_text())
        found[variable] = "" if not has else told if told.startswith(_PKCS11) else f"/run/secrets/{name}"
    return found


def _copied(variable: str) -> str | None:
    """Return the text of the file that a variable names, None where this run is told none."""
    name = os.environ.get(variable, "")
    if not name or name.startswith(_PKCS11):
        return None
    try:
        return Path(name).read_text()
    except OSError as error:
        raise EmbeddedError(f"{variable}: {name} can't be read.") from error


def _client_secret() -> str | None:
    """Return Placet's secret at the identity provider, None where this run is told none."""
    copied = _copied("PLACET_OIDC_CLIENT_SECRET_FILE")
    return (os.environ.get("PLACET_OIDC_CLIENT_SECRET") or None) if copied is None else copied.strip()


def _secret_files(
    folder: Path, layout: Layout, external: dict[str, str], copied: Mapping[str, str | None]
) -> list[Path]:
    folder.mkdir(mode=0o700, exist_ok=True)
    kept = {name: (folder / name).read_text() if (folder / name).exists() else "" for name in copied}
    contents = {
        **{name: kept[name] if text is None else text for name, text in copied.items()},
        "basic_auth.ini": mlflow_accounts.configuration(
            external["PLACET_MLFLOW_DATABASE_URL"], secrets.password(layout, "mlflow-admin")
        ),
        "valkey.conf": f'requirepass {secrets.password(layout, "valkey")}\nsave ""\nappendonly no\n',
        "postgres-superuser": secrets.password(layout, "postgres-superuser"),
    }
    for name, text in contents.items():
        secrets.write_private(folder / name, text)
    for source in (
        secrets.log_key_file(layout),
        secrets.permit_key_file(layout),
        secrets.model_signing_key_file(layout),
        secrets.trust_file(layout),
    ):
        shutil.copyfile(source, folder / source.name)
    for name in SECRET_FILES:
        (folder / name).chmod(0o444)
    return [folder / name for name in SECRET_FILES]
