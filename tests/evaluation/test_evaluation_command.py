"""Which images are used, what is said of them, and the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from dualport.common import data, recipes
from dualport.common.data import Dataset
from dualport.common.distance import relative_error
from dualport.common.errors import BadInput
from dualport.common.evaluation import held_out_set
from dualport.common.evaluation.held_out import occurs_in
from dualport.common.tolerances import bound
from dualport.scripts.command_line import main
from evaluation_toys import strokes, write_idx

VAE, CVAE = recipes.recipe("aistudio-vae"), recipes.recipe("aistudio-cvae")
TRAINED, TESTED = 40, 30


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """A folder of idx files with both parts; one image of the test part is in the training part too."""
    folder = tmp_path_factory.mktemp("both")
    train, test = strokes(1, TRAINED), strokes(2, TESTED)
    test[3] = train[7]
    write_idx(folder, "train", train, np.arange(TRAINED) % 10)
    return write_idx(folder, "t10k", test, np.arange(TESTED) % 10)


@pytest.fixture(scope="module")
def run(source, tmp_path_factory) -> str:
    """A tiny CVAE, trained for two epochs."""
    pytest.importorskip("torch")
    out = str(tmp_path_factory.mktemp("runs") / "D")
    words = ("train", "aistudio-cvae", "--backend", "torch", "--data", str(source), "--device", "cpu", "--out", out)
    assert main([*words, "--epochs", "2", "--batch-size", "10", "--set", "width=2"]) == 0
    return out


def test_digits_have_no_held_out_part_and_that_is_said():
    chosen = held_out_set(VAE, data.load("digits"), "digits")
    assert len(chosen.images) == chosen.trained_on == 359
    assert chosen.verdict == "not held out: the run was trained on all of them"
    assert "no held-out part" in chosen.what
    assert chosen.learn is None  # no judge for a model without labels


def test_images_that_the_run_was_trained_on_are_counted(source):
    chosen = held_out_set(CVAE, data.load(str(source)), str(source))
    assert (len(chosen.images), chosen.trained_on) == (TESTED, 1)
    assert chosen.verdict == "not all held out: the run was trained on 1 of them"
    assert chosen.what == f"the test part of {source}"
    assert len(chosen.learn) == TRAINED - 1  # the judge is not tested on what it has learnt
    other = held_out_set(VAE, data.load("digits"), "digits", source=str(source))
    assert other.verdict == "held out"


def test_pictures_are_brought_to_the_models_size_and_said_to_be_no_test_part():
    recipe = recipes.recipe("aistudio-vae", {"image": 16, "channels": 3})
    trained = data.load("photos", image_shape=(3, 16, 16))
    chosen = held_out_set(recipe, trained, "photos")
    assert chosen.images.images.shape[1:] == (3, 16, 16)
    assert len(chosen.images) == chosen.trained_on
    assert chosen.what == "every fifth image of photos, which has no held-out part"
    assert chosen.images.labels is None


def test_the_same_pixels_are_found_as_bytes_and_as_floats():
    grey = Dataset(strokes(1, 10)[:, None], None, "a", "a")
    floats = Dataset(grey.scaled()[::2].copy(), None, "b", "b")
    assert occurs_in(grey, floats).tolist() == [True, False] * 5
    assert occurs_in(floats, grey).all()


def test_fewer_images_are_spread_over_the_part(source):
    whole = data.load(str(source), "test")
    chosen = held_out_set(VAE, data.load(str(source)), str(source), images=10)
    assert np.array_equal(chosen.images.images, whole.images[::3])
    assert f"10 of {TESTED} images" in chosen.what
    assert len(held_out_set(VAE, whole, str(source), images=999).images) == TESTED
    with pytest.raises(BadInput, match="images must be at least 1"):
        held_out_set(VAE, whole, str(source), images=0)


def test_a_recipe_that_picks_images_is_judged_on_them():
    recipe = recipes.recipe("aistudio-vae-two")
    picked = data.load("digits").subset(list(recipe.data.indices))
    chosen = held_out_set(recipe, picked, "digits")
    assert len(chosen.images) == chosen.trained_on == 2
    assert "what the recipe picks from digits" in chosen.what
    assert held_out_set(recipe, picked, "digits", source="digits").trained_on == 0  # neither is a fifth one


def test_a_source_without_a_test_part_is_taken_whole_and_the_reason_told(tmp_path):
    folder = write_idx(tmp_path / "one", "train", strokes(5, 50), np.arange(50) % 10)
    chosen = held_out_set(CVAE, data.load(str(folder)), str(folder))
    assert len(chosen.images) == chosen.trained_on == 50
    assert "gives no test part" in chosen.what
    assert (len(chosen.learn), len(chosen.test)) == (40, 10)


def test_a_single_mat_file_and_the_test_mat_beside_it(tmp_path):
    from dualport.common.data.export import export_mat

    for part, seed in (("train", 1), ("test", 2)):
        images = Dataset(strokes(seed, 12)[:, None], np.arange(12) % 10, part, part)
        export_mat(images, tmp_path / f"{part}.mat")
    (tmp_path / "other.mat").write_bytes((tmp_path / "train.mat").read_bytes())
    trained = data.load(str(tmp_path / "train.mat"))
    beside = held_out_set(VAE, trained, str(tmp_path / "train.mat"))
    assert (beside.verdict, beside.what) == ("held out", f"test.mat beside {tmp_path / 'train.mat'}")
    single = held_out_set(VAE, trained, str(tmp_path / "other.mat"))
    assert single.trained_on == 12
    assert "a single file" in single.what


@pytest.mark.parametrize(
    ("recipe", "labelled", "told"),
    [
        (CVAE, False, "holds no labels, which a conditional model needs"),
        (
            recipes.recipe("aistudio-vae", {"image": 32}),
            True,
            r"are \(1, 28, 28\), the run's model takes \(1, 32",
        ),
        (recipes.recipe("aistudio-cvae", {"classes": 5}), True, "is outside 0..4"),
    ],
)
def test_images_that_do_not_fit_the_model_are_refused(tmp_path, recipe, labelled, told):
    labels = np.arange(9) if labelled else None
    folder = write_idx(tmp_path / "data", "t10k", strokes(1, 9), labels)
    with pytest.raises(BadInput, match=told):
        held_out_set(recipe, data.load("digits"), "digits", source=str(folder))


def test_the_command_keeps_json_and_tells_lines(run, capsys):
    capsys.readouterr()
    assert main(["evaluate", run, "--device", "cpu"]) == 0
    text = capsys.readouterr().out
    kept = json.loads((Path(run) / "evaluation.json").read_text(encoding="utf8"))
    for words in (
        "aistudio-cvae in torch, epoch 1", "30 images, not all held out", "squared error on [-1, 1]", "nats",
        "of 2 latents", "class fidelity", "by requested label", "not computed: the decoder is not Bernoulli",
    ):  # fmt: skip
        assert words in text, words
    assert (kept["backend"], kept["epoch"], kept["data"]["trained_on"]) == ("torch", 1, 1)
    assert main(["evaluate", run, "--device", "cpu", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == kept


def test_the_other_framework_gives_the_same_numbers(run, tmp_path, capsys):
    found = []
    for backend in ("torch", "paddle"):
        words = ("--backend", backend, "--device", "cpu", "--images", "20", "--seed", "5")
        assert main(["evaluate", run, *words, "--out", str(tmp_path / f"{backend}.json")]) == 0
        found.append(json.loads((tmp_path / f"{backend}.json").read_text(encoding="utf8")))
    torch, paddle = (one["measures"] for one in found)
    assert (found[1]["backend"], found[1]["data"]["images"], found[1]["seed"]) == ("paddle", 20, 5)
    for name in ("reconstruction", "kl", "loss", "negative_elbo"):
        assert relative_error(paddle[name]["value"], torch[name]["value"]) <= bound("exchanged weights"), name
    assert paddle["active_units"]["value"] == torch["active_units"]["value"]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--samples", "0"), 2, "--samples must be at least 1"),
        (("--images", "-3"), 2, "--images must be at least 1"),
        (("--seed", "-1"), 2, "the seed must not be negative"),
        (("--device", "tpu"), 2, "there is no device 'tpu'"),
        (("--backend", "jax"), 2, "there is no backend 'jax'"),
        (("--data", "nowhere"), 2, "nowhere: no such file or folder"),
        (("--transposed",), 2, "--transposed is about the file that --data names"),
        (("--out", "."), 2, "is a folder; name a file in it"),
    ],
)
def test_bad_options_are_one_sentence_and_leave_nothing(run, capsys, words, code, told):
    kept = Path(run) / "evaluation.json"
    before = kept.read_bytes() if kept.exists() else None
    capsys.readouterr()
    assert main(["evaluate", run, *words]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert len(err.splitlines()) == 1
    assert (kept.read_bytes() if kept.exists() else None) == before


def test_a_folder_that_is_no_run(tmp_path, capsys):
    assert main(["evaluate", str(tmp_path)]) == 2
    assert "is not a run folder" in capsys.readouterr().err
