"""The spellings of a name are one entity, whoever writes or asks."""

import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import NotFoundError


def save(client: ContextPersistenceClient, conversation: str, *texts: str) -> None:
    client.save_conversation(conversation, [{"role": "user", "content": text} for text in texts])


def list_ids(client: ContextPersistenceClient, *names: str) -> set[str]:
    return {client.query_knowledge_graph(name).entity_id for name in names}


def test_spellings_in_one_save_are_one_entity_with_the_commonest_name(client) -> None:
    save(client, "a", "neo4j is slow today.", "We use Neo4j.", "Neo4j crashed.")
    assert list_ids(client, "Neo4j", "neo4j", "NEO4J") == {"Neo4j"}
    entity = client.query_knowledge_graph("neo4j", operation="context").context.entity
    assert entity.name == "Neo4j"
    assert client.get_conversation_stats().stats.total_entities == 1


def test_a_later_spelling_is_the_stored_entity(client) -> None:
    save(client, "a", "We use PostgreSQL for storage.")
    save(client, "b", "We use POSTGRESQL for storage.")
    client.save_document("d", "The postgresql server was restarted.")
    client.extract_entities("POSTGRESQL is down.")
    assert list_ids(client, "PostgreSQL", "postgresql", "POSTGRESQL") == {"PostgreSQL"}
    results = client.search_hybrid("PostgreSQL", filters={"content_types": ["entity"]}).results
    assert [result.id for result in results].count("postgresql") == 0


def test_what_a_text_denies_is_found_under_every_spelling(client) -> None:
    save(client, "a", "We use Django and Kafka.")
    save(client, "b", "DJANGO does not use KAFKA.")
    answer = client.query_knowledge_graph("dJANGO", include_unasserted=True)
    stances = {(item.entity_id, item.modality) for item in answer.neighbors}
    assert stances >= {("Kafka", "denied")}


def test_saving_again_changes_nothing(client) -> None:
    save(client, "a", "We use Kafka for events.")
    save(client, "b", "KAFKA is a broker that we like.")
    before = client.get_conversation_stats().stats
    save(client, "b", "KAFKA is a broker that we like.")
    assert client.get_conversation_stats().stats == before
    assert client.reextract().total_entities_added == 0


def test_names_of_callers_are_found_in_any_spelling(client) -> None:
    client.update_knowledge_graph(
        [
            {"name": "International Business Machines", "type": "organization", "aliases": ["IBM"]},
            {"name": "Café Zürich", "type": "organization"},
            {"name": "O’Brien", "type": "person"},
        ],
        [],
    )
    assert list_ids(client, "ibm", "Ibm", "IBM") == {"international_business_machines"}
    decomposed = unicodedata.normalize("NFD", "café zürich")
    assert len(list_ids(client, "Café Zürich", decomposed, "CAFÉ ZÜRICH")) == 1
    assert len(list_ids(client, "O’Brien", "O'Brien", "o'brien")) == 1


def test_an_update_in_another_spelling_changes_the_stored_entity(client) -> None:
    client.update_knowledge_graph([{"name": "GraphDB", "type": "technology"}], [])
    result = client.update_knowledge_graph(
        [{"name": "graphdb", "description": "A store of graphs"}],
        [{"from_entity": "GRAPHDB", "to_entity": "graphdb", "relationship_type": "replaces"}],
    )
    assert (result.created_entities, result.updated_entities) == (0, 1)
    entity = client.query_knowledge_graph("GraphDB", operation="context").context.entity
    assert (entity.name, entity.type, entity.description) == (
        "GraphDB",
        "technology",
        "A store of graphs",
    )


def test_the_exact_spelling_comes_first(client) -> None:
    client.update_knowledge_graph(
        [{"id": "one", "name": "Delta"}, {"id": "two", "name": "DELTA"}], []
    )
    assert list_ids(client, "Delta") == {"one"}
    assert list_ids(client, "DELTA") == {"two"}


def test_ids_of_callers_stay(client) -> None:
    rows = [
        {"id": "json", "name": "json"},
        {"id": "JSON", "name": "JSON"},
        {"id": "x", "name": "Json"},
    ]
    assert client.update_knowledge_graph(rows, []).created_entities == 3
    assert client.update_knowledge_graph([{"name": "jSON"}], []).created_entities == 0
    rows = [{"id": "y", "name": "CSV"}, {"name": "csv"}]
    assert client.update_knowledge_graph(rows, []).created_entities == 2


def test_other_signs_are_other_names(client) -> None:
    save(client, "a", "The engine is in C++, the tools are in C# and the kernel is written in C.")
    assert list_ids(client, "C++") == {"C++"}
    assert list_ids(client, "C#", "c#") == {"C#"}
    with pytest.raises(NotFoundError):
        client.query_knowledge_graph("c--")


def test_a_spelling_of_a_merged_name_is_the_kept_entity(client) -> None:
    client.update_knowledge_graph(
        [{"name": "Acme", "type": "organization"}, {"name": "AcmeCorp", "type": "organization"}], []
    )
    merge = client.merge_entities("Acme", ["AcmeCorp"])
    save(client, "a", "Ines Duarte works for ACMECORP since May.")
    client.update_knowledge_graph([{"name": "acmecorp", "description": "A firm"}], [])
    assert list_ids(client, "acmecorp", "AcmeCorp", "acme") == {"Acme"}
    client.undo_merge(merge.merge_id)
    assert list_ids(client, "AcmeCorp", "acmecorp") == {"AcmeCorp"}


def test_writers_at_the_same_time_agree_on_one_spelling(client) -> None:
    spellings = ["RabbitMQ", "rabbitmq", "RABBITMQ", "Rabbitmq"]
    with ThreadPoolExecutor(4) as threads:
        list(
            threads.map(
                lambda pair: save(client, f"c{pair[0]}", f"We use {pair[1]} for queues."),
                enumerate(spellings * 3),
            )
        )
    assert len(list_ids(client, *spellings)) == 1
    assert client.get_conversation_stats().stats.total_entities <= 2
