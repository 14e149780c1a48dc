"""Learn the weights that score instructions: ``python -m bench.quality.instruction_training DATA``.

The positive examples are the labeled sentences of our own messages of users
(``bench/data/instructions_dev.jsonl``). The negative ones are the other sentences there, and those
of chats between people, of meetings, and of users of a booking service in DATA, where almost nobody
instructs an assistant. Prints, for parts that the weights have not seen, how many sentences are
found, with and without the rules. `--write` writes the weights that were learned from all.
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from bench.datasets.sets import locomo, qmsum
from bench.datasets.texts import booking_texts
from bench.files import ROOT
from bench.quality.word_weights import learn_words
from mcp_context_persistence.ingest.extraction.instruction_clauses import split_into_clauses
from mcp_context_persistence.ingest.extraction.instruction_cues import OwnSentence, read_sentences
from mcp_context_persistence.ingest.extraction.instruction_finder import is_scored
from mcp_context_persistence.ingest.extraction.instruction_scores import (
    KINDS,
    WEIGHTS_FILE,
    Weights,
    describe_clauses,
    find_clause,
    hash_words,
    is_worth_reading,
    score_words,
)
from mcp_context_persistence.ingest.models.token_states import TokenStateReader

OWN_FILE = ROOT / "bench" / "data" / "instructions_dev.jsonl"
PARTS = 5
_INVERSE_PENALTY = 0.003  # of the states
_WORD_WEIGHT = 5.0  # of a positive example, for the words
_MESSAGES_PER_SET = 4_000
_SEED = 0

Floats = NDArray[np.float32]


class Sentence(NamedTuple):
    """A sentence of a user.

    Attributes:
        part: Which part of its set it is in; a message is in one part.
        text: Its words.
        kinds: The kind of each clause, empty for none.
        clauses: Their characters.
        is_labeled: Whether it has an instruction.
        is_found_by_rule: Whether a rule finds it.
        features: What the model knows of its clauses, see `describe_clauses`.
    """

    part: int
    text: str
    kinds: list[str]
    clauses: list[tuple[int, int]]
    is_labeled: bool
    is_found_by_rule: bool
    features: Floats


def read_own(path: Path, reader: TokenStateReader) -> list[Sentence]:
    """Return the sentences of our own messages, with their labels."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return _read(((row["text"], row["spans"]) for row in rows), reader)


