"""`.pt` and `.pth` as torch has written them since 1.6: a zip with `data.pkl` and one entry for each storage.

Read in NumPy alone. Tensors that share a storage share memory here too.
"""

from __future__ import annotations

import io
import math
from typing import Any, BinaryIO

import numpy as np

from ...errors import BadInput
from .bounded_bytes import DO_NOT_LOAD, Later, Malformed, Source, quoted
from .checkpoint_tree import resolve
from .harmless import harmless_names
from .pickle_reader import Name, load
from .pickle_writer import PickleWriter, raw_bytes
from .pickled_numpy import MAX_AXES, check_shape, check_truths, numpy_names
from .pt_zip import TORCHSCRIPT, Entry, ZipWriter, read_directory, read_entry
from .stored import Array, Stored, is_array

_TYPES = {
    "float64": "DoubleStorage", "float32": "FloatStorage", "float16": "HalfStorage", "bfloat16": "BFloat16Storage",
    "int64": "LongStorage", "int32": "IntStorage", "int16": "ShortStorage", "int8": "CharStorage",
    "uint8": "ByteStorage", "bool": "BoolStorage", "complex128": "ComplexDoubleStorage",
    "complex64": "ComplexFloatStorage",
}  # fmt: skip
_UNTYPED = ("uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2")  # their storages are plain bytes
_EXTENDED = ("bfloat16", "float8_e4m3fn", "float8_e5m2")  # types that NumPy gets from ml_dtypes


def dtype_named(name: str) -> np.dtype:
    """The NumPy type of a torch type's name; bfloat16 and float8 come from ml_dtypes."""
    if name in _EXTENDED:
        import ml_dtypes

        return np.dtype(getattr(ml_dtypes, name))
    return np.dtype(name)


def read_torch(source: Source) -> tuple[Any, int]:
    """Read a whole checkpoint: its tree, tensors as arrays, and the protocol of its pickle.

    Raises:
        Malformed: damaged, not plain data, TorchScript, or a tensor that reaches beyond its storage.
    """
    entries = read_directory(source)
    pickles = [name for name in entries if name == "data.pkl" or name.endswith("/data.pkl")]
    if len(pickles) != 1:
        what = "holds more than one data.pkl" if pickles else "is a zip without data.pkl, so no PyTorch checkpoint"
        raise Malformed(f"it {what}", DO_NOT_LOAD if pickles else "give a file that torch.save wrote")
    folder = pickles[0].removesuffix("data.pkl")
    if f"{folder}constants.pkl" in entries:
        raise Malformed(*TORCHSCRIPT)
    order = entries.get(f"{folder}byteorder")
    if order and (order.size > 16 or read_entry(source, order).tobytes() != b"little"):
        raise Malformed("it was written on a big-endian machine", "load it there and save it as .safetensors")
    content = read_entry(source, entries[pickles[0]])
    storages = _Storages(source, entries, folder)
    pickle = Source(io.BytesIO(content.data), content.size)
    tree, protocol = load(pickle, {**harmless_names(), **numpy_names(), **_torch_names()}, storages.find)
    return resolve(tree, source.size), protocol


class _Storage:
    """A storage's bytes, and the type that the reference to it named (None: plain bytes).

    Of a deferred file the bytes are read for each tensor; of several tensors on one storage the last is kept by `kept`.
    """

    def __init__(self, data: np.ndarray | Later, dtype: np.dtype | None, kept: dict[int, np.ndarray]) -> None:
        self.data, self.dtype, self.kept, self.tensors = data, dtype, kept, 0

    def content(self) -> np.ndarray:
        """Its bytes, as a uint8 array."""
        if isinstance(self.data, np.ndarray):
            return self.data
        if id(self) in self.kept:
            return self.kept[id(self)]
        self.kept.clear()
        data = self.data.read()
        if self.tensors > 1:
            self.kept[id(self)] = data
        return data


