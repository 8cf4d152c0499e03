"""Models that nobody here wrote: right pairs are the same system, wrong ones are told why. `pytest tests/real`."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from dualport.common.errors import BadInput
from dualport.common.traces.plan import MODES
from packages import found
from pairs import PAIRS, TRAINED, Pair

from dualport import align


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("pair", PAIRS, ids=[pair.name for pair in PAIRS])
def test_real_pair(pair: Pair) -> None:
    absent = [name for name in pair.needs if not found(name)]
    if absent:
        pytest.skip(f"{', '.join(absent)} not installed: pip install --no-deps {' '.join(absent)}")
    same, told = verdict_of(pair, MODES if pair.name in TRAINED else ("eval",))
    if not pair.differs:
        assert same, told
    else:
        assert not same
        assert all(re.search(pattern, told) for pattern in pair.differs), told


def verdict_of(pair: Pair, modes: Sequence[str] = MODES) -> tuple[bool, str]:
    """Whether a pair is the same system, and all that is said of it. Weights that have no counterpart are a refusal
    that names them."""
    try:
        comparison = align(*pair.make(), pair.inputs, dtypes=("float64",), modes=modes, **dict(pair.options))
    except BadInput as error:
        return False, str(error)
    return comparison.ok, "; ".join([comparison.sentence, *(told.text for told in comparison.explanations)])
