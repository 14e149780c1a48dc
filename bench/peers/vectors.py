"""The vectors that every peer gets, of all-MiniLM-L6-v2; cached in .cache/peers/vectors.npz."""

import hashlib
from collections.abc import Sequence

import numpy as np

from bench.files import ROOT
from mcp_context_persistence.ingest.models.embedder import Embedder

FILE = ROOT / ".cache" / "peers" / "vectors.npz"


def vectors_of(texts: Sequence[str]) -> dict[str, list[float]]:
    """Return the vector of each text: 384 numbers, of length one."""
    embedder = Embedder()
    cached = {}
    if FILE.is_file():
        with np.load(FILE) as stored:
            cached = dict(zip(stored["keys"].tolist(), stored["vectors"], strict=True))
    keys = {text: hashlib.sha256(f"{embedder.name}\n{text}".encode()).hexdigest() for text in texts}
    missing = [text for text, key in keys.items() if key not in cached]
    if missing:
        cached.update(
            zip((keys[text] for text in missing), embedder.embed_whole(missing), strict=True)
        )
        FILE.parent.mkdir(parents=True, exist_ok=True)
        np.savez(FILE, keys=np.array(list(cached)), vectors=np.stack(list(cached.values())))
    return {text: cached[key].tolist() for text, key in keys.items()}
