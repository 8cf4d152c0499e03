"""What `data check` reports, the preview, and the command line of all three actions."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from dualport.common.data import Dataset, check, load, orientation, write_preview
from dualport.scripts.command_line import main
from PIL import Image


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Work in an empty folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_a_report_says_what_is_stored(mat, labels):
    report, data = check(str(mat()))
    image, label = report.variables
    assert (image.name, image.shape, image.dtype, image.low, image.high) == ("image", (30, 1, 28, 28), "float32", 0, 1)
    assert (label.name, label.shape, label.low, label.high) == ("label", (30, 10), 0, 1)
    assert report.images == len(data) == 30
    assert report.pixels == "uint8 grey levels"
    assert report.class_counts == dict.fromkeys(range(10), 3)
    assert report.mean == pytest.approx(data.scaled(0, 1).mean())
    assert report.problems == []


def test_problems_are_told(mat, images):
    def build(file):
        file["notes"] = "made in the spring"

    blank = np.zeros((30, 28, 28), np.float32)
    blank[0, 0, 0] = 1
    report, _ = check(str(mat(blank, np.full(30, 7.0), build)))
    told = "\n".join(report.problems)
    assert "notes" in told
    assert "0, 1, 2, 3, 4, 5, 6, 8, 9" in told
    assert "29 of the images are blank" in told
    assert "one image only" in "\n".join(check(str(mat(images[:1], np.array([4.0]))))[0].problems)


def test_orientation_of_digits():
    digits = load("digits")
    assert orientation(digits.images) == "upright"
    assert orientation(digits.images.swapaxes(2, 3)) == "on its side"
    assert orientation(digits.scaled(0, 1)) == "upright"
    assert orientation(np.full((3, 1, 28, 28), 255, np.uint8)) == "cannot be told"
    assert orientation(np.zeros((3, 1, 28, 28), np.uint8)) == "cannot be told"


def test_transposed_images_are_noticed_34(mat):
    digits = load("digits").subset(slice(0, 100))
    path = str(mat(digits.scaled(0, 1), digits.one_hot()))  # upright as h5py shows it: not as MATLAB writes it
    report, _ = check(path)
    assert report.orientation == "on its side"
    assert "try --transposed" in report.problems[0]
    report, data = check(path, transposed=True)
    assert report.orientation == "upright"
    assert not report.problems
    np.testing.assert_array_equal(data.images, digits.images)


@pytest.mark.mnist
def test_orientation_of_real_mnist(shared_data):
    for part in ("train", "test"):
        report, _ = check(str(shared_data / "mnist_mat"), part)
        assert report.orientation == "upright"
        assert not report.problems


def test_the_preview_shows_the_images_under_titles(tmp_path):
    digits = load("digits")
    write_preview(digits, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as opened:
        sheet = np.asarray(opened)
    assert sheet.shape == (6 + 5 * (56 + 16 + 6), 6 + 10 * (56 + 6))
    for index in (0, 9, 10, 49):  # where the tile is, and that its title has ink
        top, left = 6 + index // 10 * 78, 6 + index % 10 * 62
        tile = sheet[top + 16 : top + 72, left : left + 56]
        np.testing.assert_array_equal(tile[::2, ::2], digits.images[index, 0])
        assert sheet[top : top + 16, left : left + 56].min() < 128


def test_the_preview_takes_few_images_colour_and_no_labels(tmp_path):
    faces = Dataset(np.full((2, 3, 64, 64), 0.5, np.float32), None, "faces", "faces")
    write_preview(faces, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (6 + 10 * 134, 6 + 5 * 150)


def test_check_draws_here_and_says_so(mat, here, capsys):
    path = mat(name="train.mat")
    assert main(["data", "check", str(path)]) == 0
    out = capsys.readouterr().out
    assert "30×1×28×28" in out
    assert "train-preview.png" in out
    assert [file.name for file in here.iterdir()] == ["train-preview.png"]


def test_check_never_draws_into_the_sources_folder_unasked(mat, tmp_path, monkeypatch, capsys):
    path = mat(name="train.mat")
    monkeypatch.chdir(tmp_path)
    for source in ("train.mat", str(path), "."):
        assert main(["data", "check", source]) == 0
        assert "unasked" in capsys.readouterr().out
        assert [file.name for file in tmp_path.iterdir()] == ["train.mat"]
    assert main(["data", "check", "train.mat", "--preview", "asked.png"]) == 0
    assert (tmp_path / "asked.png").is_file()


def test_check_prints_json(mat, here, capsys):
    assert main(["data", "check", str(mat()), "--json", "--no-preview"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["images"] == 30
    assert report["variables"][0]["shape"] == [30, 1, 28, 28]
    assert report["preview"] is None
    assert not list(here.iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["check", "absent.mat"], 2, "no such file"),
        (["check", "bad.mat"], 2, "text file"),
        (["check", "digits", "--preview", "none/here.png"], 2, "does not exist"),
        (["check", "digits", "--preview", "a.png", "--no-preview"], 2, "contradict"),
        (["export", "out", "--from", "bad.mat"], 2, "text file"),
        (["export", "bad.mat", "--from", "digits"], 2, "a file stands"),
        (["export", "out"], 2, "--from"),
        (["fetch", "cifar"], 2, "mnist"),
        (["fetch", "mnist", "--mirror", "http://plain.example"], 2, "not an https address"),
        ([], 2, "ACTION"),
    ],
)
def test_refusals_are_one_sentence_and_leave_nothing(here, capsys, arguments, code, words):
    (here / "bad.mat").write_text("not data")
    assert main(["data", *arguments]) == code
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.err.count("\n") == 1
    assert [file.name for file in here.iterdir()] == ["bad.mat"]


def test_one_based_labels_through_the_command_33(mat, here, capsys):
    path = str(mat(label=np.arange(30.0) % 10 + 1))
    assert main(["data", "check", path]) == 2
    assert "--labels ten-is-zero" in capsys.readouterr().err
    assert main(["data", "check", path, "--labels", "shifted"]) == 0
    assert "labels: 0: 3" in capsys.readouterr().out


def test_export_writes_both_parts(here, capsys):
    assert main(["data", "export", "deep/out", "--from", "digits"]) == 0
    assert "1,797 images" in capsys.readouterr().out
    for part, count in (("train", 1797), ("test", 359)):
        assert load("deep/out", part).sha256 == load("digits", part).sha256
        assert len(load(f"deep/out/mnist_mat/{part}.mat")) == count


def test_export_of_a_single_file_is_train_mat(mat, here):
    assert main(["data", "export", "out", "--from", str(mat())]) == 0
    assert [file.name for file in (here / "out" / "mnist_mat").iterdir()] == ["train.mat"]


def test_help_imports_nothing_heavy_and_reading_no_framework():
    code = """
import sys
from dualport.scripts.command_line import main
try:
    main(["data", "check", "--help"])
except SystemExit:
    pass
assert not {"numpy", "h5py", "sklearn", "pooch"} & set(sys.modules)
main(["data", "check", "digits", "--no-preview"])
assert not {"torch", "paddle", "matplotlib"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
