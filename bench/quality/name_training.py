"""Learn the weights that score names: ``python -m bench.quality.name_training DATA [--write]``.

The sentences are those of the three sets for names in DATA, of the development half of our own
messages, and of our own texts with names (`names_dev.jsonl`). Prints how many names each set has,
and F1 of the scores alone on each set with weights that were learned without it. `--write` writes
the weights that were learned from all of them to ``ingest/extraction/name_weights.npz``.
"""

import argparse
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from bench.datasets import labeled
from bench.files import ROOT
from mcp_context_persistence.ingest.extraction.data_shapes import find_data
from mcp_context_persistence.ingest.extraction.extractor import Extractor
from mcp_context_persistence.ingest.extraction.name_scores import CLASSES, WEIGHTS_FILE, NameScorer
from mcp_context_persistence.ingest.extraction.results import ParsedText
from mcp_context_persistence.ingest.extraction.segmentation import split_into_segments

NAME_FILES = ("uner_ewt_dev.iob2", "wnut17_dev.conll", "wikigold.conll")
OWN_FILES = {
    "own": ("messages_chat_code_dev.jsonl", "messages_notes_tool_dev.jsonl"),
    "names": ("names_dev.jsonl",),
}
_CLASSES_BY_LABEL = {"work": "other", "project": "other", "library": "technology"}
# A set that lacks labels of some types: what its words of a class may be, besides that class.
_POSSIBLE_CLASSES = {
    "uner_ewt_dev.iob2": ("", ("", "product", "technology", "event", "other")),
    "wnut17_dev.conll": ("product", ("product", "technology")),
    "wikigold.conll": ("other", ("product", "technology", "event", "other")),
}
# People are rarer in our own texts with names than in messages.
_WEIGHTS = {"names": {"person": 2.0}}
_INVERSE_PENALTY = 0.002
_INVERSE_PENALTY_OF_OWN_SETS = 0.01
_SEED = 0

Floats = NDArray[np.float32]


class Examples(NamedTuple):
    """The words of a set: ``(words, features)``, and the index of the class of each word."""

    features: Floats
    classes: NDArray[np.int64]


def read_examples(data: Path) -> dict[str, Examples]:
    """Return the words of each set that DATA has, and of ours: messages ("own") and "names"."""
    scorer = NameScorer()
    sets = {
        name: list(labeled.tagged(data / "ner" / name))
        for name in NAME_FILES
        if (data / "ner" / name).exists()
    }
    for name, files in OWN_FILES.items():
        sets[name] = [
            document for file in files for document in read_texts(ROOT / "bench" / "data" / file)
        ]
    return {name: _build_examples(documents, scorer) for name, documents in sets.items()}


def read_texts(path: Path) -> Iterator[labeled.Labeled]:
    """Yield the prose of our own texts, with the places of the labeled names."""
    for line in path.read_text(encoding="utf-8").splitlines():
        message = json.loads(line)
        names = sorted(message["entities"], key=lambda entity: -len(entity["name"]))
        for segment in split_into_segments(message["text"], find_data(message["text"])):
            taken = bytearray(len(segment.text))
            spans = set()
            for entity in names:
                name, start = entity["name"], -1
                while (start := segment.text.find(name, start + 1)) >= 0:
                    end = start + len(name)
                    if not any(taken[start:end]):
                        taken[start:end] = b"\1" * len(name)
                        spans.add((start, end, entity["type"]))
            yield labeled.Labeled(segment.text, spans, [])


def _build_examples(documents: Sequence[labeled.Labeled], scorer: NameScorer) -> Examples:
    parsed = Extractor().parse([document.text for document in documents])
    rows, classes = list[Floats](), list[int]()
    for index, first, features in scorer.read_features(parsed):
        labels = [
            _find_class(parsed[index], token, documents[index])
            for token in range(first, first + len(features))
        ]
        known = [row for row, label in enumerate(labels) if label >= 0]
        rows.append(features[known])
        classes += [labels[row] for row in known]
    return Examples(np.vstack(rows), np.array(classes))


