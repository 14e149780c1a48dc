"""Who wrote the candidates, and whether they are from meetings or chats with an assistant."""

import re
from collections import defaultdict
from collections.abc import Sequence

from mcp_context_persistence.queries.search.candidate import Candidate

MIN_PEOPLE = 3
MEETING_SHARE = 0.8  # of the candidates, that must be from meetings
LONG_ANSWER = 600  # characters; people seldom write as much to each other
_VERBS = "recommend|suggest|advise|explain|propose|describe|mention|list|outline|tell|say|give|show"
_PAST_VERBS = (
    "recommended|suggested|advised|explained|proposed|described|mentioned|listed|outlined|"
    "told|said|gave|given|showed|shown"
)
_ADVERBS = "already|also|earlier|ever|first|just|once|originally|previously|then|had|have"
# In a query, what "you" said before: "did you suggest", not "can you suggest".
ASSISTANTS_WORDS = re.compile(
    rf"""\b(?:did\ you\ (?:(?:{_ADVERBS})\ )?(?:{_VERBS})\b
    |(?:have\ |had\ )?you\ (?:(?:{_ADVERBS})\ ){{0,2}}(?:{_PAST_VERBS})\b
    |your\ (?:recommendation|suggestion|advice|explanation|proposal|answer|tip)s?\b
    |(?:hast|hattest)\ du\b.{{0,80}}?\b(?:empfohlen|vorgeschlagen|geraten|erklärt|gesagt|genannt)\b
    |deine?\ (?:empfehlung|vorschl|rat\b|ratschl|antwort|erklärung)
    |(?:as-tu|avez-vous|tu\ m['’]as|vous\ m['’]avez)[ ]
    (?:recommandé|conseillé|proposé|suggéré|dit|expliqué)
    |(?:ton|votre)\ conseil
    |me\ (?:recomendaste|sugeriste|aconsejaste|propusiste|explicaste|dijiste)\b
    |tu\ (?:consejo|recomendación|sugerencia))""",
    re.IGNORECASE | re.VERBOSE,
)
_LONGEST_NAME = 41  # characters
_SPEAKER = re.compile(r"([^\W\d_][\w .'’-]{0,40}):\s")


def read_authors(messages: Sequence[Candidate]) -> list[str | None]:
    """Return each message's author.

    Where none is stored, the name before a colon, if most of those texts begin with one.
    """
    authors = [message.author for message in messages]
    unknown = [index for index, author in enumerate(authors) if not author]
    names: list[tuple[int, str]] = []
    for index in unknown:
        content = messages[index].content or ""
        # Finding the colon first is three times as fast as the expression.
        if content.find(":", 1, _LONGEST_NAME + 1) > 0 and (match := _SPEAKER.match(content)):
            names.append((index, match[1]))
    if 2 * len(names) > len(unknown):
        for index, name in names:
            authors[index] = name
    return authors


def are_from_meetings(
    messages: Sequence[Candidate], authors: Sequence[str | None], *, min_messages: int
) -> bool:
    """Return whether most messages are from long conversations of three people or more."""
    if len(set(authors) - {None}) < MIN_PEOPLE:
        return False
    people: defaultdict[str | None, set[str | None]] = defaultdict(set)
    lengths: defaultdict[str | None, int] = defaultdict(int)
    for message, author in zip(messages, authors, strict=True):
        conversation_id = message.conversation_id
        people[conversation_id].add(author)
        lengths[conversation_id] = max(lengths[conversation_id], (message.position or 0) + 1)
    meetings = {
        conversation_id
        for conversation_id, names in people.items()
        if len(names - {None}) >= MIN_PEOPLE and lengths[conversation_id] >= min_messages
    }
    count = sum(message.conversation_id in meetings for message in messages)
    return count >= MEETING_SHARE * len(messages)


def measure_assistant_share(messages: Sequence[Candidate]) -> float:
    """Return how far the candidates are from chats of a user with an assistant, 0 to 1.

    It is the share of long texts among the messages of assistants, where users wrote too: a program
    answers at length. Two people who have these roles in a chat answer shortly.
    """
    answers = [message for message in messages if message.role == "assistant"]
    if not answers or all(message.role != "user" for message in messages):
        return 0.0
    return sum(len(message.content or "") >= LONG_ANSWER for message in answers) / len(answers)
