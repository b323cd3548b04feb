"""Optional crosswalks: off by default, read like the shipped one, named by a setting."""

import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured

from governance.regulation import crosswalk as mapping
from governance.regulation.crosswalk import UnknownFramework, controls_of, crosswalk, framework, frameworks
from governance.regulation.packs import FOLDER, UnknownPack, files_of, shipped
from governance.regulation.register import RegisterInvalid
from tests.factories import a_user

OWN = """
schema_version: 1
frameworks:
- id: house-rules
  name: Our house rules
  controls:
  - {id: H.1, title: Bias is examined}
  - {id: H.2, title: People eat lunch}
rows:
- framework: house-rules
  control: H.1
  points: [Art 10.2.f]
  holds:
    evidence: [fairness/v1]
    log: [evidence.attached]
  why: Both ask that bias is examined; differences between groups are measured with intervals.
"""


@pytest.fixture(autouse=True)
def without_packs():
    yield
    mapping.use_packs([])


@pytest.fixture
def own(tmp_path):
    """A pack of one's own, as changed."""

    def written(*changes, name="own.yaml"):
        text = OWN
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return written


def test_a_pack_that_ships_is_off_until_it_is_named():
    assert "nyc-ll144" in shipped()
    assert "nyc-ll144" not in {item.id for item in frameworks()}
    with pytest.raises(UnknownFramework):
        framework("nyc-ll144")
    before = len(crosswalk().rows)
    mapping.use_packs(files_of(["nyc-ll144"]))
    (row,) = [row for row in crosswalk().for_point("Art 10.2.f") if row.framework == "nyc-ll144"]
    assert row.holds.evidence == ("fairness/v1",)
    assert len(crosswalk().rows) == before + 1
    assert framework("nyc-ll144").note.startswith("Annual independent audit")  # the register's own
    mapping.use_packs([])
    assert len(crosswalk().rows) == before


@pytest.mark.parametrize("name", sorted(shipped()))
def test_each_pack_that_ships_is_read_against_the_register(name):
    mapping.use_packs(files_of([name]))
    assert len(crosswalk().rows) > len(mapping.read(mapping.ROWS_FILE.read_bytes(), mapping.load()).rows)


def test_a_pack_of_ones_own_brings_its_framework(own):
    mapping.use_packs(files_of([str(own())]))
    assert [control.id for control in controls_of(framework("house-rules"))] == ["H.1", "H.2"]
    claimed, not_claimed = crosswalk().for_framework(framework("house-rules"))
    assert (len(claimed.rows), len(not_claimed.rows)) == (1, 0)


def test_the_same_pack_named_twice_counts_once(own):
    path = own()
    assert files_of([str(path), str(path), "nyc-ll144", str(FOLDER / "nyc-ll144.yaml")]) == [
        path,
        FOLDER / "nyc-ll144.yaml",
    ]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("control: H.1", "control: H.9", "own.yaml: The row house-rules H.9: there is no such control"),
        ("[Art 10.2.f]", "[Art 26.6.financial]", "Art 26.6.financial is no point"),
        ("  name: Our house rules\n", "", "house-rules needs a name"),
        ("id: house-rules", "id: iso-42001", "The register itemises iso-42001 itself"),
        ("id: house-rules", "id: gdpr-22", "The register itemises gdpr-22 itself"),
        ("schema_version: 1", "schema_version: 2", "Schema version 2"),
        ("rows:", "lines:", "cannot be read: 'rows'"),
    ],
)
def test_a_pack_that_claims_what_is_not_there_is_refused_by_its_file(own, old, new, says):
    mapping.use_packs([own((old, new))])
    with pytest.raises(RegisterInvalid, match=says):
        crosswalk()


def test_two_packs_for_one_framework_are_refused(own):
    mapping.use_packs([own(), own(name="other.yaml")])
    with pytest.raises(RegisterInvalid, match="More than one pack itemises house-rules"):
        crosswalk()


def test_a_name_that_is_neither_a_pack_nor_a_file_is_refused_and_says_what_ships():
    with pytest.raises(UnknownPack, match="no-such is no pack that ships \\(nyc-ll144\\) and no file"):
        files_of(["no-such"])


def test_the_setting_switches_a_pack_on_and_a_wrong_one_stops_the_start(settings, own):
    config = apps.get_app_config("regulation")
    settings.CROSSWALK_PACKS = ["nyc-ll144"]
    config.ready()
    assert "nyc-ll144" in {item.id for item in frameworks()}
    for wrong, says in (
        ("no-such", "PLACET_CROSSWALK_PACKS: no-such is no pack"),
        (str(own(("[Art 10.2.f]", "[Art 3.12]"), name="a.yaml")), "PLACET_CROSSWALK_PACKS: a.yaml: "),
        (str(own(("evidence.attached", "lunch.eaten"), name="b.yaml")), "no entries of the kind lunch.eaten"),
    ):
        settings.CROSSWALK_PACKS = [wrong]
        with pytest.raises(ImproperlyConfigured, match=says):
            config.ready()


def test_its_page_and_the_page_of_a_point_show_it(db, client, own):
    mapping.use_packs(files_of(["nyc-ll144", str(own())]))
    client.force_login(a_user())
    page = client.get("/register/crosswalk/nyc-ll144").content.decode()
    assert "bias audit" in page
    assert "no ratio is a pass" in page
    point = client.get("/register/points/Art 10.2.f").content.decode()
    assert "/register/crosswalk/nyc-ll144" in point
    assert "Our house rules, H.1" in point
