"""Missing, empty and wrong values of every filter of every call are refused by name."""

import inspect
import math
from typing import Any

import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import ValidationError
from mcp_context_persistence.models import DateRange, HybridSearchParams, SearchFilters
from mcp_context_persistence.queries.search.filters import _READERS, KEYS

SECRET = "canary-7f3a"
NAN = math.nan
# Wrong whatever the key is; a list of them is wrong too.
WRONG = (
    None,
    "",
    " \n",
    [],
    (),
    set(),
    [None],
    [""],
    {},
    {SECRET: None},
    [[SECRET]],
    object(),
    NAN,
    [NAN],
    SECRET.encode(),
)
NO_NAME = (True, 5, 0.5, [5])
EMPTY: tuple[object, ...] = ([], (), set())
BAD = {
    "conversation_id": (*WRONG, *NO_NAME, f"{SECRET}\n", ["mine", None]),
    "date_range": (
        *WRONG,
        *NO_NAME,
        SECRET,
        {"start": None},
        {"end": None},
        {"start": None, "end": "2026-01-01"},
        {"start": "2026-01-01", "end": None},
        {"start": ""},
        {"start": []},
        {"start": ["2026-01-01"]},
        {"start": NAN},
        {"start": True},
        {"start": SECRET},
        {"start": "2026-01-01", SECRET: 1},
        DateRange(start=None),
        DateRange(start=None, end="2026-01-01"),
        DateRange(),
    ),
    "entity_types": (*WRONG, *NO_NAME, ["person", None]),
    "content_types": (*WRONG, *NO_NAME, SECRET, ["message", None]),
    "confidence_min": (*WRONG, True, SECRET, "0.5", [0.5], -0.1, 1.1, math.inf),
    "project": (*WRONG, *NO_NAME, ["mine", None]),
    "tags": (*WRONG, *NO_NAME, ["mine", None]),
    "role": (*WRONG, *NO_NAME, SECRET, ["user", None]),
    "metadata.KEY": (
        *WRONG,
        math.inf,
        ["mine", None],
        10**30,
        {"above": SECRET},
        {"gte": SECRET, "above": 1},
        *({operator: value} for operator in ("gte", "not") for value in WRONG),
        {"gte": True},
        {"gte": [1]},
        {"gte": 1, "lt": SECRET},
        {"not": {"not": SECRET}},
    ),
}
GOOD = {
    "conversation_id": "mine",
    "date_range": {"start": "2025-01-01", "end": "2025-12-31"},
    "entity_types": "library",
    "content_types": "decision",
    "confidence_min": 0.99,
    "project": "mine",
    "tags": "mine",
    "role": "assistant",
    "metadata.KEY": "mine",
}
LISTS = ("list_conversations", "list_decisions", "list_documents", "list_entities")
SEARCHES: dict[str, list[Any]] = {
    "search_hybrid": [
        lambda client, filters: client.search_hybrid("budget", filters=filters),
        lambda client, filters: client.search_hybrid("budget", "keyword", filters),
        lambda client, filters: client.search_hybrid(
            HybridSearchParams(query="budget", filters=filters)
        ),
    ],
    "search_similar_conversations": [
        lambda client, filters: client.search_similar_conversations(
            "budget", min_score=0.0, filters=filters
        )
    ],
    "build_context": [lambda client, filters: client.build_context("budget", filters=filters)],
    **{
        name: [lambda client, filters, name=name: getattr(client, name)(filters=filters)]
        for name in LISTS
    },
}
PROSE_SEARCHES = ("build_context", "search_hybrid", "search_similar_conversations")
EXCLUSIONS = {"exclude_conversation_id", "exclude_ids"}
# Parameters that narrow a call to one object. `None` means "all" where it is the default, and is
# refused elsewhere.
NARROWING = {
    "append_messages": {"conversation_id"},
    "batch_extract_entities": {"entity_types"},
    "create_relationship": {"source_entity_id", "target_entity_id", "relationship_type"},
    "export_items": {"cursor"},
    "extract_entities": {"conversation_id", "message_id", "entity_types"},
    "find_duplicate_entities": {"entity_id", "entity_types"},
    "find_shortest_paths": {"source_entity_id", "target_entity_id"},
    "find_similar_entities": {"entity_id"},
    "list_merges": {"cursor"},
    "load_conversation_history": {"conversation_id", "before", "after", "cursor", "leaf_id"},
    "merge_entities": {"keep_id", "duplicate_ids"},
    "propose_decisions": {"conversation_id"},
    "query_knowledge_graph": {"entity_id"},
    "reextract": {"conversation_id"},
    "retire_instruction": {"instruction_id"},
    "review_decision": {"decision_id"},
    "save_conversation": {"conversation_id"},
    "save_decision": {"conversation_id", "decision_type"},
    "save_instruction": {"scope", "kind"},
    "save_document": {"document_id"},
    "undo_merge": {"merge_id"},
    "delete_conversation": {"conversation_id"},
    "delete_decision": {"decision_id"},
    "delete_document": {"document_id"},
    "delete_entity": {"entity_id"},
    "delete_message": {"message_id"},
    "delete_namespace": {"confirm"},
    "delete_relationship": {"relationship_type", "source_entity_id", "target_entity_id"},
    "get_decision": {"decision_id"},
    "get_document": {"document_id"},
    "get_entity": {"entity_id"},
    "get_message": {"message_id"},
    "list_conversations": {"cursor"},
    "list_decisions": {"cursor", "status"},
    "list_documents": {"cursor"},
    "list_entities": {"cursor"},
    "list_instructions": {"cursor", "status"},
    "update_message": {"message_id"},
    **dict.fromkeys(PROSE_SEARCHES, EXCLUSIONS),
}
NONE_MEANS_ALL = {("list_instructions", "status")}  # documented, and not its default
OTHER = {  # parameters that narrow nothing: what is written, how much, how
    "append_messages": {"messages", "project_path", "mode", "metadata", "embeddings"},
    "batch_extract_entities": {"texts", "parallel", "max_workers", "store", "progress"},
    "batch_save_conversations": {"conversations", "parallel", "max_workers", "replace", "progress"},
    "build_context": {"query", "token_budget", "diversity", "instruction_share"}
    | {"min_relevance", "order", "count_tokens"},
    "configure_cache": {"cache_type", "cache_size", "ttl", "redis_url", "directory"},
    "configure_embedding_model": {"model", "vector_size", "batch_size", "wait", "progress"},
    "configure_entity_patterns": {"patterns", "confidence"},
    "configure_memory_management": {"max_memory_usage", "cleanup_threshold"}
    | {"auto_cleanup", "restart_server"},
    "configure_parallel_processing": {"max_workers", "chunk_size"},
    "create_relationship": {"confidence", "properties"},
    "detect_communities": {"algorithm", "min_size", "weighted"},
    "export_items": {"limit"},
    "extract_entities": {"text", "context", "store"},
    "find_central_entities": {"metric", "top_k", "directed", "weighted"},
    "find_duplicate_entities": {"min_score", "limit"},
    "find_shortest_paths": {"k", "directed", "weighted"},
    "find_similar_entities": {"top_k", "min_similarity"},
    "generate_embeddings": {"texts"},
    "graph_data_science": {"directed", "costs"},
    "ingest_items": {"items"},
    "list_merges": {"limit"},
    "load_conversation_history": {"limit", "all_branches"},
    "merge_entities": {"reason", "merged_by", "evidence"},
    "propose_decisions": {"save"},
    "query_knowledge_graph": {"depth", "operation", "include_unasserted"},
    "reextract": {"apply"},
    "review_decision": {"accept"},
    "save_conversation": {"messages", "project_path", "mode", "metadata", "embeddings", "replace"},
    "save_decision": {"context", "outcome", "confidence", "project"},
    "save_document": {"text", "metadata", "project_path"},
    "save_instruction": {"text"},
    "search_hybrid": {"query", "mode", "limit", "include_metadata", "explain"},
    "search_similar_conversations": {"query", "limit", "min_score", "include_metadata"},
    "update_knowledge_graph": {"entities", "relationships", "merge_strategy"},
    "delete_conversation": {"dry_run"},
    "delete_decision": {"dry_run"},
    "delete_document": {"dry_run"},
    "delete_entity": {"dry_run"},
    "delete_message": {"dry_run"},
    "delete_namespace": {"dry_run"},
    "delete_relationship": {"dry_run"},
    **{name: {"limit", "order"} for name in LISTS},
    "list_instructions": {"limit"},
    "update_message": {"content", "metadata", "name", "role", "timestamp"},
}
MAPPINGS = {
    "build_context": {"filters", "recipe"},
    "search_hybrid": {"filters", "recipe"},
    **{name: {"filters"} for name in ("search_similar_conversations", *LISTS)},
}
RELATIONSHIP = {"source_entity_id": "a", "target_entity_id": "b", "relationship_type": "uses"}
REQUIRED: dict[str, dict[str, Any]] = {
    **{name: {"query": "budget"} for name in PROSE_SEARCHES},
    "delete_relationship": RELATIONSHIP,
    "update_message": {"content": "We use pandas."},
    "append_messages": {"messages": [{"role": "user", "content": "We use pandas."}]},
    "batch_extract_entities": {"texts": ["Pandas is a library."]},
    "create_relationship": RELATIONSHIP,
    "extract_entities": {"text": "Pandas is a library."},
    "find_shortest_paths": {"source_entity_id": "a", "target_entity_id": "b"},
    "load_conversation_history": {"conversation_id": "theirs"},
    "merge_entities": {"keep_id": "a", "duplicate_ids": ["b"]},
    "save_conversation": {"messages": [{"role": "user", "content": "We use pandas."}]},
    "save_decision": {
        "conversation_id": "mine",
        "decision_type": "plan",
        "context": "Two ways.",
        "outcome": "One way.",
    },
    "save_document": {"text": "We use pandas."},
    "save_instruction": {"text": "Always show the SQL."},
}


