"""Write the bill of materials: every package and copied file that the product runs with, as CycloneDX 1.6 JSON.

From ``requirements.lock`` (versions, platforms, who needs whom, the hashes that an installation is held to), the
installed metadata (licences) and the READMEs and sums of the copied files. The same commit gives the same bytes: the
serial number is made of the content, and the time is that of ``SOURCE_DATE_EPOCH`` or left out. Not in it: the packages
of the operating system (``scripts/native.sh``, or the image's own list).
"""

import json
import os
import re
import sys
import tomllib
import uuid
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import quote

from check_lock import pins
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from licences import ROOT, Vendored, installed, licences, rules, vendored
from packaging.utils import canonicalize_name

LOCK = ROOT / "requirements.lock"
_PIN = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)(?: ; (.+?))? *\\?$", re.MULTILINE)
_Object = dict[str, Any]


def _license(expression: str) -> list[_Object]:
    return [{"expression": expression, "acknowledgement": "declared"}]


def packages(lock: str, licence: dict[str, str]) -> list[_Object]:
    """Return a component for each pin: with the platforms it is for, and the hashes of what may be installed."""
    found = []
    for block in re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"(?m)^\s*#.*\n", "", lock)):
        if not (pin := _PIN.match(block)):
            continue
        name, version, marker = canonicalize_name(pin[1]), pin[2], pin[3]
        component: _Object = {
            "type": "library",
            "bom-ref": (purl := f"pkg:pypi/{name}@{quote(version)}"),
            "name": name,
            "version": version,
            "licenses": _license(licence[name]),
            "purl": purl,
            "externalReferences": [
                {
                    "type": "distribution",
                    "url": purl,
                    "comment": "any of the files with these hashes",
                    "hashes": [
                        {"alg": "SHA-256", "content": one} for one in re.findall(r"sha256:([0-9a-f]{64})", block)
                    ],
                }
            ],
        }
        if marker:
            component["properties"] = [{"name": "placet:marker", "value": marker}]
        found.append(component)
    return found


def copied(one: Vendored) -> _Object:
    """Return the component of an npm package, with those of its files that lie here and their sums."""
    sums = dict(reversed(line.split("  ")) for line in (ROOT / one.folder / "SHA256SUMS").read_text().splitlines())
    patterns = re.findall(r"`([^`]+)`", one.files)
    files = [
        {
            "type": "file",
            "bom-ref": f"{one.folder}/{name}",
            "name": f"{one.folder}/{name}",
            "hashes": [{"alg": "SHA-256", "content": digest}],
        }
        for name, digest in sorted(sums.items())
        if any(fnmatch(name, pattern) for pattern in patterns)
    ]
    purl = f"pkg:npm/{quote(one.name)}@{one.version}"
    component: _Object = {"type": "library", "bom-ref": purl, "name": one.name, "version": one.version, "purl": purl}
    component |= {"licenses": _license(one.licence), "description": re.sub("`", "", one.files)}
    return component | ({"components": files} if files else {})


def needed(lock: str, names: dict[str, list[str]], root: str) -> list[_Object]:
    """Return who needs whom, as the lock's ``# via`` lines say; ``names`` gives a name's references, one a platform."""
    edges: dict[str, set[str]] = {root: set()} | {reference: set() for found in names.values() for reference in found}
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock):
        if not (pin := _PIN.match(block)):
            continue
        for by in re.findall(r"^ +#(?: via|  ) ([A-Za-z0-9][^ \n]*)(?: \(pyproject\.toml\))?$", block, re.MULTILINE):
            for reference in [root] if by == "placet-app" else names[canonicalize_name(by)]:
                edges[reference] |= set(names[canonicalize_name(pin[1])])
    return [{"ref": ref, "dependsOn": sorted(to)} if to else {"ref": ref} for ref, to in sorted(edges.items())]


def bill() -> _Object:
    """Return the bill of materials.

    Raises:
        SystemExit: a licence is unclear (``make licences`` says what to do).
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lock = LOCK.read_text()
    pinned = pins(lock)
    # Those of the optional Spark are judged too, and are no part of this lock.
    given = rules() | {"read": {name: read for name, read in rules()["read"].items() if name in pinned}}
    licence, problems = licences(pinned, installed(), given)
    if problems:
        raise SystemExit("\n".join(problems))
    root = f"pkg:generic/placet@{project['version']}"
    found = packages(lock, licence)
    names: dict[str, list[str]] = {}
    for component in found:
        names.setdefault(component["name"], []).append(component["bom-ref"])
    files = [copied(one) for one in vendored()]
    edges = needed(lock, names, root)
    edges[[edge["ref"] for edge in edges].index(root)]["dependsOn"] += [component["bom-ref"] for component in files]
    described: _Object = {
        "component": {
            "type": "application",
            "bom-ref": root,
            "name": "placet",
            "version": project["version"],
            "licenses": _license("Apache-2.0"),
        }
    }
    if epoch := os.environ.get("SOURCE_DATE_EPOCH"):
        described["timestamp"] = datetime.fromtimestamp(int(epoch), UTC).isoformat()
    content = {"metadata": described, "components": [*found, *files], "dependencies": edges}
    serial = uuid.uuid5(uuid.NAMESPACE_URL, root + json.dumps(content, sort_keys=True))
    head = {"bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": f"urn:uuid:{serial}", "version": 1}
    return head | content


def main(target: str) -> int:
    """Write the bill of materials to ``target``; return 1 if the schema of CycloneDX refuses it."""
    text = json.dumps(bill(), indent=2) + "\n"
    if wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        print(f"sbom: not valid CycloneDX 1.6: {wrong}")  # noqa: T201
        return 1
    path = Path(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    print(f"sbom: {len(json.loads(text)['components'])} components in {target}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(*(sys.argv[1:] or ["var/sbom.cdx.json"])))
