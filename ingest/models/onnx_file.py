"""Cut a part out of an ONNX model: one tensor becomes its input, another one its output.

ONNX Runtime computes a whole graph, whichever outputs are requested. The package `onnx` could edit
the graph, but weighs more than all that is needed here: the fields of a few Protocol Buffers
messages, which https://protobuf.dev/programming-guides/encoding describes.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# Numbers of fields in onnx.proto.
_GRAPH = 7  # of a model
_NODE, _WEIGHT, _INPUT, _OUTPUT = 1, 5, 11, 12  # of a graph
_NODE_INPUT, _NODE_OUTPUT = 1, 2
_WEIGHT_SIZE, _WEIGHT_NAME, _WEIGHT_VALUES = 1, 8, 9
_VALUE_NAME, _VALUE_TYPE, _TENSOR_TYPE, _ELEMENT_TYPE = 1, 2, 1, 1
_FLOAT = b"\x01"
_VARINT, _EIGHT_BYTES, _DELIMITED, _FOUR_BYTES = 0, 1, 2, 5  # wire types


class _Field(NamedTuple):
    """A field of a message: its number, its bytes with the key, and those of its value."""

    number: int
    encoded: memoryview
    value: memoryview


def cut(model: bytes, *, source: str, output: str) -> bytes:
    """Return a model whose only output is a tensor, without what is needed only for others.

    Args:
        model: An ONNX model. Its nodes are in the order in which they are computed, as the format
            demands.
        source: The name of a tensor, of 32-bit floats, that becomes another input.
        output: The name of the tensor, of 32-bit floats.

    Raises:
        ValueError: The model does not compute one of the tensors, or is no ONNX model.
    """
    parts: list[bytes | memoryview] = []
    for field in _read_fields(memoryview(model)):
        if field.number == _GRAPH:
            graph = b"".join(_cut_graph(field.value, source.encode(), output.encode()))
            parts.append(_write_field(_GRAPH, graph))
        else:
            parts.append(field.encoded)
    return b"".join(parts)


def map_weight(file: Path, name: str) -> NDArray[np.float32]:
    """Return a weight of a model of 32-bit floats, mapped from the disk.

    Raises:
        ValueError: The model does not have it, or is no ONNX model.
        OSError: The file cannot be read.
    """
    data: Any = np.memmap(file, np.uint8, mode="r")
    for field in _read_fields(memoryview(data)):
        if field.number != _GRAPH:
            continue
        for weight in _read_fields(field.value):
            if weight.number == _WEIGHT and _read_names(weight, _WEIGHT_NAME) == [name.encode()]:
                parts = list(_read_fields(weight.value))
                shape = [
                    _read_varint(part.value, 0)[0] for part in parts if part.number == _WEIGHT_SIZE
                ]
                values = next(part.value for part in parts if part.number == _WEIGHT_VALUES)
                return np.frombuffer(values, np.float32).reshape(shape)
    raise ValueError(f"The model has no weight {name}.")


def _cut_graph(graph: memoryview, source: bytes, output: bytes) -> list[bytes | memoryview]:
    fields = list(_read_fields(graph))
    nodes = [field for field in fields if field.number == _NODE]
    first, last = (_find_node(nodes, tensor) for tensor in (source, output))
    nodes = [*nodes[:first], *nodes[first + 1 : last + 1]]
    used = {name for node in nodes for name in _read_names(node, _NODE_INPUT)}
    parts: list[bytes | memoryview] = [node.encoded for node in nodes]
    parts += [
        field.encoded
        for field in fields
        if field.number not in {_NODE, _WEIGHT, _OUTPUT}
        or (field.number == _WEIGHT and not used.isdisjoint(_read_names(field, _WEIGHT_NAME)))
    ]
    parts += [_write_tensor(_INPUT, source), _write_tensor(_OUTPUT, output)]
    return parts


def _find_node(nodes: Sequence[_Field], tensor: bytes) -> int:
    """Return the index of the node that computes a tensor."""
    for index, node in enumerate(nodes):
        if tensor in _read_names(node, _NODE_OUTPUT):
            return index
    raise ValueError(f"The model does not compute {tensor.decode()}.")


def _write_tensor(number: int, name: bytes) -> bytes:
    """Return an input or output of 32-bit floats, of any shape."""
    element_type = bytes([_ELEMENT_TYPE << 3 | _VARINT]) + _FLOAT
    value_type = _write_field(_VALUE_TYPE, _write_field(_TENSOR_TYPE, element_type))
    return _write_field(number, _write_field(_VALUE_NAME, name) + value_type)


def _read_names(message: _Field, number: int) -> list[bytes]:
    """Return the values of the fields of a number."""
    return [bytes(field.value) for field in _read_fields(message.value) if field.number == number]


def _read_fields(message: memoryview) -> Iterator[_Field]:
    position = 0
    while position < len(message):
        start = position
        key, position = _read_varint(message, position)
        wire_type = key & 7
        if wire_type == _DELIMITED:
            size, position = _read_varint(message, position)
        elif wire_type == _VARINT:
            _, end = _read_varint(message, position)
            size = end - position
        elif wire_type in {_EIGHT_BYTES, _FOUR_BYTES}:
            size = 8 if wire_type == _EIGHT_BYTES else 4
        else:
            raise ValueError("This is not an ONNX model.")
        end = position + size
        yield _Field(key >> 3, message[start:end], message[position:end])
        position = end


def _read_varint(message: memoryview, position: int) -> tuple[int, int]:
    """Return a number of variable length, and the position after it."""
    value = shift = 0
    while True:
        if position >= len(message):
            raise ValueError("This is not an ONNX model.")
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _write_field(number: int, value: bytes) -> bytes:
    size = bytearray()
    rest = len(value)
    while rest > 0x7F:
        size.append(rest & 0x7F | 0x80)
        rest >>= 7
    size.append(rest)
    return bytes([number << 3 | _DELIMITED]) + bytes(size) + value
