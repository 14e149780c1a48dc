"""The peers for real: the same texts, the same vectors, the same Neo4j, each in an environment of its own.

    python -m bench.peers DATA [--only NAME ...]

LoCoMo's turns are stored with each peer, and its questions are asked, at the peer's defaults and at its best documented settings. A peer gets a fresh server;
the vectors are all-MiniLM-L6-v2's, made once, and kept in .cache/peers. What a peer cannot do is told with its error. Writes bench/results/peers.json.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.learn import DEPTH, judge
from bench.sets import evidence, locomo
from ingest.embed import Embedder
from kg import local
from mcp_context_persistence import ContextPersistenceClient

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = ROOT / ".cache" / "peers"
UV = ROOT / ".cache" / "tools" / "bin" / "uv"
RESULTS = HERE.parent / "results"
PEERS: dict[str, list[str]] = json.loads((HERE / "requirements.json").read_text())
OURS = "context persistence"
Wanted = Mapping[tuple[str, int], set[str]]


def prepare(data: Path) -> tuple[Path, dict[tuple[str, int], set[str]]]:
    """Write the chats and the vectors for everybody, and tell what is wanted."""
    folder = CACHE / "given"
    folder.mkdir(parents=True, exist_ok=True)
    chats, wanted = [], {}
    for name, sessions, sample in locomo(data):
        texts = [
            {
                "id": one.id,
                "session": talk.conversation_id,
                "speaker": one.name,
                "timestamp": str(one.timestamp),
                "content": one.content,
            }
            for talk in sessions
            for one in talk.messages
        ]
        ids = {one["id"] for one in texts}
        asked = [(one["question"], evidence(one) & ids) for one in sample["qa"] if evidence(one) & ids]
        chats.append({"name": name, "texts": texts, "questions": [question for question, _ in asked]})
        wanted |= {(name, number): relevant for number, (_, relevant) in enumerate(asked)}
    texts_of = sorted(
        {one["content"] for chat in chats for one in chat["texts"]} | {one for chat in chats for one in chat["questions"]}
    )
    known = folder / "texts.json"
    if not known.exists() or json.loads(known.read_text()) != texts_of:
        np.save(folder / "vectors.npy", Embedder().embed_whole(texts_of))
        known.write_text(json.dumps(texts_of))
    (folder / "chats.json").write_text(json.dumps(chats))
    return folder, wanted


def environment(name: str) -> Path:
    """The Python of a peer's environment, built where it is missing."""
    home = CACHE / name
    if not (home / "bin" / "python").exists():
        subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, home], check=True)
    subprocess.run([UV, "pip", "install", "--quiet", "--python", home / "bin" / "python", "numpy", *PEERS[name]], check=True)
    return home / "bin" / "python"


def ask(name: str, folder: Path) -> list[dict[str, Any]]:
    """What a peer found."""
    out = folder / f"{name}.jsonl"
    out.unlink(missing_ok=True)
    with local.attach(None) as server:
        place = {"PEER_URI": server.bolt_url, "PEER_USER": server.user, "PEER_PASSWORD": server.password}
        done = subprocess.run(
            [environment(name), HERE / f"ask_{name}.py", folder, out],
            env={**os.environ, **place},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["it ended without a word"])[-1])
    return [json.loads(line) for line in out.read_text().splitlines()]


def ours(data: Path) -> list[dict[str, Any]]:
    """What this project finds with its weights as they are, which were learned from these chats too; `bench.quality` leaves each chat out."""
    found = []
    with local.attach(None) as server:
        for name, sessions, sample in locomo(data):
            with ContextPersistenceClient(server.bolt_url, auth=(server.user, server.password), namespace=name) as client:
                client.batch_save_conversations(sessions)
                ids = {one.id for talk in sessions for one in talk.messages}
                questions = [one["question"] for one in sample["qa"] if evidence(one) & ids]
                for number, question in enumerate(questions):
                    answer = client.search_hybrid(question, filters={"content_types": "message"}, limit=DEPTH)
                    line = {"chat": name, "question": number, "setting": "default", "ids": [one.id for one in answer.results]}
                    found.append({**line, "seconds": answer.processing_time})
    return found


def rows(name: str, found: Sequence[Mapping[str, Any]], wanted: Wanted) -> list[dict[str, Any]]:
    """The figures of each setting."""
    settings: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for line in found:
        settings[line["setting"]].append(line)
    told = []
    for setting, lines in settings.items():
        relevant = [wanted[line["chat"], line["question"]] for line in lines]
        figures = [judge([one in want for one in line["ids"]], len(want)) for line, want in zip(lines, relevant, strict=True)]
        told.append(
            {
                "peer": name,
                "packages": PEERS.get(name, []),
                "setting": setting,
                "questions": len(lines),
                "R@10": round(statistics.mean(one["R@10"] for one in figures), 4),
                "MRR": round(statistics.mean(one["MRR"] for one in figures), 4),
                "p50 ms": round(statistics.median(line["seconds"] for line in lines) * 1000, 2),
            }
        )
    return told


def main() -> int:
    """Ask everybody, and show the figures side by side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="+", default=list(PEERS))
    options = parser.parse_args()
    folder, wanted = prepare(options.data)
    told = rows(OURS, ours(options.data), wanted)
    for name in options.only:
        try:
            told += rows(name, ask(name, folder), wanted)
        except Exception as error:  # whatever a peer does, the others are still asked
            told.append({"peer": name, "packages": PEERS[name], "setting": "", "error": f"{type(error).__name__}: {error}"})
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "peers.json").write_text(json.dumps(told, indent=2) + "\n")
    table = Table("peer", "setting", "R@10", "MRR", "p50 ms", "ours / its R@10")
    for row in told:
        if "error" in row:
            table.add_row(", ".join(row["packages"]), row["error"][:60], "", "", "", "")
        else:
            share = f"{told[0]['R@10'] / row['R@10']:.2f}" if row["R@10"] else "-"
            shown = [f"{row['R@10']:.3f}", f"{row['MRR']:.3f}", f"{row['p50 ms']:.1f}", share]
            table.add_row(", ".join(row["packages"]) or row["peer"], row["setting"], *shown)
    Console(width=130).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
