"""Work in processes of their own, one a framework: they clash on some CUDA builds, and on two cores run abreast."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..common.errors import DualportError, EnvironmentFailed, Interrupted
from ..common.operating_system import peak_memory

Task = tuple[Callable[..., Any], tuple]  # function(*arguments, tell=…)
THREADS = "OMP_NUM_THREADS"
LEAVING = 20.0  # seconds that a process gets to end after its result
LEFT, THERE = ".left", ".process"  # how the marks end in the folder of a meeting
PATIENCE = 60.0  # seconds that an interrupted child gets to save its run


class Workers:
    """Processes that stay between tasks, so that each imports its framework once; they end with the `with` block.

    Args:
        keys: what each process is called. The cores are shared out evenly, unless OMP_NUM_THREADS says otherwise.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        context = multiprocessing.get_context("spawn")
        self._events, self._ways, self._children, self._busy = context.Queue(), {}, {}, set()
        names = list(keys)
        with _shared_cores(len(names)):
            for key in names:
                end, self._ways[key] = context.Pipe(duplex=False)
                self._children[key] = context.Process(target=_work, args=(self._events, key, end), daemon=True)
                self._children[key].start()
                end.close()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self._dismiss()
        for key, child in self._children.items():
            child.join(0 if key in self._busy else LEAVING)
            if child.is_alive():
                child.terminate()
                child.join()

    def _dismiss(self) -> None:
        """Each child ends when it is done: it finds nothing more to do."""
        for way in self._ways.values():
            way.close()

    def run(
        self, tasks: Mapping[str, Task], on_event: Callable[[str, dict], None] = lambda key, event: None
    ) -> dict[str, Any]:
        """Run each task in the process of its name, side by side; see `run_all`."""
        children = {key: self._children[key] for key in tasks}
        self._busy |= set(tasks)
        for key, task in tasks.items():
            with contextlib.suppress(OSError):  # it has died: told below
                self._ways[key].send(task)
        results: dict[str, Any] = {}
        try:
            _collect(children, self._events, on_event, results)
        except KeyboardInterrupt as stop:
            number = stop.args[0] if stop.args else signal.SIGINT
            if number == signal.SIGTERM:  # a terminal sends Ctrl-C to the children itself; this came to us alone
                for child in children.values():
                    child.terminate()
            self._dismiss()  # so that they leave when they have saved
            _collect_quietly(children, self._events, results)
            message = "interrupted; what was trained is saved: the same command goes on with it"
            raise Interrupted(message, 128 + number) from None
        finally:
            self._busy -= set(results)
        return {key: results[key] for key in tasks}


def run_all(
    tasks: Mapping[str, Task], on_event: Callable[[str, dict], None] = lambda key, event: None
) -> dict[str, Any]:
    """Run each task in a process of its own, side by side, and return key → (result, peak memory in MB).

    A function gets its arguments and `tell`, which sends a dict to `on_event`.

    Raises:
        DualportError: the first error of a task, of its class; the other processes are ended.
        RuntimeError: a task raised something else; the message ends with the traceback in the child.
        EnvironmentFailed: a process died without a word.
    """
    with Workers(tasks) as workers:
        return workers.run(tasks, on_event)


def _collect(children: dict, events, on_event, results: dict) -> None:
    while len(results) < len(children):
        try:
            key, kind, content = events.get(timeout=0.5)
        except queue.Empty:
            _refuse_silent_death(children, results, events)
            continue
        if kind == "event":
            on_event(key, content)
        elif kind == "error":
            kind, message, exit_code = content
            error = kind(message)
            error.exit_code = exit_code
            raise error
        elif kind == "crash":
            raise RuntimeError(content)
        else:
            results[key] = content


def _collect_quietly(children: dict, events, results: dict) -> None:
    """After a signal, which the children got too: wait until they have saved."""
    deadline = time.monotonic() + PATIENCE
    while any(child.is_alive() for child in children.values()) and time.monotonic() < deadline:
        try:
            _collect(children, events, lambda key, event: None, results)
        except (DualportError, RuntimeError):
            continue
        time.sleep(0.05)  # all results are there: the children are on their way out


def _refuse_silent_death(children: dict, results: dict, events) -> None:
    for key, child in children.items():
        if key not in results and not child.is_alive() and events.empty():
            raise EnvironmentFailed(
                f"the process of {key} died (exit code {child.exitcode}); it may have run out of memory: "
                "use a smaller --batch-size, or --backend to run one framework at a time"
            )


def _work(events, key: str, way) -> None:
    """In the child: run one task after another, and send what came of each, until there are no more."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            _work_on(events, key, *way.recv())


def _work_on(events, key: str, function: Callable[..., Any], arguments: tuple) -> None:
    try:
        result = function(*arguments, tell=lambda event: events.put((key, "event", event)))
        events.put((key, "result", (result, peak_memory())))
    except DualportError as error:
        events.put((key, "error", (type(error), f"{key}: {error}", error.exit_code)))
    except KeyboardInterrupt:
        events.put((key, "error", (Interrupted, f"{key}: interrupted", 130)))
    except MemoryError:
        events.put((key, "error", (EnvironmentFailed, f"{key}: out of memory; use a smaller --batch-size", 3)))
    except Exception as error:
        events.put((key, "crash", f"{key}: {type(error).__name__}: {error}\n{traceback.format_exc()}"))


class Meeting:
    """A folder in which the processes of both frameworks leave files and folders for each other."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        (self.folder / f"{os.getpid()}{THERE}").touch()

    def leave(self, name: str) -> None:
        """What lies under `name` in the folder is whole: the other side may take it."""
        (self.folder / f"{name}{LEFT}").touch()

    def wait_for(self, name: str, seconds: float) -> Path:
        """The path of what a side leaves under `name`.

        Raises:
            EnvironmentFailed: it is not there after so many seconds, or the other side has died before.
        """
        deadline = time.monotonic() + seconds
        while True:
            dead, late = self._other_died(), time.monotonic() > deadline
            if (self.folder / f"{name}{LEFT}").exists():  # looked at last: it may have been left just before the death
                return self.folder / name
            if dead:
                raise EnvironmentFailed(
                    f"the other framework's process died before it left {name}; it may have run out of memory: "
                    "use smaller inputs"
                )
            if late:
                raise EnvironmentFailed(
                    f"the other framework left no {name} within {seconds:.0f} s; use smaller inputs, or fewer --steps"
                )
            time.sleep(0.02)

    def _other_died(self) -> bool:
        """Whether there was another process here, and is none any more; never so where only the deadline can tell."""
        numbers = {int(file.stem) for file in self.folder.glob(f"*{THERE}")} - {os.getpid()}
        return os.name == "posix" and bool(numbers) and not any(map(_lives, numbers))


def _lives(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


@contextlib.contextmanager
def _shared_cores(count: int) -> Iterator[None]:
    """While processes start, tell their numerical libraries how many cores each may use."""
    before = os.environ.get(THREADS)
    os.environ.setdefault(THREADS, str(max(1, (os.cpu_count() or 1) // max(count, 1))))
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(THREADS, None)
