"""Every kind of PyTorch's files, cut at every byte and changed at random: a refusal or a read, in time, nothing run.

The gate changes a few hundred of each; `pytest -m heavy tests/weights/test_weights_torch_mutated.py` 10,000.
"""

from __future__ import annotations

import json
import pickle
import random
import zipfile

import pytest
from dualport.common.errors import BadInput
from dualport.scripts.inspect_file import describe
from mutations import mutate, nothing_run, read_or_refuse
from torch_samples import torch_samples
from weight_samples import read_bytes, recomputed, samples

pytestmark = pytest.mark.no_cover
SAMPLES = torch_samples()
OTHERS = {**SAMPLES, **samples()}
FEW, MANY = 250, 10_000


@pytest.mark.parametrize("name", SAMPLES)
def test_a_file_cut_at_any_byte_is_refused(name) -> None:
    content = SAMPLES[name]
    read_bytes(content, "whole", key=".")
    for length in range(len(content)):
        with pytest.raises(BadInput, match=r"ends|is empty|no weight file|claim|no end"):
            read_bytes(content[:length], "cut", key=".")


def changed(name: str, rng: random.Random) -> bytes:
    """A file changed anywhere; of a zip, every other time, its pickle alone with the checksum made to fit."""
    content = SAMPLES[name]
    if content[:2] == b"PK" and rng.random() < 0.5:
        return recomputed(content, "a/data.pkl", lambda data: mutate(data, rng, OTHERS))
    return mutate(content, rng, OTHERS)


def check_mutated(name: str, count: int, folder) -> int:
    """Read `count` changed files; the number of those that were not refused."""
    rng = random.Random(f"{name} {count}")
    read = 0
    for number in range(count):
        content = changed(name, rng)
        try:
            with nothing_run():
                weights = read_or_refuse(content, name, key=rng.choice((None, ".")))
            if weights is not None:
                assert sum(array.nbytes for array in weights.arrays.values()) <= 8 * len(content) + 2**20
                assert len(json.dumps(describe(weights), allow_nan=False)) < 2**24
                read += 1
        except Exception as error:
            raise AssertionError(f"mutation {number} of {name}") from error
    assert list(folder.iterdir()) == []
    return read


@pytest.mark.parametrize("name", SAMPLES)
def test_mutated_files(name, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_mutated(name, FEW, tmp_path)


@pytest.mark.heavy
@pytest.mark.parametrize("name", SAMPLES)
def test_many_mutated_files(name, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert check_mutated(name, MANY, tmp_path) > 0


def test_what_is_run_would_be_seen(tmp_path) -> None:
    """The watch itself, on a pickle that Python reads."""
    with pytest.raises(AssertionError, match="find_class"), nothing_run():
        pickle.loads(pickle.dumps(zipfile.ZipInfo))
