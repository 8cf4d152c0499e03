"""PyTorch re-writings of `paddle.vision.models`, as a careful porter would write them.

Paths follow Paddle's, so that names match, except in `resnet18_renamed`, where none does.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

Norm = Callable[[int], nn.Module]


class ScaledDropout(nn.Module):
    """Paddle's dropout in mode `downscale_in_infer`: masked only while training, scaled by 1 − p while inferring."""

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x * (1 - self.p)
        return x * torch.bernoulli(torch.full_like(x, 1 - self.p))


def conv_norm(
    inputs: int,
    outputs: int,
    kernel: int = 3,
    stride: int = 1,
    groups: int = 1,
    act: Callable[[], nn.Module] | None = nn.ReLU,
    norm: Norm = nn.BatchNorm2d,
) -> nn.Sequential:
    """Paddle's ConvNormActivation: a convolution that keeps the size, a normalization and an activation."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, norm(outputs), *([act()] if act else []))


# LeNet --------------------------------------------------------------------------------------------


class LeNet(nn.Module):
    def __init__(self, num_classes: int = 10):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.fc = nn.Sequential(nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, num_classes))

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(self.features(images).flatten(1))


# ResNet -------------------------------------------------------------------------------------------


class Basic(nn.Module):
    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int, downsample: nn.Module | None):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int, downsample: nn.Module | None):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self, block: type[Basic | Bottleneck], depths: tuple[int, ...], num_classes: int):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = 64
        for number, depth in enumerate(depths):
            width = 64 << number
            outputs = width * block.expansion
            blocks = []
            for position in range(depth):
                stride = 2 if number and not position else 1
                shortcut = None
                if stride != 1 or channels != outputs:
                    shortcut = conv_norm(channels, outputs, 1, stride, act=None)
                blocks.append(block(channels, width, stride, shortcut))
                channels = outputs
            self.add_module(f"layer{number + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        x = self.maxpool(F.relu(self.bn1(self.conv1(images))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


def resnet18(num_classes: int = 1000) -> nn.Module:
    return ResNet(Basic, (2, 2, 2, 2), num_classes)


def resnet50(num_classes: int = 1000) -> nn.Module:
    return ResNet(Bottleneck, (3, 4, 6, 3), num_classes)


class RenamedBlock(nn.Module):
    """The basic block, declared from its end to its start."""

    def __init__(self, inputs: int, outputs: int, stride: int, shortcut_first: bool):
        super().__init__()
        self.shortcut_first = shortcut_first
        if stride != 1 or inputs != outputs:
            self.project_norm = nn.BatchNorm2d(outputs)
            self.project = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        else:
            self.project = self.project_norm = nn.Identity()
        self.norm_b = nn.BatchNorm2d(outputs)
        self.norm_a = nn.BatchNorm2d(outputs)
        self.mix_b = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.mix_a = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)

    def skip(self, x: Tensor) -> Tensor:
        return self.project_norm(self.project(x))

    def body(self, x: Tensor) -> Tensor:
        return self.norm_b(self.mix_b(self.norm_a(self.mix_a(x)).relu()))

    def forward(self, x: Tensor) -> Tensor:
        if self.shortcut_first:
            kept = self.skip(x)
            return (kept + self.body(x)).relu()
        changed = self.body(x)
        return (changed + self.skip(x)).relu()


class RenamedResNet(nn.Module):
    def __init__(self, num_classes: int, shortcut_first: bool):
        super().__init__()
        self.head = nn.Linear(512, num_classes)
        stages = []
        for inputs, outputs, stride in ((64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)):
            first = RenamedBlock(inputs, outputs, stride, shortcut_first)
            second = RenamedBlock(outputs, outputs, 1, shortcut_first)
            stages.append(nn.ModuleDict({"blocks": nn.ModuleList([first, second])}))
        self.stages = nn.ModuleList(stages)
        self.stem = nn.ModuleDict(
            {"norm": nn.BatchNorm2d(64), "conv": nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)}
        )

    def forward(self, images: Tensor) -> Tensor:
        x = self.stem["norm"](self.stem["conv"](images)).relu()
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        for stage in self.stages:
            for block in stage["blocks"]:
                x = block(x)
        return self.head(x.mean((2, 3)))


def resnet18_renamed(num_classes: int = 1000, shortcut_first: bool = False) -> nn.Module:
    """resnet18 with other names, declared in another order; `shortcut_first` also runs it in another order."""
    return RenamedResNet(num_classes, shortcut_first)


# VGG ----------------------------------------------------------------------------------------------


class VGG(nn.Module):
    def __init__(self, plan: tuple[tuple[int, ...], ...], num_classes: int):
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for stage in plan:
            for outputs in stage:
                layers += [nn.Conv2d(channels, outputs, 3, padding=1), nn.ReLU()]
                channels = outputs
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(channels * 49, 4096),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(4096, num_classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        x = F.adaptive_avg_pool2d(self.features(images), 7)
        return self.classifier(x.flatten(1))


def vgg11(num_classes: int = 1000) -> nn.Module:
    return VGG(((64,), (128,), (256, 256), (512, 512), (512, 512)), num_classes)


# MobileNets ---------------------------------------------------------------------------------------


class Separable(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self._depthwise_conv = conv_norm(inputs, inputs, 3, stride, groups=inputs)
        self._pointwise_conv = conv_norm(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self._pointwise_conv(self._depthwise_conv(x))


class MobileNetV1(nn.Module):
    def __init__(self, num_classes: int):
        super().__init__()
        plan = {"conv2_1": (64, 1), "conv2_2": (128, 2), "conv3_1": (128, 1), "conv3_2": (256, 2)}
        plan |= {"conv4_1": (256, 1), "conv4_2": (512, 2)}
        plan |= {f"conv5_{number}": (512, 1) for number in range(1, 6)}
        plan |= {"conv5_6": (1024, 2), "conv6": (1024, 1)}
        self.conv1 = conv_norm(3, 32, 3, 2)
        self.order = tuple(plan)
        channels = 32
        for name, (outputs, stride) in plan.items():
            self.add_module(name, Separable(channels, outputs, stride))
            channels = outputs
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        x = self.conv1(images)
        for name in self.order:
            x = self.get_submodule(name)(x)
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


def mobilenet_v1(num_classes: int = 1000) -> nn.Module:
    return MobileNetV1(num_classes)


class Inverted(nn.Module):
    """MobileNetV2's inverted residual."""

    def __init__(self, inputs: int, outputs: int, stride: int, expand: int):
        super().__init__()
        hidden = inputs * expand
        layers = [conv_norm(inputs, hidden, 1, act=nn.ReLU6)] if expand > 1 else []
        layers.append(conv_norm(hidden, hidden, 3, stride, groups=hidden, act=nn.ReLU6))
        self.conv = nn.Sequential(*layers, nn.Conv2d(hidden, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)


class MobileNetV2(nn.Module):
    def __init__(self, num_classes: int):
        super().__init__()
        # Of each stage: the expansion, the channels, the blocks and the first one's stride.
        plan = (
            (1, 16, 1, 1),
            (6, 24, 2, 2),
            (6, 32, 3, 2),
            (6, 64, 4, 2),
            (6, 96, 3, 1),
            (6, 160, 3, 2),
            (6, 320, 1, 1),
        )
        features: list[nn.Module] = [conv_norm(3, 32, 3, 2, act=nn.ReLU6)]
        channels = 32
        for expand, outputs, count, stride in plan:
            for position in range(count):
                features.append(Inverted(channels, outputs, 1 if position else stride, expand))
                channels = outputs
        features.append(conv_norm(channels, 1280, 1, act=nn.ReLU6))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, num_classes))

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(F.adaptive_avg_pool2d(self.features(images), 1).flatten(1))


