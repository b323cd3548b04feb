"""A loopback server with the part of MLflow's REST API that Placet's workers call, and with the faults a test asks for.

The real server takes twelve seconds to start and can't be told to fail in one place; tests/e2e run against it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from registry.models import ModelVersion

MLMODEL = b"flavors:\n  sklearn:\n    pickled_model: model.skops\n    serialization_format: skops\n"


class Registry:
    """What the server answers from. ``before_alias`` runs when an alias is about to be set, outside any lock."""

    def __init__(self) -> None:
        self.aliases: dict[str, dict[str, int]] = {}
        self.versions: dict[tuple[str, int], dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self.tags: dict[str, dict[str, str]] = {}  # by run
        self.broken_paths: set[str] = set()
        self.served: list[str] = []
        self.asked: list[str] = []  # every call, with what it names
        self.set_calls: list[tuple[str, str, int]] = []
        self.delete_calls: list[tuple[str, str]] = []
        self.model_tags: dict[tuple[str, str], dict[str, str]] = {}  # by model and version, "" for the model itself
        self.tag_calls: list[tuple[str, str]] = []
        self.before_alias: Callable[[str, int], None] = lambda alias, number: None
        self.release = "3.17.2"
        self.lock = Lock()

    def add(self, name: str, number: int, *, files: dict[str, bytes] | None = None, **fields: Any) -> None:
        """Register a version with its files."""
        location = fields.get("location", f"mlflow-artifacts:/{name}/{number}")
        self.aliases.setdefault(name, {})
        self.versions[name, number] = {
            "name": name,
            "version": str(number),
            "creation_timestamp": fields.get("created_at_ms", 1_700_000_000_000 + number),
            "run_id": fields.get("run_id", ""),
            "source": fields.get("source", f"models:/m-{name}-{number}"),
            "current_stage": fields.get("stage", "None"),
            "location": location,
        }
        root = location.removeprefix("mlflow-artifacts:/")
        files = {"MLmodel": MLMODEL, "model.skops": b"weights"} if files is None else files
        for path, content in files.items():
            self.files[f"{root}/{path}"] = content

    def mirror(self, version: ModelVersion) -> None:
        """Hold a version that a factory made, so that nothing differs between MLflow and Placet."""
        self.add(
            version.model.name,
            version.number,
            location=version.storage_location,
            source=version.source,
            created_at_ms=version.mlflow_created_at_ms,
        )

    def answer(self, path: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        """Return status and JSON (or bytes)."""
        name = query.get("name") or body.get("name", "")
        self.asked.append(f"{path} {name} {query.get('filter', '')}")
        if listed := self._listed(path, query, name):
            return 200, listed
        match path.removeprefix("/api/2.0/mlflow/"):
            case "registered-models/get":
                return 404, {"message": "no such model"}
            case "model-versions/get":
                row = self.versions.get((name, int(query["version"])))
                return (200, {"model_version": row}) if row else (404, {"message": "no such version"})
            case "model-versions/get-download-uri":
                return 200, {"artifact_uri": self.versions[name, int(query["version"])]["location"]}
            case "runs/get":
                tags = [{"key": key, "value": value} for key, value in self.tags[query["run_id"]].items()]
                return 200, {"run": {"data": {"tags": tags}}}
            case (
                "registered-models/set-tag"
                | "model-versions/set-tag"
                | "registered-models/delete-tag"
                | ("model-versions/delete-tag")
            ):
                tags = self.model_tags.setdefault((name, body.get("version", "")), {})
                self.tag_calls.append((body["key"], body.get("value", "")))
                tags.pop(body["key"], None)
                tags |= {body["key"]: body["value"]} if "value" in body else {}
                return 200, {}
            case "registered-models/alias" if "version" in body:
                self.before_alias(body["alias"], int(body["version"]))
                with self.lock:
                    self.aliases[name][body["alias"]] = int(body["version"])
                    self.set_calls.append((name, body["alias"], int(body["version"])))
                return 200, {}
            case "registered-models/alias" if body:
                with self.lock:
                    del self.aliases[name][body["alias"]]
                    self.delete_calls.append((name, body["alias"]))
                return 200, {}
            case "registered-models/alias":
                number = self.aliases.get(name, {}).get(query["alias"])
                return (200, {"model_version": {"version": str(number)}}) if number else (404, {"message": "none"})
        return self._artifact(path, query)

    def _listed(self, path: str, query: dict[str, str], name: str) -> dict[str, Any]:
        """Return models, versions or files; nothing where something else is asked for, or a model that is not there."""
        models = {
            key: {"name": key, "aliases": [{"alias": a, "version": str(n)} for a, n in sorted(found.items())]}
            for key, found in sorted(self.aliases.items())
        }
        match path.removeprefix("/api/2.0/mlflow/"):
            case "registered-models/search" | "model-versions/search" if "is_prompt" in query.get("filter", ""):
                return {"registered_models": [], "model_versions": []}
            case "registered-models/search":
                return {"registered_models": list(models.values())}
            case "registered-models/get" if name in models:
                return {"registered_model": models[name]}
            case "model-versions/search":
                wanted = query.get("filter", "").removeprefix("name='").removesuffix("'")
                return {"model_versions": [row for (key, _), row in self.versions.items() if wanted in ("", key)]}
            case "artifacts/list":
                return {"files": [{"path": key} for key in self.files if key.startswith(f"{query['path']}/")]}
        return {}

    def _artifact(self, path: str, query: dict[str, str]) -> tuple[int, Any]:
        if path in ("/health", "/version"):
            return 200, b"OK" if path == "/health" else self.release.encode()
        root = "/api/2.0/mlflow-artifacts/artifacts"
        wanted = query.get("path") or path.removeprefix(root).strip("/")
        if any(wanted.startswith(broken) for broken in self.broken_paths):
            return 500, {"message": "the store is broken"}
        if path == root:
            found = {key.removeprefix(f"{wanted}/"): value for key, value in self.files.items()
                     if key.startswith(f"{wanted}/")}  # fmt: skip
            names = sorted({key.split("/")[0] for key in found})
            return 200, {
                "files": [
                    {"path": name, "is_dir": name not in found, "file_size": len(found.get(name, b""))}
                    for name in names
                ]
            }
        if wanted in self.files:
            self.served.append(wanted)
            return 200, self.files[wanted]
        return 404, {"message": f"nothing at {path}"}


@contextmanager
def running(registry: Registry) -> Iterator[str]:
    """Yield the address of a server that answers from ``registry``."""

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            status, said = registry.answer(unquote(parts.path), query, body)
            content = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _do  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
