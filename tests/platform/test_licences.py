"""What Placet depends on: licences that fit, and a bill of materials that holds all of it."""

from __future__ import annotations

import json
from email.message import Message
from pathlib import Path
from types import ModuleType

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.platform.test_makefile import a_script

ALLOWED = {"MIT": "permissive", "MPL-2.0": "files alone", "Apache-2.0 WITH LLVM-exception": "the same"}


@pytest.fixture
def judge(repository: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(repository / "scripts"))
    return a_script(repository, "licences")


def metadata(**headers: str) -> Message:
    made = Message()
    for name, text in headers.items():
        for line in text.split(" | "):
            made[name.replace("_", "-")] = line
    return made


@pytest.mark.parametrize(
    ("expression", "fits"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("MIT AND GPL-3.0-only", False),
        ("MIT OR GPL-3.0-only", True),
        ("(GPL-3.0-only OR MIT) AND MPL-2.0", True),
        ("Apache-2.0 WITH LLVM-exception AND MIT", True),
        ("Apache-2.0", False),
    ],
)
def test_all_of_and_and_one_of_or_have_to_be_allowed(judge, expression, fits):
    assert judge.fits(expression, ALLOWED) is fits


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"License_Expression": "MIT", "License": "Nonsense"}, ["MIT"]),
        ({"License": "MIT License", "Classifier": "License :: OSI Approved :: BSD License"}, ["MIT License"]),
        ({"Classifier": "Topic :: Tax | License :: OSI Approved :: BSD License"}, ["BSD License"]),
        (
            {"License": "Copyright\n of all", "Classifier": "License :: OSI Approved :: A | License :: B"},
            ["A", "B"],
        ),
        ({"License": "MIT License\n\nPermission is"}, ["MIT License"]),
        ({}, []),
    ],
)
def test_what_a_distribution_says_is_read_from_the_most_exact_place(judge, headers, said):
    assert judge.statements(metadata(**headers)) == said


def test_what_is_unclear_unfit_or_stale_is_said_with_what_to_do(judge):
    given = {
        "allowed": ALLOWED,
        "names": {"MIT License": "MIT"},
        "read": {
            "old": {"version": "1.0", "licence": "MIT", "why": "x"},
            "read": {"version": "1.0", "licence": "MIT", "why": "x"},
            "gone": {"version": "1.0", "licence": "MIT", "why": "x"},
        },
    }
    pinned = {name: {"1.0"} for name in ("good", "read", "unfit", "double", "silent", "absent", "odd")} | {
        "old": {"2.0"}
    }
    said = {
        "good": ["MIT License"],
        "unfit": ["GPL-3.0-only"],
        "double": ["MIT", "MPL-2.0"],
        "silent": [],
        "odd": ["GNU (v3"],
    }
    found, problems = judge.licences(pinned, said, given)
    assert found["good"] == found["read"] == "MIT"
    assert sorted(problems) == [
        "absent: it is not installed here; enter its licence under `read`",
        "double: its metadata says MIT and MPL-2.0; read its licence and enter it under `read`",
        "gone: no longer a dependency; take it out of `read`",
        "odd: 'GNU (v3' is no SPDX expression; enter what it means under `names`",
        "old: its licence was read in 1.0; read it in 2.0 and enter that under `read`",
        "silent: its metadata says nothing; read its licence and enter it under `read`",
        "unfit: GPL-3.0-only is not among the allowed licences",
    ]


def test_every_copied_file_is_of_a_source_that_is_judged(judge, repository):
    sources = judge.vendored()
    for folder in judge.VENDORED:
        rows = (repository / folder / "README.md").read_text().count("| npm `")
        assert rows == sum(one.folder == folder for one in sources) > 0


def test_the_bill_of_materials_holds_the_whole_lock_and_is_valid(judge, repository, tmp_path, capsys):
    script = a_script(repository, "sbom")
    targets = [tmp_path / "one.json", tmp_path / "two.json"]
    assert [script.main(str(target)) for target in targets] == [0, 0]
    assert targets[0].read_bytes() == targets[1].read_bytes()
    text = targets[0].read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    components = {component["bom-ref"]: component for component in bill["components"]}
    pinned = judge.pins((repository / "requirements.lock").read_text())
    assert {ref for ref in components if ref.startswith("pkg:pypi/")} == {
        f"pkg:pypi/{name}@{version}" for name, versions in pinned.items() for version in versions
    }
    for component in components.values():
        assert component["licenses"][0]["expression"]
        if component["purl"].startswith("pkg:pypi/"):
            assert component["externalReferences"][0]["hashes"]
    files = {file["name"] for component in components.values() for file in component.get("components", ())}
    for folder in judge.VENDORED:
        on_disk = {
            *(repository / folder).glob("*.css"),
            *(repository / folder).glob("*.woff2"),
            *(repository / folder).glob("*.ttf"),
        }
        assert {str(path.relative_to(repository)) for path in on_disk} == {
            name for name in files if name.startswith(folder)
        }
    needed = {ref: set(edge.get("dependsOn", ())) for edge in bill["dependencies"] for ref in [edge["ref"]]}
    assert needed.keys() == {*components, bill["metadata"]["component"]["bom-ref"]} - {
        ref for ref in components if ref.startswith("pkg:npm/")
    }
    assert set(components) == set().union(*needed.values())  # nothing hangs in the air
    (psycopg,) = [ref for ref in components if ref.startswith("pkg:pypi/psycopg@")]
    assert any(ref.startswith("pkg:pypi/psycopg-binary@") for ref in needed[psycopg])  # an extra counts


def test_a_bill_that_the_schema_refuses_is_not_written(judge, repository, tmp_path, monkeypatch):
    script = a_script(repository, "sbom")
    monkeypatch.setattr(script, "bill", lambda: {"bomFormat": "CycloneDX", "specVersion": "1.6", "oops": 1})
    assert script.main(str(tmp_path / "no.json")) == 1
    assert not (tmp_path / "no.json").exists()
