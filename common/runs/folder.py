"""A run folder: `config.json`, `metrics.jsonl`, `steps.npy`, `checkpoints/`, `weights/`, `figures/`."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .. import operating_system
from ..atomic import atomic_path, make_folder, remove_litter, write_text
from ..errors import BadInput
from ..spec import Recipe, from_json


class RunFolder:
    """Paths and files of one run."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.config_file = self.path / "config.json"
        self.metrics_file = self.path / "metrics.jsonl"
        self.steps_file = self.path / "steps.npy"
        self.checkpoints = self.path / "checkpoints"
        self.weights = self.path / "weights"
        self.figures = self.path / "figures"
        self.progress = self.figures / "progress"

    def exists(self) -> bool:
        """Whether a run has begun here."""
        return self.config_file.exists()

    def make(self) -> None:
        """Make the folders, checking that they can be written, and clear what a killed writer left.

        Raises:
            BadInput: a file stands in the way. EnvironmentFailed: the folder cannot be written.
        """
        for folder in (self.path, self.checkpoints, self.weights, self.figures):
            make_folder(folder)
            remove_litter(folder)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process. The lock goes with the process, so a killed run leaves none behind.

        Raises:
            BadInput: another process trains here.
        """
        with (self.path / ".lock").open("w") as file:
            try:
                operating_system.lock(file)
            except BlockingIOError:
                raise BadInput(
                    f"{self.path}: another process is training here; wait for it or choose another --out"
                ) from None
            yield

    def write_config(self, config: dict[str, Any]) -> None:
        write_text(self.config_file, json.dumps(config, indent=1, ensure_ascii=False) + "\n")

    def read_config(self) -> dict[str, Any]:
        """Raises `BadInput` when this is no run folder, or its config is damaged."""
        if not self.config_file.exists():
            raise BadInput(f"{self.path}: is not a run folder (it has no config.json); name the --out of a `train`")
        try:
            config = json.loads(self.config_file.read_text(encoding="utf8"))
            _ = config["spec"], config["backend"], config["seed"], config["data"]["source"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadInput(f"{self.config_file}: is damaged ({error}); train again into another folder") from None
        return config

    def recipe(self) -> Recipe:
        """The recipe as it was trained, with its settings."""
        return from_json(self.read_config()["spec"])

    def write_steps(self, steps: list[list[float]]) -> None:
        """Keep the losses of every step, `[steps, 3]`."""
        with atomic_path(self.steps_file) as temporary:
            np.save(temporary, np.asarray(steps, np.float64).reshape(-1, 3))

    def read_steps(self) -> np.ndarray:
        """`[steps, 3]`: loss as optimised, and the batch's summed reconstruction and KL, of every step."""
        if not self.steps_file.exists():
            return np.zeros((0, 3))
        try:
            return np.load(self.steps_file, allow_pickle=False).reshape(-1, 3)
        except (OSError, ValueError) as error:
            raise BadInput(f"{self.steps_file}: is damaged ({error}); train again into another folder") from None

    def write_metrics(self, rows: list[dict[str, Any]]) -> None:
        write_text(self.metrics_file, "".join(json.dumps(row) + "\n" for row in rows))

    def read_metrics(self) -> list[dict[str, Any]]:
        """One row an epoch. Raises `BadInput` when a line is damaged."""
        if not self.metrics_file.exists():
            return []
        try:
            return [json.loads(line) for line in self.metrics_file.read_text(encoding="utf8").splitlines() if line]
        except ValueError as error:
            raise BadInput(f"{self.metrics_file}: is damaged ({error}); train again into another folder") from None
