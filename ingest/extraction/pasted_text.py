"""Find where the author's own words end and a pasted text begins."""

import re

LONG_TEXT = 2_000  # characters; of a longer text only the first paragraph is surely the author's
_FOREIGN_TEXT = (
    r"(?:e-?mail|letter|article|document|text|transcript|review|post|page|prompt|log|message|notes?|"
    r"output|error|readme|paragraph|essay|draft|policy|chat|conversation|speech|poem|story|quote|"
    r"description|abstract|report|instructions?|guidelines|rules|terms|manual)\b"
)
_TEXT_WORK = (
    r"(?:translate|summari[sz]e|proofread|rewrite|rephrase|paraphrase|correct|fix|review|edit|"
    r"improve|shorten|check|analy[sz]e|explain|comment on|read)\b"
)
_INVENTED_TEXT = r"(?:story|poem|novel|scene|dialogue|script|song|character|narrator|monologue)"
# What announces a text of somebody else, or one to work on. It ends where that text begins.
_INTRODUCTIONS = [
    re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    for pattern in (
        r"^(?=.*\b(?:here(?:'s|’s| is| are| was)|below|following|this (?:is|was)|these are|"
        rf"pasted?|says|said|reads|wrote|writes|{_FOREIGN_TEXT})).*:[ \t]*$",
        r"^(?=.*\b(?:this|that|these|the following|below|my|our|the)\s+(?:[\w-]+\s+)?"
        rf"{_FOREIGN_TEXT}).*[?.!][ \t]*\n[ \t]*\n",
        rf"^\W*(?:(?:please|can you|could you)\s+)?{_TEXT_WORK}[^:\n]{{0,80}}:\s",
        r"^\W*(?:(?:please|can you|could you)\s+)?"
        r"(?:write|draft|tell|begin|start|continue|finish|act)\b[^:\n]{0,80}\b"
        rf"(?:with|(?:start|begin|open|say)(?:s|ing)|{_INVENTED_TEXT})\b[^:\n]{{0,40}}:\s",
    )
]
# A line that announces the author's own rules.
_OWN_RULES = re.compile(
    r"\b(?:my (?:\w+ )?(?:preferences|rules|wishes|instructions|guidelines)|(?:follow|these|obey|"
    r"following)\b.{0,20}\b(?:rules|instructions|preferences|guidelines)|from now on|always|never|"
    r"prefer)\b",
    re.IGNORECASE,
)
# The first line of a letter, of the header of a mail, of a system prompt or of a transcript.
_FOREIGN_START = re.compile(
    r"^(?:(?:from|to|subject|date|sent|cc):\s|dear\s+\S|-{3,}\s*(?:forwarded|original) message|"
    r"(?:user|assistant|system|human|ai|bot|agent|customer|tool)\s*:|\[?(?:system|inst)\]|"
    r"(?!\A)you are an? )",
    re.IGNORECASE | re.MULTILINE,
)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")


def find_own_end(text: str) -> int:
    """Return where a text that the author pasted begins; the end of the text if there is none."""
    end = find_announced_text(text)
    if len(text) > LONG_TEXT and (
        blank := _BLANK_LINE.search(text, len(text) - len(text.lstrip()))
    ):
        return min(end, blank.start())
    return end


def find_announced_text(text: str) -> int:
    """Return where a text of somebody else begins that the author announces, or the text's end."""
    ends = [match.start() for match in _FOREIGN_START.finditer(text)]
    last = len(text.rstrip())
    for pattern in _INTRODUCTIONS:
        ends += [
            match.end()
            for match in pattern.finditer(text)
            if match.end() < last and not _OWN_RULES.search(match[0])
        ]
    return min(ends, default=len(text))
