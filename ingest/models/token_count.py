"""Count the tokens of a text for a language model, with the tokenizer of an embedding model."""

import math
import re
from collections.abc import Sequence

# For a token of what the vocabulary does not know: byte-level tokenizers make 1.4 to 2.4 of random
# letters, digits, emoji.
BYTES_PER_TOKEN = 1.5
SPACES_PER_TOKEN = 4  # for white space beyond a single space
_SPACE = re.compile(r"\s+")


def count_tokens(text: str, known_spans: Sequence[tuple[int, int]]) -> int:
    """Count the tokens of a text.

    A vocabulary of words has one token for whatever it does not know, even if it is thousands of
    characters long, and none for white space and invisible characters. A language model reads all
    of them, so they count by their bytes.

    Args:
        text: Any text.
        known_spans: The tokens that the vocabulary has, as pairs of character positions, in order.
    """
    total, position = len(known_spans), 0
    for start, end in [*known_spans, (len(text), len(text))]:
        if start > position and text[position:start] != " ":
            total += _count_unknown(text[position:start])
        position = max(position, end)
    return total


def _count_unknown(text: str) -> int:
    spaces = [space for space in _SPACE.findall(text) if space != " "]
    blank = sum(math.ceil(len(space) / SPACES_PER_TOKEN) for space in spaces)
    rest = len(_SPACE.sub("", text).encode("utf-8", "surrogatepass"))
    return blank + math.ceil(rest / BYTES_PER_TOKEN)
