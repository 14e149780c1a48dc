"""What a hit tells of itself."""

from typing import Any

import pytest

from mcp_context_persistence.queries.search.candidate import (
    Candidate,
    Candidates,
    ScoredCandidate,
)
from mcp_context_persistence.queries.search.explanation import explain_candidate
from mcp_context_persistence.queries.search.graph_search import GraphMatch

CANDIDATES = Candidates(vector_scores=[0.9, 0.7], keyword_scores=[3.0])
LINK = GraphMatch(
    candidate=Candidate("message", "lease"),
    score=0.5,
    through=["Robert Miller"],
    path=[
        {
            "from": "robert_miller",
            "relationship": "MENTIONS",
            "direction": "incoming",
            "to": "lease",
        }
    ],
    start_name="Robert",
)


def explain(kind: str, link: GraphMatch | None, **scores: Any) -> dict[str, Any]:
    scored = ScoredCandidate(0.5, Candidate(kind, "lease", **scores))
    return explain_candidate(scored, CANDIDATES, link, with_path=True)


def test_ranks_are_counted_among_all_scores_of_a_retriever() -> None:
    told = explain("entity", None, vector_score=0.7)
    assert told["vector"] == {"rank": 2, "score": 0.7}
    assert "entities" not in told
    assert told["path"] == {"from": "lease", "relationship": "NEXT", "steps": 0, "to": "lease"}


@pytest.mark.parametrize("is_found", [True, False])
def test_a_message_that_entities_lead_to_says_so_and_how_it_was_found(is_found: bool) -> None:
    told = explain("message", LINK, keyword_score=3.0 if is_found else None)
    assert told["entities"] == {"score": 0.5, "through": ["Robert Miller"]}
    assert told["path"]["from"] == ("lease" if is_found else "robert_miller")
