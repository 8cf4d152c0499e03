"""GIFs: number of frames, times, looping, captions."""

from __future__ import annotations

import numpy as np
import pytest
from dualport.common.drawing import save_gif, save_png
from dualport.common.errors import BadInput
from PIL import Image


def frame(value: int, shape=(20, 30)) -> np.ndarray:
    return np.full(shape, value, np.uint8)


def frames_of(path) -> tuple[list[np.ndarray], list[int], int | None]:
    """Frames as RGB, their milliseconds, and the loop count (0 is endless)."""
    with Image.open(path) as file:
        arrays, times = [], []
        for index in range(file.n_frames):
            file.seek(index)
            arrays.append(np.asarray(file.convert("RGB")))
            times.append(file.info["duration"])
        return arrays, times, file.info.get("loop")


def test_frames_loop_endlessly_and_the_last_is_held(tmp_path):
    path = save_gif(tmp_path / "a.gif", [frame(v) for v in (0, 80, 255)], 100)
    arrays, times, loop = frames_of(path)
    assert [int(array[0, 0, 0]) for array in arrays] == [0, 80, 255]
    assert times == [100, 100, 400]
    assert loop == 0


def test_the_time_of_the_last_frame_can_be_chosen(tmp_path):
    _, times, _ = frames_of(save_gif(tmp_path / "a.gif", [frame(0), frame(9)], 50, last_milliseconds=50))
    assert times == [50, 50]


def test_files_and_arrays_and_colour(tmp_path):
    red = np.zeros((20, 30, 3), np.uint8)
    red[..., 0] = 255
    save_png(tmp_path / "a.png", red)
    arrays, _, _ = frames_of(save_gif(tmp_path / "a.gif", [tmp_path / "a.png", red[..., ::-1]], 100))
    assert arrays[0][0, 0].tolist() == [255, 0, 0]
    assert arrays[1][0, 0].tolist() == [0, 0, 255]


def test_what_is_transparent_becomes_white(tmp_path):
    Image.new("RGBA", (30, 20), (0, 0, 0, 0)).save(tmp_path / "a.png")
    arrays, _, _ = frames_of(save_gif(tmp_path / "a.gif", [tmp_path / "a.png"], 100))
    assert (arrays[0] == 255).all()


def test_captions_stand_in_a_strip_above(tmp_path):
    path = save_gif(tmp_path / "a.gif", [frame(0, (20, 200))] * 2, 100, ["epoch 1", "epoch 2"])
    arrays, _, _ = frames_of(path)
    assert len(arrays) == 2  # the same picture twice, but not the same caption
    assert arrays[0].shape[0] > 20
    assert arrays[0].shape[1] == 200
    strip = arrays[0][:-20]
    assert (strip[0] == 255).all()
    assert (strip < 100).any()
    assert (arrays[0][-20:] == 0).all()


def test_a_long_caption_widens_the_picture_instead_of_being_cut(tmp_path):
    path = save_gif(tmp_path / "a.gif", [frame(0)], 100, ["a caption wider than its picture"])
    array = frames_of(path)[0][0]
    assert array.shape[1] > 200
    assert (array[:, :4] == 255).all()
    assert (array[:, -4:] == 255).all()


@pytest.mark.parametrize(
    ("frames", "milliseconds", "captions", "reason"),
    [
        ([], 100, None, "one frame at least"),
        ([frame(0)], 5, None, "too short"),
        ([frame(0)], 100, ["a", "b"], "2 captions for 1 frames"),
        ([frame(0), frame(0, (5, 5))], 100, None, "different sizes"),
        (["nowhere.png"], 100, None, "nowhere.png"),
    ],
)
def test_save_gif_refuses_and_leaves_nothing(tmp_path, frames, milliseconds, captions, reason):
    with pytest.raises(BadInput, match=reason):
        save_gif(tmp_path / "a.gif", frames, milliseconds, captions)
    assert not list(tmp_path.iterdir())
