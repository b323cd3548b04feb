"""MLflow's side of a start: its databases, its basic-auth configuration and its users."""

import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

from governance.common.embedded import environment, postgres, secrets
from governance.common.embedded.environment import Addresses
from governance.common.embedded.layout import EmbeddedError, Layout
from governance.common.embedded.ports import LOOPBACK

ADMIN = "admin"
USERS = ("placet", "ml-engineer")
"""Placet's service identity, and the engineer of the demo; passwords below ``var/secrets``."""

_TRIES = 20


def create_databases(bootstrap_url: str, mlflow_url: str) -> None:
    """Create MLflow's role, its database and the one of its basic-auth beside it, as ``mlflow_url`` names them.

    Args:
        bootstrap_url: of a superuser.
        mlflow_url: ``postgresql://role:password@host:port/database``.
    """
    parts = urlsplit(mlflow_url)
    database = unquote(parts.path.lstrip("/"))
    postgres.create_database(
        bootstrap_url,
        role=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        databases=(database, f"{database}_auth"),
    )


def configuration(mlflow_url: str, admin_password: str) -> str:
    """Return the text of ``basic_auth.ini``."""
    parts = urlsplit(mlflow_url)
    # A database of its own: both MLflow and its auth plugin run migrations and do not know each other's tables.
    auth_database = environment.mlflow_store_uri(parts._replace(path=f"{parts.path}_auth").geturl())
    return (
        "[mlflow]\n"
        # People may do everything with runs and models; what may go live is the gate's decision, not MLflow's.
        "default_permission = MANAGE\n"
        f"database_uri = {auth_database.replace('%', '%%')}\n"
        f"admin_username = {ADMIN}\n"
        f"admin_password = {admin_password}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        "grant_default_workspace_access = true\n"
        # PBKDF2 on each request costs more than most requests; within this time a changed password still works.
        "auth_cache_ttl_seconds = 30\n"
    )


def create_users(base_url: str, admin_password: str, passwords: Mapping[str, str]) -> None:
    """Create the users of ``passwords`` over MLflow's REST API; those that exist are left as they are.

    Raises:
        EmbeddedError: MLflow refuses, or does not answer.
    """
    for name, password in passwords.items():
        status, _ = _call(base_url, admin_password, "GET", f"users/get?username={quote(name)}")
        if status == 200:
            continue
        body = {"username": name, "password": password}
        status, answer = _call(base_url, admin_password, "POST", "users/create", body)
        if status != 200:
            raise EmbeddedError(f"MLflow did not create the user {name}: {status} {answer[:300]}")


def _call(
    base_url: str, admin_password: str, method: str, path: str, body: Mapping[str, str] | None = None
) -> tuple[int, str]:
    credentials = base64.b64encode(f"{ADMIN}:{admin_password}".encode()).decode()
    request = urllib.request.Request(  # noqa: S310  (http, to the server we started)
        f"{base_url}/api/2.0/mlflow/{path}",
        data=None if body is None else json.dumps(body).encode(),
        method=method,
        headers={"Content-Type": "application/json", "Authorization": f"Basic {credentials}"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(_TRIES):
        try:
            with opener.open(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as problem:
            return problem.code, problem.read().decode(errors="replace")
        except OSError:
            time.sleep(0.25)  # it answered a moment ago: a worker is being replaced
    raise EmbeddedError("MLflow stopped answering: see its log.")


def prepare(layout: Layout, addresses: Addresses) -> None:
    """Create MLflow's role and databases for an embedded start, and write its ``basic_auth.ini``.

    Raises:
        EmbeddedError: PostgreSQL is the user's own and MLflow's database in it is not named.
    """
    values = environment.database_urls(layout, addresses)
    if "PLACET_MLFLOW_DATABASE_URL" not in values:
        raise EmbeddedError(
            "DATABASE_URL is set, so your own PostgreSQL is used; set PLACET_MLFLOW_DATABASE_URL to the database of "
            "MLflow too (and make a second one beside it, of the same name with _auth appended)."
        )
    url = values["PLACET_MLFLOW_DATABASE_URL"]
    if "PLACET_BOOTSTRAP_URL" in values:
        create_databases(values["PLACET_BOOTSTRAP_URL"], url)
    secrets.write_private(layout.run / "basic_auth.ini", configuration(url, secrets.password(layout, "mlflow-admin")))


def create_embedded_users(layout: Layout, addresses: Addresses) -> None:
    """Create ``USERS`` in the MLflow of an embedded start."""
    create_users(
        addresses.local_url("mlflow", host=LOOPBACK),
        secrets.password(layout, "mlflow-admin"),
        {name: secrets.password(layout, f"mlflow-{name}") for name in USERS},
    )
