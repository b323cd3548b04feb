"""What a policy asks for with ``canary/v1``: how a version did while it served a share of the traffic."""

from collections.abc import Mapping
from typing import Any

from placet.mlflow_plugin.protection import fold

CANARY = "canary/v1"


def alias_of(parameters: Mapping[str, Any]) -> str:
    """Return the alias behind which the version is to have served, as MLflow's gate spells it; ``canary`` if none."""
    return fold(str(parameters.get("alias", "canary")))
