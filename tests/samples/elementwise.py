"""Samples of the elementwise functions and of the methods of ufuncs."""

from functools import partial

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st

import tinygrad_edu as tg
from tests.samples import first
from tests.samples.base import Case, Sample, binary, some_axes, unary
from tinygrad_edu.rules import ufunc_methods
from tinygrad_edu.rules.complex_numbers import direction
from tinygrad_edu.rules.table import rows

whole = hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3)


def of_complex(function, low=-2, high=2):
    """A function of complex numbers as a real function of their real and imaginary parts."""

    def parts(x, y):
        result = function(x + 1j * y)
        return 2 * np.real(result) + 3 * np.imag(result)

    return binary(parts, low, high)


def with_narrow(function):
    """Of two inputs with a quotient between 1.2 and 1.9: nowhere near the next whole number."""
    return binary(lambda x, y: function(x / 2 + 7.5, y / 4 + 5)), binary(lambda x, y: function(x / 2 + 7.5, -y / 4 - 5))


def filled(value):
    return np.full_like(tg.Tensor([[1.0, 2.0]], dtype=value.dtype), value)


@st.composite
def chosen(draw):
    shapes = hnp.mutually_broadcastable_shapes(num_shapes=3, min_side=0, max_dims=2, max_side=3)
    index, *others = draw(shapes).input_shapes
    mode = draw(st.sampled_from(["raise", "wrap", "clip"]))
    index = draw(hnp.arrays(int, index, elements=st.integers(0, 1) if mode == "raise" else st.integers(-3, 3)))
    return Case(lambda *choices: np.choose(index, choices, mode=mode), others)


@st.composite
def selected(draw):
    one, two, *others = draw(hnp.mutually_broadcastable_shapes(num_shapes=4, min_side=0, max_dims=2)).input_shapes
    conditions = [draw(hnp.arrays(bool, one)), draw(hnp.arrays(bool, two))]
    if draw(st.booleans()):
        return Case(lambda x, y: np.select(conditions, [x, y]), others)
    return Case(lambda x, y: np.select(conditions, [x - y, 1.5], x + y), others)


@st.composite
def in_pieces(draw):
    shape = draw(some_axes)
    masks = [draw(hnp.arrays(bool, shape)) for _ in range(2)]
    functions = draw(st.sampled_from([[np.sin, np.exp], [np.sin, 3.0, np.exp], [np.cos, lambda v: v * v, 1]]))
    if draw(st.booleans()):
        return Case(lambda x: np.piecewise(x, masks, functions), [shape])
    return Case(lambda x: np.piecewise(x, masks[:1], functions[:2]), [shape])


@st.composite
def folded(draw, function):
    shape = draw(some_axes)
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    options = {"axis": axis, "keepdims": True} if draw(st.booleans()) else draw(st.sampled_from([{"axis": axis}, {}]))
    several = draw(st.sampled_from([{}, {"axis": None}, {"axis": tuple(range(len(shape)))}]))
    return Case(partial(function, **(options | several)), [shape])


@st.composite
def accumulated(draw, ufunc):
    shape = draw(some_axes)
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    return Case(partial(ufunc.accumulate, **draw(st.sampled_from([{}, {"axis": axis}]))), [shape])


@st.composite
def every_pair(draw, ufunc):
    call = ufunc.outer
    if ufunc is np.float_power:  # whose result is float64
        call = lambda x, y: np.float_power.outer(x, y).astype(x.dtype)
    return Case(call, [draw(whole), draw(whole)])


POWERS = [partial(lambda x, p: np.float_power(x, p).astype(x.dtype), p=p) for p in (0, 1, 2, 3, -1, 0.5, -1.5)]

