"""The example service, as people would run it: uvicorn, a real MLflow server, permits that the notary signed."""

from __future__ import annotations

import os
import socket
import socketserver
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from governance.accounts.services import create_token
from governance.approvals import services as approvals
from governance.audit.actors import System
from governance.audit.events import Event
from monitoring.models import RecordBatch
from monitoring.services import open_monitor
from placet.digests import artifact_manifest
from placet.notes import encode_vkey
from registry.models import DatasetSnapshot
from tests import payloads
from tests.factories import Cast, a_dataset, a_policy_text, mirrored, record_applied
from tests.registry.real_mlflow import ROWS
from tests.reports.factories import notarise

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # MLflow's own warnings while it logs a model
ROOT = Path(__file__).resolve().parents[2]
ME = System("test")
STARTS_WITHIN_S = 120.0


def a_reference() -> DatasetSnapshot:
    """The evaluation rows of these models, as the reconciler keeps them."""
    digest = payloads.a_digest("two numbers")
    found = DatasetSnapshot.objects.filter(digest=digest).first()
    names = list(ROWS[0])
    columns = [{"name": name, "type": "double"} for name in names]
    reference = a_dataset()
    return found or mirrored(
        Event.DATASET_MIRRORED,
        DatasetSnapshot(
            digest=digest,
            columns=columns,
            features=names,
            **{
                name: getattr(reference, name)
                for name in ("role", "uri", "rows", "label", "positive_label", "favourable_labels", "mirrored_at")
            },
        ),
    )


class Line(socketserver.ThreadingTCPServer):
    """A line to a server on the loopback that can be cut and mended; its own port stays bound, so nobody takes it."""

    daemon_threads = True

    def __init__(self, url: str) -> None:
        self.there = ("127.0.0.1", int(url.rpartition(":")[2]))
        self.open: list[socket.socket] = []
        self.whole = True
        super().__init__(("127.0.0.1", 0), _Relay)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def cut(self) -> None:
        self.whole = False
        for connection in self.open:  # those that are kept alive, too
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.cut()
        self.shutdown()
        self.server_close()


class _Relay(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        line = self.server
        assert isinstance(line, Line)
        if not line.whole:
            return
        with suppress(OSError), closing(socket.create_connection(line.there)) as other:
            line.open += [other, self.request]
            back = Thread(target=_pump, args=(other, self.request), daemon=True)
            back.start()
            _pump(self.request, other)
            back.join(timeout=60)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65_536):
            target.sendall(chunk)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class World:
    """People, a model in MLflow and in Placet, and the lines that a service reaches both by."""

    def __init__(self, cast: Cast, tracking: tuple[str, Path], models: list[str], placet: str, folder: Path) -> None:
        from mlflow import MlflowClient

        self.cast, self.models, self.folder = cast, models, folder
        self.client, self.artifacts = MlflowClient(tracking[0]), tracking[1]
        self.client.create_registered_model(cast.model.name)
        self.lines = {"mlflow": Line(tracking[0]), "placet": Line(placet)}
        key = Ed25519PrivateKey.from_private_bytes(b"\2" * 32).public_key()
        (folder / "policy.txt").write_text(f"permit {encode_vkey('placet/permit', key)}\n")

    def register(self, number: int) -> Any:
        """Return a version in MLflow, made now unless it is there."""
        name, model_id = self.cast.model.name, self.models[number - 1]
        there = {version.version: version for version in self.client.search_model_versions(f"name='{name}'")}
        if str(number) not in there:
            return self.client.create_model_version(name, f"models:/{model_id}", model_id=model_id)
        return there[str(number)]

    def promote(
        self,
        number: int,
        alias: str = "champion",
        *,
        permitted: bool = True,
        before_alias: Callable[[], object] = lambda: None,
    ) -> None:
        """Register a version, take it all the way in Placet if it is permitted, and point MLflow's alias at it."""
        made, name = self.register(number), self.cast.model.name
        if permitted:
            manifest = artifact_manifest(self.files(number))
            self.promotion = self.cast.signed(
                self.cast.promotion(
                    number=number,
                    alias=alias,
                    source=made.source,
                    storage_location=self.client.get_model_version_download_uri(name, str(number)),
                    artifact_digest=manifest.root_digest,
                    manifest_digest=manifest.digest,
                    mlflow_created_at_ms=made.creation_timestamp,
                    evaluation_dataset=a_reference(),
                )
            )
            notarise(self.folder)
            record_applied(self.promotion.pk)
        before_alias()
        self.client.set_registered_model_alias(name, alias, str(number))

    def files(self, number: int) -> Path:
        location = self.client.get_model_version_download_uri(self.cast.model.name, str(number))
        return self.artifacts / location.removeprefix("mlflow-artifacts:/")

    @contextmanager
    def service(self, **more: str) -> Iterator[Service]:
        """Run the example as its README says."""
        listening = socket.create_server(("127.0.0.1", 0))  # handed on as it is, so that nobody else takes the port
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PLACET", "DJANGO"))}
        environment |= {
            "MODEL_URI": f"models:/{self.cast.model.name}@champion",
            "MLFLOW_TRACKING_URI": self.lines["mlflow"].url,
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
            "PLACET_URL": self.lines["placet"].url,
            "PLACET_TRUST_FILE": str(self.folder / "policy.txt"),
            "PLACET_CACHE": str(self.folder / "cache"),
            "POLL_SECONDS": "0.3",
            "RECORDS_SECONDS": "0.3",
        }
        command = [sys.executable, "-m", "uvicorn", "examples.serving.app:app", "--no-access-log"]
        command += ["--fd", str(listening.fileno())]
        log = self.folder / "serving.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                command, env=environment | more, cwd=ROOT, stdout=output, stderr=output, pass_fds=[listening.fileno()]
            )
        with listening, httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=30) as http:
            try:
                yield Service(http, log)
            finally:
                process.terminate()
                process.wait(timeout=30)