def mobilenet_v2(num_classes: int = 1000) -> nn.Module:
    return MobileNetV2(num_classes)


def v3_norm(channels: int) -> nn.Module:
    """Paddle's momentum keeps what PyTorch's replaces: 0.99 there is 0.01 here."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class SqueezeExcite(nn.Module):
    def __init__(self, channels: int, squeezed: int):
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate = F.relu(self.fc1(F.adaptive_avg_pool2d(x, 1)))
        return F.hardsigmoid(self.fc2(gate)) * x


class InvertedV3(nn.Module):
    def __init__(self, inputs: int, kernel: int, hidden: int, outputs: int, squeezed: int, act: type, stride: int):
        super().__init__()
        if inputs != hidden:
            self.expand_conv = conv_norm(inputs, hidden, 1, act=act, norm=v3_norm)
        else:
            self.expand_conv = nn.Identity()
        self.bottleneck_conv = conv_norm(hidden, hidden, kernel, stride, groups=hidden, act=act, norm=v3_norm)
        self.mid_se = SqueezeExcite(hidden, squeezed) if squeezed else nn.Identity()
        self.linear_conv = conv_norm(hidden, outputs, 1, act=None, norm=v3_norm)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.linear_conv(self.mid_se(self.bottleneck_conv(self.expand_conv(x))))
        return x + y if self.residual else y


class MobileNetV3Small(nn.Module):
    def __init__(self, num_classes: int):
        super().__init__()
        # Of each block: the kernel, the hidden and output channels, the squeezed ones (0: none), what acts, the stride.
        plan = (
            (3, 16, 16, 8, nn.ReLU, 2),
            (3, 72, 24, 0, nn.ReLU, 2),
            (3, 88, 24, 0, nn.ReLU, 1),
            (5, 96, 40, 24, nn.Hardswish, 2),
            (5, 240, 40, 64, nn.Hardswish, 1),
            (5, 240, 40, 64, nn.Hardswish, 1),
            (5, 120, 48, 32, nn.Hardswish, 1),
            (5, 144, 48, 40, nn.Hardswish, 1),
            (5, 288, 96, 72, nn.Hardswish, 2),
            (5, 576, 96, 144, nn.Hardswish, 1),
            (5, 576, 96, 144, nn.Hardswish, 1),
        )
        self.conv = conv_norm(3, 16, 3, 2, act=nn.Hardswish, norm=v3_norm)
        blocks = []
        channels = 16
        for kernel, hidden, outputs, squeezed, act, stride in plan:
            blocks.append(InvertedV3(channels, kernel, hidden, outputs, squeezed, act, stride))
            channels = outputs
        self.blocks = nn.Sequential(*blocks)
        self.lastconv = conv_norm(channels, 6 * channels, 1, act=nn.Hardswish, norm=v3_norm)
        self.classifier = nn.Sequential(
            nn.Linear(6 * channels, 1024), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(1024, num_classes)
        )

    def forward(self, images: Tensor) -> Tensor:
        x = self.lastconv(self.blocks(self.conv(images)))
        return self.classifier(F.adaptive_avg_pool2d(x, 1).flatten(1))


def mobilenet_v3_small(num_classes: int = 1000) -> nn.Module:
    return MobileNetV3Small(num_classes)


# SqueezeNet ---------------------------------------------------------------------------------------


class ConvReLU(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int):
        super().__init__()
        self._conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self._conv(x))


class Fire(nn.Module):
    def __init__(self, inputs: int, squeezed: int, expanded: int):
        super().__init__()
        self._conv = ConvReLU(inputs, squeezed, 1)
        self._conv_path1 = ConvReLU(squeezed, expanded, 1)
        self._conv_path2 = ConvReLU(squeezed, expanded, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self._conv(x)
        return torch.cat([self._conv_path1(x), self._conv_path2(x)], 1)


class SqueezeNet(nn.Module):
    def __init__(self, num_classes: int):
        super().__init__()
        self._conv = nn.Conv2d(3, 64, 3, 2, 1)
        self._conv1 = Fire(64, 16, 64)
        self._conv2 = Fire(128, 16, 64)
        self._conv3 = Fire(128, 32, 128)
        self._conv4 = Fire(256, 32, 128)
        self._conv5 = Fire(256, 48, 192)
        self._conv6 = Fire(384, 48, 192)
        self._conv7 = Fire(384, 64, 256)
        self._conv8 = Fire(512, 64, 256)
        self._drop = ScaledDropout(0.5)
        self._conv9 = nn.Conv2d(512, num_classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self._conv(images)), 3, 2)
        x = F.max_pool2d(self._conv2(self._conv1(x)), 3, 2)
        x = F.max_pool2d(self._conv4(self._conv3(x)), 3, 2)
        x = self._conv8(self._conv7(self._conv6(self._conv5(x))))
        x = F.relu(self._conv9(self._drop(x)))
        return F.adaptive_avg_pool2d(x, 1).flatten(1)


def squeezenet1_1(num_classes: int = 1000) -> nn.Module:
    return SqueezeNet(num_classes)


# DenseNet -----------------------------------------------------------------------------------------


class NormConv(nn.Module):
    """A normalization, a ReLU and a convolution."""

    def __init__(self, inputs: int, outputs: int, kernel: int):
        super().__init__()
        self._batch_norm = nn.BatchNorm2d(inputs)
        self._conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self._conv(F.relu(self._batch_norm(x)))


class DenseLayer(nn.Module):
    def __init__(self, inputs: int, growth: int):
        super().__init__()
        self.bn_ac_func1 = NormConv(inputs, 4 * growth, 1)
        self.bn_ac_func2 = NormConv(4 * growth, growth, 3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.bn_ac_func2(self.bn_ac_func1(x))], 1)


class Transition(nn.Module):
    def __init__(self, inputs: int):
        super().__init__()
        self.conv_ac_func = NormConv(inputs, inputs // 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(self.conv_ac_func(x), 2)


class DenseNet(nn.Module):
    def __init__(self, depths: tuple[int, ...], growth: int, num_classes: int):
        super().__init__()
        channels = 2 * growth
        self.conv1_func = nn.Sequential(
            OrderedDict(
                _conv=nn.Conv2d(3, channels, 7, 2, 3, bias=False),
                _batch_norm=nn.BatchNorm2d(channels),
                relu=nn.ReLU(),
                pool=nn.MaxPool2d(3, 2, 1),
            )
        )
        self.order = []
        for number, depth in enumerate(depths, start=2):
            block = nn.Sequential()
            for position in range(1, depth + 1):
                block.add_module(f"conv{number}_{position}", DenseLayer(channels, growth))
                channels += growth
            self.grow(f"db_conv_{number}", block)
            if number <= len(depths):
                self.grow(f"tr_conv{number}_blk", Transition(channels))
                channels //= 2
        self.batch_norm = nn.BatchNorm2d(channels)
        self.out = nn.Linear(channels, num_classes)

    def grow(self, name: str, part: nn.Module) -> None:
        self.add_module(name, part)
        self.order.append(name)

    def forward(self, images: Tensor) -> Tensor:
        x = self.conv1_func(images)
        for name in self.order:
            x = self.get_submodule(name)(x)
        x = F.relu(self.batch_norm(x))
        return self.out(F.adaptive_avg_pool2d(x, 1).flatten(1))


def densenet121(num_classes: int = 1000) -> nn.Module:
    return DenseNet((6, 12, 24, 16), 32, num_classes)


# GoogLeNet ----------------------------------------------------------------------------------------


class PlainConv(nn.Module):
    """A convolution without bias or activation."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1):
        super().__init__()
        self._conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self._conv(x)


