"""The peers for real: what each finds of LoCoMo's development half, on the same Neo4j with the same vectors.

    python -m bench.peers DATA [--peer NAME ...]

Each peer is installed into an environment of its own, .cache/peers/NAME, from bench/peers/NAME.txt, and runs as a process of its own. One
conversation is stored at a time, in an empty database of a server that is started for this. Of every search ten messages are asked for: R@10 is
the share of a question's evidence among them, MRR the mean of 1 / place of the first. Writes bench/results/peers.json, and
bench/results/peers-NAME.jsonl with a line per answer.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import neo4j
import numpy as np
from rich.console import Console
from rich.table import Table

from bench.datasets.sets import evidence, locomo
from bench.peers import environments, ours
from bench.peers.exchange import Question, Text
from bench.peers.ours import Answer
from bench.peers.vectors import vectors_of
from mcp_context_persistence.kg import local
from mcp_context_persistence.queries.search.training import calculate_figures

RESULTS = Path(__file__).parents[1] / "results"
OURS = "ours"
SECONDS = 900  # for one conversation
Row = dict[str, Any]


def clear(driver: neo4j.Driver) -> None:
    """Empty the database: nodes, constraints and indexes."""
    with driver.session() as session:
        session.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 1000 ROWS").consume()
        for row in session.run("SHOW CONSTRAINTS YIELD name").data():
            session.run(f"DROP CONSTRAINT `{row['name']}` IF EXISTS").consume()
        for row in session.run("SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP'").data():
            session.run(f"DROP INDEX `{row['name']}` IF EXISTS").consume()


def wanted(sample: dict[str, Any], turns: set[str]) -> dict[str, set[str]]:
    """For each question that has evidence, by its number, the messages it stands in."""
    return {
        str(number): gold
        for number, one in enumerate(sample["qa"])
        if (gold := evidence(one) & turns)
    }


def write(
    file: Path, sessions: list[Any], sample: dict[str, Any], gold: dict[str, set[str]]
) -> None:
    """What a peer is given, as `exchange` describes it."""
    turns = [
        (session.conversation_id, message) for session in sessions for message in session.messages
    ]
    questions = [(number, sample["qa"][int(number)]["question"]) for number in gold]
    found = vectors_of(
        [*(message.content for _, message in turns), *(text for _, text in questions)]
    )
    with file.open("w", encoding="utf-8") as out:
        for session, message in turns:
            given = Text(
                id=message.id,
                text=message.content,
                role=message.role,
                speaker=message.name,
                session=session,
                time=message.timestamp.isoformat(),
                vector=found[message.content],
            )
            out.write(json.dumps({"text": asdict(given)}) + "\n")
        for number, text in questions:
            out.write(
                json.dumps({"question": asdict(Question(id=number, text=text, vector=found[text]))})
                + "\n"
            )


def run(name: str, given: Path, server: local.Attachment, namespace: str) -> list[Answer]:
    """Start a peer on a conversation and read its answers.

    Raises:
        RuntimeError: It failed; the text is the last line of what it said.
    """
    python = environments.build(name)
    answers = given.with_suffix(".answers")
    environment = {
        **os.environ,
        **environments.QUIET,
        "NEO4J_URI": server.bolt_url,
        "NEO4J_USERNAME": server.user,
        "NEO4J_PASSWORD": server.password,
        "MEM0_DIR": str(given.parent / "mem0"),
    }
    environment.pop("PYTHONPATH", None)
    command = [str(python), str(Path(__file__).with_name(f"{name}.py")), str(given), str(answers)]
    try:
        done = subprocess.run(
            command,
            env=environment,
            cwd=given.parent,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"no answer within {SECONDS} s") from error
    said = [line for line in done.stderr.splitlines() if line.strip()]
    if done.returncode:
        raise RuntimeError(said[-1] if said else f"ended with {done.returncode}")
    print(
        f"  {namespace}: {next((line for line in said if line.startswith('stored ')), '')}",
        flush=True,
    )
    return [
        Answer(namespace=namespace, **json.loads(line))
        for line in answers.read_text(encoding="utf-8").splitlines()
    ]


def answers_of(name: str, data: Path, server: local.Attachment) -> Iterator[Answer]:
    """A peer's answers to all questions, or ours."""
    auth = (server.user, server.password)
    groups = []
    with neo4j.GraphDatabase.driver(
        server.bolt_url, auth=auth, notifications_min_severity="OFF"
    ) as driver:
        for namespace, sessions, sample in locomo(data):
            clear(driver)
            if name == OURS:
                answers, group = ours.ask(server.bolt_url, auth, namespace, sessions, sample)
                groups.append(group)
                print(f"  {namespace}: {len(group.questions)} questions", flush=True)
                yield from answers
                continue
            turns = {message.id for session in sessions for message in session.messages}
            with tempfile.TemporaryDirectory(prefix="peers-") as folder:
                given = Path(folder) / "given.jsonl"
                write(given, sessions, sample, wanted(sample, turns))
                yield from run(name, given, server, namespace)
        clear(driver)
    if groups:
        yield from ours.without_it(groups)


