"""Calls that write, made from a seed, and a plain model of what they must leave in a graph."""

import contextlib
import hashlib
import json
import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mcp_context_persistence.kg.driver.graph import Graph
from tests.faults.kills import VECTOR_SIZE, ask, insist

PASSING = {
    "updated_ms",
    "created_ms",
    "timestamp_ms",
    "vectors_ms",
    "version",
    "revision",
    "merges",
    "order_key",
    "namespace",
}


class Letters:
    """A model whose vectors are counts of words, turned by a seed."""

    def __init__(self, seed: int) -> None:
        self.size, self.seed = VECTOR_SIZE, seed
        self._turn = np.random.default_rng(seed).normal(size=(128, VECTOR_SIZE))

    def encode(self, texts: Sequence[str]) -> Any:
        counts = np.full((len(texts), 128), 0.01)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                counts[row, int(hashlib.sha256(word.encode()).hexdigest(), 16) % 128] += 1
        return counts @ self._turn


Step = dict[str, Any]


def steps(
    seed: int, count: int, *, calls: Sequence[str] = ("save", "save", "graph", "merge", "undo")
) -> list[Step]:
    """Calls that write, with their arguments, the same ones for the same seed."""
    chance = random.Random(seed)
    made: list[Step] = [{"call": "graph", "entities": [f"e{number}" for number in range(6)]}]
    entities, merges, conversations = 6, [], 0
    while len(made) < count:
        call = chance.choice(calls)
        if call == "save":
            conversations += 1
            old = chance.randrange(conversations) if chance.random() < 0.3 else conversations - 1
            texts = [
                f"Message {place} of step {len(made)}: T-{chance.randrange(50)} is open"
                for place in range(chance.randint(2, 8))
            ]
            made.append({"call": "save", "conversation": f"c{old}", "texts": texts})
        elif call == "graph":
            made.append(
                {
                    "call": "graph",
                    "entities": [f"e{number}" for number in range(entities, entities + 3)],
                }
            )
            entities += 3
        elif call == "merge" and entities - 2 * len(merges) > 3:
            gone = {name for pair in merges for name in pair}
            keep, other = chance.sample(
                [f"e{number}" for number in range(entities) if f"e{number}" not in gone], 2
            )
            merges.append((keep, other))
            made.append({"call": "merge", "keep": keep, "gone": other})
        elif call == "undo" and merges:
            keep, other = merges.pop(chance.randrange(len(merges)))
            made.append({"call": "undo", "keep": keep, "gone": other})
        elif call in {"configure", "reextract"}:
            made.append({"call": call, "number": len(made)})
    return made


def do(client: Any, step: Step) -> None:
    """Make one call; that it was applied before its answer was lost is no error."""
    if step["call"] == "save":
        said = [
            {"role": "user", "content": text, "timestamp": "2026-01-01T00:00:00Z"}
            for text in step["texts"]
        ]
        client.save_conversation(
            step["conversation"], said, mode=step.get("mode", "conversation"), replace=True
        )
    elif step["call"] == "graph":
        entities = [
            {"id": name, "name": name.upper(), "type": "project"} for name in step["entities"]
        ]
        pairs = zip(step["entities"], step["entities"][1:], strict=False)
        relations = [
            {"from_entity": one, "to_entity": other, "relationship_type": "uses"}
            for one, other in pairs
        ]
        client.update_knowledge_graph(entities, relations)
    elif step["call"] == "merge":
        if not _merge(client, step):
            client.merge_entities(step["keep"], step["gone"])
    elif step["call"] == "undo":
        if merge := _merge(client, step):
            client.undo_merge(merge)
    elif step["call"] == "configure":
        client.configure_embedding_model(Letters(step["number"]), wait=True)
    elif step["call"] == "reextract":
        client.configure_entity_patterns(
            {"ticket": [r"T-\d+"]} if step["number"] % 2 else {"ticket": [r"T-\d*5"]}
        )
        client.reextract(apply=True)


def _merge(client: Any, step: Step) -> str | None:
    """The merge of a step, where it is in force."""
    for merge in client.list_merges().merges:
        if (
            merge.undone_at is None
            and merge.kept.id == step["keep"]
            and [one.id for one in merge.merged] == [step["gone"]]
        ):
            return str(merge.merge_id)
    return None


class Model:
    """What the graph must hold after some steps, in plain dictionaries."""

    def __init__(self, made: Sequence[Step] = ()) -> None:
        self.conversations: dict[str, list[str]] = {}
        self.entities: set[str] = set()
        self.merged: dict[str, str] = {}
        for step in made:
            if step["call"] == "save":
                self.conversations[step["conversation"]] = [digest(text) for text in step["texts"]]
            elif step["call"] == "graph":
                self.entities |= set(step["entities"])
            elif step["call"] == "merge":
                self.merged[step["gone"]] = step["keep"]
            elif step["call"] == "undo":
                self.merged.pop(step["gone"], None)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"Model({vars(self)})"


