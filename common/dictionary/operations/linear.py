"""Entries of what multiplies matrices: linear and bilinear layers, products, tables of vectors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..entry import BIAS, BIAS_ROW, WEIGHT, Contrast, Entry, argument, entry, setting, weight
from ..formula import Arrays, Call, Variants, reversed_operands
from ..proof import Proof, index, proved, proved_layer, real

BIASED = argument("bias", True, paddle="bias_attr", paddle_default=None, turned=BIAS, decides=False)
UNIFORM = {"weight": ("fan_in_uniform", "xavier_uniform"), "bias": ("fan_in_uniform", "zeros")}


def _linear(x: np.ndarray, held: Arrays) -> np.ndarray:
    return x @ held["weight"].T + held.get("bias", 0.0)


def _transposed(call: Call) -> Variants:
    matrix = call.weights.get("weight")
    if matrix is not None and matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1]:
        yield "its weight transposed", call.weighing(matrix.T)


def _embedding(number, held: Arrays, padding_idx: int = -1, zeros: bool = False) -> np.ndarray:
    """zeros: what Paddle gives for `padding_idx`, whatever the weight holds there; PyTorch looks it up."""
    rows = held["weight"][number.astype(int)]
    return np.where((number == padding_idx)[..., None], 0.0, rows) if zeros else rows


def _zeros_at_padding(call: Call) -> Variants:
    yield "zeros at padding_idx, whatever its weight holds there", call.told(zeros=True)


def _row_at_padding(_: Mapping, paddle: Mapping, held: Mapping[str, np.ndarray]) -> str:
    """What Paddle's layer hides of its weight."""
    row, rows = paddle.get("padding_idx"), held["weight"]
    if row is None or not 0 <= row < len(rows) or not rows[row].any():  # Paddle keeps -1 for none
        return ""
    return f"row {row} of its weight, padding_idx, is not zero: Paddle gives zeros there, PyTorch what the row holds"


def _matmul(x, y, transpose_x: bool = False, transpose_y: bool = False):
    return np.matmul(np.swapaxes(x, -1, -2) if transpose_x else x, np.swapaxes(y, -1, -2) if transpose_y else y)


LENGTH = 8  # of a sequence that is tried

ENTRIES: tuple[Entry, ...] = (
    entry("linear", "nn.Linear F.linear", "nn.Linear F.linear",
          (argument("in_features", decides=False), argument("out_features", decides=False), BIASED),
          (weight("weight", transposed=True, suffix="w_0"), BIAS_ROW), initial=UNIFORM, static="fc",
          exported="mul matmul matmul_v2 fc linear fused_gemm_epilogue",
          formula=_linear, operands=("weight", "bias"), other_rules=_transposed,
          differs=(Contrast("layout of the weight", "[out, in]", "[in, out]"),),
          takes=lambda shape, settings: [((2, shape[1]), 0), ((2, LENGTH, shape[1]), 0)],
          proof=(proved_layer(real(2, 5, 3), in_features=3, out_features=4),
                 proved_layer(real(5, 3), in_features=3, out_features=4, bias=False),
                 proved(real(5, 3), real(4, 3, transposed=True), real(4)))),
    entry("bilinear", "nn.Bilinear F.bilinear bilinear", "nn.Bilinear F.bilinear",
          (*(argument(name, decides=False) for name in ("in1_features", "in2_features", "out_features")), BIASED),
          (WEIGHT, weight("bias", flat=True, suffix="b_0")),
          differs=(Contrast("shape of the bias", "[out]", "[1, out]"),),
          proof=proved_layer(real(6, 3), real(6, 4), in1_features=3, in2_features=4, out_features=5)),
    entry("embedding", "nn.Embedding F.embedding embedding", "nn.Embedding F.embedding",
          (argument("num_embeddings", decides=False), argument("embedding_dim", decides=False),
           setting("padding_idx", None), argument("max_norm", None), argument("norm_type", 2.0, decides=False),
           argument("scale_grad_by_freq", False, decides=False), argument("sparse", False, decides=False)),
          (WEIGHT,), recorded="lookup_table", exported="lookup_table lookup_table_v2 embedding",
          initial={"weight": ("normal", "xavier_uniform")}, formula=_embedding,
          operands=("weight",), other_rules=_zeros_at_padding, exact=True,
          in_paddle={"zeros": True}, takes=lambda shape, settings: [((2, LENGTH), shape[0])],
          differs=(Contrast("row padding_idx", "what the weight holds there", "zeros, whatever the weight holds",
                            shows=_row_at_padding),),
          proof=(proved_layer(index(9, 3, 7), num_embeddings=9, embedding_dim=4),
                 Proof((index(9, 3, 7), real(9, 4)), {"padding_idx": 2}, gradients=False),
                 proved(index(9, 3, 7), real(9, 4)))),
    entry("matmul", "matmul mm bmm .matmul .mm .bmm .__matmul__ .__rmatmul__",
          "matmul mm bmm .matmul .mm .bmm .__matmul__ .__rmatmul__",
          (argument("transpose_x", False, torch=""), argument("transpose_y", False, torch="")), formula=_matmul,
          given="all", ordered=True, other_rules=reversed_operands,
          proof=(proved(real(2, 3, 4), real(2, 4, 5)), Proof((real(3, 4), real(4, 2)), names=("mm", "mm")))),
)  # fmt: skip
