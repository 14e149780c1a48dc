"""Learn the weights of the confidence, and measure how well it tells what can be answered.

    python -m bench.quality.confidence DATA [--database-url URL] [--write]

Questions with an answer: those of LoCoMo, BEAM and QMSum that have evidence. Questions without:
LoCoMo's adversarial ones, BEAM's of the ability abstention, and for each talk questions about
another talk of its set. Each talk is judged by weights that were learned without it. Prints the
AUROC of each set and of each feature, how well the confidence is calibrated, the tokens of contexts
for questions that nothing answers (`bench.datasets.unanswerable`), and the evidence that contexts
lose where the relevance is low. Writes bench/results/confidence.json. --write replaces the weights
in queries/search/confidence.json.
"""

import argparse
import json
import math
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.sets import beam, evidence, locomo, message_ids, qmsum
from bench.datasets.unanswerable import list_questions
from bench.files import write_result
from bench.quality.qmsum import gold
from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.models import Conversation
from mcp_context_persistence.queries.prompt_context.builder import MIN_RELEVANCE
from mcp_context_persistence.queries.search.confidence import (
    ANSWER_FEATURES,
    BIAS,
    FILE,
    LOG_ODDS,
    RELEVANCE_FEATURES,
    SMALLEST,
)
from mcp_context_persistence.queries.search.hybrid_search import rank_candidates
from mcp_context_persistence.services import search

Weights = dict[str, dict[str, float]]

RIDGE, ROUNDS = 1e-2, 50
SETS_WITH_UNANSWERED = {"locomo", "beam"}
FOREIGN_QUESTIONS = 25  # for each talk
MEETINGS = 12
BUDGET = 500
MAX_TOKENS = 30  # of a context for a question that nothing answers
ANSWERED, UNANSWERED, FOREIGN, STRANGE = "answered", "unanswered", "foreign", "strange"
UNANSWERED_CATEGORIES = {"5", "abstention"}


