"""Who holds which secret, and how secrets and keys lie on disk."""

import base64
import hashlib
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from governance.common.embedded import secrets
from governance.common.embedded.environment import ROLES, Addresses, compose, external_servers
from governance.common.embedded.layout import EmbeddedError, Layout

PORTS = {"web": 8000, "mlflow": 5000, "postgres": 5433, "valkey": 6380}
SECRET = {  # secret -> who may hold it
    "postgres-superuser": {"bootstrap", "test"},
    "postgres-owner": {"owner", "bootstrap", "test"},
    "postgres-app": {"web", "worker", "evidence", "beat", "app", "bootstrap", "test"},
    "postgres-notary": {"notary", "bootstrap", "test"},
    "postgres-privacy": {"privacy", "bootstrap", "test"},
    "postgres-mlflow": {"mlflow", "bootstrap"},
    "valkey": {"web", "worker", "evidence", "beat", "app", "test"},
    "web-secret-key": {"web", "app", "test"},
    "gate-token": {"web", "mlflow", "test"},
    "notice-key": {"web", "worker"},
    "records-key": {"web", "app"},
    "mlflow-webhook-secret": {"web", "worker"},
    "mlflow-admin": {"mlflow-admin"},
    "mlflow-placet": {"worker", "evidence", "mlflow-admin", "test"},
    "mlflow-ml-engineer": {"engineer"},
    "mlflow-flask-secret-key": {"mlflow"},
}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout.at(tmp_path / "var")
    secrets.create_all(made)
    return made


def test_each_role_holds_its_own_secrets_and_no_others(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_OWNER_URL", "postgresql://stray@127.0.0.1/placet")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "stray")
    environments = {role: compose(layout, Addresses(PORTS), role) for role in ROLES}
    assert set(SECRET) == set(secrets.PASSWORDS)
    holders = {
        name: {
            role
            for role, env in environments.items()
            if any(secrets.password(layout, name) in value for value in env.values())
        }
        for name in secrets.PASSWORDS
    }
    assert holders == SECRET
    assert [role for role, env in environments.items() if "stray" in str(env.values())] == []


def test_only_the_notary_and_a_test_run_learn_where_the_signing_keys_are(layout: Layout) -> None:
    told = {role for role in ROLES if "PLACET_LOG_KEY_FILE" in compose(layout, Addresses(PORTS), role)}
    assert told == {"notary", "test"}


def test_only_the_notary_learns_where_checkpoints_go(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = {"PLACET_ANCHORS": "folder: mailto:a@b.example", "PLACET_EMAIL_URL": "smtps://u:secret@mail.example"}
    assert compose(layout, Addresses(PORTS), "notary")["PLACET_ANCHORS"] == "folder:"
    for name, value in mine.items():
        monkeypatch.setenv(name, value)
    told = {role: compose(layout, Addresses(PORTS), role).items() & mine.items() for role in ROLES}
    assert {role for role, variables in told.items() if variables} == {"notary", "worker"}
    assert dict(told["notary"]) == mine
    assert dict(told["worker"]) == {"PLACET_EMAIL_URL": mine["PLACET_EMAIL_URL"]}


def test_every_variable_of_the_table_has_a_value(layout: Layout) -> None:
    of_a_provider = {"PLACET_OIDC_CLIENT_SECRET", "PLACET_OIDC_CLIENT_SECRET_FILE"}  # only who has one sets them
    for role, names in ROLES.items():
        assert set(names) - of_a_provider <= set(compose(layout, Addresses(PORTS), role)), role


def test_an_unknown_role_is_refused_with_the_list(layout: Layout) -> None:
    with pytest.raises(EmbeddedError, match="no role 'admin'; the roles are web, worker"):
        compose(layout, Addresses(PORTS), "admin")


def test_mlflow_is_given_psycopg_3_and_the_governed_registry(layout: Layout) -> None:
    env = compose(layout, Addresses(PORTS), "mlflow")
    assert env["MLFLOW_BACKEND_STORE_URI"].startswith("postgresql+psycopg://mlflow:")
    assert env["MLFLOW_REGISTRY_STORE_URI"] == f"governed+{env['MLFLOW_BACKEND_STORE_URI']}"


def test_servers_of_the_users_own_replace_the_embedded_urls(layout: Layout) -> None:
    environ = {f"DATABASE_{name}URL": f"postgresql://{name}@db/x" for name in ("", "OWNER_", "NOTARY_", "PRIVACY_")} | {
        "REDIS_URL": "redis://broker/0"
    }
    addresses = Addresses({"web": 8000}, external_servers(environ))
    assert compose(layout, addresses, "worker")["DATABASE_URL"] == environ["DATABASE_URL"]
    assert compose(layout, addresses, "worker")["REDIS_URL"] == "redis://broker/0"
    assert compose(layout, addresses, "notary")["DATABASE_NOTARY_URL"] == environ["DATABASE_NOTARY_URL"]


def test_secrets_are_readable_by_their_owner_only_and_stay_the_same(layout: Layout) -> None:
    private = [*layout.secrets.iterdir(), *layout.keys.glob("*.pem")]
    before = {path: path.read_bytes() for path in private}
    assert len(before) == len(secrets.PASSWORDS) + 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}
    assert stat.S_IMODE(layout.secrets.stat().st_mode) == 0o700
    secrets.create_all(layout)
    assert {path: path.read_bytes() for path in private} == before


def test_two_folders_share_neither_passwords_nor_keys_nor_the_origin(layout: Layout, tmp_path: Path) -> None:
    other = Layout.at(tmp_path / "other")
    secrets.create_all(other)
    for name in secrets.PASSWORDS:
        assert secrets.password(layout, name) != secrets.password(other, name)
    assert secrets.origin(layout) != secrets.origin(other)
    assert secrets.log_key_file(layout).read_bytes() != secrets.log_key_file(other).read_bytes()


def test_the_trust_file_names_the_public_halves_of_both_keys(layout: Layout) -> None:
    lines = dict(
        line.split(" ") for line in secrets.trust_file(layout).read_text().splitlines() if not line.startswith("#")
    )
    assert set(lines) == {"log", "permit"}
    for kind, name in (("log", secrets.origin(layout)), ("permit", f"{secrets.origin(layout)}/permit")):
        pem = (layout.keys / f"{kind}.pem").read_bytes()
        key = serialization.load_pem_private_key(pem, password=None)
        assert isinstance(key, Ed25519PrivateKey)
        assert pem.startswith(b"-----BEGIN PRIVATE KEY-----")  # PKCS8
        raw = key.public_key().public_bytes_raw()
        key_name, key_id, material = lines[kind].split("+", 2)
        assert key_name == name
        assert base64.b64decode(material) == b"\x01" + raw
        assert key_id == hashlib.sha256(name.encode() + b"\n\x01" + raw).hexdigest()[:8]


def test_a_rotated_trust_file_is_left_alone(layout: Layout) -> None:
    trust = secrets.trust_file(layout)
    trust.write_text(trust.read_text() + "log older+00000000+AAAA\n")
    secrets.create_all(layout)
    assert "log older+" in trust.read_text()
