"""`dualport convert`: weights and optimiser state between the two frameworks, checked by reading the result back."""

from __future__ import annotations

import argparse

EXAMPLES = """examples:
  dualport convert D_encoder_True.pdparams D_encoder.pt
  dualport convert encoder.pt encoder.pdparams --recipe aistudio-vae --part encoder --verify
  dualport convert A_encoder_False.pdopt opt.pt --weights A_encoder_False.pdparams
  dualport convert checkpoint.pt encoder.safetensors --key model --dtype bfloat16
  dualport convert net.pdparams net.pt --paddle models_pd.py:Net --torch models_pt.py:Net --verify
  dualport convert export/inference.pdiparams net.pdparams                      an inference export of Paddle's
  dualport convert net.pt net.pdparams --torch models_pt.py:Net                 any model: its own layers tell the rules

Neither framework is needed for the kit's recipes, except for --verify; a model of your own needs its framework.
A .safetensors file is written in PyTorch's layout.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SRC", help="a .pdparams, .pdopt, .pt, .pth or .safetensors file, or an "
                        "inference export of Paddle's: its .pdiparams, its program or its folder")  # fmt: skip
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
    parser.add_argument(
        "--program", metavar="FILE", help="for a .pdiparams: the .json or .pdmodel that was saved with it"
    )
    parser.add_argument("--weights", metavar="FILE", help="for a .pdopt: the .pdparams that was saved with it")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="sizes of the recipe; may be repeated"
    )
    for side in ("paddle", "torch"):
        parser.add_argument(f"--{side}", metavar="MODEL", help=f"your own model in {side}: file.py:Name; one or both")
        parser.add_argument(f"--{side}-args", metavar="WORDS", help=f"arguments of {side}'s alone")
    parser.add_argument("--args", default="", metavar="WORDS", help="arguments of your models: width=8,classes=10")
    parser.add_argument(
        "--input", action="append", default=[], metavar="WHAT", help="what your models are run on, where layers have "
        "other names, or to --verify: 4,3,32,32 or tokens=2,16:int64:0..999",
    )  # fmt: skip
    parser.add_argument("--map", action="append", default=[], metavar="PADDLE=TORCH", help="which layer of your models "
                        "is which, where nothing tells them apart")  # fmt: skip
    parser.add_argument("--drop", action="append", default=[], metavar="PATTERN",
                        help="leave out what the file holds beside your model's weights: '*total_ops'")  # fmt: skip
    parser.add_argument("--verify", action=argparse.BooleanOptionalAction, default=None,
                        help="run both frameworks and compare their outputs; with two models that is done unless "
                        "--no-verify is given, and the file is written only if they agree")  # fmt: skip
    parser.add_argument("--quiet", action="store_true", help="print the last line only")


def run(arguments: argparse.Namespace) -> int:
    if arguments.paddle or arguments.torch:
        return _run_models(arguments)
    from dualport.common.recipes import parse_settings
    from dualport.common.weights.exports.conversion import convert_export, is_export
    from dualport.common.weights.recipe_conversion import convert

    if arguments.program or is_export(arguments.source):
        return _run_export(arguments, convert_export)
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


def _run_export(arguments: argparse.Namespace, convert_export) -> int:
    """Convert an inference export without a model."""
    from dualport.common.errors import BadInput

    for option in ("recipe", "part", "key", "weights", "set", "source_dtype", "verify"):
        if getattr(arguments, option):
            words = f"--{option.replace('_', '-')}"
            raise BadInput(f"{words} says nothing of an inference export; leave it out, or give --paddle and --torch")
    done = convert_export(arguments.source, arguments.target, dtype=arguments.dtype, program=arguments.program)
    if not arguments.quiet:
        _print_rows(done)
    back = "bit for bit" if done.exact else f"to the precision of {arguments.dtype}"
    print(f"{done.source} -> {done.target}: {done.recipe} {done.part}; read back, it gives the source {back}")
    return 0


def _run_models(arguments: argparse.Namespace) -> int:
    """Convert the weights of the user's own models."""
    import os

    os.environ.setdefault("OMP_NUM_THREADS", "1")

    from dualport.backends.models.convert import convert_model
    from dualport.common.compare.matching.layers import parse_map
    from dualport.common.errors import BadInput
    from dualport.common.traces.inputs import parse_inputs

    for option in ("recipe", "part", "dtype", "weights"):
        if getattr(arguments, option):
            raise BadInput(f"--{option} belongs to the kit's recipes; leave it out with --paddle or --torch")
    models = {side: getattr(arguments, side) for side in ("paddle", "torch") if getattr(arguments, side)}
    words = {side: getattr(arguments, f"{side}_args") for side in models}
    inputs = parse_inputs(arguments.input) if arguments.input else []
    done = convert_model(
        arguments.source,
        arguments.target,
        models,
        arguments={side: arguments.args if text is None else text for side, text in words.items()},
        inputs=inputs,
        layer_map=parse_map(arguments.map),
        key=arguments.key,
        source_dtype=arguments.source_dtype,
        program=arguments.program,
        drop=arguments.drop,
        verify=arguments.verify,
    )
    if not arguments.quiet:
        _print_rows(done.conversion)
    for note in done.notes:
        print(f"note: {note}")
    conversion = done.conversion
    failed = _show_agreement(done.checks)
    if failed:
        print(f"{conversion.target}: is not written, since the outputs differ; --no-verify writes it all the same")
        return failed
    back = "bit for bit" if conversion.exact else "to the precision of the model's type"
    print(f"{conversion.source} -> {conversion.target}: {conversion.recipe}; read back, it gives the source {back}")
    if done.unverified:
        print(f"not verified: {done.unverified}")
    return 0


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
    from dualport.backends.recipes.verify import verify

    return _show_agreement(verify(done, arguments.key, arguments.source_dtype, settings))


def _show_agreement(rows) -> int:
    for row in rows:
        verdict = "agree" if row.ok else "DIFFER"
        if row.remark:
            print(f"verify: {row.name}: {verdict}, {row.remark}")
            continue
        print(f"verify: {row.name}: {verdict}, relative difference {row.error64:.1e}, bound {row.bound64:.0e}")
    return 0 if all(row.ok for row in rows) else 1
