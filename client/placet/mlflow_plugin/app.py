"""The MLflow application of a governed server: refuses to start ungated, and puts authentication in front.

The gate is the store; this module makes sure that the store is there. The order matters: first the checks, then
authentication, so that a server that cannot govern never answers a request.
"""

import os
from typing import TYPE_CHECKING

from placet.mlflow_plugin import artifacts, presence, runs, workspaces
from placet.mlflow_plugin.closed_routes import ClosedRoutes
from placet.mlflow_plugin.decisions import NoDecision, configuration
from placet.mlflow_plugin.gate import GateMixin
from placet.mlflow_plugin.identity import identity_source
from placet.mlflow_plugin.offline import deliver
from placet.mlflow_plugin.proxy import AuthenticatedScope, ProxyIdentity, ProxyIdentityWsgi, trusted_proxy
from placet.mlflow_plugin.store import SCHEME_PREFIX
from placet.mlflow_plugin.surface import ungated_methods, unlisted_methods

if TYPE_CHECKING:
    from fastapi import FastAPI
    from flask import Flask


class NotGoverned(RuntimeError):
    """The server must not start: its registry would not be gated. The message says what to set."""


def create_app(app: "Flask | None" = None) -> "Flask | FastAPI":
    """Return MLflow's application behind authentication, for ``mlflow server --app-name governed``.

    Under uvicorn (MLflow's default) that is a FastAPI application around MLflow's Flask one, else the Flask one. With
    basic-auth the admin user is made on the first start from ``MLFLOW_AUTH_ADMIN_USERNAME`` and
    ``MLFLOW_AUTH_ADMIN_PASSWORD``; with ``PLACET_IDENTITY=proxy`` a proxy signs people in and basic-auth is not there.

    Raises:
        NotGoverned: the registry store is not ours, a write method is not gated, a setting is missing or unusable, or
            job execution is on.
        MlflowException: basic-auth is not configured (``MLFLOW_AUTH_CONFIG_PATH``, ``MLFLOW_FLASK_SERVER_SECRET_KEY``).
    """
    check_governed()
    from mlflow.server import app as mlflow_app
    from mlflow.server.handlers import _get_model_registry_store

    store = _get_model_registry_store()
    artifacts.install(store)
    runs.install()
    workspaces.install()
    presence.start(presence.about_this_server(store), before=deliver)

    return _behind_proxy(app or mlflow_app) if identity_source() == "proxy" else _behind_basic_auth(app or mlflow_app)


def _behind_basic_auth(app: "Flask") -> "Flask | FastAPI":
    from fastapi import FastAPI
    from mlflow.server.auth import create_app as with_basic_auth

    governed: Flask | FastAPI = with_basic_auth(app)
    if isinstance(governed, FastAPI):
        governed.add_middleware(ClosedRoutes)
        governed.add_middleware(AuthenticatedScope)
    return governed


def _behind_proxy(app: "Flask") -> "Flask | FastAPI":
    from mlflow.environment_variables import _MLFLOW_SGI_NAME
    from mlflow.server.fastapi_app import create_fastapi_app
    from mlflow.server.handlers import _add_static_prefix

    proxy, open_path = trusted_proxy(), _add_static_prefix("/health")
    if _MLFLOW_SGI_NAME.get() != "uvicorn":  # type: ignore[no-untyped-call]
        app.wsgi_app = ProxyIdentityWsgi(app.wsgi_app, proxy=proxy, open_path=open_path)  # type: ignore[method-assign]
        return app
    native: FastAPI = create_fastapi_app(app)
    native.add_middleware(ClosedRoutes)
    native.add_middleware(ProxyIdentity, proxy=proxy, open_path=open_path)  # the last one added is the outermost
    return native


def check_governed() -> None:
    """Raise ``NotGoverned`` unless this server process gates every registry write."""
    from mlflow.environment_variables import MLFLOW_SERVER_ENABLE_JOB_EXECUTION
    from mlflow.server.constants import REGISTRY_STORE_URI_ENV_VAR
    from mlflow.server.handlers import _get_model_registry_store

    if not os.environ.get(REGISTRY_STORE_URI_ENV_VAR, "").lower().startswith(SCHEME_PREFIX):
        raise NotGoverned(f"Start the server with --registry-store-uri {SCHEME_PREFIX}postgresql+psycopg://….")
    store = _get_model_registry_store()
    if not isinstance(store, GateMixin):
        raise NotGoverned(
            f"The registry store is {type(store).__name__}, which is not gated. Install `placet[mlflow]`."
        )
    if unlisted := unlisted_methods(type(store)):
        raise NotGoverned(f"This MLflow can write in ways the plugin does not know: {', '.join(sorted(unlisted))}.")
    if ungated := ungated_methods(type(store), GateMixin):
        raise NotGoverned(f"Something stands before the gate: {', '.join(sorted(ungated))}.")
    try:
        configuration()
    except NoDecision as missing:
        raise NotGoverned(f"Placet cannot be asked: {missing}") from missing
    try:
        if identity_source() == "proxy":
            trusted_proxy()
    except ValueError as unusable:
        raise NotGoverned(str(unusable)) from unusable
    if MLFLOW_SERVER_ENABLE_JOB_EXECUTION.get():  # type: ignore[no-untyped-call]
        # A job process is handed the raw database address and so could write past the gate.
        raise NotGoverned("Set MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false: jobs hold the database's address.")
