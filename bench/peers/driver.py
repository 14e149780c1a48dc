"""The floor: the bare driver and Neo4j's two indexes, no library."""

import re

import neo4j
from exchange import LIMIT, Question, Search, Text, serve, server

VECTOR = """CYPHER 25
MATCH (n) SEARCH n IN (VECTOR INDEX texts FOR $vector LIMIT $looked_at) SCORE AS score
RETURN n.id AS id ORDER BY score DESC LIMIT 10"""
FULLTEXT = "CALL db.index.fulltext.queryNodes($index, $words, {limit: $limit}) YIELD node, score RETURN node.id AS id ORDER BY score DESC"


def words(text: str) -> str:
    """The text without Lucene's syntax."""
    return " ".join(re.findall(r"\w+", text.lower()))


def store(driver: neo4j.Driver, texts: list[Text]) -> None:
    """One node per text, a vector index and a fulltext index with their defaults, and a fulltext index with stems."""
    driver.execute_query(
        "CREATE VECTOR INDEX texts FOR (n:Text) ON n.embedding "
        "OPTIONS {indexConfig: {`vector.dimensions`: 384, `vector.similarity_function`: 'cosine'}}"
    )
    driver.execute_query("CREATE FULLTEXT INDEX words FOR (n:Text) ON EACH [n.text]")
    # Two fulltext indexes over the same property are refused.
    driver.execute_query(
        "CREATE FULLTEXT INDEX stems FOR (n:Text) ON EACH [n.english] OPTIONS {indexConfig: {`fulltext.analyzer`: 'english'}}"
    )
    rows = [
        {"id": one.id, "text": one.text, "english": one.text, "embedding": one.vector}
        for one in texts
    ]
    for start in range(0, len(rows), 1000):
        driver.execute_query(
            "UNWIND $rows AS row CREATE (n:Text) SET n = row", rows=rows[start : start + 1000]
        )
    driver.execute_query("CALL db.awaitIndexes(300)")


def prepare(texts: list[Text], _: list[Question]) -> dict[str, Search]:
    """The searches."""
    address, auth = server()
    driver = neo4j.GraphDatabase.driver(address, auth=auth, notifications_min_severity="OFF")
    store(driver, texts)

    def ask(query: str, **given: object) -> list[str]:
        return [row["id"] for row in driver.execute_query(query, given, routing_="r").records]

    return {
        "vector only": lambda question: ask(VECTOR, vector=question.vector, looked_at=LIMIT),
        "vector only, best of 100": lambda question: ask(
            VECTOR, vector=question.vector, looked_at=100
        ),
        "fulltext only": lambda question: ask(
            FULLTEXT, index="words", words=words(question.text), limit=LIMIT
        ),
        "fulltext only, analyzer english": lambda question: ask(
            FULLTEXT, index="stems", words=words(question.text), limit=LIMIT
        ),
    }


if __name__ == "__main__":
    serve(prepare)
