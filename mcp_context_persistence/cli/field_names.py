"""Replace the names of fields in errors of the client with the options that users typed."""

import re
from collections.abc import Iterator, Mapping

import click
from click.core import ParameterSource

from mcp_context_persistence.kg.errors import ContextPersistenceError

# The fields of each parameter, where they differ from its name. An entry also stands for nested
# fields: `filters.role` for `filters.role.0`.
_FIELDS_BY_PARAMETER: Mapping[str, tuple[str, ...]] = {
    "by": ("merged_by",),
    "central": ("metric",),
    "conversation": ("filters.conversation_id", "conversation_id"),
    "document": ("document_id",),
    "entity": ("entity_id", "source_entity_id"),
    "exclude": ("exclude_conversation_id",),
    "ids": ("conversation_id", "decision_id", "document_id", "entity_id", "message_id"),
    "keep": ("keep_id",),
    "kind": ("decision_type",),
    "leaf": ("leaf_id",),
    "message": ("message_id",),
    "message_id": ("messages.0.id",),
    "project": ("filters.project", "project_path"),
    "relationship": ("relationship_type",),
    "role": ("filters.role", "messages.0.role"),
    "same": ("duplicate_ids",),
    "since": ("filters.date_range.start",),
    "source": ("source_entity_id",),
    "store": ("database_url",),
    "tag": ("filters.tags",),
    "target": ("target_entity_id",),
    "text": ("messages.0.content",),
    "to": ("target_entity_id",),
    "tokens": ("token_budget",),
    "top": ("top_k",),
    "types": ("filters.content_types", "filters.entity_types", "entity_types"),
    "undo": ("merge_id",),
    "until": ("filters.date_range.end",),
    "where": ("filters.metadata",),
    "why": ("context",),
}
_NOT_STORED = "contains half of a surrogate pair, which cannot be stored"
_DATES = "filters.date_range"
_FIELD_PATTERN = re.compile(r"[a-z][a-z0-9_]*(?:\.\w+)*")
_ITEM = re.compile(r"\.\d+")


def name_parameters(error: ContextPersistenceError, context: click.Context) -> None:
    """Write the options and arguments of the command into the text of an error."""
    names, text = dict(_list_names(context)), str(error)
    leading = _FIELD_PATTERN.match(text)
    if leading is None:
        return
    field = leading[0]
    owners = [name for name in names if f"{field}.".startswith(f"{name}.")]
    if owners:
        owner = max(owners, key=len)
        suffix = _ITEM.sub("", field.removeprefix(owner)).replace(".", " ", 1)
        text = names[owner] + suffix + text[len(field) :]
        text = text.replace(_NOT_STORED, "is not in UTF-8")  # as the bytes that were typed
    for name, label in names.items():
        if "_" in name:  # a name without it may be an ordinary word of the text
            text = re.sub(rf"\b{re.escape(name)}\b(?:\.\d+)?", label, text)
    error.args = (text, *error.args[1:])


def _list_names(context: click.Context) -> Iterator[tuple[str, str]]:
    """Yield the fields of the parameters that were typed, and what users call them."""
    typed = {
        str(parameter.name): _get_label(parameter)
        for level in (context.find_root(), context)  # some options may stand before the command
        for parameter in level.command.params
        if level.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
    }
    for name, label in typed.items():
        yield from ((field, label) for field in (*_FIELDS_BY_PARAMETER.get(name, ()), name))
    if {"since", "until"} <= typed.keys():
        yield _DATES, "the time from --since to --until"


def _get_label(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len)
    return parameter.human_readable_name.strip("[].")
