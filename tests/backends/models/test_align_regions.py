"""The ends decide, and where they part the operation that differs is named, whichever side has it."""

from __future__ import annotations

from typing import Any

import paddle
import pytest
import torch
from calling_models import PaddleParts, TorchParts
from dualport.common.compare.wording import REGIONS
from paddle.nn import functional as pf
from torch.nn import functional as tf

from dualport import align

PLAN = {"modes": ("eval",), "dtypes": ("float64",)}


def dense(*sizes):
    """Layers a, b, c … of the same sizes in both."""
    named = list(zip("abc", sizes, strict=False))
    return {n: paddle.nn.Linear(*s) for n, s in named}, {n: torch.nn.Linear(*s) for n, s in named}


def convolutions(layout: Any = "NCHW"):
    return (
        {"a": paddle.nn.Conv2D(8, 8, 3, data_format=layout), "b": paddle.nn.Linear(8, 5)},
        {"a": torch.nn.Conv2d(8, 8, 3), "b": torch.nn.Linear(8, 5)},
    )


def heads(x, order):
    split = x.reshape([2, 5, 4, 2])
    return split.transpose(order) if isinstance(x, paddle.Tensor) else split.permute(order)


def attention(m, x):
    """Paddle's takes positions before heads, PyTorch's heads before positions."""
    split = m.a(x).reshape([2, 5, 3, 2, 4])
    if isinstance(x, paddle.Tensor):
        return m.b(pf.scaled_dot_product_attention(*split.unbind(2)).reshape([2, 5, 8]))
    return m.b(tf.scaled_dot_product_attention(*split.permute(2, 0, 3, 1, 4)).transpose(1, 2).reshape(2, 5, 8))


def pooled(ceil):
    return (
        {"a": paddle.nn.MaxPool2D(2, 2, ceil_mode=True), "b": paddle.nn.Linear(8, 5)},
        {"a": torch.nn.MaxPool2d(2, 2, ceil_mode=ceil), "b": torch.nn.Linear(8, 5)},
    )


def quick_gelu(x):
    return x * torch.sigmoid(1.702 * x)


