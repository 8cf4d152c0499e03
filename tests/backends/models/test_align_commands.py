"""`trace`, `diff`, `align` and `convert` on models of the user's own, as commands, and what they say of bad input."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import paddle
import pytest
import torch
from dualport.backends.models.load import load_object
from dualport.common.traces.reading import open_trace
from dualport.common.weights import read
from dualport.scripts.command_line import main

from gpus import devices

HOUSE = Path(__file__).resolve().parents[3]
INPUT = ("--input", "4,1,28,28")


@pytest.fixture
def examples(tmp_path, monkeypatch) -> Path:
    """A folder with the two classes of the README."""
    for name in ("examples_pd.py", "examples_pt.py"):
        shutil.copy(HOUSE / "docs" / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def refused(capsys):
    """Run a command that must fail with one sentence; give the sentence."""

    def call(*words: object, code: int = 2) -> str:
        assert main([str(word) for word in words]) == code
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("dualport: ")
        assert len(err.strip().splitlines()) == 1
        return err

    return call


def test_the_readmes_page_from_two_classes_to_a_proof(examples, capsys):
    words = ["align", "--paddle", "examples_pd.py:Net", "--torch", "examples_pt.py:Net", *INPUT, "--steps", "5"]
    assert main([*words, "--optimizer", "adam:lr=1e-3", "--report", "out"]) == 0
    out = capsys.readouterr().out
    assert "same system; float32 differences are rounding" in out
    assert "9 by name" in out
    told = json.loads((examples / "out" / "alignment.json").read_text(encoding="utf8"))
    assert told["ok"] is True
    assert [rung["name"] for rung in told["rungs"]][-2] == "step 5"
    page = (examples / "out" / "report.html").read_text(encoding="utf8")
    assert "same system" in page
    assert "data:image/png" in page


def test_traces_of_each_framework_are_compared_without_either(examples, capsys):
    assert main(["trace", "--torch", "examples_pt.py:Net", *INPUT, "-o", "t.h5"]) == 0
    more = ["--weights-from", "t.h5", "-o", "p.h5"]
    assert main(["trace", "--paddle", "examples_pd.py:Net", *INPUT, *more]) == 0
    capsys.readouterr()
    assert main(["diff", "t.h5", "p.h5"]) == 0
    assert "same system" in capsys.readouterr().out
    assert main(["trace", "--paddle", "examples_pd.py:Net", *INPUT, "-o", "q.h5"]) == 0
    capsys.readouterr()
    assert main(["diff", "t.h5", "q.h5"]) == 1
    assert "first at conv1.weight (weights" in capsys.readouterr().out


def test_what_rounding_explains_is_known_of_every_array(examples):
    assert main(["trace", "--torch", "examples_pt.py:Net", *INPUT, "--steps", "2", "-o", "t.h5"]) == 0
    with open_trace("t.h5") as trace:
        run, tried = trace.runs["float64", "train"], trace.rounding["float32"]["train"]
        for section in ("values", "flow", "gradients/1", "gradients/2", "weights/2", "moments/2/first"):
            floating = [name for name in run.names(section) if run.dtype_of(section, name) == "float64"]
            assert set(floating) <= set(tried[section]), section
            assert floating
        assert min(max(tried[section].values()) for section in ("values", "flow", "gradients/1")) > 0


def test_a_weight_file_converts_both_ways_and_both_models_run_on_it(examples, capsys):
    paddle.save(load_object("examples_pd.py:Net")().state_dict(), "net.pdparams")
    both = ["--paddle", "examples_pd.py:Net", "--torch", "examples_pt.py:Net"]
    assert main(["convert", "net.pdparams", "net.pt", *both, "--verify"]) == 0
    out = capsys.readouterr().out
    assert "mean.weight" in out
    assert "transposed" in out
    assert "agree" in out
    assert main(["convert", "net.pdparams", "alone.pt", "--torch", "examples_pt.py:Net"]) == 0
    assert main(["convert", "alone.pt", "back.pdparams", "--paddle", "examples_pd.py:Net"]) == 0
    first, again = read("net.pdparams"), read("back.pdparams")
    assert set(first.arrays) == set(again.arrays)
    assert all(np.array_equal(first.arrays[name], again.arrays[name]) for name in first.arrays)
    state = torch.load("alone.pt", weights_only=True)
    assert state["bn1.num_batches_tracked"] == 0


@pytest.mark.parametrize("name", ["net.bin", "net.ckpt", "net.pth.tar"])
def test_a_file_of_any_extension_converts_and_both_models_run_on_it(examples, capsys, name):
    torch.save({key: load_object("examples_pt.py:Net")().state_dict() for key in ("state_dict", "ema")}, name)
    both = ["--paddle", "examples_pd.py:Net", "--torch", "examples_pt.py:Net"]
    assert main(["convert", name, "net.pdparams", *both, "--key", "ema", "--verify"]) == 0
    assert f"paddle (net.pdparams) against torch ({name}): agree" in capsys.readouterr().out


def test_an_extension_in_capitals_keeps_the_metadata(examples):
    paddle.save(load_object("examples_pd.py:Net")().state_dict(), "net.pdparams")
    assert main(["convert", "net.pdparams", "net.SAFETENSORS", "--torch", "examples_pt.py:Net"]) == 0
    assert read("net.SAFETENSORS").framework == "torch"
    assert main(["convert", "net.SAFETENSORS", "back.PDPARAMS", "--paddle", "examples_pd.py:Net"]) == 0


def test_weights_are_not_written_as_the_state_of_an_optimizer(examples, refused):
    torch.save(load_object("examples_pt.py:Net")().state_dict(), "net.pt")
    message = refused("convert", "net.pt", "net.pdopt", "--paddle", "examples_pd.py:Net")
    assert "net.pt: it holds no optimiser, only weights" in message
    assert not (examples / "net.pdopt").exists()


@pytest.fixture(params=["Tagger", "Encoder", "Mixed", "Shared", "UNet"])
def pair_files(request) -> tuple[str, str, str]:
    zoo = Path(__file__).parent / "zoo"
    return request.param, f"{zoo / 'pairs_paddle.py'}:{request.param}", f"{zoo / 'pairs_torch.py'}:{request.param}"


def test_files_of_every_kind_of_layer_convert_with_one_model_or_both(pair_files, tmp_path, monkeypatch):
    name, in_paddle, in_torch = pair_files
    monkeypatch.chdir(tmp_path)
    paddle.seed(5)
    paddle.save(load_object(in_paddle)().state_dict(), "net.pdparams")
    inputs = {"Mixed": ["--input", "2,4,8,8", "--input", "2:int64:0..9"], "UNet": ["--input", "2,1,16,16"]}
    verified = ["--verify", *inputs.get(name, ["--input", "2,5:int64:0..49"])]
    assert main(["convert", "net.pdparams", "net.pt", "--paddle", in_paddle, "--torch", in_torch, *verified]) == 0
    for model in (["--paddle", in_paddle], ["--torch", in_torch]):
        assert main(["convert", "net.pdparams", "one.pt", *model]) == 0
        assert main(["convert", "one.pt", "back.pdparams", *model]) == 0
        assert {n: a.tobytes() for n, a in read("one.pt").arrays.items()} == {
            n: a.tobytes() for n, a in read("net.pt").arrays.items()
        }
        back, first = read("back.pdparams").arrays, read("net.pdparams").arrays
        assert all(np.array_equal(first[n], array) for n, array in back.items())
        assert {n for n in first if ".cell" not in n} == {n for n in back if ".cell" not in n}


def test_layers_that_nothing_tells_apart_are_tried_and_said_so(examples, capsys):
    (examples / "a_pd.py").write_text(TWINS_PADDLE, encoding="utf8")
    (examples / "a_pt.py").write_text(TWINS_TORCH, encoding="utf8")
    words = ["align", "--paddle", "a_pd.py:Net", "--torch", "a_pt.py:Net", "--input", "3,4"]
    assert main(words) == 0
    assert "matched by trial, since names and wiring do not tell: left as one, right as two" in capsys.readouterr().out
    assert main([*words, "--map", "left=one,right=two"]) == 0
    assert "2 as --map says" in capsys.readouterr().out
    for side, file in (("--paddle", "a_pd.py"), ("--torch", "a_pt.py")):
        assert main(["trace", side, f"{file}:Net", "--input", "3,4", "-o", f"{file}.h5"]) == 0
    capsys.readouterr()
    assert main(["diff", "a_pd.py.h5", "a_pt.py.h5"]) == 1
    assert "left, right in paddle could each be any of one, two in torch" in capsys.readouterr().out


TWINS_PADDLE = """
import paddle
class Net(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.left, self.right = paddle.nn.Linear(4, 4), paddle.nn.Linear(4, 4)
    def forward(self, x):
        return self.left(x) + self.right(x)
"""
TWINS_TORCH = """
import torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)
    def forward(self, x):
        return self.one(x) + self.two(x)
