"""Measure deletions: the client against a bare query that only deletes the messages."""

import random
import statistics
import uuid

import neo4j

from bench.datasets.texts import made_vectors
from bench.measure import Row, seconds
from mcp_context_persistence import ContextPersistenceClient

CLASSES = [
    f"{subject}{role}"
    for subject in ("Order", "Invoice", "Stock", "Price", "Audit", "Report", "Batch", "Event")
    for role in ("Parser", "Writer", "Loader", "Checker", "Router", "Planner", "Worker", "Buffer")
]
LIBRARIES = ("pandas", "numpy", "redis", "kafka", "spark", "flask", "django", "pytest")
MOST_SECONDS = 2.0
MOST_RATIO = 1.5  # where the driver itself needs longer: most of its time is the commit
BARE = """CYPHER 25
MATCH (c:Conversation {namespace: $namespace, id: $id})
OPTIONAL MATCH (c)-[:HAS_MESSAGE]->(m:Message)
DETACH DELETE m, c"""


def make_messages(count: int, *, seed: int) -> list[dict[str, str]]:
    """Make messages that state relationships between a few entities."""
    numbers = random.Random(seed)
    return [
        {
            "role": "user",
            "content": f"Step {number}: the {numbers.choice(CLASSES)} class uses "
            f"{numbers.choice(LIBRARIES)}. It depends on {numbers.choice(CLASSES)}.",
        }
        for number in range(count)
    ]


def measure_deletion(
    url: str, auth: tuple[str, str] | None, *, count: int = 10_000, times: int = 1
) -> Row:
    """Measure the deletion of a conversation with vectors and graph.

    Another conversation states a part of the same relationships, which must stay. The first round
    does not count: there the server plans the statement and compiles its own code, which the bare
    deletion, the second of each round, would find done. Its time is in the note.

    Args:
        url: The server.
        auth: User and password.
        count: Messages of the conversation.
        times: Rounds that count.
    """
    messages, vectors = make_messages(count, seed=7), made_vectors(count, seed=7)
    name = uuid.uuid4().hex
    clients = [
        ContextPersistenceClient(
            url, auth=auth, namespace=f"{kind}-{name}", config={"deadline": 300.0}
        )
        for kind in ("ours", "bare")
    ]
    ours = clients[0]
    our_seconds: list[float] = []
    bare_seconds: list[float] = []
    with neo4j.GraphDatabase.driver(url, auth=auth, notifications_min_severity="OFF") as driver:

        def delete_bare() -> None:
            with driver.session() as session:
                session.run(BARE, namespace=f"bare-{name}", id="long").consume()

        for _ in range(1 + times):
            for client in clients:
                client.save_conversation("long", messages, embeddings=vectors)
                client.save_conversation("other", messages[: count // 10])
            our_seconds.append(seconds(lambda: ours.delete_conversation("long")))
            bare_seconds.append(seconds(delete_bare))
    for client in clients:
        client.close()
    first, median = our_seconds[0], statistics.median(our_seconds[1:])
    rounds = zip(our_seconds[1:], bare_seconds[1:], strict=True)
    ratio = statistics.median(a / b for a, b in rounds)
    return Row(
        work=f"deletion of a conversation of {count:,} messages with graph",
        ours=median,
        bare=statistics.median(bare_seconds[1:]),
        unit="s",
        ratio=ratio,
        need=f"<= {MOST_SECONDS:g} s or <= {MOST_RATIO:g}",
        met=median <= MOST_SECONDS or ratio <= MOST_RATIO,
        note=f"the first deletion on the server: {first:.2f} s",
    )
