"""MLflow's hardened database: past the server nothing protected moves without Placet's word, which counts once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from io import StringIO
from urllib.parse import urlsplit

import psycopg
import pytest
from django.core.management import CommandError, call_command
from psycopg import sql

from governance.accounts.roles import Role
from governance.approvals.models import Finding
from placet.mlflow_plugin.protection import fold, is_protected_alias
from registry import hardening, hardening_sql, reconcile
from registry.words import STAGE, word
from tests.factories import a_user
from tests.stock_mlflow import a_database, serving

MAKE_TABLES = "import mlflow.store.db.utils as db; db._initialize_tables(db.create_sqlalchemy_engine(%r))"
ALIAS = "INSERT INTO registered_model_aliases (name, alias, version) VALUES (%s, %s, %s)"
MOVE = "UPDATE registered_model_aliases SET version = %s WHERE name = 'm' AND alias = 'champion'"
CREATED = 1_700_000_000_000

pytestmark = [pytest.mark.slow, pytest.mark.django_db]


class Hardened:
    """A database with MLflow's tables, hardened; as its owner, as the server's role and as a superuser."""

    def __init__(self, owner: str, server: str, key: bytes) -> None:
        self.owner, self.server, self.key = owner, server, key
        self.superuser = urlsplit(os.environ["PLACET_BOOTSTRAP_URL"])._replace(path=urlsplit(owner).path).geturl()

    def word(self, alias: str = "champion", version: int | None = 1, **more) -> str:
        created = None if version is None else CREATED + version
        said = {"created_at_ms": created, "expires": int(time.time()) + 30} | more
        return word(key=self.key, workspace="default", model="m", alias=alias, version=version, **said)

    def run(self, statement: str, values: tuple = (), *, said: str = "", url: str = "") -> None:
        """Run a statement in a transaction of its own that holds a word."""
        with psycopg.connect(url or self.server) as connection:
            connection.execute("SELECT set_config('placet.word', %s, true)", [said])
            connection.execute(statement, values)  # type: ignore[arg-type]

    def refused(self, statement: str, values: tuple = (), *, said: str = "", why: str = "does not hold its word"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=why) as refusal:
            self.run(statement, values, said=said)
        assert str(refusal.value).startswith("[governance] Placet has not allowed")

    def aliases(self) -> dict[str, int]:
        with psycopg.connect(self.owner) as connection:
            return dict(connection.execute("SELECT alias, version FROM registered_model_aliases").fetchall())


@pytest.fixture(scope="module")
def database(tmp_path_factory, django_db_setup, django_db_blocker):
    folder = tmp_path_factory.mktemp("hardening")
    with a_database(os.environ["PLACET_BOOTSTRAP_URL"]) as owner:
        store = owner.replace("postgresql://", "postgresql+psycopg://")
        quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "PATH": os.environ["PATH"], "HOME": str(folder)}
        subprocess.run([sys.executable, "-W", "ignore", "-c", MAKE_TABLES % store], check=True, env=quiet, cwd=folder)
        name = urlsplit(owner).username
        role = f"{name}_server"
        with django_db_blocker.unblock(), pytest.raises(CommandError, match=f"Make {role} as a superuser"):
            call_command("harden_mlflow_db", url=owner, server_role=role)
        with psycopg.connect(os.environ["PLACET_BOOTSTRAP_URL"], autocommit=True) as admin:
            admin.execute(sql.SQL("ALTER ROLE {} CREATEROLE").format(sql.Identifier(name)))
        out = StringIO()
        with django_db_blocker.unblock():
            call_command("harden_mlflow_db", url=owner, server_role=role, key_file=folder / "key", stdout=out)
        password = out.getvalue().partition("this once: ")[2].split()[0]
        parts = urlsplit(owner)
        server = f"postgresql://{role}:{password}@{parts.hostname}:{parts.port}{parts.path}"
        try:
            yield Hardened(owner, server, bytes.fromhex((folder / "key").read_text().strip()))
        finally:
            superuser = urlsplit(os.environ["PLACET_BOOTSTRAP_URL"])._replace(path=parts.path).geturl()
            with psycopg.connect(superuser) as connection:
                connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role)))
                connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


@pytest.fixture
def hardened(database):
    """The same with one model ``m`` of three versions and no alias."""
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        for table in ("registered_model_aliases", "model_versions"):
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        connection.execute("DELETE FROM registered_model_aliases")
        connection.execute("DELETE FROM model_versions")
        connection.execute("DELETE FROM registered_models")
        connection.execute("INSERT INTO registered_models (name) VALUES ('m')")
        connection.execute(
            "INSERT INTO model_versions (name, version, creation_time, current_stage, source, storage_location, status)"
            " SELECT 'm', n, %s + n, 'None', 's3://models/' || n, 's3://models/' || n, 'READY'"
            " FROM generate_series(1, 3) n",
            [CREATED],
        )
        for table, name, *_ in hardening_sql.TRIGGERS:
            connection.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
    return database


def live(hardened, version=1):
    hardened.run(ALIAS, ("m", "champion", version), said=hardened.word(version=version))


# --- aliases -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelling", ["champion", "Champion", "CHAMPION", " champion", "\uff43hampion", "champion\u2003"]
)
def test_a_protected_alias_is_refused_in_every_spelling(hardened, spelling):
    hardened.refused(ALIAS, ("m", spelling, 1))
    assert hardened.aliases() == {}


def test_an_alias_that_nobody_protects_passes(hardened):
    hardened.run(ALIAS, ("m", "challenger", 1))
    hardened.run("UPDATE registered_model_aliases SET version = 2")
    hardened.run("DELETE FROM registered_model_aliases")


def test_with_its_word_a_write_passes_once(hardened):
    said = hardened.word()
    hardened.run(ALIAS, ("m", "champion", 1), said=said)
    hardened.run("DELETE FROM registered_model_aliases", said=hardened.word(version=None))
    hardened.refused(ALIAS, ("m", "champion", 1), said=said, why="was used before")
    hardened.run(ALIAS, ("m", "Champion", 1), said=hardened.word("CHAMPION"))
    assert hardened.aliases() == {"Champion": 1}


def test_a_transaction_that_failed_has_not_used_its_word(hardened):
    said = hardened.word()
    with pytest.raises(psycopg.errors.UniqueViolation), psycopg.connect(hardened.server) as connection:
        connection.execute("SELECT set_config('placet.word', %s, true)", [said])
        connection.execute(ALIAS, ("m", "champion", 1))
        connection.execute("INSERT INTO registered_models (name) VALUES ('m')")
    hardened.run(ALIAS, ("m", "champion", 1), said=said)


@pytest.mark.parametrize(
    "other",
    [
        {"version": 2},
        {"alias": "canary"},
        {"created_at_ms": CREATED},
        {"version": None},
        {"alias": STAGE},
        {"expires": 2_000_000_000, "tampered": True},
    ],
)
def test_a_word_for_another_write_does_not_count(hardened, other):
    tampered = other.pop("tampered", False) if isinstance(other, dict) else False
    said = hardened.word(**({} if tampered else other))
    if tampered:
        parts = said.split(".")
        said = ".".join([parts[0], str(int(time.time()) + 60), *parts[2:]])
    hardened.refused(ALIAS, ("m", "champion", 1), said=said, why="is for another write")


@pytest.mark.parametrize(("seconds", "why"), [(-1, "has expired"), (600, "is for too long")])
def test_a_word_counts_for_two_minutes_at_most(hardened, seconds, why):
    said = hardened.word(expires=int(time.time()) + seconds)
    hardened.refused(ALIAS, ("m", "champion", 1), said=said, why=why)


@pytest.mark.parametrize(
    "said", ["", "v1", "v1.1.2.3", "' OR true", "v1." + "9" * 11 + "." + "a" * 32 + "." + "0" * 64]
)
def test_what_is_no_word_is_none(hardened, said):
    hardened.refused(ALIAS, ("m", "champion", 1), said=said, why="word")


def test_what_is_live_is_neither_moved_nor_taken_off_nor_renamed(hardened):
    live(hardened)
    hardened.refused(MOVE, (2,))
    hardened.refused("DELETE FROM registered_model_aliases")
    hardened.refused("UPDATE registered_model_aliases SET alias = 'other'")
    hardened.refused("UPDATE registered_models SET name = 'other'")
    hardened.refused("DELETE FROM model_versions")
    hardened.run(MOVE, (1,))  # to where it is
    hardened.run(MOVE, (2,), said=hardened.word(version=2))
    assert hardened.aliases() == {"champion": 2}


# --- stages and versions -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["Production", "production ", "PRODUCTION"])
def test_the_stage_production_takes_a_word_in_and_out(hardened, stage):
    move = "UPDATE model_versions SET current_stage = %s WHERE version = 1"
    hardened.run(move, ("Staging",))
    hardened.refused(move, (stage,))
    hardened.run(move, (stage,), said=hardened.word(STAGE))
    hardened.refused(move, ("None",))
    hardened.run(move, ("None",), said=hardened.word(STAGE, None))


@pytest.mark.parametrize(
    "change",
    [
        "SET source = 's3://elsewhere'",
        "SET storage_location = 's3://elsewhere'",
        "SET creation_time = 1",
        "SET current_stage = 'Deleted_Internal'",
        "SET name = name, version = 9",
    ],
)
def test_a_live_version_stays_what_it_is(hardened, change):
    live(hardened)
    hardened.refused(f"UPDATE model_versions {change} WHERE version = 1")
    hardened.refused("DELETE FROM model_versions WHERE version = 1")
    hardened.run(f"UPDATE model_versions {change} WHERE version = 2")  # nobody uses that one
    hardened.run("UPDATE model_versions SET description = 'x', last_updated_time = 1 WHERE version = 1")


def test_no_version_comes_into_being_where_a_protected_alias_points_already(hardened):
    with psycopg.connect(hardened.superuser, autocommit=True) as connection:
        connection.execute("ALTER TABLE registered_model_aliases DISABLE TRIGGER placet_guard")
        connection.execute(ALIAS, ("m", "champion", 9))
        connection.execute("ALTER TABLE registered_model_aliases ENABLE ALWAYS TRIGGER placet_guard")
    insert = "INSERT INTO model_versions (name, version, creation_time, current_stage) VALUES ('m', %s, 1, %s)"
    hardened.refused(insert, (9, "None"))
    hardened.refused(insert, (8, "Production"))
    hardened.run(insert, (8, "None"))


# --- who can get at it -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT key FROM placet_gate.secret",
        "INSERT INTO placet_gate.protected VALUES ('x')",
        "DELETE FROM placet_gate.used",
        "SELECT placet_gate.hmac_sha256('', '')",
        "ALTER TABLE registered_model_aliases DISABLE TRIGGER placet_guard",
        "DROP TRIGGER placet_guard ON registered_model_aliases",
        "SET session_replication_role = replica",
        "TRUNCATE registered_model_aliases",
        "DROP SCHEMA placet_gate CASCADE",
        "CREATE TABLE public.mine (x int)",
    ],
)
def test_the_servers_role_gets_at_nothing_of_it(hardened, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        hardened.run(statement)


def test_the_owner_needs_the_word_too_and_empties_nothing(hardened):
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="does not hold its word"):
        hardened.run(ALIAS, ("m", "champion", 1), url=hardened.owner)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="not emptied as a whole"):
        hardened.run("TRUNCATE registered_model_aliases", url=hardened.owner)


# --- pure parts, in the database ---------------------------------------------------------------------------------

RFC_4231 = [
    ("0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (
        b"Jefe".hex(),
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    ("aa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (
        bytes(range(1, 26)).hex(),
        b"\xcd" * 50,
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    ),
    (
        "aa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        "aa" * 131,
        b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be "
        b"hashed before being used by the HMAC algorithm.",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
]


@pytest.mark.parametrize(("key", "message", "mac"), RFC_4231)
def test_the_databases_hmac_is_that_of_rfc_4231(database, key, message, mac):
    with psycopg.connect(database.owner) as connection:
        made = connection.execute("SELECT placet_gate.hmac_sha256(%s, %s)", [bytes.fromhex(key), message]).fetchone()
    assert made[0].hex() == mac


def test_the_database_folds_whatever_could_pass_for_ascii_as_the_plugin_does(database):
    """Every character that the plugin folds to ASCII, which is what the shipped patterns are made of."""
    characters = [chr(code) for code in range(1, 0x110000) if not 0xD800 <= code < 0xE000]
    alike = [char for char in characters if (folded := fold(f"a{char}z")) and folded.isascii()]
    assert len(alike) > 1500
    with psycopg.connect(database.owner) as connection:
        rows = connection.execute(
            "SELECT c, placet_gate.fold('a' || c || 'z') FROM unnest(%s::text[]) c", [alike]
        ).fetchall()
    assert {char: said for char, said in rows if said != fold(f"a{char}z")} == {}


@pytest.mark.parametrize("pattern", ["champion", "prod-*", "p?od", "[cp]*", "[!x]y", "a.b", "a*b*", "x[", "groß", "ä*"])
def test_patterns_match_in_the_database_as_in_the_plugin(database, pattern):
    folded = fold(pattern)
    names = [
        "champion",
        "prod-",
        "prod-eu",
        "prod",
        "pod",
        "xy",
        "zy",
        "a.b",
        "aXb",
        "a-b-b",
        "x[",
        "gross",
        "GROß",
        "ähm",
        "\\",
    ]
    with psycopg.connect(database.owner) as connection:
        for name in names:
            row = connection.execute("SELECT placet_gate.fold(%s) ~ %s", [name, hardening_sql.regex(folded)]).fetchone()
            assert row == (is_protected_alias(name, [folded]),), name


# --- the command -------------------------------------------------------------------------------------------------


def test_check_reports_what_is_switched_off_and_the_health_page_says_so(hardened, settings):
    role = urlsplit(hardened.server).username
    call_command("harden_mlflow_db", url=hardened.owner, check=True, server_role=role)
    assert (hardening.sign().value, hardening.sign().tone) == ("hardened", "ok")
    with psycopg.connect(hardened.superuser, autocommit=True) as connection:
        connection.execute("ALTER TABLE model_versions DISABLE TRIGGER placet_guard")
    settings.PROTECTED_ALIASES = (*settings.PROTECTED_ALIASES, "live")
    with pytest.raises(CommandError) as said:
        call_command("harden_mlflow_db", url=hardened.owner, check=True)
    assert "trigger placet_guard on model_versions is missing or switched off" in str(said.value)
    assert "^(?:live)$ is not protected there" in str(said.value)
    assert hardening.sign().tone == "bad"
    call_command("harden_mlflow_db", url=hardened.owner)  # mends it, and keeps the key
    call_command("harden_mlflow_db", url=hardened.owner, check=True)
    hardened.refused(ALIAS, ("m", "live", 1))
    live(hardened)


def test_a_role_that_owns_the_tables_is_no_role_for_the_server(hardened):
    with pytest.raises(CommandError, match="off again: it makes roles; it owns MLflow's tables"):
        call_command("harden_mlflow_db", url=hardened.owner, server_role=urlsplit(hardened.owner).username)
    with pytest.raises(CommandError, match="belongs to another role"):
        call_command("harden_mlflow_db", url=hardened.server)


def test_remove_restores_and_a_dry_run_changes_nothing(hardened):
    out = StringIO()
    call_command("harden_mlflow_db", url=hardened.owner, remove=True, dry_run=True, stdout=out)
    assert "would change" in out.getvalue()
    hardened.refused(ALIAS, ("m", "champion", 1))
    call_command("harden_mlflow_db", url=hardened.owner, remove=True)
    try:
        hardened.run(ALIAS, ("m", "champion", 1))
        with pytest.raises(CommandError, match="there is no schema placet_gate"):
            call_command("harden_mlflow_db", url=hardened.owner, check=True)
        call_command("harden_mlflow_db", url=hardened.owner, dry_run=True, stdout=out)
        hardened.run("DELETE FROM registered_model_aliases")
    finally:
        out = StringIO()
        call_command("harden_mlflow_db", url=hardened.owner, stdout=out)
        hardened.key = bytes.fromhex(out.getvalue().partition("this once: ")[2].split()[0])
    live(hardened)


# --- MLflow itself -----------------------------------------------------------------------------------------------

CLIENT = """
import sys
from mlflow import MlflowClient
client = MlflowClient(tracking_uri={url!r}, registry_uri={url!r})
client.set_registered_model_alias("m", "challenger", "2")
try:
    client.set_registered_model_alias("m", "champion", "2")
