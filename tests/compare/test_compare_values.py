"""Values are told apart by what they hold, whatever their layout."""

from __future__ import annotations

import numpy as np
import pytest
from dualport.common.compare.matching.layouts import Layout, layout_between
from dualport.common.compare.matching.values import ValueTable, distance, fingerprint, pair_values

RNG = np.random.default_rng(3)


def numbers(*shape):
    return RNG.standard_normal(shape)


LAYOUTS = {
    "same": (lambda x: x, (2, 3, 4)),
    "reshaped": (lambda x: x.reshape(2, 12), (2, 3, 4)),
    "channels last": (lambda x: x.transpose(0, 2, 3, 1), (2, 3, 5, 4)),
    "channels last, positions joined": (lambda x: x.transpose(0, 2, 3, 1).reshape(2, 20, 3), (2, 3, 5, 4)),
    "heads before positions": (lambda x: x.reshape(2, 5, 4, 2).transpose(0, 2, 1, 3), (2, 5, 8)),
    "heads joined with batch": (lambda x: x.reshape(2, 5, 4, 2).transpose(0, 2, 1, 3).reshape(8, 5, 2), (2, 5, 8)),
    "parts of both": (lambda x: x.reshape(2, 2, 2, 3, 5).transpose(0, 3, 1, 4, 2).reshape(2, 6, 10), (2, 4, 3, 5)),
    "four by two": (lambda x: x.T, (4, 2)),
}
OTHERS = {
    "flipped": lambda x: x[:, ::-1],
    "halves exchanged": lambda x: np.concatenate([x[:, 4:], x[:, :4]], 1),
    "shuffled": lambda x: RNG.permutation(x.reshape(-1)).reshape(x.shape),
    "one other": lambda x: x + 1e-7 * (np.arange(x.size).reshape(x.shape) == 7),
    "smaller": lambda x: x[:, :4],
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout_is_found_and_can_be_applied(name):
    change, shape = LAYOUTS[name]
    a = numbers(*shape)
    b = change(a) * (1 + 1e-13)
    for x, y in ((a, b), (b, a)):
        layout = layout_between(x, y)
        assert layout is not None
        assert layout.shape == y.shape
        assert np.allclose(layout.of(x), y, rtol=1e-12)


@pytest.mark.parametrize("name", OTHERS)
def test_other_elements_or_another_order_are_no_layout(name):
    a = numbers(3, 8)
    assert layout_between(a, OTHERS[name](a)) is None


def test_ties_do_not_hide_permuted_axes():
    a = np.maximum(numbers(2, 6, 4, 4), 0)
    layout = layout_between(a, a.transpose(0, 2, 3, 1))
    assert layout is not None
    assert not layout.in_order


def test_infinities_and_nans_are_equal_where_both_have_them():
    a = numbers(4, 4)
    a[0, 1], a[2, 3], a[1, 1] = -np.inf, np.inf, np.nan
    assert layout_between(a, a.copy()) == Layout(a.shape)
    assert distance(a, a * (1 + 1e-13)) == pytest.approx(1e-13, rel=0.1)
    other = a.copy()
    other[0, 1] = np.inf
    assert layout_between(a, other) is None
    assert distance(a, other) == np.inf
    assert not fingerprint(a).finite


def test_whole_numbers_are_only_found_in_their_order():
    a = np.arange(6).reshape(2, 3)
    assert layout_between(a, a.astype(np.int32).reshape(6)) is not None
    assert layout_between(a, a.T) is None
    assert layout_between(a > 2, a > 2) is not None
    assert layout_between(a > 2, a > 3) is None


def test_fingerprint_knows_no_order_and_keeps_its_digits():
    a = numbers(5, 7, 3)
    one, other = fingerprint(a), fingerprint(RNG.permutation(a.reshape(-1)))
    assert one.may_be(other)
    assert fingerprint(np.full((2, 3), 2.5)).constant
    huge = fingerprint(a * 1e300)
    assert huge.rms == pytest.approx(one.rms * 1e300)
    assert huge.mean == pytest.approx(one.mean)


def test_table_finds_by_value():
    values = {n: numbers(3, 4) for n in range(20)}
    table = ValueTable(values.__getitem__)
    for n, array in values.items():
        table.add(n, array)
    assert table.find(values[7].T) == [7]
    assert table.find(numbers(3, 4)) == []
    assert table.find(np.ones((3, 4))) == []


def test_values_of_two_passes_fall_into_classes():
    x, y = numbers(2, 6), numbers(2, 6)
    a = {0: x, 1: x.reshape(3, 4), 2: y, 3: np.zeros((2, 6)), 4: numbers(2, 6)}
    b = {0: x.T, 1: y * (1 + 1e-11), 2: np.zeros((2, 6)), 3: numbers(2, 6)}
    pairing = pair_values(a.get, b.get, (a, b))
    assert pairing.partners(0, 1).keys() == {0}
    assert pairing.of[0][0] == pairing.of[0][1] == pairing.of[1][0]
    assert pairing.classes[pairing.of[1][1]].distance == pytest.approx(1e-11, rel=0.5)
    assert not pairing.is_cut(0, 4)
    assert pairing.class_of(0, 3) is None
