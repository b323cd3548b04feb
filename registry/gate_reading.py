"""What a decision of the gate rests on, in one statement: MLflow's user waits for it, and most decisions write nothing.

Django's ORM would take several queries, each of which takes longer to be built than PostgreSQL takes to answer it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection

from governance.approvals.models import State
from governance.inventory.models import AISystem
from placet.uris import split_workspace
from registry.models import PromotionRequest, RegisteredModel

_MOST = 2**31 - 1
_STATEMENT = """
SELECT m.id, m.workspace, m.name, s.id, s.ai_act_class, s.model_tier, p.id, p.number, p.state, a.state, c.number
FROM (VALUES (%s::text, %s::text, %s::int, %s::text)) AS asked (workspace, name, number, alias)
LEFT JOIN registry_registeredmodel m ON m.workspace = asked.workspace AND m.name = asked.name
LEFT JOIN inventory_aisystem s ON s.id = m.system_id
LEFT JOIN LATERAL (
  SELECT newest.* FROM registry_promotionrequest newest JOIN registry_modelversion v ON v.id = newest.version_id
  WHERE v.model_id = m.id AND v.number = asked.number AND newest.alias = asked.alias
  ORDER BY newest.made_at DESC LIMIT 1
) p ON true
LEFT JOIN approvals_approvalrequest a ON a.id = p.approval_id
LEFT JOIN registry_gateconfiguration c ON c.signed_at IS NOT NULL AND c.ended_at IS NULL
"""


@dataclass(frozen=True)
class Facts:
    """What Placet knows of an attempt's model, version and alias.

    Attributes:
        registered: the model, with its system, both with no more than a decision asks for; None if it is unknown.
        promotion: the newest promotion of the version to the alias, with its number and its state alone.
        approval_state: of that promotion's request.
        configuration: the number of what the gate protects; 0 until one is signed.
    """

    registered: RegisteredModel | None
    promotion: PromotionRequest | None
    approval_state: State | None
    configuration: int


def facts_of(*, model: str, number: Any, alias: str | None) -> Facts:
    """Read what a decision rests on.

    Args:
        model: what the model is called, with its workspace.
        number: of the version, as the plugin wrote it; what is no number belongs to no version.
        alias: folded; None where the attempt is about none.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENT, [*split_workspace(model), _number(number), alias])
        model_id, workspace, name, system_id, ai_act_class, tier, *rest = cursor.fetchone()
    promotion_id, promotion_number, promotion_state, approval_state, configuration = rest
    registered = promotion = None
    if model_id is not None:
        fields = ["id", "workspace", "name", "system_id"]
        registered = RegisteredModel.from_db(None, fields, [model_id, workspace, name, system_id])
        if system_id is not None:
            fields = ["id", "ai_act_class", "model_tier"]
            registered.system = AISystem.from_db(None, fields, [system_id, ai_act_class, tier])
    if promotion_id is not None:
        fields, values = ["id", "number", "state"], [promotion_id, promotion_number, promotion_state]
        promotion = PromotionRequest.from_db(None, fields, values)
    return Facts(registered, promotion, State(approval_state) if approval_state else None, configuration or 0)


def _number(number: Any) -> int | None:
    try:
        found = int(number)
    except (TypeError, ValueError):
        return None
    return found if 0 < found <= _MOST else None
