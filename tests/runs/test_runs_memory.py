"""Peak memory of a process that trains the published VAE on all of MNIST."""

from __future__ import annotations

import subprocess
import sys

import pytest

# VmHWM, not ru_maxrss: the latter counts the parent's memory too where the child was forked from it.
PROGRAM = """
import sys
from itertools import islice
from pathlib import Path
from dualport.backends import load_backend
from dualport.backends.recipes.run import load_data
from dualport.common import recipes
from dualport.common.runs.initial_weights import initial_weights
from dualport.common.runs.epoch_plan import plan_epoch

recipe = recipes.recipe("aistudio-vae")
data = load_data(recipe, sys.argv[2])
assert len(data) == 60_000
session = load_backend(sys.argv[1]).Session(recipe, initial_weights(recipe, 1), "cpu")
session.load_data(data.scaled(*recipe.data.value_range), None)
assert len(list(islice(session.epoch(plan_epoch(recipe, 1, 0, len(data))), 10))) == 10
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(int(peak.split()[1]) * 1024)
"""


@pytest.mark.mnist
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the peak from Linux's /proc")
@pytest.mark.parametrize(("backend", "gigabytes"), [("torch", 1.2), ("paddle", 1.5)])
def test_peak_memory(shared_data, backend, gigabytes):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, backend, str(shared_data / "mnist")],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) <= gigabytes * 1e9
