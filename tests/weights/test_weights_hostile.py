"""The hostile cases of weight files. Each is refused in one sentence, quickly, in little memory; nothing is run."""

from __future__ import annotations

import datetime
import io
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest
from dualport.common.errors import BadInput
from dualport.common.weights import read
from weight_samples import (
    ARRAY,
    array_pickle,
    bounded,
    dtype_pickle,
    pickle_of,
    read_bytes,
    recomputed,
    refused,
    samples,
    state,
    tensor_pickle,
    text_pickle,
    torch_of,
    zip_of,
)

pytestmark = pytest.mark.no_cover


class Calls:
    """Pickles as a call of `function`."""

    def __init__(self, function, *arguments) -> None:
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("where", ["top", "value", "array"])
def test_01_a_pickle_that_runs_a_command(tmp_path, protocol, where) -> None:
    marker = tmp_path / "marker"
    for evil in (Calls(os.system, f"touch {marker}"), Calls(open, str(marker), "w"), Calls(os.mkdir, str(marker))):
        content = {"top": evil, "value": {"w": evil}, "array": {"w": np.array([evil, None], dtype=object)}}[where]
        raw = pickle.dumps(content, protocol=protocol)
        refused(raw, "asks to run .*nothing was run|objects")
        refused(torch_of(raw), "asks to run .*nothing was run|objects")
        assert not marker.exists()
    pickle.loads(pickle.dumps(Calls(os.mkdir, str(marker))))
    assert marker.exists()  # such a pickle does what it says when it is loaded


def test_02_builtins_eval() -> None:
    refused(pickle.dumps({"w": Calls(eval, "1+1", {})}), "'builtins.eval'")
    for name in (b"c__builtin__\neval\n", b"cbuiltins\nexec\n", b"cbuiltins\ngetattr\n", b"cnumpy\nload\n"):
        refused(pickle_of(name + b"(tR", 2), "asks to run")


@pytest.mark.parametrize(
    "body",
    [
        b"(X\x01\x00\x00\x00xios\nsystem\n",  # INST
        b"(cos\nsystem\nX\x01\x00\x00\x00xo",  # OBJ
        b"\x82\x01",  # EXT1
        b"\x83\x01\x00",  # EXT2
        b"\x84\x01\x00\x00\x00",  # EXT4
        b"Pabc\n",  # PERSID
        b"NQ",  # BINPERSID
        b"S'x'\n",  # STRING
        b"N0",  # POP
        b"Np0\n",  # PUT
        b"\x97",  # NEXT_BUFFER
        b"I1\n",  # INT
        b"\x8b\x04\x00\x00\x00\x00\x00\x00\x00",  # LONG4
        b"N2",  # DUP
        b"cnumpy\nndarray\n)\x81",  # NEWOBJ
        b"\xff",
    ],
)
def test_03_opcodes_that_no_weight_file_needs(body) -> None:
    refused(pickle_of(body, 2), "opcode|asks to run|outside itself")


def test_04_nested_names() -> None:
    for module, name in (
        ("numpy", "ndarray.__class__"),
        ("numpy.core", "multiarray.scalar"),
        ("builtins", "tuple.__subclasses__"),
    ):
        refused(pickle_of(text_pickle(module) + text_pickle(name) + b"\x93"), "asks to run")
    refused(pickle_of(b"K\x01K\x02\x93"), "asks to run")
    refused(pickle_of(b"](e\x8c\x01x\x93"), "asks to run")  # a list is no name, and cannot be looked up
    assert "\x1b" not in refused(pickle_of(text_pickle("\x1b[2Jos") + text_pickle("x") + b"\x93"), "asks to run")
    refused(pickle_of(b"c" + b"x" * 100_000 + b"\nx\n", 2), "name in its pickle has no end")


def test_05_more_after_the_end() -> None:
    one = pickle.dumps({"w": np.zeros(2)})
    refused(one + one, "more after the end")
    refused(one + b"\0", "more after the end")
    refused(torch_of(tensor_pickle() + b"N."), "more after the end")


def test_06_memo_bomb() -> None:
    refused(pickle_of(b"Nr\xff\xff\xff\x7f", 2), "memo index")
    refused(pickle_of(b"h\x05", 2), "damaged")
    refused(pickle_of(b"j\xff\xff\xff\xff", 2), "damaged")


