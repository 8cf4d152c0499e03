"""Which framework finds a GPU here, for tests that use one where there is one."""

from __future__ import annotations

from functools import cache

from dualport.backends.processes import run_all
from dualport.common.errors import EnvironmentFailed


def finds_cuda(framework: str, tell) -> bool:
    """Whether a framework finds a GPU; asked in a process of its own, for both in one process may clash."""
    from dualport.backends import load_backend

    try:
        return load_backend(framework).device.choose_device("cuda") == "cuda"
    except EnvironmentFailed:
        return False


@cache
def devices(wanted: str) -> dict[str, str]:
    """Where each framework runs: on CUDA those that find a GPU."""
    if wanted == "cpu":
        return {"torch": "cpu", "paddle": "cpu"}
    found = {name: run_all({name: (finds_cuda, (name,))})[name][0] for name in ("torch", "paddle")}
    return {name: "cuda" if there else "cpu" for name, there in found.items()}
