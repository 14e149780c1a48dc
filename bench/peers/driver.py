"""The bare driver and Neo4j's two indexes, without a library."""

import re
from typing import Any

import neo4j

from bench.peers.exchange import LIMIT, Question, Search, Text, serve, server

VECTOR = """CYPHER 25
MATCH (n) SEARCH n IN (VECTOR INDEX texts FOR $vector LIMIT $candidates) SCORE AS score
RETURN n.id AS id ORDER BY score DESC LIMIT 10"""
FULLTEXT = """CALL db.index.fulltext.queryNodes($index, $words, {limit: $limit})
YIELD node, score RETURN node.id AS id ORDER BY score DESC"""


def strip_syntax(text: str) -> str:
    """Return the text without Lucene's syntax."""
    return " ".join(re.findall(r"\w+", text.lower()))


def store(driver: neo4j.Driver, texts: list[Text]) -> None:
    """Store one node per text.

    There are a vector index and a fulltext index with their defaults, and one with stems.
    """
    driver.execute_query(
        "CREATE VECTOR INDEX texts FOR (n:Text) ON n.embedding "
        "OPTIONS {indexConfig: {`vector.dimensions`: 384, `vector.similarity_function`: 'cosine'}}"
    )
    driver.execute_query("CREATE FULLTEXT INDEX words FOR (n:Text) ON EACH [n.text]")
    # Two fulltext indexes over the same property are refused.
    driver.execute_query(
        "CREATE FULLTEXT INDEX stems FOR (n:Text) ON EACH [n.english] "
        "OPTIONS {indexConfig: {`fulltext.analyzer`: 'english'}}"
    )
    rows = [
        {"id": text.id, "text": text.text, "english": text.text, "embedding": text.vector}
        for text in texts
    ]
    for start in range(0, len(rows), 1000):
        driver.execute_query(
            "UNWIND $rows AS row CREATE (n:Text) SET n = row", rows=rows[start : start + 1000]
        )
    driver.execute_query("CALL db.awaitIndexes(300)")


def prepare(texts: list[Text], _: list[Question]) -> dict[str, Search]:
    """Return the searches."""
    url, auth = server()
    driver = neo4j.GraphDatabase.driver(url, auth=auth, notifications_min_severity="OFF")
    store(driver, texts)

    def ask(query: str, **parameters: Any) -> list[str]:
        return [row["id"] for row in driver.execute_query(query, parameters, routing_="r").records]

    return {
        "vector only": lambda question: ask(VECTOR, vector=question.vector, candidates=LIMIT),
        "vector only, best of 100": lambda question: ask(
            VECTOR, vector=question.vector, candidates=100
        ),
        "fulltext only": lambda question: ask(
            FULLTEXT, index="words", words=strip_syntax(question.text), limit=LIMIT
        ),
        "fulltext only, analyzer english": lambda question: ask(
            FULLTEXT, index="stems", words=strip_syntax(question.text), limit=LIMIT
        ),
    }


if __name__ == "__main__":
    serve(prepare)
