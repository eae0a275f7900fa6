"""Linear algebra where it is awkward: singular, degenerate, huge, tiny, complex, several results, refused options."""

import math

import numpy as np
import pytest

import tinygrad_edu as tg
from tests.differences import assert_close, check_first, check_second, slopes
from tests.samples.linear_algebra import SUBSCRIPTS
from tinygrad_edu.rules.decompositions import places_among
from tinygrad_edu.rules.several import Parts

L = np.linalg
SINGULAR = [np.outer([1.0, 2, 3], [3, 1, 2]), np.zeros((2, 2)), np.array([[1.0, 2], [2, 4]]), np.zeros((1, 1))]


def gradient(call, *inputs):
    leaves = [tg.Tensor(x, requires_grad=True) for x in inputs]
    call(*leaves).backward()
    return leaves[0].grad if len(leaves) == 1 else [leaf.grad for leaf in leaves]


def cofactors(a):
    """By their definition: determinants of what is left without one row and one column."""
    n = len(a)
    rest = [[np.delete(np.delete(a, i, 0), j, 1) for j in range(n)] for i in range(n)]
    return np.array([[(-1) ** (i + j) * L.det(rest[i][j]) for j in range(n)] for i in range(n)])


# ---- determinants ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("a", SINGULAR, ids=["rank 1", "zero", "rank 1 of 2", "one by one"])
def test_det_of_a_singular_matrix_has_its_cofactors_as_gradient(a):
    np.testing.assert_allclose(gradient(L.det, a), cofactors(a), atol=1e-13)
    check_second(L.det, [a])


def test_det_in_a_stack_of_singular_and_regular_matrices():
    a = np.stack([np.outer([1.0, 2, 3], [3, 1, 2]), np.diag([1.0, 2, 0]), np.eye(3), np.zeros((3, 3))])
    np.testing.assert_allclose(gradient(lambda a: np.sum(L.det(a)), a), [cofactors(m) for m in a], atol=1e-13)
    check_second(lambda a: np.sum(L.det(a) ** 2 + L.det(a)), [a])


def test_third_derivative_of_det():
    """det of a diagonal matrix with one more entry: by hand, ∂³/∂a∂b∂c of abc is 1."""
    t = tg.Tensor(np.diag([2.0, 3, 5]), requires_grad=True)
    L.det(t).backward(create_graph=True)
    first, t.grad = t.grad, None
    first[0, 0].backward(create_graph=True)
    second, t.grad = t.grad, None
    np.testing.assert_allclose(second.data, np.diag([0.0, 5, 3]), atol=1e-14)
    second[1, 1].backward()
    np.testing.assert_allclose(t.grad, np.diag([0.0, 0, 1]), atol=1e-13)


def test_an_unselected_slogdet_gets_nothing_back():
    a = np.stack([np.zeros((2, 2)), np.diag([2.0, 4])])
    got = gradient(lambda a: np.sum(np.where(L.slogdet(a)[0] == 0, 0, L.slogdet(a)[1])), a)
    assert got.tolist() == [[[0, 0], [0, 0]], [[0.5, 0], [0, 0.25]]]
    assert np.isinf(gradient(lambda a: L.slogdet(a)[1], a[0])).all()


# ---- several results ---------------------------------------------------------------------------------------------
def regular(n=3):
    return np.random.default_rng(0).normal(size=(n, n)) / 4 + np.diag(np.arange(1.0, n + 1) * 3)


@pytest.mark.parametrize("function", [L.svd, L.eigh, L.eig, L.qr, L.slogdet], ids=lambda f: f.__name__)
def test_results_that_are_several_keep_their_type(function):
    plain, out = function(regular()), function(tg.Tensor(regular(), requires_grad=True))
    assert type(out) is type(plain)
    for name, a, b in zip(plain._fields, plain, out, strict=True):
        assert isinstance(b, tg.Tensor)
        assert b is getattr(out, name)
        np.testing.assert_array_equal(a, b.data)
        assert b.requires_grad
        assert b.shape == np.shape(a)
        assert not b.data.flags.writeable


