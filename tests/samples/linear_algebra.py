"""Samples of linear algebra: products of every kind, inverses, determinants, norms, decompositions."""

import math
from functools import partial

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st

from tests.samples.base import Case, Sample
from tinygrad_edu.rules import linear_algebra, products

L = np.linalg
side = st.integers(0, 3)
some_side = st.integers(1, 3)


def apart(x):
    """Entries of both signs, none near 0, and no two sums of rows or columns alike."""
    count = math.prod(x.shape)
    return x + np.reshape((3 + 3 * np.arange(count)) * (-1) ** np.arange(count), x.shape).astype(x.dtype)


def well(x, gap=8):
    """Matrices with singular values, and eigenvalues, of their own: near gap, 2 gap, 3 gap."""
    return x + np.eye(*x.shape[-2:], dtype=x.dtype) * (gap * np.arange(1, x.shape[-1] + 1)).astype(x.dtype)


def positive(x):
    """Symmetric, with positive eigenvalues."""
    return well(x + np.swapaxes(x, -1, -2))


def flat(*arrays):
    return np.concatenate([np.ravel(a) for a in arrays])


def blend(z):
    """One real array of a complex one, in which both parts count."""
    return np.real(z) + 0.5 * np.imag(z)


def squares(z):
    """|z|², which does not depend on the phase."""
    return np.real(z * np.conjugate(z))


def complexed(function):
    """The function of a complex array, given as its two parts; in what it returns both parts count."""
    return lambda x, y: blend(function(x + 1j * y))


@st.composite
def square(draw, *calls, sides=side, inputs=1):
    """Square matrices or stacks of them; as many alike as the call takes."""
    n = draw(sides)
    return Case(draw(st.sampled_from(calls)), [(*draw(st.sampled_from([(), (2,)])), n, n)] * inputs)


@st.composite
def any_matrix(draw, *calls, sides=some_side, inputs=1):
    shape = (*draw(st.sampled_from([(), (2,)])), draw(sides), draw(sides))
    return Case(draw(st.sampled_from(calls)), [shape] * inputs)


@st.composite
def of_shapes(draw, function, *several):
    return Case(function, list(draw(st.sampled_from(several))))


def small(cases, apart=1 / 16):
    """Inputs that leave a matrix made by `well` well-conditioned."""
    return Sample(cases, low=-1, high=1, apart=apart)


@st.composite
def equations(draw):
    n, k = draw(side), draw(side)
    a, b = draw(st.sampled_from([((n, n), (n,)), ((n, n), (n, k)), ((2, n, n), (n, k)), ((n, n), (2, n, k))]))
    if draw(st.booleans()) and len(b) == 1:
        a = (2, n, n)
    return Case(lambda a, b: L.solve(well(a), b), [a, b])


@st.composite
def least_squares(draw):
    m, n = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    which = draw(st.sampled_from([(0,), (1,), (3,), (0, 1, 3)]))
    rcond = draw(st.sampled_from([None, 1e-3, -1]))

    def call(a, b):
        out = L.lstsq(well(a), b, rcond)
        return flat(*[out[k] for k in which])

    return Case(call, [(m, n), draw(st.sampled_from([(m,), (m, 2)]))])


# As many subscripts as np.einsum has ideas: (subscripts, shapes of the operands).
SUBSCRIPTS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 2)),  # no output: letters that occur once, in order
    ("ba", (2, 3)),
    ("ba,cb", (2, 3), (2, 2)),
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("ij->", (3, 2)),
    ("ij->j", (0, 2)),
    ("i,j,k->kij", (2,), (3,), (2,)),
    ("ij,ij,ij->i", (3, 2), (3, 2), (3, 2)),
    ("iij,kk->jk", (2, 2, 3), (2, 2)),
    ("ijij->ij", (2, 3, 2, 3)),
    ("ij,k->i", (2, 3), (4,)),
    ("...ij,...jk->...ik", (2, 3, 4), (4, 2)),
    ("...ij,...jk", (2, 1, 3, 2), (3, 2, 2)),
    ("i...,i...->...", (3, 2), (3, 2)),
    ("...->...", (2, 3)),
    ("...,...", (), (2, 3)),
    (",i->i", (), (3,)),
    ("ij,jk->ik", (3, 1), (4, 2)),  # a side of 1 is repeated
    ("i,i", (1,), (3,)),
    ("ii,i->i", (1, 1), (3,)),
    (" i j , j -> i ", (2, 3), (3,)),
]
LISTS = [
    (lambda a, b: np.einsum(a, [0, 1], b, [1, 2]), (2, 3), (3, 2)),
    (lambda a, b: np.einsum(a, [1, 30], b, [30, 2], [2, 1]), (2, 3), (3, 2)),
    (lambda a, b: np.einsum(a, [..., 1], b, [1, ...], [..., 1]), (2, 3), (3, 2)),
]


