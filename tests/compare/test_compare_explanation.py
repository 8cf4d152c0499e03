"""A fault is planted in one of two calls: its explanation must be found, and none where nothing explains it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dualport.common.compare.explanation.call import Evidence, Explanation, explain
from dualport.common.dictionary import formula
from dualport.common.dictionary.index import BY_KIND
from dualport.common.tolerances import bound
from explanation_faults import NAMES, SHOWN, W, conv_case, drawn, evidence_of
from torch.nn import functional as F  # noqa: N812


def exchanged(evidence: Evidence) -> Evidence:
    """The same with the sides the other way round."""
    pairs = ("names", "kinds", "inputs", "outputs", "settings", "weights")
    return replace(evidence, **{name: getattr(evidence, name)[::-1] for name in pairs})


def texts(found: list[Explanation]) -> list[str]:
    return [one.text for one in found]


@pytest.mark.parametrize("name", SHOWN)
def test_a_planted_fault_is_explained(name: str) -> None:
    found = explain(evidence_of(name))
    named = [one for one in found if SHOWN[name].says in one.text]
    assert named, texts(found)
    assert all(one.removed for one in found)
    assert all(one.after <= bound("diagnosis removes it") < one.before for one in named)


@pytest.mark.parametrize("name", SHOWN)
def test_and_with_the_sides_the_other_way_round(name: str) -> None:
    found = explain(exchanged(evidence_of(name)))
    assert found
    assert all(one.removed for one in found)


@pytest.mark.parametrize("name", SHOWN)
def test_a_random_output_is_not_explained(name: str) -> None:
    evidence = evidence_of(name)
    noise = drawn(evidence.outputs[1].shape, 99).numpy()
    assert texts(explain(replace(evidence, outputs=(noise, evidence.outputs[1])))) == []
    assert texts(explain(replace(evidence, outputs=(noise, noise[::-1] ** 3 + noise)))) == []
    unlike = drawn(evidence.outputs[0].shape, 98).numpy()
    assert texts(explain(replace(evidence, outputs=(unlike, evidence.outputs[1])))) == []
    assert texts(explain(replace(evidence, outputs=(evidence.outputs[0], noise)))) == []


@pytest.mark.parametrize("name", SHOWN)
def test_outputs_that_agree_need_no_explanation(name: str) -> None:
    evidence = evidence_of(name)
    assert explain(replace(evidence, outputs=(evidence.outputs[1].copy(), evidence.outputs[1]))) == []


def test_a_fault_beside_the_differing_setting_is_not_blamed_on_the_setting() -> None:
    evidence = SHOWN["eps"].evidence()
    spoilt = evidence.outputs[0] * drawn(evidence.outputs[0].shape, 5).numpy()
    assert explain(replace(evidence, outputs=(spoilt, evidence.outputs[1]))) == []


def test_a_call_that_does_something_else_beside_a_setting_is_not_wholly_explained_by_it() -> None:
    evidence = SHOWN["eps"].evidence()
    y = evidence.outputs[1] * (1 + drawn(evidence.outputs[1].shape, 5).numpy() / 1e5)
    assert not any(one.removed for one in explain(replace(evidence, outputs=(evidence.outputs[0], y))))


def test_what_only_reduces_a_divergence_says_so() -> None:
    y = drawn((30, 40), 1).numpy()
    noise = drawn((30, 40), 2).numpy()
    evidence = Evidence(NAMES, ("exotic",) * 2, ([y], [y]), (y / 2 + noise / 1000, y), ({}, {}), ({}, {}), False)
    found = explain(evidence)
    assert len(found) == 1
    assert not found[0].removed
    assert found[0].after < found[0].before * bound("diagnosis reduces it")
    assert "times torch's output" in found[0].text
    assert "the error falls from" in found[0].text


@pytest.mark.parametrize("size", [1, 4])
def test_a_number_fitted_to_a_few_values_is_no_explanation(size: int) -> None:
    a, b = drawn((size,), 1).numpy(), drawn((size,), 1).numpy() * 3
    assert explain(Evidence(NAMES, ("exotic",) * 2, ([a], [a]), (a, b), ({}, {}), ({}, {}), False)) == []


@pytest.mark.parametrize("kind", ["elu", "leaky_relu"])
def test_a_setting_that_one_side_keeps_in_float32(kind: str) -> None:
    """Paddle does so: elu with alpha 0.3 is off by 1e-8 in float64."""
    x, told = drawn((20, 6), 1).numpy(), {"elu": "alpha", "leaky_relu": "negative_slope"}[kind]
    outputs = [
        formula.evaluate(BY_KIND[kind], [x], {told: value}, {}, False) for value in (float(np.float32(0.3)), 0.3)
    ]
    found = explain(Evidence(NAMES, (kind,) * 2, ([x], [x]), tuple(outputs), ({told: 0.3},) * 2, ({}, {}), False))
    assert f"paddle's {kind} is torch's {kind} with {told} rounded to float32" in found[0].text
    assert found[0].removed
    assert found[0].before < 1e3 * bound("diagnosis removes it")


def test_positions_that_one_side_keeps_in_float32() -> None:
    x, told = drawn((2, 3, 5, 7), 1).numpy(), {"size": [9, 11], "mode": "bilinear"}
    outputs = [formula.evaluate(BY_KIND["interpolate"], [x], told | more, {}, False) for more in ({"single": True}, {})]
    found = explain(Evidence(NAMES, ("interpolate",) * 2, ([x], [x]), tuple(outputs), (told, told), ({}, {}), False))
    assert ["with positions told in float32" in text for text in texts(found)].count(True) == 1


def test_the_dilation_that_paddle_drops() -> None:
    told = {"padding": "SAME", "dilation": [2, 2]}
    planted = conv_case("dilation 1, which Paddle takes", lambda x: F.conv2d(x, W, padding=1), (told, told))
    planted = replace(planted, mine=lambda x: F.conv2d(x, W, padding=2, dilation=2))
    assert planted.says in explain(planted.evidence())[0].text


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_a_number_is_not_explained(value: float) -> None:
    evidence = SHOWN["halved"].evidence()
    spoilt = [np.where(np.abs(one) > np.median(np.abs(one)), value, one) for one in evidence.outputs]
    assert explain(replace(evidence, outputs=tuple(spoilt))) == []


def test_a_setting_that_changes_nothing_is_not_blamed_for_a_tiny_difference() -> None:
    evidence = replace(SHOWN["eps"].evidence(), settings=({"momentum": 0.1}, {"momentum": 0.9}))
    y = evidence.outputs[1]
    tiny = y * (1 + bound("diagnosis removes it") / 10 * drawn(y.shape, 5).numpy())
    assert explain(replace(evidence, outputs=(tiny, y))) == []


def test_a_slope_of_a_few_values_is_not_read_off() -> None:
    x = np.array([-1.0, -2.0, -0.5, 3.0])
    outputs = np.where(x > 0, x, 0.237 * x), np.maximum(x, 0)
    assert explain(Evidence(NAMES, ("relu",) * 2, ([x], [x]), outputs, ({}, {}), ({}, {}), False)) == []


def test_another_shape_alone_is_not_another_order_of_the_axes() -> None:
    x = drawn((2, 3, 4), 1).numpy()
    found = explain(
        Evidence(NAMES, ("reshape",) * 2, ([x], [x]), (x.reshape(2, 12), x.reshape(6, 4)), ({}, {}), ({}, {}), False)
    )
    assert found
    assert not any("takes the axes" in text for text in texts(found))


def test_of_a_large_convolution_two_examples_are_enough(monkeypatch) -> None:
    evaluated, evaluate = [], formula.evaluate
    monkeypatch.setattr(
        formula,
        "evaluate",
        lambda entry, inputs, *rest: evaluated.append(len(inputs[0])) or evaluate(entry, inputs, *rest),
    )
    planted = conv_case("its kernel reversed", lambda x: F.conv2d(x, W.flip(2, 3), padding=1))
    evidence = replace(planted, shape=(5, 4, 240, 240)).evidence()
    found = explain(evidence)
    assert any(planted.says in one.text for one in found)
    assert all(one.removed for one in found)
    assert set(evaluated) == {2}
