"""The rows of `docs/real_pairs.md`: for each pair its verdict, what is said where it differs, and the seconds.

python tests/real/table.py [NAME…] [--modes eval,train]
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings

from packages import found
from pairs import PAIRS
from test_real_pairs import verdict_of

LONGEST = 400  # characters of what is said


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--modes", default="eval", help="eval, or eval,train")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    print("| pair | against | verdict | what is said | CPU seconds |\n|---|---|---|---|---|")
    for pair in PAIRS:
        if (arguments.names and pair.name not in arguments.names) or not all(map(found, pair.needs)):
            continue
        start = time.process_time()
        same, told = verdict_of(pair, tuple(arguments.modes.split(",")))
        seconds = time.process_time() - start
        said = "" if same else (told if len(told) <= LONGEST else f"{told[:LONGEST]}…").replace("|", "/")
        row = (pair.name, ", ".join(pair.needs), "same system" if same else "differs", said, f"{seconds:.0f}")
        print(f"| {' | '.join(row)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
