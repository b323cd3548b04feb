"""Three hundred models of a real MLflow without the plugin are taken over, and what moves then is seen in one pass."""

from __future__ import annotations

import logging
import time

import pytest

from registry import adoptable, adoption, reconcile
from registry.adoptable import Wanted
from registry.models import AdoptedAlias, AliasHistory
from tests.proving import count
from tests.registry.stock_mlflow import Estate, stock_server
from tests.registry.test_adoption import open_codes, signed, soon, two

__all__ = ["two"]
MODELS = count(300, 30)
WITHIN_S = 30.0  # 300 took 9.9 s on two cores with a load of ten


@pytest.mark.slow
def test_an_estate_of_hundreds_is_taken_over_in_seconds(transactional_db, settings, tmp_path, two):
    settings.PROTECTED_ALIASES = ("champion", "canary")
    with stock_server(tmp_path) as url, Estate(url) as estate:
        settings.MLFLOW_TRACKING_URI = url
        for number in range(MODELS):
            estate.model(f"model-{number:03}")
            estate.alias(f"model-{number:03}", "Champion" if number % 2 else "champion", 1)
        estate.model("torn", versions=2)
        estate.alias("torn", "canary", 1)
        estate.alias("torn", "CANARY", 2)
        estate.model("old")
        estate.stage("old", 1, "Production")
        first = reconcile.reconcile()
        assert first.models == MODELS + 2
        assert len([title for title in first.findings if title.startswith("Unapproved")]) == MODELS + 3

        began = time.monotonic()
        row = adoption.propose(
            seen=adoptable.look(),
            wanted=Wanted(owner=two[0].email),
            deadline=soon(),
            reason="They have served for two years.",
            person=two[0],
        )
        signed(two, row)
        took = time.monotonic() - began
        logging.getLogger(__name__).warning("%d models were proposed and signed in %.1f s", MODELS, took)
        assert took < WITHIN_S, f"{MODELS} models were proposed and signed in {took:.1f} s"

        spans = AliasHistory.objects.filter(adoption=row, during__endswith__isnull=True)
        assert spans.count() == MODELS
        assert AdoptedAlias.objects.filter(stage="Production", state="adopted").count() == 1
        assert AdoptedAlias.objects.exclude(digest__startswith="sha256:").count() == 0
        assert open_codes() == ["grandfathered", "unapproved-alias", "unapproved-alias"], "what is torn was left out"
        assert reconcile.reconcile().findings == []

        estate.model("new")
        estate.alias("new", "champion", 1)
        estate.version("model-007", 1)
        estate.alias("model-007", "Champion", 2)
        found = reconcile.run_pass("aliases", reconcile.watch_aliases).findings
        assert sorted(title.partition(",")[0] for title in found) == [
            "Unapproved Champion: MLflow has model-007 version 2 there",
            "Unapproved champion: MLflow has new version 1 there",
        ]
