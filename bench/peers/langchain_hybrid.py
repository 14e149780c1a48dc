"""langchain-neo4j: Neo4jVector with its hybrid search."""

from langchain_core.embeddings import Embeddings
from langchain_neo4j import Neo4jVector
from langchain_neo4j.vectorstores.neo4j_vector import SearchType

from bench.peers.exchange import LIMIT, Question, Search, Text, serve, server, vectors


class GivenVectors(Embeddings):
    """Returns the given vectors, as LangChain's Embeddings."""

    def __init__(self, vector_of: dict[str, list[float]]) -> None:
        self._vector_of = vector_of

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the texts' vectors."""
        return [self._vector_of[text] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Return the question's vector.

        The store first asks for that of a text of its own, to read its length.
        """
        return self._vector_of.get(text) or [1.0] + [0.0] * 383


def prepare(texts: list[Text], questions: list[Question]) -> dict[str, Search]:
    """Return the searches."""
    url, (user, password) = server()
    login = {"url": url, "username": user, "password": password}
    embeddings = GivenVectors(vectors(texts, questions))
    hybrid = Neo4jVector.from_texts(
        [text.text for text in texts],
        embeddings,
        metadatas=[{"source": text.id} for text in texts],
        ids=[text.id for text in texts],
        search_type=SearchType.HYBRID,
        **login,
    )
    hybrid.query("CALL db.awaitIndexes(300)")
    vector = Neo4jVector.from_existing_index(embeddings, index_name="vector", **login)

    def search(store: Neo4jVector, question: Question, **settings: object) -> list[str]:
        return [
            document.metadata["source"]
            for document in store.similarity_search(question.text, k=LIMIT, **settings)
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
