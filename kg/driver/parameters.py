"""Encode the parameters of a statement for a server."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from neo4j.vector import Vector


def encode_parameters(value: Any, *, has_binary_vectors: bool) -> Any:
    """Return parameters in which arrays have become vectors or lists of numbers.

    Args:
        value: The parameters, or a value in them; arrays are also found inside mappings and lists.
        has_binary_vectors: Whether the server takes binary vectors.
    """

    def encode(item: Any) -> Any:
        if isinstance(item, np.ndarray):
            if has_binary_vectors:
                return Vector(item.astype(np.float32, copy=False))
            return item.astype(float).tolist()
        if isinstance(item, Mapping):
            return {
                key: encode(value) if isinstance(value, (list, dict, np.ndarray)) else value
                for key, value in item.items()
            }
        if isinstance(item, list) and item and isinstance(item[0], (dict, list, np.ndarray)):
            return [encode(element) for element in item]
        return item

    return encode(value)
