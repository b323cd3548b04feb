"""The two governed stores. Apart from ``store`` because these imports are heavy and a client does not need them."""

from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from mlflow.store.model_registry.sqlalchemy_workspace_store import WorkspaceAwareSqlAlchemyStore

from placet.mlflow_plugin.gate import GateMixin


class GovernedStore(GateMixin, SqlAlchemyStore):
    """MLflow's SQL registry, gated."""


class GovernedWorkspaceStore(GateMixin, WorkspaceAwareSqlAlchemyStore):
    """MLflow's SQL registry with workspaces, gated."""
