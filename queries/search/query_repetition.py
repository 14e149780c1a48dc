"""Messages that repeat a question, or only announce an answer to it, without answering it.

An assistant saves each question, often before it searches. The question itself, the same question
asked before, and "let me look that up" resemble a query more than any answer does.
"""

import re
from collections.abc import Sequence

from mcp_context_persistence.kg.text.normalization import fold
from mcp_context_persistence.kg.text.stemming import stem
from mcp_context_persistence.queries.search.query_terms import STOP_WORDS, tokenize

QUESTION_MARKS = "?？؟"
MAX_OWN_SHARE = 0.2  # of a question's content words, that a repetition may have beyond the query
MIN_SHARED_SHARE = 0.6  # of the query's content words, that a repetition with own words must have
MAX_LENGTH = 2_000  # characters; a longer text has something to say
_OPENING_LIST = """
what which who whom whose when where why how do does did is are was were am has have had can could
will would should may might shall show list give find
"""
_QUERY_OPENINGS = frozenset([*_OPENING_LIST.split(), "remind", "tell", "recall"])
# Without a question mark, "Will is my brother" asks nothing.
_TEXT_OPENINGS = frozenset([*_OPENING_LIST.split()[:9], "remind", "tell"])
_ANSWERS = frozenset({"yes", "no", "yeah", "yep", "nope"})  # which a stop word may be, too
# What a question or an announcement has besides its subject.
_FILLER_LIST = """
again ask asked asking back check checking dig exactly find finding get give good great hang hello
hey hi hm hmm hold just know kindly let like ll look looking mention mentioned minute moment now oh
ok okay one please pull quick quickly question re recall remember remind said say saying search
searching sec second see sorry sure tell thank thanks think told up ve wait want well wonder
wondering
"""
_FILLERS = frozenset(map(stem, _FILLER_LIST.split()))
_ANNOUNCEMENT_LIST = """
check checking dig find finding hang hold look looking minute moment pull question search searching
sec second see wait
"""
_ANNOUNCEMENTS = frozenset(map(stem, _ANNOUNCEMENT_LIST.split()))
_LONGEST_ANNOUNCEMENT = 200  # characters
_ANNOUNCING = re.compile(rf"\b(?:{'|'.join(_ANNOUNCEMENT_LIST.split())})\b")
_TRAILING = re.compile(r"[\W_]+$")
_FIRST_WORD = re.compile(r"[\W_]*(\w+)")
_SLACK = 20  # characters, by which spaces and punctuation may differ


def ends_with_question(text: str) -> bool:
    """Return whether the last punctuation of a text has a question mark."""
    end = _TRAILING.search(text[-_SLACK:])
    return end is not None and any(mark in end[0] for mark in QUESTION_MARKS)


def is_question(query: str) -> bool:
    """Return whether a query asks for something in a sentence."""
    return ends_with_question(query) or _read_first_word(query) in _QUERY_OPENINGS


class RepetitionDetector:
    """Tells which texts repeat a query, where the query is a question."""

    def __init__(self, query: str) -> None:
        self._is_question = is_question(query)
        if self._is_question:
            self._length = len(query)
            self._folded = _normalize(query)
            self._words = _list_content_words(query)

    def find(self, texts: Sequence[str], authors: Sequence[str | None]) -> list[bool]:
        """Return for each text whether it repeats the query or has no content of its own.

        Args:
            texts: The texts.
            authors: Their authors; a text may begin with the name.
        """
        if not self._is_question:
            return [False] * len(texts)
        return [
            len(text) <= MAX_LENGTH and self._is_repetition(text.removeprefix(f"{author}: "))
            for text, author in zip(texts, authors, strict=True)
        ]

    def _is_repetition(self, text: str) -> bool:
        if abs(len(text) - self._length) <= _SLACK and _normalize(text) == self._folded:
            return True
        if not (ends_with_question(text) or _read_first_word(text) in _TEXT_OPENINGS):
            return self._is_announcement(text)
        words = _list_content_words(text)
        own = words - self._words - _FILLERS
        if not own:
            return bool(words) or any(character.isalnum() for character in text)
        shared = len(words & self._words)
        return len(own) <= MAX_OWN_SHARE * len(words - _FILLERS) and shared >= (
            MIN_SHARED_SHARE * len(self._words - _FILLERS)
        )

    def _is_announcement(self, text: str) -> bool:
        """Return whether a text only says that the answer is being looked up."""
        if len(text) > _LONGEST_ANNOUNCEMENT or not _ANNOUNCING.search(text.lower()):
            return False
        words = _list_content_words(text)
        return not (words - self._words - _FILLERS) and not _ANNOUNCEMENTS.isdisjoint(
            words - self._words
        )


def _read_first_word(text: str) -> str:
    match = _FIRST_WORD.match(text)
    return match[1].lower() if match else ""


def _list_content_words(text: str) -> frozenset[str]:
    return frozenset(
        stem(word) for word in tokenize(text) if word in _ANSWERS or word not in STOP_WORDS
    )


def _normalize(text: str) -> str:
    """Return a text without case, space and punctuation, for comparisons."""
    return "".join(character for character in fold(text) if character.isalnum())
