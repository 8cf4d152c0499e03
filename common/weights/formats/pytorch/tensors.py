"""Tensors as PyTorch's pickles spell them: a storage, and a view over it. None of torch's callables is run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..bounded_bytes import DO_NOT_LOAD, Later, Malformed
from ..pickles.pickled_numpy import MAX_AXES, PickledArray, check_shape, check_truths
from ..pickles.values import Name, Ordered
from ..stored import Array, Stored, is_array

TYPES = {
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


class Storage:
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


def _rebuild(storage: Any, offset: Any, shape: Any, strides: Any, dtype: np.dtype | None = None) -> Array:
    """A tensor as a view of its storage, after checking that it lies inside and repeats nothing."""
    if type(storage) is not Storage or type(offset) is not int or offset < 0:
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


def _laid_over(storage: Storage, offset: int, shape: tuple, steps: tuple, dtype: np.dtype) -> np.ndarray:
    """A tensor of a deferred file, read now."""
    array = np.ndarray(shape, dtype, storage.content(), offset * dtype.itemsize, steps)
    check_truths(array)
    return array


def storage_type(reference: Any) -> np.dtype | None:
    """The type that a storage's class stands for; None of plain bytes."""
    if type(reference) is not Name or type(reference.value) is not str or not reference.value.startswith("storage:"):
        raise Malformed("it refers to something that is not a storage", DO_NOT_LOAD)
    kind = reference.value.removeprefix("storage:")
    return None if kind == "untyped" else dtype_named(kind)


def _tensor(arguments: tuple) -> Array:
    """`_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata])`; before torch 0.4 the
    first four alone."""
    if len(arguments) not in (4, 6, 7):
        raise Malformed("it holds a tensor whose description is damaged")
    return _rebuild(*arguments[:4])


def _tensor_of_type(arguments: tuple) -> Array:
    """`_rebuild_tensor_v3(storage, offset, size, stride, requires_grad, hooks, dtype[, metadata])`."""
    match arguments[6:8]:
        case (Name(value=str() as label), *_) if label.startswith("torch."):
            return _rebuild(*arguments[:4], dtype=dtype_named(label.removeprefix("torch.")))
    raise Malformed("it holds a tensor whose description is damaged")


def _parameter(arguments: tuple) -> Array:
    """`_rebuild_parameter(tensor, requires_grad, hooks[, state])`, `Parameter(tensor[, requires_grad])`."""
    if not 1 <= len(arguments) <= 4 or not is_array(arguments[0]):
        raise Malformed("it holds a parameter whose description is damaged")
    return arguments[0]


def _of_class(arguments: tuple) -> Array:
    """`_rebuild_from_type_v2(function, class, arguments, state)`: a tensor of a class of somebody's, as a plain one."""
    match arguments:
        case (Name(label="_rebuild_tensor_v2", call=make), Name(), tuple() as its, _) if make:
            return make(its)
        case (Name(label="_rebuild_tensor_v3" | "_rebuild_parameter", call=make), Name(), tuple() as its, _) if make:
            return make(its)
    raise Malformed("it holds a tensor whose description is damaged")


def _from_numpy(arguments: tuple) -> PickledArray:
    """`_rebuild_device_tensor_from_numpy(array, type, device, requires_grad)`: a tensor of an accelerator."""
    match arguments:
        case (PickledArray() as array, Name(value=str() as label), str(), bool()):
            if label == f"torch.{array.content().dtype.name}":
                return array
    raise Malformed("it holds a tensor whose description is damaged")


def _first(arguments: tuple) -> Any:
    """TorchScript's tags of a list or a dict: what is tagged."""
    if len(arguments) not in (1, 2) or type(arguments[0]) not in (list, dict, Ordered):
        raise Malformed("it holds a list whose description is damaged")
    return arguments[0]


def _size(arguments: tuple) -> tuple:
    if len(arguments) != 1 or type(arguments[0]) is not tuple:
        raise Malformed("it holds a size whose description is damaged")
    return arguments[0]


def _device(arguments: tuple[Any, ...]) -> str:
    if len(arguments) not in (1, 2) or type(arguments[0]) is not str:
        raise Malformed("it holds a device whose description is damaged")
    return ":".join(str(part) for part in arguments if type(part) in (str, int))


def _layout(arguments: tuple) -> str:
    match arguments:
        case (str() as name,) if len(name) < 64:
            return name
    raise Malformed("it holds a layout whose description is damaged")


def torch_names() -> dict[tuple[str, str], Name]:
    """The names that checkpoints use beyond NumPy's."""
    names = {
        ("torch._utils", "_rebuild_tensor_v2"): Name("_rebuild_tensor_v2", _tensor),
        ("torch._utils", "_rebuild_tensor_v3"): Name("_rebuild_tensor_v3", _tensor_of_type),
        ("torch._utils", "_rebuild_parameter"): Name("_rebuild_parameter", _parameter),
        ("torch", "Size"): Name("Size", _size),
        ("torch", "device"): Name("device", _device),
        ("torch.storage", "UntypedStorage"): Name("UntypedStorage", value="storage:untyped"),
        ("torch._utils", "_rebuild_tensor"): Name("_rebuild_tensor_v2", _tensor),
        ("torch._utils", "_rebuild_parameter_with_state"): Name("_rebuild_parameter", _parameter),
        ("torch._utils", "_rebuild_device_tensor_from_numpy"): Name("_rebuild_device_tensor", _from_numpy),
        ("torch.nn.parameter", "Parameter"): Name("Parameter", _parameter, value="torch.nn.parameter.Parameter"),
        ("torch", "Tensor"): Name("Tensor", value="torch.Tensor"),
        ("torch.serialization", "_get_layout"): Name("_get_layout", _layout),
    }
    for module in ("torch._tensor", "torch.tensor"):
        for name in ("_rebuild_from_type", "_rebuild_from_type_v2"):
            names[module, name] = Name(name, _of_class)
    for tag in ("build_intlist", "build_doublelist", "build_boollist", "build_tensorlist", "restore_type_tag"):
        names["torch.jit._pickle", tag] = Name(tag, _first)
    for dtype, storage in TYPES.items():
        names["torch", storage] = Name(storage, value=f"storage:{dtype}")
    for dtype in (*TYPES, *_UNTYPED):
        names["torch", dtype] = Name(dtype, value=f"torch.{dtype}")
    return names
