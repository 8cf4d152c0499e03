"""`convert` of inference exports: kinds of layers from names and uses, and a refusal where they say too little."""

from __future__ import annotations

import numpy as np
import pytest
from dualport.common.dictionary.index import BY_TENSOR_PREFIX, tensor_prefix
from dualport.common.errors import BadInput
from dualport.common.weights import read
from dualport.common.weights.conversion import convert
from dualport.common.weights.exports.kinds import export_views, tensor_name
from dualport.scripts.command_line import main
from export_samples import FED, export, info, operation, parameters, pir, pir_operation, program_desc, small
from weight_samples import same


def net(**more: np.ndarray) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    sizes = {"linear_0.w_0": (3, 2), "linear_0.b_0": (2,), "conv2d_0.w_0": (4, 2, 3, 3), "embedding_0.w_0": (5, 3),
             **{f"batch_norm2d_0.{suffix}": (4,) for suffix in ("w_0", "b_0", "w_1", "w_2")},
             "lstm_cell_0.w_0": (8, 3), "lstm_cell_0.w_1": (8, 2), "lstm_cell_0.b_0": (8,), "lstm_cell_0.b_1": (8,),
             "bilinear_0.w_0": (4, 2, 3), "bilinear_0.b_0": (1, 4), "p_re_lu_0.w_0": (4,)}  # fmt: skip
    return {name: rng.standard_normal(size).astype(np.float32) for name, size in sizes.items()} | more


CALLS = [
    operation("lookup_table_v2", {"Ids": "x", "W": "embedding_0.w_0"}, {"Out": "e"}),
    operation("cast", {"X": "linear_0.w_0"}, {"Out": "half"}, out_dtype=4),
    operation("matmul_v2", {"X": "e", "Y": "half"}, {"Out": "y"}, trans_y=False),
]


def written(tmp_path, arrays=None, calls=CALLS, table=None):
    """The path of an export of 2.x with these calls."""
    arrays = net() if arrays is None else arrays
    path = export(tmp_path, "desc", arrays)
    (tmp_path / "net.pdmodel").write_bytes(program_desc(arrays, calls))
    if table:
        (tmp_path / "net.pdiparams.info").write_bytes(info(table))
    return path


def test_within_paddle_everything_stays(tmp_path) -> None:
    path = export(tmp_path, "pir", small())
    done = convert(path, tmp_path / "net.pdparams")
    file = read(tmp_path / "net.pdparams", dtype="bfloat16")
    same(file.arrays, small())
    assert file.names == {name: name for name in small()}
    assert done.exact
    assert {row.done for row in done.rows} == {"kept"}


def test_to_torch_by_the_tensors_names(tmp_path) -> None:
    arrays = net()
    convert(written(tmp_path), tmp_path / "net.pt")
    got = read(tmp_path / "net.pt").arrays
    norm = {"weight": "w_0", "bias": "b_0", "running_mean": "w_1", "running_var": "w_2"}
    cell = {"weight_ih": "w_0", "weight_hh": "w_1", "bias_ih": "b_0", "bias_hh": "b_1"}
    same(got, {
        "linear_0.weight": arrays["linear_0.w_0"].T, "linear_0.bias": arrays["linear_0.b_0"],
        "conv2d_0.weight": arrays["conv2d_0.w_0"], "embedding_0.weight": arrays["embedding_0.w_0"],
        **{f"batch_norm2d_0.{leaf}": arrays[f"batch_norm2d_0.{suffix}"] for leaf, suffix in norm.items()},
        "batch_norm2d_0.num_batches_tracked": np.zeros((), np.int64),
        **{f"lstm_cell_0.{leaf}": arrays[f"lstm_cell_0.{suffix}"] for leaf, suffix in cell.items()},
        "bilinear_0.weight": arrays["bilinear_0.w_0"], "bilinear_0.bias": arrays["bilinear_0.b_0"][0],
        "p_re_lu_0.weight": arrays["p_re_lu_0.w_0"],
    })  # fmt: skip


