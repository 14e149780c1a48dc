"""Forms of sentences that state no fact: questions, requests, and headings such as "Plan:"."""

from bisect import bisect_right
from collections.abc import Collection, Iterator
from itertools import islice

from mcp_context_persistence.ingest.extraction.modality_words import (
    FORMS_OF_BE,
    get_modalities,
    get_verb_forms,
    get_words,
)
from mcp_context_persistence.ingest.extraction.results import ParsedText

NOMINAL_SUBJECTS = frozenset({"nsubj", "nsubjpass"})
_SUBJECTS = NOMINAL_SUBJECTS | {"csubj", "csubjpass", "expl"}
_AUXILIARIES = frozenset({"aux", "auxpass"})
_SENTENCE_ENDS = frozenset({".", "!", ";", "…"})
_TAGS_BEFORE_QUESTION = frozenset({"UH", "CC", "RB", ",", "WRB", "WP"})
# After these, the auxiliary comes first in a statement: "never has it used".
_INVERTING_WORDS = frozenset({"only", "never", "nor", "so", "neither", "here", "there"})
_OBJECTS = frozenset({"dobj", "ccomp", "xcomp", "attr"})
_BULLETS = frozenset({"-", "*", "•", "–", "["})
_HEADING_TOKENS, _LABEL_TOKENS = 4, 8
_OPENING_TOKENS, _HEDGE_TOKENS, _KNOWLEDGE_TOKENS = 4, 5, 9
_PHRASE_TOKENS = 12
_CLOSING_TOKENS = 4  # "A uses B - not" has more
_BEFORE_CLOSING = frozenset({"-", "–", "—", "("})
_OPENING_QUOTES = frozenset({'"', "“", "„", "«", "``"})
_TITLE_TOKENS = 12
_EXCEPTIONS = frozenset({"but", "apart", "aside", "barring", "excluding"})
_UNIVERSALS = frozenset({"all", "any", "every", "each"}) | {
    f"{quantifier}{noun}"
    for quantifier in ("every", "any")
    for noun in ("thing", "one", "body", "where")
}
_NOMINAL_TAGS = frozenset({"DT", "PDT", "NN", "NNS", "JJ", "RB", "IN", "PRP", "CD", ","})


