"""The talks in which the confidence is learned and measured, and the questions about them.

Each talk is asked as a whole and in short parts, as a small store has no more than such a part.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.datasets.sets import beam, evidence, locomo, message_ids, qmsum
from bench.datasets.unanswerable import list_questions
from bench.quality.qmsum import gold
from mcp_context_persistence.models import Conversation

FOREIGN_QUESTIONS = 25  # for each talk
MEETINGS = 12
PART_SIZES = (3, 6, 10, 16, 24, 36)  # messages
PART_QUESTIONS = 8  # of each kind, for each part
ANSWERED, UNANSWERED, FOREIGN, STRANGE = "answered", "unanswered", "foreign", "strange"
ELSEWHERE = "elsewhere"  # another part of the talk answers the question
UNANSWERED_CATEGORIES = {"5", "abstention"}
Judgment = tuple[str, set[str], str, int]


@dataclass(frozen=True, kw_only=True)
class Talk:
    """A talk, or a part of one, with its questions.

    Attributes:
        data_set: Its set.
        name: Its name; parts have that of the whole.
        conversations: All messages have an id.
        questions: Text, ids of the evidence, and category.
        size: Messages of a part; 0 for the whole talk.
    """

    data_set: str
    name: str
    conversations: Sequence[Conversation]
    questions: Sequence[tuple[str, set[str], str]]
    size: int = 0


def read_talks(data: Path) -> Iterator[Talk]:
    """Yield the talks of the development sets."""
    for name, sessions, sample in locomo(data):
        ids = message_ids(sessions)
        questions = [
            (question["question"], evidence(question) & ids, str(question["category"]))
            for question in sample["qa"]
        ]
        yield Talk(data_set="locomo", name=name, conversations=sessions, questions=questions)
    for name, batches, asked in beam(data):
        questions = [
            (question["question"], set(map(str, question["evidence"])), question["ability"])
            for question in asked
        ]
        yield Talk(data_set="beam", name=name, conversations=batches, questions=questions)
    for number, (name, conversation, meeting) in enumerate(qmsum(data)):
        if number == MEETINGS:
            break
        questions = [
            (
                query["query"],
                {f"{conversation.conversation_id}:{position}" for position in gold(query)},
                "",
            )
            for query in meeting["specific_query_list"]
        ]
        numbered = conversation.model_copy(
            update={
                "messages": [
                    message.model_copy(update={"id": f"{conversation.conversation_id}:{position}"})
                    for position, message in enumerate(conversation.messages)
                ]
            }
        )
        yield Talk(data_set="qmsum", name=name, conversations=[numbered], questions=questions)


def cut_talk(talk: Talk, count: int) -> Iterator[Talk]:
    """Yield so many short parts of a talk, each of which answers a question or more.

    The questions of a part are those that it answers, those with an answer elsewhere in the talk,
    and those without an answer about messages of the part.
    """
    choose = random.Random(talk.name)
    messages = [
        (conversation.conversation_id, message)
        for conversation in talk.conversations
        for message in conversation.messages
    ]
    positions = {str(message.id): position for position, (_, message) in enumerate(messages)}
    answered = [
        question
        for question in talk.questions
        if question[1] and question[1] <= positions.keys() and not _is_unanswered(question)
    ]
    for size in PART_SIZES[:count] if answered else ():
        position = positions[choose.choice(sorted(choose.choice(answered)[1]))]
        start = max(0, min(len(messages) - size, position - choose.randrange(size)))
        part = messages[start : start + size]
        ids = {str(message.id) for _, message in part}
        inside = [question for question in talk.questions if question[1] and question[1] <= ids]
        outside = [(text, set[str](), ELSEWHERE) for text, own, _ in answered if not own & ids]
        yield replace(
            talk,
            size=size,
            conversations=[
                Conversation(
                    conversation_id=name, messages=[message for own, message in part if own == name]
                )
                for name in dict.fromkeys(name for name, _ in part)
            ],
            questions=[
                *_sample(choose, [entry for entry in inside if not _is_unanswered(entry)]),
                *_sample(choose, [entry for entry in inside if _is_unanswered(entry)]),
                *_sample(choose, outside),
            ],
        )


def _is_unanswered(question: tuple[str, set[str], str]) -> bool:
    return question[2] in UNANSWERED_CATEGORIES


def _sample(
    choose: random.Random, questions: Sequence[tuple[str, set[str], str]]
) -> list[tuple[str, set[str], str]]:
    return choose.sample(questions, min(PART_QUESTIONS, len(questions)))


def list_judgments(talk: Talk, talks: Sequence[Talk]) -> Iterator[Judgment]:
    """Yield the questions for a talk: text, ids of the evidence, kind and half.

    Args:
        talk: A whole talk, or a part.
        talks: All whole talks.
    """
    for number, (text, ids, category) in enumerate(talk.questions):
        if category in {*UNANSWERED_CATEGORIES, ELSEWHERE}:
            kind = ELSEWHERE if category == ELSEWHERE else UNANSWERED
            yield text, set(), kind, number % 2
        elif ids:
            yield text, ids, ANSWERED, number % 2
    foreign = [
        text
        for other in talks
        if other.data_set == talk.data_set and other.name != talk.name
        for text, _, _ in other.questions
    ]
    count = PART_QUESTIONS if talk.size else FOREIGN_QUESTIONS
    step = max(1, len(foreign) // count)
    for number, text in enumerate(foreign[talk.size % step :: step][:count]):
        yield text, set(), FOREIGN, number % 2
    index = [other.name for other in talks].index(talk.name)
    for half, questions in enumerate(list_questions()):
        for text in questions[index :: len(talks)][: PART_QUESTIONS if talk.size else None]:
            yield text, set(), STRANGE, half