"""


@pytest.mark.parametrize(
    ("code", "words", "says"),
    [
        ("import torch\nx = nonsense\n", (), "bad.py:2: NameError: name 'nonsense' is not defined"),
        ("def Net(:\n", (), "bad.py:1"),
        ("raise SystemExit(3)\n", (), "bad.py:1: SystemExit"),
        ("x = 1\n", (), "has no 'Net'"),
        ("Net = 3\n", (), "is no class and no function"),
        ("def Net():\n    return 5\n", (), "gives a int, not a"),
        ("def Net():\n    raise ValueError('no such size')\n", (), "bad.py:2: ValueError: no such size"),
        ("import torch\nNet = lambda: torch.nn.Linear(3, 3)\n", (), "fails on input [4, 1, 28, 28] in float32"),
        ("import torch\nNet = lambda width: torch.nn.Linear(width, 3)\n", ("--args", "width"), "--args width"),
        ("import torch\nNet = lambda width: torch.nn.Linear(width, 3)\n", ("--args", "depth=3"), "depth"),
    ],
)
def test_the_users_own_errors_name_the_users_own_line(code, words, says, examples, refused):
    (examples / "bad.py").write_text(code, encoding="utf8")
    assert says in refused("trace", "--torch", "bad.py:Net", *INPUT, "--dtype", "float32", *words, "-o", "t.h5")
    assert not (examples / "t.h5").exists()
    assert not list(examples.glob(".dualport*"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("trace", "--torch", "examples_pt.py:Net", "-o", "t.h5"), "a model needs inputs"),
        (("trace", *INPUT, "-o", "t.h5"), "name one model"),
        (("trace", "--torch", "nowhere.py:Net", *INPUT, "-o", "t.h5"), "nowhere.py: does not exist"),
        (("trace", "--torch", "examples_pt.py", *INPUT, "-o", "t.h5"), "file.py:Name"),
        (("trace", "--torch", "no.such.module:Net", *INPUT, "-o", "t.h5"), "there is no such module"),
        (("trace", "--torch", "examples_pt.py:Net", "--input", "4,x", "-o", "t.h5"), "is not a shape"),
        (("trace", "--torch", "examples_pt.py:Net", "--input", "4:int8", "-o", "t.h5"), "there is no type 'int8'"),
        (("trace", "--torch", "examples_pt.py:Net", "--input", "4:int64:9..0", "-o", "t.h5"), "is empty"),
        (("trace", "--torch", "examples_pt.py:Net", "--input", "missing.npz", "-o", "t.h5"), "does not exist"),
        (("trace", "--torch", "examples_pt.py:Net", *INPUT, "--dtype", "float8", "-o", "t.h5"), "no precision"),
        (("trace", "--torch", "examples_pt.py:Net", *INPUT, "--optimizer", "lion", "-o", "t.h5"), "no optimiser"),
        (
            ("trace", "--torch", "examples_pt.py:Net", *INPUT, "--optimizer", "adam:beta1=2", "-o", "t.h5"),
            "cannot be 2",
        ),
        (("trace", "--torch", "examples_pt.py:Net", *INPUT, "--optimizer", "adam:rate=2", "-o", "t.h5"), "no setting"),
        (("diff", "a.h5", "b.h5"), "a.h5: does not exist"),
        (
            ("convert", "a.pt", "b.pdparams", "--paddle", "examples_pd.py:Net", "--dtype", "float16"),
            "--dtype is for conversions without a model: of your own model's arrays it says the type itself",
        ),
        (("align", "--paddle", "examples_pd.py:Net", "--torch", "examples_pt.py:Net", *INPUT, "--map", "x"), "--map x"),
        (("align", "--paddle", "examples_pd.py:Net", "--torch", "examples_pt.py:Net", *INPUT, "--mode", "no"), "mode"),
    ],
)
def test_what_a_command_cannot_take_is_one_sentence(words, says, examples, refused):
    assert says in refused(*words)


def test_models_of_other_shapes_are_refused_with_every_difference(examples, refused):
    words = ["align", "--paddle", "examples_pd.py:Net", "--torch", "examples_pt.py:Net", *INPUT]
    sentence = refused(*words, "--torch-args", "latent=5")
    assert "mean.weight is 8×1568 in paddle and 5×1568 in torch" in sentence
    assert "expand.weight" in sentence


def test_weight_files_that_do_not_fit_are_refused_with_every_key(examples, refused):
    import examples_pd

    state = examples_pd.Net().state_dict()
    state["extra"] = state.pop("conv1.weight")
    paddle.save(state, "net.pdparams")
    sentence = refused("convert", "net.pdparams", "net.pt", "--paddle", "examples_pd.py:Net")
    assert "conv1.weight missing" in sentence
    assert "extra unexpected" in sentence
    assert not (examples / "net.pt").exists()


def test_hostile_traces_are_refused_and_other_files_stay_unread(examples, refused, capsys):
    (examples / "text.h5").write_text("no trace", encoding="utf8")
    assert "is not a trace" in refused("diff", "text.h5", "text.h5")
    assert main(["trace", "--torch", "examples_pt.py:Net", *INPUT, "--dtype", "float32", "-o", "t.h5"]) == 0
    capsys.readouterr()
    secret = examples / "secret"
    secret.write_bytes(b"\0" * 4096)
    for spoil in (
        lambda file: file.__setitem__("runs/away", h5py.ExternalLink("secret.h5", "/x")),
        lambda file: file.__setitem__("runs/away", h5py.SoftLink("/head")),
        lambda file: file.create_dataset("runs/x", (4,), "f8", external=[(str(secret), 0, 32)]),
        lambda file: file.__delitem__("head"),
        lambda file: file["runs/float32/train"].__delitem__("calls"),
    ):
        shutil.copy("t.h5", "bad.h5")
        with h5py.File("bad.h5", "a") as file:
            spoil(file)
        assert "record" in refused("diff", "t.h5", "bad.h5")


def test_arrays_from_a_file_are_what_the_model_gets(examples, capsys):
    np.savez("in.npz", x=np.full((2, 1, 28, 28), 0.5, np.float32))
    assert main(["trace", "--torch", "examples_pt.py:Net", "--input", "in.npz", "--mode", "eval", "-o", "t.h5"]) == 0
    with open_trace("t.h5") as trace:
        run = trace.runs["float64", "eval"]
        number = next(number for number, source in run.sources.items() if source == "input x")
        assert (run.array("values", number) == 0.5).all()


@pytest.mark.cuda
@pytest.mark.parametrize("model", ["examples", "Encoder", "UNet"])
def test_a_pair_is_aligned_on_cuda(model, examples, capsys):
    """Each framework on the GPU where it finds one; the other stays on the CPU."""
    where = devices("cuda")
    if "cuda" not in where.values():
        pytest.skip("neither PyTorch nor Paddle finds a CUDA GPU here")
    zoo, given = Path(__file__).parent / "zoo", ["--device", ",".join(f"{n}={d}" for n, d in where.items())]
    if model == "examples":
        pair = ["--paddle", "examples_pd.py:Net", "--torch", "examples_pt.py:Net", *INPUT]
    else:
        files = [f"{zoo / f'pairs_{name}.py'}:{model}" for name in ("paddle", "torch")]
        what = "2,1,16,16" if model == "UNet" else "2,7:int64:0..49"
        pair = ["--paddle", files[0], "--torch", files[1], "--input", what]
    assert main(["align", *pair, *given, "--steps", "3"]) == 0, capsys.readouterr().out


@pytest.mark.parametrize(("there", "absent"), [("torch", "paddle"), ("paddle", "torch")])
def test_one_framework_is_enough_to_trace_and_none_to_compare(there, absent, examples):
    """The other framework cannot be imported in these processes."""
    program = (
        "import sys; sys.modules[sys.argv[1]] = None; from dualport.scripts.command_line import main; "
        "raise SystemExit(main(sys.argv[2:]))"
    )
    model = {"torch": "examples_pt.py:Net", "paddle": "examples_pd.py:Net"}[there]
    words = ["trace", f"--{there}", model, *INPUT, "--mode", "eval", "-o", "t.h5"]
    done = subprocess.run([sys.executable, "-c", program, absent, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    program = program.replace("sys.modules[sys.argv[1]] = None", "sys.modules['torch'] = sys.modules['paddle'] = None")
    words = ["", "diff", "t.h5", "t.h5"]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "same system" in done.stdout
