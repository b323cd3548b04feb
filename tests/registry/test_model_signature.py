"""What the notary signs of a permitted model, the stock ``model_signing`` tool verifies, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.db import DatabaseError, connection
from django.test import Client

from governance.audit import selectors as log
from governance.audit.events import Event
from governance.evidence import storage
from placet.digests import artifact_manifest
from placet.model_signature import (
    InvalidModelSignature,
    build_bundle,
    check_bundle,
    load_key,
    public_pem,
    read_manifest,
)
from registry.models import ModelSignature, Permit
from tests.registry.mlflow_double import MLMODEL
from tests.reports.factories import notarise
from tests.roles import as_role

FILES = {"MLmodel": MLMODEL, "data/weights.bin": b"\1\2\3" * 1000, "ümläut.txt": b"x"}


def a_key(path: Path) -> Path:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(pem)
    path.with_suffix(".pub").write_bytes(public_pem(load_key(path).public_key()))
    return path


@pytest.fixture(autouse=True)
def no_key(settings) -> None:
    """The environment of the tests names a key, as every process's does; here a test says when there is one."""
    settings.MODEL_SIGNING_KEY_FILE = ""


@pytest.fixture
def key(no_key, tmp_path, settings) -> Path:
    settings.MODEL_SIGNING_KEY_FILE = str(a_key(tmp_path / "model-signing.pem"))
    return tmp_path / "model-signing.pem"


@pytest.fixture
def folder(tmp_path) -> Path:
    """The model's files."""
    made = tmp_path / "model"
    for name, content in FILES.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(content)
    return made


@pytest.fixture
def permit(committed_cast, folder, tmp_path) -> Permit:
    """A permit for these files, whose list was kept when the version was mirrored; signed too if there is a key."""
    manifest = artifact_manifest(folder)
    storage.put(manifest.content)
    digests = {"artifact_digest": manifest.root_digest, "manifest_digest": manifest.digest}
    made = committed_cast.signed(committed_cast.promotion(**digests))
    notarise(tmp_path)
    return Permit.objects.get(approval=made.approval)


