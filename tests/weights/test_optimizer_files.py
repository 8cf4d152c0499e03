"""What the keys, powers, groups and schedules in optimizers' files tell, without either framework."""

from __future__ import annotations

import numpy as np
import pytest
from dualport.common.dictionary.index import KEEPING
from dualport.common.errors import BadInput
from dualport.common.weights.optimizer.adam_steps import beta_power
from dualport.common.weights.optimizer.numbering import names_of_numbers
from dualport.common.weights.optimizer.numbers import asked, call_in_paddle, entry_of_group, of_group
from dualport.common.weights.optimizer.paddle_keys import accumulators_of
from dualport.common.weights.optimizer.powers import told_by_powers
from dualport.common.weights.optimizer.schedule import from_paddle, from_torch, to_torch
from dualport.common.weights.optimizer.torch_file import from_torch as from_torch_file

SHAPES = {"fc.weight": (3, 2), "fc.bias": (2,)}
TENSORS = {"fc.weight": "linear_0.w_0", "fc.bias": "linear_0.b_0"}


def pdopt(step: int = 5, betas=(0.9, 0.999), dtype: str = "float32", between: str = "", last: str = "_0") -> dict:
    content = {}
    for name, tensor in TENSORS.items():
        for word in ("moment1", "moment2"):
            content[f"{tensor}_{between}{word}{last}"] = np.ones(SHAPES[name], dtype)
        for place, beta in enumerate(betas, 1):
            content[f"{tensor}_{between}beta{place}_pow_acc{last}"] = beta_power(beta, step, dtype)
    return content


def read(content: dict):
    return accumulators_of("a.pdopt", content, TENSORS, SHAPES)


@pytest.mark.parametrize("words", [{}, {"between": "mine_"}, {"between": "fp32_master_0_"}, {"last": "_1"}])
def test_keys_of_named_second_and_mixed_precision_optimizers(words):
    made = read(pdopt(**words))
    assert made.kinds == ["adam", "adamw"]
    assert set(made.arrays["moment2"]) == set(SHAPES)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda content: content.pop("linear_0.b_0_moment2_0"), "moment2 of fc.bias missing"),
        (lambda content: content.update({"linear_0.b_0_moment1_0": np.ones(3)}), "is 3, and fc.bias is 2"),
        (lambda content: content.update({"linear_0.b_0_moment1_1": np.ones(2)}), "two moment1"),
        (lambda content: content.update({"linear_1.b_0_moment1_0": np.ones(2)}), "--weights FILE"),
        (lambda content: content.update({"linear_0.b_0_mu_product_0": np.ones(2)}), "none of these"),
        (lambda content: content.update({"master_weights": {"linear_7.w_0": np.ones(2)}}), "weight linear_7.w_0"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(change, says):
    content = pdopt()
    change(content)
    with pytest.raises(BadInput, match=says):
        read(content)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.999), (0.9, 0.95), (0.5, 0.9)])
def test_powers_tell_betas_and_steps(betas, dtype):
    told, steps, notes = told_by_powers("a.pdopt", KEEPING["adam"], read(pdopt(37, betas, dtype)), {})
    assert tuple(told.values()) == betas
    assert steps == dict.fromkeys(SHAPES, 37)
    assert not notes


def test_powers_of_betas_in_no_common_use_must_be_said():
    kept = read(pdopt(9, (0.0, 0.77)))
    with pytest.raises(BadInput, match=r"--optimizer adam:beta1=…,beta2=…"):
        told_by_powers("a.pdopt", KEEPING["adam"], kept, {})
    assert told_by_powers("a.pdopt", KEEPING["adam"], kept, {"beta1": 0.0, "beta2": 0.77})[1]["fc.bias"] == 9


def test_powers_that_have_run_out_are_said():
    told, steps, notes = told_by_powers("a.pdopt", KEEPING["adam"], read(pdopt(2000)), {})
    assert told == {"beta1": 0.9, "beta2": 0.999}
    assert steps["fc.bias"] == 2000  # the second power still tells
    assert "tell no betas" in notes[0]
    _, steps, notes = told_by_powers("a.pdopt", KEEPING["adam"], read(pdopt(200_000)), {"beta1": 0.9, "beta2": 0.999})
    assert beta_power(0.999, steps["fc.bias"])[0] < np.finfo(np.float32).tiny
    assert "tell no steps" in notes[0]


MODEL = {"a.weight": (2, 2), "a.bias": (2,), "b.weight": (2, 2), "b.bias": (2,)}


def shared_out(groups, kept, model=MODEL):
    return names_of_numbers("a.pt", groups, kept, model, list(model), "do this")


