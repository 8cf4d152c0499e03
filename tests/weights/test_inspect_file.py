"""`dualport inspect` on honest and on hostile files."""

from __future__ import annotations

import hashlib
import json
import pickle
import sys

import numpy as np
import pytest
from dualport.common.weights import write
from dualport.scripts.command_line import main
from torch_samples import checkpoint, network, scripted, zip_with
from weight_samples import bfloat16_array, samples, state


@pytest.fixture
def shown(capsys):
    """Run the command; give its exit code, output and error output."""

    def run(*words) -> tuple[int, str, str]:
        code = main(["inspect", *map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.mark.parametrize("name", samples())
def test_every_format_is_shown(shown, tmp_path, name) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(samples()[name])
    code, out, err = shown(path)
    assert (code, err) == (0, "")
    assert "fc.weight" in out
    assert "not verified" in out
    code, out, _ = shown(path, "--json")
    report = json.loads(out)
    bias = next(tensor for tensor in report["tensors"] if tensor["name"].endswith("fc.bias"))
    assert bias == {
        **bias,
        "shape": [3],
        "dtype": "float32",
        "bytes": 12,
        "min": -1.5,
        "max": 0.5,
        "mean": -0.5,
        "nan": 1,
    }
    empty = next(tensor for tensor in report["tensors"] if tensor["name"].endswith("empty"))
    assert empty == {**empty, "shape": [0, 3], "min": None, "mean": None, "nan": 0}


def test_numbers_that_json_has_not_got(shown, tmp_path) -> None:
    path = tmp_path / "w.pdparams"
    write(
        path, {"w": np.array([np.inf, -np.inf, 1], np.float32), "c": np.array([1j], np.complex64), "lr": float("nan")}
    )
    report = json.loads(shown(path, "--json")[1])
    assert [(tensor["min"], tensor["max"], tensor["mean"]) for tensor in report["tensors"]] == [
        ("-inf", "inf", "nan"),
        (None,) * 3,
    ]
    assert report["values"] == {"lr": "nan"}


def test_an_optimizers_steps(shown, shared_data) -> None:
    code, out, _ = shown(shared_data / "aistudio" / "A_encoder_False.pdopt")
    assert code == 0
    assert "optimiser steps: 2,811" in out
    report = json.loads(shown(shared_data / "aistudio" / "A_encoder_False.pdopt", "--json")[1])
    assert (report["optimiser_steps"], report["format"], report["framework"]) == ([2811], "pdopt", "paddle")


def test_steps_of_a_torch_checkpoint(shown, tmp_path) -> None:
    adam = {"state": {0: {"step": np.array(12.0, np.float32), "exp_avg": np.zeros(2)}}, "param_groups": []}
    write(tmp_path / "x.pt", {"model": state(), "ema": state(1), "opt": adam})
    code, out, _ = shown(tmp_path / "x.pt")
    assert code == 0
    assert "parts: model (weights), ema (weights), opt (optimiser)" in out
    assert "optimiser steps: 12" in out
    assert "ema.fc.weight" in out
    report = json.loads(shown(tmp_path / "x.pt", "--key", "ema", "--json")[1])
    assert report["key"] == "ema"
    assert {tensor["name"] for tensor in report["tensors"]} == set(state())


def test_an_optimizer_of_nonsense_is_shown(shown, tmp_path) -> None:
    adam = {
        "state": {0: 1, 1: {"step": "x"}, 2: {"step": np.zeros(2)}, 3: {"step": np.float32("nan")}},
        "param_groups": 0,
    }
    odd = {"a_moment1_0": np.zeros(1), "a_beta2_pow_acc_0": 3, "b_beta2_pow_acc_0": np.zeros(2), 5: 1}
    more = {"c_moment1_0": np.zeros(1), "c_beta2_pow_acc_0": np.ones(1, np.int64), "c_beta1_pow_acc_0": "x"}
    (tmp_path / "x.pdopt").write_bytes(pickle.dumps({"a": adam, "b": odd, "c": more}))
    code, out, _ = shown(tmp_path / "x.pdopt")
    assert code == 0
    assert "optimiser steps: unknown" in out


def test_bfloat16_is_asked_about(shown, tmp_path) -> None:
    write(tmp_path / "x.pdparams", {"w": bfloat16_array()})
    code, out, err = shown(tmp_path / "x.pdparams")
    assert (code, out) == (2, "")
    assert "--dtype bfloat16" in err
    assert "bfloat16" in shown(tmp_path / "x.pdparams", "--dtype", "bfloat16")[1]


def test_hostile_names_do_not_reach_the_terminal(shown, tmp_path) -> None:
    names = ["\x1b[2J", "a\nb", "\u202egnp", "\ud800", "x" * 3000, "[red]b[/red]"]
    content = {name: np.zeros(1, np.float32) for name in names}
    (tmp_path / "x.pdparams").write_bytes(pickle.dumps({**content, "note\x07": "\x1b]0;x\x07"}))
    code, out, _ = shown(tmp_path / "x.pdparams")
    assert code == 0
    assert all(line.isprintable() for line in out.splitlines())
    assert max(map(len, out.splitlines())) < 300
    assert "[red]b[/red]" in out
    assert set(names) == {
        tensor["name"] for tensor in json.loads(shown(tmp_path / "x.pdparams", "--json")[1])["tensors"]
    }


def test_a_huge_table_is_paged(shown, tmp_path) -> None:
    write(tmp_path / "x.safetensors", {f"w{index}": np.zeros(1, np.float32) for index in range(3000)})
    code, out, _ = shown(tmp_path / "x.safetensors")
    assert code == 0
    assert len(out.splitlines()) < 120
    assert "and 2,900 more rows" in out
    assert len(shown(tmp_path / "x.safetensors", "--all")[1].splitlines()) > 3000


def test_a_refusal_is_one_sentence(shown, tmp_path) -> None:
    (tmp_path / "x.pdparams").write_bytes(b"\x80\x02cos\nsystem\n(tR.")
    code, out, err = shown(tmp_path / "x.pdparams")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "nothing was run" in err
    assert shown(tmp_path / "absent.pt")[0] == 2
    assert shown()[0] == 2


def test_a_hash_is_compared(shown, tmp_path) -> None:
    write(tmp_path / "x.pt", state())
    digest = hashlib.sha256((tmp_path / "x.pt").read_bytes()).hexdigest()
    assert "matches its sha256" in shown(tmp_path / "x.pt", "--sha256", digest)[1]
    assert shown(tmp_path / "x.pt", "--sha256", "0" * 64)[0] == 2


def test_what_a_file_is_made_of_is_said(shown, tmp_path) -> None:
    (tmp_path / "x.ckpt").write_bytes(zip_with(checkpoint()))
    out = shown(tmp_path / "x.ckpt")[1]
    assert "a zip of version 3, pickle protocol 2, for torch" in out
    assert "training: epoch 3" in out
    assert "5 objects of classes that are not read, " in out
    assert hashlib.sha256((tmp_path / "x.ckpt").read_bytes()).hexdigest() in out
    report = json.loads(shown(tmp_path / "x.ckpt", "--json")[1])
    assert report["objects"]["lightning.callbacks.Checkpoint"] == 1
    weight = next(tensor for tensor in report["tensors"] if tensor["name"] == "state_dict.fc.weight")
    array = checkpoint()["state_dict"]["fc.weight"]
    assert weight["sha256"] == hashlib.sha256(array.tobytes()).hexdigest()
    assert report["dtypes"] == {"float32": 2}


def test_layers_and_prefixes_are_said(shown, tmp_path) -> None:
    (tmp_path / "x.pt").write_bytes(zip_with({"model": network()[0]}))
    out = shown(tmp_path / "x.pt")[1]
    assert "layers by their classes: 2 Linear, 1 Net, 1 BatchNorm1d" in out
    assert "all names begin with model." in out
    (tmp_path / "x.pt").write_bytes(scripted()[0])
    out = shown(tmp_path / "x.pt")[1]
    assert "a TorchScript archive of version 3" in out
    assert "1 tensor neither parameter nor buffer (hidden): left out" in out
    write(tmp_path / "y.pt", {"ab.c": np.zeros(1), "ab.d": np.zeros(1), "a": np.zeros(1)})
    assert "all names begin" not in shown(tmp_path / "y.pt")[1]


def test_a_terminal_of_80_columns_is_not_overrun(shown, tmp_path, monkeypatch) -> None:
    names = {f"encoder.{'layer' * 6}.{number}.weight": np.full((300, 200), 1 / 3) for number in range(3)}
    write(tmp_path / "x.pt", {"model": names, "note": "word " * 30, "epoch": 2})
    whole = shown(tmp_path / "x.pt")[1]
    assert "mean" in whole
    assert "too narrow" not in whole
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    out = shown(tmp_path / "x.pt")[1]
    assert max(map(len, out.splitlines())) <= 80
    assert all(f"model.{name} " in out for name in names)
    assert "mean, bytes, NaN: a wider terminal" in out.replace("\n  ", " ")
