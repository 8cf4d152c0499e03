"""Weights that a layer makes of other tensors, by the rule of the layer that owns them, in every form."""

from __future__ import annotations

import numpy as np
import pytest
from dualport.common.errors import BadInput
from dualport.common.weights.model_conversion import framework_arrays, layout_of, other_layout, require_rules
from dualport.common.weights.rules import to_canonical, weight_views

torch, paddle = pytest.importorskip("torch"), pytest.importorskip("paddle")


def _layers(kind):
    """Square ones: no shape tells an axis from another."""
    return {
        "linear": (lambda: torch.nn.Linear(6, 6), lambda: paddle.nn.Linear(6, 6), (3, 6)),
        "conv": (lambda: torch.nn.Conv1d(6, 6, 3), lambda: paddle.nn.Conv1D(6, 6, 3), (2, 6, 5)),
        "transposed": (
            lambda: torch.nn.ConvTranspose2d(6, 6, 3),
            lambda: paddle.nn.Conv2DTranspose(6, 6, 3),
            (2, 6, 4, 4),
        ),
    }[kind]


def _of(framework, model):
    from dualport.backends import load_backend
    from dualport.backends.model_state import structure

    return structure(load_backend(framework), model)


def _pair(kind, norm, form, dim):
    make_torch, make_paddle, size = _layers(kind)
    place = torch.nn.utils if form == "hooks" else torch.nn.utils.parametrizations
    theirs = 1 - dim if kind == "linear" and dim is not None else dim
    ours = getattr(place, norm)(make_torch(), dim=dim)
    return ours, getattr(paddle.nn.utils, norm)(make_paddle(), dim=theirs), size


def _drawn(model):
    rng = np.random.default_rng(5)
    return {
        name: np.asarray(rng.standard_normal(tuple(tensor.shape)), np.float32)
        for name, tensor in model.state_dict().items()
    }


def _load_torch(model, arrays):
    model.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}, strict=True)


def _outputs(ours, theirs, size):
    x = np.random.default_rng(3).standard_normal(size).astype(np.float32)
    ours.eval(), theirs.eval()
    return ours(torch.from_numpy(x)).detach().numpy(), theirs(paddle.to_tensor(x)).numpy()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", ["hooks", "parametrizations"])
@pytest.mark.parametrize(
    ("norm", "dim"),
    [("weight_norm", 0), ("weight_norm", 1), ("weight_norm", None), ("spectral_norm", 0), ("spectral_norm", 1)],
)
@pytest.mark.parametrize("kind", ["linear", "conv", "transposed"])
def test_every_form_computes_the_same_from_the_others_weights(kind, norm, dim, form):
    ours, theirs, size = _pair(kind, norm, form, dim)
    source = _drawn(theirs)
    theirs.set_state_dict({name: paddle.to_tensor(array) for name, array in source.items()})
    in_paddle, in_torch = _of("paddle", theirs), _of("torch", ours)
    views = weight_views("paddle", in_paddle)
    canonical = to_canonical(views, source)
    shapes = {name: tuple(tensor.shape) for name, tensor in ours.state_dict().items()}
    layout = layout_of(in_torch, weight_views("torch", in_torch), shapes)
    _load_torch(ours, framework_arrays(layout, canonical))
    first, second = _outputs(ours, theirs, size)
    np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-4)

    back = other_layout("torch", in_torch, weight_views("torch", in_torch))  # PyTorch's model alone
    for name, array in framework_arrays(back, canonical).items():
        np.testing.assert_array_equal(array, source[name])
    alone = other_layout("paddle", in_paddle, views)
    hooked = _pair(kind, norm, "hooks", dim)[0]
    _load_torch(hooked, framework_arrays(alone, canonical))
    np.testing.assert_allclose(_outputs(hooked, theirs, size)[0], second, rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_a_spectral_norm_over_the_other_axis_exchanges_its_vectors():
    ours, theirs, size = _pair("linear", "spectral_norm", "hooks", 0)
    theirs = paddle.nn.utils.spectral_norm(_layers("linear")[1](), dim=0)
    source = _drawn(theirs)
    theirs.set_state_dict({name: paddle.to_tensor(array) for name, array in source.items()})
    views, in_torch = weight_views("paddle", _of("paddle", theirs)), _of("torch", ours)
    shapes = {name: tuple(tensor.shape) for name, tensor in ours.state_dict().items()}
    arrays = framework_arrays(layout_of(in_torch, weight_views("torch", in_torch), shapes), to_canonical(views, source))
    np.testing.assert_array_equal(arrays["weight_u"], source["weight_v"])
    _load_torch(ours, arrays)
    np.testing.assert_allclose(*_outputs(ours, theirs, size), rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_a_weight_norm_over_another_axis_never_has_the_same_shape():
    ours, _, _ = _pair("linear", "weight_norm", "hooks", 0)
    theirs = paddle.nn.utils.weight_norm(_layers("linear")[1](), dim=0)
    shapes = [
        weight_views(*side)["weight_g"].shape
        for side in (("torch", _of("torch", ours)), ("paddle", _of("paddle", theirs)))
    ]
    assert shapes == [(6, 1), (1, 6)]


@pytest.mark.parametrize("what", ["orthogonal", "pruned"])
def test_what_has_no_rule_is_refused(what):
    import torch.nn.utils.prune

    layer = torch.nn.Linear(4, 4)
    made = torch.nn.utils.parametrizations.orthogonal(layer) if what == "orthogonal" else layer
    if what == "pruned":
        torch.nn.utils.prune.random_unstructured(layer, "weight", 0.5)
    with pytest.raises(BadInput, match="weight is re-parametrised by"):
        require_rules(weight_views("torch", _of("torch", made)))


def test_the_bias_of_a_bilinear_layer_has_one_axis_more_in_paddle():
    from dualport.backends import load_backend
    from dualport.backends.model_state import stored_arrays

    ours, theirs = torch.nn.Bilinear(3, 4, 5), paddle.nn.Bilinear(3, 4, 5)
    views = {name: weight_views(name, _of(name, model)) for name, model in (("torch", ours), ("paddle", theirs))}
    assert views["torch"]["bias"].shape == views["paddle"]["bias"].shape == (5,)
    source = stored_arrays(load_backend("torch"), ours, views["torch"])
    arrays = framework_arrays(
        other_layout("torch", _of("torch", ours), views["torch"]), to_canonical(views["torch"], source)
    )
    assert arrays["bias"].shape == tuple(theirs.bias.shape)


def test_a_model_of_another_type_keeps_its_whole_numbers_and_truths():
    from dualport.backends import load_backend

    class Net(paddle.nn.Layer):
        def __init__(self):
            super().__init__()
            self.linear = paddle.nn.Linear(2, 2)
            self.register_buffer("places", paddle.to_tensor([1, 2]))
            self.register_buffer("mask", paddle.to_tensor([True, False]))

    net = Net()
    before = list(net.state_dict())
    load_backend("paddle").weights.to_dtype(net, "float64")
    assert list(net.state_dict()) == before
    kinds = {name: str(tensor.dtype).rpartition(".")[2] for name, tensor in net.state_dict().items()}
    assert kinds == {"linear.weight": "float64", "linear.bias": "float64", "places": "int64", "mask": "bool"}
