"""Weights from file to file without a model: what the files tell, other names, shards, and what was interrupted."""

from __future__ import annotations

import json

import numpy as np
import pytest
from dualport.common.errors import BadInput
from dualport.common.weights import read, write
from dualport.common.weights.between import output
from dualport.common.weights.between.map_file import LayerPair, WeightMap, read_map, write_map
from dualport.common.weights.between.naming import Naming
from dualport.common.weights.between.output import bytes_of, shards_of
from dualport.common.weights.between.pieces import Part, Piece
from dualport.common.weights.conversion import convert
from weight_samples import same

RANDOM = np.random.default_rng(5)


def _array(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


TORCH = {
    "words.weight": _array(6, 6), "proj.weight": _array(6, 6), "proj.bias": _array(6), "norm.weight": _array(6),
    "norm.bias": _array(6), "norm.running_mean": _array(6), "norm.running_var": _array(6) ** 2,
    "norm.num_batches_tracked": np.array(3, np.int64), "gate.weight": _array(6), "head.weight": _array(4, 6),
    "look.in_proj_weight": _array(18, 6), "look.in_proj_bias": _array(18), "look.out_proj.weight": _array(6, 6),
    "look.out_proj.bias": _array(6),
}  # fmt: skip
NAMES = {
    "words.weight": "embedding_0.w_0", "proj.weight": "linear_0.w_0", "proj.bias": "linear_0.b_0",
    "norm.weight": "batch_norm1d_0.w_0", "norm.bias": "batch_norm1d_0.b_0", "norm._mean": "batch_norm1d_0.w_1",
    "norm._variance": "batch_norm1d_0.w_2", "gate._weight": "p_re_lu_0.w_0", "head.weight": "linear_1.w_0",
    **{f"look.{x}_proj.{leaf}": f"linear_{n}.{end}_0" for n, x in enumerate(("q", "k", "v", "out"), 2)
       for leaf, end in (("weight", "w"), ("bias", "b"))},
}  # fmt: skip


def _in_paddle() -> dict[str, np.ndarray]:
    """The same weights as Paddle has them, written out by hand."""
    arrays = {name: array for name, array in TORCH.items() if not name.startswith(("look.in", "norm.r", "norm.num"))}
    arrays |= {"norm._mean": TORCH["norm.running_mean"], "norm._variance": TORCH["norm.running_var"]}
    arrays["gate._weight"] = arrays.pop("gate.weight")
    for place, name in enumerate("qkv"):
        rows = slice(6 * place, 6 * place + 6)
        arrays[f"look.{name}_proj.weight"] = TORCH["look.in_proj_weight"][rows]
        arrays[f"look.{name}_proj.bias"] = TORCH["look.in_proj_bias"][rows]
    turned = {"proj.weight", "head.weight", *(f"look.{x}_proj.weight" for x in ("q", "k", "v", "out"))}
    return {name: arrays[name].T.copy() if name in turned else arrays[name] for name in NAMES}


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("net.pt", TORCH)
    write("net.pdparams", _in_paddle(), names=NAMES)
    blank = {name: np.zeros_like(array) for name, array in _in_paddle().items()}
    write("like.pdparams", blank, names=NAMES)
    write("untold.pdparams", blank)
    return tmp_path


def test_within_one_framework_everything_stays_as_it_is(files):
    convert("net.pt", "net.safetensors")
    convert("net.safetensors", "again.bin")
    same(read("again.bin").arrays, TORCH)
    convert("net.pdparams", "again.pdparams")
    assert read("again.pdparams").names == NAMES


def test_a_paddle_file_like_it_tells_the_layout(files):
    done = convert("net.pt", "made.pdparams", like="like.pdparams")
    same(read("made.pdparams").arrays, _in_paddle())
    assert read("made.pdparams").names == NAMES
    told = {row.name: row.done for row in done.rows}
    assert told["proj.weight"] == "transposed"
    assert told["words.weight"] == "kept"
    assert told["norm.num_batches_tracked"] == "dropped"


def test_a_torch_file_like_it_tells_that_attention_is_packed(files):
    convert("net.pdparams", "made.pt", like="net.pt")
    same(read("made.pt").arrays, TORCH | {"norm.num_batches_tracked": np.array(0, np.int64)})


def test_paddles_names_of_tensors_tell_the_kinds(files):
    convert("net.pdparams", "made.pt")
    made = read("made.pt").arrays
    for name in ("words.weight", "proj.weight", "head.weight", "norm.running_mean", "gate.weight"):
        np.testing.assert_array_equal(made[name], TORCH[name])
    np.testing.assert_array_equal(made["look.q_proj.weight"], TORCH["look.in_proj_weight"][:6])


def test_a_square_matrix_of_which_nothing_tells_is_not_guessed(files):
    with pytest.raises(BadInput, match=r"words\.weight, proj\.weight.*both ways.*--torch file\.py:Name"):
        convert("net.pt", "made.pdparams", like="untold.pdparams")
    for source, target in (("net.pt", "made.pdparams"), ("untold.pdparams", "made.pt")):
        with pytest.raises(BadInput, match="give the model with --torch"):
            convert(source, target)
    assert not (files / "made.pdparams").exists()


def test_what_does_not_fit_is_listed(files):
    write("other.pt", {**TORCH, "head.weight": _array(5, 6), "more": _array(2)})
    with pytest.raises(BadInput, match=r"head\.weight is 5×6, not 6×4; more unexpected"):
        convert("other.pt", "made.pdparams", like="like.pdparams")


def test_a_prefix_before_every_name_is_taken_off_and_said(files):
    write("wrapped.pt", {f"module.{name}": array for name, array in TORCH.items()})
    done = convert("wrapped.pt", "made.pdparams", like="like.pdparams")
    assert "every name begins with module." in done.notes[-1]
    same(read("made.pdparams").arrays, _in_paddle())


def test_a_file_that_does_not_say_whose_it_is_is_told(files):
    write("net.safetensors", TORCH)
    with pytest.raises(BadInput, match="--from torch or --from paddle"):
        convert("net.safetensors", "made.pdparams", like="like.pdparams")
    convert("net.safetensors", "made.pdparams", like="like.pdparams", framework="torch")
    same(read("made.pdparams").arrays, _in_paddle())
    assert "as --from says" in convert("net.pt", "other.pdparams", framework="paddle").notes[0]


def test_names_are_dropped_stripped_renamed_and_prefixed(files):
    done = convert("net.pt", "made.pt", drop=["look.*"], strip=["norm."], rename=["*oj.*=*ection.*"], prefix="net.")
    names = set(read("made.pt").arrays)
    assert {"net.running_mean", "net.prection.weight", "net.head.weight"} <= names
    assert not any("look" in name for name in names)
    assert all(name in done.notes[0] for name in TORCH if name.startswith("look."))


@pytest.mark.parametrize(
    ("naming", "said"),
    [
        (Naming(drop=["x*"]), "--drop x\\* fits no name"),
        (Naming(strip=["x."]), "--strip x. fits no name"),
        (Naming(rename=["x.*=y.*"]), "fits no name"),
        (Naming(rename=["proj"]), "write the name in the file"),
        (Naming(rename=["*.weight=*.*"]), "write as many"),
        (Naming(rename=["*.weight=w*"], drop=["a.*"]), None),
        (Naming(strip=["a.", "b."]), "would be called weight as"),
    ],
)
def test_rules_for_names_that_cannot_be_right_are_refused(naming, said):
    arrays = {"a.weight": 1, "b.weight": 2}
    if said is None:
        assert naming.of("f", arrays)[:2] == ({"wb": 2}, {"wb": "b.weight"})
        return
    with pytest.raises(BadInput, match=said):
        naming.of("f", arrays)


@pytest.mark.parametrize(("target", "like"), [("model.safetensors", None), ("model_state.pdparams", "like.pdparams"),
                                              ("pytorch_model.bin", None)])  # fmt: skip
def test_shards_are_written_with_the_index_that_others_read(files, target, like):
    done = convert("net.pt", target, like=like, max_shard_size="500")
    index = json.loads((files / f"{target}.index.json").read_text())
    wanted = _in_paddle() if like else TORCH
    assert set(index["weight_map"]) == set(wanted)
    assert index["metadata"]["total_size"] == sum(array.nbytes for array in wanted.values())
    stem, _, end = target.rpartition(".")
    count = len(done.files) - 1
    assert set(index["weight_map"].values()) == {f"{stem}-{n:05d}-of-{count:05d}.{end}" for n in range(1, count + 1)}
    same(read(f"{target}.index.json").arrays, wanted)
    convert(f"{target}.index.json", "back.pt", like="net.pt" if like else None)
    assert set(read("back.pt").arrays) == set(TORCH)
    assert not list(files.glob(".*"))


def test_what_fits_one_file_is_one_file(files):
    assert convert("net.pt", "one.safetensors", max_shard_size="1GB").files == ["one.safetensors"]
    with pytest.raises(BadInput, match="remove it first"):
        convert("net.pt", "one.safetensors", max_shard_size="500")


@pytest.mark.parametrize("spoil", [None, "content", "source"])
def test_an_interrupted_conversion_goes_on(files, monkeypatch, spoil):
    written = []
    real = output._write

    def slow(path, target, content, progress):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(sorted(content.arrays))
        return real(path, target, content, progress)

    monkeypatch.setattr(output, "_write", slow)
    with pytest.raises(KeyboardInterrupt):
        convert("net.pt", "model.safetensors", max_shard_size="500")
    assert not list(files.glob("model*"))
    work = files / ".model.safetensors.parts"
    shards = sorted(work.glob("*.safetensors"))
    assert len(shards) == 2
    if spoil == "content":
        shards[0].write_bytes(shards[0].read_bytes()[:-1] + b"!")
    if spoil == "source":
        write("net.pt", {**TORCH, "proj.bias": TORCH["proj.bias"] + 1})
    monkeypatch.setattr(output, "_write", real)
    done = convert("net.pt", "model.safetensors", max_shard_size="500")
    kept = {None: 2, "content": 1, "source": 0}[spoil]
    assert done.notes == ([f"{kept} of {len(done.files) - 1} shards were there from a conversion that was interrupted"]
                          if kept else [])  # fmt: skip
    same(read("model.safetensors.index.json").arrays, read("net.pt").arrays)
    assert not work.exists()


def test_what_does_not_come_back_is_not_put_in_place(files, monkeypatch):
    real = output.write_content

    def spoiled(file, extension, arrays, names, metadata):
        real(file, extension, {**arrays, "proj.bias": np.asarray(arrays["proj.bias"]) + 1}, names, metadata)

    monkeypatch.setattr(output, "write_content", spoiled)
    with pytest.raises(BadInput, match=r"'proj\.bias' does not come back"):
        convert("net.pt", "made.safetensors")
    assert not (files / "made.safetensors").exists()


def test_types_are_changed_on_the_way(files):
    done = convert("net.pt", "made.pdparams", like="like.pdparams", dtype="bfloat16")
    assert not done.exact
    assert read("made.pdparams", dtype="bfloat16").arrays["proj.weight"].dtype.name == "bfloat16"
    assert convert("net.pt", "wide.pt", dtype="float64").exact


def test_sizes_of_shards():
    assert [bytes_of(text) for text in ("2GB", "1GiB", "1.5 kb", "7")] == [2 * 10**9, 2**30, 1500, 7]
    for text in ("", "GB", "-1GB", "0.1", "2 GB more"):
        with pytest.raises(BadInput, match="write a size"):
            bytes_of(text)
    arrays = {name: np.zeros(size, np.uint8) for name, size in (("a", 3), ("b", 2), ("c", 9), ("d", 1))}
    assert shards_of(arrays, 5) == [["a", "b"], ["c"], ["d"]]


def test_options_of_recipes_and_of_files_are_not_mixed(files):
    with pytest.raises(BadInput, match="give one"):
        convert("net.pt", "made.pdparams", recipe="aistudio-vae", like="like.pdparams")
    with pytest.raises(BadInput, match="give one"):
        convert("net.pt", "made.pdparams", map_file="m.json", like="like.pdparams")
    with pytest.raises(BadInput, match="leave out --map-file and --like"):
        convert("net.pt", "made.bin", like="like.pdparams")


MAP = WeightMap(
    {"paddle": "a.py:Net", "torch": "b.py:Net"},
    {
        "paddle": {name: array.shape for name, array in _in_paddle().items()},
        "torch": {name: array.shape for name, array in TORCH.items()},
    },
    [
        LayerPair("words", "words", "embedding", "name", [Piece(Part("words.weight"), Part("words.weight"))]),
        LayerPair("proj", "proj", "linear", "name", [
            Piece(Part("proj.weight", True), Part("proj.weight")), Piece(Part("proj.bias"), Part("proj.bias"))]),
        LayerPair("norm", "norm", "batch_norm", "name", [
            Piece(Part(f"norm.{x}"), Part(f"norm.{y}")) for x, y in (
                ("weight", "weight"), ("bias", "bias"), ("_mean", "running_mean"), ("_variance", "running_var"))]),
        LayerPair("gate", "gate", "prelu", "name", [Piece(Part("gate._weight"), Part("gate.weight"))]),
        LayerPair("head", "head", "linear", "name", [Piece(Part("head.weight", True), Part("head.weight"))]),
        *(LayerPair(f"look.{x}_proj", f"look.{x}_proj", "linear", "name", [
            Piece(Part(f"look.{x}_proj.{leaf}", leaf == "weight"),
                  Part(f"look.in_proj_{leaf}", rows=(6 * n, 6 * n + 6))) for leaf in ("weight", "bias")])
          for n, x in enumerate("qkv")),
        LayerPair("look.out_proj", "look.out_proj", "linear", "name", [
            Piece(Part("look.out_proj.weight", True), Part("look.out_proj.weight")),
            Piece(Part("look.out_proj.bias"), Part("look.out_proj.bias"))]),
    ],
    counters={"paddle": [], "torch": ["norm.num_batches_tracked"]},
)  # fmt: skip


def test_a_map_is_read_as_it_was_written_and_good_for_both_directions(files):
    write_map("map.json", MAP)
    assert read_map("map.json") == MAP
    convert("net.pt", "made.pdparams", map_file="map.json")
    same(read("made.pdparams").arrays, _in_paddle())
    convert("made.pdparams", "back.pt", map_file="map.json")
    same(read("back.pt").arrays, TORCH | {"norm.num_batches_tracked": np.array(0, np.int64)})


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"paddle": "head.weight"', '"paddle": "heap.weight"', "does not begin with head"),
        ('"torch_rows": [6, 12]', '"torch_rows": [0, 6]', "given twice, or not all of it"),
        ('"torch_rows": [6, 12]', '"torch_rows": [6, 13]', "do not fit each other"),
        ('"paddle": "head.weight", "torch": "head.weight", "paddle_transposed": true',
         '"paddle": "head.weight", "torch": "head.weight"', "do not fit each other"),
        ('"version": 1', '"version": 2', "no map of weights of this version"),
        ('"weights": [', '"weight": [', "is damaged"),
        ('"torch_rows"', '"torch_row"', "is damaged"),
        ('"layers": [', '"layers": [,', "is not JSON"),
    ],
)  # fmt: skip
def test_a_map_that_contradicts_itself_is_refused(files, old, new, said):
    write_map("map.json", MAP)
    text = (files / "map.json").read_text()
    assert old in text
    (files / "map.json").write_text(text.replace(old, new))
    with pytest.raises(BadInput, match=said):
        read_map("map.json")
