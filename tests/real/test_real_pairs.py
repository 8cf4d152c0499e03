"""Models that nobody here wrote: right pairs are the same system, wrong ones are told why. `pytest tests/real`."""

from __future__ import annotations

import re

import pytest
from packages import found
from pairs import PAIRS, Pair

from dualport import align


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("pair", PAIRS, ids=[pair.name for pair in PAIRS])
def test_real_pair(pair: Pair) -> None:
    absent = [name for name in pair.needs if not found(name)]
    if absent:
        pytest.skip(f"{', '.join(absent)} not installed: pip install --no-deps {' '.join(absent)}")
    found_out = align(*pair.make(), pair.inputs, dtypes=("float64",), **dict(pair.options))
    told = " ".join([found_out.sentence, *map(str, found_out.explanations)])
    if not pair.differs:
        assert found_out.ok, told
    else:
        assert not found_out.ok
        assert any(re.search(pattern, told) for pattern in pair.differs), told
