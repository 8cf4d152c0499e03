"""`dualport validate`: exit codes, the files of `--report`, and what is printed."""

from __future__ import annotations

import json

import pytest
from dualport.common.compare.ladder import RUNGS
from dualport.scripts.command_line import main

SMALL = ["--set", "width=2", "--set", "image=28", "--batch-size", "4", "--steps", "2"]


def test_the_same_system_exits_0_and_writes_its_report(tmp_path, capsys):
    folder = tmp_path / "deep" / "v"
    assert main(["validate", "aistudio-cvae", *SMALL, "--report", str(folder), "--epochs", "0"]) == 0
    printed = capsys.readouterr().out
    assert "same system; float32 differences are rounding (torch " in printed
    assert all(name in printed for name in RUNGS)
    content = json.loads((folder / "validation.json").read_text(encoding="utf8"))
    assert content["recipe"] == "aistudio-cvae"
    assert content["verdict"] in printed
    page = (folder / "report.html").read_text(encoding="utf8")
    assert page.count("data:image/png;base64,") == 3  # forward, backward, growth
    assert "<script src" not in page
    assert content["verdict"] in page


def test_different_systems_exit_1(tmp_path, capsys, monkeypatch):
    from dualport.backends.paddle import layers

    monkeypatch.setattr(layers.paddle.nn.functional, "tanh", lambda x: -x.tanh())
    assert main(["validate", "aistudio-vae", *SMALL, "--report", str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    assert "different systems: first at decoder.#8:tanh (float64 error 2e0)" in printed
    content = json.loads((tmp_path / "validation.json").read_text(encoding="utf8"))
    assert content["rungs"][-1]["first_divergence"] == "decoder.#8:tanh"
    assert content["rungs"][-1]["status"] == "fail"
    assert "different systems" in (tmp_path / "report.html").read_text(encoding="utf8")


def test_a_lower_precision_is_in_the_table_the_json_and_the_page(tmp_path, capsys):
    asked = ["--precision", "float32,bfloat16", "--precision", "float16"]
    assert main(["validate", "aistudio-vae", *SMALL, *asked, "--report", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    content = json.loads((tmp_path / "validation.json").read_text(encoding="utf8"))
    page = (tmp_path / "report.html").read_text(encoding="utf8")
    assert [rung["name"] for rung in content["rungs"]][len(RUNGS) :] == ["forward, float16", "forward, bfloat16"]
    for entry in content["rungs"][len(RUNGS) :]:
        assert entry["name"] in printed
        assert entry["name"] in page
        assert set(content["rungs"][0]) < set(entry)
        assert entry["reason"] in printed
        assert entry["reason"] in page
    assert "torch bfloat16" in page


def test_tf32_on_a_cpu_says_where_there_is_tf32(capsys):
    assert main(["validate", "aistudio-vae", "--precision", "tf32"]) == 2
    assert capsys.readouterr().err == "dualport: --precision tf32: TF32 exists on CUDA only\n"


@pytest.mark.parametrize(
    "wrong",
    [
        ["no-such-recipe"],
        ["aistudio-vae", "--device", "tpu"],
        ["aistudio-vae", "--device", "torch=cpu"],
        ["aistudio-vae", "--device", "torch=cpu,torch=cpu"],
        ["aistudio-vae", "--device", "jax=cpu,torch=cpu"],
        ["aistudio-vae", "--steps", "0"],
        ["aistudio-vae", "--epochs", "-1"],
        ["aistudio-vae", "--batch-size", "0"],
        ["aistudio-vae", "--seed", "-1"],
        ["aistudio-vae", "--data", "no-such-file.mat"],
        ["aistudio-vae", "--set", "image=8"],
        ["aistudio-vae", "--precision", "tf32"],
        ["aistudio-vae", "--precision", "bfloat16,int8"],
    ],
)
def test_bad_input_exits_2_with_one_sentence(wrong, capsys):
    assert main(["validate", *wrong]) == 2
    out, error = capsys.readouterr()
    assert not out
    assert error.startswith("dualport: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize("device", ["cuda", "torch=cpu,paddle=cuda"])
def test_a_missing_gpu_exits_3_with_one_sentence(device, capfd):
    import paddle
    import torch

    if torch.cuda.is_available() or paddle.device.cuda.device_count():
        pytest.skip("there is a GPU here")
    assert main(["validate", "aistudio-vae", "--device", device]) == 3
    out, error = capfd.readouterr()
    assert not out
    assert error.count("\n") == 1
    assert "no CUDA GPU" in error
