"""The kinds of files that PyTorch has written: before 1.6, TorchScript, whole modules, checkpoints with any objects."""

from __future__ import annotations

import argparse
import collections
import dataclasses
import datetime
import enum
import io
import pathlib
import pickle
import zipfile

import numpy as np
import pytest
from dualport.common.weights import read
from dualport.common.weights.files import opened
from torch_samples import Bare, Made, checkpoint, legacy_of, module, network, numbers, scripted, torch_samples, zip_with
from weight_samples import array_pickle, pickle_of, read_bytes, refused, same, text_pickle


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed")


def saved(torch, content, **options) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


# Files of before 1.6


def test_a_file_of_before_1_6_is_read() -> None:
    state = {"w": numbers(3, 2), "turned": numbers(4, 2).T, "count": np.array(7), "mask": np.array([True, False])}
    file = read_bytes(legacy_of({"model": state, "epoch": 2}), "x.pth", key="model")
    same(file.arrays, {name: np.array(array, order="C") for name, array in state.items()})
    assert (file.framework, file.written, file.tree["epoch"]) == ("torch", "a file of torch before 1.6", 2)
    assert all(array.flags.writeable for array in file.arrays.values())


def test_its_arrays_can_be_left_in_the_file(tmp_path) -> None:
    state = {"w": numbers(3, 2), "v": numbers(5)}
    (tmp_path / "x.pth").write_bytes(legacy_of(state))
    with opened(tmp_path / "x.pth") as file:
        same({name: np.asarray(array) for name, array in file.arrays.items()}, state)


def test_the_samples_are_what_torch_itself_reads(torch) -> None:
    samples = torch_samples()
    theirs = torch.load(io.BytesIO(samples["legacy"]), weights_only=True)
    same(read_bytes(samples["legacy"], "x").arrays, {name: tensor.numpy() for name, tensor in theirs.items()})


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_what_torch_writes_in_the_old_format_is_read(torch, protocol) -> None:
    torch.manual_seed(0)
    base = torch.arange(24.0).reshape(4, 6)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    content = {
        **model.state_dict(), "view": base[1:, ::2].t(), "whole": base, "half": base.half(), "bf16": base.bfloat16(),
        "uint16": base.to(torch.uint16), "scalar": torch.tensor(5), "empty": torch.zeros(0, 3),
    }  # fmt: skip
    old = saved(torch, content, _use_new_zipfile_serialization=False, pickle_protocol=protocol)
    same(read_bytes(old, "old").arrays, read_bytes(saved(torch, content), "new").arrays)
    whole = saved(torch, model, _use_new_zipfile_serialization=False, pickle_protocol=protocol)
    same(read_bytes(whole, "old").arrays, {name: tensor.numpy() for name, tensor in model.state_dict().items()})


def test_text_and_dicts_of_python_2_are_read() -> None:
    """Pairs in an OrderedDict, text as bytes, and a storage that is a part of another, as torch before 0.4 wrote."""
    content = legacy_of({"w": numbers(4)})
    start = content.index(b"\x80\x02}", content.index(b"type_sizes"))
    body = (
        (
            b"ccollections\nOrderedDict\n](]U\x01actorch._utils\n_rebuild_tensor\n((U\x07storagectorch\nFloatStorage\n"
            b"U\x010U\x03cpuK\x04(U\x04partK\x01K\x02ttQK\x00K\x02\x85K\x01\x85tRaae\x85R"
        )
        .replace(b"]U\x01a", b"](U\x01a")
        .replace(b"tRaae", b"tRee")
    )
    end = content.index(b"\x80\x02]", start)
    file = read_bytes(content[:start] + b"\x80\x02" + body + b"." + content[end:], "x")
    same(file.arrays, {"a": numbers(4)[1:3]})
    refused(
        content[:start] + b"\x80\x02" + body.replace(b"K\x01K\x02t", b"K\x03K\x02t") + b"." + content[end:], "beyond"
    )


