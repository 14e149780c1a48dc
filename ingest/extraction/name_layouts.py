"""Relations that the layout of names states: "Ines Falk (Tidewater Labs)", or a signature."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple

from mcp_context_persistence.ingest.extraction.line_marks import LIST_MARKS
from mcp_context_persistence.ingest.extraction.modality_words import (
    get_words as get_modality_words,
)
from mcp_context_persistence.ingest.extraction.name_cues import CLOSINGS
from mcp_context_persistence.ingest.extraction.results import (
    EntityCandidate,
    ParsedText,
    RelationCandidate,
)
from mcp_context_persistence.ingest.extraction.rule_data import get_words

_TAGS_OF_CLAUSES = frozenset({"VBD", "VBZ", "VBP", "MD", "TO"})
_PARENTHESIS_RULE, _SIGNATURE_RULE = "layout:parenthesis", "layout:signature"
_RELATIONS = {
    ("person", "organization"): "works_for",
    ("person", "location"): "located_in",
    ("organization", "location"): "located_in",
}
_ROLES = (get_words("people_roles") - get_words("kin_nouns")) | frozenset(
    {"head", "lead", "chief", "vp", "manager", "sales", "operations", "pmo", "consultant"}
)
_WORDS_BEFORE_PLACES = frozenset({"hq", "based", "in", "near", "headquartered", "at", "office"})
_SEPARATORS = frozenset({",", "|", "·", "/", "–", "-", "—", "•"})
_PART_SEPARATORS = (LIST_MARKS | {"|", "·", ":"}) - {"+"}
_WORDS_IN_PARENTHESES = _WORDS_BEFORE_PLACES | _ROLES | _SEPARATORS
_PARENTHESIS_TOKENS, _ROLE_TOKENS, _SIGNATURE_LINES, _LINE_TOKENS = 6, 4, 3, 10
_WORDS_OF_FORMER_ROLES = get_modality_words("former") | {"ex", "retired", "late"}
_TAGS_OF_ROLES = frozenset({"JJ", "NN", "NNS", "NNP"})


class _Line(NamedTuple):
    """The tokens of a line of text."""

    first: int
    end: int


def find_layout_relations(
    parsed: ParsedText, spans: Sequence[EntityCandidate], mention_at: Sequence[int]
) -> dict[int, list[RelationCandidate]]:
    """Return the relations that the layout of a text states, by sentence.

    Args:
        parsed: The text.
        spans: Its mentions, in order and without overlaps.
        mention_at: For each token the index of its mention, or -1.
    """
    reader = _LayoutReader(parsed, spans, mention_at)
    relations: defaultdict[int, list[RelationCandidate]] = defaultdict(list)
    for token, source, kind, target, rule in (
        *reader.read_parentheses(),
        *reader.read_cards(),
        *reader.read_affiliations(),
        *reader.read_places(),
    ):
        sentence = bisect_right(parsed.sentences, token, key=itemgetter(0)) - 1
        if source != target:
            relations[sentence].append(RelationCandidate(source, kind, target, rule, sentence))
    return relations


class _LayoutReader:
    """Reads the layout of the names of one text."""

    def __init__(
        self, parsed: ParsedText, spans: Sequence[EntityCandidate], mention_at: Sequence[int]
    ) -> None:
        self._parsed = parsed
        self._spans = spans
        self._mention_at = mention_at

    def _get_kind(self, token: int) -> str:
        mention = self._mention_at[token]
        if mention < 0:
            return ""
        span = self._spans[mention]
        words = self._parsed.text[span.start : span.end].lower().split()
        # "Head of Sales" and "VP Data" were taken for organizations.
        is_role = span.type == "organization" and not _ROLES.isdisjoint((words[0], words[-1]))
        return "" if is_role else span.type

    def read_parentheses(self) -> Iterator[tuple[int, int, str, int, str]]:
        """Yield whom a person works for, and where a firm is: "Pacific Kelp (HQ Monterey)"."""
        lowers = self._parsed.lowers
        if "(" not in lowers:
            return
        for opening, word in enumerate(lowers):
            if word != "(" or opening == 0 or self._mention_at[opening - 1] < 0:
                continue
            source = self._mention_at[opening - 1]
            first = self._skip_role(opening + 1)
            for token in range(first, min(len(lowers), first + _PARENTHESIS_TOKENS)):
                kind = _RELATIONS.get((self._spans[source].type, self._get_kind(token)))
                if kind and self._ends_parenthesis(token):
                    yield token, source, kind, self._mention_at[token], _PARENTHESIS_RULE
                    break
                if not (
                    lowers[token] in _WORDS_IN_PARENTHESES
                    or self._get_kind(token) == "concept"
                    or kind
                ):
                    break

    def _skip_role(self, first: int) -> int:
        """Return the token after a role and a comma: "Ines Falk (VP Data, Tidewater Labs)"."""
        for token in range(first, min(len(self._parsed.words), first + _ROLE_TOKENS)):
            if token > first and self._parsed.words[token] == ",":
                return token + 1
            is_name = self._get_kind(token) not in {"", "concept"}
            is_former = self._parsed.lowers[token] in _WORDS_OF_FORMER_ROLES
            if is_name or is_former or self._parsed.tags[token] not in _TAGS_OF_ROLES:
                break
        return first

    def _ends_parenthesis(self, token: int) -> bool:
        following = self._parsed.lowers[token + 1 : token + 2]
        return following in ([")"], [","], [";"])

    def read_cards(self) -> Iterator[tuple[int, int, str, int, str]]:
        """Yield what a signature says: a person, a role, a firm and a place, without verbs.

        A role, or the closing words of a letter before it, shows that it is one.
        """
        lines = list(_split_lines(self._parsed))
        for index, line in enumerate(lines):
            if self._get_kind(line.first) != "person":
                continue
            is_signed = index > 0 and any(
                not CLOSINGS.isdisjoint(self._parsed.lowers[before.first : before.end])
                or self._parsed.words[before.first] == "--"
                for before in lines[max(0, index - 2) : index]
                if before.end - before.first < _LINE_TOKENS
            )
            yield from self._read_card(lines[index : index + _SIGNATURE_LINES], is_card=is_signed)

    def read_affiliations(self) -> Iterator[tuple[int, int, str, int, str]]:
        """Yield the employer of a person who begins a line: "- Kim Sol – Haneul, Daegu".

        Nothing but a place may follow the organization.
        """
        for line in _split_lines(self._parsed):
            first = line.first
            while first < line.end and self._parsed.words[first] in LIST_MARKS:
                first += 1
            separator = self._skip_name(first)
            if first >= line.end or separator + 1 >= line.end:
                continue
            word, end = self._parsed.words[separator], self._skip_name(separator + 1)
            kinds = (self._get_kind(first), self._get_kind(separator + 1))
            if kinds != ("person", "organization") or word not in _SEPARATORS:
                continue
            rest = self._parsed.words[end : line.end]
            if not rest or (rest[0] == "," and self._is_place(end + 1, line.end)):
                ends = self._mention_at[first], self._mention_at[separator + 1]
                yield separator + 1, ends[0], "works_for", ends[1], _SIGNATURE_RULE

    def read_places(self) -> Iterator[tuple[int, int, str, int, str]]:
        """Yield the place of an organization that begins a part of a line: "Sporthalle Nord, Kiel".

        Nothing may follow the place. Inside a sentence, what is before and after a comma may belong
        to different clauses.
        """
        for line in _split_lines(self._parsed):
            begin = line.first
            for token in range(line.first, line.end):
                if self._parsed.words[token] in _PART_SEPARATORS:
                    begin = token + 1
            comma = self._skip_name(begin)
            if (
                begin < line.end
                and comma < line.end
                and self._parsed.words[comma] == ","
                and self._get_kind(begin) == "organization"
                and self._is_place(comma + 1, line.end)
            ):
                ends = self._mention_at[begin], self._mention_at[comma + 1]
                yield comma + 1, ends[0], "located_in", ends[1], _SIGNATURE_RULE

    def _skip_name(self, token: int) -> int:
        """Return the token after the name at a token, or the token itself where there is none."""
        end = token
        while (
            end < len(self._mention_at)
            and self._mention_at[token] >= 0
            and self._mention_at[end] == self._mention_at[token]
        ):
            end += 1
        return end

    def _is_place(self, token: int, end: int) -> bool:
        return token < end and self._get_kind(token) == "location" and self._skip_name(token) == end

    def _read_card(
        self, lines: Sequence[_Line], *, is_card: bool
    ) -> Iterator[tuple[int, int, str, int, str]]:
        person = self._mention_at[lines[0].first]
        organization = -1
        for line in lines:
            # "Ada Holm: head of Acme?" asks.
            is_asked = self._parsed.words[line.end - 1] == "?"
            if is_asked or line.end - line.first > _LINE_TOKENS:
                return
            for token in range(line.first, line.end):
                mention, kind = self._mention_at[token], self._get_kind(token)
                if self._parsed.tags[token] in _TAGS_OF_CLAUSES and mention < 0:
                    return
                lower = self._parsed.lowers[token]
                is_card = is_card or lower in _ROLES
                if kind == "person" and mention != person and lower not in _ROLES:
                    return
                if kind == "organization" and organization < 0:
                    organization = mention
                    if not is_card:
                        return
                    yield token, person, "works_for", organization, _SIGNATURE_RULE
                elif kind == "location" and organization >= 0:
                    if self._parsed.words[token - 1] in _SEPARATORS:
                        yield token, organization, "located_in", mention, _SIGNATURE_RULE
                    return


def _split_lines(parsed: ParsedText) -> Iterator[_Line]:
    first = 0
    for token, word in enumerate(parsed.words):
        if "\n" in word:
            if first < token:
                yield _Line(first, token)
            first = token + 1
    if first < len(parsed.words):
        yield _Line(first, len(parsed.words))
