"""The graph as neomodel classes, for users who want an object-graph mapper.

Connect neomodel to the server (`neomodel.config.DATABASE_URL`), then read and traverse:
``Entity.nodes.filter(namespace="default")``. The library itself does not use these classes; a test
compares them with the schema and with stored nodes.
"""

from typing import ClassVar

from neomodel import (
    ArrayProperty,
    BooleanProperty,
    FloatProperty,
    IntegerProperty,
    RelationshipFrom,
    RelationshipTo,
    StringProperty,
    StructuredNode,
    StructuredRel,
)


class Mentions(StructuredRel):
    """Where and how often a text mentions an entity.

    `start` and `end` count characters of the first occurrence. `parts`, JSON, exists where names of
    merged entities were found.
    """

    start = IntegerProperty()
    end = IntegerProperty()
    count = IntegerProperty()
    confidence = FloatProperty()
    extractor = StringProperty()
    parts = StringProperty()


class StoredNode(StructuredNode):
    """The properties of every node. Times are milliseconds since 1970 UTC.

    `uid` is the id; neomodel uses the name `id` itself.
    """

    __abstract_node__ = True

    namespace = StringProperty(required=True)
    uid = StringProperty(required=True, db_property="id")
    created_ms = IntegerProperty()
    updated_ms = IntegerProperty()


class SearchableNode(StoredNode):
    """The properties that searches use: `content` is the text, `terms` its terms in the index.

    `facets`, where it exists, holds filter tokens.
    """

    __abstract_node__ = True

    kind = StringProperty()
    content = StringProperty()
    terms = StringProperty()
    timestamp_ms = IntegerProperty()
    confidence = FloatProperty()
    conversation_id = StringProperty()
    role = StringProperty()
    project = StringProperty()


class EmbeddedNode(SearchableNode):
    """A searchable node with a vector."""

    __abstract_node__ = True

    embedding = ArrayProperty(FloatProperty())


class Conversation(StoredNode):
    """A conversation. `metadata` is JSON; `revision` grows with every write.

    `last_id` is the id of the last message; it may be out of date or missing. In a conversation
    with branches, it is the end of the current branch, and there is none where that branch is
    empty. Only such a conversation has an `end`, the position of the next message.
    A conversation without a `revision` is being deleted.
    """

    kind = StringProperty()
    content = StringProperty()
    terms = StringProperty()
    facets = ArrayProperty(StringProperty())
    conversation_id = StringProperty()
    project = StringProperty()
    project_path = StringProperty()
    mode = StringProperty()
    tags = ArrayProperty(StringProperty())
    metadata = StringProperty()
    revision = IntegerProperty()
    last_id = StringProperty()
    end = IntegerProperty()
    mentioned = ArrayProperty(StringProperty())

    messages = RelationshipTo("Message", "HAS_MESSAGE")
    decisions = RelationshipTo("Decision", "HAS_DECISION")
    instructions = RelationshipTo("Instruction", "HAS_INSTRUCTION")
    mentions = RelationshipTo("Entity", "MENTIONS", model=Mentions)


class Message(EmbeddedNode):
    """A message. A long one has chunks with vectors; any other one has its vector itself.

    `own_facets` and `own_project` come from its own metadata, the rest of `facets` and `project`
    from its conversation. `given_vector` is the hash of a vector that the caller passed.
    `data` has, as JSON, parts, tool calls and other keys of the message. `append_key` names the
    append that added it. `alternative` is true where its parent continues with another message.
    `unasserted` has, as JSON, the relations that the text denies, plans, supposes and so on;
    `unasserted_ids` has the ids of their ends.
    """

    facets = ArrayProperty(StringProperty())
    position = IntegerProperty()
    name = StringProperty()
    metadata = StringProperty()
    bytes = IntegerProperty()
    hash = StringProperty()
    content_hash = StringProperty()
    embedded = BooleanProperty()
    extracted = BooleanProperty()
    mentioned = ArrayProperty(StringProperty())
    unasserted = ArrayProperty(StringProperty())
    unasserted_ids = ArrayProperty(StringProperty())
    own_facets = ArrayProperty(StringProperty())
    own_project = StringProperty()
    given_vector = StringProperty()
    append_key = StringProperty()
    alternative = BooleanProperty()
    data = StringProperty()

    conversation = RelationshipFrom("Conversation", "HAS_MESSAGE")
    next = RelationshipTo("Message", "NEXT")
    chunks = RelationshipTo("Chunk", "HAS_CHUNK")
    mentions = RelationshipTo("Entity", "MENTIONS", model=Mentions)


class Document(StoredNode):
    """A text that belongs to no conversation; searches find its chunks. `metadata` is JSON."""

    kind = StringProperty()
    content = StringProperty()
    bytes = IntegerProperty()
    hash = StringProperty()
    project = StringProperty()
    project_path = StringProperty()
    metadata = StringProperty()

    chunks = RelationshipTo("Chunk", "HAS_CHUNK")


class Chunk(EmbeddedNode):
    """A passage of a long message or of a document; `start` and `end` count its characters.

    Chunks of a message have a `message_id`. Chunks of a document have a `document_id`, the filter
    tokens in `facets` and `mentioned`, and the document's metadata; they are linked in order and
    mention entities themselves.
    """

    message_id = StringProperty()
    document_id = StringProperty()
    facets = ArrayProperty(StringProperty())
    mentioned = ArrayProperty(StringProperty())
    unasserted = ArrayProperty(StringProperty())
    unasserted_ids = ArrayProperty(StringProperty())
    metadata = StringProperty()
    position = IntegerProperty()
    start = IntegerProperty()
    end = IntegerProperty()

    message = RelationshipFrom("Message", "HAS_CHUNK")
    document = RelationshipFrom("Document", "HAS_CHUNK")
    next = RelationshipTo("Chunk", "NEXT")
    mentions = RelationshipTo("Entity", "MENTIONS", model=Mentions)


