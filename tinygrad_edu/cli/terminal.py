"""What all commands share: the terminal, values of options that are checked, and packages that may be missing."""

from __future__ import annotations

import argparse
import importlib
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["NARROWEST", "Unavailable", "console", "need", "picture", "positive", "whole"]

NARROWEST = 60  # columns that the tables need
WIDEST = 88  # longer lines are tiring to read


class Unavailable(Exception):
    """Something that was asked for cannot be done here; the message says why and what helps."""


def need(package: str, purpose: str) -> None:
    """Raise Unavailable, in one sentence with the command that helps, if an optional package is missing."""
    try:
        importlib.import_module(package)
    except ImportError:
        install = "pip install 'tinygrad-edu[cli]'"
        raise Unavailable(f"{purpose} needs the package {package}; install it with: {install}") from None


def console() -> Console:
    """A rich console of the terminal's width, but no wider than is good to read.

    rich itself leaves out colours where there is no terminal or NO_COLOR is set, and obeys COLUMNS.
    """
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # for `main` to end quietly; rich would exit with 1, which means a failed check here

    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a letter that the terminal lacks is no reason to stop
    terminal = Plain(highlight=False)
    terminal.width = min(terminal.width, WIDEST)
    return terminal


# ---- option values; argparse puts the option's name before the message -------------------------------------------
def whole(least: int, most: int, example: int) -> Callable[[str], int]:
    """A parser of whole numbers in a range."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a whole number from {least} to {most}; try for instance {example}"
            )
        return value

    return parse


def positive(example: float) -> Callable[[str], float]:
    """A parser of finite numbers above 0."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 < value < math.inf:
            raise argparse.ArgumentTypeError(f"{text!r} is not a finite number above 0; try for instance {example}")
        return value

    return parse


def picture(text: str) -> Path:
    """A file name that a plot can be written to, found out before anything is computed."""
    path = Path(text)
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise argparse.ArgumentTypeError(f"{text!r} does not end in .png, .svg or .pdf; try for instance flip.png")
    try:
        if path.is_dir() or not path.parent.is_dir():
            where = f"is in a directory that does not exist: {str(path.parent)!r}"
            missing = "is a directory" if path.is_dir() else where
            raise argparse.ArgumentTypeError(f"{text!r} {missing}; try for instance flip.png")
        is_new = not os.path.lexists(path)
        path.open("ab").close()  # the only way to know whether it can be written; changes nothing
        if is_new:
            path.unlink()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"cannot write {text!r}: {error.strerror}") from None
    return path
