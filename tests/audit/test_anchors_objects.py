"""Object stores: an S3 server on loopback that honours conditional creates (moto)."""

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
from tests.object_server import s3_server

NAME = "log.example_audit.00000000000000000007.note"


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run an S3 server with one bucket, ``anchors``; yields its address."""
    with s3_server(tmp_path_factory.mktemp("s3"), "anchors") as url:
        yield url


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
    monkeypatch.setattr("governance.audit.anchors.objects.TIMEOUT_S", 0.4)
    monkeypatch.setattr("governance.audit.anchors.objects.RETRIES", 0)
    with trickling_server(headers_too=headers_too, method="PUT") as url, pytest.raises(AnchorUnavailable):
        sink_at(url, credentials, "anchors/log").publish(published(7))


def test_wrong_credentials_are_an_error_at_the_start(tmp_path: Path, credentials: Path) -> None:
    credentials.write_text("AWS_SECRET=x\n")
    with pytest.raises(ImproperlyConfigured, match="'aws_secret' is not valid for store 'S3'") as caught:
        ObjectStore.at("s3://anchors/log", options={"credentials": str(credentials)}, every=ObjectStore.every)
    assert "\n" not in str(caught.value)
