"""langchain-neo4j: Neo4jVector with search_type hybrid, and by vector."""

import re
from collections.abc import Iterable

from given import DEPTH, Chat, Search, Vectors, address, answer
from langchain_core.embeddings import Embeddings
from langchain_neo4j import Neo4jVector
from langchain_neo4j.vectorstores.neo4j_vector import SearchType


class Given(Embeddings):
    """The vectors that everybody uses."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The vectors of texts."""
        return self._vectors.of_all(texts)

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        return self._vectors.of(text)


def work(chat: Chat, vectors: Vectors) -> Iterable[tuple[str, Search]]:
    """Store the chat as the library does, one text a node."""
    label = "Turn" + re.sub(r"\W", "", chat["name"])
    url, (user, password) = address()
    kinds = {"default (vector)": SearchType.VECTOR, "hybrid": SearchType.HYBRID}
    found = []
    for number, (name, kind) in enumerate(kinds.items()):
        own = f"{label}{number}"
        store = Neo4jVector.from_texts(
            [one["content"] for one in chat["texts"]],
            Given(vectors),
            metadatas=[{"turn": one["id"]} for one in chat["texts"]],
            url=url,
            username=user,
            password=password,
            search_type=kind,
            index_name=f"v{own}",
            keyword_index_name=f"f{own}",
            node_label=own,
        )
        store.query("CALL db.awaitIndexes(300)")
        store.query("CALL db.index.fulltext.awaitEventuallyConsistentIndexRefresh()")

        def search(question: str, store: Neo4jVector = store) -> list[str]:
            return [one.metadata["turn"] for one in store.similarity_search(question, k=DEPTH)]

        found.append((name, search))
    return found


answer(work)
