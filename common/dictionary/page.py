"""An entry for people: as data for JSON, and as titled tables, from which a terminal and docs/dictionary.md are made.

Run as `python -m dualport.common.dictionary.page docs/dictionary.md` it writes that page; `--check` says whether
it is current.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..atomic import write_text
from ..errors import BadInput
from . import index
from .entry import REQUIRED, Argument, Contrast, Entry
from .facts import FLAGS, facts, with_default
from .search import FAMILIES, FRAMEWORKS
from .training.distributions import DISTRIBUTIONS

FORMULA_TITLES = ("formula", "rate, from the base rate", "mean, deviation, largest distance from the mean")
COMMAND = "python -m dualport.common.dictionary.page"
KINKS = {"sign": "its gradient jumps where a value changes sign",
         "largest": "its gradient jumps where another element becomes the largest"}  # fmt: skip


@dataclass(frozen=True)
class Section:
    """A titled table of texts; with no names of columns, plain lines."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def sections(entry: Entry) -> Iterator[Section]:
    """What is shown of an entry, in order; nothing of what there is nothing to say."""
    known = facts(entry)
    yield Section("names", ("", "torch", "paddle"), tuple(_name_rows(entry)))
    if entry.arguments:
        sides = [known[framework]["arguments"] for framework in FRAMEWORKS]
        places = max(map(len, sides))
        rows = zip(*([*side, *[""] * (places - len(side))] for side in sides), strict=True)
        title = "arguments of class and function, in the order that each takes them"
        yield Section(title, ("torch", "paddle"), tuple(rows))
    for title, columns, rows in (
        ("conventions", ("torch", "paddle", "Paddle's value"), _conventions(entry)),
        ("weights", ("torch", "paddle", "in Paddle", "at first: torch", "paddle"), _weight_rows(known)),
        ("what differs", ("what", "torch", "paddle", "why"), _contrast_rows(entry)),
        (_formula_title(known), (), ((known["formula"],),) if known["formula"] else ()),
        ("good to know", (), _behaviour(entry)),
        ("proved in float64", ("torch and paddle, called", "given", "agree within"), _proof_rows(known)),
        ("read or measured", (), _sources(entry)),
    ):
        shown = tuple(rows)
        if shown:
            yield _without_empty_columns(Section(title, columns, shown))


def _without_empty_columns(section: Section) -> Section:
    kept = [place for place in range(len(section.columns)) if any(row[place].strip("-") for row in section.rows)]
    picked = [tuple(row[place] for place in kept) for row in (section.columns, *section.rows)]
    return Section(section.title, picked[0], tuple(picked[1:])) if section.columns else section


def _formula_title(known: dict[str, Any]) -> str:
    if known["family"] == "initializers" and str(known["formula"]).startswith("("):
        return FORMULA_TITLES[2]
    return FORMULA_TITLES[known["family"] == "schedules"]


def _name_rows(entry: Entry) -> Iterator[tuple[str, str, str]]:
    """Without names that begin with an underscore, unless there are no others."""
    for title, field in (("class", "classes"), ("function", "functions"), ("tensor method", "methods")):
        sides = [getattr(entry.names(framework), field) for framework in FRAMEWORKS]
        public = [[name for name in side if not name.rpartition(".")[2].startswith("_")] for side in sides]
        shown = public if any(public) else sides
        if any(shown):
            ours, theirs = (", ".join(map(_short, names)) or "-" for names in shown)
            yield title, ours, theirs


def _short(path: str) -> str:
    return path.replace("nn.functional.", "F.")


def _conventions(entry: Entry) -> Iterator[tuple[str, str, str]]:
    for argument in entry.arguments:
        if argument.turned or argument.torch != argument.paddle:
            alone = "no such argument" if argument.torch else "in Paddle alone"
            both = argument.turned.words if argument.turned else "the same"
            value = both if argument.torch and argument.paddle else alone
            yield ", ".join(argument.torch) or "-", ", ".join(argument.paddle) or "-", value


