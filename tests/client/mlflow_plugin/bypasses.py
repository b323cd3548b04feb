"""Every known way around the gate: what it is, what comes of it, and the code that tries it.

``python -m tests.client.mlflow_plugin.bypasses`` writes the table into docs/explanation/gate.md; a test compares it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.client.mlflow_plugin.conftest import Response, Rest
from tests.client.mlflow_plugin.decision_server import ALLOW, BLOCK, DecisionServer
from tests.client.mlflow_plugin.mlflow_server import MlflowServer
from tests.client.mlflow_plugin.models import LoggedVersion, a_logged_version, content_of

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "gate.md"
BEGIN, END = "<!-- the table: python -m tests.client.mlflow_plugin.bypasses -->", "<!-- end of the table -->"


class Outcome(StrEnum):
    """What comes of an attempt."""

    REFUSED = "refused"
    NOTHING = "nothing happens"
    DETECTED = "detected"
    OUT_OF_SCOPE = "out of scope"


@dataclass
class World:
    """A governed server with a victim: version 1 is in production, version 2 is what nobody approved."""

    server: MlflowServer
    user: Rest
    admin: Rest
    gate: DecisionServer
    database: str
    victim: LoggedVersion

    @property
    def name(self) -> str:
        return self.victim.name

    @property
    def folder(self) -> Path:
        """Return the folder in which the server keeps its files."""
        return self.server.log.parent

    def allowed(self, call: Callable[[], Response]) -> Response:
        """Do what Placet allows, then let it refuse everything again."""
        self.gate.answer = lambda _question: ALLOW
        answer = call()
        self.gate.answer = lambda _question: BLOCK
        assert answer.status == 200, answer
        return answer

    def new_victim(self) -> LoggedVersion:
        """Make a model whose version 1 has the alias, the stage and the status of a version in production."""
        user = self.user
        self.victim = victim = a_logged_version(user)
        assert user.add_version(victim.name, "s3://elsewhere/2").status == 200
        one = {"name": victim.name, "version": "1"}
        self.allowed(lambda: user.set_alias(victim.name, "champion", 1))
        self.allowed(lambda: user.post("model-versions/set-tag", **one, key="gov.status", value="approved"))
        stage = {"stage": "Production", "archive_existing_versions": False}
        self.allowed(lambda: user.post("model-versions/transition-stage", **one, **stage))
        return victim

    def standing(self) -> dict[str, Any]:
        """Return all of the victim that production rests on, as Placet's reconciler can read it over REST."""
        name = self.victim.name
        found = self.admin.call("GET", f"registered-models/get?name={name}")
        if found.status != 200:
            return {"model": found.status}
        model = found.body["registered_model"]
        versions = {}
        for number in (1, 2):
            answer = self.admin.call("GET", f"model-versions/get?name={name}&version={number}")
            kept = answer.body.get("model_version", {})
            keys = ("creation_timestamp", "source", "current_stage")
            versions[number] = {key: kept.get(key) for key in keys} | {"tags": _ours(kept.get("tags", ()))}
        location = self.admin.call("GET", f"model-versions/get-download-uri?name={name}&version=1")
        return {
            "aliases": {item["alias"]: item["version"] for item in model.get("aliases", [])},
            "tags": _ours(model.get("tags", ())),
            "versions": versions,
            "location": location.body.get("artifact_uri"),
            "bytes": [
                content_of(self.admin, f"{self.victim.folder}/{file}") for file in ("MLmodel", "data/weights.txt")
            ],
        }


def _ours(tags: Iterable[dict[str, str]]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in tags if tag["key"].startswith(("gov.", "mlflow.prompt"))}


Attempt = Callable[[World], Iterable[Response]]


@dataclass(frozen=True)
class Way:
    """One way around the gate.

    ``smoke`` ways are tried on every kind of server. A way without an ``attempt`` names the test that tries it in
    ``tested``, or is a thing that no server can see.
    """

    part: str
    what: str
    outcome: Outcome
    why: str
    attempt: Attempt | None = None
    smoke: bool = False
    tested: str = ""

    @property
    def id(self) -> str:
        """Return a short name for the test's report."""
        return "-".join("".join(c if c.isalnum() else " " for c in self.what).split()[:9])


def every_way() -> list[Way]:
    """Return all of them, in the order of the page."""
    from tests.client.mlflow_plugin import bypasses_by_artifact as by_artifact
    from tests.client.mlflow_plugin import bypasses_by_model as by_model
    from tests.client.mlflow_plugin import bypasses_by_registry as by_registry
    from tests.client.mlflow_plugin import bypasses_from_outside as from_outside

    return [*by_registry.WAYS, *by_model.WAYS, *by_artifact.WAYS, *from_outside.WAYS]


def table() -> str:
    """Return the page's part that is written from the ways."""
    ways, lines = every_way(), []
    for part in dict.fromkeys(way.part for way in ways):
        lines += ["", f"### {part}", "", "| Way | Outcome | Why |", "|---|---|---|"]
        lines += [f"| {way.what} | {way.outcome} | {way.why} |" for way in ways if way.part == part]
    return "\n".join([BEGIN, *lines, "", END])


def main() -> None:
    """Write the table into the page."""
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    PAGE.write_text(before + table() + rest.split(END)[1])


if __name__ == "__main__":
    main()
