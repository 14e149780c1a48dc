"""Every limit of the system, in one place. The table in `docs/limits.md` is checked against this file.

Lengths of text are in characters unless the name says bytes; sizes are counts.
"""

IDENTIFIER_BYTES = 512  # ids, names, types, tags, namespaces; longer ones do not fit a range index well
NAMESPACE_BYTES = 128
MESSAGE_CHARACTERS = 1_000_000
MESSAGES_PER_CONVERSATION = 10_000
METADATA_BYTES = 65_536  # as JSON
METADATA_DEPTH = 16
TAGS = 64
ENTITIES_PER_UPDATE = 10_000
RELATIONSHIPS_PER_UPDATE = 10_000
RELATIONSHIP_TYPES = 500  # distinct relationship types in a database (types are never reclaimed by the server)
ENTITY_TYPES = 200
DESCRIPTION_CHARACTERS = 4_000
DECISION_CHARACTERS = 20_000
TRAVERSAL_DEPTH = 5
TRAVERSAL_NODES = 500
TRAVERSAL_PATHS = 500
QUERY_CHARACTERS = 10_000
QUERY_TERMS = 64  # terms of a query that reach the fulltext index
FILTER_VALUES = 100  # values in one filter
SEARCH_LIMIT = 100
EXTRACTION_CHARACTERS = 1_000_000
ENTITIES_PER_TEXT = 2_000
EVIDENCE_PER_RELATIONSHIP = 50  # message ids kept on one relationship
RECENT_REQUESTS = 1_024  # whose times the percentiles of the metrics cover
DEADLINE_SECONDS = 30.0
