"""Learn the weights of the ranker from LoCoMo, BEAM and QMSum; evaluate them on other talks.

    python -m bench.quality.learn DATA [--database-url URL] [--write]

The development halves are learned together, chats at full weight, meetings at half; chats with an
assistant have weights of their own. Passages have too, learned from meetings alone. The figures are
those of each conversation with weights that were learned without it (of chats with an assistant, in
fifths), and those of the current weights. --write replaces the weights in
queries/search/ranker.json. To learn from questions of your own, use
`python -m mcp_context_persistence.cli.train_ranker`.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.datasets.sets import beam, evidence, locomo, qmsum
from bench.quality.qmsum import gold as meeting_gold
from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.cli.train_ranker import collect_question, report
from mcp_context_persistence.models import Conversation
from mcp_context_persistence.queries.search.recipes import named_recipes
from mcp_context_persistence.queries.search.training import Group

MEETING_WEIGHT = 0.5  # of a question about a meeting
PASSAGE_RECIPE = "exploratory"
SEARCHES: dict[str, dict[str, Any]] = {
    "semantic": {"mode": "semantic"},
    "keyword": {"mode": "keyword"},
    **{f"recipe {name}": {"recipe": name} for name in named_recipes()},
}


def run_searches(client: ContextPersistenceClient, query: str) -> dict[str, tuple[str, ...]]:
    """Return the ids that each search of `SEARCHES` finds, best first."""
    filters = {"content_types": "message"}
    return {
        name: tuple(
            result.id for result in client.search_hybrid(query, filters=filters, **search).results
        )
        for name, search in SEARCHES.items()
    }


def collect_chats(data: Path, url: str, *, with_results: bool = False) -> list[Group]:
    """Collect the questions of LoCoMo."""
    groups = []
    for name, sessions, sample in locomo(data):
        ids = {message.id for session in sessions for message in session.messages}
        judgments = [
            (question["question"], relevant, str(question["category"]))
            for question in sample["qa"]
            if (relevant := evidence(question) & ids)
        ]
        groups.append(_collect_group(name, sessions, judgments, url, with_results=with_results))
    return groups


def collect_assistants(data: Path, url: str, *, with_results: bool = False) -> list[Group]:
    """Collect the questions of BEAM that have evidence; none where the set is missing."""
    groups = []
    for name, batches, questions in beam(data):
        judgments = [
            (question["question"], {str(number) for number in numbers}, question["ability"])
            for question in questions
            if (numbers := question["evidence"])
        ]
        groups.append(_collect_group(name, batches, judgments, url, with_results=with_results))
    return groups


def _collect_group(
    name: str,
    conversations: Iterable[Conversation],
    judgments: Iterable[tuple[str, set[str], str]],
    url: str,
    *,
    with_results: bool,
) -> Group:
    """Save a chat; return its questions, of which each has relevant messages and a category."""
    group = Group(name=name, any_is_enough=False)
    with ContextPersistenceClient(
        url, namespace=f"learn-{name}", config={"deadline": 300.0}
    ) as client:
        client.batch_save_conversations(
            [item.model_copy(update={"mode": "conversation"}) for item in conversations]
        )
        for text, relevant, category in judgments:
            results = run_searches(client, text) if with_results else None
            group.questions.append(
                collect_question(client, text, relevant, category=category, results=results)
            )
    print(f"{name}: {len(group.questions)} questions", flush=True)
    return group


def collect_meetings(
    data: Path, url: str, *, with_results: bool = False
) -> tuple[list[Group], list[Group]]:
    """Collect the questions of QMSum: with candidates for single messages, and for passages."""
    groups, passage_groups = list[Group](), list[Group]()
    for name, conversation, meeting in qmsum(data):
        group, passages = (
            Group(name=name, any_is_enough=True, weight=MEETING_WEIGHT) for _ in range(2)
        )
        with ContextPersistenceClient(
            url, namespace=f"learn-{name}", config={"deadline": 300.0}
        ) as client:
            client.save_conversation(conversation.model_copy(update={"mode": "conversation"}))
            for query in meeting["specific_query_list"]:
                text = query["query"]
                relevant = {
                    f"{conversation.conversation_id}:{position}" for position in meeting_gold(query)
                }
                results = run_searches(client, text) if with_results else None
                group.questions.append(collect_question(client, text, relevant, results=results))
                passages.questions.append(
                    collect_question(client, text, relevant, recipe=PASSAGE_RECIPE)
                )
        groups.append(group)
        passage_groups.append(passages)
    count = sum(len(group.questions) for group in groups)
    print(f"{len(groups)} meetings: {count} questions", flush=True)
    return groups, passage_groups


def main() -> int:
    """Collect the questions, learn, evaluate, and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--database-url", default=":memory:")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    chats = collect_chats(options.data, options.database_url)
    meetings, passages = collect_meetings(options.data, options.database_url)
    assistants = collect_assistants(options.data, options.database_url)
    report([*chats, *assistants, *meetings], passages, write=options.write)
    return 0


if __name__ == "__main__":
    sys.exit(main())
