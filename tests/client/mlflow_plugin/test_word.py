"""Placet's word reaches the database in the transaction that it was given for, and in no other."""

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from placet.mlflow_plugin.word import _word, is_word, spoken
from tests.client.mlflow_plugin.decision_server import DecisionServer, verdict
from tests.client.mlflow_plugin.postgresql_server import postgresql_server

pytestmark = pytest.mark.xdist_group("own servers")  # servers of its own: may run beside the rest of this folder
_numbers = itertools.count(1)
WITNESS = """
CREATE TABLE heard (alias text, act text, word text);
CREATE FUNCTION hear() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO heard VALUES (coalesce(NEW.alias, OLD.alias), TG_OP, coalesce(current_setting('placet.word', true), ''));
  RETURN NULL;
END $$;
CREATE TRIGGER hear AFTER INSERT OR UPDATE OR DELETE ON registered_model_aliases FOR EACH ROW EXECUTE FUNCTION hear();
"""


@pytest.fixture(scope="module")
def _address() -> Iterator[str]:
    with postgresql_server() as address:
        yield address


@pytest.fixture(params=["psycopg", "psycopg2"])
def store(
    request: pytest.FixtureRequest, _address: str, gate: DecisionServer, plugin_settings: pytest.MonkeyPatch
) -> Iterator[Any]:
    """A governed store on PostgreSQL, one connection wide, whose aliases write down each word that they hear."""
    import psycopg

    from placet.mlflow_plugin.store import GovernedSqlAlchemyStore

    plugin_settings.setenv("MLFLOW_SQLALCHEMYSTORE_POOL_SIZE", "1")
    plugin_settings.setenv("MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW", "0")
    store = GovernedSqlAlchemyStore(f"governed+postgresql+{request.param}://{_address}")
    with psycopg.connect(f"postgresql://{_address}", autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS heard; DROP FUNCTION IF EXISTS hear CASCADE")
        connection.execute(WITNESS)
        store.name = f"heard-{next(_numbers)}"
        store.create_registered_model(store.name)
        store.create_model_version(store.name, "s3://models/1")
        store.heard = lambda: connection.execute("SELECT alias, act, word FROM heard").fetchall()
        yield store
    store.engine.dispose()


@pytest.mark.slow
def test_the_word_is_heard_in_the_allowed_write_and_not_after_it(store: Any, gate: DecisionServer):
    gate.answer = lambda question: verdict("ALLOW", word=f"word-for-{question['action']}")
    store.set_registered_model_alias(store.name, "champion", "1")
    store.set_registered_model_alias(store.name, "challenger", "1")
    store.delete_registered_model_alias(store.name, "challenger")
    store.delete_registered_model_alias(store.name, "champion")
    gate.answer = lambda _question: verdict("ALLOW")
    store.set_registered_model_alias(store.name, "champion", "1")
    assert store.heard() == [
        ("champion", "INSERT", "word-for-alias.set"),
        ("challenger", "INSERT", ""),
        ("challenger", "DELETE", ""),
        ("champion", "DELETE", "word-for-alias.delete"),
        ("champion", "INSERT", ""),
    ]
    assert _word.get() is None


@pytest.mark.slow
def test_a_write_that_fails_leaves_no_word_behind(store: Any, gate: DecisionServer):
    from mlflow.exceptions import MlflowException

    gate.answer = lambda _question: verdict("ALLOW", word="word-1")
    with pytest.raises(MlflowException):
        store.set_registered_model_alias(store.name, "champion\x00", "1")
    assert _word.get() is None
    store.set_registered_model_alias(store.name, "challenger", "1")
    assert store.heard() == [("challenger", "INSERT", "")]


@pytest.mark.slow
def test_writes_at_the_same_time_carry_each_its_own_word(store: Any, gate: DecisionServer):
    gate.answer = lambda question: verdict("ALLOW", word="word-for-" + question["detail"]["alias"])
    aliases = ["champion", "canary", "prod", "production", "free-1", "free-2"]
    threads = [
        threading.Thread(target=store.set_registered_model_alias, args=(store.name, alias, "1")) for alias in aliases
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = {(alias, f"word-for-{alias}" if not alias.startswith("free") else "") for alias in aliases}
    assert {(alias, word) for alias, _act, word in store.heard()} == expected


@pytest.mark.parametrize("word", ["", "two words", "line\nbreak", "ü", "x" * 4097, 1, ["word"]])
@pytest.mark.usefixtures("plugin_settings")
def test_an_allow_with_a_word_that_is_none_is_no_decision(gate: DecisionServer, word: object):
    from placet.mlflow_plugin.decisions import NoDecision, Question, Subject, decide

    assert not is_word(word)
    gate.answer = lambda _question: verdict("ALLOW", word=word)
    with pytest.raises(NoDecision):
        decide(Question(action="alias.set", subject=Subject(workspace="default", name="m")), what="x")


def test_a_word_ends_with_its_block_also_when_the_block_fails():
    def fail() -> None:
        with spoken("word"):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert _word.get() is None
