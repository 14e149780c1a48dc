"""Learn the weights of the confidence, and measure how well it tells what can be answered.

    python -m bench.quality.confidence DATA [--database-url URL] [--parts 6] [--write]

Questions with an answer: those of LoCoMo, BEAM and QMSum that have evidence. Questions without:
LoCoMo's adversarial ones, BEAM's of the ability abstention, and for each talk questions about
another talk of its set. Whole talks give the weights for large stores, and short parts of them
what is added in small ones; there, a question that another part answers has no answer either.

Each talk is judged by weights that were learned without it. Prints the AUROC of each set and of
each feature, how well the confidence is calibrated, the tokens of contexts for questions that
nothing answers (`bench.datasets.unanswerable`), and the evidence that contexts lose where the
relevance is low. Writes bench/results/confidence.json. --write replaces the weights in
queries/search/confidence.json.
"""

import argparse
import json
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.files import write_result
from bench.quality.confidence_talks import (
    ANSWERED,
    PART_SIZES,
    STRANGE,
    UNANSWERED,
    Talk,
    cut_talk,
    list_judgments,
    read_talks,
)
from bench.servers import Credentials, open_server
from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.queries.prompt_context.builder import MIN_RELEVANCE
from mcp_context_persistence.queries.search.confidence import (
    ANSWER_FEATURES,
    BIAS,
    FILE,
    LOG_ODDS,
    RELEVANCE_FEATURES,
    SMALL_STORE_FEATURES,
    SMALLNESS,
    Confidence,
    Weights,
    sum_weighted,
)
from mcp_context_persistence.queries.search.hybrid_search import rank_candidates
from mcp_context_persistence.services import search

Floats = NDArray[np.float64]

RIDGE, ROUNDS = 1e-2, 50
SETS_WITH_UNANSWERED = {"locomo", "beam"}
BUDGET = 500
MAX_TOKENS = 30  # of a context for a question that nothing answers


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A question with the features of its search.

    Attributes:
        data_set: The set of the talk.
        talk: The talk that was searched.
        is_part: Whether no more than a short part of the talk is stored.
        kind: Whether what is stored answers it: `ANSWERED`, `UNANSWERED`, `ELSEWHERE`, `FOREIGN` or
            `STRANGE`.
        half: In which half of the questions or subjects it is, 0 or 1.
        features: The features.
        evidence_share: Share of the evidence in a context that ignores the relevance.
        tokens: Tokens of the context.
    """

    data_set: str
    talk: str
    is_part: bool
    kind: str
    half: int
    features: Mapping[str, float]
    evidence_share: float
    tokens: int


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
                is_part=talk.size > 0,
                kind=kind,
                half=half,
                features=confidence.features,
                evidence_share=len(shown & ids) / len(ids) if ids else 0.0,
                tokens=answer.tokens,
            )
        )
    return judged


def learn(judged: Sequence[Judged]) -> Weights:
    """Learn the weights of the relevance and of the answer, and the calibration of both.

    Then what is added to both in a small store.
    """
    wholes = [row for row in judged if not row.is_part and row.kind != STRANGE]
    parts = [row for row in judged if row.is_part]
    answers = [
        row
        for row in wholes
        if row.kind in {ANSWERED, UNANSWERED} and row.data_set in SETS_WITH_UNANSWERED
    ]
    weights = {
        "relevance": fit(wholes, {ANSWERED, UNANSWERED}, RELEVANCE_FEATURES),
        "answer": fit(answers, {ANSWERED}, ANSWER_FEATURES),
    }
    scaled = [
        replace(
            row,
            features={LOG_ODDS: calculate_product_log_odds(weights, row)},
        )
        for row in wholes
    ]
    weights["calibration"] = fit(scaled, {ANSWERED}, [LOG_ODDS])
    return {
        **weights,
        "small_store_relevance": fit_small_store(
            parts,
            {ANSWERED, UNANSWERED},
            lambda row: sum_weighted(weights["relevance"], row.features),
        ),
        "small_store_answer": fit_small_store(
            parts, {ANSWERED}, lambda row: calculate_large_store_log_odds(weights, row)
        ),
    }


def calculate_large_store_log_odds(weights: Weights, row: Judged) -> float:
    """Return the calibrated logarithm of the odds of an answer in a large store."""
    return sum_weighted(
        weights["calibration"], {LOG_ODDS: calculate_product_log_odds(weights, row)}
    )


def calculate_product_log_odds(weights: Weights, row: Judged) -> float:
    """Return the logarithm of the odds before their calibration."""
    return Confidence(features=row.features, weights=weights).product_log_odds


def fit(rows: Sequence[Judged], positive: set[str], names: Sequence[str]) -> dict[str, float]:
    """Fit a logistic regression; the kinds of questions that are positive are given."""
    features = np.array([[row.features[name] for name in names] for row in rows])
    means, scales = features.mean(axis=0), features.std(axis=0) + 1e-9
    columns = np.hstack([np.ones((len(rows), 1)), (features - means) / scales])
    weights = minimize(columns, np.zeros(len(rows)), rows, positive)
    scaled = weights[1:] / scales
    return name_weights([float(weights[0] - scaled @ means), *scaled.tolist()], names)


def fit_small_store(
    rows: Sequence[Judged], positive: set[str], calculate_large: Callable[[Judged], float]
) -> dict[str, float]:
    """Fit what is added to the log-odds of a large store, times the smallness of the store."""
    if not rows:
        return name_weights([0.0] * (1 + len(SMALL_STORE_FEATURES)), SMALL_STORE_FEATURES)
    names = (SMALLNESS, *SMALL_STORE_FEATURES)
    features = np.array([[row.features[name] for name in names] for row in rows])
    features[:, 1:] *= features[:, :1]
    scales = features.std(axis=0) + 1e-9
    offsets = np.array([calculate_large(row) for row in rows])
    weights = minimize(features / scales, offsets, rows, positive) / scales
    return name_weights(weights.tolist(), SMALL_STORE_FEATURES)


def name_weights(weights: Sequence[float], names: Sequence[str]) -> dict[str, float]:
    """Return the bias and the weights of features by their names."""
    return {name: round(weight, 3) for name, weight in zip((BIAS, *names), weights, strict=True)}


def minimize(
    columns: Floats, offsets: Floats, rows: Sequence[Judged], positive: set[str]
) -> Floats:
    """Return the weights of a logistic regression by Newton's method; the first one is free.

    Each set counts the same, and in it the positive and the negative questions.
    """
    groups = [(row.data_set, row.kind in positive) for row in rows]
    sizes = Counter(groups)
    shares = np.array([1 / sizes[group] for group in groups])
    shares /= shares.sum()
    target = np.array([is_positive for _, is_positive in groups], float)
    penalty = np.diag([0.0, *[RIDGE] * (columns.shape[1] - 1)])
    weights = np.zeros(columns.shape[1])
    for _ in range(ROUNDS):
        likelihood = 1 / (1 + np.exp(-offsets - columns @ weights))
        gradient = columns.T @ (shares * (likelihood - target)) + penalty @ weights
        curvature = (columns * (shares * likelihood * (1 - likelihood))[:, None]).T @ columns
        weights -= np.linalg.lstsq(curvature + penalty, gradient)[0]
    return weights


def calculate_auroc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Return how likely a positive example has the higher value."""
    left, right = np.array(positive)[:, None], np.array(negative)[None]
    return float((left > right).mean() + 0.5 * (left == right).mean())


