"""The layout of a model in the other framework, from what its layers are."""

from __future__ import annotations

import pytest
from dualport.common.errors import BadInput
from dualport.common.weights.model_conversion import Layout, other_layout
from dualport.common.weights.rules import weight_views


def other(framework: str, layer: str, **weights: tuple[int, ...]) -> Layout:
    """The other framework's layout of a model of one layer."""
    held = {name: {"shape": shape, "trained": True, "identity": place}
            for place, (name, shape) in enumerate(weights.items())}  # fmt: skip
    modules = [{"path": "layer", "classes": [layer], "weights": held}]
    return other_layout(framework, modules, weight_views(framework, modules))


def test_running_statistics_that_paddle_has_no_place_for_are_refused() -> None:
    statistics = {"running_mean": (3,), "running_var": (3,), "num_batches_tracked": ()}
    assert other("torch", "BatchNorm2d", **statistics).shapes == {"layer._mean": (3,), "layer._variance": (3,)}
    with pytest.raises(BadInput, match=r"layer\.running_mean: Paddle's instance_norm has no such weight"):
        other("torch", "InstanceNorm2d", **statistics)


def test_attention_of_unequal_widths_is_not_packed() -> None:
    alike = other("torch", "MultiheadAttention", in_proj_weight=(12, 4), in_proj_bias=(12,))
    assert alike.shapes["layer.q_proj.weight"] == (4, 4)
    assert alike.shapes["layer.v_proj.bias"] == (4,)
    widths = {"q_proj_weight": (4, 4), "k_proj_weight": (4, 3), "v_proj_weight": (4, 5)}
    assert other("torch", "MultiheadAttention", **widths).shapes["layer.k_proj.weight"] == (3, 4)
