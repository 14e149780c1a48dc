"""The limits of the JSON in a request, at the limit and one beyond it."""

import pytest

from mcp_context_persistence.kg import limits
from mcp_context_persistence.rest.problems import ProblemError
from mcp_context_persistence.rest.strict_json import check_containers, load_json


def nest(opening, content, closing, levels):
    return (opening * levels + content + closing * levels).encode()


@pytest.mark.parametrize(
    ("opening", "content", "closing"),
    [("[", "1", "]"), ("[", "", "]"), ('{"a":', "1", "}"), ('{"a":', "{}", "}")],
    ids=["arrays", "an empty array within", "objects", "an empty object within"],
)
def test_levels(opening, content, closing):
    allowed = limits.JSON_DEPTH - content.count("{")
    load_json(nest(opening, content, closing, allowed))
    with pytest.raises(ProblemError, match="levels"):
        load_json(nest(opening, content, closing, allowed + 1))


def test_containers():
    check_containers(b"[" + b"{}," * (limits.JSON_CONTAINERS - 2) + b"{}]")
    with pytest.raises(ProblemError, match="arrays and objects"):
        check_containers(b"[" + b"{}," * (limits.JSON_CONTAINERS - 1) + b"{}]")
