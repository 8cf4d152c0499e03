"""The run folder's lock and the peak of memory, on Unix and as Windows offers them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from dualport.common.errors import BadInput
from dualport.common.operating_system import peak_memory
from dualport.common.runs.folder import RunFolder

# Stands for Windows: no module of Unix, `msvcrt` that locks a byte once, and the two calls of its kernel.
WINDOWS = """
import ctypes, importlib, os, pkgutil, sys, types
import subprocess  # Python itself asks for msvcrt here, to learn where it runs
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None

held = set()
def locking(number, mode, count):
    if (mode, count) != (2, 1) or number < 0:
        raise ValueError("unexpected lock")
    key = os.fstat(number).st_ino
    if key in held:
        raise PermissionError(13, "Permission denied")
    held.add(key)
sys.modules["msvcrt"] = types.SimpleNamespace(LK_NBLCK=2, locking=locking)

class Call:
    def __init__(self, function):
        self.function = function
    def __call__(self, *arguments):
        return self.function(*arguments)
def memory(process, counters, size):
    assert process == -1 and size == 8 + 8 * ctypes.sizeof(ctypes.c_size_t)
    counters._obj.peak_working_set = 300 * 2**20
    return 1
kernel = types.SimpleNamespace(GetCurrentProcess=Call(lambda: -1), K32GetProcessMemoryInfo=Call(memory))
ctypes.windll = types.SimpleNamespace(kernel32=kernel)
"""


def as_on_windows(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", WINDOWS + program], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_module_without_a_framework_imports_where_unix_is_missing():
    imported = as_on_windows("""
import dualport.backends, dualport.common, dualport.scripts
for package in (dualport.common, dualport.scripts, dualport.backends):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.startswith(("dualport.backends.torch", "dualport.backends.paddle")):
            importlib.import_module(module.name)
            print(module.name)
""").split()
    assert {"dualport.backends.processes", "dualport.common.runs.folder", "dualport.scripts.train"} <= set(imported)


def test_windows_locks_the_run_folder(tmp_path):
    answer = as_on_windows(f"""
from dualport.common.errors import BadInput
from dualport.common.runs.folder import RunFolder
with RunFolder({str(tmp_path)!r}).locked():
    try:
        with RunFolder({str(tmp_path)!r}).locked():
            print("both")
    except BadInput as error:
        print(error)
""")
    assert answer.endswith("another process is training here; wait for it or choose another --out\n")


def test_windows_tells_the_peak_of_memory():
    assert as_on_windows("from dualport.common.operating_system import peak_memory; print(peak_memory())") == "300\n"


def test_the_lock_is_one_process_s_at_a_time_and_ends_with_it(tmp_path):
    folder = RunFolder(tmp_path)
    with folder.locked(), pytest.raises(BadInput, match="another process"), folder.locked():
        pass
    with folder.locked():
        pass


def test_the_peak_of_memory_grows_with_what_is_held():
    before = peak_memory()
    held = b"x" * ((before + 200) * 2**20)
    assert peak_memory() >= before + 190
    assert held[-1:] == b"x"
