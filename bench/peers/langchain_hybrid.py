"""langchain-neo4j: Neo4jVector with its hybrid search."""

from exchange import LIMIT, Question, Search, Text, serve, server, vectors
from langchain_core.embeddings import Embeddings
from langchain_neo4j import Neo4jVector
from langchain_neo4j.vectorstores.neo4j_vector import SearchType


class Known(Embeddings):
    """The vectors that are known, as LangChain's Embeddings."""

    def __init__(self, found: dict[str, list[float]]) -> None:
        self._found = found

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The texts' vectors."""
        return [self._found[text] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """The question's vector; the store measures the length of one of a text of its own first."""
        return self._found.get(text) or [1.0] + [0.0] * 383


def prepare(texts: list[Text], questions: list[Question]) -> dict[str, Search]:
    """The searches."""
    address, (user, password) = server()
    login = {"url": address, "username": user, "password": password}
    known = Known(vectors(texts, questions))
    hybrid = Neo4jVector.from_texts(
        [one.text for one in texts],
        known,
        metadatas=[{"source": one.id} for one in texts],
        ids=[one.id for one in texts],
        search_type=SearchType.HYBRID,
        **login,
    )
    hybrid.query("CALL db.awaitIndexes(300)")
    vector = Neo4jVector.from_existing_index(known, index_name="vector", **login)

    def search(store: Neo4jVector, question: Question, **settings: object) -> list[str]:
        return [
            one.metadata["source"]
            for one in store.similarity_search(question.text, k=LIMIT, **settings)
        ]

    return {
        "search_type hybrid": lambda question: search(hybrid, question),
        "search_type hybrid, search ratio 5": lambda question: search(
            hybrid, question, effective_search_ratio=5
        ),
        "search_type vector (default)": lambda question: search(vector, question),
    }


if __name__ == "__main__":
    serve(prepare)
