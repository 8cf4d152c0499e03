"""The two realisations of a spec, and the contract that they fulfil."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import warnings
from typing import TYPE_CHECKING, cast

from ..common.errors import EnvironmentFailed, choose

if TYPE_CHECKING:
    from .contract import Framework

NAMES = ("torch", "paddle")
OLDEST = {"torch": (2, 4), "paddle": (2, 6)}
_PACKAGES = {"torch": "torch", "paddle": "paddlepaddle"}


def installed(name: str) -> bool:
    """Whether the framework behind a backend can be imported, told without importing it."""
    return importlib.util.find_spec(name) is not None


def load_backend(name: str) -> Framework:
    """The package of one backend; its framework is imported here and not before.

    Raises:
        BadInput: there is no such backend.
        EnvironmentFailed: the framework is not installed, or fails to load; the message names the extra to install.
    """
    choose(name, NAMES, "backend")
    if not installed(name):
        raise EnvironmentFailed(f'{_PACKAGES[name]} is not installed: run `pip install "dualport[{name}]"`')
    # Threads that wait by spinning are several times slower on a machine that does something else as well.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if name == "paddle":
        _quieten_paddle()
    try:
        importlib.import_module(name)
    except (ImportError, OSError) as error:
        raise EnvironmentFailed(
            f'{_PACKAGES[name]} does not load ({error}): reinstall it with `pip install "dualport[{name}]"`'
        ) from error
    _refuse_old(name)
    return cast("Framework", importlib.import_module(f".{name}", __name__))


def _refuse_old(name: str) -> None:
    """Older releases lack what the backend calls, and torch before 2.4 has known holes in reading weight files."""
    version = importlib.import_module(name).__version__
    numbers = re.findall(r"\d+", version)[:2]
    if len(numbers) == 2 and tuple(map(int, numbers)) < OLDEST[name]:
        wanted = ".".join(map(str, OLDEST[name]))
        raise EnvironmentFailed(
            f'{_PACKAGES[name]} {version} is too old, {wanted} is needed: `pip install -U "dualport[{name}]"`'
        )


def _quieten_paddle() -> None:
    """Paddle's convolutions gain nothing from a second CPU thread, and it warns of what nobody can mend."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    warnings.filterwarnings("ignore", message="No ccache found")
    warnings.filterwarnings("ignore", message="When training, we now always track")