def parameters():
    return {
        name: [row for row in inspect.signature(method).parameters.values() if row.name != "self"]
        for name, method in inspect.getmembers(ContextPersistenceClient, inspect.isfunction)
        if not name.startswith("_")
    }


def test_every_key_and_every_parameter_has_a_row():
    assert set(BAD) == set(GOOD) == set(KEYS) == {*_READERS, "metadata.KEY"}
    assert set(KEYS) - {"metadata.KEY"} == set(SearchFilters.model_fields)
    tables = (NARROWING, OTHER, MAPPINGS)
    for name, listed in parameters().items():
        rows = [row for table in tables for row in table.get(name, ())]
        assert sorted(rows) == sorted(parameter.name for parameter in listed), name
    assert {
        name
        for name, listed in parameters().items()
        if any(parameter.name == "filters" for parameter in listed)
    } == set(SEARCHES)


@pytest.fixture(scope="module")
def shared(server, request):
    """A client with the data of somebody: whoever lacks an id must not see it."""
    from tests.conftest import RUN

    with ContextPersistenceClient(
        database_url=server.bolt_url, auth=server.auth, namespace=f"{RUN}filters"
    ) as client:
        client.save_conversation(
            "theirs",
            [
                {
                    "role": "user",
                    "content": f"The budget {SECRET} is a secret.",
                    "timestamp": "2024-03-01",
                }
            ],
            metadata={"project": "theirs", "tags": ["theirs"], "KEY": "theirs"},
        )
        yield client


