"""Conversations with duplicate entities, and functions that read the graph of a namespace."""

import json

PASSING = {"updated_ms", "version", "revision", "vectors_ms", "merges"}
PATTERNS = {"organization": [r"\bAcme Corp\b", r"\bAcme\b", r"\bNorthwind\b"]}
LABELS = "Conversation|Message|Chunk|Entity|Decision|Document|MergedEntity"


def query(client, text, **parameters):
    return client._engine.graph.driver.execute_query(
        text, n=client._engine.namespace, **parameters
    ).records


def canonical(client):
    """Return the graph without merges and without what every write changes; tokens sorted."""

    def plain(properties):
        found = {key: value for key, value in properties.items() if key not in PASSING}
        return json.dumps(
            {
                key: sorted(value) if key in {"facets", "mentioned"} else value
                for key, value in found.items()
            },
            sort_keys=True,
        )

    nodes = query(
        client,
        f"MATCH (x:{LABELS} {{namespace: $n}}) RETURN labels(x) AS labels, properties(x) AS "
        "properties",
    )
    links = query(
        client,
        f"MATCH (x:{LABELS} {{namespace: $n}})-[r]->(y:{LABELS}) RETURN x.id AS a, type(r) AS "
        "type, y.id AS b, properties(r) AS properties",
    )
    return (
        {
            (tuple(sorted(row["labels"])), row["properties"]["id"]): plain(row["properties"])
            for row in nodes
        },
        sorted((row["a"], row["type"], row["b"], plain(row["properties"])) for row in links),
    )


def conversation_messages(*texts):
    return [{"role": "user", "content": text} for text in texts]


def fill(client):
    client.update_knowledge_graph(
        [
            {
                "id": "Acme",
                "type": "organization",
                "name": "Acme",
                "description": "A maker of anvils",
            },
            {"id": "acme_corp", "type": "organization", "name": "Acme Corp"},
            {"id": "vienna", "type": "location", "name": "Vienna"},
            {"id": "audit", "type": "project", "name": "Audit"},
        ],
        [
            {
                "from_entity": "Acme",
                "to_entity": "vienna",
                "relationship_type": "works in",
                "confidence": 0.5,
                "properties": {"a": 1},
            },
            {
                "from_entity": "acme_corp",
                "to_entity": "vienna",
                "relationship_type": "works in",
                "confidence": 0.9,
                "properties": {"b": 2},
            },
            {"from_entity": "audit", "to_entity": "acme_corp", "relationship_type": "checks"},
            {"from_entity": "acme_corp", "to_entity": "Acme", "relationship_type": "owns"},
        ],
    )
    client.configure_entity_patterns(PATTERNS)
    client.save_conversation(
        "one",
        conversation_messages(
            "Acme Corp uses pandas.", "Acme is in Vienna.", "Acme and Acme Corp use PostgreSQL."
        ),
    )
    client.save_conversation(
        "two", conversation_messages("Nothing.", "Acme Corp uses PostgreSQL. Acme Corp is large.")
    )
    client.save_document("handbook", "Acme Corp uses PostgreSQL for its orders.")
    client.save_decision(
        "one", "tool", "Acme Corp compared pandas with polars", "Acme Corp uses polars"
    )


def entities(client):
    return {
        row["id"] for row in query(client, "MATCH (e:Entity {namespace: $n}) RETURN e.id AS id")
    }


def mentioning(client, entity_id):
    rows = query(
        client,
        "MATCH (e:Entity {namespace: $n, id: $id})<-[r:MENTIONS]-(m) RETURN m.id AS id, r.count "
        "AS count",
        id=entity_id,
    )
    return {row["id"]: row["count"] for row in rows}
