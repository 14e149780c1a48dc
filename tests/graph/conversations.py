"""Texts for conversations, and what a namespace holds."""

import re

import pytest

from mcp_context_persistence.services import conversation_deletion
from mcp_context_persistence.services.deletion import run_deletion

# Filter tokens hold the namespace, and a hash the position. Entities and relationships keep the
# sentence and the confidence of their first text.
UNSTABLE = re.compile(
    r"'(hash|facets|evidence|description|confidence)': "
    r"('[^']*'|\"[^\"]*\"|\[[^]]*\]|None|[0-9.]+)(, )?"
)


def turns(*texts):
    return [
        {"role": "user" if place % 2 == 0 else "assistant", "content": text}
        for place, text in enumerate(texts)
    ]


def dump(client):
    """Return all nodes and relationships of the namespace as text, without times."""
    import neo4j

    core = client._engine
    with core.graph.driver.session(default_access_mode=neo4j.READ_ACCESS) as session:
        nodes = session.run(
            "MATCH (n {namespace: $namespace}) WHERE NOT n:NamespaceVersion "
            "RETURN labels(n) AS labels, properties(n) AS properties",
            namespace=core.namespace,
        ).data()
        links = session.run(
            "MATCH (a {namespace: $namespace})-[r]->(b) "
            "RETURN a.id AS a, type(r) AS type, properties(r) AS properties, b.id AS b",
            namespace=core.namespace,
        ).data()
    clean = {"created_ms", "updated_ms", "timestamp_ms", "revision"}

    def stable(one):
        return repr(
            {
                key: sorted(value, key=str)
                if isinstance(value, list) and key != "embedding"
                else value
                for key, value in sorted(one.items())
                if key not in clean
            }
        )

    return sorted(f"{sorted(row['labels'])} {stable(row['properties'])}" for row in nodes), sorted(
        f"{row['a']} {row['type']} {row['b']} {stable(row['properties'])}" for row in links
    )


def normalize(client):
    """Return what `dump` returns, so that namespaces and orders of saves can be compared."""
    namespace = client._engine.namespace
    return [
        sorted(UNSTABLE.sub("", row.replace(namespace, "N")) for row in rows)
        for rows in dump(client)
    ]


def find_words(client, words):
    """Return what holds one of the words: nodes, relationships, and results of searches."""
    rows = [row for rows in dump(client) for row in rows]
    left = [row for row in rows for word in words if f"{word} " in row or f"{word}'" in row]
    for word in words:
        left += [
            result
            for result in client.search_hybrid(word, mode="keyword").results
            if word in result.content
        ]
    return left


def stop_after_first_transaction(client, conversation_id, monkeypatch):
    """Interrupt the deletion of a conversation, and return what its first transaction deleted."""
    removals = []

    def run_once(*arguments, **options):
        if removals:
            raise KeyboardInterrupt
        removals.append(run_deletion(*arguments, **options))
        return removals[0]

    with monkeypatch.context() as patch:
        patch.setattr(conversation_deletion, "run_deletion", run_once)
        with pytest.raises(KeyboardInterrupt):
            client.delete_conversation(conversation_id)
    return removals[0]
