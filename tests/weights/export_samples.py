"""Inference exports spelled by hand: the messages, records and JSON that Paddle writes, and what it never would."""

from __future__ import annotations

import io
import json
import pickle
import struct
from pathlib import Path

import ml_dtypes
import numpy as np

TYPES = {"bool": 0, "int16": 1, "int32": 2, "int64": 3, "float16": 4, "float32": 5, "float64": 6, "uint8": 20,
         "int8": 21, "bfloat16": 22, "complex64": 23}  # fmt: skip
SHORT = {"bool": "bool", "int16": "i16", "int32": "i32", "int64": "i64", "float16": "f16", "float32": "f32",
         "float64": "f64", "uint8": "ui8", "int8": "i8", "bfloat16": "bf16", "complex64": "c64"}  # fmt: skip

FED = 100_000


def varint(number: int) -> bytes:
    number &= 2**64 - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes((*out, number))


def field(number: int, value: int | float | str | bytes) -> bytes:
    """One field of a message: a whole number as varint, a float in four bytes, text and bytes with their length."""
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def tensor_desc(array: np.ndarray) -> bytes:
    return field(1, TYPES[array.dtype.name]) + b"".join(field(2, size) for size in array.shape)


def record(array: np.ndarray, levels: tuple[bytes, ...] = ()) -> bytes:
    lengths = b"".join(struct.pack("<Q", len(level)) + level for level in levels)
    description = tensor_desc(array)
    head = struct.pack("<IQ", 0, len(levels)) + lengths + struct.pack("<Ii", 0, len(description))
    return head + description + array.tobytes()


def attribute(name: str, value: object) -> bytes:
    match value:
        case bool():
            kind, held = 6, field(10, int(value))
        case int():
            kind, held = 0, field(3, value)
        case float():
            kind, held = 1, field(4, value)
        case str():
            kind, held = 2, field(5, value)
        case list():
            kind, held = 3, b"".join(field(6, item) for item in value)
        case _:
            raise TypeError(value)
    return field(4, field(1, name) + field(2, kind) + held)


def operation(kind: str, inputs: dict[str, str], outputs: dict[str, str], **attributes: object) -> bytes:
    slots = b"".join(
        field(side, field(1, slot) + field(2, name))
        for side, given in ((1, inputs), (2, outputs))
        for slot, name in given.items()
    )
    return slots + field(3, kind) + b"".join(attribute(name, value) for name, value in attributes.items())


def variable(name: str, array: np.ndarray | None, stored: bool = True, kind: int = 7) -> bytes:
    about = field(1, kind) + (field(3, field(1, tensor_desc(array))) if array is not None else b"")
    return field(1, name) + field(2, about) + field(3, int(stored))


def program_desc(arrays: dict[str, np.ndarray], operations: list[bytes] = (), version: int = 2006002) -> bytes:
    """A program that is fed `x`, with these operations and stored variables, in the order in which they are given."""
    variables = [variable("feed", None, kind=9), variable("x", np.zeros((1, 3), np.float32), stored=False)]
    variables += [variable(name, array) for name, array in arrays.items()]
    calls = [operation("feed", {"X": "feed"}, {"Out": "x"}, col=0), *operations]
    block = field(1, 0) + field(2, -1) + b"".join(field(3, one) for one in variables)
    return field(1, block + b"".join(field(4, call) for call in calls)) + field(4, field(1, version))


def pir_value(number: int, array: np.ndarray) -> dict:
    kind = {"#": f"0.t_{SHORT[array.dtype.name]}"}
    return {"%": number, "TT": {"#": "0.t_dtensor", "D": [kind, list(array.shape), "NCHW", [], 0]}}


