"""Build an environment for each peer: .cache/peers/NAME, from bench/peers/NAME.txt."""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

from bench.files import ROOT

PEERS = {
    "driver": "neo4j",
    "graphrag": "neo4j-graphrag",
    "agent_memory": "neo4j-agent-memory",
    "langchain_hybrid": "langchain-neo4j",
    "mem0_memory": "mem0ai",
    "graphiti_search": "graphiti-core",
}  # the module, which has the name of the requirements, and the distribution
QUIET = {
    "HF_HUB_OFFLINE": "1",
    "MEM0_TELEMETRY": "False",
    "GRAPHITI_TELEMETRY_ENABLED": "false",
    "ANONYMIZED_TELEMETRY": "false",
    "LANGCHAIN_TRACING_V2": "false",
    "LANGSMITH_TRACING": "false",
    "DO_NOT_TRACK": "1",
    "PYTHONWARNINGS": "ignore",
}


def requirements(name: str) -> Path:
    """Return the file that pins what a peer needs."""
    return Path(__file__).with_name(f"{name}.txt")


def version(name: str) -> str:
    """Return the peer's pinned version; empty for this library."""
    if name not in PEERS:
        return ""
    match = re.search(
        rf"^{re.escape(PEERS[name])}==(\S+)",
        requirements(name).read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    return match[1] if match else "?"


def build(name: str) -> Path:
    """Return the interpreter of a peer's environment; make it again when its requirements changed.

    Raises:
        RuntimeError: It cannot be installed.
    """
    folder = ROOT / ".cache" / "peers" / name
    python, mark = folder / "bin" / "python", folder / "requirements.sha256"
    digest = hashlib.sha256(requirements(name).read_bytes()).hexdigest()
    if mark.is_file() and mark.read_text() == digest:
        return python
    own_uv = ROOT / ".cache" / "tools" / "bin" / "uv"
    uv = str(own_uv) if own_uv.is_file() else shutil.which("uv")
    if uv is None:
        raise RuntimeError("uv is missing; `make setup` installs it")
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
        [
            uv,
            "pip",
            "install",
            "--quiet",
            "--python",
            str(python),
            "--requirement",
            str(requirements(name)),
        ],
    ):
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        if process.returncode:
            raise RuntimeError(
                f"cannot be installed: {(process.stderr.strip().splitlines() or ['?'])[-1]}"
            )
    mark.write_text(digest)
    return python