class Service:
    """The running example."""

    def __init__(self, http: httpx.Client, log: Path) -> None:
        self.http, self.log = http, log

    def until(self, **expected: Any) -> dict[str, Any]:
        """Wait until /health says what is expected, a part of the text where that is text; return it."""
        ends, said = time.monotonic() + STARTS_WITHIN_S, {}
        while time.monotonic() < ends:
            with suppress(httpx.HTTPError):
                said = self.http.get("/health").json()
                if all(
                    value in (said[key] or "") if isinstance(value, str) and value else said[key] == value
                    for key, value in expected.items()
                ):
                    return said
            time.sleep(0.1)
        raise AssertionError(
            f"{expected} was not said within {STARTS_WITHIN_S} s: {said}\n{self.log.read_text()[-3000:]}"
        )

    def version(self, **headers: str) -> str:
        """Return the version that answers, None is never one."""
        answer = self.http.post("/predictions", json=ROWS, headers=headers)
        assert answer.status_code == 200, answer.text
        assert len(answer.json()) == len(ROWS)
        return answer.headers["X-Model-Version"]

    def ready(self) -> int:
        return self.http.get("/ready").status_code


def a_world(request, policy_text: str = "") -> World:
    get = request.getfixturevalue
    return World(
        Cast(policy_text), get("tracking_server"), get("logged_models"), get("live_server").url, get("tmp_path")
    )


@pytest.fixture
def world(request, committed_cast) -> World:
    """Version 1 is approved, permitted and champion."""
    get = request.getfixturevalue
    made = World(committed_cast, get("tracking_server"), get("logged_models"), get("live_server").url, get("tmp_path"))
    made.promote(1)
    yield made
    for line in made.lines.values():
        line.close()


def test_a_champion_that_verifies_is_swapped_in_and_one_that_does_not_is_not(world):
    with world.service() as service:
        service.until(version="1", serving=True, note="")
        assert (service.version(), service.ready()) == ("1", 200)
        assert service.http.get("/live").status_code == 200
        world.promote(2)
        service.until(version="2", note="")
        assert service.version() == "2"
        decided = service.http.post("/decisions", json=ROWS).json()
        assert [row["decline"] for row in decided] == [row["probability"] >= 0.3 for row in decided]

        world.promote(3, permitted=False)  # somebody points the alias past Placet
        service.until(version="2", note="The permit is for version '2', not '3'")
        assert (service.version(), service.ready()) == ("2", 200)
        assert "not '3'" in service.log.read_text()
        world.client.set_registered_model_alias(world.cast.model.name, "champion", "2")
        service.until(version="2", note="")

        approvals.revoke(request_id=world.promotion.approval_id, reason="For good.", actor=ME)
        notarise(world.folder)
        service.until(serving=False, note="revoked")
        assert service.ready() == 503
        refused = service.http.post("/predictions", json=ROWS)
        assert (refused.status_code, "revoked" in refused.text) == (503, True)
        assert service.http.get("/live").status_code == 200


