"""Words of which a sentence has one if it may give an instruction; most texts have none."""

import re

from mcp_context_persistence.ingest.extraction.instruction_vocabulary import (
    AIDS,
    DIET,
    FUTURE,
    HELPER,
    I_HAVE,
    KIN,
    OWN_THING,
    PROFILE,
    RELATIVE,
    STYLE,
    UNWANTED,
)

_APOSTROPHE = re.compile(r"(?:'|\[['’]{2}\])\??(?=(?:m|ve|d|t)\b)")


def add_missing_apostrophes(pattern: str) -> str:
    """Make the apostrophe of "don't", "I'm", "I've" and "I'd" optional in a pattern."""
    return _APOSTROPHE.sub(r"['’]?", pattern)


# Searched in lower case: to ignore capitals takes four times as long.
TRIGGER = re.compile(
    add_missing_apostrophes(
        rf"\b(?:always|never|henceforth|remember|keep in mind|{FUTURE}|prefer\w*|favou?r|"
        r"favou?rites?|"
        rf"when(?:ever)? (?:i|you)|if i (?:ask|mention|request|say|want|need)|"
        rf"(?:every|each|any) ?time|by default|stop \w+ing|"
        rf"please|answers?|reply|replies|respond|responses?|explanations|the words?|everything you|"
        rf"i (?:\w+ )?(?:hate|dislike|detest|loathe)|don[’']t ever|do not ever|"
        r"advice|tips|suggestions|recommendations|requests|summaries|translations|recipes|drafts|"
        r"examples|questions|"
        rf"speak|talk|(?:call|calling|to|address|addressing) me|anymore|"
        rf"i(?:[’']m| am|[’']ve been| have been) (?:\w+ ){{0,2}}(?:{DIET}|an? |training for|in my|"
        r"learning|based in)|treat me|"
        r"i (?:also |really |absolutely )?(?:like|love|take|play|drive|study|major)|"
        r"better for (?:me|us)|unless (?:i|we)|we \w+ [^,.;?!]{2,40}, (?:not|never)|"
        rf"i(?:[’']ve)? (?:quit|stopped|gave up|given up)|i[’']ve (?:got|had)|with me|{HELPER}|"
        r"(?:explain|describe|teach) |cite|quote|suggest\w*|recommend\w*|apologi\w+|lectur\w+|"
        r"sugar-?coat\w*|double[- ]check|calls me|"
        r"i (?:don[’']t|do not|can[’']t|cannot|can only|no longer|only) \w+|"
        rf"i (?:currently |now |mostly )?(?:live|work|teach|was born)|my {PROFILE}|"
        rf"my {RELATIVE}(?:[’']s| is )|{I_HAVE}|{UNWANTED}|{STYLE}|{AIDS}|"
        r"i (?:also |now |still )?(?:run|own)|i(?:['’]ve| have)? "
        r"(?:just |recently |finally )?moved|"
        r"i (?:grew up|come from|am from|studied|have|suffer)|i[’']m (?:from|\d+|married|engaged)|"
        rf"my {OWN_THING}|my {KIN} (?:has|suffers|was|is|got)|diagnosed|my (?:name|birthday)[’']s|"
        r"(?:job|position|role) (?:at|with|for)|i(?:[’']ve)? (?:just |recently |finally )?started|"
        r"i[’']d (?:prefer|rather|appreciate)|it(?:[’']d| would) (?:be|help)|"
        r"my (?:\w+ )?job|again)\b"
    )
)
