"""What a finished run holds, and whether people's own code loads its weights."""

from __future__ import annotations

import json

import numpy as np
import pytest
from dualport.backends.recipes.module import module_of
from dualport.common.drawing.write_up import KINDS
from dualport.common.runs.folder import RunFolder
from dualport.scripts.command_line import main
from PIL import Image
from small_run import newest

BACKENDS = ("torch", "paddle")
PARTS = ("encoder", "decoder")
DRAWN = {
    "aistudio-vae": ["samples", "latents", "manifold", "posterior-prior", "reconstructions", "losses"],
    "aistudio-cvae": [
        *("samples", "latents", "manifold-2", "manifold-5", "manifold-0"),
        *("posterior-prior", "reconstructions", "losses"),
    ],
    "aistudio-vae-one": ["manifold", "reconstructions", "losses"],
}


@pytest.fixture(params=BACKENDS)
def backend(request) -> str:
    return request.param


def test_every_file_of_a_run(train, tmp_path, backend):
    done = train(tmp_path, backend=backend, recipe="aistudio-cvae")
    assert done.code == 0
    assert f"aistudio-cvae in {backend}: epoch 1, loss" in done.out
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != ".lock") == [
        "checkpoints", "config.json", "figures", "metrics.jsonl", "steps.npy", "weights",
    ]  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "weights").iterdir()) == sorted(
        f"D_{part}_True{ending}" for part in PARTS for ending in (".pdparams", ".pt", ".safetensors")
    )
    config = json.loads((tmp_path / "config.json").read_text())
    assert (config["recipe"], config["backend"], config["seed"]) == ("aistudio-cvae", backend, 1)
    assert config["device"] == "cpu"
    assert config["data"]["images"] == 40
    assert len(config["data"]["sha256"]) == 64
    assert {"python", "numpy", "dualport"} <= set(config["versions"])


def test_metrics_are_means_per_image(train, tmp_path, backend):
    train(tmp_path, backend=backend)
    folder = RunFolder(tmp_path)
    rows, steps = folder.read_metrics(), folder.read_steps().reshape(2, 4, 3)
    assert [row["epoch"] for row in rows] == [0, 1]
    for row, terms in zip(rows, steps, strict=True):
        assert list(row) == [
            "epoch", "loss", "reconstruction", "kl", "printed", "seconds", "images_per_second",
        ]  # fmt: skip
        _, reconstruction, kl = terms.T
        assert row["reconstruction"] == reconstruction.sum() / 40
        assert row["kl"] == kl.sum() / 40
        assert row["loss"] == (reconstruction.sum() + kl.sum()) / 40
        assert row["printed"] == row["loss"]
        assert row["images_per_second"] > 0
        # What was optimised is the batch's mean, in float32: the same number to its rounding.
        assert np.float32(terms[:, 0]).tolist() == terms[:, 0].tolist()


def test_a_pt_loads_strictly(train, tmp_path, backend):
    torch = pytest.importorskip("torch")
    train(tmp_path, backend=backend)
    model, trained = RunFolder(tmp_path).recipe().model, newest(tmp_path).weights
    for part in PARTS:
        module = module_of(model, "torch", part)
        state = torch.load(tmp_path / "weights" / f"A_{part}_False.pt", weights_only=True)
        module.load_state_dict(state, strict=True)
        for name, tensor in module.state_dict().items():
            assert tensor.numpy().tobytes() == trained[f"{part}.{name}"].tobytes(), name


def test_a_pdparams_loads_with_nothing_missing_and_nothing_unexpected(train, tmp_path, backend):
    paddle = pytest.importorskip("paddle")
    train(tmp_path, backend=backend)
    model, trained = RunFolder(tmp_path).recipe().model, newest(tmp_path).weights
    for part in PARTS:
        module = module_of(model, "paddle", part)
        missing, unexpected = module.set_state_dict(paddle.load(str(tmp_path / "weights" / f"A_{part}_False.pdparams")))
        assert (missing, unexpected) == ([], [])
        for name, tensor in module.state_dict().items():
            assert tensor.numpy().tobytes() == trained[f"{part}.{name}"].tobytes(), name


def test_a_picture_and_a_frame_for_each_epoch(train, tmp_path, backend):
    for epochs, more in ((2, ()), (3, ("--resume",))):
        train(tmp_path, *more, backend=backend, epochs=epochs)
        pictures = sorted(path.name for path in (tmp_path / "figures" / "progress").iterdir())
        assert pictures == [f"epoch-{epoch:03d}.png" for epoch in range(epochs)]
        with Image.open(tmp_path / "figures" / "progress.gif") as film:
            assert film.n_frames == epochs


@pytest.mark.parametrize("recipe", DRAWN)
def test_figures_draws_all_of_the_write_up(train, tmp_path, capsys, backend, recipe):
    other = BACKENDS[1 - BACKENDS.index(backend)]
    batch = ("--batch-size", "1") if recipe == "aistudio-vae-one" else ()
    assert train(tmp_path, *batch, backend=backend, recipe=recipe).code == 0
    expected = [str(tmp_path / "figures" / f"{name}.png") for name in DRAWN[recipe]]
    assert {figure.kind for figure in RunFolder(tmp_path).recipe().figures} <= set(KINDS)
    for more in ((), ("--backend", other)):
        for path in (tmp_path / "figures").glob("*.png"):
            path.unlink()
        assert main(["figures", str(tmp_path), "--device", "cpu", *more]) == 0
        assert capsys.readouterr().out.split() == expected
        for path in expected:
            with Image.open(path) as picture:
                assert min(picture.size) > 100
                assert len(set(picture.convert("L").getdata())) > 2, f"{path} is blank"


def test_figures_of_changed_data_are_refused(train, tmp_path, tiny, capsys):
    import shutil

    data = shutil.copytree(tiny, tmp_path / "data")
    train(tmp_path / "run", data=data, epochs=1)
    labels = data / "train-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:-1] + b"\0")
    assert main(["figures", str(tmp_path / "run")]) == 2
    assert "is not the data that" in capsys.readouterr().err


def test_figures_of_an_untrained_run_are_refused(train, tmp_path, capsys):
    train(tmp_path, "--set", "learning_rate=1e30")
    assert main(["figures", str(tmp_path)]) == 2
    assert "holds no checkpoint yet" in capsys.readouterr().err
