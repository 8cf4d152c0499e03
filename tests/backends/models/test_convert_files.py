"""`convert` with models of both frameworks: what files hold beside the weights, and both models run on them."""

from __future__ import annotations

import argparse
import pathlib

import numpy as np
import pytest
from dualport.common.errors import BadInput
from dualport.common.traces.inputs import parse_inputs
from dualport.common.weights import read
from dualport.common.weights.between.naming import Naming
from dualport.scripts.command_line import main

torch, paddle = pytest.importorskip("torch"), pytest.importorskip("paddle")

PADDLE = """
import paddle, paddle.nn as nn, paddle.nn.functional as F
class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(8, 8)
        self.register_buffer("places", paddle.arange(8))
    def forward(self, x): return self.a(x).index_select(self.places, 1)
class Other(Net):
    def forward(self, x): return F.relu(super().forward(x))
class Positions(Net):
    def __init__(self):
        super().__init__()
        self.register_buffer("own", paddle.to_tensor([True, False]))
class Small(Net):
    def __init__(self):
        super().__init__()
        self.places = self.places.astype("int32")
class Taking(Net):
    def forward(self, x, y): return super().forward(x) + y
class Words(nn.Layer):
    def __init__(self):
        super().__init__()
        self.words, self.out = nn.Embedding(9, 4, padding_idx=2), nn.Linear(4, 4)
    def forward(self, x): return self.out(self.words(x))
class Tied(Words):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(9, 4)
        self.shift = self.create_parameter([9], is_bias=True)
    def forward(self, x): return paddle.matmul(super().forward(x), self.words.weight, transpose_y=True) + self.shift
class Normed(nn.Layer):
    def __init__(self):
        super().__init__()
        self.a = nn.utils.weight_norm(nn.Conv1D(4, 4, 3), dim=0)
        self.b = nn.utils.spectral_norm(nn.Linear(4, 4))
    def forward(self, x): return self.b(self.a(x).transpose([0, 2, 1]))
"""
TORCH = """
import torch, torch.nn as nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(8, 8)
        self.register_buffer("places", torch.arange(8))
    def forward(self, x): return self.a(x).index_select(1, self.places)
class Taking(Net):
    def forward(self, x, y): return super().forward(x) + y
class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.out = nn.Embedding(9, 4, padding_idx=2), nn.Linear(4, 4)
    def forward(self, x): return self.out(self.words(x))
class Tied(Words):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 9)
        self.head.weight = self.words.weight
    def forward(self, x): return self.head(super().forward(x))
class Normed(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.utils.weight_norm(nn.Conv1d(4, 4, 3), dim=0)
        self.b = nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4))
    def forward(self, x): return self.b(self.a(x).transpose(1, 2))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("convert")
    (place / "nets_pd.py").write_text(PADDLE)
    (place / "nets_pt.py").write_text(TORCH)
    return place


@pytest.fixture
def state(folder, monkeypatch):
    monkeypatch.chdir(folder)
    torch.manual_seed(0)
    state = {"a.weight": torch.randn(8, 8), "a.bias": torch.randn(8), "places": torch.arange(8)}
    yield state
    (folder / "out.pdparams").unlink(missing_ok=True)


def _convert(content, in_paddle="Net", in_torch="Net", **options):
    from dualport.backends.models.convert import convert_model

    torch.save(content, "net.pt")
    models = {"paddle": f"nets_pd.py:{in_paddle}", "torch": f"nets_pt.py:{in_torch}"}
    return convert_model("net.pt", "out.pdparams", models, **options)


def test_both_models_are_run_without_being_asked(state):
    done = _convert(state)
    assert done.agrees
    assert done.checks
    written = read("out.pdparams").arrays
    assert written["places"].dtype == np.int64
    np.testing.assert_array_equal(written["a.weight"], state["a.weight"].numpy().T)


def test_a_file_of_models_that_part_is_written_only_when_that_is_said(state, folder):
    done = _convert(state, "Other")
    assert not done.agrees
    assert not (folder / "out.pdparams").exists()
    assert not _convert(state, "Other", verify=False).checks
    assert (folder / "out.pdparams").exists()


def test_an_input_that_cannot_be_told_is_said_and_refused_only_when_asked(state, folder):
    done = _convert(state, "Taking", "Taking")
    assert not done.checks
    assert done.unverified
    (folder / "out.pdparams").unlink()
    with pytest.raises(BadInput):
        _convert(state, "Taking", "Taking", verify=True)
    assert not (folder / "out.pdparams").exists()


def test_what_a_profiler_left_is_refused_until_it_is_dropped(state):
    counted = state | {"total_ops": torch.zeros(1), "a.total_ops": torch.zeros(1)}
    with pytest.raises(BadInput, match=r"total_ops unexpected.*--drop"):
        _convert(counted)
    assert "a.total_ops" in _convert(counted, naming=Naming(["*total_ops"])).notes[0]
    with pytest.raises(BadInput, match="fits no name"):
        _convert(state, naming=Naming(["*total_ops"]))


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "net.model."])
def test_a_prefix_before_every_name_is_taken_off(state, prefix):
    done = _convert({prefix + name: tensor for name, tensor in state.items()})
    assert done.agrees
    assert prefix in done.notes[0]


def test_what_a_file_holds_beside_its_weights_is_said(state):
    options = {"args": argparse.Namespace(rate=0.1), "out": pathlib.PurePosixPath("runs/a"), "epoch\x07": 3}
    for content in ({"model": state}, state):
        (note,) = _convert(content | options).notes
        assert note == "beside the weights the file holds args, out, 'epoch\\x07': not written"
    assert not _convert({"model": state}).notes


def test_a_prefix_before_some_names_is_refused(state):
    with pytest.raises(BadInput, match="does not fit"):
        _convert({name if name == "places" else f"module.{name}": tensor for name, tensor in state.items()})


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_a_file_of_another_type_goes_into_the_models_and_that_is_said(state, dtype):
    kind = getattr(torch, dtype)
    done = _convert({name: tensor.to(kind) if tensor.is_floating_point() else tensor for name, tensor in state.items()})
    assert done.agrees
    assert f"2 arrays of {dtype} are written as float32" in done.notes[0]
    assert done.conversion.exact == (dtype != "float64")
    assert read("out.pdparams").arrays["a.weight"].dtype == np.float32


def test_whole_numbers_of_two_types_are_refused(state):
    with pytest.raises(BadInput, match="int64 in the file and int32 in the model"):
        _convert(state, "Small")


def test_a_buffer_that_only_one_model_has_keeps_its_own_values(state):
    done = _convert(state, "Positions")
    assert done.agrees
    assert "own: not in the source, so paddle's model keeps its own values" in done.notes[0]
    assert read("out.pdparams").arrays["own"].tolist() == [True, False]


def test_a_scripted_module_is_read(state):
    module = torch.nn.Linear(2, 2)
    torch.jit.save(torch.jit.script(module), "net.pt")
    assert {name: array.tolist() for name, array in read("net.pt").arrays.items()} == {
        name: tensor.tolist() for name, tensor in module.state_dict().items()
    }


TOKENS = "2,3:int64:3..8"  # never the row of padding


def test_a_row_for_padding_that_is_not_zero_is_told_though_no_input_reaches_it(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    import nets_pt

    torch.save(nets_pt.Words().state_dict(), "words.pt")
    models = ["--paddle", "nets_pd.py:Words", "--torch", "nets_pt.py:Words", "--input", TOKENS]
    assert main(["convert", "words.pt", "words.pdparams", *models]) == 0
    with torch.no_grad():
        changed = nets_pt.Words()
        changed.words.weight.add_(1)
    torch.save(changed.state_dict(), "words.pt")
    capsys.readouterr()
    assert main(["convert", "words.pt", "other.pdparams", *models]) == 1
    assert "row 2 of its weight, padding_idx, is not zero" in capsys.readouterr().out
    assert not (folder / "other.pdparams").exists()
    given = ["--direction", "torch-to-paddle", "--weights", "words.pt", "--mode", "eval", "--dtype", "float64"]
    assert main(["align", *models, *given]) == 1
    assert "row 2 of its weight, padding_idx, is not zero" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "given"), [("Tied", TOKENS), ("Normed", "2,4,7")])
def test_a_weight_under_two_names_or_made_of_others_goes_there_and_back(folder, monkeypatch, name, given):
    from dualport.backends.models.convert import convert_model

    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    import nets_pt

    torch.manual_seed(2)
    made = getattr(nets_pt, name)()
    torch.save(made.state_dict(), "there.pt")
    models = {"paddle": f"nets_pd.py:{name}", "torch": f"nets_pt.py:{name}"}
    for source, target in (("there.pt", "there.pdparams"), ("there.pdparams", "back.pt")):
        done = convert_model(source, target, models, inputs=parse_inputs([given]), verify=True)
        assert done.agrees
        assert done.checks
    made.load_state_dict(torch.load("back.pt"), strict=True)
    first, again = read("there.pt").arrays, read("back.pt").arrays
    assert first.keys() == again.keys()
    assert all(np.array_equal(first[each], again[each]) for each in first)
