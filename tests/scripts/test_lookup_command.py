"""`dualport lookup`: every form of a name, ambiguous and unknown names, data for programs, and no framework."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from dualport.scripts.command_line import main

KEYS = {"kind", "family", "torch", "paddle", "arguments", "weights", "formula", "differs", "float32_in_paddle", "kink",
        "draws", "moves", "exact", "ordered", "inner_layers", "proof", "source"}  # fmt: skip


def shown(capsys, *words: str) -> str:
    assert main(["lookup", *words]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def looked_up(capsys, name: str) -> list[dict]:
    return json.loads(shown(capsys, name, "--json"))["entries"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("paddle.nn.Conv2DTranspose", "conv_transpose2d"), ("torch.nn.LSTM", "lstm"), ("F.interpolate", "interpolate"),
     ("GroupNorm", "group_norm"), ("groupnorm", "group_norm"), ("hardsigmoid", "hardsigmoid"),
     ("torch.Tensor.view", "reshape"), (".view", "reshape"), ("nn.relu", "relu"), ("ReLU()", "relu"),
     ("torch.nn.functional.relu", "relu"), ("paddle.optimizer.SGD", "sgd"), ("lr_scheduler.StepLR", "step_decay"),
     ("PADDLE.NN.LINEAR", "linear"), ("conv2d", "conv2d"), ("swish", "silu")],
)  # fmt: skip
def test_a_name_in_any_form(name: str, kind: str, capsys) -> None:
    assert [one["kind"] for one in looked_up(capsys, name)] == [kind]


def test_an_ambiguous_name_shows_which_there_are(capsys) -> None:
    """`F.unfold` makes columns of images, `.unfold` slides a window along one axis."""
    assert {one["kind"] for one in looked_up(capsys, "unfold")} == {"unfold", "sliding_windows"}
    page = shown(capsys, "unfold")
    assert "torch.nn.Unfold, paddle.nn.Unfold" in page
    assert "torch.Tensor.unfold, paddle.Tensor.unfold" in page
    assert [one["kind"] for one in looked_up(capsys, "paddle.Tensor.unfold")] == ["sliding_windows"]
    assert [one["kind"] for one in looked_up(capsys, "F.unfold")] == ["unfold"]


def test_an_unknown_name_is_refused_with_the_nearest(refused) -> None:
    sentence = refused("lookup", "torch.nn.Con2d")
    assert "'torch.nn.Con2d'" in sentence
    assert "conv2d" in sentence
    assert "nearest" not in refused("lookup", "zzzzzz")
    refused("lookup", "")


def test_everything_as_data(capsys) -> None:
    (entry,) = looked_up(capsys, "batch_norm")
    assert set(entry) == KEYS
    (momentum,) = (one for one in entry["arguments"] if one["name"] == "momentum")
    assert momentum["torch"]["default"] == 0.1
    assert momentum["paddle"] == {"names": ["momentum"], "required": False, "default": 0.9, "attribute": "_momentum"}
    assert momentum["paddle_takes"] == "one minus it"
    assert {"name": "running_var", "torch": "running_var", "paddle": "_variance", "transposed": False, "part": None,
            "trained": False, "initial": {"torch": "ones", "paddle": "ones"}} in entry["weights"]  # fmt: skip
    assert entry["float32_in_paddle"] == {"eps": None, "momentum": None}
    assert entry["proof"][0]["within"] == {"values": 1e-12, "gradients": 1e-10, "formula": 1e-12}


def test_a_page_for_people_holds_in_80_columns(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    page = shown(capsys, "Conv2DTranspose")
    assert max(map(len, page.splitlines())) <= 80
    for words in ("nn.ConvTranspose2d", "groups=1               dilation=1", "bias_attr", "Xavier uniform",
                  "order of the", "proved in float64", "1e-12"):  # fmt: skip
        assert words in page
    relu = shown(capsys, "relu")
    assert "formula: np.maximum(x, 0)" in relu
    assert "changes sign" in relu
    assert "weights" not in relu


def test_without_a_name_it_lists_families_and_kinds(capsys) -> None:
    families = json.loads(shown(capsys, "--json"))["families"]
    assert "relu" in families["activation"]
    page = shown(capsys)
    assert f"{sum(map(len, families.values()))} entries" in page
    assert all(family in page for family in families)


def test_no_framework_and_no_scipy_is_imported() -> None:
    program = ("import sys; from dualport.scripts.command_line import main; main(['lookup', 'gelu']); "
               "print(*{'torch', 'paddle', 'scipy'} & set(sys.modules))")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == ""
