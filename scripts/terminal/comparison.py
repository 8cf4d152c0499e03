"""The outcome of `diff` and `align` in the terminal: the rungs, where the sides part, and why."""

from __future__ import annotations

MOST_OWN, MOST_CALLS = 12, 20


def print_outcome(difference, every: bool = False) -> None:
    """Rungs, calls with an error of their own, tested explanations, calls without counterpart, and the verdict last."""
    from dualport.common.compare.verdict import short
    from dualport.scripts.validate import Rows

    table = Rows(difference.names, timed=False)
    for rung in difference.verdict.rungs:
        table.show(rung)
        if every:
            for row in rung.rows:
                lost = "  ".join(f"{side} float32 {short(error)}" for side, error in row.error32.items())
                mark = "" if row.ok else "  <--"
                print(f"    {row.name:<60} {_error(row.error64):>9}  {lost}  {row.remark}{mark}".rstrip())
    _own(difference)
    for one in difference.explanations:
        mark = "explained" if one.removed else "reduced"
        after = f"{_error(one.before)} → {_error(one.after)}"
        print(f"{mark}: {one.call}: {one.text} ({after})")
    for side, calls in zip(difference.names, difference.unpaired, strict=True):
        if calls:
            more = f" and {len(calls) - MOST_CALLS} more" if len(calls) > MOST_CALLS else ""
            print(f"no counterpart, {side}: {', '.join(calls[:MOST_CALLS])}{more}")
    for note in difference.notes:
        print(f"note: {note}")
    print(_matched(difference.matching))
    print(difference.sentence)


def _own(difference) -> None:
    told = set()
    for rung in difference.forwards.values():
        rows = [row for row in rung.rows if getattr(row, "own", False) and row.name not in told]
        for row in rows[:MOST_OWN]:
            told.add(row.name)
            error = row.error64 if row.own_error is None else row.own_error
            print(f"by itself: {row.name}: {row.remark}, error {_error(error)}")
        if len(rows) > MOST_OWN:
            print(f"by themselves: {len(rows) - MOST_OWN} more calls, all in the report")


def _error(value: float | None) -> str:
    from dualport.common.compare.verdict import short

    if value is None or value != value:
        return "–"
    return "equal" if value == 0 else short(value)


def _matched(matching) -> str:
    """How the layers were matched, in one line."""
    counts: dict[str, int] = {}
    for _, _, how in matching.pairs:
        counts[how] = counts.get(how, 0) + 1
    words = {"name": "by name", "graph": "by what feeds them", "only one of its kind": "as the only ones of their kind",
             "map": "as --map says"}  # fmt: skip
    found = ", ".join(f"{count} {words[how]}" for how, count in counts.items())
    return f"layers with weights matched: {found or 'none'}"
