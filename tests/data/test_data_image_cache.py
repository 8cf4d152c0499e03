"""The cache of a decoded folder of images: when it is used, when not, what an interruption leaves, and its cost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from dualport.common.atomic import TEMPORARY_PREFIX
from dualport.common.data import Dataset, check, load
from dualport.common.data.formats import image_folder as image_folder
from dualport.common.errors import BadInput, EnvironmentFailed
from dualport.scripts.command_line import main
from PIL import Image

SHAPE = (3, 16, 16)


@pytest.fixture
def faces(tmp_path) -> Path:
    """Five PNG files of noise, each with another brightness."""
    folder, draw = tmp_path / "faces", np.random.default_rng(2)
    folder.mkdir()
    for index in range(5):
        save(folder / f"{index}.png", draw.integers(0, 50 * index + 20, (24, 20, 3)))
    return folder


def save(path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def kept(cache: Path) -> list[Path]:
    return sorted(file for file in cache.rglob("*") if file.is_file())


@pytest.fixture
def no_decoding(monkeypatch):
    def stop():
        def refuse(*_):
            raise AssertionError("a picture was decoded although the cache holds it")

        monkeypatch.setattr(image_folder, "read_picture", refuse)

    return stop


def test_a_second_reading_decodes_nothing(faces, cache, no_decoding):
    first = load(str(faces), image_shape=SHAPE, crop=20)
    assert isinstance(first.images, np.memmap)
    assert not first.images.flags.writeable
    assert len(kept(cache)) == 1
    no_decoding()
    again = load(str(faces), image_shape=SHAPE, crop=20)
    np.testing.assert_array_equal(again.images, first.images, strict=True)
    assert load(f"{faces.parent}/./faces/", image_shape=list(SHAPE), crop=np.int64(20)).sha256 == first.sha256
    (faces / "notes.txt").touch()
    assert load(str(faces), image_shape=SHAPE, crop=20).sha256 == first.sha256


def test_another_shape_or_crop_is_kept_beside_it(faces, cache):
    hashes = {
        load(str(faces), image_shape=shape, crop=crop).sha256 for shape in (SHAPE, (1, 16, 16)) for crop in (9, 12)
    }
    assert len(hashes) == len(kept(cache)) == 4


def test_a_change_of_time_size_or_names_is_noticed(faces, cache):
    hashes = [load(str(faces), image_shape=SHAPE).sha256]

    def changed() -> None:
        hashes.append(load(str(faces), image_shape=SHAPE).sha256)
        assert len(kept(cache)) == 1, "what was made from the older state is removed"

    about = (faces / "4.png").stat()
    with (faces / "4.png").open("r+b") as file:  # the same size
        content = (faces / "3.png").read_bytes()
        file.write(content.ljust(about.st_size, b"\0"))
    os.utime(faces / "4.png", ns=(about.st_atime_ns, about.st_mtime_ns + 1))
    changed()
    (faces / "0.png").rename(faces / "9.png")
    changed()
    save(faces / "6.png", np.zeros((30, 30, 3)))
    changed()
    assert len(set(hashes)) == 4


def test_an_interruption_leaves_nothing(faces, cache, monkeypatch):
    def stop(path, *rest):
        if path.name == "3.png":
            raise KeyboardInterrupt
        return decode(path, *rest)

    decode = image_folder.read_picture
    monkeypatch.setattr(image_folder, "read_picture", stop)
    monkeypatch.setattr(image_folder, "MOST_AT_ONCE", 1)
    with pytest.raises(KeyboardInterrupt):
        load(str(faces), image_shape=SHAPE)
    assert kept(cache) == []
    monkeypatch.setattr(image_folder, "read_picture", decode)
    assert len(load(str(faces), image_shape=SHAPE)) == 5


def test_litter_of_a_killed_writer_is_removed_once_it_is_old(faces, cache):
    (cache / "images").mkdir()
    old, fresh = (cache / "images" / f"{TEMPORARY_PREFIX}{name}.npy" for name in ("old", "fresh"))
    for litter in (old, fresh):
        litter.touch()
    os.utime(old, (time.time() - 90_000,) * 2)
    load(str(faces), image_shape=SHAPE)
    assert (old.exists(), fresh.exists()) == (False, True)


@pytest.mark.parametrize("damage", [b"", b"not an array", "cut", "pickled"])
def test_a_damaged_cache_is_made_again(faces, cache, damage):
    good = load(str(faces), image_shape=SHAPE).sha256
    (file,) = kept(cache)
    content = file.read_bytes()
    if damage == "pickled":
        np.save(file, np.array([{}]), allow_pickle=True)
    else:
        file.write_bytes(content[:-100] if damage == "cut" else damage)
    assert load(str(faces), image_shape=SHAPE).sha256 == good
    assert kept(cache) == [file]
    assert file.read_bytes() == content


def test_a_cache_without_room_or_right_is_the_environments_fault(faces, tmp_path, monkeypatch):
    monkeypatch.setenv("DUALPORT_CACHE", str(faces / "0.png"))
    with pytest.raises(EnvironmentFailed, match=r"cannot be made \(Not a directory\).*DUALPORT_CACHE"):
        load(str(faces))
    monkeypatch.setenv("DUALPORT_CACHE", str(tmp_path / "small"))
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(free=1000))
    with pytest.raises(EnvironmentFailed, match="0 MB are needed for the decoded images"):
        load(str(faces))
    assert kept(tmp_path / "small") == []


def test_a_disk_that_fills_up_on_the_way_leaves_nothing(faces, cache):
    code = """
