"""RNN, GRU, LSTM: sequences read step by step, with a memory; the simple one first."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.functions import sigmoid
from tinygrad_edu.nn import init
from tinygrad_edu.nn.linear import linear
from tinygrad_edu.nn.module import Module
from tinygrad_edu.tensor import Tensor

__all__ = ["GRU", "LSTM", "RNN", "Recurrent"]


class Recurrent(Module):
    """What the three share: weights for input and memory, and the loop over time; a new one writes `step`.

    One layer, one direction. The weights have shapes (in, gates·hidden) and (hidden, gates·hidden), transposes of
    PyTorch's, with its names and its order of gates; like PyTorch's they start uniform in ±1/√hidden.

    Args:
        input_size: number of features of x.
        hidden_size: number of features of the memory, and of the output.
        rng: a NumPy Generator or a seed; the same seed gives the same weights.
    """

    gates = 1  # blocks of `hidden` columns in the weights
    memories = 1  # arrays that are carried from step to step; the first of them is the output

    def __init__(self, input_size: int, hidden_size: int, *, rng: np.random.Generator | int | None = None) -> None:
        rng = np.random.default_rng(rng)
        columns = self.gates * hidden_size

        def parameter(*shape: int) -> Tensor:
            return Tensor(init.default(shape, hidden_size, rng=rng), requires_grad=True)

        self.weight_ih = parameter(input_size, columns)
        self.weight_hh = parameter(hidden_size, columns)
        self.bias_ih = parameter(columns)
        self.bias_hh = parameter(columns)

    def forward(self, x: Any, state: Any = None) -> tuple[Any, Any]:
        """Read whole sequences.

        Args:
            x: (batch, time, inputs); the batch is always the first axis.
            state: what to remember at the beginning, as returned; zeros when left out.

        Returns:
            The outputs of all steps, (batch, time, hidden), and the last state: (1, batch, hidden), of an LSTM two
            such arrays, (h, c). The 1 is PyTorch's number of layers.

        Raises:
            ValueError: a shape does not fit.
        """
        shape, (inputs, _) = np.shape(x), self.weight_ih.shape
        if len(shape) != 3 or shape[2] != inputs or not shape[1]:
            raise ValueError(
                f"{type(self).__name__}({self._describe()}) got x of shape {shape}: it takes (batch, time, {inputs}), "
                "with at least one step of time. One sequence alone goes in as x[None]."
            )
        # Time first, and the products with the inputs of all steps at once: only the memory has to wait its turn.
        products = linear(np.swapaxes(x, 0, 1), self.weight_ih, self.bias_ih)
        memory = self._memory(state, shape[0], products.dtype)
        outputs = []
        for product in np.split(products, shape[1]):
            memory = self.step(product, linear(memory[0], self.weight_hh, self.bias_hh), *memory)
            outputs.append(memory[0])
        return np.swapaxes(np.concatenate(outputs), 0, 1), memory[0] if self.memories == 1 else memory

    def step(self, product: Any, echo: Any, *memory: Any) -> tuple[Any, ...]:
        """The next memory.

        Args:
            product: x @ weight_ih + bias_ih of this step, (1, batch, gates·hidden).
            echo: h @ weight_hh + bias_hh, of the same shape.
            *memory: what is remembered, each (1, batch, hidden).
        """
        raise NotImplementedError

    def _memory(self, state: Any, batch: int, dtype: Any) -> tuple[Any, ...]:
        shape = (1, batch, self.weight_hh.shape[0])
        if state is None:
            return (np.zeros(shape, dtype),) * self.memories
        memory = (state,) if self.memories == 1 else tuple(state)
        if [np.shape(one) for one in memory] != [shape] * self.memories:
            wanted = f"an array of shape {shape}" if self.memories == 1 else f"two arrays (h, c) of shape {shape}"
            raise ValueError(
                f"{type(self).__name__}({self._describe()}) got a state of shapes {[np.shape(one) for one in memory]} "
                f"for a batch of {batch}: it takes {wanted}, as it returns it; leave it out to begin with zeros."
            )
        return memory

    def _describe(self) -> str:
        return f"{self.weight_ih.shape[0]}, {self.weight_hh.shape[0]}"


class RNN(Recurrent):
    """The simple recurrent network (Elman 1990).

        h' = tanh(x @ weight_ih + bias_ih + h @ weight_hh + bias_hh)

    Args:
        input_size: number of features of x.
        hidden_size: number of features of the memory h, and of the output.
        rng: a NumPy Generator or a seed; the same seed gives the same weights.

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.nn.recurrent import RNN
        >>> outputs, h = RNN(3, 5, rng=0)(np.ones((2, 7, 3)))  # 2 sequences of 7 steps
        >>> outputs.shape, h.shape
        ((2, 7, 5), (1, 2, 5))
    """

    def step(self, product: Any, echo: Any, *memory: Any) -> tuple[Any, ...]:
        return (np.tanh(product + echo),)


class GRU(Recurrent):
    """Gated recurrent unit (Cho et al. 2014), in the form of PyTorch, where the reset gate comes after the product.

        r = sigmoid(x @ W_ir + b_ir + h @ W_hr + b_hr)          how much of the memory to look at
        z = sigmoid(x @ W_iz + b_iz + h @ W_hz + b_hz)          how much of it to keep
        n = tanh(x @ W_in + b_in + r * (h @ W_hn + b_hn))       what is new
        h' = (1 - z) * n + z * h

    `weight_ih` is W_ir, W_iz and W_in side by side; so are the others.

    Args:
        input_size: number of features of x.
        hidden_size: number of features of the memory h, and of the output.
        rng: a NumPy Generator or a seed; the same seed gives the same weights.

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.nn.recurrent import GRU
        >>> outputs, h = GRU(3, 5, rng=0)(np.ones((2, 7, 3)))
        >>> outputs.shape, h.shape
        ((2, 7, 5), (1, 2, 5))
    """

    gates = 3

    def step(self, product: Any, echo: Any, *memory: Any) -> tuple[Any, ...]:
        (h,) = memory
        hidden = self.weight_hh.shape[0]
        product_rz, product_n = np.split(product, [2 * hidden], axis=-1)
        echo_rz, echo_n = np.split(echo, [2 * hidden], axis=-1)
        r, z = np.split(sigmoid(product_rz + echo_rz), 2, axis=-1)
        n = np.tanh(product_n + r * echo_n)
        return (n + z * (h - n),)


class LSTM(Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber 1997; with the forget gate of Gers et al. 2000).

        i, f, o = sigmoid(…), g = tanh(…)       of x @ weight_ih + bias_ih + h @ weight_hh + bias_hh
        c' = f * c + i * g                      forget, and write
        h' = o * tanh(c')                       read

    The columns of the weights are i, f, g and o side by side.

    Args:
        input_size: number of features of x.
        hidden_size: number of features of the memories h and c, and of the output, which is h.
        rng: a NumPy Generator or a seed; the same seed gives the same weights.

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.nn.recurrent import LSTM
        >>> outputs, (h, c) = LSTM(3, 5, rng=0)(np.ones((2, 7, 3)))
        >>> outputs.shape, h.shape, c.shape
        ((2, 7, 5), (1, 2, 5), (1, 2, 5))
    """

    gates = 4
    memories = 2

    def step(self, product: Any, echo: Any, *memory: Any) -> tuple[Any, ...]:
        _, c = memory
        i, f, g, o = np.split(product + echo, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c
