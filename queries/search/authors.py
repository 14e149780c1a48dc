"""Who wrote the candidates, and whether they are from meetings."""

import re
from collections.abc import Sequence

from mcp_context_persistence.queries.search.candidate import Candidate

MIN_PEOPLE = 3
MEETING_SHARE = 0.8  # of the candidates, that must be from meetings
_SPEAKER = re.compile(r"([^\W\d_][\w .'’-]{0,40}):\s")


def read_authors(messages: Sequence[Candidate]) -> list[str | None]:
    """Return each message's author.

    Where none is stored, the name before a colon, if most of those texts begin with one.
    """
    authors = [message.author for message in messages]
    unknown = [index for index, author in enumerate(authors) if not author]
    matches = [(index, _SPEAKER.match(messages[index].content or "")) for index in unknown]
    names = [(index, match[1]) for index, match in matches if match]
    if 2 * len(names) > len(unknown):
        for index, name in names:
            authors[index] = name
    return authors


def are_from_meetings(
    messages: Sequence[Candidate], authors: Sequence[str | None], *, min_messages: int
) -> bool:
    """Return whether most messages are from long conversations of three people or more."""
    if all((message.position or 0) + 1 < min_messages for message in messages):
        return False
    people: dict[str | None, set[str]] = {}
    lengths: dict[str | None, int] = {}
    for message, author in zip(messages, authors, strict=True):
        conversation = message.conversation_id
        names = people.setdefault(conversation, set())
        if author is not None:
            names.add(author)
        lengths[conversation] = max(lengths.get(conversation, 0), (message.position or 0) + 1)
    meetings = {
        conversation
        for conversation, names in people.items()
        if len(names) >= MIN_PEOPLE and lengths[conversation] >= min_messages
    }
    if not meetings:
        return False
    count = sum(message.conversation_id in meetings for message in messages)
    return count >= MEETING_SHARE * len(messages)
