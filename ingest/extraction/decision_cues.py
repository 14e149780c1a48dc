"""Sentences that state a decision, found by the wordings with which people settle something.

A person should confirm them. Questions, conditions, promises, and what is only considered, wished,
undecided or denied are left out. A value with a label ("Decision: …") needs no such wording.
English only.
"""

import re
from dataclasses import dataclass

from mcp_context_persistence.ingest.extraction.author_sentences import (
    AuthorSentence,
    find_author_sentences,
)

_PRONOUN = r"(?:we|they|i|he|she|you|it|everybody|everyone)"
_GROUP = (
    r"(?:we|they|board|committee|team|council|management|group|company|client|panel|jury|"
    r"trustees|directors|members|shareholders|"
    r"parliament|senate|court|union|family|everybody|everyone|both)"
)
_ADVERBS = (
    r"(?:(?:finally|already|all|now|just|then|also|both|unanimously|jointly|formally|"
    r"eventually|together|basically|more or less|have|has|had|'ve)\s+)*"
)
# What was decided follows, unlike in "the one we agreed on" and "what we decided to do".
_OBJECT = r"(?!\s*(?:\W*$|,|which\b|to do\b))"
_COMPANION_OBJECT = rf"{_OBJECT}(?! (?:you|him|her|them|me|us|it|that|friends?|family|my|kids)\b)"
_ACTION = (
    r"(?:(?:just|all|now|simply|instead)\s+)*(?:(?:keep|start|stop|be)\s+using(?! (?:my|"
    r"your)\b)|use|adopt|switch|standardi[sz]e|migrate|replace|deprecate|scrap|retire|"
    r"abandon|postpone|"
    r"drop(?! (?:by|in|off|me|you)\b)|move\s+(?:everything|them|all)|stay\s+(?:with|on)|"
    r"(?:go(?:\s+ahead|\s+forward)?|proceed|move\s+(?:ahead|forward))\s+with|stick\s+(?:with|"
    r"to)|settle\s+on|opt\s+for|do\s+without)\b"
    r"(?!\s+(?:you|him|her|them|me|us|it|this|these|the (?:next|rest))\b)"
)
_ONE = r"(?:ones?|option|version|variant|approach|route|model|design)\b"  # of several
_STOPPING_VERBS = (
    "dropping|replacing|deferring|postponing|scrapping|retiring|deprecating|ruling out|"
    "cancelling|discontinuing"
)
# Adopting a pet or a child is no such decision.
_NOT_ADOPTED_BEING = (
    r"(?!(?:a |an |my |our |this |the )?(?:\w+ )?(?:cat|dog|puppy|pup|kitten|pet|child|baby|"
    r"boy|girl|son|daughter)s?\b)"
)
_NOT_A_CHOICE = (
    r"(?:yes|yeah|no|not|maybe|just|really|still|it|what|how|that|this|there|here|where|who|"
    r"whatever|when|as|so|if|i|we|and|but|because|though|than|which|think|thought|know|say|"
    r"said|see|hope|sure|feel)\b"
)

