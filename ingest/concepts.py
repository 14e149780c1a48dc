"""Noun phrases that carry meaning: "data transformation", "cleanup operations", "pottery"."""

from ingest.patterns import NOUNS
from ingest.types import Found, Parsed
from ingest.verbs import third_person
from ingest.vocabulary import CUES

_LONGEST = 4  # tokens of one concept

_GENERIC = frozenset(
    """
    ability access act action actions addition advance advantage age ages aid aim air amount amounts angle answer answers anything area areas arm arms art aspect
    aspects attempt attention attitude awe back background bag balance bar base basis bed beginning behalf benefit benefits best bit bits biz blast board
    body book books boost bottom bowl box boy boys break bro brother brothers buddies buddy bunch business call calls cap car care case cases cat cats cause causes
    center centre challenge challenges chance chances change changes chat check child children chill choice choices circle city class classes code color colors comfort
    company con concern congrats connection connections content contents context control copy corner cost country couple course cover crowd cup dad data date
    dates daughter daughters day days deal deals decision decisions degree desk detail details difference differences difficulty direction discussion display dog dogs
    door dream dreams drive edge effect effects effort efforts element elements end ends energy enough entry environment error errors escape evening event events
    everybody everyone everything evidence example examples excitement experience experiences explanation expression extent eye eyes face faces fact facts faith
    fam family families fan fashion fault fave favorite favourite feature features feedback feel feeling feelings few field fields figure file files finger fingers
    fire flow focus folks food foot force forces form format forms formula friend friends front fun function functions future game games gap gift girl girls
    glad go goal goals gon good group groups growth guess guests gut guts guy guys habit half hand handful hands hang head heads health heart heat hell help
    hi hint home homes honey hope hopes hour hours house house's husband idea ideas image images impact importance improvement improvements individual individuals
    info information input inside instance interest interests issue issues item items job jobs journey joy key kid kids kind kinds king knowledge lack lady land laugh
    layer learning lesson lessons letter level levels life light limit line lines list lists lives load look looks loss lot lots love luck lunch magic majority
    mama man manner map mark mate matter matters meaning means meantime member members memories memory men mention mess message messages method methods middle mind
    mine minute minutes mix mode moment moments mom money month months mood morning mother motivation move movement moves movie movies name names nature need needs neighbor
    news night nights nobody none normal note notes nothing notice number numbers object objects obstacle occasion offer office one ones opening opinion
    opportunities opportunity option options order orders other others outcome outlet output outside own pace page pages pain pair panel paper parent parents part
    parts party passion past path paths peace people period person perspective phone photo photos pic pics pick picture pictures piece pieces place places plan plans
    play plenty plus point points position potential power practice prep presence present pressure price pride prob problem problems process processes product products
    program programs progress project projects proof properties property purpose push quality question questions quote range rate reason reasons record relief reminder
    reminders report request requirement requirements resource resources respect response rest result results return reward ride right rights risk risks rock rocks
    role room root round row rows rule rules rush saying scale scene scenes school screen season second seconds section see self sense series service services session
    set sets setting setup shape share shelf shop shot show side sides sight sign signs similarity sir sister situation situations size skill skills sky smile smiles
    software solution solutions son sort sorts soul sound sounds source space spark speed spirit spot spots stage stages stand standard start state states status stay step
    steps stock stop store stores story stories street strength stress string struggle struggles student students stuff style subject success successes sum summary support
    surface surprise system systems table tables take talent talents talk talks task tasks team teams term terms test tests text thank thanks that thing things think
    thinking thought thoughts time times tip tips title today ton tone tonight tons tool tools top topic topics total touch town track trail tree trick trip
    trips trouble truth try turn twist type types understanding unit update updates use user users usage vacation value values variety version versions vibe vibes view
    views visit visits voice wait walk wall war watch water wave way ways week weekend weekends weeks while wife win wish woman women wonder word words work works world
    worries worry writing year years yesterday tomorrow tonight yard youth zone everyday 's ya y' ta na mon tue tues wed thu fri sat sun sec min hr hrs
    january february march april june july august september october november december monday tuesday wednesday thursday friday saturday sunday spring summer autumn
    fall winter afternoon noon midnight century decade decades moment instant hundred hundreds thousand thousands million millions dozen dozens percent
    morning mornings evenings anyone anybody someone somebody nobody something sth anytime whatever wow haha lol hey yeah yep ok okay hmm
    api apis app apps module modules library libraries package packages server servers script scripts
    """.split()
)
_EMPTY_PHRASE_HEADS = frozenset(
    """
    amount amounts anything behalf bit bits blast bunch bro call case cases chance chances couple day days deal end ends everyone everything example examples fact few folks front
    girl girls guess guy guys half handful hour hours idea ideas instance item items kind kinds lady level lot lots lunch majority man manner matter means men middle
    minute minutes moment moments month months morning night nights none nothing number one ones other others part parts people person piece pieces pair place places
    plenty point points rate reason reasons rest result results series set sets share side sides sort sorts spot stuff sum thing things time times ton tons top total
    try turn type types vibe vibes way ways week weekend weekends weeks while woman women word words year years yesterday tomorrow tonight today 's class classes
    january february march april may june july august september october november december monday tuesday wednesday thursday friday saturday sunday spring summer
    autumn winter afternoon evening century decade decades percent thanks congrats luck module modules library libraries function functions method methods photo photos pic pics
    picture pictures job fun boy boys kid kids fan look feeling feelings moments friend friends news trip difference
    """.split()
)  # heads that say nothing even with a modifier: "good time", "other people"
_EMPTY_MODIFIERS = frozenset(
    """
    able actual additional afraid alone amazing annual another available average awesome awful bad basic beautiful best better big bigger biggest bit brand brilliant
    busy certain clear close common complete complex considerable cool correct couple crazy current cute daily dear different difficult due early easy effective enough entire
    exact excellent exciting existing extra fair famous fantastic fascinating fast favorite favourite few fewer final fine first former free fresh full fun funny future general
    given glad good gorgeous grand great greater greatest happy hard heavy helpful high higher highest honest hot huge ideal important impressive incredible initial interesting
    key kind large larger largest last late later latest least less like likely little live local long longer lot lots lovely loved low lower lucky main major
    many maximum meaningful mere minimum minor modest more most much multiple must-have narrow nearby neat necessary needed new newer newest next nice normal numerous obvious odd
    old older only original other others overall own particular past perfect pleasant plenty poor popular positive possible potential powerful precious present pretty previous primary
    proper proud quick quiet rare ready real recent regular relevant remaining respective rest rewarding rich right same second separate serious several short
    significant similar simple single slight slow small smaller sorry special specific strange strong such sudden suitable super supportive sure sweet terrible third tiny tons top total tough
    true typical underlying unique unusual upcoming useful usual valuable various vast very weekly well whole wide wild wonderful worst wrong yearly yesterday young younger
    today tomorrow tonight half double nice-looking inspiring loving
    """.split()
)
_NOUN = frozenset({"NN", "NNS"})
_MODIFIER = frozenset({"NN", "NNS", "JJ", "VBN", "VBG", "HYPH", "NNP"})
_JOINED = frozenset({"compound", "amod", "nmod", "punct", "npadvmod", "advmod", "conj"})
_SINGLE_PLACES = frozenset({"dobj", "pobj", "conj", "nsubj", "nsubjpass", "attr", "appos", "ROOT"})


