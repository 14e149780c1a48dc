"""The words of a text, folded: how texts and queries are compared outside the fulltext index."""

import re
from collections.abc import Sequence

from mcp_context_persistence.kg.text.normalization import fold
from mcp_context_persistence.kg.text.terms import split_into_pieces, tokenize

# Upper and lower case of ASCII, for a fast look at where the parts of CamelCase begin.
_CASES = bytes(
    ord("A") if chr(code).isupper() else ord("a") if code < 128 and chr(code).islower() else code
    for code in range(128)
) + bytes(128)
_CAMEL_CASE = re.compile(r"[A-Za-z0-9]*[a-z][A-Z][A-Za-z0-9]*")
_ASCII_WORDS = bytes(
    code if code == 0 or (code < 128 and chr(code).isalnum()) else ord(" ") for code in range(256)
)


def list_words(text: str) -> list[str]:
    """Return the words of a text, folded, in order; of identifiers the parts."""
    return [fold(token.text) for token in tokenize(text) if token.role == "part"]


def repeat_parts(text: str) -> str:
    """Return a text with the parts of each name in CamelCase behind it."""
    if b"aA" not in text.encode("ascii", "replace").translate(_CASES):
        return text
    return _CAMEL_CASE.sub(_add_parts, text)


def _add_parts(match: re.Match[str]) -> str:
    return " ".join([match.group(), *split_into_pieces(match.group())])


def split_cased_words(texts: Sequence[str]) -> list[list[str]]:
    """Return the words of each text as `split_words` does, with the parts of names in CamelCase."""
    return split_words([repeat_parts(text).lower() for text in texts])


def split_words(texts: Sequence[str]) -> list[list[str]]:
    """Return the runs of letters and digits of each text in lower case, folded.

    Where no spaces separate words, pairs of characters are returned.
    """
    if not texts:
        return []
    ascii_texts = [text if text.isascii() and "\0" not in text else "" for text in texts]
    spaced = "\0".join(ascii_texts).encode().translate(_ASCII_WORDS).decode()
    words = [text.split() for text in spaced.split("\0")]
    for index, (text, ascii_text) in enumerate(zip(texts, ascii_texts, strict=True)):
        if text and not ascii_text:
            words[index] = list_words(text)
    return words
