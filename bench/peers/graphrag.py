"""neo4j-graphrag: its HybridRetriever with both rankers."""

from functools import partial

import neo4j
from driver import store, words
from exchange import LIMIT, Question, Search, Text, serve, server
from neo4j_graphrag.retrievers import HybridRetriever, VectorRetriever

ALPHAS = (0.3, 0.5, 0.7)  # the weight of the vectors; required, 0.5 in the library's own queries
DEEPER = 50  # results that are asked for, the first ten of which count
RATIOS = (1, 5)  # vectors that are looked at, for each that is asked for; 1 is the default


def prepare(texts: list[Text], _: list[Question]) -> dict[str, Search]:
    """The searches; the fulltext index takes Lucene's syntax, so the question is asked as it is, and as plain words."""
    address, auth = server()
    driver = neo4j.GraphDatabase.driver(address, auth=auth, notifications_min_severity="OFF")
    store(driver, texts)
    both = HybridRetriever(driver, "texts", "words", return_properties=["id"])
    stems = HybridRetriever(driver, "texts", "stems", return_properties=["id"])
    near = VectorRetriever(driver, "texts", return_properties=["id"])

    def ids(raw: object) -> list[str]:
        return [record["node"]["id"] for record in raw.records]

    def hybrid(
        question: Question, text: str, retriever: HybridRetriever = both, **settings: object
    ) -> list[str]:
        given = {"query_text": text, "query_vector": question.vector, "top_k": LIMIT, **settings}
        return ids(retriever.get_search_results(**given))

    def linear(
        question: Question,
        *,
        alpha: float,
        ratio: int,
        retriever: HybridRetriever = both,
        **more: int,
    ) -> list[str]:
        return hybrid(
            question,
            words(question.text),
            retriever,
            ranker="linear",
            alpha=alpha,
            effective_search_ratio=ratio,
            **more,
        )[:LIMIT]

    return {
        "HybridRetriever, ranker naive, question as it is": lambda question: hybrid(
            question, question.text
        ),
        "HybridRetriever, ranker naive": lambda question: hybrid(question, words(question.text)),
        **{
            f"HybridRetriever, ranker linear, alpha {alpha}, search ratio {ratio}": partial(
                linear, alpha=alpha, ratio=ratio
            )
            for ratio in RATIOS
            for alpha in ALPHAS
        },
        **{
            f"HybridRetriever, ranker linear, alpha {alpha}, search ratio 5, analyzer english, top_k {top}": partial(
                linear, alpha=alpha, ratio=5, retriever=stems, top_k=top
            )
            for top in (LIMIT, DEEPER)
            for alpha in ALPHAS
        },
        **{
            f"VectorRetriever, search ratio {ratio}": lambda question, ratio=ratio: ids(
                near.get_search_results(
                    query_vector=question.vector, top_k=LIMIT, effective_search_ratio=ratio
                )
            )
            for ratio in RATIOS
        },
    }


if __name__ == "__main__":
    serve(prepare)