@dataclass(frozen=True, kw_only=True)
class Talk:
    """A talk with its questions: text, ids of the evidence, and category."""

    data_set: str
    name: str
    conversations: Sequence[Conversation]
    questions: Sequence[tuple[str, set[str], str]]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A question with the features of its search.

    Attributes:
        data_set: The set of the talk.
        talk: The talk that was searched.
        kind: Whether the talk answers it: one of `ANSWERED`, `UNANSWERED`, `FOREIGN`, `STRANGE`.
        half: In which half of the questions or subjects it is, 0 or 1.
        features: The features.
        evidence_share: Share of the evidence in a context that ignores the relevance.
        tokens: Tokens of the context.
    """

    data_set: str
    talk: str
    kind: str
    half: int
    features: Mapping[str, float]
    evidence_share: float
    tokens: int


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
        yield Talk(data_set="qmsum", name=name, conversations=[conversation], questions=questions)


def list_judgments(talk: Talk, talks: Sequence[Talk]) -> Iterator[tuple[str, set[str], str, int]]:
    """Yield the questions for a talk: text, ids of the evidence, kind and half."""
    for number, (text, ids, category) in enumerate(talk.questions):
        if category in UNANSWERED_CATEGORIES:
            yield text, set(), UNANSWERED, number % 2
        elif ids:
            yield text, ids, ANSWERED, number % 2
    foreign = [
        text
        for other in talks
        if other.data_set == talk.data_set and other.name != talk.name
        for text, _, _ in other.questions
    ]
    step = max(1, len(foreign) // FOREIGN_QUESTIONS)
    for number, text in enumerate(foreign[::step][:FOREIGN_QUESTIONS]):
        yield text, set(), FOREIGN, number % 2
    index = [other.name for other in talks].index(talk.name)
    for half, questions in enumerate(list_questions()):
        for text in questions[index :: len(talks)]:
            yield text, set(), STRANGE, half


def judge(client: ContextPersistenceClient, talk: Talk, talks: Sequence[Talk]) -> list[Judged]:
    """Ask the questions of a talk that is stored."""
    judged = []
    for text, ids, kind, half in list_judgments(talk, talks):
        request = search.read_request(client._engine, text)
        context = search.build_search_context(client._engine, text)
        confidence = rank_candidates(context, request).confidence
        if confidence is None:
            continue
        answer = client.build_context(text, BUDGET, min_relevance=0.0, instruction_share=0.0)
        shown = {citation.id for citation in answer.citations}
        judged.append(
            Judged(
                data_set=talk.data_set,
                talk=talk.name,
                kind=kind,
                half=half,
                features=confidence.features,
                evidence_share=len(shown & ids) / len(ids) if ids else 0.0,
                tokens=answer.tokens,
            )
        )
    return judged


def learn(judged: Sequence[Judged]) -> Weights:
    """Learn the weights of the relevance and of the answer, and the calibration of both."""
    weights = {
        "relevance": fit(
            [(row, row.kind != FOREIGN) for row in judged if row.kind != STRANGE],
            RELEVANCE_FEATURES,
        ),
        "answer": fit(
            [
                (row, row.kind == ANSWERED)
                for row in judged
                if row.kind in {ANSWERED, UNANSWERED} and row.data_set in SETS_WITH_UNANSWERED
            ],
            ANSWER_FEATURES,
        ),
    }
    known = [row for row in judged if row.kind != STRANGE]
    scaled = [replace(row, features={LOG_ODDS: calculate_log_odds(weights, row)}) for row in known]
    positive = [row.kind == ANSWERED for row in known]
    return {**weights, "calibration": fit(list(zip(scaled, positive, strict=True)), [LOG_ODDS])}


def calculate_log_odds(weights: Mapping[str, Mapping[str, float]], row: Judged) -> float:
    """Return the logarithm of the odds that the results are about a query and answer it."""
    product = apply_weights(weights["relevance"], row) * apply_weights(weights["answer"], row)
    return math.log((product + SMALLEST) / (1 - product + SMALLEST))


def fit(rows: Sequence[tuple[Judged, bool]], names: Sequence[str]) -> dict[str, float]:
    """Fit a logistic regression by Newton's method.

    Each set counts the same, and in it the positive and the negative questions.
    """
    groups = [(row.data_set, is_positive) for row, is_positive in rows]
    sizes = Counter(groups)
    shares = np.array([1 / sizes[group] for group in groups])
    shares /= shares.sum()
    target = np.array([is_positive for _, is_positive in rows], float)
    features = np.array([[row.features[name] for name in names] for row, _ in rows])
    means, scales = features.mean(axis=0), features.std(axis=0) + 1e-9
    columns = np.hstack([np.ones((len(rows), 1)), (features - means) / scales])
    penalty = np.diag([0.0, *[RIDGE] * len(names)])
    weights = np.zeros(len(names) + 1)
    for _ in range(ROUNDS):
        likelihood = 1 / (1 + np.exp(-columns @ weights))
        gradient = columns.T @ (shares * (likelihood - target)) + penalty @ weights
        curvature = (columns * (shares * likelihood * (1 - likelihood))[:, None]).T @ columns
        weights -= np.linalg.lstsq(curvature + penalty, gradient)[0]
    scaled = weights[1:] / scales
    bias = float(weights[0] - scaled @ means)
    return {BIAS: round(bias, 3), **dict(zip(names, scaled.round(3).tolist(), strict=True))}


def apply_weights(weights: Mapping[str, float], row: Judged) -> float:
    """Return the value of a logistic regression."""
    score = sum(
        weight * (1.0 if name == BIAS else row.features[name]) for name, weight in weights.items()
    )
    return float(1 / (1 + np.exp(-score)))


def calculate_auroc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Return how likely a positive example has the higher value."""
    left, right = np.array(positive)[:, None], np.array(negative)[None]
    return float((left > right).mean() + 0.5 * (left == right).mean())


def cross_validate(judged: Sequence[Judged]) -> tuple[list[float], list[float]]:
    """Return relevance and confidence of each question, by weights learned without its talk."""
    talks = {row.talk for row in judged}
    weights = {talk: learn([row for row in judged if row.talk != talk]) for talk in talks}
    relevance = [apply_weights(weights[row.talk]["relevance"], row) for row in judged]
    confidence = []
    for row in judged:
        log_odds = calculate_log_odds(weights[row.talk], row)
        scaled = replace(row, features={LOG_ODDS: log_odds})
        confidence.append(apply_weights(weights[row.talk]["calibration"], scaled))
    return relevance, confidence


