"""The entry point of the governed model registry; light, because MLflow imports it in every client process."""

from typing import TYPE_CHECKING

from placet.mlflow_plugin.gate import GateMixin

if TYPE_CHECKING:
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

SCHEME_PREFIX = "governed+"
GATED_MLFLOW = "3.17"
"""The minor version of MLflow whose writes the gate knows; ``placet[mlflow]`` pins it too."""

__all__ = ["GATED_MLFLOW", "SCHEME_PREFIX", "GateMixin", "GovernedSqlAlchemyStore"]


def GovernedSqlAlchemyStore(store_uri: str) -> "SqlAlchemyStore":  # noqa: N802  (MLflow calls it like a class)
    """Return MLflow's SQL registry with every protected write gated.

    With workspaces on (``MLFLOW_ENABLE_WORKSPACES``) it is the workspace-aware one. Reads always go to the primary
    database, also when the server has a read replica: a lagging replica would show Placet a version that has been
    replaced already.

    Args:
        store_uri: ``governed+`` and a PostgreSQL or SQLite address, such as ``governed+postgresql+psycopg://u:p@h/db``.
            MLflow passes it by this name.

    Raises:
        MlflowException: the address does not start with ``governed+postgresql`` or ``governed+sqlite``, or this is
            another MLflow than the gate was made for. A server then does not start.
    """
    _require_gated_mlflow()
    from mlflow.environment_variables import MLFLOW_ENABLE_WORKSPACES
    from mlflow.exceptions import MlflowException

    from placet.mlflow_plugin.stores import GovernedStore, GovernedWorkspaceStore
    from placet.mlflow_plugin.word import listen

    scheme, separator, rest = store_uri.partition("://")
    dialect = scheme.lower().removeprefix(SCHEME_PREFIX)
    if not separator or dialect == scheme.lower() or dialect.split("+")[0] not in ("postgresql", "sqlite"):
        raise MlflowException.invalid_parameter_value(
            f"A governed registry address starts with governed+postgresql:// or governed+sqlite://, not {scheme!r}."
        )
    with_workspaces: bool = MLFLOW_ENABLE_WORKSPACES.get()  # type: ignore[no-untyped-call]
    store_class = GovernedWorkspaceStore if with_workspaces else GovernedStore
    store = store_class(f"{dialect}://{rest}")
    listen(store.engine)
    return store


def _require_gated_mlflow() -> None:
    """Refuse an MLflow that came past the pin: it may write in ways that the gate does not stand before."""
    from mlflow import __version__ as found
    from mlflow.exceptions import MlflowException

    if found.split(".")[:2] != GATED_MLFLOW.split("."):
        raise MlflowException.invalid_parameter_value(
            f"This Placet gates MLflow {GATED_MLFLOW}, and this is MLflow {found}, so it serves no registry. Install "
            f"mlflow=={GATED_MLFLOW}.*, or the release of Placet that gates MLflow {'.'.join(found.split('.')[:2])}."
        )
