"""Explanations of results: ranks and scores of the retrievers, features, and paths."""

from typing import Any

from mcp_context_persistence.queries.search.candidate import (
    Candidate,
    Candidates,
    ScoredCandidate,
)
from mcp_context_persistence.queries.search.graph_search import GraphMatch


def explain_candidate(
    scored: ScoredCandidate, candidates: Candidates, link: GraphMatch | None, *, with_path: bool
) -> dict[str, Any]:
    """Return the explanation of a candidate of `search/find`.

    Args:
        scored: The candidate.
        candidates: The answer of `search/find` from which it is.
        link: How the entities that the query names lead to it, where they do.
        with_path: Whether the path is requested.
    """
    candidate = scored.candidate
    explanation: dict[str, Any] = {}
    vector_score, keyword_score = candidate.vector_score, candidate.keyword_score
    if vector_score is not None:
        rank = 1 + sum([score > vector_score for score in candidates.vector_scores])
        explanation["vector"] = {"rank": rank, "score": vector_score}
    if keyword_score is not None:
        rank = 1 + sum([score > keyword_score for score in candidates.keyword_scores])
        explanation["keyword"] = {"rank": rank, "score": keyword_score}
    if link:
        explanation["entities"] = {"score": link.score, "through": link.through}
    explanation |= scored.scoring
    if with_path:
        explanation["path"] = _describe_path(candidate, link)
    return explanation | _explain_kind(candidate)


def explain_match(match: GraphMatch, *, rank: int, with_path: bool) -> dict[str, Any]:
    """Return the explanation of a match of the graph retriever.

    Args:
        match: The match.
        rank: Its rank.
        with_path: Whether the path is requested.
    """
    graph = {"rank": rank, "score": match.score, "through": match.through}
    path = {"path": describe_graph_path(match)} if with_path else {}
    return {"graph": graph, **path, **_explain_kind(match.candidate)}


def describe_graph_path(match: GraphMatch) -> dict[str, Any]:
    """Return the path over relationships from an entity that the query names.

    A document is reached through its passage.
    """
    candidate = match.candidate
    relationships, end = list(match.path), candidate.id
    start = relationships[0]["from"] if relationships else end
    if candidate.kind == "document":
        end = candidate.shown_id
        relationships.append(
            {
                "from": candidate.id,
                "relationship": "HAS_CHUNK",
                "direction": "incoming",
                "to": end,
            }
        )
    return {
        "name": match.start_name,
        "from": start,
        "relationships": relationships,
        "steps": len(relationships),
        "to": end,
    }


def _describe_path(candidate: Candidate, link: GraphMatch | None) -> dict[str, Any]:
    """Return how a candidate was reached: by an index, from a neighbor, or from an entity."""
    if candidate.kind == "document":
        return {
            "from": candidate.id,
            "relationship": "HAS_CHUNK",
            "steps": 1,
            "to": candidate.document_id,
        }
    if link and not candidate.is_found:
        return describe_graph_path(link)
    seeds = [seed for seed in candidate.neighbor_seeds if seed["id"] is not None]
    best = min(
        seeds,
        key=lambda seed: (seed["steps"], -seed["retrieval_score"], seed["id"]),
        default={"id": candidate.id, "steps": 0},
    )
    return {
        "from": best["id"],
        "relationship": "NEXT",
        "steps": best["steps"],
        "to": candidate.id,
    }


def _explain_kind(candidate: Candidate) -> dict[str, Any]:
    if candidate.kind == "document":
        return {"passage": {"start": candidate.start, "end": candidate.end}}
    return {"status": "proposed"} if candidate.status == "proposed" else {}
