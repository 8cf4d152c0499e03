"""Entries of what changes the size of images: padding, interpolation, shuffles of pixels and channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..entry import Contrast, Entry, argument, entry, rounded, setting
from ..formula import Call, Variants
from ..proof import Proof, proved, proved_layer, real, unit
from ..windows import each, pad, reversed_lists

LINEAR = ("linear", "bilinear", "trilinear")
PAD_MODES = {"Constant": "constant", "Zero": "constant", "Reflection": "reflect", "Replication": "replicate",
             "Circular": "circular"}  # fmt: skip
IMAGE = real(2, 4, 4, 6)


def interpolate(x, size=None, scale_factor=None, mode="nearest", align_corners=False, align_mode: int = 0,
                recompute_scale_factor=False, antialias=False, corner_of_one=False, single=False):  # fmt: skip
    """Two rules that Paddle has and PyTorch has not.

    corner_of_one: a side of length 1 is the first element, not what lies in the middle. single: positions are told in
    float32, whatever the type of the values.
    """
    n, linear = x.ndim - 2, mode in LINEAR
    if antialias or not (linear or mode in ("nearest", "nearest-exact")):
        raise ValueError(mode)
    scales = [None] * n if scale_factor is None else [float(factor) for factor in np.broadcast_to(scale_factor, n)]
    sizes = each(size, n) if size is not None else [int(x.shape[2 + i] * scales[i]) for i in range(n)]
    for axis, (count, scale) in enumerate(zip(sizes, scales, strict=True), 2):
        old = x.shape[axis]
        step = 1 / scale if scale and size is None and not recompute_scale_factor else old / count
        step = (old - 1) / max(count - 1, 1) if align_corners else 0 if corner_of_one and count == 1 else step
        half = (mode == "nearest-exact" or (linear and not align_corners and align_mode == 0)) / 2
        where = np.maximum(_positions(count, step, half, single, mode, axis), 0)
        x = _resampled(x, axis, where if linear else where + half, linear, align_corners)
    return x


def _positions(count: int, step: float, half: float, single: bool, mode: str, axis: int) -> np.ndarray:
    """Positions of the new elements among the old ones. In float32 as Paddle's kernels round (measured on x86).

    With half pixels its "linear" stays in double precision, and the rows of "bilinear" fuse product and difference.
    """
    exact = (np.arange(count) + half) * (float(np.float32(step)) if single else step) - half
    if not single or (half and mode == "linear"):
        return exact
    if half and mode == "bilinear" and axis == 2:
        return exact.astype(np.float32)
    return (np.arange(count, dtype=np.float32) + np.float32(half)) * np.float32(step) - np.float32(half)


def _resampled(x: np.ndarray, axis: int, where: np.ndarray, linear: bool, rounded: bool) -> np.ndarray:
    """The elements at fractional positions along one axis: between two of them, or the one before or nearest."""
    last = x.shape[axis] - 1
    if not linear:
        where = (where + rounded / 2).astype(np.float32)
    below = np.minimum(np.floor(where).astype(int), last)
    if not linear:
        return np.take(x, below, axis)
    share = (where - below.astype(where.dtype)).reshape(-1, *(1,) * (x.ndim - 1 - axis))
    rest = (where.dtype.type(1) - share).astype(np.float64)
    return np.take(x, below, axis) * rest + np.take(x, np.minimum(below + 1, last), axis) * share


def _other_pads(call: Call) -> Variants:
    first = bool(call.settings.get("first_axis_first", False))
    words = "from the last axis to the first" if first else "from the first axis to the last"
    yield f"the list of pads {words}", call.told(first_axis_first=not first)
    for mode in ("constant", "reflect", "replicate", "circular"):
        yield f"mode {mode}", call.told(mode=mode)
    yield from reversed_lists(call, "padding")


def _differ(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    return a is not None and b is not None and not np.array_equal(a, b)


def _other_interpolations(call: Call) -> Variants:
    corners = bool(call.settings.get("align_corners", False))
    rules: dict[str, dict] = {f"align_corners {not corners}": {"align_corners": not corners}}
    if "linear" in str(call.settings.get("mode", "nearest")):
        rules |= {
            "align_mode 1 (positions that are not those of half pixels)": {"align_mode": 1, "align_corners": False},
            "align_mode 0 (positions of half pixels)": {"align_mode": 0, "align_corners": False},
            "the first element for a side of length 1": {"corner_of_one": True},
        }
        plain = call.output()
        others = {words: call.told(**told).output() for words, told in rules.items()}
        changing = [words for words, output in others.items() if _differ(output, plain)]
        rules |= {f"{words} and positions told in float32": rules[words] | {"single": True} for words in changing}
        rules["positions told in float32"] = {"single": True}
    for mode in ("nearest", "nearest-exact"):
        rules[f"mode {mode}"] = {"mode": mode, "align_corners": False}
    rules["the scale taken from the sizes"] = {"recompute_scale_factor": True}
    yield from ((words, call.told(**told)) for words, told in rules.items())


def _places_rounded(settings: Mapping, given: Sequence[int], made: Sequence[int]) -> bool:
    """Whether an interpolation falls on positions that Paddle, which has them in float32, cannot have exactly."""
    if str(settings.get("mode", "nearest")) in ("nearest", "area", "nearest-exact"):
        return False
    corners = int(bool(settings.get("align_corners")))
    for size, out in zip(given[2:], made[2:], strict=True):
        ratio = (size - corners) / max(1, out - corners)
        if rounded(ratio) != ratio or ratio * 2**12 != int(ratio * 2**12):
            return True
    return False


def _pixel_shuffle(x, upscale_factor: int):
    batch, whole, height, width = x.shape
    parts = x.reshape(batch, whole // upscale_factor**2, upscale_factor, upscale_factor, height, width)
    return parts.transpose(0, 1, 4, 2, 5, 3).reshape(batch, -1, height * upscale_factor, width * upscale_factor)


def _channel_shuffle(x, groups: int):
    return x.reshape(len(x), groups, -1, *x.shape[2:]).swapaxes(1, 2).reshape(x.shape)


def _layers(names: str, letter: str) -> str:
    return " ".join(f"nn.{name}{n}{letter}" for n in (1, 2, 3) for name in names.split())


ENTRIES: tuple[Entry, ...] = (
    entry("pad", f"{_layers('ConstantPad ZeroPad ReflectionPad ReplicationPad CircularPad', 'd')} F.pad",
          f"{_layers('Pad ZeroPad', 'D')} F.pad",
          (setting("padding", torch="padding pad", paddle="padding pad", kept="padding"),
           setting("mode", "constant", torch="mode", kept="- _mode", of_class=PAD_MODES),
           setting("value", paddle_default=0.0, kept="value", absent=0.0)),
          recorded="constant_pad_nd", formula=pad, exact=True, other_rules=_other_pads,
          differs=(Contrast("a list of two numbers an axis, all axes, mode constant", "starts at the last axis",
                            "starts at the first axis"),),
          proof=(Proof((IMAGE,), {"padding": [1, 2, 0, 3]}, {"value": 0.5}, {"value": 0.5, "mode": "constant"},
                       layer=True, names=("nn.ConstantPad2d", "nn.Pad2D"), formula=False),
                 *(proved(IMAGE, padding=[1, 2, 0, 3], mode=mode)
                   for mode in ("constant", "reflect", "replicate", "circular")))),
    entry("interpolate", "nn.Upsample nn.UpsamplingNearest2d nn.UpsamplingBilinear2d F.interpolate F.upsample",
          "nn.Upsample nn.UpsamplingNearest2D nn.UpsamplingBilinear2D F.interpolate F.upsample",
          (setting("size", None, kept="size"), setting("scale_factor", None, kept="scale_factor"),
           setting("mode", "nearest", kept="mode"),
           setting("align_corners", None, paddle_default=False, kept="align_corners"),
           argument("align_mode", 0, torch=""), argument("recompute_scale_factor", None)),
          formula=interpolate, by_example=True, inexact=_places_rounded, other_rules=_other_interpolations,
          differs=(Contrast("a side of length 1, linear", "the middle", "the first element"),
                   Contrast("align_mode=1", "no such grid", "places that are not those of half pixels"),
                   Contrast("places, linear", "exact", "in float32 in float64 too")),
          proof=(proved_layer(IMAGE, size=[8, 12]), proved(IMAGE, scale_factor=2.0, mode="bilinear"),
                 proved(IMAGE, size=[7, 11], mode="bilinear", align_corners=True),
                 proved(real(2, 3, 8), size=[4], mode="linear"))),
    entry("pixel_shuffle", "nn.PixelShuffle F.pixel_shuffle pixel_shuffle", "nn.PixelShuffle F.pixel_shuffle",
          (setting("upscale_factor", kept="upscale_factor _upscale_factor"),), formula=_pixel_shuffle, exact=True,
          proof=(proved_layer(IMAGE, upscale_factor=2), proved(IMAGE, upscale_factor=2))),
    entry("channel_shuffle", "nn.ChannelShuffle F.channel_shuffle channel_shuffle",
          "nn.ChannelShuffle F.channel_shuffle", (argument("groups"),), formula=_channel_shuffle, exact=True,
          proof=(proved_layer(IMAGE, groups=2), proved(IMAGE, groups=2))),
)  # fmt: skip


def _pixel_unshuffle(x, downscale_factor: int):
    batch, whole, height, width = x.shape
    by = downscale_factor
    parts = x.reshape(batch, whole, height // by, by, width // by, by)
    return parts.transpose(0, 1, 3, 5, 2, 4).reshape(batch, whole * by * by, height // by, width // by)


def _grid_axis(size: int, align_corners: bool) -> np.ndarray:
    return np.linspace(-1, 1, size) if align_corners else (2 * np.arange(size) + 1) / size - 1


def _affine_grid(theta, size, align_corners: bool = False):
    """theta · (x, y, 1) over a grid from −1 to 1"""
    rows, columns = np.meshgrid(*(_grid_axis(length, align_corners) for length in size[2:]), indexing="ij")
    return np.einsum("nij,hwj->nhwi", theta, np.stack([columns, rows, np.ones_like(rows)], -1))


def _grid_sample(x, grid, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool = False):
    """Bilinear between the four numbers around each place of the grid; 0 outside"""
    if mode != "bilinear" or padding_mode != "zeros":
        raise ValueError(f"{mode} {padding_mode}")
    places = [(grid[..., axis] + 1) / 2 * (size - 1) if align_corners else ((grid[..., axis] + 1) * size - 1) / 2
              for axis, size in enumerate(x.shape[:1:-1])]  # fmt: skip
    column, row = places
    made = 0.0
    for down in (0, 1):
        for right in (0, 1):
            i, j = (np.floor(coordinate).astype(int) + more for coordinate, more in ((row, down), (column, right)))
            inside = (i >= 0) & (i < x.shape[2]) & (j >= 0) & (j < x.shape[3])
            share = (1 - np.abs(row - i)) * (1 - np.abs(column - j)) * inside
            i, j = np.clip(i, 0, x.shape[2] - 1), np.clip(j, 0, x.shape[3] - 1)
            picked = np.stack([image[:, a, b] for image, a, b in zip(x, i, j, strict=True)])
            made = made + picked * share[:, None]
    return made


CORNERS = argument("align_corners", None, paddle_default=True)
CENTRES = Contrast("align_corners, when it is not given", "False", "True", "0.8 apart on images of random numbers")
ENTRIES += (
    entry("pixel_unshuffle", "nn.PixelUnshuffle F.pixel_unshuffle", "nn.PixelUnshuffle F.pixel_unshuffle",
          (setting("downscale_factor", kept="downscale_factor _downscale_factor"),), formula=_pixel_unshuffle,
          exact=True,
          proof=(proved_layer(real(2, 3, 4, 6), downscale_factor=2), proved(real(2, 3, 4, 6), downscale_factor=2))),
    entry("affine_grid", "F.affine_grid", "F.affine_grid", (argument("size", paddle="out_shape"), CORNERS),
          formula=_affine_grid, differs=(CENTRES,),
          proof=tuple(proved(real(2, 2, 3), size=[2, 3, 4, 5], align_corners=aligned) for aligned in (True, False))),
    entry("grid_sample", "F.grid_sample", "F.grid_sample",
          (argument("mode", "bilinear"), argument("padding_mode", "zeros"), CORNERS), formula=_grid_sample,
          given="all", ordered=True, differs=(CENTRES,),
          proof=(*(proved(real(2, 3, 4, 5), unit(2, 3, 6, 2), align_corners=aligned) for aligned in (True, False)),
                 Proof((real(2, 3, 4, 5), unit(2, 3, 6, 2)), {"padding_mode": "border", "align_corners": False},
                       formula=False))),
)  # fmt: skip
