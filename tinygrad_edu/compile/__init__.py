"""Compiling is watching: a step run once on symbols, written down, shortened and printed as plain NumPy.

In reading order, which is that of a step's way:

- `step.py`: `tg.compile`, and finding the program for a call; `program.py`: what a program is.
- Watching: `scene.py` walks through what the step refers to, `symbol.py` stands in for its arrays, with `methods.py`
  and `where.py`; `tracing.py` runs the step on them, twice.
- Shortening: `optimize.py`; then memory made once: `buffers.py`, with `operands.py`.
- Printing: `literals.py`, `statements.py` (one line), `source.py` (the whole); `numba_backend.py` for machine code.
- Running: `look.py` asks whether everything is as it was, `ready.py` takes the step.
"""

from tinygrad_edu.compile.program import CompileError
from tinygrad_edu.compile.step import Compiled, compile

__all__ = ["CompileError", "Compiled", "compile"]
