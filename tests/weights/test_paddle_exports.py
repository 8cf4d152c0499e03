"""Inference exports read without Paddle: every kind, which files belong to it, and what is said where they do not."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from dualport.common.errors import BadInput
from dualport.common.weights import read
from dualport.common.weights.files import opened
from dualport.scripts.command_line import main
from export_samples import (
    CALLS,
    FED,
    export,
    field,
    info,
    operation,
    parameters,
    pir,
    pir_operation,
    pir_value,
    program_desc,
    record,
    small,
    variable,
)
from weight_samples import same

KINDS = ("pir", "desc", "fluid", "folder")
DENSE = {name: array for name, array in small().items() if name.startswith("linear")}


def refusal(path, **options) -> str:
    with pytest.raises(BadInput) as caught:
        read(path, **options)
    sentence = str(caught.value)
    assert sentence.isprintable()
    assert sentence.startswith(str(path))
    return sentence


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_is_read_bit_for_bit(tmp_path, kind) -> None:
    file = read(export(tmp_path, kind))
    same(file.arrays, small())
    assert (file.format, file.framework, file.protocol) == ("pdiparams", "paddle", None)
    assert file.names == {name: name for name in small()}
    assert file.beside


@pytest.mark.parametrize(("kind", "name"), [("pir", "net.json"), ("desc", "net.pdmodel"), ("fluid", "__model__"),
                                            ("fluid", "__params__"), ("folder", "__model__")])  # fmt: skip
def test_any_of_its_files_may_be_named(tmp_path, kind, name) -> None:
    export(tmp_path, kind)
    same(read(tmp_path / name).arrays, small())
    same(read(tmp_path).arrays, small())


def test_a_program_that_lies_elsewhere(tmp_path) -> None:
    path = export(tmp_path, "desc")
    (tmp_path / "there").mkdir()
    other = (tmp_path / "net.pdmodel").rename(tmp_path / "there" / "program")
    assert "put net.json (Paddle 3) or net.pdmodel (Paddle 2) beside it, or say --program FILE" in refusal(path)
    same(read(path, program=other).arrays, small())
    assert "'there' of the export: 'there' cannot be read" not in refusal(path, program=tmp_path / "there")
    assert "no such file" in refusal(path, program=tmp_path / "absent").lower()
    assert "'net.pdiparams' of the export: it is no program" in refusal(path, program=path)


def test_a_folder_without_a_program_is_read_file_by_file(tmp_path) -> None:
    export(tmp_path, "folder")
    (tmp_path / "__model__").unlink()
    (tmp_path / "notes.txt").write_text("what nobody reads")
    file = read(tmp_path)
    same(file.arrays, small())
    assert file.program is None
    content = (tmp_path / "half").read_bytes()
    (tmp_path / "half").write_bytes(content[:-1])
    assert "'half' of the export: the file ends" in refusal(tmp_path)
    (tmp_path / "half").write_bytes(content + b"x")
    assert "'half' of the export: it has bytes after its tensor" in refusal(tmp_path)
    (tmp_path / "half").write_bytes(b"")
    assert "'half' of the export: the file ends" in refusal(tmp_path)


def test_folders_that_are_no_export(tmp_path) -> None:
    assert "a folder without a Paddle export" in refusal(tmp_path)
    (tmp_path / "net.pdiparams").write_bytes(parameters(DENSE))
    assert "without their names" in refusal(tmp_path)
    export(tmp_path, "pir", name="a")
    export(tmp_path, "pir", name="b")
    assert "a folder of 2 programs; name one of 'a.json', 'b.json'" in refusal(tmp_path)
    assert "no sha256" in refusal(tmp_path, sha256="0" * 64)


def test_programs_of_one_export_that_differ(tmp_path) -> None:
    path = export(tmp_path, "pir")
    export(tmp_path, "desc")
    same(read(path).arrays, small())  # both name the same
    renamed = {name.replace("linear_2.w_0", "linear_3.w_0"): array for name, array in small().items()}
    (tmp_path / "net.pdmodel").write_bytes(program_desc(renamed, CALLS))
    assert "programs that differ, 'net.json' and 'net.pdmodel'" in refusal(path)
    assert set(read(path, program=tmp_path / "net.pdmodel").arrays) == set(renamed)


def test_parameters_of_another_program(tmp_path) -> None:
    path = export(tmp_path, "desc", DENSE)
    for change, words in (
        ({"a": np.zeros(2, np.float32)}, "'a' is 2 of float32 in the program and 3×2 of float32 in its place"),
        ({"z": np.zeros(2, np.float32)}, "it ends before 'z', so it is cut or another program's"),
        ({"linear_10.w_0": np.zeros((2, 3), np.float32)}, "is 2×3 of float32 in the program and 3×2 of float32 in its"),
        ({"linear_10.w_0": np.zeros((3, 2), np.int32)}, "3×2 of int32 in the program and 3×2 of float32"),
    ):
        (tmp_path / "net.pdmodel").write_bytes(program_desc({**DENSE, **change}, CALLS))
        with pytest.raises(BadInput, match=words):
            read(path)
    fewer = {name: array for name, array in DENSE.items() if name != "linear_2.w_0"}
    (tmp_path / "net.pdmodel").write_bytes(program_desc(fewer, CALLS))
    assert "it holds more than the 2 tensors that its program has; give the program" in refusal(path)


def test_a_program_without_its_parameters(tmp_path) -> None:
    path = export(tmp_path, "pir")
    path.unlink()
    assert "its parameters are not beside it; put net.pdiparams beside it" in refusal(tmp_path / "net.json")
    (tmp_path / "net.pdmodel").write_bytes(program_desc(DENSE))
    (tmp_path / "net.pdparams").write_bytes(b"")
    assert "name net.pdparams" in refusal(tmp_path / "net.pdmodel")
    (tmp_path / "__model__").write_bytes(program_desc(DENSE))
    assert "put __params__ beside it" in refusal(tmp_path / "__model__")
    (tmp_path / "__model__").write_bytes(program_desc({}))
    assert read(tmp_path / "__model__").arrays == {}  # a program that stores nothing


def test_names_that_lead_out_of_the_folder(tmp_path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret").write_bytes(record(np.zeros(3, np.float32)))
    for name in ("../secret", str(tmp_path / "secret"), "a\\b", "c:d"):
        (inside / "__model__").write_bytes(program_desc({name: np.zeros(3, np.float32)}))
        assert "cannot name a file" in refusal(inside)
    (inside / "block").mkdir()
    (inside / "block" / "w").write_bytes(record(np.ones(3, np.float32)))
    (inside / "__model__").write_bytes(program_desc({"block/w": np.zeros(3, np.float32)}))
    same(read(inside).arrays, {"block/w": np.ones(3, np.float32)})


def test_structured_names(tmp_path) -> None:
    path = export(tmp_path, "desc", DENSE)
    table = {"linear_2.w_0": "head.weight", "linear_2.b_0": "head.bias", "not_there": "x"}
    (tmp_path / "net.pdiparams.info").write_bytes(info(table))
    file = read(path)
    assert list(file.arrays) == ["linear_10.w_0", "head.bias", "head.weight"]
    assert file.names == {"linear_10.w_0": "linear_10.w_0", "head.bias": "linear_2.b_0", "head.weight": "linear_2.w_0"}
    same(read(tmp_path / "net.pdmodel").arrays, file.arrays)
    assert "is the table of names of an inference export; name the .pdi" in refusal(tmp_path / "net.pdiparams.info")
    assert read(tmp_path / "net.pdiparams.info", key=".").arrays == {}
    (tmp_path / "net.pdiparams.info").write_bytes(info({"linear_2.w_0": "head", "linear_2.b_0": "head"}))
    assert "'net.pdiparams.info' of the export: it is no table of variables" in refusal(path)
    (tmp_path / "net.pdiparams.info").write_bytes(b"\x80\x02cos\nsystem\nX\x01\x00\x00\x00xtR.")
    assert "nothing was run" in refusal(path)
    (tmp_path / "net.pdiparams.info").write_bytes(info({"linear_2.w_0": "linear_10.w_0"}))
    assert set(read(path).arrays) == set(DENSE)  # a name that is another's own: the tensors keep theirs


def test_what_a_program_says(tmp_path) -> None:
    program = read(export(tmp_path, "desc", DENSE)).program
    assert (program.kind, program.version, program.inputs) == ("ProgramDesc", "2.6.2", ("x",))
    first, _, last = program.operations
    assert (first.kind, first.inputs, first.outputs) == (
        "matmul_v2", {"X": ("x",), "Y": ("linear_10.w_0",)}, {"Out": ("a",)})  # fmt: skip
    assert last.attributes == {"axis": -1, "scale": 0.5, "names": "α"}
    assert program.variables["x"].shape == (1, 3)
    assert [one.name for one in program.stored] == ["linear_10.w_0", "linear_2.b_0", "linear_2.w_0"]
    program = read(export(tmp_path, "pir", DENSE), program=tmp_path / "net.json").program
    assert (program.kind, program.version, program.inputs) == ("PIR", "4", ("x",))
    first, last = program.operations
    assert (first.kind, first.inputs, first.attributes) == (
        "matmul", {"0": ("x",), "1": ("linear_10.w_0",)}, {"transpose_y": False})  # fmt: skip
    assert (last.kind, last.inputs, last.outputs) == ("relu", {"0": ("%101",)}, {"0": ("%102",)})


def test_branches_of_a_program(tmp_path) -> None:
    inner = {"#": "region_1", "blocks": [{"#": "b", "args": [pir_value(201, np.zeros(2, np.float32))],
                                          "ops": [pir_operation("tanh", [201], 202)]}]}  # fmt: skip
    branch = {**pir_operation("if", [FED], 200, layer="no"), "regions": [inner]}
    absent = pir_operation("dropout", [200, 0], 203)  # 0 is an input that is not there
    (tmp_path / "net.json").write_bytes(pir(DENSE, [branch, absent]))
    (tmp_path / "net.pdiparams").write_bytes(parameters(DENSE))
    program = read(tmp_path).program
    assert [(call.kind, call.block) for call in program.operations] == [("if", 0), ("tanh", 1), ("dropout", 0)]
    assert program.operations[2].inputs == {"0": ("%200",)}
    deep = inner
    for number in range(300, 340):
        deep = {"#": "r", "blocks": [{"#": "b", "ops": [{**pir_operation("if", [FED], number), "regions": [deep]}]}]}
    (tmp_path / "net.json").write_bytes(pir(DENSE, [{**branch, "regions": [deep]}]))
    assert "more than 32 levels deep" in refusal(tmp_path / "net.pdiparams")


def test_what_is_stored_that_is_no_tensor(tmp_path) -> None:
    def block(*variables: bytes) -> bytes:
        return field(1, field(1, 0) + field(2, -1) + b"".join(field(3, one) for one in variables))

    array = np.zeros(2, np.float32)
    (tmp_path / "net.pdiparams").write_bytes(record(array))
    program = tmp_path / "net.pdmodel"
    program.write_bytes(block(variable("fetch", None, kind=10), variable("raw", None, kind=17), variable("w", array)))
    assert list(read(tmp_path / "net.pdiparams").arrays) == ["w"]
    program.write_bytes(block(variable("w", array), variable("table", None, kind=27)))
    assert "stores 'table', which is no tensor (type 27)" in refusal(tmp_path / "net.pdiparams")
    program.write_bytes(block(variable("w", array), variable("w", array)))
    assert "the variable 'w' is in its program twice" in refusal(tmp_path / "net.pdiparams")
    program.write_bytes(program_desc({}, [operation("relu", {"X": "x"}, {"Out": "y"})], version=0))
    (tmp_path / "net.pdiparams").unlink()
    assert read(program).program.version == "of no release"


def test_a_sequences_lengths_are_passed_over(tmp_path) -> None:
    array = np.arange(3, dtype=np.float32)
    (tmp_path / "w").write_bytes(record(array, levels=(bytes(16), b"")))
    same(read(tmp_path).arrays, {"w": array})


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_is_shown(tmp_path, capsys, kind) -> None:
    path = export(tmp_path, kind)
    assert main(["inspect", str(path)]) == 0
    shown = capsys.readouterr().out
    assert ("PIR of version 4 (Paddle 3), 2 operations" in shown) == (kind == "pir")
    assert "inputs: x 1×3 float32" in shown
    assert "bfloat16" in shown
    assert "layers by their names: 2 linear" in shown
    assert main(["inspect", str(path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)["export"]
    assert report["layers"] == {"linear": 2}
    assert sum(report["operations"].values()) == (2 if kind == "pir" else 3)
    assert "half" in report["untold"]


def test_what_was_folded_is_shown(tmp_path, capsys) -> None:
    one = np.ones(2, np.float32)
    arrays = {"batch_norm2d_3.b_0": one, "conv2d_0.w_0": one, "conv2d_1.w_0": one, "conv2d_4.w_0": one,
              **{f"batch_norm2d_0.{suffix}": one for suffix in ("w_0", "b_0", "w_1", "w_2")}}  # fmt: skip
    calls = [operation("fused_conv2d_add_act", {"Input": "x"}, {"Output": "a"}),
             operation("quantize_linear", {"X": "a"}, {"Y": "b"})]  # fmt: skip
    path = export(tmp_path, "desc", arrays)
    (tmp_path / "net.pdmodel").write_bytes(program_desc(arrays, calls))
    assert main(["inspect", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "folded: of batch_norm2d_3 there is no w_0, w_1, w_2" in shown
    assert "by the gaps in the numbers: batch_norm2d_1 to 2, conv2d_2 to 3" in shown
    assert "fused: 1 fused_conv2d_add_act" in shown
    assert "quantised: 1 quantize_linear" in shown


def test_a_program_is_named_to_inspect(tmp_path, capsys) -> None:
    path = export(tmp_path, "desc")
    program = shutil.move(tmp_path / "net.pdmodel", tmp_path / "other")
    assert main(["inspect", str(path)]) == 2
    assert "--program" in capsys.readouterr().err
    assert main(["inspect", str(path), "--program", str(program)]) == 0
    assert main(["inspect", str(program), "--program", str(program)]) == 2
    assert "leave out --program" in capsys.readouterr().err


def test_values_stay_in_the_file_while_it_is_open(tmp_path) -> None:
    path = export(tmp_path, "pir")
    with opened(path) as file:
        assert not any(isinstance(array, np.ndarray) for array in file.arrays.values())
        same({name: np.asarray(array) for name, array in file.arrays.items()}, small())
    for elsewhere in (tmp_path, tmp_path / "net.json"):  # files beside the one that is named are read at once
        with opened(elsewhere) as file:
            same(file.arrays, small())
