"""Where an entity is named, when it is known under several names: one relationship, which remembers its parts.

A message that names both `Acme` and `Acme Corp`, which was merged into it, mentions one entity. The property `parts` keeps what each id by
itself would have, so that the merge can be undone, whenever the message was saved.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Part = Mapping[str, Any]  # `id`, and the properties of a mention


def parts(entity_id: str, properties: Mapping[str, Any]) -> list[Part]:
    """What the ids that a mention was found under would have by themselves."""
    if properties.get("parts"):
        return json.loads(properties["parts"])  # type: ignore[no-any-return]
    return [
        {"id": entity_id, **{key: value for key, value in properties.items() if key != "parts"}}
    ]


def joined(entity_id: str, found: Iterable[Part]) -> dict[str, Any]:
    """The properties of one mention of `entity_id` for all of these parts: the first place, the number of all, the best confidence."""
    ordered = sorted(
        found, key=lambda one: (one.get("start") is None, one.get("start") or 0, one["id"])
    )
    first = {key: value for key, value in ordered[0].items() if key != "id"}
    if len(ordered) == 1:
        return first if ordered[0]["id"] == entity_id else {**first, "parts": _written(ordered)}
    counts = [one["count"] for one in ordered if one.get("count") is not None]
    sure = [one["confidence"] for one in ordered if one.get("confidence") is not None]
    return {
        **first,
        **({"count": sum(counts)} if counts else {}),
        **({"confidence": max(sure)} if sure else {}),
        "parts": _written(ordered),
    }


def _written(found: Sequence[Part]) -> str:
    return json.dumps(found, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
