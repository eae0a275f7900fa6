"""Methods and attributes of arrays as functions, so that a program is calls of functions alone."""

from __future__ import annotations

from typing import Any

__all__ = ["Attribute", "Draw", "Method", "named"]


class Method:
    """A method of arrays as a function: Method("astype")(x, dtype)."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(x, self.name)(*args, **kwargs)


class Attribute(Method):
    """An attribute of arrays as a function: Attribute("T")(x)."""

    def __call__(self, x: Any) -> Any:
        return getattr(x, self.name)


class Draw(Method):
    """A draw from a random generator."""


_named: dict[tuple[type, str], Any] = {}


def named(kind: type, name: str) -> Any:
    """One object for each method, so that equal calls are seen to be equal."""
    return _named.setdefault((kind, name), kind(name))
