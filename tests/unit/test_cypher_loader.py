"""Statement files are split into header, samples and text; invalid files are refused."""

import pytest

from mcp_context_persistence import cypher

GOOD = (
    '// What is it?\n:param id => "a"\n:param rows => [{name: "x", n: 1}]\n'
    ":param v => [i IN range(1, 4) | 0.5]\nRETURN $id, $rows, $v;\n"
)


def test_a_file_is_split_into_header_samples_and_text():
    script = cypher.parse("x/y", GOOD)
    assert script.header == "What is it?"
    assert script.samples == {"id": "a", "rows": [{"name": "x", "n": 1}], "v": [0.5] * 4}
    assert script.text == "RETURN $id, $rows, $v"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("RETURN 1;", "no header"),
        ("// q\nRETURN $a;", "samples and parameters differ: a"),
        ("// q\n:param a => 1\nRETURN 1;", "samples and parameters differ: a"),
        ("// q\n:param a = 1\nRETURN $a;", r"x/y\.cypher:2"),
        ("// q\n:param a => one\nRETURN $a;", r"x/y\.cypher:2"),
        ("// q\nRETURN 1; RETURN 2;", "more than one statement"),
    ],
)
def test_an_invalid_file_is_refused_with_its_line(source, problem):
    with pytest.raises(ValueError, match=problem):
        cypher.parse("x/y", source)


@pytest.mark.parametrize(
    "name", ["nothing/here", "../kg/driver", "conversation", "conversation/save.cypher", ""]
)
def test_names_of_no_statement_are_refused(name):
    with pytest.raises(LookupError):
        cypher.load(name)


def test_every_file_is_well_formed():
    assert len(cypher.list_names()) > 20
    for name in cypher.list_names():
        for dialect in ("25", "5"):
            assert cypher.load(name, dialect).header
