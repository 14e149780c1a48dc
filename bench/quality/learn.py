"""Learn the weights of the ranker from judged questions, and tell how good they are on questions that they were not learned from.

    python -m bench.quality.learn DATA [--database-url URL] [--write]
    python -m bench.quality.learn --judgements FILE --namespace NAME --database-url URL [--write]

DATA holds LoCoMo and QMSum; their development halves are learned together, chats at full weight, meetings at half. FILE has a line per
question, {"query": "...", "relevant": ["message id", ...]}, about messages that are stored already. The ranker is a softmax over a
question's candidates; what is maximised is the likelihood of the relevant ones (of all in a chat, of any in a meeting, where a span of
many turns is relevant). Recipes that look for stretches have weights of their own, learned from meetings alone. Shown are the figures when
each conversation is judged by weights learned without it, and by the weights as they are: what is no better than these had better not be written. --write puts the weights, learned from everything, into queries/search/ranker.json.
"""

import argparse
import json
import math
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from bench.datasets.sets import evidence, locomo, qmsum
from bench.quality.qmsum import gold as meeting_gold
from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.kg.timestamps import now_ms
from mcp_context_persistence.queries.search import diversification, ranker
from mcp_context_persistence.queries.search.filters import parse
from mcp_context_persistence.queries.search.hybrid import Search, candidates
from mcp_context_persistence.queries.search.ranker import FEATURES, STRETCHES, WEIGHTS, features
from mcp_context_persistence.queries.search.recipes import BALANCED, Recipe, known
from mcp_context_persistence.queries.search.retrieval import QueryVector

Floats = NDArray[np.float64]

RIDGE, STRETCHED_RIDGE = 1e-3, 2e-4
FOLDS = 5
MEETINGS = 0.5  # what a meeting's question counts
DEPTH = 10
KEPT = {"linked": 1.0}  # not learned: these sets say too little of things that have several names
LONG = known()["exploratory"]
WAYS: dict[str, dict[str, str]] = {
    "semantic": {"mode": "semantic"},
    "keyword": {"mode": "keyword"},
    **{f"recipe {name}": {"recipe": name} for name in known()},
}


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A question and its candidates.

    Attributes:
        question: The question.
        seen: What the ranker sees of each candidate, `(candidates, features)`.
        relevant: Which of them are relevant, `(candidates,)` of 0 and 1.
        wanted: The relevant messages, of all there are.
        ids: Of the candidates.
        kind: The category of the question.
        distances: Between the candidates, where stretches are looked for.
        plain: What the searches of `WAYS` found, best first, with the weights as they are.
    """

    question: str
    seen: Floats
    relevant: Floats
    wanted: frozenset[str]
    ids: tuple[str, ...]
    kind: str = ""
    distances: Floats | None = None
    plain: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(kw_only=True)
class Group:
    """The questions about one long conversation, which are learned from, or judged, together."""

    name: str
    any_will_do: bool
    weight: float = 1.0
    questions: list[Judged] = field(default_factory=list)


def found_by(client: ContextPersistenceClient, question: str, **how: str) -> tuple[str, ...]:
    """The ids that a search finds, best first."""
    return tuple(
        one.id
        for one in client.search_hybrid(
            question, filters={"content_types": "message"}, **how
        ).results
    )


def judged(
    client: ContextPersistenceClient,
    question: str,
    relevant: set[str],
    kind: str = "",
    *,
    made: Recipe = BALANCED,
    compared: bool = False,
) -> Judged:
    """Ask the graph for the candidates of a recipe."""
    core = client._engine
    found = core.embeddings.current()
    vector = QueryVector(numbers=found.embedder.embed_query(question), vectors=found.vectors)
    rows, asked = candidates(
        core.graph.run,
        Search(
            namespace=core.namespace,
            query=question,
            vector=vector,
            filters=parse({"content_types": "message"}),
            recipe=made,
            now_ms=now_ms(),
        ),
    )
    rows = sorted(rows, key=lambda row: (row["conversation_id"], row["position"], row["id"]))
    stretches = bool(made.passage)
    return Judged(
        question=question,
        seen=features(rows, asked, stretches=stretches)
        if rows
        else np.zeros((0, len(STRETCHES if stretches else FEATURES))),
        relevant=np.array([row["id"] in relevant for row in rows], float),
        wanted=frozenset(relevant),
        ids=tuple(row["id"] for row in rows),
        kind=kind,
        distances=diversification.distances(rows) if stretches else None,
        plain={way: found_by(client, question, **how) for way, how in WAYS.items()}
        if compared
        else {},
    )


def chats(data: Path, url: str, *, compared: bool = False) -> list[Group]:
    """LoCoMo."""
    found = []
    for namespace, sessions, sample in locomo(data):
        group = Group(name=namespace, any_will_do=False)
        with ContextPersistenceClient(
            url, namespace=f"learn-{namespace}", config={"deadline": 300.0}
        ) as client:
            client.batch_save_conversations(
                [one.model_copy(update={"mode": "conversation"}) for one in sessions]
            )
            ids = {message.id for session in sessions for message in session.messages}
            for question in sample["qa"]:
                if relevant := evidence(question) & ids:
                    group.questions.append(
                        judged(
                            client,
                            question["question"],
                            relevant,
                            str(question["category"]),
                            compared=compared,
                        )
                    )
        print(f"{namespace}: {len(group.questions)} questions", flush=True)
        found.append(group)
    return found


def meetings(data: Path, url: str, *, compared: bool = False) -> tuple[list[Group], list[Group]]:
    """QMSum; where single messages are looked for, and where stretches are."""
    found, long = list[Group](), list[Group]()
    for name, conversation, meeting in qmsum(data):
        group, stretches = (Group(name=name, any_will_do=True, weight=MEETINGS) for _ in range(2))
        with ContextPersistenceClient(
            url, namespace=f"learn-{name}", config={"deadline": 300.0}
        ) as client:
            client.save_conversation(conversation.model_copy(update={"mode": "conversation"}))
            for query in meeting["specific_query_list"]:
                relevant = {
                    f"{conversation.conversation_id}:{place}" for place in meeting_gold(query)
                }
                group.questions.append(judged(client, query["query"], relevant, compared=compared))
                stretches.questions.append(judged(client, query["query"], relevant, made=LONG))
        found.append(group)
        long.append(stretches)
    print(
        f"{len(found)} meetings: {sum(len(one.questions) for one in found)} questions", flush=True
    )
    return found, long


def own(file: Path, url: str, namespace: str) -> list[Group]:
    """A user's own judgements, a group per question."""
    if url == ":memory:":
        raise SystemExit(
            "--judgements are about messages that are stored: say where, with --database-url"
        )
    given = judgements(file.read_text(encoding="utf-8"))
    with ContextPersistenceClient(url, namespace=namespace) as client:
        return [
            Group(
                name=str(number),
                any_will_do=False,
                questions=[judged(client, query, set(relevant))],
            )
            for number, (query, relevant) in enumerate(given)
        ]


