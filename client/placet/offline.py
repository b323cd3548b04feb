"""Go back or stop while Placet is away: with the permit that lies ready in MLflow, shown to MLflow itself.

MLflow's plugin verifies the permit, asks Placet first, and uses it only if there is no answer. So this gives nobody a
way around Placet: the permit names who may use it, and the one state of the alias that it works from.
"""

import os
from typing import Any
from urllib.parse import quote

import httpx

from placet.uris import DEFAULT_WORKSPACE, split_workspace

PERMIT_HEADER, REASON_HEADER = "X-Placet-Permit", "X-Placet-Reason"
KINDS = ("rollback", "stop")


class MlflowRefused(Exception):
    """MLflow did not do it; the message is a sentence."""


class MlflowAway(Exception):
    """MLflow does not answer."""


def change_alias(
    kind: str,
    model: str,
    alias: str,
    *,
    reason: str = "",
    version: int | None = None,
    url: str | None = None,
    timeout_s: float = 30.0,
) -> str:
    """Move an alias back, or take it off, by the permit that lies ready; return the version that it moved to, or "".

    Args:
        reason: Placet is told, once it is back.
        version: the one to go back to; that of the permit when left out.

    The address and the user of MLflow are ``MLFLOW_TRACKING_URI``, ``MLFLOW_TRACKING_USERNAME`` and ``_PASSWORD``.

    Raises:
        MlflowRefused: no permit lies ready, it is for another version, or MLflow refuses it.
        MlflowAway: MLflow does not answer.
        ValueError: a kind that is none, or no address of MLflow.
    """
    if kind not in KINDS:
        raise ValueError(f"A permit that lies ready is one of {', '.join(KINDS)}, not {kind!r}.")
    base = (url or os.environ.get("MLFLOW_TRACKING_URI", "")).rstrip("/")
    if not base.startswith(("http://", "https://")):
        raise ValueError("Set MLFLOW_TRACKING_URI to MLflow's address, as in http://127.0.0.1:5000.")
    user, password = (os.environ.get(f"MLFLOW_TRACKING_{part}", "") for part in ("USERNAME", "PASSWORD"))
    auth = (user, password) if user else None
    workspace, name = split_workspace(model)
    headers = {} if workspace == DEFAULT_WORKSPACE else {"X-MLFLOW-WORKSPACE": workspace}
    try:
        with httpx.Client(base_url=f"{base}/api/2.0/mlflow", auth=auth, headers=headers, timeout=timeout_s) as client:
            envelope = _lying_ready(client, kind, name, alias)
            shown = {PERMIT_HEADER: envelope, REASON_HEADER: quote(reason.strip(), errors="replace")}
            return _shown(client, kind, name, alias, shown, version)
    except httpx.HTTPError as error:
        raise MlflowAway(f"MLflow at {base} does not answer ({type(error).__name__}).") from None


def _lying_ready(client: httpx.Client, kind: str, model: str, alias: str) -> str:
    found = _json(client.get("/registered-models/get", params={"name": model}))
    tags = {tag["key"]: tag["value"] for tag in found["registered_model"].get("tags", [])}
    envelope = tags.get(f"gov.{kind}.{alias}")
    if not envelope:
        raise MlflowRefused(f"No permit to {_WORDS[kind]} {alias} of {model} lies ready in MLflow.")
    return str(envelope)


def _shown(client: httpx.Client, kind: str, model: str, alias: str, headers: dict[str, str], wanted: int | None) -> str:
    """Show the permit to MLflow with the write that it is for."""
    from placet.permits import said_unverified

    if kind == "stop":
        _json(
            client.request("DELETE", "/registered-models/alias", json={"name": model, "alias": alias}, headers=headers)
        )
        return ""
    version = str(said_unverified(headers[PERMIT_HEADER])["version"])
    if wanted is not None and version != str(wanted):
        raise MlflowRefused(f"The permit that lies ready goes back to version {version}, not to {wanted}.")
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
