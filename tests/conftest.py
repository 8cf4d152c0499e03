"""What every test shares: one thread a process, where the real data is, and the frameworks, or why they are absent."""

from __future__ import annotations

import os

# Two spinning threads on a busy machine are several times slower than one. Set before any framework is imported.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

from pathlib import Path  # noqa: E402

import pytest  # noqa: E402


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder that DUALPORT_DATA names, with `mnist`, `mnist_mat` and `aistudio` in it."""
    folder = os.environ.get("DUALPORT_DATA")
    if not folder:
        pytest.skip("DUALPORT_DATA is not set: the real MNIST and the notebook's own weights are needed here")
    return Path(folder)
