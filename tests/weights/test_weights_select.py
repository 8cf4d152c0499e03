"""Which tensors of a nested checkpoint are meant, and files written whole or not at all."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest
from dualport.common.errors import BadInput, EnvironmentFailed
from dualport.common.weights import read, write
from weight_samples import bfloat16_array, read_bytes, refused, same, state

ADAM = {"state": {0: {"step": 3, "exp_avg": np.zeros(2)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
PADDLE_ADAM = {"w_0_moment1_0": np.zeros(2), "w_0_beta1_pow_acc_0": np.ones(1), "master_weights": {"w_0": np.ones(2)}}


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ({"model": state()}, "model"),
        ({"state_dict": state(), "epoch": 3}, "state_dict"),
        ({"epoch": 3, "model": state(), "optimizer": ADAM}, "model"),
        ({"model": state(), "optimizer": PADDLE_ADAM}, "model"),
        ({"loss": np.array(1.5), "model": state()}, "model"),
        ({"nets": {"encoder": state()}, "seed": 1}, "nets.encoder"),
        ([state(), 3], "0"),
        (state(), None),
        ({**state(), "LR_Scheduler": {"last_lr": 0.1}}, None),
    ],
)
def test_the_only_candidate_is_found(content, key) -> None:
    weights = read_bytes(pickle.dumps(content), "x")
    assert weights.key == key
    same(weights.arrays, state())
    assert read_bytes(pickle.dumps(content), "x", kind="weights").key == key


def test_several_candidates_are_listed() -> None:
    content = pickle.dumps({"model": state(), "ema": state(1), "epoch": 3})
    message = refused(content, "holds 2 sets of tensors")
    assert "--key" in message
    assert "'model'" in message
    assert "'ema'" in message
    same(read_bytes(content, "x", key="ema").arrays, state(1))
    assert len(read_bytes(content, "x", key=".").arrays) == 2 * len(state())
    assert "'model'" in refused(content, "there is no 'nodel' in it", key="nodel")
    refused(pickle.dumps({"w": np.zeros(3), "model": state()}), "holds 2 sets of tensors")
    many = pickle.dumps({f"net{index}": state() for index in range(40)})
    assert "and 28 more" in refused(many, "holds 40 sets")


def test_an_optimizer_is_found_when_it_is_asked_for() -> None:
    content = pickle.dumps({"model": state(), "optimizer": PADDLE_ADAM})
    weights = read_bytes(content, "x", kind="optimiser")
    assert (weights.key, weights.format) == ("optimizer", "pdopt")
    alone = read_bytes(pickle.dumps(PADDLE_ADAM), "x")
    assert (alone.key, alone.format, set(alone.arrays)) == (None, "pdopt", {"w_0_moment1_0", "w_0_beta1_pow_acc_0"})
    assert alone.tree["master_weights"]["w_0"].size == 2
    assert set(read_bytes(pickle.dumps(ADAM), "x").tree["state"]) == {0}
    refused(pickle.dumps(PADDLE_ADAM), "no weights, only optimiser", kind="weights")
    refused(pickle.dumps(state()), "no optimiser, only weights", kind="optimiser")
    with pytest.raises(BadInput, match="kind of content"):
        read_bytes(content, "x", kind="model")


def test_a_bare_tensor_has_a_name() -> None:
    assert list(read_bytes(pickle.dumps(np.zeros(2)), "x").arrays) == ["tensor"]
    assert list(read_bytes(pickle.dumps({"": np.zeros(2)}), "x").arrays) == [""]
    assert list(read_bytes(pickle.dumps([np.zeros(2), {"w": 1}]), "x", key=".").arrays) == ["0"]


@pytest.mark.parametrize("extension", [".pdparams", ".pdopt", ".pt", ".pth", ".safetensors", ".PT"])
def test_what_is_written_is_read(tmp_path, extension) -> None:
    arrays = {**state(), "bf16": bfloat16_array()}
    path = tmp_path / f"w{extension}"
    write(path, arrays)
    same(read(path, dtype="bfloat16").arrays, arrays)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_an_unknown_extension_is_refused(tmp_path) -> None:
    with pytest.raises(BadInput, match=r"\.pdparams.*\.safetensors"):
        write(tmp_path / "w.onnx", state())


@pytest.mark.parametrize("extension", [".pdparams", ".pt", ".safetensors"])
def test_writing_keeps_links_and_modes(tmp_path, extension) -> None:
    target, link = tmp_path / f"target{extension}", tmp_path / f"link{extension}"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to(target)
    write(link, state())
    assert link.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    same(read(target).arrays, state())
    before = target.read_bytes()
    with pytest.raises(BadInput):
        write(link, {"good": np.zeros(1000), "bad": np.array([None])})
    assert target.read_bytes() == before
    (tmp_path / f"folder{extension}").mkdir()
    with pytest.raises(BadInput, match="is a folder"):
        write(tmp_path / f"folder{extension}", state())


def test_a_full_disk_leaves_the_old_file(tmp_path) -> None:
    """The disk is full: simulated by a limit on the size of files, in a process of its own."""
    path = tmp_path / "w.pdparams"
    write(path, state())
    before = path.read_bytes()
    program = (
        "import resource, signal, sys, numpy as np\n"
        "from dualport.common.weights import write\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "write(sys.argv[1], {'w': np.zeros(1_000_000)})\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], check=False, capture_output=True, text=True)
    assert EnvironmentFailed.__name__ in done.stderr
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["w.pdparams"]


def test_reading_imports_no_framework_and_no_pickle(tmp_path) -> None:
    write(tmp_path / "w.pt", state())
    program = (
        "import sys\n"
        "import numpy\n"
        "before = set(sys.modules)\n"
        "from dualport.common.weights import read, write\n"
        "write(sys.argv[1] + '.pdparams', read(sys.argv[1]).arrays)\n"
        "print(sorted({'torch', 'paddle', 'safetensors', 'zipfile'} & (set(sys.modules) - before)))\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "w.pt")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_reading_gives_the_cycle_collector_back(tmp_path):
    """It is paused while a file is read, also when the file is refused, and stays as the caller had it."""
    import gc

    write(tmp_path / "a.pdparams", state())
    for wanted in (gc.enable, gc.disable):
        wanted()
        before = gc.isenabled()
        read(tmp_path / "a.pdparams")
        assert gc.isenabled() is before
        with pytest.raises(BadInput):
            read_bytes(b"\x80\x04](]]]", "x")
        assert gc.isenabled() is before
    gc.enable()
