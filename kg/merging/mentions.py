"""Mentions of an entity under several names: one relationship that keeps its parts.

A message may name both `Acme` and `Acme Corp`, which was merged into it. It then has one mention of
`Acme`. The property `parts` keeps what each id would have by itself, so that the merge can be
undone, even if the message was saved after the merge.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mcp_context_persistence.kg.stored_json import load_stored

Part = Mapping[str, Any]  # `id`, and the properties of a mention


def split_parts(entity_id: str, properties: Mapping[str, Any]) -> list[Part]:
    """Return the parts of a mention: what each id that the text named would have by itself."""
    if properties.get("parts"):
        return load_stored(properties["parts"], "parts of a mention")  # type: ignore[no-any-return]
    return [
        {"id": entity_id, **{key: value for key, value in properties.items() if key != "parts"}}
    ]


def combine_parts(entity_id: str, parts: Iterable[Part]) -> dict[str, Any]:
    """Return the properties of one mention of an entity for all of these parts.

    It has the first position, the sum of the counts, and the highest confidence.
    """
    ordered = sorted(
        parts,
        key=lambda mention: (
            mention.get("start") is None,
            mention.get("start") or 0,
            mention["id"],
        ),
    )
    first = {key: value for key, value in ordered[0].items() if key != "id"}
    if len(ordered) == 1:
        return first if ordered[0]["id"] == entity_id else {**first, "parts": _dump(ordered)}
    counts = [mention["count"] for mention in ordered if mention.get("count") is not None]
    confidences = [
        mention["confidence"] for mention in ordered if mention.get("confidence") is not None
    ]
    return {
        **first,
        **({"count": sum(counts)} if counts else {}),
        **({"confidence": max(confidences)} if confidences else {}),
        "parts": _dump(ordered),
    }


def _dump(parts: Sequence[Part]) -> str:
    return json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
