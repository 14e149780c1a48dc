"""This library, asked through its client."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.datasets.sets import evidence, message_ids
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
    """The answer of a search to a question: ids, best first, and its seconds if it was timed."""

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
    """Save a conversation and ask its questions in each mode.

    The client has cached the vectors of the questions before they are timed, as the peers have.

    Returns:
        The answers, and the group for `cross_validated_answers`.
    """
    group = Group(name=namespace, any_is_enough=False)
    answers = []
    with ContextPersistenceClient(
        url, auth=auth, namespace=namespace, config={"deadline": 300.0}
    ) as client:
        client.batch_save_conversations(sessions)
        ids = message_ids(sessions)
        questions = [
            (number, question)
            for number, question in enumerate(sample["qa"])
            if evidence(question) & ids
        ]
        for number, question in questions:
            group.questions.append(
                collect_question(
                    client, question["question"], evidence(question) & ids, category=str(number)
                )
            )
        for mode in ("hybrid", "semantic", "keyword"):
            for _, question in questions[:WARM]:
                client.search_hybrid(question["question"], mode=mode, limit=LIMIT, filters=MESSAGES)
            for number, question in questions:
                start = time.perf_counter()
                response = client.search_hybrid(
                    question["question"], mode=mode, limit=LIMIT, filters=MESSAGES
                )
                seconds = time.perf_counter() - start
                answers.append(
                    Answer(
                        settings=mode,
                        namespace=namespace,
                        question=str(number),
                        ids=[result.message_id or result.id for result in response.results],
                        seconds=seconds,
                    )
                )
    return answers, group


def cross_validated_answers(groups: list[Group]) -> Iterator[Answer]:
    """Yield the answers of the hybrid search with weights learned without the conversation."""
    for group, question, weights in cross_validate(groups):
        ids = [question.ids[index] for index in order_candidates(question, weights)[:LIMIT]]
        yield Answer(
            settings=LEFT_OUT,
            namespace=group.name,
            question=question.category,
            ids=ids,
            seconds=None,
        )
