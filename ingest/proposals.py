"""Decisions that a text tells of, found by the words with which people say that something is settled.

They are proposals: what was meant is for a person to confirm. Left out are questions, what is only considered, what is not decided yet,
and promises. English only.
"""

import re
from dataclasses import dataclass

_CUES = {
    "decided": r"(?<!not )(?<!n't )(?<!yet )\b(?:decided|opted|chose|elected|resolved|voted)\s+(?:to|on|that|for|not|against|upon|in favou?r|we|i)\b",
    "decision": r"\b(?:decision (?:is|was|has been )?\s*(?:made|taken|final|to\b)|final decision|it(?:'s| is| was) (?:been )?decided|our decision)",
    "agreed": r"\b(?:agreed|signed off|settled)\s+(?:to|on|that|upon|we)\b",
    "chose over": r"\b(?:chose|chosen|picked|picking|selected|choosing)\s+(?:[\w.-]+\s+){1,5}?(?:over|instead of|rather than)\b",
    "go with": r"(?<!keep )(?<!for )(?<!on )\b(?:going|went|go|gone|sticking|stick) with\b",
    "use": r"\b(?:let'?s|we(?:'ll| will)|i(?:'ll| will))\s+(?:just |all |now )?(?:use|adopt|switch|standardi[sz]e|keep using|drop)\b",
    "switch": r"\b(?:am|are|'m|'re|is|now|^)\s*(?:switching|migrating|moving(?! on\b)|standardi[sz]ing)\s+(?:\w+\s+){0,4}?(?:to|from|over|on)\b",
    "drop": r"^(?:dropping|replacing|deferring|postponing|scrapping|retiring|deprecating|ruling out)\b|\b(?:we|i)(?:'ve| have)? ruled out\b",
    "adopt": r"\b(?:adopting|(?:we|team|company|they|i)(?:'ve| have)? adopted (?!(?:a |an |my |our |this |the )?(?:\w+ )?(?:cat|dog|puppy|pup|kitten|pet|child|baby|boy|girl|son|daughter)s?\b)|standardi[sz]ed on|switched (?:from|to|over))\b",
    "from now on": r"\b(?:from now on|from here on|henceforth)\b|(?:^(?:will|all|no|every)|\b(?:i|we)(?:'ll| will| won't))\b.*\bgoing forward\b",
}
_CUE = re.compile("|".join(f"(?P<c{number}>{cue})" for number, cue in enumerate(_CUES.values())), re.IGNORECASE)
_OPEN = re.compile(
    r"\b(?:not (?:yet )?(?:been )?(?:decided|settled|agreed|final)|(?:have|has|had)n't|undecided|whether|if (?:we|i|you|they|it)|should (?:we|i)|"
    r"might|maybe|perhaps|could|would|may(?! \d)|considering|thinking (?:of|about)|wonder\w*|suggest\w*|propos\w+|need to decide|"
    r"can't decide|(?:to|will|must|let's) decide|how (?:is|are|was|did) .* (?:going|go) with|(?:going|go) with (?:you|him|her|them|me|us|it\b))",
    re.IGNORECASE,
)
_PROMISE = re.compile(r"\b(?:promis\w+|commit(?:ted|ting)?\b)", re.IGNORECASE)
_SENTENCE = re.compile(r"[^.!?\n]*(?:[.!?](?![\s\"'”’)]|$)[^.!?\n]*)*[.!?]*[\"'”’)]*")
LEAST, MOST = 3, 80  # words of a sentence that can tell of a decision


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
    if said.endswith("?") or not LEAST <= len(said.split()) <= MOST or _PROMISE.search(said):
        return None
    cue = _CUE.search(said)
    if cue is None or _OPEN.search(said):
        return None
    return list(_CUES)[int(str(cue.lastgroup)[1:])]
