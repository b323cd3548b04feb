"""From when a point binds, as documents print it: the system's own dates, and both of them where they differ."""

import pytest

from governance.regulation.classified import from_record
from reports.documents.building import build
from reports.documents.kinds import KINDS
from reports.documents.snapshot import law_part
from tests.documents import sample_kinds as samples
from tests.documents.sample_kinds import ON

BOTH = "applies from 2026-08-02 by the date in the Act, in practice from 2027-12-02"
PRODUCT = "applies from 2026-08-02 by the date in the Act, in practice from 2028-08-02"


def drawn(kind, points):
    """The full sample of a kind, for a system that is high-risk under these points; None: unclassified."""
    system = None
    if points is not None:
        system = from_record(ai_act_class="high", annex_points=points, trace=[], law_version="v", roles=["provider"])
    snapshot = samples.full(kind)
    return build(snapshot | {"law": law_part(groups=KINDS[kind].groups, on_date=ON, system=system)})


def duties(content):
    return {section.duty for section in content.sections if section.duty}


@pytest.mark.parametrize(
    ("kind", "points", "said"),
    [
        ("annex-iv", ["Annex III.5.b"], "applies from 2027-12-02"),
        ("annex-iv", ["Annex I.A.11"], "applies from 2028-08-02"),
        ("annex-iv", ["Annex I.A.11", "Annex III.5.b"], "applies from 2027-12-02"),
        ("annex-iv", None, "applies from 2027-12-02 (Annex III) or 2028-08-02 (Annex I)"),
        ("annex-v", ["Annex III.5.b"], BOTH),
        ("annex-v", ["Annex I.A.11"], PRODUCT),
        ("annex-v", ["Annex I.A.11", "Annex III.5.b"], BOTH),
        ("annex-v", None, f"{BOTH} (Annex III) or {PRODUCT.removeprefix('applies from ')} (Annex I)"),
        ("annex-viii", ["Annex III.5.b"], BOTH),
        ("art-72-plan", ["Annex III.5.b"], BOTH),
        ("incident", ["Annex III.5.b"], BOTH),
    ],
)
def test_a_document_prints_the_dates_on_which_its_points_bind_this_system(kind, points, said):
    assert duties(drawn(kind, points)) == {said}


@pytest.mark.parametrize(("kind", "has"), [("annex-iv", False), ("annex-v", True), ("art-72-plan", True)])
def test_where_there_are_two_dates_the_note_of_the_register_says_why_once(kind, has):
    notes = [block for block in drawn(kind, ["Annex III.5.b"]).appendices if block.caption.startswith("Two dates")]
    assert len(notes) == has
    assert all("Commentators differ" in text for block in notes for _, text in block.rows)
