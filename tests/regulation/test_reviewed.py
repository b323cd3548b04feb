"""A changed point or claim stays red until somebody has read it."""

from governance.regulation.register import DATA_FILE, load, parse
from tests.regulation.reviewed import digests, listed

HOW = "Read each against its points and sources, then run `python -m tests.regulation.reviewed`."


def changed(now):
    return sorted({name for name, _digest in {*listed().items()} ^ {*now.items()}})


def test_every_point_and_claim_reads_as_it_did_when_somebody_read_it():
    assert changed(digests()) == [], HOW


def test_a_changed_paraphrase_reopens_its_point_and_every_claim_on_it():
    text = DATA_FILE.read_text(encoding="utf-8")
    edited = text.replace("Residual risk per hazard and overall must", "Residual risk overall must")
    assert edited != text
    assert changed(digests(parse(edited.encode()))) == [
        "claim nist-ai-rmf, MANAGE 1: Art 9.2.d, Art 9.5",
        "point Art 9.5",
    ]


def test_the_list_has_a_line_for_every_point_of_the_register():
    assert len([name for name in listed() if name.startswith("point ")]) == len(load())