def test_to_torch_by_structured_names(tmp_path) -> None:
    arrays = net()
    table = {"linear_0.w_0": "fc.weight", "linear_0.b_0": "fc.bias", "batch_norm2d_0.w_1": "bn._mean",
             "p_re_lu_0.w_0": "act._weight", "lstm_cell_0.w_0": "rnn.0.cell_bw.weight_ih",
             "lstm_cell_0.b_1": "rnn.0.cell_bw.bias_hh", "embedding_0.w_0": "cell.weight"}  # fmt: skip
    calls = [*CALLS, operation("rnn", {"Input": "e", "WeightList": "lstm_cell_0.w_0"}, {"Out": "r"})]
    path = written(tmp_path, calls=calls, table=table)
    given = read(path).arrays
    assert given["rnn.weight_ih_l0_reverse"] is given["rnn.0.cell_bw.weight_ih"]  # as Paddle's own state dict has it
    assert "rnn.bias_hh_l0_reverse" not in given  # that one no call of a whole layer takes
    convert(path, tmp_path / "net.pt")
    got = read(tmp_path / "net.pt").arrays
    assert np.array_equal(got["fc.weight"], arrays["linear_0.w_0"].T)
    assert np.array_equal(got["bn.running_mean"], arrays["batch_norm2d_0.w_1"])
    assert np.array_equal(got["act.weight"], arrays["p_re_lu_0.w_0"])
    assert np.array_equal(got["rnn.weight_ih_l0_reverse"], arrays["lstm_cell_0.w_0"])
    assert "rnn.0.cell_bw.weight_ih" not in got
    assert "rnn.0.cell_bw.bias_hh" in got
    convert(path, tmp_path / "net.pdparams")
    again = read(tmp_path / "net.pdparams")
    same(again.arrays, given)
    assert again.names["fc.weight"] == "linear_0.w_0"


@pytest.mark.parametrize(
    "name", ["crf", "net_0.w_0", "linear_1.w_1", "create_parameter_0.w_0", "gru_0.w_0", "lstm_0.w_0"]
)
def test_a_matrix_of_no_told_kind_is_refused(tmp_path, capsys, name) -> None:
    path = written(tmp_path, net(**{name: np.zeros((2, 2), np.float32)}))
    assert main(["convert", str(path), str(tmp_path / "net.pt")]) == 2
    refusal = capsys.readouterr().err
    assert name in refusal
    assert refusal.index("--torch") < refusal.index("--like")
    assert refusal.count("\n") == 1
    assert not (tmp_path / "net.pt").exists()
    convert(path, tmp_path / "net.pdparams")
    convert(written(tmp_path, net(**{name: np.zeros(2, np.float32)})), tmp_path / "net.pt")
    assert name in read(tmp_path / "net.pt").arrays


def test_a_name_that_its_use_belies(tmp_path) -> None:
    """A user's own class may be called Linear too; the program does not lie about how its weight is used."""
    for calls in ([], [operation("matmul_v2", {"X": "x", "Y": "linear_0.w_0"}, {"Out": "y"}, trans_y=True)],
                  [operation("matmul_v2", {"X": "linear_0.w_0", "Y": "x"}, {"Out": "y"})]):  # fmt: skip
        with pytest.raises(BadInput, match="does not use it as a linear layer does"):
            convert(written(tmp_path, calls=calls), tmp_path / "net.pt")
    for turned in (False, True):
        calls = [pir_operation("matmul", [FED, 1], 101, transpose_x=False, transpose_y=turned)]
        (tmp_path / "net.json").write_bytes(pir({"linear_0.w_0": np.zeros((3, 2), np.float32)}, calls))
        (tmp_path / "net.pdiparams").write_bytes(parameters({"linear_0.w_0": np.zeros((3, 2), np.float32)}))
        (tmp_path / "net.pdmodel").unlink(missing_ok=True)
        (view,) = export_views(*_of(read(tmp_path))).values()
        assert (view.transposed, bool(view.unruled)) == (not turned, turned)


def _of(file):
    return file.arrays, file.names, file.program


def test_a_table_under_a_chosen_name_is_told_by_its_use(tmp_path) -> None:
    table = np.ones((5, 3), np.float32)
    path = written(
        tmp_path, net(words=table), [*CALLS, operation("lookup_table", {"Ids": "x", "W": "words"}, {"Out": "w"})]
    )
    convert(path, tmp_path / "net.pt")
    same({"words": read(tmp_path / "net.pt").arrays["words"]}, {"words": table})


