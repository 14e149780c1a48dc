"""Decisions that a text tells of, found by the words with which people say that something is settled.

They are proposals: what was meant is for a person to confirm. Left out are questions, conditions, what is only considered or wished, what is
not decided yet or denied, and promises. English only.
"""

import re
from dataclasses import dataclass

_WHO = r"(?:we|they|i|he|she|you|it|everybody|everyone)"
_BODY = r"(?:we|they|board|committee|team|council|management|group|company|client|panel|jury|parliament|senate|court|union|family|everybody|everyone|both)"
_BY_NOW = r"(?:(?:finally|already|all|now|just|then|also|both|unanimously|jointly|formally|eventually|together|basically|more or less|have|has|had|'ve)\s+)*"
_IT = r"(?!\s*(?:\W*$|,|which\b|to do\b))"  # what was decided follows: not "the one we agreed on", "what we decided to do"
_WITH_IT = rf"{_IT}(?! (?:you|him|her|them|me|us|it|that|friends?|family|my|kids)\b)"
_DO = (
    r"(?:(?:just|all|now|simply|instead)\s+)*(?:(?:keep|start|stop|be)\s+using(?! (?:my|your)\b)|use|adopt|switch|standardi[sz]e|migrate|replace|deprecate|scrap|retire|abandon|postpone|"
    r"drop(?! (?:by|in|off|me|you)\b)|move\s+(?:everything|them|all)|stay\s+(?:with|on)|(?:go(?:\s+ahead|\s+forward)?|proceed|move\s+(?:ahead|forward))\s+with|stick\s+(?:with|to)|settle\s+on|opt\s+for|do\s+without)\b"
    r"(?!\s+(?:you|him|her|them|me|us|it|this|these|the (?:next|rest))\b)"
)
_ENDING = "dropping|replacing|deferring|postponing|scrapping|retiring|deprecating|ruling out|cancelling|discontinuing"
_PET = r"(?!(?:a |an |my |our |this |the )?(?:\w+ )?(?:cat|dog|puppy|pup|kitten|pet|child|baby|boy|girl|son|daughter)s?\b)"  # is adopted otherwise
_NOT_THAT = r"(?:yes|yeah|no|not|maybe|just|really|still|it|what|how|that|this|there|here|where|who|whatever|when|as|so|if|i|we|and|but|because|though|than|which|think|thought|know|say|said|see|hope|sure|feel)\b"

