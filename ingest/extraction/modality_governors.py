"""Words that govern a clause and change what it means: "plans to use", "the claim that"."""

from typing import NamedTuple

from mcp_context_persistence.ingest.extraction.modality_complements import (
    PREMISE,
    ComplementReader,
)
from mcp_context_persistence.ingest.extraction.modality_words import (
    FORMS_OF_BE,
    get_modalities,
    get_verb_forms,
    get_words,
)

_SUBORDINATE = frozenset({"acl", "relcl", "csubj", "csubjpass", "appos", "meta"})
_OBJECTS = frozenset({"dobj", "ccomp", "xcomp", "attr"})
_NONFINITE_TAGS = frozenset({"VB", "VBG", "VBN"})
_SEPARATORS = frozenset({"but", "yet", ";", "so"})
_TIME_CUES = 2  # "the time Ada joins X", but not "the first time Ada joins X"
_PREPOSITIONAL = frozenset({"prep", "agent", "pcomp", "pobj"})


class Governor(NamedTuple):
    """The level above a predicate.

    Attributes:
        token: The word that governs the predicate; -1 where none counts, as above "because".
        modality: What it makes of the predicate, or an empty string.
        is_negative: Whether it denies the predicate.
        has_own_level: Whether the words around it count too.
    """

    token: int = -1
    modality: str = ""
    is_negative: bool = False
    has_own_level: bool = True


