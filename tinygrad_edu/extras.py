"""Packages that are not needed to `import tinygrad_edu`: one sentence says how to get the one that is missing."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["need"]


def need(package: str, extra: str, purpose: str) -> Any:
    """Import a package of an extra.

    Args:
        package: what to import, such as "safetensors.numpy".
        extra: the extra of tinygrad-edu that brings it.
        purpose: what wants it, to begin the sentence with.

    Returns:
        The module.

    Raises:
        ImportError: it is not installed.

    Example:
        >>> from tinygrad_edu.extras import need
        >>> need("nosuch", "plot", "A picture")
        Traceback (most recent call last):
        ImportError: A picture needs the package nosuch; install it with: pip install 'tinygrad-edu[plot]'
    """
    try:
        return importlib.import_module(package)
    except ImportError:
        name = package.partition(".")[0]
        raise ImportError(
            f"{purpose} needs the package {name}; install it with: pip install 'tinygrad-edu[{extra}]'"
        ) from None
