"""Small files of PyTorch's, spelled without PyTorch: of before 1.6, TorchScript, whole modules, any objects."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
from dualport.common.weights.formats.pickle_writer import PickleWriter, raw_bytes

STORAGES = {"float32": "FloatStorage", "float64": "DoubleStorage", "int64": "LongStorage", "bool": "BoolStorage"}
MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001


@dataclass
class Made:
    """An object of a class: made of `arguments` by its class's `__new__`, or by a call, then given its state."""

    module: str
    name: str
    arguments: tuple = ()
    state: Any = None
    called: bool = False


@dataclass
class Bare:
    """A class or a function itself."""

    module: str
    name: str


class TorchPickle(PickleWriter):
    """Content as torch pickles it; `view` is what a reference to a storage ends with in files of before 1.6."""

    def __init__(self, file: io.BytesIO, legacy: bool) -> None:
        super().__init__(file, 2)
        self.legacy, self.storages = legacy, {}

    def value(self, value: Any, depth: int = 0) -> None:
        match value:
            case Made() if id(value) in self.memo:
                self._shared(id(value), None)
            case Made():
                self._made(value, depth)
            case Bare():
                self.name(value.module, value.name)
            case _:
                super().value(value, depth)

    def _made(self, value: Made, depth: int) -> None:
        self.name(value.module, value.name)
        self.tuple_of(value.arguments, depth + 1)
        self._shared(id(value), lambda: self.file.write(b"R" if value.called else b"\x81"))
        if value.state is not None:
            self.value(value.state, depth + 1)
            self.file.write(b"b")

    def array(self, array: np.ndarray) -> None:
        key = str(len(self.storages))
        self.storages[key] = array if array.flags.c_contiguous else array.T
        self.name("torch._utils", "_rebuild_tensor_v2")
        self.file.write(b"((")
        self.text("storage")
        self.name("torch", STORAGES[array.dtype.name])
        self.text(key)
        self.text("cpu")
        self.integer(array.size)
        self.file.write((b"N" if self.legacy else b"") + b"tQK\x00")
        self.tuple_of(array.shape)
        self.tuple_of(tuple(step // array.itemsize for step in array.strides))
        self.file.write(b"\x89")
        self.name("collections", "OrderedDict")
        self.file.write(b")RtR")


def legacy_of(tree: Any, machine: Any = None, keys: Any = None, end: bytes = b"") -> bytes:
    """A file of torch before 1.6."""
    file = io.BytesIO()
    told = {"protocol_version": VERSION, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    for part in (MAGIC, VERSION, machine or told):
        file.write(pickle.dumps(part, 2))
    writer = TorchPickle(file, legacy=True)
    writer.dump(tree)
    file.write(pickle.dumps(list(writer.storages) if keys is None else keys, 2))
    for array in writer.storages.values():
        file.write(struct.pack("<q", array.size) + raw_bytes(array))
    return file.getvalue() + end


def zip_with(tree: Any, more: dict[str, bytes] | None = None, deflated: bool = False) -> bytes:
    """A zip of torch's around any content; what is in `more` is deflated."""
    content = io.BytesIO()
    writer = TorchPickle(content, legacy=False)
    writer.dump(tree)
    file = io.BytesIO()
    usual = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
    with zipfile.ZipFile(file, "w", usual) as archive:
        archive.writestr("a/data.pkl", content.getvalue())
        for key, array in writer.storages.items():
            archive.writestr(f"a/data/{key}", bytes(raw_bytes(array)))
        for name, data in (more or {}).items():
            archive.writestr(f"a/{name}", data, zipfile.ZIP_DEFLATED)
        archive.writestr("a/version", b"3\n")
    return file.getvalue()


def module(name: str, parameters: dict, buffers: dict | None = None, modules: dict | None = None, **more: Any) -> Made:
    """A module as `torch.save(model)` pickles it."""
    where, _, kind = f"torch.nn.modules.{name}".rpartition(".") if name[0].islower() else ("__main__", "", name)
    state = {"training": True, "_parameters": parameters, "_buffers": buffers or {}, "_modules": modules or {}, **more}
    return Made(where, kind, state=state)


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def network() -> tuple[Made, dict[str, np.ndarray]]:
    """A whole model, and its state dict."""
    weight, bias, mean = numbers(3, 2), numbers(3, seed=1), numbers(3, seed=2)
    linear = module("linear.Linear", {"weight": weight, "bias": bias}, in_features=2, out_features=3)
    norm = module(
        "batchnorm.BatchNorm1d", {"weight": None}, {"running_mean": mean, "scratch": numbers(1)},
        _non_persistent_buffers_set=Made("__builtin__", "set", (["scratch"],), called=True), eps=1e-5,
    )  # fmt: skip
    net = module(
        "Net", {}, {}, {"fc": linear, "norm": norm, "again": linear, "none": None}, act=Bare("torch", "Tensor")
    )
    state = {
        "fc.weight": weight,
        "fc.bias": bias,
        "norm.running_mean": mean,
        "again.weight": weight,
        "again.bias": bias,
    }
    return net, state


def scripted() -> tuple[bytes, dict[str, np.ndarray]]:
    """A TorchScript archive, and its state dict."""
    weight, scale = numbers(2, 2), numbers(2, seed=1)
    linear = Made(
        "__torch__.torch.nn.modules.linear.___torch_mangle_3", "Linear", state={"weight": weight, "training": True}
    )
    tags = Made("torch.jit._pickle", "restore_type_tag", (["a"], "List[str]"), called=True)
    net = Made("__torch__", "Net", state={"hidden": numbers(1), "scale": scale, "tags": tags, "fc": linear})
    code = {
        "constants.pkl": b"\x80\x02).",
        "code/__torch__.py": b'class Net(Module):\n  __parameters__ = []\n  __buffers__ = ["scale", ]\n  def f():\n',
        "code/__torch__/torch/nn/modules/linear/___torch_mangle_3.py":
            b'class Linear(Module):\n  __parameters__ = ["weight", ]\n  __buffers__ = []\n',
    }  # fmt: skip
    return zip_with(net, code), {"scale": scale, "fc.weight": weight}


def checkpoint() -> dict[str, Any]:
    """What training scripts keep beside weights, as objects of classes that are not here."""
    settings = Made("omegaconf.dictconfig", "DictConfig", state={"_metadata": None})
    node = Made("omegaconf.nodes", "AnyNode", state={"_val": 0.5, "_parent": settings})
    settings.state |= {
        "_content": {"lr": node, "nested": Made("omegaconf.listconfig", "ListConfig", state={"_content": []})}
    }
    callback = Made("lightning.callbacks", "Checkpoint", state={"best": 0.25, "shadow": numbers(2)})
    callback.state["trainer"] = Made("lightning.trainer", "Trainer", state={"callbacks": [callback]})
    return {
        "state_dict": {"fc.weight": numbers(3, 2)},
        "epoch": 3,
        "hyper_parameters": settings,
        "args": Made("argparse", "Namespace", state={"out": Made("pathlib", "PosixPath", ("/", "runs"), called=True)}),
        "mode": Made("project.options", "Mode", (2,), called=True),
        "option": Made("__builtin__", "getattr", (Bare("project.options", "Mode"), "EVAL"), called=True),
        "callback": callback,
        "when": Made("datetime", "timedelta", (1, 30, 0), called=True),
        "activation": Bare("torch.nn.functional", "relu"),
        "device": Made("torch", "device", ("cuda", 0), called=True),
    }


def torch_samples() -> dict[str, bytes]:
    """One file of each kind."""
    return {
        "legacy": legacy_of({"fc.weight": numbers(3, 2), "turned": numbers(4, 2).T, "mask": np.array([True, False])}),
        "legacy module": legacy_of(network()[0]),
        "module": zip_with(network()[0]),
        "script": scripted()[0],
        "deflated": zip_with(checkpoint(), deflated=True),
        "objects": zip_with(checkpoint()),
    }
