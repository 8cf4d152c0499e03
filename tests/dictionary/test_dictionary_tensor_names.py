"""The names that Paddle gives the tensors of each layer are those by which an entry knows them."""

from __future__ import annotations

import inspect

import paddle
import pytest
from both_frameworks import resolved
from dualport.common.dictionary import index
from dualport.common.dictionary.entry import Entry
from dualport.common.weights.exports.kinds import tensor_name

pytestmark = pytest.mark.dictionary
SIZES = {"in_channels": 4, "out_channels": 4, "kernel_size": 2, "in_features": 3, "out_features": 4, "num_features": 4,
         "num_channels": 4, "num_groups": 2, "normalized_shape": 4, "num_embeddings": 5, "embedding_dim": 3,
         "input_size": 3, "hidden_size": 2, "in1_features": 2, "in2_features": 3}  # fmt: skip
LAYERS = [
    pytest.param(entry, path, id=path)
    for entry in {entry.kind: entry for entry in index.BY_TENSOR_PREFIX.values()}.values()
    for path in entry.paddle.classes
]


@pytest.mark.parametrize(("entry", "path"), LAYERS)
def test_tensors_of_a_layer_are_known_by_their_names(entry: Entry, path: str) -> None:
    made = resolved("paddle", path)
    required = [name for name, one in inspect.signature(made.__init__).parameters.items() if one.default is one.empty]
    layer = made(**{name: SIZES[name] for name in required if name in SIZES})
    tensors = layer.state_dict()
    assert tensors
    for name, tensor in tensors.items():
        parts = tensor_name(tensor.name)
        assert parts is not None
        assert parts.entry is entry
        (row,) = [row for row in entry.weights if row.suffix == parts.suffix]
        assert row.paddle == name
    assert {row.paddle for row in entry.weights if row.suffix} == set(tensors)


def test_tensors_of_the_static_function_of_linear_are_known_by_their_names() -> None:
    entry = index.BY_KIND["linear"]
    paddle.enable_static()
    try:
        program = paddle.static.Program()
        with paddle.static.program_guard(program, paddle.static.Program()):
            paddle.static.nn.fc(paddle.static.data("x", [2, 4], "float32"), 3)
        names = [tensor.name for tensor in program.global_block().all_parameters()]
    finally:
        paddle.disable_static()
    assert {parts.suffix for parts in map(tensor_name, names) if parts and parts.entry is entry} == {"w_0", "b_0"}
