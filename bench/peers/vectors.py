"""The vectors that every peer is given: all-MiniLM-L6-v2's, kept by the content of the text in .cache/peers/vectors.npz."""

import hashlib
from collections.abc import Sequence

import numpy as np

from bench.peers.environments import ROOT
from mcp_context_persistence.ingest.models.embedder import Embedder

FILE = ROOT / ".cache" / "peers" / "vectors.npz"


def vectors_of(texts: Sequence[str]) -> dict[str, list[float]]:
    """For each text its vector of 384 numbers, of length one."""
    embedder = Embedder()
    known = {}
    if FILE.is_file():
        with np.load(FILE) as stored:
            known = dict(zip(stored["keys"].tolist(), stored["vectors"], strict=True))
    keys = {text: hashlib.sha256(f"{embedder.name}\n{text}".encode()).hexdigest() for text in texts}
    missing = [text for text, key in keys.items() if key not in known]
    if missing:
        known.update(
            zip((keys[text] for text in missing), embedder.embed_whole(missing), strict=True)
        )
        FILE.parent.mkdir(parents=True, exist_ok=True)
        np.savez(FILE, keys=np.array(list(known)), vectors=np.stack(list(known.values())))
    return {text: known[key].tolist() for text, key in keys.items()}