def judgements(text: str) -> list[tuple[str, list[str]]]:
    """Queries with the ids of their relevant messages, one a line; blank lines are none.

    Raises:
        SystemExit: A line is something else.
    """
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            given = json.loads(line)
            query, relevant = given["query"], given["relevant"]
        except (ValueError, KeyError, TypeError):
            query, relevant = None, None
        if not (
            isinstance(query, str)
            and isinstance(relevant, list)
            and relevant
            and all(isinstance(one, str) for one in relevant)
        ):
            raise SystemExit(
                f'line {number}: wanted is {{"query": "...", "relevant": ["message id", ...]}}'
            )
        found.append((query, relevant))
    if not found:
        raise SystemExit("there are no judgements")
    return found


def learn(groups: Iterable[Group], without: Sequence[str] = ()) -> Floats:
    """The weights, one for each feature, that make the relevant candidates most likely; 0 for features `without` which it must do."""
    known = [
        (question, group.weight, group.any_will_do)
        for group in groups
        for question in group.questions
        if question.relevant.any()
    ]
    if not known:
        raise SystemExit(
            "no question has a relevant message among its candidates, so there is nothing to learn from"
        )
    width = known[0][0].seen.shape[1]
    stretches = known[0][0].distances is not None
    used = np.array([name not in without for name in (STRETCHES if stretches else FEATURES)], float)
    ridge = STRETCHED_RIDGE if stretches else RIDGE
    seen = np.concatenate([question.seen for question, *_ in known]) * used
    relevant = np.concatenate([question.relevant for question, *_ in known])
    sizes = [len(question.relevant) for question, *_ in known]
    starts, owner = np.cumsum([0, *sizes[:-1]]), np.repeat(np.arange(len(known)), sizes)
    counts = np.array([weight for _, weight, _ in known])
    counts /= counts.sum()
    loose = np.array([float(any_will_do) for *_, any_will_do in known])
    even = relevant / np.add.reduceat(relevant, starts)[owner]

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = seen @ weights
        powers = np.exp(scores - np.maximum.reduceat(scores, starts)[owner])
        likely = powers / np.add.reduceat(powers, starts)[owner]
        any_of = np.add.reduceat(likely * relevant, starts) + 1e-30
        target = (1 - loose[owner]) * even + loose[owner] * likely * relevant / any_of[owner]
        each = (1 - loose) * np.add.reduceat(
            even * np.log(likely + 1e-30), starts
        ) + loose * np.log(any_of)
        slope = -(seen.T @ ((target - likely) * counts[owner])) + 2 * ridge * weights
        return float(-(each * counts).sum() + ridge * weights @ weights), slope

    found: Floats = minimize(
        loss, np.zeros(width), jac=True, method="L-BFGS-B", options={"maxiter": 1000}
    ).x
    return found


