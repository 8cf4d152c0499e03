"""Work in processes of its own: results, errors, silent deaths and signals reach the process that asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dualport.backends.processes import PATIENCE, Meeting, run_all
from dualport.common.errors import BadInput, Diverged, DualportError, EnvironmentFailed, Interrupted
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


def refuse(tell) -> None:
    raise BadInput("the layers do not match; name them")


def stop_early(tell) -> None:
    raise Interrupted("stopped", 143)


@pytest.mark.parametrize(
    ("function", "kind", "code"),
    [
        (refuse, BadInput, 2),
        (diverge, Diverged, 4),
        (run_out_of_memory, EnvironmentFailed, 3),
        (stop_early, Interrupted, 143),
    ],
)
def test_an_error_of_a_worker_keeps_its_class(function, kind, code):
    with pytest.raises(DualportError) as failure:
        run_all({"b": (function, ())})
    assert (type(failure.value), failure.value.exit_code) == (kind, code)


def take(folder: str, seconds: float, tell) -> str:
    return Meeting(folder).wait_for("letter", seconds).read_text()


def leave(folder: str, tell) -> None:
    meeting = Meeting(folder)
    time.sleep(0.2)
    (Path(folder) / "letter").write_text("half")
    time.sleep(0.2)
    (Path(folder) / "letter").write_text("whole")
    meeting.leave("letter")


def test_what_one_side_leaves_the_other_takes_when_it_is_whole(tmp_path):
    folder = str(tmp_path)
    assert run_all({"a": (take, (folder, LONG)), "b": (leave, (folder,))})["a"][0] == "whole"


def test_waiting_ends_when_the_time_is_over(tmp_path):
    began = time.monotonic()
    with pytest.raises(EnvironmentFailed, match=r"^the other framework left no letter within 0 s; [^\n]*$"):
        Meeting(tmp_path).wait_for("letter", 0.1)
    assert time.monotonic() - began < LONG / 2


def test_waiting_ends_when_the_other_side_has_died(tmp_path):
    """Here no parent watches over both."""
    program = "import sys; from dualport.backends.processes import Meeting; Meeting(sys.argv[1])"
    began = time.monotonic()
    with subprocess.Popen([sys.executable, "-c", program, tmp_path]) as other:
        assert other.wait(LONG) == 0
    with pytest.raises(EnvironmentFailed, match=r"^the other framework's process died before it left letter; [^\n]*$"):
        Meeting(tmp_path).wait_for("letter", 10 * LONG)
    assert time.monotonic() - began < LONG
    Meeting(tmp_path).leave("letter")
    assert Meeting(tmp_path).wait_for("letter", 0.0) == tmp_path / "letter", "left before the death"
