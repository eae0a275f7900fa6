"""`tinygrad-edu train`: its options, its JSON document and its exit code. The report is in `train_report.py`."""

from __future__ import annotations

import argparse
import platform
import sys
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu import __version__
from tinygrad_edu.cli import datasets
from tinygrad_edu.cli.network import ACTIVATIONS, Settings
from tinygrad_edu.cli.terminal import (
    Unavailable,
    console,
    delimiter,
    model_file,
    need,
    picture,
    positive,
    print_json,
    share,
    sizes,
    whole,
)
from tinygrad_edu.cli.train_plot import plot
from tinygrad_edu.cli.train_report import TrainReport
from tinygrad_edu.cli.training import DEFAULTS, OPTIMIZERS, SCHEDULES, Outcome, Training
from tinygrad_edu.extras import need as need_extra

__all__ = ["add", "document", "run"]

DESCRIPTION = """\
Train a network and say how well it does on data that it has
never seen: 70 % of the samples train it, 10 % watch over the
training, 20 % test it. The same seed gives the same numbers."""

SETS = {
    "digits": "1,797 handwritten digits, 8x8 pixels (needs scikit-learn)",
    "moons": "two half circles that reach into each other",
    "spirals": "three arms that wind around each other",
    "xor": "noisy corners of a square, opposite ones alike",
    "csv": "a table of your own: train csv FILE --target COL",
}

EPILOG = """\
tinygrad-edu train SET --help lists the options of a set.

exit code: 0 trained, 1 the loss became NaN or infinite, 2 bad
arguments or data, a missing package or a file that cannot be
written, 130 stopped by Ctrl-C (what there is, is shown and
saved)."""

CSV = """\
The first line names the columns; every other line is a sample.
All columns but the target must be numbers, without gaps.
A target of text is taken for classes, and so is one of at most
20 different whole numbers; any other target is a quantity
(regression). --task decides otherwise."""

CNN_HELP = (
    "linear layers (default), or convolutions "
    f"(then rate {DEFAULTS['digits cnn'].lr:g} and {DEFAULTS['digits cnn'].epochs} epochs)"
)


