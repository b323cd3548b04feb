"""What counts as protected."""

import pytest

from placet.mlflow_plugin import protection


@pytest.fixture(autouse=True)
def _default(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(protection.PROTECTED_ALIASES_ENV, raising=False)


@pytest.mark.parametrize(
    "written",
    [
        "champion",
        "Champion",
        " champion",
        "champion\t\n",
        "CHAMPION\u3000",
        "\uff43\uff48\uff41\uff4d\uff50\uff49\uff4f\uff4e",
        "\U0001d402hampion",
    ],
)
def test_names_that_look_alike_fold_together(written: str):
    assert protection.is_protected_alias(written)


@pytest.mark.parametrize("alias", ["challenger", "champion2", "preprod", "cham\ufb01on", "", None])
def test_other_names_are_free(alias: str | None):
    assert not protection.is_protected_alias(alias)


def test_the_setting_adds_to_the_default_and_takes_patterns(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(protection.PROTECTED_ALIASES_ENV, " Live , prod-* ,")
    assert protection.protected_aliases() == (*protection.DEFAULT_PROTECTED_ALIASES, "live", "prod-*")
    assert all(map(protection.is_protected_alias, ("LIVE", "prod-eu", "PROD-us", "champion")))


def test_what_placet_says_replaces_the_default_and_the_setting_still_adds(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(protection, "_received", ())
    protection.receive([" Live ", "eu-*"])
    assert protection.protected_aliases() == ("live", "eu-*")
    assert not protection.is_protected_alias("champion")
    assert protection.example_alias() == "live"
    monkeypatch.setenv(protection.PROTECTED_ALIASES_ENV, "canary")
    assert protection.protected_aliases() == ("live", "eu-*", "canary")
    protection.keep_default()
    assert set(protection.protected_aliases()) == {"live", "eu-*", *protection.DEFAULT_PROTECTED_ALIASES}
    protection.receive([])
    assert protection.is_protected_alias("champion")


@pytest.mark.parametrize("setting", ["", "  ", ",", " , ,"])
def test_an_empty_setting_protects_the_default(monkeypatch: pytest.MonkeyPatch, setting: str):
    monkeypatch.setenv(protection.PROTECTED_ALIASES_ENV, setting)
    assert protection.protected_aliases() == protection.DEFAULT_PROTECTED_ALIASES


def test_a_setting_of_patterns_alone_still_gives_the_hint_a_plain_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(protection.PROTECTED_ALIASES_ENV, "prod-*")
    assert protection.example_alias() == "champion"


@pytest.mark.parametrize("key", ["gov.", "GOV.status", " gov.x", "\uff47ov.x"])
def test_reserved_tags_fold_too(key: str):
    assert protection.is_reserved_tag(key)
    assert not protection.is_reserved_tag(f"my.{key.strip()}")
