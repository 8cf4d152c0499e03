"""What a data file may claim before it is opened further: sizes, and how far it may unpack."""

from __future__ import annotations

from ...errors import BadInput

LARGEST_BYTES = 2 << 30  # 45 times MNIST in single precision
LARGEST_CHUNK = 192 << 20  # MNIST's training images in single precision as one chunk still fit
MOST_CHUNKS = 500_000
LARGEST_RATIO = 200
# Below this an unpacked size harms nobody, and labels that are all alike do pack a thousand to one.
HARMLESS_BYTES = 8 << 20


def refuse_bomb(what: object, unpacked: int, stored: int) -> None:
    """Refuse what would unpack to more than 200 times its stored bytes.

    Raises:
        BadInput: it would.
    """
    if unpacked > HARMLESS_BYTES and unpacked > LARGEST_RATIO * stored:
        raise BadInput(
            f"{what}: {stored:,} stored bytes claim to unpack to {unpacked:,}, over {LARGEST_RATIO} times as many; "
            f"get the file again from where it was published"
        )