class Inception(nn.Module):
    def __init__(self, inputs: int, one: int, three_in: int, three: int, five_in: int, five: int, pooled: int):
        super().__init__()
        self._conv1 = PlainConv(inputs, one, 1)
        self._conv3r = PlainConv(inputs, three_in, 1)
        self._conv3 = PlainConv(three_in, three, 3)
        self._conv5r = PlainConv(inputs, five_in, 1)
        self._conv5 = PlainConv(five_in, five, 5)
        self._convprj = PlainConv(inputs, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        branches = [
            self._conv1(x),
            self._conv3(self._conv3r(x)),
            self._conv5(self._conv5r(x)),
            self._convprj(F.max_pool2d(x, 3, 1, 1)),
        ]
        return F.relu(torch.cat(branches, 1))


class GoogLeNet(nn.Module):
    """Three outputs; images of 189 to 236 pixels a side, for the side branches' linear layers count on 3×3 cells."""

    def __init__(self, num_classes: int):
        super().__init__()
        self._conv = PlainConv(3, 64, 7, 2)
        self._conv_1 = PlainConv(64, 64, 1)
        self._conv_2 = PlainConv(64, 192, 3)
        self._ince3a = Inception(192, 64, 96, 128, 16, 32, 32)
        self._ince3b = Inception(256, 128, 128, 192, 32, 96, 64)
        self._ince4a = Inception(480, 192, 96, 208, 16, 48, 64)
        self._ince4b = Inception(512, 160, 112, 224, 24, 64, 64)
        self._ince4c = Inception(512, 128, 128, 256, 24, 64, 64)
        self._ince4d = Inception(512, 112, 144, 288, 32, 64, 64)
        self._ince4e = Inception(528, 256, 160, 320, 32, 128, 128)
        self._ince5a = Inception(832, 256, 160, 320, 32, 128, 128)
        self._ince5b = Inception(832, 384, 192, 384, 48, 128, 128)

        self._drop = ScaledDropout(0.4)
        self._fc_out = nn.Linear(1024, num_classes)

        self._conv_o1 = PlainConv(512, 128, 1)
        self._fc_o1 = nn.Linear(1152, 1024)
        self._drop_o1 = ScaledDropout(0.7)
        self._out1 = nn.Linear(1024, num_classes)

        self._conv_o2 = PlainConv(528, 128, 1)
        self._fc_o2 = nn.Linear(1152, 1024)
        self._drop_o2 = ScaledDropout(0.7)
        self._out2 = nn.Linear(1024, num_classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = F.max_pool2d(self._conv(images), 3, 2)
        x = F.max_pool2d(self._conv_2(self._conv_1(x)), 3, 2)
        x = F.max_pool2d(self._ince3b(self._ince3a(x)), 3, 2)
        side1 = self._ince4a(x)
        side2 = self._ince4d(self._ince4c(self._ince4b(side1)))
        x = F.max_pool2d(self._ince4e(side2), 3, 2)
        x = F.adaptive_avg_pool2d(self._ince5b(self._ince5a(x)), 1)
        out = self._fc_out(self._drop(x).flatten(1))

        side1 = self._conv_o1(F.avg_pool2d(side1, 5, 3)).flatten(1)
        out1 = self._out1(self._drop_o1(F.relu(self._fc_o1(side1))))

        # Paddle's second side branch has no activation.
        side2 = self._conv_o2(F.avg_pool2d(side2, 5, 3)).flatten(1)
        out2 = self._out2(self._drop_o2(self._fc_o2(side2)))
        return out, out1, out2


def googlenet(num_classes: int = 1000) -> nn.Module:
    return GoogLeNet(num_classes)


# ShuffleNet ---------------------------------------------------------------------------------------


def interleave(left: Tensor, right: Tensor) -> Tensor:
    """The channels of both, in turn."""
    return torch.stack([left, right], 2).flatten(1, 2)


class ShuffleUnit(nn.Module):
    """Keeps the size: half of the channels pass as they are."""

    def __init__(self, channels: int):
        super().__init__()
        half = channels // 2
        self._conv_pw = conv_norm(half, half, 1)
        self._conv_dw = conv_norm(half, half, 3, groups=half, act=None)
        self._conv_linear = conv_norm(half, half, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept, changed = x.chunk(2, 1)
        return interleave(kept, self._conv_linear(self._conv_dw(self._conv_pw(changed))))


class ShuffleDown(nn.Module):
    """Halves the size: both branches see every channel."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        half = outputs // 2
        self._conv_dw_1 = conv_norm(inputs, inputs, 3, 2, groups=inputs, act=None)
        self._conv_linear_1 = conv_norm(inputs, half, 1)
        self._conv_pw_2 = conv_norm(inputs, half, 1)
        self._conv_dw_2 = conv_norm(half, half, 3, 2, groups=half, act=None)
        self._conv_linear_2 = conv_norm(half, half, 1)

    def forward(self, x: Tensor) -> Tensor:
        left = self._conv_linear_1(self._conv_dw_1(x))
        return interleave(left, self._conv_linear_2(self._conv_dw_2(self._conv_pw_2(x))))


class ShuffleNet(nn.Module):
    def __init__(self, widths: tuple[int, ...], last: int, num_classes: int):
        super().__init__()
        self._conv1 = conv_norm(3, 24, 3, 2)
        self.order = []
        channels = 24
        for stage, (width, count) in enumerate(zip(widths, (4, 8, 4), strict=True), start=2):
            for position in range(1, count + 1):
                unit = ShuffleUnit(width) if position > 1 else ShuffleDown(channels, width)
                self.add_module(f"{stage}_{position}", unit)
                self.order.append(f"{stage}_{position}")
            channels = width
        self._last_conv = conv_norm(channels, last, 1)
        self._fc = nn.Linear(last, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        x = F.max_pool2d(self._conv1(images), 3, 2, 1)
        for name in self.order:
            x = self.get_submodule(name)(x)
        return self._fc(F.adaptive_avg_pool2d(self._last_conv(x), 1).flatten(1))


def shufflenet_v2_x0_25(num_classes: int = 1000) -> nn.Module:
    return ShuffleNet((24, 48, 96), 512, num_classes)
