"""Function words by language, which say nothing about the subject of a text."""

from collections.abc import Mapping
from functools import cache

_WORDS: Mapping[str, str] = {
    "en": """
        a an and are as at be but by for if in into is it no not of on or such that the their then
        there these they this to was will with
        what when where who whom whose which why how do does did has have had having would could
        should can may might shall must his her hers him he she its them i me my you your we our us
        many much long kind type according like from about been being were am after before during
        so than too very just also any some tell show please
    """,
    "de": """
        aber als am an auch auf aus bei beim bin bis bist da damit dann das dass dein deine dem den
        der des die dies diese diesem diesen dieser doch dort du durch ein eine einem einen einer
        eines er es euch euer für gegen gibt habe haben hat hatte hatten hier ich ihm ihn ihr ihre
        im in ins ist ja jetzt kann kein keine können machen mal man mein meine mich mir mit muss
        nach nicht nichts noch nur oder ohne schon sehr sein seine seit sich sie sind so soll über
        um und uns unser unter vom von vor war waren warum was weil welche welcher welches wem wen
        wenn wer werden wie wieder wir wird wo wohin woher wann während würde zu zum zur zwischen
    """,
    "fr": """
        ai as au aussi aux avait avec avez avoir avons car ce cela ces cet cette ceux chez comme
        comment dans de des donc du elle elles en est et étaient était être eu fait faut il ils
        je la le les leur leurs lui ma mais me mes moi mon même ne nos notre nous on ont ou où par
        pas peut plus pour pourquoi qu quand que quel quelle quelles quels qui quoi sa sans se sera
        ses si son sont sous sur suis ta te tes toi ton tous tout toute très tu un une va vers vos
        votre vous y à été ça combien après depuis entre
    """,
    "es": """
        a al algo como con cuando cual cuál cuáles cuándo cuánto cuántos cómo de del desde donde
        dónde dos el ella ellas ellos en entre era eran es esa ese eso esta estaba estado están está
        este esto estoy fue fueron ha había han hasta hay he hoy la las le les lo los me mi mis muy
        más mí nada ni no nos nosotros o os para pero por porque puede qué que quien quién se ser si
        sin sobre son soy su sus sí también te tengo tiene todo todos tu tus tú un una uno unos y ya
        yo durante hacia
    """,
    "it": """
        a ad ai al alla alle anche che chi ci come con cosa cui da dal dalla degli dei del della
        delle di dove e ed è era gli ha hai hanno ho i il in io la le lei lo loro lui ma mi mia mio
        nel nella noi non o per perché più poi quale quali quando quanto quello questa questo se sei
        si sia sono sta su sua sul sulla suo te ti tra tu un una uno voi dopo durante senza
    """,
    "pt": """
        a ao aos as até com como da das de dela dele do dos e ela ele eles em entre era essa esse
        esta está este eu foi foram há isso já lhe mais mas me mesmo meu minha muito na nas nem no
        nos nós não o onde os ou para pela pelo por porque qual quando que quem quê se sem ser seu
        seus sua são só também tem tenho tinha um uma umas uns você vocês à é após desde durante
        sobre
    """,
    "nl": """
        aan al als bij dan dat de deze die dit door dus een en er ga geen haar heb hebben heeft het
        hier hij hoe hun ik in is je jij jullie kan maar me meer met mij mijn moet naar niet nog nu
        of om ons ook op over te toen tot uit van veel voor waar waarom wanneer want waren was wat
        we wel welke werd wie wij wil worden zal ze zich zij zijn zo zou onder sinds tijdens tussen
        zonder
    """,
}
LANGUAGES = tuple(_WORDS)


@cache
def read_stop_words(language: str) -> frozenset[str]:
    """Return the function words of a language; empty for a language without a list."""
    return frozenset(_WORDS.get(language, "").split())


# Those that begin sentences and name nobody.
_NAMELESS = """
    the a i and but if this that these those there they we you your my our his he she its is are was
    were what when where why how which does did have has as at by for in of on or to with be not
    from about after before than then their also any some very just please der die das ein eine und
    ich wir sie les des une est que los las una por para gli della een het van
"""


@cache
def read_name_like_words() -> frozenset[str]:
    """Return the function words that may be names: "will", "may", "us", "it"."""
    words = frozenset[str]().union(*map(read_stop_words, LANGUAGES))
    return words - frozenset(_NAMELESS.split())
