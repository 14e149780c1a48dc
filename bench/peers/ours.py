"""This library, asked through its client."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.datasets.sets import evidence
from bench.peers.exchange import LIMIT, WARM
from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.cli.train_ranker import collect_question
from mcp_context_persistence.models import Conversation
from mcp_context_persistence.queries.search.training import (
    Group,
    cross_validate,
    order_candidates,
)

MESSAGES = {"content_types": ["message"]}
LEFT_OUT = "hybrid, weights learned without the conversation"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a search brought back for a question: ids best first, and the seconds it took; None where nobody looked at the clock."""

    settings: str
    namespace: str
    question: str
    ids: list[str]
    seconds: float | None
    error: str | None = None


def ask(
    url: str,
    auth: tuple[str, str],
    namespace: str,
    sessions: list[Conversation],
    sample: dict[str, Any],
) -> tuple[list[Answer], Group]:
    """Save a conversation, ask its questions in each mode; the group is for `without_it`.

    The questions' vectors are known when the clock starts, as the peers' are: the client remembers the last 1,024.
    """
    group = Group(name=namespace, any_is_enough=False)
    answers = []
    with ContextPersistenceClient(
        url, auth=auth, namespace=namespace, config={"deadline": 300.0}
    ) as client:
        client.batch_save_conversations(sessions)
        ids = {message.id for session in sessions for message in session.messages}
        asked = [(number, one) for number, one in enumerate(sample["qa"]) if evidence(one) & ids]
        for number, one in asked:
            group.questions.append(
                collect_question(client, one["question"], evidence(one) & ids, category=str(number))
            )
        for mode in ("hybrid", "semantic", "keyword"):
            for _, one in asked[:WARM]:
                client.search_hybrid(one["question"], mode=mode, limit=LIMIT, filters=MESSAGES)
            for number, one in asked:
                start = time.perf_counter()
                found = client.search_hybrid(
                    one["question"], mode=mode, limit=LIMIT, filters=MESSAGES
                )
                seconds = time.perf_counter() - start
                answers.append(
                    Answer(
                        settings=mode,
                        namespace=namespace,
                        question=str(number),
                        ids=[one.message_id or one.id for one in found.results],
                        seconds=seconds,
                    )
                )
    return answers, group


def without_it(groups: list[Group]) -> Iterator[Answer]:
    """The fused search once more, each conversation ranked by weights learned from the other ones alone."""
    for group, question, weights in cross_validate(groups):
        ids = [question.ids[index] for index in order_candidates(question, weights)[:LIMIT]]
        yield Answer(
            settings=LEFT_OUT,
            namespace=group.name,
            question=question.category,
            ids=ids,
            seconds=None,
        )
