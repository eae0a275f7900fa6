"""Tables in CSV files. What does not fit is refused in one sentence with its line and column."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.cli.terminal import Unavailable

__all__ = ["MOST_CLASSES", "BadCSV", "Sheet", "classes_of", "is_classes", "numbers", "read"]

MOST_CLASSES = 20  # different whole numbers; with more of them they are taken for quantities
FEWEST_LINES = 10  # that can be split into three parts
FEWEST_OF_A_CLASS = 3  # one for each part
MISSING = {"", "na", "n/a", "nan", "null", "?"}
DELIMITERS = ",;\t|"


class BadCSV(Unavailable):
    """A table that cannot be learned from; the message says where and why."""


@dataclass(frozen=True)
class Sheet:
    """A table as text.

    Attributes:
        path: where it comes from.
        columns: the names in the first line.
        lines: (number of the line, as editors count, and its cells).
    """

    path: Path
    columns: list[str]
    lines: list[tuple[int, list[str]]]

    def column(self, name: str) -> list[tuple[int, str]]:
        """(line, cell) all the way down; BadCSV if a cell is empty, or says that it is."""
        at = self.columns.index(name)
        cells = [(line, cells[at].strip()) for line, cells in self.lines]
        for line, cell in cells:
            if cell.lower() in MISSING:
                said = f" ({cell!r})" if cell else ""
                raise self.bad(line, name, f"the value is missing{said}; fill it in, or leave out the line")
        return cells

    def named(self, name: str) -> str:
        """The column of that name, or of that number, counted from 1."""
        if name in self.columns:
            return name
        if name.isdecimal() and 1 <= int(name) <= len(self.columns):
            return self.columns[int(name) - 1]
        there = ", ".join(self.columns[:20]) + ", …" * (len(self.columns) > 20)
        raise BadCSV(f"{self.path}: there is no column {name!r}; there are: {there}")

    def bad(self, line: int, column: str, what: str) -> BadCSV:
        """The error for one cell."""
        return BadCSV(f"{self.path}, line {line}, column {column!r}: {what}")


# ---- from a file to cells ----------------------------------------------------------------------------------------
def read(path: Path, delimiter: str | None = None) -> Sheet:
    """Read a table: the first line names the columns, every other one is a sample.

    Args:
        path: a file in UTF-8, with or without a byte-order mark; cells may be in quotes.
        delimiter: what stands between cells; when left out, whichever of , ; tab | the first line has most of.

    Raises:
        BadCSV: it cannot be read, a line has too few or too many cells, a column has no name or shares it, or there
            are no lines.
    """
    text = _text(path)
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = delimiter or max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        records = list(_records(reader))
    except csv.Error as error:
        raise BadCSV(f"{path}, line {reader.line_num}: {error}; is a quote missing?") from None
    if not records:
        raise BadCSV(f"{path} is empty; its first line should name the columns")
    (line, names), *lines = records
    sheet = Sheet(path, [name.strip() for name in names], lines)
    _check_names(sheet, line)
    for line, cells in lines:
        if len(cells) != len(names):
            raise BadCSV(
                f"{path}, line {line}: there are {len(cells)} values, but {len(names)} columns; the last value is in "
                f"column {sheet.columns[min(len(cells), len(names)) - 1]!r}. Between values stands {delimiter!r}; "
                "text that contains it must be in quotes"
            )
    if not lines:
        raise BadCSV(f"{path} has no samples: there is nothing below line {line}, which names the columns")
    return sheet


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except IsADirectoryError:
        raise BadCSV(f"{path} is a directory, not a CSV file") from None
    except OSError as error:
        raise BadCSV(f"cannot read {str(path)!r}: {error.strerror or error}") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BadCSV(f"{path}, line {line}: this is not text in UTF-8; save the table as CSV UTF-8") from None


def _records(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Cells with the line that they begin in; quoted cells may go over several. Blank lines are left out."""
    line = 1
    for cells in reader:
        if len(cells) > 1 or "".join(cells).strip():
            yield line, cells
        line = reader.line_num + 1


