"""`dualport convert`: weights and optimiser state between the two frameworks, checked by reading the result back."""

from __future__ import annotations

import argparse

EXAMPLES = """examples:
  dualport convert D_encoder_True.pdparams D_encoder.pt                         a recipe of the kit, found by its names
  dualport convert encoder.pt encoder.pdparams --recipe aistudio-vae --part encoder --verify
  dualport convert A_encoder_False.pdopt opt.pt --weights A_encoder_False.pdparams
  dualport convert checkpoint.pt encoder.safetensors --key model --dtype bfloat16
  dualport convert net.pdparams net.pt --paddle models_pd.py:Net --torch models_pt.py:Net --verify
  dualport convert export/inference.pdiparams net.pdparams                      an inference export of Paddle's
  dualport convert net.pt net.pdparams --torch models_pt.py:Net                 any model: its own layers tell the rules
  dualport convert train.pdopt opt.pt --weights net.pdparams --paddle models_pd.py:Net --torch models_pt.py:Net \\
      --optimizer adamw:lr=1e-3
  dualport convert net.pth net.safetensors                                      within one framework, no model is needed
  dualport convert net.pdparams net.pt                                          Paddle's names of tensors tell the kinds
  dualport convert net.pt net.pdparams --like published.pdparams                a file of the same architecture tells
  dualport convert net.safetensors net.pdparams --from torch --like published.pdparams
  dualport convert model.safetensors.index.json model_state.pdparams --map-file map.json --max-shard-size 2GB
  dualport convert net.pt backbone.pt --strip module. --drop 'head.*' --rename 'fc.*=classifier.*' --prefix backbone.

Neither framework is needed, except for --verify and where your own model tells the layout. Shards are read by their
index. A .safetensors file is written in PyTorch's layout. Names: --drop, then --strip, --rename, --prefix; in --rename
a * is any text, as short as it can be, and comes again at the * behind the =; the first rule that fits a name counts.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SRC", help="a .pdparams, .pdopt, .pt, .pth, .bin or .safetensors file, the "
                        ".index.json of one in shards, or an inference export of Paddle's: its .pdiparams, its program "
                        "or its folder")  # fmt: skip
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
    parser.add_argument("--from", dest="framework", metavar="FRAMEWORK", help="whose layout the file is in, torch or "
                        "paddle, where it does not say so (.safetensors without metadata)")  # fmt: skip
    parser.add_argument("--weights", metavar="FILE", help="for a .pdopt: the .pdparams that was saved with it")
    parser.add_argument("--optimizer", metavar="WHAT", help="for a .pdopt, which does not keep them: kind and numbers, "
                        "such as adamw:lr=1e-3,weight_decay=0.05")  # fmt: skip
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="sizes of the recipe; may be repeated"
    )
    _configure_models(parser)
    _configure_files(parser)
    parser.add_argument("--verify", action=argparse.BooleanOptionalAction, default=None,
                        help="run both frameworks and compare their outputs; with two models that is done unless "
                        "--no-verify is given, and the file is written only if they agree")  # fmt: skip
    parser.add_argument("--quiet", action="store_true", help="print the last line only")


def _configure_models(parser: argparse.ArgumentParser) -> None:
    for side in ("paddle", "torch"):
        parser.add_argument(f"--{side}", metavar="MODEL", help=f"your own model in {side}: file.py:Name; one or both")
        parser.add_argument(f"--{side}-args", metavar="WORDS", help=f"arguments of {side}'s alone")
        parser.add_argument(f"--{side}-optimizer", metavar="FUNCTION", help="file.py:name of a function that makes "
                            "your optimizer of the parameters, for its state: numbers and groups")  # fmt: skip
    parser.add_argument("--args", default="", metavar="WORDS", help="arguments of your models: width=8,classes=10")
    parser.add_argument(
        "--input", action="append", default=[], metavar="WHAT", help="what your models are run on, where layers have "
        "other names, or to --verify: 4,3,32,32 or tokens=2,16:int64:0..999",
    )  # fmt: skip
    parser.add_argument("--map", action="append", default=[], metavar="PADDLE=TORCH", help="which layer of your models "
                        "is which, where nothing tells them apart")  # fmt: skip


def _configure_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--like", metavar="FILE", help="without a model: a file of the same architecture in the other "
                        "framework, whose names, shapes and kinds tell the layout")  # fmt: skip
    parser.add_argument("--map-file", metavar="FILE", help="a map of weights that `dualport map` wrote, as it is or "
                        "corrected; with it no model is needed")  # fmt: skip
    parser.add_argument("--drop", action="append", default=[], metavar="PATTERN",
                        help="leave out what fits; each name is listed: 'head.*', '*total_ops'")  # fmt: skip
    parser.add_argument("--strip", action="append", default=[], metavar="PREFIX",
                        help="take off what names begin with: module.")  # fmt: skip
    parser.add_argument("--rename", action="append", default=[], metavar="OLD=NEW",
                        help="other names, by a pattern: 'layers.*.fc.*=blocks.*.mlp.*'; may be repeated")  # fmt: skip
    parser.add_argument("--prefix", default="", metavar="PREFIX", help="put before every name: backbone.")
    parser.add_argument("--max-shard-size", metavar="SIZE", help="write files of at most this size (2GB, 500MB) and "
                        "their .index.json, as transformers and PaddleNLP read them; an interrupted conversion goes "
                        "on")  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    if arguments.paddle or arguments.torch:
        return _run_models(arguments)
    from dualport.common.recipes import parse_settings
    from dualport.common.weights.conversion import convert
    from dualport.scripts.terminal.stage_progress import StageProgress

    settings = parse_settings(arguments.set)
    same = ("recipe", "part", "key", "dtype", "source_dtype", "weights", "framework", "like", "map_file", "drop",
            "strip", "rename", "prefix", "max_shard_size", "program")  # fmt: skip
    with StageProgress() as progress:
        done = convert(
            arguments.source,
            arguments.target,
            settings=settings,
            tell=lambda written, total: progress.show("write", written, total),
            **{name: getattr(arguments, name) for name in same},
        )
    if not arguments.quiet:
        _print_rows(done)
    for note in done.notes:
        print(f"note: {note}")
    back = "bit for bit" if done.exact else f"to the precision of {arguments.dtype}"
    step = f", Adam step {done.step:,}" if done.step is not None else ""
    what = f"{done.recipe} {done.part}{step}" if done.recipe else _counted(done)
    print(f"{done.source} -> {done.target}: {what}; read back, it gives the source {back}")
    if not arguments.verify:
        return 0
    return _verify(done, arguments, settings)


def _counted(done) -> str:
    """How much was written, of a conversion by the files alone."""
    count = sum(row.done != "dropped" for row in done.rows)
    shards = f" in {len(done.files) - 1} files with an index" if len(done.files) > 1 else ""
    return f"{count} tensors{shards}"


def _run_models(arguments: argparse.Namespace) -> int:
    """Convert the weights of the user's own models."""
    import os

    os.environ.setdefault("OMP_NUM_THREADS", "1")

    from dualport.backends.models.conversion.optimizer_state import holds_state
    from dualport.backends.models.convert import convert_model
    from dualport.common.compare.matching.layers import parse_map
    from dualport.common.errors import BadInput
    from dualport.common.traces.inputs import parse_inputs
    from dualport.common.weights.between.map_file import read_map
    from dualport.common.weights.between.naming import Naming

    if arguments.dtype:
        raise BadInput("--dtype is for conversions without a model: of your own model's arrays it says the type itself")
    of_state = holds_state(arguments.source, arguments.target, arguments.key)
    foreign = ("drop", "program") if of_state else ("weights", "optimizer", "paddle_optimizer", "torch_optimizer")
    for option in ("recipe", "part", *foreign):
        if getattr(arguments, option):
            of_what = "the kit's recipes" if option not in foreign else "weights" if of_state else "optimizer state"
            raise BadInput(f"--{option.replace('_', '-')} belongs to {of_what}; leave it out here")
    if arguments.like:
        raise BadInput("--like tells the layout where there is no model; leave it out with --paddle or --torch")
    models = {side: getattr(arguments, side) for side in ("paddle", "torch") if getattr(arguments, side)}
    words = {side: getattr(arguments, f"{side}_args") for side in models}
    inputs = parse_inputs(arguments.input) if arguments.input else []
    mapped = read_map(arguments.map_file).layer_map if arguments.map_file else {}
    shared = {
        "arguments": {side: arguments.args if text is None else text for side, text in words.items()},
        "inputs": inputs,
        "layer_map": mapped | parse_map(arguments.map),
        "key": arguments.key,
        "source_dtype": arguments.source_dtype,
        "verify": arguments.verify,
    }
    if of_state:
        done = _convert_state(arguments, models, shared)
    else:
        done = convert_model(
            arguments.source,
            arguments.target,
            models,
            program=arguments.program,
            framework=arguments.framework,
            naming=Naming(arguments.drop, arguments.strip, arguments.rename, arguments.prefix),
            max_shard_size=arguments.max_shard_size,
            **shared,
        )
    if not arguments.quiet:
        _print_rows(done.conversion)
    for note in done.notes:
        print(f"note: {note}")
    conversion = done.conversion
    failed = _show_agreement(done.checks)
    if failed:
        what = "steps" if of_state else "outputs"
        print(f"{conversion.target}: is not written, since the {what} differ; --no-verify writes it all the same")
        return failed
    back = "bit for bit" if conversion.exact else "to the precision of the model's type"
    at = "" if conversion.step is None else f" at step {conversion.step:,}"
    of_what = f", optimizer state{at}" if of_state else ""
    arrow = f"{conversion.source} -> {conversion.target}"
    print(f"{arrow}: {conversion.recipe}{of_what}; read back, it gives the source {back}")
    if done.unverified:
        print(f"not verified: {done.unverified}")
    return 0


