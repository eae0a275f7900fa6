"""How results are shown: a benchmark returns rows and bars; here they become a table, or JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from benchmarks.timing import Spread

__all__ = ["Bar", "Column", "Result", "around", "as_json", "duration", "markdown", "show"]


@dataclass(frozen=True)
class Column:
    """One column of a table: which entry of a row, under which heading, written how."""

    key: str
    heading: str
    write: Callable[[Any], str] = str


@dataclass(frozen=True)
class Bar:
    """What is demanded beside what was measured."""

    demand: str
    limit: float
    measured: float

    @property
    def met(self) -> bool:
        """Whether the measurement keeps to the limit; NaN does not."""
        return self.measured <= self.limit


@dataclass
class Result:
    """What a benchmark found. Rows hold plain numbers, texts and Spreads, for people and programs alike."""

    columns: list[Column]
    rows: list[dict[str, Any]]
    bars: list[Bar] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def duration(seconds: float) -> str:
    """Three digits and the unit that suits them.

    Example:
        >>> duration(0.00001234), duration(0.5), duration(7200)
        ('12.3 µs', '500 ms', '2.00 h')
    """
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= 0.9995 * size:
            return f"{_three_digits(seconds / size)} {unit}"
    return f"{_three_digits(seconds / 1e-9)} ns"


def around(value: Spread) -> str:
    """A ratio with its quartiles: `2.41 (2.38–2.45)`."""
    return f"{_three_digits(value.median)} ({_three_digits(value.low)}–{_three_digits(value.high)})"


def _three_digits(value: float) -> str:
    return f"{value:,.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}"


def show(console: Console, result: Result) -> None:
    """Print the table, then every bar with what was measured, then the notes."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in result.columns:
        table.add_column(column.heading, justify="right", vertical="bottom")
    for row in result.rows:
        table.add_row(*(column.write(row[column.key]) for column in result.columns))
    console.print(table)
    if result.bars:
        bars = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for heading, justify in (("bar", "left"), ("at most", "right"), ("measured", "right"), ("verdict", "left")):
            bars.add_column(heading, justify=justify)
        for bar in result.bars:
            verdict = Text("met", "green") if bar.met else Text("MISSED", "bold red")
            bars.add_row(bar.demand, f"{bar.limit:g}", f"{bar.measured:.3g}", verdict)
        console.print(bars)
    for note in result.notes:
        console.print(Padding(Text(note, "dim"), (0, 0, 0, 2)))


def markdown(result: Result) -> str:
    """The same as Markdown: the table, the bars, the notes.

    Example:
        >>> print(markdown(Result([Column("n", "how many")], [{"n": 31}], [Bar("at least something", 0, 0)], ["So."])))
        | how many |
        |---:|
        | 31 |
        <BLANKLINE>
        | bar | at most | measured | verdict |
        |:---|---:|---:|:---|
        | at least something | 0 | 0 | met |
        <BLANKLINE>
        So.
    """
    cells = [[column.write(row[column.key]) for column in result.columns] for row in result.rows]
    parts = [_markdown_table([column.heading for column in result.columns], ["---:"] * len(result.columns), cells)]
    if result.bars:
        bars = [
            [bar.demand, f"{bar.limit:g}", f"{bar.measured:.3g}", "met" if bar.met else "**missed**"]
            for bar in result.bars
        ]
        parts.append(_markdown_table(["bar", "at most", "measured", "verdict"], [":---", "---:", "---:", ":---"], bars))
    return "\n\n".join(parts + [note.strip() for note in result.notes])


def _markdown_table(headings: list[str], align: list[str], rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (headings, *rows)]
    return "\n".join([lines[0], f"|{'|'.join(align)}|", *lines[1:]])


def as_json(result: Result) -> dict[str, Any]:
    """The result as what `json.dump` takes."""
    return {
        "rows": [
            {key: dataclasses.asdict(value) if isinstance(value, Spread) else value for key, value in row.items()}
            for row in result.rows
        ],
        "bars": [{**dataclasses.asdict(bar), "met": bar.met} for bar in result.bars],
        "notes": result.notes,
    }
