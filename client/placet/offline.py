"""Go back or stop while Placet is away: with the permit that lies ready in MLflow, shown to MLflow itself.

MLflow's plugin verifies the permit, asks Placet first, and uses it only if there is no answer. So this gives nobody a
way around Placet: the permit names who may use it, and the one state of the alias that it works from.
"""

import os
from typing import Any

import httpx

from placet.uris import DEFAULT_WORKSPACE, split_workspace

PERMIT_HEADER = "X-Placet-Permit"
KINDS = ("rollback", "stop")


class MlflowRefused(Exception):
    """MLflow did not do it; the message is a sentence."""


def change_alias(kind: str, model: str, alias: str, *, url: str | None = None, timeout_s: float = 30.0) -> str:
    """Move an alias back, or take it off, by the permit that lies ready; return the version that it moved to, or "".

    The address and the user of MLflow are ``MLFLOW_TRACKING_URI``, ``MLFLOW_TRACKING_USERNAME`` and ``_PASSWORD``.

    Raises:
        MlflowRefused: no permit lies ready, MLflow refuses it, or it does not answer.
        ValueError: a kind that is none.
    """
    if kind not in KINDS:
        raise ValueError(f"A permit that lies ready is one of {', '.join(KINDS)}, not {kind!r}.")
    base = (url or os.environ.get("MLFLOW_TRACKING_URI", "")).rstrip("/")
    if not base.startswith(("http://", "https://")):
        raise MlflowRefused("Set MLFLOW_TRACKING_URI to MLflow's address, as in http://127.0.0.1:5000.")
    user, password = (os.environ.get(f"MLFLOW_TRACKING_{part}", "") for part in ("USERNAME", "PASSWORD"))
    auth = (user, password) if user else None
    workspace, name = split_workspace(model)
    headers = {} if workspace == DEFAULT_WORKSPACE else {"X-MLFLOW-WORKSPACE": workspace}
    try:
        with httpx.Client(base_url=f"{base}/api/2.0/mlflow", auth=auth, headers=headers, timeout=timeout_s) as client:
            envelope = _lying_ready(client, kind, name, alias)
            return _shown(client, kind, name, alias, envelope)
    except httpx.HTTPError as error:
        raise MlflowRefused(f"MLflow at {base} does not answer ({type(error).__name__}).") from None


def _lying_ready(client: httpx.Client, kind: str, model: str, alias: str) -> str:
    found = _json(client.get("/registered-models/get", params={"name": model}))
    tags = {tag["key"]: tag["value"] for tag in found["registered_model"].get("tags", [])}
    envelope = tags.get(f"gov.{kind}.{alias}")
    if not envelope:
        raise MlflowRefused(f"No permit to {_WORDS[kind]} {alias} of {model} lies ready in MLflow.")
    return str(envelope)


def _shown(client: httpx.Client, kind: str, model: str, alias: str, envelope: str) -> str:
    """Show the permit to MLflow with the write that it is for."""
    from placet.permits import said_unverified

    headers = {PERMIT_HEADER: envelope}
    if kind == "stop":
        _json(
            client.request("DELETE", "/registered-models/alias", json={"name": model, "alias": alias}, headers=headers)
        )
        return ""
    version = str(said_unverified(envelope)["version"])
    body = {"name": model, "alias": alias, "version": version}
    _json(client.post("/registered-models/alias", json=body, headers=headers))
    return version


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json() if answer.content else {}
    except ValueError:
        body = {}
    if not answer.is_success or not isinstance(body, dict):
        said = body.get("message") if isinstance(body, dict) else ""
        raise MlflowRefused(str(said or f"MLflow answers {answer.status_code}."))
    return body


_WORDS = {"rollback": "roll back", "stop": "stop"}
