"""Samples of Fourier transforms, of real and of complex arrays, with every option."""

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st

from tests.samples.base import Case, Sample
from tests.samples.linear_algebra import blend

norms = st.sampled_from([None, "backward", "ortho", "forward"])
some_shape = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4)
REAL_ONLY = (np.fft.rfft, np.fft.ihfft, np.fft.rfftn, np.fft.rfft2)
BACK_TO_REAL = (np.fft.irfft, np.fft.hfft, np.fft.irfftn, np.fft.irfft2)


def on_parts(draw, function, shape, **options):
    """The function of a real array, or of a complex one given as its two parts."""
    back = function in BACK_TO_REAL
    if function in REAL_ONLY or draw(st.booleans()):
        return Case(lambda x: function(x, **options) if back else blend(function(x, **options)), [shape])
    return Case(
        lambda x, y: function(x + 1j * y, **options) if back else blend(function(x + 1j * y, **options)), [shape] * 2
    )


@st.composite
def along_one(draw, function):
    shape = draw(some_shape)
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    # With n left out, a single entry would come back from the half spectrum as none at all.
    n = draw(st.none() | st.integers(1, 6)) if shape[axis] > 1 else draw(st.integers(1, 6))
    return on_parts(draw, function, shape, n=n, axis=axis, norm=draw(norms))


@st.composite
def along_several(draw, function):
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=3, min_side=2, max_side=3))
    n = len(shape)
    in_two = function.__name__.endswith("2")
    axes = draw(hnp.valid_tuple_axes(n, min_size=2, max_size=2 if in_two else n))
    s = draw(st.none() | st.lists(st.integers(1, 4) | st.just(-1), min_size=len(axes), max_size=len(axes)))
    options = {"s": s, "axes": axes, "norm": draw(norms)}
    if s is None and draw(st.booleans()):
        del options["axes"]
    return on_parts(draw, function, shape, **options)


@st.composite
def shifted(draw, function):
    shape = draw(some_shape)
    n = len(shape)
    axes = draw(st.one_of(st.none(), st.integers(-n, n - 1), hnp.valid_tuple_axes(n)))
    return Case(lambda x: function(x, axes), [shape])


ONE = (np.fft.fft, np.fft.ifft, np.fft.rfft, np.fft.irfft, np.fft.hfft, np.fft.ihfft)
IN_TWO = (np.fft.fft2, np.fft.ifft2, np.fft.rfft2, np.fft.irfft2)
SEVERAL = (np.fft.fftn, np.fft.ifftn, np.fft.rfftn, np.fft.irfftn)

SAMPLES = {function: [Sample(along_one(function))] for function in ONE}
SAMPLES |= {function: [Sample(along_several(function))] for function in IN_TWO + SEVERAL}
SAMPLES |= {function: [Sample(shifted(function))] for function in (np.fft.fftshift, np.fft.ifftshift)}