LINE, SEQUENCE, IMAGE, ODD = "4,8", "2,5,8", "2,8,6,6", "2,8,9,9"
TWO = (8, 8), (8, 8)
RIGHT = {  # input, layers, what Paddle computes, what PyTorch does
    "attention in two layouts": (SEQUENCE, lambda: dense((8, 24), (8, 8)), attention, attention),
    "channels last": (
        IMAGE, lambda: convolutions("NHWC"),
        lambda m, x: m.b(pf.relu(m.a(x.transpose([0, 2, 3, 1]))).mean([1, 2])),
        lambda m, x: m.b(tf.relu(m.a(x)).mean((2, 3))),
    ),
    "scaled before and after": (
        SEQUENCE, lambda: dense(*TWO),
        lambda m, x: paddle.matmul(m.a(x) * 0.5, m.b(x).transpose([0, 2, 1])),
        lambda m, x: torch.matmul(m.a(x), m.b(x).transpose(1, 2)) / 2.0,
    ),
    "in steps of its own": (
        LINE, lambda: dense(*TWO), lambda m, x: m.b(pf.silu(m.a(x))), lambda m, x: m.b(m.a(x) * torch.sigmoid(m.a(x))),
    ),
}  # fmt: skip
WRONG = {  # the same, then where it must be said to part, and how
    "relu forgotten": (
        LINE, lambda: dense(*TWO), lambda m, x: m.b(pf.relu(m.a(x))), lambda m, x: m.b(m.a(x)),
        "relu at", "only paddle has it",
    ),
    "relu too many": (
        LINE, lambda: dense(*TWO), lambda m, x: m.b(m.a(x)), lambda m, x: m.b(tf.relu(m.a(x))),
        "relu at", "only torch has it",
    ),
    "tanh forgotten at the end": (
        LINE, lambda: dense(*TWO), lambda m, x: pf.tanh(m.b(m.a(x))), lambda m, x: m.b(m.a(x)),
        "tanh at", "only paddle has it",
    ),
    "two operations exchanged": (
        LINE, lambda: dense(*TWO), lambda m, x: m.b(pf.relu(m.a(x)) + 0.5), lambda m, x: m.b(tf.relu(m.a(x) + 0.5)),
        "__add__ at", "at another place",
    ),
    "order of a concatenation": (
        LINE, lambda: dense(*TWO, (16, 4)),
        lambda m, x: m.c(paddle.concat([m.a(x), m.b(x)], -1)), lambda m, x: m.c(torch.cat([m.b(x), m.a(x)], -1)),
        "concat at", "in another order",
    ),
    "axis of a softmax": (
        "2,8,8", lambda: dense(*TWO), lambda m, x: m.b(pf.softmax(m.a(x), -1)), lambda m, x: m.b(tf.softmax(m.a(x), 1)),
        "softmax at", "",
    ),
    "heads": (
        SEQUENCE, lambda: dense(*TWO),
        lambda m, x: paddle.matmul(heads(m.a(x), [0, 2, 1, 3]), heads(m.b(x), [0, 2, 3, 1])),
        lambda m, x: torch.matmul(heads(m.a(x), [0, 2, 1, 3]), m.b(x).reshape(2, 5, 2, 4).permute(0, 3, 2, 1)),
        "transpose at", "the same values in another order",
    ),
    "groups of a shuffle": (
        IMAGE, convolutions,
        lambda m, x: m.b(m.a(x).reshape([2, 2, 4, 4, 4]).transpose([0, 2, 1, 3, 4]).reshape([2, 8, 4, 4]).mean([2, 3])),
        lambda m, x: m.b(m.a(x).reshape(2, 4, 2, 4, 4).transpose(1, 2).reshape(2, 8, 4, 4).mean((2, 3))),
        "at", "the same values in another order",
    ),
    "other formula": (
        LINE, lambda: dense(*TWO), lambda m, x: m.b(pf.gelu(m.a(x))), lambda m, x: m.b(quick_gelu(m.a(x))),
        "gelu at", "gelu in paddle; mul, sigmoid, mul in torch",
    ),
    "rounding up of a pool, then a mean": (
        ODD, lambda: pooled(False), lambda m, x: m.b(m.a(x).mean([2, 3])), lambda m, x: m.b(m.a(x).mean((2, 3))),
        "a", "",
    ),
    "channels last, relu forgotten": (
        IMAGE, lambda: convolutions("NHWC"),
        lambda m, x: m.b(pf.relu(m.a(x.transpose([0, 2, 3, 1]))).mean([1, 2])), lambda m, x: m.b(m.a(x).mean((2, 3))),
        "relu at", "only paddle has it",
    ),
    "behind a skip": (
        LINE, lambda: dense(*TWO, (8, 8)),
        lambda m, x: m.c(m.b(pf.relu(m.a(x))) + pf.relu(m.a(x))), lambda m, x: m.c(m.b(tf.relu(m.a(x))) + m.a(x)),
        "__add__ at", "another value",
    ),
}  # fmt: skip


def models(case):
    paddle.seed(3)
    torch.manual_seed(3)
    given, layers, one, other, *said = case
    ours, theirs = layers()
    return PaddleParts(one, **ours), TorchParts(other, **theirs), given, said


def first_row(found):
    assert found.first_divergence is not None
    return found.first_divergence[1]


@pytest.mark.parametrize("name", RIGHT)
def test_another_way_to_compute_the_same_is_the_same_system(name):
    found = align(*models(RIGHT[name])[:3], modes=("train",), dtypes=("float64",))
    assert found.ok, found.sentence
    assert not list(found.by_themselves())
    if name == "attention in two layouts":
        assert found.notes == ["inner values in another layout or shape: 1; what follows agrees"]
    if name == "scaled before and after":
        assert found.notes == ["the same in other steps: __mul__, matmul in paddle; matmul, div in torch"]
        assert [len(regions) for regions in found.rewritten.values()] == [1]


