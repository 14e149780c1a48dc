"""Ids for names."""

import hashlib

from kg import limits

_DIGEST = 16  # hexadecimal digits that keep two long names apart once they are cut


def entity_id(name: str) -> str:
    """The id of an entity of this name.

    One token keeps its spelling (``DataProcessor``); several words are joined by ``_`` and lowered (``data transformation`` becomes
    ``data_transformation``). An id has at most `kg.limits.IDENTIFIER_BYTES` bytes in UTF-8; a longer one is cut at a character and
    ends in a digest of the whole name.
    """
    words = name.split()
    slug = "_".join(words).lower() if len(words) > 1 else "".join(words)
    data = slug.encode(errors="replace")
    if len(data) <= limits.IDENTIFIER_BYTES:
        return slug
    digest = hashlib.blake2b(data, digest_size=_DIGEST // 2).hexdigest()
    kept = data[: limits.IDENTIFIER_BYTES - _DIGEST - 1].decode(errors="ignore")
    return f"{kept}_{digest}"
