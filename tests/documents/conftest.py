"""What the tests of documents share: each sample is drawn once, and one authority signs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from reports.documents.building import build
from reports.documents.content import Content
from reports.documents.press import Press
from tests.documents.sample_kinds import CASES
from tests.documents.signing_authority import Signers

Drawn = tuple[dict[str, Any], Content, bytes]


@pytest.fixture(scope="session")
def press() -> Iterator[Press]:
    """The child that a worker draws in."""
    made = Press()
    yield made
    made.close()


@pytest.fixture(scope="session")
def drawn(press: Press) -> Callable[[str], Drawn]:
    """Return a case of ``CASES`` with its content and its PDF, which is drawn once."""

    @cache
    def draw(case: str) -> Drawn:
        snapshot = CASES[case]()
        content = build(snapshot)
        return snapshot, content, press.render(content, snapshot)

    return draw


@pytest.fixture(scope="session")
def signers(tmp_path_factory: pytest.TempPathFactory) -> Signers:
    """One signer's certificate and a time-stamp authority, both good."""
    return Signers.made_in(tmp_path_factory.mktemp("pki") / "good")
