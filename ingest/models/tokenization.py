"""The tokenizer of a BERT model, and the batches that its tokens are encoded in."""

import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.kg.fork_safety import renew_locks_in_children
from mcp_context_persistence.kg.helper_threads import HelperThreads

TOKENS_PER_TEXT = 32
MAX_WORKERS = 8  # more wait for the interpreter's lock
MIN_BATCH_TOKENS = 128  # fewer are not worth another thread

_encoding = threading.Lock()  # one call at a time has all threads
renew_locks_in_children(sys.modules[__name__])


class BertTokenizer:
    """Cuts texts into tokens. Threads may share it.

    Attributes:
        max_tokens: The longest text that is read whole, without the special tokens.
    """

    def __init__(self, file: Path, max_length: int) -> None:
        """Read the tokenizer's file.

        Args:
            file: Such as ``tokenizer.json``.
            max_length: Tokens that the model reads, with [CLS] and [SEP].
        """
        from tokenizers import Tokenizer  # noqa: PLC0415 - not imported before it is needed

        self.max_tokens = max_length - 2
        self._tokenizer = Tokenizer.from_file(str(file))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._unknown_id = self._tokenizer.token_to_id(
            getattr(self._tokenizer.model, "unk_token", None) or "[UNK]"
        )
        self._truncating = Tokenizer.from_file(str(file))
        self._truncating.no_padding()
        self._truncating.enable_truncation(max_length)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text's tokens, special ones included.

        A text that is too long is cut off.
        """
        # One text at a time: `encode_batch` starts threads that outlive the call, warn at a later
        # fork, and gain 5 ms in 100 texts.
        return [self._truncating.encode(text).ids for text in texts]

    def encode_with_spans(
        self, texts: Sequence[str]
    ) -> list[tuple[list[int], list[tuple[int, int]]]]:
        """Return for each text the ids of `encode`, and the characters of each token.

        The special tokens have empty spans.
        """
        encodings = [self._truncating.encode(text) for text in texts]
        return [(encoding.ids, encoding.offsets) for encoding in encodings]

    def find_tokens(self, text: str) -> Sequence[tuple[int, int]]:
        """Return the text's tokens as pairs of character positions."""
        spans: list[tuple[int, int]] = self._tokenizer.encode(
            text, add_special_tokens=False
        ).offsets
        return spans

    def find_known_tokens(self, text: str) -> Sequence[tuple[int, int]]:
        """Return those tokens that the vocabulary has."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        return select_known(self._unknown_id, encoding.ids, encoding.offsets)


def select_known(
    unknown_id: int | None, ids: Sequence[int], spans: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Return the spans whose token is not the unknown one."""
    return [span for token_id, span in zip(ids, spans, strict=True) if token_id != unknown_id]


def count_processors() -> int:
    """Return how many threads may compute.

    It is ``OMP_NUM_THREADS`` where that is set, else the processors of this process.
    """
    configured = os.environ.get("OMP_NUM_THREADS", "")
    if configured.isdecimal() and int(configured) > 0:
        return int(configured)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def make_batches(lengths: Sequence[int], token_budget: int) -> list[list[int]]:
    """Group positions of like length, the longest first.

    Returns:
        Groups whose padded size is at most `token_budget` tokens, or that are one text.
    """
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    batches: list[list[int]] = []
    while order:
        size = max(1, token_budget // max(1, lengths[order[0]]))
        batches.append(order[:size])
        order = order[size:]
    return batches


def encode_in_batches(
    tokens: Sequence[Sequence[int]],
    encode_batch: Callable[[Sequence[Sequence[int]]], NDArray[np.float32]],
    *,
    dimension: int,
    token_budget: int,
    workers: int,
    prepare_thread: Callable[[], None] = lambda: None,
) -> NDArray[np.float32]:
    """Encode texts in batches of like length, several batches at a time.

    Args:
        tokens: The ids of each text's tokens.
        encode_batch: Makes the vectors of one batch.
        dimension: The length of a vector.
        token_budget: Tokens of a batch, with the padding.
        workers: Threads that encode at the same time, at most.
        prepare_thread: Called first in each of them.

    Returns:
        ``(len(tokens), dimension) float32``.
    """
    vectors = np.empty((len(tokens), dimension), np.float32)
    lengths = [len(ids) for ids in tokens]
    fair_share = max(MIN_BATCH_TOKENS, sum(lengths) // workers)
    batches = iter(make_batches(lengths, min(token_budget, fair_share)))
    taking = threading.Lock()

    def work() -> None:
        prepare_thread()
        while True:
            with taking:
                batch = next(batches, None)
            if batch is None:
                return
            vectors[batch] = encode_batch([tokens[index] for index in batch])

    with _encoding:
        _run_in_threads(work, max(1, min(workers, sum(lengths) // MIN_BATCH_TOKENS)))
    return vectors


def _run_in_threads(work: Callable[[], None], count: int) -> None:
    """Run `work` on `count` threads, the caller's own among them, and raise what it raised."""
    if count == 1:
        work()
        return
    with HelperThreads(count - 1, thread_name_prefix="context-persistence-embed") as threads:
        futures = [threads.submit(work) for _ in range(count - 1)]
        work()
        for future in futures:
            future.result()