def test_lstsq_gives_its_rank_as_a_constant():
    x, _, rank, s = L.lstsq(tg.Tensor(regular(), requires_grad=True), np.ones(3))
    assert x.requires_grad
    assert s.requires_grad
    assert not rank.requires_grad
    assert rank == 3


def test_results_that_are_several_without_a_gradient():
    out = L.svd(tg.Tensor(regular()))
    assert not any(part.requires_grad for part in out)
    with tg.no_grad():
        out = L.svd(tg.Tensor(regular(), requires_grad=True))
    assert not any(part.requires_grad for part in out)


USES = {
    "svd: all": lambda a: np.sum((lambda u, s, vh: (u * s**2) @ vh)(*L.svd(a))),
    "svd: u": lambda a: L.svd(a).U[0, 1],
    "svd: s": lambda a: np.sum(L.svd(a).S ** 3),
    "svd: u and vh": lambda a: np.sum((L.svd(a).U @ L.svd(a).Vh) ** 3),
    "eigh: w": lambda a: np.sum(L.eigh(a + a.T).eigenvalues ** 3),
    "eigh: v": lambda a: L.eigh(a + a.T).eigenvectors[1, 0],
    "eigh: both": lambda a: np.sum((lambda w, v: (v * np.exp(w / 9)) @ v.T)(*L.eigh(a + a.T))),
    "qr: q": lambda a: L.qr(a).Q[0, 1],
    "qr: r": lambda a: np.sum(L.qr(a)[1] ** 2 * np.arange(9).reshape(3, 3)),
    "qr: one result used twice": lambda a: (lambda q, r: np.sum(r * q + r[0] * r[1] + q[:, 1] * q[0]))(*L.qr(a)),
    "slogdet": lambda a: L.slogdet(a)[1] * L.slogdet(a)[0],
    "eig": lambda a: np.sum(L.eig(a)[1][0] ** 2 * L.eig(a)[0]),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_any_of_several_results_can_be_used(use):
    a = regular()
    assert_close([gradient(use, a)], slopes(use, a), "gradient")
    check_second(use, [a])
    assert gradient(use, a.astype(np.float32)).dtype == np.float32


def test_parts_add_up_and_are_zero_where_nothing_arrived():
    a, b = Parts({0: np.ones(2)}, ((2,), (3,)), np.float64), Parts({0: np.ones(2), 1: np.ones(3)}, ((2,), (3,)), float)
    first, second = a + b
    assert len(a) == 2
    assert first.tolist() == [2, 2]
    assert second.tolist() == [1, 1, 1]
    assert a[1].tolist() == [0, 0, 0]


# ---- values that are equal ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("values", [L.eigvalsh, lambda a: L.eigh(a)[0]], ids=["eigvalsh", "eigh"])
def test_equal_eigenvalues_have_the_gradient_of_their_sum(values):
    turn = L.qr(regular())[0]
    a = turn @ np.diag([1.0, 1.0, 4.0]) @ turn.T
    got = gradient(lambda a: np.sum(np.exp(values(a))), a)
    right = turn @ np.diag(np.exp([1.0, 1.0, 4.0])) @ turn.T  # of tr exp(a), for steps that keep a symmetric
    np.testing.assert_allclose(got + got.T, 2 * right, atol=1e-12)
    assert gradient(lambda a: np.sum(values(a)), np.eye(3)).tolist() == np.eye(3).tolist()


def test_a_vector_of_its_own_value_does_not_mind_others_being_equal():
    """The projector on the first of the values 1, 4, 4."""
    got = gradient(lambda a: L.eigh(a)[1][0, 0] ** 2 + L.eigh(a)[1][0, 0] * L.eigh(a)[1][1, 0], np.diag([1.0, 4, 4]))
    assert np.isfinite(got).all()
    np.testing.assert_allclose(got, [[0, 0, 0], [-1 / 3, 0, 0], [0, 0, 0]], atol=1e-15)


def test_equal_singular_values():
    assert gradient(lambda a: np.sum(L.svdvals(a)), np.eye(3)).tolist() == np.eye(3).tolist()
    assert gradient(lambda a: L.norm(a, "nuc"), np.eye(3)).tolist() == np.eye(3).tolist()
    np.testing.assert_allclose(gradient(lambda a: L.norm(a, 2), np.eye(2)), np.eye(2) / 2)  # a tie is shared


@pytest.mark.parametrize("values", [L.svdvals, lambda a: L.svd(a).S], ids=["svdvals", "svd"])
def test_a_singular_value_has_slope_zero_at_zero(values):
    assert gradient(lambda a: np.sum(values(a)), np.diag([2.0, 0.0])).tolist() == [[1, 0], [0, 0]]
    assert gradient(lambda a: np.sum(values(a)), np.zeros((2, 3))).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_eigenvalues_in_another_order_than_eig_has_them():
    """LAPACK may order them differently with and without vectors, as it does for large matrices."""
    w = np.array([3.0, 1.0, 1.0, 2.0 + 1j])
    assert sorted(places_among(w, w[::-1])) == [0, 1, 2, 3]
    assert w[::-1][places_among(w, w[::-1])].tolist() == w.tolist()
    a = np.random.default_rng(1).normal(size=(100, 100))
    weights = np.cos(np.arange(100))
    at = (17, 58)

    def loss(a):
        w = L.eigvals(a)
        return np.sum(np.real(w) ** 2 - np.imag(w)), np.sum(weights * np.real(w * np.conjugate(w)))

    got = gradient(lambda a: loss(a)[1], a)
    w, v = L.eig(a)
    back = L.inv(v)
    order = [np.argmin(abs(w - value)) for value in L.eigvals(a)]
    moved = np.array([back[k, at[0]] * v[at[1], k] for k in order])  # Δw = row of inv(v) · Δa · column of v
    assert got[at] == pytest.approx(np.sum(weights * 2 * np.real(np.conjugate(L.eigvals(a)) * moved)), rel=1e-8)


# ---- norms -------------------------------------------------------------------------------------------------------
LENGTHS = {
    "all": L.norm,
    "2": lambda x: L.norm(x, 2),
    "axis": lambda x: L.norm(x, axis=0),
    "3": lambda x: L.norm(x, 3),
    "inf": lambda x: L.norm(x, np.inf),
    "1": lambda x: L.norm(x, 1),
    "-inf": lambda x: L.norm(x, -np.inf),
    "vector_norm": L.vector_norm,
}


@pytest.mark.parametrize("length", LENGTHS.values(), ids=LENGTHS)
def test_a_norm_of_zeros_has_slope_zero(length):
    assert gradient(length, np.zeros(3)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("order", [None, "fro", "nuc", 1, 2, -2, np.inf])
def test_a_matrix_norm_of_zeros_has_slope_zero(order):
    assert gradient(lambda x: L.norm(x, order), np.zeros((2, 3))).tolist() == np.zeros((2, 3)).tolist()


def test_a_norm_of_nothing():
    assert gradient(L.norm, np.zeros(0)).shape == (0,)
    assert gradient(lambda x: np.sum(L.norm(x, axis=0)), np.zeros((0, 2))).shape == (0, 2)


@pytest.mark.parametrize("scale", [1e200, 1e-200, 1e300, 5e-324, 1.0])
@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_the_direction_is_right_however_large_or_small(scale, shape):
    x = np.reshape([3.0, -4.0], shape) * scale
    with np.errstate(over="ignore", under="ignore"):  # NumPy's own sum of squares
        got = gradient(L.norm, x), gradient(lambda x: np.sum(L.norm(x, axis=0)), x)
    for each in got:
        np.testing.assert_allclose(each, np.reshape([0.6, -0.8], shape), rtol=1e-15)


def test_a_cubic_norm_of_large_entries():
    with np.errstate(over="ignore"):
        got = gradient(lambda x: L.norm(x, 3), np.array([1e150, 2e150]))
    np.testing.assert_allclose(got, np.array([1, 4]) / 9 ** (2 / 3), rtol=1e-14)


def test_float32_norms_of_large_entries():
    with np.errstate(over="ignore"):
        got = gradient(L.norm, np.array([3e30, 4e30], np.float32))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize("order", [None, 1, 2, 3, 0.5, np.inf, -1])
def test_an_unselected_norm_gets_nothing_back(order):
    x = np.array([[np.inf, 1.0], [3.0, 4.0]])
    with np.errstate(invalid="ignore"):
        got = gradient(lambda x: np.sum(np.where([False, True], L.norm(x, order, axis=1), 0)), x)
    assert got[0].tolist() == [0, 0]
    np.testing.assert_allclose(got[1], gradient(lambda x: L.norm(x, order), x[1]), rtol=1e-14)


def test_ties_of_a_norm_are_shared():
    assert gradient(lambda x: L.norm(x, np.inf), np.array([2.0, -2.0, 1.0])).tolist() == [0.5, -0.5, 0]
    assert gradient(lambda x: L.norm(x, 1), np.array([[1.0, 1.0]])).tolist() == [[0.5, 0.5]]


def test_a_cusp_of_a_norm_gets_nothing():
    """(√|x| + √|y|)² grows with infinite slope to both sides of x = 0; beside it, it is |y|."""
    assert gradient(lambda x: L.norm(x, 0.5), np.array([0.0, -4.0])).tolist() == [0, -1]


def test_the_zero_norm_is_flat():
    assert gradient(lambda x: L.norm(x, 0), np.array([2.0, 0, 1])).tolist() == [0, 0, 0]


def test_cond_of_a_singular_matrix_is_infinite_as_numpy_says():
    a = tg.Tensor(np.zeros((2, 2)), requires_grad=True)
    assert L.cond(a).item() == np.inf == L.cond(a.data)


# ---- equations ---------------------------------------------------------------------------------------------------
def test_pinv_and_lstsq_of_a_matrix_without_full_rank():
    """Along a step that keeps the rank, here a rotation of the rows, the slope is right."""
    a, b = np.array([[1.0, 2], [2, 4], [3, 6]]), np.array([1.0, -1, 2])
    spin = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 0]])

    def turned(angle):
        c, s = math.cos(angle), math.sin(angle)
        return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ a

    weights = np.array([1.0, 3.0])
    (expected,) = slopes(lambda angle: weights @ L.lstsq(turned(angle), b)[0], np.array(0.0))
    for call in (lambda a: weights @ L.lstsq(a, b)[0], lambda a: weights @ (L.pinv(a) @ b)):
        assert np.sum(gradient(call, a) * (spin @ a)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("subscripts", "shapes"), [(first, rest) for first, *rest in SUBSCRIPTS], ids=str)
