"""What changed: messages that update or contradict what the same person wrote earlier.

They are recognized when they are read, among the candidates of a search. Two clauses are about the
same if they share words of the query, and have most of the other words in common. The later one
changes the earlier one if it denies it, if it says that something changed, or if it has another
value: a number of the same unit, a share, an amount, a date, a day of the week or a time of day.
Two messages that state a fact, an instruction or a preference with the same address change each
other, too, whatever the query is.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import Any

from mcp_context_persistence.kg.text.blobs import replace_blobs
from mcp_context_persistence.kg.text.code_blocks import remove_code_blocks
from mcp_context_persistence.kg.text.languages import ENGLISH, detect_language
from mcp_context_persistence.kg.text.stemming import stem
from mcp_context_persistence.queries.search.candidate import Candidate, ScoredCandidate
from mcp_context_persistence.queries.search.clause_values import NUMBER_WORDS, normalize_value
from mcp_context_persistence.queries.search.query_terms import STOP_WORDS

FindAddresses = Callable[[str], Set[tuple[str, str]]]

MAX_MESSAGES = 12  # the best ones, which are compared
_CHARACTERS = 1_500  # of a message
MIN_TOPIC = 0.5  # of the words of the query, that a message must have
MIN_SHARED = 2  # words
MIN_DENIED = 0.5  # of the words of what is denied, that the earlier clause must have
MIN_ALIKE = 0.6  # of two clauses, or of the words around two values (Dice's index)
MIN_ALIKE_WITHOUT_HINT = 0.8  # where the later clause has no word such as "now" or "updated"
MAX_VALUES = 2  # of one kind in a clause; more are an enumeration or a calculation
WORDS_BEFORE, WORDS_AFTER = 8, 5  # of a value, that say what it is about
_WORD = re.compile(r"[^\W\d_][\w'’]{2,}")
_LANGUAGES = frozenset({ENGLISH, None})
_SAME_ADDRESS = 100  # words; more than two clauses share
_PROGRAMS = frozenset({"assistant", "system", "developer", "tool", "function"})
_CLAUSE_END = re.compile(
    r"(?<=[.!?;])\s+|\n+|\s[-–—]\s|,\s+(?=(?:but|so|and|can|could|should|how|what|since|especially)\b)"
)
# These patterns read texts in lower case: to ignore capitals takes several times as long.
_NOT = r"(?:\bnot|n['’]t)\b"
_CHANGE = re.compile(
    rf"{_NOT}[^.!?]{{0,60}}\bany ?more\b|"
    r"\b(?:actually|no longer|instead(?: of)?|correction|i meant|turns out|"
    r"changed (?:to|from|my)|"
    r"switch(?:ed|ing) (?:to|from|over)|"
    r"mov(?:ed|ing) (?:it |the [\w ]{1,30} )?(?:to|from)|rescheduled|postponed|cancell?ed|"
    r"(?:has|have|had|was|were|is|are) (?:now|since|recently) (?:been )?\w+|"
    r"increased to|decreased to|reduced to|raised to|extended to|adjusted to|updated to)\b",
)
_NO_STATEMENT = re.compile(
    r"^\W*(?:can|could|should|would|how|what|which|when|where|why|hmm|is|are|do|does)\b|"
    r"\b(?:trying|want|need|plan|planning|going|like|hope|hoping) to\b",
)
_HINT = re.compile(
    r"\b(?:now|new|recently|updated?|total|already|(?:add|increas|decreas|improv|extend|adjust|chang|"
    r"rais|lower|reduc|reach|dropp)ed|rose|fell|grew|up to|down to|"
    r"since|from (?:now|next \w+|\w+day) on)\b",
)
_DENIAL = re.compile(
    r"\b(?:never|no longer|stopped|quit)\b|"
    rf"{_NOT}(?=[^.!?]{{0,60}}\b(?:any ?more|ever)\b)",
)
_MONTH = (
    r"jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
# Words of requests and feelings, which say nothing about the subject.
_GENERAL_WORDS = """
able also anything best better can't can could currently don't even ever everything feel get
getting give go going good got great had hard help how i'd i'll i'm i've it's just kinda know let
let's like little lot make making maybe more most need new next now okay one only other please
really recently same see should since some something still sure take tell than thank thanks that
that's then think thing time trouble try trying use used using want way well what which will
without work working worried would yes you your never longer actually instead first example
because based already while over each both
"""
_VALUE = re.compile(
    rf"(?P<date>\b(?:{_MONTH})\.? \d{{1,2}}(?:st|nd|rd|th)?\b|"
    rf"\b\d{{1,2}}(?:st|nd|rd|th)?(?: of)? (?:{_MONTH})\b|\b\d{{4}}-\d\d-\d\d\b)|"
    r"(?P<day>\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b)|"
    r"(?P<time>\b\d{1,2}(?::\d\d)? ?[ap]\.?m\b\.?|\b\d{1,2}:\d\d\b)|"
    r"(?P<money>[$€£] ?\d[\d,.]*k?)|"
    r"(?P<share>\b\d+(?:\.\d+)? ?(?:%|percent\b))|"
    # The digits of a key such as ADR-13 count nothing.
    r"(?P<count>(?<![^\W\d_][-#/])\b(?!(?:19|20)\d\d\b)"
    rf"(?:\d[\d,]*(?:\.\d+)?|{'|'.join(NUMBER_WORDS.split())}))"
    r"(?P<unit>(?:[ -]?(?:more |new |other )?[a-z]+)?)",
)
_GENERAL = frozenset(map(stem, _GENERAL_WORDS.split()))
_DATE_WORD = re.compile(rf"(?:{_MONTH}|(?:mon|tues|wednes|thurs|fri|satur|sun)day)")


@dataclass(frozen=True, kw_only=True)
class _Values:
    """The values of one kind and unit in a clause.

    Attributes:
        texts: The values, each in one spelling.
        stems: The stems of the words around them.
    """

    texts: frozenset[str]
    stems: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class _Clause:
    """A clause.

    Attributes:
        stems: The stems of its words, without function words and numbers.
        values: Its values by their kind (`date`, `day`, `time`, `money`, `share` or `count`) and
            the stem of the word after a count, their unit.
        is_statement: Whether it states something. A question, a plan and a wish do not.
        says_change: Whether it says that something changed.
        hints_at_change: Whether it says that something is new.
        denied: The stems of what it denies.
    """

    stems: frozenset[str]
    values: Mapping[tuple[str, str], _Values]
    is_statement: bool
    says_change: bool
    hints_at_change: bool
    denied: frozenset[str]


@lru_cache(maxsize=1024)
def _read_clauses(content: str) -> tuple[_Clause, ...]:
    if detect_language(content) not in _LANGUAGES:
        return ()
    prose = remove_code_blocks(replace_blobs(content))
    clauses = (_read_clause(text.lower()) for text in _CLAUSE_END.split(prose) if text.strip())
    return tuple(clause for clause in clauses if clause.stems)


def _read_clause(text: str) -> _Clause:
    """Read a clause in lower case."""
    denial = _DENIAL.search(text)
    return _Clause(
        stems=_list_stems(text),
        values=_read_values(text),
        is_statement=not _NO_STATEMENT.search(text),
        says_change=_CHANGE.search(text) is not None,
        hints_at_change=_HINT.search(text) is not None or _CHANGE.search(text) is not None,
        denied=_list_stems(text[denial.end() :]) if denial else frozenset(),
    )


def _read_values(text: str) -> dict[tuple[str, str], _Values]:
    texts: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    words: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for match in _VALUE.finditer(text):
        kind = "count" if match["count"] else str(match.lastgroup)
        unit = stem(re.split("[ -]", match["unit"])[-1]) if match["unit"] else ""
        texts[kind, unit].add(normalize_value(kind, match[kind]))
        before, after = text[: match.start()].split(), text[match.end() :].split()
        words[kind, unit] += [*before[-WORDS_BEFORE:], match["unit"] or "", *after[:WORDS_AFTER]]
    return {
        key: _Values(texts=frozenset(values), stems=_list_stems(" ".join(words[key])))
        for key, values in texts.items()
        if len(values) <= MAX_VALUES
    }


def _list_stems(text: str) -> frozenset[str]:
    words = _WORD.findall(text.lower())
    return (
        frozenset(
            stem(word)
            for word in words
            if word not in STOP_WORDS and not _DATE_WORD.fullmatch(word)
        )
        - _GENERAL
    )


def find_changes(
    candidates: Iterable[Candidate], query: str, find_addresses: FindAddresses | None = None
) -> dict[str, Candidate]:
    """Find the messages that later ones of the same person supersede.

    Args:
        candidates: The candidates of a search, best first.
        query: The query.
        find_addresses: Returns the addresses of the instructions, preferences and facts in a text.

    Returns:
        For each id of a superseded message the latest message that supersedes it.
    """
    topic = _list_stems(query)
    is_read = bool(topic) and detect_language(query) in _LANGUAGES
    messages = sorted(islice(filter(_is_from_person, candidates), MAX_MESSAGES), key=_time_order)
    contents = [(message.content or "")[:_CHARACTERS] for message in messages]
    clauses = [
        _read_clauses(content) if is_read and _is_about(content, topic) else ()
        for content in contents
    ]
    addresses = [find_addresses(content) if find_addresses else frozenset() for content in contents]
    strongest: dict[str, tuple[int, Candidate]] = {}
    for number, later in enumerate(messages):
        earlier_numbers = [
            index
            for index in range(number)
            if _is_changeable(messages[index], later) and contents[index] != contents[number]
        ]
        matches = [
            _find_strongest({index: clauses[index] for index in earlier_numbers}, clause, topic)
            for clause in clauses[number]
        ]
        matches += [
            (_SAME_ADDRESS, index)
            for index in earlier_numbers
            if addresses[index] & addresses[number]
        ]
        for strength, index in matches:
            earlier_id = messages[index].id
            if strength and strength >= strongest.get(earlier_id, (0,))[0]:
                strongest[earlier_id] = (strength, later)
    return _follow({earlier_id: later for earlier_id, (_, later) in strongest.items()})


def _find_strongest(
    earlier: Mapping[int, Sequence[_Clause]], clause: _Clause, topic: frozenset[str]
) -> tuple[int, int]:
    """Return how strongly a clause changes an earlier message, and the number of that message.

    Of equal ones it is the latest.
    """
    strengths = (
        (max((_compare(old, clause, topic) for old in clauses), default=0), number)
        for number, clauses in earlier.items()
    )
    return max(strengths, default=(0, 0))


def _follow(changes: Mapping[str, Candidate]) -> dict[str, Candidate]:
    """Return for each superseded message the last one of the messages that follow each other."""
    followed = {}
    for earlier_id, later in changes.items():
        last = later
        while last.id in changes:
            last = changes[last.id]
        followed[earlier_id] = last
    return followed


def _is_from_person(candidate: Candidate) -> bool:
    return (
        candidate.kind == "message"
        and candidate.is_allowed
        and candidate.role not in _PROGRAMS
        and candidate.timestamp_ms is not None
    )


def _is_about(content: str, topic: frozenset[str]) -> bool:
    """Return whether a message has enough words of the query."""
    lowered = content.lower()
    return sum(word in lowered for word in topic) >= MIN_TOPIC * len(topic)


def _time_order(candidate: Candidate) -> tuple[int, str, int]:
    return candidate.timestamp_ms or 0, candidate.conversation_id or "", candidate.position or 0


def _is_changeable(earlier: Candidate, later: Candidate) -> bool:
    """Return whether a message is by the same person and was written after the other one.

    Messages of two conversations that have the same time were saved at once, without times.
    """
    is_after = (
        earlier.timestamp_ms != later.timestamp_ms
        or earlier.conversation_id == later.conversation_id
    )
    return is_after and _speaker(earlier) == _speaker(later)


def _speaker(candidate: Candidate) -> str:
    return candidate.author or candidate.role or ""


def _compare(old: _Clause, new: _Clause, topic: frozenset[str]) -> int:
    """Return how many words tie a clause to an older one that it changes, 0 if it does not."""
    shared = old.stems & new.stems
    on_topic = len(shared & topic)
    is_about_topic = on_topic >= min(MIN_SHARED, len(topic)) or (
        on_topic > 0 and len(shared) > MIN_SHARED
    )
    denied = len(old.stems & new.denied)
    is_denied = denied >= max(MIN_SHARED, MIN_DENIED * len(new.denied)) and not old.denied
    is_replaced = new.says_change and _are_alike(old.stems, new.stems)
    if is_about_topic and old.is_statement and (is_denied or is_replaced):
        return len(shared)
    min_alike = MIN_ALIKE if new.hints_at_change else MIN_ALIKE_WITHOUT_HINT
    for key, first in old.values.items():
        second = new.values.get(key) or (new.hints_at_change and new.values.get((key[0], "")))
        if not second or not first.texts.isdisjoint(second.texts):
            continue
        counts_topic = (
            new.hints_at_change
            and key[1] in topic
            and key[1] in new.stems
            and len(shared) >= MIN_SHARED
        )
        if counts_topic or (
            is_about_topic and _are_alike(first.stems, second.stems, min_alike=min_alike)
        ):
            return len(shared)
    return 0


def _are_alike(
    stems: frozenset[str], other_stems: frozenset[str], *, min_alike: float = MIN_ALIKE
) -> bool:
    """Return whether two sets share at least two stems, and enough of all (Dice's index)."""
    shared = len(stems & other_stems)
    return shared >= MIN_SHARED and 2 * shared >= min_alike * (len(stems) + len(other_stems))


def put_changes_first(
    scored: Sequence[ScoredCandidate], changes: Mapping[str, Candidate]
) -> list[ScoredCandidate]:
    """Return the results with each superseded message after the one that supersedes it.

    That one gets its score where its own is lower. Both explanations say it.
    """
    if not changes:
        return list(scored)
    scores = {entry.candidate.id: entry.score for entry in scored if _is_message(entry)}
    superseded: defaultdict[str, list[str]] = defaultdict(list)
    for earlier_id, later in changes.items():
        superseded[later.id].append(earlier_id)
    marked = []
    for entry in scored:
        message_id = entry.candidate.id
        if not _is_message(entry) or not (message_id in changes or message_id in superseded):
            marked.append(entry)
        elif message_id in changes:
            change: dict[str, Any] = {"superseded_by": changes[message_id].id}
            marked.append(replace(entry, scoring={**entry.scoring, "change": change}))
        else:
            change = {"supersedes": superseded[message_id]}
            score = max(map(scores.__getitem__, (message_id, *superseded[message_id])))
            marked.append(replace(entry, score=score, scoring={**entry.scoring, "change": change}))
    return sorted(
        marked,
        key=lambda entry: (-entry.score, _is_message(entry) and entry.candidate.id in changes),
    )


def _is_message(entry: ScoredCandidate) -> bool:
    return entry.candidate.kind == "message"