SAMPLES = {
    np.float_power: [
        binary(lambda x, y: np.float_power(x, y).astype(np.result_type(x, y)), 0.5, 3),
        unary(*POWERS, low=0.5, high=3),
    ],
    np.power: [*first.SAMPLES[np.power], of_complex(lambda z: (z + 4) ** 2.5)],
    np.absolute: [unary(np.absolute), of_complex(np.absolute, 0.5, 3)],
    np.reciprocal: [unary(np.reciprocal, low=0.5, high=3), unary(np.reciprocal, low=-3, high=-0.5)],
    np.cbrt: [unary(np.cbrt, low=0.5, high=3), unary(np.cbrt, low=-3, high=-0.5)],
    np.fabs: [unary(np.fabs)],
    np.hypot: [binary(np.hypot, 0.5, 3), binary(np.hypot, -3, -0.5)],
    np.exp2: [unary(np.exp2)],
    np.log2: [unary(np.log2, low=0.5, high=3)],
    np.log10: [unary(np.log10, low=0.5, high=3)],
    np.logaddexp: [binary(np.logaddexp)],
    np.logaddexp2: [binary(np.logaddexp2)],
    np.arcsin: [unary(lambda x: np.arcsin(x / 2), low=-1.5, high=1.5)],
    np.arccos: [unary(lambda x: np.arccos(x / 2), low=-1.5, high=1.5)],
    np.arctan: [unary(np.arctan), of_complex(lambda z: np.arctan(z / 4))],
    np.arctan2: [binary(np.arctan2, 0.5, 3), binary(np.arctan2, -3, -0.5)],
    np.sinh: [unary(np.sinh)],
    np.cosh: [unary(np.cosh)],
    np.arcsinh: [unary(np.arcsinh), of_complex(lambda z: np.arcsinh(z / 4))],
    np.arccosh: [unary(np.arccosh, low=1.5, high=4)],
    np.arctanh: [unary(lambda x: np.arctanh(x / 2), low=-1.5, high=1.5)],
    **{f: [unary(f)] for f in (np.deg2rad, np.rad2deg, np.radians, np.degrees)},
    np.unwrap: [
        unary(
            lambda x: np.unwrap(4 * x) if x.ndim else x + 0,
            lambda x: np.unwrap(4 * x, axis=0, period=3.3) if x.ndim else x + 0,
            lambda x: np.unwrap(4 * x, discont=3.5) if x.ndim else x + 0,
            low=-1,
            high=1,
        )
    ],
    np.sinc: [unary(np.sinc), unary(np.sinc, low=-8, high=8)],
    np.i0: [unary(np.i0)],
    np.remainder: [*with_narrow(np.remainder)],
    np.fmod: [*with_narrow(np.fmod)],
    np.divmod: [*with_narrow(lambda x, y: np.divmod(x, y)[1] + 2 * np.divmod(x, y)[0])],
    np.modf: [unary(lambda x: np.modf(x)[0] + 2 * np.modf(x)[1])],
    np.frexp: [unary(lambda x: np.frexp(x)[0], low=0.5, high=3)],
    np.ldexp: [unary(lambda x: np.ldexp(x, 3), lambda x: np.ldexp(x, np.reshape([-2, 1], (2, 1, 1, 1))))],
    np.copysign: [unary(lambda x: np.copysign(x, -2.0), lambda x: np.copysign(x, x))],
    np.heaviside: [unary(lambda y: np.heaviside(np.array([-1, 0, 0.5], y.dtype).reshape(3, 1, 1, 1), y))],
    np.nextafter: [unary(lambda x: np.nextafter(x, 5), lambda x: np.nextafter(x, -5))],
    np.fmax: [binary(np.fmax)],
    np.fmin: [binary(np.fmin)],
    np.clip: [
        *first.SAMPLES[np.clip],
        *(
            [
                unary(partial(np.clip, min=-1, max=1), partial(np.clip, max=0.5)),
                binary(lambda x, y: np.clip(x, min=y)),
                binary(lambda x, y: np.clip(x, min=-1, max=y)),
            ]
            if hasattr(np, "unstack")  # NumPy 2.1
            else []
        ),
    ],
    np.conjugate: [unary(np.conjugate), of_complex(lambda z: np.conjugate(z) * z * z)],
    np.real: [unary(np.real), of_complex(np.conjugate)],
    np.imag: [of_complex(lambda z: z * z)],
    np.angle: [of_complex(lambda z: np.angle(z / 8 + 2)), of_complex(lambda z: np.angle(z / 8 + 2, deg=True))],
    np.sign: [of_complex(np.sign, 0.5, 3)],
    direction: [of_complex(direction, 0.5, 3)],
    np.real_if_close: [unary(np.real_if_close), of_complex(np.real_if_close)],
    np.nan_to_num: [unary(np.nan_to_num), of_complex(np.nan_to_num)],
    np.full_like: [Sample(st.just(Case(filled, [()])))],
    np.select: [Sample(selected())],
    np.choose: [Sample(chosen())],
    np.piecewise: [Sample(in_pieces())],
    ufunc_methods.extreme: [
        binary(lambda x, y: ufunc_methods.extreme(x, y, 0.25, np.maximum)),
        binary(lambda x, y: ufunc_methods.extreme(x, y, 0.25, np.fmin)),
    ],
}
for function in (np.fmax, np.fmin, np.logaddexp, np.logaddexp2, np.hypot):
    SAMPLES[getattr(ufunc_methods, f"{function.__name__}_reduce")] = [
        Sample(folded(getattr(ufunc_methods, f"{function.__name__}_reduce")), low=0.5, high=3)
    ]
for ufunc, method in [key for key in rows() if isinstance(key, tuple)]:
    if method == "outer":
        like = (SAMPLES | first.SAMPLES).get(ufunc, [Sample(st.nothing())])[0]
        SAMPLES[ufunc, method] = [Sample(every_pair(ufunc), like.low, like.high)]
    elif method == "reduce":
        SAMPLES[ufunc, method] = [Sample(folded(ufunc.reduce), low=0.5, high=3)]
    else:
        SAMPLES[ufunc, method] = [Sample(accumulated(ufunc), low=0.5, high=3)]
SAMPLES |= {
    (np.ldexp, "outer"): [unary(lambda x: np.ldexp.outer(x, [[-2], [1]]))],
    (np.nextafter, "outer"): [unary(lambda x: np.nextafter.outer(x, np.array([5, -5], x.dtype)))],
    (np.heaviside, "outer"): [unary(lambda y: np.heaviside.outer(np.array([-1, 0, 2], y.dtype), y))],
    (np.copysign, "outer"): [unary(lambda x: np.copysign.outer(x, np.array([5, -5], x.dtype)))],
    (np.remainder, "outer"): with_narrow(np.remainder.outer),
    (np.fmod, "outer"): with_narrow(np.fmod.outer),
}
