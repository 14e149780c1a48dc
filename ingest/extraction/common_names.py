"""Parse sentences a second time, with common names in place of the names in them.

The parser learned from news. Next to a name that it does not know, it misreads the other words: in
"`httpx` supports HTTP/2", the verb is a noun. It reads "Anna supports Peter" without a fault.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from mcp_context_persistence.ingest.extraction.dependency_grammar import find_mention_of_each_token
from mcp_context_persistence.ingest.extraction.line_marks import LIST_MARKS
from mcp_context_persistence.ingest.extraction.parse_repair import list_children, separate_clauses
from mcp_context_persistence.ingest.extraction.relations import (
    COOCCURRENCE_RULE,
    SENTENCE_TOKENS,
    find_relations,
)
from mcp_context_persistence.ingest.extraction.results import EntityCandidate, ParsedText
from mcp_context_persistence.ingest.extraction.rule_data import get_words

if TYPE_CHECKING:
    from spacy.tokens import Doc
    from spacy.vocab import Vocab

_PLACES = ("London", "Paris", "Berlin", "Madrid", "Tokyo", "Boston", "Chicago", "Vienna")
_PEOPLE = ("Anna", "Peter", "Maria", "David", "Sarah", "Thomas", "Laura", "Martin")
_QUOTES = frozenset({"`", '"', "“", "”", "‘", "’", "*", "_", "``", "''"})
_KIN = get_words("kin_nouns")
_MIN_NAMES = 2  # Sentences with fewer names are not parsed again.


class PlainSentence(NamedTuple):
    """A sentence in which each name is one common word.

    Attributes:
        start: Its first token in the text.
        end: One past its last token.
        words: Its words, without the quotation marks around names and the mark of a list.
        tokens: For each word, its first and its last token in the text.
    """

    start: int
    end: int
    words: list[str]
    tokens: list[tuple[int, int]]

    def build_doc(self, vocab: "Vocab") -> "Doc":
        """Return the words as one sentence for spaCy."""
        from spacy.tokens import Doc  # noqa: PLC0415 - spaCy takes a second to import

        return Doc(
            vocab, words=self.words, sent_starts=[not index for index in range(len(self.words))]
        )


def replace_names(
    parsed: ParsedText, names: Sequence[EntityCandidate], concepts: Sequence[EntityCandidate]
) -> list[PlainSentence]:
    """Return sentences with at least two names, with common names instead.

    A sentence is left out if its first parse states a relation.

    Args:
        parsed: The text.
        names: Its names.
        concepts: The concepts that it mentions.
    """
    spans = sorted(names)
    mention_at = find_mention_of_each_token(parsed, spans)
    sentences = {
        index: (start, end)
        for index, (start, end) in enumerate(parsed.sentences)
        if end - start <= SENTENCE_TOKENS and len({*mention_at[start:end]} - {-1}) >= _MIN_NAMES
    }
    if not sentences:
        return []
    for relation in find_relations(parsed, sorted([*spans, *concepts])):
        if relation.rule != COOCCURRENCE_RULE:
            sentences.pop(relation.sentence, None)
    return [
        _replace_names(parsed, spans, mention_at, start, end) for start, end in sentences.values()
    ]


def _replace_names(
    parsed: ParsedText, spans: list[EntityCandidate], mention_at: list[int], start: int, end: int
) -> PlainSentence:
    words: list[str] = []
    tokens: list[tuple[int, int]] = []
    common_names: dict[tuple[str, ...], dict[str, str]] = {}
    token = start
    while token < end:
        first, mention = token, mention_at[token]
        token += 1
        if mention >= 0:
            while token < end and mention_at[token] == mention:
                token += 1
            span = spans[mention]
            choices = _PLACES if span.type == "location" else _PEOPLE
            used = common_names.setdefault(choices, {})
            name = parsed.text[span.start : span.end].lower()
            words.append(used.setdefault(name, choices[len(used) % len(choices)]))
        elif _is_left_out(parsed, mention_at, first, start, end):
            continue
        else:
            words.append(parsed.words[first])
        tokens.append((first, token - 1))
    return PlainSentence(start, end, words, tokens)


def _is_left_out(
    parsed: ParsedText, mention_at: list[int], token: int, start: int, end: int
) -> bool:
    """Return whether a token of a sentence is not for the parser.

    These are quotation marks of names, the mark of a list item, and "in law" of relatives.
    """
    for first in (token, token - 1):
        is_in_law = first > start and parsed.lowers[first : first + 2] == ["in", "law"]
        if is_in_law and parsed.lowers[first - 1] in _KIN:
            return True
    if parsed.words[token] in _QUOTES:
        return max(mention_at[max(start, token - 1) : min(end, token + 2)]) >= 0
    return token == start and parsed.words[token] in LIST_MARKS


def update_parse(
    parsed: ParsedText, sentences: Sequence[PlainSentence], docs: Iterable["Doc"]
) -> ParsedText:
    """Return a parse in which some sentences are read as their plain forms were.

    Args:
        parsed: The text.
        sentences: The plain forms of some of its sentences.
        docs: The parse of each.
    """
    tags, deps, heads = list(parsed.tags), list(parsed.deps), list(parsed.heads)
    for sentence, doc in zip(sentences, docs, strict=True):
        _update_sentence(sentence, doc, tags, deps, heads)
    return parsed._replace(tags=tags, deps=deps, heads=heads, children=list_children(heads))


def _update_sentence(
    sentence: PlainSentence, doc: "Doc", tags: list[str], deps: list[str], heads: list[int]
) -> None:
    new_tags = [token.tag_ for token in doc]
    new_deps = [token.dep_ for token in doc]
    new_heads = [token.head.i for token in doc]
    separate_clauses([word.lower() for word in sentence.words], new_tags, new_deps, new_heads)
    left_out = set(range(sentence.start, sentence.end))
    for word, (first, last) in enumerate(sentence.tokens):
        left_out.difference_update(range(first, last + 1))
        tags[last], deps[last] = new_tags[word], new_deps[word]
        heads[last] = sentence.tokens[new_heads[word]][1]
        for token in range(first, last):
            tags[token], deps[token], heads[token] = "NNP", "compound", last
    last = sentence.tokens[-1][1]
    for token in left_out:
        head = next((end for start, end in sentence.tokens if start > token), last)
        tags[token], deps[token], heads[token] = "``", "punct", head
