"""Every fault that a port may have is found where it is, and explained by a difference that was tested."""

from __future__ import annotations

import paddle
import pytest
import torch
from dualport.common.tolerances import bound
from port_pairs import PaddleNet, RenamedNet, pair

from dualport import align

INPUT = "4,2,6,6"


def first(difference) -> tuple[str, str]:
    """Rung and row where the sides part first."""
    rung = difference.verdict.failed
    return rung.name, rung.first.name


def own(difference) -> list[str]:
    """Calls that part by themselves, in the first mode."""
    return [row.name for row in next(iter(difference.forwards.values())).rows if row.by_itself]


def told(difference) -> list[str]:
    """The tested explanations that remove a divergence."""
    assert all(one.after <= bound("diagnosis removes it") for one in difference.explanations if one.removed)
    return [one.text for one in difference.explanations if one.removed]


def test_a_correct_pair_passes_forward_backward_and_five_steps():
    found = align(*pair(), INPUT, steps=5, optimizer="adam:lr=1e-3")
    assert found.ok, found.sentence
    assert found.sentence.startswith("same system")
    assert [rung.name for rung in found.verdict.rungs][-2:] == ["step 5", "forward, eval"]
    assert {how for _, _, how in found.matching.pairs} == {"name"}
    assert found.unpaired == ([], [])


def test_the_models_are_left_as_they_were():
    one, other = pair()
    before = [one.first.weight.numpy().copy(), other.first.weight.detach().numpy().copy()]
    one.eval()
    align(one, other, INPUT, steps=2)
    assert (one.first.weight.numpy() == before[0]).all()
    assert (other.first.weight.detach().numpy() == before[1]).all()
    assert other.first.weight.dtype == torch.float32
    assert other.first.weight.grad is None
    assert not one.training
    assert other.training
    assert "forward" not in vars(other.first)


