"""The training loop: `loop.py` is the loop, `history.py` what it returns, `callbacks.py` what can hook into it."""

from tinygrad_edu.train.callbacks import Callback, EarlyStopping, Run
from tinygrad_edu.train.history import History
from tinygrad_edu.train.loop import Diverged, evaluate, fit
from tinygrad_edu.train.metrics import accuracy

__all__ = ["Callback", "Diverged", "EarlyStopping", "History", "Run", "accuracy", "evaluate", "fit"]