def test_arrays_of_python_2_are_read() -> None:
    array = array_pickle(b"K\x02\x85", b"U\x08\x00\x00\x80?\x00\x00\x00\xc0").replace(b"C\x01b", b"U\x01b")
    assert read_bytes(pickle_of(b"}U\x01w" + array + b"s"), "x").arrays["w"].tolist() == [1, -2]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (legacy_of({"w": numbers(3)}, machine={"little_endian": False}), "big-endian"),
        (legacy_of({"w": numbers(3)}, end=b"\0"), "more after its last storage"),
        (legacy_of({"w": numbers(3)}, keys=[]), "is missing from it"),
        (legacy_of({"w": numbers(3)}, keys=["0", "0"]), "list twice"),
        (legacy_of({"w": numbers(3)}, keys=["1"]), "of no tensor"),
        (legacy_of({"w": numbers(3)}, keys={"0": 1}), "list of storages"),
        (legacy_of({"w": numbers(3)}).replace(b"M\xe9\x03.", b"M\xea\x03.", 1), "does not go on as one"),
        (legacy_of({"w": numbers(3)}).replace(b"K\x03NtQ", b"J\xff\xff\xff\x7fNtQ"), "more bytes than the file has"),
        (legacy_of({"w": numbers(3)}).replace(b"K\x03NtQ", b"K\x02NtQ"), "beyond its storage"),
        (legacy_of({"w": numbers(3)}).replace(b"K\x03NtQ", b"K\x04NtQ"), "another size"),
        (legacy_of({"w": numbers(3)}).replace(b"K\x03NtQ", b"K\x03tQ"), "not a storage"),
        (legacy_of({"w": Bare("os", "system")}), "asks to run 'os.system'"),
        (b"\0" * 257 + b"ustar\0" + b"\0" * 300, "a tar, which torch before 0.1.10"),
    ],
)
def test_what_is_wrong_with_an_old_file_is_said(content, match) -> None:
    refused(content, match)


# TorchScript


def test_a_torchscript_archive_gives_its_weights() -> None:
    content, state = scripted()
    file = read_bytes(content, "x.pt")
    same(file.arrays, state)
    assert list(file.arrays) == list(state)
    assert file.layers == {"": "Net", "fc": "torch.nn.modules.linear.Linear"}
    assert file.written == "a TorchScript archive of version 3"
    assert file.left_out == ("1 tensor neither parameter nor buffer (hidden)",)


