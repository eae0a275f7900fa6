"""Compiling is watching: a step run once on symbols, written down, shortened and printed as plain NumPy."""

from tinygrad_edu.compile.program import CompileError
from tinygrad_edu.compile.step import Compiled, compile

__all__ = ["CompileError", "Compiled", "compile"]
