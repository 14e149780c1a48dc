"""Problems name each field that is not valid, and no type that a value need not have."""

import json
from typing import Annotated

import pytest
from pydantic import BaseModel, Field, ValidationError

from mcp_context_persistence.kg.errors import ValidationError as ClientError
from mcp_context_persistence.kg.models import explain
from mcp_context_persistence.rest import operations
from mcp_context_persistence.rest.pages import DeleteArguments
from mcp_context_persistence.rest.problems import ProblemError, from_validation_errors
from mcp_context_persistence.rest.routers import ingest, search
from mcp_context_persistence.services import batch_saving

Short = Annotated[str, Field(max_length=3)]


class Item(BaseModel):
    name: Short = ""
    role: Short = ""


class Body(BaseModel):
    tags: Short | list[Short] = ""
    items: list[Item] = []
    recipe: str | dict[str, int] = ""
    names: Annotated[list[str], Field(min_length=1)] = ["a"]


@pytest.mark.parametrize(
    ("body", "kind", "texts"),
    [
        ({"tags": "long"}, "too-large", ["tags"]),
        ({"tags": ["a", "long"]}, "too-large", ["tags.1"]),
        ({"tags": 5}, "invalid", ["tags", "tags"]),
        ({"recipe": 5}, "invalid", ["recipe", "recipe"]),
        ({"recipe": {"a": "b"}}, "invalid", ["recipe.a"]),
        ({"tags": "long", "items": 5}, "invalid", ["tags", "items"]),
        ({"items": [{"name": 5}, {"name": "long"}]}, "invalid", ["items.0.name", "items.1.name"]),
        ({"items": [{"name": 5, "role": "long"}]}, "invalid", ["items.0.name", "items.0.role"]),
    ],
)
def test_each_field_that_is_not_valid_is_named(body, kind, texts):
    with pytest.raises(ValidationError) as raised:
        Body.model_validate(body)
    problem = from_validation_errors(raised.value.errors(), source="body")
    assert problem.kind == kind
    assert [text.split()[0] for text in str(problem.detail).split("; ")] == texts


def test_a_body_with_an_unknown_field_lists_the_known_ones_as_a_tool_does():
    body = {"query": "secret", "topK": "secret"}
    with pytest.raises(ProblemError) as refused:
        operations._read_body(json.dumps(body).encode(), search.SearchConversations)
    known = (
        "known are: query, limit, min_score, filters, include_metadata, "
        "exclude_conversation_id, exclude_ids"
    )
    assert refused.value.detail == f"the body has an unknown field; {known}"
    names = tuple(search.SearchConversations.model_fields)
    with pytest.raises(ValidationError) as raised:
        search.SearchConversations.model_validate(body)
    assert known in str(explain(raised.value, known_keys=names))


def test_a_line_lists_the_known_fields_as_an_item_of_a_batch_does():
    with pytest.raises(ProblemError) as refused:
        ingest._read_line(b'{"conversation_id": "a", "messages": [], "title": "secret"}')
    with pytest.raises(ClientError) as raised:
        batch_saving._read_fields({"conversation_id": "a", "messages": [], "title": "secret"})
    _, _, known = str(raised.value).partition("; ")
    assert refused.value.detail == f"the line has an unknown field; {known}"
    assert known.startswith("known are: conversation_id, messages, ")


def test_the_query_of_an_address_lists_the_known_arguments_and_not_what_was_sent():
    with pytest.raises(ProblemError) as refused:
        operations._validate(DeleteArguments, {"dry": "true", "secret": "1"}, source="query")
    assert refused.value.detail == "the query has an unknown field; known are: dry_run"


def test_no_rule_has_the_words_of_pydantic_or_the_name_of_a_class():
    with pytest.raises(ProblemError) as refused:
        operations._read_body(b"[]", search.SearchConversations)
    assert refused.value.detail == "the body must be a JSON object"
    with pytest.raises(ValidationError) as raised:
        Body.model_validate({"items": [5], "names": []})
    problem = from_validation_errors(raised.value.errors(), source="body")
    assert problem.detail == ("items.0 must be a JSON object; names must have at least 1 item")
    assert str(explain(raised.value)) == (
        "items.0: must be a mapping; names: must have at least 1 item"
    )
