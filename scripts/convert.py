"""`dualport convert`: weights and optimiser state between the two frameworks, checked by reading the result back."""

from __future__ import annotations

import argparse

EXAMPLES = """examples:
  dualport convert D_encoder_True.pdparams D_encoder.pt
  dualport convert encoder.pt encoder.pdparams --recipe aistudio-vae --part encoder --verify
  dualport convert A_encoder_False.pdopt opt.pt --weights A_encoder_False.pdparams
  dualport convert checkpoint.pt encoder.safetensors --key model --dtype bfloat16

Neither framework is needed, except for --verify. A .safetensors file is written in PyTorch's layout.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SRC", help="a .pdparams, .pdopt, .pt, .pth or .safetensors file")
    parser.add_argument("target", metavar="DST", help="the file to write; its extension says the format")
    parser.add_argument("--recipe", metavar="NAME", help="what the file belongs to (default: found from its names)")
    parser.add_argument("--part", metavar="PART", help="encoder, decoder or model (default: found)")
    parser.add_argument("--key", metavar="KEY", help="which part of a nested checkpoint, such as model")
    parser.add_argument(
        "--dtype", metavar="TYPE", help="write float16, bfloat16, float32 or float64 (default: as it is)"
    )
    parser.add_argument(
        "--source-dtype", metavar="TYPE", help="what 16-bit integers in a Paddle file are: bfloat16 or uint16"
    )
    parser.add_argument("--weights", metavar="FILE", help="for a .pdopt: the .pdparams that was saved with it")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="sizes of the recipe; may be repeated"
    )
    parser.add_argument("--verify", action="store_true", help="also run both frameworks and compare their outputs")
    parser.add_argument("--quiet", action="store_true", help="print the last line only")


def run(arguments: argparse.Namespace) -> int:
    from dualport.common.recipes import parse_settings
    from dualport.common.weights.convert import convert

    settings = parse_settings(arguments.set)
    done = convert(
        arguments.source,
        arguments.target,
        recipe=arguments.recipe,
        part=arguments.part,
        key=arguments.key,
        dtype=arguments.dtype,
        source_dtype=arguments.source_dtype,
        weights=arguments.weights,
        settings=settings,
    )
    if not arguments.quiet:
        _print_rows(done)
    back = "bit for bit" if done.exact else f"to the precision of {arguments.dtype}"
    step = f", Adam step {done.step:,}" if done.step is not None else ""
    print(f"{done.source} -> {done.target}: {done.recipe} {done.part}{step}; read back, it gives the source {back}")
    return _verify(done, arguments, settings) if arguments.verify else 0


def _print_rows(done) -> None:
    """One line an array, in columns; plain text, since importing a table library would take longer than converting."""
    rows = [(row.name, "×".join(map(str, row.shape)) or "-", row.dtype, row.done) for row in done.rows]
    rows.insert(0, ("name", "shape", "dtype", "done"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for name, shape, dtype, what in rows:
        print(f"{name:<{widths[0]}}  {shape:<{widths[1]}}  {dtype:<{widths[2]}}  {what}")


def _verify(done, arguments: argparse.Namespace, settings: dict) -> int:
    if done.step is not None:
        from dualport.common.errors import BadInput

        raise BadInput("--verify runs networks, and this is optimiser state; leave it out (the file is written)")
    from dualport.backends.verify import verify

    checks = verify(done, arguments.key, arguments.source_dtype, settings)
    for check in checks:
        verdict = "agree" if check.ok else "DIFFER"
        print(f"verify: {check.what}: {verdict}, relative difference {check.difference:.1e}, bound {check.bound:.0e}")
    return 0 if all(check.ok for check in checks) else 1
