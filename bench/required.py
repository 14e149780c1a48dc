"""All that is asked of what is found, in one command: each bench of quality in a process of its own, and one table of what was asked for and seen.

    python -m bench.required DATA [--only quality extraction ...]

The benches write their figures to bench/results, quality also a line per question. With --only the figures of the others are those of an earlier run, and
"not measured" where there is none. The best peer is taken from the last `make bench-peers`. Needs about twenty minutes on two cores, half of it for `quality`.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.quality.evidence import MEETINGS

RESULTS = Path(__file__).parent / "results"
BENCHES = {
    "quality": "bench.quality.evidence",
    "extraction": "bench.quality.extraction",
    "resolution": "bench.quality.entity_resolution",
    "context": "bench.quality.context",
    "scale": "bench.speed.scale",
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One figure that is asked for.

    Attributes:
        work: What is measured.
        bench: The file of results that has it.
        read: Takes the figure out of that file.
        least: What it must reach, or may not exceed where `most`.
        most: Whether less is better.
    """

    work: str
    bench: str
    read: Callable[[Any], float | None]
    least: float
    most: bool = False


def _of(search: str, of: str, figure: str) -> Callable[[Any], float | None]:
    return lambda found: float(found[search][of][figure])


def _above_raw(name: str) -> Callable[[Any], float | None]:
    return lambda found: float(
        found["names"][name]["ours_f1"] - found["names"][name]["recognizer_f1"]
    )


def _resolved(name: str, place: int) -> Callable[[Any], float | None]:
    return lambda found: next(
        (
            float(row["figures"][place])
            for row in found
            if (row["set"], row["what"]) == (name, "shipped")
        ),
        None,
    )


def _scaled(word: str, key: str) -> Callable[[Any], float | None]:
    return lambda found: next(
        (float(row[key]) for row in reversed(found) if word in row["work"]), None
    )


def _peer(found: Any) -> float | None:
    ours = next(
        (row["R@10"] for row in found if row["peer"] == "ours" and "without" in row["settings"]),
        None,
    )
    best = max(
        (row["R@10"] for row in found if row["peer"] not in {"ours"} and row.get("R@10")),
        default=None,
    )
    return ours / best if ours and best else None


def _context(plain: str) -> Callable[[Any], float | None]:
    """The least of all budgets, and of both parts of the chats."""

    def read(found: Any) -> float | None:
        rates = {(row["part"], row["budget"], row["text"]): row["rate"] for row in found}
        ratios = (
            rate / rates[part, budget, plain]
            for (part, budget, text), rate in rates.items()
            if text == "build_context"
        )
        return min(ratios, default=None)

    return read


