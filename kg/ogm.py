"""The same graph as neomodel classes, for people who want an object-graph mapper on it.

Connect neomodel to the server (`neomodel.config.DATABASE_URL`), then read and traverse: ``Entity.nodes.filter(namespace="default")``.
The library itself does not use these classes; a test holds them equal to the schema and to what is written.
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
    """Where and how often an entity is named; `start` and `end` count characters of the first place.

    `parts`, JSON, is there where it is named by the names of entities that were merged into it.
    """

    start = IntegerProperty()
    end = IntegerProperty()
    count = IntegerProperty()
    confidence = FloatProperty()
    extractor = StringProperty()
    parts = StringProperty()


class Stored(StructuredNode):
    """What every node has; `uid` is its id (neomodel keeps the name `id` for itself). Times are milliseconds since 1970 UTC."""

    __abstract_node__ = True

    namespace = StringProperty(required=True)
    uid = StringProperty(required=True, db_property="id")
    created_ms = IntegerProperty()
    updated_ms = IntegerProperty()


class Found(Stored):
    """What can be found: `content` by its words, `embedding` by its meaning. `facets`, where there are any, are opaque filter tokens."""

    __abstract_node__ = True

    kind = StringProperty()
    content = StringProperty()
    timestamp_ms = IntegerProperty()
    confidence = FloatProperty()
    conversation_id = StringProperty()
    role = StringProperty()
    project = StringProperty()
    embedding = ArrayProperty(FloatProperty())


class Conversation(Stored):
    """A conversation. `metadata` is JSON; `revision` grows with every write."""

    kind = StringProperty()
    content = StringProperty()
    facets = ArrayProperty(StringProperty())
    conversation_id = StringProperty()
    project = StringProperty()
    project_path = StringProperty()
    mode = StringProperty()
    tags = ArrayProperty(StringProperty())
    metadata = StringProperty()
    revision = IntegerProperty()
    mentioned = ArrayProperty(StringProperty())

    messages = RelationshipTo("Message", "HAS_MESSAGE")
    decisions = RelationshipTo("Decision", "HAS_DECISION")
    mentions = RelationshipTo("Entity", "MENTIONS", model=Mentions)


class Message(Found):
    """A message. One that the encoder takes whole carries its vector itself, a longer one has chunks.

    `own_facets` and `own_project` come from its own metadata, the rest of `facets` and `project` from its conversation.
    `given_vector` is the hash of a vector that the caller gave.
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
    own_facets = ArrayProperty(StringProperty())
    own_project = StringProperty()
    given_vector = StringProperty()

    conversation = RelationshipFrom("Conversation", "HAS_MESSAGE")
    next = RelationshipTo("Message", "NEXT")
    chunks = RelationshipTo("Chunk", "HAS_CHUNK")
    mentions = RelationshipTo("Entity", "MENTIONS", model=Mentions)


class Document(Stored):
    """A text that belongs to no conversation; it is found through its chunks. `metadata` is JSON."""

    kind = StringProperty()
    content = StringProperty()
    bytes = IntegerProperty()
    hash = StringProperty()
    project = StringProperty()
    project_path = StringProperty()
    metadata = StringProperty()

    chunks = RelationshipTo("Chunk", "HAS_CHUNK")


class Chunk(Found):
    """A passage of a long message or of a document; `start` and `end` count its characters.

    Those of a message have a `message_id`. Those of a document have a `document_id`, the filter tokens in `facets` and `mentioned`, and the
    document's metadata; they are linked in order and mention entities themselves.
    """

    message_id = StringProperty()
    document_id = StringProperty()
    facets = ArrayProperty(StringProperty())
    mentioned = ArrayProperty(StringProperty())
    metadata = StringProperty()
    position = IntegerProperty()
    start = IntegerProperty()
    end = IntegerProperty()

    message = RelationshipFrom("Message", "HAS_CHUNK")
    document = RelationshipFrom("Document", "HAS_CHUNK")
    next = RelationshipTo("Chunk", "NEXT")
    mentions = RelationshipTo("Entity", "MENTIONS", model=Mentions)


class EntityProfile(Found):
    """What an entity is, merged or not."""

    __abstract_node__ = True

    facets = ArrayProperty(StringProperty())
    name = StringProperty()
    type = StringProperty()
    type_facet = StringProperty()
    description = StringProperty()
    aliases = ArrayProperty(StringProperty())
    metadata = StringProperty()
    origin = StringProperty(choices={"extracted": "extracted", "user": "user"})


class Entity(EntityProfile):
    """Something that is talked about. It carries a second label for its type. Relationships between entities have types of their own."""

    mentioned_by = RelationshipFrom("Message", "MENTIONS", model=Mentions)
    decided_by = RelationshipFrom("Decision", "ABOUT")


class MergedEntity(EntityProfile):
    """An entity that was merged into another one: its properties, for the case that the merge is undone. It is in no answer."""

    merge = RelationshipFrom("Merge", "MERGED")


class Merge(Stored):
    """That entities were merged into one: when, by whom and why. `evidence`, `counts` and `snapshot` (what is needed to undo it) are JSON.

    `place` orders the merges of a namespace. One that was undone has `undone_ms` and is linked to nothing.
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
    model = StringProperty()
    vectors = StringProperty()
    undone_ms = IntegerProperty()

    into = RelationshipTo("Entity", "INTO")
    merged = RelationshipTo("MergedEntity", "MERGED")


class Decision(Found):
    """A decision. `stated_confidence` is what the caller said, missing when nothing was said.

    `status` is accepted, proposed or rejected; one that was saved before there was a status is accepted.
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


class NamespaceVersion(StructuredNode):
    """Which state a namespace is in: every write gives it another version, never used before. And which model made its vectors.

    `vectors` is the property that has them. Those of `other_model` are on their way in, or were in use before. `merges` grows whenever
    entities are merged, or that is undone. `relationship_types` and `entity_labels` are all that the namespace ever stored.
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
    """Patterns of a namespace's own types of entities. `patterns` is JSON; `version` grows with every change."""

    namespace = StringProperty(required=True, unique_index=True)
    version = IntegerProperty()
    patterns = StringProperty()
    created_ms = IntegerProperty()
    updated_ms = IntegerProperty()


class SchemaVersion(StructuredNode):
    """Which schema the database has, and the size of the vectors in its first index of them."""

    ALL: ClassVar[tuple[str, ...]] = (
        "Conversation",
        "Message",
        "Chunk",
        "Document",
        "Entity",
        "Decision",
        "EntityPatterns",
        "Merge",
        "MergedEntity",
        "NamespaceVersion",
        "SchemaVersion",
    )

    uid = StringProperty(required=True, unique_index=True, db_property="id")
    version = IntegerProperty()
    vector_size = IntegerProperty()
    created_ms = IntegerProperty()
    updated_ms = IntegerProperty()