@pytest.mark.parametrize("name", WRONG)
def test_a_fault_is_named_and_no_innocent_call(name):
    *pair, (where, how) = models(WRONG[name])
    found = align(*pair, **PLAN)
    assert not found.ok
    rows = [row for _, row in found.by_themselves()]
    assert len(rows) == 1, [row.name for row in rows]
    assert rows[0] is first_row(found)
    assert where in rows[0].name
    assert how in found.sentence
    assert not how or isinstance(rows[0].cause, REGIONS)


def test_two_faults_are_both_named():
    *pair, _ = models((
        LINE, lambda: dense(*TWO, (8, 8)),
        lambda m, x: m.c(pf.gelu(m.b(pf.relu(m.a(x))))), lambda m, x: m.c(quick_gelu(m.b(m.a(x)))),
    ))  # fmt: skip
    found = align(*pair, **PLAN)
    assert [row.name.split(" ")[0] for _, row in found.by_themselves()] == ["relu", "gelu"]


def test_a_search_that_fails_leaves_what_the_traces_tell(monkeypatch):
    def broken(*_):
        raise RuntimeError

    monkeypatch.setattr("dualport.backends.models.align.search", broken)
    for name, where in (("relu forgotten", "relu at"), ("tanh forgotten at the end", "tanh at")):
        *pair, (_, how) = models(WRONG[name])
        found = align(*pair, **PLAN)
        assert where in first_row(found).name
        assert how in found.sentence


def test_the_other_direction_names_the_same():
    *pair, _ = models(WRONG["relu forgotten"])
    found = align(*pair, direction="torch-to-paddle", **PLAN)
    assert found.sentence.startswith("different systems: first at relu at")
    assert "only paddle has it" in found.sentence


def test_a_difference_that_shrinks_on_its_way_is_no_rewriting():
    """What follows makes it smaller than the bound of the outputs; that a value jumped on the way says it is there."""

    def one(m, x):
        return pf.layer_norm(m.a(x), [8], epsilon=1e-5) * 1e-3 + x

    def other(m, x):
        return tf.layer_norm(m.a(x), [8], eps=1e-5 * (1 + 2e-5)) * 1e-3 + x

    *pair, _ = models((LINE, lambda: dense(*TWO), one, other))
    found = align(*pair, **PLAN)
    assert not found.ok
    assert all(row.same for row in found.forwards["eval"].rows if row.about.what == "output")
    assert "layer_norm" in found.sentence


def test_infinities_in_both_agree_and_nan_is_told_where_it_begins():
    *masked, _ = models((
        "2,8,8", lambda: dense((8, 8)),
        lambda m, x: pf.softmax(paddle.where(x > 1, paddle.full_like(x, float("-inf")), m.a(x)), -1),
        lambda m, x: tf.softmax(m.a(x).masked_fill(x > 1, float("-inf")), -1),
    ))  # fmt: skip
    assert align(*masked, modes=("train",), dtypes=("float64",)).ok
    *logs, _ = models((LINE, lambda: dense(*TWO), lambda m, x: m.b(m.a(x).log()), lambda m, x: m.b(m.a(x).log())))
    found = align(*logs, **PLAN)
    assert not found.ok
    assert found.sentence.startswith("not comparable: NaN begins at log")
    *one, _ = models((LINE, lambda: dense(*TWO), lambda m, x: m.b(m.a(x)), lambda m, x: m.b(m.a(x).sqrt())))
    assert "NaN begins at sqrt" in align(*one, **PLAN).sentence


class OwnAttention(torch.nn.Module):
    """What Paddle's layer of attention computes, in steps of its own."""

    def __init__(self, scale=8**-0.5):
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (torch.nn.Linear(16, 16) for _ in range(4))
        self.scale = scale

    def forward(self, x):
        query, key, value = (
            dense(x).reshape(2, 5, 2, 8).transpose(1, 2) for dense in (self.q_proj, self.k_proj, self.v_proj)
        )
        weights = torch.softmax((query * self.scale) @ key.transpose(-1, -2), -1)
        return self.out_proj((weights @ value).transpose(1, 2).reshape(2, 5, 16))


