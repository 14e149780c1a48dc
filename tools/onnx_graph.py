"""Make the ONNX graph of MiniLM-L6 without its weights: ``python -m tools.onnx_graph``.

Needed only when the locked model changes.

The graph is that of the locked model. Each weight is left out and gets the name that it has in
``model.safetensors``, so that the encoder can take it from there. Needs the package `onnx`, which
nothing else here needs: ``uv pip install onnx``.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from mcp_context_persistence.ingest.models import minilm, safetensors_file

CONSTANT = "embeddings.position_ids"  # a constant, not a weight


def main() -> None:
    """Write the graph into the folder of the encoder that reads it."""
    model = onnx.load(str(minilm.provision() / minilm.ONNX_FILE))
    weights = safetensors_file.read(Path(sys.argv[1]) / "model.safetensors")
    names = {
        tensor.name: _find_name(tensor.name, numpy_helper.to_array(tensor), weights)
        for tensor in model.graph.initializer
        if tensor.name != CONSTANT
    }
    for tensor in model.graph.initializer:
        if tensor.name != CONSTANT:
            _remove_values(tensor, names[tensor.name])
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.ClearField("doc_string")
        node.ClearField("name")
    minilm.GRAPH_FILE.write_bytes(model.SerializeToString())
    sys.stdout.write(f"{len(names)} weights left out: {minilm.GRAPH_FILE}\n")


def _find_name(
    name: str, values: NDArray[np.float32], weights: dict[str, NDArray[np.float32]]
) -> str:
    """Return the name of an equal weight; a transposed one has the suffix of the encoder.

    Raises:
        RuntimeError: There is no equal weight, so the two files are not the same model.
    """
    if name in weights and np.array_equal(weights[name], values):
        return name
    for weight_name, candidate in weights.items():
        if candidate.T.shape == values.shape and np.array_equal(candidate.T, values):
            return weight_name + minilm.TRANSPOSED
    raise RuntimeError(f"No weight equals {name}: take both files from the same model.")


def _remove_values(tensor: TensorProto, name: str) -> None:
    tensor.name = name
    tensor.ClearField("raw_data")
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "weights"


if __name__ == "__main__":
    main()
