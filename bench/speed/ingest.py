"""Ingest with everything on, against the bare encoder and then the bare parser, as many threads."""

import statistics
import uuid
from functools import partial
from pathlib import Path

from bench.datasets.texts import locomo_texts
from bench.measure import Row, seconds
from bench.speed.bare_models import BareModels
from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.runtime.language_models import shared_embedder


def forget(client: ContextPersistenceClient) -> None:
    """Make the client's embedder forget the vectors that it caches, and load its model again."""
    shared_embedder.cache_clear()
    client._engine.embeddings.forget()
    client._engine.embeddings.newest.embed(["warm"])


def measure_ingest(
    url: str, auth: tuple[str, str] | None, data: Path, *, count: int = 2_000, times: int = 3
) -> Row | None:
    """Save real messages as one conversation, in mode hybrid.

    Args:
        url: The server.
        auth: User and password.
        data: Folder of the data sets.
        count: How many messages.
        times: Rounds.

    Returns:
        The row, None where the texts are missing.
    """
    texts = locomo_texts(data, count)
    if not texts:
        print(f"skipped: there are no LoCoMo texts in {data}")
        return None
    models = BareModels()
    messages = [{"role": "user", "content": text} for text in texts]
    our_seconds: list[float] = []
    bare_seconds: list[float] = []
    with ContextPersistenceClient(
        url, auth=auth, namespace=f"ingest-{uuid.uuid4().hex}", config={"deadline": 300.0}
    ) as client:
        client.save_conversation("warm", messages[:50])
        models.run(texts[:50])

        for number in range(times):
            forget(client)
            save = partial(client.save_conversation, f"c{number}", messages)
            our_seconds.append(seconds(save))
            bare_seconds.append(seconds(lambda: models.run(texts)))
    pairs = zip(our_seconds, bare_seconds, strict=True)
    ratio = statistics.median(bare / ours for ours, bare in pairs)
    return Row(
        work=f"ingest of {len(texts):,} real messages, everything on",
        ours=len(texts) / statistics.median(our_seconds),
        bare=len(texts) / statistics.median(bare_seconds),
        unit="messages/s",
        ratio=ratio,
        need=">= 0.95",
        met=ratio >= 0.95,
    )
