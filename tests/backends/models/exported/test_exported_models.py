"""An export as a model: it computes what was exported, is held against PyTorch, and gives its weights away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import paddle
import pytest
import torch
from dualport.backends import load_backend
from dualport.backends.models.load import make_model
from dualport.common.errors import BadInput
from dualport.scripts.command_line import main
from exported_models import Many, TorchPicture

from dualport import align

MODELS = f"{Path(__file__).parent}/exported_models.py"
FORMATS = ["as this Paddle exports", "as Paddle 2 exports"]


def export_all(folder: Path, names: list[str], **flags: str) -> Path:
    done = subprocess.run(
        [sys.executable, MODELS, str(folder), *names],
        env=os.environ | flags,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


@pytest.fixture(scope="module")
def exports(tmp_path_factory) -> Path:
    return export_all(tmp_path_factory.mktemp("exports"), ["Picture", "Words", "Many"])


@pytest.fixture(scope="module")
def earlier(tmp_path_factory) -> Path:
    """What Paddle 3 still exports in the form of Paddle 2: the models that call no methods of a tensor."""
    return export_all(tmp_path_factory.mktemp("earlier"), ["Picture"], FLAGS_enable_pir_api="0")


def program_in(folder: Path, name: str) -> str:
    return str(next(path for path in (folder / f"{name}.json", folder / f"{name}.pdmodel") if path.exists()))


def made_by(folder: Path, name: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """What an export gives, and what the model gave that was exported."""
    model = make_model(program_in(folder, name), "", load_backend("paddle"))
    with np.load(folder / f"{name}.npz") as held:
        x, *wanted = held.values()
    made = model(paddle.to_tensor(x))
    return [each.numpy() for each in (made if isinstance(made, tuple) else [made])], wanted


@pytest.mark.parametrize("name", ["Picture", "Words", "Many"])
def test_it_computes_what_was_exported(exports, name):
    made, wanted = made_by(exports, name)
    assert [each.shape for each in made] == [each.shape for each in wanted]
    for ours, theirs in zip(made, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


def test_so_does_one_in_the_form_of_paddle_2(earlier):
    assert program_in(earlier, "Picture").endswith(".pdmodel")
    (made,), (wanted,) = made_by(earlier, "Picture")
    np.testing.assert_array_equal(made, wanted)


def test_its_layers_are_layers_again(exports):
    model = make_model(program_in(exports, "Picture"), "", load_backend("paddle"))
    kinds = {type(layer) for layer in model.sublayers()}
    assert {paddle.nn.Conv2D, paddle.nn.BatchNorm2D, paddle.nn.Linear, paddle.nn.LayerNorm} <= kinds
    assert model.conv2d_0.bias is not None
    assert model.conv2d_1.bias is None
    assert paddle.nn.LSTM in {
        type(layer) for layer in make_model(program_in(exports, "Words"), "", load_backend("paddle")).sublayers()
    }


@pytest.mark.parametrize("form", ["exports", "earlier"])
def test_it_is_the_same_system_as_its_port(form, request, capsys):
    program = program_in(request.getfixturevalue(form), "Picture")
    done = main(["align", "--paddle", program, "--torch", f"{MODELS}:TorchPicture", "--input", "4,3,16,16"])
    out = capsys.readouterr().out
    assert done == 0, out
    assert "same system" in out
    assert "gradients" in out


def test_a_wrong_operation_is_named_where_it_stands_in_the_program(exports, capsys):
    program = program_in(exports, "Picture")
    port = ["--torch", f"{MODELS}:TorchPicture", "--torch-args", "slope=0.1"]
    assert main(["align", "--paddle", program, *port, "--input", "4,3,16,16", "--dtype", "float64"]) == 1
    out = capsys.readouterr().out
    assert "first at relu at Picture" in out
    assert "leaky_relu" in out


def test_words_attention_and_recurrence(exports, capsys):
    program = program_in(exports, "Words")
    port = ["--torch", f"{MODELS}:TorchWords", "--input", "4,5:int64:0..19", "--dtype", "float64"]
    assert main(["align", "--paddle", program, *port]) == 0, capsys.readouterr().out


def test_its_weights_go_to_the_port_and_both_are_run(exports, tmp_path, capsys):
    source, target = exports / "Picture.pdiparams", tmp_path / "net.pt"
    assert main(["convert", str(source), str(target), "--torch", f"{MODELS}:TorchPicture", "--verify"]) == 0
    assert "agree, relative difference" in capsys.readouterr().out
    port = TorchPicture()
    port.load_state_dict(torch.load(target), strict=True)
    port.eval()
    with np.load(exports / "Picture.npz") as held:
        x, wanted = held.values()
    np.testing.assert_allclose(port(torch.tensor(x)).detach().numpy(), wanted, rtol=1e-5, atol=1e-6)


def test_its_weights_get_the_names_of_the_class_that_was_exported(exports, tmp_path, capsys):
    source, target = exports / "Many.pdiparams", tmp_path / "net.pdparams"
    assert main(["convert", str(source), str(target), "--paddle", f"{MODELS}:Many"]) == 0
    assert "agree, relative difference 0.0e+00" in capsys.readouterr().out
    model = Many()
    missing, unexpected = model.set_state_dict(paddle.load(str(target)))
    assert (missing, unexpected) == ([], [])
    model.eval()
    with np.load(exports / "Many.npz") as held:
        x, *wanted = held.values()
    for ours, theirs in zip(model(paddle.to_tensor(x)), wanted, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs)


def test_it_runs_in_evaluation_alone(exports):
    program = program_in(exports, "Picture")
    with pytest.raises(BadInput, match="runs in evaluation alone"):
        align(program, TorchPicture(), "4,3,16,16", modes=("train",))


def test_an_operation_that_nobody_knows_is_named(exports, tmp_path):
    text = Path(program_in(exports, "Picture")).read_text(encoding="utf-8")
    if not text.startswith("{"):
        pytest.skip("only a program in JSON can be changed by hand")
    (tmp_path / "net.json").write_text(text.replace('"1.hardswish"', '"1.unheard_of"'), encoding="utf-8")
    (tmp_path / "net.pdiparams").write_bytes((exports / "Picture.pdiparams").read_bytes())
    with pytest.raises(BadInput, match="unheard_of"):
        make_model(str(tmp_path / "net.json"), "", load_backend("paddle"))
