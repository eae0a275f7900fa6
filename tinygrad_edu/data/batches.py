"""Mini-batches: a few samples at a time, in another order every epoch."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tinygrad_edu.generators import load_generator

__all__ = ["Batches", "batches", "same_length", "samples"]


class Batches:
    """Pairs of a few inputs and their targets. Every `for` loop over it is one epoch, freshly shuffled.

    The order comes from its own generator, whose state it can save: a run that goes on from there, after a whole
    number of epochs, sees the batches that it would have seen.

    Args:
        x: inputs, samples along the first axis.
        y: targets, as many.
        batch_size: samples in a batch; the last one may be smaller.
        shuffle: whether to go through the samples in random order; otherwise batches are slices in the given order:
            views of your data, and so read-only.
        rng: a NumPy Generator or a seed; the same seed gives the same orders.
        drop_last: leave out the last batch if it is smaller.

    Raises:
        ValueError: there is not one target a sample, the batch size is not a whole number above 0, or there would be no
            batch at all.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> data = tg.data.batches(np.arange(10.0), np.arange(10), batch_size=4, rng=0)
        >>> [len(x) for x, y in data], len(data)
        ([4, 4, 2], 3)
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        batch_size: int,
        shuffle: bool = True,
        rng: np.random.Generator | int | None = None,
        drop_last: bool = False,
    ) -> None:
        self.x, self.y = same_length("batches", x, y)
        if not isinstance(batch_size, int | np.integer) or batch_size < 1:
            raise ValueError(f"batches: batch_size={batch_size!r} is not a whole number above 0; try 32.")
        self.batch_size = operator.index(batch_size)
        self.shuffle, self.drop_last = shuffle, drop_last
        self.rng = np.random.default_rng(rng)
        if not len(self):
            raise ValueError(
                f"batches: x of shape {self.x.shape} does not fill one batch of {batch_size}, and with drop_last=True "
                "what is smaller is left out. Take a smaller batch_size."
            )

    def __len__(self) -> int:
        """Batches in an epoch."""
        samples = len(self.x)
        return samples // self.batch_size if self.drop_last else -(-samples // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        order = self.rng.permutation(len(self.x)) if self.shuffle else None
        x, y = _read_only(self.x), _read_only(self.y)
        for k in range(len(self)):
            place = slice(k * self.batch_size, (k + 1) * self.batch_size)
            chosen = place if order is None else order[place]
            yield x[chosen], y[chosen]

    def state_dict(self) -> dict[str, Any]:
        """The state of the generator."""
        return {"rng": self.rng.bit_generator.state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned: the next epoch's order is the one that was to come next.

        Raises:
            ValueError: this is not the state of a generator of this kind; nothing was changed.
        """
        load_generator(self.rng, state.get("rng"))


batches = Batches  # called, it reads as what it gives


def same_length(name: str, x: Any, y: Any) -> tuple[Any, Any]:
    """Both as arrays; ValueError if there are no samples, or if they are not as many as the targets."""
    x, y = samples(x), samples(y)
    if not x.ndim or not y.ndim or len(x) != len(y):
        raise ValueError(
            f"{name}: x has shape {x.shape} and y {y.shape}; their first axes are the samples and must be equally long."
        )
    if not len(x):
        raise ValueError(f"{name}: there are no samples: x has shape {x.shape}.")
    return x, y


def samples(a: Any) -> Any:
    """Arrays that speak NumPy's protocols (NumPy's, Dask's, Tensors) as they are; anything else as a NumPy array.

    A table of pandas would look up labels where an array counts places.
    """
    return a if hasattr(type(a), "__array_function__") else np.asarray(a)


def _read_only(a: Any) -> Any:
    """The same memory; whoever writes to a slice of it would change the data of every epoch to come."""
    if isinstance(a, np.ndarray):
        a = a.view()
        a.flags.writeable = False
    return a