class GovernorReader(ComplementReader):
    """Finds what governs the predicates of one text."""

    def find_governor(self, token: int) -> Governor | None:
        """Return the level above a predicate, or None for the predicate of a main clause."""
        head, dep = self.parsed.heads[token], self.parsed.deps[token]
        stands_alone = dep == "ccomp" and token < head and self._stands_alone(token, head)
        stands_alone |= self.is_climax(token)
        is_labeled = dep in _SUBORDINATE and ":" in self.parsed.words[head + 1 : token]
        if head == token or dep == "parataxis" or stands_alone or is_labeled:
            return None
        if dep == "conj":
            return self._find_governor_of_conjunct(token, head)
        noun = self._find_noun_before_infinitive(token)
        if noun >= 0:
            return self._build_governor(noun, token)
        if dep == "advcl":
            return self._find_governor_of_adverbial(token, head)
        if dep == "acl" or (dep == "relcl" and self._is_complement(token, head)):
            return self._find_governor_of_noun_clause(token, head)
        return self._find_governor_of_clause(token, head)

    def _find_noun_before_infinitive(self, token: int) -> int:
        """Return the noun whose complement an infinitive is, -1 where there is none.

        In "turned down the offer to work for X", the parser may give the infinitive to the verb.
        """
        to = token - 1
        while to > 0 and self.parsed.tags[to] == "RB":
            to -= 1
        is_object = (
            self.parsed.lowers[to : to + 1] == ["to"]
            and self.parsed.tags[to - 1] in {"NN", "NNS"}
            and self.parsed.heads[to - 1] == self.parsed.heads[token]
            and self.parsed.deps[to - 1] == "dobj"
        )
        return to - 1 if to > 0 and is_object and self.classify_word(to - 1) else -1

    def _stands_alone(self, token: int, head: int) -> bool:
        """Return whether a clause is joined to the next one by a comma or semicolon only."""
        has_object = any(
            self.parsed.deps[child] in _OBJECTS and child > head
            for child in self.parsed.children[head]
        )
        # "My boss is Ada, she reports to Tim."
        has_object |= self.parsed.lowers[head : head + 2] in (["report", "to"], ["reports", "to"])
        return (
            (has_object or not self.classify_complement(head, token))
            and self.find_subject(token) >= 0
            and not self.has_mark(token)
            and not self.read_source_after(head)
        )

    def _find_governor_of_conjunct(self, token: int, head: int) -> Governor | None:
        between = self.parsed.lowers[head:token]
        if self.find_subject(token) >= 0:
            is_separate = not _SEPARATORS.isdisjoint(between)
            # "Remember, Ada runs it"
            is_separate |= between[:1] == [","] and self.is_imperative(head)
            return None if is_separate else Governor(head, has_own_level=False)
        # "Plans to sell X and buy Y", but not "does not sell X and buys Y".
        tag = self.parsed.tags[token]
        if tag in {"VBZ", "VBD"} and self.has_to(head):
            head = self.parsed.heads[head]  # "used to sell X but now buys Y"
            return self.find_governor(head) if self.parsed.heads[head] != head else None
        is_shared = tag in _NONFINITE_TAGS and tag == self.parsed.tags[head]
        is_shared = is_shared and not self.has_auxiliary(token) and "but" not in between
        return Governor(head, has_own_level=is_shared)

    def _find_governor_of_clause(self, token: int, head: int) -> Governor:
        if self.parsed.deps[token] in _SUBORDINATE:
            return self._find_governor_of_relative_clause(token, head)
        if source := self.read_source_after(head):
            return Governor(modality=source)
        is_before = token < head and self.parsed.deps[head] != "acomp"
        is_before |= self.parsed.lowers[head] == "now"
        if self.has_mark(token) and (is_before or self.parsed.deps[head] == "prep"):
            # "Now that Kafka uses Redis, we need it."
            is_premise = self.parsed.lowers[head] in get_words("conditionals")
            return Governor(head, PREMISE) if is_premise else Governor()
        if self.parsed.deps[head] in {"prep", "agent"} or self.parsed.tags[head] == "IN":
            return self._find_governor_of_gerund(head)
        return self._build_governor(head, token)

    def _find_governor_of_relative_clause(self, token: int, head: int) -> Governor:
        first, end = self.find_sentence(token)
        roots = (i for i in range(first, end) if self.parsed.heads[i] == i)
        is_fragment = not any(self.parsed.tags[root].startswith("VB") for root in roots)
        if is_fragment and self.is_question(token):
            return Governor(modality="asked")  # "Question: who owns it?"
        if self.parsed.lowers[head] == "it":
            return Governor(head, self.classify_complement(head, token))  # "Rumor has it that"
        if self._is_focus_of_cleft(head):
            return Governor(self.parsed.heads[head])
        if "where" in self.list_cues(token) and self.parsed.lowers[head] in get_words("settings"):
            return Governor(modality="supposed")  # "a world where"
        if self._is_mended(head, token) or self._is_bygone_time(head, token):
            return Governor(modality="past")
        is_unknown = self.parsed.lowers[head] in get_words("indefinite_pronouns")
        is_unknown |= self._is_unreal_noun(head, token)
        is_negative = self.parsed.deps[token] == "relcl" and self.has_negation(head)
        return Governor(modality="supposed" if is_unknown else "", is_negative=is_negative)

    def _is_focus_of_cleft(self, noun: int) -> bool:
        """Return whether a sentence points to a noun: "it is not Ada who owns the mill"."""
        copula = self.parsed.heads[noun]
        subject = self.find_subject(copula)
        return (
            self.parsed.deps[noun] == "attr"
            and self.parsed.lowers[copula] in FORMS_OF_BE
            and subject >= 0
            and self.parsed.lowers[subject] == "it"
        )

    def _is_mended(self, noun: int, verb: int) -> bool:
        """Return whether a clause describes a fault that is mended: "Fix the bug where"."""
        above, cues = self.parsed.lowers[self.parsed.heads[noun]], self.list_cues(verb)
        is_fault = (
            not cues.isdisjoint({"where", "when"}) or "which" in self.parsed.lowers[noun:verb]
        )
        return is_fault and above in get_verb_forms("mending")

    def _is_bygone_time(self, noun: int, verb: int) -> bool:
        """Return whether a clause describes a time that is over: "the days when Ada ran it"."""
        word = self.parsed.lowers[verb]
        is_time = self.parsed.lowers[noun] in get_words("bygone_times")
        is_time = is_time and "when" in self.list_cues(verb)
        # "Back in the day Ada ran it"
        is_time |= self.is_back_then(self.parsed.heads[self.parsed.heads[noun]])
        return is_time and (word in FORMS_OF_BE or word in get_verb_forms("states"))

    def _is_unreal_noun(self, noun: int, verb: int) -> bool:
        """Return whether a clause tells of a case or a time to come, or of what is to be made up.

        For example: "in the event that", "by the time Ada runs it", "Write a story in which".
        """
        above, cues = self.parsed.heads[noun], self.list_cues(noun)
        is_future = self.parsed.lowers[noun] in get_words("moments") and "the" in cues
        if is_future and len(cues) <= _TIME_CUES:
            is_open = not get_words("possible").isdisjoint(self.list_cues(verb))
            is_open |= self.parsed.tags[verb] in {"VBZ", "VBP"}
            subject = self.find_subject(verb)
            return is_open and subject >= 0 and self.parsed.tags[subject] not in {"WP", "WDT"}
        is_order = self.parsed.deps[noun] == "dobj" and self.is_imperative(above)
        if is_order and not cues.isdisjoint({"a", "an"}):
            following = set(self.parsed.lowers[noun + 1 : noun + 3])
            return not following.isdisjoint({"where", "which"})
        return self.parsed.deps[noun] == "pobj" and bool(self.read_hedge(above))

    def _is_complement(self, token: int, noun: int) -> bool:
        """Return whether a clause says what a noun means: "plan to use", "feeling it uses X"."""
        if self.has_mark(token) or self.has_to(token):
            return True
        subject = self.find_subject(token)
        children = self.parsed.children[token]
        objects = [i for i in children if self.parsed.deps[i] in _OBJECTS]
        if "that" not in self.list_cues(token):  # "the feeling Ada lives in Oslo"
            objects += [i for i in children if self.parsed.deps[i] == "prep"]
        is_relative = subject < 0 or self.parsed.tags[subject] in {"WP", "WDT"}
        # In "the odds that it uses X", the parser takes "that" for a second object.
        is_noun = bool(self.classify_word(noun)) or self.parsed.lowers[noun] in get_words("secrets")
        is_noun |= len(objects) > 1 and self.parsed.lowers[objects[0]] == "that"
        return is_noun and bool(objects) and not is_relative

    def _find_governor_of_noun_clause(self, token: int, noun: int) -> Governor:
        """Return the level above the complement of a noun: "the plan to use", "the claim that"."""
        verb = self.parsed.heads[noun]
        if self._is_complement(token, noun):
            return self._build_governor(noun, token)
        if self.parsed.lowers[verb] in get_verb_forms("conditional_imperatives"):
            return self._build_governor(verb, token)  # "imagine him leading it"
        is_question = self.is_inverted(verb) or self.is_question(verb)
        if verb == noun or (self.parsed.lowers[verb] in FORMS_OF_BE and is_question):
            return Governor(verb)  # "Picture Ada leading it", "Is the service using Kafka?"
        above = self.parsed.heads[verb]
        is_gerund = self.parsed.tags[token] == "VBG"
        if is_gerund and self.parsed.deps[noun] == "nsubj" and noun == token - 1 in self.names:
            return self._build_governor(verb, token)  # "Acme buying Globex would be a mistake"
        is_gerund = is_gerund and self.parsed.deps[noun] == "pobj"
        modality = self.classify_word(above) or self.read_hedge(self.parsed.heads[above])
        if is_gerund and modality:
            return Governor(above, modality)  # "the idea of him leading it"
        return Governor(is_negative=self.has_negation(noun))

    def _find_governor_of_adverbial(self, token: int, head: int) -> Governor | None:
        has_to, has_mark = self.has_to(token), self.has_mark(token)
        if modality := self._read_conjunction(token, head):
            return Governor(head, modality)
        if self.parsed.tags[token] == "VB" and not has_to and not has_mark:
            return None if self.is_imperative(token) else Governor()
        modality = self.classify_complement(head, token)
        if "if" in self.list_cues(token):
            if self._is_wish(head):
                return Governor(head, "wished")
            return Governor(head, modality) if modality in {"wished", "asked"} else Governor()
        has_clause = self.find_subject(token) >= 0
        is_copula = self.parsed.lowers[head] in FORMS_OF_BE and not has_mark
        is_complement = bool(modality) and token > head and (is_copula or not has_clause)
        # "is not at all living": the parser takes the auxiliary for a verb of its own
        is_complement |= is_copula and self.parsed.tags[token] == "VBG" and not has_clause
        if modality == PREMISE or has_to or is_complement:
            return Governor(head, modality)
        return Governor()

    def _read_conjunction(self, token: int, head: int) -> str:
        """Return what a conjunction makes of a clause: "Rumor has it that", "What breaks when"."""
        cues = self.list_cues(token)
        is_open = not get_words("possible").isdisjoint(cues) or self.is_imperative(head)
        if "so" in cues and is_open:
            return "planned"  # "so that Kafka can use Redis"
        if "that" in cues:
            # "I find it unlikely that"
            is_adjective = self.parsed.tags[head] == "JJ" and self.parsed.deps[head] == "ccomp"
            by_adjective = self.classify_word(head) if is_adjective else ""
            return self.classify_subject(head) or by_adjective
        is_question = "what" in self.list_cues(head) and self.parsed.tags[head] in {"VBZ", "VBP"}
        is_question |= not get_verb_forms("mending").isdisjoint(
            (self.parsed.lowers[head], *self.parsed.lowers[head - 1 : head])
        )  # "Fix crash when"
        return "supposed" if "when" in cues and is_question else ""

    def _is_wish(self, verb: int) -> bool:
        """Return whether a verb says what would be nice: "I would prefer", "it'd be great"."""
        is_pleasant = self.parsed.lowers[verb] in get_verb_forms(
            "verbs_of_preference"
        ) or not get_words("pleasant").isdisjoint(self.list_cues(verb))
        return is_pleasant and self.has_would(verb)

    def _find_governor_of_gerund(self, preposition: int) -> Governor:
        """Return the level above a gerund: "without using", "dreams of using"."""
        parsed, words = self.parsed, [self.parsed.lowers[preposition]]
        governor = parsed.heads[preposition]
        while parsed.deps[governor] in _PREPOSITIONAL and parsed.tags[governor][:2] not in {
            "VB",
            "NN",
        }:
            words.append(parsed.lowers[governor])
            governor = parsed.heads[governor]
        words += self.list_cues(preposition)  # "instead of using"
        words += self.parsed.lowers[max(0, preposition - 1) : preposition]  # "nowhere near using"
        if words[0] == "against" or not get_words("denying_prepositions").isdisjoint(words):
            return Governor(is_negative=True)
        if words[0] in get_words("temporal_prepositions"):
            return Governor()
        verb = parsed.lowers[governor]
        if words[0] == "from" and verb in get_verb_forms("barring_verbs"):
            return Governor(governor, "denied")
        if verb in get_verb_forms("verbs_of_thought"):
            return Governor(governor, "planned")
        if "forward" in self.list_cues(governor):
            return Governor(governor, "wished")
        by_context = self.classify_by_context(governor, has_to=False)
        modality = by_context or self.classify_word(governor)
        if self.parsed.tags[governor].startswith("NN"):  # "the option of using"
            modality = modality or get_modalities("nouns_before_to").get(verb, "")
        return Governor(governor, modality or self._classify_object_before(preposition))

    def _is_negated(self, token: int) -> bool:
        """Return whether a negation is just before a token."""
        return not get_words("negations").isdisjoint(self.parsed.lowers[token - 1 : token])

    def _classify_object_before(self, preposition: int) -> str:
        """Return what the object before a preposition says: "changed her mind about joining"."""
        noun = preposition - 1
        if noun < 0:
            return ""
        dep, word = self.parsed.deps[noun], self.parsed.lowers[noun]
        if dep == "pobj" and word in get_words("courses"):
            return "planned"  # "was on her way to joining"
        if word in get_words("leanings") and dep == "dobj":
            return "planned"  # "has an eye on joining"
        return self.classify_word(noun) if dep == "dobj" else ""

    def _build_governor(self, head: int, token: int) -> Governor:
        if any(word == "until" and self._is_negated(child) for child, word in self.find_cues(head)):
            return Governor()  # "It was not until May that"
        modality, verb = self.classify_complement(head, token), self.parsed.heads[head]
        is_predicative = self.parsed.deps[head] in {"acomp", "advmod"}
        if not is_predicative or self.parsed.lowers[verb] not in FORMS_OF_BE:
            return Governor(head, modality)
        # "Is not sure that": the negation of the adjective is that of the verb.
        if self.parsed.lowers[head] in get_words("certain") and self.has_negation(verb):
            return Governor(verb, "supposed", has_own_level=False)
        if self.parsed.lowers[head] == "sure":
            modality = "supposed"
        return Governor(verb, modality)
