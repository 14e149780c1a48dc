"""An environment of its own for each peer: .cache/peers/NAME, from the pinned bench/peers/NAME.txt."""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PEERS = {
    "driver": "neo4j",
    "graphrag": "neo4j-graphrag",
    "agent_memory": "neo4j-agent-memory",
    "langchain_hybrid": "langchain-neo4j",
    "mem0_memory": "mem0ai",
    "graphiti_search": "graphiti-core",
}  # the module and the requirements of each, and the distribution that it is about
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
    """The file that pins what a peer needs."""
    return Path(__file__).with_name(f"{name}.txt")


def version(name: str) -> str:
    """The peer's pinned version; empty for ours."""
    if name not in PEERS:
        return ""
    found = re.search(
        rf"^{re.escape(PEERS[name])}==(\S+)",
        requirements(name).read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    return found[1] if found else "?"


def build(name: str) -> Path:
    """The interpreter of a peer's environment, which is made anew when its requirements changed.

    Raises:
        RuntimeError: It cannot be installed.
    """
    place = ROOT / ".cache" / "peers" / name
    python, mark = place / "bin" / "python", place / "requirements.sha256"
    digest = hashlib.sha256(requirements(name).read_bytes()).hexdigest()
    if mark.is_file() and mark.read_text() == digest:
        return python
    own = ROOT / ".cache" / "tools" / "bin" / "uv"
    uv = str(own) if own.is_file() else shutil.which("uv")
    if uv is None:
        raise RuntimeError("uv is missing; `make setup` installs it")
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(place)],
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
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(
                f"cannot be installed: {(done.stderr.strip().splitlines() or ['?'])[-1]}"
            )
    mark.write_text(digest)
    return python
