"""Tells Placet who made a run: the trainer of a model is whoever trained it, not only whoever registered it.

MLflow's own ``user_id`` of a run is what the client says. Here it is the identity that was proved for the request in
which the run was made. Sent in the background, like every notice, and only once Placet has said that it wants them.
"""

from typing import TYPE_CHECKING, Any

from placet.mlflow_plugin.decisions import Question, Subject
from placet.mlflow_plugin.identity import current_identity
from placet.mlflow_plugin.notices import send_notice

if TYPE_CHECKING:
    _Store = Any  # MLflow's store, whose methods carry no types
else:
    _Store = object

ACTION = "run.create"

_wanted = False


def want(notices: object) -> None:
    """Take note of which notices Placet wants: a list of actions, as its answer to a check-in has it."""
    global _wanted  # noqa: PLW0603  (one wish for the process)
    _wanted = isinstance(notices, list) and ACTION in notices


class NoticedRuns(_Store):  # type: ignore[misc]
    """Stands before MLflow's tracking store."""

    def create_run(self, *args: Any, **kwargs: Any) -> Any:
        """Make a run, and tell Placet in the background whose it is."""
        run = super().create_run(*args, **kwargs)
        if _wanted and current_identity().username:
            subject = Subject(workspace=_workspace(), name="", run_id=run.info.run_id)
            send_notice(Question(action=ACTION, subject=subject))
        return run


def install() -> None:
    """Let this server process notice who makes runs."""
    from mlflow.server.handlers import _get_tracking_store

    store: Any = _get_tracking_store()
    if not isinstance(store, NoticedRuns):
        plain: Any = type(store)
        store.__class__ = type(f"Noticed{plain.__name__}", (NoticedRuns, plain), {})


def _workspace() -> str:
    from mlflow.utils.workspace_context import get_request_workspace

    return get_request_workspace() or "default"
