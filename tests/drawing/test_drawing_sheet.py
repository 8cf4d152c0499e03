"""Drawing has no side effects: no global style, no pyplot, no framework, the same bytes each time."""

from __future__ import annotations

import subprocess
import sys

import matplotlib
import numpy as np
from dualport.common.drawing import image_grid, loss_curves

HISTORY = {"torch": [{"epoch": 0, "loss": 1.0, "reconstruction": 0.5, "kl": 0.5}]}


def test_the_users_own_style_is_neither_changed_nor_followed(tmp_path):
    plain = loss_curves(tmp_path / "a.png", HISTORY, title="t").read_bytes()
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.bbox": "tight"}):
        before = dict(matplotlib.rcParams)
        styled = loss_curves(tmp_path / "b.png", HISTORY, title="t").read_bytes()
        assert dict(matplotlib.rcParams) == before
    assert styled == plain


def test_the_same_numbers_give_the_same_bytes(tmp_path):
    images = np.random.default_rng(0).normal(size=(4, 1, 8, 8))
    first = image_grid(tmp_path / "a.png", images, 2, 2, (-1, 1), title="t").read_bytes()
    assert image_grid(tmp_path / "b.png", images, 2, 2, (-1, 1), title="t").read_bytes() == first


def test_importing_is_cheap_and_drawing_needs_neither_pyplot_nor_a_framework(tmp_path):
    program = f"""
import sys
from dualport.common import drawing
assert not {{"matplotlib", "PIL"}} & set(sys.modules), "importing must not load Matplotlib or Pillow"
drawing.loss_curves({str(tmp_path / "a.png")!r}, {HISTORY!r})
assert not {{"matplotlib.pyplot", "torch", "paddle"}} & set(sys.modules), "drawing loaded too much"
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
