"""Convolution: a small kernel of weights slides over a signal or an image and is multiplied with what it sees."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tinygrad_edu.nn import init
from tinygrad_edu.nn.module import Module
from tinygrad_edu.nn.windows import Sides, fold, per_axis, stops, windows
from tinygrad_edu.rules.reductions import as_array
from tinygrad_edu.rules.table import derivative, primitive
from tinygrad_edu.tensor import Tensor

__all__ = ["Conv1d", "Conv2d", "convolution", "convolution_to_weight", "convolution_to_x"]

# Bytes of columns (see `_Plan`) made at a time: they must stay in the processor's cache until they are multiplied.
BLOCK = 2**21

Setting = int | tuple[int, ...]


@primitive
def convolution(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Setting = 1,
    padding: Setting | str = 0,
    dilation: Setting = 1,
    groups: int = 1,
) -> Any:
    """Slide a kernel over the last axes of x; every output is the sum of weight · entry over what the kernel sees.

    In one dimension out[n, o, i] = bias[o] + Σ_c Σ_k weight[o, c, k] · x[n, c, i·stride + k·dilation − padding], x
    being 0 outside. (Mathematicians call this a correlation: nothing is flipped.) One row for any number of axes.
    It is linear in x and in weight, so the gradient with respect to either is the adjoint of a linear map, a row of
    its own; of the three, each one's gradients are the other two.

    Args:
        x: (N, channels, *sides).
        weight: (outputs, channels / groups, *kernel).
        bias: (outputs,) or None.
        stride: steps between two stops of the kernel, one number or one for each axis, as all that follow.
        padding: zeros around x; "same" for as many as keep its sides (with stride 1), "valid" for none.
        dilation: steps between two neighbours in the kernel.
        groups: channels and outputs are cut into so many groups, and each group of outputs sees its own channels.

    Returns:
        (N, outputs, *stops) with stops = ⌊(side + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1.

    Raises:
        ValueError: shapes and settings do not fit together.

    Example:
        >>> import numpy as np
        >>> x, edge = np.array([[[0.0, 0.0, 1.0, 1.0, 0.0]]]), np.array([[[-1.0, 1.0]]])
        >>> convolution(x, edge)
        array([[[ 0.,  1.,  0., -1.]]])
    """
    plan = _Plan.of(x.shape, weight.shape, stride, padding, dilation, groups)
    dtype = np.result_type(*(a for a in (x, weight, bias) if a is not None))
    out: Any = np.empty_like(x, dtype, order="C", shape=(x.shape[0], weight.shape[0], *plan.stops))
    matrix = plan.matrix(weight)
    for part in plan.blocks(out.dtype.itemsize):
        product = matrix @ plan.columns(x[part])
        product = product if bias is None else product + np.reshape(bias, (groups, -1, 1))
        out[part] = plan.unflat(product)
    return out


@primitive
def convolution_to_x(g: Any, weight: Any, shape: Sides, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """The adjoint of `convolution` in x: g, of the result's shape, sent back through the weights to x's `shape`.

    Raises:
        ValueError: shapes and settings do not fit together.

    Example:
        >>> import numpy as np
        >>> convolution_to_x(np.array([[[1.0, 10.0]]]), np.array([[[1.0, 2.0]]]), (1, 1, 3), 1, 0, 1, 1)
        array([[[ 1., 12., 20.]]])
    """
    plan = _Plan.of(shape, weight.shape, stride, padding, dilation, groups)
    out: Any = np.empty_like(g, np.result_type(g, weight), order="C", shape=shape)
    matrix = np.swapaxes(plan.matrix(weight), 1, 2)
    for part in plan.blocks(out.dtype.itemsize):
        out[part] = plan.uncolumns(matrix @ plan.flat(g[part]))
    return out


@primitive
def convolution_to_weight(g: Any, x: Any, shape: Sides, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """The adjoint of `convolution` in weight: g, of the result's shape, times what the kernel saw; of weight's `shape`.

    Raises:
        ValueError: shapes and settings do not fit together.

    Example:
        >>> import numpy as np
        >>> x = np.array([[[1.0, 2.0, 3.0]]])
        >>> convolution_to_weight(np.array([[[1.0, 10.0]]]), x, (1, 1, 2), 1, 0, 1, 1)
        array([[[21., 32.]]])
    """
    plan = _Plan.of(x.shape, shape, stride, padding, dilation, groups)
    total = plan.matrix(np.zeros_like(g, np.result_type(g, x), order="C", shape=shape))
    for part in plan.blocks(total.dtype.itemsize):
        total += plan.flat(g[part]) @ np.swapaxes(plan.columns(x[part]), 1, 2)
    return plan.unmatrix(total)


# fmt: off
derivative(convolution,
    x=lambda g, weight, x_shape, stride, padding, dilation, groups:
        convolution_to_x(g, weight, x_shape, stride, padding, dilation, groups),
    weight=lambda g, x, weight_shape, stride, padding, dilation, groups:
        convolution_to_weight(g, x, weight_shape, stride, padding, dilation, groups),
    bias=lambda g: np.sum(g, axis=(0, *range(2, g.ndim))))
derivative(convolution_to_x,  # h has x's shape
    g=lambda h, weight, shape, stride, padding, dilation, groups:
        convolution(h, weight, None, stride, padding, dilation, groups),
    weight=lambda h, g, weight_shape, stride, padding, dilation, groups:
        convolution_to_weight(g, h, weight_shape, stride, padding, dilation, groups))
derivative(convolution_to_weight,  # h has weight's shape
    g=lambda h, x, shape, stride, padding, dilation, groups:
        convolution(x, h, None, stride, padding, dilation, groups),
    x=lambda h, g, x_shape, stride, padding, dilation, groups:
        convolution_to_x(g, h, x_shape, stride, padding, dilation, groups))
# fmt: on


class _Plan(NamedTuple):
    """A convolution as a matrix product, for each group: (outputs, kernel · channels) @ (kernel · channels, N · stops).

    A column is what the kernel sees at one stop. All columns together are as many times larger than x as the kernel
    has entries, so they are made for a block of examples at a time.
    """

    x_shape: Sides
    weight_shape: Sides
    stride: Sides
    dilation: Sides
    groups: int
    inner: tuple[slice, ...]  # where x lies in its padding
    padded: Sides
    stops: Sides

    @classmethod
    def of(cls, x_shape: Sides, weight_shape: Sides, stride: Any, padding: Any, dilation: Any, groups: int) -> _Plan:
        _check(x_shape, weight_shape, groups)
        kernel, sides = weight_shape[2:], x_shape[2:]
        stride, dilation = (per_axis(*named, len(kernel)) for named in (("stride", stride), ("dilation", dilation)))
        pads = _pads(padding, kernel, stride, dilation)
        inner = tuple(slice(before, before + side) for (before, _), side in zip(pads, sides))
        padded = tuple(before + side + after for (before, after), side in zip(pads, sides))
        reached = stops(padded, kernel, stride, dilation)
        return cls(x_shape, weight_shape, stride, dilation, groups, inner, padded, reached)

    def blocks(self, itemsize: int) -> Iterator[slice]:
        """As many examples at a time as have a block of columns."""
        one = math.prod(self.stops) * math.prod(self.weight_shape[1:]) * self.groups * itemsize
        step = max(BLOCK // max(one, 1), 1)
        return (slice(start, start + step) for start in range(0, self.x_shape[0], step))

    def matrix(self, weight: Any) -> Any:
        """(outputs, channels / groups, *kernel) → (groups, outputs / groups, kernel · channels / groups)."""
        outputs, channels, *_ = self.weight_shape
        flat = np.swapaxes(np.reshape(weight, (outputs, channels, -1)), 1, 2)
        return np.reshape(flat, (self.groups, outputs // self.groups, flat.shape[1] * channels))

    def unmatrix(self, matrix: Any) -> Any:
        """The way back from `matrix`."""
        outputs, channels, *_ = self.weight_shape
        flat = np.reshape(matrix, (outputs, math.prod(self.weight_shape[2:]), channels))
        return np.reshape(np.swapaxes(flat, 1, 2), self.weight_shape)

    def columns(self, x: Any) -> Any:
        """(n, channels, *sides) → (groups, kernel · channels / groups, n · stops)."""
        padded: Any = np.zeros_like(x, order="C", shape=(x.shape[1], x.shape[0], *self.padded))
        padded[(..., *self.inner)] = np.swapaxes(x, 0, 1)
        seen = windows(padded, self.weight_shape[2:], self.stride, self.dilation)
        places, channels, n = seen.shape[0], self.weight_shape[1], math.prod((x.shape[0], *self.stops))
        grouped = np.reshape(seen, (places, self.groups, channels, n))
        return np.reshape(np.swapaxes(grouped, 0, 1), (self.groups, places * channels, n))

    def uncolumns(self, columns: Any) -> Any:
        """The adjoint of `columns`: what several columns share is added up."""
        _, channels, *kernel = self.weight_shape
        places, n = math.prod(kernel), columns.shape[-1] // math.prod(self.stops)
        grouped = np.swapaxes(np.reshape(columns, (self.groups, places, channels, columns.shape[-1])), 0, 1)
        seen = np.reshape(grouped, (places, self.groups * channels, n, *self.stops))
        padded = fold(seen, self.padded, tuple(kernel), self.stride, self.dilation)
        return np.swapaxes(padded[(..., *self.inner)], 0, 1)

    def flat(self, g: Any) -> Any:
        """(n, outputs, *stops) → (groups, outputs / groups, n · stops)."""
        n = math.prod((g.shape[0], *self.stops))
        return np.reshape(np.swapaxes(g, 0, 1), (self.groups, self.weight_shape[0] // self.groups, n))

    def unflat(self, flat: Any) -> Any:
        """The way back from `flat`."""
        n = flat.shape[-1] // math.prod(self.stops)
        return np.swapaxes(np.reshape(flat, (self.weight_shape[0], n, *self.stops)), 0, 1)


def _check(x_shape: Sides, weight_shape: Sides, groups: int) -> None:
    if len(x_shape) != len(weight_shape) or len(x_shape) < 3:
        axes = len(weight_shape) - 2
        raise ValueError(
            f"convolution got x of shape {x_shape} and a weight of shape {weight_shape}, so x must have {axes + 2} "
            f"axes: examples, channels, and {axes} that the kernel slides over. One example alone is a batch of one, "
            "x[None]; if there is only one channel, it still has an axis, x[:, None]."
        )
    outputs, channels, *_ = weight_shape
    if groups < 1 or outputs % groups:
        raise ValueError(f"convolution: {outputs} outputs cannot be cut into groups={groups} of equal size.")
    if x_shape[1] != channels * groups:
        raise ValueError(
            f"convolution got x of shape {x_shape}, which has {x_shape[1]} channels (axis 1), but its weight of shape "
            f"{weight_shape} with groups={groups} takes {channels * groups}. Make the layer for {x_shape[1]} channels, "
            "or, if the channels of x come last, write np.moveaxis(x, -1, 1)."
        )


def _pads(padding: Any, kernel: Sides, stride: Sides, dilation: Sides) -> list[tuple[int, int]]:
    """Zeros before and after, for each axis."""
    if padding == "same":
        if set(stride) != {1}:
            raise ValueError(f'padding="same" keeps the sides of x, which stride={stride} does not; give a number.')
        missing = [(k - 1) * d for k, d in zip(kernel, dilation)]
        return [(n // 2, n - n // 2) for n in missing]
    if isinstance(padding, str) and padding != "valid":
        raise ValueError(f'padding={padding!r}: it can be "same", "valid", or a whole number of at least 0.')
    return [(n, n) for n in per_axis("padding", 0 if padding == "valid" else padding, len(kernel), least=0)]


class _Convolution(Module):
    """What Conv1d and Conv2d share: all but the number of axes."""

    axes: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Setting,
        stride: Setting = 1,
        padding: Setting | str = 0,
        dilation: Setting = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        kernel = per_axis("kernel_size", kernel_size, self.axes)
        self.stride = per_axis("stride", stride, self.axes)
        self.dilation = per_axis("dilation", dilation, self.axes)
        (groups,) = per_axis("groups", groups, 1)
        self.padding, self.groups = padding, groups
        _pads(padding, kernel, self.stride, self.dilation)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{type(self).__name__}: in_channels={in_channels} and out_channels={out_channels} must both be "
                f"multiples of groups={groups}; for example groups={math.gcd(in_channels, out_channels)}."
            )
        rng = np.random.default_rng(rng)
        shape = (out_channels, in_channels // groups, *kernel)
        seen = math.prod(shape[1:])  # entries that an output is made from
        self.weight = Tensor(init.default(shape, seen, rng=rng), requires_grad=True)
        self.bias = Tensor(init.default((out_channels,), seen, rng=rng), requires_grad=True) if bias else None

    def forward(self, x: Any) -> Any:
        """x: (N, in_channels, *sides) → (N, out_channels, *stops). ValueError if x does not fit."""
        return convolution(as_array(x), self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def _describe(self) -> str:
        outputs, channels, *kernel = self.weight.shape
        usual = {"stride": (1,) * self.axes, "padding": 0, "dilation": (1,) * self.axes, "groups": 1}
        own = {name: getattr(self, name) for name, value in usual.items() if getattr(self, name) != value}
        own |= {} if self.bias is not None else {"bias": False}
        return ", ".join(map(str, (channels * self.groups, outputs, tuple(kernel)))) + "".join(
            f", {name}={value!r}" for name, value in own.items()
        )


class Conv1d(_Convolution):
    """A kernel that slides along signals; the formula is that of `convolution`.

    `weight` has shape (out_channels, in_channels / groups, kernel_size), `bias` (out_channels,), as PyTorch's; both
    start uniform in ±1/√n, n being the number of entries that an output is made from, as PyTorch's do.

    Args:
        in_channels: numbers that x has at each place; x has shape (N, in_channels, length).
        out_channels: numbers that the result has at each place; it has shape (N, out_channels, stops).
        kernel_size: how many neighbouring places the kernel sees.
        stride: steps from one stop of the kernel to the next.
        padding: zeros at either end; "same" for as many as keep the length, "valid" for none.
        dilation: steps between two neighbours in the kernel.
        groups: channels are cut into so many groups; an output sees only those of its own group.
        bias: whether to add a bias.
        rng: a NumPy Generator or a seed; the same seed gives the same weights.

    Raises:
        ValueError: a setting is no whole number, too small, or groups does not divide the channels.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> layer = tg.nn.Conv1d(2, 5, kernel_size=3, stride=2, rng=0)
        >>> layer(np.ones((10, 2, 9))).shape
        (10, 5, 4)
    """

    axes = 1


class Conv2d(_Convolution):
    """A kernel that slides over images; the formula is that of `convolution`.

    `weight` has shape (out_channels, in_channels / groups, height, width of the kernel), `bias` (out_channels,), as
    PyTorch's; both start uniform in ±1/√n, n being the number of entries that an output is made from, as PyTorch's do.

    Args:
        in_channels: numbers that x has at each pixel; x has shape (N, in_channels, height, width).
        out_channels: numbers that the result has at each stop; it has shape (N, out_channels, *stops).
        kernel_size: side of the kernel, or (height, width); a pair can be given for all that follow too.
        stride: steps from one stop of the kernel to the next.
        padding: zeros around the image; "same" for as many as keep its sides, "valid" for none.
        dilation: steps between two neighbours in the kernel.
        groups: channels are cut into so many groups; an output sees only those of its own group.
        bias: whether to add a bias.
        rng: a NumPy Generator or a seed; the same seed gives the same weights.

    Raises:
        ValueError: a setting is no whole number, too small, or groups does not divide the channels.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> layer = tg.nn.Conv2d(1, 8, kernel_size=3, padding=1, rng=0)
        >>> layer(np.ones((10, 1, 28, 28))).shape
        (10, 8, 28, 28)
    """

    axes = 2