def summarize_auroc(judged: Sequence[Judged], values: Sequence[float]) -> dict[str, float]:
    """Return the AUROC of each set and of each kind of questions without an answer."""
    by_kind: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for row, value in zip(judged, values, strict=True):
        by_kind[row.data_set, row.kind].append(value)
    return {
        f"{data_set}, {kind}": calculate_auroc(by_kind[data_set, ANSWERED], negatives)
        for (data_set, kind), negatives in sorted(by_kind.items())
        if kind != ANSWERED and by_kind[data_set, ANSWERED]
    }


def calibrate(judged: Sequence[Judged], values: Sequence[float]) -> list[tuple[float, float, int]]:
    """Return for fifths of the confidence its mean, the share that is answered, and the count.

    Each set counts the same, and in it the questions with and without an answer.
    """
    rows = [(row, value) for row, value in zip(judged, values, strict=True) if row.kind != STRANGE]
    sizes = Counter((row.data_set, row.kind == ANSWERED) for row, _ in rows)
    fifths = [[pair for pair in rows if int(min(pair[1], 0.999) * 5) == n] for n in range(5)]
    figures = []
    for fifth in filter(None, fifths):
        shares = [1 / sizes[row.data_set, row.kind == ANSWERED] for row, _ in fifth]
        answered = [
            share for (row, _), share in zip(fifth, shares, strict=True) if row.kind == ANSWERED
        ]
        mean = statistics.fmean([value for _, value in fifth], weights=shares)
        figures.append((mean, sum(answered) / sum(shares), len(fifth)))
    return figures


def measure_contexts(
    judged: Sequence[Judged], values: Sequence[float], threshold: float
) -> dict[str, dict[str, float]]:
    """Return for each half what contexts lose, and the share that is short for strange questions.

    Below the threshold a context is empty.
    """
    figures: dict[str, dict[str, float]] = {}
    for half in (0, 1):
        rows = [(row, value) for row, value in zip(judged, values, strict=True) if row.half == half]
        strange = [
            row.tokens if value >= threshold else 0 for row, value in rows if row.kind == STRANGE
        ]
        figures[f"half {half + 1}"] = {
            "short": statistics.mean(float(tokens <= MAX_TOKENS) for tokens in strange),
            "tokens": statistics.mean(strange),
            **{
                f"lost, {data_set}": statistics.mean(
                    row.evidence_share * (value < threshold)
                    for row, value in rows
                    if row.kind == ANSWERED and row.data_set == data_set
                )
                for data_set in sorted({row.data_set for row, _ in rows if row.kind == ANSWERED})
            },
        }
    return figures


def collect(data: Path, url: str) -> list[Judged]:
    """Save the talks and ask their questions."""
    talks = list(read_talks(data))
    judged = []
    for talk in talks:
        with ContextPersistenceClient(
            url, namespace=f"confidence-{talk.name}", config={"deadline": 300.0}
        ) as client:
            client.batch_save_conversations(
                [item.model_copy(update={"mode": "conversation"}) for item in talk.conversations]
            )
            rows = judge(client, talk, talks)
        print(f"{talk.name}: {len(rows)} questions", flush=True)
        judged += rows
    return judged


def print_figures(judged: Sequence[Judged], results: Mapping[str, Any]) -> None:
    """Print the results, and the AUROC of each feature alone."""
    print(json.dumps(results, indent=2))
    for name in ANSWER_FEATURES:
        values = summarize_auroc(judged, [row.features[name] for row in judged])
        print(name, {key: round(value, 3) for key, value in values.items()})


def main() -> int:
    """Collect, learn, evaluate, and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--database-url", default=":memory:")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    judged = collect(options.data, options.database_url)
    relevance, values = cross_validate(judged)
    weights = learn(judged)
    results = {
        "auroc": summarize_auroc(judged, values),
        "calibration": calibrate(judged, values),
        "contexts": measure_contexts(judged, relevance, MIN_RELEVANCE),
        "weights": weights,
    }
    write_result("confidence.json", results)
    print_figures(judged, results)
    if options.write:
        FILE.write_text(json.dumps(weights, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
