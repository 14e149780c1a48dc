"""Measure what the steps of ingest cost, and what overlapping them gains, without the database.

    python -m bench.speed.ingest_rate LOCOMO.json [--messages 600] [--rounds 3]

Every round runs all variants on the same texts, one after the other, and no vector is cached from
one to the next. Prints the median of the seconds, the median of the rounds' ratios to the baseline,
and the seconds of processor time; on a busy machine only the last means much. The baseline is the
bare encoder and then `nlp.pipe` of the default spaCy pipeline.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from bench.speed.bare_models import BareModels
from mcp_context_persistence.ingest.extraction.extractor import Extraction, Extractor
from mcp_context_persistence.ingest.models.embedder import Embedder

BASELINE = "encode, then nlp.pipe"


def read_turns(file: Path) -> Iterator[str]:
    """Yield the texts of a LoCoMo file, in order."""
    for sample in json.loads(file.read_text(encoding="utf-8")):
        for session in range(1, 100):
            for turn in sample["conversation"].get(f"session_{session}") or []:
                yield f"{turn['speaker']}: {turn['text']}"


def list_names(extractions: Sequence[Extraction]) -> list[str]:
    """Return each entity's name, once."""
    return list(
        {
            mention.entity_id: mention.name
            for extraction in extractions
            for mention in extraction.mentions
        }.values()
    )


def make_bare_variants(texts: Sequence[str]) -> dict[str, Callable[[], object]]:
    """Return the variants of the bare models."""
    models = BareModels()
    models.run(texts)
    return {
        BASELINE: lambda: models.run(texts),
        "encode alone": lambda: models.encode(texts),
        "nlp.pipe alone": lambda: models.parse(texts),
    }


def make_own_variants(texts: Sequence[str], batch_size: int) -> dict[str, Callable[[], object]]:
    """Return the variants of this library, which embeds the names of the entities too.

    Args:
        texts: The messages.
        batch_size: How many are processed together.
    """
    extractor = Extractor()
    loaded = Embedder()
    loaded.embed(["warm"])
    extractions = list(extractor.extract(texts))
    names = list_names(extractions)
    print(
        f"{len(texts)} texts, {len(names)} names of entities, {len(names) / len(texts):.2f} a text"
    )

    def make_embedder() -> Embedder:
        embedder = Embedder()
        embedder._loaded = loaded._loaded  # the weights, without the cached vectors
        return embedder

    def embed_messages(embedder: Embedder, batch: Sequence[str]) -> None:
        embedder.embed([passage.text for text in batch for passage in embedder.passages(text)])

    def run_in_turn(embedder: Embedder, batch: Sequence[str]) -> None:
        embed_messages(embedder, batch)
        embedder.embed(list_names(list(extractor.extract(batch))))

    def run_on_thread(embedder: Embedder, batch: Sequence[str]) -> None:
        with ThreadPoolExecutor(1) as threads:
            parsing = threads.submit(lambda: list(extractor.extract(batch)))
            embed_messages(embedder, batch)
            embedder.embed(list_names(parsing.result()))

    def run_batches(work: Callable[[Embedder, Sequence[str]], None]) -> None:
        embedder = make_embedder()
        for start in range(0, len(texts), batch_size):
            work(embedder, texts[start : start + batch_size])

    return {
        "embed alone": lambda: run_batches(embed_messages),
        "extract alone": lambda: list(extractor.extract(texts)),
        "names alone": lambda: make_embedder().embed(names),
        "all, in turn": lambda: run_batches(run_in_turn),
        "all, spaCy on a thread": lambda: run_batches(run_on_thread),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--messages", type=int, default=2_000)
    parser.add_argument("--batch", type=int, default=2_000, help="messages of one conversation")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    texts = list(read_turns(options.file))[: options.messages]
    work = make_bare_variants(texts) | make_own_variants(texts, options.batch)
    durations: dict[str, list[tuple[float, float]]] = {name: [] for name in work}
    for _ in range(options.rounds):
        for name, function in work.items():
            wall, processor = time.perf_counter(), time.process_time()
            function()
            durations[name].append((time.perf_counter() - wall, time.process_time() - processor))
    for name, pairs in durations.items():
        ratio = statistics.median(
            base / own for (base, _), (own, _) in zip(durations[BASELINE], pairs, strict=True)
        )
        wall, processor = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(
            f"{name:24} {wall:7.2f} s {ratio:6.2f} x {processor:7.2f} s of processor   "
            f"{[round(seconds, 1) for seconds, _ in pairs]}"
        )


if __name__ == "__main__":
    main()
