"""Bad words to `dualport train` and its neighbours: an exact exit code, one sentence, nothing left behind."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest
from dualport.backends import load_backend
from dualport.common.errors import BadInput
from dualport.scripts import train as train_module
from dualport.scripts.command_line import main

VAE = ("train", "aistudio-vae", "--backend", "torch")


@pytest.fixture
def data(tmp_path, write_idx) -> Path:
    return write_idx(tmp_path / "data")


@pytest.fixture
def out(tmp_path):
    """A run folder two levels below one that exists; the test ends with neither of them made."""
    out = tmp_path / "runs" / "A"
    yield out
    assert not out.exists()
    assert not out.parent.exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--device", "tpu"), "there is no device 'tpu'"),
        (("--backend", "tensorflow"), "there is no backend 'tensorflow': choose one of torch, paddle"),
        (("--backend", "pytorch"), "there is no backend 'pytorch' (did you mean 'torch'?)"),
        (("--epochs", "0"), "epochs must be at least 1, but is 0"),
        (("--epochs", "x"), "argument --epochs: invalid int value: 'x'"),
        (("--batch-size", "0"), "batch_size must be at least 1, but is 0"),
        (("--batch-size", "21"), "holds 20 images, fewer than one batch of 21; use a smaller --batch-size"),
        (("--seed", "-1"), "the seed must not be negative, but is -1"),
        (("--seed", "1.5"), "argument --seed: invalid int value"),
        (("--set", "latent"), "--set latent: write it as key=value"),
        (("--set", "=3"), "--set =3: write it as key=value"),
        (("--set", "latnt=3"), "there is no setting 'latnt' (did you mean 'latent'?)"),
        (("--set", "latent=x"), "latent must be a whole number, not 'x'"),
        (("--set", "latent=2.5"), "latent must be a whole number, not 2.5"),
        (("--set", "latent=true"), "latent must be a whole number, not True"),
        (("--set", "latent=[1]"), "latent must be a whole number, not [1]"),
        (("--set", "latent=0"), "must be at least 1"),
        (("--set", "image=30"), "image must be a multiple of 4"),
        (("--set", "image=32"), "images are (1, 28, 28), the recipe takes (1, 32, 32)"),
        (("--set", "channels=3"), "images are (1, 28, 28), the recipe takes (3, 28, 28)"),
        (("--set", "learning_rate=0"), "learning_rate must be above 0"),
        (("--set", "learning_rate=NaN"), "learning_rate must be"),
        (("--set", "beta1=1"), "beta1 must be in [0, 1)"),
        (("--set", "beta=-1"), "beta must not be negative"),
        (("--set", "drop_last=3"), "drop_last must be true or false"),
        (("--set", "kl=exakt"), "there is no value of kl 'exakt' (did you mean 'exact'?)"),
        (("--set", "reconstruction=binary_cross_entropy"), "takes pixels in [0, 1], but the recipe's are in [-1, 1]"),
        (("--data", "nowhere.mat"), "nowhere.mat: no such file or folder; the data is one of"),
        (("--data", "digits", "--transposed"), "digits: is known to be upright"),
        (("--resume",), "holds no run to go on with; leave out --resume"),
        (("--unknown",), "unrecognized arguments: --unknown"),
        (("extra",), "unrecognized arguments: extra"),
    ],
)
def test_a_bad_option_or_value(refused, data, out, words, told):
    assert told in refused(*VAE, "--data", data, "--batch-size", "10", "--epochs", "1", "--out", out, *words)


def test_no_gpu(refused, data, out):
    if load_backend("torch").device.torch.cuda.is_available():
        pytest.skip("there is a GPU")
    words = (*VAE, "--data", data, "--batch-size", "10", "--device", "cuda")
    assert "PyTorch finds no CUDA GPU here" in refused(*words, "--out", out, code=3)


def test_unknown_recipe_and_missing_backend(refused, out):
    assert "there is no recipe 'aistudio'" in refused("train", "aistudio", "--backend", "torch", "--out", out)
    assert "the following arguments are required: --backend" in refused("train", "aistudio-vae", "--out", out)


def test_a_single_idx_file_and_an_empty_folder(refused, data, out, tmp_path):
    images = data / "train-images-idx3-ubyte"
    assert "is a single idx file" in refused(*VAE, "--data", images, "--out", out)
    (tmp_path / "empty").mkdir()
    assert "it is empty" in refused(*VAE, "--data", tmp_path / "empty", "--out", out)


def test_images_of_another_size(refused, out, tmp_path, write_idx):
    small = write_idx(tmp_path / "small", side=20)
    assert "its images are 20×20, and the models take 28×28" in refused(*VAE, "--data", small, "--out", out)


def test_a_conditional_recipe_needs_labels(refused, out, tmp_path, write_idx):
    bare = write_idx(tmp_path / "bare", labelled=False)
    told = refused("train", "aistudio-cvae", "--backend", "paddle", "--data", bare, "--out", out)
    assert "holds no labels, which a conditional model needs" in told


def test_labels_beyond_the_classes(refused, data, out):
    cvae = ("train", "aistudio-cvae", "--backend", "torch", "--set", "classes=5", "--batch-size", "10")
    assert "label 5 at index 5 is outside 0..4" in refused(*cvae, "--data", data, "--out", out)


def test_a_recipe_that_picks_an_image_that_is_not_there(refused, out, tmp_path, write_idx):
    few = write_idx(tmp_path / "few", count=4)
    told = refused("train", "aistudio-vae-one", "--backend", "torch", "--data", few, "--out", out)
    assert "holds 4 images" in told


def test_too_few_picked_images(refused, data, out):
    one = ("train", "aistudio-vae-one", "--backend", "torch", "--batch-size", "2")
    assert "holds 1 images, fewer than one batch of 2" in refused(*one, "--data", data, "--out", out)


def test_out_is_a_file_or_below_one(refused, data, tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    for out in (file, file / "run"):
        told = refused(*VAE, "--data", data, "--batch-size", "10", "--out", out)
        assert f"{out}: a file stands where a folder is needed; choose another --out" in told
    assert file.read_text() == "mine"


def test_a_name_that_the_file_system_refuses(refused, data, tmp_path):
    assert "File name too long" in refused(*VAE, "--data", data, "--out", tmp_path / ("a" * 300), code=3)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_run_is_not_overwritten(refused, data, tmp_path, capsys):
    words = (*VAE, "--data", str(data), "--batch-size", "10", "--epochs", "1", "--set", "width=2", "--device", "cpu")
    assert main([*words, "--out", str(tmp_path / "A")]) == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert "already holds a run; go on with --resume" in refused(*words, "--out", tmp_path / "A")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_the_default_folder_is_named_after_recipe_and_backend(data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = ("--data", str(data), "--batch-size", "10", "--epochs", "1", "--set", "width=2", "--device", "cpu")
    assert main([*VAE, *options]) == 0
    assert (tmp_path / "runs" / "aistudio-vae-torch" / "config.json").is_file()
    assert "dualport figures runs/aistudio-vae-torch" in capsys.readouterr().out


@pytest.mark.parametrize("backend", ["torch", "paddle"])
def test_a_framework_that_is_not_installed(refused, data, out, monkeypatch, backend):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == backend else find(name, *more))
    told = refused("train", "aistudio-vae", "--backend", backend, "--data", data, "--out", out, code=3)
    package = {"torch": "torch", "paddle": "paddlepaddle"}[backend]
    assert told == f'dualport: {package} is not installed: run `pip install "dualport[{backend}]"`'


def test_figures_fall_back_on_the_other_framework(data, tmp_path, monkeypatch, capsys):
    run, options = str(tmp_path / "A"), ("--batch-size", "10", "--epochs", "1", "--set", "width=2", "--device", "cpu")
    assert main([*VAE, "--data", str(data), *options, "--out", run]) == 0
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "torch" else find(name, *more))
    shutil.rmtree(tmp_path / "A" / "figures")
    assert main(["figures", run]) == 0
    assert main(["figures", run, "--backend", "torch"]) == 3
    assert "torch is not installed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("figures",), "the following arguments are required: RUN"),
        (("figures", "nowhere"), "nowhere: is not a run folder (it has no config.json)"),
        (("figures", "nowhere", "--device", "tpu"), "there is no device 'tpu'"),
        (("recipes", "nothing"), "there is no recipe 'nothing'"),
        (("recipes", "--json"), "--set and --json need the name of a recipe"),
        (("recipes", "aistudio-vae", "--set", "wdth=2"), "there is no setting 'wdth' (did you mean 'width'?)"),
        (("trian",), "there is no command 'trian' (did you mean 'train'?)"),
        (("--resume",), "there is no command '--resume'"),
    ],
)
def test_other_commands(refused, words, told):
    assert told in refused(*words)


def test_debug_raises(data, tmp_path):
    with pytest.raises(BadInput, match="epochs must be at least 1"):
        main([*VAE, "--data", str(data), "--epochs", "0", "--out", str(tmp_path / "A"), "--debug"])


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (MemoryError(), 3, "out of memory; use a smaller --batch-size"),
        (RuntimeError("CUDA error:\n  out of memory"), 3, "RuntimeError: CUDA error: out of memory; run it again with"),
        (PermissionError(13, "Permission denied", "x"), 3, "Permission denied: 'x'"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (KeyboardInterrupt(15), 143, "interrupted"),
    ],
)
def test_what_no_check_foresaw(refused, monkeypatch, error, code, told):
    def fail(arguments):
        raise error

    monkeypatch.setattr(train_module, "run", fail)
    assert told in refused(*VAE, code=code)
    if not isinstance(error, KeyboardInterrupt):
        with pytest.raises(type(error)):
            main([*VAE, "--debug"])


def test_a_reader_that_goes_away_is_no_error(monkeypatch, capsys):
    def fail(arguments):
        raise BrokenPipeError

    monkeypatch.setattr(train_module, "run", fail)
    monkeypatch.setattr("sys.stdout", None)
    assert main([*VAE]) == 0


def test_settings_arrive(data, tmp_path, capsys):
    from dualport.common.runs.folder import RunFolder

    options = ("--batch-size", "5", "--epochs", "1", "--set", "width=2", "--set", "latent=3", "--set", "kl=none")
    assert (
        main([*VAE, "--data", str(data), *options, "--seed", "7", "--device", "cpu", "--out", str(tmp_path / "A")]) == 0
    )
    folder = RunFolder(tmp_path / "A")
    recipe = folder.recipe()
    assert (recipe.model.latent.size, recipe.training.batch_size, recipe.objective.kl) == (3, 5, "none")
    assert folder.read_config()["seed"] == 7
    assert np.array_equal(folder.read_steps()[:, 2], np.zeros(4))


@pytest.mark.parametrize("backend", ["torch", "paddle"])
def test_a_framework_that_is_too_old_is_refused(refused, data, tmp_path, monkeypatch, backend):
    framework = pytest.importorskip(backend)
    monkeypatch.setattr(framework, "__version__", "1.13.1+cpu")
    told = refused("train", "aistudio-vae", "--backend", backend, "--data", data, "--out", tmp_path / "A", code=3)
    assert "1.13.1+cpu is too old" in told
    assert f"dualport[{backend}]" in told


@pytest.mark.parametrize("backend", ["torch", "paddle"])
def test_memory_that_is_used_up_names_batch_size_and_device(refused, data, tmp_path, monkeypatch, backend):
    """F9: the frameworks' own errors for a full GPU, raised here without one."""
    from dualport.backends import load_backend

    def full(*_):
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(load_backend(backend).Session, "train_step", full)
    words = ("train", "aistudio-vae", "--backend", backend, "--data", data, "--set", "width=2", "--batch-size", "10")
    told = refused(*words, "--device", "cpu", "--out", tmp_path / "A", code=3)
    assert told == f"dualport: {backend} on cpu: out of memory with a batch of 10; use a smaller --batch-size"
