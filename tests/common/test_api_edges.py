"""What the API answers where no view does: a problem that says what to do, never a page."""

import pytest
from django.test import Client


@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
def test_an_address_that_is_none_is_a_problem_for_everybody(client: Client, method: str) -> None:
    answer = getattr(client, method)("/api/v1/promotion-requests/nonsense/at-all")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "/problems/unknown"
    assert "/api/v1/openapi.yaml" in answer.json()["detail"]


def test_a_fault_of_ours_is_a_problem_with_the_requests_id(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("governance.audit.selectors.newest_checkpoint", broken)
    answer = Client(raise_request_exception=False).get("/api/v1/log/checkpoint")
    assert answer.status_code == 500
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["request"] == answer["X-Request-Id"]
    assert answer["X-Request-Id"] in answer.json()["detail"]