def _convert_state(arguments: argparse.Namespace, models: dict[str, str], shared: dict):
    from dualport.backends.models.conversion.optimizer_state import convert_state

    named = {side: getattr(arguments, f"{side}_optimizer") for side in ("paddle", "torch")}
    makers = {side: maker for side, maker in named.items() if maker}
    return convert_state(arguments.source, arguments.target, models, weights=arguments.weights,
                         optimizer=arguments.optimizer, makers=makers, **shared)  # fmt: skip


def _print_rows(done) -> None:
    """One line an array, in columns; plain text, since importing a table library would take longer than converting."""
    rows = [(row.name, "×".join(map(str, row.shape)) or "-", row.dtype, row.done) for row in done.rows]
    rows.insert(0, ("name", "shape", "dtype", "done"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for name, shape, dtype, what in rows:
        print(f"{name:<{widths[0]}}  {shape:<{widths[1]}}  {dtype:<{widths[2]}}  {what}")


def _verify(done, arguments: argparse.Namespace, settings: dict) -> int:
    from dualport.common.errors import BadInput

    if done.step is not None or not done.recipe:
        what = "this is optimiser state" if done.step is not None else "no model is named: give --paddle and --torch"
        raise BadInput(f"--verify runs networks, and {what}; leave it out (the file is written)")
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
