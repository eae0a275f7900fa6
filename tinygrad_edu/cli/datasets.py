"""What can be learned from: the sets by name, and tables."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import data
from tinygrad_edu.cli import csv_data
from tinygrad_edu.cli.terminal import Unavailable

__all__ = ["SETS", "Data", "from_table", "like", "named"]


@dataclass(frozen=True)
class Data:
    """Samples, and what they are called.

    Attributes:
        name: of a set, or the path of a table.
        x: (n, columns) numbers.
        y: (n,) numbers of classes, or (n, 1) quantities.
        columns: what stands in x.
        target: what stands in y.
        classes: their names; None if y are quantities.
        fingerprint: tells this table from others; "" of a set, which its name and seed tell.
    """

    name: str
    x: NDArray[np.float64]
    y: NDArray[Any]
    columns: list[str]
    target: str
    classes: list[str] | None
    fingerprint: str = ""


def _digits(seed: int) -> tuple[Any, Any]:
    try:
        return data.digits()
    except ImportError as missing:
        raise Unavailable(str(missing)) from None


# Name → samples for a seed. The digits are the same for all seeds.
SETS: dict[str, Callable[[int], tuple[Any, Any]]] = {
    "digits": _digits,
    "moons": lambda seed: data.moons(500, noise=0.15, rng=seed),
    "spirals": lambda seed: data.spirals(600, noise=0.04, rng=seed),
    "xor": lambda seed: data.xor(400, noise=0.15, rng=seed),
}


def named(name: str, seed: int) -> Data:
    """One of the sets; Unavailable if scikit-learn is needed and missing."""
    x, y = SETS[name](seed)
    columns = [f"pixel {i // 8},{i % 8}" for i in range(64)] if name == "digits" else ["x1", "x2"]
    return Data(name, x, y, columns, "class", [str(k) for k in range(int(y.max()) + 1)])


def from_table(
    path: Path,
    target: str,
    task: str | None = None,
    ignored: Collection[str] = (),
    delimiter: str | None = None,
) -> Data:
    """A table to train on.

    Args:
        path: a CSV file, see `csv_data.read`.
        target: name or number of the column to predict.
        task: "classify" or "regress"; when left out, `csv_data.is_classes` decides.
        ignored: columns to leave out, by name or number; all others are inputs.
        delimiter: what stands between cells.

    Raises:
        BadCSV: the table cannot be learned from.
    """
    sheet = csv_data.read(path, delimiter)
    target = sheet.named(target)
    out = {target, *map(sheet.named, ignored)}
    columns = [name for name in sheet.columns if name not in out]
    if not columns:
        raise csv_data.BadCSV(f"{path} has no column to predict {target!r} from")
    x = csv_data.numbers(sheet, columns)
    if task == "classify" or (task is None and csv_data.is_classes(sheet, target)):
        y, classes = csv_data.classes_of(sheet, target)
        _check_number(sheet)
        return Data(str(path), x, y, columns, target, classes, _fingerprint(path))
    quantities = csv_data.numbers(sheet, [target])
    if (quantities == quantities[0]).all():
        first, last = sheet.lines[0][0], sheet.lines[-1][0]
        raise csv_data.BadCSV(
            f"{path}, lines {first} to {last}, column {target!r}: all values are {quantities[0, 0]:g}, so there is "
            "nothing to learn"
        )
    _check_number(sheet)
    return Data(str(path), x, quantities, columns, target, None, _fingerprint(path))


def _check_number(sheet: csv_data.Sheet) -> None:
    """Looked at last, so that of a short table too one hears which cell is wrong."""
    if len(sheet.lines) < csv_data.FEWEST_LINES:
        raise csv_data.BadCSV(
            f"{sheet.path} has {len(sheet.lines)} samples; to be split into three parts it needs "
            f"{csv_data.FEWEST_LINES}"
        )


def like(path: Path, columns: list[str], target: str, classes: list[str] | None, delimiter: str | None) -> Data:
    """A table with the same columns as the one that a network was trained on; further columns are left out.

    Raises:
        BadCSV: a column is missing, a class is unknown, or the table cannot be read.
    """
    sheet = csv_data.read(path, delimiter)
    if missing := [name for name in (*columns, target) if name not in sheet.columns]:
        raise csv_data.BadCSV(f"{path} lacks columns that the network was trained on: {', '.join(missing)}")
    x = csv_data.numbers(sheet, columns)
    y = csv_data.numbers(sheet, [target]) if classes is None else csv_data.classes_of(sheet, target, classes)[0]
    return Data(str(path), x, y, columns, target, classes, _fingerprint(path))


def _fingerprint(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
