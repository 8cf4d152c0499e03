"""Files changed at random, and what must come of reading one: its content or a refusal, in time, and nothing else."""

from __future__ import annotations

import random
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from dualport.common.errors import BadInput
from dualport.common.weights.files import WeightFile
from weight_samples import bounded, read_bytes

# What Python itself reports when something is run, imported, started or written.
_RUN = ("compile", "exec", "import", "marshal.loads", "os.exec", "os.posix_spawn", "os.remove", "os.rename",
        "os.system", "pickle.find_class", "socket.connect", "subprocess.Popen", "ctypes.dlopen", "open")  # fmt: skip
_seen: list[str] | None = None


def _listen(event: str, arguments: tuple) -> None:
    if _seen is not None and event in _RUN and not (event == "open" and arguments[1] in ("r", "rb")):
        _seen.append(f"{event} {arguments}")


sys.addaudithook(_listen)


@contextmanager
def nothing_run() -> Iterator[None]:
    """Fail if the body runs, imports, starts or writes anything."""
    global _seen
    _seen = seen = []
    try:
        yield
    finally:
        _seen = None
    assert seen == [], seen


OPCODES = [bytes([code]) for code in b"(.ajqrsutbcRQ\x93\x94\x85\x86\x87}])NhXBKJM"]


def mutate(content: bytes, rng: random.Random, others: Mapping[str, bytes], words: Sequence[bytes] = OPCODES) -> bytes:
    """One to four changes: bits, bytes, numbers at their limits, pieces removed, doubled, swapped in from elsewhere,
    and `words` of the format in the place of others."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(max(1, len(data)))
        end = min(len(data), at + rng.randint(1, 16))
        match rng.randrange(7):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at] = rng.randrange(256)
            case 2:
                layout, bits = rng.choice((("<H", 16), ("<I", 32), ("<Q", 64)))
                number = rng.choice(
                    (0, 1, 2 ** (bits - 1) - 1, 2 ** (bits - 1), 2**bits - 1, len(data), rng.getrandbits(bits))
                )
                data[at : at + bits // 8] = struct.pack(layout, number)
            case 3 if len(data) > 32:
                del data[at:end]
            case 4:
                data[at:at] = data[at:end]
            case 5:
                other = others[rng.choice(list(others))]
                start = rng.randrange(len(other))
                data[at:at] = other[start : start + rng.randint(1, 40)]
            case _:
                word = rng.choice(words)
                data[at : at + 1 if len(word) == 1 else end] = word
    return bytes(data)


def read_or_refuse(content: bytes, name: str, **options) -> WeightFile | None:
    """What is read, or None after a refusal; anything else fails the test."""
    try:
        with bounded():
            return read_bytes(content, name, **options)
    except BadInput as fault:
        refusal = str(fault)
    assert refusal.isprintable()
    assert len(refusal) < 1500
    return None
