"""Where a call comes from: the user's line, the section of the step, and what the engine is doing."""

from __future__ import annotations

import functools
import linecache
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu.backward import backward
from tinygrad_edu.optim.optimizer import Optimizer
from tinygrad_edu.rules.table import name_of

__all__ = ["is_users", "where"]

HERE = Path(__file__).parent.parent
NUMPY = Path(np.__file__).parent


class _Where:
    """Where a call comes from: the user's line, the section of the step, and what the engine is doing."""

    def __init__(self, section: str, note: str, frame: Any) -> None:
        self.section = section
        self.note = note
        self.frame = frame

    @property
    def text(self) -> str:
        if self.frame is None:
            return ""
        name, number = self.frame
        return f'File "{name}", line {number}: {linecache.getline(name, number).strip()}'


def where() -> _Where:
    """Where the engine, or the step itself, is calling from."""
    section, note = "forward", ""
    frame: Any = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if code is backward.__code__:
            if section == "forward":
                node, rule = frame.f_locals.get("node"), frame.f_locals.get("rule")
                if rule is not None and node.row is not None:
                    note = f"{name_of(node.row.function)}: {rule.name}"
            section = "backward"
        elif code is Optimizer.step.__code__:
            section = "update"
        if is_users(code.co_filename):
            return _Where(section, note, (code.co_filename, frame.f_lineno))
        frame = frame.f_back
    return _Where(section, note, None)


@functools.cache
def is_users(filename: str) -> bool:
    """Whether a file is neither the engine's nor NumPy's."""
    path = Path(filename)
    return not path.is_relative_to(HERE) and not path.is_relative_to(NUMPY) and path.name != "contextlib.py"