def _check_names(sheet: Sheet, line: int) -> None:
    names = sheet.columns
    if all(_number(name) is not None for name in names):
        raise BadCSV(f"{sheet.path}, line {line}: the first line holds numbers, but it must name the columns")
    for i, name in enumerate(names):
        if not name:
            raise BadCSV(f"{sheet.path}, line {line}: column {i + 1} has no name")
        if name in names[:i]:
            raise BadCSV(
                f"{sheet.path}, line {line}: columns {names.index(name) + 1} and {i + 1} are both named {name!r}"
            )


# ---- from cells to arrays ----------------------------------------------------------------------------------------
def numbers(sheet: Sheet, names: Sequence[str]) -> NDArray[np.float64]:
    """The columns of these names, (lines, columns); BadCSV if a cell holds no finite number."""
    found = []
    for name in names:
        values = []
        for line, cell in sheet.column(name):
            value = _number(cell)
            if value is None:
                is_comma = _number(cell.replace(",", ".", 1)) is not None
                hint = (
                    "write it with a point" if is_comma else f"if the column is text, leave it out: --ignore {name!r}"
                )
                raise sheet.bad(line, name, f"{cell[:40]!r} is not a number; {hint}")
            if not math.isfinite(value):
                raise sheet.bad(line, name, f"{cell:.40} is not a finite number")
            values.append(value)
        found.append(values)
    return np.array(found, dtype=float).reshape(len(names), -1).T


def _number(cell: str) -> float | None:
    try:
        return None if "_" in cell else float(cell)  # Python reads 1_000 as a number, nobody else does
    except ValueError:
        return None


def is_classes(sheet: Sheet, target: str) -> bool:
    """Whether a target looks like classes: text, or whole numbers of which there are at most 20 different ones."""
    values = [_number(cell) for _, cell in sheet.column(target)]
    if all(value is None for value in values):
        return True
    if None in values:
        at = values.index(None)
        text = sum(value is None for value in values)
        if text > len(values) / 2:
            return True
        line, cell = sheet.column(target)[at]
        raise sheet.bad(line, target, f"{cell!r} is not a number, but most others are; mend it, or say --task classify")
    return all(float(value or 0).is_integer() for value in values) and len(set(values)) <= MOST_CLASSES


def classes_of(sheet: Sheet, target: str, known: Collection[str] | None = None) -> tuple[NDArray[np.int64], list[str]]:
    """The number of every line's class, and the names of the classes in order.

    Args:
        sheet: the table.
        target: its column.
        known: the classes that there may be; when left out, those that are there.

    Raises:
        BadCSV: a class is not known; or, if all are new, there is only one, or one is too rare to be split.
    """
    column = [(line, _class(cell)) for line, cell in sheet.column(target)]
    counts = Counter(name for _, name in column)
    if known is None:
        _check_classes(sheet, target, column, counts)
        known = sorted(counts, key=lambda name: (_number(name) is None, _number(name) or 0, name))
    names = list(known)
    for line, name in column:
        if name not in names:
            raise sheet.bad(line, target, f"the network does not know the class {name!r}; it knows: {', '.join(names)}")
    return np.array([names.index(name) for _, name in column]), names


def _class(cell: str) -> str:
    """One name for 1, 1.0 and 01."""
    value = _number(cell)
    return str(int(value)) if value is not None and value.is_integer() else cell


def _check_classes(sheet: Sheet, target: str, column: list[tuple[int, str]], counts: Counter[str]) -> None:
    first, last = column[0][0], column[-1][0]
    if len(counts) == 1:
        raise BadCSV(
            f"{sheet.path}, lines {first} to {last}, column {target!r}: there is one class only, {column[0][1]!r}, so "
            "there is nothing to tell apart"
        )
    name, count = min(counts.items(), key=lambda item: item[1])
    if count < FEWEST_OF_A_CLASS:
        line = next(line for line, other in column if other == name)
        what = f"the class {name!r} occurs {('once', 'twice')[count - 1]} only; each of the three parts needs one"
        numeric = "; or are these quantities? Then say --task regress" if _number(name) is not None else ""
        raise sheet.bad(line, target, what + numeric)
