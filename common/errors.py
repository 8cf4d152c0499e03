"""The errors that users meet: one sentence each, with the exit code that the command line gives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class DualportError(Exception):
    """Base of every error that is the user's to mend. The message says what, where, and what to do next."""

    exit_code = 2


class BadInput(DualportError):
    """A file, value or option is not what the command takes."""

    exit_code = 2


class EnvironmentFailed(DualportError):
    """The machine lacks something: disk space, a framework, a GPU, a right to write."""

    exit_code = 3


class Diverged(DualportError):
    """Training reached a loss that is not a number."""

    exit_code = 4


class Interrupted(DualportError):
    """The user stopped the command (130, or 143 for SIGTERM); what was done so far is saved."""

    def __init__(self, message: str, exit_code: int = 130) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def choose(value: str, options: Iterable[str], what: str) -> str:
    """Return `value` if it is one of `options`; else refuse it, quoting the legal ones and the nearest."""
    from difflib import get_close_matches

    options = list(options)
    if value in options:
        return value
    near = get_close_matches(value, options, 1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise BadInput(f"there is no {what} {value!r}{hint}: choose one of {', '.join(options)}")


def listed(words: Sequence[str], most: int, between: str = ", ") -> str:
    """The first words and how many more there are, so that a sentence ends."""
    more = f" and {len(words) - most:,} more" if len(words) > most else ""
    return between.join(words[:most]) + more


def by_size(shape: Sequence[int]) -> str:
    """A shape as people write it, 4×1×28×28."""
    return "×".join(map(str, shape)) or "a single number"
