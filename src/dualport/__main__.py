"""`python -m dualport` and the `dualport` command."""

from __future__ import annotations


def run() -> None:
    from dualport.scripts.command_line import main

    raise SystemExit(main())


if __name__ == "__main__":
    run()