@st.composite
def einsums(draw):
    if draw(st.integers(0, 4)) == 0:
        call, *several = draw(st.sampled_from(LISTS))
        return Case(call, several)
    subscripts, *several = draw(st.sampled_from(SUBSCRIPTS))
    optimize = draw(st.sampled_from([False, True, "greedy"]))
    return Case(lambda *operands: np.einsum(subscripts, *operands, optimize=optimize), several)


def contraction(i):
    a, b = [(2, 3), (3, 2)]
    return Case(lambda x, y: products.contract([x, y], "ij,jk->ki", False), [a, b])


@st.composite
def tensordots(draw, function):
    k, m = draw(side), draw(side)
    axes, a, b = draw(
        st.sampled_from(
            [
                (0, (2, k), (m,)),
                (1, (2, k), (k, m)),
                (2, (m, 2, k), (2, k)),
                (([0], [1]), (k, m), (2, k)),
                (([2, 0], [0, -1]), (2, m, k), (k, m, 2)),
                (((0, 1), (1, 0)), (m, k), (k, m)),
                ((0, 0), (k, m), (k,)),
            ]
        )
    )
    return Case(partial(function, axes=axes), [a, b])


CROSSES = [
    ({}, (3,), (3,)),
    ({}, (2, 3), (3,)),
    ({"axis": 0}, (3, 2), (3, 2)),
    ({"axisa": 0}, (3, 2), (4, 2, 3)),
    ({"axisa": 0, "axisb": -1, "axisc": 0}, (3, 2), (2, 3)),
    ({"axisb": 1, "axisc": 1}, (2, 2, 3), (2, 3, 2)),
]
CHAINS = [
    [(2, 3), (3, 1)],
    [(3,), (3, 2), (2, 4), (4,)],
    [(2, 3), (3, 1), (1, 3)],
    [(3,), (3,)],
    [(2, 0), (0, 2), (2, 1)],
    [(3,), (3, 2)],
    [(1, 4), (4, 2), (2, 3), (3,)],
]
PINVS = [{}, {"rcond": 1e-3}, {"rtol": 1e-3}]
KRONS = [[(3,), (2,)], [(2, 3), (2, 2)], [(2,), (3, 1, 2)], [(), (2,)], [(2, 0), (2,)]]
VECDOTS = [[(3,), (3,)], [(2, 3), (3,)], [(2, 1, 3), (2, 3)], [(0,), (0,)]]