class SentenceForms:
    """Reads the forms of the sentences of one text.

    Attributes:
        parsed: The text.
        names: Tokens that belong to a name: "Will" and "Never Again Press" say nothing else.
    """

    def __init__(self, parsed: ParsedText, names: Collection[int]) -> None:
        self.parsed = parsed
        self.names = names
        self._first_tokens = [first for first, _ in parsed.sentences]

    def find_sentence(self, token: int) -> tuple[int, int]:
        """Return the first token of the sentence of a token, and one past its last."""
        return self.parsed.sentences[bisect_right(self._first_tokens, token) - 1]

    def find_cues(self, token: int) -> Iterator[tuple[int, str]]:
        """Yield the dependents of a token that are no names, and their words.

        An adverb before a name is a cue even where the recognizer took it for a part of the name.
        """
        for child in self.parsed.children[token]:
            if child not in self.names or (
                token not in self.names and self.parsed.tags[child] in {"RB", "UH"}
            ):
                yield child, self.parsed.lowers[child]

    def list_cues(self, token: int) -> set[str]:
        """Return the words that depend on a token, without names."""
        return {word for _, word in self.find_cues(token)}

    def find_subject(self, verb: int) -> int:
        """Return the subject of a verb, or -1."""
        return next(
            (child for child in self.parsed.children[verb] if self.parsed.deps[child] in _SUBJECTS),
            -1,
        )

    def has_to(self, verb: int) -> bool:
        """Return whether a verb is an infinitive with "to"."""
        return any(self.parsed.tags[child] == "TO" for child in self.parsed.children[verb])

    def has_mark(self, verb: int) -> bool:
        """Return whether a conjunction begins the clause of a verb."""
        return any(self.parsed.deps[child] == "mark" for child in self.parsed.children[verb])

    def has_auxiliary(self, verb: int) -> bool:
        """Return whether a verb has an auxiliary."""
        return self._find_auxiliary(verb) >= 0

    def _find_auxiliary(self, verb: int) -> int:
        """Return the first auxiliary of a verb, or -1."""
        children = (child for child, _ in self.find_cues(verb))
        return next((child for child in children if self.parsed.deps[child] in _AUXILIARIES), -1)

    def is_question(self, token: int) -> bool:
        """Return whether a question mark ends the clause of a token, or its order is inverted."""
        _, end = self.find_sentence(token)
        for word in self.parsed.words[token:end]:
            if word in _SENTENCE_ENDS:
                break
            if word.startswith("?"):
                return True
        return self.is_inverted(token)

    def is_inverted(self, verb: int) -> bool:
        """Return whether a verb or its auxiliary is before the subject: "does Kafka use Redis"."""
        subject = self.find_subject(verb)
        start, _ = self.find_sentence(verb)
        first_words = self.parsed.lowers[start : start + 2]
        if first_words[0] in {"do", "does", "did"} and first_words[-1] not in {"not", "n't", "n’t"}:
            return True
        if subject < 0 or self.parsed.deps[subject] not in NOMINAL_SUBJECTS:
            return False
        if subject == start and first_words[0] in {"who", "what"}:
            return True
        first = self._find_auxiliary(verb)
        if first < 0:
            first = verb if self.parsed.lowers[verb] in FORMS_OF_BE else subject
        return (
            first < subject
            and _TAGS_BEFORE_QUESTION.issuperset(self.parsed.tags[start:first])
            and _INVERTING_WORDS.isdisjoint(self.parsed.lowers[start:first])
        )

    def is_polite_request(self, verb: int) -> bool:
        """Return whether a question is a request: "Can you add Ada to the list?"."""
        words = self.list_cues(verb)
        return "you" in words and not words.isdisjoint({"can", "could", "would", "will"})

    def is_imperative(self, verb: int) -> bool:
        """Return whether a verb is a request: it has no subject before it, or "please"."""
        if "please" in self.list_cues(verb):
            return True
        return self.parsed.tags[verb] in {"VB", "VBP"} and not any(
            (
                self.parsed.deps[child] in _SUBJECTS
                and child < verb
                and ":" not in self.parsed.words[child:verb]
            )
            or (self.parsed.deps[child] == "aux" and self.parsed.lowers[child] not in {"do", "let"})
            for child in self.parsed.children[verb]
        )

    def is_let(self, verb: int) -> bool:
        """Return whether a verb follows "let's", or is an imperative without a subject."""
        parsed = self.parsed
        if parsed.lowers[parsed.heads[verb]] == "let":
            return True
        return parsed.tags[verb] in {"VB", "VBP"} and self.find_subject(verb) < 0

    def read_opening(self, token: int) -> str:
        """Return what the first words of the sentence of a token say: "Suppose", "What if".

        The parser often takes the verb for a part of the name after it. "You are" before a name
        gives a role to the reader.
        """
        first, _ = self.find_sentence(token)
        openings = get_modalities("openings")
        words = " ".join(self.parsed.lowers[first : first + _OPENING_TOKENS]) + " "
        opening = next((openings[i] for i in openings if words.startswith(f"{i} ")), "")
        is_name = first in self.names and not {first + 1, first + 2} <= set(self.names)
        is_condition = self.parsed.lowers[first] in get_words("conditional_imperatives")
        is_role = self.parsed.lowers[first] == "you" and (
            self.parsed.lowers[first + 1] in FORMS_OF_BE and first + 2 in self.names
        )
        words_before = [i for i in self.parsed.lowers[first:token] if i not in _BULLETS]
        if words_before[:1] in (["todo"], ["fixme"], ["]"]):
            return "planned"
        if words_before[:1] == ["come"] and self.parsed.words[first + 2 : first + 3] == [","]:
            return "planned"  # "Come May, Ada works for Acme"
        if self.parsed.tags[first] == "TO" and self.find_subject(token) < 0:
            return "requested"  # "To let Kafka use Redis, set the driver"
        return opening or ("supposed" if is_role or (is_condition and not is_name) else "")

    def read_heading(self, token: int) -> str:
        """Return what the words before a colon at the start of the sentence say: "Plan: ..."."""
        first, _ = self.find_sentence(token)
        if self.parsed.words[first - 1 : first] == [":"]:
            first, _ = self.find_sentence(first - 1)
        for section in ("nouns", "labels", "adjectives"):
            tokens = _LABEL_TOKENS if section == "labels" else _HEADING_TOKENS
            words = self.parsed.lowers[first : min(first + tokens, token)]
            colon = next((i for i, word in enumerate(words) if word in {":", "):"}), 0)
            heading = words[:colon]
            modalities = get_modalities(section)
            modality = next(filter(None, map(modalities.get, heading)), "")
            if modality and (modality != "past" or len(heading) == 1):  # "Old:"
                return modality
        return ""

    def is_title(self, token: int) -> bool:
        """Return whether a token is in the quoted title of a work: 'the song "X loves Y"'."""
        for quote in range(token, max(0, token - _TITLE_TOKENS), -1):
            if self.parsed.words[quote] in _OPENING_QUOTES:
                is_subject = self.parsed.deps[token] in _SUBJECTS  # '"X loves Y" is a lie'
                return is_subject or self.parsed.lowers[quote - 1] in get_words("titled")
        return False

    def read_closing(self, token: int) -> str:
        """Return what the last words of a sentence say: "(unconfirmed)", "- not", ", my foot"."""
        first, end = self.find_sentence(token)
        words = [word for word in self.parsed.lowers[max(first, end - 6) : end] if word not in ".!"]
        text = " ".join(words)
        is_open = "whether" not in self.parsed.lowers[first:end] and words[-3:-2] != ["it"]
        if text.endswith(" or not") and is_open:
            return "asked"
        is_work = words[-1:] and words[-1] in get_words("works") and words[-3:-2] == ["in"]
        if is_work:
            return "supposed"  # "A works for B in the movie"
        tails = get_modalities("tails")
        if tail := next((tails[tail] for tail in tails if text.endswith(f" {tail}")), ""):
            return tail
        for closing, modality in get_modalities("closings").items():
            if text.endswith((f", {closing}", f"- {closing}", " /s")):
                return modality
        while end > first and not self.parsed.words[end - 1][0].isalnum():
            end -= 1
        if end - first < _CLOSING_TOKENS or self.parsed.words[end - 2] not in _BEFORE_CLOSING:
            return ""
        word = self.parsed.lowers[end - 1]
        modality = get_modalities("adverbs").get(word) or get_modalities("adjectives").get(word, "")
        return "denied" if word == "not" else modality

    def read_hedge(self, token: int) -> str:
        """Return the modality that a hedge expresses: "as far as I know"."""
        first = min((token, *self.parsed.children[token]))
        words = " ".join(self.parsed.lowers[first : first + _HEDGE_TOKENS]) + " "
        hedges = get_modalities("hedges")
        hedge = next((hedges[hedge] for hedge in hedges if words.startswith(f"{hedge} ")), "")
        if not hedge and words.startswith(("as far as ", "so far as ")):
            limit = self.parsed.lowers[first : first + _KNOWLEDGE_TOKENS]
            limit = limit[: limit.index(",")] if "," in limit else limit
            is_known = not get_verb_forms("verbs_of_knowing").isdisjoint(limit)
            return "supposed" if is_known else ""
        return hedge or ("reported" if self._is_view(token) else "")

    def _is_view(self, preposition: int) -> bool:
        """Return whether a phrase says whose view a statement is: "in Ada's opinion"."""
        word = self.parsed.lowers[preposition]
        for noun in self.parsed.children[preposition]:
            if f"{word} {self.parsed.lowers[noun]}" in get_words("views"):
                deps = {self.parsed.deps[child] for child in self.parsed.children[noun]}
                return "poss" in deps or (word != "from" and deps >= {"det", "prep"})
        return False

    def read_remark(self, verb: int) -> str:
        """Return the modality that a remark expresses: "it is said", "or so I heard"."""
        dep, first = self.parsed.deps[verb], min((verb, *self.parsed.children[verb]))
        if dep == "conj":
            return "reported" if self.parsed.lowers[first - 1 : first + 1] == ["or", "so"] else ""
        if dep == "advcl":
            is_source = self.parsed.lowers[first] == "as"
            return (is_source and self._read_source(verb)) or self.read_source_after(verb)
        is_inserted = "," in self.parsed.words[max(0, first - 1) : first + 1]
        if not (dep == "parataxis" or (dep == "ccomp" and is_inserted)) or any(
            self.parsed.deps[child] in _OBJECTS and self.parsed.lowers[child] != "it"
            for child in self.parsed.children[verb]
        ):
            return ""
        subject = self.find_subject(verb)
        noun = self.parsed.lowers[subject] if subject >= 0 else ""
        modality = get_modalities("verbs").get(self.parsed.lowers[verb], "")
        modality = modality or get_modalities("nouns").get(noun, "")  # "so the story goes"
        return modality if modality in {"reported", "supposed"} else ""

    def _read_source(self, verb: int) -> str:
        """Return what a clause about who said it tells: "as Bob claims", but "as I said"."""
        subject = self.find_subject(verb)
        if subject < 0 or self.parsed.lowers[subject] in {"i", "we", "you"}:
            return ""
        modality = get_modalities("verbs").get(self.parsed.lowers[verb], "")
        is_claim = self.parsed.lowers[verb] in get_verb_forms("claims")
        return modality if modality == "supposed" or is_claim else ""

    def read_source_after(self, copula: int) -> str:
        """Return what a clause says of the one before it: "at least that's what Bob says"."""
        subject = self.find_subject(copula)
        if self.parsed.lowers[copula] not in FORMS_OF_BE or subject < 0:
            return ""
        is_about = self.parsed.lowers[subject] in {"that", "this"}
        modalities = get_modalities("verbs")
        verbs = (i for i in self.parsed.children[copula] if "what" in self.list_cues(i))
        return next((modalities.get(self.parsed.lowers[i], "") for i in verbs if is_about), "")

    def is_believed(self, subject: int) -> bool:
        """Return whether a remark follows a subject as an apposition: "Ada, Bob says, runs it"."""
        verbs = get_modalities("verbs")
        return any(
            self.parsed.deps[child] == "appos"
            and self.parsed.words[child + 1 : child + 2] == [","]
            and self.parsed.tags[child] in {"VBD", "VBZ", "VBP"}
            and verbs.get(self.parsed.lowers[child]) in {"reported", "supposed"}
            for child in self.parsed.children[subject]
        )

    def is_in_contract(self, conjunction: int, verb: int) -> bool:
        """Return whether a clause is a condition of a contract: "Where A buys B, C may object"."""
        main = self.parsed.heads[verb]
        return (
            self.parsed.lowers[conjunction] == "where"
            and verb < main
            and not {"may", "shall", "must"}.isdisjoint(self.list_cues(main))
        )

    def is_imagined(self, preposition: int) -> bool:
        """Return whether a phrase is about fiction or a condition: "in the novel", "in case"."""
        if self.parsed.lowers[preposition] != "in":
            return False
        following = self.parsed.lowers[preposition + 1 : preposition + 3]
        if following[:1] == ["case"]:
            return following[1:] not in (["of"], [","])
        phrase = [preposition]
        for token in phrase:
            word = self.parsed.lowers[token]
            is_setting = word in get_words("settings")
            if word.removesuffix("s") in get_words("fiction") or (
                is_setting and get_words("unreal") & self.list_cues(token)
            ):
                return True
            children = (
                i
                for i in self.parsed.children[token]
                if (i not in self.names or self.parsed.words[i].islower())
                and self.parsed.tags[i][0] != "V"
            )
            phrase += islice(children, _PHRASE_TOKENS - len(phrase))
        return False

    def is_exception(self, first: int) -> bool:
        """Return whether a phrase is what "everything but" or "all cities except" leaves out.

        Args:
            first: The first token of the phrase.
        """
        if first == 0 or self.parsed.lowers[first - 1] not in _EXCEPTIONS:
            return False
        token = first - 2
        while token >= 0 and self.parsed.tags[token] in _NOMINAL_TAGS:
            if self.parsed.lowers[token] in _UNIVERSALS:
                return True
            token -= 1
        return False
