"""Messages that repeat a question, or only announce an answer to it, without answering it.

An assistant saves each question, often before it searches. The question itself, the same question
asked before, and "let me look that up" resemble a query more than any answer does.
"""

from collections.abc import Sequence

from mcp_context_persistence.kg.text.normalization import fold
from mcp_context_persistence.kg.text.stemming import stem
from mcp_context_persistence.kg.text.words import split_words
from mcp_context_persistence.queries.search.query_terms import STOP_WORDS

QUESTION_MARKS = "?？؟"
_MARKS = frozenset(QUESTION_MARKS)
MAX_OWN_SHARE = 0.2  # of a question's content words, that a repetition may have beyond the query
MIN_SHARED_SHARE = 0.6  # of the query's content words, that a repetition with own words must have
MAX_LENGTH = 3.0  # times that of the query, and what is asked around it
ASKED_AROUND = 60  # characters
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
again ask asked asking back check checking d didn dig doesn don exactly find finding get give good
great hang hello hey hi hm hmm hold isn just know kindly let like ll look looking m mention
mentioned minute moment now oh ok okay one please pull quick quickly question re recall remember
remind s said say saying search searching sec second see sorry sure t tell thank thanks think told
up ve wait want wasn well wonder wondering
"""
_FILLERS = frozenset(map(stem, _FILLER_LIST.split()))
_ANNOUNCEMENT_LIST = """
check checking dig find finding hang hold look looking minute moment pull question search searching
sec second see wait
"""
_ANNOUNCEMENTS = frozenset(_ANNOUNCEMENT_LIST.split())
_LONGEST_ANNOUNCEMENT = 25  # words
_CLOSING = " \t\r\n\"'`*_~.!)]}>’”»…"
_SLACK = 20  # characters, by which spaces and punctuation may differ


def ends_with_question(text: str) -> bool:
    """Return whether a text ends with a question mark, apart from what closes a sentence."""
    return text.rstrip(_CLOSING)[-1:] in _MARKS


def is_question(query: str) -> bool:
    """Return whether a query asks for something in a sentence."""
    words = split_words([query.lower()])[0]
    return ends_with_question(query) or (bool(words) and words[0] in _QUERY_OPENINGS)


class RepetitionDetector:
    """Tells which texts repeat a query, where the query is a question."""

    def __init__(self, query: str) -> None:
        self._is_question = is_question(query)
        if self._is_question:
            self._length = len(query)
            self._folded = _normalize(query)
            words = split_words([query.lower()])[0]
            self._all_words = frozenset(words)
            self._stems = _stem_content(words)

    def find(self, texts: Sequence[str], authors: Sequence[str | None]) -> list[bool]:
        """Return for each text whether it repeats the query or has no content of its own.

        Args:
            texts: The texts in lower case.
            authors: Their authors; a text may begin with the name.
        """
        are_repetitions = [False] * len(texts)
        if not self._is_question:
            return are_repetitions
        longest = MAX_LENGTH * self._length + ASKED_AROUND
        short = [index for index, text in enumerate(texts) if len(text) <= longest]
        # The words as they are written: the parts of names would be content of their own.
        words_by_text = split_words([texts[index] for index in short])
        for index, words in zip(short, words_by_text, strict=True):
            are_repetitions[index] = self._is_repetition(texts[index], words, authors[index])
        return are_repetitions

    def _is_repetition(self, text: str, words: Sequence[str], author: str | None) -> bool:
        if author and text.startswith(prefix := f"{author.lower()}: "):
            text = text.removeprefix(prefix)
            words = words[len(split_words([prefix])[0]) :]
        if abs(len(text) - self._length) <= _SLACK and _normalize(text) == self._folded:
            return True
        if not words:
            return False
        if not (ends_with_question(text) or words[0] in _TEXT_OPENINGS):
            return self._is_announcement(words)
        stems = _stem_content(words)
        own = stems - self._stems - _FILLERS
        shared = len(stems & self._stems)
        return not own or (
            len(own) <= MAX_OWN_SHARE * len(stems - _FILLERS)
            and shared >= MIN_SHARED_SHARE * len(self._stems - _FILLERS)
        )

    def _is_announcement(self, words: Sequence[str]) -> bool:
        """Return whether a text only says that the answer is being looked up."""
        if len(words) > _LONGEST_ANNOUNCEMENT:
            return False
        if _ANNOUNCEMENTS.isdisjoint(words) or _ANNOUNCEMENTS & self._all_words & set(words):
            return False
        return not (_stem_content(words) - self._stems - _FILLERS)


def _stem_content(words: Sequence[str]) -> frozenset[str]:
    """Return the stems of the words that say something."""
    return frozenset(
        stem(word) for word in set(words) if word in _ANSWERS or word not in STOP_WORDS
    )


def _normalize(text: str) -> str:
    """Return a text without case, space and punctuation, for comparisons."""
    return "".join(character for character in fold(text) if character.isalnum())
