"""What the entries say is what the tables said: for every kind, every name and every setting."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from dualport.backends.models import arguments as recording_values
from dualport.backends.models import randomness as recording
from dualport.backends.models import rounding_noise as recording_noise
from dualport.common.alignment import closed_forms, constants, kinds, operations, settings
from dualport.common.compare.explanation import evidence
from dualport.common.compare.explanation import other_rules as diagnosis_variants
from dualport.common.compare.matching import graph
from dualport.common.compare.rungs import sides
from dualport.common.dictionary import formula, index
from dualport.common.dictionary import settings as new_settings
from dualport.common.dictionary.operations import activation, resizing

KINDS = {kind.name for kind in kinds.LAYERS} | set(operations._ALIASES)
LATER = set(
    "stack where flip one_hot zeros ones zeros_like ones_like arange full full_like roll masked_fill sign topk sort "
    "argmax argmin tril triu meshgrid".split()
)


def test_every_kind_has_an_entry() -> None:
    assert set(index.BY_KIND) >= KINDS - {"embedding_bag"}


@pytest.mark.parametrize("framework", ["torch", "paddle"])
def test_every_class(framework: str) -> None:
    old = {name: kind.name for name, kind in kinds._BY_CLASS[framework].items()}
    assert {name: entry.kind for name, entry in index.BY_CLASS[framework].items() if name in old} == old


def test_every_name_of_a_function() -> None:
    for kind, aliases in operations._ALIASES.items():
        for name in (kind, *aliases.split()):
            for said in (name, f"__{name}__", f"{name}_"):
                assert index.operation_kind(said) == operations.operation_kind(said), said
    for n in (1, 2, 3):
        assert index.operation_kind(f"max_pool{n}d_with_indices") == f"max_pool{n}d"


def test_sets() -> None:
    old = {
        "MOVES": operations.MOVES, "RANDOM": operations.RANDOM, "CONSTANT_INSIDE": constants.CONSTANT_INSIDE,
        "ROUNDED_EPS": constants.ROUNDED_EPS, "AVERAGES": constants.AVERAGES, "RECURRENT": kinds.RECURRENT,
        "SIGN_KINKS": sides.KINKED, "LARGEST_KINKS": sides.POOLS, "ORDERED": graph.ORDERED,
        "EXACT": recording_noise.EXACT, "ACTIVATIONS": diagnosis_variants.ACTIVATIONS, "DROPOUT": recording.DROPOUT,
    }  # fmt: skip
    for name, kept in old.items():
        there = set(kept) - (LATER - set(index.BY_KIND))
        assert {kind for kind in getattr(index, name) if kind in KINDS | set(kept)} == there, name
    tried = [(entry.kind, told) for entry, told in index.POINTWISE]
    assert all(one in tried for one in [(kind, dict(told)) for kind, told in diagnosis_variants.POINTWISE])


@pytest.mark.parametrize("kind", kinds.LAYERS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("framework", ["torch", "paddle"])
def test_settings_of_layers(kind: kinds.Kind, framework: str) -> None:
    place = int(framework == "paddle")
    entry = index.BY_KIND[kind.name]
    names = kind.paddle if place else kind.torch
    attributes = [both[place] for both in kind.settings.values() if both[place]]
    samples = {"momentum": 0.25, "_momentum": 0.25, "mode": "RNN_TANH" if kind.name == "rnn" else "linear",
               "num_directions": 2, "_approximate": True, "_act": "relu"}  # fmt: skip
    for values in (lambda name: samples.get(name, 3), lambda name: {"_act": None, "mode": "RNN_RELU"}.get(name, False)):
        layer = SimpleNamespace(**{name: values(name) for name in [*attributes, *(["_act"] if place else [])]})
        for name in names:
            old = settings.layer_settings(framework, kind, name, layer)
            old = {"upscale_factor" if key == "factor" else key: value for key, value in old.items()}
            new = new_settings.layer_settings(framework, entry, name, layer)
            assert new == old


def test_arguments_of_functions() -> None:
    for entry in index.OPERATIONS:
        if entry.kind not in KINDS:
            continue
        for framework in ("torch", "paddle"):
            for argument in entry.arguments:
                for name in argument.torch if framework == "torch" else argument.paddle:
                    new = new_settings.function_settings(framework, entry, {name: 0.25})
                    old = settings.function_settings(framework, {name: 0.25})
                    known = dict(old) if set(old) & set(new) else {}
                    for key, value in known.items():
                        assert new.get(key) == value or argument.turned, (entry.kind, name)


@pytest.mark.parametrize("kind", sorted(closed_forms.FORMS))
def test_formulas_take_the_same(kind: str) -> None:
    entry = index.BY_KIND[kind]
    assert entry.formula is not None
    assert entry.by_mode == (kind in closed_forms.TAKES_TRAINING)
    assert entry.operands == closed_forms.WEIGHTS.get(kind, ())
    assert (entry.given == "all") == (kind in closed_forms.SEVERAL)
    family = next((rule for start, rule in diagnosis_variants._FAMILIES.items() if kind.startswith(start)), None)
    assert (entry.other_rules is None) == (family is None)


def test_weights() -> None:
    for kind in kinds.LAYERS:
        rows = {row.name: (row.torch, row.paddle, row.transposed) for row in index.BY_KIND[kind.name].weights}
        assert {name: rows[name] for name in kind.weights} == dict(kind.weights), kind.name


def test_factors_and_places() -> None:
    for kind in constants.AVERAGES:
        for told in (
            {"kernel_size": 2},
            {"kernel_size": 3},
            {"kernel_size": 3, "padding": 1, "count_include_pad": False},
        ):
            for made in ((2, 3, 3, 2), (2, 3, 2, 4)):
                given = ((2, 3, 6, 4)[: 2 + int(kind[-2])], made[: 2 + int(kind[-2])])
                new = index.BY_KIND[kind].gradient_factor(told, *given)
                assert new == constants.averaging_factor(kind, told, *given)
    for told in ({"mode": "bilinear"}, {"mode": "bilinear", "align_corners": True}, {}):
        for out in (4, 5, 8):
            sizes = (2, 3, 4, 4), (2, 3, out, out)
            assert index.BY_KIND["interpolate"].inexact(told, *sizes) == constants.positions_rounded(told, *sizes)
    assert resizing.PAD_MODES == settings._MODE_OF
    assert activation.HARDSIGMOID_SLOPE == constants.HARDSIGMOID_SLOPE
    assert dict(index.BY_KIND["selu"].float32) == {"alpha": constants.SELU_ALPHA, "scale": constants.SELU_SCALE}


def test_positions() -> None:
    for name, words in recording_values._POSITIONS.items():
        if name in ("stack", "mean", "sum"):
            continue
        full = f"{name}2d" if "pool" in name else name
        entry = index.operation_entry(full)
        said = entry.positions[full].split()
        new = new_settings.function_settings("torch", entry, dict.fromkeys(words[1:], 1))
        assert list(new)[: len(said)] == said or set(said) <= set(new), name


def test_variants_are_the_same() -> None:
    random = np.random.default_rng(1)
    x, weight = random.standard_normal((2, 4, 5, 6)), random.standard_normal((4, 4, 3, 2))
    square = random.standard_normal((6, 6))
    cases = [
        ("conv2d", [x], {"padding": [1, 2], "stride": 1}, {"weight": weight, "bias": weight[:, 0, 0, 0]}),
        ("max_pool2d", [x], {"kernel_size": 2, "stride": 2}, {}), ("avg_pool2d", [x], {"kernel_size": [3, 2]}, {}),
        ("pad", [x], {"padding": [1, 2, 3, 4], "value": 0.0}, {}), ("softmax", [x], {"axis": 1}, {}),
        ("interpolate", [x], {"size": [7, 9], "mode": "bilinear"}, {}), ("linear", [x], {}, {"weight": square}),
        ("batch_norm", [x], {"eps": 1e-4}, {"running_mean": x[0, :, 0, 0], "running_var": x[0, :, 0, 0] ** 2}),
        ("hardsigmoid", [x], {}, {}), ("selu", [x], {}, {}), ("divide", [x, x + 1], {}, {}),
        ("concat", [x, x + 1], {"axis": 1}, {}), ("embedding", [np.arange(3)], {"padding_idx": 1}, {"weight": square}),
    ]  # fmt: skip
    for kind, inputs, told, weights in cases:
        before = list(diagnosis_variants.variants(evidence.Call(kind, inputs, told, weights, True)))
        rules = index.BY_KIND[kind].other_rules
        after = list(rules(formula.Call(index.BY_KIND[kind], inputs, told, weights, True))) if rules else []
        assert [words for words, _ in after] == [words for words, _ in before][: len(after)], kind
        for (words, a), (_, b) in zip(before, after, strict=False):
            made, expected = b.output(), a.output()
            assert (made is None) == (expected is None), (kind, words)
            assert made is None or np.array_equal(made, expected, equal_nan=True), (kind, words)
