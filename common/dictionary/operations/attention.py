"""Entries of attention. PyTorch packs the projections of query, key and value into one weight where they are alike."""

from __future__ import annotations

import numpy as np

from ..entry import Contrast, Entry, Weight, argument, entry, setting, weight
from ..proof import Proof, real

PROJECTIONS = ("q_proj", "k_proj", "v_proj")
SEQUENCE = real(2, 5, 6)
HEADS = real(2, 3, 5, 4, axes=(0, 2, 1, 3))


def _packed() -> tuple[Weight, ...]:
    """Each projection as the linear layer that it is in Paddle: a third of PyTorch's rows, or a weight by itself."""
    rows = []
    for place, name in enumerate(PROJECTIONS):
        part, names = (place, len(PROJECTIONS)), f"{name}.weight"
        rows += [
            weight(names, torch="in_proj_weight", part=part, layer="linear", transposed=True),
            weight(names, torch=f"{name}_weight", layer="linear", transposed=True),
            weight(f"{name}.bias", torch="in_proj_bias", part=part, layer="linear"),
        ]
    return tuple(rows)


def _dot_product(query, key, value, is_causal: bool = False, scale: float | None = None):
    """softmax(q kᵀ / √d) v over `[N, heads, T, d]`."""
    scores = query @ np.swapaxes(key, -1, -2) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        scores = np.where(np.tri(*scores.shape[-2:], dtype=bool), scores, -np.inf)
    raised = np.exp(scores - scores.max(-1, keepdims=True))
    return raised / raised.sum(-1, keepdims=True) @ value


ENTRIES: tuple[Entry, ...] = (
    entry("attention", "nn.MultiheadAttention F.scaled_dot_product_attention",
          "nn.MultiHeadAttention F.scaled_dot_product_attention",
          (argument("embed_dim", decides=False), setting("num_heads", kept="num_heads"),
           setting("dropout", 0.0, kept="dropout"), argument("kdim", None), argument("vdim", None),
           argument("dropout_p", 0.0), argument("is_causal", False), argument("scale", None)),
          _packed(), recorded="multi_head_attention_forward", formula=_dot_product, given="all", ordered=True,
          steps=True,
          differs=(Contrast("axes of the layer", "[time, batch, …] unless batch_first", "[batch, time, …]"),
                   Contrast("axes of the function", "[N, heads, T, d]", "[N, T, heads, d]"),
                   Contrast("True in a mask", "the function keeps, the layer blocks", "keeps"),
                   Contrast("what the layer returns", "(values, weights)", "the values, unless need_weights")),
          proof=(Proof((SEQUENCE,) * 3, {"embed_dim": 6, "num_heads": 2}, {"batch_first": True}, layer=True,
                       outputs=((0,), None), formula=False),
                 Proof((SEQUENCE, real(2, 4, 3), real(2, 4, 5)),
                       {"embed_dim": 6, "num_heads": 2, "kdim": 3, "vdim": 5}, {"batch_first": True}, layer=True,
                       outputs=((0,), None), formula=False),
                 Proof((HEADS,) * 3, axes=(0, 2, 1, 3)),
                 Proof((HEADS,) * 3, {"is_causal": True}, axes=(0, 2, 1, 3)))),
)  # fmt: skip
