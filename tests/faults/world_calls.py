"""Every call of the client on two worlds, and probes of one world for the words of the other."""

import urllib.request
from contextlib import ExitStack
from random import Random
from typing import Any

import numpy as np

from mcp_context_persistence.kg.identifiers import build_decision_id
from mcp_context_persistence.models import HybridSearchParams, SearchFilters
from tests.faults.worlds import COMMON, QUESTIONS, Call, World


class Lengths:
    """A small model: a vector says how often each of a few letters comes."""

    def encode(self, texts: list[str]) -> Any:
        return np.array(
            [[1.0 + text.lower().count(letter) for letter in "aeionrst"] for text in texts],
            np.float32,
        )


def _save_again(world: World, _other: World, random: Random) -> Any:
    talk = world.talk(random.randrange(6))
    talk["messages"] = talk["messages"][: random.randint(1, 3)]
    return world.client.save_conversation(**talk, replace=True)


def _append(world: World, _other: World, random: Random) -> Any:
    number = random.randrange(6)
    talk = world.talk(number)
    talk["messages"] = [
        {**message, "id": f"{world.name}-{number}-{place}"}
        for place, message in enumerate(talk["messages"])
    ]
    return world.client.append_messages(**talk)


def _review(world: World, _other: World, random: Random) -> Any:
    proposals = world.client.propose_decisions("talk").proposals
    return (
        [world.client.review_decision(proposals[0].decision.id, accept=random.random() < 0.7)]
        if proposals
        else []
    )


def _merge(world: World, _other: World, _random: Random) -> Any:
    merged = world.client.merge_entities(
        f"{world.name}-corp", [f"{world.name}-inc"], reason=world.secret, merged_by=world.name
    )
    world.merges.append(merged.merge_id)
    return merged


def _undo(world: World, _other: World, _random: Random) -> Any:
    return world.client.undo_merge(world.merges[-1] if world.merges else "merge:none")


def _filters(world: World, random: Random) -> dict[str, Any] | None:
    return random.choice(
        [
            None,
            {"project": world.name},
            {"tags": [world.secret]},
            {"metadata.team": world.name},
            {"conversation_id": "talk"},
        ]
    )


def _hybrid(world: World, _other: World, random: Random) -> Any:
    mode = random.choice(["hybrid", "semantic", "keyword", "graph"])
    return world.client.search_hybrid(
        random.choice(QUESTIONS),
        mode,
        _filters(world, random),
        include_metadata=True,
        explain=True,
        limit=100,
    )


def _cache(world: World, _other: World, random: Random) -> Any:
    kinds = ["memory", "file", "none"] + ["redis"] * (world.redis is not None)
    kind = random.choice(kinds)
    return world.client.configure_cache(
        kind, directory=world.folder if kind == "file" else None, redis_url=world.redis
    )


def _metrics(world: World, _other: World, _random: Random) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{world.client.metrics_port}/metrics") as exposed:
        return world.client.get_metrics(), exposed.read().decode()


def _communities(world: World, _other: World, random: Random) -> Any:
    algorithm = random.choice(["leiden", "wcc", "k_core"])
    communities = world.client.detect_communities(algorithm, min_size=1)
    # Equal divisions and equally central members come in the order of the nodes in the store.
    members = [
        sorted(f"{entity.id} {entity.name} {entity.type}" for entity in community.entities)
        for community in communities
    ]
    return (
        sorted(name for names in members for name in names)
        if algorithm == "leiden"
        else sorted(members)
    )


def _library(world: World, _other: World, _random: Random) -> Any:
    with world.client.graph_data_science() as (_, graph):
        return graph.node_count(), graph.relationship_count()


def _model(world: World, _other: World, _random: Random) -> Any:
    status = world.client.configure_embedding_model(Lengths(), wait=True)
    usual = world.client.configuration()["sentence_transformer_model"]
    return status, world.client.configure_embedding_model(usual, wait=True)


def _export(world: World, _other: World, _random: Random) -> Any:
    """Return all items."""
    items: list[Any] = []
    cursor: str | None = None
    while True:
        page = world.client.export_items(cursor=cursor, limit=50)
        items += page.items
        cursor = page.next_cursor
        if cursor is None:
            return items


