"""`tinygrad-edu evaluate FILE`: how well a saved network does."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tinygrad_edu.cli import datasets
from tinygrad_edu.cli.network import Trained, parts
from tinygrad_edu.cli.page import literal
from tinygrad_edu.cli.terminal import Unavailable, console, delimiter, need, print_json
from tinygrad_edu.cli.train_report import TrainReport

__all__ = ["add", "run"]

DESCRIPTION = """\
Measure a network that `tinygrad-edu train --save` has written,
on the samples that were kept for testing. A network trained on
a table needs that table again, or another one with the same
columns, of which all lines are measured."""


def add(subparsers: Any) -> None:
    """Add this command to the parser."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "evaluate",
        help="measure a saved network on samples that it has not seen",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the network, a .safetensors")
    parser.add_argument("table", type=Path, nargs="?", metavar="CSV", help="a table with the same columns")
    parser.add_argument("--delimiter", type=delimiter, metavar="C", help="between the cells of the table")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead")
    parser.set_defaults(run=run, quiet=False)


def run(arguments: argparse.Namespace) -> int:
    """Measure, and print."""
    if not arguments.json:
        need("rich", "the report")
    trained = Trained.from_file(arguments.file)
    data = _data(trained, arguments.table, arguments.delimiter)
    same = data.fingerprint == trained.data["fingerprint"]
    x, y = parts(data, trained.settings.seed)["test"] if same else (data.x, data.y)
    part = "test" if same else "all lines"
    found = trained.measure(x, y)
    confusion = None if trained.classes is None else trained.confusion(x, y)
    if arguments.json:
        about = {"data": data.name, "trained_on": trained.data, "settings": asdict(trained.settings), "part": part}
        print_json(about | {"results": found, "confusion": confusion})
        return 0
    report = TrainReport(console())
    report.headline(f"Evaluating {literal(str(arguments.file))}")
    seen = "the part that it was not trained on" if same else "all lines, none of which it should have been trained on"
    report.say(f"Trained on {literal(trained.data['name'])}; measured on {literal(data.name)}: {seen}.")
    report.console.print()
    report.results(trained, {part: found})
    if confusion:
        report.confusion(trained, confusion, "these")
    return 0


def _data(trained: Trained, table: Path | None, delimiter: str | None) -> datasets.Data:
    about = trained.data
    if table is not None:
        return datasets.like(table, about["columns"], about["target"], about["classes"], delimiter)
    if about["fingerprint"]:
        raise Unavailable(
            f"this network was trained on the table {about['name']!r}; give it again, or another one with the same "
            "columns: tinygrad-edu evaluate FILE CSV"
        )
    return datasets.named(about["name"], trained.settings.seed)
