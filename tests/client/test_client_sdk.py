"""The SDK asks what the API's contract says, and turns every refusal into one error with its fields."""

import json

import pytest

from placet.sdk import Placet, PlacetProblem

ID = "0a0a0a0a-0000-4000-8000-000000000001"
PATH = f"/api/v1/promotion-requests/{ID}"


def a_request(state="requested", verdict=None, approval="collecting", **fields):
    return {
        "id": ID,
        "state": state,
        "url": "http://placet.example/requests/1",
        "model": "credit-risk",
        "version": "2",
        "alias": "champion",
        "next_step": "Evidence is being made.",
        "approval": {"id": "a", "state": approval, "verdict": verdict, "checks": [], "stages": []},
        "jobs": [],
    } | fields


def test_a_request_sends_its_body_its_token_and_an_idempotency_key(api):
    api.says("POST", "/api/v1/promotion-requests", a_request(), status=202)
    with Placet(api.url, "t0ken") as placet:
        request = placet.request_promotion("credit-risk", 2, "champion", idempotency_key="ci-17")
        placet.request_promotion("credit-risk", 2, "champion")
        placet.request_promotion("credit-risk", 2, "champion")
    assert (request.id, request.state, request.verdict) == (ID, "requested", None)
    first, *others = api.asked
    assert json.loads(first["body"]) == {"model": "credit-risk", "version": "2", "alias": "champion"}
    assert first["headers"]["Authorization"] == "Bearer t0ken"
    assert first["headers"]["Idempotency-Key"] == "ci-17"
    assert len({asked["headers"]["Idempotency-Key"] for asked in others}) == 2


def test_waiting_ends_with_the_verdict_and_not_with_the_people(api):
    api.says("GET", PATH, a_request(), a_request(), a_request(verdict="HOLD", approval="in_review"))
    seen = []
    with Placet() as placet:
        request = placet.wait(ID, every_s=0.01, progress=lambda now: seen.append(now.verdict))
    assert request.verdict == "HOLD"
    assert seen == [None, None, "HOLD"]


def test_waiting_for_an_apply_ends_with_the_alias_moved(api):
    done = {"verdict": "ALLOW", "approval": "approved"}
    api.says("GET", PATH, a_request(**done), a_request("applying", **done), a_request("applied", **done))
    with Placet() as placet:
        assert placet.wait(ID, until="applied", every_s=0.01).state == "applied"
    assert len(api.asked) == 3


def test_waiting_gives_up_with_a_sentence(api):
    api.says("GET", PATH, a_request())
    with Placet() as placet, pytest.raises(PlacetProblem, match="Still working"):
        placet.wait(ID, every_s=0.02, timeout_s=0.1)


def test_a_problem_keeps_the_fields_of_rfc_9457(api):
    problem = {
        "type": "/problems/model-without-system",
        "title": "No AI system",
        "status": 409,
        "detail": "Take the model in.",
    }
    api.says("POST", "/api/v1/promotion-requests", problem | {"errors": {"model": ["x"]}}, status=409)
    with Placet() as placet, pytest.raises(PlacetProblem) as refused:
        placet.request_promotion("m", "1", "champion")
    error = refused.value
    assert (error.title, error.detail, error.status, error.type) == (
        "No AI system",
        "Take the model in.",
        409,
        "/problems/model-without-system",
    )
    assert error.errors == {"model": ["x"]}
    assert str(error) == "No AI system: Take the model in."


@pytest.mark.parametrize("answer", [b"<html>oops</html>", ["a"], b""])
def test_an_answer_that_is_no_problem_document_is_still_one_error(api, answer):
    api.says("GET", PATH, answer, status=502)
    with Placet() as placet, pytest.raises(PlacetProblem) as refused:
        placet.promotion(ID)
    assert refused.value.status == 502
    assert "Bad Gateway" in str(refused.value)


def test_a_success_that_is_not_json_is_an_error(api):
    api.says("GET", PATH, b"<html>a login page</html>")
    with Placet() as placet, pytest.raises(PlacetProblem, match="is it Placet's address"):
        placet.promotion(ID)