@pytest.mark.parametrize("opcode", [b"\x8e", b"\x8d", b"\x95"])
@pytest.mark.parametrize("length", [2**62, 2**63 + 5, 2**64 - 1, 2**33, 100])
def test_07_lengths_beyond_the_file(opcode, length) -> None:
    refused(pickle_of(opcode + struct.pack("<Q", length) + b"x"), "ends in the middle|more bytes than the file")


def test_07_frames_that_do_not_fit() -> None:
    frame = b"\x95" + struct.pack("<Q", 3)
    assert read_bytes(pickle_of(frame + b"K\x01"), "x", key=".").tree == 1
    refused(pickle_of(frame + b"]J\x01\x00\x00\x00a"), "inside an opcode")
    refused(pickle_of(b"\x95" + struct.pack("<Q", 12) + frame + b"]NaN"), "lies in another")


@pytest.mark.parametrize("opcode", [b"B", b"X"])
def test_07_shorter_lengths_beyond_the_file(opcode) -> None:
    for length in (2**32 - 1, 5000, 20):
        refused(pickle_of(opcode + struct.pack("<I", length) + b"x"), "ends in the middle")


def laughs(levels: int, start: bytes, wrap: bytes = b"") -> bytes:
    """Each level holds the level below ten times, so `levels` of them hold 10 ** levels."""
    body = b"(" + start + b"\x94"
    for level in range(levels):
        body += b"](" + (b"h" + bytes((level,))) * 10 + b"e\x94"
    return pickle_of(b"}" + text_pickle("w") + body + b"ts")


def test_08_billion_laughs() -> None:
    refused(laughs(9, b"K\x01"), "repeats its own content")
    refused(laughs(30, b"K\x01"), "repeats its own content")
    long_text = b"X" + struct.pack("<I", 10_000) + b"x" * 10_000
    refused(laughs(5, long_text), "repeats its own content")
    array = array_pickle(b"K\x08\x85", b"C\x20" + bytes(32)).replace(b"\x94", b"")
    refused(laughs(6, array), "repeats its own content")
    with bounded():
        assert len(read_bytes(laughs(3, b"K\x01"), "x").tree["w"][-1]) == 10


