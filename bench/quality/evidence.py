"""How good is what is found? Everything that is measured on the development sets, each conversation judged by weights learned without it.

    python -m bench.quality.evidence DATA [--database-url URL]

Shown are, for chats (LoCoMo) and meetings (QMSum), the modes and the recipes of the search with the weights as they are, the ranker with weights that
were learned without the conversation in question, the same without each arm and each feature, and with weights of one half judged on the other;
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
from bench.quality.learn import (
    DEPTH,
    WAYS,
    Floats,
    Group,
    Judged,
    chats,
    judge,
    learn,
    left_out,
    meetings,
    order,
)
from mcp_context_persistence.queries.search.ranker import FEATURES
from mcp_context_persistence.queries.search.recipes import ARMS

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


def judged(found: Sequence[tuple[Group, Judged, Floats]]) -> Lines:
    """The figures of each question with the names of the sets that it belongs to."""
    lines: Lines = []
    for group, question, weights in found:
        places = order(question, weights)
        figures = judge([bool(question.relevant[place]) for place in places], len(question.wanted))
        if group.any_will_do:
            lines.append(("meetings", figures))
            continue
        lines.append(("chats", figures))
        lines.append((f"chats, {CATEGORIES.get(question.kind, question.kind)}", figures))
        lines.append(("chats, sessions", _sessions(question, places)))
    return lines


def _sessions(question: Judged, places: Sequence[int]) -> dict[str, float]:
    """The same of whole sessions, in the order of their best messages."""
    wanted = {message.partition(":")[0] for message in question.wanted}
    found = list(dict.fromkeys(question.ids[place].partition(":")[0] for place in places))
    return judge([one in wanted for one in found], len(wanted))


def plain(groups: Sequence[Group], mode: str) -> Lines:
    """The figures of a mode that has no ranker."""
    return [
        (
            "meetings" if group.any_will_do else "chats",
            judge([one in question.wanted for one in question.plain[mode]], len(question.wanted)),
        )
        for group in groups
        for question in group.questions
    ]


def halves(groups: Sequence[Group]) -> Lines:
    """Both halves of the chats and of the meetings, each judged by weights that were learned from the other."""
    lines: Lines = []
    for half in (0, 1):
        by_kind = ([one for one in groups if one.any_will_do is kind] for kind in (False, True))
        parts = [(kind[half::2], kind[1 - half :: 2]) for kind in by_kind]
        weights = learn([one for known, _ in parts for one in known])
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
    groups = chats(options.data, options.database_url, compared=True)
    short, long = meetings(options.data, options.database_url, compared=True)
    groups += short
    ranked = left_out(groups)
    found = {
        **{way: summary(plain(groups, way)) for way in WAYS},
        "hybrid": summary(judged(ranked)),
        MEETINGS: summary(judged(left_out(long))),
        **{
            f"hybrid without arm {arm}": summary(judged(left_out(groups, names)))
            for arm, names in ARMS.items()
        },
        **{
            f"hybrid without {name}": summary(judged(left_out(groups, [name]))) for name in FEATURES
        },
        "hybrid, learned on half of the chats, judged on the others": summary(halves(groups)),
    }
    write_result("quality.json", found)
    with result_file("questions.jsonl").open("w", encoding="utf-8") as file:
        for group, question, weights in ranked:
            best = [question.ids[place] for place in order(question, weights)[:DEPTH]]
            line = {
                "set": group.name,
                "question": question.question,
                "wanted": sorted(question.wanted),
                "found": best,
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    table = Table("search", "set", "questions", "R@10", "95 %", "MRR", "nDCG@10", "hit@10")
    for search, sets in found.items():
        for name, row in sets.items():
            if search in {*WAYS, "hybrid"} or name in {"chats", "meetings"}:
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
