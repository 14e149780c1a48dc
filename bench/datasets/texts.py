"""Make texts and vectors to measure with, and read real texts from the data folder."""

import gzip
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

WORDS = [
    "order",
    "import",
    "parser",
    "table",
    "report",
    "morning",
    "garden",
    "ticket",
    "review",
    "branch",
    "meeting",
    "hotel",
    "train",
    "dinner",
    "music",
    "family",
    "photo",
    "paint",
    "camp",
    "school",
    "doctor",
    "holiday",
    "running",
    "bicycle",
    "kitchen",
    "recipe",
    "coffee",
    "weather",
    "window",
    "market",
    "library",
    "letter",
    "story",
    "picture",
    "question",
    "answer",
]


def made_texts(count: int, *, seed: int = 1) -> list[str]:
    """Make `count` different texts of 8 to 24 words."""
    random = np.random.default_rng(seed)
    return [
        " ".join([*random.choice(WORDS, size=random.integers(8, 24)), f"item{number}"])
        for number in range(count)
    ]


def made_vectors(
    count: int, *, dimension: int = 384, clusters: int = 200, seed: int = 1
) -> NDArray[np.float32]:
    """Make vectors around `clusters` centers, as those of real texts are.

    Without clusters they would be the worst case of every nearest-neighbor index.

    Returns:
        ``(count, dimension) float32``, of length one.
    """
    random = np.random.default_rng(seed)
    centers = random.standard_normal((clusters, dimension))
    vectors: NDArray[np.float64] = centers[
        random.integers(0, clusters, count)
    ] + 0.7 * random.standard_normal((count, dimension))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32)


def locomo_texts(data: Path, count: int) -> list[str] | None:
    """Read the first `count` turns of LoCoMo's development half, None where it is missing."""
    file = data / "locomo" / "locomo_dev.json"
    if not file.is_file():
        return None
    texts = [
        f"{turn['speaker']}: {turn['text']}"
        for sample in json.loads(file.read_text())
        for number in range(1, 100)
        for turn in sample["conversation"].get(f"session_{number}", [])
    ]
    return texts[:count]


def dialogue_texts(data: Path, count: int) -> list[str] | None:
    """Read the first `count` turns of the Schema-Guided Dialogues, None where they are missing."""
    texts: list[str] = []
    for part in ("train", "dev"):
        file = data / "sgd" / f"{part}.compact.jsonl.gz"
        if not file.is_file():
            return None
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                texts += [turn["text"] for turn in json.loads(line)["turns"]]
                if len(texts) >= count:
                    return texts[:count]
    return texts[:count]


def booking_texts(data: Path) -> list[str]:
    """Read what the users of the Schema-Guided Dialogues say; empty where they are missing."""
    file = data / "sgd" / "train.compact.jsonl.gz"
    if not file.is_file():
        return []
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [
            turn["text"]
            for line in lines
            for turn in json.loads(line)["turns"]
            if turn["speaker"] == "USER"
        ]
