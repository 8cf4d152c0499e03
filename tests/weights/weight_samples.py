"""Small files for the tests, made without a framework, and what a refusal must look like."""

from __future__ import annotations

import contextlib
import io
import pickle
import resource
import struct
import time
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from dualport.common.errors import BadInput
from dualport.common.weights import WeightFile
from dualport.common.weights.formats.bounded_bytes import Source
from dualport.common.weights.formats.pdparams import write_paddle
from dualport.common.weights.formats.pt import write_torch
from dualport.common.weights.formats.safetensors import write_safetensors
from dualport.common.weights.readers import read_source

SECONDS = 2.0  # what a refusal may take
BYTES = 2**30  # and how much memory


def state(seed: int = 0) -> dict[str, np.ndarray]:
    """A state dict with what is awkward: a scalar, an empty tensor, a name in Chinese, every layout of numbers."""
    rng = np.random.default_rng(seed)
    return {
        "fc.weight": rng.standard_normal((3, 2)).astype(np.float32),
        "fc.bias": np.array([0.5, -1.5, np.nan], np.float32),
        "权重": rng.standard_normal((2, 1, 2)).astype(np.float64),
        "half": np.arange(4, dtype=np.float16),
        "empty": np.zeros((0, 3), np.float32),
        "step": np.array(7, np.int64),
        "mask": np.array([True, False]),
    }


def read_bytes(
    content: bytes, name: str, key: str | None = None, dtype: str | None = None, kind: str | None = None
) -> WeightFile:
    """Read content that is in memory, as a file with this name would be read."""
    return read_source(Source(io.BytesIO(content), len(content)), name, key, dtype, kind, None)


def bfloat16_array() -> np.ndarray:
    return np.array([[1.0, -2.5], [0.0, 3e38]], ml_dtypes.bfloat16)


def written(writer, *arguments) -> bytes:
    file = io.BytesIO()
    writer(file, *arguments)
    return file.getvalue()


def samples() -> dict[str, bytes]:
    """One small file of each format, and pickles of all protocols that paddle.save offers."""
    names = {"fc.weight": "linear_0.w_0"}
    nested = {"model": state(), "epoch": 3, "notes": ["α", None, 1.5, (1, -2, 2**40)], "lr": np.float32(0.1)}
    return {
        "pdparams": written(write_paddle, state(), names),
        "pickle2": pickle.dumps({**state(), "StructuredToParameterName@@": names}, protocol=2),
        "pickle3": pickle.dumps(nested, protocol=3),
        "pickle4": pickle.dumps(nested, protocol=4),
        "pt": written(write_torch, {"model": {**state(), "bf16": bfloat16_array()}, "epoch": 3}),
        "safetensors": written(write_safetensors, {**state(), "bf16": bfloat16_array()}, {"format": "pt"}),
    }


@contextlib.contextmanager
def bounded():
    """Fail if the body takes more than the seconds or the memory that hostile input is given."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + BYTES, hard))
    start = time.process_time()
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    assert time.process_time() - start < SECONDS


def refused(content: bytes, match: str, **options) -> str:
    """Read hostile content; check the refusal, and return it."""
    with bounded(), pytest.raises(BadInput, match=match) as caught:
        read_bytes(content, "hostile.bin", **options)
    sentence = str(caught.value)
    assert sentence.startswith("hostile.bin: ")
    assert "; " in sentence  # the next step
    assert sentence.isprintable()
    assert len(sentence) < 600
    return sentence


def same(left: dict, right: dict) -> None:
    """The same names, in any order, with bitwise the same arrays of the same types."""
    assert set(left) == set(right)
    for name, array in right.items():
        other = left[name]
        assert (other.dtype, other.shape) == (array.dtype, array.shape), name
        assert other.tobytes() == array.tobytes(), name


# A pickle spelled by hand: the hostile cases are what no honest writer makes.

ARRAY = b"\x8c\x16numpy._core.multiarray\x8c\x0c_reconstruct\x93\x8c\x05numpy\x8c\x07ndarray\x93K\x00\x85C\x01b\x87R"


def dtype_pickle(code: str, order: str = "<") -> bytes:
    made = text_pickle("numpy") + text_pickle("dtype") + b"\x93" + text_pickle(code) + b"\x89\x88\x87R"
    return made + b"(K\x03" + text_pickle(order) + b"NNN" + b"J\xff\xff\xff\xff" * 2 + b"K\x00tb"


def text_pickle(text: str) -> bytes:
    raw = text.encode("utf-8", "surrogatepass")
    return b"\x8c" + bytes((len(raw),)) + raw


def array_pickle(shape: bytes, data: bytes, dtype: bytes | None = None, fortran: bytes = b"\x89") -> bytes:
    """An array as a pickle; `shape` and `data` are opcodes, so that they can be anything."""
    return ARRAY + b"(K\x01" + shape + (dtype or dtype_pickle("f4")) + fortran + data + b"tb"


def pickle_of(body: bytes, protocol: int = 4) -> bytes:
    return b"\x80" + bytes((protocol,)) + body + b"."


def zip_of(entries: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip by Python's own writer, which does as it is told: duplicates, compression."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return file.getvalue()


def tensor_pickle(
    key=b"0", count=b"K\x04", offset=b"K\x00", shape=b"K\x04\x85", strides=b"K\x01\x85", storage="FloatStorage"
):
    """The data.pkl of one tensor of four floats named `w`; each part can be replaced by other opcodes."""
    reference = b"(X\x07\x00\x00\x00storagectorch\n" + storage.encode() + b"\nX" + struct.pack("<I", len(key)) + key
    reference += b"X\x03\x00\x00\x00cpu" + count + b"tQ"
    body = b"ctorch._utils\n_rebuild_tensor_v2\n(" + reference + offset + shape + strides + b"\x89}tR"
    return b"\x80\x02}X\x01\x00\x00\x00w" + body + b"s."


def torch_of(data_pickle: bytes, storage: bytes = bytes(16)) -> bytes:
    return zip_of(
        [("a/data.pkl", data_pickle), ("a/byteorder", b"little"), ("a/data/0", storage), ("a/version", b"3\n")]
    )


def safetensors_of(header: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def recomputed(content: bytes, name: str, change) -> bytes:
    """`content`, a stored zip, with one entry's data changed and its checksums made to fit."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = [(info.filename, archive.read(info)) for info in archive.infolist()]
    return zip_of([(entry, change(data) if entry == name else data) for entry, data in entries])
