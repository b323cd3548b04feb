"""Behind a proxy that signs people in, its word counts, and only with the secret that it shares with the server."""

import http.client
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from placet.mlflow_plugin.identity import NOBODY, Identity
from placet.mlflow_plugin.proxy import Refused, TrustedProxy, trusted_proxy
from tests.client.mlflow_plugin.conftest import Rest
from tests.client.mlflow_plugin.decision_server import DecisionServer
from tests.client.mlflow_plugin.mlflow_server import MlflowServer, governed_server

pytestmark = pytest.mark.xdist_group("own servers")  # servers of its own: may run beside the rest of this folder
SECRET = "a-secret-of-the-tests-with-more-than-32-characters"
PROXY = TrustedProxy("X-Forwarded-User", SECRET.encode())
RIGHT = {"X-Placet-Proxy-Secret": SECRET}


def test_the_proxys_user_is_the_identity_and_without_one_there_is_nobody():
    assert PROXY.identity(secrets=[SECRET.encode()], names=["Jürgen".encode()]) == Identity("Jürgen", "proxy")
    assert PROXY.identity(secrets=[SECRET.encode()], names=[]) == NOBODY
    assert PROXY.identity(secrets=[SECRET.encode()], names=[b""]) == NOBODY


@pytest.mark.parametrize(
    "secrets", [[], [b""], [SECRET.encode()[:-1]], [SECRET.upper().encode()], [SECRET.encode()] * 2]
)
def test_without_the_very_secret_nobody_is_believed(secrets: list[bytes]):
    with pytest.raises(Refused, match="authenticating proxy"):
        PROXY.identity(secrets=secrets, names=[b"ml-engineer"])


@pytest.mark.parametrize(
    "names",
    [[b"admin", b"ml-engineer"], [b"", b"admin"], [b"admin, ml-engineer"], [b"a\tb"], [b"\xff"], [b"x" * 256], [b" "]],
)
def test_a_name_that_could_be_two_or_is_none_is_refused(names: list[bytes]):
    with pytest.raises(Refused, match="one user"):
        PROXY.identity(secrets=[SECRET.encode()], names=names)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PLACET_PROXY_SECRET", ""),
        ("PLACET_PROXY_SECRET", "x" * 31),
        ("PLACET_PROXY_SECRET", "two words " * 9),
        ("PLACET_IDENTITY_HEADER", "X_Forwarded_User"),
        ("PLACET_IDENTITY_HEADER", "x-placet-proxy-secret"),
    ],
)
def test_a_setting_that_would_not_hold_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str):
    monkeypatch.setenv("PLACET_PROXY_SECRET", SECRET)
    assert trusted_proxy() == PROXY
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=name):
        trusted_proxy()


@pytest.fixture(scope="module", params=["uvicorn", "gunicorn"])
def behind_a_proxy(
    request: pytest.FixtureRequest, _session_gate: DecisionServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MlflowServer]:
    """A governed server that takes identity from a proxy, under either kind of server."""
    folder = tmp_path_factory.mktemp("proxied")
    with governed_server(
        folder,
        database=f"sqlite:///{folder / 'mlflow.db'}",
        auth_database="",
        placet_url=_session_gate.url,
        options=["--gunicorn-opts", "--timeout 60"] if request.param == "gunicorn" else [],
        settings={"PLACET_IDENTITY": "proxy", "PLACET_PROXY_SECRET": SECRET},
    ) as server:
        yield server


def as_user(server: MlflowServer, headers: dict[str, str]) -> Rest:
    rest = Rest(server, "", "")
    rest.headers = headers
    return rest


@pytest.mark.slow
def test_only_what_comes_through_the_proxy_is_answered_and_its_user_is_the_identity(
    behind_a_proxy: MlflowServer, gate: DecisionServer
):
    for headers in (
        {},
        {"X-Forwarded-User": "ml-engineer"},
        {"X-Forwarded-User": "ml-engineer", "X-Placet-Proxy-Secret": "wrong"},
        {"Authorization": "Basic cGxhY2V0OnBhc3N3b3Jk"},
    ):
        stranger = as_user(behind_a_proxy, headers)
        for method, path in (
            ("GET", "/api/2.0/mlflow/registered-models/search"),
            ("POST", "/api/2.0/mlflow/registered-models/create"),
            ("GET", "/"),
            ("GET", "/health/"),
            ("GET", "/healthy"),
            ("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/x"),  # FastAPI's own under uvicorn
            ("GET", "/api/3.0/mlflow/server-info"),
            ("GET", "/api/2.0/mlflow/users/list"),
        ):
            refused = stranger.send(method, path)
            assert (refused.status, refused.body["error_code"]) == (403, "PERMISSION_DENIED"), (headers, path)
            assert "authenticating proxy" in refused.message
        assert stranger.send("GET", "/health").status == 200

    engineer = as_user(behind_a_proxy, {**RIGHT, "X-Forwarded-User": "ml-engineer"})
    name = engineer.a_model()
    assert gate.wait_for("version.create", name=name)["identity"] == {"username": "ml-engineer", "source": "proxy"}
    assert engineer.set_alias(name, "champion", 1).status == 403
    assert gate.asked("alias.set")[-1]["identity"] == {"username": "ml-engineer", "source": "proxy"}
    claims = as_user(behind_a_proxy, {**RIGHT, "Authorization": "Basic YWRtaW46YWRtaW4="})
    assert claims.set_alias(name, "champion", 1).status == 403
    assert gate.asked("alias.set")[-1]["identity"] == {"username": None, "source": "none"}
    assert as_user(behind_a_proxy, {**RIGHT, "X-Forwarded-User": "a,b"}).set_alias(name, "champion", 1).status == 403
    assert len(gate.asked("alias.set")) == 2


@pytest.mark.slow
def test_a_name_that_is_sent_twice_is_refused_on_the_wire(behind_a_proxy: MlflowServer):
    connection = http.client.HTTPConnection(urlsplit(behind_a_proxy.url).netloc, timeout=30)
    connection.putrequest("GET", "/api/2.0/mlflow/registered-models/search")
    for header, value in (*RIGHT.items(), ("X-Forwarded-User", "bob"), ("X-Forwarded-User", "admin")):
        connection.putheader(header, value)
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, b"one user" in answer.read()) == (403, True)
    connection.close()
