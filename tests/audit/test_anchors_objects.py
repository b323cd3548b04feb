"""Object stores: an S3 server on loopback that honours conditional creates (moto)."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from django.core.exceptions import ImproperlyConfigured

from governance.audit.anchors.configuration import sinks_from
from governance.audit.anchors.objects import ObjectStore
from governance.audit.anchors.sinks import Sink
from governance.audit.errors import AnchorUnavailable, LogInconsistent
from tests.audit.anchoring import LEAVES, published, trickling_server

NAME = "log.example_audit.00000000000000000007.note"


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run an S3 server with one bucket, ``anchors``; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    log = (tmp_path_factory.mktemp("s3") / "log").open("w+")
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path_factory.mktemp("home"))}
    process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        ends = time.monotonic() + 60
        while True:
            try:
                httpx.put(f"{url}/anchors").raise_for_status()
                break
            except httpx.TransportError:
                log.seek(0)
                assert process.poll() is None, log.read()
                assert time.monotonic() < ends, "the S3 server did not start"
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(20)
        log.close()


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    path = tmp_path / "credentials"
    path.write_text("# of the notary alone\nAWS_ACCESS_KEY_ID = key\naws_secret_access_key=secret\n")
    return path


def stored(url: str) -> bytes:
    """Read an object past our client; the server takes any signature, but wants one."""
    answer = httpx.get(
        url, headers={"Authorization": "AWS4-HMAC-SHA256 Credential=key/20260101/eu-central-1/s3/aws4_request"}
    )
    return answer.raise_for_status().content


def sink_at(s3: str, credentials: Path, bucket: str) -> Sink:
    (sink,) = sinks_from([f"s3://{bucket}?endpoint={s3}&region=eu-central-1&credentials={credentials}"])
    return sink


def test_a_checkpoint_becomes_an_object_named_by_size(s3: str, credentials: Path) -> None:
    anchored = sink_at(s3, credentials, "anchors/first/log").publish(published(7))
    assert stored(f"{s3}/anchors/first/log/{NAME}") == published(7).note
    assert anchored.reference == f"s3://anchors/first/log/{NAME} {published(7).digest}"
    assert anchored.proof is None


def test_an_object_is_never_replaced(s3: str, credentials: Path) -> None:
    sink = sink_at(s3, credentials, "anchors/second")
    sink.publish(published(7))
    sink.publish(published(7))  # a repeat after a lost answer
    with pytest.raises(LogInconsistent, match=f"{NAME} in s3://anchors/second holds another checkpoint"):
        sink.publish(published(7, leaves=LEAVES[::-1]))
    assert stored(f"{s3}/anchors/second/{NAME}") == published(7).note


def test_a_bucket_that_is_not_there_says_what_to_check(s3: str, credentials: Path) -> None:
    with pytest.raises(
        AnchorUnavailable, match=r"s3://gone/log did not take .*NoSuchBucket|Check the bucket"
    ) as caught:
        sink_at(s3, credentials, "gone/log").publish(published(7))
    assert "\n" not in caught.value.detail


def test_a_store_that_is_down_says_what_to_check(credentials: Path) -> None:
    with pytest.raises(AnchorUnavailable, match=r"did not take the checkpoint: .*Check the bucket") as caught:
        sink_at("http://127.0.0.1:9", credentials, "anchors/log").publish(published(7))
    assert "secret" not in caught.value.detail


@pytest.mark.parametrize("headers_too", [True, False])
def test_a_store_that_trickles_is_left(headers_too: bool, credentials: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("governance.audit.anchors.objects._CLIENT", {"timeout": "400ms", "connect_timeout": "1s"})
    monkeypatch.setattr("governance.audit.anchors.objects._RETRIES", {"max_retries": 0})
    with trickling_server(headers_too=headers_too, method="PUT") as url, pytest.raises(AnchorUnavailable):
        sink_at(url, credentials, "anchors/log").publish(published(7))


def test_wrong_credentials_are_an_error_at_the_start(tmp_path: Path, credentials: Path) -> None:
    credentials.write_text("AWS_SECRET=x\n")
    with pytest.raises(ImproperlyConfigured, match="'aws_secret' is not valid for store 'S3'") as caught:
        ObjectStore.at("s3://anchors/log", options={"credentials": str(credentials)}, every=ObjectStore.every)
    assert "\n" not in str(caught.value)
