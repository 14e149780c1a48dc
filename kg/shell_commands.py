"""Write the shell commands that messages suggest."""

import shlex

MAX_WORD_CHARACTERS = 200


def format_command(*words: str, value: str, placeholder: str) -> str:
    """Return a command that a reader may copy into a shell, whatever the value is.

    Args:
        words: The words of the command.
        value: The last word, which the library does not know: a name or a path. It is quoted.
        placeholder: Replaces a value that the program would take for an option, that is too long
            for a message, or that has characters that a terminal does not print.
    """
    is_shown = (
        value.isprintable() and len(value) <= MAX_WORD_CHARACTERS and not value.startswith("-")
    )
    return shlex.join([*words, value if is_shown else placeholder])
