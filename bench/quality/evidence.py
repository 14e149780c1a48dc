"""How good is what is found? Everything that is measured on the development sets, each conversation judged by weights learned without it.

    python -m bench.quality.evidence DATA [--database-url URL]

Shown are, for chats (LoCoMo) and meetings (QMSum), the modes and the recipes of the search with the weights as they are, the ranker with weights that
were learned without the conversation in question, the same without each group of features and each feature, and with weights of one half judged on the other;
intervals are 95 %, from 1,000 draws of the questions. Writes bench/results/quality.json, and bench/results/questions.jsonl with a line per
question.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.files import result_file, write_result
from bench.quality.learn import SEARCHES, collect_chats, collect_meetings
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
MEETINGS = "recipe exploratory, learned without the meeting"
CATEGORIES = {
    "1": "multi-hop",
    "2": "temporal",
    "3": "open domain",
    "4": "single hop",
    "5": "adversarial",
}
Lines = list[tuple[str, dict[str, float]]]


def judged(found: Sequence[Evaluation]) -> Lines:
    """The figures of each question with the names of the sets that it belongs to."""
    lines: Lines = []
    for group, question, weights in found:
        places = order_candidates(question, weights)
        figures = calculate_figures(
            [bool(question.is_relevant[place]) for place in places], len(question.relevant_ids)
        )
        if group.any_is_enough:
            lines.append(("meetings", figures))
            continue
        lines.append(("chats", figures))
        lines.append((f"chats, {CATEGORIES.get(question.category, question.category)}", figures))
        lines.append(("chats, sessions", _sessions(question, places)))
    return lines


def _sessions(question: Question, places: Sequence[int]) -> dict[str, float]:
    """The same of whole sessions, in the order of their best messages."""
    wanted = {message.partition(":")[0] for message in question.relevant_ids}
    found = list(dict.fromkeys(question.ids[place].partition(":")[0] for place in places))
    return calculate_figures([one in wanted for one in found], len(wanted))


def plain(groups: Sequence[Group], mode: str) -> Lines:
    """The figures of a mode that has no ranker."""
    return [
        (
            "meetings" if group.any_is_enough else "chats",
            calculate_figures(
                [one in question.relevant_ids for one in question.results[mode]],
                len(question.relevant_ids),
            ),
        )
        for group in groups
        for question in group.questions
    ]


def halves(groups: Sequence[Group]) -> Lines:
    """Both halves of the chats and of the meetings, each judged by weights that were learned from the other."""
    lines: Lines = []
    for half in (0, 1):
        by_kind = ([one for one in groups if one.any_is_enough is kind] for kind in (False, True))
        parts = [(kind[half::2], kind[1 - half :: 2]) for kind in by_kind]
        weights = learn_weights([one for known, _ in parts for one in known])
        lines += judged(
            [
                (group, question, weights)
                for _, rest in parts
                for group in rest
                for question in group.questions
            ]
        )
    return lines


def summary(lines: Lines) -> dict[str, dict[str, Any]]:
    """For each set the means, and the interval of R@10."""
    random = np.random.default_rng(0)
    found: dict[str, dict[str, Any]] = {}
    for name in sorted({name for name, _ in lines}):
        figures = [one for of, one in lines if of == name]
        recall = np.array([one["R@10"] for one in figures])
        draws = recall[random.integers(0, len(recall), (DRAWS, len(recall)))].mean(axis=1)
        means = {key: round(statistics.mean(one[key] for one in figures), 4) for key in figures[0]}
        interval = [round(float(one), 4) for one in np.quantile(draws, (0.025, 0.975))]
        found[name] = {"questions": len(figures), **means, "R@10 interval": interval}
    return found


def main() -> int:
    """Ask, learn, judge, show."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--database-url", default=":memory:")
    options = parser.parse_args()
    groups = collect_chats(options.data, options.database_url, with_results=True)
    short, long = collect_meetings(options.data, options.database_url, with_results=True)
    groups += short
    ranked = cross_validate(groups)
    found = {
        **{way: summary(plain(groups, way)) for way in SEARCHES},
        "hybrid": summary(judged(ranked)),
        MEETINGS: summary(judged(cross_validate(long))),
        **{
            f"hybrid without weight {name}": summary(judged(cross_validate(groups, names)))
            for name, names in WEIGHTS.items()
        },
        **{
            f"hybrid without {name}": summary(judged(cross_validate(groups, [name])))
            for name in MESSAGE_FEATURES
        },
        "hybrid, learned on half of the chats, judged on the others": summary(halves(groups)),
    }
    write_result("quality.json", found)
    with result_file("questions.jsonl").open("w", encoding="utf-8") as file:
        for group, question, weights in ranked:
            best = [question.ids[place] for place in order_candidates(question, weights)[:DEPTH]]
            line = {
                "set": group.name,
                "question": question.text,
                "wanted": sorted(question.relevant_ids),
                "found": best,
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    table = Table("search", "set", "questions", "R@10", "95 %", "MRR", "nDCG@10", "hit@10")
    for search, sets in found.items():
        for name, row in sets.items():
            if search in {*SEARCHES, "hybrid"} or name in {"chats", "meetings"}:
                low, high = row["R@10 interval"]
                shown = [f"{row[key]:.3f}" for key in ("R@10", "MRR", "nDCG@10", "hit@10")]
                table.add_row(
                    search,
                    name,
                    str(row["questions"]),
                    shown[0],
                    f"{low:.3f} to {high:.3f}",
                    *shown[1:],
                )
    Console(width=130).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
