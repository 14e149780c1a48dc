"""Responses round their scores, and errors name the parts of the package that exist."""

import re
import tomllib
from pathlib import Path

import pytest

from mcp_context_persistence.kg.errors import missing_extra
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


def test_errors_name_only_extras_that_exist():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    sources = [
        path.read_text()
        for package in ("mcp_context_persistence", "kg", "ingest", "queries")
        for path in (ROOT / package).rglob("*.py")
    ]
    names = {name for text in sources for name in re.findall(r'missing_extra\([\'"](\w+)', text)}
    assert names
    assert names <= extras.keys()
    assert missing_extra("redis") == 'pip install "mcp-context-persistence[redis]"'
