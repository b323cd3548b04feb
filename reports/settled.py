"""Which questions of a system's record its documents answer from records, so that nobody has to.

As the documents do: each is the ``settles`` of an :class:`reports.documents.asks.Ask`.
"""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from governance.inventory import selectors as inventory
from governance.inventory.models import AISystem
from governance.inventory.settled import Settled
from registry.models import ModelVersion
from reports.documents.record_answers import is_no_product
from reports.facts_agreed import machine_figures, standing_in_force
from reports.latest import promoted


def compute(ai_system: AISystem) -> Settled | None:
    """The computing resources that MLflow measured with the training run of the described version."""
    version = _described(ai_system)
    if version is None or not machine_figures(version):
        return None
    text = _("MLflow measured the machine of the training run of {version}.").format(version=version)
    return Settled(text, reverse("model-detail", args=[version.model_id]))


def product_part(ai_system: AISystem) -> Settled | None:
    """That the system is no product, as its signed classification says."""
    signed = inventory.classification_that_counts(ai_system)
    if signed is None or not is_no_product(signed.trace):
        return None
    text = _("By the signed classification the system is neither a product nor a safety component under Annex I.")
    return Settled(text, f"{reverse('system-detail', args=[ai_system.pk])}#classification")


def predetermined_changes(ai_system: AISystem) -> Settled | None:
    """The changes that people approved in advance."""
    version = _described(ai_system)
    count = standing_in_force(version).count() if version else 0
    if version is None or not count:
        return None
    text = ngettext(
        "{n} standing approval of {model} is in force.", "{n} standing approvals of {model} are in force.", count
    )
    return Settled(text.format(n=count, model=version.model), reverse("model-detail", args=[version.model_id]))


QUESTIONS = {"compute": compute, "product-part": product_part, "predetermined-changes": predetermined_changes}


def _described(ai_system: AISystem) -> ModelVersion | None:
    """Return the version that a document would describe now."""
    versions = ModelVersion.objects.filter(model__system=ai_system).select_related("model")
    known = promoted([ai_system.pk]).get(ai_system.pk)
    return versions.filter(pk=known).first() if known else versions.order_by("-mlflow_created_at_ms").first()
