"""Measure what is found on the development sets, with weights learned on other conversations.

    python -m bench.quality.evidence DATA [--database-url URL]

Prints, for chats (LoCoMo), chats with an assistant (BEAM) and meetings (QMSum), the modes and the
recipes of the search with the current weights, the ranker with weights that were learned without
the conversation in question, the same without each group of features and each feature, and with
weights of one half on the other. Intervals are 95 %, from 1,000 draws of the questions. Writes
bench/results/quality.json, and bench/results/questions.jsonl with a line per question.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.files import result_file, write_result
from bench.quality.learn import (
    SEARCHES,
    collect_assistants,
    collect_chats,
    collect_meetings,
)
from mcp_context_persistence.queries.search.features import MESSAGE_FEATURES
from mcp_context_persistence.queries.search.recipes import WEIGHTS
from mcp_context_persistence.queries.search.training import (
    DEPTH,
    Evaluation,
    Group,
    Question,
    calculate_figures,
    cross_validate,
    learn_weights,
    order_candidates,
)

DRAWS = 1_000
ASSISTANTS = "beam-"  # names of groups
MEETINGS = "recipe exploratory, learned without the meeting"
WHOLE_SETS = ("chats", "assistants", "meetings")
CATEGORIES = {
    "1": "multi-hop",
    "2": "temporal",
    "3": "open domain",
    "4": "single hop",
    "5": "adversarial",
}
Lines = list[tuple[str, dict[str, float]]]


def evaluate(evaluations: Sequence[Evaluation]) -> Lines:
    """Return the figures of each question, with the names of the sets that it belongs to."""
    lines: Lines = []
    for group, question, weights in evaluations:
        indexes = order_candidates(question, weights)
        figures = calculate_figures(
            [bool(question.is_relevant[index]) for index in indexes], len(question.relevant_ids)
        )
        if group.any_is_enough:
            lines.append(("meetings", figures))
            continue
        if group.name.startswith(ASSISTANTS):
            lines.append(("assistants", figures))
            lines.append((f"assistants, {question.category.replace('_', ' ')}", figures))
            continue
        lines.append(("chats", figures))
        lines.append((f"chats, {CATEGORIES.get(question.category, question.category)}", figures))
        lines.append(("chats, sessions", _evaluate_sessions(question, indexes)))
    return lines


def _evaluate_sessions(question: Question, indexes: Sequence[int]) -> dict[str, float]:
    """Return the figures of whole sessions, in the order of their best messages."""
    relevant = {message.partition(":")[0] for message in question.relevant_ids}
    sessions = list(dict.fromkeys(question.ids[index].partition(":")[0] for index in indexes))
    return calculate_figures([session in relevant for session in sessions], len(relevant))


def _name_set(group: Group) -> str:
    if group.any_is_enough:
        return "meetings"
    return "assistants" if group.name.startswith(ASSISTANTS) else "chats"


def evaluate_search(groups: Sequence[Group], search: str) -> Lines:
    """Return the figures of a search with the current weights."""
    return [
        (
            _name_set(group),
            calculate_figures(
                [message_id in question.relevant_ids for message_id in question.results[search]],
                len(question.relevant_ids),
            ),
        )
        for group in groups
        for question in group.questions
    ]


def evaluate_halves(groups: Sequence[Group]) -> Lines:
    """Return the figures of each half of the sets, with weights learned from the other half."""
    lines: Lines = []
    for half in (0, 1):
        sets = (
            [group for group in groups if group.any_is_enough is is_meeting]
            for is_meeting in (False, True)
        )
        pairs = [(members[half::2], members[1 - half :: 2]) for members in sets]
        weights = learn_weights([group for training, _ in pairs for group in training])
        lines += evaluate(
            [
                (group, question, weights)
                for _, test in pairs
                for group in test
                for question in group.questions
            ]
        )
    return lines


def summary(lines: Lines) -> dict[str, dict[str, Any]]:
    """Return the means of each set, and the interval of R@10."""
    random = np.random.default_rng(0)
    summaries: dict[str, dict[str, Any]] = {}
    for name in sorted({name for name, _ in lines}):
        figures = [values for data_set, values in lines if data_set == name]
        recall = np.array([values["R@10"] for values in figures])
        draws = recall[random.integers(0, len(recall), (DRAWS, len(recall)))].mean(axis=1)
        means = {
            key: round(statistics.mean(values[key] for values in figures), 4) for key in figures[0]
        }
        interval = [round(float(bound), 4) for bound in np.quantile(draws, (0.025, 0.975))]
        summaries[name] = {"questions": len(figures), **means, "R@10 interval": interval}
    return summaries


def write_questions(ranked: Sequence[Evaluation]) -> None:
    """Write a line for each question, with its best results."""
    with result_file("questions.jsonl").open("w", encoding="utf-8") as file:
        for group, question, weights in ranked:
            best = [question.ids[index] for index in order_candidates(question, weights)[:DEPTH]]
            line = {
                "set": group.name,
                "question": question.text,
                "relevant": sorted(question.relevant_ids),
                "results": best,
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def print_table(results: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    """Print the figures of the searches, and those of the other rankings for whole data sets."""
    table = Table("search", "set", "questions", "R@10", "95 %", "MRR", "nDCG@10", "hit@10")
    for search, sets in results.items():
        for name, row in sets.items():
            if search in {*SEARCHES, "hybrid"} or name in WHOLE_SETS:
                low, high = row["R@10 interval"]
                means = [f"{row[key]:.3f}" for key in ("R@10", "MRR", "nDCG@10", "hit@10")]
                table.add_row(
                    search,
                    name,
                    str(row["questions"]),
                    means[0],
                    f"{low:.3f} to {high:.3f}",
                    *means[1:],
                )
    Console(width=130).print(table)


def main() -> int:
    """Collect the questions, learn, evaluate, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--database-url", default=":memory:")
    options = parser.parse_args()
    groups = collect_chats(options.data, options.database_url, with_results=True)
    meetings, passages = collect_meetings(options.data, options.database_url, with_results=True)
    groups += collect_assistants(options.data, options.database_url, with_results=True)
    groups += meetings
    ranked = cross_validate(groups)
    results = {
        **{name: summary(evaluate_search(groups, name)) for name in SEARCHES},
        "hybrid": summary(evaluate(ranked)),
        MEETINGS: summary(evaluate(cross_validate(passages))),
        **{
            f"hybrid without weight {name}": summary(evaluate(cross_validate(groups, names)))
            for name, names in WEIGHTS.items()
        },
        **{
            f"hybrid without {name}": summary(evaluate(cross_validate(groups, [name])))
            for name in MESSAGE_FEATURES
        },
        "hybrid, learned on half of the chats, judged on the others": summary(
            evaluate_halves(groups)
        ),
    }
    write_result("quality.json", results)
    write_questions(ranked)
    print_table(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