def test_every_idea_of_einsum(subscripts, shapes):
    """All of them: drawn examples come back to the first ones too often."""
    operands = [np.cos(k + np.arange(math.prod(shape))).reshape(shape) for k, shape in enumerate(shapes)]
    check_first(lambda *a: np.einsum(subscripts, *a), operands, [True] * len(operands))
    check_second(lambda *a: np.einsum(subscripts, *a), operands)


def test_lstsq_cuts_off_where_numpy_does():
    a = np.zeros((10, 2))
    a[0, 0], a[1, 1] = 1, 5 * np.finfo(float).eps  # NumPy's limit is 10 eps: the rank is 1
    assert L.lstsq(a, np.ones(10))[2] == 1
    assert gradient(lambda b: np.sum(L.lstsq(a, b)[0]), np.ones(10)).tolist() == [1] + 9 * [0]


def test_solve_of_empty_and_singular():
    assert gradient(lambda a: np.sum(L.solve(a, np.zeros((0, 2)))), np.zeros((0, 0))).shape == (0, 0)
    with pytest.raises(L.LinAlgError):
        L.solve(tg.Tensor(np.zeros((2, 2)), requires_grad=True), np.ones(2))


def test_plain_numbers_and_lists_beside_a_tensor():
    x = np.array([1.0, 2.0])
    assert gradient(lambda x: np.sum(np.inner(x, 3.0)), x).tolist() == [3, 3]
    assert gradient(lambda x: np.sum(np.tensordot(x, 3.0, axes=0)), x).tolist() == [3, 3]
    assert gradient(lambda x: np.sum(np.outer(x, [1, 2])), x).tolist() == [3, 3]
    assert gradient(lambda x: np.einsum("i,i,->", x, [1.0, 2.0], 2.0), x).tolist() == [2, 4]
    assert gradient(lambda x: L.multi_dot([[1.0, 2.0], [[1.0, 0.0], [0.0, 3.0]], x]), x).tolist() == [1, 6]
    assert gradient(lambda x: np.sum(np.kron([1.0, 2.0], x)), x).tolist() == [3, 3]
    assert gradient(lambda x: np.sum(L.solve([[2.0, 0.0], [0.0, 4.0]], x)), x).tolist() == [0.5, 0.25]


