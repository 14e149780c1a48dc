"""Say in the words of a command what is wrong with the arguments of the client's call."""

import click

# Options that have another name than the argument that they become.
_OPTIONS = {
    "filters.date_range.start": "--since",
    "filters.date_range.end": "--until",
    "filters.project": "--project",
    "filters.tags": "--tag",
    "filters.conversation_id": "--conversation",
    "filters.content_types": "--type",
    "filters.role": "--role",
    "filters.metadata": "--where",
    "entity_types": "--type",
}


def name_options(text: str, parameters: list[click.Parameter]) -> str:
    """Return the text of an error with the option or argument of the command that it is about.

    Args:
        text: An error text, which begins with the name of the argument of the client's call.
        parameters: The options and arguments of the command.
    """
    names: dict[str, str] = {}
    for parameter in parameters:
        if isinstance(parameter, click.Option):
            option = max(parameter.opts, key=len)
            names[str(parameter.name)] = option
            names |= {field: option for field, name in _OPTIONS.items() if name == option}
        else:
            names[str(parameter.name)] = parameter.human_readable_name
    for field in sorted(names, key=len, reverse=True):
        rest = text.removeprefix(field)
        if rest != text and rest[:1] in {" ", ":", "."}:
            return names[field] + rest
    return text