def digest(text: str) -> str:
    """A short hash of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def found(graph: Graph, namespace: str) -> Model:
    """What a namespace holds; what no model can hold is told as an error."""
    model = Model()
    used = ask(
        graph, "MATCH (v:NamespaceVersion {namespace: $n}) RETURN v.vectors AS vectors", n=namespace
    )
    vectors = used[0]["vectors"] if used else "embedding"
    for row in ask(graph, "MATCH (c:Conversation {namespace: $n}) RETURN c.id AS id", n=namespace):
        model.conversations[row["id"]] = []
    nodes = (
        "MATCH (m:Message|Chunk|Entity {namespace: $n}) "
        "RETURN labels(m) AS labels, m.id AS id, m[$v] AS vector"
    )
    rows = ask(graph, nodes, n=namespace, v=vectors)
    assert len({row["id"] for row in rows}) == len(rows), "something is there twice"
    for row in rows:
        length = float(
            np.linalg.norm(np.asarray(row["vector"] if row["vector"] is not None else [0.0]))
        )
        assert abs(length - 1) < 1e-3, (row["id"], length)
    messages = (
        "MATCH (m:Message {namespace: $n}) RETURN m.id AS id, m.content AS text, "
        "[(c:Conversation)-[:HAS_MESSAGE]->(m) | c.id] AS conversations, "
        "[(m)-[:NEXT]->(next) | next.id] AS next "
        "ORDER BY m.conversation_id, m.position"
    )
    rows = ask(graph, messages, n=namespace)
    for row, following in zip(rows, [*rows[1:], None], strict=False):
        assert len(row["conversations"]) == 1, row
        model.conversations[row["conversations"][0]].append(digest(row["text"]))
        same = following is not None and following["conversations"] == row["conversations"]
        assert row["next"] == ([following["id"]] if same and following else []), row
    named = (
        "MATCH (e:Entity|MergedEntity {namespace: $n}) WHERE e.id =~ 'e[0-9]+' RETURN e.id AS id"
    )
    model.entities = {row["id"] for row in ask(graph, named, n=namespace)}
    into = (
        "MATCH (gone:MergedEntity {namespace: $n})<-[:MERGED]-(m:Merge)-[:INTO]->(kept) "
        "WHERE m.undone_ms IS NULL RETURN gone.id AS gone, kept.id AS kept"
    )
    model.merged = {row["gone"]: row["kept"] for row in ask(graph, into, n=namespace)}
    return model


def canonical(graph: Graph, namespace: str) -> Any:
    """Return a comparable copy of a namespace, without merges and values that all writes change."""

    def plain(properties: dict[str, Any]) -> str:
        kept = {
            key: value
            for key, value in properties.items()
            if key not in PASSING and not key.startswith("embedding")
        }
        return json.dumps(
            {
                key: sorted(value) if isinstance(value, list) else value
                for key, value in kept.items()
            },
            sort_keys=True,
        )

    labels = "Conversation|Message|Chunk|Entity|Decision|Instruction|MergedEntity"
    nodes = ask(
        graph,
        f"MATCH (x:{labels} {{namespace: $n}}) RETURN labels(x) AS labels, properties(x) AS own",
        n=namespace,
    )
    links = ask(
        graph,
        f"MATCH (x:{labels} {{namespace: $n}})-[r]->(y:{labels}) "
        "RETURN x.id AS a, type(r) AS type, y.id AS b, properties(r) AS own",
        n=namespace,
    )
    facets = {"facets", "mentioned"}  # tokens that hold the namespace's name
    return (
        sorted(
            (sorted(row["labels"]), plain({k: v for k, v in row["own"].items() if k not in facets}))
            for row in nodes
        ),
        sorted((row["a"], row["type"], row["b"], plain(row["own"])) for row in links),
    )


def client_of(store: Path, namespace: str) -> Any:
    """A client of a store whose model is small, so that it does not load another one."""
    from mcp_context_persistence import ContextPersistenceClient

    client = ContextPersistenceClient(
        f"local:{store}",
        namespace=namespace,
        config={"max_memory_usage": "2GB", "vector_size": VECTOR_SIZE},
    )
    client.configure_embedding_model(Letters(0))
    return client


def noted(journal: Path) -> list[dict[str, Any]]:
    """The lines of a journal; one that was cut is none."""
    lines = journal.read_text().split("\n")[:-1] if journal.exists() else []
    return [json.loads(line) for line in lines]


def write(store: Path, seed: int, count: int, journal: Path) -> None:
    """Make the steps that the journal lacks; repeat one that was begun and not acknowledged."""
    done = sum(line["done"] for line in noted(journal))
    with journal.open("a") as notes, contextlib.closing(client_of(store, "journal")) as client:
        for number, step in list(enumerate(steps(seed, count)))[done:]:
            for acknowledged in (False, True):
                notes.write(json.dumps({"step": number, "done": acknowledged}) + "\n")
                notes.flush()
                if not acknowledged:
                    insist(partial(do, client, step))
