"""Blocks of code in Markdown: lines between fences of backticks or tildes."""

import re

# A block without a closing fence goes on to the end of the text.
_BLOCK = re.compile(r"^[ \t]*(`{3,}|~{3,}).*?(?:^[ \t]*\1[^\n]*$|\Z)", re.MULTILINE | re.DOTALL)


def remove_code_blocks(text: str) -> str:
    """Return a text with a line break in place of each block of code."""
    return _BLOCK.sub("\n", text)
