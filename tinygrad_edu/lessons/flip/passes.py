"""Forward, loss, backward, update: what each of them computes, by the lesson's names."""

from __future__ import annotations

from dataclasses import dataclass

from tinygrad_edu.lessons.flip.networks import Array, flipped, named
from tinygrad_edu.nn import Sequential, mse_loss
from tinygrad_edu.optim import SGD
from tinygrad_edu.recording import no_grad
from tinygrad_edu.tensor import Tensor

__all__ = ["GRADIENTS", "LR", "Trace", "backprop", "loss_of", "one_step", "output_gradient", "trace"]

LR = 0.1  # of the traced step

# fmt: off
# What the lesson says comes of them: all 31 gradients in the order W1, b1, W2, b2, with 0 for the entries on the kink.
GRADIENTS = [
    *(0, 0, 0.44, 0, 0, 0, 0, 0, 0.44, 0, 0, 0.44),
    *(0, 0, 0.44),
    *(0, 0, 0, 0, 0, 0, 0, 0, -0.225, -0.275, -0.0125, -0.3125),
    *(-0.45, -0.55, -0.025, -0.625),
]
# fmt: on


@dataclass(frozen=True)
class Trace:
    """What a forward pass computes on its way."""

    x: Array
    z1: Array
    h: Array
    prediction: Array
    target: Array
    loss: float


def loss_of(model: Sequential, x: Array) -> Tensor:
    """The mean squared error of the flipped images, a Tensor that can go backward.

    Example:
        >>> from tinygrad_edu.lessons.flip import IMAGE, traced_network
        >>> print(loss_of(traced_network(), IMAGE).data.round(6))
        0.89625
    """
    loss: Tensor = mse_loss(model(x), flipped(x))
    return loss


def trace(model: Sequential, x: Array) -> Trace:
    """One forward pass with everything on its way kept.

    Example:
        >>> from tinygrad_edu.lessons.flip import IMAGE, traced_network
        >>> trace(traced_network(), IMAGE).h.round(6)
        array([0. , 0. , 0.5])
    """
    with no_grad():
        z1 = model[0](x)
        h = model[1](z1)
        prediction = model[2](h)
        loss = mse_loss(prediction, flipped(x))
    return Trace(x, z1.data, h.data, prediction.data, flipped(x), loss.item())


def backprop(model: Sequential, x: Array) -> dict[str, Array]:
    """The gradients of all parameters from one forward and one backward pass.

    Example:
        >>> from tinygrad_edu.lessons.flip import IMAGE, traced_network
        >>> backprop(traced_network(), IMAGE)["b2"].round(6)
        array([-0.45 , -0.55 , -0.025, -0.625])
    """
    model.zero_grad()
    loss_of(model, x).backward()
    return {name: parameter.grad for name, parameter in named(model).items()}


def output_gradient(model: Sequential, x: Array) -> Array:
    """∂loss/∂prediction, with which the backward pass begins; it is also that of b2, which is added to the rest.

    Example:
        >>> from tinygrad_edu.lessons.flip import IMAGE, traced_network
        >>> output_gradient(traced_network(), IMAGE).round(6)
        array([-0.45 , -0.55 , -0.025, -0.625])
    """
    prediction = Tensor(trace(model, x).prediction, requires_grad=True)
    mse_loss(prediction, flipped(x)).backward()
    gradient: Array = prediction.grad
    return gradient


def one_step(model: Sequential, x: Array, lr: float = LR) -> Trace:
    """Change the model by one step of plain gradient descent; the forward pass after it.

    Example:
        >>> from tinygrad_edu.lessons.flip import IMAGE, traced_network
        >>> after = one_step(traced_network(), IMAGE)
        >>> print(round(after.loss, 7))
        0.7257526
    """
    backprop(model, x)
    SGD(model.parameters(), lr).step()
    return trace(model, x)
