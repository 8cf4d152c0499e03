"""Paddle's own vision models and pairs that people port, against PyTorch re-writings: forward, backward, five steps.

The deepest take two steps here, for the sake of time; with five they agree as well.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import paddle
import pytest
from dualport.common.tolerances import bound

from dualport import align

sys.path.insert(0, str(Path(__file__).parent / "zoo"))
ADAM, SGD = "adam:lr=1e-3", "momentum:lr=1e-3,momentum=0.9"
VISION = {
    "LeNet": ("2,1,28,28", ADAM),
    "resnet18": ("2,3,64,64", ADAM),
    "resnet50": ("2,3,64,64", SGD),
    "mobilenet_v1": ("2,3,64,64", SGD),
    "mobilenet_v2": ("2,3,64,64", SGD),
    "mobilenet_v3_small": ("2,3,64,64", ADAM),
    "squeezenet1_1": ("2,3,64,64", ADAM),
    "densenet121": ("2,3,64,64", SGD),
    "googlenet": ("2,3,192,192", ADAM),
    "shufflenet_v2_x0_25": ("2,3,64,64", ADAM),
}
DEEPEST = ("resnet50", "densenet121", "googlenet")
HEAVY = (
    *DEEPEST,
    "mobilenet_v1",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "shufflenet_v2_x0_25",
)  # a minute and more each
TOKENS = "2,7:int64:0..49"
PAIRS = {
    "Tagger": (TOKENS, {}, {}),
    "GruTagger": (TOKENS, {}, {}),
    "RnnTagger": (TOKENS, {}, {}),
    "Encoder": (TOKENS, {}, {}),
    "Encoder, norm first": (TOKENS, {"normalize_before": True}, {"norm_first": True}),
    "UNet": ("2,1,16,16", {}, {}),
    "Mixed": (["2,4,8,8", "2:int64:0..9"], {}, {}),
    "Shared": (TOKENS, {}, {}),
}


def proved(found, steps: int) -> None:
    """Same mathematics and precision, every layer matched, every step taken, nothing computed left out."""
    assert found.ok, (found.sentence, found.explanations)
    assert found.matching.whole
    names = [rung.name for rung in found.verdict.rungs]
    assert f"step {steps}" in names
    assert {"forward", "loss", "gradients", "forward, eval"} <= set(names)
    forward = next(rung for rung in found.verdict.rungs if rung.name == "forward")
    assert forward.float64_error <= bound("float64 forward")
    assert all(forward.float32_error(side) > 0 for side in found.names)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.heavy] if name in HEAVY else []) for name in VISION]
)
def test_paddles_vision_models(name):
    paddle.seed(1)
    inputs, optimizer = VISION[name]
    factory = getattr(paddle.vision.models, name)
    rewritten = getattr(importlib.import_module("vision_torch"), name)
    steps = 2 if name in DEEPEST else 5
    found = align(factory(num_classes=10), rewritten(num_classes=10), inputs, steps=steps, optimizer=optimizer)
    proved(found, steps)
    assert {how for _, _, how in found.matching.pairs} == {"name"}


def test_a_resnet_under_other_names_in_another_order():
    paddle.seed(1)
    from vision_torch import resnet18_renamed

    one, other = paddle.vision.models.resnet18(num_classes=10), resnet18_renamed(num_classes=10)
    found = align(one, other, "2,3,64,64", steps=2, optimizer=SGD)
    proved(found, 2)
    assert {how for _, _, how in found.matching.pairs} == {"graph"}
    assert len(found.matching.pairs) == 41


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_that_people_port(name):
    paddle.seed(1)
    inputs, paddles, torchs = PAIRS[name]
    kind = name.partition(",")[0]
    one = getattr(importlib.import_module("pairs_paddle"), kind)(**paddles)
    other = getattr(importlib.import_module("pairs_torch"), kind)(**torchs)
    found = align(one, other, inputs, steps=5, optimizer=ADAM)
    proved(found, 5)
    assert found.unpaired == ([], [])
