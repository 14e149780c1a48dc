"""Encoding on one processor, against sentence-transformers with the same weights and texts.

    python -m bench.speed.encoding [--data DIRECTORY] [--texts 500] [--rounds 5]

The process may use one processor only, so neither library has a second thread. Prints the row as
JSON, for `python -m bench`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from bench.datasets.texts import locomo_texts, made_texts
from bench.files import DATA, ROOT
from bench.measure import Row, in_turn
from mcp_context_persistence.ingest.models import encoders, minilm

BATCH_SIZE = 32


def measure(texts: Sequence[str], *, rounds: int) -> Row:
    """Measure how many texts are encoded in a second."""
    import torch  # noqa: PLC0415 - only after the process was bound to one processor
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - as torch

    torch.set_num_threads(1)
    folder = encoders.find(minilm.NAME)
    encoder = encoders.load(folder, batch_size=BATCH_SIZE, device="cpu", threads=1)
    model = SentenceTransformer(str(folder), device="cpu")
    our_seconds, bare_seconds, _ = in_turn(
        lambda _: encoder.encode(texts),
        lambda _: model.encode(list(texts), batch_size=BATCH_SIZE, show_progress_bar=False),
        times=rounds,
        warm=1,
    )
    pairs = zip(our_seconds, bare_seconds, strict=True)
    ratio = statistics.median(bare / ours for ours, bare in pairs)
    return Row(
        work=f"encoding of {len(texts):,} messages, one thread, against sentence-transformers",
        ours=len(texts) / statistics.median(our_seconds),
        bare=len(texts) / statistics.median(bare_seconds),
        unit="messages/s",
        ratio=ratio,
        need=">= 1.1",
        met=ratio >= 1.1,
    )


def measure_in_process(data: Path, *, count: int = 500, rounds: int = 5) -> Row:
    """Measure in a process of its own, because threads cannot be limited once they run."""
    command = [sys.executable, "-m", "bench.speed.encoding", "--data", str(data)]
    command += ["--texts", str(count), "--rounds", str(rounds)]
    process = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return Row(**json.loads(process.stdout))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the data sets")
    parser.add_argument("--texts", type=int, default=500, help="how many are encoded")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    texts = locomo_texts(options.data, options.texts) or made_texts(options.texts)
    print(json.dumps(asdict(measure(texts, rounds=options.rounds))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
