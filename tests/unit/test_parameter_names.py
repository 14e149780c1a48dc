"""One name for one thing across the calls: parameters, and the fields of their responses."""

import inspect
import typing

import pytest
from pydantic import BaseModel

from mcp_context_persistence import ContextPersistenceClient, models

CALLS = {
    name: method
    for name, method in inspect.getmembers(ContextPersistenceClient, inspect.isfunction)
    if not name.startswith("_")
}
RESPONSES = [
    model
    for _, model in inspect.getmembers(models, inspect.isclass)
    if issubclass(model, BaseModel) and model.__name__.endswith("Response")
]
KINDS = ("conversation", "message", "document", "decision", "entity", "instruction", "merge")
# Beside KIND_id: the ends of a relationship, the entities of a merge, the end of a branch, and what
# a search leaves out.
OTHER_IDS = {
    *("source_entity_id", "target_entity_id", "keep_id", "duplicate_ids", "leaf_id"),
    *("exclude_conversation_id", "exclude_ids"),
}
# Names that another call has for the same thing.
UNUSED = {
    "before_id",
    "count",
    "doc_id",
    "max_results",
    "msg_id",
    "n",
    "offset",
    "page",
    "session_id",
}


def list_parameters(name):
    return [key for key in inspect.signature(CALLS[name]).parameters if key != "self"]


def read_response(name):
    return typing.get_type_hints(CALLS[name])["return"]


def test_parameters_with_ids_are_named_after_what_they_identify():
    allowed = {f"{kind}_id" for kind in KINDS} | OTHER_IDS
    names = {key for name in CALLS for key in list_parameters(name)}
    assert {key for key in names if key.endswith(("_id", "_ids"))} <= allowed
    assert not names & UNUSED


@pytest.mark.parametrize("name", [name for name in CALLS if name.startswith("list_")])
def test_lists_have_the_same_parameters_for_pages(name):
    assert {"limit", "cursor"} <= set(list_parameters(name))
    assert "next_cursor" in read_response(name).model_fields


@pytest.mark.parametrize(
    "name",
    [name for name in CALLS if name.rpartition("_")[2] in KINDS and not name.startswith("save_")],
)
def test_calls_about_one_item_take_and_return_its_id(name):
    key = f"{name.rpartition('_')[2]}_id"
    assert list_parameters(name)[0] == key
    fields = read_response(name).model_fields
    assert key in fields or name.rpartition("_")[2] in fields  # the id, or the item that has it


def test_counts_of_messages_have_one_meaning():
    texts = [
        (name, model.model_fields[name].description or "")
        for model in RESPONSES
        for name in ("message_count", "total_messages")
        if name in model.model_fields
    ]
    of_the_call = ("Number of messages that were given", "Number of returned messages")
    meanings = {"message_count": of_the_call, "total_messages": ("Number of stored messages",)}
    assert [text for name, text in texts if not text.startswith(meanings[name])] == []
    assert len(texts) >= 5
