"""Whatever a user can set, call, read or be refused with stands in docs/reference."""

import ast
import re
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest
from django.core.management import get_commands

from governance.audit.events import Event
from governance.common.errors import DomainError
from reports.models import Document
from tests.arch.tree import ROOT, project_files

REFERENCE = ROOT / "docs" / "reference"
NOT_SETTINGS = {
    "PLACET_REQUEST_ID": "a key of Django's request.META",
    "PLACET_SUPERVISOR": "a mark by which the local supervisor knows its own processes again",
}
PRODUCT = ("governance", "registry", "monitoring", "reports", "client", "examples")
VARIABLE = re.compile(r"(?:PLACET|DATABASE|REDIS|MLFLOW)_[A-Z0-9_]*[A-Z0-9]|DATABASE_URL|MODEL_URI|DO_NOT_TRACK")


def page(name: str) -> str:
    """Return a page of the reference."""
    return (REFERENCE / f"{name}.md").read_text()


def missing(names: set[str], text: str) -> set[str]:
    """Return the names that no code span of ``text`` is, begins with or holds as a word."""
    spans = re.findall(r"`([^`\n]+)`", text)
    words = {word for span in spans for word in re.split(r"[ ,=]+", span)}
    return {
        name for name in names if name not in words and not any(f"{span} ".startswith(f"{name} ") for span in spans)
    }


def test_every_event():
    assert missing({str(event) for event in Event}, page("events")) == set()


def test_every_kind_of_document_with_its_name():
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (.+?) \|", page("documents"), re.MULTILINE))
    assert rows.pop("kind") == "Document"
    assert rows == {kind.value: str(kind.label) for kind in Document.Kind}


def test_every_setting():
    found = set()
    for path in project_files(".py"):
        if path.relative_to(ROOT).parts[0] not in PRODUCT:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and VARIABLE.fullmatch(node.value):
                found.add(node.value)
    assert len(found) > 30
    assert missing(found - NOT_SETTINGS.keys(), page("settings")) == set()


def domain_errors(base: type[DomainError] = DomainError) -> set[type[DomainError]]:
    """Return every refusal of the product, with all modules imported that could define one."""
    if base is DomainError:
        for package in ("governance", "registry", "monitoring", "reports"):
            for module in walk_packages(import_module(package).__path__, f"{package}."):
                if module.name.rpartition(".")[2] in {
                    "errors",
                    "services",
                    "problems",
                    "findings",
                    "idempotency",
                    "narrow",
                    "preconditions",
                }:
                    import_module(module.name)
    return {kind for sub in base.__subclasses__() for kind in {sub, *domain_errors(sub)}}


def test_every_problem_with_its_status():
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \|", page("problems"), flags=re.MULTILINE))
    kinds = domain_errors()
    assert len(kinds) > 30
    assert {kind.code(): str(kind.status) for kind in kinds}.items() <= rows.items()


def test_every_refusal_is_defined_where_the_reference_looks_for_it():
    defined = {
        path.relative_to(ROOT)
        for path in project_files(".py")
        if path.relative_to(ROOT).parts[0] in {"governance", "registry", "monitoring", "reports"}
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        and any(
            isinstance(base, ast.Name) and base.id in {k.__name__ for k in {DomainError, *domain_errors()}}
            for base in node.bases
        )
    }
    known = {Path(kind.__module__.replace(".", "/") + ".py") for kind in {DomainError, *domain_errors()}}
    assert defined <= known


def test_every_make_target():
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert len(targets) > 10
    assert missing({f"make {target}" for target in targets}, page("commands")) == set()


def test_every_management_command():
    ours = {
        name
        for name, app in get_commands().items()
        if app.startswith(("governance", "registry", "monitoring", "reports"))
    }
    assert {"bootstrap_roles", "notary", "seed_demo"} <= ours
    assert missing(ours, page("commands")) == set()


def test_every_command_of_the_client():
    from placet.commands import app

    names = {command.name or command.callback.__name__ for command in app.registered_commands}
    for group in app.registered_groups:
        below = group.typer_instance.registered_commands
        names |= {f"{group.name} {command.name or command.callback.__name__}" for command in below}
    assert {"verify", "policy lint", "policy replay"} <= names
    assert {name for name in names if f"`placet {name}" not in page("commands")} == set()


def test_every_exit_code_of_the_client():
    assert all(f"**{code}**" in page("commands") for code in (0, 1, 2, 3, 4))


def test_every_command_and_role_of_the_local_start():
    from governance.common.embedded import environment
    from governance.common.embedded.__main__ import _parser

    commands = next(action for action in _parser()._actions if action.dest == "command")
    assert missing({*commands.choices, *environment.ROLES}, page("commands")) == set()


def test_every_scope_of_a_token():
    from governance.accounts.services import SCOPES

    assert missing(set(SCOPES), page("api")) == set()


def test_every_state():
    from governance.approvals.models import State
    from registry.models import PromotionRequest

    assert missing({*State.values, *PromotionRequest.State.values}, page("states")) == set()


def test_every_evidence_type_and_every_path_that_a_policy_may_name():
    from governance.evidence import schemas
    from governance.evidence.projection import ALL_METRICS, CALIBRATION, CHANGES, all_declared
    from governance.evidence.projections_fairness import OF_NUMBERS, PAIRS

    text = page("evidence")
    assert missing(set(schemas.TYPES), text) == set()
    own = {"unperturbed", "smallest_group", "smallest_class"}
    families = {*ALL_METRICS, *CALIBRATION, *PAIRS, *OF_NUMBERS, *CHANGES, *own}
    assert missing({*PAIRS, *OF_NUMBERS}, text) == set()
    for kind, paths in all_declared().items():
        for path in paths:
            parts = path.replace("<feature>.", "").replace("intersections.", "").split(".")
            last = parts[-1] if parts[0] in families else path
            assert last in text, f"evidence.{kind}.{path}"
            assert parts[0] in text, f"evidence.{kind}.{path}"


@pytest.mark.parametrize("outcome", ["pass", "fail", "insufficient", "missing", "not_applicable"])
def test_every_outcome(outcome):
    assert f"`{outcome}`" in page("states")
