"""Normalisation: mean 0 and variance 1, so that every layer finds its input where it expects it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.nn import init
from tinygrad_edu.nn.module import Module
from tinygrad_edu.rules.reductions import as_array
from tinygrad_edu.rules.table import derivative, primitive
from tinygrad_edu.tensor import Tensor

__all__ = ["BatchNorm1d", "BatchNorm2d", "LayerNorm", "standardize"]


@primitive
def standardize(x: Any, axis: Any, eps: float) -> Any:
    """(x − mean) / √(var + eps), mean and variance (that of NumPy, of all entries) being taken along some axes.

    One row of the table instead of five (mean, var, subtract, sqrt, divide), which makes it half again as fast. Its
    derivative is that of Ioffe and Szegedy, "Batch Normalization" (2015), section 3, written with the result.

    Args:
        x: any shape.
        axis: the axes to average over, a tuple of ints.
        eps: keeps the quotient finite where all entries are equal.

    Example:
        >>> import numpy as np
        >>> standardize(np.array([[1.0, 3.0], [5.0, 5.0]]), axis=(1,), eps=0.0001).round(3)
        array([[-1.,  1.],
               [ 0.,  0.]])
    """
    deviation = x - np.mean(x, axis=axis, keepdims=True)
    return deviation / np.sqrt(np.mean(deviation * deviation, axis=axis, keepdims=True) + eps)


def _standardize(g: Any, x: Any, out: Any, axis: Any, eps: float) -> Any:
    def mean(values: Any) -> Any:
        return np.mean(values, axis=axis, keepdims=True)

    return (g - mean(g) - out * mean(g * out)) / np.sqrt(np.var(x, axis=axis, keepdims=True) + eps)


derivative(standardize, x=_standardize)


class _BatchNorm(Module):
    """What BatchNorm1d and BatchNorm2d share: all but the shapes that they take."""

    takes: dict[int, str]  # number of axes → how they are called

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True) -> None:
        if momentum is None:
            raise TypeError(
                f"{type(self).__name__}: momentum=None, PyTorch's mean over all batches, is not here; give a number "
                "from 0 to 1, such as the usual 0.1."
            )
        if not eps > 0 or not 0 <= momentum <= 1:
            raise ValueError(f"eps={eps} must be positive and momentum={momentum} between 0 and 1; usual: 1e-5 and 0.1")
        self.eps, self.momentum = float(eps), float(momentum)  # NumPy numbers would make float32 arrays float64
        self.weight = Tensor(init.ones((num_features,)), requires_grad=True) if affine else None
        self.bias = Tensor(np.zeros(num_features), requires_grad=True) if affine else None
        self.running_mean = np.zeros(num_features)
        self.running_var = np.ones(num_features)

    def forward(self, x: Any) -> Any:
        """Any of the shapes, with the channels along axis 1 → the same shape.

        Raises:
            ValueError: x has another number of axes or channels, or, in training, a single value per channel.
        """
        shape = self._checked(np.shape(x))
        channels = (-1,) + (1,) * (len(shape) - 2)
        if self.training:
            axes = (0, *range(2, len(shape)))
            self._track(x.data if isinstance(x, Tensor) else as_array(x), axes)
            normal = standardize(x, axes, self.eps)
        else:
            deviation = np.sqrt(self.running_var + self.eps).reshape(channels)
            normal = (x - self.running_mean.reshape(channels)) / deviation
        if self.weight is None or self.bias is None:
            return normal
        return normal * self.weight.reshape(channels) + self.bias.reshape(channels)

    def _track(self, x: Any, axes: tuple[int, ...]) -> None:
        """Move the running statistics, in place, a little towards those of this batch; the variance is unbiased."""
        for running, batch in ((self.running_mean, x.mean(axes)), (self.running_var, x.var(axes, ddof=1))):
            running += self.momentum * (batch - running)

    def _checked(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        features = self.running_mean.size
        if len(shape) not in self.takes or shape[1] != features:
            raise ValueError(
                f"{self!r} got x of shape {shape}; it takes {' or '.join(self.takes.values())}, with {features} "
                "channels. If the channels of x come last, write np.moveaxis(x, -1, 1)."
            )
        if self.training and np.prod(shape) <= features:
            raise ValueError(
                f"{self!r} got x of shape {shape}: in training, every channel needs at least two values, for the "
                "variance of one is 0. Take a larger batch (leave out the last one if it is so small), or call "
                "model.eval() to use the running statistics."
            )
        return shape

    def _describe(self) -> str:
        usual = {"eps": 1e-5, "momentum": 0.1}
        own = [f", {name}={getattr(self, name)}" for name, value in usual.items() if getattr(self, name) != value]
        return f"{self.running_mean.size}{''.join(own)}{'' if self.weight is not None else ', affine=False'}"


class BatchNorm1d(_BatchNorm):
    """Standardise every channel over the batch, then scale and shift it: weight · (x − mean) / √(var + eps) + bias.

    In training, mean and variance are those of the batch, and `running_mean` and `running_var` follow them:
    running ← running + momentum · (batch − running), the variance here with n − 1. After `eval()`, the running ones
    are used and stay as they are. From Ioffe and Szegedy, "Batch Normalization" (2015).

    Args:
        num_features: number of channels; x has shape (N, channels) or (N, channels, length).
        eps: added to the variance.
        momentum: how far the running statistics move to those of a batch, from 0 to 1.
        affine: whether to scale and shift; `weight` (channels,) starts at 1, `bias` (channels,) at 0.

    Raises:
        ValueError: eps or momentum is out of range.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> layer = tg.nn.BatchNorm1d(2)
        >>> layer(np.array([[1.0, 10.0], [3.0, 50.0]])).numpy().round(3)
        array([[-1., -1.],
               [ 1.,  1.]])
        >>> layer.running_mean
        array([0.2, 3. ])
    """

    takes = {2: "(N, channels)", 3: "(N, channels, length)"}  # noqa: RUF012


class BatchNorm2d(_BatchNorm):
    """`BatchNorm1d` for images: every channel is standardised over the batch and all pixels.

    Args:
        num_features: number of channels; x has shape (N, channels, height, width).
        eps: added to the variance.
        momentum: how far the running statistics move to those of a batch, from 0 to 1.
        affine: whether to scale and shift; `weight` (channels,) starts at 1, `bias` (channels,) at 0.

    Raises:
        ValueError: eps or momentum is out of range.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> images = np.random.default_rng(0).normal(5, 2, (10, 3, 8, 8))
        >>> out = tg.nn.BatchNorm2d(3)(images).numpy()
        >>> bool(np.allclose(out.mean((0, 2, 3)), 0)), bool(np.allclose(out.std((0, 2, 3)), 1))
        (True, True)
    """

    takes = {4: "(N, channels, height, width)"}  # noqa: RUF012


class LayerNorm(Module):
    """Standardise every example by itself, over its last axes, then scale and shift it.

    The formula is weight · (x − mean) / √(var + eps) + bias, in training and in use alike: nothing depends on the
    batch. From Ba, Kiros and Hinton, "Layer Normalization" (2016).

    Args:
        normalized_shape: the last sides of x, over which to average: a number or a tuple; x has shape
            (…, *normalized_shape).
        eps: added to the variance.
        elementwise_affine: whether to scale and shift; `weight`, of `normalized_shape`, starts at 1.
        bias: whether to shift, if so; `bias`, of the same shape, starts at 0.

    Raises:
        ValueError: eps is not positive, or normalized_shape is empty.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.nn.LayerNorm(2)(np.array([[1.0, 3.0], [10.0, 50.0]])).numpy().round(3)
        array([[-1.,  1.],
               [-1.,  1.]])
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ) -> None:
        shape = (normalized_shape,) if isinstance(normalized_shape, int | np.integer) else tuple(normalized_shape)
        if not eps > 0 or not shape:
            raise ValueError(f"eps={eps} must be positive and normalized_shape={shape} have at least one side")
        self.normalized_shape, self.eps = tuple(map(int, shape)), float(eps)
        self.weight = Tensor(np.ones(shape), requires_grad=True) if elementwise_affine else None
        self.bias = Tensor(np.zeros(shape), requires_grad=True) if elementwise_affine and bias else None

    def forward(self, x: Any) -> Any:
        """x: (…, *normalized_shape) → the same shape. ValueError if x ends otherwise."""
        sides = self.normalized_shape
        shape = np.shape(x)
        if shape[-len(sides) :] != sides:
            mend = (
                f"Make the layer for the axes that x has, for example LayerNorm({shape[-1]})."
                if shape
                else ("A single number has none; its mean is itself.")
            )
            raise ValueError(f"{self!r} got x of shape {shape}: its last axes must be {sides}. {mend}")
        normal = standardize(x, tuple(range(-len(sides), 0)), self.eps)
        scaled = normal if self.weight is None else normal * self.weight
        return scaled if self.bias is None else scaled + self.bias

    def _describe(self) -> str:
        eps = f", eps={self.eps}" if self.eps != 1e-5 else ""
        affine = ", elementwise_affine=False" if self.weight is None else ", bias=False" if self.bias is None else ""
        return f"{self.normalized_shape}{eps}{affine}"
