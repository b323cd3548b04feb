"""MLflow's REST API, as far as Placet needs it: read the registry, fetch artifacts, set an alias under a grant.

A thin client of its own, because the official one costs five seconds of import and hides its time-outs; the calls used
here are MLflow's documented REST API 2.0.
"""

import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from functools import cache
from json import JSONDecodeError
from typing import Any, Self
from urllib.parse import quote, urlencode

import httpx
from django.conf import settings

from placet.mlflow_plugin.protection import fold
from placet.uris import DEFAULT_WORKSPACE, qualified
from registry.errors import MlflowDown, UnknownModel, UnknownVersion

TIMEOUT = httpx.Timeout(30.0, connect=3.0)
LARGEST_RUN_FILE = 1 << 30
OLDEST = (2, 3)
"""The first MLflow with aliases; docs/reference/mlflow-versions.md says what is tried with which."""
RELEASE = re.compile(r"(\d+)\.(\d+)\.")
WORKSPACE_HEADER = "X-MLFLOW-WORKSPACE"
PROMPT_TAG = "mlflow.prompt.is_prompt"
PROMPTS = f"tags.`{PROMPT_TAG}` = 'true'"
"""The filter by which MLflow's searches show prompts, which they leave out otherwise: then they show nothing else."""
MODELS_A_PAGE, VERSIONS_A_PAGE, WEBHOOKS_A_PAGE = 500, 1000, 100


@dataclass(frozen=True)
class Version:
    """A model version as MLflow tells it."""

    name: str
    number: int
    created_at_ms: int
    run_id: str
    source: str
    stage: str = "None"
    workspace: str = DEFAULT_WORKSPACE
    is_prompt: bool = False

    @property
    def model(self) -> str:
        """What its model is called."""
        return qualified(self.workspace, self.name)


@dataclass(frozen=True)
class Model:
    """A registered model and where its aliases point."""

    name: str
    aliases: dict[str, int] = field(default_factory=dict)
    workspace: str = DEFAULT_WORKSPACE

    def __str__(self) -> str:
        return qualified(self.workspace, self.name)


Page = list[dict[str, Any]]
"""Rows of one answer, as MLflow wrote them; what one of them does to us must not hide the others."""


@dataclass(frozen=True)
class Run:
    """Parameters, last metrics and tags of a run."""

    parameters: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str] = field(default_factory=dict)


def is_up(timeout_s: float = 2.0) -> bool:
    """Return whether the MLflow server answers its health check."""
    try:
        return httpx.get(f"{settings.MLFLOW_TRACKING_URI}/health", timeout=timeout_s).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def require_up() -> None:
    """Refuse to go on while MLflow is down.

    Raises:
        MlflowDown: with what to do.
    """
    if not is_up():
        raise MlflowDown("MLflow does not answer at its health check. Nothing was changed; try again when it is up.")


@cache
def _trusted() -> ssl.SSLContext:
    """Return whose certificates are believed; read once, since that takes longer than MLflow takes to answer."""
    return httpx.create_ssl_context()


