"""The artifact digest is the OpenSSF Model Signing root digest, and anything that is no regular file is refused."""

import hashlib
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placet.digests import UnusableArtifact, artifact_digest, artifact_manifest, file_digest, hex_of, is_digest, sha256


def a_model(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def stock_root_digest(folder):
    hashing = pytest.importorskip("model_signing.hashing")
    from model_signing._signing.signing import Payload

    config = hashing.Config().use_file_serialization(hashing_algorithm="sha256", allow_symlinks=False)
    manifest = config.set_ignored_paths(paths=[], ignore_git_paths=False).hash(folder)
    return "sha256:" + Payload(manifest).statement.pb.subject[0].digest["sha256"]


@pytest.mark.parametrize(
    "files",
    [
        {"MLmodel": b"a", "model.pkl": b"b"},
        {"a/b.txt": b"1", "a.txt": b"2", "a-b": b"3", "a/b/c": b"4", "A": b"5"}
        if os.name != "posix"
        else {"a/b.txt": b"1", "a.txt": b"2", "a-b": b"3", "a0/c": b"4", "A": b"5"},
        {".git/config": b"x", ".gitignore": b"y", ".gitattributes": b"z", "m": b""},
        {"ümlaut/é": b"1", "\U00010000": b"2", "\ue000": b"3", "z": b"4"},
        {"one": b"\x00" * 3_000_000},
        {"same1": b"x", "same2": b"x", "d/e/f/g/h": b"deep"},
    ],
)
def test_the_root_digest_is_the_stock_tools(tmp_path, files):
    folder = a_model(tmp_path / "model", files)
    (folder / "empty-folder").mkdir()
    assert artifact_digest(folder) == stock_root_digest(folder)


names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=6).filter(
    lambda n: n not in {".", ".."} and len(n.encode()) < 50
)


@given(
    st.dictionaries(st.lists(names, min_size=1, max_size=3).map(tuple), st.binary(max_size=20), min_size=1, max_size=8)
)
@settings(deadline=None, max_examples=40)
def test_any_tree_has_the_stock_tools_digest(tmp_path_factory, tree):
    folder = tmp_path_factory.mktemp("tree")
    for parts, content in tree.items():
        path = folder.joinpath(*parts)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError:  # a name is a file here and a folder there
            continue
    assert artifact_digest(folder) == stock_root_digest(folder)


def test_one_file_alone_has_the_stock_tools_digest(tmp_path):
    (tmp_path / "m.bin").write_bytes(b"weights")
    assert artifact_digest(tmp_path / "m.bin") == stock_root_digest(tmp_path / "m.bin")


def test_one_changed_byte_a_removed_and_an_added_file_change_the_digest(tmp_path):
    folder = a_model(tmp_path / "m", {"MLmodel": b"abc", "model.pkl": b"b"})
    before = artifact_digest(folder)
    (folder / "MLmodel").write_bytes(b"abx")
    changed = artifact_digest(folder)
    (folder / "MLmodel").write_bytes(b"abc")
    assert artifact_digest(folder) == before
    (folder / "extra").write_bytes(b"")
    assert len({before, changed, artifact_digest(folder)}) == 3


def test_a_renamed_file_keeps_the_root_digest_but_not_the_manifests(tmp_path):
    one = artifact_manifest(a_model(tmp_path / "1", {"a": b"1", "b": b"2"}))
    two = artifact_manifest(a_model(tmp_path / "2", {"a": b"1", "c": b"2"}))
    assert one.root_digest == two.root_digest
    assert one.digest != two.digest


def test_a_symbolic_link_a_pipe_and_an_empty_folder_are_refused(tmp_path):
    folder = a_model(tmp_path / "m", {"a": b"1"})
    (folder / "link").symlink_to("a")
    with pytest.raises(UnusableArtifact, match="symbolic link"):
        artifact_digest(folder)
    (folder / "link").unlink()
    os.mkfifo(folder / "pipe")
    with pytest.raises(UnusableArtifact, match="not a regular file"):
        artifact_digest(folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnusableArtifact, match="holds no file"):
        artifact_digest(tmp_path / "empty")
    (tmp_path / "alias").symlink_to(folder)
    with pytest.raises(UnusableArtifact, match="symbolic link"):
        artifact_digest(tmp_path / "alias")


def test_digest_strings(tmp_path):
    (tmp_path / "f").write_bytes(b"hello")
    expected = "sha256:" + hashlib.sha256(b"hello").hexdigest()
    assert file_digest(tmp_path / "f") == sha256(b"hello") == expected
    assert is_digest(expected)
    assert not any(map(is_digest, [expected.upper(), expected[:-1], expected + "\n", "md5:abc", None, 5]))
    with pytest.raises(ValueError, match="not a digest"):
        hex_of("sha256:xyz")
