"""Packages of the index whose models are compared, imported without what they need only elsewhere."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path


def found(*names: str) -> bool:
    """Whether packages are installed, without importing them."""
    return all(importlib.util.find_spec(name) is not None for name in names)


def with_torchvision() -> None:
    """Let torchvision be imported where its compiled operations do not load: its models need none of them."""
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for operation in ("nms", "qnms"):  # what the package registers shapes of while it is imported
            library.define(f"{operation}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        with_torchvision.library = library  # it unregisters them when it is collected


def paddleclas_backbones() -> types.ModuleType:
    """PaddleClas' networks. Its front door wants OpenCV and a downloader, which they do not."""
    if "paddleclas" not in sys.modules:
        spec = importlib.util.find_spec("paddleclas")
        package = types.ModuleType("paddleclas")
        package.__path__, package.__spec__ = [str(Path(str(spec.origin)).parent)], spec
        sys.modules["paddleclas"] = package
        importlib.import_module("paddleclas.ppcls.utils.logger").init_logger()
    return importlib.import_module("paddleclas.ppcls.arch.backbone")
