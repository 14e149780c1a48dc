"""The calls that teach the extraction types of one's own."""

from collections.abc import Mapping, Sequence

from mcp_context_persistence.kg import validation
from mcp_context_persistence.kg.errors import DatabaseError, NLPError, VectorDBError
from mcp_context_persistence.responses.patterns import (
    ConfigureEntityPatternsResponse,
    ReextractResponse,
)
from mcp_context_persistence.runtime.call_scope import public_call
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import patterns as own


class PatternCalls:
    """Types of entities that regular expressions find."""

    _engine: Engine

    @public_call(DatabaseError)
    def configure_entity_patterns(
        self, patterns: Mapping[str, Sequence[str]], *, confidence: float = 0.5
    ) -> ConfigureEntityPatternsResponse:
        r"""Find entities of types of your own, from now on, whoever writes to the namespace.

        The patterns are kept with the store and take the place of those before; `{}` removes them. What is stored already stays as it is
        until `reextract`. The whole match is the entity's name. Where a pattern and a built-in rule overlap, the pattern wins; of two
        patterns the longer match does, then the earlier one. Code in fences is not searched.

        Args:
            patterns: For each type a list of regular expressions, 200 in all, each of at most 1,000 characters. They are RE2's: any text takes
                linear time, there are no look-arounds and no back-references; `\b`, `\w` and `\d` know ASCII only; `(?i)` ignores case. A match
                of more than 512 bytes is not an entity.
            confidence: Of what they find, 0.0 to 1.0. Nobody has measured how often they are right, so 0.5, the mean of a uniform prior,
                stands for that; give the share that you have measured.

        Returns:
            The version of the patterns; the same patterns again keep it.

        Raises:
            ValidationError: An expression is not valid (the text says its type, its place in the list, and the position in it, all from
                0), matches the empty string, or is one too many.
            DatabaseError: The database operation failed.
        """
        return own.configure(self._engine, patterns, confidence)

    @public_call(DatabaseError, NLPError, VectorDBError)
    def reextract(
        self, conversation_id: str | None = None, *, apply: bool = False
    ) -> ReextractResponse:
        """Read what is stored once more by the present patterns and rules, and show what would change; apply it when told so.

        Messages and passages of documents are read; decisions keep what they are about. Entities, mentions and relationships that were
        found in text come and go; an entity that somebody wrote, and one that something else supports, stays. Mentions that
        `extract_entities` hung on a message from another text go. It is applied page by page (`chunk_size` messages), each as a whole; after
        an interruption the same call does the rest.

        Args:
            conversation_id: Only this conversation; None means all conversations and documents.
            apply: Whether to change the graph; False only shows the difference.

        Raises:
            NotFoundError: The conversation does not exist.
            ValidationError: An argument is not valid.
            DatabaseError: The database operation failed.
            NLPError: A text could not be analysed.
            VectorDBError: A vector could not be made.
        """
        return own.reextract(
            self._engine, conversation_id, apply=validation.check_flag("apply", apply)
        )