class EntityProfile(SearchableNode):
    """The properties of an entity, merged or not."""

    __abstract_node__ = True

    facets = ArrayProperty(StringProperty())
    name = StringProperty()
    folded = StringProperty()
    type = StringProperty()
    type_facet = StringProperty()
    description = StringProperty()
    aliases = ArrayProperty(StringProperty())
    metadata = StringProperty()
    origin = StringProperty(choices={"extracted": "extracted", "user": "user"})


class Entity(EntityProfile):
    """A thing that texts mention, with a second label for its type.

    Relationships between entities have types of their own.
    """

    embedding = ArrayProperty(FloatProperty())

    mentioned_by = RelationshipFrom("Message", "MENTIONS", model=Mentions)
    decided_by = RelationshipFrom("Decision", "ABOUT")


class MergedEntity(EntityProfile):
    """An entity that was merged into another one, kept for an unmerge. No search returns it."""

    merge = RelationshipFrom("Merge", "MERGED")


class Merge(StoredNode):
    """A merge of entities into one: when, by whom and why.

    `evidence`, `counts` and `snapshot` (the data for an unmerge) are JSON. `place` orders the
    merges of a namespace. A merge that was undone has `undone_ms` and no relationships.
    """

    place = IntegerProperty()
    kept_id = StringProperty()
    merged_ids = ArrayProperty(StringProperty())
    merged_labels = ArrayProperty(StringProperty())
    reason = StringProperty()
    merged_by = StringProperty()
    evidence = StringProperty()
    snapshot = StringProperty()
    counts = StringProperty()
    undone_ms = IntegerProperty()

    into = RelationshipTo("Entity", "INTO")
    merged = RelationshipTo("MergedEntity", "MERGED")


class Decision(EmbeddedNode):
    """A decision. `stated_confidence` is the confidence that the caller passed, if any.

    `status` is accepted, proposed or rejected; a decision without one is accepted.
    """

    facets = ArrayProperty(StringProperty())
    decision_type = StringProperty()
    context = StringProperty()
    outcome = StringProperty()
    stated_confidence = FloatProperty()
    status = StringProperty()
    mentioned = ArrayProperty(StringProperty())

    conversation = RelationshipFrom("Conversation", "HAS_DECISION")
    about = RelationshipTo("Entity", "ABOUT")
    evidence = RelationshipTo("Message", "EVIDENCED_BY")


class Instruction(EmbeddedNode):
    """An instruction, a preference or a fact about the user, in their words (`content`).

    `scope` is `always`, or the topic with which it applies. `address` joins `subject` and
    `attribute`, or is a digest of them. Of the active instructions with one address, the one with
    the greatest `order_key` counts; the others are superseded. `status` is active or retired.
    """

    facets = ArrayProperty(StringProperty())
    instruction_kind = StringProperty()
    scope = StringProperty()
    subject = StringProperty()
    attribute = StringProperty()
    address = StringProperty()
    order_key = StringProperty()
    rule = StringProperty()
    status = StringProperty(choices={"active": "active", "retired": "retired"})
    message_id = StringProperty()
    start = IntegerProperty()
    end = IntegerProperty()
    own_facets = ArrayProperty(StringProperty())
    own_project = StringProperty()

    conversation = RelationshipFrom("Conversation", "HAS_INSTRUCTION")
    evidence = RelationshipTo("Message", "EVIDENCED_BY")


class NamespaceVersion(StructuredNode):
    """The state of a namespace: its version, its vector spaces, its merges and its types.

    Every write gives it another version, never used before. `vectors` is the property that holds
    the vectors in use. Those of `other_model` are being computed, or were in use before. `merges`
    grows whenever entities are merged, or that is undone. `relationship_types` and `entity_labels`
    are all that the namespace ever stored.
    """

    namespace = StringProperty(required=True, unique_index=True)
    version = StringProperty()
    merges = IntegerProperty()
    relationship_types = ArrayProperty(StringProperty())
    entity_labels = ArrayProperty(StringProperty())
    embedding_model = StringProperty()
    vector_size = IntegerProperty()
    vectors = StringProperty()
    vectors_revision = IntegerProperty()
    vectors_ms = IntegerProperty()
    other_model = StringProperty()
    other_size = IntegerProperty()
    other_vectors = StringProperty()
    other_progress = StringProperty()


class EntityPatterns(StructuredNode):
    """The user patterns of a namespace. `patterns` is JSON; `version` grows with every change."""

    namespace = StringProperty(required=True, unique_index=True)
    version = IntegerProperty()
    patterns = StringProperty()
    created_ms = IntegerProperty()
    updated_ms = IntegerProperty()


class SchemaVersion(StructuredNode):
    """The schema version of the database, and the size of vectors in its first vector index."""

    ALL: ClassVar[tuple[str, ...]] = (
        "Conversation",
        "Message",
        "Chunk",
        "Document",
        "Entity",
        "Decision",
        "Instruction",
        "EntityPatterns",
        "Merge",
        "MergedEntity",
        "NamespaceVersion",
        "SchemaVersion",
    )

    uid = StringProperty(required=True, unique_index=True, db_property="id")
    version = IntegerProperty()
    lock = BooleanProperty()
    vector_size = IntegerProperty()
    created_ms = IntegerProperty()
    updated_ms = IntegerProperty()