@pytest.mark.parametrize("item", [b"}", b"]", b"N\x85"])
def test_08_many_containers(item) -> None:
    refused(pickle_of(b"](" + item * (550_000 // len(item)) + b"e"), "lists and dicts")


def test_08_many_numbers_are_read_in_time() -> None:
    with bounded():
        assert read_bytes(pickle_of(b"](" + b"K\x01" * 550_000 + b"e"), "x", key=".").tree == [1] * 550_000


def test_08_keys_that_take_for_ever_to_hash() -> None:
    body = b"K\x01\x94" + b"".join(b"h" + bytes((level,)) + b"h" + bytes((level,)) + b"\x86\x94" for level in range(60))
    refused(pickle_of(b"}" + body + b"Ns"), "damaged|neither short text nor a number")
    refused(pickle_of(b"}" + b"K\x01\x85Ns"), "neither short text nor a number")
    refused(pickle_of(b"}X" + struct.pack("<I", 5000) + b"x" * 5000 + b"Ns"), "neither short text")


def test_08_names_that_a_long_prefix_multiplies() -> None:
    content = {"x" * 4000: [{}] * 100_000}
    refused(pickle.dumps(content), "names of its tensors are too long")
    array = np.zeros(1, np.float32)
    refused(pickle.dumps({"x" * 4000: {"y" * 1000: [array] * 100_000}}), "too long", key=".")


def test_09_content_inside_itself_and_deep_nests() -> None:
    endless: list = []
    endless.append(endless)
    refused(pickle.dumps(endless), "contains itself")
    mapping: dict = {}
    mapping["again"] = [mapping]
    refused(pickle.dumps(mapping), "contains itself")
    refused(pickle_of(b"]" * 5000 + b"a" * 4999), "levels deep")
    refused(pickle_of(b")" + b"\x85" * 5000), "levels deep")
    shared = b"]\x94" + b"".join(b"](h" + bytes((level,)) + b"e\x94" for level in range(40))
    deep = b"".join(b"](j" + struct.pack("<I", level) + b"e\x94" for level in range(40, 100))
    refused(pickle_of(b"](" + shared + deep + b"e"), "levels deep")  # each level is reached from a shallow one first
    refused(pickle_of(b"(" * 550_000 + b"N"), "damaged")


@pytest.mark.parametrize(
    "array",
    [
        np.array([None, 1], dtype=object),
        np.array(["text"]),
        np.array([b"bytes"]),
        np.array([datetime.date(2024, 1, 1)], dtype="datetime64[D]"),
        np.zeros(2, dtype=[("a", "f4"), ("b", "i4")]),
        np.zeros(2, dtype=np.void(b"abc").dtype),
        np.array(1.5, dtype=np.longdouble),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_10_arrays_that_are_not_numbers(array, protocol) -> None:
    refused(pickle.dumps({"w": array}, protocol=protocol), "not of numbers|unknown kind|asks to run")


FLOATS = b"C\x08" + bytes(8)


@pytest.mark.parametrize(
    ("shape", "data", "match"),
    [
        (b"K\x03\x85", FLOATS, "does not fit its bytes"),  # 11
        (b"K\x01\x85", FLOATS, "does not fit its bytes"),
        (b")", FLOATS, "does not fit its bytes"),
        (b"\x8a\x05\x00\x00\x00\x00\x40\x8a\x05\x00\x00\x00\x00\x40\x86", FLOATS, "does not fit its bytes"),
        (b"\x8a\x09" + struct.pack("<q", 2**62) + b"\x01K\x00\x86", b"C\x00", "does not fit its bytes"),
        (b"\x8a\x08" + struct.pack("<q", 2**62) + b"K\x04K\x00\x87", b"C\x00", "does not fit its bytes"),
        (b"(K\x00" + b"J\xff\xff\xff\x7f" * 9 + b"t", b"C\x00", "does not fit its bytes"),
        (b"J\xfe\xff\xff\xff\x85", FLOATS, "shape is not one"),  # 12
        (b"J\xff\xff\xff\xffJ\xfe\xff\xff\xff\x86", FLOATS, "shape is not one"),
        (b"\x88K\x02\x86", FLOATS, "shape is not one"),
        (b"G\x40\x00\x00\x00\x00\x00\x00\x00\x85", FLOATS, "shape is not one"),
        (b"(" + b"K\x01" * 40 + b"K\x02t", FLOATS, "shape is not one"),
        (b"](K\x02e", FLOATS, "description is damaged"),
        (b"K\x02\x85", b"](NNe", "not bytes"),
        (b"K\x02\x85", b"K\x08", "not bytes"),
    ],
)
def test_11_12_shapes_that_lie(shape, data, match) -> None:
    refused(pickle_of(b"}" + text_pickle("w") + array_pickle(shape, data) + b"s"), match)


def test_10_arrays_that_are_half_made() -> None:
    good = array_pickle(b"K\x02\x85", FLOATS)
    assert read_bytes(pickle_of(good), "x").arrays["tensor"].shape == (2,)
    refused(pickle_of(ARRAY), "without content")
    refused(
        pickle_of(good + b"(K\x01K\x02\x85" + dtype_pickle("f4") + b"\x89" + FLOATS + b"tb"), "description is damaged"
    )
    refused(pickle_of(good[:-1] + b"K\x01\x85b"), "sets attributes")
    refused(pickle_of(array_pickle(b"K\x02\x85", FLOATS, b"K\x01")), "description is damaged")
    refused(pickle_of(array_pickle(b"K\x02\x85", FLOATS, dtype_pickle("f4", "x"))), "type is damaged")
    refused(pickle_of(array_pickle(b"K\x02\x85", FLOATS, fortran=b"N")), "description is damaged")
    refused(pickle_of(array_pickle(b"K\x08\x85", b"C\x08" + b"\x02" * 8, dtype_pickle("b1"))), "neither true nor false")
    refused(pickle_of(ARRAY.replace(b"ndarray", b"dtype").replace(b"\x07", b"\x05")), "unknown kind")
    refused(pickle_of(text_pickle("numpy") + text_pickle("ndarray") + b"\x93"), "neither a tensor nor")
    refused(pickle_of(text_pickle("numpy") + text_pickle("ndarray") + b"\x93)R"), "not a function")
    refused(pickle_of(text_pickle("numpy") + text_pickle("dtype") + b"\x93NR"), "not a function")
    refused(pickle_of(b"NNR"), "not a function")
    refused(pickle_of(b"]}b"), "sets attributes")
    scalar = text_pickle("numpy.core.multiarray") + text_pickle("scalar") + b"\x93" + dtype_pickle("f4")
    refused(pickle_of(scalar + b"C\x05abcde\x86R"), "does not fit")
    refused(pickle_of(scalar + b"\x85R"), "scalar of an unknown kind")
    refused(pickle_of(text_pickle("builtins") + text_pickle("tuple") + b"\x93K\x01\x85R"), "tuple of an unknown kind")
    refused(pickle_of(b"c__builtin__\nbytes\nK\x05\x85R", 2), "bytes of an unknown kind")
    ordered = text_pickle("collections") + text_pickle("OrderedDict") + b"\x93"
    refused(pickle_of(ordered + b"K\x01\x85R"), "dict of an unknown kind")
    refused(pickle_of(ordered + b")RK\x01b"), "other than attributes")
    encode = text_pickle("_codecs") + text_pickle("encode") + b"\x93"
    refused(pickle_of(encode + text_pickle("x") + text_pickle("hex") + b"\x86R"), "encoding")
    refused(pickle_of(encode + text_pickle("權") + text_pickle("latin1") + b"\x86R"), "cannot be decoded")
    for odd in (
        "権".encode(),
        b"\xc3",
        b"\xa9",
        b"\xc3\xc3\xa9",
        b"\xc0\x80",
        b"\xff",
    ):  # after more than is decoded at once
        raw = b"x" * 5000 + odd
        latin1 = b"X" + struct.pack("<I", len(raw)) + raw + text_pickle("latin1") + b"\x86R"
        refused(pickle_of(encode + latin1), "not bytes")
    refused(pickle_of(b"X\x02\x00\x00\x00\xff\xff"), "cannot be decoded")
    refused(pickle_of(b"X" + struct.pack("<I", 5000) + b"\xff" * 5000), "cannot be decoded")


def test_14_a_flipped_byte(tmp_path) -> None:
    """A pickle has no checksum: a flip is seen only with a hash. A zip has one for each entry."""
    import hashlib

    content = samples()["pdparams"]
    path, sidecar = tmp_path / "w.pdparams", tmp_path / "w.pdparams.sha256"
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    assert read(path).verified is False
    assert read(path, sha256=digest.upper()).verified is True
    sidecar.write_text(f"{digest}  w.pdparams\n")
    assert read(path).verified is True
    at = content.index(state()["fc.weight"].tobytes())
    path.write_bytes(content[:at] + bytes((content[at] ^ 1,)) + content[at + 1 :])
    with pytest.raises(BadInput, match="not what its sha256 says"):
        read(path)
    sidecar.unlink()
    assert read(path).verified is False
    with pytest.raises(BadInput, match="not what its sha256 says"):
        read(path, sha256=digest)
    with pytest.raises(BadInput, match="64 hexadecimal"):
        read(path, sha256="abc")
    sidecar.write_text("\n")
    with pytest.raises(BadInput, match="is empty"):
        read(path)
    archive = samples()["pt"]
    at = archive.index(state()["fc.weight"].tobytes())
    refused(archive[:at] + bytes((archive[at] ^ 1,)) + archive[at + 1 :], "checksum of 'archive/data/0'")


def test_18_a_pt_with_an_evil_global(tmp_path) -> None:
    marker = tmp_path / "marker"
    evil = pickle.dumps({"w": Calls(os.mkdir, str(marker))}, protocol=2)
    refused(torch_of(evil), "'posix.mkdir'")
    refused(torch_of(tensor_pickle().replace(b"_rebuild_tensor_v2", b"_rebuild_wrapper_subclass")), "asks to run")
    refused(torch_of(b"\x80\x02ctorch.storage\n_load_from_bytes\nC\x01x\x85R."), "asks to run")
    assert not marker.exists()


HUGE = b"\x8a\x08" + struct.pack("<q", 2**62 - 1)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"offset": b"K\x01"}, "beyond its storage"),
        ({"shape": b"K\x05\x85"}, "beyond its storage"),
        ({"strides": b"K\x02\x85"}, "beyond its storage"),
        ({"offset": HUGE}, "beyond its storage"),
        ({"shape": HUGE + b"\x85", "strides": HUGE + b"\x85"}, "beyond its storage"),
        ({"shape": HUGE + b"\x85", "strides": b"K\x00\x85"}, "repeats its storage"),
        ({"shape": b"K\x05\x85", "strides": b"K\x00\x85"}, "repeats its storage"),
        ({"shape": b"K\x04K\x04\x86", "strides": b"K\x00K\x01\x86"}, "repeats its storage"),
        ({"offset": b"J\xff\xff\xff\xff"}, "description is damaged"),
        ({"offset": b"\x88"}, "description is damaged"),
        ({"shape": b"J\xff\xff\xff\xff\x85"}, "shape or strides"),
        ({"strides": b"J\xff\xff\xff\xff\x85"}, "shape or strides"),
        ({"shape": b"](K\x04e"}, "shape or strides"),
        ({"shape": b"(" + b"K\x01" * 40 + b"t", "strides": b"(" + b"K\x01" * 40 + b"t"}, "shape or strides"),
        ({"shape": b"K\x02K\x02\x86"}, "description is damaged"),
        ({"shape": b"K\x00" + HUGE + HUGE + b"\x87", "strides": b"K\x00K\x00K\x00\x87"}, "does not fit"),
        ({"count": b"K\x05"}, "another size"),
        ({"count": HUGE}, "another size"),
        ({"count": b"J\xff\xff\xff\xff"}, "another size"),
        ({"storage": "DoubleStorage"}, "another size"),
        ({"storage": "float32"}, "not a storage"),
        ({"storage": "Size"}, "not a storage"),
        ({"key": b"1"}, "missing"),
        ({"key": b"../data.pkl"}, "missing"),
    ],
)
def test_20_views_past_their_storage(changes, match) -> None:
    assert read_bytes(torch_of(tensor_pickle()), "x").arrays["w"].shape == (4,)
    refused(torch_of(tensor_pickle(**changes)), match)


def test_20_a_storage_of_two_types() -> None:
    tensor = tensor_pickle()[3:-2]
    pickled = b"\x80\x02}(" + tensor + tensor.replace(b"w", b"v", 1).replace(b"Float", b"Int") + b"u."
    refused(torch_of(pickled), "of two types")


def test_20_an_axis_of_one_may_have_any_stride() -> None:
    content = torch_of(tensor_pickle(shape=b"K\x01K\x04\x86", strides=HUGE + b"K\x01\x86"))
    assert read_bytes(content, "x").arrays["w"].shape == (1, 4)


def test_21_zips_that_are_not_torchs() -> None:
    good = [("a/data.pkl", tensor_pickle()), ("a/data/0", bytes(16))]
    assert read_bytes(zip_of(good), "x").arrays["w"].shape == (4,)
    with pytest.warns(UserWarning, match="Duplicate"):
        duplicate = zip_of([*good, good[1]])
    refused(duplicate, "is in its zip twice")
    assert read_bytes(zip_of(good, zipfile.ZIP_DEFLATED), "x").arrays["w"].shape == (4,)
    refused(zip_of([good[0], ("a/data/0", bytes(10**6))], zipfile.ZIP_DEFLATED), "over 200 times its size")
    refused(zip_of(good, zipfile.ZIP_BZIP2), "compressed in an unusual way")
    refused(zip_of([*good, ("b/data.pkl", tensor_pickle())]), "more than one data.pkl")
    refused(zip_of([("a/x", b"")]), "without data.pkl")
    refused(zip_of([]), "without data.pkl")
    refused(zip_of([("a/model.json", b"{}")]), "TorchScript archive of torch before 1.4")
    refused(zip_of([*good, ("a/byteorder", b"big")]), "big-endian")
    refused(zip_of(good) + b"\0", "something after it")
    refused(b"x" + zip_of(good), "no weight file")
    encrypted = bytearray(zip_of(good))
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    refused(bytes(encrypted), "encrypted")
    two_ways = bytearray(zip_of(good))
    two_ways[two_ways.index(b"PK\x03\x04") + 30] ^= 1  # the name in the local header
    refused(bytes(two_ways), "described in two ways")
    crossed = zip_of(good).replace(b"a/data/0", b"a/data.px", 1)
    refused(crossed, "described in two ways|damaged|lies over")


def directory_field(content: bytes, entry: int, offset: int, layout: str, value: int) -> bytes:
    """`content`, a zip, with one field of its directory overwritten."""
    at = -1
    for _ in range(entry + 1):
        at = content.index(b"PK\x01\x02", at + 1)
    changed = bytearray(content)
    struct.pack_into(layout, changed, at + offset, value)
    return bytes(changed)


def test_21_zip_directories_that_lie() -> None:
    good = torch_of(tensor_pickle())
    refused(directory_field(good, 2, 16, "<I", 1), "checksum")
    refused(directory_field(good, 0, 16, "<I", 1), "checksum")
    refused(directory_field(good, 2, 42, "<I", 0), "lies over another|described in two ways")
    refused(directory_field(good, 2, 42, "<I", 2**31), "lies over another")
    refused(
        directory_field(directory_field(good, 2, 20, "<I", 2**31), 2, 24, "<I", 2**31), "ends beyond the file|lies over"
    )
    last = directory_field(directory_field(good, 3, 20, "<I", 9999), 3, 24, "<I", 9999)
    refused(last, "ends beyond the file")  # although no tensor is in it
    refused(directory_field(good, 2, 24, "<I", 2**31), "directory is damaged")
    refused(directory_field(good, 2, 24, "<I", 2**32 - 1), "directory is damaged")
    refused(directory_field(good, 2, 30, "<H", 60_000), "directory is damaged")
    refused(directory_field(good, 2, 0, "<I", 0), "directory is damaged")
    refused(directory_field(good, 2, 46, "<B", 0xFF), "directory is damaged")
    for offset, layout, value in (
        (8, "<HH", 3),
        (8, "<HH", 5),
        (12, "<I", 7),
        (16, "<I", 5),
        (16, "<I", 2**31),
        (20, "<H", 9),
    ):
        changed = bytearray(good)
        values = (value, value) if layout == "<HH" else (value,)
        struct.pack_into(layout, changed, len(good) - 22 + offset, *values)
        refused(bytes(changed), "damaged|ends before")


def test_21_wide_directories_that_lie() -> None:
    """The records for zips of more than 4 GB, where they are missing or point at something else."""
    good = torch_of(tensor_pickle())
    body = good[:-22]
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 4, 4, 0, 0xFFFFFFFF, 0)
    start = good.index(b"PK\x01\x02")
    fields = (44, 45, 45, 0, 0, 4, 4, len(body) - start, start)

    def wide(magic=b"PK\x06\x06", fields=fields) -> bytes:
        return struct.pack("<4sQ2H2I4Q", magic, *fields)

    def locator(where: int | None = None, magic=b"PK\x06\x07") -> bytes:
        return struct.pack("<4sIQI", magic, 0, len(body) if where is None else where, 1)

    assert read_bytes(body + wide() + locator() + end, "x").arrays["w"].shape == (4,)
    for records in (
        b"",
        wide() + locator(magic=b"PK\x06\x08"),
        wide() + locator(where=2**63),
        wide() + locator(where=0),
        wide(magic=b"PK\x06\x08") + locator(),
        wide(fields=(*fields[:5], 3, *fields[6:])) + locator(),
        wide(fields=(*fields[:5], 2**40, 2**40, *fields[7:])) + locator(),
        wide(fields=(*fields[:7], 2**62, start)) + locator(),
        wide(fields=(*fields[:8], 2**62)) + locator(),
    ):
        refused(body + records + end, "damaged")
    refused(end, "damaged")


