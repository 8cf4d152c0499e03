"""What a model is run on: arrays drawn from a seed, or read from a file, named as the model's arguments.

`x=4,3,32,32` draws standard normal numbers, `tokens=2,16:int64:0..999` whole numbers from 0 to 999, both included;
without a name the arrays are the arguments in order. A `.npz` or `.npy` file gives arrays as they are.

What is drawn reaches what is known to matter, where there is room: of whole numbers the first and the last of the range
and the two after the first (padding, beginnings and ends of sentences lie there), of truth values both, and both signs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import BadInput
from ..random_streams import stream

FLOATS = ("float64", "float32", "float16", "bfloat16")
TYPES = ("float", "int64", "int32", "bool", "uint8")
LARGEST = 2**31  # elements of one drawn array
EXAMPLE = "write name=4,3,32,32 or tokens=2,16:int64:0..999, or name a .npz file"


@dataclass(frozen=True)
class Input:
    """One argument: its name ("" by position), and either how to draw it or its values."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "float"
    between: tuple[float, float] | None = None
    values: np.ndarray | None = None

    @property
    def source(self) -> str:
        """Where drawn values come from: the range, if there is one."""
        return "seed" if self.between is None else "{:g}..{:g}".format(*self.between)

    def draw(self, seed: int, place: int, step: int = 0) -> np.ndarray:
        """The array of one step: float32 where it is floating, so that every precision is given the same values."""
        if self.values is not None:
            return self.values
        source = stream(seed, "input", place, step)
        if self.dtype == "float":
            if self.between is None:
                return _of_both_signs(source.standard_normal(self.shape, dtype=np.float32))
            low, high = self.between
            return (low + (high - low) * source.random(self.shape, dtype=np.float32)).astype(np.float32)
        if self.dtype == "bool":
            return _holding([0, 1], source.integers(0, 2, self.shape), source).astype(bool)
        low, high = map(int, self.between or (0, 9))
        drawn = source.integers(low, high, self.shape, endpoint=True)
        return _holding([low, high, *range(low + 1, min(low + 3, high))], drawn, source).astype(self.dtype)


def _holding(wanted: Sequence[int], drawn: np.ndarray, source: np.random.Generator) -> np.ndarray:
    """The array with each wanted number somewhere, the first ones first; at most half of the elements are exchanged."""
    flat = np.array(drawn).reshape(-1)
    there, places = np.unique(flat, return_index=True)
    missing = [number for number in dict.fromkeys(wanted) if number not in there]
    if missing:
        needed = places[np.isin(there, wanted)]
        free = np.setdiff1d(source.permutation(flat.size), needed, assume_unique=True)[: flat.size // 2]
        flat[free[: len(missing)]] = missing[: len(free)]
    return flat.reshape(np.shape(drawn))


def _of_both_signs(drawn: np.ndarray) -> np.ndarray:
    """The array with one element turned where all are of one sign."""
    if drawn.size > 1 and (np.all(drawn > 0) or np.all(drawn < 0)):
        drawn.reshape(-1)[-1] *= -1
    return drawn


def parse_inputs(texts: Sequence[str]) -> list[Input]:
    """Inputs from the words of a command line.

    Raises:
        BadInput: a word is not of the form, or a file is not an array file; or one name is given twice.
    """
    inputs = [given for text in texts for given in _parse(text)]
    names = [given.name for given in inputs if given.name]
    if len(set(names)) < len(names):
        raise BadInput(f"--input gives a name twice: {', '.join(names)}")
    if not inputs:
        raise BadInput(f"a model needs inputs: --input 4,3,32,32; {EXAMPLE}")
    return inputs


def _parse(text: str) -> list[Input]:
    if text.lower().endswith((".npz", ".npy")):
        return _from_file(text)
    name, given, rest = text.rpartition("=")
    if name and not name.isidentifier():
        raise BadInput(f"--input {text}: {name!r} is not the name of an argument; {EXAMPLE}")
    if given and not name:
        raise BadInput(f"--input {text}: the name is missing; {EXAMPLE}")
    shape, *more = rest.split(":")
    if not re.fullmatch(r"\d+(,\d+)*,?|\(\)", shape) or len(more) > 2:
        raise BadInput(f"--input {text}: is not a shape; {EXAMPLE}")
    sizes = tuple(int(size) for size in shape.split(",") if size) if shape != "()" else ()
    if float(np.prod(sizes, dtype=float)) > LARGEST:
        raise BadInput(f"--input {text}: has more than {LARGEST:,} elements; use a smaller shape")
    dtype = more[0] if more else "float"
    dtype = "float" if dtype in FLOATS else dtype
    if dtype not in TYPES:
        raise BadInput(f"--input {text}: there is no type {dtype!r} here; choose one of {', '.join(TYPES)}")
    return [Input(name, sizes, dtype, _range(text, more[1]) if len(more) == 2 else None)]


def _range(text: str, words: str) -> tuple[float, float]:
    try:
        low, high = map(float, words.split(".."))
    except ValueError:
        raise BadInput(f"--input {text}: {words!r} is not a range; write 0..999") from None
    if not low <= high:
        raise BadInput(f"--input {text}: the range {words} is empty")
    return low, high


def _from_file(path: str) -> list[Input]:
    """Every array of a `.npz`, by name; `arr_0` and so on, NumPy's own names, are places. Nothing is unpickled."""
    try:
        loaded = np.load(path, allow_pickle=False)
        arrays = {"arr_0": loaded} if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
    except FileNotFoundError:
        raise BadInput(f"{path}: does not exist; check the path") from None
    except Exception as error:  # zip, header and value errors of many kinds
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise BadInput(f"{path}: is not a file of plain arrays ({reason}); save it with numpy.savez") from None
    return [_from_array(path, name, array) for name, array in arrays.items()]


def _from_array(path: str, name: str, array: np.ndarray) -> Input:
    if array.dtype.kind not in "fiub":
        raise BadInput(f"{path}: {name} is of type {array.dtype}; save numbers")
    place = "" if re.fullmatch(r"arr_\d+", name) else name
    return Input(place, array.shape, _kind(array), values=array)


def as_inputs(inputs: Any) -> list[Input]:
    """Inputs from whatever holds them: text, arrays, tensors of either framework, lists and dicts of these."""
    if isinstance(inputs, str):
        return parse_inputs([inputs])
    if isinstance(inputs, Mapping):
        return [_given(name, value) for name, value in inputs.items()]
    many = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    return [
        given for value in many for given in (parse_inputs([value]) if isinstance(value, str) else [_given("", value)])
    ]


def _given(name: str, value: Any) -> Input:
    if isinstance(value, Input):
        return value
    value = value.detach().cpu().numpy() if hasattr(value, "detach") else np.asarray(value)
    return Input(name, tuple(value.shape), _kind(value), values=value)


def _kind(array: np.ndarray) -> str:
    return "float" if array.dtype.kind == "f" else array.dtype.name


def describe(inputs: Sequence[Input]) -> list[dict]:
    """What was given, for the head of a trace."""
    return [
        {
            "name": given.name,
            "shape": list(given.shape),
            "dtype": given.dtype,
            "from": given.source if given.values is None else "file",
        }
        for given in inputs
    ]
