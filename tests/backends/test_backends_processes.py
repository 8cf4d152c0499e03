"""Work in processes of its own: results, errors, silent deaths and signals reach the process that asked."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from dualport.backends.processes import PATIENCE, run_all
from dualport.common.errors import Diverged, DualportError, EnvironmentFailed, Interrupted
from dualport.common.runs.loop import stopping

LONG = 60.0


def count(number: int, tell) -> tuple[int, str]:
    for step in range(number):
        tell({"step": step})
    return number, os.environ["OMP_NUM_THREADS"]


def diverge(tell) -> None:
    raise Diverged("the loss is gone; lower it")


def break_down(tell) -> None:
    raise ZeroDivisionError("nobody thought of this")


def die(tell) -> None:
    os._exit(7)


def run_out_of_memory(tell) -> None:
    raise MemoryError


def wait(mark: str, tell) -> None:
    """Work until a signal asks to stop, then save."""
    with stopping() as stop:
        tell({"ready": True})
        end = time.monotonic() + LONG
        while stop.signal is None and time.monotonic() < end:
            time.sleep(0.01)
    Path(mark).write_text("saved")


def test_results_events_and_memory():
    told = []
    done = run_all({"a": (count, (3,)), "b": (count, (2,))}, lambda key, event: told.append((key, event["step"])))
    assert list(done) == ["a", "b"]
    assert done["a"][0] == (3, os.environ["OMP_NUM_THREADS"])
    assert done["b"][0][0] == 2
    assert all(memory > 5 for _, memory in done.values())
    assert [step for key, step in told if key == "a"] == [0, 1, 2]
    assert [step for key, step in told if key == "b"] == [0, 1]


def test_the_cores_are_shared_out(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert run_all({"a": (count, (0,)), "b": (count, (0,))})["a"][0] == (0, "3")
    assert "OMP_NUM_THREADS" not in os.environ


@pytest.mark.parametrize(
    ("function", "kind", "message", "code"),
    [
        (diverge, DualportError, "^b: the loss is gone; lower it$", 4),
        (run_out_of_memory, DualportError, "^b: out of memory", 3),
        (die, EnvironmentFailed, r"the process of b died \(exit code 7\)", 3),
        (break_down, RuntimeError, "(?s)^b: ZeroDivisionError: nobody thought of this\n.*in break_down", None),
    ],
)
def test_an_error_arrives_and_the_others_are_ended(tmp_path, function, kind, message, code):
    began = time.monotonic()
    with pytest.raises(kind, match=message) as failure:
        run_all({"a": (wait, (str(tmp_path / "mark"),)), "b": (function, ())})
    assert getattr(failure.value, "exit_code", None) == code
    assert time.monotonic() - began < LONG / 2
    assert not any(_is_child(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _is_child(number: int) -> bool:
    """Whether a process is a worker that this one started."""
    try:
        status = Path(f"/proc/{number}/status").read_text()
        line = Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return False
    return f"PPid:\t{os.getpid()}\n" in status and b"spawn_main" in line


def test_a_stop_waits_until_the_workers_have_saved(tmp_path):
    marks = {key: tmp_path / key for key in ("a", "b")}
    ready = []

    def stop(key: str, event: dict) -> None:
        ready.append(key)
        if len(ready) == 2:
            raise KeyboardInterrupt(signal.SIGTERM)  # as `kill` to this process alone ends in the command line

    began = time.monotonic()
    with pytest.raises(Interrupted, match="the same command goes on with it") as stopped:
        run_all({key: (wait, (str(mark),)) for key, mark in marks.items()}, stop)
    assert stopped.value.exit_code == 143
    assert time.monotonic() - began < PATIENCE / 2, "the workers were told at once"
    assert [mark.read_text() for mark in marks.values()] == ["saved", "saved"]
