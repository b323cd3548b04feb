"""The mapping of ``placet adopt``: every line that can't be used is named, and nothing else is sent."""

import pytest

from placet.adoptions import read_mapping


def a_file(tmp_path, text):
    file = tmp_path / "models.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_columns_in_any_order_and_either_left_out(tmp_path):
    file = a_file(tmp_path, '\ufeffOwner, model\nan.owner@bank.example,churn\n"b@bank.example",  fraud \n')
    assert read_mapping(file) == {"churn": {"owner": "an.owner@bank.example"}, "fraud": {"owner": "b@bank.example"}}
    file = a_file(tmp_path, "model,system,owner\nchurn,,a@bank.example\nfraud,credit,\n\n")
    assert read_mapping(file) == {"churn": {"owner": "a@bank.example"}, "fraud": {"system": "credit"}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: name the columns"),
        ("model\nchurn\n", "line 1: name the columns"),
        ("name,owner\nchurn,a\n", "line 1: name the columns"),
        ("model,owner,until\nchurn,a,b\n", "line 1: each of model, system and owner once; not until"),
        ("model,owner,owner\nchurn,a,b\n", "line 1: each of model, system and owner once"),
        ("model,owner\nchurn,a\nfraud\n", "line 3: fraud has neither a system nor an owner."),
        ("model,owner\n,a\n", "line 2: it names no model."),
        ("model,owner\nchurn,a\nfraud,b\nchurn,c\n", "line 4: churn stands in line 2 already."),
        ("model,owner\nchurn,a,b\n", "line 2: it has more fields than there are columns"),
        ('model,owner\n"churn,a\n', "unexpected end of data"),
        (b"model,owner\nchurn,\xff\n", "is not UTF-8 text"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, text, said):
    with pytest.raises(ValueError, match=said.replace("(", r"\(")):
        read_mapping(a_file(tmp_path, text))


def test_all_lines_are_told_at_once(tmp_path):
    with pytest.raises(ValueError, match="line 2") as refused:
        read_mapping(a_file(tmp_path, "model,owner\n,a\nchurn,\nfraud,b\n"))
    assert len(str(refused.value).splitlines()) == 2
