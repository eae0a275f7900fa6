"""`tinygrad-edu flip`: its options, its JSON document and its exit code. The report is in `flip_report.py`."""

from __future__ import annotations

import argparse
import platform
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu import __version__
from tinygrad_edu.cli.flip_plot import plot
from tinygrad_edu.cli.flip_report import FlipReport
from tinygrad_edu.cli.terminal import Unavailable, console, need, picture, positive, print_json, whole
from tinygrad_edu.lessons import flip as lesson

__all__ = ["add", "document", "run"]

DESCRIPTION = """\
A network of 31 parameters learns to flip a 2x2 image. Watch
one forward pass, one backward pass, its check against 62
forward passes, and training."""

EPILOG = """\
--lr, --steps and --optimizer are for the training on one
image and on all 16. The traced step and the learning-rate
table are always the lesson's. With settings of your own,
training is reported but not judged: a learning rate that
crawls is a result, not an error.

exit code: 0 all checks passed, 1 a check failed, 2 bad
arguments, a missing package or output that cannot be
written."""


def add(subparsers: Any) -> None:
    """Add this command to the parser."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "flip",
        help="a network of 31 parameters learns to flip a 2x2 image",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    default = lesson.Settings()
    training = parser.add_argument_group("training")
    training.add_argument(
        "--seed",
        type=whole(0, 2**32 - 1, 0),
        default=default.seed,
        metavar="N",
        help="decides the random starts on all 16 images (default 0)",
    )
    training.add_argument(
        "--hidden",
        type=whole(1, 256, 8),
        default=default.hidden,
        metavar="N",
        help="also train N hidden units on all 16 images; 3 and 4 are always shown",
    )
    training.add_argument("--lr", type=positive(0.1), metavar="RATE", help="learning rate (default 0.1; for adam 0.01)")
    training.add_argument(
        "--steps",
        type=whole(1, 1_000_000, 5000),
        default=default.steps,
        metavar="N",
        help="steps at most, in every training run (default 5000)",
    )
    training.add_argument(
        "--optimizer",
        choices=tuple(lesson.DEFAULT_LR),
        default=default.optimizer,
        help="plain gradient descent (sgd, the default), with momentum 0.9, or adam",
    )
    output = parser.add_argument_group("output")
    output.add_argument("--plot", type=picture, metavar="FILE", help="draw the losses into a .png, .svg or .pdf")
    output.add_argument("--json", action="store_true", help="print one JSON document with every figure instead")
    output.add_argument("--quiet", action="store_true", help="print only checks that failed")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the lesson, show it as asked for, and say whether all checks passed."""
    settings = lesson.Settings(arguments.seed, arguments.hidden, arguments.lr, arguments.steps, arguments.optimizer)
    if arguments.plot:
        need("matplotlib", "--plot")
    found: dict[str, Any] = {}
    if arguments.json or arguments.quiet:
        found.update(lesson.lesson(settings))
        checks = _judged(found, settings, arguments.plot)
    else:
        need("rich", "the report")
        report = FlipReport(console(), settings, found)
        checks = _reported(report, arguments.plot)
    if arguments.json:
        print_json(document(found, settings, checks))
    elif arguments.quiet:
        for name in (name for name, well in checks.items() if not well):
            print(f"FAILED: {name}", file=sys.stderr)
    return 0 if all(checks.values()) else 1


def _judged(found: dict[str, Any], settings: lesson.Settings, picture: Path | None) -> dict[str, bool]:
    if picture:
        try:
            plot(found, picture)
        except OSError as error:
            raise Unavailable(f"cannot write {str(picture)!r}: {error.strerror}") from None
    return lesson.judge(found, settings)


def _reported(report: FlipReport, picture: Path | None) -> dict[str, bool]:
    try:
        report.title()
        for part, result in lesson.lesson(report.settings, report.starting):
            report.found[part] = result
            report.show(part)
        checks = _judged(report.found, report.settings, picture)
        report.end(checks, picture)
        return checks
    finally:
        report.stop()  # Ctrl-C must leave the terminal as it was


def document(found: dict[str, Any], settings: lesson.Settings, checks: dict[str, bool]) -> dict[str, Any]:
    """Every figure of the lesson in plain dicts and lists; printed, a loss that overflowed becomes null."""
    before, after, check, timing = (found[part] for part in ("forward", "after_one_step", "check", "timing"))
    one = found["train_one"]
    return {
        "ok": all(checks.values()),
        "checks": checks,
        "seed": settings.seed,
        "settings": {
            "hidden": settings.hidden,
            "lr": settings.learning_rate,
            "steps": settings.steps,
            "optimizer": settings.optimizer,
        },
        "parameters": sum(layer.parameters for layer in found["network"]),
        "forward": _trace(before),
        "gradients": [entry.backprop for entry in check.entries],
        "check": _check(check),
        "timing": {
            "backprop_s": timing.backprop,
            "finite_difference_s": timing.finite_difference,
            "ratio": timing.ratio,
        },
        "after_one_step": _trace(after),
        "train_one": {"loss": one.loss, "steps": one.steps, "ended": one.ended},
        "train_all": {f"hidden_{hidden}": _starts(tried) for hidden, tried in found["train_all"].items()},
        "learning_rates": [
            {
                "lr": rate.lr,
                "losses": {str(step): rate.at(step) for step in lesson.TABLE_STEPS},
                "rises": rate.rises,
                "verdict": rate.verdict,
            }
            for rate in found["learning_rates"]
        ],
        "versions": {
            "tinygrad_edu": __version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }


def _trace(trace: lesson.Trace) -> dict[str, Any]:
    arrays = {name: getattr(trace, name).tolist() for name in ("x", "z1", "h", "prediction", "target")}
    return arrays | {"loss": trace.loss}


def _check(check: lesson.Check) -> dict[str, Any]:
    forward, backward = check.backprop_passes
    return {
        **{verdict: check.count(verdict) for verdict in ("agree", "kink", "mismatch", "inconclusive")},
        "max_error": check.max_error,
        "forward_passes": check.forward_passes,
        "backward_passes": backward,
        "backprop_forward_passes": forward,
        "entries": [asdict(entry) for entry in check.entries],
    }


def _starts(tried: lesson.Starts) -> dict[str, Any]:
    best = tried.best
    return {
        "loss": best.run.loss,
        "images_right": best.images_right,
        "steps": best.run.steps,
        "parameters": tried.parameters,
        "floor": tried.floor,
        "most_images": lesson.most_images(tried.hidden),
        "best_start": best.number,
        "starts": [
            {
                "loss": start.run.loss,
                "images_right": start.images_right,
                "dead_units": start.dead_units,
                "steps": start.run.steps,
                "ended": start.run.ended,
            }
            for start in tried.starts
        ],
    }