def test_an_operation_inside_a_layer_of_the_library_is_named():
    named = {f"a.{name}": f"a.{name}" for name in ("q_proj", "k_proj", "v_proj", "out_proj")}

    def pair(attention):
        steps = lambda m, x: m.a(x)  # noqa: E731
        return PaddleParts(steps, a=paddle.nn.MultiHeadAttention(16, 2)), TorchParts(steps, a=attention), "2,5,16"

    assert align(*pair(OwnAttention()), map=named, **PLAN).ok
    found = align(*pair(OwnAttention(scale=1.0)), map=named, **PLAN)
    assert first_row(found).name.startswith("__mul__ in a")
    assert "only paddle has it" in found.sentence


def test_scores_by_keys_are_told_where_they_are_made():
    def scores(m, x, turned):
        query, key = (m.b(x), m.a(x)) if turned else (m.a(x), m.b(x))
        made = query @ (key.transpose([0, 2, 1]) if isinstance(x, paddle.Tensor) else key.transpose(1, 2))
        return made * 0.5 + (paddle if isinstance(x, paddle.Tensor) else torch).arange(5, dtype=x.dtype)

    *pair, _ = models(
        (SEQUENCE, lambda: dense(*TWO), lambda m, x: scores(m, x, False), lambda m, x: scores(m, x, True))
    )
    found = align(*pair, **PLAN)
    assert "matmul" in first_row(found).name
    assert "in another order" in found.sentence


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient


@pytest.mark.parametrize(
    ("change", "named"), [(Doubled.apply, "clone at"), (torch.Tensor.detach, "detach at")], ids=["doubled", "detached"]
)
@pytest.mark.parametrize("in_place", [False, True])
def test_an_operation_that_changes_gradients_alone_is_named(change, named, in_place):
    *pair, _ = models((
        LINE, lambda: dense(*TWO, (8, 8)),
        lambda m, x: m.c(m.b(pf.relu(m.a(x))) + x),
        lambda m, x: m.c(m.b(tf.relu(change(m.a(x)), in_place)) + x),
    ))  # fmt: skip
    found = align(*pair, **PLAN)
    assert not found.ok
    assert all(row.same for row in found.forwards["eval"].rows)
    assert first_row(found).name.startswith(named), found.sentence
    assert "only torch has it" in found.sentence
    assert len([row for _, row in found.by_themselves()]) == 1


def test_what_both_have_made_already_is_no_sign_of_a_step_set_right():
    """Two norms that are alike: what the second makes of the wrong value, the first has made of the same."""

    def layers(norm, linear):
        return {"a": norm(8), "b": linear(8, 8), "c": norm(8)}

    def made():
        return layers(paddle.nn.LayerNorm, paddle.nn.Linear), layers(torch.nn.LayerNorm, torch.nn.Linear)

    *pair, _ = models((LINE, made, lambda m, x: m.c(x + pf.tanh(m.b(m.a(x)))), lambda m, x: m.c(x + m.b(m.a(x)).cos())))
    found = align(*pair, **PLAN)
    assert first_row(found).name.startswith(("tanh at", "cos at")), found.sentence


def test_the_line_is_the_packages_where_the_module_is(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "shelf"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "import torch\n\n\nclass Net(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.a = torch.nn.Linear(8, 8)\n\n    def forward(self, x):\n        return torch.tanh(self.a(x))\n"
    )
    monkeypatch.syspath_prepend(package.parent)
    from shelf import Net

    ours = PaddleParts(lambda m, x: pf.relu(m.a(x)), a=paddle.nn.Linear(8, 8))
    row = first_row(align(ours, Net(), LINE, **PLAN))
    assert row.place.lines[1] == "__init__.py:10"
