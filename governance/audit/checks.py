"""System check: `manage.py check --database default` says whether this process could alter the log."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError


@register(Tags.database)
def log_is_guarded(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Report each way in which the database role, or a guard that is missing, would let the log be changed."""
    from governance.audit import guards

    if not databases or "default" not in databases or settings.DB_ROLE == "owner":
        return []  # `migrate` asks as well, as the owner, who may alter tables: that is what the role is for
    try:
        return [Error(problem, id="audit.E001") for problem in guards.problems(settings.DB_ROLE)]
    except DatabaseError as problem:
        return [Error(f"The log's guards can't be read: {problem}", id="audit.E002")]
