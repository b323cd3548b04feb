"""Keeps a workspace that holds a version in production.

Deleting a workspace deletes its models, or moves them all to another one, past the registry store: MLflow's workspace
store does that by itself. An admin of MLflow may, which is no reason for the gate to look away.
"""

from collections.abc import Callable
from typing import Any

from placet.mlflow_plugin.artifacts import frozen_places
from placet.mlflow_plugin.decisions import deny


def install() -> None:
    """Guard this process's workspace store, if workspaces are on."""
    from mlflow.environment_variables import MLFLOW_ENABLE_WORKSPACES
    from mlflow.server.workspace_helpers import _get_workspace_store

    if not MLFLOW_ENABLE_WORKSPACES.get():  # type: ignore[no-untyped-call]
        return
    store: Any = _get_workspace_store()
    if not getattr(store.delete_workspace, "guards", False):
        store.delete_workspace = _guarding(store.delete_workspace)


def _guarding(delete: Callable[..., Any]) -> Callable[..., Any]:
    def delete_workspace(workspace_name: str, *args: Any, **kwargs: Any) -> Any:
        """Delete a workspace, unless a version in it is in production, approved or under review."""
        owners = frozen_places().current().owners()
        if frozen := next((one for one in owners if one.subject.workspace == workspace_name), None):
            why = f"it holds {frozen.subject}, and {frozen.why}. Take its versions out of production in Placet first."
            deny(f"Placet refused to delete the workspace '{workspace_name}': {why}")
        return delete(workspace_name, *args, **kwargs)

    delete_workspace.guards = True  # type: ignore[attr-defined]
    return delete_workspace
