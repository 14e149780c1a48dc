"""The normal form of characters and words, in which stored texts and queries meet."""

import unicodedata
from functools import lru_cache

APOSTROPHE = "'"
# A zero-width non-joiner stands between the parts of one word, in Persian for example.
NON_JOINER = "\u200c"
# What joins the parts of an identifier, a number, an address or a path.
CONNECTORS = frozenset(".-_@:/\\'&=~#+,")
_APOSTROPHES = frozenset("'’‘ʼʻʹ′＇`´")
_HYPHENS = frozenset("-‐‑﹣－")
# Letters that have no decomposition into a base letter and a mark.
_BASE_LETTERS = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i"}
_WORD_CATEGORIES = frozenset("LNM")
_FIRST_ACCENT, _LAST_ACCENT = "\u0300", "\u036f"
# Points of Hebrew and vowel signs of Arabic, which most writers leave out, and the tatweel.
_OPTIONAL_MARKS = frozenset(
    map(chr, [*range(0x0591, 0x05C8), *range(0x064B, 0x0660), 0x0670, 0x0640])
)


class _Characters(dict[int, str | None]):
    """A translation table that is filled as characters occur.

    Letters, digits, marks and connectors stay. Format characters go. A symbol such as an emoji
    becomes a word of its own. Everything else separates words.
    """

    def __missing__(self, codepoint: int) -> str | None:
        self[codepoint] = translated = _translate(chr(codepoint))
        return translated


def _translate(character: str) -> str | None:
    category = unicodedata.category(character)
    if character in _APOSTROPHES:
        return APOSTROPHE
    if character in _HYPHENS:
        return "-"
    if character in CONNECTORS or character == NON_JOINER or category[0] in _WORD_CATEGORIES:
        return character
    if category == "Cf" or "\ufe00" <= character <= "\ufe0f":
        return None
    if category == "So":
        return f" {character} "
    return " "


_CHARACTERS = _Characters()


def normalize(text: str) -> str:
    """Return a text in Unicode's form NFKC without format characters, words separated by spaces.

    Upper and lower case stay, because they show where the words of an identifier begin.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return text.translate(_CHARACTERS)


@lru_cache(maxsize=2**16)
def fold(word: str) -> str:
    """Return a word in lower case without accents: "Été" as "ete", "Straße" as "strasse"."""
    folded = word.casefold()
    if folded.isascii():
        return folded
    decomposed = unicodedata.normalize("NFD", folded)
    kept = [
        _BASE_LETTERS.get(character, character)
        for character in decomposed
        if not _FIRST_ACCENT <= character <= _LAST_ACCENT and character not in _OPTIONAL_MARKS
    ]
    return unicodedata.normalize("NFC", "".join(kept))
