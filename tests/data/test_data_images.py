"""A folder of images: order, centre crop, resize, every kind of picture, and what is refused."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from dualport.common.data import Dataset, load
from dualport.common.errors import BadInput
from PIL import Image

RED, GREEN, BLUE, WHITE = (250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 250)


@pytest.fixture
def pictures(tmp_path):
    """Write Pillow images, given by file name, into a folder."""

    def write(**named) -> Path:
        folder = tmp_path / "pictures"
        folder.mkdir(exist_ok=True)
        for name, picture in named.items():
            stem, _, ending = name.rpartition("_")
            picture.save(folder / f"{stem}.{ending}")
        return folder

    return write


def plain(colour, size=(20, 20), mode="RGB") -> Image.Image:
    return Image.new(mode, size, colour)


def quadrants(width: int, height: int, border: int = 0) -> Image.Image:
    """Red and green over blue and white, inside a black border."""
    pixels = np.zeros((height, width, 3), np.uint8)
    inner = pixels[border : height - border, border : width - border]
    top, left = inner.shape[0] // 2, inner.shape[1] // 2
    inner[:top, :left], inner[:top, left:], inner[top:, :left], inner[top:, left:] = RED, GREEN, BLUE, WHITE
    return Image.fromarray(pixels)


def test_images_come_in_sorted_order_whatever_the_ending(pictures):
    folder = pictures(b_png=plain(GREEN), a_bmp=plain(RED), c10_webp=plain(BLUE), c9_png=plain(WHITE))
    data = load(str(folder), image_shape=(3, 8, 8))
    assert data.images.shape == (4, 3, 8, 8)
    assert data.images.dtype == np.uint8
    assert np.abs(data.images[:, :, 4, 4].astype(int) - [RED, GREEN, BLUE, WHITE]).max() <= 3  # webp is lossy
    assert (data.labels, data.name, data.source) == (None, "pictures", str(folder))


def test_the_centre_is_kept_and_resized(pictures):
    folder = pictures(a_png=quadrants(178, 218))  # CelebA's size
    image = load(str(folder), image_shape=(3, 64, 64), crop=168).images[0]
    corners = [image[:, y, x].tolist() for y in (0, 63) for x in (0, 63)]
    assert corners == [list(RED), list(GREEN), list(BLUE), list(WHITE)]
    assert image[:, 31, 31].tolist() != image[:, 32, 32].tolist()  # the middle of the picture is the middle here


def test_crop_cuts_exactly_the_border(pictures):
    folder = str(pictures(a_png=quadrants(50, 50, border=5)))
    assert load(folder, image_shape=(3, 40, 40), crop=40).images[0].max(0).min() == 250  # no black is left
    around = load(folder, image_shape=(3, 42, 42), crop=42).images[0].max(0)
    assert around[0].max() == around[-1].max() == around[:, 0].max() == around[:, -1].max() == 0
    assert around[1:-1, 1:-1].min() == 250


def test_pixels_are_those_of_torchvisions_steps(pictures):
    """CenterCrop (its rounding, for odd margins too) and Resize on Pillow images, written out."""
    noise = np.random.default_rng(3).integers(0, 256, (61, 50, 3)).astype(np.uint8)
    folder = pictures(a_png=Image.fromarray(noise))
    for crop in (40, 41, 43):
        top, left = int(round((61 - crop) / 2.0)), int(round((50 - crop) / 2.0))  # noqa: RUF046, as torchvision has it
        cut = Image.fromarray(noise[top : top + crop, left : left + crop])
        wanted = np.asarray(cut.resize((16, 16), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
        image = load(str(folder), image_shape=(3, 16, 16), crop=crop).images[0]
        np.testing.assert_array_equal(image, wanted, strict=True)


@pytest.mark.parametrize("crop", [None, 500])
def test_without_a_crop_or_for_small_pictures_the_largest_window_is_taken(pictures, crop):
    wide, high = quadrants(60, 20), quadrants(20, 60)
    data = load(str(pictures(a_png=wide, b_png=high)), image_shape=(3, 20, 20), crop=crop)
    np.testing.assert_array_equal(data.images[0].transpose(1, 2, 0), np.asarray(wide)[:, 20:40])
    np.testing.assert_array_equal(data.images[1].transpose(1, 2, 0), np.asarray(high)[20:40])
    oblong = load(str(pictures()), image_shape=(3, 10, 30), crop=crop).images
    assert oblong[0, :, 0, 0].tolist() == list(RED)
    assert oblong.shape == (2, 3, 10, 30)


def test_every_kind_of_picture_gives_its_colour(pictures):
    paletted, clear = plain(GREEN).quantize(4), plain(GREEN).quantize(4)
    clear.info["transparency"] = b"\x80\x00\xff\xff"
    sixteen = Image.fromarray(np.full((20, 20), 200 * 257, np.uint16))
    folder = pictures(
        a_png=plain(200, mode="L"), b_png=plain((*RED, 0), mode="RGBA"), c_png=paletted, d_png=clear, e_png=sixteen,
        f_png=plain(1, mode="1"), g_png=plain((90, 7), mode="LA"), h_jpg=plain((0, 0, 0, 55), mode="CMYK"),
    )  # fmt: skip
    colours = load(str(folder), image_shape=(3, 4, 4)).images[:, :, 0, 0]
    wanted = [(200,) * 3, RED, GREEN, GREEN, (200,) * 3, (255,) * 3, (90,) * 3, (200,) * 3]
    assert np.abs(colours.astype(int) - wanted).max() <= 2  # jpeg is lossy
    greys = load(str(folder), image_shape=(1, 4, 4)).images
    assert greys.shape == (8, 1, 4, 4)
    assert np.abs(greys[:, 0, 0, 0].astype(int) - [200, 75, 147, 147, 200, 255, 90, 200]).max() <= 2


def test_a_single_image_file_is_refused_with_what_to_name(pictures, refused):
    refused(pictures(a_png=plain(RED)) / "a.png", "is a single image; name the folder")


def test_one_image_and_the_test_part(pictures):
    folder = pictures(a_png=plain(RED))
    assert load(str(folder)).images.shape == (1, 3, 64, 64)
    assert len(load(str(folder), "test")) == 1
    folder = pictures(**{f"{letter}_png": plain(RED) for letter in "abcdefg"})
    assert len(load(str(folder), "test")) == 2


def test_other_sources_ignore_the_shape():
    assert load("digits", image_shape=(3, 64, 64), crop=5).images.shape == (1797, 1, 28, 28)


def test_links_are_followed_and_a_broken_one_is_refused(pictures, tmp_path, refused):
    folder = pictures(a_png=plain(RED))
    plain(GREEN).save(tmp_path / "elsewhere.png")
    (folder / "b.png").symlink_to(tmp_path / "elsewhere.png")
    assert load(str(folder)).images[1, :, 0, 0].tolist() == list(GREEN)
    (tmp_path / "elsewhere.png").unlink()
    refused(folder, "'b.png' is a link to nothing")


def test_a_link_to_a_secret_gives_none_of_it_away(pictures, tmp_path, refused):
    folder = pictures(a_png=plain(RED))
    (tmp_path / "secret").write_text("the password is swordfish")
    (folder / "b.png").symlink_to(tmp_path / "secret")
    assert "swordfish" not in refused(folder, "'b.png' is no PNG, JPEG, BMP or WebP picture")


def test_a_pipe_named_as_a_picture_does_not_hang(pictures):
    folder = pictures(a_png=plain(RED))
    os.mkfifo(folder / "b.png")
    assert len(load(str(folder))) == 1


def test_the_content_counts_not_the_ending(pictures):
    folder = pictures(a_png=plain(RED))
    (folder / "a.png").rename(folder / "a.jpg")
    assert load(str(folder)).images[0, :, 0, 0].tolist() == list(RED)


def png_claiming(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1 << 20))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "'m.png' is empty"),
        (b"plain text", "is no PNG, JPEG, BMP or WebP picture"),
        (b"GIF89a" + bytes(100), "is no PNG, JPEG"),
        (png_claiming(10_000, 9_000), "claims more than 89,478,485 pixels"),
        (png_claiming(60_000, 60_000), "claims more than 89,478,485 pixels"),
        (png_claiming(900, 900), "cannot be decoded"),
        ("cut", "cannot be decoded"),
    ],
    ids=["empty", "text", "gif", "bomb", "great bomb", "short", "cut"],
)
def test_bad_pictures_are_named_and_nothing_is_kept(pictures, refused, cache, content, words):
    folder = pictures(a_png=plain(RED), m_png=quadrants(40, 40), z_png=plain(BLUE))
    good = (folder / "m.png").read_bytes()
    (folder / "m.png").write_bytes(good[:-30] if content == "cut" else content)
    refused(folder, words, "'m.png'", "remove it")
    assert not [file for file in cache.rglob("*") if file.is_file()]


def test_many_bad_pictures_are_one_sentence(pictures, refused):
    folder = pictures(a_png=plain(RED))
    for number in range(9):
        (folder / f"b{number}.png").touch()
    refused(folder, "'b0.png' is empty", "'b2.png' is empty", "and 6 more")


def test_folders_without_images_are_refused_39(tmp_path, refused, pictures):
    folder = tmp_path / "empty"
    folder.mkdir()
    refused(folder, "no images (it is empty)")
    (folder / "notes.txt").touch()
    (folder / "._a.jpg").touch()
    refused(folder, "no images (it holds ._a.jpg, notes.txt)")
    pictures(a_png=plain(RED)).rename(folder / "faces")
    refused(folder, "its folder 'faces' does; name")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"image_shape": (2, 64, 64)}, "1 or 3 channels, not to 2×64×64"),
        ({"image_shape": (3, 64)}, "not to 3×64"),
        ({"image_shape": (3, 0, 64)}, "choose sides from 1"),
        ({"image_shape": (3, 64, 9999)}, "choose sides from 1 to 4096"),
        ({"crop": 0}, "crop is 0"),
        ({"transposed": True}, "leave out such options"),
        ({"label_meaning": "shifted"}, "leave out such options"),
    ],
)
def test_what_cannot_be_made_is_refused(pictures, refused, options, words):
    refused(pictures(a_png=plain(RED)), words, **options)


def test_photos_are_the_same_pixels_everywhere():
    photos = load("photos", image_shape=(3, 64, 64), crop=168)
    assert photos.images.shape == (1050, 3, 64, 64)
    assert (photos.labels, photos.name) == (None, "photos")
    assert photos.sha256 == "886f1bfd874c175b7facd49b5d8b6fc1a5208e5bfca8f31b979eb7af98127bd1"
    np.testing.assert_array_equal(load("photos", "test").images, photos.images[::5], strict=True)
    assert photos.images.std() > 60, "both photographs are rich in contrast"


def test_photos_come_in_any_shape_and_are_windows_of_the_photographs():
    from sklearn.datasets import load_sample_images

    photographs = load_sample_images().images
    exact = load("photos", image_shape=(3, 96, 96)).images.transpose(0, 2, 3, 1)
    assert any((exact == photograph[-96:, -96:]).all((1, 2, 3)).any() for photograph in photographs)
    assert load("photos", image_shape=(1, 8, 12)).images.shape == (1050, 1, 8, 12)
    with pytest.raises(BadInput, match="photos: pictures are brought to"):
        load("photos", image_shape=(4, 8, 8))
    with pytest.raises(BadInput, match="give such options with a file only"):
        load("photos", transposed=True)


def test_rows_scale_as_the_whole_does():
    photos = load("photos", image_shape=(3, 8, 8))
    assert photos.nbytes_scaled == photos.scaled().nbytes == 1050 * 3 * 64 * 4
    rows = np.array([7, 1049, 7, 0])
    fractions = Dataset(photos.scaled(), None, "fractions", "a test")
    for low, high in ((0, 1), (-1, 1)):
        whole = photos.scaled(low, high)
        for data in (photos, fractions):
            np.testing.assert_array_equal(data.scaled_rows(rows, low, high), whole[rows], strict=True)
            np.testing.assert_array_equal(data.scaled_rows(slice(3, 9), low, high), whole[3:9], strict=True)
    with pytest.raises(BadInput, match="holds 1050 images"):
        photos.scaled_rows([1050])
    assert photos.scaled_rows([]).shape == (0, 3, 8, 8)