def stock_tool(folder: Path, signature: Path, key: Path) -> tuple[int, str]:
    command = [sys.executable, "-W", "ignore", "-m", "model_signing", "verify", "key", str(folder)]
    command += ["--signature", str(signature), "--public_key", str(key.with_suffix(".pub")), "--no-ignore-git-paths"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_stock_tool_verifies_the_folder_and_sees_every_change(key, permit, folder, tmp_path):
    notarise(tmp_path)
    answer = Client().get(f"/api/v1/permits/{permit.digest}/model-signature")
    signature = tmp_path / "model.sig"
    signature.write_bytes(answer.content)
    assert stock_tool(folder, signature, key)[0] == 0
    elsewhere = shutil.copytree(folder, tmp_path / "another name")
    assert stock_tool(elsewhere, signature, key)[0] == 0
    weights = folder / "data/weights.bin"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    code, said = stock_tool(folder, signature, key)
    assert (code != 0, "weights.bin" in said) == (True, True)
    for added in ("extra.py", ".git/hook.py"):
        target = elsewhere / added
        target.parent.mkdir(exist_ok=True)
        target.write_text("evil = True")
        code, said = stock_tool(elsewhere, signature, key)
        assert (code != 0, added.rpartition("/")[2] in said) == (True, True)
        target.unlink()
    (elsewhere / "MLmodel").rename(elsewhere / "MLmodel2")
    assert stock_tool(elsewhere, signature, key)[0] != 0
    other = a_key(tmp_path / "other.pem")
    assert stock_tool(folder, signature, other)[0] != 0


def test_each_permit_is_signed_once_by_each_key_and_the_log_says_so(key, permit, tmp_path, settings):
    notarise(tmp_path)
    row = ModelSignature.objects.get()
    said = [e.parsed["data"] for e in log.entries_naming("registry_modelsignature", [row.pk])]
    assert said == [
        {
            "permit": permit.digest,
            "artifact": row.permit.approval.subject_digest,
            "signature": row.digest,
            "key": row.key_hint,
        }
    ]
    settings.MODEL_SIGNING_KEY_FILE = str(a_key(tmp_path / "next.pem"))  # rotation: what is permitted is signed anew
    notarise(tmp_path)
    assert ModelSignature.objects.count() == 2
    newest = Client().get(f"/api/v1/permits/{permit.digest}/model-signature").json()
    check_bundle(newest, artifact_manifest(tmp_path / "model"), load_key(tmp_path / "next.pem").public_key())


def test_without_a_key_or_a_list_of_files_nothing_is_signed_and_the_permit_stands(committed_cast, tmp_path, settings):
    made = committed_cast.approved()  # mirrored without keeping its list
    for _ in range(2):
        notarise(tmp_path)
        settings.MODEL_SIGNING_KEY_FILE = str(a_key(tmp_path / "model-signing.pem"))
    permit = Permit.objects.get(approval=made.approval)
    answer = Client().get(f"/api/v1/permits/{permit.digest}/model-signature")
    assert (answer.status_code, "no list of files was kept" in answer.json()["detail"]) == (404, True)
    assert Client().get("/api/v1/permits/nonsense/model-signature").status_code == 404


def test_a_list_that_was_changed_in_the_storage_is_not_signed(permit, key, folder, tmp_path):
    path = storage.path_of(artifact_manifest(folder).digest)
    path.chmod(0o644)
    genuine = path.read_bytes()
    try:
        path.write_bytes(genuine.replace(b"MLmodel", b"MLmodem"))
        notarise(tmp_path)
        assert not ModelSignature.objects.exists()
    finally:
        path.write_bytes(genuine)
    notarise(tmp_path)
    assert ModelSignature.objects.exists()


def test_only_the_notary_writes_a_signature(key, permit, tmp_path):
    notarise(tmp_path)
    changed = "jsonb_build_object('id', gen_random_uuid(), 'key_hint', 'other')"
    copy = f"SELECT (jsonb_populate_record(s, {changed})).* FROM registry_modelsignature s"
    for statement in (
        f"INSERT INTO registry_modelsignature {copy}",
        "UPDATE registry_modelsignature SET bundle = ''",
        "DELETE FROM registry_modelsignature",
    ):
        with as_role("app"), pytest.raises(DatabaseError), connection.cursor() as cursor:
            cursor.execute(statement)


def test_the_mirror_keeps_the_list_of_files_by_its_digest(cast, tracking):
    from registry import reconcile
    from tests.factories import a_model

    model = a_model(cast.system)
    tracking.add(model.name, 1)
    reconcile.run_pass("new-versions", reconcile.mirror_registry)
    version = model.versions.get()
    kept = read_manifest(storage.get(version.manifest_digest))
    assert (kept.root_digest, kept.digest) == (version.artifact_digest, version.manifest_digest)
    assert [file.path for file in kept.files] == ["MLmodel", "model.skops"]


def test_our_own_check_refuses_what_the_stock_tool_refuses(folder, tmp_path):
    manifest, key = artifact_manifest(folder), load_key(a_key(tmp_path / "k.pem"))
    bundle = build_bundle(manifest, name="credit-risk/1", key=key)
    check_bundle(bundle, manifest, key.public_key())
    (folder / "extra.py").write_text("")
    stranger = load_key(a_key(tmp_path / "s.pem")).public_key()
    for broken, files, public in [
        (bundle, artifact_manifest(folder), key.public_key()),
        (bundle, manifest, stranger),
        ({}, manifest, key.public_key()),
    ]:
        with pytest.raises(InvalidModelSignature):
            check_bundle(broken, files, public)


@pytest.mark.parametrize("content", [b"", b"[1]", b"{}", b'[{"path":"a","size":1,"digest":"x"}]', b'[{"a": 1}]'])
def test_what_is_no_list_of_files_is_not_read_as_one(content):
    with pytest.raises(ValueError, match=r"not|JSON"):
        read_manifest(content)


def test_only_a_p256_key_signs_models(tmp_path):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    for key in (ec.generate_private_key(ec.SECP384R1()), Ed25519PrivateKey.generate()):
        encoding = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        (tmp_path / "k.pem").write_bytes(key.private_bytes(*encoding))
        with pytest.raises(ValueError, match="no P-256 key"):
            load_key(tmp_path / "k.pem")
    assert Event.MODEL_SIGNED