def order(question: Judged, weights: Floats) -> list[int]:
    """The places of the candidates, best first."""
    scores = question.seen @ weights
    if question.distances is None or not len(scores):
        found: list[int] = np.argsort(-scores, kind="stable").tolist()
        return found
    worth = diversification.worth(question.distances, scores, width=LONG.passage)
    return diversification.chosen(question.distances, worth, [True] * len(scores), limit=DEPTH)


def judge(found: Sequence[bool], wanted: int) -> dict[str, float]:
    """R@10, MRR, nDCG@10 and hit@10 of the first ten of what was found, best first."""
    first = next((1 / place for place, one in enumerate(found[:DEPTH], start=1) if one), 0.0)
    gained = sum(1 / math.log2(place + 2) for place, one in enumerate(found[:DEPTH]) if one)
    most = sum(1 / math.log2(place + 2) for place in range(min(DEPTH, wanted)))
    return {
        "R@10": sum(found[:DEPTH]) / wanted,
        "MRR": first,
        "nDCG@10": gained / most,
        "hit@10": float(any(found[:DEPTH])),
    }


def parts(groups: Sequence[Group]) -> list[list[Group]]:
    """What is left out together: each chat, each meeting where nothing else is learned from, or a fifth of what there are many of."""
    found = []
    for spans in (False, True):
        same = [one for one in groups if one.any_will_do is spans]
        many = len(same) > 2 * FOLDS and not (spans and len(same) == len(groups))
        count = FOLDS if many else len(same)
        found += [same[number::count] for number in range(count) if same[number::count]]
    return found


def left_out(
    groups: Sequence[Group], without: Sequence[str] = ()
) -> list[tuple[Group, Judged, Floats]]:
    """Each question with weights that were learned without its conversation, and without these features."""
    found = []
    for part in parts(groups):
        names = {one.name for one in part}
        weights = learn((one for one in groups if one.name not in names), without)
        found += [(group, question, weights) for group in part for question in group.questions]
    return found


def in_use(question: Judged) -> Floats:
    """The weights as they are."""
    stretches = question.distances is not None
    known = ranker.weights(stretches)
    return np.array([known[name] for name in (STRETCHES if stretches else FEATURES)])


def show(judgements_by: Iterable[tuple[Group, Judged, Floats]]) -> None:
    """Print the mean figures of questions by given weights, and how many of them have anything to find among their candidates."""
    kinds: defaultdict[str, list[dict[str, float]]] = defaultdict(list)
    there: Counter[str] = Counter()
    for group, question, by in judgements_by:
        found = judge(
            [bool(question.relevant[place]) for place in order(question, by)], len(question.wanted)
        )
        for kind in kinds_of(group, question):
            kinds[kind].append(found)
            there[kind] += bool(question.relevant.any())
    for kind, all_found in sorted(kinds.items()):
        means = "  ".join(
            f"{name} {statistics.mean(one[name] for one in all_found):.3f}" for name in all_found[0]
        )
        print(
            f"  {kind:<20}{means}  ({len(all_found)} questions, {there[kind]} with a relevant candidate)"
        )


def kinds_of(group: Group, question: Judged) -> set[str]:
    """The sets whose figures a question counts for."""
    if question.distances is not None:
        return {"meetings, stretches"}
    if group.any_will_do:
        return {"meetings"}
    return {"chats", f"chats, category {question.kind}"} if question.kind else {"questions"}


def main() -> int:
    """Ask, learn, judge, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--database-url", default=":memory:")
    parser.add_argument("--judgements", type=Path)
    parser.add_argument("--namespace", default="default")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if options.judgements:
        groups, long = (
            own(options.judgements, options.database_url, options.namespace),
            list[Group](),
        )
    elif options.data:
        groups = chats(options.data, options.database_url)
        short, long = meetings(options.data, options.database_url)
        groups += short
    else:
        parser.error("give DATA or --judgements")
    print("Each conversation, or question, judged by weights that were learned without it:")
    show([*left_out(groups), *left_out(long)])
    print("The same by the weights as they are:")
    show(
        [
            (group, question, in_use(question))
            for group in (*groups, *long)
            for question in group.questions
        ]
    )
    made: dict[str, Any] = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    for name, features_of, of in (("weights", FEATURES, groups), ("stretches", STRETCHES, long)):
        if of:
            learned = {
                feature: round(value, 4)
                for feature, value in zip(features_of, learn(of).tolist(), strict=True)
            }
            made[name] = learned | KEPT
    print(json.dumps(made, indent=2))
    if options.write:
        WEIGHTS.write_text(json.dumps(made, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
