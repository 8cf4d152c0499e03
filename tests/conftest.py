"""What every test shares: one thread a process, where the real data is, and the frameworks, or why they are absent."""

from __future__ import annotations

import importlib.util
import os
import re

# Two spinning threads on a busy machine are several times slower than one. Set before any framework is imported.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

from pathlib import Path  # noqa: E402

import pytest  # noqa: E402
from dualport.common.errors import EnvironmentFailed  # noqa: E402


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder that DUALPORT_DATA names, with `mnist`, `mnist_mat` and `aistudio` in it."""
    folder = os.environ.get("DUALPORT_DATA")
    if not folder:
        pytest.skip("DUALPORT_DATA is not set: the real MNIST and the notebook's own weights are needed here")
    return Path(folder)


FRAMEWORKS = ("torch", "paddle")


ABSENT = [name for name in FRAMEWORKS if importlib.util.find_spec(name) is None]
SAID: list[str] = []  # that a framework is not installed, during one test, whoever was told
NOT_INSTALLED = re.compile(r"\w+ is not installed: run `pip install \"dualport\[\w+\]\"`")


def _note(self: EnvironmentFailed, *arguments: object) -> None:
    """What a command turns into an exit code has been said all the same."""
    Exception.__init__(self, *arguments)
    if "is not installed" in str(self):
        SAID.append(str(self))


EnvironmentFailed.__init__ = _note  # type: ignore[method-assign]


def _absent(error: BaseException | None) -> str | None:
    """Why a test cannot be here, where it failed for want of a framework; nothing where both are installed."""
    if not ABSENT or error is None:
        return None
    if isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] in FRAMEWORKS:
        return f"{error.name} is not installed"
    told = NOT_INSTALLED.search(str(error))
    return told.group() if told else SAID[-1] if SAID else None


class _ModuleOfTests(pytest.Module):
    """A file of tests that is skipped where it imports a framework that is not installed."""

    def _getobj(self):
        try:
            return super()._getobj()
        except self.CollectError as error:
            if reason := _absent(error.__cause__):
                pytest.skip(reason, allow_module_level=True)
            raise


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module:
    return _ModuleOfTests.from_parent(parent, path=module_path)


def _skipped_where_absent():
    SAID.clear()
    try:
        return (yield)
    except Exception as error:
        if reason := _absent(error):
            pytest.skip(reason)
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item):
    return (yield from _skipped_where_absent())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item):
    return (yield from _skipped_where_absent())
