"""Every call of the client over HTTP, with the examples of the OpenAPI document."""

from urllib.parse import quote

from mcp_context_persistence import ContextPersistenceClient

# They are settings of a process or of this client, take objects, or concern the whole process.
NOT_CALLS = {
    "close",
    "configuration",
    "configure_cache",
    "configure_embedding_model",
    "configure_memory_management",
    "configure_parallel_processing",
    "cleanup_memory",
    "get_memory_stats",
    "get_metrics",
    "graph_data_science",
    "metrics_port",
    "namespace",
}


def list_operations(app):
    document = app.openapi()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation, document


def example_body(operation, document):
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" not in content:
        return None
    name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
    fields = document["components"]["schemas"][name]["properties"]
    return {
        field: schema["examples"][0] for field, schema in fields.items() if "examples" in schema
    }


def test_every_call_of_the_client_has_a_route(open_service):
    calls = {name for name in dir(ContextPersistenceClient) if not name.startswith("_")}
    operations = {
        operation["operationId"].partition(".")[0]
        for _, path, operation, _ in list_operations(open_service.app)
        if path.startswith("/v1")
    }
    assert operations == calls - NOT_CALLS


def test_the_examples_of_the_document_are_answered(rest, open_service):
    """In an order in which each finds what it needs."""
    first = {"save_conversation": 0, "append_messages": 1, "save_document": 1, "save_decision": 2}
    last = {"delete_namespace": 9, "delete_conversation": 8}
    ids = {
        "conversation_id": "pipeline-design",
        "document_id": "runbook",
        "message_id": "m-2",
        "entity_id": "OrderValidator",
    }
    arguments = {
        "delete_relationship": {
            "source_entity_id": "OrderValidator",
            "target_entity_id": "pandas",
            "relationship_type": "depends on",
        },
        "find_shortest_paths": {"target_entity_id": "pandas"},
        "delete_namespace": {"confirm": open_service.settings.namespace},
    }
    middle = {"update_knowledge_graph": 3, "create_relationship": 3, "merge_entities": 6}
    rank = first | last | middle | {"save_instruction": 2, "undo_merge": 7}
    operations = sorted(
        list_operations(open_service.app),
        key=lambda row: rank.get(row[2]["operationId"], 8 if row[0] == "DELETE" else 4),
    )
    for method, path, operation, document in operations:
        name = operation["operationId"]
        if "{decision_id}" in path and "decision_id" not in ids:
            ids["decision_id"] = rest.get("/v1/decisions").json()["decisions"][0]["id"]
        if "{instruction_id}" in path:
            ids["instruction_id"] = rest.get("/v1/instructions").json()["instructions"][0]["id"]
        if "{merge_id}" in path:
            ids["merge_id"] = rest.get("/v1/merges").json()["merges"][0]["merge_id"]
        address = path.format(**{key: quote(value, safe="") for key, value in ids.items()})
        body = example_body(operation, document)
        if name == "batch_save_conversations":
            example = operation["requestBody"]["content"]["application/jsonl"]["example"]
            response = rest.post(
                address, content=example, headers={"Content-Type": "application/jsonl"}
            )
        else:
            response = rest.request(method, address, json=body, params=arguments.get(name))
        assert response.status_code == 200, (name, response.text)