@pytest.mark.parametrize(
    ("wrong", "where", "why"),
    [
        ({"slope": 0.2}, "leaky_relu", "negative_slope is 0.01 in paddle and 0.2 in torch"),
        ({"eps": 1e-3}, "norm", "eps is 1e-05 in paddle and 0.001 in torch"),
        ({"padding": "reflect"}, "conv", "padding_mode"),
        ({"transposed": True}, "square", "transposed"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_layer_is_named_itself_and_explained(wrong, where, why):
    found = align(*pair(**wrong), INPUT)
    rung, name = first(found)
    assert rung == "forward"
    assert where in name
    assert len(own(found)) == 1
    assert any(why in text for text in told(found)), found.explanations


def test_two_faults_are_told_apart_from_what_they_cause():
    found = align(*pair(slope=0.2, eps=1e-3), INPUT)
    assert [name.split(" ")[0] for name in own(found)] == ["norm", "leaky_relu"]
    forward = found.forwards["train"]
    inherited = [row for row in forward.rows if not row.same and not row.by_itself and row.place.pair >= 0]
    assert len(inherited) >= 4
    assert all("inherited" in row.remark for row in inherited)
    assert len(told(found)) == 2


def test_a_flipped_output_is_found_element_by_element():
    found = align(*pair(flipped=True), INPUT)
    assert first(found)[1].startswith("flip at")
    assert "only torch has it" in found.sentence
    assert any(name.startswith("flip") for name in found.unpaired[1])
    assert any("revers" in text or "flip" in text for text in told(found)), found.explanations


def test_layers_that_are_crossed_by_their_names_are_found_and_the_map_is_tried():
    found = align(*pair(crossed=True), INPUT)
    assert not found.ok
    assert any("first as second, second as first" in text for text in told(found)), found.explanations
    assert align(*pair(crossed=True), INPUT, map={"first": "second", "second": "first"}).ok


def test_swapped_sides_before_a_flatten():
    found = align(*pair(swapped=True), INPUT)
    assert first(found)[1].startswith("transpose at")
    assert "only torch has it" in found.sentence or "another order" in found.sentence


def test_layers_of_classes_that_share_a_name_are_told_apart():
    def blocks(slope):
        class Block(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.fc = torch.nn.Linear(5, 5)

            def forward(self, x):
                return torch.nn.functional.leaky_relu(self.fc(x), slope)

        return Block()

    class Block(paddle.nn.Layer):
        def __init__(self):
            super().__init__()
            self.fc = paddle.nn.Linear(5, 5)

        def forward(self, x):
            return paddle.nn.functional.leaky_relu(self.fc(x))

    one = paddle.nn.Sequential(Block(), Block(), Block())
    other = torch.nn.Sequential(blocks(0.01), blocks(0.3), blocks(0.01))
    found = align(one, other, "4,5")
    assert len(own(found)) == 1
    assert own(found)[0].startswith("leaky_relu in 1 at")


def test_a_wrong_momentum_is_found_in_the_running_statistics():
    found = align(*pair(momentum=0.9), INPUT)
    assert first(found)[0] == "running statistics"
    assert first(found)[1].startswith("norm.running")
    assert any("momentum" in text or "of the batch" in text for text in told(found)), found.explanations


def test_frameworks_own_rules_of_the_running_variance_are_no_fault():
    found = align(*pair(), INPUT, steps=1)
    rungs = {rung.name: rung for rung in found.verdict.rungs}
    (row,) = [row for row in rungs["step 1"].rows if row.name == "norm.running_var"]
    assert "biased" in row.remark
    assert row.same


def test_a_halved_gradient_is_found_where_it_is_halved():
    found = align(*pair(halved=True), INPUT)
    assert first(found)[0] == "gradients"
    assert next(rung for rung in found.verdict.rungs if rung.name == "forward").status == "pass"
    assert "avg_pool2d" in first(found)[1] or "flatten" in first(found)[1]
    assert told(found), found.explanations


def test_what_goes_wrong_in_the_second_step_alone_is_found_there():
    one, other = pair()
    ticks = {"count": 0}  # every pass takes three steps, in float64, in float32 and to see what rounding does

    def make(parameters):
        optimizer = torch.optim.SGD(parameters, lr=0.1)
        plain = optimizer.step

        def step(closure=None):
            ticks["count"] += 1
            if ticks["count"] % 3 == 2:
                for group in optimizer.param_groups:
                    group["lr"] = 0.2
            return plain(closure)

        optimizer.step = step
        return optimizer

    def make_paddle(parameters):
        return paddle.optimizer.SGD(0.1, parameters=parameters)

    found = align(one, other, INPUT, steps=3, optimizer=(make_paddle, make))
    assert first(found)[0] == "step 2"


@pytest.mark.parametrize(
    ("paddles", "torchs", "why"),
    [
        ({"beta2": 0.999}, {"betas": (0.9, 0.99)}, "beta2"),
        ({"epsilon": 1e-8}, {"eps": 1e-4}, "eps"),
        ({}, {"weight_decay": 0.1}, "weight_decay"),
    ],
    ids=["beta2", "eps", "decay"],
)
def test_optimizers_with_other_numbers_are_found_and_explained(paddles, torchs, why):
    def make_paddle(parameters):
        return paddle.optimizer.Adam(1e-2, parameters=parameters, **paddles)

    def make_torch(parameters):
        return torch.optim.Adam(parameters, lr=1e-2, **torchs)

    found = align(*pair(), INPUT, steps=3, optimizer=(make_paddle, make_torch))
    assert first(found)[0].startswith("step")
    assert any(why in text for text in told(found)), found.explanations


def test_other_names_are_matched_by_what_feeds_them():
    found = align(PaddleNet(), RenamedNet(), INPUT, steps=2)
    assert found.ok, found.sentence
    ways = {x: (y, how) for x, y, how in found.matching.pairs}
    assert ways["first"][0] == "a"
    assert ways["second"][0] == "b"
    assert ways["conv"][0] == "stem.0"
    assert all(how != "name" for _, how in ways.values())


def test_the_other_direction_carries_pytorchs_weights():
    one, other = pair()
    found = align(one, other, INPUT, direction="torch-to-paddle", steps=1)
    assert found.ok, found.sentence
    assert found.names == ("torch", "paddle")


def test_a_check_that_cannot_fail_is_none(monkeypatch):
    """The bound of float64 is what finds the faults: with a loose one the slope passes."""
    from dualport.common import tolerances

    loose = {name: tolerances.Tolerance(1e9, "loose") for name in tolerances.TOLERANCES}
    monkeypatch.setattr(tolerances, "TOLERANCES", loose)
    assert align(*pair(slope=0.2), INPUT).ok
