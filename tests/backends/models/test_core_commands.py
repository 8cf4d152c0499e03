"""The core, once: trace, diff, align and convert, each framework in a process of its own. Every Paddle can do this."""

from __future__ import annotations

from pathlib import Path

import pytest
from dualport.scripts.command_line import main

PAIR = """
import {package}
from {package} import nn


class Net(nn.{base}):
    def __init__(self, classes=3):
        super().__init__()
        self.conv, self.norm = nn.{conv}(2, 4, 3), nn.GroupNorm(2, 4)
        self.drop, self.head = nn.Dropout(0.25), nn.Linear(16, classes)

    def forward(self, x):
        x = nn.functional.leaky_relu(self.norm(self.conv(x)), 0.2)
        return self.head(self.drop(x.flatten(1)))
"""


@pytest.fixture
def pair(tmp_path, monkeypatch) -> Path:
    words = {"package": "torch", "base": "Module", "conv": "Conv2d"}
    (tmp_path / "core_pt.py").write_text(PAIR.format(**words))
    words = {"package": "paddle", "base": "Layer", "conv": "Conv2D"}
    (tmp_path / "core_pd.py").write_text(PAIR.format(**words))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_models_are_aligned_and_converted_and_their_traces_agree(pair, capsys):
    models = ("--paddle", "core_pd.py:Net", "--torch", "core_pt.py:Net")
    given = ("--input", "4,2,4,4")
    assert main(["align", *models, *given, "--steps", "1"]) == 0
    assert "same system" in capsys.readouterr().out
    assert main(["trace", *models[:2], *given, "-o", "p.h5"]) == 0
    assert main(["trace", *models[2:], *given, "--weights-from", "p.h5", "-o", "t.h5"]) == 0
    assert main(["diff", "p.h5", "t.h5"]) == 0
    program = "import paddle; from core_pd import Net; paddle.save(Net().state_dict(), 'net.pdparams')"
    exec(program, {})
    assert main(["convert", "net.pdparams", "net.pt", *models, *given]) == 0
    assert (pair / "net.pt").is_file()
