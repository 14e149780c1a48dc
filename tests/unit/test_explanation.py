"""What a hit tells of itself."""

from typing import Any

import pytest

from mcp_context_persistence.queries.search.explanation import explained

LINK = {"score": 0.5, "through": ["Robert Miller"], "path": {"from": "robert_miller", "steps": 1}}
FOUND = {"nears": [0.9, 0.7], "scores": [3.0], "links": {"lease": LINK}}


def row(kind: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "lease",
        "kind": kind,
        "meaning": None,
        "words": None,
        "document_id": None,
        **more,
    }


def test_an_entity_with_the_id_of_a_message_is_not_explained_by_what_leads_to_that() -> None:
    told = explained(row("entity", meaning=0.7), FOUND, explain=True)
    assert told["semantic"] == {"rank": 2, "score": 0.7}
    assert "entities" not in told
    assert told["path"]["from"] == "lease"


@pytest.mark.parametrize("hit", [True, False])
def test_a_message_to_which_entities_lead_says_so_and_how_it_was_found(hit: bool) -> None:
    told = explained(row("message", words=3.0 if hit else None), FOUND, explain=True)
    assert told["entities"] == {"score": 0.5, "through": ["Robert Miller"]}
    assert told["path"]["from"] == ("lease" if hit else "robert_miller")