def test_matrix_rank_is_a_constant():
    assert L.matrix_rank(tg.Tensor(np.eye(3), requires_grad=True)) == 3


# ---- options that are refused ------------------------------------------------------------------------------------
A = np.arange(6.0).reshape(3, 2)
REFUSED = {
    "full svd of a tall matrix": (lambda a: np.sum(L.svd(a)[0]), A, "full_matrices=False"),
    "complete qr of a tall matrix": (lambda a: np.sum(L.qr(a, "complete")[0]), A, "mode='reduced'"),
    "raw qr": (lambda a: np.sum(L.qr(a, "raw")[0]), A, "mode='reduced'"),
    "hermitian svd": (lambda a: L.svd(a, hermitian=True)[1], A.T @ A, "hermitian"),
    "hermitian pinv": (lambda a: L.pinv(a, hermitian=True), A.T @ A, "hermitian"),
    "einsum dtype": (lambda a: np.einsum("ij->", a, dtype=complex), A, "dtype"),
    "einsum out": (lambda a: np.einsum("ij->i", a, out=np.zeros(3)), A, "out"),
    "multi_dot out": (lambda a: L.multi_dot([a, A.T], out=np.zeros((3, 3))), A, "out"),
    "outer out": (lambda a: np.outer(a, a, np.zeros((6, 6))), A, "out"),
    "trace dtype": (lambda a: L.trace(a, dtype=complex), A, "dtype"),
    "vectors of two": (lambda a: L.cross(a, a), A, "3 entries"),
    "einsum with too few operands": (lambda a: np.einsum("ij,jk", a), A, "2 operands"),
    "einsum with too many axes": (lambda a: np.einsum("ijk", a), A, "2 axes"),
    "einsum that forgets its dots": (lambda a: np.einsum("...j->j", a), A, "no '...'"),
    "outer of matrices": (lambda a: L.outer(a, a), A, "two vectors"),
    "tensorinv": (lambda a: L.tensorinv(a, 0), A, "ind is 0"),
}


