"""Every limit of the system. A test compares the table in `docs/limits.md` with this file.

Lengths of text are in characters unless the name says bytes; sizes are counts.
"""

# Of ids, names, types and tags; longer ones do not fit a range index well.
IDENTIFIER_BYTES = 512
NAMESPACE_BYTES = 128
MESSAGE_CHARACTERS = 1_000_000
MESSAGE_PARTS = 1_000
# As JSON: parts, tool calls and what else a message has besides text and metadata.
MESSAGE_DATA_BYTES = 4_000_000
MESSAGES_PER_CONVERSATION = 10_000
# Of the texts, the metadata and the other data that one call writes in one transaction.
CALL_BYTES = 33_554_432
# Of the same data of the messages in one page of a history: what one call saved is one page.
HISTORY_BYTES = 33_554_432
APPENDED_MESSAGES = 100_000  # of a conversation, those included that were not appended
DOCUMENT_CHARACTERS = 1_000_000
METADATA_BYTES = 65_536  # as JSON
METADATA_DEPTH = 16
TAGS = 64
ENTITIES_PER_UPDATE = 10_000
RELATIONSHIPS_PER_UPDATE = 10_000
# That a namespace ever stored, besides RELATED_TO; the server never forgets a type.
RELATIONSHIP_TYPES = 500
ENTITY_TYPES = 200  # likewise, besides concept
# Relationship types in a database, and labels; Neo4j has room for 65,536 relationship types.
DATABASE_TYPES = 60_000
DESCRIPTION_CHARACTERS = 4_000
DECISION_CHARACTERS = 20_000
INSTRUCTION_CHARACTERS = 1_000  # of an instruction, a preference or a fact about the user
INSTRUCTION_TOPIC_CHARACTERS = 500
APPLYING_INSTRUCTIONS = 1_000  # latest ones of a namespace that a prompt context looks at
DELETED_BYTES = (
    16_777_216  # of texts, metadata and other data of messages that one transaction deletes
)
DELETED_MESSAGES = 5_000  # that one transaction deletes of a conversation
DELETED_AT_ONCE = 1_000  # nodes that one transaction deletes of a namespace
TRAVERSAL_DEPTH = 5
TRAVERSAL_NODES = 500
TRAVERSAL_PATHS = 500
CENTRAL_ENTITIES = 10_000
COMMUNITIES = 500
COMMUNITY_ENTITIES = 1_000  # that are listed of one community
SIMILAR_ENTITIES = 1_000
SHORTEST_PATHS = 50
ANALYTICS_SECONDS = 3_600  # for which a `graph_data_science` block may keep its projection
ANALYTICS_AT_ONCE = 4  # analyses that run on a server at the same time
QUERY_CHARACTERS = 10_000
TOKEN_BUDGET = 1_000_000  # of a prompt context
QUERY_TERMS = 64  # terms of a query that reach the fulltext index
FILTER_VALUES = 100  # values in one filter, ids in one exclusion
FILTERED_METADATA = 100_000  # messages, conversations and passages that a range of metadata reads
SEARCH_LIMIT = 100
EXTRACTION_CHARACTERS = 1_000_000
ENTITIES_PER_TEXT = 2_000
# Of the code, logs, tables and JSON of one text: characters of values that are read, and mentions.
DATA_CHARACTERS = 2_000
ENTITIES_IN_DATA = 50
COMPARED_ENTITIES = 5_000  # in one search for duplicates
DUPLICATE_PAIRS = 1_000  # in one response
MERGED_AT_ONCE = 100  # entities that one merge removes
# Types for a GLiNER model besides the usual ones; they take up input tokens of the text.
GLINER_LABELS = 30
# In one response, and among those that must be undone before another one.
LISTED_MERGES = 100
LISTED_ITEMS = 1_000  # conversations, decisions, entities or instructions in a page
EXPORTED_ITEMS = 1_000  # in a page of an export
# Of a page of an export, as JSON, after which no item is added.
EXPORTED_BYTES = 4_000_000
INGESTED_ITEMS = 1_000  # in one call
ENTITY_PATTERNS = 200  # expressions of a namespace, for all types together
PATTERN_CHARACTERS = 1_000
CONVERSATIONS_PER_BATCH = 100_000
TEXTS_PER_BATCH = 100_000
BATCH_WORKERS = 64
BATCH_WRITERS = 4  # conversations that are written at the same time
CHUNK_SIZE = 10_000  # messages or texts that a batch analyzes together
REEXTRACT_LISTED = 1_000  # entities that are listed of each kind of change
ENCODER_BATCH = 1_024  # texts that an embedding model gets at once
VECTOR_SIZE = 4_096  # numbers; the maximum of Neo4j's vector index
EVIDENCE_PER_RELATIONSHIP = 50  # message ids on one relationship
UNASSERTED_PER_TEXT = 200  # relations that a text denies, plans, supposes and so on
UNASSERTED_TEXTS = 200  # texts of an entity that are read for such relations
CACHE_ENTRIES = 100_000  # in one cache
CACHE_ENTRY_BYTES = 1_048_576
CACHE_MEMORY_BYTES = 268_435_456  # of a cache in the memory of the process
CACHE_SECONDS = 2_592_000
# That a memory limit must leave for this process with its language models.
MEMORY_PROCESS_BYTES = 1_000_000_000
MEMORY_SERVER_BYTES = 1_000_000_000  # that it must leave for a managed server
OPEN_SECONDS = 240.0  # to open a local store, without the first download of jars
CHECK_SECONDS = 100.0  # to check the files of a store that was copied while its server was running
FREE_BYTES = 16_777_216  # that must be free on a store's disk to start its server
FREE_FILES = 256  # for which its file system must have room; a new store has 180
# That a local store's server must be allowed to open; it opens about 450 when it starts.
OPEN_FILES = 1_024
SERVER_FILE_BYTES = 1_073_741_824  # that a file of it may have, at least
SERVER_CPU_SECONDS = 3_600  # of processor time that it may use, at least
SERVER_LOG_BYTES = 50_000_000  # of all logs of a local store
ASYNC_THREADS = 16
MCP_REQUEST_BYTES = 4_194_304  # of one request over MCP and HTTP
MCP_ANSWER_CHARACTERS = 24_000  # of the text, and of the data as JSON, of one answer over MCP
RECENT_REQUESTS = 1_024  # whose durations the percentiles of the metrics cover
DEADLINE_SECONDS = 30.0
# To create constraints and indexes, and to migrate data of older versions, when a client opens.
SCHEMA_SECONDS = 120.0
REQUEST_BODY_BYTES = 16_777_216  # of one request to the service
REQUEST_BODIES_BYTES = 134_217_728  # of all requests that are being read
REQUEST_HEADER_BYTES = 32_768
REQUEST_SECONDS = 30.0  # in which a client must send its headers, and then its body
REQUEST_CHUNK_BYTES = 64  # of a chunk of a body, on average of 1,000 or more
JSON_DEPTH = 64  # levels of arrays and objects in a request
JSON_CONTAINERS = 100_000  # arrays and objects in a request
REQUESTS_PER_MINUTE = 6_000  # of one key; a setting
SERVICE_THREADS = 8  # calls over REST and MCP that run at the same time; a setting
SERVICE_WAITING = 160  # requests that wait for one of these threads
SERVICE_SHARE = 0.5  # of threads, waiting requests and bodies, for one namespace at most
SERVICE_CONNECTIONS = 4_096  # to the service, where the system allows that many open files
SERVICE_NAMESPACES = 64  # whose clients are open at the same time
INGESTED_LINES = 1_000  # of one request
EMBEDDED_CHARACTERS = 500_000  # of all texts of one request for vectors
