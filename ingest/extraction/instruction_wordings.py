"""The wordings of instructions, preferences and facts about a user. English only."""

import re
from dataclasses import dataclass
from typing import Literal

from mcp_context_persistence.ingest.extraction.instruction_trigger import add_missing_apostrophes
from mcp_context_persistence.ingest.extraction.instruction_vocabulary import (
    AIDS,
    BEFORE_FACT,
    BUSINESS,
    DIET,
    FUTURE,
    GENERAL,
    HABIT,
    HELPER,
    I_HAVE,
    I_WANT,
    ILLNESS,
    INSTRUMENT_OR_GAME,
    KIN,
    LASTING_ROLE,
    NO_IMPERATIVE,
    NOT_LASTING,
    OCCUPATION,
    OPENING,
    OWN_THING,
    PET,
    POSSESSION,
    PREPOSED,
    PROFILE,
    RELATIVE,
    STYLE,
    TASK_GERUNDS,
    TASK_VERBS,
    TO_ASSISTANT,
    UNWANTED,
    WHEN_USER,
)

Kind = Literal["instruction", "preference", "fact"]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A wording. `is_clause`: it is in a clause of a sentence, which may end as a question."""

    name: str
    kind: Kind
    pattern: re.Pattern[str]
    is_clause: bool = False


def _rule(name: str, kind: Kind, pattern: str, *, is_clause: bool = False) -> Rule:
    compiled = re.compile(add_missing_apostrophes(pattern), re.IGNORECASE)
    return Rule(name=name, kind=kind, pattern=compiled, is_clause=is_clause)


# The first that matches counts.
RULES = (
    _rule(
        "always",
        "instruction",
        rf"{OPENING}(?:{PREPOSED})?(?:always|never(?: ever)?)\s+"
        rf"(?!{NO_IMPERATIVE})[a-z-]+(?:\s+\S|\W*$)",
    ),
    _rule(
        "always",
        "instruction",
        r"(?:\byou (?:should|must|need to|have to|are to|shall)|\b(?:make|be) sure "
        rf"(?:to|you|that you)|\bremember to|{TO_ASSISTANT}|[,;]\s*(?:and |but )?please)"
        rf"\s+(?:always|never) {TASK_VERBS}\b|\bthat you (?:always|never) {TASK_VERBS}\b|"
        rf"{OPENING}(?:don't|do not) ever {TASK_VERBS}\b|"
        rf"[,;]\s*(?:so|and|but) (?:always|never) {TASK_VERBS}\b|"
        # "Prices in euros, always", "we use tabs, not spaces"
        rf"{OPENING}(?:all (?:the )?)?[\w-]+s (?:(?:should|must|have to) be )?(?:in|as|with) "
        r"[^,?]{2,60}, always\W*$|"
        rf"{OPENING}we (?:always )?{TASK_VERBS} (?!(?:it|that|this|them|him|her|you)\b)"
        r"[^,.;?]{2,40}, (?:not|never) (?!(?:when|if|because|that|to|just|only|you)\b)"
        r"[\w-]+(?: [\w-]+)?(?:\W*$|, )",
    ),
    _rule(
        "always",
        "instruction",
        rf"\b(?:could|can|would|will) you (?:please )?(?:always|never) {TASK_VERBS}\b",
        is_clause=True,
    ),
    _rule(
        "from now on",
        "instruction",
        rf"{OPENING}{FUTURE}[\s,]+(?:please |only |you (?:should|must|will)(?: not)? |"
        r"(?:don't|do not|no longer|stop) |i (?:want|need|would like) you to )*"
        rf"(?:{TASK_VERBS}|no)\b",
    ),
    _rule(
        "when I ask",
        "instruction",
        rf"{OPENING}(?:(?:only|don't|do not|never|make sure (?:to|you)|be sure to|remember to) )?"
        rf"{TASK_VERBS}\b.*\b{WHEN_USER}",
    ),
    _rule(
        "when I ask",
        "instruction",
        rf"{OPENING}(?:{FUTURE}[\s,]+)?{WHEN_USER}[^,?]{{1,160}},\s*(?:then )?"
        r"(?:you (?:should|must|can) )?(?:please )?"
        rf"(?:(?:only|just|always|never|don't|do not|make sure (?:to|you)) )*"
        rf"(?:{TASK_VERBS}|make)\b",
    ),
    _rule(
        "please",
        "instruction",
        rf"(?:{OPENING}|\bplease )(?:(?:don't|do not|only|never|stop|try to|make sure (?:to|you)|"
        rf"be sure to) )?(?:{TASK_VERBS}\b(?!:)|(?:stop|avoid|quit) \w+ing\b|"
        rf"be (?:brief|concise|honest|direct|precise|specific)\b).*{GENERAL}",
    ),
    _rule(
        "when I ask",
        "instruction",
        rf"{OPENING}when(?:ever)? you(?:'re| are)? {TASK_VERBS}(?:ing)?\b[^,?]{{0,80}},\s*"
        rf"(?:please |always |never |don't |do not )*{TASK_VERBS}\b",
    ),
    _rule(
        "for questions",
        "instruction",
        rf"{OPENING}(?:for|in) (?!(?:the|these|those|this|that|my|our|his|her|"
        r"their|more|further|other|any|additional)\b)"
        r"(?:[\w-]+ ){1,3}(?:questions|answers|replies|advice|tips|suggestions|recommendations|"
        r"requests|summaries|explanations|translations|examples|recipes|drafts),\s*"
        rf"(?:please |always |never |don't |do not |you (?:can|should|must) )*{TASK_VERBS}\b",
    ),
    _rule(
        "please",
        "instruction",
        rf"{OPENING}(?:(?:answer|reply|respond|speak|talk)(?: (?:to )?me)? (?:only |just )?"
        r"in [a-z]+\b|(?:speak|talk|write) to me (?:like|as if|as though) (?:i|you)\b|"
        r"treat me (?:like|as) an? \w|"
        r"(?:explain|describe|teach) (?:me )?(?:things|everything|stuff|concepts)(?: to me)? "
        r"(?:\w+ly\W*$|like|as if|as though|in)|be \w+ with me\W*$)",
    ),
    _rule(
        "please",
        "instruction",
        rf"{OPENING}(?:(?:don't|do not|never|avoid|stop) (?:suggest|recommend|apologi[sz]|lectur|"
        r"patroni[sz]|sugar-?coat)(?:e|ing)?\b(?! (?:it|that|this|so|to)\b)|"
        r"(?:don't|do not|no need to) explain the (?:basics|obvious)|"
        r"only (?:recommend|suggest|cite|quote)\b(?! (?:it|that|this)\b))",
    ),
    _rule(
        "always",
        "instruction",
        rf"{OPENING}{TASK_VERBS}\b[^?]*\b(?:always|every time|each time)\W*$",
    ),
    _rule(
        "when I ask",
        "instruction",
        rf"{OPENING}(?:when(?:ever)?|every time|if) i (?:say|mention|write|talk about|refer to)\b"
        r"[^,?]{1,80},\s*i(?:'m| am)? (?:mean|refer|always mean|talking)",
    ),
    _rule(
        "please",
        "instruction",
        rf"{OPENING}(?:no|fewer|less|more) (?:[\w-]+ ){{1,3}}(?:{FUTURE}|(?:in|with) "
        r"(?:your|any|all|the) (?:answers?|replies|reply|responses?|explanations?))\b|"
        rf"{OPENING}no (?:more|longer) than (?:[\w-]+ ){{1,4}}(?:per|in an|for each|in each) "
        r"(?:answer|reply|response|message|summary)\b|"
        rf"{OPENING}(?:stop|quit) {TASK_GERUNDS}\b"
        r"(?! (?:it|that|this|him|her|them|there|now)\b)|"
        rf"{OPENING}(?:don't|do not|never) {TASK_VERBS}\b[^?]*\bagain\b",
    ),
    _rule(
        "please",
        "instruction",
        rf"{OPENING}(?:(?:don't|do not|never|no|no more|stop|avoid|skip|drop) "
        r"(?:(?:use|using|add|adding|include|including|send|sending|give|giving|ask|asking|show|me|"
        rf"any|the) ){{0,4}}{UNWANTED}|"
        r"(?:(?:let's|always|only|use|write|answer|speak|stick|keep|in|to|with|the|me) ){1,4}"
        rf"{STYLE})(?: with me| for me)?(?:,? (?:please|pls|plz))?(?:\W*$|, | because\b| so\b)",
    ),
    _rule(
        "want you to",
        "instruction",
        rf"\b{TO_ASSISTANT}\b.*{GENERAL}|\b{I_WANT} you to (?:always )?(?:reply|respond|"
        r"(?:answer|speak|talk|write) (?:to )?(?:me )?in|double[- ]check (?:all|every|any))\b",
    ),
    _rule(
        "want you to",
        "instruction",
        rf"\b{I_WANT} (?:all |every )?(?:of )?(?:your )?"
        r"(?:answers?|replies|reply|responses?|explanations?) (?:to be |to have |kept )?"
        r"(?:in (?!by\b|before\b|on\b|time\b)|with(?:out)? |as |"
        r"short\b|brief\b|concise\b|simple\b)|"
        rf"(?:\bi'd prefer (?:it )?if you|\bi'd rather you) (?!(?:are|were|can|could)\b)\w|"
        r"\b(?:i'd appreciate it|it(?:'d| would) (?:help(?: me)?|be (?:nice|great|good|better))) "
        r"if you (?:always|never|only|didn't|don't|kept|stopped|used|wrote|answered|put)\b",
    ),
    _rule(
        "from now on",
        "instruction",
        rf"{OPENING}i(?:'d| would)? (?:like|want|need|expect) (?!to\b|you\b)"
        rf".{{3,120}}{FUTURE}\W*$",
    ),
    _rule(
        "call me",
        "instruction",
        rf"(?:{OPENING}|\b(?:you can|please|everyone|everybody|people|friends|colleagues|"
        r"they all) |[,;] )"
        r"(?:(?:but|and|so|just|all|usually) )*(?:calls? me|refer to me as|address me as) "
        r"(?!\w+day\b)(?-i:[A-Z][\w'-]*)"
        r"(?! (?:when|if|back|later|at)\b)|"
        rf"{OPENING}address me (?:(?:as|by|with) \w|\w+ly\W*$)",
    ),
    _rule(
        "call me",
        "instruction",
        rf"{OPENING}(?:(?:don't|do not|never|stop|quit) (?:call|calling|addressing) me|"
        r"(?:don't|do not|never) address me as) (?:an? )?"
        r"(?!(?:again|back|later|now|early|late|names?|first|anytime|yet|\w*day)\b)"
        r"[\w'-]+(?: (?:please|anymore|any ?more|again))?\W*$",
    ),
    _rule(
        "I prefer",
        "preference",
        r"\b(?:i(?:'ve)?(?: \w+ly| do| still| also| always| just| tend to| much)* "
        r"(?:prefer|favou?r)|my (?:\w+ )?preference (?:is|for|has)|"
        r"my preferred \w+(?: \w+)? (?:is|are))\b"
        r"(?! (?:not to say|that (?:you|one|option)|this|these|those|another|the same|if|"
        r"because|it(?! over| to| when)|that\W*$)\b)",
        is_clause=True,
    ),
    _rule(
        "I prefer",
        "preference",
        rf"\bi['’]?d (?:much )?rather (?:have|get|see|read) (?:(?:your |the |my )?\w+ in )?"
        rf"{STYLE}|\bi['’]d prefer (?!(?:to|the|this|that|it|if|an?|not)\b)(?:[\w-]+ ){{1,4}}"
        r"(?:over|rather than|instead of)\b|"
        r"\bi (?:like|take) my (?:coffee|tea|steak|eggs?|toast|food) (?!and\b|too\b)\w|"
        r"\bi like my (?:answers|replies|summaries|explanations|examples|code|recipes|notes) "
        r"(?:as|in|with(?:out)?|short|brief|simple|plain|to be)\b|"
        r"\bi (?:really |absolutely )?(?:love|like|adore) "
        r"(?!(?:the|th[ioe]s\w?|that|your|his|her|their|some|all|my|our|its?|how|what)\b)"
        r"(?:[\w-]+ ){1,2}"
        r"(?:food|cuisine|dishes|music|films|movies|novels|books|games|wine|beer|coffee|tea)\b|"
        r"\b(?!\w+day\b)[a-z][\w -]{2,40} (?:are|works?) (?:much |far )?better for me\b"
        r"(?! (?:to|today|now)\b)",
        is_clause=True,
    ),
    _rule(
        "favorite",
        "preference",
        r"\bmy (?:all[- ]time |absolute |personal )?favou?rite (?:[\w-]+ ){1,3}(?:is|are)\b"
        r"(?! (?:when|that|how|seeing)\b)",
        is_clause=True,
    ),
    _rule(
        "I don't",
        "preference",
        r"\bi (?:don't|do not|can't|cannot|never|no longer|only) (?:(?:really|ever|usually) )?"
        r"(?:eat|drink|smoke|drive|fly|use|consume)\b(?! (?:it|that|this|them|one|anything)\b)|"
        r"\bi can only (?:eat|drink|drive|use|read|walk|work)\b(?! (?:it|that|this|them)\b)",
        is_clause=True,
    ),
    _rule(
        "I don't",
        "fact",
        rf"{BEFORE_FACT}\bi (?:don't|do not|no longer) (?:have|own) (?:an? |any )?{POSSESSION}\b|"
        rf"{BEFORE_FACT}\bi(?:'ve)? (?:quit|stopped|gave up|given up) {HABIT}\b",
        is_clause=True,
    ),
    _rule(
        "I hate",
        "preference",
        r"\bi (?:really |absolutely |also )?(?:hate|dislike|detest|loathe|can't stand|"
        r"cannot stand)\b(?! (?:to|when|that|it|this|how|you|him|her|them|myself|being|having|"
        r"seeing|for|if)\b)|"
        r"\b(?:i'm not (?:really |exactly )?an? (?:big |huge |great )?fan of|"
        r"i (?:don't|do not) (?:really |particularly )?(?:like|enjoy)) "
        rf"(?!{NOT_LASTING})\w",
        is_clause=True,
    ),
    _rule(
        "I am",
        "fact",
        rf"{BEFORE_FACT}\bi(?:'m| am|'ve been| have been) (?:(?:a |an )?(?:\w+ly )?{DIET}|"
        rf"an? (?:[\w-]+ )?{LASTING_ROLE}\b|training for (?:an?|the|my) (?!hour|day|week|while)\w|"
        r"in my (?:first|second|third|fourth|final|last|junior|senior) year (?:of|at)\b|"
        r"(?:currently |still |also )?learning (?:to (?:play|code|cook|drive|swim|sail|knit|sew|"
        r"ski|program)\b|(?-i:(?![A-Z]\w+day\b)[A-Z][a-z]+(?:ish|ese|ian|an|ch|ic|ek|in|i)\b)))",
        is_clause=True,
    ),
    _rule(
        "I am",
        "fact",
        rf"{BEFORE_FACT}\bi(?:'m| am|'ve been| have been) an? "
        r"(?:(?:[\w-]+ ){1,5}and an? )?(?:[\w-]+ ){0,3}?"
        rf"(?:{OCCUPATION}|"
        r"\w{3,}(?:ologist|ician|grapher|keeper|smith|maker))\b(?! (?:today|tonight|again)\b)",
        is_clause=True,
    ),
    _rule(
        "my … is",
        "fact",
        rf"{BEFORE_FACT}\bmy (?:{PROFILE}(?: is| are|\s?:)\s*\S|name's (?-i:[A-Z])|"
        rf"birthday's (?:on|in|the) \w|{OWN_THING} is (?:called|named) (?-i:[A-Z]))",
        is_clause=True,
    ),
    _rule(
        "my … is",
        "fact",
        rf"{BEFORE_FACT}\bmy {RELATIVE}(?:(?:'s name is| is (?:called|named)) "
        r"(?-i:[A-Z])|(?:'s| is) (?:\d{1,3}|one|two|three|four|five|six|seven|eight|nine|ten)"
        r"(?: years old| months old| and\b|\W*$))|"
        rf"{BEFORE_FACT}\bmy (?:\w+ )?(?:{HELPER}|{RELATIVE})(?:'s| is) "
        r"(?!(?:dr|mrs?|ms|prof)\W*$)(?-i:(?:(?:Dr|Mr|Mrs|Ms|Prof)\.? )?[A-Z][\w'-]+"
        r"(?: [A-Z][\w'-]+)?)"
        r"(?=\W*$|,| (?:and|at|from|now|these days|since)\b)",
        is_clause=True,
    ),
    _rule(
        "I live in",
        "fact",
        r"\bi (?:currently |now |mostly )?(?:(?:live in|work (?:as an?|for|at)|was born (?:in|on)|"
        r"teach (?!(?:you|him|her|them|it|myself)\b)\w+ (?:at|in|to)) \w|"
        r"work (?:nights?|days|shifts|weekends|remotely|part[- ]time|full[- ]time|from home)\b)",
        is_clause=True,
    ),
    _rule(
        "I work at",
        "fact",
        rf"{BEFORE_FACT}\bi(?:'ve)? (?:just |recently |finally )?(?:"
        r"(?:got|landed|accepted|started|took|have) (?:an? |my )?(?:[\w-]+ ){0,2}?"
        r"(?:job|position|role) (?:at|with|for) (?:the )?(?-i:[A-Z])|"
        r"started (?:working |work )?(?:at|for) (?-i:(?![A-Z]\w+day\b)[A-Z])|"
        r"(?:quit|left|lost) my (?:[\w-]+ )?job\b|quit (?-i:[A-Z]))",
        is_clause=True,
    ),
    _rule(
        "I run",
        "fact",
        rf"{BEFORE_FACT}\bi (?:also |now |still )?(?:run|own) (?:my own|an?|two|three|the) "
        rf"(?:[\w-]+ ){{0,3}}?{BUSINESS}\b(?! (?:script|query|test|report|bill|job)\b)",
        is_clause=True,
    ),
    _rule(
        "I live in",
        "fact",
        rf"{BEFORE_FACT}\bi(?:['’]ve| have)? (?:just |recently |finally )?"
        r"(?:moved (?:back |here )?(?:to|from)|grew up in|(?:am|come) from|studied (?:in|at)|"
        r"(?:study|major in) (?:\w+ ){1,3}(?:in|at)) "
        r"(?:the )?(?-i:(?![A-Z]\w+day\b)[A-Z]\w)",
        is_clause=True,
    ),
    _rule(
        "I am",
        "fact",
        rf"{BEFORE_FACT}\bi['’]m (?:(?:currently |now )?(?:from|based in) (?-i:[A-Z]\w)|"
        r"\d{1,3}(?: years old| and)\b|"
        r"(?:married|engaged) to \w)",
        is_clause=True,
    ),
    _rule(
        "I have",
        "fact",
        rf"{BEFORE_FACT}\bi (?:(?:use|wear|walk with) (?:an? )?{AIDS}|"
        rf"(?:have|suffer from) (?:an? )?(?:[\w-]+ ){{0,2}}?{ILLNESS}|"
        r"drive an? (?!lot\b|bit\b|hard\b)[\w-]+|"
        rf"(?:also )?play (?:the )?{INSTRUMENT_OR_GAME})\b|"
        rf"{BEFORE_FACT}\bi've (?:got|had) (?:an? )?(?:[\w-]+ ){{0,2}}?{ILLNESS}\b|"
        rf"{BEFORE_FACT}\b(?:i|my {KIN}) (?:was|were|got) (?:\w+ )?diagnosed with \w|"
        rf"{BEFORE_FACT}\bmy {KIN} (?:(?:has|suffers from) (?:an? )?(?:[\w-]+ ){{0,2}}?{ILLNESS}\b|"
        rf"is (?:an? )?(?:\w+ly )?{DIET})|"
        rf"\b{I_HAVE} (?:[\w-]+ ){{0,2}}?{PET} (?:called|named) (?-i:[A-Z])",
        is_clause=True,
    ),
    _rule(
        "I speak",
        "fact",
        rf"{BEFORE_FACT}\bi (?:can |only |also |mostly |don't |do not )*speak (?:\w+ ){{0,2}}?"
        r"(?-i:(?![A-Z]\w+day\b)[A-Z]\w+(?:ish|ese|ian|an|ch|ic|ew|ek|in|ai|i|u|o))"
        r"(?=\W*$|,| (?:and|or|but|at|with|to|fluently|natively|as)\b)",
        is_clause=True,
    ),
    _rule(
        "I have",
        "fact",
        rf"{BEFORE_FACT}(?<!can )(?<!may )\b{I_HAVE} "
        rf"(?:\w+ )?(?:kids?|child(?:ren)?|sons?|daughters?|twins|siblings|{RELATIVE}s?)\b"
        r"(?=\W*$|\s?[,.;:!(\u2013\u2014-]| (?:called|named|who|and|with|in|at|aged|from)\b)",
        is_clause=True,
    ),
    _rule(
        "remember",
        "fact",
        rf"{OPENING}(?:remember|keep in mind|don't forget|for the record)[,: ]+(?:that )?"
        r"(?:i|my)\b(?! (?:was|were|told|said|asked|mentioned|used to)\b)",
    ),
)