# Wordings by their names. ^ is the start of a sentence.
_CUES = {
    "decided": [
        (
            rf"\b(?:decided|opted|chose|elected|resolved|voted|concluded)\s+{_ADVERBS}(?:to|on|"
            rf"that|for|not|against|upon|in favou?r|we|i)\b{_OBJECT}"
        ),
    ],
    "decision": [
        r"\bdecision (?:is |was |has been )?(?:made|taken|final)\b",
        r"\b(?:our|the|my) decision (?:stands|is to|was to)\b",
        r"\bfinal (?:decision|answer)\b",
        r"\b(?:our|my|the final) choice is\b",
        r"\b(?:made|taken) (?:the|a|our|my) (?:\w+ )?(?:decision|call) (?:to|on|that|about)\b",
        r"\bmade up (?:my|our|her|his|their) minds?\b",
    ],
    "passive": [
        (
            r"\b(?:it|that|this)(?:'s| is| was| has been| had been)? (?:finally |now |"
            r"unanimously |jointly |been )*(?:decided|agreed|resolved|settled)\b(?! (?:in|by)\b)"
        ),
        (
            r"\b(?:was|were|has been|have been) (?:finally |unanimously |jointly |formally "
            r")*(?:decided (?:on|upon|against)|agreed (?:on|upon|to)|voted down|ruled out|signed "
            r"off)\b"
        ),
    ],
    "agreed": [
        rf"\b{_GROUP}(?:'ve)?\s+{_ADVERBS}agreed\s+(?:to|we)\b",
        rf"\bagreed\s+(?:on|that|upon|we)\b{_OBJECT}",
        r"^(?:all |we )?agreed (?:to|we)\b",
        r"\b(?:we're|we are) all agreed\b",
        rf"\bsigned off on\b{_OBJECT}",
        (
            rf"(?:\b{_PRONOUN}(?:'ve|'d)?\s+{_ADVERBS}|\b{_GROUP}\s+{_ADVERBS}|^)settled\s+(?:on|upon|"
            rf"for)\b{_OBJECT}"
        ),
    ],
    "approved": [
        (
            rf"\b{_GROUP}(?:'ve)?\s+{_ADVERBS}(?:approved|rejected|endorsed|ruled out|selected|"
            r"picked|chosen|chose)\b(?=\s+[\w\"'])(?! (?:and|but|yet)\b)"
        ),
        r"\bmotion\b.{0,60}\b(?:carried|carries|passed|passes)\b",
        r"\b(?:consensus|verdict) (?:is|was)\b",
    ],
    "chose": [
        (
            r"\b(?:chose|chosen|picked|picking|selected|choosing)\s+(?:[\w.'-]+\s+){1,5}?(?:over|"
            r"instead of|rather than|as (?:our|the))\b"
        ),
        r"\bwe (?:have |'ve )?(?:landed on|ended up (?:using|picking|choosing|going with))\b",
    ],
    "go with": [
        (
            r"\b(?:we|i|they|team|client)(?:'ve| have|'ll| will|'re| are|'m| am)?\s+(?:(?:all|"
            r"just|now|then|basically|provisionally|going to|gonna)\s+)*(?:(?:going|went|go|"
            r"gone)(?: ahead| forward)?|(?:moving|moved) (?:ahead|forward)|proceeding|sticking|"
            rf"stick|stuck) with\b{_COMPANION_OBJECT}"
        ),
        rf"\blet'?s (?:just |all |then )*(?:go|stick) with\b{_COMPANION_OBJECT}",
        (
            r"\blet'?s (?:just |all |then )*(?:do|take|pick|choose|get|book|have) "
            rf"(?:the (?:[\w-]+ ){{0,3}}{_ONE}|(?:option|plan|variant|version|number) [\w.-]+)"
            r"(?! (?:of|and|or)\b)"
        ),
        (
            r"^(?:(?:so|okay|ok|then|and|but|well|yeah|yes|basically|um|uh)[\s,]+)*(?:going|"
            rf"sticking|went|stick|gone) with\b{_COMPANION_OBJECT}"
        ),
    ],
    "it is": [
        (
            r"^(?:\W*(?:ok(?:ay)?|alright|all right|great|fine|right|then|so|well|good|perfect|"
            rf"yes|sure|done)\b[,.! ]+)*(?:(?!{_NOT_A_CHOICE})[\w.+#&'-]+ ){{1,4}}it is(?:,? "
            r"then)?\W*$"
        ),
    ],
    "use": [
        (
            r"\b(?:let'?s(?: not)?|(?:we|i)(?:'ll| will|'re going to| are going to|'m going to| "
            rf"am going to|'re gonna| are gonna))\s+{_ACTION}"
        ),
    ],
    "stop": [
        r"\b(?:we|they|i) (?:will |shall )?no longer (?:use|support|offer|accept|buy|order)\b",
        (
            rf"\b(?:we|they|i)(?:'re| are|'m| am) not (?:going with\b{_COMPANION_OBJECT}|going "
            r"to (?:use|adopt|switch|renew)|renewing|extending)\b"
        ),
        rf"\b(?:we|i)(?:'ll not| will not| won't)\s+{_ACTION}",
    ],
    "plan": [
        r"\b(?:the|our|my) (?:new |current |final |agreed )?plan (?:is|now is|remains) to\b",
        r"\bplan of record\b",
    ],
    "switch": [
        (
            r"\b(?:am|are|'m|'re|is|now|^)\s*(?:switching|migrating|moving(?! on\b)|"
            r"standardi[sz]ing)\s+(?:\w+\s+){0,4}?(?:to|from|over|on)\b"
        ),
    ],
    "drop": [
        (
            rf"(?:^|\b(?:we|i|they)(?:'re| are|'m| am) (?:now )?)(?:{_STOPPING_VERBS})\b(?! "
            r"(?:by|in|off|out|her|him|them)\b)"
        ),
        r"\b(?:we|i|they)(?:'ve| have)? ruled out\b",
    ],
    "adopt": [
        r"(?:^|\b(?:am|are|is|'m|'re|now) )adopting\b",
        rf"\b(?:we|team|company|they|i)(?:'ve| have)? adopted {_NOT_ADOPTED_BEING}",
        r"\bstandardi[sz]ed on\b",
        r"\bswitched (?:from|to|over)\b",
    ],
    "from now on": [
        r"\b(?:from now on|from here on|henceforth)\b",
        (
            r"(?:^(?:will|all|no|every)|\b(?:i|we)(?:'ll| will| won't))\b(?! (?:continue|be able|"
            r"need)\b).*\bgoing forward\b"
        ),
        (
            r"^(?:going forward|starting (?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|tomorrow|"
            r"today|next \w+)),(?!.*\b(?:need|hope|should|could|can|want)\b)"
        ),
    ],
}
_CUE = re.compile(
    "|".join(f"(?P<c{number}>{'|'.join(cues)})" for number, cues in enumerate(_CUES.values())),
    re.IGNORECASE,
)