def test_what_torchscript_saves_is_read(torch, tmp_path) -> None:
    class Inner(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.list = torch.nn.ParameterList([torch.nn.Parameter(torch.randn(2)) for _ in range(2)])
            self.register_buffer("scale", torch.randn(3))
            self.plain = torch.randn(2)
            self.words = ["a", "b"]

        def forward(self, x):
            return x + self.plain.sum() + self.scale.sum()

    model = torch.nn.Sequential(torch.nn.Conv1d(1, 2, 3), torch.nn.BatchNorm1d(2), Inner(), torch.nn.GRU(3, 4))
    for number, made in enumerate((torch.jit.script(model[:3]), torch.jit.script(model))):
        made.save(tmp_path / f"{number}.pt")
        theirs = torch.jit.load(tmp_path / f"{number}.pt").state_dict()
        file = read(tmp_path / f"{number}.pt")
        same(file.arrays, {name: tensor.numpy() for name, tensor in theirs.items()})
        assert list(file.arrays) == list(theirs)
        assert file.layers["1"] == "torch.nn.modules.batchnorm.BatchNorm1d"


# Whole modules


def test_a_whole_module_gives_its_state_dict() -> None:
    net, state = network()
    for content in (zip_with(net), legacy_of(net)):
        file = read_bytes(content, "x.pt")
        same(file.arrays, state)
        assert list(file.arrays) == list(state)
        assert file.layers == {
            "": "__main__.Net", "fc": "torch.nn.modules.linear.Linear", "again": "torch.nn.modules.linear.Linear",
            "norm": "torch.nn.modules.batchnorm.BatchNorm1d",
        }  # fmt: skip
        assert file.objects == {}
    nested = read_bytes(zip_with({"model": net, "ema": net}), "x.pt", key="ema")
    same(nested.arrays, state)
    assert nested.layers["ema.norm"] == nested.layers["model.norm"] == "torch.nn.modules.batchnorm.BatchNorm1d"


def test_whole_modules_that_torch_saves_are_read(torch) -> None:
    torch.manual_seed(1)
    models = [
        torch.nn.Sequential(
            collections.OrderedDict(a=torch.nn.LSTM(2, 3), b=torch.nn.BatchNorm1d(3), c=torch.nn.GELU())
        ),
        torch.nn.TransformerEncoderLayer(8, 2, 16, activation="gelu"),
        torch.nn.DataParallel(torch.nn.Embedding(4, 3)),
    ]
    models[0].b.register_buffer("passing", torch.ones(1), persistent=False)
    for model in models:
        same(
            read_bytes(saved(torch, model), "x").arrays, {k: v.detach().numpy() for k, v in model.state_dict().items()}
        )


@pytest.mark.parametrize(
    ("tree", "match"),
    [
        (module("Net", {}, {}, {"a": Made("project", "Layer", state=(1, 2))}), "'a' is kept in a way of its own"),
        (module("Net", {"a.b": numbers(1)}, {}, {"a": module("Net", {"b": numbers(1)})}), "the same name"),
    ],
)
def test_modules_that_cannot_be_read_are_said(tree, match) -> None:
    assert "state_dict() with torch.save" in refused(zip_with(tree), match) or match == "the same name"


def test_modules_in_themselves_and_in_too_many_places_are_refused() -> None:
    net = module("Net", {"w": numbers(1)})
    net.state["_modules"] = {"a": net}
    refused(zip_with(net), "contains itself")
    deep = module("Net", {"w": numbers(1)})
    for _ in range(13):
        deep = module("Net", {}, {}, {"a": deep, "b": deep, "c": deep})
    refused(zip_with(deep), "too many names")


# Objects beside the weights


def test_objects_beside_weights_are_shown_and_counted() -> None:
    file = read_bytes(zip_with(checkpoint()), "x.ckpt", kind="weights")
    assert file.key == "state_dict"
    same(file.arrays, {"fc.weight": numbers(3, 2)})
    tree = file.tree
    assert tree["hyper_parameters"] == {"lr": 0.5, "nested": []}
    assert tree["args"] == {"out": "/runs"}
    assert (tree["mode"], tree["option"]) == ("project.options.Mode(2)", "project.options.Mode.EVAL")
    assert tree["callback"]["best"] == 0.25
    assert tree["callback"]["trainer"] == {"callbacks": "…"}
    assert (tree["when"], tree["device"], tree["activation"]) == (
        "1 day, 0:00:30",
        "cuda:0",
        "torch.nn.functional.relu",
    )
    assert file.objects == {
        "project.options.Mode": 1, "project.options.Mode.EVAL": 1, "lightning.callbacks.Checkpoint": 1,
        "lightning.trainer.Trainer": 1, "torch.nn.functional.relu": 1,
    }  # fmt: skip


class Colour(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Options:
    rate: float = 0.5
    steps: tuple = (1, 2)


class Table(dict):
    pass


Point = collections.namedtuple("Point", "x y")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("framework", ["torch", "paddle"])
def test_objects_of_python_are_read(protocol, framework, request) -> None:
    table = Table(a=1)
    table.note = "n"
    content = {
        "w": {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.asfortranarray(np.eye(2))},
        "args": argparse.Namespace(lr=0.1, out=pathlib.PurePosixPath("/runs/a")),
        "options": Options(),
        "colour": Colour.RED,
        "point": Point(1, np.ones(2)),
        "table": table,
        "set": {1, 2},
        "frozen": frozenset({"x"}),
        "queue": collections.deque([1, 2], maxlen=4),
        "default": collections.defaultdict(list, a=[1]),
        "ordered": collections.OrderedDict(a=1),
        "counter": collections.Counter("aab"),
        "when": datetime.datetime(2024, 5, 6, 7, 8, 9),
        "day": datetime.date(2024, 5, 6),
        "scalar": np.float64(0.5),
        "type": np.float32,
        "dtype": np.dtype("int64"),
        "raw": bytearray(b"abc"),
        "complex": 1 + 2j,
        "kind": Options,
        ("tuple", 1): "key",
        Colour: "class as key",
    }
    if framework == "torch":
        raw = saved(request.getfixturevalue("torch"), content, pickle_protocol=protocol)
    else:
        raw = pickle.dumps(content, protocol)
    file = read_bytes(raw, "x", key="w")
    same(file.arrays, {"a": content["w"]["a"], "b": np.eye(2)})
    tree = file.tree
    assert tree["args"] == {"lr": 0.1, "out": "/runs/a"}
    assert tree["options"] == {"rate": 0.5, "steps": (1, 2)}
    assert tree["colour"].startswith(f"{__name__}.Colour")
    assert tree["point"]["argument 0"] == 1
    assert tree["table"] == {"a": 1, "note": "n"}
    assert (tree["set"], tree["frozen"], tree["queue"]) == ([1, 2], ["x"], [1, 2])
    assert (tree["default"], tree["ordered"], tree["counter"]) == ({"a": [1]}, {"a": 1}, {"a": 2, "b": 1})
    assert (tree["when"], tree["day"]) == ("2024-05-06 07:08:09", "2024-05-06")
    assert (tree["scalar"], tree["type"], tree["dtype"]) == (0.5, "numpy.float32", "int64")
    assert (tree["raw"], tree["complex"], tree["kind"]) == (b"abc", "1.0, 2.0", f"{__name__}.Options")
    assert (tree["tuple", 1], tree[f"{__name__}.Colour"]) == ("key", "class as key")


def test_tensors_of_other_classes_are_tensors(torch) -> None:
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.note = "kept"
    content = {"a": parameter, "b": torch.nn.Parameter(torch.zeros(3))}
    same(read_bytes(saved(torch, content), "x").arrays, {"a": np.ones(2, "f4"), "b": np.zeros(3, "f4")})


def call(module: str, name: str, ending: bytes = b")R") -> bytes:
    return pickle_of(text_pickle(module) + text_pickle(name) + b"\x93" + ending)


HARMFUL = [
    ("os", "system"), ("posix", "system"), ("nt", "system"), ("subprocess", "Popen"), ("builtins", "eval"),
    ("__builtin__", "execfile"), ("builtins", "open"), ("io", "open"), ("_io", "FileIO"), ("runpy", "run_path"),
    ("socket", "socket"), ("shutil", "rmtree"), ("importlib", "import_module"), ("pickle", "loads"), ("sys", "exit"),
    ("ctypes", "CDLL"), ("webbrowser", "open"), ("operator", "attrgetter"), ("types", "FunctionType"),
    ("multiprocessing.util", "Finalize"), ("logging", "FileHandler"), ("commands", "getoutput"), ("imp", "load_source"),
    ("pip", "main"), ("dill", "loads"), ("numpy", "load"), ("numpy.f2py", "compile"), ("torch", "load"),
    ("torch.hub", "load"), ("torch.serialization", "load"), ("torch.jit", "load"), ("torch._dynamo", "Config"),
    ("torch.utils.cpp_extension", "load"), ("torch.fx.graph_module", "reduce_graph_module"), ("argparse", "_os.system"),
    ("project", "_os.system"), ("collections", "namedtuple"), ("project", "Layer.__subclasses__"), ("a b", "Class"),
    ("torch.testing._internal.common", "Run"),
]  # fmt: skip


@pytest.mark.parametrize(("where", "name"), HARMFUL)
@pytest.mark.parametrize("ending", [b"", b")R", b")\x81"])
def test_names_that_do_harm_are_refused_however_they_stand(where, name, ending) -> None:
    sentence = refused(call(where, name, ending), "asks to run .*nothing was run")
    assert "load it nowhere" in sentence or "to a new file" in sentence


@pytest.mark.parametrize(
    ("where", "name", "ending", "read_as"),
    [
        ("project.models", "Net", b")R", "project.models.Net()"),
        ("project.models", "Outer.Inner", b")\x81", "project.models.Outer.Inner()"),
        ("project.models", "sparse_matrix", b")\x81", "project.models.sparse_matrix()"),
        ("project.models", "function", b"", "project.models.function"),
        ("torch.nn.functional", "relu", b"", "torch.nn.functional.relu"),
        ("builtins", "ValueError", b"K\x01\x85R", "builtins.ValueError(1)"),
    ],
)
def test_other_names_stand_for_themselves(where, name, ending, read_as) -> None:
    assert read_bytes(call(where, name, ending), "x", key=".").tree == read_as


def test_calls_that_make_no_object_are_refused() -> None:
    refused(call("project.models", "function"), "asks to run 'project.models.function'")
    refused(call("torch.nn.functional", "relu"), "asks to run 'torch.nn.functional.relu'")
    getattr_ = text_pickle("builtins") + text_pickle("getattr") + b"\x93"
    net = text_pickle("project") + text_pickle("Net") + b"\x93"
    for arguments in (net + text_pickle("__class__"), net + text_pickle("a b"), net + b"N", b"NN", getattr_ * 2):
        refused(pickle_of(getattr_ + arguments + b"\x86R"), "asks to run 'builtins.getattr'")
    method = getattr_ + net + text_pickle("run") + b"\x86R"
    refused(pickle_of(method + b")R"), "asks to run 'project.Net.run'")
    assert read_bytes(pickle_of(method), "x", key=".").tree == "project.Net.run"


def test_a_tensor_of_an_unknown_kind_is_refused_not_left_out() -> None:
    for name, match in (
        ("_rebuild_qtensor", "quantised"),
        ("_rebuild_sparse_tensor", "sparse"),
        ("_rebuild_x", "asks"),
    ):
        refused(zip_with({"w": Made("torch._utils", name, (1,), called=True)}), match)


def test_content_that_is_copied_again_and_again_is_refused() -> None:
    long = b"](" + b"N" * 1000 + b"e\x94"
    sets = text_pickle("builtins") + text_pickle("set") + b"\x93\x94"
    refused(pickle_of(b"](" + long + sets + b"h\x01h\x00\x85R" * 700 + b"e"), "again and again")


def test_objects_in_circles_and_deep_ones_do_not_hide_the_weights() -> None:
    first = Made("project", "Node", state={"value": 1})
    nest: list = [first]
    first.state |= {"list": nest, "self": first, "pair": (first, nest)}
    tree = read_bytes(zip_with({"w": numbers(2), "a": first}), "x").tree
    assert tree["a"] == {"value": 1, "list": "…", "self": "project.Node", "pair": "…"}
    assert tree["w"].shape == (2,)
    deep = call("project", "Node", b")\x81}" + text_pickle("deep") + b"]" * 100 + b"a" * 99 + b"sb")
    assert read_bytes(deep, "x", key=".").tree == {"deep": "…"}


def test_a_zip_that_was_packed_again_is_read() -> None:
    content = read_bytes(zip_with({"w": numbers(300)}), "x").arrays
    same(read_bytes(zip_with({"w": numbers(300)}, deflated=True), "x").arrays, content)
    packed = bytearray(zip_with({"w": np.zeros(40, np.float32)}, deflated=True))
    with zipfile.ZipFile(io.BytesIO(bytes(packed))) as archive:
        info = archive.getinfo("a/data/0")
        at = info.header_offset + 30 + len(info.filename)
    packed[at] ^= 0xFF
    refused(bytes(packed), "cannot be unpacked")


def test_convert_says_what_is_not_read(tmp_path, capsys) -> None:
    from dualport.scripts.command_line import main

    (tmp_path / "x.ckpt").write_bytes(zip_with(checkpoint()))
    assert main(["convert", str(tmp_path / "x.ckpt"), str(tmp_path / "y.safetensors")]) == 0
    assert "note: 5 objects of classes that are not read, " in capsys.readouterr().out
    same(read(tmp_path / "y.safetensors").arrays, {"fc.weight": numbers(3, 2)})
