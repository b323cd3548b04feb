"""No write method of MLflow's registry store may be left without a word about it."""

from collections.abc import Iterator

import pytest

from placet.mlflow_plugin import surface
from placet.mlflow_plugin.gate import GateMixin


@pytest.fixture
def governed_store() -> type:
    from placet.mlflow_plugin.stores import GovernedStore

    return GovernedStore


@pytest.mark.parametrize("name", ["GovernedStore", "GovernedWorkspaceStore"])
def test_every_public_method_of_mlflows_store_is_listed_and_every_gated_one_is_ours(name: str):
    from placet.mlflow_plugin import stores

    store_class = getattr(stores, name)
    assert surface.unlisted_methods(store_class) == set()
    assert surface.ungated_methods(store_class, GateMixin) == set()


def test_a_method_that_a_new_mlflow_adds_is_noticed(governed_store: type):
    newer = type("Newer", (governed_store,), {"move_registered_model": lambda self: None})
    assert surface.unlisted_methods(newer) == {"move_registered_model"}


def test_a_method_that_stands_before_the_gate_is_noticed(governed_store: type):
    sidestepped = type("Sidestepped", (governed_store,), {"set_registered_model_alias": lambda self: None})
    assert surface.ungated_methods(sidestepped, GateMixin) == {"set_registered_model_alias"}


@pytest.mark.parametrize("method", ["create_registered_model", "update_registered_model"])
def test_a_deployment_job_is_taken_and_never_looked_at(method: str):
    """Otherwise a job could be put on a model that somebody else's approval then starts."""
    import dis

    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    used = {step.argval for step in dis.get_instructions(getattr(SqlAlchemyStore, method)) if "LOAD" in step.opname}
    assert "name" in used
    assert "deployment_job_id" not in used


def test_no_method_is_in_two_tables():
    tables = [surface.GATED, surface.COMPOSED, surface.READS, surface.HARMLESS_WRITES.keys()]
    assert sum(map(len, tables)) == len(set().union(*tables))


def test_what_counts_as_composed_is_built_by_mlflow_from_the_gated_methods():
    from mlflow.store.model_registry.abstract_store import AbstractStore
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    def names_in(code: object) -> Iterator[str]:
        yield from code.co_names
        for constant in code.co_consts:
            if hasattr(constant, "co_names"):
                yield from names_in(constant)

    for name in surface.COMPOSED:
        assert name not in vars(SqlAlchemyStore), f"{name} is the SQL store's own now: gate it"
        method = vars(AbstractStore)[name]
        assert surface.GATED & set(names_in(method.__code__)), f"{name} no longer goes through a gated method"
        assert "ManagedSessionMaker" not in set(names_in(method.__code__))