def _ingest(world: World, _other: World, _random: Random) -> Any:
    entity = {"kind": "entity", "id": f"{world.name}-new", "name": world.secret, "type": "firm"}
    relationship = {
        "kind": "relationship",
        "source_entity_id": f"{world.name}-new",
        "target_entity_id": f"{world.name}-new",
        "relationship_type": f"{world.name} likes",
        "stored_type": "RELATED_TO",
    }
    return world.client.ingest_items([entity, relationship])


def _texts(world: World) -> list[str]:
    return [f"{world.name} Corp uses pandas. {world.secret} does not.", COMMON]


# For every public name of the client a call with words of its own world.
CALLS: dict[str, Call] = {
    "append_messages": _append,
    "batch_extract_entities": lambda world, _, random: world.client.batch_extract_entities(
        _texts(world), store=random.random() < 0.5
    ),
    "batch_save_conversations": lambda world, _, random: world.client.batch_save_conversations(
        [world.talk(random.randrange(6)) for _ in range(2)],
        parallel=False,  # else the order of what supports a relationship is that in which they come
    ),
    "build_context": lambda world, _, random: world.client.build_context(
        random.choice(QUESTIONS), filters=_filters(world, random)
    ),
    "cleanup_memory": lambda world, *_: world.client.cleanup_memory(),
    "clear_cache": lambda world, *_: world.client.clear_cache(),
    "close": lambda world, *_: ExitStack().close(),  # at the end of the test, in both orders
    "configuration": lambda world, *_: world.client.configuration(),
    "configure_cache": _cache,
    "configure_embedding_model": _model,
    "configure_entity_patterns": lambda world, _, random: world.client.configure_entity_patterns(
        {
            f"{world.name} ticket": [rf"{world.name}\d+"],
            f"{world.name} {random.choice('ab')}": [world.secret],
        }
    ),
    "configure_memory_management": lambda world, *_: world.client.configure_memory_management(None),
    "configure_parallel_processing": lambda world, _, random: (
        world.client.configure_parallel_processing(random.randint(1, 4), random.randint(1, 100))
    ),
    "create_relationship": lambda world, _, random: world.client.create_relationship(
        f"{world.name}-part-{random.randrange(4)}",
        "pandas",
        f"{world.name} likes",
        properties={"note": world.secret},
    ),
    "delete_conversation": lambda world, _, random: world.client.delete_conversation(
        "talk", dry_run=random.random() < 0.7
    ),
    "delete_decision": lambda world, *_: world.client.delete_decision(
        build_decision_id(*world.decision)
    ),
    "delete_document": lambda world, *_: world.client.delete_document("handbook"),
    "delete_entity": lambda world, _, random: world.client.delete_entity(
        random.choice(["pandas", f"{world.name}-part-1"])
    ),
    "delete_message": lambda world, _, random: world.client.delete_message(
        f"talk:{random.randrange(3)}", dry_run=random.random() < 0.5
    ),
    "delete_namespace": lambda world, *_: (
        world.client.delete_namespace(world.client.namespace, dry_run=True).deleted
    ),
    "delete_relationship": lambda world, _, random: world.client.delete_relationship(
        f"{world.name}-part-{random.randrange(4)}", "pandas", f"{world.name} likes"
    ),
    "detect_communities": _communities,
    "export_items": _export,
    "extract_entities": lambda world, _, random: world.client.extract_entities(
        random.choice(_texts(world)), random.choice([None, "talk"]), context={"note": world.secret}
    ),
    "find_central_entities": lambda world, _, random: world.client.find_central_entities(
        random.choice(["pagerank", "degree"]), 1000
    ),
    "find_duplicate_entities": lambda world, *_: world.client.find_duplicate_entities(),
    "find_shortest_paths": lambda world, *_: world.client.find_shortest_paths(
        f"{world.name}-part-0", "pandas"
    ),
    "find_similar_entities": lambda world, *_: world.client.find_similar_entities(top_k=1000),
    "generate_embeddings": lambda world, *_: world.client.generate_embeddings(_texts(world)),
    "get_conversation_stats": lambda world, *_: world.client.get_conversation_stats(),
    "get_decision": lambda world, *_: world.client.get_decision(build_decision_id(*world.decision)),
    "get_document": lambda world, *_: world.client.get_document("handbook"),
    "get_embedding_status": lambda world, *_: world.client.get_embedding_status(),
    "get_entity": lambda world, _, random: world.client.get_entity(
        random.choice(["pandas", f"{world.name} Corp"])
    ),
    "get_graph_analytics": lambda world, *_: world.client.get_graph_analytics(),
    "get_memory_stats": lambda world, *_: world.client.get_memory_stats(),
    "get_message": lambda world, *_: world.client.get_message("talk:0"),
    "get_metrics": _metrics,
    "graph_data_science": _library,
    "ingest_items": _ingest,
    "list_conversations": lambda world, _, random: world.client.list_conversations(
        _filters(world, random), order="id"
    ),
    "list_decisions": lambda world, *_: world.client.list_decisions(order="id"),
    "list_documents": lambda world, *_: world.client.list_documents(order="id"),
    "list_entities": lambda world, *_: world.client.list_entities(order="id", limit=1000),
    "list_instructions": lambda world, *_: world.client.list_instructions(status=None),
    "list_merges": lambda world, *_: world.client.list_merges(),
    "load_conversation_history": lambda world, _, random: world.client.load_conversation_history(
        random.choice(["talk", f"{world.name}-talk"])
    ),
    "merge_entities": _merge,
    "metrics_port": lambda world, *_: world.client.metrics_port,
    "propose_decisions": lambda world, _, random: world.client.propose_decisions(
        "talk", save=random.random() < 0.5
    ),
    "query_knowledge_graph": lambda world, _, random: world.client.query_knowledge_graph(
        random.choice(["pandas", f"{world.name} Corp", "DataProcessor"]), depth=random.randint(1, 5)
    ),
    "reextract": lambda world, _, random: world.client.reextract(
        random.choice([None, "talk"]), apply=random.random() < 0.5
    ),
    "retire_instruction": lambda world, *_: world.client.retire_instruction(
        world.client.save_instruction(f"Never write {world.name}.").instruction_id
    ),
    "review_decision": _review,
    "save_conversation": _save_again,
    "save_decision": lambda world, *_: world.client.save_decision(*world.decision),
    "save_instruction": lambda world, *_: world.client.save_instruction(
        f"Always name {world.secret}.", scope=world.name
    ),
    "save_document": lambda world, _, random: world.client.save_document(
        "handbook",
        f"{COMMON} Page {random.randrange(3)} is about {world.secret}.",
        {"tags": [world.name]},
    ),
    "search_hybrid": _hybrid,
    "search_similar_conversations": lambda world, _, random: (
        world.client.search_similar_conversations(
            random.choice(QUESTIONS), 50, 0.0, _filters(world, random), include_metadata=True
        )
    ),
    "undo_merge": _undo,
    "update_knowledge_graph": lambda world, _, random: world.client.update_knowledge_graph(
        *world.graph(), random.choice(["upsert", "merge", "skip"])
    ),
    "update_message": lambda world, _, random: world.client.update_message(
        "talk:0", random.choice(_texts(world))
    ),
}
# Calls that name what only the other world has. `None` says that the call names nothing.
PROBES: dict[str, Call | None] = dict.fromkeys(CALLS) | {
    "batch_extract_entities": lambda world, other, _: world.client.batch_extract_entities(
        [f"{other.name} Corp uses {other.name}1."], store=False
    ),
    "build_context": lambda world, other, _: world.client.build_context(
        other.name, filters={"project": other.name}
    ),
    "create_relationship": lambda world, other, _: world.client.create_relationship(
        "pandas", f"{other.name}-corp", "uses"
    ),
    "delete_conversation": lambda world, other, _: world.client.delete_conversation(
        f"{other.name}-talk"
    ),
    "delete_entity": lambda world, other, _: world.client.delete_entity(f"{other.name}-corp"),
    "delete_message": lambda world, other, _: world.client.delete_message(f"{other.name}-talk:0"),
    "delete_namespace": lambda world, other, _: world.client.delete_namespace(
        f"{other.name}-space"
    ),
    "delete_relationship": lambda world, other, _: world.client.delete_relationship(
        f"{other.name}-part-0", "pandas", f"{other.name} likes"
    ),
    "get_entity": lambda world, other, _: world.client.get_entity(f"{other.name} Corp"),
    "get_message": lambda world, other, _: world.client.get_message(f"{other.name}-talk:0"),
    "list_conversations": lambda world, other, _: world.client.list_conversations(
        {"project": other.name}
    ),
    "list_documents": lambda world, other, _: world.client.list_documents({"project": other.name}),
    "extract_entities": lambda world, other, _: world.client.extract_entities(
        f"{other.name} Corp uses {other.name}1.",
        f"{other.name}-talk",
        f"{other.name}-talk:0",
        store=False,
    ),
    "find_duplicate_entities": lambda world, other, random: world.client.find_duplicate_entities(
        *random.choice([(f"{other.name}-corp",), (None, [f"{other.name} firm"])])
    ),
    "find_shortest_paths": lambda world, other, _: world.client.find_shortest_paths(
        "pandas", f"{other.name}-corp"
    ),
    "find_similar_entities": lambda world, other, _: world.client.find_similar_entities(
        f"{other.name} Corp"
    ),
    "ingest_items": lambda world, other, _: world.client.ingest_items(
        [
            {
                "kind": "relationship",
                "source_entity_id": "pandas",
                "target_entity_id": f"{other.name}-corp",
                "relationship_type": "uses",
                "stored_type": "USES",
            }
        ]
    ),
    "list_merges": lambda world, other, _: world.client.list_merges(
        cursor=(other.merges or ["merge:none"])[-1]
    ),
    "load_conversation_history": lambda world, other, _: world.client.load_conversation_history(
        f"{other.name}-talk"
    ),
    "merge_entities": lambda world, other, _: world.client.merge_entities(
        "pandas", [f"{other.name}-inc"]
    ),
    "propose_decisions": lambda world, other, _: world.client.propose_decisions(
        f"{other.name}-talk"
    ),
    "query_knowledge_graph": lambda world, other, random: world.client.query_knowledge_graph(
        random.choice([f"{other.name}-corp", f"{other.name} Corp", f"{other.name} panda"])
    ),
    "reextract": lambda world, other, _: world.client.reextract(f"{other.name}-talk"),
    "review_decision": lambda world, other, _: world.client.review_decision(
        build_decision_id(*other.decision)
    ),
    "search_hybrid": lambda world, other, random: world.client.search_hybrid(
        random.choice(
            [
                HybridSearchParams(
                    query=f"{other.name} budget",
                    mode=mode,
                    filters=filters,
                    explain=True,
                    include_metadata=True,
                )
                for mode in ("hybrid", "semantic", "graph")
                for filters in (
                    SearchFilters(project=other.name),
                    SearchFilters(tags=other.name),
                    SearchFilters(entity_types=f"{other.name} firm"),
                    SearchFilters(conversation_id=f"{other.name}-talk"),
                    {"metadata.team": other.name},
                )
            ]
        )
    ),
    "search_similar_conversations": lambda world, other, _: (
        world.client.search_similar_conversations(
            f"{other.name} budget", 50, 0.0, {"conversation_id": [f"{other.name}-talk", "talk"]}
        )
    ),
    "update_message": lambda world, other, _: world.client.update_message(
        f"{other.name}-talk:0", "Nothing"
    ),
    "undo_merge": lambda world, other, _: world.client.undo_merge(
        (other.merges or ["merge:none"])[-1]
    ),
}
# Whose answers tell of the process, and not of what is stored.
OF_THE_PROCESS = {
    "cleanup_memory",
    "configure_memory_management",
    "get_memory_stats",
    "get_metrics",
    "metrics_port",
}
