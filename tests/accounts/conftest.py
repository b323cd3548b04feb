"""The clock of authenticator apps stands still, so that no code runs out while a test is slow."""

from types import SimpleNamespace

import pytest

from tests.accounts.app_codes import NOW


@pytest.fixture(autouse=True)
def one_period(monkeypatch):
    monkeypatch.setattr("allauth.mfa.totp.internal.auth.time", SimpleNamespace(time=lambda: NOW))
