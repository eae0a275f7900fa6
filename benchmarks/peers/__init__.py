"""The same training steps as users of different libraries write them, a file for each contestant.

`problems.py` makes what is given to all: the first weights, the data. A contestant's functions are the kinds of
problem that it takes part in; each takes what is given and returns a step. A step returns its loss, or what becomes it.
"""

__all__ = ["LABELS"]

# File → what people call it.
LABELS = {
    "by_hand": "NumPy by hand",
    "tinygrad_edu": "tinygrad_edu",
    "compiled": "tinygrad_edu compiled",
    "compiled_numba": "tinygrad_edu compiled, numba",
    "torch": "PyTorch",
    "torch_tensors": "PyTorch, tensors alone",
    "jax": "JAX jit",
    "autograd": "autograd",
    "mygrad": "MyGrad",
    "micrograd": "micrograd",
}