except Exception as refusal:
    print(type(refusal).__name__, refusal)
"""


def test_a_stock_client_on_the_database_is_refused_with_a_sentence(hardened, tmp_path):
    code = CLIENT.format(url=hardened.server.replace("postgresql://", "postgresql+psycopg://"))
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=quiet,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "[governance] Placet has not allowed champion of model m to change" in done.stdout
    assert hardened.aliases() == {"challenger": 2}


@pytest.mark.django_db
def test_a_second_server_is_refused_and_a_superuser_is_found_by_the_reconciler(hardened, settings):
    import httpx

    a_user(Role.ADMINISTRATOR)
    with serving(hardened.server) as server:
        settings.MLFLOW_TRACKING_URI, settings.MLFLOW_USERNAME = server.url, ""
        asked = {"name": "m", "alias": "champion", "version": "2"}
        refused = httpx.post(f"{server.url}/api/2.0/mlflow/registered-models/alias", json=asked)
        assert refused.status_code >= 400
        assert "Placet has not allowed champion of model m" in refused.text
        reconcile.run_pass("aliases", reconcile.watch_aliases)
        assert not Finding.objects.exists()
        with psycopg.connect(hardened.superuser, autocommit=True) as connection:
            connection.execute("ALTER TABLE registered_model_aliases DISABLE TRIGGER placet_guard")
            connection.execute(ALIAS, ("m", "champion", 2))
            connection.execute("ALTER TABLE registered_model_aliases ENABLE ALWAYS TRIGGER placet_guard")
        reconcile.run_pass("aliases", reconcile.watch_aliases)
    assert Finding.objects.get().title.startswith("Unapproved champion: MLflow has m version 2")