def test_groups_are_told_apart_by_shapes_or_names():
    matrices, vectors = {"params": [0, 1]}, {"params": [2, 3]}
    kept = {0: (2, 2), 1: (2, 2), 2: (2,), 3: (2,)}
    assert shared_out([matrices, vectors], kept) == [["a.weight", "b.weight"], ["a.bias", "b.bias"]]
    named = [matrices | {"param_names": ["b.weight", "a.weight"]}, vectors | {"param_names": ["b.bias", "a.bias"]}]
    assert shared_out(named, kept) == [["b.weight", "a.weight"], ["b.bias", "a.bias"]]
    assert shared_out([{"params": [0, 1, 2, 3]}], {0: (2, 2)}) == [list(MODEL)]


@pytest.mark.parametrize(
    ("groups", "kept", "says"),
    [
        ([[0, 1], [2, 3]], {0: (2, 2), 1: (2,), 2: (2, 2), 3: (2,)}, "several ways"),
        ([[0, 1], [2, 3]], {0: (2,), 1: (2, 2), 2: (2,), 3: (2, 2)}, "fit no way"),
        ([[0, 1, 2]], {}, "steps 3 parameters, and the model has 4"),
        ([[0, 1, 2, 3]], {0: (3, 2)}, "another order of parameters"),
    ],
)
def test_groups_that_nothing_tells_apart_are_refused(groups, kept, says):
    with pytest.raises(BadInput, match=says):
        shared_out([{"params": numbers} for numbers in groups], kept)


def test_hundreds_of_groups_are_shared_out_or_refused_in_no_time():
    model = {f"{place}.weight": (place + 1,) for place in range(300)}
    groups = [{"params": [place]} for place in range(300)]
    assert shared_out(groups, {place: (place + 1,) for place in range(300)}, model) == [[name] for name in model]
    with pytest.raises(BadInput, match="several ways"):
        shared_out(groups, {}, model)


def test_a_group_tells_its_optimizer_and_numbers():
    group = {"lr": 0.1, "betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 0.2, "amsgrad": False, "maximize": False}
    assert entry_of_group("a.pt", group, {"exp_avg"}).kind == "adam"
    assert entry_of_group("a.pt", group | {"decoupled_weight_decay": True}, set()).kind == "adamw"
    numbers = of_group("a.pt", KEEPING["adam"], group)
    assert numbers == {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.2, "amsgrad": 0.0}
    told = call_in_paddle(KEEPING["adam"], numbers)
    assert told.startswith("paddle.optimizer.Adam(learning_rate=0.1, beta1=0.9, beta2=0.99, epsilon=1e-08")
    del group["amsgrad"]
    with pytest.raises(BadInput, match="no optimizer of these"):  # RAdam's
        entry_of_group("a.pt", group | {"decoupled_weight_decay": False}, {"exp_avg", "exp_avg_sq", "step"})


def test_numbers_are_asked_for_under_the_names_of_either_framework():
    assert asked("rmsprop:learning_rate=0.1,rho=0.5,centered=true") == (
        "rmsprop",
        {"lr": 0.1, "alpha": 0.5, "centered": 1.0},
    )
    for text in ("lamb:lr=1", "adam:momentum=0.5", "adam:beta1=1.5", "adam:lr=fast"):
        with pytest.raises(BadInput):
            asked(text)


@pytest.mark.parametrize(
    "change",
    [{"betas": 0.9}, {"betas": ("a", "b")}, {"lr": None}, {"params": 3}, {"params": [[0]]}, {"params": [0, 0]},
     {"param_names": 5}, {1: 2, "lr": "fast"}],
)  # fmt: skip
def test_a_damaged_group_is_refused_in_a_sentence(change):
    group = {"lr": 0.1, "betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 0.2, "amsgrad": False, "params": [0, 1]}
    kept = {"step": np.float32(1), "exp_avg": np.ones((3, 2)), "exp_avg_sq": np.ones((3, 2))}
    tree = {"state": {0: kept}, "param_groups": [group | change]}
    with pytest.raises(BadInput):
        from_torch_file("a.pt", tree, SHAPES, list(SHAPES), "do this", None)


def test_schedules_count_alike():
    kept, left = from_paddle({"LR_Scheduler": {"last_epoch": 3, "last_lr": 0.5, "LinearWarmup_LR": {"last_epoch": 3}}})
    assert (kept, left) == ({"last_epoch": 3, "last_lr": 0.5}, ["LinearWarmup_LR"])
    state = to_torch(kept, [0.5, 0.05])
    assert state == {"last_epoch": 3, "_step_count": 4, "_last_lr": [0.5, 0.05]}
    assert from_torch({"model": {}, "schedules": [state]}) == [{"last_epoch": 3, "last_lr": 0.5}]
    assert from_torch({"epoch": 3}) == []