def add(subparsers: Any) -> None:
    """Add this command to the parser."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "train",
        help="train a network on a data set or a table of your own",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    sets = parser.add_subparsers(title="data sets", dest="set", metavar="SET", required=True)
    for name, about in SETS.items():
        one = sets.add_parser(
            name,
            help=about,
            description=CSV if name == "csv" else about[0].upper() + about[1:] + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if name == "csv":
            _add_table(one)
        _add_options(one, name)
        one.set_defaults(run=run, quiet=False)


def _add_table(parser: argparse.ArgumentParser) -> None:
    table = parser.add_argument_group("the table")
    table.add_argument("file", type=Path, metavar="FILE", help="the CSV file, in UTF-8")
    table.add_argument("--target", required=True, metavar="COL", help="column to predict: its name, or number from 1")
    table.add_argument("--ignore", action="append", default=[], metavar="COL", help="leave a column out; repeatable")
    table.add_argument("--task", choices=("classify", "regress"), help="what the target is, if not as guessed")
    table.add_argument("--delimiter", type=delimiter, metavar="C", help="between cells (default: , ; | or tab)")


def _add_options(parser: argparse.ArgumentParser, name: str) -> None:
    """Options with the defaults of a set in their help; what is not given stays None."""
    default = DEFAULTS[name]
    network = parser.add_argument_group("network")
    if name == "digits":
        network.add_argument("--model", choices=("mlp", "cnn"), help=CNN_HELP)
    hidden = ",".join(map(str, default.hidden)) or "none"
    network.add_argument("--hidden", type=sizes, metavar="N,N", help=f"units of hidden layers (default {hidden})")
    network.add_argument("--activation", choices=tuple(ACTIVATIONS), help=f"after each (default {default.activation})")
    network.add_argument("--dtype", choices=("float32", "float64"), help=f"default {default.dtype}")
    training = parser.add_argument_group("training")
    training.add_argument("--optimizer", choices=tuple(OPTIMIZERS), help=f"default {default.optimizer}")
    training.add_argument(
        "--lr",
        type=positive(0.01),
        metavar="RATE",
        help=f"learning rate (default {default.lr:g}; depends on optimizer)",
    )
    training.add_argument("--schedule", choices=tuple(SCHEDULES), help=f"of that rate (default {default.schedule})")
    training.add_argument(
        "--epochs", type=whole(1, 100_000, 50), metavar="N", help=f"times through the data (default {default.epochs})"
    )
    training.add_argument("--batch-size", type=whole(1, 100_000, 32), metavar="N", help=f"default {default.batch_size}")
    training.add_argument(
        "--label-smoothing", type=share, metavar="X", help=f"for classes (default {default.label_smoothing:g})"
    )
    training.add_argument(
        "--patience",
        type=whole(0, 100_000, 20),
        metavar="N",
        help="stop after N epochs without a better validation loss, and go back to the best network; "
        f"0: never (default {default.patience})",
    )
    training.add_argument(
        "--seed", type=whole(0, 2**32 - 1, 0), metavar="N", help="decides all that is random (default 0)"
    )
    output = parser.add_argument_group("output")
    output.add_argument("--save", type=model_file, metavar="FILE", help="write the network to a .safetensors")
    output.add_argument("--plot", type=picture, metavar="FILE", help="draw the training into a .png, .svg or .pdf")
    output.add_argument("--json", action="store_true", help="print one JSON document with every figure instead")


def run(arguments: argparse.Namespace) -> int:
    """Train, show it as asked for, write what was asked for."""
    if not arguments.json:
        need("rich", "the report")
    if arguments.plot:
        need("matplotlib", "--plot")
    if arguments.save:
        _need_safetensors()
    settings = _settings(arguments)
    training = Training(_data(arguments, settings.seed), settings)
    if arguments.json:
        outcome = training.run(progress=False)
    else:
        report = TrainReport(console())
        report.before(training)
        outcome = training.run(progress=True)
        report.after(training, outcome)
    written = _write(arguments, training, outcome)
    if arguments.json:
        print_json(document(training, outcome) | {"written": written})
    else:
        report.end(outcome, written)
    if outcome.diverged:
        print(f"tinygrad-edu: {outcome.diverged}", file=sys.stderr)
    return 1 if outcome.diverged else 130 if outcome.history.stopped == "interrupted" else 0


def _need_safetensors() -> None:
    try:
        need_extra("safetensors.numpy", "save", "--save")
    except ImportError as missing:
        raise Unavailable(str(missing)) from None


def _settings(arguments: argparse.Namespace) -> Settings:
    """The defaults of the set and what was given instead."""
    given = vars(arguments)
    default = DEFAULTS["digits cnn" if given.get("model") == "cnn" else arguments.set]
    names = [field.name for field in fields(Settings)]
    chosen = {name: given[name] for name in names if given.get(name) is not None}
    if default.model == "cnn" and (fixed := [name for name in ("hidden", "activation") if name in chosen]):
        raise Unavailable(f"--{fixed[0]} is for --model mlp; the convolutional network is as it is")
    if chosen.get("optimizer", default.optimizer) != default.optimizer:
        chosen.setdefault("lr", OPTIMIZERS[chosen["optimizer"]][1])
    return replace(default, **chosen)


def _data(arguments: argparse.Namespace, seed: int) -> datasets.Data:
    if arguments.set != "csv":
        return datasets.named(arguments.set, seed)
    return datasets.from_table(arguments.file, arguments.target, arguments.task, arguments.ignore, arguments.delimiter)


def _write(arguments: argparse.Namespace, training: Training, outcome: Outcome) -> list[str]:
    """Write the files that were asked for, the network first; their names."""
    if arguments.save:
        outcome.trained.save(arguments.save)
    if arguments.plot and len(outcome.history):
        try:
            plot(training, outcome, arguments.plot)
        except OSError as error:
            raise Unavailable(f"cannot write {str(arguments.plot)!r}: {error.strerror}") from None
    drawn = arguments.plot if len(outcome.history) else None
    return [str(path) for path in (arguments.save, drawn) if path]


def document(training: Training, outcome: Outcome) -> dict[str, Any]:
    """Every figure in plain dicts and lists; printed, what is not finite becomes null."""
    model = outcome.trained.model
    return {
        "ok": not outcome.diverged,
        "data": outcome.trained.data | {"samples": len(training.data.x)},
        "settings": asdict(training.settings),
        "parameters": sum(parameter.size for parameter in model.parameters()),
        "stopped": outcome.diverged or outcome.history.stopped,
        "results": outcome.results,
        "confusion": outcome.confusion,
        "history": outcome.history.to_dict(),
        "versions": {
            "tinygrad_edu": __version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }
