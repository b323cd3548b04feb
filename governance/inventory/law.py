"""What the legal register is told of AI systems: their signed classifications, and what was made under which law."""

import uuid
from collections.abc import Collection, Mapping
from typing import Any, cast

from django.db.models import Count

from governance.accounts.access import readable
from governance.accounts.models import User
from governance.audit.export import governed_models
from governance.audit.governed import Governed
from governance.inventory.models import AISystem, Classification
from governance.regulation.classification import AiActClass
from governance.regulation.classified import Classified, from_record
from governance.regulation.systems import Made, SystemInLaw


def systems_in_law(person: User | None) -> list[SystemInLaw]:
    """Return the systems that a person may read, by name, with what was signed of each; for None, all of them.

    Three queries beside one for each kind of record that names the law, whatever the number of systems.
    """
    rows = AISystem.objects.only("slug", "name", "ai_roles").order_by("name")
    found = list(rows if person is None else readable(rows, person, system="pk"))
    newest, made = signed_for(found), _made(found)
    return [
        SystemInLaw(
            pk=row.pk,
            slug=row.slug,
            name=row.name,
            classified=as_classified(newest[row.pk], row) if row.pk in newest else None,
            made=made.get(row.pk, ()),
        )
        for row in found
    ]


def signed_for(systems: Collection[AISystem]) -> dict[uuid.UUID, Classification]:
    """Return the newest signed classification of each system that has one, in one query."""
    signed = Classification.objects.filter(system__in=systems, signed_at__isnull=False)
    return {row.system_id: row for row in signed.order_by("system", "-signed_at").distinct("system")}


def as_classified(row: Classification, ai_system: AISystem) -> Classified:
    """Return what a signed classification says."""
    return from_record(
        ai_act_class=cast(AiActClass, row.ai_act_class),
        annex_points=row.annex_points,
        trace=row.trace,
        law_version=row.law_version,
        roles=ai_system.ai_roles,
        placed_on=row.placed_on,
    )


def _made(systems: list[AISystem]) -> Mapping[uuid.UUID, tuple[Made, ...]]:
    """Count the records about systems that name a version of the law, whichever package they are of."""
    found: dict[uuid.UUID, tuple[Made, ...]] = {}
    for model in governed_models():
        if model is Classification or not _names_a_law(model):
            continue
        manager: Any = model._default_manager  # which of the models it is of, the type can't say
        rows = manager.filter(system__in=systems).values_list("system_id", "law_version")
        for system_id, law, count in rows.annotate(count=Count("pk")).order_by("system_id", "law_version"):
            kind = str(model._meta.verbose_name if count == 1 else model._meta.verbose_name_plural)
            found[system_id] = (*found.get(system_id, ()), Made(kind, law, count))
    return found


def _names_a_law(model: type[Governed]) -> bool:
    fields: dict[str, Any] = {field.name: field for field in model._meta.get_fields()}
    return "law_version" in fields and "system" in fields and fields["system"].related_model is AISystem