import resource, sys
from dualport.common.data import load
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
load(sys.argv[1], image_shape=(3, 64, 64))
"""
    done = subprocess.run([sys.executable, "-c", code, str(faces)], capture_output=True, text=True, check=False)
    last = done.stderr.splitlines()[-1]
    assert "EnvironmentFailed" in last
    assert "the cache cannot be written (File too large); free space, or name another folder" in last
    assert kept(cache) == []


def test_progress_counts_to_the_end(faces, monkeypatch):
    monkeypatch.setattr(image_folder, "MOST_AT_ONCE", 2)
    told = []
    load(str(faces), image_shape=SHAPE, progress=lambda *counts: told.append(counts))
    assert told == [(2, 5), (4, 5), (5, 5)]


def test_a_map_hashes_scales_and_picks_as_an_array_does(faces):
    mapped = load(str(faces), image_shape=SHAPE)
    plain = Dataset(np.array(mapped.images), None, "plain", "a test")
    assert mapped.sha256 == plain.sha256
    np.testing.assert_array_equal(mapped.scaled(-1, 1), plain.scaled(-1, 1), strict=True)
    np.testing.assert_array_equal(mapped.scaled_rows([4, 0]), plain.scaled()[[4, 0]], strict=True)
    for picked in (mapped.subset([3, 1]), mapped.subset(slice(1, 3))):
        picked.images[:] = 0  # a subset is the caller's own
    assert load(str(faces), "test", image_shape=SHAPE).sha256 == plain.subset([0]).sha256


def test_memory_does_not_grow_with_the_folder(tmp_path):
    """300 images that decode to 144 MB: decoded, kept and picked from by rows in less than half of that."""
    folder = tmp_path / "many"
    folder.mkdir()
    save(folder / "000.png", np.full((400, 400, 3), 7))
    for index in range(1, 300):
        (folder / f"{index:03}.png").hardlink_to(folder / "000.png")
    code = """
import sys
from pathlib import Path
from dualport.common.data import load
def peak_mb():  # not getrusage's maximum: a child inherits its parent's
    return next(int(line.split()[1]) for line in Path("/proc/self/status").open() if line.startswith("VmHWM")) / 1024
load(sys.argv[1], image_shape=(3, 4, 4))  # everything is imported
before = peak_mb()
data = load(sys.argv[1], image_shape=(3, 400, 400))
assert data.images.shape == (300, 3, 400, 400) and data.nbytes_scaled == 576_000_000
print(data.scaled_rows([0, 299]).mean(), peak_mb() - before)
"""
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    mean, grown_mb = map(float, done.stdout.split())
    assert mean == pytest.approx(7 / 255)
    assert grown_mb < 72


def test_check_tells_of_the_folder_and_what_is_not_read(faces, tmp_path, monkeypatch, capsys):
    for name in ("notes.txt", ".hidden.png"):
        (faces / name).touch()
    (faces / "below").mkdir()
    report, data = check(str(faces), image_shape=SHAPE)
    assert report.variables[0].shape == data.images.shape == (5, *SHAPE)
    assert report.problems[0].endswith("itself: '.hidden.png', 'below', 'notes.txt'")
    assert (report.pixels, report.orientation, report.class_counts) == ("uint8 colour levels", "cannot be told", None)
    monkeypatch.chdir(tmp_path)
    assert main(["data", "check", "faces", "--size", "32", "--crop", "20"]) == 0
    out = capsys.readouterr().out
    assert "5×3×32×32" in out
    assert "the first 5 images under their numbers" in out
    with Image.open("faces-preview.png") as sheet:
        assert sheet.mode == "RGB"
        tile = np.asarray(sheet)[22:86:2, 6:70:2]
    np.testing.assert_array_equal(tile, load("faces", image_shape=(3, 32, 32), crop=20).images[0].transpose(1, 2, 0))


def test_check_of_photos_and_of_a_folder_from_within(faces, monkeypatch, capsys):
    monkeypatch.chdir(faces)
    assert main(["data", "check", "photos", "--grey", "--json", "--no-preview"]) == 0
    assert json.loads(capsys.readouterr().out)["variables"][0]["shape"] == [1050, 1, 64, 64]
    assert main(["data", "check", "."]) == 0  # a preview here would become part of the data
    assert "unasked" in capsys.readouterr().out
    assert len(list(faces.iterdir())) == 5


def test_images_can_be_exported_for_the_notebook(faces, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["data", "export", "out", "--from", "faces"]) == 0
    np.testing.assert_array_equal(load("out").images, load("faces", image_shape=(1, 28, 28)).images, strict=True)


def test_bad_options_are_one_sentence(faces, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for arguments, words in (
        (["--size", "0"], "choose sides"),
        (["--crop", "0"], "crop is 0"),
        (["--transposed"], "leave out"),
    ):
        assert main(["data", "check", "faces", *arguments]) == 2
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1
    with pytest.raises(BadInput, match="choose one of"):
        load("faces", "validation")
