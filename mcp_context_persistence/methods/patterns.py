"""Methods that configure a user's own entity types."""

from collections.abc import Mapping, Sequence

from mcp_context_persistence.kg import validation
from mcp_context_persistence.kg.errors import DatabaseError, NLPError, VectorDBError
from mcp_context_persistence.responses.patterns import (
    ConfigureEntityPatternsResponse,
    ReextractResponse,
)
from mcp_context_persistence.runtime.call_scope import public_call
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import patterns as entity_patterns


class PatternCalls:
    """Configures entity types that are found by regular expressions, and extracts again."""

    _engine: Engine

    @public_call(DatabaseError)
    def configure_entity_patterns(
        self, patterns: Mapping[str, Sequence[str]], *, confidence: float = 0.5
    ) -> ConfigureEntityPatternsResponse:
        r"""Find entities of your own types by regular expressions.

        The patterns are stored in the namespace, and all clients of the namespace use them. They
        replace the previous patterns; `{}` removes all patterns. They are used for texts that are
        saved from now on. To use them for stored texts too, call `reextract`.

        The whole match is the name of the entity. If a pattern and a built-in rule match
        overlapping text, the pattern is used. If the matches of two patterns overlap, the longer
        match is used. If both are equally long, the earlier pattern is used. Fenced code blocks and
        base64 are not searched.

        Args:
            patterns: For each type a list of regular expressions; at most 200 in total, each of at
                most 1,000 characters. They have the syntax of RE2, which needs linear time for
                every text. It has no look-arounds and no back-references. `\b`, `\w` and `\d` know
                only ASCII. `(?i)` ignores case. A match of more than 512 bytes is ignored.
            confidence: The confidence of the entities that the patterns find, 0.0 to 1.0. If you
                have measured the share of right matches, use this share. The default 0.5 means that
                the share is not known.

        Returns:
            The version of the patterns. Configuring the same patterns again keeps the version.

        Raises:
            ValidationError: An expression is not valid or matches the empty string, or there are
                too many expressions. The text names the type, the index in the list, and the
                position in the expression. Both numbers begin at 0.
            DatabaseError: The database operation failed.
        """
        return entity_patterns.configure_patterns(self._engine, patterns, confidence)

    @public_call(DatabaseError, NLPError, VectorDBError)
    def reextract(
        self, conversation_id: str | None = None, *, apply: bool = False
    ) -> ReextractResponse:
        """Extract again from stored texts, and show or apply the changes.

        The call reads the messages and the passages of documents, and uses the current patterns and
        rules. It adds or removes extracted entities, mentions and relationships. The entities of
        decisions do not change. An entity stays if a user wrote it or if anything else supports it.
        Mentions that `extract_entities` linked to a message, but found in another text, are
        removed.

        Changes are applied in pages of `chunk_size` messages, each in one transaction. After an
        interruption, the same call applies the rest.

        Args:
            conversation_id: Only this conversation; None means all conversations and documents.
            apply: Whether to change the graph. False only shows the difference.

        Raises:
            NotFoundError: The conversation does not exist.
            ValidationError: An argument is not valid.
            DatabaseError: The database operation failed.
            NLPError: A text could not be analyzed.
            VectorDBError: A vector could not be made.
        """
        return entity_patterns.reextract(
            self._engine, conversation_id, apply=validation.check_flag("apply", apply)
        )
