"""Learn how words score names that are together: ``python -m bench.quality.cooccurrence_training``.

The examples are the labeled relations of our own texts (``bench/data/relations_dev.jsonl`` and
``bench/data/modality_dev.jsonl``), almost half of which are not asserted. Prints, for parts that
the weights have not seen, which share of them the weights recognize, and which share of the
asserted ones they take for such. `--write` writes the weights that were learned from all.
"""

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.files import ROOT
from bench.quality.word_weights import learn_words
from mcp_context_persistence.ingest.extraction.cooccurrence_scores import (
    MAX_ODDS,
    WEIGHTS_FILE,
    Span,
    hash_words,
)
from mcp_context_persistence.ingest.extraction.extractor import Extractor
from mcp_context_persistence.ingest.extraction.results import ASSERTED

OWN_FILES = tuple(
    ROOT / "bench" / "data" / f"{name}_dev.jsonl" for name in ("relations", "modality")
)
PARTS = 5

Floats = NDArray[np.float32]


class Example(NamedTuple):
    """A labeled relation.

    Attributes:
        part: Which part it is in; all relations of a text are in one.
        is_asserted: Whether the text states it as a fact.
        buckets: Those of the words around it, see `hash_words`.
    """

    part: int
    is_asserted: bool
    buckets: list[int]


def read_examples(paths: Sequence[Path]) -> list[Example]:
    """Return the labeled relations of some files whose ends are in the text."""
    rows = [
        json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()
    ]
    parsed_texts = Extractor().parse([row["text"] for row in rows])
    return [
        Example(
            # Texts of one writer are neighbors, and have wordings in common.
            number * PARTS // len(rows),
            relation["modality"] == ASSERTED,
            hash_words(row["text"], parsed.list_sentences(), *ends),
        )
        for number, (row, parsed) in enumerate(zip(rows, parsed_texts, strict=True))
        for relation in row["relations"]
        if (ends := find_ends(row["text"], relation["source"], relation["target"]))
    ]


def find_ends(text: str, source: str, target: str) -> tuple[Span, Span] | None:
    """Return where two names are closest to each other; None where one is missing."""
    pairs = [
        (first, second)
        for first in _find_name(text, source)
        for second in _find_name(text, target)
        if first[1] <= second[0] or second[1] <= first[0]
    ]
    return min(pairs, key=lambda pair: abs(pair[0][0] - pair[1][0]), default=None)


def _find_name(text: str, name: str) -> list[Span]:
    pattern = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    return [match.span() for match in pattern.finditer(text)]


def learn(examples: Sequence[Example]) -> Floats:
    """Return weights, see `learn_words`."""
    is_doubtful = np.array([not example.is_asserted for example in examples])
    return learn_words([example.buckets for example in examples], is_doubtful)


def score_parts(examples: Sequence[Example]) -> Floats:
    """Return the log-odds of each example by weights that have not seen its part."""
    odds = np.zeros(len(examples), np.float32)
    for part in range(PARTS):
        weights = learn([example for example in examples if example.part != part])
        for row, example in enumerate(examples):
            if example.part == part:
                odds[row] = weights[example.buckets].sum() + weights[-1]
    return odds


def main() -> None:
    """Learn the weights, and print what they recognize in parts that they were not learned from."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    examples = read_examples(OWN_FILES)
    is_doubtful = score_parts(examples) > MAX_ODDS
    is_asserted = np.array([example.is_asserted for example in examples])
    for name, chosen in (("asserted", is_asserted), ("not asserted", ~is_asserted)):
        print(f"{chosen.sum()} {name}, {is_doubtful[chosen].mean():.3f} taken for not asserted")
    if options.write:
        np.savez_compressed(WEIGHTS_FILE, weights=learn(examples).astype(np.float16))


if __name__ == "__main__":
    main()
