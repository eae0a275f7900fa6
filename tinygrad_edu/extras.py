"""Packages that are not needed to `import tinygrad_edu`: one sentence says how to get the one that is missing."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["need"]

SOLD_AS = {"sklearn": "scikit-learn"}


def need(package: str, extra: str, purpose: str) -> Any:
    """Import a package of an extra.

    Args:
        package: what to import, such as "safetensors.numpy".
        extra: the extra of tinygrad-edu that brings it.
        purpose: what wants it, to begin the sentence with.

    Returns:
        The module.

    Raises:
        ImportError: it is not installed; or it is, but broken, and then the error is its own.

    Example:
        >>> from tinygrad_edu.extras import need
        >>> need("nosuch", "plot", "A picture")
        Traceback (most recent call last):
        ImportError: A picture needs the package nosuch; install it with: pip install 'tinygrad-edu[plot]'
    """
    name = package.partition(".")[0]
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:  # something that it needs itself: to install it again may not help
            raise
        raise ImportError(
            f"{purpose} needs the package {SOLD_AS.get(name, name)}; "
            f"install it with: pip install 'tinygrad-edu[{extra}]'"
        ) from None
    return importlib.import_module(package)