def read_talks(data: Path) -> dict[str, list[str]]:
    """Return messages of each set in which almost nobody instructs an assistant."""
    chats = [
        message.content.removeprefix(f"{message.name}: ").split(" [shares ")[0]
        for _, sessions, _ in locomo(data)
        for session in sessions
        for message in session.messages
    ]
    meetings = [
        message.content.removeprefix(f"{message.name}: ")
        for _, meeting, _ in qmsum(data)
        for message in meeting.messages
    ]
    bookings = booking_texts(data)
    return {
        name: texts[:: max(1, len(texts) // _MESSAGES_PER_SET)]
        for name, texts in (("chats", chats), ("meetings", meetings), ("bookings", bookings))
    }


def read_others(data: Path, reader: TokenStateReader) -> dict[str, list[Sentence]]:
    """Return the sentences of `read_talks`."""
    return {
        name: _read(((text, []) for text in texts), reader)
        for name, texts in read_talks(data).items()
    }


def _read(
    texts: Iterable[tuple[str, Sequence[dict[str, str]]]], reader: TokenStateReader
) -> list[Sentence]:
    sentences = [
        _label(number % PARTS, sentence, text, spans)
        for number, (text, spans) in enumerate(texts)
        for sentence in read_sentences(text)
        if is_scored(sentence)
    ]
    for tokens in reader.read([sentence.text for sentence in sentences]):
        sentence = sentences[tokens.text]
        features = describe_clauses(sentence.clauses, tokens)
        sentences[tokens.text] = sentence._replace(features=features)
    return sentences


def _label(
    part: int, sentence: OwnSentence, text: str, spans: Sequence[dict[str, str]]
) -> Sentence:
    clauses = split_into_clauses(sentence.text)
    kinds, is_labeled = [""] * len(clauses), False
    for span in spans:
        first = text.index(span["text"]) - sentence.start
        last = first + len(span["text"])
        if first < len(sentence.text) and last > 0:
            is_labeled = True
        for index, (left, right) in enumerate(clauses):
            if min(last, right) - max(first, left) >= (right - left) / 2:
                kinds[index] = span["kind"]
    is_found = sentence.instruction is not None
    no_features = np.zeros((0, 0), np.float32)
    return Sentence(part, sentence.text, kinds, clauses, is_labeled, is_found, no_features)


def learn(sentences: Sequence[Sentence]) -> Weights:
    """Return the weights that were learned from some sentences."""
    kinds = [kind for sentence in sentences for kind in sentence.kinds]
    classes = np.array([KINDS.index(kind) + 1 if kind else 0 for kind in kinds])
    texts = [sentence.text[start:end] for sentence in sentences for start, end in sentence.clauses]
    states = np.vstack([sentence.features for sentence in sentences])
    words = learn_words(
        [hash_words(text) for text in texts], classes > 0, positive_weight=_WORD_WEIGHT
    )
    return Weights(words, _learn_states(states, classes))


def _learn_states(features: Floats, classes: NDArray[np.int64]) -> Floats:
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-3
    model = LogisticRegression(C=_INVERSE_PENALTY, max_iter=150, random_state=_SEED)
    model.fit((features - mean) / deviation, classes)
    slopes = model.coef_.T / deviation[:, None]
    return np.vstack([slopes, model.intercept_ - mean @ slopes]).astype(np.float32)


def leave_each_part_out(
    sets: dict[str, list[Sentence]],
) -> Iterator[tuple[str, Sentence, bool]]:
    """Yield each sentence, and whether weights that have not seen its part find it."""
    for part in range(PARTS):
        weights = learn([row for rows in sets.values() for row in rows if row.part != part])
        for name, rows in sets.items():
            yield from ((name, row, _is_found(row, weights)) for row in rows if row.part == part)


def _is_found(sentence: Sentence, weights: Weights) -> bool:
    words = [score_words(sentence.text[start:end], weights) for start, end in sentence.clauses]
    return (
        is_worth_reading(words)
        and find_clause(sentence.clauses, words, sentence.features, weights) is not None
    )


def main() -> None:
    """Learn the weights, and print what they find in parts that they were not learned from."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--messages", type=Path, default=OWN_FILE)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    reader = TokenStateReader()
    sets = {"own": read_own(options.messages, reader), **read_others(options.data, reader)}
    counts: dict[str, Counter[tuple[bool, bool, bool]]] = defaultdict(Counter)
    for name, sentence, is_found in leave_each_part_out(sets):
        key = sentence.is_labeled, sentence.is_found_by_rule, is_found
        counts[name][key] += 1
    for name, count in counts.items():
        print(f"{name}: {describe(count)}")
    if options.write:
        weights = learn([sentence for rows in sets.values() for sentence in rows])
        np.savez_compressed(
            WEIGHTS_FILE, words=weights.words.astype(np.float16), states=weights.states
        )


def describe(count: Counter[tuple[bool, bool, bool]]) -> str:
    """Describe the sentences, by whether they are labeled, found by a rule, found by the scores."""
    labeled = sum(number for (is_labeled, _, _), number in count.items() if is_labeled)
    parts = [f"{count.total()} sentences, {labeled} labeled"]
    for name, stop in (("rules", 2), ("rules and scores", 3)):
        numbers = {key: number for key, number in count.items() if any(key[1:stop])}
        right = sum(number for key, number in numbers.items() if key[0])
        parts.append(f"{name} find {sum(numbers.values())}, {right} of the labeled")
    return "; ".join(parts)


if __name__ == "__main__":
    main()
