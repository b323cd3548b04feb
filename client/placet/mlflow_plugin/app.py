"""The MLflow application of a governed server: refuses to start ungated, and puts MLflow's basic-auth in front.

The gate is the store; this module makes sure that the store is there. The order matters: first the checks, then
authentication, so that a server that cannot govern never answers a request.
"""

import os
from typing import TYPE_CHECKING

from placet.mlflow_plugin.decisions import NoDecision, configuration
from placet.mlflow_plugin.gate import GateMixin
from placet.mlflow_plugin.store import SCHEME_PREFIX
from placet.mlflow_plugin.surface import ungated_methods, unlisted_methods

if TYPE_CHECKING:
    from fastapi import FastAPI
    from flask import Flask


class NotGoverned(RuntimeError):
    """The server must not start: its registry would not be gated. The message says what to set."""


def create_app(app: "Flask | None" = None) -> "Flask | FastAPI":
    """Return MLflow's application with basic-auth, for ``mlflow server --app-name governed``.

    Under uvicorn (MLflow's default) that is a FastAPI application around MLflow's Flask one, else the Flask one. The
    admin user is made on the first start from ``MLFLOW_AUTH_ADMIN_USERNAME`` and ``MLFLOW_AUTH_ADMIN_PASSWORD``.

    Raises:
        NotGoverned: the registry store is not ours, a write method is not gated, Placet's address or token is missing,
            or job execution is on.
        MlflowException: basic-auth is not configured (``MLFLOW_AUTH_CONFIG_PATH``, ``MLFLOW_FLASK_SERVER_SECRET_KEY``).
    """
    check_governed()
    from mlflow.server import app as mlflow_app
    from mlflow.server.auth import create_app as with_basic_auth

    governed: Flask | FastAPI = with_basic_auth(app or mlflow_app)
    return governed


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
    if MLFLOW_SERVER_ENABLE_JOB_EXECUTION.get():  # type: ignore[no-untyped-call]
        # A job process is handed the raw database address and so could write past the gate.
        raise NotGoverned("Set MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false: jobs hold the database's address.")