class _Storages:
    """Reads each storage once, when a tensor first refers to it."""

    def __init__(self, source: Source, entries: dict[str, Entry], folder: str) -> None:
        self.source, self.entries, self.folder = source, entries, folder
        self.read: dict[str, _Storage] = {}
        self.kept: dict[int, np.ndarray] = {}

    def find(self, reference: Any) -> _Storage:
        match reference:
            case ("storage", Name(value=str() as type_name), str() as key, str(), int() as count):
                pass
            case _:
                raise Malformed("it refers to something that is not a storage", DO_NOT_LOAD)
        kind = type_name.removeprefix("storage:")
        if kind == type_name:
            raise Malformed("it refers to something that is not a storage", DO_NOT_LOAD)
        dtype = None if kind == "untyped" else dtype_named(kind)
        entry = self.entries.get(f"{self.folder}data/{key}")
        if entry is None:
            raise Malformed(f"the storage {quoted(key)} is missing from it")
        if entry.size != count * (dtype.itemsize if dtype else 1):
            raise Malformed(f"the storage {quoted(key)} has another size than its tensor says")
        if key not in self.read:
            data = Later(entry.size, lambda: read_entry(self.source, entry)) if self.source.deferred else None
            self.read[key] = _Storage(data or read_entry(self.source, entry), dtype, self.kept)
        if self.read[key].dtype != dtype:
            raise Malformed(f"the storage {quoted(key)} is of two types")
        return self.read[key]


def _rebuild(storage: Any, offset: Any, shape: Any, strides: Any, dtype: np.dtype | None = None) -> Array:
    """A tensor as a view of its storage, after checking that it lies inside and repeats nothing."""
    if type(storage) is not _Storage or type(offset) is not int or offset < 0:
        raise Malformed("it holds a tensor whose description is damaged")
    for sizes in (shape, strides):
        if (
            type(sizes) is not tuple
            or len(sizes) > MAX_AXES
            or any(type(n) is not int or not 0 <= n < 2**62 for n in sizes)
        ):
            raise Malformed("it holds a tensor whose shape or strides are damaged")
    dtype = dtype or storage.dtype
    if dtype is None or len(shape) != len(strides):
        raise Malformed("it holds a tensor whose description is damaged")
    if 0 in shape:
        check_shape(shape, dtype.itemsize, 0)
        return np.empty(shape, dtype)
    count = storage.data.size // dtype.itemsize
    last = offset + sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
    if last >= count:
        raise Malformed("it holds a tensor that reaches beyond its storage")
    if math.prod(shape) > count:
        raise Malformed("it holds a tensor that repeats its storage", "save it after .contiguous()")
    steps = tuple(step * dtype.itemsize if size > 1 else 0 for size, step in zip(shape, strides, strict=True))
    storage.tensors += 1
    if isinstance(storage.data, Later):
        return Stored(shape, dtype, lambda: _laid_over(storage, offset, shape, steps, dtype))
    return np.ndarray(shape, dtype, storage.data, offset * dtype.itemsize, steps)


def _laid_over(storage: _Storage, offset: int, shape: tuple, steps: tuple, dtype: np.dtype) -> np.ndarray:
    """A tensor of a deferred file, read now."""
    array = np.ndarray(shape, dtype, storage.content(), offset * dtype.itemsize, steps)
    check_truths(array)
    return array


def _tensor(arguments: tuple) -> Array:
    """`_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata])`."""
    if len(arguments) not in (6, 7):
        raise Malformed("it holds a tensor whose description is damaged")
    return _rebuild(*arguments[:4])


def _tensor_of_type(arguments: tuple) -> Array:
    """`_rebuild_tensor_v3(storage, offset, size, stride, requires_grad, hooks, dtype[, metadata])`."""
    match arguments[6:8]:
        case (Name(value=str() as label), *_) if label.startswith("torch."):
            return _rebuild(*arguments[:4], dtype=dtype_named(label.removeprefix("torch.")))
    raise Malformed("it holds a tensor whose description is damaged")