# Words that leave a sentence open anywhere in it, and the starts of questions and conditions.
_OPEN_SENTENCE = re.compile(
    r"\b(?:not (?:yet )?(?:been )?(?:decided|settled|agreed|final)|undecided|whether|should "
    r"(?:we|i|they)|need to decide|can't decide|"
    r"(?:to|will|must|let's) decide|how (?:is|are|was|did) .* (?:going|go) with)\b|"
    r"^\W*(?:(?:so|and|but|ok|okay|well|uh|um|then|or)\W+)*(?:"
    r"(?:as soon as|once|until|provided|providing|in case|as long as|wish)\b|"
    r"(?:did|do|does|have|has|had|should|shall|can|could|would|will|are|is|was|were|may|"
    rf"might) (?:{_PRONOUN}|anyone|anybody|the)\b|"
    r"(?:what|which|who|how|why|if|unless|suppose|imagine|assuming|when|whenever|remember)\b)",
    re.IGNORECASE,
)
# Words before a cue that make its clause open, denied, a wish, a habit or an option.
_OPEN_CLAUSE = re.compile(
    r"\b(?:if|unless|suppose|supposing|assuming|until|till|as soon as|whenever|might|maybe|"
    r"perhaps|possibly|could|would|may|should|can|cannot|must|ought|"
    r"considering|considered|thinking (?:of|about)|wonder\w*|suggest\w*|propos\w+|"
    r"recommend\w*|prefer\w*|want(?:s|ed)? to|wanna|like to|love to|hop(?:e|ed|ing)|"
    r"tr(?:y|ied|ying) to|need(?:s|ed)? to|have to|has to|had to|able to|options?|"
    r"alternatives?|possibilit(?:y|ies)|idea|either|rumou?rs?|nobody|no one|none|"
    r"neither|nothing|never|hardly|barely|without|refused|failed|know|not sure|often|usually|"
    r"almost|nearly|about to|all but|not quite|close to|wish(?:es|ed)?|den(?:y|ies|ied)|"
    r"doubt(?:s|ed)?|false|untrue|myth|supposed(?:ly)?|allegedly|pretend(?:s|ed)?|"
    r"(?:was|were) going to|"
    r"sometimes|people|\w+n't|not|no|yet|will be|to be|seem\w*|thought|"
    rf"ask(?:s|ed|ing)?)\b|'d (?!{_ADVERBS}$)|\b(?:what|which|as|like|than|before|after|when|"
    rf"once|how|where|why) {_PRONOUN}(?:'ve|'d)?\s+{_ADVERBS}$|\b(?:what|which|how|where|"
    r"when|why|than|as|half|mak(?:e|ing) (?:an?|the|your|our|my|any)|the \w+(?: \w+)? that)\s+$",
    re.IGNORECASE,
)
# The words before "we" in "the hall we chose is small".
_NOUN_BEFORE_PRONOUN = re.compile(r"\W*(?:the|this|these|those|an?) \w+ $", re.IGNORECASE)
_CLAUSE_START = re.compile(r"[,;:()–—]\s|\b(?:because|since|but|so)\b", re.IGNORECASE)
_PROMISE = re.compile(r"\b(?:promis\w+|commit(?:ted|ting)?\b)", re.IGNORECASE)
# Values that say that there is no decision yet, or that it was only planned.
_NO_VALUE = re.compile(
    r"\W*(?:$|(?:tbd|tbc|tba|to\s?do|n/?a|none|nothing|open|draft|proposed|unresolved|no|ok|"
    r"pass(?:ed)?|fail(?:ed)?|success)\W*$|"
    r"(?:still\s|currently\s)?(?:pending|awaiting|waiting|open(?:$|\s(?:question|issue|point))|tbd|"
    r"under\s(?:discussion|review|consideration)|in\s(?:progress|discussion)|on\shold|deferred|"
    r"postponed|being|undecided|unclear|unknown)\b|"
    r"(?:to\sbe|not\s(?:yet|made|taken|decided|final|applicable)|nothing\s(?:yet|decided|agreed|was)|"
    r"no\s(?:decision|consensus|agreement|outcome|conclusion)|see|should|whether|if|unless|maybe|"
    r"perhaps|possibly|probably|might|leaning|considering|insert|describe|what|which|who|how|why|"
    r"when)\b|[<{\[]|x{3,}\W*$)",
    re.IGNORECASE,
)
# Words of a decision in a result or a conclusion, which may also be something else.
_RESULT = re.compile(
    r"\b(?:we|i|they|will|shall|must|no longer|instead|keep|stay|stick)\b|^(?:to\s)?(?:approved?|"
    r"reject(?:ed)?|accept(?:ed)?|postpone|cancel|continue|proceed|go|use|adopt|move|switch|start|"
    r"stop|remove|add|hire|buy|sell|ship|release|merge|split|deprecate|defer|drop|replace|create|"
    r"build|migrate|introduce|allow|ban|require|increase|reduce|raise|lower|close)\b",
    re.IGNORECASE,
)
_SETTLES = {
    "result": _RESULT,
    "conclusion": re.compile(r"\b(?:we|i)\b", re.IGNORECASE),
    "item": re.compile(rf"(?:\S+\s+){{2}}\S|{_RESULT.pattern}", re.IGNORECASE),  # else a topic
}
_CONDITION = re.compile(
    r"\b(?:if|unless|provided|providing|assuming|depending on|pending|as long as|"
    r"in case|only when)\b",
    re.IGNORECASE,
)
_CONDITIONAL_CUES = frozenset({"use", "go with", "plan", "switch", "it is"})
_NOTHING = re.compile(r"\s*(?:nothing|none\b|neither|no\s?one|nobody|disagree)", re.IGNORECASE)
MIN_LABELED_WORDS, MIN_WORDS, MAX_WORDS = 1, 3, 80
MAX_CHARACTERS = 2_000


