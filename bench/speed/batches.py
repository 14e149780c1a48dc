"""Measure batches of conversations against single saves and against the bare models.

    python -m bench.speed.batches DATA [--messages 2000] [--rounds 3] [--sets locomo sgd]
                                       [--database-url URL]

Every round runs all variants on the same texts, in turn, and no vector is cached from one to the
next. Without a URL it runs on a throwaway server; for another one, CONTEXT_DB_USER and
CONTEXT_DB_PASSWORD hold the user and the password. Prints the medians, and the medians of the
rounds' ratios. Ends with 1 when a ratio misses what is required.
"""

import argparse
import os
import statistics
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from bench.datasets.sets import Talk, real
from bench.measure import Row, seconds
from bench.speed.bare_models import BareModels
from bench.speed.ingest import forget
from mcp_context_persistence import ContextPersistenceClient

BARE, LOOP, SERIAL, PARALLEL = (
    "encode, then nlp.pipe",
    "loop of single saves",
    "batch, serial",
    "batch, parallel",
)
CHUNK_SIZE = 100

Save = Callable[[ContextPersistenceClient, Talk], bool]
SecondsByVariant = dict[str, list[float]]


def save_in_loop(client: ContextPersistenceClient, conversations: Talk) -> bool:
    """Save the conversations one by one; return whether all were saved."""
    return all(client.save_conversation(conversation).success for conversation in conversations)


def save_serially(client: ContextPersistenceClient, conversations: Talk) -> bool:
    """Save the conversations as a batch on one thread; return whether all were saved."""
    return all(
        response.success
        for response in client.batch_save_conversations(conversations, parallel=False)
    )


def save_in_parallel(client: ContextPersistenceClient, conversations: Talk) -> bool:
    """Save the conversations as a parallel batch; return whether all were saved."""
    return all(
        response.success
        for response in client.batch_save_conversations(conversations, parallel=True)
    )


SAVES: Mapping[str, Save] = {
    LOOP: save_in_loop,
    SERIAL: save_serially,
    PARALLEL: save_in_parallel,
}


def measure(
    url: str,
    conversations: Talk,
    *,
    rounds: int,
    auth: tuple[str, str] | None = None,
    chunk_size: int = CHUNK_SIZE,
    variants: Sequence[str] = (LOOP, SERIAL, PARALLEL),
) -> SecondsByVariant:
    """Measure the seconds of each variant and of the bare models in each round."""
    texts = [message.content for conversation in conversations for message in conversation.messages]
    models = BareModels()

    def time_save(save: Save, conversations: Talk) -> float:
        is_saved: list[bool] = []
        with ContextPersistenceClient(
            url, auth=auth, namespace=f"batch-{uuid.uuid4().hex}", config={"deadline": 300.0}
        ) as client:
            client.configure_parallel_processing(chunk_size=chunk_size)
            client.extract_entities("warm", store=False)
            forget(client)
            duration = seconds(lambda: is_saved.append(save(client, conversations)))
        if not all(is_saved):
            raise RuntimeError("a conversation was not saved")
        return duration

    time_save(save_in_loop, conversations[:1])  # the server plans the statements
    durations: SecondsByVariant = {name: [] for name in (BARE, *variants)}
    for _ in range(rounds):
        durations[BARE].append(seconds(lambda: models.run(texts)))
        for name in variants:
            durations[name].append(time_save(SAVES[name], conversations))
    return durations


def ratio(durations: SecondsByVariant, first: str, second: str) -> float:
    """Return how many times as fast the second variant is as the first: the rounds' median."""
    pairs = zip(durations[first], durations[second], strict=True)
    return statistics.median(a / b for a, b in pairs)


def measure_sgd(
    url: str, auth: tuple[str, str] | None, data: Path, *, count: int = 2_000, rounds: int = 3
) -> Row | None:
    """Measure the parallel batch of SGD's conversations; None where the set is missing."""
    conversations = real(data, "sgd", count)
    if not conversations:
        print(f"skipped: sgd is not in {data}")
        return None
    durations = measure(url, conversations, rounds=rounds, auth=auth, variants=[PARALLEL])
    total = sum(len(conversation.messages) for conversation in conversations)
    speed = ratio(durations, BARE, PARALLEL)
    return Row(
        work=f"batch of {total:,} messages of SGD, parallel",
        ours=total / statistics.median(durations[PARALLEL]),
        bare=total / statistics.median(durations[BARE]),
        unit="messages/s",
        ratio=speed,
        need=">= 0.85",
        met=speed >= 0.85,
    )


def show(name: str, conversations: Talk, durations: SecondsByVariant) -> bool:
    """Print the figures; return whether they are good enough."""
    count = sum(len(conversation.messages) for conversation in conversations)
    print(f"{name}: {count:,} messages in {len(conversations):,} conversations")
    for variant, values in durations.items():
        rate = count / statistics.median(values)
        rounds = [round(value, 1) for value in values]
        print(
            f"  {variant:<24}{rate:8.1f} messages/s  "
            f"{ratio(durations, BARE, variant):.2f} x bare  {rounds}"
        )
    to_bare, to_serial = ratio(durations, BARE, PARALLEL), ratio(durations, SERIAL, PARALLEL)
    print(
        f"  parallel: {to_bare:.2f} x bare (>= 0.85), {to_serial:.2f} x serial (>= 0.9), "
        f"{ratio(durations, LOOP, PARALLEL):.2f} x loop"
    )
    return to_bare >= 0.85 and to_serial >= 0.9


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--messages", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--chunk-size", type=int, default=CHUNK_SIZE)
    parser.add_argument("--sets", nargs="+", default=["locomo", "sgd"], choices=["locomo", "sgd"])
    parser.add_argument("--database-url", default=":memory:")
    options = parser.parse_args()
    is_met = []
    for name in options.sets:
        conversations = real(options.data, name, options.messages)
        if not conversations:
            print(f"skipped: {name} is not in {options.data}")
            continue
        durations = measure(
            options.database_url,
            conversations,
            rounds=options.rounds,
            chunk_size=options.chunk_size,
        )
        is_met.append(show(name, conversations, durations))
    return int(not all(is_met))


if __name__ == "__main__":
    sys.exit(main())