def score(name: str, answers: list[Answer], gold: dict[tuple[str, str], set[str]]) -> list[Row]:
    """A row for each of a peer's settings; a question that failed counts as one that found nothing."""
    by: defaultdict[str, list[Answer]] = defaultdict(list)
    for one in answers:
        by[one.settings].append(one)
    rows = []
    for settings, found in by.items():
        figures = []
        for one in found:
            relevant = gold[one.namespace, one.question]
            figures.append(calculate_figures([each in relevant for each in one.ids], len(relevant)))
        clock = [one.seconds for one in found if one.seconds is not None]
        failed = [one.error for one in found if one.error]
        rows.append(
            {
                "peer": name,
                "version": environments.version(name),
                "settings": settings,
                "questions": len(found),
                "R@10": statistics.mean(one["R@10"] for one in figures),
                "MRR": statistics.mean(one["MRR"] for one in figures),
                "p50 ms": 1000 * float(np.median(clock)) if clock else None,
                "failed": len(failed),
                "error": re.sub(r"\s+", " ", failed[0]) if failed else None,
            }
        )
    return rows


def keep(name: str, rows: list[Row]) -> list[Row]:
    """Put a peer's rows in the place of its earlier ones; returns all peers' rows."""
    file = RESULTS / "peers.json"
    kept: list[Row] = json.loads(file.read_text()) if file.is_file() else []
    kept = [*(row for row in kept if row["peer"] != name), *rows]
    file.write_text(json.dumps(kept, indent=2) + "\n")
    return kept


def show(rows: list[Row]) -> None:
    """The table, best first. Ours is the fused search: where ours / it is above 1 it finds more, and takes longer."""
    best = next((row["R@10"] for row in rows if row["settings"] == ours.LEFT_OUT), None)
    pace = next(
        (row["p50 ms"] for row in rows if row["peer"] == OURS and row["settings"] == "hybrid"), None
    )
    table = Table(
        "peer", "version", "settings", "R@10", "MRR", "p50 ms", "R@10\nours / it", "p50\nours / it"
    )
    for row in sorted(rows, key=lambda row: -(row.get("R@10") or 0)):
        if row.get("R@10") is None:
            table.add_row(row["peer"], row["version"], f"cannot run: {row['error']}")
            continue
        settings = row["settings"] + (
            f" ({row['failed']} of {row['questions']} failed: {row['error']})"
            if row["failed"]
            else ""
        )
        clock = f"{row['p50 ms']:.1f}" if row["p50 ms"] else ""
        more = f"{best / row['R@10']:.2f}" if best and row["R@10"] else ""
        slower = f"{pace / row['p50 ms']:.2f}" if pace and row["p50 ms"] else ""
        table.add_row(
            row["peer"],
            row["version"],
            settings,
            f"{row['R@10']:.3f}",
            f"{row['MRR']:.3f}",
            clock,
            more,
            slower,
        )
    Console(width=150).print(table)


def main() -> int:
    """Install, ask, score, show."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument(
        "--peer",
        nargs="+",
        choices=[OURS, *environments.PEERS],
        default=[OURS, *environments.PEERS],
    )
    options = parser.parse_args()
    if not (options.data / "locomo" / "locomo_dev.json").is_file():
        print(f"skipped: there is no LoCoMo in {options.data}")
        return 0
    gold = {}
    for namespace, sessions, sample in locomo(options.data):
        turns = {message.id for session in sessions for message in session.messages}
        gold.update({(namespace, number): found for number, found in wanted(sample, turns).items()})
    RESULTS.mkdir(exist_ok=True)
    with local.attach(None) as server:
        for name in options.peer:
            print(name, flush=True)
            try:
                answers = list(answers_of(name, options.data, server))
                rows = score(name, answers, gold)
            except RuntimeError as error:
                answers, rows = (
                    [],
                    [
                        {
                            "peer": name,
                            "version": environments.version(name),
                            "settings": "",
                            "error": str(error),
                        }
                    ],
                )
            keep(name, rows)
            with (RESULTS / f"peers-{name}.jsonl").open("w", encoding="utf-8") as out:
                out.writelines(json.dumps(asdict(one)) + "\n" for one in answers)
    show(keep("", []))
    return 0


if __name__ == "__main__":
    sys.exit(main())