def test_an_unreachable_or_missing_address_says_what_to_check(monkeypatch):
    with Placet("http://127.0.0.1:9") as placet, pytest.raises(PlacetProblem, match="cannot be reached") as refused:
        placet.promotion(ID)
    assert refused.value.status == 0
    monkeypatch.delenv("PLACET_URL", raising=False)
    for url in (None, "localhost:8000", "ftp://x"):
        with pytest.raises(PlacetProblem, match="PLACET_URL"):
            Placet(url)


def test_an_id_cannot_reach_another_path(api):
    with Placet() as placet:
        for wrong in ("../users", "a/b", "", ".."):
            with pytest.raises(ValueError, match="not an id"):
                placet.promotion(wrong)
    assert api.asked == []


def test_applying_posts_to_the_request(api):
    api.says("POST", f"{PATH}/applications", a_request("applying"), status=202)
    with Placet() as placet:
        assert placet.apply(ID).state == "applying"


def test_a_list_is_followed_to_its_last_page_and_never_to_another_server(api):
    path = "/api/v1/promotion-requests"
    first = {"results": [a_request(id="1"), a_request(id="2")], "next": f"https://evil.example{path}?cursor=abc%3D"}
    api.says("GET", path, first, {"results": [a_request(id="3")], "next": None, "previous": "x"})
    with Placet(api.url, "t0ken") as placet:
        rows = placet.promotions(model="credit risk", state="requested")
        assert api.asked == [], "nothing is fetched before it is needed"
        assert [row.id for row in rows] == ["1", "2", "3"]
    assert [asked["query"] for asked in api.asked] == ["model=credit+risk&state=requested", "cursor=abc%3D"]
    api.says("GET", "/api/v1/monitors", {"rows": []})
    with Placet() as placet, pytest.raises(PlacetProblem, match="no page of a list"):
        list(placet.monitors())


def test_the_current_permit_comes_with_its_standing(api):
    api.says("GET", "/api/v1/permits", {"envelope": {"payload": "x"}, "status": "suspended"})
    with Placet() as placet:
        assert placet.current_permit("credit risk", "champion").status == "suspended"
    assert api.asked[0]["query"] == "model=credit+risk&alias=champion"


def test_records_are_sent_as_their_file_or_as_parquet(api, tmp_path):
    pd = pytest.importorskip("pandas")
    api.says("POST", "/api/v1/monitors/m1/records", {"accepted": 2}, status=202)
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"a":1}\n{"a":2}\n')
    frame = pd.DataFrame({"a": [1, 2]})
    with Placet() as placet:
        assert placet.push_records("m1", rows, batch="monday") == {"accepted": 2}
        placet.push_records("m1", frame)
        placet.push_records("m1", frame)
        with pytest.raises(ValueError, match=r"neither \.parquet nor \.jsonl"):
            placet.push_records("m1", tmp_path / "rows.csv")
    jsonl, parquet, again = api.asked
    assert (jsonl["query"], jsonl["headers"]["Content-Type"]) == ("batch=monday", "application/jsonl")
    assert parquet["headers"]["Content-Type"] == "application/vnd.apache.parquet"
    assert parquet["body"][:4] == b"PAR1"
    assert parquet["query"] == again["query"]


def test_a_bundle_is_saved_whole_or_not_at_all(api, tmp_path):
    target = tmp_path / "b.zip"
    target.write_bytes(b"older")
    api.says("GET", "/api/v1/bundles/latest", {"title": "No bundle yet", "detail": "Ask again later."}, status=404)
    with Placet() as placet:
        with pytest.raises(PlacetProblem, match="No bundle yet"):
            placet.download_bundle(target)
        assert target.read_bytes() == b"older"
        api.says("GET", "/api/v1/bundles/latest", b"PK" + bytes(100_000))
        placet.download_bundle(target)
    assert target.stat().st_size == 100_002
    assert list(tmp_path.iterdir()) == [target]