def _parameter(arguments: tuple) -> Array:
    """`_rebuild_parameter(tensor, requires_grad, hooks)`."""
    if len(arguments) != 3 or not is_array(arguments[0]):
        raise Malformed("it holds a parameter whose description is damaged")
    return arguments[0]


def _size(arguments: tuple) -> tuple:
    if len(arguments) != 1 or type(arguments[0]) is not tuple:
        raise Malformed("it holds a size whose description is damaged")
    return arguments[0]


def _device(arguments: tuple[Any, ...]) -> str:
    if len(arguments) not in (1, 2) or type(arguments[0]) is not str:
        raise Malformed("it holds a device whose description is damaged")
    return ":".join(str(part) for part in arguments if type(part) in (str, int))


def _torch_names() -> dict[tuple[str, str], Name]:
    """The names that checkpoints use beyond NumPy's."""
    names = {
        ("torch._utils", "_rebuild_tensor_v2"): Name("_rebuild_tensor_v2", _tensor),
        ("torch._utils", "_rebuild_tensor_v3"): Name("_rebuild_tensor_v3", _tensor_of_type),
        ("torch._utils", "_rebuild_parameter"): Name("_rebuild_parameter", _parameter),
        ("torch", "Size"): Name("Size", _size),
        ("torch", "device"): Name("device", _device),
        ("torch.storage", "UntypedStorage"): Name("UntypedStorage", value="storage:untyped"),
    }
    for dtype, storage in _TYPES.items():
        names["torch", storage] = Name(storage, value=f"storage:{dtype}")
    for dtype in (*_TYPES, *_UNTYPED):
        names["torch", dtype] = Name(dtype, value=f"torch.{dtype}")
    return names


def write_torch(file: BinaryIO, tree: Any) -> None:
    """Write dicts, lists, numbers, text and arrays as `torch.load(weights_only=True)` reads them, mapped or not.

    A dict of arrays becomes an OrderedDict, as a state dict is. An array that occurs twice is written once.

    Raises:
        BadInput: a type that torch has not got.
    """
    content = io.BytesIO()
    pickle = _TorchWriter(content, protocol=2)
    pickle.dump(tree)
    archive = ZipWriter(file)
    archive.add("archive/data.pkl", content.getbuffer())
    archive.add("archive/byteorder", b"little")
    for key, array in enumerate(pickle.storages):
        archive.add(f"archive/data/{key}", raw_bytes(array))
    archive.add("archive/version", b"3\n")
    archive.close()


class _TorchWriter(PickleWriter):
    """Protocol 2, which is all that torch's own restricted reader takes."""

    def __init__(self, file: BinaryIO, protocol: int) -> None:
        super().__init__(file, protocol)
        self.storages: list[Array] = []

    def start_dict(self, content: dict) -> None:
        state = content and all(type(key) is str and is_array(value) for key, value in content.items())
        self._ordered() if state else super().start_dict(content)

    def _ordered(self) -> None:
        self.name("collections", "OrderedDict")
        self.file.write(b")R")

    def array(self, array: Array) -> None:
        if array.dtype.name not in _TYPES:
            raise BadInput(f"arrays of {quoted(array.dtype)} cannot be written for torch; convert them first")
        self.name("torch._utils", "_rebuild_tensor_v2")
        self.file.write(b"((")
        self.text("storage")
        self.name("torch", _TYPES[array.dtype.name])
        self.text(str(len(self.storages)))
        self.text("cpu")
        self.integer(array.size)
        self.file.write(b"tQK\x00")
        strides, step = [], 1
        for size in reversed(array.shape):
            strides.append(step)
            step *= max(size, 1)
        self.tuple_of(tuple(array.shape))
        self.tuple_of(tuple(reversed(strides)))
        self.file.write(b"\x89")
        self._ordered()
        self.file.write(b"tR")
        self.storages.append(array)
