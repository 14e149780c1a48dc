"""The floor: the bare driver on the same indexes, by vector alone and by words alone."""

import re
from collections.abc import Iterable

import neo4j
from given import DEPTH, Chat, Search, Vectors, address, answer

driver = neo4j.GraphDatabase.driver(address()[0], auth=address()[1])


def run(query: str, **parameters: object) -> list[neo4j.Record]:
    """Run a statement."""
    return driver.execute_query(query, parameters).records  # type: ignore[arg-type]


def work(chat: Chat, vectors: Vectors) -> Iterable[tuple[str, Search]]:
    """Store the chat under a label of its own, with both indexes."""
    label = "Turn" + re.sub(r"\W", "", chat["name"])
    run(
        f"CREATE VECTOR INDEX v{label} FOR (n:{label}) ON n.embedding OPTIONS {{indexConfig: {{`vector.dimensions`: {vectors.size}}}}}"
    )
    run(f"CREATE FULLTEXT INDEX f{label} FOR (n:{label}) ON EACH [n.text]")
    rows = [{"id": one["id"], "text": one["content"], "vector": vectors.of(one["content"])} for one in chat["texts"]]
    run(f"UNWIND $rows AS row CREATE (n:{label} {{id: row.id, text: row.text}}) SET n.embedding = row.vector", rows=rows)
    run("CALL db.awaitIndexes(300)")
    run("CALL db.index.fulltext.awaitEventuallyConsistentIndexRefresh()")

    def by_vector(question: str) -> list[str]:
        query = f"CALL db.index.vector.queryNodes('v{label}', {DEPTH}, $vector) YIELD node, score RETURN node.id AS id"
        return [row["id"] for row in run(query, vector=vectors.of(question))]

    def by_words(question: str) -> list[str]:
        text = " ".join(re.findall(r"\w+", question))
        query = f"CALL db.index.fulltext.queryNodes('f{label}', $text, {{limit: {DEPTH}}}) YIELD node, score RETURN node.id AS id"
        return [row["id"] for row in run(query, text=text)]

    return [("vector index", by_vector), ("fulltext index", by_words)]


answer(work)