def _weight_rows(known: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    if known["inner_layers"] and not any(weight["trained"] for weight in known["weights"]):
        yield "each of its layers' weights", "the same name", "the same layout", "-", "-"
    for weight in known["weights"]:
        layout = "its two axes exchanged" if weight["transposed"] else "the same layout"
        rows = f", rows {weight['part'][0] + 1} of {weight['part'][1]}" if weight["part"] else ""
        initial = (_distribution(weight["initial"][framework]) for framework in FRAMEWORKS)
        yield (
            (weight["torch"] or "-") + rows,
            weight["paddle"] or "-",
            layout if weight["torch"] and weight["paddle"] else "-",
            *initial,
        )


def _distribution(key: str) -> str:
    return DISTRIBUTIONS[key].words if key else "-"


def _contrast_rows(entry: Entry) -> Iterator[tuple[str, ...]]:
    for argument in entry.arguments:
        if argument.torch and argument.paddle and _defaults_differ(argument):
            sides = [with_default(argument, framework) for framework in FRAMEWORKS]
            if not argument.turned:  # the names may differ: only the values are of interest
                sides = [side.partition("=")[2] or "must be given" for side in sides]
            yield (
                f"default of {argument.name}",
                *sides,
                f"Paddle's is {argument.turned.words}" if argument.turned else "",
            )
    yield from ((difference.what, difference.torch, difference.paddle, difference.why) for difference in entry.differs)


def _defaults_differ(argument: Argument) -> bool:
    ours, theirs = argument.default_torch, argument.default_paddle
    return (argument.turned.to_torch(theirs) if argument.turned and theirs != REQUIRED else theirs) != ours


def _behaviour(entry: Entry) -> Iterator[tuple[str]]:
    if entry.kink:
        yield (KINKS[entry.kink],)
    if entry.float32:
        kept = " and ".join(name if value is None else f"{name} ({value!r})" for name, value in entry.float32.items())
        yield (f"Paddle keeps {kept} in float32, in float64 too: a correct port is 1e-11 to 1e-7 off there",)
    if entry.in_paddle:
        yield ("Paddle has another rule: each is held against its own formula, not against the other",)
    if entry.draws:
        yield ("draws random numbers: results of the two agree in distribution, not number by number",)
    if entry.gradient_factor:
        yield ("Paddle's gradient is larger by a factor that depends on the sizes",)
    yield from ((words,) for flag, words in FLAGS.items() if getattr(entry, flag))


def _proof_rows(known: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for proof in known["proof"]:
        called = " / ".join(dict.fromkeys(map(_short, proof["called"].values())))
        called += "".join(f" ({framework} alone)" for framework in proof["called"]) if len(proof["called"]) == 1 else ""
        given = [f"{how['name']}{how['shape']}".replace(" ", "") for how in proof["inputs"]]
        given += [f"{name}={value}" for name, value in proof["arguments"].items()]
        given += [f"shape {proof['shape']}"] if proof["shape"] else []
        given += [f"{proof['steps']} steps"] if proof["steps"] else []
        unit = " standard errors" if proof["unit"] == "standard errors" else ""
        within = ", ".join(f"{what} {_power(limit)}{unit}" for what, limit in proof["within"].items())
        modes = f" ({' and '.join(proof['modes'])})" if proof["modes"] else ""
        yield called, ", ".join(given), within + modes


def _sources(entry: Entry) -> Iterator[tuple[str]]:
    yield (entry.source,)
    usual = Contrast("", "", "").measured_on
    yield from (
        (f"{difference.what}: {difference.measured_on}",)
        for difference in entry.differs
        if difference.measured_on != usual
    )


def _power(limit: float) -> str:
    return f"{limit:g}".replace("e-0", "e-")


def markdown() -> str:
    """The whole dictionary as a page."""
    parts = [f"<!-- Generated by `{COMMAND} docs/dictionary.md`. Do not edit: change common/dictionary/. -->",
             "# The dictionary", INTRODUCTION.format(count=len(index.ENTRIES))]  # fmt: skip
    kinds = {name: ", ".join(member.kind for member in entries) for name, entries in FAMILIES.items() if entries}
    parts.append("\n".join(f"- [{name}](#{name}): {there}" for name, there in kinds.items()))
    for name in kinds:
        parts.append(f"## {name}")
        for entry in FAMILIES[name]:
            parts.append(f"### {entry.kind}")
            parts += [part for section in sections(entry) for part in _as_markdown(section)]
    return "\n\n".join(parts) + "\n"


INTRODUCTION = (
    "What PyTorch and Paddle call the same thing, where they differ, and how closely that was proved: {count} "
    "entries, each held in both frameworks against the other and its formula by `pytest -m dictionary`. "
    "`dualport lookup NAME` shows one of them. Argument names are PyTorch's where the two differ; `…` is the inputs."
)


def _as_markdown(section: Section) -> Iterator[str]:
    rows = [[_escaped(cell) for cell in row] for row in section.rows]
    if section.title in FORMULA_TITLES and "`" not in section.rows[0][0]:
        rows = [[f"`{section.rows[0][0]}`"]]
    if not section.columns:
        yield f"**{section.title}**: {'; '.join(row[0] for row in rows)}"
        return
    yield f"**{section.title}**"
    lines = [section.columns, ["---"] * len(section.columns), *rows]
    yield "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escaped(text: str) -> str:
    for sign in "\\|*_<[":
        text = text.replace(sign, f"\\{sign}")
    return text


def main(arguments: list[str], show: Callable[[str], None] = print) -> int:
    """Write the page, or with `--check` say whether it is current (exit code 1 if not)."""
    check, files = "--check" in arguments, [argument for argument in arguments if argument != "--check"]
    if len(files) != 1:
        raise BadInput(f"one file is needed: {COMMAND} [--check] docs/dictionary.md")
    file = Path(files[0])
    if not check:
        write_text(file, markdown())
    elif not file.is_file() or file.read_text("utf-8") != markdown():
        show(f"{file} is not what the dictionary says: run `{COMMAND} {file}`")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
