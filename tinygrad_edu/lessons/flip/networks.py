"""The images, the network of 31 parameters, and the weights of the example that the lesson traces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.nn import Linear, ReLU, Sequential
from tinygrad_edu.tensor import Tensor

__all__ = ["IMAGE", "WEIGHTS", "Array", "Layer", "flipped", "images", "layers", "named", "network", "traced_network"]

Array = NDArray[np.float64]

# fmt: off
IMAGE = np.array([1.0, 0.0, 1.0, 1.0])  # the one that is traced
WEIGHTS: dict[str, Any] = {
    "W1": [[0.2, -0.5, 0.1],            # row = input, column = hidden unit
           [-0.3, 0.4, -0.2],
           [0.1, 0.3, 0.5],
           [-0.4, 0.2, -0.1]],
    "b1": [0.1, -0.1, 0.0],
    # The lesson gives row 2 alone: units 0 and 1 are silent, so rows 0 and 1 change no figure of it and are our choice.
    # Unit 0 sits on the kink of ReLU, where rounding decides whether it is silent. With this row its right slope is
    # +0.2, so that a step downhill silences it in either case and the figures after the step are the same.
    "W2": [[-0.4, 0.3, 0.1, -0.3],
           [0.2, -0.1, 0.4, 0.1],
           [0.2, -0.4, 0.1, -0.5]],
    "b2": [0.0, 0.1, -0.1, 0.0],
}
# fmt: on


def images() -> Array:
    """All sixteen 2×2 images, (16, 4).

    Example:
        >>> images()[11]
        array([1., 0., 1., 1.])
    """
    return np.array([[n >> 3 & 1, n >> 2 & 1, n >> 1 & 1, n & 1] for n in range(16)], dtype=float)


def flipped(x: Array) -> Array:
    """Images (…, 4) flipped across the main diagonal: numbers 1 and 2 swap, 0 and 3 stay.

    Example:
        >>> flipped(IMAGE)
        array([1., 1., 0., 1.])
    """
    return x[..., [0, 2, 1, 3]]


def network(hidden: int = 3, rng: np.random.Generator | int | None = None) -> Sequential:
    """4 → hidden → 4 with random weights.

    Example:
        >>> sum(p.size for p in network(3).parameters()), sum(p.size for p in network(4).parameters())
        (31, 40)
    """
    rng = np.random.default_rng(rng)
    return Sequential(Linear(4, hidden, rng=rng), ReLU(), Linear(hidden, 4, rng=rng))


def traced_network(nudge: float = 0.0) -> Sequential:
    """The network with the lesson's weights.

    Args:
        nudge: added to b1[0]; a few 1e-17 put hidden unit 0 on the other side of its kink.

    Example:
        >>> traced_network()(IMAGE).data.round(6)
        array([ 0.1 , -0.1 , -0.05, -0.25])
    """
    model = network(3, rng=0)
    for name, parameter in named(model).items():
        parameter.data = np.array(WEIGHTS[name])
    model[0].bias.data[0] += nudge
    return model


def named(model: Sequential) -> dict[str, Tensor]:
    """The parameters under the lesson's names.

    Example:
        >>> {name: parameter.shape for name, parameter in named(network(3)).items()}
        {'W1': (4, 3), 'b1': (3,), 'W2': (3, 4), 'b2': (4,)}
    """
    return dict(zip(("W1", "b1", "W2", "b2"), model.parameters(), strict=True))


@dataclass(frozen=True)
class Layer:
    """A layer's size."""

    name: str
    inputs: int
    outputs: int

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.inputs * self.outputs + self.outputs


def layers(model: Sequential) -> list[Layer]:
    """The layers that have parameters.

    Example:
        >>> [layer.parameters for layer in layers(traced_network())]
        [15, 16]
    """
    return [Layer(name, *model[i].weight.shape) for name, i in (("hidden", 0), ("output", 2))]
