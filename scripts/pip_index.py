"""Print pip's index configuration as the shell exports that uv understands; nothing if uv has its own."""

import os
import shlex
import subprocess
import sys
from ast import literal_eval
from pathlib import Path

UV_OWN = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_CONFIG_FILE")
UV_FILES = (Path(os.environ.get("XDG_CONFIG_HOME", "~/.config")) / "uv/uv.toml", Path("/etc/uv/uv.toml"))


def pip_settings(listing: str) -> dict[str, list[str]]:
    """Read the output of ``pip config list``: ``section.key='value'``; later sections override earlier ones.

    Order of strength as pip has it: global, then the command's own section, then the environment.
    """
    strength = {"global": 0, "install": 1, ":env:": 2}
    found: dict[str, tuple[int, list[str]]] = {}
    for line in listing.splitlines():
        name, _, quoted = line.partition("=")
        section, _, key = name.rpartition(".")
        if section in strength and strength[section] >= found.get(key, (-1, []))[0]:
            found[key] = (strength[section], str(literal_eval(quoted)).split())
    return {key: words for key, (_, words) in found.items()}


def exports(settings: dict[str, list[str]]) -> dict[str, str]:
    """Return uv's variables for pip's settings."""
    result = {}
    if url := settings.get("index-url"):
        result["UV_DEFAULT_INDEX"] = url[0]
    if extra := settings.get("extra-index-url"):
        # pip looks in all indexes alike; uv would take a package only from the first that has it. The lock's hashes
        # decide what is accepted, so the mixing that uv warns of cannot bring in another file.
        result |= {"UV_INDEX": " ".join(extra), "UV_INDEX_STRATEGY": "unsafe-best-match"}
    if links := settings.get("find-links"):
        result["UV_FIND_LINKS"] = ",".join(links)
    if hosts := settings.get("trusted-host"):
        result["UV_INSECURE_HOST"] = " ".join(hosts)
    if (certificate := settings.get("cert")) and "SSL_CERT_FILE" not in os.environ:
        result["SSL_CERT_FILE"] = certificate[0]
    return result


def main() -> None:
    """Print the exports."""
    if any(name in os.environ for name in UV_OWN) or any(path.expanduser().exists() for path in UV_FILES):
        return
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    for name, value in exports(pip_settings(listing)).items():
        print(f"export {name}={shlex.quote(value)}")  # noqa: T201


if __name__ == "__main__":
    main()