@pytest.mark.parametrize(("call", "a", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_right_is_refused(call, a, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call(tg.Tensor(a, requires_grad=True)).backward()


def test_the_singular_values_of_a_full_svd_are_differentiable():
    assert_close(
        [gradient(lambda a: np.sum(L.svd(a + 1)[1] ** 3), A)], slopes(lambda a: np.sum(L.svd(a + 1)[1] ** 3), A), ""
    )


# ---- complex numbers ---------------------------------------------------------------------------------------------
def test_the_complex_gradient_is_that_of_the_convention():
    """L = |det z|²: ∂L/∂x - i ∂L/∂y = 2 conj(det) · cofactors."""
    z = regular() + 1j * regular().T
    d = L.det(z)
    got = gradient(lambda z: np.real(L.det(z) * np.conjugate(L.det(z))), z)
    np.testing.assert_allclose(got, 2 * np.conjugate(d) * d * L.inv(z).T, rtol=1e-12)


def test_complex_results_of_real_matrices():
    a = np.array([[0.0, 1, 0.3], [-1, 0.2, 0.5], [0.1, 0.4, 2]])
    assert L.eigvals(a).dtype == complex

    def loss(a):
        w, v = L.eig(a)
        return np.sum(np.real(w**3) + np.imag(w) ** 2 + np.real(v * np.conjugate(v)) @ np.arange(3))

    assert gradient(loss, a).dtype == float
    assert_close([gradient(loss, a)], slopes(loss, a), "gradient")
    check_second(loss, [a])
