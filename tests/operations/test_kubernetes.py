"""The Kubernetes manifests can't be applied here, so what they name is held against what exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from governance.common.embedded import containers
from governance.config.probes import PROBES
from tests.arch.tree import ROOT

FOLDER = ROOT / "examples" / "operations" / "kubernetes"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
GUIDE = (ROOT / "docs/how-to/run-on-kubernetes.md").read_text()
OBJECTS: list[dict[str, Any]] = [
    found for path in sorted(FOLDER.glob("*.yaml")) for found in yaml.safe_load_all(path.read_text())
]
NOTARYS = {"log.pem", "permit.pem", "model-signing.pem"}


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    """Return the objects of these kinds."""
    return [found for found in OBJECTS if found["kind"] in kinds]


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the part that each pod template is, with its spec."""
    for found in of_kind("Deployment", "Job"):
        template = found["spec"]["template"]
        yield template["metadata"]["labels"]["part"], template["spec"]


PODS = dict(pods())


def secrets_of(pod: dict[str, Any]) -> set[str]:
    """Return every Secret that a pod sees."""
    named = {source["secretRef"]["name"] for source in only(pod)["envFrom"] if "secretRef" in source}
    for volume in pod["volumes"]:
        named |= {source["secret"]["name"] for source in volume.get("projected", {}).get("sources", [])}
        named |= {volume["secret"]["secretName"]} if "secret" in volume else set()
    return named


def only(pod: dict[str, Any]) -> dict[str, Any]:
    """Return the one container of a pod."""
    (container,) = pod["containers"]
    assert "initContainers" not in pod
    return dict(container)


def files_by_secret() -> dict[str, set[str]]:
    """Return which files the guide puts into each Secret."""
    joined = GUIDE.replace("\\\n", " ")
    lines = re.findall(r"create secret generic (\S+) ([^\n]*--from-file[^\n]*)", joined)
    return {name: set(re.findall(r"--from-file=(?:\S+=)?(?:\S*/)?([\w.-]+)", rest)) for name, rest in lines}


def test_every_process_of_the_deployment_is_there():
    assert {found["metadata"]["name"] for found in of_kind("Deployment")} == {
        *("web", "worker", "evidence-worker", "beat", "notary")
    }
    assert PODS.keys() == {"web", "worker", "evidence-worker", "beat", "notary", "bootstrap", "migrate"}


@pytest.mark.parametrize("part", PODS)
def test_each_runs_what_docker_compose_runs(part: str):
    container = only(PODS[part])
    assert container["command"] == COMPOSE[part]["command"]
    assert container["image"] == COMPOSE[part]["image"]


@pytest.mark.parametrize("part", PODS)
def test_each_has_its_own_role_and_nobody_elses(part: str):
    container = only(PODS[part])
    assert part in containers.SERVICES
    roles = {name.removeprefix("placet-") for name in secrets_of(PODS[part])} & containers.SERVICES.keys()
    assert roles == {part}
    assert container["envFrom"][0] == {"secretRef": {"name": f"placet-{part}"}}


def test_the_guide_makes_a_secret_of_variables_for_each_process():
    (listed,) = re.findall(
        r"for part in ([^;]+); do\n\s*kubectl create secret generic placet-\$part --from-env-file", GUIDE
    )
    assert set(listed.split()) == PODS.keys()


def test_every_variable_is_a_setting():
    said = set(re.findall(r"`([A-Z_0-9]+)`", (ROOT / "docs/reference/settings.md").read_text()))
    named = {name for found in of_kind("ConfigMap") for name in found["data"]}
    named |= {one["name"] for pod in PODS.values() for one in only(pod).get("env", [])}
    assert named >= {"PLACET_LOG_FORMAT", "PLACET_STORAGE_URL"}
    assert named <= said


def test_only_the_notary_gets_the_notarys_keys():
    holding = files_by_secret()
    assert holding["placet-notary-keys"] == NOTARYS
    assert not any(files & NOTARYS for name, files in holding.items() if name != "placet-notary-keys")
    assert {part for part, pod in PODS.items() if "placet-notary-keys" in secrets_of(pod)} == {"notary"}


def test_every_secret_is_made_by_the_guide_with_files_that_there_are():
    holding = files_by_secret()
    used = {name for pod in PODS.values() for name in secrets_of(pod)}
    assert used - {f"placet-{part}" for part in PODS} == holding.keys()
    assert {file for files in holding.values() for file in files} <= {*containers.SECRET_FILES, "storage-credentials"}
    assert {
        part: {file for name in secrets_of(pod) for file in holding.get(name, ())} - {"storage-credentials"}
        for part, pod in PODS.items()
        if part not in {"bootstrap", "migrate"}
    } == {
        part: set(COMPOSE[part].get("secrets", [])) for part in ("web", "worker", "evidence-worker", "beat", "notary")
    }


@pytest.mark.parametrize("part", PODS)
def test_each_is_confined(part: str):
    pod, container = PODS[part], only(PODS[part])
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    unconfined = part == "evidence-worker"
    assert pod["securityContext"]["seccompProfile"]["type"] == ("Unconfined" if unconfined else "RuntimeDefault")
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]
    mounted, there = container["volumeMounts"], {volume["name"] for volume in pod["volumes"]}
    assert {mount["name"] for mount in mounted} == there
    assert {mount["name"]: mount["mountPath"] for mount in mounted}["tmp"] == "/tmp"  # noqa: S108 (HOME of the image)


def test_web_is_asked_by_its_probes():
    web = only(PODS["web"])
    asked = {kind: web[kind]["httpGet"]["path"] for kind in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert asked == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    assert set(asked.values()) <= PROBES.keys()
    assert {one["name"]: one["containerPort"] for one in web["ports"]} == {"http": 8000}


def test_policies_budgets_and_services_choose_pods_that_there_are():
    parts = set(PODS)
    for found in of_kind("NetworkPolicy"):
        labels = found["spec"]["podSelector"]["matchLabels"]
        assert labels["app"] == "placet"
        assert labels.get("part") in {None, *parts}, found["metadata"]["name"]
    for found in of_kind("PodDisruptionBudget"):
        assert found["spec"]["selector"]["matchLabels"]["part"] in {"web", "worker"}
    (service,) = of_kind("Service")
    assert service["metadata"]["name"] == "web"  # the name in the files that container-files writes
    assert service["spec"]["selector"] == {"app": "placet", "part": "web"}
    everything = [found for found in of_kind("NetworkPolicy") if found["metadata"]["name"] == "placet-nothing"]
    assert everything[0]["spec"] == {
        "podSelector": {"matchLabels": {"app": "placet"}},
        "policyTypes": ["Ingress", "Egress"],
    }


def test_beat_and_notary_never_run_beside_themselves():
    for found in of_kind("Deployment"):
        if found["metadata"]["name"] in {"beat", "notary"}:
            assert found["spec"]["replicas"] == 1
            assert found["spec"]["strategy"] == {"type": "Recreate"}