def concepts(parsed: Parsed, taken: bytearray) -> list[Found]:
    """Noun phrases outside the characters that `taken` marks: a noun with its compounds and telling adjectives.

    Determiners, possessives and empty adjectives ("good", "other") are left out. A single noun counts only where it is no everyday
    word, since such nouns would become hubs that join everything with everything.
    """
    found = []
    verbs = _hidden_verbs(parsed)
    i = len(parsed.words) - 1
    while i >= 0:
        if parsed.tags[i] not in _NOUN or i in verbs or taken[parsed.starts[i]]:
            i -= 1
            continue
        first = _first(parsed, i, verbs, taken)
        if _telling(parsed, first, i):
            rule = "concept:word" if first == i else "concept:phrase"
            found.append(Found(parsed.starts[first], parsed.ends[i], "concept", rule, NOUNS))
        i = first - 1
    found.reverse()
    return found


def _hidden_verbs(parsed: Parsed) -> frozenset[int]:
    """Verbs that the tagger took for plural nouns: "the parser module handles data"."""
    return frozenset(hidden_verbs(parsed))


def hidden_verbs(parsed: Parsed) -> list[int]:
    """Positions of words such as "handles" or "uses", read as nouns, that follow a word such as "class" and precede a noun."""
    return [
        i
        for i in range(1, len(parsed.words) - 1)
        if parsed.tags[i] in {"NNS", "VBZ"}
        and parsed.deps[i] in {"compound", "nmod", "amod"}
        and parsed.lowers[i] in third_person()
        and parsed.lowers[i - 1] in CUES
    ]


def _first(parsed: Parsed, head: int, verbs: frozenset[int], taken: bytearray) -> int:
    first = head
    while first > 0 and head - first < _LONGEST - 1:
        previous = first - 1
        joins = (
            parsed.tags[previous] in _MODIFIER
            and parsed.deps[previous] in _JOINED
            and first <= parsed.heads[previous] <= head
            and previous not in verbs
            and not taken[parsed.starts[previous]]
        )
        if not joins:
            break
        first = previous
    while first < head and (parsed.lowers[first] in _EMPTY_MODIFIERS or not parsed.words[first][0].isalnum()):
        first += 1
    return first


def _telling(parsed: Parsed, first: int, head: int) -> bool:
    word = parsed.lowers[head]
    if len(word) < 3 or not word.replace("-", "").isalpha():
        return False
    if first == head:
        return word not in _GENERIC and len(word) > 3 and parsed.deps[head] in _SINGLE_PLACES
    return word not in _EMPTY_PHRASE_HEADS and parsed.words[first][0].isalpha()
