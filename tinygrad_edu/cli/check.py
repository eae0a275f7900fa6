"""`tinygrad-edu check [FILE]`: are the gradients of a network right?"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu import Tensor
from tinygrad_edu.cli.network import ACTIVATIONS, Settings, Trained, build
from tinygrad_edu.cli.page import Page, literal
from tinygrad_edu.cli.terminal import console, need, print_json, sizes, whole
from tinygrad_edu.gradcheck import Entry, Report, gradcheck
from tinygrad_edu.nn import Module, cross_entropy, mse_loss

__all__ = ["add", "check", "run"]

DESCRIPTION = """\
Compare the gradients that backward gives with what the loss
really does, by finite differences, for a saved network or one
made here. It works on a few random inputs, in float64, so that
a wrong rule shows and rounding does not. Of large parameters,
entries are drawn at random."""

EPILOG = """\
exit code: 0 all entries agree or lie on a kink with a value
between the slopes, 1 some do not, 2 the network cannot be
made."""

BATCH = 4
SHOWN = 8  # the worst entries


def add(subparsers: Any) -> None:
    """Add this command to the parser."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "check",
        help="check the gradients of a saved network, or of a new one",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="a network saved with train --save")
    fresh = parser.add_argument_group("a new network (without FILE)")
    fresh.add_argument("--inputs", type=whole(1, 10_000, 4), default=4, metavar="N", help="features (default 4)")
    fresh.add_argument("--hidden", type=sizes, default=(8, 8), metavar="N,N", help="hidden layers (default 8,8)")
    fresh.add_argument("--outputs", type=whole(2, 10_000, 3), default=3, metavar="N", help="classes (default 3)")
    fresh.add_argument("--activation", choices=tuple(ACTIVATIONS), default="relu", help="default relu")
    parser.add_argument(
        "--entries", type=whole(1, 1_000_000, 25), default=25, metavar="N", help="of each parameter (default 25)"
    )
    parser.add_argument(
        "--seed", type=whole(0, 2**32 - 1, 0), default=0, metavar="N", help="of inputs, entries and the new network"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document instead")
    parser.set_defaults(run=run, quiet=False)


def run(arguments: argparse.Namespace) -> int:
    """Check, print, and say whether all is well."""
    if not arguments.json:
        need("rich", "the report")
    rng = np.random.default_rng(arguments.seed)
    if arguments.file:
        trained = Trained.from_file(arguments.file)
        model, inputs, classes = trained.model, len(trained.data["columns"]), len(trained.classes or ())
    else:
        inputs, classes = arguments.inputs, arguments.outputs
        model = build(Settings(hidden=arguments.hidden, activation=arguments.activation), inputs, classes, rng)
    size = sum(parameter.size for parameter in model.parameters())
    report = check(model, inputs, classes, arguments.entries, rng)
    if arguments.json:
        print_json(_document(report, size))
    else:
        _show(report, size, str(arguments.file or "a new network"))
    return 0 if report else 1


def check(model: Module, inputs: int, classes: int, entries: int, rng: np.random.Generator) -> Report:
    """Check the gradients of a network's loss on a few random inputs.

    Args:
        model: takes (n, inputs); it is changed to float64 and to eval mode.
        inputs: features.
        classes: how many its outputs stand for; 0 for one quantity.
        entries: how many of each parameter are checked.
        rng: draws inputs, targets, and the entries of parameters that have more.

    Returns:
        gradcheck's report, in which entries have the names and places that they have in the model.
    """
    model.astype(np.float64).eval()
    x = rng.standard_normal((BATCH, inputs))
    target: Any = rng.integers(0, classes, BATCH) if classes else rng.standard_normal((BATCH, 1))
    loss = cross_entropy if classes else mse_loss
    with _sampled(model, entries, rng) as (samples, places, fill):

        def f() -> Any:
            fill()
            return loss(model(x), target)

        report = gradcheck(f, wrt=samples)
    for entry in report.entries:
        entry.index = places[entry.name][entry.index[0]]
    return report


@contextmanager
def _sampled(
    model: Module, entries: int, rng: np.random.Generator
) -> Iterator[tuple[dict[str, Tensor], dict[str, list[tuple[int, ...]]], Callable[[], None]]]:
    """Stand-ins for a model's parameters: mostly constants, with a few entries that can be wiggled.

    Yields:
        samples: name of a parameter → a Tensor of the entries drawn from it.
        places: name → where in the parameter they belong.
        fill: puts parameters that are made of the samples into the model; after this block its own are back.
    """
    samples, places, fillings, own = {}, {}, [], []
    for name, parameter in model.named_parameters():
        holder, attribute = _holder(model, name)
        own.append((holder, attribute, parameter))
        flat = parameter.data.ravel()
        drawn = np.sort(rng.choice(flat.size, min(entries, flat.size), replace=False))
        # Entry i of the parameter is entry at[i] of the sample followed by all constants.
        at = len(drawn) + np.arange(flat.size)
        at[drawn] = np.arange(len(drawn))
        samples[name] = Tensor(flat[drawn], requires_grad=True)
        places[name] = [tuple(map(int, np.unravel_index(i, parameter.shape))) for i in drawn]
        fillings.append((holder, attribute, samples[name], flat.copy(), at.reshape(parameter.shape)))

    def fill() -> None:
        for holder, attribute, sample, constants, at in fillings:
            setattr(holder, attribute, np.concatenate([sample, constants])[at])

    try:
        yield samples, places, fill
    finally:
        for holder, attribute, parameter in own:
            setattr(holder, attribute, parameter)


def _holder(model: Module, name: str) -> tuple[Module, str]:
    """The module that has a parameter, and as which attribute."""
    path, _, attribute = name.rpartition(".")
    return dict(model.named_modules())[path], attribute


# ---- showing -----------------------------------------------------------------------------------------------------
def _document(report: Report, size: int) -> dict[str, Any]:
    return {
        "ok": bool(report),
        "parameters": size,
        "checked": len(report.entries),
        **report.counts,
        "failures": report.failures,
        "forward_passes": report.forward_passes,
        "backward_passes": report.backward_passes,
        "entries": [asdict(entry) | {"name": str(entry)} for entry in _worst_first(report)],
    }


def _show(report: Report, size: int, name: str) -> None:
    page = Page(console())
    page.headline(f"Gradient check of {literal(name)}")
    page.say(f"{len(report.entries)} of {size:,} parameters, by {report.forward_passes:,} forward passes")
    page.console.print()
    table = page.table("entry", "backward", "measured", "verdict", words=(0, 3))
    for entry in _worst_first(report)[:SHOWN]:
        measured = f"{entry.left:.4g} … {entry.right:.4g}" if entry.verdict == "kink" else f"{entry.numeric:.8g}"
        style = "none" if entry.verdict in ("agree", "kink") else "red"
        table.add_row(literal(str(entry)), f"{entry.analytic:.8g}", measured, f"[{style}]{entry.verdict}[/]")
    page.put(table)
    if len(report.entries) > SHOWN:
        page.say(f"… and {len(report.entries) - SHOWN} more that agree at least as well")
    page.console.print()
    for failure in report.failures:
        page.say(f"[red]backward: {literal(failure)}[/]")
    counts = ", ".join(f"{count} {verdict}" for verdict, count in report.counts.items() if count)
    page.console.print(f"[green]The gradients are right:[/] {counts}" if report else f"[bold red]FAILED:[/] {counts}")


def _worst_first(report: Report) -> list[Entry]:
    good = {"agree": 1, "kink": 1}
    return sorted(report.entries, key=lambda entry: (good.get(entry.verdict, 0), -entry.excess))
