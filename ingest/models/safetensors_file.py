"""Read the tensors of a safetensors file: a header of JSON, then the numbers.

No package is needed for it.
"""

import json
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HEADER_BYTES = 100_000_000  # the format's own limit
_NO_FLOATS = {"BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64"}
_KINDS = {"F32": np.float32, "F16": np.float16, "F64": np.float64}


def read(file: Path) -> dict[str, NDArray[np.float32]]:
    """Return the floating-point tensors of a file by name.

    They are 32-bit floats, mapped from the disk where possible.

    Raises:
        ValueError: The file is damaged, or holds numbers of a kind that numpy does not have.
        OSError: The file cannot be read.
    """
    data = np.memmap(file, np.uint8, mode="r")
    start = 8 + int.from_bytes(data[:8].tobytes(), "little")
    if not 8 < start <= min(len(data), HEADER_BYTES):
        raise ValueError("The header is damaged.")
    header = json.loads(data[8:start].tobytes())
    tensors: dict[str, NDArray[np.float32]] = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] in _NO_FLOATS:
            continue
        if entry["dtype"] not in _KINDS:
            raise ValueError(f"The tensor {name} has numbers of the kind {entry['dtype']}.")
        kind = np.dtype(_KINDS[entry["dtype"]])
        first, end = (start + offset for offset in entry["data_offsets"])
        if end > len(data) or end - first != kind.itemsize * math.prod(entry["shape"]):
            raise ValueError(f"The tensor {name} is damaged.")
        values = data[first:end].view(kind).reshape(entry["shape"])
        tensors[name] = values.astype(np.float32, copy=False)
    return tensors
