"""Exports that are hostile, cut or changed at random: a refusal in one sentence or a read of what is there, quickly."""

from __future__ import annotations

import json
import os
import random
import struct

import numpy as np
import pytest
from dualport.common.errors import BadInput
from dualport.common.weights import read
from dualport.common.weights.exports.kinds import export_views
from dualport.common.weights.formats.bounded_bytes import Malformed
from dualport.common.weights.formats.paddle_exports.pir import read_pir
from dualport.common.weights.formats.paddle_exports.program_desc import read_program_desc
from dualport.common.weights.formats.paddle_exports.records import read_one
from dualport.common.weights.readers import collector_paused
from dualport.scripts.inspect_file import describe
from export_samples import (
    CALLS,
    PIR_CALLS,
    field,
    in_memory,
    info,
    operation,
    parameters,
    pir,
    program_desc,
    record,
    small,
    tensor_desc,
    variable,
    varint,
)
from mutations import mutate, nothing_run
from weight_samples import bounded

pytestmark = pytest.mark.no_cover
READERS = {"pir": read_pir, "desc": read_program_desc, "record": read_one}


def refused(kind: str, content: bytes, match: str) -> None:
    with bounded(), collector_paused(), pytest.raises(Malformed, match=match) as caught:
        READERS[kind](in_memory(content))
    sentence = str(caught.value)
    assert sentence.isprintable()
    assert len(sentence) < 600


