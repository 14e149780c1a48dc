"""Measure what other libraries find in LoCoMo, with the same server and the same vectors.

    python -m bench.peers DATA [--peer NAME ...]

Each peer is installed into an environment of its own, .cache/peers/NAME, from bench/peers/NAME.txt,
and runs as a process of its own. One conversation is stored at a time, in an empty database of a
server that is started for this. Every search asks for ten messages: R@10 is the share of a
question's evidence among them, MRR the mean of 1 / rank of the first. Writes
bench/results/peers.json, and bench/results/peers-NAME.jsonl with a line per answer.
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
from collections.abc import Collection, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import neo4j
import numpy as np
from rich.console import Console
from rich.table import Table

from bench.datasets.sets import evidence, locomo, message_ids
from bench.files import ROOT, result_file
from bench.peers import environments, ours
from bench.peers.exchange import Question, Text
from bench.peers.ours import Answer
from bench.peers.vectors import vectors_of
from mcp_context_persistence.kg import local
from mcp_context_persistence.queries.search.training import calculate_figures

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


def collect_evidence(sample: dict[str, Any], turns: Collection[str]) -> dict[str, set[str]]:
    """Return the messages with the evidence of each question, by its number."""
    return {
        str(number): gold
        for number, question in enumerate(sample["qa"])
        if (gold := evidence(question).intersection(turns))
    }


def write(
    file: Path, sessions: list[Any], sample: dict[str, Any], gold: dict[str, set[str]]
) -> None:
    """Write the input of a peer, as `exchange` describes it."""
    turns = [
        (session.conversation_id, message) for session in sessions for message in session.messages
    ]
    questions = [(number, sample["qa"][int(number)]["question"]) for number in gold]
    vector_of = vectors_of(
        [*(message.content for _, message in turns), *(text for _, text in questions)]
    )
    with file.open("w", encoding="utf-8") as out:
        for session, message in turns:
            row = Text(
                id=message.id,
                text=message.content,
                role=message.role,
                speaker=message.name,
                session=session,
                time=message.timestamp.isoformat(),
                vector=vector_of[message.content],
            )
            out.write(json.dumps({"text": asdict(row)}) + "\n")
        for number, text in questions:
            out.write(
                json.dumps(
                    {"question": asdict(Question(id=number, text=text, vector=vector_of[text]))}
                )
                + "\n"
            )


def run_peer(name: str, questions: Path, server: local.Attachment, namespace: str) -> list[Answer]:
    """Start a peer on a conversation and read its answers.

    Raises:
        RuntimeError: It failed; the text is the last line of its errors.
    """
    python = environments.build(name)
    answers = questions.with_suffix(".answers")
    environment = {
        **os.environ,
        **environments.QUIET,
        "NEO4J_URI": server.bolt_url,
        "NEO4J_USERNAME": server.user,
        "NEO4J_PASSWORD": server.password,
        "PYTHONPATH": str(ROOT),
        "MEM0_DIR": str(questions.parent / "mem0"),
    }
    command = [str(python), "-m", f"bench.peers.{name}", str(questions), str(answers)]
    try:
        process = subprocess.run(
            command,
            env=environment,
            cwd=questions.parent,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"no answer within {SECONDS} s") from error
    errors = [line for line in process.stderr.splitlines() if line.strip()]
    if process.returncode:
        raise RuntimeError(errors[-1] if errors else f"ended with {process.returncode}")
    print(
        f"  {namespace}: {next((line for line in errors if line.startswith('stored ')), '')}",
        flush=True,
    )
    return [
        Answer(namespace=namespace, **json.loads(line))
        for line in answers.read_text(encoding="utf-8").splitlines()
    ]


def collect_answers(name: str, data: Path, server: local.Attachment) -> Iterator[Answer]:
    """Yield the answers of a peer, or of this library, to all questions."""
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
            turns = message_ids(sessions)
            with tempfile.TemporaryDirectory(prefix="peers-") as folder:
                questions = Path(folder) / "questions.jsonl"
                write(questions, sessions, sample, collect_evidence(sample, turns))
                yield from run_peer(name, questions, server, namespace)
        clear(driver)
    if groups:
        yield from ours.cross_validated_answers(groups)


def score(name: str, answers: list[Answer], gold: dict[tuple[str, str], set[str]]) -> list[Row]:
    """Return a row for each of a peer's settings.

    A question that failed counts as one that found nothing.
    """
    answers_by_settings: defaultdict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        answers_by_settings[answer.settings].append(answer)
    rows = []
    for settings, group in answers_by_settings.items():
        figures = []
        for answer in group:
            relevant = gold[answer.namespace, answer.question]
            figures.append(
                calculate_figures(
                    [message_id in relevant for message_id in answer.ids], len(relevant)
                )
            )
        durations = [answer.seconds for answer in group if answer.seconds is not None]
        errors = [answer.error for answer in group if answer.error]
        rows.append(
            {
                "peer": name,
                "version": environments.version(name),
                "settings": settings,
                "questions": len(group),
                "R@10": statistics.mean(values["R@10"] for values in figures),
                "MRR": statistics.mean(values["MRR"] for values in figures),
                "p50 ms": 1000 * float(np.median(durations)) if durations else None,
                "failed": len(errors),
                "error": re.sub(r"\s+", " ", errors[0]) if errors else None,
            }
        )
    return rows


def replace_rows(name: str, rows: list[Row]) -> list[Row]:
    """Replace the stored rows of a peer; return those of all peers."""
    file = result_file("peers.json")
    stored: list[Row] = json.loads(file.read_text()) if file.is_file() else []
    all_rows = [*(row for row in stored if row["peer"] != name), *rows]
    file.write_text(json.dumps(all_rows, indent=2) + "\n")
    return all_rows


def show(rows: list[Row]) -> None:
    """Print the table, best first.

    Ours is the fused search: where "ours / it" is above 1 it finds more, and takes longer.
    """
    best = next((row["R@10"] for row in rows if row["settings"] == ours.LEFT_OUT), None)
    duration = next(
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
        p50 = f"{row['p50 ms']:.1f}" if row["p50 ms"] else ""
        recall_ratio = f"{best / row['R@10']:.2f}" if best and row["R@10"] else ""
        p50_ratio = f"{duration / row['p50 ms']:.2f}" if duration and row["p50 ms"] else ""
        table.add_row(
            row["peer"],
            row["version"],
            settings,
            f"{row['R@10']:.3f}",
            f"{row['MRR']:.3f}",
            p50,
            recall_ratio,
            p50_ratio,
        )
    Console(width=150).print(table)


def main() -> int:
    """Install the peers, ask the questions, score the answers, and print the table."""
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
        turns = message_ids(sessions)
        gold.update(
            {(namespace, number): ids for number, ids in collect_evidence(sample, turns).items()}
        )
    with local.attach(None) as server:
        for name in options.peer:
            print(name, flush=True)
            try:
                answers = list(collect_answers(name, options.data, server))
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
            replace_rows(name, rows)
            with result_file(f"peers-{name}.jsonl").open("w", encoding="utf-8") as out:
                out.writelines(json.dumps(asdict(answer)) + "\n" for answer in answers)
    show(replace_rows("", []))
    return 0


if __name__ == "__main__":
    sys.exit(main())
