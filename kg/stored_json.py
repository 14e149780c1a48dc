"""Read JSON that the library has stored in properties."""

import json
from typing import Any

from mcp_context_persistence.kg.errors import DatabaseError


def load_stored(text: str | None, content: str) -> Any:
    """Return the value of a stored JSON text; None where there is no text.

    Args:
        text: The property.
        content: What the text holds and for which kind of item, for the error.

    Raises:
        DatabaseError: It is no JSON, as in a database whose files were damaged.
    """
    try:
        return json.loads(text) if text else None
    except ValueError as error:
        raise DatabaseError(
            f"the stored {content} cannot be read, so the database is damaged: restore a copy "
            "that was made while the server was stopped"
        ) from error