@dataclass(frozen=True, kw_only=True)
class DecisionSentence:
    """A sentence that states a decision.

    Attributes:
        start: Its first character, counted from 0 in the text.
        end: One past its last character.
        text: The sentence.
        cue: The name of the wording by which it was recognized.
    """

    start: int
    end: int
    text: str
    cue: str


def find_decision_sentences(text: str) -> list[DecisionSentence]:
    """Return the sentences of a text that state a decision, in their order."""
    return [
        DecisionSentence(
            start=source.start,
            end=source.end,
            text=text[source.start : source.end],
            cue=cue,
        )
        for source in find_author_sentences(text)
        if (cue := _find_cue(source))
    ]


def _find_cue(source: AuthorSentence) -> str | None:
    sentence = source.plain.replace("’", "'")
    min_words = MIN_LABELED_WORDS if source.label in {"decision", "item"} else MIN_WORDS
    if (
        sentence.endswith("?")
        or source.end - source.start > MAX_CHARACTERS
        or not min_words <= len(sentence.split()) <= MAX_WORDS
    ):
        return None
    if _PROMISE.search(sentence) or _OPEN_SENTENCE.search(sentence):
        return None
    if source.value is not None:
        is_value = not _NO_VALUE.match(source.value)
        settles = _SETTLES.get(source.label)
        is_settled = settles is None or settles.search(source.value)
        return "label" if is_value and is_settled else None
    return next(
        (
            cue_name
            for cue in _CUE.finditer(sentence)
            if _is_settled(sentence, cue)
            if not _is_conditional(
                sentence, cue, cue_name := list(_CUES)[int(str(cue.lastgroup)[1:])]
            )
        ),
        None,
    )


def _is_conditional(sentence: str, cue: re.Match[str], cue_name: str) -> bool:
    """Return whether a condition follows, or nothing was settled."""
    if _NOTHING.match(sentence, cue.end()):
        return True
    return cue_name in _CONDITIONAL_CUES and _CONDITION.search(sentence, cue.end()) is not None


def _is_settled(sentence: str, cue: re.Match[str]) -> bool:
    """Return whether the clause of a cue leaves nothing open."""
    start = max(
        (match.end() for match in _CLAUSE_START.finditer(sentence, 0, cue.start())), default=0
    )
    clause = sentence[start : cue.start()]
    return not _OPEN_CLAUSE.search(clause) and not (
        _NOUN_BEFORE_PRONOUN.match(clause) and cue[0].lower().startswith(("we", "they", "i "))
    )
