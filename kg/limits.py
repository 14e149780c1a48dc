"""Every limit of the system, in one place. The table in `docs/limits.md` is checked against this file.

Lengths of text are in characters unless the name says bytes; sizes are counts.
"""

IDENTIFIER_BYTES = (
    512  # ids, names, types, tags, namespaces; longer ones do not fit a range index well
)
NAMESPACE_BYTES = 128
MESSAGE_CHARACTERS = 1_000_000
MESSAGES_PER_CONVERSATION = 10_000
DOCUMENT_CHARACTERS = 1_000_000
METADATA_BYTES = 65_536  # as JSON
METADATA_DEPTH = 16
TAGS = 64
ENTITIES_PER_UPDATE = 10_000
RELATIONSHIPS_PER_UPDATE = 10_000
RELATIONSHIP_TYPES = (
    500  # that a namespace ever stored, beside RELATED_TO; the server never forgets a type
)
ENTITY_TYPES = 200  # likewise, beside concept
DATABASE_TYPES = 60_000  # relationship types in a database, and labels; Neo4j has room for 65,536 relationship types
DESCRIPTION_CHARACTERS = 4_000
DECISION_CHARACTERS = 20_000
TRAVERSAL_DEPTH = 5
TRAVERSAL_NODES = 500
TRAVERSAL_PATHS = 500
CENTRAL_ENTITIES = 10_000
COMMUNITIES = 500
COMMUNITY_ENTITIES = 1_000  # that are listed of one community
SIMILAR_ENTITIES = 1_000
SHORTEST_PATHS = 50
ANALYTICS_SECONDS = 3_600  # for which a block of `graph_data_science` may hold its projection
ANALYTICS_AT_ONCE = 4  # analyses that compute on a server at the same time
QUERY_CHARACTERS = 10_000
TOKEN_BUDGET = 1_000_000  # of a text for a prompt
QUERY_TERMS = 64  # terms of a query that reach the fulltext index
FILTER_VALUES = 100  # values in one filter
SEARCH_LIMIT = 100
EXTRACTION_CHARACTERS = 1_000_000
ENTITIES_PER_TEXT = 2_000
COMPARED_ENTITIES = 5_000  # that one search for duplicates looks at
DUPLICATE_PAIRS = 1_000  # of one answer
MERGED_AT_ONCE = 100  # entities that one merge takes away
GLINER_LABELS = (
    30  # types that a GLiNER model is asked for beside the usual ones; they take room from the text
)
LISTED_MERGES = 100  # of one answer, and of those that must be undone before one of them
ENTITY_PATTERNS = 200  # expressions of a namespace, all types together
PATTERN_CHARACTERS = 1_000
CONVERSATIONS_PER_BATCH = 100_000
TEXTS_PER_BATCH = 100_000
BATCH_WORKERS = 64
BATCH_WRITERS = 4  # conversations that are written at the same time
CHUNK_SIZE = 10_000  # messages or texts that a batch analyses together
REEXTRACT_LISTED = 1_000  # entities that are listed of each kind of change
ENCODER_BATCH = 1_024  # texts that an embedding model is given at once
VECTOR_SIZE = 4_096  # numbers; what Neo4j's vector index takes
EVIDENCE_PER_RELATIONSHIP = 50  # message ids kept on one relationship
CACHE_ENTRIES = 100_000  # in one cache
CACHE_ENTRY_BYTES = 1_048_576
CACHE_MEMORY_BYTES = 268_435_456  # of a cache in the process's own memory
CACHE_SECONDS = 2_592_000
MEMORY_PROCESS_BYTES = (
    1_000_000_000  # that a limit on memory must leave for this process with its language models
)
MEMORY_SERVER_BYTES = 900_000_000  # and for a managed server
OPEN_SECONDS = 240.0  # that opening a local store takes at most, beyond a first download of jars
FREE_BYTES = 16_777_216  # that must be free on a store's disk for its server to be started
OPEN_FILES = (
    1_024  # that a local store's server must be allowed; it has about 450 open when it starts
)
SERVER_LOG_BYTES = 50_000_000  # of all logs of a local store
ASYNC_THREADS = 16
RECENT_REQUESTS = 1_024  # whose times the percentiles of the metrics cover
DEADLINE_SECONDS = 30.0
SCHEMA_SECONDS = 120.0  # that opening spends on constraints, indexes and the data of older versions
