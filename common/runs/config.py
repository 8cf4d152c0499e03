"""`config.json`: what a run was, and whether a resumed run is the same one."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

from ..data import NAMED
from ..errors import BadInput, listed
from ..spec import to_json

PACKAGES = ("torch", "paddlepaddle", "paddlepaddle-gpu", "numpy", "h5py")
LONGEST = 12  # differences named in one refusal


def versions() -> dict[str, str]:
    """Versions of Python, of this kit, and of what the numbers depend on."""
    installed = {"python": platform.python_version(), "dualport": metadata.version("dualport")}
    for name in PACKAGES:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return installed


def run_config(job, dataset) -> dict[str, Any]:
    """Everything that decides a run's numbers, as JSON."""
    return {
        "recipe": job.recipe.name,
        "backend": job.backend,
        "device": job.device,
        "seed": job.seed,
        "spec": to_json(job.recipe),
        "data": {
            "source": job.source if job.source in NAMED else os.path.abspath(job.source),  # noqa: PTH100
            "images": len(dataset),
            "shape": list(dataset.images.shape[1:]),
            "sha256": dataset.sha256,
            "transposed": job.transposed,
        },
        "start": {Path(path).name: sha256(Path(path).read_bytes()).hexdigest() for path in job.start},
        "versions": versions(),
        "threads": os.environ.get("OMP_NUM_THREADS", ""),
        "history": [],
    }


def agrees(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The config of a resumed run: only the backend, the device, versions and the number of epochs may differ.

    Raises:
        BadInput: anything else differs; the differences are listed.
    """
    changes = []
    for key in ("recipe", "seed", "spec", "data", "start"):
        changes += list(differences(key, old.get(key), new[key]))
    free = ("spec.training.epochs", "data.source")
    wrong = [f"{key} was {was!r}, is {now!r}" for key, was, now in changes if key not in free]
    if wrong:
        raise BadInput(f"the run cannot go on with other settings: {listed(wrong, LONGEST, '; ')}")
    stage = {key: old.get(key) for key in ("backend", "device", "versions")}
    return new | {"history": [*old.get("history", []), stage]}


def differences(key: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    """Where two pieces of JSON differ: dotted key, old value, new value."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new}):
            yield from differences(f"{key}.{name}".lstrip("."), old.get(name), new.get(name))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for place, (was, now) in enumerate(zip(old, new, strict=True)):
            yield from differences(f"{key}[{place}]", was, now)
    elif old != new:
        yield key, old, new
