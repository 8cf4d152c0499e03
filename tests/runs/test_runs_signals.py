"""Signals to a real `python -m dualport train`: the step in hand ends, the run is saved, the exit code says which."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from dualport.common.runs.folder import RunFolder
from dualport.scripts.command_line import main
from small_run import litter, newest

ENDLESS = 1_000_000


@pytest.mark.parametrize(
    ("backend", "number", "code"), [("torch", signal.SIGINT, 130), ("paddle", signal.SIGTERM, 143)]
)
def test_a_signal_saves_the_run(tiny, tmp_path, backend, number, code):
    pytest.importorskip(backend)
    out = tmp_path / "run"
    options = ["--data", str(tiny), "--batch-size", "1", "--set", "width=2", "--epochs", str(ENDLESS)]
    command = [sys.executable, "-m", "dualport", "train", "aistudio-vae", "--backend", backend, *options]
    with subprocess.Popen(
        [*command, "--device", "cpu", "--out", str(out)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            told = [line for _, line in zip(range(2), iter(process.stderr.readline, ""), strict=False) if line]
            process.send_signal(number)
            rest = process.communicate(timeout=60)[1].splitlines()
        finally:
            process.kill()
    assert any("images/s" in line for line in told)
    assert process.returncode == code
    assert rest[-1].startswith("dualport: interrupted after epoch ")
    assert f"go on with --resume --out {out}" in rest[-1]
    assert not any("Traceback" in line for line in rest)

    position, folder = newest(out).position, RunFolder(out)
    assert position.total == 40 * position.epoch + position.step
    assert len(folder.read_steps()) == 40 * position.epoch
    assert len(position.terms) == position.step
    assert [row["epoch"] for row in folder.read_metrics()] == list(range(position.epoch))
    assert not litter(out)
    resume = [*command[3:], "--resume", "--device", "cpu", "--out", str(out)]
    resume[resume.index(str(ENDLESS))] = str(position.epoch + 1)
    assert main(resume) == 0
    assert newest(out).position.total == 40 * (position.epoch + 1)
