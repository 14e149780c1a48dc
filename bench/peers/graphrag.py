"""neo4j-graphrag: its HybridRetriever with both rankers."""

from functools import partial
from typing import Any

import neo4j
from neo4j_graphrag.retrievers import HybridRetriever, VectorRetriever

from bench.peers.driver import store, strip_syntax
from bench.peers.exchange import LIMIT, Question, Search, Text, serve, server

ALPHAS = (0.3, 0.5, 0.7)  # the weight of the vectors; required, 0.5 in the library's own queries
DEEPER = 50  # requested results, of which the first ten count
RATIOS = (1, 5)  # candidates for each requested vector; 1 is the default


def read_ids(result: Any) -> list[str]:
    """Return the ids of a retriever's records."""
    return [record["node"]["id"] for record in result.records]


def search_hybrid(
    retriever: HybridRetriever, question: Question, text: str, **settings: object
) -> list[str]:
    """Search by vectors and words; the settings replace the defaults."""
    options = {"query_text": text, "query_vector": question.vector, "top_k": LIMIT, **settings}
    return read_ids(retriever.get_search_results(**options))


def rank_linearly(
    question: Question, *, retriever: HybridRetriever, alpha: float, ratio: int, **options: int
) -> list[str]:
    """Search with the linear ranker, without Lucene's syntax."""
    return search_hybrid(
        retriever,
        question,
        strip_syntax(question.text),
        ranker="linear",
        alpha=alpha,
        effective_search_ratio=ratio,
        **options,
    )[:LIMIT]


def search_vectors(question: Question, *, retriever: VectorRetriever, ratio: int) -> list[str]:
    """Search by vectors alone."""
    return read_ids(
        retriever.get_search_results(
            query_vector=question.vector, top_k=LIMIT, effective_search_ratio=ratio
        )
    )


def prepare(texts: list[Text], _: list[Question]) -> dict[str, Search]:
    """Return the searches.

    The fulltext index reads Lucene's syntax, so the question is asked as it is and without syntax.
    """
    url, auth = server()
    driver = neo4j.GraphDatabase.driver(url, auth=auth, notifications_min_severity="OFF")
    store(driver, texts)
    plain = HybridRetriever(driver, "texts", "words", return_properties=["id"])
    stems = HybridRetriever(driver, "texts", "stems", return_properties=["id"])
    nearest = VectorRetriever(driver, "texts", return_properties=["id"])
    return {
        "HybridRetriever, ranker naive, question as it is": lambda question: search_hybrid(
            plain, question, question.text
        ),
        "HybridRetriever, ranker naive": lambda question: search_hybrid(
            plain, question, strip_syntax(question.text)
        ),
        **{
            f"HybridRetriever, ranker linear, alpha {alpha}, search ratio {ratio}": partial(
                rank_linearly, retriever=plain, alpha=alpha, ratio=ratio
            )
            for ratio in RATIOS
            for alpha in ALPHAS
        },
        **{
            f"HybridRetriever, ranker linear, alpha {alpha}, search ratio 5, "
            f"analyzer english, top_k {top}": partial(
                rank_linearly, retriever=stems, alpha=alpha, ratio=5, top_k=top
            )
            for top in (LIMIT, DEEPER)
            for alpha in ALPHAS
        },
        **{
            f"VectorRetriever, search ratio {ratio}": partial(
                search_vectors, retriever=nearest, ratio=ratio
            )
            for ratio in RATIOS
        },
    }


if __name__ == "__main__":
    serve(prepare)