def cross_validate(judged: Sequence[Judged]) -> tuple[list[float], list[float]]:
    """Return relevance and confidence of each question, by weights learned without its talk."""
    talks = {row.talk for row in judged}
    weights = {talk: learn([row for row in judged if row.talk != talk]) for talk in talks}
    estimates = [Confidence(features=row.features, weights=weights[row.talk]) for row in judged]
    return [row.relevance for row in estimates], [row.value for row in estimates]


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


def collect(data: Path, url: str | None, parts: int) -> list[Judged]:
    """Save the talks and their parts, and ask the questions."""
    with open_server(url) as (server_url, auth):
        return collect_from(data, server_url, auth, parts)


def collect_from(data: Path, url: str, auth: Credentials | None, parts: int) -> list[Judged]:
    """Save the talks and their parts on a server, and ask the questions."""
    talks = list(read_talks(data))
    judged = []
    for talk in talks:
        for stored in (talk, *cut_talk(talk, parts)):
            name = f"confidence-{talk.name}-{stored.size}"
            with ContextPersistenceClient(
                url, auth=auth, namespace=name, config={"deadline": 300.0}
            ) as client:
                client.batch_save_conversations(
                    [
                        conversation.model_copy(update={"mode": "conversation"})
                        for conversation in stored.conversations
                    ]
                )
                judged += judge(client, stored, talks)
        print(f"{talk.name}: {len(judged)} questions", flush=True)
    return judged


def evaluate(estimates: Sequence[tuple[Judged, float, float]]) -> dict[str, Any]:
    """Return the figures of questions with their relevance and confidence."""
    if not estimates:
        return {}
    judged, relevance, values = zip(*estimates, strict=True)
    return {
        "auroc": summarize_auroc(judged, values),
        "calibration": calibrate(judged, values),
        "contexts": measure_contexts(judged, relevance, MIN_RELEVANCE),
    }


def print_features(judged: Sequence[Judged]) -> None:
    """Print the AUROC of each feature alone."""
    for name in ANSWER_FEATURES:
        values = summarize_auroc(judged, [row.features[name] for row in judged])
        print(name, {key: round(value, 3) for key, value in values.items()})


def main() -> int:
    """Collect, learn, evaluate, and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--database-url")
    parser.add_argument("--parts", type=int, default=len(PART_SIZES), help="of each talk")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    judged = collect(options.data, options.database_url, options.parts)
    estimates = list(zip(judged, *cross_validate(judged), strict=True))
    weights = learn(judged)
    wholes = [row for row in estimates if not row[0].is_part]
    parts = [row for row in estimates if row[0].is_part]
    results = {**evaluate(wholes), "parts": evaluate(parts), "weights": weights}
    write_result("confidence.json", results)
    print(json.dumps(results, indent=2))
    print_features([row for row in judged if not row.is_part])
    if options.write:
        FILE.write_text(json.dumps(weights, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
