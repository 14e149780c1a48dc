"""Times that a sentence is about: what is over, and what is still to come."""

from mcp_context_persistence.ingest.extraction.modality_words import (
    FORMS_OF_BE,
    get_verb_forms,
    get_words,
)
from mcp_context_persistence.ingest.extraction.sentence_forms import NOMINAL_SUBJECTS, SentenceForms

PRESENT_TAGS = frozenset({"VBZ", "VBP", "VBG"})
_PRESENT_AUXILIARIES = frozenset({"is", "are", "am", "'s", "’s", "'re", "be", "has", "have"})
_PAST_FORMS_OF_BE = frozenset({"was", "were"})
_DURING = frozenset({"when", "while", "before"})
_STILL = frozenset({"still", "now", "already", "always"})
_DETERMINERS = frozenset(
    {"the", "that", "this", "those", "old", "our", "my", "his", "her", "their"}
)
_DUTIES = frozenset({"must", "should", "need", "ought"})
_RANGES = frozenset({"to", "until", "till", "and", "through"})
_FUTURE = frozenset({"will", "'ll", "’ll", "wo", "shall"})


class TimeReader(SentenceForms):
    """Reads what the sentences of one text say about time."""

    def read_time(self, verb: int) -> str:
        """Return whether a predicate belongs to another time than now."""
        tag, word = self.parsed.tags[verb], self.parsed.lowers[verb]
        cues = self.list_cues(verb)
        is_past = (
            self._is_past_form(verb)
            or (tag == "VBN" and _PRESENT_AUXILIARIES.isdisjoint(cues))
            or (tag == "VBG" and not _PAST_FORMS_OF_BE.isdisjoint(cues))
        )
        is_state = is_past and (word in get_verb_forms("states") or word in FORMS_OF_BE)
        for child, cue in self.find_cues(verb):
            is_once = cue == "once" and (child < verb or word in FORMS_OF_BE)
            is_ended = is_past and (is_once or self._is_end_of_period(child, cue))
            if is_ended or (is_state and self._is_bygone(child, cue)):
                return "past"
            if tag in PRESENT_TAGS and self._is_future(child, cue):
                return "planned"
        subject = self.find_subject(verb)
        is_announced = subject >= 0 and get_words("future") & self.list_cues(subject)
        return "planned" if is_announced and tag in PRESENT_TAGS else ""

    def is_past_copula(self, verb: int) -> bool:
        """Return whether "was" states what nothing says to be so still: "was the capital of"."""
        cues = self.list_cues(verb)
        is_state = self.parsed.lowers[verb] in get_verb_forms("states_of_people")
        is_past = self.parsed.lowers[verb] in _PAST_FORMS_OF_BE or (
            is_state and not _PAST_FORMS_OF_BE.isdisjoint(cues)
        )
        return is_past and cues.isdisjoint(_STILL)

    def _is_past_form(self, verb: int) -> bool:
        return self.parsed.tags[verb] == "VBD" or self.parsed.lowers[verb] in _PAST_FORMS_OF_BE

    def _is_end_of_period(self, token: int, word: str) -> bool:
        """Return whether a phrase says when something ended: "until May"."""
        return self.parsed.deps[token] == "prep" and word in {"until", "till"}

    def _is_bygone(self, token: int, word: str) -> bool:
        """Return whether a state that a phrase modifies is over: "before the merger"."""
        dep, cues = self.parsed.deps[token], self.list_cues(token)
        if dep == "prep" and self.parsed.children[token] and word != "as":
            nouns = self.parsed.children[token]
            noun_cues = {cue for noun in nouns for cue in self.list_cues(noun)}
            tags = {
                self.parsed.tags[i] for noun in nouns for i in (noun, *self.parsed.children[noun])
            }
            is_numbered = word == "before" and "CD" in tags  # "before version 12", "before 2010"
            is_bygone = word == "before" or not get_words("bygone").isdisjoint(cues)
            is_bygone = is_numbered or (is_bygone and not _DETERMINERS.isdisjoint(noun_cues))
            return is_bygone or self.is_period(token)
        if dep == "advcl":
            return self._is_past_form(token) and not cues.isdisjoint(_DURING)
        if dep in NOMINAL_SUBJECTS:
            return not cues.isdisjoint(get_words("former"))
        is_before = word == "before" and dep in {"advmod", "prep"}
        return is_before or self.is_back_then(token)

    def _is_future(self, token: int, word: str) -> bool:
        """Return whether a phrase names a time to come: "next month", "tomorrow", "some day"."""
        if self.parsed.deps[token] not in {"npadvmod", "advmod", "prep"}:
            return False
        if word == "day" and not self.list_cues(token).isdisjoint({"some", "one"}):
            return True
        if self.parsed.lowers[self.parsed.heads[token]] in get_verb_forms("changes"):
            nouns = [i for i in self.parsed.children[token] if word in {"on", "in", "from"}]
            if any(self.parsed.lowers[i] in get_words("days") for i in nouns):
                return True  # "starts at Acme on Monday"
        return word in get_words("future") or any(
            "next" in self.list_cues(i) for i in (token, *self.parsed.children[token])
        )

    def is_time_to_come(self, conjunction: int) -> bool:
        """Return whether a clause in the present names a time to come: "once Ada joins X"."""
        word = self.parsed.lowers[conjunction]
        main = self.parsed.heads[self.parsed.heads[conjunction]]
        is_soon = word == "as" and self.parsed.lowers[conjunction - 1 : conjunction] == ["soon"]
        is_instruction = word == "before" and (
            self.find_subject(main) < 0 or not self.list_cues(main).isdisjoint(_DUTIES)
        )
        if word in {"when", "after", "before"}:  # "When Ada joins X, we will be four"
            is_request = self.parsed.heads[main] == main and self.is_imperative(main)
            verbs = (main, *self.parsed.children[main])
            is_future = any(not self.list_cues(i).isdisjoint(_FUTURE) for i in verbs)
            is_instruction |= is_request or is_future
        is_limit = word == "when" and self.parsed.lowers[conjunction - 1 : conjunction] == ["only"]
        return is_soon or is_instruction or is_limit or word in {"once", "until", "till"}

    def is_back_then(self, token: int) -> bool:
        """Return whether a word names a time that is over: "back then", "back in the day"."""
        word, cues = self.parsed.lowers[token], self.list_cues(token)
        if word in {"prior", "up"}:
            return self.parsed.lowers[token + 1 : token + 2] == ["to"]  # "up to version 4"
        if word == "as":
            return not get_words("young_people").isdisjoint(cues)
        if word == "back":
            return self.parsed.lowers[token + 1 : token + 2] in (["in"], ["at"])
        is_back = "back" in cues or self.parsed.lowers[token - 1 : token] == ["back"]
        return (word in {"then", "when"} and is_back) or word in get_words("first_stage")

    def is_period(self, preposition: int) -> bool:
        """Return whether a phrase limits a time: "for three years", "from 2010 to 2014"."""
        word = self.parsed.lowers[preposition]
        nouns = [i for i in self.parsed.children[preposition] if self.parsed.deps[i] == "pobj"]
        if word == "for":
            spans = get_words("spans_of_time")
            return any(self.parsed.lowers[noun].removesuffix("s") in spans for noun in nouns)
        return word in {"from", "between"} and any(
            self.parsed.tags[noun] == "CD"
            and not _RANGES.isdisjoint(self.parsed.lowers[noun + 1 : noun + 2])
            for noun in nouns
        )
