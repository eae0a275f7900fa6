"""Whether operations are being recorded: a switch of each thread's own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

__all__ = ["no_grad", "recorded", "recording"]


class _Recording(threading.local):
    on = True


recording = _Recording()


@contextlib.contextmanager
def no_grad() -> Iterator[None]:
    """Compute without recording: in this block, and in this thread only, results do not require gradients.

    Works as a decorator too.

    Example:
        >>> import tinygrad_edu as tg
        >>> w = tg.Tensor([1.0, 2.0], requires_grad=True)
        >>> with tg.no_grad():
        ...     (w * 2).requires_grad
        False
    """
    with _switched(False):
        yield


def recorded() -> contextlib.AbstractContextManager[None]:
    """Record in this block even if `no_grad` is around it: for transforms, which differentiate what they call."""
    return _switched(True)


@contextlib.contextmanager
def _switched(on: bool) -> Iterator[None]:
    before = recording.on
    recording.on = on
    try:
        yield
    finally:
        recording.on = before
