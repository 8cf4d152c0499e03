"""Weights that each framework drew itself: the rule of each is told from two traces."""

from __future__ import annotations

from dualport.scripts.command_line import main

NET = """
from {framework} import nn
class Net(nn.{base}):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2{d}(64, 256, 3, groups=4)
    def forward(self, x):
        return self.conv(x)
"""


def test_fresh_grouped_convolutions_are_told_by_the_fan_that_each_framework_takes(tmp_path, capsys) -> None:
    for framework, base, d in (("torch", "Module", "d"), ("paddle", "Layer", "D")):
        model = tmp_path / f"net_{framework}.py"
        model.write_text(NET.format(framework=framework, base=base, d=d), encoding="utf8")
        words = [
            "trace",
            f"--{framework}",
            f"{model}:Net",
            "--input",
            "2,64,5,5",
            "-o",
            str(tmp_path / f"{framework}.h5"),
        ]
        assert main(words) == 0
    assert main(["diff", str(tmp_path / "paddle.h5"), str(tmp_path / "torch.h5")]) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "Kaiming normal, √(2/fan_in) with the fan of all 4 groups (Paddle's default), torch from uniform" in told