# Wordings by their names; ^ is the beginning of a sentence.
_CUES = {
    "decided": [
        rf"\b(?:decided|opted|chose|elected|resolved|voted|concluded)\s+{_BY_NOW}(?:to|on|that|for|not|against|upon|in favou?r|we|i)\b{_IT}",
    ],
    "decision": [
        r"\bdecision (?:is |was |has been )?(?:made|taken|final)\b",
        r"\b(?:our|the|my) decision (?:stands|is to|was to)\b",
        r"\bfinal decision\b",
        r"\b(?:our|my|the final) choice is\b",
        r"\b(?:made|taken) (?:the|a|our|my) (?:\w+ )?(?:decision|call) (?:to|on|that|about)\b",
        r"\bmade up (?:my|our|her|his|their) minds?\b",
    ],
    "label": [
        r"^\W*(?:the |our )?(?:final )?(?:decision|call|verdict|ruling|resolution|conclusion|consensus|resolved|decided|agreed|approved)\s*[:–—]\s*\w",
    ],
    "passive": [
        r"\b(?:it|that|this)(?:'s| is| was| has been| had been)? (?:finally |now |unanimously |jointly |been )*(?:decided|agreed|resolved|settled)\b(?! (?:in|by)\b)",
        r"\b(?:was|were|has been|have been) (?:finally |unanimously |jointly |formally )*(?:decided (?:on|upon|against)|agreed (?:on|upon|to)|voted down|ruled out|signed off)\b",
    ],
    "agreed": [
        rf"\b{_BODY}(?:'ve)?\s+{_BY_NOW}agreed\s+(?:to|we)\b",
        rf"\bagreed\s+(?:on|that|upon|we)\b{_IT}",
        r"^(?:all |we )?agreed (?:to|we)\b",
        r"\b(?:we're|we are) all agreed\b",
        rf"\bsigned off on\b{_IT}",
        rf"(?:\b{_WHO}\s+{_BY_NOW}|\b{_BODY}\s+{_BY_NOW}|^)settled\s+(?:on|upon|for)\b{_IT}",
    ],
    "approved": [
        rf"\b{_BODY}(?:'ve)?\s+{_BY_NOW}(?:approved|rejected|endorsed|ruled out|selected|picked|chosen|chose)\b(?=\s+[\w\"'])(?! (?:and|but|yet)\b)",
        r"\bmotion\b.{0,60}\b(?:carried|carries|passed|passes)\b",
        r"\b(?:consensus|verdict) (?:is|was)\b",
    ],
    "chose": [
        r"\b(?:chose|chosen|picked|picking|selected|choosing)\s+(?:[\w.'-]+\s+){1,5}?(?:over|instead of|rather than|as (?:our|the))\b",
        r"\bwe (?:have |'ve )?(?:landed on|ended up (?:using|picking|choosing|going with))\b",
    ],
    "go with": [
        rf"\b(?:we|i|they|team|client)(?:'ve| have|'ll| will|'re| are|'m| am)?\s+(?:(?:all|just|now|then|basically|provisionally|going to|gonna)\s+)*(?:(?:going|went|go|gone)(?: ahead| forward)?|(?:moving|moved) (?:ahead|forward)|proceeding|sticking|stick|stuck) with\b{_WITH_IT}",
        rf"\blet'?s (?:just |all |then )*(?:go|stick) with\b{_WITH_IT}",
        rf"^(?:(?:so|okay|ok|then|and|but|well|yeah|yes|basically|um|uh)[\s,]+)*(?:going|sticking|went|stick|gone) with\b{_WITH_IT}",
    ],
    "it is": [
        rf"^(?:\W*(?:ok(?:ay)?|alright|all right|great|fine|right|then|so|well|good|perfect|yes|sure|done)\b[,.! ]+)*(?:(?!{_NOT_THAT})[\w.+#&'-]+ ){{1,4}}it is(?:,? then)?\W*$",
    ],
    "use": [
        rf"\b(?:let'?s(?: not)?|(?:we|i)(?:'ll| will|'re going to| are going to|'m going to| am going to|'re gonna| are gonna))\s+{_DO}",
    ],
    "stop": [
        r"\b(?:we|they|i) (?:will |shall )?no longer (?:use|support|offer|accept|buy|order)\b",
        rf"\b(?:we|they|i)(?:'re| are|'m| am) not (?:going with\b{_WITH_IT}|going to (?:use|adopt|switch|renew)|renewing|extending)\b",
        rf"\b(?:we|i)(?:'ll not| will not| won't)\s+{_DO}",
    ],
    "plan": [
        r"\b(?:the|our|my) (?:new |current |final |agreed )?plan (?:is|now is|remains) to\b",
        r"\bplan of record\b",
    ],
    "switch": [
        r"\b(?:am|are|'m|'re|is|now|^)\s*(?:switching|migrating|moving(?! on\b)|standardi[sz]ing)\s+(?:\w+\s+){0,4}?(?:to|from|over|on)\b",
    ],
    "drop": [
        rf"(?:^|\b(?:we|i|they)(?:'re| are|'m| am) (?:now )?)(?:{_ENDING})\b(?! (?:by|in|off|out|her|him|them)\b)",
        r"\b(?:we|i|they)(?:'ve| have)? ruled out\b",
    ],
    "adopt": [
        r"(?:^|\b(?:am|are|is|'m|'re|now) )adopting\b",
        rf"\b(?:we|team|company|they|i)(?:'ve| have)? adopted {_PET}",
        r"\bstandardi[sz]ed on\b",
        r"\bswitched (?:from|to|over)\b",
    ],
    "from now on": [
        r"\b(?:from now on|from here on|henceforth)\b",
        r"(?:^(?:will|all|no|every)|\b(?:i|we)(?:'ll| will| won't))\b(?! (?:continue|be able|need)\b).*\bgoing forward\b",
        r"^(?:going forward|starting (?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|tomorrow|today|next \w+)),(?!.*\b(?:need|hope|should|could|can|want)\b)",
    ],
}
_CUE = re.compile(
    "|".join(f"(?P<c{number}>{'|'.join(cues)})" for number, cues in enumerate(_CUES.values())),
    re.IGNORECASE,
)

