"""Pairs of models that nobody here wrote: for each how to make both, what to feed, and what is true of them.

A pair is the same system, or differs for a reason that is known; then the verdict or an explanation has to name it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from packages import paddleclas_backbones, with_torchvision

CLASSES = 10


@dataclass(frozen=True)
class Pair:
    """Two models.

    Attributes:
        needs: packages. make: gives the Paddle and the PyTorch model. inputs: as the command line has them.
        differs: nothing of a pair that is the same; else a pattern for each cause, all of which must be named.
        options: further arguments of `align`.
    """

    name: str
    needs: tuple[str, ...]
    make: Callable[[], tuple[Any, Any]]
    inputs: Any = "2,3,64,64"
    differs: tuple[str, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()


def _vision(name: str, paddles: dict | None = None, torchs: dict | None = None) -> Callable[[], tuple[Any, Any]]:
    def make() -> tuple[Any, Any]:
        import paddle

        with_torchvision()
        import torchvision

        other = getattr(torchvision.models, name)(weights=None, num_classes=CLASSES, **(torchs or {}))
        return getattr(paddle.vision.models, name.removesuffix("_bn"))(num_classes=CLASSES, **(paddles or {})), other

    return make


def _clas(name: str, timms: str, paddles: dict | None = None, **options: Any) -> Callable[[], tuple[Any, Any]]:
    def make() -> tuple[Any, Any]:
        with_torchvision()
        import timm

        ours = getattr(paddleclas_backbones(), name)(class_num=CLASSES, **(paddles or {}))
        return ours, timm.create_model(timms, num_classes=CLASSES, **options)

    return make


def _bert(attention: str) -> Callable[[], tuple[Any, Any]]:
    def make() -> tuple[Any, Any]:
        from networks import PaddleBert, TorchBert

        return PaddleBert(), TorchBert(attention)

    return make


def _gpt2() -> tuple[Any, Any]:
    from networks import PaddleBlock, TorchBlock

    return PaddleBlock(), TorchBlock()


def _lpips() -> tuple[Any, Any]:
    with_torchvision()
    import lpips
    import paddle_lpips

    made = {"net": "alex", "pretrained": False, "pnet_rand": True, "verbose": False}
    return paddle_lpips.LPIPS(**made), lpips.LPIPS(**made)


NO_AUX = {"init_weights": False, "aux_logits": False}
SWIN = "patch4_window7_224"
GOOGLENET = "57 batch norm layers in torch have no counterpart", r"5×5 in paddle, \S+ is \d+×\d+×3×3 in torch"
EPS = r"\d+ batch norm layers: eps is (0\.001 in paddle and 1e-05|1e-05 in paddle and 0\.001) in torch"
MOBILENET_V3 = (
    r"mid_se\.conv1\.weight is 4×16×1×1 in paddle, \S+ is 8×16×1×1 in torch",
    r"blocks\.0\.expand_conv\.conv, blocks\.0\.expand_conv\.bn in paddle have no counterpart",
)
GHOSTNET = (
    r"squeeze\.weight is 18×72 in paddle, \S+ is 20×72×1×1 in torch",
    r"fc_0\._batch_norm in paddle has no counterpart",
)
ROLL = r"roll in layers\.3\.blocks\.1 .*only paddle has it"  # a window as large as the picture: one shifts it, one not
SQUEEZENET = r"padding is 1 in paddle and \[0, 0\] in torch", "ceil_mode is False in paddle and True in torch"
LCNET = r"conv_head\.bias in torch has no counterpart"
TV, CLAS = ("torchvision",), ("paddleclas", "timm", "torchvision")
PAIRS = (
    Pair("resnet18", TV, _vision("resnet18")),
    Pair("resnet50", TV, _vision("resnet50")),
    Pair("resnext50_32x4d", TV, _vision("resnext50_32x4d")),
    Pair("wide_resnet50_2", TV, _vision("wide_resnet50_2")),
    Pair("vgg11_bn", TV, _vision("vgg11_bn", {"batch_norm": True}), "2,3,224,224"),
    Pair("alexnet", TV, _vision("alexnet"), "2,3,224,224", ("mode is downscale_in_infer in paddle",)),
    Pair("squeezenet1_1", TV, _vision("squeezenet1_1"), differs=SQUEEZENET),
    Pair("mobilenet_v2", TV, _vision("mobilenet_v2")),
    Pair("mobilenet_v3_small", TV, _vision("mobilenet_v3_small")),
    Pair("shufflenet_v2_x1_0", TV, _vision("shufflenet_v2_x1_0")),
    Pair("densenet121", TV, _vision("densenet121")),
    Pair("googlenet", TV, _vision("googlenet", torchs={"init_weights": False}), "2,3,224,224", GOOGLENET),
    Pair("inception_v3", TV, _vision("inception_v3", torchs=NO_AUX), "2,3,299,299", (EPS,)),
    Pair("ResNet50_vd", CLAS, _clas("ResNet50_vd", "resnet50d")),
    Pair("PPLCNet_x1_0", CLAS, _clas("PPLCNet_x1_0", "lcnet_100"), differs=(LCNET,)),
    Pair(
        "MobileNetV1", CLAS, _clas("MobileNetV1", "mobilenetv1_100"), differs=("paddle computes relu and torch relu6",)
    ),
    Pair("MobileNetV3_small", CLAS, _clas("MobileNetV3_small_x1_0", "mobilenetv3_small_100"), differs=MOBILENET_V3),
    Pair("GhostNet", CLAS, _clas("GhostNet_x1_0", "ghostnet_100"), differs=GHOSTNET),
    Pair("EfficientNetB0", CLAS, _clas("EfficientNetB0", "tf_efficientnet_b0")),
    Pair("RepVGG_A0", CLAS, _clas("RepVGG_A0", "repvgg_a0")),
    Pair("ConvNeXt_tiny", CLAS, _clas("ConvNeXt_tiny", "convnext_tiny")),
    Pair("PPHGNet_tiny", CLAS, _clas("PPHGNet_tiny", "hgnet_tiny")),
    Pair("DeiT_tiny", CLAS, _clas("DeiT_tiny_patch16_224", "deit_tiny_patch16_224"), "2,3,224,224"),
    Pair("SwinT", CLAS, _clas(f"SwinTransformer_tiny_{SWIN}", f"swin_tiny_{SWIN}"), "2,3,224,224", (ROLL,)),
    Pair("BERT, eager", ("transformers",), _bert("eager"), "2,8:int64:0..59"),
    Pair("BERT, sdpa", ("transformers",), _bert("sdpa"), "2,8:int64:0..59"),
    Pair("block of GPT-2", ("transformers",), _gpt2, "2,6,32"),
    Pair("lpips", ("lpips", "paddle_lpips", "torchvision"), _lpips, ["2,3,64,64", "2,3,64,64"]),
)
# In training mode too; the others are too large, or differ already.
TRAINED = {
    "resnet18",
    "resnet50",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "shufflenet_v2_x1_0",
    "densenet121",
    "ResNet50_vd",
    "RepVGG_A0",
    "PPHGNet_tiny",
    "BERT, eager",
    "BERT, sdpa",
    "block of GPT-2",
    "lpips",
}