def test_21_overlapping_entries() -> None:
    """A zip whose entries share their bytes, so that a small file could unpack to a large one."""
    good = torch_of(tensor_pickle())
    start = good.index(b"PK\x01\x02")
    record = good[start : good.index(b"PK\x01\x02", start + 1)]
    doubled = good[:start] + record * 5000 + good[start:-22]
    size = len(doubled) - start
    content = doubled + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 5004, 5004, size, start, 0)
    refused(content, "twice|lies over")


def test_22_told_by_content(tmp_path) -> None:
    for name, content in samples().items():
        path = tmp_path / "wrong.txt"
        path.write_bytes(content)
        assert read(path).format == {"pt": "pt", "safetensors": "safetensors"}.get(name, "pdparams")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "is empty"),
        (b"\x1f\x8b\x08" + bytes(40), "gzip"),
        (b"\x89HDF\r\n\x1a\n" + bytes(40), "HDF5"),
        (b"MATLAB 5.0 MAT-file" + bytes(140), "MATLAB"),
        (b"\x93NUMPY" + bytes(40), "npy"),
        (b"<!DOCTYPE html>", "HTML"),
        (b"version https://git-lfs.github.com/spec/v1", "git-lfs"),
        (b"just some text", "no weight file"),
        (bytes(100), "no weight file"),
        (b"\x80", "no weight file"),
        (b"\x80\x04", "no weight file"),
        (b"\x80\x09N.", "no weight file"),
        (b"}.", "no weight file"),
    ],
)
def test_22_other_files_are_named(content, match) -> None:
    refused(content, match)


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "a\nb", "\x1b[2J", "a\0b", "\ud800"])
def test_24_names_are_only_names(name) -> None:
    raw = pickle.dumps({name: np.zeros(2, np.float32)})
    assert list(read_bytes(raw, "x").arrays) == [name]


