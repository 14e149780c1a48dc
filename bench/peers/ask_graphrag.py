"""neo4j-graphrag: its HybridRetriever with both rankers."""

import re
from collections.abc import Iterable

import neo4j
from given import DEPTH, Chat, Search, Vectors, address, answer
from neo4j_graphrag.indexes import create_fulltext_index, create_vector_index
from neo4j_graphrag.retrievers import HybridRetriever

driver = neo4j.GraphDatabase.driver(address()[0], auth=address()[1])
ALPHAS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7)


def work(chat: Chat, vectors: Vectors) -> Iterable[tuple[str, Search]]:
    """Store the chat under a label of its own, with indexes made by the library."""
    label = "Turn" + re.sub(r"\W", "", chat["name"])
    create_vector_index(
        driver, f"v{label}", label=label, embedding_property="embedding", dimensions=vectors.size, similarity_fn="cosine"
    )
    create_fulltext_index(driver, f"f{label}", label=label, node_properties=["text"])
    rows = [{"id": one["id"], "text": one["content"], "vector": vectors.of(one["content"])} for one in chat["texts"]]
    driver.execute_query(
        f"UNWIND $rows AS row CREATE (n:{label} {{id: row.id, text: row.text}}) SET n.embedding = row.vector", rows=rows
    )  # type: ignore[arg-type]
    driver.execute_query("CALL db.awaitIndexes(300)")
    driver.execute_query("CALL db.index.fulltext.awaitEventuallyConsistentIndexRefresh()")
    retriever = HybridRetriever(driver, f"v{label}", f"f{label}", return_properties=["id"])

    def search(question: str, **ranker: object) -> list[str]:
        text = " ".join(re.findall(r"\w+", question))
        found = retriever.get_search_results(query_text=text, query_vector=vectors.of(question), top_k=DEPTH, **ranker)
        return [record["node"]["id"] for record in found.records]

    linear = [
        (f"linear ranker, alpha {alpha}", lambda question, alpha=alpha: search(question, ranker="linear", alpha=alpha))
        for alpha in ALPHAS
    ]
    return [("default (naive ranker)", search), *linear]


answer(work)
