"""How many tokens a text has for a language model, told by the tokenizer of an embedding model."""

import math
import re
from collections.abc import Sequence

# For a token of what the vocabulary does not know: byte-level tokenizers make 1.4 to 2.4 of random letters, digits, emoji.
BYTES = 1.5
SPACES = 4  # for a token of white space beyond a single space
_SPACE = re.compile(r"\s+")


def size(text: str, known: Sequence[tuple[int, int]]) -> int:
    """Tokens of a text.

    A vocabulary of words has one token for whatever it does not know, were it thousands of characters long, and none for white space and
    invisible characters. A language model reads all of them, so they count by their bytes.

    Args:
        text: Any text.
        known: The tokens that the vocabulary has, as pairs of character positions, in order.
    """
    total, end = len(known), 0
    for start, after in [*known, (len(text), len(text))]:
        if start > end and text[end:start] != " ":
            total += _unknown(text[end:start])
        end = max(end, after)
    return total


def _unknown(part: str) -> int:
    blank = sum(math.ceil(len(space) / SPACES) for space in _SPACE.findall(part) if space != " ")
    rest = len(_SPACE.sub("", part).encode("utf-8", "surrogatepass"))
    return blank + math.ceil(rest / BYTES)