def test_24_duplicate_names() -> None:
    array = array_pickle(b"K\x02\x85", FLOATS)
    refused(pickle_of(b"}(" + (text_pickle("w") + array) * 2 + b"u"), "'w' is in it twice")
    refused(pickle.dumps({"a.b": np.zeros(1), "a": {"b": np.zeros(1)}}), "same name, 'a.b'", key=".")


def test_25_empty_tensors() -> None:
    for content in samples().values():
        assert read_bytes(content, "x").arrays["empty"].shape == (0, 3)


def test_damaged_stacks() -> None:
    for body in (
        b"",
        b"NN",
        b"(N",
        b"a",
        b"Na",
        b"s",
        b"}Ns",
        b"}(Nu",
        b"e",
        b"u",
        b"t",
        b"\x85",
        b"b",
        b"R",
        b"\x94",
        b"NNNa",
        b"(NNN",
    ):
        refused(pickle_of(body), "damaged|no weight file")
    refused(b"\x80\x04\x80\x04N.", "damaged")
    refused(b"\x80\x04" + b"N" * 2_000_000 + b".", "more than 600,000 steps")


@pytest.mark.parametrize(
    ("body", "match"),
    [
        (b"ctorch._utils\n_rebuild_parameter\nNNN\x87R", "parameter whose description"),
        (b"ctorch._utils\n_rebuild_parameter\n)R", "parameter whose description"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n)R", "tensor whose description"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n(NNNNNNtR", "tensor whose description"),
        (b"ctorch._utils\n_rebuild_tensor_v3\n(NNNNNNNtR", "tensor whose description"),
        (b"ctorch._utils\n_rebuild_tensor_v3\n(NNNNNNctorch\nfloat32\ntR", "tensor whose description"),
        (b"ctorch\nSize\n)R", "size whose description"),
        (b"ctorch\nSize\nK\x01\x85R", "size whose description"),
        (b"ctorch\ndevice\n)R", "device whose description"),
        (b"ctorch\ndevice\nK\x01\x85R", "device whose description"),
        (b"NQ", "not a storage"),
        (b"(X\x07\x00\x00\x00storageX\x01\x00\x00\x00aX\x01\x00\x00\x000X\x01\x00\x00\x00cK\x04tQ", "not a storage"),
        (
            tensor_pickle()[2:-2].removeprefix(b"}X\x01\x00\x00\x00w").partition(b"Q")[0].partition(b"\n(")[2] + b"Q",
            "neither a tensor",
        ),
        (b"ctorch.storage\nUntypedStorage\n)R", "not a function"),
    ],
)
def test_18_odd_arguments_of_torchs_functions(body, match) -> None:
    refused(torch_of(pickle_of(body, 2)), match)


