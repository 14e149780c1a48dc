"""Errors of the command line name its options, not the arguments of the client's call."""

import click
import pytest
from click.testing import CliRunner
from pydantic import BaseModel
from pydantic import ValidationError as PydanticValidationError

from mcp_context_persistence.cli.help_pages import command
from mcp_context_persistence.kg.errors import LimitError, ValidationError
from mcp_context_persistence.kg.models import explain


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("limit must be a whole number", "--limit must be a whole number"),
        ("filters.date_range.start must be a date", "--since must be a date"),
        ("query: it is empty", "QUERY: it is empty"),
        ("limits are documented", "limits are documented"),
        ("the limit is 3", "the limit is 3"),
    ],
)
def test_an_error_names_the_option(text, named):
    @command()
    @click.argument("query")
    @click.option("--limit")
    @click.option("--since")
    def search(**_: object) -> None:
        raise ValidationError(text)

    result = CliRunner().invoke(search, ["x"])
    assert isinstance(result.exception, ValidationError)
    assert str(result.exception) == named


def test_the_class_of_an_error_stays():
    @command()
    @click.option("--limit")
    def search(**_: object) -> None:
        raise LimitError("limit must be at most 100")

    error = CliRunner().invoke(search, []).exception
    assert (type(error), str(error)) == (LimitError, "--limit must be at most 100")


def test_an_unknown_argument_is_named_without_another_name():
    class Arguments(BaseModel, extra="forbid"):
        text: str = ""

    with pytest.raises(PydanticValidationError) as raised:
        Arguments.model_validate({"tex": 1})
    explained = str(explain(raised.value, known_keys=("text",)))
    assert explained == "there is an unknown key 'tex'; did you mean text?"
