"""What the kit makes of its uniform and normal numbers, against the distributions; and that no operator is missed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from dualport.backends.torch.draws import _WHOLE as OF_THEIR_OWN
from dualport.common.dictionary.draws import BY_OPERATOR, exponential, kept
from dualport.common.tolerances import bound
from paddle import _C_ops

COUNT = 20_000
CHANCES = np.array([0.1, 0.2, 0.7])


class Plain:
    """Numbers of one seed, the same each time that they are asked for."""

    def uniform(self, shape):
        return self.generator("", shape).random(shape)

    def normal(self, shape):
        return self.generator("", shape).standard_normal(shape)

    def generator(self, purpose, shape):
        return np.random.default_rng(7)


def made(operator: str, shape=(COUNT,), **told) -> np.ndarray:
    return BY_OPERATOR["torch"][operator].made(Plain(), shape, **told)


@pytest.mark.parametrize(
    ("operator", "told", "mean", "variance"),
    [("uniform_", {"low": -2, "high": 4}, 1, 3), ("normal_", {"mean": 1, "std": 2}, 1, 4),
     ("bernoulli_", {"chance": 0.3}, 0.3, 0.21), ("bernoulli", {"given": 0.3}, 0.3, 0.21),
     ("exponential_", {"rate": 2}, 0.5, 0.25), ("geometric_", {"chance": 0.25}, 4, 12),
     ("log_normal_", {"mean": 0, "std": 0.5}, np.exp(0.125), (np.exp(0.25) - 1) * np.exp(0.25)),
     ("randint", {"low": 2, "high": 9}, 5, 4), ("poisson", {"given": 3}, 3, 3),
     ("binomial", {"count": 10, "chance": 0.3}, 3, 2.1), ("_standard_gamma", {"given": 2.5}, 2.5, 2.5)],
)  # fmt: skip
def test_a_draw_is_of_its_distribution(operator, told, mean, variance):
    numbers = made(operator, **told).astype(float)
    assert abs(numbers.mean() - mean) <= bound("sampled means, in standard errors") * np.sqrt(variance / COUNT)
    assert abs(numbers.var() / variance - 1) <= 0.1


def test_cauchy_has_its_quarters():
    assert np.quantile(made("cauchy_", mean=1, std=2), [0.25, 0.5, 0.75]) == pytest.approx([-1, 1, 3], abs=0.1)


def test_places_are_drawn_by_their_chances():
    places = made("multinomial", given=CHANCES * 5, num_samples=COUNT, replacement=True)
    assert np.bincount(places) / COUNT == pytest.approx(CHANCES, abs=0.01)
    table = np.tile(CHANCES, (COUNT, 1))
    first_two = made("multinomial", (COUNT, 2), given=table, num_samples=2)
    assert (first_two[:, 0] != first_two[:, 1]).all()
    assert np.bincount(first_two[:, 0]) / COUNT == pytest.approx(CHANCES, abs=0.01)
    assert (made("multinomial", (COUNT, 1), given=np.tile([0, 1, 0], (COUNT, 1)), num_samples=1) == 1).all()


def test_an_order_has_each_number_once():
    assert sorted(made("randperm", (9,)).tolist()) == list(range(9))


def test_spellings_of_one_thing_agree():
    numbers = Plain()
    uniform = numbers.uniform((COUNT,))
    assert np.array_equal(kept(numbers, (COUNT,), 0.8), np.floor(0.8 + uniform) == 1)
    assert np.array_equal(-np.log(exponential(numbers, (COUNT,))), -np.log(-np.log(uniform)))


def test_no_operator_of_pytorchs_that_draws_is_missed():
    """Each is known, or tells by an argument whether what is inside it draws."""
    tells = {"dropout_p", "dropout", "p", "train", "training"}
    names = {name.partition("::")[2].partition(".")[0] for name in torch._C._dispatch_get_all_op_names()
             if name.startswith("aten::")}  # fmt: skip
    unknown = set()
    for name in names:
        packet = getattr(torch.ops.aten, name, None)
        for one in packet.overloads() if packet is not None else ():
            operator = getattr(packet, one)
            told = {argument.name for argument in operator._schema.arguments}
            if torch.Tag.nondeterministic_seeded in operator.tags and not told & tells:
                unknown |= {name} - BY_OPERATOR["torch"].keys() - OF_THEIR_OWN.keys()
    assert unknown <= {"_nested_tensor_softmax_with_shape"}  # which is marked, and draws nothing


def test_paddles_operators_are_there():
    assert not [name for name in BY_OPERATOR["paddle"] if not hasattr(_C_ops, name)]