def test_tampered_bytes_are_never_loaded_and_the_old_model_answers_on(world):
    world.register(2)
    target = next(path for path in sorted(world.files(2).iterdir()) if path.name.startswith("model."))
    genuine = target.read_bytes()
    try:
        with world.service() as service:
            service.until(version="1", note="")
            world.promote(2, before_alias=lambda: target.write_bytes(genuine[:-1] + bytes([genuine[-1] ^ 1])))
            service.until(version="1", serving=True, note="are not the approved ones")
            assert service.version() == "1"
            assert service.http.post("/reload").status_code == 409
        with world.service() as again:  # and a restart has nothing to answer with
            again.until(version="none", serving=False, note="are not the approved ones")
            assert (again.ready(), again.http.post("/predictions", json=ROWS).status_code) == (503, 503)
            target.write_bytes(genuine)
            again.until(version="2", serving=True, note="")
    finally:
        target.write_bytes(genuine)


@pytest.mark.parametrize("on_suspend", ["keep_serving", "refuse_new_loads"])
def test_a_restart_during_a_suspension_is_as_the_policy_says(
    request, transactional_db, mlflow_address, settings, on_suspend
):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    world = a_world(request, a_policy_text(("on_suspend: keep_serving", f"on_suspend: {on_suspend}")))
    world.promote(1)
    approvals.suspend(request_id=world.promotion.approval_id, reason="A drift alert.", actor=ME)
    notarise(world.folder)
    with world.service() as service:
        if on_suspend == "keep_serving":
            service.until(version="1", serving=True, note="suspended")
            assert (service.version(), service.ready()) == ("1", 200)
        else:
            service.until(version="none", serving=False, note="suspended")
            assert service.ready() == 503
    for line in world.lines.values():
        line.close()


def test_with_mlflow_or_placet_down_it_serves_on_and_starts_from_what_it_kept(world):
    with world.service() as service:
        service.until(version="1", note="")
        world.lines["mlflow"].cut()
        service.until(version="1", serving=True, note="failed with exception")
        assert (service.version(), service.ready()) == ("1", 200)
        world.lines["mlflow"].whole = True
        service.until(note="")
    world.lines["placet"].cut()
    with world.service() as again:
        said = again.until(version="1", serving=True)
        assert said["verified_offline"]
        assert again.version() == "1"
    with world.service(PLACET_CACHE=str(world.folder / "empty")) as without:
        without.until(version="none", serving=False, note="No permit")
    world.lines["placet"].whole = True
    approvals.revoke(request_id=world.promotion.approval_id, reason="For good.", actor=ME)
    notarise(world.folder)
    with world.service() as informed:
        informed.until(version="none", serving=False, note="revoked")
    world.lines["placet"].cut()
    with world.service() as later:  # what it learned while Placet answered, it knows still
        later.until(version="none", serving=False, note="No permit")


def test_the_canary_answers_whom_it_should_and_records_name_the_version_that_answered(world):
    world.promote(2, "canary")
    name = world.cast.model.name
    for alias in ("champion", "canary"):
        open_monitor(model=world.cast.model, alias=alias, actor=ME)
    token = create_token(holder=world.cast.engineer, label="serving", days=1, scopes=["records:write"])
    canary = {"CANARY_URI": f"models:/{name}@canary", "PLACET_TOKEN": token, "CANARY_SHARE": "0.5"}
    with world.service(**canary) as service:
        service.until(version="1", note="")
        while not service.http.get("/health").json()["canary"]["serving"]:
            time.sleep(0.1)
        asked = [service.version() for _ in range(40)]
        assert {"1", "2"} == set(asked)  # by share; all forty alike would be one in 2^39
        assert {service.version(**{"X-Canary": "1"}) for _ in range(5)} == {"2"}
        assert {service.version(**{"X-Canary": "0"}) for _ in range(5)} == {"1"}
        service.until(records={"sent": 50 * len(ROWS)})
    rows = {}
    for batch in RecordBatch.objects.select_related("version", "monitor"):
        key = (batch.monitor.alias, batch.version.number)
        rows[key] = rows.get(key, 0) + batch.rows
    answered = {"1": asked.count("1") + 5, "2": asked.count("2") + 5}
    assert rows == {
        ("champion", 1): answered["1"] * len(ROWS),
        ("canary", 2): answered["2"] * len(ROWS),
    }
