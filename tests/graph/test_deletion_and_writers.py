"""Deletions beside saves, merges and undos: nothing refers to what was deleted."""

import threading
from itertools import pairwise
from random import Random

from mcp_context_persistence.exceptions import ContextPersistenceError

CLASSES = ("OrderParser", "StockLoader", "InvoicePrinter")
LIBRARIES = ("pandas", "Redis")
ROUNDS = 12
DANGLING = """
MATCH (a:Entity {namespace: $namespace})-[r]->(:Entity)
UNWIND r.sources AS id
OPTIONAL MATCH (t:Message|Chunk|Decision {namespace: $namespace, id: id})
WITH a, id, t WHERE t IS NULL
RETURN a.id AS entity, id
"""
UNSUPPORTED = """
MATCH (e:Entity {namespace: $namespace})
WHERE e.origin = 'extracted' AND NOT EXISTS { (e)<-[:MENTIONS|ABOUT]-() }
  AND NOT EXISTS { (e)--(:Entity) }
RETURN e.id AS id
"""
ORDERS = """
MATCH (c:Conversation {namespace: $namespace})-[:HAS_MESSAGE]->(m)
WITH c, m ORDER BY m.position
RETURN c.id AS id, collect(m.id) AS ids, collect(m.position) AS positions,
  COLLECT { MATCH (c)-[:HAS_MESSAGE]->(a)-[:NEXT]->(b) RETURN [a.id, b.id] } AS pairs
"""


def save(client, random):
    talk = random.choice("ab")
    keys = random.sample(range(4), 2)
    client.save_conversation(
        talk,
        [
            {
                "id": f"{talk}{key}",
                "role": "user",
                "content": f"The {random.choice(CLASSES)} class uses {random.choice(LIBRARIES)}.",
            }
            for key in keys
        ],
    )


def delete(client, random):
    if random.random() < 0.2:
        client.delete_conversation(random.choice("ab"))
    elif random.random() < 0.2:
        client.delete_entity(random.choice(LIBRARIES))
    else:
        client.delete_message(f"{random.choice('ab')}{random.randrange(4)}")


def merge(client, random):
    try:
        merged = client.merge_entities(*random.sample(CLASSES, 2))
        client.undo_merge(merged.merge_id)
    except ContextPersistenceError:
        pass  # an entity was deleted meanwhile


def test_nothing_refers_to_what_was_deleted(client, connect):
    errors = []

    def repeat(step, seed):
        own, random = connect(), Random(seed)
        for _ in range(ROUNDS):
            try:
                step(own, random)
            except ContextPersistenceError as error:
                if not error.retryable:
                    errors.append(repr(error))

    threads = [
        threading.Thread(target=repeat, args=(step, seed))
        for seed, step in enumerate((save, save, delete, delete, merge))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    engine = client._engine
    with engine.graph.driver.session() as session:
        rows = {
            text: session.run(text, namespace=engine.namespace).data()
            for text in (DANGLING, UNSUPPORTED, ORDERS)
        }
    assert rows[DANGLING] == []
    assert rows[UNSUPPORTED] == []
    for row in rows[ORDERS]:
        assert row["positions"] == list(range(len(row["ids"])))
        assert sorted(row["pairs"]) == sorted(map(list, pairwise(row["ids"])))
