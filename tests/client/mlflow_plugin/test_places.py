"""Two addresses of the same bytes are one place, whatever they are spelt like."""

from pathlib import Path

import pytest

from placet.mlflow_plugin.places import Places, parts_of, place_of

HOME = "s3://models/kept"


@pytest.mark.parametrize(
    "path",
    [
        "1/models/m-1",
        "/1/models/m-1/",
        "1//models/./m-1",
        "1/%6dodels/m-1",
        "1/%256dodels/m-1",
        "1%2Fmodels%252fm-1",
        "1\\models\\m-1",
        "1/models%5Cm-1",
    ],
)
def test_a_path_has_one_form(path: str):
    assert parts_of(path) == ("1", "models", "m-1")


@pytest.mark.parametrize("path", ["1/../2", "1/%2e%2e/2", "1/%252e./2"])
def test_going_up_stays_visible(path: str):
    assert ".." in parts_of(path)


@pytest.mark.parametrize(
    "uri",
    [
        "mlflow-artifacts:/1/m-1",
        "mlflow-artifacts://mlflow.example:5000/1/m-1",
        "mlflow-artifacts:///1//m-1/",
        "s3://models/kept/1/m-1",
        "S3://models/kept/1/m-1?endpoint=x",
        "s3://models/kept/2/../1/m-1",
        "https://mlflow.example/api/2.0/mlflow-artifacts/artifacts/1/m-1",
    ],
)
def test_a_proxied_place_is_the_place_behind_the_proxy(uri: str):
    assert place_of(uri, destination=HOME) == place_of(HOME) / "1/m-1"


def test_places_of_other_stores_are_others():
    assert place_of("s3://models/1") != place_of("gs://models/1")
    assert place_of("s3://models/1") != place_of("s3://models-2/1")
    assert place_of("abfss://c@a.dfs.core.windows.net/1") == place_of("wasbs://c@a.blob.core.windows.net/1")
    assert place_of("sftp://bob:secret@host/1") == place_of("sftp://host/1")


def test_a_symbolic_link_is_the_folder_that_it_leads_to(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    there = place_of(str(tmp_path / "real")) / "m-1"
    assert place_of(str(tmp_path / "link" / "m-1")) == place_of((tmp_path / "link").as_uri()) / "m-1" == there


def test_a_set_of_places_knows_what_lies_in_them_and_above_them():
    places = Places([(place_of(HOME) / "1/m-1", "mine"), (place_of(HOME) / "2/m-2", "yours")])
    home = place_of(HOME)
    assert [places.around(home / path) for path in ("1/m-1", "1/m-1/MLmodel", "2/m-2/a/b", "1/m-10", "1", "")] == [
        "mine",
        "mine",
        "yours",
        None,
        None,
        None,
    ]
    assert [places.below(home / path) for path in ("", "1", "2", "3", "1/m-1")] == ["mine", "mine", "yours", None, None]
    assert not Places([])
