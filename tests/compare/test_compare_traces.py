"""A trace is read alike from a file and from memory."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from dualport.common.errors import BadInput
from dualport.common.traces.memory import MemoryGroup
from dualport.common.traces.reading import FORMAT, VERSION, open_trace, trace_of
from dualport.common.traces.writing import Stored, put_all

NAMES = ("fc/weight", ".", "a.b", "1")
CALL = {
    "index": 0, "parent": -1, "path": "fc", "kind": "linear", "label": "Linear", "module": True, "leaf": True,
    "turn": 0, "inputs": [], "outputs": [("", 3)],
}  # fmt: skip


def written(root, *left_out: str) -> None:
    """A small trace under an outermost group."""
    Stored(root).note("head", {"format": FORMAT, "version": VERSION})
    Stored(root).note("modules", [])
    run = Stored(root.require_group("runs/float64/train"))
    for name, content in {"calls": [CALL], "sources": {"3": "call 0"}, "lost": {"start": {"1": (2.0, 4.0)}}}.items():
        if name not in left_out:
            run.note(name, content)
    put_all(run, "start", {name: np.arange(6.0).reshape(2, 3).T + at for at, name in enumerate(NAMES)})
    put_all(run, "moments/1/first", {"count": np.array(7)})
    run.put("values", "3", np.zeros(2))
    run.put("values", "3", np.ones(2))


def shown(trace) -> list:
    """All that is read of it."""
    run = trace.runs["float64", "train"]
    return [
        run.calls, run.sources, run.observed, run.note("nothing"), run.lost("start", "1"), run.lost("start", "a.b"),
        sorted(run.names("start")), run.names("moments"), run.names("nothing"), run.shape("start", "fc/weight"),
        run.shape("start", "nothing"), run.array("values", 3).tolist(), run.dtype_of("moments/1/first", "count"),
        {name: array.tolist() for name, array in sorted(run.arrays("start").items())}, run.array("values", -1),
        run.arrays("moments/1/first")["count"].tolist(), trace.modules, trace.rounding, list(trace.in_mode("train")),
    ]  # fmt: skip


def test_memory_is_read_as_a_file_is(tmp_path):
    root, taken = MemoryGroup(), MemoryGroup()
    written(root)
    with h5py.File(tmp_path / "t.h5", "w") as file:
        written(file)
    with open_trace(tmp_path / "t.h5") as trace:
        in_file = shown(trace)
    with h5py.File(tmp_path / "t.h5", "r") as file:
        taken.take(file)
    assert shown(trace_of(root, "t")) == in_file == shown(trace_of(taken, "t"))
    assert in_file[11] == [1.0, 1.0]  # the last of what was put under one name


def test_memory_keeps_a_copy_in_the_order_in_which_arrays_came():
    group, array = MemoryGroup(), np.zeros(3)
    put_all(Stored(group), "start", {"b": array, "a": array})
    array += 1
    run = trace_of({"runs": {"float64": {"train": group}}, "head": np.frombuffer(b"{}", np.uint8)}, "t")
    arrays = run.runs["float64", "train"].arrays("start")
    assert list(arrays) == ["b", "a"]
    assert not arrays["b"].any()


@pytest.mark.parametrize("lacking", ["calls", "sources"])
def test_a_file_without_its_calls_is_refused(tmp_path, lacking):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        written(file, lacking)
    with pytest.raises(BadInput, match="it has no calls"), open_trace(tmp_path / "t.h5"):
        pass