def _find_class(text: ParsedText, token: int, document: labeled.Labeled) -> int:
    """Return the class of a token, -1 for types that the weights do not know, such as files."""
    for start, end, kind in document.spans:
        if start <= text.starts[token] < end:
            name = _CLASSES_BY_LABEL.get(kind, kind)
            return CLASSES.index(name) if name in CLASSES else -1
    return 0


def learn(examples: Mapping[str, Examples]) -> Floats:
    """Return the weights that were learned from some sets, ``(features + 1, classes)``.

    What the other sets do not label is first filled in with weights of our own sets.
    """
    own = {name: words for name, words in examples.items() if name in OWN_FILES}
    if own and len(own) < len(examples):
        first_weights = _fit(own.values(), None, _INVERSE_PENALTY_OF_OWN_SETS)
        examples = {
            name: _fill_in(words, *_POSSIBLE_CLASSES[name], first_weights)
            if name in _POSSIBLE_CLASSES
            else words
            for name, words in examples.items()
        }
    weights = np.concatenate([_weigh(name, words) for name, words in examples.items()])
    return _fit(examples.values(), weights, _INVERSE_PENALTY)


def _fill_in(words: Examples, label: str, possible: Sequence[str], weights: Floats) -> Examples:
    """Give the words of a class the likeliest of some classes.

    A word without a label that is probably in a name is left out.
    """
    candidates = np.array([CLASSES.index(kind) for kind in possible])
    rows = np.flatnonzero(words.classes == CLASSES.index(label))
    scores = words.features[rows] @ weights[:-1] + weights[-1]
    classes = words.classes.copy()
    classes[rows] = candidates[scores[:, candidates].argmax(axis=1)]
    is_kept = np.ones(len(classes), bool)
    if not label:
        is_kept[rows] = classes[rows] == 0
    return Examples(words.features[is_kept], classes[is_kept])


def _weigh(name: str, words: Examples) -> Floats:
    weights = _WEIGHTS.get(name, {})
    by_class = [weights.get(kind, 1.0) for kind in CLASSES]
    return np.array(by_class, np.float32)[words.classes]


def _fit(
    parts: Collection[Examples], sample_weights: Floats | None, inverse_penalty: float
) -> Floats:
    features = np.vstack([words.features for words in parts])
    classes = np.concatenate([words.classes for words in parts])
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-3
    model = LogisticRegression(C=inverse_penalty, max_iter=200, random_state=_SEED)
    model.fit((features - mean) / deviation, classes, sample_weight=sample_weights)
    weights = np.zeros((features.shape[1] + 1, len(CLASSES)), np.float32)
    weights[-1] = -30.0  # of classes without an example
    slopes = model.coef_.T / deviation[:, None]
    weights[:-1, model.classes_] = slopes
    weights[-1, model.classes_] = model.intercept_ - mean @ slopes
    return weights


def leave_each_out(examples: dict[str, Examples]) -> Iterator[tuple[str, Floats]]:
    """Yield each set's name, with the weights that were learned from the others."""
    for name in examples:
        yield (
            name,
            learn({other: words for other, words in examples.items() if other != name}),
        )


def measure_words(examples: Examples, weights: Floats) -> float:
    """Return F1 of the words in names of people, organizations and places."""
    predicted = (examples.features @ weights[:-1] + weights[-1]).argmax(axis=1)
    core = {CLASSES.index(kind) for kind in ("person", "organization", "location")}
    is_found, is_labeled = (np.isin(values, list(core)) for values in (predicted, examples.classes))
    right = int((is_found & (predicted == examples.classes)).sum())
    return 2 * right / max(1, int(is_found.sum() + is_labeled.sum()))


def main() -> None:
    """Learn the weights, and print how they do on the sets that they were not learned from."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    examples = read_examples(options.data)
    for name, weights in leave_each_out(examples):
        words = examples[name]
        print(
            f"{name}: {len(words.classes)} words, {int((words.classes > 0).sum())} in names, "
            f"F1 without this set {measure_words(words, weights):.3f}"
        )
    if options.write:
        np.savez_compressed(WEIGHTS_FILE, weights=learn(examples))


if __name__ == "__main__":
    main()
