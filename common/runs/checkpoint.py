"""Checkpoints: everything that a run needs to go on, whole or not there, with a hash for every file.

A checkpoint is a folder `step-00000937`: `weights.safetensors` and `optimizers.safetensors` in canonical names and
layout, so that either framework continues from it, and last `manifest.json` with position, hashes and sizes, and its
own hash. It is written beside its place and renamed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic import atomic_folder
from ..errors import BadInput

KEPT = 2  # the newest, and the one before it in case the newest is damaged


@dataclass
class Position:
    """Where a run stands: `epoch` and `step` within it come next, `total` steps are done.

    `terms` are the losses of the unfinished epoch so far, `[step, 3]`.
    """

    epoch: int = 0
    step: int = 0
    total: int = 0
    terms: list[list[float]] = field(default_factory=list)


@dataclass
class Checkpoint:
    """Weights, optimisers (as plain settings and moments) and position."""

    position: Position
    weights: dict[str, np.ndarray]
    optimizers: dict[str, dict[str, Any]]  # name -> step, learning_rate, beta1, beta2
    moments: dict[str, np.ndarray]  # "encoder/first/encoder.conv1.weight" -> array
    seconds: float = 0.0  # spent on the unfinished epoch so far


def save(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint into `folder` and prune old ones. Raises `EnvironmentFailed` when the disk is full."""
    # As bytes: the library's own `save_file` turns a full disk into an error that is no OSError.
    from safetensors.numpy import save as as_bytes

    contents = {
        "weights.safetensors": as_bytes(checkpoint.weights),
        "optimizers.safetensors": as_bytes(checkpoint.moments),
    }
    manifest = {
        "position": asdict(checkpoint.position),
        "optimizers": checkpoint.optimizers,
        "seconds": checkpoint.seconds,
        "files": {name: {"sha256": _hash(content), "bytes": len(content)} for name, content in contents.items()},
    }
    target = folder / f"step-{checkpoint.position.total:08d}"
    with atomic_folder(target) as temporary:
        for name, content in contents.items():
            (temporary / name).write_bytes(content)
        signed = manifest | {"sha256": _hash_of_manifest(manifest)}
        (temporary / "manifest.json").write_text(json.dumps(signed), encoding="utf8")
    _prune(folder)
    return target


def load_newest(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest checkpoint whose hashes pass, by step and not by time, and a sentence for each that does not.

    Raises:
        BadInput: there are checkpoints, but none of them is whole.
    """
    complaints = []
    checkpoints = sorted((path for path in folder.glob("step-*") if path.is_dir()), key=_step, reverse=True)
    for path in checkpoints:
        try:
            return _load(path), complaints
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            complaints.append(f"{path}: is damaged ({error}); taking the one before it")
    if checkpoints:
        raise BadInput(
            f"{folder}: none of its {len(checkpoints)} checkpoints is whole; train again into another folder"
        )
    return None, complaints


def newest(folder: Path) -> Checkpoint:
    """The newest whole checkpoint of a folder that must have one.

    Raises:
        BadInput: there is none, or none is whole.
    """
    checkpoint, _ = load_newest(folder)
    if checkpoint is None:
        raise BadInput(f"{folder}: holds no checkpoint; train there first")
    return checkpoint


def _load(path: Path) -> Checkpoint:
    from safetensors.numpy import load

    manifest = json.loads((path / "manifest.json").read_text(encoding="utf8"))
    if manifest.pop("sha256") != _hash_of_manifest(manifest):
        raise ValueError("manifest.json does not have its hash")
    content = {}
    for name in ("weights.safetensors", "optimizers.safetensors"):
        content[name] = (path / name).read_bytes()
        if _hash(content[name]) != manifest["files"][name]["sha256"]:
            raise ValueError(f"{name} does not have its hash")
    return Checkpoint(
        position=Position(**manifest["position"]),
        weights=load(content["weights.safetensors"]),
        optimizers=manifest["optimizers"],
        moments=load(content["optimizers.safetensors"]),
        seconds=manifest["seconds"],
    )


def _step(path: Path) -> int:
    digits = path.name.removeprefix("step-")
    return int(digits) if digits.isdigit() else -1


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _hash_of_manifest(manifest: dict[str, Any]) -> str:
    """Of its content without the hash itself: a flipped digit in the position is still JSON."""
    return _hash(json.dumps(manifest, sort_keys=True).encode())


def _prune(folder: Path) -> None:
    import shutil

    for old in sorted(folder.glob("step-*"), key=_step, reverse=True)[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
