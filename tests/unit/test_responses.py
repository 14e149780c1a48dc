"""Responses round their scores, and errors name the parts of the package that exist."""

from pathlib import Path

import pytest

from mcp_context_persistence.responses.analytics import CentralEntity
from mcp_context_persistence.responses.base import round_score
from mcp_context_persistence.responses.graph import GraphPath

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        (0.9999999999999998, 1.0),
        (0.1 + 0.2, 0.3),
        (1 / 3, 0.333333333),
        (1.23456789012e-7, 1.23456789e-7),
        (0.0, 0.0),
    ],
)
def test_scores_have_nine_significant_digits(value, rounded):
    assert round_score(value) == rounded
    entity = CentralEntity(id="a", name="A", type="concept", centrality_score=value)
    assert entity.centrality_score == rounded
    path = GraphPath(from_entity="a", relationship_type="USES", to_entity="b", confidence=value)
    assert path.confidence == rounded
