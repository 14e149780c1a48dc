"""The full profile: one tool for each call of the client that is not configuration."""

import collections.abc
import inspect
import types
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from mcp_types import ToolAnnotations
from pydantic import BaseModel, Field, TypeAdapter, create_model

from mcp_context_persistence.client import ContextPersistenceClient
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.mcp_server import bounds
from mcp_context_persistence.mcp_server.tool import (
    ADDS,
    DELETES,
    READS,
    REMINDER,
    WRITES,
    Answer,
    Arguments,
    Call,
    ToolSpec,
    describe_answer,
    optional,
)
from mcp_context_persistence.service.calls import OWN_CALLS, is_reading

LEFT_OUT = OWN_CALLS | {"configure_entity_patterns", "delete_namespace"}
FOR_ADMINS = frozenset({"ingest_items", "reextract"})  # as REST has it
APPENDING = frozenset({"append_messages", "batch_save_conversations"})
SIMPLE_TYPES = (str, int, float, bool)
DESCRIPTION_CHARACTERS = 400


def build_tools() -> tuple[ToolSpec, ...]:
    """Return a tool for each call, in the order of their names.

    Raises:
        ValidationError: Python has removed the descriptions.
    """
    if not ContextPersistenceClient.__doc__:
        raise ValidationError(
            "the profile full needs the documentation of the client, which `python -OO` removes: "
            "start Python without -OO (PYTHONOPTIMIZE=2)"
        )
    names = sorted(
        name
        for name, member in inspect.getmembers(ContextPersistenceClient, inspect.isfunction)
        if not name.startswith("_") and name not in LEFT_OUT
    )
    return tuple(_build_tool(name, getattr(ContextPersistenceClient, name)) for name in names)


def _build_tool(name: str, method: Callable[..., Any]) -> ToolSpec:
    return ToolSpec(
        name=name,
        description=_describe(method),
        arguments=_build_arguments(name, method),
        answer=_describe_answer(get_type_hints(method)["return"]),
        run=partial(_run, name),
        hints=_choose_hints(name),
        is_for_admins=name in FOR_ADMINS,
    )


def _run(name: str, call: Call, arguments: Arguments) -> Answer:
    """Call the client with the arguments that were given."""
    values = {field: getattr(arguments, field) for field in arguments.model_fields_set}
    response = getattr(call.client, name)(**values)
    data: dict[str, Any] = (
        response.model_dump(mode="json")
        if isinstance(response, BaseModel)
        else {
            "results": [item.model_dump(mode="json") for item in response],
            "truncated": getattr(response, "truncated", False),
        }
    )
    bounds.fit(data)
    return Answer(text=f"{REMINDER}\n{bounds.dump(data)}", data=data)


def _choose_hints(name: str) -> ToolAnnotations:
    if is_reading(name):
        return READS
    if name.startswith("delete_"):
        return DELETES
    return ADDS if name in APPENDING else WRITES


def _describe(method: Callable[..., Any]) -> str:
    """Return the first paragraph of a docstring, as a sentence that says when to use the tool."""
    paragraph = " ".join((inspect.getdoc(method) or "").split("\n\n")[0].split())
    text = f"Use when you need to {paragraph[:1].lower()}{paragraph[1:]}"
    return bounds.shorten(text, DESCRIPTION_CHARACTERS)


def _build_arguments(name: str, method: Callable[..., Any]) -> type[Arguments]:
    """Return a model of the arguments that can be JSON; the client checks their values."""
    hints = get_type_hints(method)
    fields: dict[str, Any] = {}
    for parameter in list(inspect.signature(method).parameters.values())[1:]:
        accepted = _to_json_type(hints[parameter.name])
        if accepted is None:
            continue
        is_required = parameter.default is inspect.Parameter.empty
        fields[parameter.name] = (accepted, Field() if is_required else optional())
    model: type[Arguments] = create_model(f"{name}_arguments", __base__=Arguments, **fields)
    return model


def _to_json_type(hint: Any) -> Any:
    """Return the part of a type that JSON can have; None if there is none."""
    if hint is Any or hint in SIMPLE_TYPES:
        return hint
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        members = [member for member in map(_to_json_type, get_args(hint)) if member is not None]
        return Union[tuple(dict.fromkeys(members))] if members else None  # noqa: UP007 - of a tuple
    if origin is Literal:
        return hint
    if origin in (list, collections.abc.Sequence):
        item = _to_json_type(get_args(hint)[0])
        return None if item is None else list[item]  # type: ignore[valid-type]
    if origin in (dict, collections.abc.Mapping):
        return dict[str, Any]
    return None


def _describe_answer(hint: Any) -> dict[str, Any]:
    """Return the schema of a response, or of a list of responses."""
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return describe_answer(hint)
    list_type = hint if get_args(hint) else hint.__orig_bases__[0]  # of a class that is a list
    items: TypeAdapter[Any] = TypeAdapter(list_type)
    schema = items.json_schema(mode="serialization")
    definitions = schema.pop("$defs", {})
    properties = {"results": schema, "truncated": {"type": "boolean"}}
    answer: dict[str, Any] = {"type": "object", "properties": properties}
    return answer | ({"$defs": definitions} if definitions else {})