def of_tensor(description: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<IQIi", 0, 0, 0, len(description)) + description + data


def test_records_that_claim_what_they_have_not() -> None:
    float32 = field(1, 5)
    refused("record", of_tensor(float32 + field(2, 2**62)), "fit its bytes|ends")
    refused("record", of_tensor(float32 + field(2, 2**40)), "ends in the middle")
    refused("record", of_tensor(float32 + field(2, 2**31) * 3), "fit its bytes")
    refused("record", of_tensor(float32 + field(2, -1)), "shape")
    refused("record", of_tensor(float32 + field(2, 1) * 40, bytes(4)), "shape")
    refused("record", of_tensor(field(1, 7)), "type '7', which is not known")
    refused("record", of_tensor(float32 + field(2, 2), bytes(12)), "bytes after its tensor")
    refused("record", of_tensor(field(1, 0) + field(2, 2), b"\x01\x02"), "neither true nor false")
    refused("record", of_tensor(b"\x08"), "ends in the middle|damaged")
    refused("record", struct.pack("<IQIi", 0, 0, 0, -5), "damaged")
    refused("record", struct.pack("<IQIi", 0, 0, 0, 2**31 - 1), "damaged")
    refused("record", struct.pack("<IQIi", 1, 0, 0, 4), "version")
    refused("record", struct.pack("<IQQ", 0, 1, 2**62), "ends in the middle")
    refused("record", struct.pack("<IQ", 0, 2**60), "damaged")


def test_messages_that_make_work() -> None:
    refused("desc", field(1, field(4, b"")) * 300_000, "more than 600,000 fields|no blocks|damaged")
    refused("desc", b"\x0a" + varint(2**63), "length in it is damaged")
    refused("desc", b"\x80" * 40, "damaged")
    refused("desc", b"\xff" * 9 + b"\x7f", "damaged")
    refused("desc", b"\x0b" * 100_000, "kind '3', which Paddle does not write")
    refused("desc", b"\x00" * 100, "damaged")
    refused("desc", field(1, field(1, 0) + field(2, 0)) * 20_000, "too many")
    refused("desc", field(1, field(1, 0) + field(2, 0)) * 2, "out of order")
    deep = b""
    for _ in range(20_000):  # only what is asked for is opened
        deep = field(1, deep)
    refused("desc", deep[:100_000], "damaged|ends")
    numbers = field(4, operation("x", {}, {}) + field(4, field(1, "n") + field(2, 11) + field(15, b"\x01" * 700_000)))
    refused("desc", field(1, field(1, 0) + numbers), "more than 600,000 fields")
    refused("desc", program_desc({"w": np.zeros((), np.float32)}).replace(b"\x0a\x01w", b"\x0a\x01\xff"), "decoded")
    shape = field(1, "w") + field(2, field(1, 7) + field(3, field(1, field(1, 5) + field(2, 1) * 1000))) + field(3, 1)
    refused("desc", field(1, field(1, 0) + field(3, shape)), "a shape that is none")


def test_a_chain_of_casts_takes_no_time(tmp_path) -> None:
    one = np.zeros((2, 2), np.float32)
    calls = [operation("cast", {"X": f"a{number}"}, {"Out": f"a{number + 1}"}) for number in range(8000)]
    calls += [operation("mul", {"X": "x", "Y": "a8000"}, {"Out": "y"})] * 8000
    (tmp_path / "__model__").write_bytes(program_desc({"linear_0.w_0": one}, calls))
    (tmp_path / "__params__").write_bytes(record(one))
    with bounded():
        file = read(tmp_path)
    with bounded():
        (view,) = export_views(file.arrays, file.names, file.program).values()
    assert view.unruled


def test_json_that_is_no_program() -> None:
    good = pir(small(), PIR_CALLS)
    for change in ((b'"pir"', b'"rip"'), (b'"version": 4', b'"version": 1e400'), (b'"ops"', b'"oops"'),
                   (b'"%": 1,', b'"%": "1",'), (b'"%": 1,', b'"%": 100000,'), (b'"A": [0, 1, 1,', b'"A": [0,'),
                   (b'"#": "p"', b'"#": ["p"]'), (b'"regions": [', b'"regions": {"a": 3}, "x": [')):  # fmt: skip
        assert change[0] in good
        refused("pir", good.replace(*change), "damaged|twice")
    refused("pir", good.replace(b'"linear_2.b_0"', b'"linear_2.w_0"'), "'linear_2.w_0' is in its program twice")
    refused("pir", good[:-1], "not JSON, or cut")
    refused("pir", b'{"base_code":' + b"[" * 200_000, "not JSON")
    refused("pir", b'{"base_code": [' + b"[]," * 990_000 + b"[]]}", "damaged")
    refused("pir", b"[" * 2_600_000, "more than 2,000,000 values")
    refused("pir", b"[" + b"9" * 5000 + b"]", "not JSON|damaged")
    refused("pir", good.replace(b"[3, 2]", b"[" + b"3," * 50 + b"2]"), "a shape that is none")
    refused("pir", good.replace(b"[3, 2]", b"[" + b"9" * 300 + b"]"), "a shape that is none")


def test_a_large_program_of_nothing() -> None:
    with bounded(), collector_paused():
        read_pir(in_memory(pir({f"w{number}": np.zeros(1, np.float32) for number in range(4000)})))
    with bounded(), collector_paused():
        read_program_desc(in_memory(program_desc({f"w{number}": np.zeros(1, np.float32) for number in range(8000)})))


def test_hostile_names_do_not_reach_the_terminal(tmp_path, capsys) -> None:
    from dualport.scripts.command_line import main

    names = [
        "\x1b[2J",
        "a\nb",
        "\u202egnp",
        "x" * 3000,
        "linear_99999999999999.w_0",
        "linear_1.w_0_deepcopy_" + "9" * 99,
    ]
    arrays = {name: np.zeros((2, 2), np.float32) for name in names}
    calls = [operation("\x1b]0;x\x07", {"X": name}, {"\n": name}) for name in names]
    (tmp_path / "net.pdmodel").write_bytes(program_desc(arrays, calls))
    (tmp_path / "net.pdiparams").write_bytes(parameters(arrays))
    assert main(["inspect", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert all(line.isprintable() for line in out.splitlines())
    assert max(map(len, out.splitlines())) < 500
    assert main(["convert", str(tmp_path), str(tmp_path / "x.pt")]) == 2
    err = capsys.readouterr().err
    assert err.strip().isprintable()
    assert len(err) < 1500


SAMPLES = {
    "net.pdiparams": parameters(small()),
    "net.json": pir(small(), PIR_CALLS),
    "net.pdmodel": program_desc(small(), CALLS),
    "net.pdiparams.info": info({"linear_2.w_0": "fc.weight", "linear_2.b_0": "fc.bias", "half": "half"}),
    "one": record(small()["linear_2.w_0"], levels=(bytes(16),)),
}
PARTS = {  # what is mutated → the files of the export that it belongs to, and which one is named
    "net.pdiparams": (("net.pdmodel",), "net.pdiparams"), "net.json": (("net.pdiparams",), "net.json"),
    "net.pdmodel": (("net.pdiparams",), "net.pdiparams"),
    "net.pdiparams.info": (("net.pdiparams", "net.pdmodel"), "net.pdmodel"), "one": ((), "."),
}  # fmt: skip
WORDS = [b'"%"', b'"I"', b"null", b"1e999", b"-1", b"[]", b"{}", b'"p"', b"\x80\x02", b"\x0a\x00", b"\xff" * 10]


def check(folder, part: str, content: bytes) -> bool:
    """Read an export of which one file is `content`; whether it was read and not refused."""
    beside, named = PARTS[part]
    (folder / part).write_bytes(content)
    before = sorted(folder.iterdir())
    refusal = ""
    try:
        with bounded(), nothing_run():
            file = read(folder / named if named != "." else folder)
            export_views(file.arrays, file.names, file.program)
    except BadInput as fault:
        refusal = str(fault)
    assert sorted(folder.iterdir()) == before
    if refusal:
        assert refusal.isprintable()
        assert len(refusal) < 1500
        return False
    held = len(content) + sum(len(SAMPLES[name]) for name in beside)
    assert sum(array.nbytes for array in file.arrays.values()) <= held
    assert len(json.dumps(describe(file), allow_nan=False)) < 2**24
    return True


def _mutated(folder, part: str, count: int) -> None:
    rng = random.Random(f"mutations of {part}")
    for name in PARTS[part][0]:
        (folder / name).write_bytes(SAMPLES[name])
    assert check(folder, part, SAMPLES[part])
    read_some = 0
    for number in range(count):
        content = mutate(SAMPLES[part], rng, SAMPLES, WORDS)
        try:
            read_some += check(folder, part, content)
        except Exception as error:
            raise AssertionError(f"mutation {number}") from error
    assert read_some


@pytest.mark.parametrize("part", PARTS)
def test_mutated_exports(tmp_path, part) -> None:
    _mutated(tmp_path, part, int(os.environ.get("DUALPORT_FUZZ", "400")))


@pytest.mark.heavy
@pytest.mark.parametrize("part", PARTS)
def test_many_mutated_exports(tmp_path, part) -> None:
    _mutated(tmp_path, part, 10_000)


@pytest.mark.parametrize("part", PARTS)
def test_an_export_cut_at_any_byte_is_refused(tmp_path, part) -> None:
    for name in PARTS[part][0]:
        (tmp_path / name).write_bytes(SAMPLES[name])
    for length in range(1, len(SAMPLES[part]), 1 + len(SAMPLES[part]) // 300):
        whole = check(tmp_path, part, SAMPLES[part][:length])
        assert not whole, length


def test_the_program_of_another_block_is_not_taken() -> None:
    """What a sub-block calls persistable does not lie in the file of parameters."""
    array = np.zeros(2, np.float32)
    inner = field(1, field(1, 1) + field(2, 0) + field(3, variable("inner", array)))
    program = read_program_desc(in_memory(program_desc({"w": array}) + inner))
    assert [one.name for one in program.stored] == ["w"]
    assert tensor_desc(array) in program_desc({"w": array})