def test_numbers_that_a_chosen_name_has_shifted(tmp_path) -> None:
    """Where the scale has a name of its own, the mean is `w_0`: what is not whole is told to be nothing."""
    arrays = {"sc": np.ones(4, np.float32), "batch_norm2d_0.w_0": np.zeros(4, np.float32),
              "batch_norm2d_0.b_0": np.zeros(4, np.float32), "batch_norm2d_0.w_1": np.ones(4, np.float32),
              "lstm_cell_0.w_0": np.ones((8, 2), np.float32)}  # fmt: skip
    views = export_views(*_of(read(written(tmp_path, arrays, []))))
    assert {name for name, view in views.items() if view.unruled} == {
        "sc", "batch_norm2d_0.w_0", "batch_norm2d_0.w_1", "lstm_cell_0.w_0"}  # fmt: skip
    table = {"batch_norm2d_0.w_0": "bn._mean", "batch_norm2d_0.w_1": "bn._variance"}
    views = export_views(*_of(read(written(tmp_path, arrays, [], table))))
    assert views["bn.running_mean"].stored_name == "bn._mean"  # a structured name says which it is


def test_a_copied_layers_tensors(tmp_path) -> None:
    array = np.ones((3, 2), np.float32)
    arrays = {"linear_0.w_0": array, "linear_0.w_0_deepcopy_4": array * 2}
    calls = [operation("mul", {"X": "x", "Y": name}, {"Out": f"y{number}"}) for number, name in enumerate(arrays)]
    convert(written(tmp_path, arrays, calls), tmp_path / "net.pt")
    got = read(tmp_path / "net.pt").arrays
    assert sorted(got.values(), key=lambda one: one.max())[1].tolist() == (array.T * 2).tolist()
    assert len(got) == 2


def test_types_are_written_as_asked(tmp_path, capsys) -> None:
    path = written(tmp_path)
    assert main(["convert", str(path), str(tmp_path / "net.pt"), "--dtype", "float16"]) == 0
    assert "to the precision of float16" in capsys.readouterr().out
    assert {array.dtype.name for array in read(tmp_path / "net.pt").arrays.values()} == {"float16", "int64"}
    assert main(["convert", str(path), str(tmp_path / "net.safetensors")]) == 0
    assert "read back, it gives the source bit for bit" in capsys.readouterr().out
    assert read(tmp_path / "net.safetensors").framework == "torch"


def test_names_shards_and_a_program_elsewhere(tmp_path, capsys) -> None:
    path = written(tmp_path)
    program = (tmp_path / "net.pdmodel").rename(tmp_path / "elsewhere")
    words = ["--program", str(program), "--prefix", "net.", "--rename", "linear_0.*=fc.*", "--drop", "bilinear*"]
    assert main(["convert", str(path), str(tmp_path / "net.pt"), *words]) == 0
    got = read(tmp_path / "net.pt").arrays
    assert np.array_equal(got["net.fc.weight"], net()["linear_0.w_0"].T)
    assert np.array_equal(got["net.batch_norm2d_0.running_var"], net()["batch_norm2d_0.w_2"])
    assert not any("bilinear" in name for name in got)
    program.rename(tmp_path / "net.pdmodel")
    for source in (path, tmp_path / "net.pdmodel", tmp_path):
        assert main(["convert", str(source), str(tmp_path / "s.pdparams"), "--max-shard-size", "300"]) == 0
        same(read(tmp_path / "s.pdparams.index.json").arrays, net())
    assert main(["convert", str(path), str(tmp_path / "net.pdopt")]) == 2
    assert main(["convert", str(path), str(tmp_path / "x.pt"), "--key", "model"]) == 2
    assert "leave out --key" in capsys.readouterr().err


def test_prefixes_are_those_of_paddles_classes() -> None:
    assert tensor_prefix("nn.Conv2DTranspose") == "conv2d_transpose"
    assert tensor_prefix("nn.PReLU") == "p_re_lu"
    assert BY_TENSOR_PREFIX["fc"].kind == "linear"
    assert BY_TENSOR_PREFIX["simple_rnn_cell"].kind == "rnn_cell"
    assert "lstm" not in BY_TENSOR_PREFIX  # of the function that had one matrix for all gates
    assert all(entry.exported for entry in BY_TENSOR_PREFIX.values() if any(row.transposed for row in entry.weights))
    assert tensor_name("encoder.w") is None
    assert tensor_name("linear_3.w_0").number == 3