def pir(arrays: dict[str, np.ndarray], operations: list[dict] = ()) -> bytes:
    """The same as JSON; the stored variables have the numbers 1, 2 …, and FED is what is fed."""
    calls: list[dict] = [
        {"#": "p", "A": [0, 1, 1, name], "DA": [], "O": pir_value(number, array), "OA": [1, 0, 1], "QA": []}
        for number, (name, array) in enumerate(arrays.items(), 1)
    ]
    fed = pir_value(FED, np.zeros((1, 3), np.float32))
    calls.append({"#": "1.data", "A": [{"AT": {"#": "0.a_str", "D": "x"}, "N": "name"}], "I": [], "O": [fed]})
    block = {"#": "block_0", "args": [], "ops": [*calls, *operations]}
    content = {"base_code": {"magic": "pir", "trainable": True, "version": 4},
               "program": {"regions": [{"#": "region_0", "blocks": [block]}]}}  # fmt: skip
    return json.dumps(content).encode()


def pir_operation(kind: str, inputs: list[int], output: int, **attributes: object) -> dict:
    kinds = {bool: "a_bool", int: "a_i32", float: "a_f32", str: "a_str"}
    listed = [{"AT": {"#": f"0.{kinds[type(value)]}", "D": value}, "N": name} for name, value in attributes.items()]
    made = pir_value(output, np.zeros((1, 2), np.float32))
    return {"#": f"1.{kind}", "A": listed, "I": [{"%": number} for number in inputs], "O": [made]}


def parameters(arrays: dict[str, np.ndarray]) -> bytes:
    return b"".join(record(arrays[name]) for name in sorted(arrays))


def info(structured: dict[str, str]) -> bytes:
    """Tensor name → structured name, as Paddle 2 pickles it."""
    return pickle.dumps({name: {"structured_name": key, "stop_gradient": False} for name, key in structured.items()}, 2)


def small() -> dict[str, np.ndarray]:
    """Tensors of every type and of awkward shapes, under names that sort otherwise than they are written."""
    rng = np.random.default_rng(5)
    return {
        "linear_10.w_0": rng.standard_normal((3, 2)).astype(np.float32),
        "linear_2.w_0": rng.standard_normal((2, 4)).astype(np.float64),
        "linear_2.b_0": np.array([1.5, np.nan, -0.0, np.inf]),
        "half": np.arange(3, dtype=np.float16),
        "brain": np.array([[1.0, -2.5]], ml_dtypes.bfloat16),
        "权重": rng.integers(-9, 9, (2, 1, 3)),
        "scalar": np.array(7, np.int32),
        "empty": np.zeros((0, 3), np.float32),
        "truth": np.array([True, False]),
        "byte": np.arange(4, dtype=np.uint8),
    }


CALLS = [
    operation("matmul_v2", {"X": "x", "Y": "linear_10.w_0"}, {"Out": "a"}, trans_x=False, trans_y=False),
    operation("mul", {"X": "a", "Y": "linear_2.w_0"}, {"Out": "b"}, x_num_col_dims=1),
    operation("elementwise_add", {"X": "b", "Y": "linear_2.b_0"}, {"Out": "c"}, axis=-1, scale=0.5, names="α"),
]
PIR_CALLS = [pir_operation("matmul", [FED, 1], 101, transpose_y=False), pir_operation("relu_", [101], 102)]


def export(folder: Path, kind: str, arrays: dict[str, np.ndarray] | None = None, name: str = "net") -> Path:
    """Write an export of a kind, "pir", "desc", "fluid" or "folder"; give the path to name."""
    arrays = small() if arrays is None else arrays
    if kind in ("pir", "desc"):
        (folder / f"{name}.pdiparams").write_bytes(parameters(arrays))
        content = pir(arrays, PIR_CALLS) if kind == "pir" else program_desc(arrays, CALLS)
        (folder / f"{name}.{'json' if kind == 'pir' else 'pdmodel'}").write_bytes(content)
        return folder / f"{name}.pdiparams"
    (folder / "__model__").write_bytes(program_desc(arrays, CALLS, 1008005))
    if kind == "fluid":
        (folder / "__params__").write_bytes(parameters(arrays))
    else:
        for key, array in arrays.items():
            (folder / key).write_bytes(record(array))
    return folder


def in_memory(content: bytes):
    from dualport.common.weights.formats.bounded_bytes import Source

    return Source(io.BytesIO(content), len(content))
