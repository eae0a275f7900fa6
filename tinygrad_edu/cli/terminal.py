"""What all commands share: the terminal, values of options that are checked, and packages that may be missing."""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "NARROWEST",
    "Unavailable",
    "console",
    "delimiter",
    "model_file",
    "need",
    "picture",
    "positive",
    "print_json",
    "share",
    "sizes",
    "source_file",
    "whole",
]

NARROWEST = 60  # columns that the tables need
WIDEST = 88  # longer lines are tiring to read


class Unavailable(Exception):
    """Something that was asked for cannot be done here; the message says why and what helps."""


def need(package: str, purpose: str) -> None:
    """Raise Unavailable, in one sentence with the command that helps, if an optional package is missing."""
    try:
        importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package.partition(".")[0]:
            raise  # it is there, but broken
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


def print_json(document: Any) -> None:
    """Print a document of dicts, lists, numbers and strings; NaN and infinities, which JSON does not know, as null."""
    print(json.dumps(_finite(document), indent=2, allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


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


def share(text: str) -> float:
    """A parser of numbers from 0 to less than 1."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to less than 1; try for instance 0.1")
    return value


def sizes(text: str) -> tuple[int, ...]:
    """A parser of layer sizes: 64,32; or none."""
    if text.strip().lower() in ("", "none"):
        return ()
    try:
        found = tuple(int(size) for size in text.split(","))
    except ValueError:
        found = (0,)
    if len(found) > 20 or not all(1 <= size <= 10_000 for size in found):
        raise argparse.ArgumentTypeError(
            f"{text!r} does not list up to 20 sizes from 1 to 10000; try for instance 64,32, or none"
        )
    return found


def delimiter(text: str) -> str:
    """A parser of what stands between the cells of a table."""
    text = {"tab": "\t", "\\t": "\t"}.get(text, text)
    if len(text) != 1 or text in '"\r\n':
        raise argparse.ArgumentTypeError(f"{text!r} is not one character; try for instance ';', or tab")
    return text


def picture(text: str) -> Path:
    """A file name that a plot can be written to, found out before anything is computed."""
    return _writable(text, ".png, .svg or .pdf", "flip.png")


def model_file(text: str) -> Path:
    """A file name that a network can be saved under, found out before anything is computed."""
    return _writable(text, ".safetensors", "net.safetensors")


def source_file(text: str) -> Path:
    """A file name that a program can be written to, found out before anything is computed."""
    return _writable(text, ".py", "flip_step.py")


def _writable(text: str, endings: str, example: str) -> Path:
    path, hint = Path(text), f"try for instance {example}"
    if path.suffix.lower() not in re.split(", | or ", endings):
        raise argparse.ArgumentTypeError(f"{text!r} does not end in {endings}; {hint}")
    try:
        if path.is_dir() or not path.parent.is_dir():
            where = f"is in a directory that does not exist: {str(path.parent)!r}"
            missing = "is a directory" if path.is_dir() else where
            raise argparse.ArgumentTypeError(f"{text!r} {missing}; {hint}")
        is_new = not os.path.lexists(path)
        path.open("ab").close()  # the only way to know whether it can be written; changes nothing
        if is_new:
            path.unlink()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"cannot write {text!r}: {error.strerror}") from None
    return path
