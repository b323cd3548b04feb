"""Time-stamps of a real authority: what it signs is checked, and whatever else it does stops nothing."""

import time
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from governance.audit import selectors
from governance.audit.anchors.configuration import sinks_from
from governance.audit.anchors.exchange import LIMIT
from governance.audit.anchors.publisher import Publisher
from governance.audit.anchors.timestamp import TimeStampAuthority
from governance.audit.errors import AnchorUnavailable
from governance.audit.models import Anchor
from governance.audit.notary import Notary
from tests.audit.anchoring import SOON, http_server, published, trickling_server
from tests.audit.authority import Authority
from tests.audit.entries import append

NOW = timedelta(seconds=20)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.made_in(tmp_path_factory.mktemp("tsa") / "authority")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.made_in(tmp_path_factory.mktemp("tsa") / "stranger")


def sink_at(url: str, *, ca: Path | None = None, deadline: timedelta = NOW) -> TimeStampAuthority:
    (sink,) = sinks_from([f"tsa+{url}/tsr" + (f"?ca={ca}" if ca else "")])
    assert isinstance(sink, TimeStampAuthority)
    return TimeStampAuthority(sink.name, sink.url, sink.roots, sink.every, deadline)


@pytest.mark.parametrize("with_ca", [True, False])
def test_the_token_is_one_that_openssl_verifies(authority: Authority, with_ca: bool) -> None:
    with authority.serving() as url:
        anchored = sink_at(url, ca=authority.ca if with_ca else None).publish(published(7))
    assert anchored.proof
    assert authority.verify(anchored.proof, published(7).note)
    assert not authority.verify(anchored.proof, published(8).note)
    assert published(7).digest in anchored.reference
    assert " no. " in anchored.reference


def refusal(answer: Callable[[bytes], tuple[int, bytes]], *, ca: Path | None = None) -> str:
    """Return the sentence with which the sink refuses an answer."""
    with http_server(answer) as url, pytest.raises(AnchorUnavailable) as caught:
        sink_at(url, ca=ca).publish(published(7))
    assert "\n" not in caught.value.detail
    return caught.value.detail


def test_an_old_answer_is_refused_by_its_nonce(authority: Authority) -> None:
    old = TimestampRequestBuilder().data(published(7).note).hash_algorithm(HashAlgorithm.SHA256).build()
    answer = authority.reply(old.as_bytes())
    assert "another request than ours (nonce)" in refusal(lambda query: (200, answer))


def test_an_answer_about_other_bytes_is_refused(authority: Authority) -> None:
    def about_others(query: bytes) -> tuple[int, bytes]:
        ours, other = sha256(published(7).note).digest(), sha256(b"other").digest()
        assert ours in query
        return 200, authority.reply(query.replace(ours, other))

    assert "other bytes than the checkpoint (message imprint)" in refusal(about_others)


def test_an_answer_by_somebody_else_is_refused_where_the_ca_is_given(authority: Authority, stranger: Authority) -> None:
    said = refusal(lambda query: (200, stranger.reply(query)), ca=authority.ca)
    assert "does not lead to ?ca=" in said


def test_an_answer_that_was_changed_is_refused_where_the_ca_is_given(authority: Authority) -> None:
    def changed(query: bytes) -> tuple[int, bytes]:
        answer = bytearray(authority.reply(query))
        answer[-1] ^= 1  # the last byte of the signature
        return 200, bytes(answer)

    assert "does not lead to ?ca=, or not at all" in refusal(changed, ca=authority.ca)


def test_a_refusal_says_why(authority: Authority) -> None:
    def in_sha384(query: bytes) -> tuple[int, bytes]:
        oid = bytes.fromhex("0609608648016503040201")
        return 200, authority.reply(query.replace(oid, oid[:-1] + b"\x02"))  # a hash that this authority does not take

    assert "refused the request: rejection" in refusal(in_sha384)


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"0",
        b"<html>Sign in</html>",
        b"\x30\x05\x30\x03\x02\x01\x00",
        b"\x30\x80",
        b"\x30\x84\xff\xff\xff\xff",
        bytes(64),
    ],
)
def test_garbage_is_refused(garbage: bytes) -> None:
    assert "did not answer with a time-stamp" in refusal(lambda query: (200, garbage))


def test_every_cut_of_a_real_answer_is_refused(authority: Authority) -> None:
    answers = iter(range(4, 400, 44))

    def cut(query: bytes) -> tuple[int, bytes]:
        return 200, authority.reply(query)[: next(answers)]

    for _ in range(4, 400, 44):
        assert "did not answer with a time-stamp" in refusal(cut)


def test_an_error_of_the_server_is_named() -> None:
    assert "answered 500 (out of order)" in refusal(lambda query: (500, b"out of order\nat line 1"))


def test_an_answer_without_end_is_cut_off() -> None:
    assert f"longer than {LIMIT} bytes" in refusal(lambda query: (200, bytes(LIMIT + 1)))


@pytest.mark.parametrize("headers_too", [True, False])
def test_a_server_that_trickles_is_left_at_the_deadline(headers_too: bool) -> None:
    with trickling_server(headers_too=headers_too) as url, pytest.raises(AnchorUnavailable, match=r"within 0\.3 s"):
        began = time.monotonic()
        sink_at(url, deadline=timedelta(seconds=0.3)).publish(published(7))
    assert time.monotonic() - began < 10


def test_nobody_there_is_named_without_the_password() -> None:
    sink = TimeStampAuthority("tsa+http://127.0.0.1:9/", "http://user:secret@127.0.0.1:9/")
    with pytest.raises(AnchorUnavailable, match=r"tsa\+http://127\.0\.0\.1:9/: .*Check that the address") as caught:
        sink.publish(published(7))
    assert "secret" not in caught.value.detail


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("behaviour", ["stamps", "fails", "trickles"])
def test_the_notary_signs_on_whatever_the_authority_does(authority: Authority, behaviour: str, notary: Notary) -> None:
    servers = {
        "stamps": authority.serving,
        "fails": lambda: http_server(lambda query: (500, b"no")),
        "trickles": lambda: trickling_server(headers_too=True),
    }
    with servers[behaviour]() as url:
        notary.publisher = Publisher([sink_at(url, ca=authority.ca, deadline=timedelta(seconds=2))])
        for size in (1, 2, 3):
            append()
            assert notary.round() == 1
            assert selectors.newest_checkpoint().size == size
        assert notary.publisher.settle(within=SOON)
        assert notary.publisher.close(within=SOON)
    (health,) = selectors.anchor_sinks()
    if behaviour == "stamps":
        anchor = Anchor.objects.select_related("checkpoint").get()
        assert authority.verify(bytes(anchor.proof), bytes(anchor.checkpoint.note))
        assert (health.error, health.every) == ("", timedelta(days=1))
    else:
        assert Anchor.objects.count() == 0
        assert {"fails": "answered 500", "trickles": "no complete answer"}[behaviour] in health.error