def test_13_a_file_that_shrinks_while_it_is_read() -> None:
    from dualport.common.weights.formats.bounded_bytes import Malformed, Source

    for take in (Source.array, Source.exact):
        with pytest.raises(Malformed, match="ends in the middle"):
            take(Source(io.BytesIO(b"abc"), 100), 8)


def test_a_pickle_of_odd_types_in_a_zip() -> None:
    pt = samples()["pt"]
    refused(
        recomputed(pt, "archive/data.pkl", lambda data: data.replace(b"FloatStorage", b"ComplexDoubl")), "asks to run"
    )
    refused(recomputed(pt, "archive/data.pkl", lambda data: data.replace(b"storage", b"Storage")), "not a storage")
    refused(recomputed(pt, "archive/data/0", lambda data: data + b"\0"), "another size")


def test_paths_that_are_no_files(tmp_path) -> None:
    for path, match in ((tmp_path, "is a folder"), (tmp_path / "absent.pt", "No such file")):
        with pytest.raises(BadInput, match=match):
            read(path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadInput, match="pipe or a device"):
        read(tmp_path / "pipe")
    (tmp_path / "\x1b[2J.pt").write_bytes(b"")
    with pytest.raises(BadInput) as caught:
        read(tmp_path / "\x1b[2J.pt")
    assert str(caught.value).isprintable()
