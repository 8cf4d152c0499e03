"""The options that the commands share which run a recipe of the kit, and what their words mean."""

from __future__ import annotations

import argparse

DEVICES = ("cpu", "cuda")


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """What `train` and `reproduce` are told of a training."""
    parser.add_argument(
        "--data",
        metavar="SOURCE",
        help="digits or photos (embedded), mnist, or a path: .mat v7.3, the notebook's zip, a folder of idx files or "
        "of images (default: the recipe's own)",
    )
    parser.add_argument("--epochs", type=int, metavar="N", help="default: as published")
    parser.add_argument("--batch-size", type=int, metavar="N", help="default: as published")
    add_device(parser)
    parser.add_argument(
        "--start",
        nargs="+",
        default=[],
        metavar="FILE",
        help="begin from these weight files, one a part, and the .pdopt beside a .pdparams, instead of fresh weights",
    )
    add_settings(parser)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """What of a recipe, its data and its random numbers can be changed, for `validate` too."""
    parser.add_argument("--transposed", action="store_true", help="the data file holds its images with H and W swapped")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of weights, order and noise (default: 1)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a size or a setting; may be repeated"
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Where one framework runs; `check_device` says what is wrong with the word."""
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda", help="default: a GPU where there is one")


def check_device(text: str) -> None:
    """Raises `BadInput` for a word that `--device` does not know."""
    from dualport.common.errors import choose

    choose(text, ("auto", *DEVICES), "device")


def devices_of(text: str) -> dict[str, str]:
    """`cuda`, or `torch=cuda,paddle=cpu` → the device of each backend.

    Raises:
        BadInput: neither form, an unknown backend or device, or a backend without a device.
    """
    from dualport.backends import NAMES
    from dualport.common.errors import BadInput, choose

    if "=" not in text:
        return dict.fromkeys(NAMES, choose(text, DEVICES, "device"))
    pairs = [pair.partition("=")[::2] for pair in text.split(",")]
    devices = {
        choose(name.strip(), NAMES, "backend"): choose(where.strip(), DEVICES, "device") for name, where in pairs
    }
    if len(devices) != len(NAMES) or len(pairs) != len(NAMES):
        raise BadInput(f"--device {text}: give one device for each, as in torch=cuda,paddle=cpu")
    return devices


def precisions_of(texts: list[str], devices: dict[str, str]) -> tuple[str, ...]:
    """`["tf32,bfloat16", "float16"]` → the precisions, each once.

    Raises:
        BadInput: an unknown one, or TF32 where nothing runs on CUDA.
    """
    from dualport.common.compare.ladder import PRECISIONS
    from dualport.common.errors import BadInput, choose

    wanted = [choose(name.strip(), PRECISIONS, "precision") for text in texts for name in text.split(",")]
    if "tf32" in wanted and "cuda" not in devices.values():
        raise BadInput("--precision tf32: TF32 exists on CUDA only")
    return tuple(dict.fromkeys(wanted)) or PRECISIONS[:1]