def forms(key, value):
    """A filter as a mapping and as objects, as far as these take the value."""
    yield {key: value}
    yield SearchFilters.model_construct(**{key: value})
    yield {"confidence_min": 0.0, key: value}
    try:
        made = SearchFilters(**{key: value})
    except ValueError:  # refused by the object itself
        return
    was_coerced = made.model_dump().get(key) is not value and not isinstance(
        value, dict
    )  # as b"a" is to "a"
    if value is None or not was_coerced:
        yield made


@pytest.mark.parametrize("key", KEYS)
def test_a_filter_without_a_proper_value_is_refused_by_every_search(shared, key):
    for searches in SEARCHES.values():
        for search in searches:
            for value in BAD[key]:
                for filters in forms(key, value):
                    with pytest.raises(
                        ValidationError, match=rf"filters\.{key.split('.')[0]}"
                    ) as caught:
                        search(shared, filters)
                    assert SECRET not in str(caught.value), (key, value)


@pytest.mark.parametrize("key", KEYS)
def test_a_proper_value_lets_nothing_else_through(shared, key):
    for name, searches in SEARCHES.items():
        for search in searches:
            try:
                answer = search(shared, {key: GOOD[key]})
            except ValidationError as error:
                if name in LISTS and "does not apply" in str(error):
                    continue
                raise
            if (name, key) in {
                ("search_similar_conversations", "confidence_min"),
                ("search_hybrid", "confidence_min"),
            }:
                continue  # a message has the confidence 1.0
            if key != "confidence_min":
                assert SECRET not in answer.model_dump_json(), (name, key)