@st.composite
def norms(draw):
    """np.linalg.norm: every order, over one axis, two, or all."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=3))
    n = len(shape)
    axis = draw(st.one_of(st.none(), st.integers(-n, n - 1), hnp.valid_tuple_axes(n, min_size=1, max_size=min(n, 2))))
    count = n if axis is None else len(axis) if isinstance(axis, tuple) else 1
    orders = {
        1: [None, 2, 1, 3, 2.5, 0.5, -1, -1.5, math.inf, -math.inf, 0],
        2: [None, "fro", 1, -1, math.inf, -math.inf],
    }
    order = draw(st.sampled_from(orders.get(count, [None])))
    options = {"ord": order, "axis": axis, "keepdims": draw(st.booleans())}
    return Case(lambda x: L.norm(apart(x), **options), [shape])


@st.composite
def spectral_norms(draw):
    shape, axis = draw(st.sampled_from([((2, 3), None), ((3, 2), (0, 1)), ((2, 2, 3), (-2, -1)), ((3, 2), (1, 0))]))
    options = {"ord": draw(st.sampled_from([2, -2, "nuc"])), "axis": axis, "keepdims": draw(st.booleans())}
    return Case(lambda x: L.norm(well(x), **options), [shape])


@st.composite
def complex_norms(draw):
    options = draw(
        st.sampled_from([{}, {"axis": 0}, {"axis": 1, "ord": 3}, {"axis": 0, "ord": math.inf}, {"ord": 1}])
        | st.sampled_from([{"ord": "nuc"}, {"ord": 2}, {"ord": "fro", "keepdims": True}, {"axis": 0, "ord": 1}])
    )
    return Case(lambda x, y: L.norm(well(x) + 1j * apart(y), **options), [(2, 3), (2, 3)])


@st.composite
def vector_norms(draw):
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=3))
    n = len(shape)
    axis = draw(st.one_of(st.none(), st.integers(-n, n - 1), hnp.valid_tuple_axes(n, min_size=1)))
    options = {"axis": axis, "keepdims": draw(st.booleans()), "ord": draw(st.sampled_from([2, 1, 3, math.inf]))}
    return Case(lambda x: L.vector_norm(apart(x), **options), [shape])


def picked(function, *which):
    """Some of the arrays that a function returns, as one."""

    def call(a):
        out = function(a)
        return flat(*[out[k] for k in which])

    return call


def upper(a):
    return L.cholesky(a, upper=True)


def gram(z):
    """A Hermitian matrix with positive eigenvalues of their own."""
    return well(z @ np.swapaxes(np.conjugate(z), -1, -2))


# LAPACK may give a vector the other sign after a small step, so the samples ask for what does not depend on signs.
def of_svd(a, **options):
    u, s, vh = L.svd(well(a), **options)
    return s, squares(u), squares(vh), (u * np.expand_dims(s**2, -2)) @ vh, u @ vh


thin = partial(of_svd, full_matrices=False)


def of_eigh(a, **options):
    w, v = L.eigh(well(a), **options)
    return w, squares(v), (v * np.expand_dims(np.exp(w / 9), -2)) @ np.swapaxes(np.conjugate(v), -1, -2)


def of_eig(a):
    w, v = L.eig(well(a))
    return w, squares(v), v[..., :1, :] * np.conjugate(v) * np.expand_dims(w, -2)


OFFSETS = [partial(lambda x, f, k: f(x, offset=k), k=k) for k in (-9, -1, 0, 1, 2)]
ORDERS = (None, 2, -2, 1, -1, math.inf, -math.inf, "fro", "nuc")
CONDS = [partial(lambda x, p: L.cond(well(x), p), p=p) for p in ORDERS]
MATRIX_NORMS = [partial(lambda x, p, k: L.matrix_norm(well(x), ord=p, keepdims=k), p=p, k=p == 1) for p in ORDERS[1:]]
POWERS = [partial(lambda a, n: L.matrix_power(well(a, 1), n), n=n) for n in (-3, -1, 0, 1, 2, 3, 4, 5, 6)]
NEGATIVE = [partial(lambda a, n: L.matrix_power(well(a), n), n=n) for n in (-3, -2, -1)]

SAMPLES = {
    np.vdot: [
        Sample(of_shapes(np.vdot, [(3,), (3,)], [(2, 3), (3, 2)], [(), ()], [(0,), (0,)])),
        Sample(of_shapes(lambda a, b, c, d: blend(np.vdot(a + 1j * b, c + 1j * d)), [(2, 2)] * 4)),
    ],
    np.inner: [
        Sample(of_shapes(np.inner, [(3,), (3,)], [(2, 3), (4, 3)], [(2, 2, 3), (3,)], [(2, 3), (2, 2, 3)], [(), (2,)]))
    ],
    np.outer: [Sample(of_shapes(np.outer, [(3,), (2,)], [(2, 3), (2, 2)], [(), (2,)], [(0,), (2,)]))],
    np.tensordot: [Sample(tensordots(np.tensordot))],
    np.kron: [
        Sample(of_shapes(np.kron, [(3,), (2,)], [(2, 3), (2, 2)], [(2,), (3, 1, 2)], [(), (2,)], [(2, 0), (2,)]))
    ],
    np.cross: [Sample(of_shapes(partial(np.cross, **options), several)) for options, *several in CROSSES],
    np.einsum: [
        Sample(einsums()),
        Sample(of_shapes(lambda a, b, c: blend(np.einsum("ij,jk->ki", a + 1j * b, c)), [(2, 3), (2, 3), (3, 2)])),
    ],
    products.contract: [Sample(st.builds(contraction, side))],
    np.vecdot: [
        Sample(of_shapes(np.vecdot, *VECDOTS)),
        Sample(of_shapes(lambda a, b, c, d: blend(np.vecdot(a + 1j * b, c + 1j * d)), [(2, 2)] * 4)),
    ],
    L.multi_dot: [Sample(of_shapes(lambda *arrays: L.multi_dot(arrays), *CHAINS))],
    L.outer: [Sample(of_shapes(L.outer, [(3,), (2,)]))],
    L.cross: [
        Sample(of_shapes(L.cross, [(2, 3), (3,)])),
        Sample(of_shapes(lambda a, b: L.cross(a, b, axis=0), [(3, 2), (3, 2)])),
    ],
    L.matmul: [Sample(of_shapes(L.matmul, [(2, 3), (3, 2)], [(2, 2, 3), (3,)]))],
    L.tensordot: [Sample(tensordots(L.tensordot))],
    L.vecdot: [
        Sample(of_shapes(L.vecdot, *VECDOTS)),
        Sample(of_shapes(lambda a, b: L.vecdot(a, b, axis=0), [(3, 2), (3, 2)])),
        Sample(of_shapes(lambda a, b, c, d: blend(L.vecdot(a + 1j * b, c + 1j * d)), [(2, 2)] * 4)),
    ],
    L.matrix_power: [small(square(*POWERS[2:])), small(square(*NEGATIVE))],
    L.inv: [small(square(lambda a: L.inv(well(a)))), small(square(complexed(lambda z: L.inv(well(z))), inputs=2))],
    L.solve: [
        small(equations()),
        small(square(complexed(lambda z: L.solve(well(z), z * 1j + 1)), inputs=2)),
    ],
    L.pinv: [
        small(
            any_matrix(lambda a: L.pinv(well(a)), lambda a: L.pinv(well(a), 1e-3), lambda a: L.pinv(well(a), rtol=0.1))
        ),
        small(any_matrix(complexed(lambda z: L.pinv(well(z))), inputs=2)),
    ],
    L.lstsq: [
        small(least_squares()),
        small(of_shapes(lambda a, b, c: blend(L.lstsq(well(a) + 1j * b, c + 0j)[0]), [(3, 2), (3, 2), (3,)])),
    ],
    L.tensorsolve: [
        small(of_shapes(lambda a, b: L.tensorsolve(np.reshape(well(a), (2, 2, 4)), b), [(4, 4), (2, 2)])),
        small(
            of_shapes(
                lambda a, b: L.tensorsolve(np.moveaxis(np.reshape(well(a), (4, 2, 2)), 1, 0), b, axes=(0, 2)),
                [(4, 4), (4,)],
            )
        ),
    ],
    L.tensorinv: [
        small(of_shapes(lambda a: L.tensorinv(np.reshape(well(a), (2, 3, 6))), [(6, 6)]), apart=1 / 32),
        small(of_shapes(lambda a: L.tensorinv(np.reshape(well(a), (4, 2, 2)), ind=1), [(4, 4)])),
    ],
    L.det: [Sample(square(L.det)), Sample(square(complexed(L.det), inputs=2))],
    linear_algebra.cofactor: [Sample(square(linear_algebra.cofactor))],
    linear_algebra.cofactor_slope: [
        small(square(lambda h, a: linear_algebra.cofactor_slope(h, well(a)), sides=some_side, inputs=2))
    ],
    L.slogdet: [
        small(square(lambda a: L.slogdet(well(a))[1])),
        small(square(complexed(lambda z: L.slogdet(well(z, 2 + 1j))[0]), sides=some_side, inputs=2)),
        small(square(complexed(lambda z: L.slogdet(well(z, 2 + 1j))[1]), sides=some_side, inputs=2)),
    ],
    L.trace: [Sample(any_matrix(*[partial(call, f=L.trace) for call in OFFSETS]))],
    L.diagonal: [Sample(any_matrix(*[partial(call, f=L.diagonal) for call in OFFSETS]))],
    L.matrix_transpose: [Sample(any_matrix(L.matrix_transpose, sides=side))],
    L.norm: [Sample(norms(), -1, 1), small(spectral_norms()), small(complex_norms())],
    L.vector_norm: [Sample(vector_norms(), -1, 1)],
    L.matrix_norm: [small(of_shapes(call, [(2, 3)], [(2, 2, 2)])) for call in MATRIX_NORMS],
    L.cond: [small(square(*CONDS, sides=some_side))],
    L.cholesky: [
        small(square(lambda a: L.cholesky(positive(a)), lambda a: upper(positive(a)))),
        small(square(lambda a: L.cholesky(well(a)), lambda a: upper(well(a)))),  # reads only one triangle
        small(square(complexed(lambda z: L.cholesky(gram(z))), complexed(lambda z: upper(gram(z))), inputs=2)),
    ],
    L.qr: [
        small(any_matrix(*[picked(lambda a: L.qr(well(a)), *which) for which in [(0,), (1,), (0, 1)]])),
        small(any_matrix(lambda a: L.qr(well(a), "r"))),
        small(square(picked(lambda a: L.qr(well(a), mode="complete"), 0, 1))),
        small(any_matrix(complexed(lambda z: L.qr(well(z))[0]), complexed(lambda z: L.qr(well(z))[1]), inputs=2)),
    ],
    L.svd: [
        small(any_matrix(*[picked(thin, *which) for which in [(0,), (1,), (2,), (3,), (0, 3, 4)]])),
        small(any_matrix(lambda a: L.svd(well(a))[1], lambda a: L.svd(well(a), compute_uv=False))),
        small(square(picked(of_svd, 1, 2, 3))),
        small(any_matrix(*[lambda x, y, k=k: blend(thin(x + 1j * y)[k]) for k in range(5)], inputs=2)),
    ],
    L.svdvals: [small(any_matrix(lambda a: L.svdvals(well(a))))],
    L.eigh: [
        small(square(*[picked(of_eigh, *which) for which in [(0,), (1,), (2,), (0, 1)]], sides=some_side)),
        small(square(picked(partial(of_eigh, UPLO="U"), 0, 1, 2), sides=some_side)),
        small(square(*[lambda x, y, k=k: blend(of_eigh(x + 1j * y)[k]) for k in range(3)], inputs=2)),
    ],
    L.eigvalsh: [
        small(square(lambda a: L.eigvalsh(well(a)), lambda a: L.eigvalsh(well(a), UPLO="U"))),
        small(square(lambda x, y: L.eigvalsh(well(x + 1j * y)), inputs=2)),
    ],
    L.eig: [
        small(square(*[picked(of_eig, *which) for which in [(0,), (1,), (2,), (0, 1)]], sides=some_side)),
        small(square(*[lambda x, y, k=k: blend(of_eig(x + 1j * y)[k]) for k in range(3)], inputs=2)),
    ],
    L.eigvals: [
        small(square(lambda a: L.eigvals(well(a)), sides=some_side)),
        small(square(complexed(lambda z: L.eigvals(well(z))), inputs=2)),
    ],
}
if hasattr(np, "matvec"):  # NumPy 2.2
    SAMPLES[np.matvec] = [Sample(of_shapes(np.matvec, [(2, 3), (3,)], [(2, 2, 3), (3,)], [(2, 3), (4, 3)]))]
    SAMPLES[np.vecmat] = [
        Sample(of_shapes(np.vecmat, [(3,), (3, 2)], [(2, 3), (3, 2)], [(3,), (2, 3, 2)])),
        Sample(of_shapes(lambda a, b, c, d: blend(np.vecmat(a + 1j * b, c + 1j * d)), [(2,), (2,), (2, 3), (2, 3)])),
    ]
