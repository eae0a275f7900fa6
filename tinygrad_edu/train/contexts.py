"""What is put in order again when training ends: the handler of Ctrl-C, the modes of the modules, the callbacks."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from tinygrad_edu.nn.module import Module
from tinygrad_edu.train.callbacks import Callback, Run

__all__ = ["interruptible", "modes_kept", "told"]


@contextlib.contextmanager
def interruptible(run: Run) -> Iterator[None]:
    """The first Ctrl-C asks the run to stop; the second interrupts as usual."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread alone
        return
    before = signal.getsignal(signal.SIGINT)

    def first(number: int, frame: Any) -> None:
        run.stop = "interrupted"
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def modes_kept(model: Module) -> Iterator[None]:
    """Every module has the mode again afterwards, train or eval, that it had before."""
    modes = [(module, module.training) for _, module in model.named_modules()]
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextlib.contextmanager
def told(callbacks: Sequence[Callback], run: Run) -> Iterator[None]:
    """All are told that training starts, and, whatever happens, that it has ended."""
    for callback in callbacks:
        callback.training_started(run)
    with contextlib.ExitStack() as ends:  # goes on to the others where one raises
        for callback in reversed(callbacks):  # it is emptied from its top
            ends.callback(callback.training_ended, run)
        yield