ASKED: Sequence[Asked] = [
    Asked(
        work="chats, turns, R@10", bench="quality", read=_of("hybrid", "chats", "R@10"), least=0.82
    ),
    Asked(
        work="chats, turns, MRR", bench="quality", read=_of("hybrid", "chats", "MRR"), least=0.60
    ),
    Asked(
        work="chats, multi-hop, R@10",
        bench="quality",
        read=_of("hybrid", "chats, multi-hop", "R@10"),
        least=0.50,
    ),
    Asked(
        work="chats, temporal, R@10",
        bench="quality",
        read=_of("hybrid", "chats, temporal", "R@10"),
        least=0.88,
    ),
    Asked(
        work="chats, sessions, R@10",
        bench="quality",
        read=_of("hybrid", "chats, sessions", "R@10"),
        least=0.94,
    ),
    Asked(
        work="meetings, nDCG@10",
        bench="quality",
        read=_of(MEETINGS, "meetings", "nDCG@10"),
        least=0.42,
    ),
    Asked(
        work="meetings, hit@10",
        bench="quality",
        read=_of(MEETINGS, "meetings", "hit@10"),
        least=0.85,
    ),
    Asked(work="R@10 of chats, ours / best peer", bench="peers", read=_peer, least=1.5),
    Asked(
        work="excerpts, typed names, F1",
        bench="extraction",
        read=lambda found: found["excerpts"].get("typed_f1"),
        least=0.60,
    ),
    Asked(
        work="excerpts, names, F1",
        bench="extraction",
        read=lambda found: found["excerpts"].get("names_f1"),
        least=0.80,
    ),
    *(
        Asked(
            work=f"{name}, F1 above raw spaCy",
            bench="extraction",
            read=_above_raw(name),
            least=-0.005,
        )
        for name in ("uner_ewt_dev.iob2", "wnut17_dev.conll", "wikigold.conll")
    ),
    Asked(
        work="decisions by document, F1",
        bench="extraction",
        read=lambda found: found["decisions"].get("documents_f1"),
        least=0.75,
    ),
    Asked(
        work="POLE+O, B-cubed precision", bench="resolution", read=_resolved("poleo", 0), least=1.0
    ),
    Asked(work="POLE+O, B-cubed F1", bench="resolution", read=_resolved("poleo", 2), least=0.95),
    Asked(
        work="DBLP-ACM, pairs, F1", bench="resolution", read=_resolved("DBLP-ACM", 2), least=0.93
    ),
    Asked(
        work="hybrid search, large store, ours / bare calls",
        bench="scale",
        read=_scaled("hybrid", "ratio"),
        least=1.2,
        most=True,
    ),
    Asked(
        work="hybrid search, growth of p50",
        bench="scale",
        read=_scaled("growth", "ratio"),
        least=2.0,
        most=True,
    ),
    Asked(
        work="vector recall@10, unfiltered",
        bench="scale",
        read=_scaled("unfiltered", "ours"),
        least=0.97,
    ),
    Asked(
        work="vector recall@10, one conversation",
        bench="scale",
        read=_scaled("one conversation", "ours"),
        least=0.99,
    ),
    Asked(
        work="build_context, evidence by token / best of semantic",
        bench="context",
        read=_context("semantic"),
        least=1.3,
    ),
    Asked(
        work="build_context, evidence by token / best of hybrid",
        bench="context",
        read=_context("hybrid"),
        least=1.3,
    ),
]


def rows() -> list[dict[str, Any]]:
    """What was asked for and what was seen, None where nothing was."""
    found = []
    for asked in ASKED:
        file = RESULTS / f"{asked.bench}.json"
        try:
            seen = (
                asked.read(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else None
            )
        except (KeyError, TypeError):
            seen = None
        met = seen is not None and (
            seen <= asked.least if asked.most else round(seen, 4) >= asked.least
        )
        kept = {key: value for key, value in asdict(asked).items() if key != "read"}
        found.append({**kept, "seen": seen, "met": met})
    return found


def main() -> int:
    """Run, read, show; 1 where something of what was run was not reached."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="*", choices=list(BENCHES), default=list(BENCHES))
    options = parser.parse_args()
    broken = []
    for name in options.only:
        print(f"== {name}", flush=True)
        (RESULTS / f"{name}.json").unlink(
            missing_ok=True
        )  # an old figure is none of a run that ends early
        if subprocess.run(
            [sys.executable, "-m", BENCHES[name], str(options.data)], check=False
        ).returncode:
            broken.append(name)
    found = rows()
    table = Table("work", "asked for", "seen", "met")
    for row in found:
        seen, met = (
            (f"{row['seen']:.3f}", "yes" if row["met"] else "NO")
            if row["seen"] is not None
            else ("not measured", "")
        )
        table.add_row(row["work"], f"{'<=' if row['most'] else '>='} {row['least']}", seen, met)
    Console(width=110).print(table)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "required.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    for name in broken:
        print(f"{name} ended with an error; its figures are not to be relied on", file=sys.stderr)
    everything = set(options.only) == set(BENCHES)
    return int(
        bool(broken)
        or not all(row["met"] for row in found if everything or row["bench"] in options.only)
    )


if __name__ == "__main__":
    sys.exit(main())
