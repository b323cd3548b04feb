"""docker-compose.yml and the Dockerfile cannot be run here, so what they name is held against what exists."""

import re
import shlex
import stat
from collections.abc import Iterator
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from governance.common.embedded import containers
from governance.common.embedded.environment import INHERITED, ROLES
from governance.common.embedded.layout import EmbeddedError

COMPOSE = "docker-compose.yml"
OWN = "placet:"
SUBCOMMANDS_OF_OTHERS = {"migrate", "check"}  # Django's own
MLFLOW_OWN = re.compile(r"MLFLOW_|DO_NOT_TRACK$")


@pytest.fixture
def compose(repository: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((repository / COMPOSE).read_text())
    return loaded


@pytest.fixture
def services(compose: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = compose["services"]
    return found


def commands(services: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Every command of our own image, the parts of a shell line one by one."""
    for name, service in services.items():
        if service["image"].startswith(OWN):
            command = service["command"]
            if command[:2] == ["sh", "-c"]:
                for part in command[2].split("&&"):
                    yield name, shlex.split(part)
            else:
                yield name, command


def test_every_process_of_the_design_is_a_service(services: dict[str, Any]) -> None:
    long_running = {name for name, service in services.items() if service.get("restart") == "unless-stopped"}
    assert long_running == {
        *("postgres", "valkey", "mlflow", "web", "worker", "evidence-worker", "beat", "notary"),
    }
    once = {name for name, service in services.items() if service.get("restart") == "no"}
    assert once == {"bootstrap", "migrate", "mlflow-users"}
    assert once | long_running == set(services)


def test_every_command_names_something_that_exists(services: dict[str, Any], repository: Path) -> None:
    scripts = {entry.name for entry in entry_points(group="console_scripts")}
    seen = set()
    for name, command in commands(services):
        seen.add(name)
        program, *rest = command
        if program != "python":
            assert program in scripts, f"{name}: no program {program}"
        if program == "celery":
            assert rest[:2] == ["-A", "governance.config.celery"]
            assert (repository / "governance/config/celery.py").is_file()
        elif program == "gunicorn":
            assert (repository / (rest[0].replace(".", "/") + ".py")).is_file()
        elif rest[:1] == ["manage.py"]:
            assert rest[1] in SUBCOMMANDS_OF_OTHERS | own_subcommands(repository), f"{name}: manage.py {rest[1]}"
        elif program == "python":
            assert rest[:2] == ["-m", "governance.common.embedded"]
            main = (repository / "governance/common/embedded/__main__.py").read_text()
            assert f'add_parser("{rest[2]}"' in main
    assert seen == {name for name, service in services.items() if service["image"].startswith(OWN)}


def own_subcommands(repository: Path) -> set[str]:
    return {
        path.stem
        for package in ("governance", "registry", "monitoring", "reports")
        for path in (repository / package).rglob("management/commands/*.py")
    }


def test_the_workers_listen_to_the_queues_that_tasks_are_sent_to(services: dict[str, Any]) -> None:
    queues = {command[command.index("-Q") + 1] for _, command in commands(services) if "-Q" in command}
    assert queues == {"default", "evidence"}


def test_every_image_has_a_version_and_every_lasting_service_a_health_check(services: dict[str, Any]) -> None:
    for name, service in services.items():
        _, _, tag = service["image"].partition(":")
        assert tag, f"{name}: no tag"
        assert "latest" not in tag, name
        if service["restart"] != "no":
            assert service["healthcheck"]["test"], name


def test_dependencies_secrets_and_volumes_are_declared(compose: dict[str, Any], services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= set(services), name
        for dependency, condition in service.get("depends_on", {}).items():
            one_shot = services[dependency]["restart"] == "no"
            expected = "service_completed_successfully" if one_shot else "service_healthy"
            assert condition["condition"] == expected, (name, dependency)
        assert set(service.get("secrets", [])) <= set(compose["secrets"]), name
        mounted = {volume.split(":")[0] for volume in service.get("volumes", [])}
        assert mounted <= set(compose["volumes"]), name


def test_only_this_machine_reaches_the_published_ports(services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_files_it_names_are_the_ones_that_container_files_writes(
    compose: dict[str, Any], services: dict[str, Any], tmp_path: Path
) -> None:
    folder = tmp_path / "deploy"
    written = {
        f"deploy/{path.relative_to(folder)}" for path in containers.write(folder, base_url="https://placet.example")
    }
    named = {file for service in services.values() for file in service.get("env_file", [])}
    named |= {secret["file"] for secret in compose["secrets"].values()}
    assert named == written
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    again = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    containers.write(folder, base_url="https://placet.example")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == again


def read_env(path: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


def test_each_service_gets_the_variables_of_its_role_with_addresses_inside_the_network(
    services: dict[str, Any], tmp_path: Path
) -> None:
    containers.write(tmp_path / "deploy", base_url="https://placet.example")
    for service, role in containers.SERVICES.items():
        values = read_env(tmp_path / "deploy/env" / f"{service}.env")
        extra = {"PLACET_ALLOWED_HOSTS", "PLACET_SSL_REDIRECT", "PLACET_SECOND_FACTOR"} if role == "web" else set()
        optional = {"PLACET_MLFLOW_PUBLIC_URL", "PLACET_BASE_URL"}
        optional |= {"PLACET_OIDC_CLIENT_SECRET"}  # it goes by a file
        assert set(ROLES[role]) - optional <= set(values) <= set(ROLES[role]) | extra, service
        for name, value in values.items():
            assert str(tmp_path) not in value, f"{service}: {name} is a path of the host"
            assert "127.0.0.1:" not in value, f"{service}: {name} points into its own container"
            for host in re.findall(r"@([a-z]+):|http://([a-z]+):", value):
                assert "".join(host) in services, f"{service}: {name} names no service"
        # A path below /run/secrets must be mounted there, and one below /data be a volume of the service.
        for value in values.values():
            if value.startswith("/run/secrets/") and not value.endswith("policy.txt"):
                assert Path(value).name in services[service]["secrets"], (service, value)
    assert {name for name, service in services.items() if "log.pem" in service.get("secrets", [])} == {"notary"}


@pytest.mark.parametrize("by", ["file", "value"])
def test_the_identity_providers_secret_is_mounted_and_stands_in_no_environment(
    services: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    folder, secret = tmp_path / "deploy", "of Placet at the provider"
    (tmp_path / "on-the-host").write_text(f"{secret}\n")
    told = {"file": ("PLACET_OIDC_CLIENT_SECRET_FILE", str(tmp_path / "on-the-host"))}
    monkeypatch.setenv(*told.get(by, ("PLACET_OIDC_CLIENT_SECRET", secret)))
    written = containers.write(folder, base_url="https://placet.example")
    web = read_env(folder / "env/web.env")
    assert web["PLACET_OIDC_CLIENT_SECRET_FILE"] == "/run/secrets/oidc-client-secret"
    assert [name for name, service in services.items() if "oidc-client-secret" in service.get("secrets", [])] == ["web"]
    assert (folder / "secrets/oidc-client-secret").read_text() == secret
    for path in written:
        if path.suffix == ".env":
            assert secret not in path.read_text(), path
            assert str(tmp_path) not in path.read_text(), path
    monkeypatch.delenv(told.get(by, ("PLACET_OIDC_CLIENT_SECRET", ""))[0])
    containers.write(folder, base_url="https://placet.example")  # by somebody whose shell does not export it
    assert (folder / "secrets/oidc-client-secret").read_text() == secret


def test_a_secret_of_the_identity_provider_that_cannot_be_read_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACET_OIDC_CLIENT_SECRET_FILE", str(tmp_path / "none"))
    with pytest.raises(EmbeddedError, match="can't be read"):
        containers.write(tmp_path / "deploy", base_url="https://placet.example")
    assert not (tmp_path / "deploy").exists()


def test_what_signs_documents_is_mounted_for_the_worker_and_its_roots_for_web(
    services: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "deploy"
    containers.write(folder, base_url="https://placet.example")
    before = read_env(folder / "env/worker.env")
    assert {name: before[name] for name in containers.OF_DOCUMENTS} == dict.fromkeys(containers.OF_DOCUMENTS, "")
    for variable, name in containers.OF_DOCUMENTS.items():
        (tmp_path / name).write_text(f"text of {name}\n")
        monkeypatch.setenv(variable, str(tmp_path / name))
    monkeypatch.setenv("PLACET_DOCUMENT_TSA", "https://tsa.example/tsr")
    for _ in range(2):  # the second time by somebody whose shell does not export them
        written = containers.write(folder, base_url="https://placet.example")
        worker, web = (read_env(folder / f"env/{service}.env") for service in ("worker", "web"))
        for variable, name in containers.OF_DOCUMENTS.items():
            assert worker[variable] == f"/run/secrets/{name}"
            assert (folder / "secrets" / name).read_text() == f"text of {name}\n"
            monkeypatch.delenv(variable, raising=False)
        assert worker["PLACET_DOCUMENT_TSA"] == "https://tsa.example/tsr"
        assert worker["PLACET_DOCUMENT_REVOCATION"] == "fetch"
        assert web["PLACET_DOCUMENT_TRUST_FILE"] == "/run/secrets/document-roots.pem"
        assert not {"PLACET_DOCUMENT_KEY", "PLACET_DOCUMENT_TSA"} & set(web)
    holders = {
        name: {service for service, of in services.items() if name in of.get("secrets", [])}
        for name in containers.OF_DOCUMENTS.values()
    }
    assert holders == {
        "document-key.pem": {"worker"},
        "document-chain.pem": {"worker"},
        "document-roots.pem": {"worker", "web"},
    }
    assert all("text of" not in path.read_text() for path in written if path.suffix == ".env")


def test_a_documents_key_in_a_token_is_named_and_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = "pkcs11:token=placet;object=documents?module-path=/usr/lib/module.so"
    monkeypatch.setenv("PLACET_DOCUMENT_KEY", uri)
    containers.write(tmp_path / "deploy", base_url="https://placet.example")
    assert read_env(tmp_path / "deploy/env/worker.env")["PLACET_DOCUMENT_KEY"] == uri
    assert (tmp_path / "deploy/secrets/document-key.pem").read_text() == ""


def test_the_placet_variables_are_settings_that_somebody_reads(repository: Path) -> None:
    code = "".join(
        path.read_text()
        for folder in ("governance/config", "governance/common/embedded", "governance/audit", "client/placet")
        for path in (repository / folder).rglob("*.py")
        if path.name not in {"environment.py", "containers.py"} or "config" in path.parts
    )
    names = {name for row in ROLES.values() for name in row} | {
        name for name in INHERITED if name.startswith("PLACET_")
    }
    secrets = {f"{name}_FILE" for name in re.findall(r'env\.secret\("(\w+)"', code)}  # each may stand in a file
    unread = sorted(name for name in names - secrets if not MLFLOW_OWN.match(name) and name not in code)
    assert unread == []


@pytest.mark.parametrize("address", ["placet.example", "http://placet.example", "ftp://localhost"])
def test_an_address_without_tls_is_refused_outside_this_machine(address: str, tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match="https://"):
        containers.write(tmp_path / "deploy", base_url=address)


def test_the_dockerfile_copies_what_exists_and_runs_unprivileged(repository: Path) -> None:
    lines = (repository / "Dockerfile").read_text().splitlines()
    for line in lines:
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (repository / source).exists(), line
        if line.startswith("FROM "):
            assert re.fullmatch(r"FROM python:3\.11-slim-[a-z]+( AS \w+)?", line)
    users = [index for index, line in enumerate(lines) if line == "USER placet"]
    assert users
    assert users[-1] < max(index for index, line in enumerate(lines) if line.startswith("CMD"))
    text = "\n".join(lines)
    assert set(re.findall(r"lib[a-z0-9.-]+", (repository / "scripts/native.sh").read_text())) & {
        "libpango-1.0-0",
        "libpangoft2-1.0-0",
        "libharfbuzz-subset0",
    } <= set(re.findall(r"lib[a-z0-9.-]+", text))


def test_the_image_leaves_keys_and_data_outside(repository: Path) -> None:
    ignored = (repository / ".dockerignore").read_text().splitlines()
    assert {"var", "deploy", ".git", ".venv"} <= set(ignored)
    committed = (repository / ".gitignore").read_text().splitlines()
    assert {"var/", "deploy/", ".venv/"} <= set(committed)


def test_every_python_package_of_the_image_is_the_products(repository: Path) -> None:
    copied = re.findall(r"^COPY (\w+) \w+$", (repository / "Dockerfile").read_text(), re.MULTILINE)
    assert {"governance", "registry", "monitoring", "reports", "templates", "static", "client"} == set(copied)
    assert find_spec("governance.config") is not None
