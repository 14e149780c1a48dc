"""Problems name each field that is not valid, and no type that a value need not have."""

from typing import Annotated

import pytest
from pydantic import BaseModel, Field, ValidationError

from mcp_context_persistence.rest.problems import from_validation_errors

Short = Annotated[str, Field(max_length=3)]


class Item(BaseModel):
    name: Short = ""
    role: Short = ""


class Body(BaseModel):
    tags: Short | list[Short] = ""
    items: list[Item] = []
    recipe: str | dict[str, int] = ""


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
