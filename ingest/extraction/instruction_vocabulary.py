"""Parts of the wordings of instructions, preferences and facts about a user. English only.

All are parts of regular expressions that do not distinguish capitals.
"""

from mcp_context_persistence.ingest.extraction.rule_data import get_words

# Verbs by which people tell an assistant how to work.
TASK_VERBS = (
    r"(?:add|address|annotate|answer|apologi[sz]e|apply|ask|assume|attach|avoid|begin|break|bring|call|"
    r"check|choose|cite|comment|compare|compute|confirm|consider|convert|create|define|delete|describe|"
    r"display|double[- ]check|emphasi[sz]e|end|ensure|exclude|explain|express|focus|follow|format|"
    r"generate|give|greet|guess|highlight|ignore|include|invent|keep|label|leave|limit|link|list|mark|mention|"
    r"name|offer|omit|order|organi[sz]e|phrase|point|prefer|present|prioriti[sz]e|provide|quote|"
    r"rank|recommend|refer|remember|remind|repeat|reply|report|respond|return|round|run|search|"
    r"send|share|show|sign|skip|sort|speak|specify|spell|start|state|stick|structure|suggest|summari[sz]e|"
    r"talk|tell|test|translate|treat|use|verify|warn|wrap|write)"
)
TASK_GERUNDS = (
    r"(?:adding|asking|assuming|being|ending|explaining|giving|guessing|including|"
    r"inventing|offering|repeating|saying|sending|showing|starting|suggesting|summari[sz]ing|"
    r"telling|using|writing)"
)
# Words after "always" and "never" that begin no imperative, or one that gives no task.
NO_IMPERATIVE = (
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
OPENING = (
    r"^\W*(?:(?:and|also|so|but|ok|okay|oh|hey|hi|hello|well|now|then|thanks|thank you|great|btw|"
    r"by the way|one more thing|first|finally|just|please|pls|kindly|important|reminder|"
    r"note(?: that)?|for future reference)\b[\s,:;!.\u2013\u2014-]*)*"
)
FUTURE = (
    r"(?:from (?:now|here|this point|today) on(?:wards?)?(?: out)?|henceforth|going forward|"
    r"moving forward|by default|as a rule|in (?:the )?future|for (?:all )?future \w+)"
)
WHEN_USER = (
    r"(?:when(?:ever)?|every ?time|each time|any ?time|if)\s+(?:i|we)(?:'m|'re| am| are)?\s+"
    r"(?:\w+ly )?(?:ask|request|inquire|query|mention|bring up|talk|say|speak|discuss|want|need|"
    r"send|share|paste|post|upload|write|work|plan|look)(?:s|ing)?\b"
)
PREPOSED = (
    r"(?:(?:when(?:ever)?|every ?time|each time|any ?time|if) (?:i|we|you)\b[^,?]{1,160},\s*"
    r"(?:then )?(?:please )?|(?:for|in|with|on|before|after) [^,?]{1,80},\s*(?:please )?|"
    rf"{FUTURE}[\s,]+(?:please )?)"
)
GENERAL = (
    rf"(?:{WHEN_USER}|\b(?:{FUTURE}|whenever you|(?:in )?(?:all|any|each|every) (?:of )?your \w+|"
    r"(?:your |all )?(?:future )?(?:answers|replies|responses|explanations)|your (?:answer|reply|"
    r"response|explanation|output)|(?:everything|anything|whatever) you \w+|"
    r"the (?:words?|phrases?) \w+|"
    r"(?:every|each|any) (?:[\w-]+ ){1,3}you (?:make|write|give|send|mention|suggest|cite|use)|"
    r"when you (?:answer|reply|respond|write|talk|speak|explain)\b[^,.;]{0,40} me\b|"
    r"(?:every|each) time you|at all times|by default|ever again|anymore|"
    r"unless (?:i|we) (?:say|tell|ask|specify|request|write)\w*)\b)"
)
I_WANT = (
    r"i(?:'d| would)? (?:(?:always|generally|usually|really|strongly) )?"
    r"(?:want|like|need|expect|prefer)"
)
TO_ASSISTANT = (
    rf"(?:{I_WANT}|i'd love for) "
    r"(?:you to|your (?:answers|replies|responses|explanations) to be)"
)
DIET = (
    r"(?:vegan|vegetarian|pescatarian|lactose[- ]intolerant|gluten[- ]free|coeliac|celiac|diabetic|"
    r"teetotal\w*|left[- ]handed|colou?r[- ]?blind|dyslexic|allergic to|intolerant to|pregnant|"
    r"retired|(?:deaf|blind)(?! to\b)|hard of hearing|visually impaired|self[- ]employed|"
    r"unemployed|autistic|non-?binary)\b"
)
PROFILE = (
    r"(?:(?:full |first |last |middle |user ?|nick ?)?name|birthday|birth date|date of birth|age|"
    r"(?:home |work |e-?mail |postal |mailing )?address|e-?mail|(?:phone|mobile|cell)(?: number)?|"
    r"pronouns|time ?zone|(?:native |first |mother |preferred )?(?:language|tongue)|nationality|"
    r"blood type|(?:job|job title|occupation|profession|employer)|home ?town|"
    r"(?:shoe|shirt|clothing) size|dietary \w+|allerg(?:y|ies))"
)
RELATIVE = (
    r"(?:wife|husband|partner|spouse|fianc[eé]e?|girlfriend|boyfriend|son|daughter|mother|father|mom|"
    r"mum|dad|brother|sister|boss|manager|doctor|dog|cat)"
)
KIN = (
    rf"(?:{RELATIVE}|(?:grand|step)(?:mother|father|son|daughter)|grandma|grandpa|nan|gran|aunt|"
    r"uncle|cousin|niece|nephew|(?:\w+ )?(?:kid|child)|toddler|flat-?mate|room-?mate)"
)
PET = (
    r"(?:dog|puppy|cat|kitten|horse|pony|rabbit|parrot|hamster|budgie|tortoise|retriever|terrier|"
    r"poodle|spaniel|labrador|lab|shepherd|collie|beagle|husky|dachshund|pug|corgi|greyhound)"
)
OWN_THING = (
    r"(?:company|business|start-?up|shop|store|firm|band|boat|horse|rabbit|parrot|hamster|puppy|"
    r"kitten)"
)
# After "I don't like": what is only there now, or no noun.
NOT_LASTING = (
    r"(?:to|when|that|it|this|these|those|the|how|you|him|her|them|my|your|his|their|its|being|"
    r"having|seeing|for|if|what|where|either|any|anything|much|one|any of|an?|people|talking)\b"
)
# Not "I'm a friend of hers" or "I'm a customer".
I_HAVE = r"(?:i|we)(?:['’]ve got| have(?: got)?) (?:an?|one|two|three|four|five|[2-9])"
# What the form of answers is about: "Don't use emojis", "Write in plain English".
UNWANTED = (
    r"(?:emojis?|emoticons?|bullet ?points?|bullets|markdown|jargon|exclamation (?:marks|points)|"
    r"em[- ]dash(?:es)?|abbreviations|acronyms|slang|hashtags|disclaimers|small talk|links|tables|"
    r"technical terms|legalese|clich[eé]s|platitudes|pleasantries|flattery|sugar-?coating|"
    r"(?:swear|filler|buzz)[- ]?words|follow[- ]?up questions|apologies|footnotes)"
)
STYLE = (
    r"(?:(?:metric|imperial|si) units|celsius|fahrenheit|(?:british|american) spelling|"
    r"(?:they/them|she/her|he/him)(?: pronouns)?|"
    r"(?:plain|simple) (?:english|language|words)|24[- ]hour (?:times?|clock|format))"
)
AIDS = (
    r"(?:wheelchair|walking stick|cane|crutches|hearing aids?|screen ?reader|magnifier|"
    r"insulin pump)"
)
BUSINESS = (
    r"(?:(?!quer|batter|ever|ver)\w{2,}ery|shop|store|business|firm|company|caf[eé]|restaurant|farm|"
    r"studio|salon|agency|clinic|school|startup|start-up|non-?profit|charity|workshop|vineyard|"
    r"hotel|inn|pub|bar|gym|podcast|blog|newsletter)s?"
)
OCCUPATION = "|".join(
    sorted(
        (get_words("people_roles") | get_words("person_nouns") | get_words("occupations"))
        - (get_words("kin_nouns") | get_words("passing_roles"))
    )
)
BEFORE_FACT = r"(?<!if )(?<!when )(?<!that )(?<!not because )(?<!just because )"
# Roles that last for years and are no occupation.
LASTING_ROLE = (
    r"(?:beginner|novice|newbie|native speaker|night owl|early bird|morning person|introvert|"
    r"extrovert|widow(?:er)?|carer|caregiver|veteran|"
    r"single (?:mother|father|mom|mum|dad|parent))"
)
ILLNESS = (
    r"(?:allerg(?:y|ies)|asthma|diabetes|migraines?|adhd|dyslexia|c(?:o?e)liac(?: disease)?|"
    r"epilepsy|arthritis|tinnitus|insomnia|hypertension|high blood pressure|endometriosis|autism|"
    r"ocd|ptsd|ibs)"
)
# People who work for somebody: "my accountant".
HELPER = (
    r"(?:accountant|dentist|doctor|gp|landlord|landlady|lawyer|solicitor|therapist|boss|manager|"
    r"supervisor|teacher|tutor|coach|trainer|mentor|vet|hairdresser|midwife|nurse|neighbou?r|"
    r"room-?mate|flat-?mate|house-?mate|best friend)"
)
INSTRUMENT_OR_GAME = (
    r"(?:cello|piano|guitar|violin|viola|drums|bass|flute|saxophone|trumpet|clarinet|harp|organ|"
    r"banjo|ukulele|accordion|chess|tennis|football|soccer|basketball|volleyball|golf|badminton|"
    r"rugby|cricket|hockey)"
)
HABIT = r"(?:smoking|drinking|gambling|alcohol|caffeine|coffee|sugar|meat|dairy)"
POSSESSION = (
    r"(?:car|driver's licen[cs]e|driving licen[cs]e|licen[cs]e|tv|dog|pets|kids|children|oven|"
    r"dishwasher|freezer|microwave|garden|balcony|bike|smartphone|printer|credit card)"
)