def test_an_answer_that_was_kept_is_no_answer_to_a_filter_of_none(shared):
    shared.configure_cache("memory")
    try:
        for search in (shared.search_similar_conversations, shared.search_hybrid):
            assert search("budget", filters=SearchFilters()).success
            for filters in (SearchFilters(project=None), {"project": None}):
                with pytest.raises(ValidationError, match=r"filters\.project"):
                    search("budget", filters=filters)
        assert shared.search_hybrid(
            HybridSearchParams(query="budget", filters=SearchFilters())
        ).total_results
        with pytest.raises(ValidationError, match=r"filters\.project"):
            shared.search_hybrid(
                HybridSearchParams(query="budget", filters=SearchFilters(project=None))
            )
    finally:
        shared.configure_cache("none")


def test_filters_that_are_none_themselves_and_fields_that_are_not_set_restrict_nothing(shared):
    for filters in (
        None,
        {},
        SearchFilters(),
        SearchFilters.model_validate(SearchFilters().model_dump()),
    ):
        assert SECRET in shared.search_hybrid("budget", filters=filters).model_dump_json()
    asked = HybridSearchParams(query="budget", filters=SearchFilters(project="theirs"))
    for again in (
        HybridSearchParams(**asked.model_dump()),
        HybridSearchParams.model_validate_json(asked.model_dump_json()),
    ):
        assert SECRET in shared.search_hybrid(again).model_dump_json()


@pytest.mark.parametrize(
    "filters",
    ["", [], (), 5, SECRET, [("project", "mine")], SearchFilters, {SECRET: 1}, {None: 1}, {"": 1}],
)
def test_what_is_no_mapping_of_known_keys_is_refused(shared, filters):
    for name, searches in SEARCHES.items():
        for search in searches:
            with pytest.raises(
                ValueError, match=r"filters|unknown key"
            ) as caught:  # a HybridSearchParams refuses some itself
                search(shared, filters)
            assert isinstance(caught.value, ValidationError) or name == "search_hybrid"
            if isinstance(caught.value, ValidationError):
                assert (SECRET in str(caught.value)) == (filters == {SECRET: 1})


@pytest.mark.parametrize(
    "key", ["base", "arms", "recency", "half_life_days", "nearest", "linked", "reranked", SECRET]
)
@pytest.mark.parametrize("value", [None, "", [], [None], {"x": None}, NAN, True])
def test_a_recipe_without_a_proper_value_is_refused(shared, key, value):
    for search in (shared.search_hybrid, shared.build_context):
        with pytest.raises(ValidationError, match="recipe") as caught:
            search("budget", recipe={key: value})
        assert (SECRET in str(caught.value)) == (key == SECRET)  # keys are named, values never


@pytest.mark.parametrize(
    ("name", "parameter"),
    [(name, parameter) for name in NARROWING for parameter in sorted(NARROWING[name])],
)
def test_a_parameter_that_narrows_is_refused_without_a_proper_value(shared, name, parameter):
    defaults = {row.name: row.default for row in parameters()[name]}
    takes_none = defaults[parameter] is None or (name, parameter) in NONE_MEANS_ALL
    for value in WRONG:
        if (value is None and takes_none) or (value in EMPTY and parameter in EXCLUSIONS):
            continue
        with pytest.raises(ValidationError, match=parameter) as caught:
            getattr(shared, name)(**{**REQUIRED.get(name, {}), parameter: value})
        assert SECRET not in str(caught.value), (name, parameter, value)
