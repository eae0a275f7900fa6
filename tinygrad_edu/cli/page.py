"""A page in the terminal: headings, paragraphs and tables, as all commands print them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from tinygrad_edu import __version__
from tinygrad_edu.cli.terminal import NARROWEST

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["Page", "literal"]

INDENT = "  "


class Page:
    """Prints in the terminal's own colour, bold, dim, and green or red.

    Args:
        console: rich's.
    """

    def __init__(self, console: Console) -> None:
        self.console = console

    def headline(self, text: str) -> None:
        """The first line."""
        versions = f"[dim]tinygrad-edu {__version__}, NumPy {np.__version__}[/]"
        self.console.print(f"[bold]{text}[/]   {versions}")
        if self.console.width < NARROWEST:
            self.say(
                f"The tables need {NARROWEST} columns; in these {self.console.width} long cells take several lines."
            )

    def heading(self, text: str) -> None:
        """A part's title."""
        self.console.print(f"\n[bold]{text}[/]")

    def say(self, text: str) -> None:
        """A paragraph, indented as the tables are."""
        from rich.text import Text

        for line in Text.from_markup(text).wrap(self.console, self.console.width - len(INDENT)):
            line.rstrip()
            self.console.print(INDENT, line, sep="")

    def table(self, *columns: str, words: Sequence[int] = (0,)) -> Table:
        """An empty table; columns in `words` are flush left, the others hold numbers and are flush right."""
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
        table.header_style = table.border_style = "dim"
        for i, column in enumerate(columns):
            side: Literal["left", "right"] = "left" if i in words else "right"
            table.add_column(column, justify=side, no_wrap=self.console.width >= NARROWEST, overflow="fold")
        return table

    def put(self, table: Table) -> None:
        """Print a table, indented."""
        from rich.padding import Padding

        self.console.print(Padding(table, (0, 0, 0, len(INDENT)), expand=False))


def literal(text: str) -> str:
    """Text whose square brackets are not rich's markup."""
    from rich.markup import escape

    return escape(text)