class Client:
    """Calls as Placet's service identity, all in one workspace. Use as a context manager."""

    def __init__(self, workspace: str = DEFAULT_WORKSPACE) -> None:
        self.workspace = workspace
        auth = (settings.MLFLOW_USERNAME, settings.MLFLOW_PASSWORD) if settings.MLFLOW_USERNAME else None
        self._http = httpx.Client(base_url=settings.MLFLOW_TRACKING_URI, auth=auth, timeout=TIMEOUT, verify=_trusted())

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exc: object) -> None:
        self._http.close()

    def within(self, workspace: str) -> Self:
        """Return the same connection, in another workspace."""
        if workspace == self.workspace:
            return self
        other = copy(self)
        other.workspace = workspace
        return other

    def workspaces(self) -> list[str]:
        """Return the names of the server's workspaces; only the default where it has none.

        MLflow lists those that its user may use, and an admin all.

        Raises:
            MlflowDown: no answer, or it lists none: then its searches show nothing either, as if there were no model.
        """
        about = self._call("GET", "/api/3.0/mlflow/server-info")
        if not about.is_success or not about.json().get("workspaces_enabled"):  # an older server knows neither
            return [DEFAULT_WORKSPACE]
        listed = self._call("GET", "/api/3.0/mlflow/workspaces")
        listed.raise_for_status()
        names = [str(row["name"]) for row in listed.json().get("workspaces", [])]
        if not names:
            raise MlflowDown("MLflow shows Placet's service identity no workspace; make it an admin of MLflow.")
        return names

    def check_workspace(self) -> None:
        """Check that a workspace which MLflow does not list is there to be read; its searches would just be empty.

        Raises:
            UnknownModel: it is gone.
            MlflowDown, httpx.HTTPStatusError: it can't be read.
        """
        answer = self._call("GET", f"/api/3.0/mlflow/workspaces/{quote(self.workspace, safe='')}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise UnknownModel(f"MLflow has no workspace {self.workspace}.")
        answer.raise_for_status()

    @property
    def _headers(self) -> dict[str, str]:
        """A server without workspaces refuses the header, whatever it says; so the default goes without."""
        return {} if self.workspace == DEFAULT_WORKSPACE else {WORKSPACE_HEADER: self.workspace}

    def _call(self, method: str, path: str, headers: Mapping[str, str] | None = None, **kwargs: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, headers={**self._headers, **(headers or {})}, **kwargs)
        except httpx.HTTPError as error:
            raise MlflowDown(
                f"MLflow does not answer ({type(error).__name__}). Nothing was changed; try again."
            ) from error
        if response.status_code in {401, 407}:
            raise MlflowDown(
                "MLflow refuses Placet's service identity; check MLFLOW_TRACKING_USERNAME and its password."
            )
        if response.status_code >= 500 or response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise MlflowDown(f"MLflow answers {response.status_code}. Nothing was changed; try again.")
        return response

    def _get(self, path: str, /, **params: Any) -> dict[str, Any]:
        response = self._call("GET", f"/api/2.0/mlflow/{path}", params=params)
        if response.status_code == httpx.codes.NOT_FOUND:
            raise UnknownModel(response.json().get("message", "MLflow does not know it."))
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer

    def release(self) -> str:
        """Return the server's version, such as ``3.17.2``; empty where it does not say, as a managed one."""
        try:
            response = self._call("GET", "/version")
        except MlflowDown:  # if it is down, what is asked of it next says so
            return ""
        said = response.text.strip() if response.is_success else ""
        return said if RELEASE.match(said) and len(said) < 40 else ""

    def model_pages(self) -> Iterator[Page]:
        """Yield every registered model, some hundreds a page; read a row with :meth:`read_model`."""
        yield from self._pages("registered-models/search", "registered_models", MODELS_A_PAGE)

    def prompt_pages(self) -> Iterator[Page]:
        """Yield every prompt: a registered model under a mark, by which :meth:`model_pages` passes it over."""
        yield from self._pages("registered-models/search", "registered_models", MODELS_A_PAGE, filter=PROMPTS)

    def prompt_version_pages(self) -> Iterator[Page]:
        """Yield every version of a prompt."""
        yield from self._pages("model-versions/search", "model_versions", VERSIONS_A_PAGE, filter=PROMPTS)

    def version_pages(self, name: str = "") -> Iterator[Page]:
        """Yield every version of a model, or of all models; read a row with :meth:`read_version`.

        Oldest first: what is registered meanwhile comes at the end, and moves nothing from one page to another.
        """
        escaped = name.replace("'", "''")
        only = {"filter": f"name='{escaped}'"} if name else {}
        order = ["creation_timestamp ASC", "name ASC", "version_number ASC"]
        yield from self._pages("model-versions/search", "model_versions", VERSIONS_A_PAGE, order_by=order, **only)

    def read_model(self, row: dict[str, Any]) -> Model:
        """Read one row of :meth:`model_pages`."""
        aliases = {item["alias"]: int(item["version"]) for item in row.get("aliases", [])}
        return Model(row["name"], aliases, self.workspace)

    def read_version(self, row: dict[str, Any]) -> Version:
        """Read one row of :meth:`version_pages`."""
        return Version(
            row["name"],
            int(row["version"]),
            int(row["creation_timestamp"]),
            row.get("run_id", ""),
            row.get("source", ""),
            row.get("current_stage") or "None",
            self.workspace,
            any(tag.get("key") == PROMPT_TAG for tag in row.get("tags", [])),
        )

    def _pages(self, path: str, key: str, most: int, **query: Any) -> Iterator[Page]:
        token = ""
        while True:
            answer = self._get(path, max_results=most, **query, **({"page_token": token} if token else {}))
            yield answer.get(key, [])
            token = answer.get("next_page_token", "")
            if not token:
                return

    def versions(self, name: str) -> Iterator[Version]:
        """Yield every version of a model."""
        for page in self.version_pages(name):
            yield from map(self.read_version, page)

    def version(self, name: str, number: int) -> Version:
        """Return one version.

        Raises:
            UnknownVersion: MLflow has none.
        """
        try:
            return self.read_version(self._get("model-versions/get", name=name, version=number)["model_version"])
        except UnknownModel:
            raise UnknownVersion(f"MLflow has no version {number} of {name}.") from None

    def alias(self, name: str, alias: str) -> int | None:
        """Return the version that an alias points to now."""
        try:
            return int(self._get("registered-models/alias", name=name, alias=alias)["model_version"]["version"])
        except UnknownModel:
            return None
        except httpx.HTTPStatusError as error:
            answer = error.response  # by 400 MLflow says that it has none, and that it takes no such question
            if answer.status_code == httpx.codes.BAD_REQUEST and "not found" in answer.text.lower():
                return None
            raise

    def spelling(self, name: str, alias: str) -> str:
        """Return how MLflow spells a folded alias that the model has: ``Champion``; the alias itself where it has none.

        Placet sets an alias folded. One that was adopted may be spelt otherwise, and consumers load it by that.
        """
        try:
            found = self._get("registered-models/get", name=name)["registered_model"].get("aliases", [])
        except UnknownModel:
            return alias
        spelt = sorted(item["alias"] for item in found if fold(item["alias"]) == alias)
        return spelt[0] if spelt and alias not in spelt else alias

    def storage_location(self, name: str, number: int) -> str:
        """Return where the artifacts of a version really lie."""
        return str(self._get("model-versions/get-download-uri", name=name, version=number)["artifact_uri"])

    def run(self, run_id: str) -> Run:
        """Return a run's parameters, last metrics and tags."""
        data = self._get("runs/get", run_id=run_id)["run"]["data"]
        return Run(
            {row["key"]: row["value"] for row in data.get("params", [])},
            {row["key"]: float(row["value"]) for row in data.get("metrics", [])},
            {row["key"]: row["value"] for row in data.get("tags", [])},
        )

    def run_artifacts(self, run_id: str) -> str:
        """Return where the artifacts of a run lie."""
        return str(self._get("runs/get", run_id=run_id)["run"]["info"]["artifact_uri"])

    def logged_model_artifacts(self, model_id: str) -> str:
        """Return where the artifacts of a logged model lie."""
        return str(self._get(f"logged-models/{model_id}")["model"]["info"]["artifact_uri"])

    def run_artifact(self, run_id: str, path: str) -> bytes | None:
        """Return one artifact file of a run, None when it has none there.

        Raises:
            ValueError: it is larger than a gigabyte.
        """
        query = urlencode({"run_uuid": run_id, "path": path})
        try:
            with self.streamed(f"/get-artifact?{query}") as response:
                content = bytearray()
                for chunk in response.iter_bytes():
                    content += chunk
                    if len(content) > LARGEST_RUN_FILE:
                        raise ValueError(f"{path} is larger than {LARGEST_RUN_FILE >> 20} MB.")
                return bytes(content)
        except httpx.HTTPStatusError as error:
            if error.response.status_code in {400, 404}:
                return None
            raise
        except MlflowDown:  # MLflow 2 answers 500 for a file that is not there
            if self._has(run_id, path):
                raise
            return None

    def _has(self, run_id: str, path: str) -> bool:
        folder = path.rpartition("/")[0]
        files = self._get("artifacts/list", run_id=run_id, path=folder).get("files", [])
        return any(row["path"] == path for row in files)

    def listed(self, path: str) -> list[dict[str, Any]]:
        """Return what the proxied artifact store has in a folder; nothing for a folder that is not there."""
        response = self._call("GET", "/api/2.0/mlflow-artifacts/artifacts", params={"path": path})
        if response.status_code == httpx.codes.NOT_FOUND:
            return []
        response.raise_for_status()
        rows: list[dict[str, Any]] = response.json().get("files", [])
        return rows

    @contextmanager
    def streamed(self, path: str) -> Iterator[httpx.Response]:
        """Yield a response whose body is still to be read.

        Raises:
            MlflowDown: no answer, or a server error.
        """
        try:
            with self._http.stream("GET", path, headers=self._headers) as response:
                if response.status_code >= 500:
                    raise MlflowDown(f"MLflow answers {response.status_code}. Nothing was changed; try again.")
                response.raise_for_status()
                yield response
        except httpx.TransportError as error:
            raise MlflowDown(f"MLflow stopped answering ({type(error).__name__}). Nothing was changed.") from error

    def webhooks(self) -> Iterator[dict[str, Any]]:
        """Yield MLflow's webhooks, without their secrets.

        Raises:
            MlflowDown: no answer, or MLflow is older than 3.3 and has none.
        """
        try:
            for page in self._pages("webhooks", "webhooks", WEBHOOKS_A_PAGE):
                yield from page
        except JSONDecodeError:  # a route that it does not have is answered with a web page
            raise MlflowDown("This MLflow has no webhooks, which came with 3.3; the poll goes on without.") from None

    def make_webhook(self, wanted: dict[str, Any]) -> None:
        """Make a webhook.

        Raises:
            MlflowDown: no answer.
            PermissionError, httpx.HTTPStatusError: MLflow refuses it, such as for its address.
        """
        self._change("POST", "webhooks", wanted)

    def change_webhook(self, webhook_id: str, wanted: dict[str, Any]) -> None:
        """Change a webhook; raises as :meth:`make_webhook`."""
        self._change("PATCH", f"webhooks/{quote(webhook_id, safe='')}", wanted)

    def _change(self, method: str, path: str, body: dict[str, Any]) -> None:
        response = self._call(method, f"/api/2.0/mlflow/{path}", json=body)
        if response.status_code in {httpx.codes.FORBIDDEN, httpx.codes.BAD_REQUEST}:
            raise PermissionError(response.json().get("message", "refused"))
        response.raise_for_status()

    def set_alias(self, name: str, alias: str, number: int, *, grant: str) -> None:
        """Set an alias under a single-use grant; the governed server asks Placet whether it holds.

        Raises:
            MlflowDown: no answer.
            PermissionError: the server refused; the text says why.
        """
        self._write_alias("POST", {"name": name, "alias": alias, "version": str(number)}, grant)

    def delete_alias(self, name: str, alias: str, *, grant: str) -> None:
        """Take an alias off under a single-use grant. Raises as ``set_alias``."""
        self._write_alias("DELETE", {"name": name, "alias": alias}, grant)

    def set_tag(self, name: str, number: int | None, key: str, value: str) -> None:
        """Set a tag of a version, or of the model where no number is given.

        Raises:
            MlflowDown: no answer.
            UnknownModel: the model or version is gone.
            PermissionError: the server refused; the text says why.
        """
        self._write_tag("POST", name, number, {"key": key, "value": value}, "set-tag")

    def delete_tag(self, name: str, number: int | None, key: str) -> None:
        """Delete a tag of a version or model. Raises as ``set_tag``."""
        self._write_tag("DELETE", name, number, {"key": key}, "delete-tag")

    def _write_tag(self, method: str, name: str, number: int | None, tag: dict[str, str], act: str) -> None:
        kind = "registered-models" if number is None else "model-versions"
        body = {"name": name, **tag, **({} if number is None else {"version": str(number)})}
        response = self._call(method, f"/api/2.0/mlflow/{kind}/{act}", json=body)
        if response.status_code == httpx.codes.NOT_FOUND:
            raise UnknownModel(response.json().get("message", "MLflow does not know it."))
        if response.status_code == httpx.codes.FORBIDDEN:
            raise PermissionError(response.json().get("message", "refused"))
        response.raise_for_status()

    def _write_alias(self, method: str, body: dict[str, str], grant: str) -> None:
        response = self._call(
            method, "/api/2.0/mlflow/registered-models/alias", json=body, headers={"X-Placet-Grant": grant}
        )
        if response.status_code == httpx.codes.FORBIDDEN:
            raise PermissionError(response.json().get("message", "refused"))
        response.raise_for_status()
