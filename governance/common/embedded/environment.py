"""Compose the environment of each process, so that each holds only its own secrets.

The table ``ROLES`` below is the whole policy. Nothing is inherited but what ``INHERITED`` names: a process must not get
another's password because somebody's shell happened to export it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from governance.common.embedded import postgres, secrets, valkey
from governance.common.embedded.layout import EmbeddedError, Layout
from governance.common.embedded.ports import LOOPBACK

INHERITED = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "TMPDIR", "LANG", "VIRTUAL_ENV", "LD_LIBRARY_PATH"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "FONTCONFIG_FILE", "FONTCONFIG_PATH", "CI"),
        *("PLACET_DEBUG", "PLACET_ALLOWED_HOSTS", "PLACET_TRUSTED_ORIGINS", "PLACET_LOG_LEVEL"),
        "PLACET_LOG_FORMAT",
        *("PLACET_NOTICE_DETAIL", "PLACET_NOTICE_SCHEMES", "PLACET_NOTICE_HOSTS", "PLACET_HOOK_HOSTS"),
        "PLACET_WORKLOAD_HOSTS",
        *(
            "PLACET_MLFLOW_WEBHOOK_URL",
            "PLACET_PROTECTED_ALIASES",
            "PLACET_SSL_REDIRECT",
            "PLACET_SECOND_FACTOR",
            "PLACET_BREAK_GLASS",
        ),
        *("PLACET_OIDC_ISSUER", "PLACET_OIDC_CLIENT_ID", "PLACET_OIDC_NAME", "PLACET_OIDC_SCOPES"),
        *("PLACET_OIDC_GROUPS_CLAIM", "PLACET_OIDC_EMAIL_DOMAINS", "PLACET_OIDC_EMAIL_VERIFIED_CLAIM"),
        *("PLACET_OIDC_SECOND_FACTOR", "PLACET_OIDC_SESSION_HOURS", "PLACET_OIDC_ROLE_DAYS"),
    }
)
INHERITED_PREFIXES = ("LC_", "OMP_", "OPENBLAS_", "MKL_", "COV_CORE_", "COVERAGE_")

DATABASE_ROLES = {
    "DATABASE_URL": "app",
    "DATABASE_OWNER_URL": "owner",
    "DATABASE_NOTARY_URL": "notary",
    "DATABASE_PRIVACY_URL": "privacy",
}
PLACET_DATABASE = "placet"
MLFLOW_DATABASES = ("mlflow", "mlflow_auth")

_PUBLIC = (
    *("DJANGO_SETTINGS_MODULE", "PLACET_BASE_URL", "PLACET_URL", "PLACET_LOG_ORIGIN", "PLACET_STORAGE_URL"),
    *("PLACET_TRUST_FILE", "PLACET_ANCHOR_DIR", "MLFLOW_TRACKING_URI", "PLACET_MLFLOW_PUBLIC_URL"),
)
_LIMITS = ("PLACET_SIGN_IN_LIMITS", "PLACET_TRUSTED_PROXIES")
_SECRET_AT_PROVIDER = ("PLACET_OIDC_CLIENT_SECRET_FILE", "PLACET_OIDC_CLIENT_SECRET")
_RECONCILER = ("PLACET_REDIGEST_SECONDS",)
_WEBHOOK = ("PLACET_MLFLOW_WEBHOOK_SECRET",)
_MLFLOW_IDENTITY = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
_SEAL = ("PLACET_NOTICE_KEY",)
_RECORDS = ("PLACET_RECORDS_KEY",)
_OUTSIDE = ("PLACET_ANCHORS", "PLACET_EMAIL_URL")
_MODELS = ("PLACET_MODEL_CODE", "PLACET_MODEL_ENVIRONMENTS", "PLACET_MODEL_INDEX")
# Yours, if documents are to be signed: the worker signs, web and the one who stamps them again only judge.
_ROOTS_OF_DOCUMENTS = ("PLACET_DOCUMENT_TRUST_FILE",)
_STAMPS = ("PLACET_DOCUMENT_TSA",)
_DOCUMENTS = (
    *("PLACET_DOCUMENT_KEY", "PLACET_DOCUMENT_CERTIFICATE_FILE", "PLACET_DOCUMENT_CRL_FILES"),
    *("PLACET_DOCUMENT_REVOCATION", *_ROOTS_OF_DOCUMENTS, *_STAMPS),
)
_KEYS = (
    "PLACET_LOG_KEY_FILE",
    "PLACET_PERMIT_KEY_FILE",
    "PLACET_MODEL_SIGNING_KEY_FILE",
    "PLACET_NOTARY_STATE_DIR",
)

ROLES: dict[str, tuple[str, ...]] = {
    "web": (
        *_PUBLIC,
        "DATABASE_URL",
        "REDIS_URL",
        "PLACET_SECRET_KEY",
        "PLACET_GATE_TOKEN",
        "PLACET_METRICS_TOKEN",
        *_LIMITS,
        *_SEAL,
        *_RECORDS,
        *_SECRET_AT_PROVIDER,
        *_WEBHOOK,
        *_ROOTS_OF_DOCUMENTS,
        "PLACET_MLFLOW_WORD_KEY",
    ),
    "worker": (
        *(*_PUBLIC, "DATABASE_URL", "REDIS_URL", *_MLFLOW_IDENTITY, *_RECONCILER, *_SEAL, "PLACET_EMAIL_URL"),
        *(*_WEBHOOK, *_DOCUMENTS),
    ),
    "evidence": (*_PUBLIC, "DATABASE_URL", "REDIS_URL", *_MLFLOW_IDENTITY, *_MODELS),
    "beat": (*_PUBLIC, "DATABASE_URL", "REDIS_URL"),
    "notary": (*_PUBLIC, "PLACET_DB_ROLE", "DATABASE_NOTARY_URL", *_KEYS, *_OUTSIDE),
    "mlflow": (
        *("MLFLOW_BACKEND_STORE_URI", "MLFLOW_REGISTRY_STORE_URI", "MLFLOW_AUTH_CONFIG_PATH"),
        *("MLFLOW_FLASK_SERVER_SECRET_KEY", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "MLFLOW_DISABLE_TELEMETRY"),
        *("DO_NOT_TRACK", "PLACET_URL", "PLACET_GATE_TOKEN", "PLACET_TRUST_FILE", "PLACET_JOURNAL"),
    ),
    # Not processes, but what commands are run as: `python -m governance.common.embedded exec --role owner -- ...`.
    "app": (*_PUBLIC, "DATABASE_URL", "REDIS_URL", "PLACET_SECRET_KEY", *_RECORDS, *_STAMPS),
    "owner": (*_PUBLIC, "PLACET_DB_ROLE", "DATABASE_OWNER_URL"),
    "privacy": (*_PUBLIC, "PLACET_DB_ROLE", "DATABASE_PRIVACY_URL"),
    "bootstrap": (*_PUBLIC, "PLACET_BOOTSTRAP_URL", *DATABASE_ROLES, "PLACET_MLFLOW_DATABASE_URL"),
    "mlflow-admin": ("MLFLOW_TRACKING_URI", "PLACET_MLFLOW_ADMIN_PASSWORD", *_MLFLOW_IDENTITY),
    "engineer": ("MLFLOW_TRACKING_URI", *_MLFLOW_IDENTITY, "PLACET_URL", "PLACET_TRUST_FILE", "DO_NOT_TRACK"),
    # A test run plays every part, on a cluster of its own.
    "test": (
        *(*_PUBLIC, "PLACET_BOOTSTRAP_URL", *DATABASE_ROLES, "REDIS_URL", *_KEYS, *_MLFLOW_IDENTITY),
        *("PLACET_SECRET_KEY", "PLACET_GATE_TOKEN"),
    ),
}
"""Role -> the variables it is given, and no others."""

_DB_ROLE = {"notary": "notary", "owner": "owner", "privacy": "privacy"}
_MLFLOW_USER = {"engineer": "ml-engineer"}


@dataclass(frozen=True)
class Addresses:
    """Where the servers of one start are: ports of ours by name, and URLs of servers that somebody else runs."""

    ports: Mapping[str, int]
    external: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables taken from the invoking environment instead (their URLs hold passwords)."""

    def local_url(self, name: str, *, host: str = "localhost") -> str:
        """Return the address of ``web`` or ``mlflow``.

        Raises:
            EmbeddedError: this start has no such server.
        """
        if name not in self.ports:
            raise EmbeddedError(f"{name} does not run here: start it with `make up`.")
        return f"http://{host}:{self.ports[name]}"