# What makes a sentence open, wherever it stands; and how questions and conditions begin.
_OPEN = re.compile(
    r"\b(?:not (?:yet )?(?:been )?(?:decided|settled|agreed|final)|undecided|whether|should (?:we|i|they)|need to decide|can't decide|"
    r"(?:to|will|must|let's) decide|how (?:is|are|was|did) .* (?:going|go) with)\b|"
    r"^\W*(?:(?:so|and|but|ok|okay|well|uh|um|then|or)\W+)*(?:"
    rf"(?:did|do|does|have|has|had|should|shall|can|could|would|will|are|is|was|were|may|might) (?:{_WHO}|anyone|anybody|the)\b|"
    r"(?:what|which|who|how|why|if|unless|suppose|imagine|assuming|when|whenever|remember)\b)",
    re.IGNORECASE,
)
# What makes the clause of a cue open, denied, or a wish, a habit, an option, where it stands before it.
_BEFORE = re.compile(
    r"\b(?:if|unless|suppose|supposing|assuming|until|till|as soon as|whenever|might|maybe|perhaps|possibly|could|would|may|should|can|cannot|must|ought|"
    r"considering|considered|thinking (?:of|about)|wonder\w*|suggest\w*|propos\w+|recommend\w*|prefer\w*|want(?:s|ed)? to|wanna|like to|love to|hop(?:e|ed|ing)|"
    r"tr(?:y|ied|ying) to|need(?:s|ed)? to|have to|has to|had to|able to|options?|alternatives?|possibilit(?:y|ies)|idea|either|rumou?rs?|nobody|no one|none|"
    r"neither|nothing|never|hardly|without|refused|failed|know|not sure|often|usually|sometimes|people|\w+n't|not|no|yet|will be|to be|seem\w*|thought|"
    rf"ask(?:s|ed|ing)?)\b|'d (?!{_BY_NOW}$)|\b(?:what|which|as|like|than|before|after|when|once|how|where|why) {_WHO}(?:'ve|'d)?\s+{_BY_NOW}$|\b(?:what|which|how|where|when|why|than|as|the \w+(?: \w+)? that)\s+$",
    re.IGNORECASE,
)
_OLDER = re.compile(
    r"\W*(?:the|this|these|those|an?) \w+ $", re.IGNORECASE
)  # "the hall we chose is small": the words before "we"
_CLAUSE = re.compile(r"[,;:()–—]\s|\b(?:because|since|but|so)\b", re.IGNORECASE)
_PROMISE = re.compile(r"\b(?:promis\w+|commit(?:ted|ting)?\b)", re.IGNORECASE)
_SENTENCE = re.compile(r"[^.!?\n]*(?:[.!?](?![\s\"'”’)]|$)[^.!?\n]*)*[.!?]*[\"'”’)]*")
LEAST, MOST = 3, 80  # words of a sentence that can tell of a decision
LONGEST = 2_000  # characters


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A sentence that tells of a decision.

    Attributes:
        start: Where it begins in the text, in characters.
        end: Where it ends, exclusive.
        text: The sentence.
        cue: The name of what it was known by.
    """

    start: int
    end: int
    text: str
    cue: str


def proposals(text: str) -> list[Proposal]:
    """The sentences of a text that tell of a decision, in their order."""
    found = []
    for match in _SENTENCE.finditer(text):
        said = match[0].strip()
        if said and (cue := _cue(said)):
            start = match.start() + match[0].index(said)
            found.append(Proposal(start=start, end=start + len(said), text=said, cue=cue))
    return found


def _cue(written: str) -> str | None:
    said = written.replace("’", "'")
    if said.endswith("?") or len(said) > LONGEST or not LEAST <= len(said.split()) <= MOST:
        return None
    if _PROMISE.search(said) or _OPEN.search(said):
        return None
    return next(
        (
            list(_CUES)[int(str(cue.lastgroup)[1:])]
            for cue in _CUE.finditer(said)
            if _settled(said, cue)
        ),
        None,
    )


def _settled(said: str, cue: re.Match[str]) -> bool:
    """Whether the clause of a cue leaves nothing open."""
    start = max((end.end() for end in _CLAUSE.finditer(said, 0, cue.start())), default=0)
    before = said[start : cue.start()]
    return not _BEFORE.search(before) and not (
        _OLDER.match(before) and cue[0].lower().startswith(("we", "they", "i "))
    )
