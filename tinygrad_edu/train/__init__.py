"""The training loop.

`loop.py` is the loop, `history.py` what it returns, `callbacks.py` what can hook into it, `metrics.py` what it asks.
Around it: `checks.py` refuses what cannot work, `contexts.py` sees to Ctrl-C and to modes, `divergence.py` says why a
number is no longer finite, `progress.py` shows how far it is.
"""

from tinygrad_edu.train.callbacks import Callback, EarlyStopping, Run
from tinygrad_edu.train.divergence import Diverged
from tinygrad_edu.train.history import History
from tinygrad_edu.train.loop import evaluate, fit
from tinygrad_edu.train.metrics import accuracy

__all__ = ["Callback", "Diverged", "EarlyStopping", "History", "Run", "accuracy", "evaluate", "fit"]