def external_servers(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables that name servers of the user's own, which turn the embedded ones off.

    Raises:
        EmbeddedError: DATABASE_URL is set without the roles beside it; one login for all would void their separation.
    """
    names: tuple[str, ...] = ("REDIS_URL",)
    if "DATABASE_URL" in environ:
        missing = [name for name in DATABASE_ROLES if name not in environ]
        if missing:
            raise EmbeddedError(
                f"DATABASE_URL is set, so your own PostgreSQL is used; set {', '.join(missing)} too (one login a role; "
                "`manage.py bootstrap_roles` makes them), or unset DATABASE_URL for the embedded one."
            )
        names = (*names, *DATABASE_ROLES, "PLACET_BOOTSTRAP_URL", "PLACET_MLFLOW_DATABASE_URL")
    return {name: environ[name] for name in names if environ.get(name)}


def database_urls(layout: Layout, addresses: Addresses) -> dict[str, str]:
    """Return the URL variables of all database roles, for the bootstrap; empty if this start has no PostgreSQL."""
    if "DATABASE_URL" in addresses.external:
        return {name: value for name, value in addresses.external.items() if name != "REDIS_URL"}
    if "postgres" not in addresses.ports:
        return {}
    port = addresses.ports["postgres"]
    found = {name: postgres.url(layout, port, role, database=PLACET_DATABASE) for name, role in DATABASE_ROLES.items()}
    found["PLACET_BOOTSTRAP_URL"] = postgres.url(layout, port, "superuser", database="postgres")
    found["PLACET_MLFLOW_DATABASE_URL"] = postgres.url(layout, port, "mlflow", database=MLFLOW_DATABASES[0])
    return found


def _broker(layout: Layout, addresses: Addresses) -> dict[str, str]:
    if "REDIS_URL" in addresses.external:
        return {"REDIS_URL": addresses.external["REDIS_URL"]}
    return {"REDIS_URL": valkey.url(layout, addresses.ports["valkey"])} if "valkey" in addresses.ports else {}


def mlflow_store_uri(url: str) -> str:
    """Return ``url`` with the driver named: SQLAlchemy must take psycopg 3, the only one installed."""
    return "postgresql+psycopg://" + url.split("://", 1)[1]


def _values(layout: Layout, addresses: Addresses, role: str) -> dict[str, str]:
    """Return every variable that could be given to ``role``, of the servers that this start has."""
    databases = database_urls(layout, addresses)
    mlflow_user = _MLFLOW_USER.get(role, "placet")
    values = {
        **databases,
        **_broker(layout, addresses),
        "DJANGO_SETTINGS_MODULE": "governance.config.settings",
        "PLACET_DB_ROLE": _DB_ROLE.get(role, "app"),
        "PLACET_SECRET_KEY": secrets.password(layout, "web-secret-key"),
        "PLACET_GATE_TOKEN": secrets.password(layout, "gate-token"),
        "PLACET_MLFLOW_WEBHOOK_SECRET": secrets.password(layout, "mlflow-webhook-secret"),
        "PLACET_MLFLOW_WORD_KEY": os.environ.get("PLACET_MLFLOW_WORD_KEY", ""),
        "PLACET_METRICS_TOKEN": os.environ.get("PLACET_METRICS_TOKEN", ""),
        "PLACET_JOURNAL": str(layout.var / "mlflow-journal.jsonl"),
        "PLACET_LOG_ORIGIN": secrets.origin(layout),
        "PLACET_LOG_KEY_FILE": str(secrets.log_key_file(layout)),
        "PLACET_PERMIT_KEY_FILE": str(secrets.permit_key_file(layout)),
        "PLACET_MODEL_SIGNING_KEY_FILE": str(secrets.model_signing_key_file(layout)),
        "PLACET_NOTARY_STATE_DIR": str(layout.notary),
        "PLACET_ANCHOR_DIR": str(layout.anchors),
        # Yours if you set them; they hold passwords: the notary publishes by them, the worker sends notices by mail.
        "PLACET_ANCHORS": os.environ.get("PLACET_ANCHORS", "folder:"),
        "PLACET_EMAIL_URL": os.environ.get("PLACET_EMAIL_URL", ""),
        "PLACET_NOTICE_KEY": secrets.password(layout, "notice-key"),
        "PLACET_RECORDS_KEY": secrets.password(layout, "records-key"),
        "PLACET_TRUST_FILE": str(secrets.trust_file(layout)),
        "PLACET_STORAGE_URL": str(layout.storage),
        # Yours if you set them, as is who runs models' own code.
        "PLACET_MODEL_CODE": os.environ.get("PLACET_MODEL_CODE", ""),
        "PLACET_MODEL_INDEX": os.environ.get("PLACET_MODEL_INDEX", ""),
        "PLACET_MODEL_ENVIRONMENTS": os.environ.get("PLACET_MODEL_ENVIRONMENTS", str(layout.var / "environments")),
        "MLFLOW_TRACKING_USERNAME": mlflow_user,
        "MLFLOW_TRACKING_PASSWORD": secrets.password(layout, f"mlflow-{mlflow_user}"),
        "PLACET_MLFLOW_ADMIN_PASSWORD": secrets.password(layout, "mlflow-admin"),
        "MLFLOW_AUTH_CONFIG_PATH": str(layout.run / "basic_auth.ini"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.password(layout, "mlflow-flask-secret-key"),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        **{name: os.environ.get(name, "") for name in _DOCUMENTS},
        # Everybody of a start on one machine comes from one address, and people try things out.
        **{name: os.environ[name] for name in _SECRET_AT_PROVIDER if name in os.environ},
        "PLACET_SIGN_IN_LIMITS": os.environ.get("PLACET_SIGN_IN_LIMITS", "account=20/300,address=1200/60,token=600/60"),
        "PLACET_TRUSTED_PROXIES": os.environ.get("PLACET_TRUSTED_PROXIES", "0"),
        "PLACET_REDIGEST_SECONDS": "10",  # on one machine, with small models: tampering shows while one looks
    }
    if "PLACET_MLFLOW_DATABASE_URL" in databases:
        store = mlflow_store_uri(databases["PLACET_MLFLOW_DATABASE_URL"])
        # In the environment, not on the command line, where every user of the machine could read the password.
        values |= {"MLFLOW_BACKEND_STORE_URI": store, "MLFLOW_REGISTRY_STORE_URI": f"governed+{store}"}
    if "web" in addresses.ports:
        # localhost for people (passkeys need that name), the number for programs (no IPv6 detour).
        values["PLACET_BASE_URL"] = addresses.local_url("web")
        values["PLACET_URL"] = addresses.local_url("web", host=LOOPBACK)
    if "mlflow" in addresses.ports:
        values["MLFLOW_TRACKING_URI"] = addresses.local_url("mlflow", host=LOOPBACK)
        values["PLACET_MLFLOW_PUBLIC_URL"] = addresses.local_url("mlflow")
    return values


def inherited(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return what every process takes over from the invoking environment: no secret is among it."""
    return {name: value for name, value in environ.items() if name in INHERITED or name.startswith(INHERITED_PREFIXES)}


def variables(layout: Layout, addresses: Addresses, role: str) -> dict[str, str]:
    """Return the variables in the row of ``role``, without those of servers that this start does not have.

    Raises:
        EmbeddedError: no such role.
    """
    if role not in ROLES:
        raise EmbeddedError(f"There is no role {role!r}; the roles are {', '.join(ROLES)}.")
    values = _values(layout, addresses, role)
    return {name: values[name] for name in ROLES[role] if name in values}


def compose(layout: Layout, addresses: Addresses, role: str) -> dict[str, str]:
    """Return the whole environment of ``role``: what is inherited, and its row of ``ROLES``.

    Raises:
        EmbeddedError: no such role.
    """
    return {**inherited(), "TZ": "UTC", "PYTHONUNBUFFERED": "1", **variables(layout, addresses, role)}
