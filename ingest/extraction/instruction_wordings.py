"""The wordings of instructions, preferences and facts about a user. English only."""

import re
from dataclasses import dataclass
from typing import Literal

from mcp_context_persistence.ingest.extraction.rule_data import get_words

Kind = Literal["instruction", "preference", "fact"]

# Verbs by which people tell an assistant how to work.
_TASK_VERBS = (
    r"(?:add|address|annotate|answer|apologi[sz]e|apply|ask|assume|attach|avoid|begin|break|bring|call|"
    r"check|choose|cite|comment|compare|compute|confirm|consider|convert|create|define|delete|describe|"
    r"display|double[- ]check|emphasi[sz]e|end|ensure|exclude|explain|express|focus|follow|format|"
    r"generate|give|greet|guess|highlight|ignore|include|invent|keep|label|leave|limit|link|list|mark|mention|"
    r"name|offer|omit|order|organi[sz]e|phrase|point|prefer|present|prioriti[sz]e|provide|quote|"
    r"rank|recommend|refer|remember|remind|repeat|reply|report|respond|return|round|run|search|"
    r"send|share|show|sign|skip|sort|speak|specify|spell|start|state|stick|structure|suggest|summari[sz]e|"
    r"talk|tell|test|translate|treat|use|verify|warn|wrap|write)"
)
# After "always" and "never" at the start of a sentence: no imperative, or one that tells no task.
_NO_IMPERATIVE = (
    r"(?:a|an|the|at|in|on|up|as|so|too|to|for|with|from|my|your|our|his|her|their|that|this|it|"
    r"here|there|more|less|been|had|was|were|did|got|went|came|knew|saw|thought|said|made|felt|"
    r"took|mind|again|before|ever|once|really|quite|just|also|i|we|you|he|she|they|who|what|when|"
    r"is|are|am|be|do|does|has|have|know|knows|love|loves|like|likes|enjoy|hate|want|wanna|need|"
    r"feel|feels|hope|wonder|wish|good|great|nice|fun|happy|glad|amazing|ready|nervous|better|"
    r"easier|hard|tough|worth|welcome|room|something|someone|too|very|such|pleasure|remember|"
    r"believe|stop|say|forget|give up|give in|lose|heard|seen|done|gone|given|taken|met|eaten|"
    r"known|found|underestimate|seems?|feels|looks?|sounds?|makes|brings|gets|"
    r"mean|trust|thinking|nothing|\w+ed|\w+ing|\w+'\w+)\b"
)
_OPENING = (
    r"^\W*(?:(?:and|also|so|but|ok|okay|oh|hey|hi|hello|well|now|then|thanks|thank you|great|btw|"
    r"by the way|one more thing|first|finally|just|please|pls|kindly|important|reminder|"
    r"note(?: that)?|for future reference)\b[\s,:;!.\u2013\u2014-]*)*"
)
_FUTURE = (
    r"(?:from (?:now|here|this point|today) on(?:wards?)?(?: out)?|henceforth|going forward|"
    r"moving forward|by default|as a rule|in (?:the )?future|for (?:all )?future \w+)"
)
_WHEN_USER = (
    r"(?:when(?:ever)?|every ?time|each time|any ?time|if)\s+(?:i|we)(?:'m|'re| am| are)?\s+"
    r"(?:\w+ly )?(?:ask|request|inquire|query|mention|bring up|talk|say|speak|discuss|want|need|"
    r"send|share|paste|post|upload|write|work|plan|look)(?:s|ing)?\b"
)
_PREPOSED = (
    r"(?:(?:when(?:ever)?|every ?time|each time|any ?time|if) (?:i|we|you)\b[^,?]{1,160},\s*"
    r"(?:then )?(?:please )?|(?:for|in|with|on|before|after) [^,?]{1,80},\s*(?:please )?|"
    rf"{_FUTURE}[\s,]+(?:please )?)"
)
_GENERAL = (
    rf"(?:{_WHEN_USER}|\b(?:{_FUTURE}|whenever you|(?:in )?(?:all|any|each|every) (?:of )?your \w+|"
    r"(?:your |all )?(?:future )?(?:answers|replies|responses|explanations)|your (?:answer|reply|"
    r"response|explanation|output)|(?:everything|anything|whatever) you \w+|"
    r"the (?:words?|phrases?) \w+|"
    r"when you (?:answer|reply|respond|write|talk|speak|explain)\b[^,.;]{0,40} me\b|"
    r"(?:every|each) time you|at all times|by default|ever again|anymore)\b)"
)
_I_WANT = r"i(?:'d| would)? (?:want|like|need|expect|prefer)"
_TO_ASSISTANT = (
    rf"(?:{_I_WANT}|i'd love for) "
    r"(?:you to|your (?:answers|replies|responses|explanations) to be)"
)
_DIET = (
    r"(?:vegan|vegetarian|pescatarian|lactose[- ]intolerant|gluten[- ]free|coeliac|celiac|diabetic|"
    r"teetotal\w*|left[- ]handed|colou?r[- ]?blind|dyslexic|allergic to|intolerant to)\b"
)
_PROFILE = (
    r"(?:(?:full |first |last |middle |user ?|nick ?)?name|birthday|birth date|date of birth|age|"
    r"(?:home |work |e-?mail |postal |mailing )?address|e-?mail|(?:phone|mobile|cell)(?: number)?|"
    r"pronouns|time ?zone|(?:native |first |mother |preferred )?(?:language|tongue)|nationality|"
    r"blood type|(?:job|job title|occupation|profession|employer)|home ?town|"
    r"(?:shoe|shirt|clothing) size|dietary \w+|allerg(?:y|ies))"
)
_RELATIVE = (
    r"(?:wife|husband|partner|spouse|fiancée?|girlfriend|boyfriend|son|daughter|mother|father|mom|"
    r"mum|dad|brother|sister|boss|manager|doctor|dog|cat)"
)
# Not "I'm a friend of hers" or "I'm a customer".
_I_HAVE = r"i(?:['’]ve got| have(?: got)?) (?:an?|one|two|three|four|five|[2-9])"
# What the form of answers is about: "Don't use emojis", "Write in plain English".
_UNWANTED = (
    r"(?:emojis?|emoticons?|bullet ?points?|bullets|markdown|jargon|exclamation (?:marks|points)|"
    r"em[- ]dash(?:es)?|abbreviations|acronyms|slang|hashtags|disclaimers|small talk|links|tables|"
    r"(?:swear|filler|buzz)[- ]?words|follow[- ]?up questions|apologies|footnotes)"
)
_STYLE = (
    r"(?:(?:metric|imperial|si) units|(?:british|american) spelling|"
    r"(?:plain|simple) (?:english|language|words)|24[- ]hour (?:times?|clock|format))"
)
_AIDS = (
    r"(?:wheelchair|walking stick|cane|crutches|hearing aids?|screen ?reader|magnifier|"
    r"insulin pump)"
)
_BUSINESS = (
    r"(?:(?!quer|batter|ever|ver)\w{2,}ery|shop|store|business|firm|company|caf[eé]|restaurant|farm|"
    r"studio|salon|agency|clinic|school|startup|start-up|non-?profit|charity|workshop|vineyard|"
    r"hotel|inn|pub|bar|gym|podcast|blog|newsletter)s?"
)
_OCCUPATION = "|".join(
    sorted(
        (get_words("people_roles") | get_words("person_nouns") | get_words("occupations"))
        - (get_words("kin_nouns") | get_words("passing_roles"))
    )
)
_BEFORE_FACT = r"(?<!if )(?<!when )(?<!that )(?<!because )"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A wording. `is_clause`: it stands in a clause of a sentence, which may end as a question."""

    name: str
    kind: Kind
    pattern: re.Pattern[str]
    is_clause: bool = False


def _rule(name: str, kind: Kind, pattern: str, *, is_clause: bool = False) -> Rule:
    return Rule(
        name=name, kind=kind, pattern=re.compile(pattern, re.IGNORECASE), is_clause=is_clause
    )


# The first that matches counts.
RULES = (
    _rule(
        "always",
        "instruction",
        rf"{_OPENING}(?:{_PREPOSED})?(?:always|never(?: ever)?)\s+"
        rf"(?!{_NO_IMPERATIVE})[a-z-]+(?:\s+\S|\W*$)",
    ),
    _rule(
        "always",
        "instruction",
        r"(?:\byou (?:should|must|need to|have to|are to|shall)|\b(?:make|be) sure "
        rf"(?:to|you|that you)|\bremember to|{_TO_ASSISTANT}|[,;]\s*(?:and |but )?please)"
        rf"\s+(?:always|never) {_TASK_VERBS}\b|\bthat you (?:always|never) {_TASK_VERBS}\b|"
        rf"{_OPENING}(?:don't|do not) ever {_TASK_VERBS}\b",
    ),
    _rule(
        "always",
        "instruction",
        rf"\b(?:could|can|would|will) you (?:please )?(?:always|never) {_TASK_VERBS}\b",
        is_clause=True,
    ),
    _rule(
        "from now on",
        "instruction",
        rf"{_OPENING}{_FUTURE}[\s,]+(?:please |only |you (?:should|must|will)(?: not)? |"
        r"(?:don't|do not|no longer|stop) |i (?:want|need|would like) you to )*"
        rf"(?:{_TASK_VERBS}|no)\b",
    ),
    _rule(
        "when I ask",
        "instruction",
        rf"{_OPENING}(?:(?:only|don't|do not|never|make sure (?:to|you)|be sure to|remember to) )?"
        rf"{_TASK_VERBS}\b.*\b{_WHEN_USER}",
    ),
    _rule(
        "when I ask",
        "instruction",
        rf"{_OPENING}{_WHEN_USER}[^,?]{{1,160}},\s*(?:then )?(?:you (?:should|must|can) )?"
        rf"(?:please )?(?:(?:only|always|never|don't|do not|make sure (?:to|you)) )*"
        rf"{_TASK_VERBS}\b",
    ),
    _rule(
        "please",
        "instruction",
        rf"(?:{_OPENING}|\bplease )(?:(?:don't|do not|only|never|stop|try to|make sure (?:to|you)|"
        rf"be sure to) )?(?:{_TASK_VERBS}\b(?!:)|(?:stop|avoid|quit) \w+ing\b|"
        rf"be (?:brief|concise|honest|direct|precise|specific)\b).*{_GENERAL}",
    ),
    _rule(
        "when I ask",
        "instruction",
        rf"{_OPENING}when(?:ever)? you(?:'re| are)? {_TASK_VERBS}(?:ing)?\b[^,?]{{0,80}},\s*"
        rf"(?:please |always |never |don't |do not )*{_TASK_VERBS}\b",
    ),
    _rule(
        "for questions",
        "instruction",
        rf"{_OPENING}(?:for|in) (?!(?:the|these|those|this|that|my|our|his|her|"
        r"their|more|further|other|any|additional)\b)"
        r"(?:[\w-]+ ){1,3}(?:questions|answers|replies|advice|tips|suggestions|recommendations|"
        r"requests|summaries|explanations|translations|examples|recipes|drafts),\s*"
        rf"(?:please |always |never |don't |do not |you (?:can|should|must) )*{_TASK_VERBS}\b",
    ),
    _rule(
        "please",
        "instruction",
        rf"{_OPENING}(?:(?:answer|reply|respond|speak|talk)(?: (?:to )?me)? (?:only |just )?"
        r"in [a-z]+\b|(?:speak|talk|write) to me (?:like|as if|as though) (?:i|you)\b|"
        r"treat me (?:like|as) an? \w)",
    ),
    _rule(
        "please",
        "instruction",
        rf"{_OPENING}(?:no|fewer|less|more) (?:[\w-]+ ){{1,3}}(?:in|with) "
        r"(?:your|any|all|the) (?:answers?|replies|reply|responses?|explanations?)\b",
    ),
    _rule(
        "please",
        "instruction",
        rf"{_OPENING}(?:(?:don't|do not|never|no|no more|stop|avoid|skip|drop) "
        r"(?:(?:use|using|add|adding|include|including|send|sending|give|giving|ask|asking|show|me|"
        rf"any|the) ){{0,4}}{_UNWANTED}|"
        r"(?:(?:always|only|use|write|answer|speak|stick|keep|in|to|with|the|me) ){1,4}"
        rf"{_STYLE})(?: with me| for me)?(?:,? please)?\W*$",
    ),
    _rule("want you to", "instruction", rf"\b{_TO_ASSISTANT}\b.*{_GENERAL}"),
    _rule(
        "want you to",
        "instruction",
        rf"\b{_I_WANT} (?:all |every )?(?:of )?(?:your )?"
        r"(?:answers?|replies|reply|responses?|explanations?) (?:to be |to have |kept )?"
        r"(?:in (?!by\b|before\b|on\b|time\b)|with(?:out)? |as |"
        r"short\b|brief\b|concise\b|simple\b)",
    ),
    _rule(
        "from now on",
        "instruction",
        rf"{_OPENING}i(?:'d| would)? (?:like|want|need|expect) (?!to\b|you\b)"
        rf".{{3,120}}{_FUTURE}\W*$",
    ),
    _rule(
        "call me",
        "instruction",
        rf"(?:{_OPENING}|\b(?:you can|please|everyone|everybody|people|friends|they all) |[,;] )"
        r"(?:(?:but|and|so|just|all|usually) )*(?:call me|refer to me as|address me as) "
        r"(?!\w+day\b)(?-i:[A-Z][\w'-]*)"
        r"(?! (?:when|if|back|later|at)\b)",
    ),
    _rule(
        "call me",
        "instruction",
        rf"{_OPENING}(?:(?:don't|do not|never|stop|quit) (?:call|calling|addressing) me|"
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
        rf"{_STYLE}",
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
        "I hate",
        "preference",
        r"\bi (?:really |absolutely |also )?(?:hate|dislike|detest|loathe|can't stand|"
        r"cannot stand)\b(?! (?:to|when|that|it|this|how|you|him|her|them|myself|being|having|"
        r"seeing|for|if)\b)",
        is_clause=True,
    ),
    _rule(
        "I am",
        "fact",
        rf"\bi(?:'m| am|'ve been| have been) (?:a |an )?(?:\w+ly )?{_DIET}",
        is_clause=True,
    ),
    _rule(
        "I am",
        "fact",
        rf"{_BEFORE_FACT}\bi(?:'m| am|'ve been| have been) an? "
        r"(?:(?:[\w-]+ ){1,5}and an? )?(?:[\w-]+ ){0,3}?"
        rf"(?:{_OCCUPATION}|"
        r"\w{3,}(?:ologist|ician|grapher|keeper|smith|maker))\b(?! (?:today|tonight|again)\b)",
        is_clause=True,
    ),
    _rule(
        "my … is", "fact", rf"{_BEFORE_FACT}\bmy {_PROFILE}(?: is| are|\s?:)\s*\S", is_clause=True
    ),
    _rule(
        "my … is",
        "fact",
        rf"{_BEFORE_FACT}\bmy {_RELATIVE}(?:(?:'s name is| is (?:called|named)) "
        r"(?-i:[A-Z])|(?:'s| is) (?:\d{1,3}|one|two|three|four|five|six|seven|eight|nine|ten)"
        r"(?: years old| months old| and\b|\W*$))",
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
        "I run",
        "fact",
        rf"{_BEFORE_FACT}\bi (?:also |now |still )?(?:run|own) (?:my own|an?|two|three|the) "
        rf"(?:[\w-]+ ){{0,3}}?{_BUSINESS}\b(?! (?:script|query|test|report|bill|job)\b)",
        is_clause=True,
    ),
    _rule(
        "I live in",
        "fact",
        rf"{_BEFORE_FACT}\bi(?:['’]ve| have)? (?:just |recently |finally )?"
        r"(?:moved (?:back |here )?(?:to|from)|grew up in|(?:am|come) from|studied (?:in|at)) "
        r"(?:the )?(?-i:(?![A-Z]\w+day\b)[A-Z]\w)",
        is_clause=True,
    ),
    _rule(
        "I am",
        "fact",
        rf"{_BEFORE_FACT}\bi['’]m (?:from (?-i:[A-Z]\w)|\d{{1,3}}(?: years old| and)\b|"
        r"(?:married|engaged) to \w)",
        is_clause=True,
    ),
    _rule(
        "I have",
        "fact",
        rf"{_BEFORE_FACT}\bi (?:(?:use|wear|walk with) (?:an? )?{_AIDS}|"
        r"(?:have|suffer from) (?:an? )?(?:\w+ )?"
        r"(?:allergy|allergies|asthma|diabetes|migraines|adhd|dyslexia|celiac|coeliac))\b",
        is_clause=True,
    ),
    _rule(
        "I speak",
        "fact",
        rf"{_BEFORE_FACT}\bi (?:can |only |also |mostly |don't |do not )*speak (?:\w+ ){{0,2}}?"
        r"(?-i:(?![A-Z]\w+day\b)[A-Z]\w+(?:ish|ese|ian|an|ch|ic|ew|ek|in|ai|i|u|o))"
        r"(?=\W*$|,| (?:and|or|but|at|with|to|fluently|natively|as)\b)",
        is_clause=True,
    ),
    _rule(
        "I have",
        "fact",
        rf"{_BEFORE_FACT}(?<!can )(?<!may )\b{_I_HAVE} "
        rf"(?:\w+ )?(?:kids?|child(?:ren)?|sons?|daughters?|twins|siblings|{_RELATIVE}s?)\b"
        r"(?=\W*$|\s?[,.;:!(\u2013\u2014-]| (?:called|named|who|and|with|in|at|aged|from)\b)",
        is_clause=True,
    ),
    _rule(
        "remember",
        "fact",
        rf"{_OPENING}(?:remember|keep in mind|don't forget|for the record)[, ]+(?:that )?"
        r"(?:i|my)\b(?! (?:was|were|told|said|asked|mentioned|used to)\b)",
    ),
)
TRIGGER = re.compile(
    rf"\b(?:always|never|henceforth|remember|keep in mind|{_FUTURE}|prefer\w*|favou?r|favou?rites?|"
    rf"when(?:ever)? (?:i|you)|if i (?:ask|mention|request|say|want|need)|"
    rf"(?:every|each|any) ?time|by default|stop \w+ing|"
    rf"please|answers?|reply|replies|respond|responses?|explanations|the words?|everything you|"
    rf"i (?:\w+ )?(?:hate|dislike|detest|loathe)|don[’']t ever|do not ever|"
    r"advice|tips|suggestions|recommendations|requests|summaries|translations|recipes|drafts|"
    r"examples|questions|"
    rf"speak|talk|(?:call|calling|to|address|addressing) me|anymore|"
    rf"i(?:[’']m| am|[’']ve been| have been) (?:{_DIET}|an? )|treat me|"
    r"i (?:don[’']t|do not|can[’']t|cannot|can only|no longer|only) \w+|"
    rf"i (?:currently |now |mostly )?(?:live|work|teach|was born)|my {_PROFILE}|"
    rf"my {_RELATIVE}(?:[’']s| is )|{_I_HAVE}|{_UNWANTED}|{_STYLE}|{_AIDS}|"
    r"i (?:also |now |still )?(?:run|own)|i(?:['’]ve| have)? (?:just |recently |finally )?moved|"
    r"i (?:grew up|come from|am from|studied|have|suffer)|i[’']m (?:from|\d+|married|engaged))\b",
    re.IGNORECASE,
)
