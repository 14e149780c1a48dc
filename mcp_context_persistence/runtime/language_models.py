"""The language models of the process.

They are large, so all clients share them. Each is loaded at its first use.
"""

from functools import cache
from typing import TYPE_CHECKING

from mcp_context_persistence.kg import identifiers
from mcp_context_persistence.kg.errors import ContextPersistenceError
from mcp_context_persistence.kg.schema.type_limits import TypeRegistry
from mcp_context_persistence.runtime.config.settings import Config

if TYPE_CHECKING:
    from mcp_context_persistence.ingest.extraction.extractor import Extractor
    from mcp_context_persistence.ingest.extraction.instruction_finder import InstructionFinder
    from mcp_context_persistence.ingest.models.cross_encoder import CrossEncoder
    from mcp_context_persistence.ingest.models.embedder import Embedder
    from mcp_context_persistence.ingest.models.token_states import TokenStateReader


@cache
def shared_embedder(model: str, batch_size: int) -> "Embedder":
    """Return the process's embedder of a model: the weights are 90 MB and take a second to load."""
    from mcp_context_persistence.ingest.models.embedder import Embedder  # noqa: PLC0415 - slow to import

    return Embedder(model, batch_size=batch_size)


@cache
def shared_extractor(
    model: str,
    gliner_model: str | None,
    gliner_labels: tuple[str, ...],
    language: str | None,
    embedding_model: str,
) -> "Extractor":
    """Return the process's extractor for these models and types, and this language of texts.

    Args:
        model: A spaCy pipeline.
        gliner_model: A second recognizer of names.
        gliner_labels: The types that it looks for besides the usual ones.
        language: The code of the language of all texts.
        embedding_model: Where this is the default one, which also scores names, it is downloaded
            if it is not here.
    """
    from mcp_context_persistence.ingest.extraction.extractor import Extractor  # noqa: PLC0415 - slow to import
    from mcp_context_persistence.ingest.extraction.gliner import GlinerRecognizer  # noqa: PLC0415 - slow to import
    from mcp_context_persistence.ingest.extraction.name_scores import NameScorer  # noqa: PLC0415 - slow to import

    return Extractor(
        model,
        recognizer=GlinerRecognizer(gliner_model, gliner_labels) if gliner_model else None,
        language=language,
        scorer=NameScorer(_shared_reader(embedding_model)),
    )


@cache
def shared_instruction_finder(language: str | None, embedding_model: str) -> "InstructionFinder":
    """Return the process's finder of instructions.

    Args:
        language: The code of the language of all texts.
        embedding_model: Where this is the default one, which also scores clauses, it is downloaded
            if it is not here.
    """
    from mcp_context_persistence.ingest.extraction.instruction_finder import InstructionFinder  # noqa: PLC0415 - slow to import
    from mcp_context_persistence.ingest.extraction.instruction_scores import InstructionScorer  # noqa: PLC0415 - slow to import

    scorer = InstructionScorer(_shared_reader(embedding_model))
    return InstructionFinder(scorer, language=language)


def _shared_reader(embedding_model: str) -> "TokenStateReader":
    from mcp_context_persistence.ingest.models import minilm  # noqa: PLC0415 - slow to import

    return _reader(minilm.is_name(embedding_model))


@cache
def _reader(may_download: bool) -> "TokenStateReader":
    from mcp_context_persistence.ingest.models.token_states import TokenStateReader  # noqa: PLC0415 - slow to import

    return TokenStateReader(may_download=may_download)


@cache
def shared_cross_encoder(model: str) -> "CrossEncoder":
    """Return the process's cross-encoder of a model."""
    from mcp_context_persistence.ingest.models.cross_encoder import CrossEncoder  # noqa: PLC0415 - slow to import

    return CrossEncoder(model)


class LanguageModels:
    """The extractor and the cross-encoder that one client is configured with."""

    def __init__(self, config: Config, types: TypeRegistry) -> None:
        """Create it; the first use loads the models.

        Args:
            config: Names the models.
            types: Says whether the namespace has room for the types that a GLiNER model looks for.
        """
        self._config, self._types = config, types
        self._are_labels_checked = False

    @property
    def extractor(self) -> "Extractor":
        """The extractor of entities and relations.

        Raises:
            ValidationError: With the types that the GLiNER model looks for, the namespace would
                have too many types.
        """
        config = self._config
        labels = (config.gliner_labels or ()) if config.gliner_model else ()
        if labels and not self._are_labels_checked:
            self._types.check((), map(identifiers.build_label, labels))
            self._are_labels_checked = True
        return shared_extractor(
            config.spacy_model,
            config.gliner_model,
            labels,
            config.text_language,
            config.sentence_transformer_model,
        )

    @property
    def instruction_finder(self) -> "InstructionFinder":
        """The finder of what users tell an assistant to remember."""
        config = self._config
        return shared_instruction_finder(config.text_language, config.sentence_transformer_model)

    @property
    def cross_encoder(self) -> "CrossEncoder | None":
        """The cross-encoder that scores the best messages again, None where none is configured."""
        name = self._config.cross_encoder_model
        return shared_cross_encoder(name) if name else None

    def identify_cross_encoder(self) -> str | None:
        """Return a name that changes with the model's files, None where they cannot be read."""
        try:
            return self.cross_encoder.name if self.cross_encoder else None
        except ContextPersistenceError:  # the search that needs the model raises it
            return None
