"""Indexes are compared with those of a database; failures to create them are explained."""

import time

import pytest
from neo4j.exceptions import Neo4jError

from mcp_context_persistence.kg.deadline import Deadline
from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.schema import indexes, migrations

UNIQUE = next(index for index in migrations.BASE if index.name == "entity_id")
TEXT = next(index for index in migrations.BASE if index.name == "memory_text")


def row(index, **changes):
    return {
        "name": index.name,
        "type": index.type,
        "state": "ONLINE",
        "percent": 100.0,
        "labels": list(index.labels),
        "properties": list(index.properties),
        "constraint": index.name if index.is_unique else None,
        "config": dict(index.config),
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "ready"),
        ({"state": "POPULATING", "percent": 3.0}, "building"),
        (
            {"state": "POPULATING", "percent": 3.0, "constraint": None},
            "building",
        ),  # by another opener, perhaps
        ({"state": "POPULATING", "percent": 100.0, "constraint": None}, "broken"),
        ({"constraint": None}, "broken"),
        ({"state": "FAILED"}, "broken"),
        ({"state": "FAILED", "constraint": None}, "broken"),
        ({"properties": ["id", "namespace"]}, "broken"),
        ({"labels": ["Person"]}, "broken"),
        ({"type": "TEXT"}, "broken"),
        ({"labels": None, "properties": None, "type": "LOOKUP", "config": None}, "broken"),
    ],
)
def test_a_constraint_is_compared_with_its_row(changes, verdict):
    assert UNIQUE.assess({UNIQUE.name: row(UNIQUE, **changes)}) == verdict


def test_a_fulltext_index_is_compared_with_its_row():
    assert TEXT.assess({}) == "missing"
    shuffled = row(
        TEXT,
        labels=list(reversed(TEXT.labels)),
        config={"fulltext.analyzer": "WHITESPACE", "other": 1},
    )
    assert TEXT.assess({TEXT.name: shuffled}) == "ready"
    assert TEXT.assess({TEXT.name: row(TEXT, config={"fulltext.analyzer": "standard"})}) == "broken"
    assert TEXT.assess({"theirs": row(TEXT)}) == "missing"  # searches name it


class Refusing:
    """A database that refuses to create indexes, which no user of Neo4j Community can meet."""

    def __init__(self, code):
        self.code, self.tries = code, 0

    def run(self, statement, *, deadline=None):
        if not statement.writes:
            return []
        self.tries += 1
        raise DatabaseError("refused") from Neo4jError._hydrate_neo4j(code=self.code, message="no")

    def call(self, seconds):
        import contextlib

        return contextlib.nullcontext()


@pytest.mark.parametrize(
    ("code", "text", "tries"),
    [
        (
            "Neo.ClientError.Security.Forbidden",
            "are missing, and this user may not create them: entity_id, memory_text",
            1,
        ),
        (
            "Neo.ClientError.Schema.IndexAlreadyExists",
            "another index or constraint has the name or the properties of the index entity_id",
            2 * indexes.MAX_ATTEMPTS,
        ),
        ("Neo.ClientError.Statement.SyntaxError", "refused", 1),
    ],
)
def test_the_error_says_why_an_index_cannot_be_created(monkeypatch, code, text, tries):
    monkeypatch.setattr(time, "sleep", lambda _: None)
    database = Refusing(code)
    with pytest.raises(DatabaseError, match=text) as error:
        indexes.reconcile(database, [UNIQUE, TEXT], deadline=Deadline.after(60))
    assert not error.value.retryable
    assert database.tries in {tries, tries - 1}  # the first of them gives up before the second
