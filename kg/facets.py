"""Opaque tokens by which the fulltext index filters: one per property value that a search may ask for.

A token is a run of digits, so that no analyzer splits or stems it.
"""

from hashlib import blake2b


def facet(field: str, value: str) -> str:
    """The token for one value of one field: the decimal digits of a 64-bit hash, 1 to 20 of them."""
    digest = blake2b(f"{field}\0{value}".encode(), digest_size=8).digest()
    return str(int.from_bytes(digest, "big"))


def facets(namespace: str, **values: str | None) -> list[str]:
    """The namespace's token and one for each value that is not empty."""
    return [facet("namespace", namespace), *(facet(field, value) for field, value in values.items() if value)]
