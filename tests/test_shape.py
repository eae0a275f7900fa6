"""Rearranging, joining, splitting, padding, selecting and sorting at their awkward points, and what is refused."""

import time

import numpy as np
import pytest

import tinygrad_edu as tg
from tests.differences import slopes, weights_for
from tinygrad_edu.rules.indexing import scatter_add

A = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]])


def leaf(value, **kwargs):
    return tg.Tensor(value, requires_grad=True, **kwargs)


def gradient(call, x, seed=None):
    t = leaf(x)
    out = call(t)
    out.backward(weights_for(out.shape) if seed is None else seed)
    return t.grad


def check_against_differences(call, x):
    expected = slopes(lambda x: np.sum(weights_for(call(x).shape) * call(x)), x)[0]
    np.testing.assert_allclose(gradient(call, x), expected, atol=1e-9)


# ---- joining -----------------------------------------------------------------------------------------------------
def test_aliases_of_numpy_2_are_the_same_functions():
    assert np.concat([leaf(A), A]).shape == (4, 3)
    assert np.permute_dims(leaf(A), [1, 0]).shape == (3, 2)


def test_a_tensor_is_a_sequence_of_its_rows():
    for function in (np.concatenate, np.vstack, np.hstack, np.column_stack, np.dstack):
        t = leaf(A)
        out = function(t)
        np.testing.assert_array_equal(out.data, function(A))
        out.backward(np.ones(out.shape))
        np.testing.assert_array_equal(t.grad, np.ones(A.shape))


def test_joining_python_numbers_keeps_numpys_dtypes():
    small = np.array([1.0, 2.0], np.float32)
    for call in (
        lambda a: np.concatenate([a, 3.0], axis=None),
        lambda a: np.append(a, 3.0),
        lambda a: np.hstack([a, [3.0]]),
        lambda a: np.block([a, 3.0]),
        lambda a: np.insert(a, 1, 3.0),
    ):
        plain, out = call(small), call(leaf(small))
        np.testing.assert_array_equal(out.data, plain, strict=True)
        assert gradient(call, small).dtype == np.float32


def test_time_to_join_thousands_grows_with_their_number_and_not_with_its_square():
    def seconds(number):
        pieces = [leaf([1.0]) for _ in range(number)]
        start = time.perf_counter()
        np.concatenate(pieces).backward(np.ones(number))
        taken = time.perf_counter() - start
        assert all(piece.grad == 1 for piece in pieces)
        return taken

    few = min(seconds(500) for _ in range(3))
    many = min(seconds(8000) for _ in range(3))
    assert many < 16 * few * 6  # the square would be 256


def test_what_cannot_be_joined_is_numpys_error():
    with pytest.raises(ValueError, match="zero-dimensional arrays cannot be concatenated"):
        np.concatenate([leaf(1.0), leaf(2.0)])
    with pytest.raises(ValueError, match="axis 2 is out of bounds"):
        np.concatenate([leaf(A), A], axis=2)
    with pytest.raises(ValueError, match="nested equally deep"):
        np.block([[leaf(A)], leaf(A)])
    with pytest.raises(ValueError, match="not tuples"):
        np.block([leaf(A), (A, A)])
    with pytest.raises(TypeError, match="silently lose"):
        np.vstack([leaf(1.0), [leaf(1.0)]])


def test_inserting_values_of_every_shape():
    for obj, values, axis in (
        (1, 9.0, None),
        (-1, [7.0, 8.0, 9.0], None),
        (2, np.arange(2.0), 1),
        (1, np.arange(6.0).reshape(2, 3), 0),
        ([1], np.arange(4.0).reshape(2, 2), 1),
        ([0, 2], np.arange(4.0).reshape(2, 2), 1),
        (slice(None, None, 2), 9.0, 1),
    ):
        values = np.array(values)
        check_against_differences(lambda a, o=obj, v=values, k=axis: np.insert(a, o, v, k), A)
        check_against_differences(
            lambda v, o=obj, k=axis: np.insert(A if isinstance(v, np.ndarray) else leaf(A), o, v, k), values
        )


# ---- taking apart ------------------------------------------------------------------------------------------------
def test_a_part_that_is_not_used_gets_zeros():
    t = leaf(np.arange(4.0))
    np.sum(np.split(t, 2)[1] ** 2).backward()
    assert t.grad.tolist() == [0, 0, 4, 6]


def test_split_by_a_list_by_position():
    t = leaf(np.arange(4.0))
    first, second, third = np.split(t, [1, 3], 0)
    (np.sum(first) + 10 * np.sum(second) + 100 * np.sum(third)).backward()
    assert t.grad.tolist() == [1, 10, 10, 100]
    assert len(np.split(leaf(A), [], 0)) == 1


def test_pieces_that_overlap_share_what_arrives():
    t = leaf(np.arange(4.0))
    pieces = np.split(t, [3, 1])
    assert [piece.shape for piece in pieces] == [(3,), (0,), (3,)]
    (np.sum(pieces[0]) + 10 * np.sum(pieces[2])).backward()
    assert t.grad.tolist() == [1, 11, 11, 10]


# ---- padding -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["edge", "reflect", "symmetric", "wrap", "linear_ramp", "mean", "maximum", "minimum"])
@pytest.mark.parametrize("widths", [1, (3, 5), ((0, 7), (4, 0)), {1: (1, 2)}, {-1: 2, 0: (0, 1)}])
def test_padding_far_beyond_the_array(mode, widths):
    if isinstance(widths, dict) and np.lib.NumpyVersion(np.__version__) < "2.2.0":
        pytest.skip("NumPy takes a dict from 2.2 on")
    np.testing.assert_array_equal(np.pad(leaf(A), widths, mode).data, np.pad(A, widths, mode))
    check_against_differences(lambda a: np.pad(a, widths, mode), A)


@pytest.mark.parametrize("mode", ["median", "empty", lambda vector, *_: vector])
def test_padding_in_another_mode_is_refused_by_name(mode):
    with pytest.raises(TypeError, match=r"np.pad\(mode=.*'constant', 'edge'"):
        np.pad(leaf(A), 1, mode)


def test_padding_options_of_another_mode_are_numpys_error():
    with pytest.raises(ValueError, match="unsupported keyword arguments for mode 'edge'"):
        np.pad(leaf(A), 1, "edge", constant_values=1)
    with pytest.raises(ValueError, match="unsupported keyword arguments for mode 'maximum'"):
        np.pad(leaf(A), 1, "maximum", reflect_type="odd")
    with pytest.raises(TypeError, match="silently lose"):
        np.pad(leaf(A), 1, constant_values=leaf(1.0))


def test_padding_with_the_maximum_shares_a_tie():
    t = leaf([2.0, 2.0, 1.0])
    np.pad(t, (1, 0), "maximum").backward([1, 0, 0, 0])
    assert t.grad.tolist() == [0.5, 0.5, 0]


# ---- selecting ---------------------------------------------------------------------------------------------------
def test_an_entry_taken_twice_gets_both():
    assert gradient(lambda t: np.take(t, [0, 2, 0]), np.arange(3.0), [1, 10, 100]).tolist() == [101, 0, 10]
    assert gradient(lambda t: np.take(t, [-7, 9], mode="clip"), np.arange(3.0), [1, 10]).tolist() == [1, 0, 10]
    assert gradient(lambda t: np.take(t, [-7, 9], mode="wrap"), np.arange(3.0), [1, 10]).tolist() == [10, 0, 1]
    along = lambda t: np.take_along_axis(t, np.array([[0, 0, 1]]), axis=0)
    assert gradient(along, A, [[1, 2, 3]]).tolist() == [[1, 2, 0], [0, 0, 3]]


def test_true_and_false_are_places_to_take_but_a_mask_to_an_index():
    t = np.array([5.0, 7.0])
    assert gradient(lambda t: np.take(t, np.array([True, True, False])), t, [1, 10, 100]).tolist() == [100, 11]
    assert gradient(lambda t: t[np.array([True, False])], t, [1]).tolist() == [1, 0]


def test_places_may_change_after_the_forward_pass():
    places, t = np.array([0, 1]), leaf([1.0, 2.0, 3.0])
    total = np.sum(np.take(t, places)) + np.sum(10 * np.repeat(t, np.array([0, 0, 1]))) + np.sum(np.delete(t, places))
    places[:] = 2
    total.backward()
    assert t.grad.tolist() == [1, 1, 11]


def test_adding_into_zeros_can_be_differentiated():
    """For f = Σ w scatter(x)³, with an entry named twice: the slopes and their slopes by differences."""
    index = np.array([0, 2, 0])
    check_against_differences(lambda g: scatter_add(g * g * g, index, (3,)), np.array([1.0, 2.0, 3.0]))
    x = leaf([1.0, 2.0, 3.0])
    np.sum(scatter_add(x, index, (3,)) ** 3).backward(create_graph=True)  # (x0 + x2)³ + x1³
    first, x.grad = x.grad, None
    np.testing.assert_allclose(first.data, [3 * 16, 3 * 4, 3 * 16])
    first.backward([1, 1, 0])
    np.testing.assert_allclose(x.grad, [6 * 4, 6 * 2, 6 * 4])


def test_masks_name_no_entry_twice():
    mask, other = np.array([True, False, True]), np.array([1, 1])
    np.testing.assert_array_equal(scatter_add(np.array([1.0, 2.0]), mask, (3,)), [1, 0, 2])
    together = scatter_add(np.array([1.0, 2.0]), (mask, other), (3, 2))
    np.testing.assert_array_equal(together, [[0, 1], [0, 0], [0, 2]])
    twice = scatter_add(np.array([1.0, 2.0]), (np.array([False, True]), other), (2, 2))
    np.testing.assert_array_equal(twice, [[0, 0], [0, 3]])


def test_a_whole_number_does_not_move_with_what_it_was_rounded_from():
    t = leaf([1.5, 2.5])
    calls = [lambda t: t.astype(int)]
    if hasattr(np, "astype"):
        calls.append(lambda t: np.astype(t, np.int64))
    for call in calls:
        np.sum(call(t) * 2.0 + t).backward()
        assert t.grad.tolist() == [1, 1]
        t.grad = None


# ---- sorting -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("function", [np.sort, lambda t: np.partition(t, 2), lambda t: np.sort(t, kind="stable")])
def test_equal_entries_share_what_arrives_at_their_places(function):
    t = leaf([3.0, 1.0, 3.0, 2.0, 3.0])
    function(t).backward([1, 10, 3, 6, 9])
    assert t.grad.tolist() == [6, 1, 6, 10, 6]


def test_sorting_what_is_not_a_number_or_not_finite():
    x = np.array([np.nan, np.inf, -np.inf, np.inf, 0.0, -0.0, np.nan])
    t = leaf(x)
    out = np.sort(t)
    np.testing.assert_array_equal(out.data, np.sort(x))
    out.backward([1, 2, 4, 10, 30, 100, 100])
    assert t.grad.tolist() == [100, 20, 1, 20, 3, 3, 100]


def test_sorting_rows_of_many_entries_as_numpys_vectorised_algorithms_do():
    x = np.random.default_rng(0).integers(0, 40, (3, 300)).astype(float)
    for call in (np.sort, lambda a: np.partition(a, 100), lambda a: np.partition(a, [5, 200], axis=1)):
        g = gradient(call, x, np.broadcast_to(np.arange(300.0), x.shape))
        for row, slopes_of_row in zip(x, g):
            for value in np.unique(row):
                assert len(set(slopes_of_row[row == value])) == 1
        np.testing.assert_allclose(g.sum(axis=1), np.arange(300).sum())
    g = gradient(np.sort, x, np.broadcast_to(np.arange(300.0), x.shape))
    ranks = [[np.mean(np.flatnonzero(np.sort(row) == value)) for value in row] for row in x]
    np.testing.assert_allclose(g, ranks)


def test_sets_give_blame_to_where_the_entry_came_from():
    a, b = leaf([1.0, 2.0, 3.0, 2.0]), leaf([2.0, 5.0])
    np.union1d(a, b).backward([1, 9, 100, 1000])
    np.testing.assert_allclose(a.grad, [1, 3, 100, 3])
    np.testing.assert_allclose(b.grad, [3, 1000])
    a.grad = b.grad = None
    np.setxor1d(a, b).backward([1, 10, 100])
    assert (a.grad.tolist(), b.grad.tolist()) == ([1, 0, 10, 0], [0, 100])
    a.grad = None
    np.setdiff1d(a, b).backward([1, 10])
    assert a.grad.tolist() == [1, 0, 10, 0]
    assert np.setxor1d(leaf(np.ones(0)), leaf(np.ones(0))).shape == (0,)


def test_complex_entries():
    z = np.array([2 + 1j, 1 - 1j, 2 - 3j])
    seed = np.array([1, 1j, 2 + 1j])
    assert gradient(np.sort, z, seed).tolist() == [2 + 1j, 1, 1j]
    assert gradient(np.sort_complex, z, seed).tolist() == [2 + 1j, 1, 1j]
    assert gradient(np.sort_complex, np.array([2.0, 1.0]), [1 + 5j, 3]).tolist() == [3, 1]
    for call in (np.flip, np.roll, lambda t, *_: np.pad(t, 1, "mean"), np.trace):
        t = leaf(np.stack([z, 1j * z, z * z]))
        out = call(t, 1) if call in (np.roll, np.flip) else call(t)
        out.backward(np.full(out.shape, 1j))
        assert t.grad.dtype == complex
        np.testing.assert_array_equal(t.grad.real, 0)


# ---- rearranging -------------------------------------------------------------------------------------------------
def test_lists_by_position_are_the_options_that_they_are_by_name():
    x = np.arange(6.0).reshape(1, 2, 3)
    for by_position, by_name in (
        (lambda t: np.transpose(t, [2, 0, 1]), lambda t: np.transpose(t, axes=[2, 0, 1])),
        (lambda t: np.expand_dims(t, [0, 1]), lambda t: np.expand_dims(t, axis=(0, 1))),
        (lambda t: np.moveaxis(t, [0, 1], [2, 0]), lambda t: np.moveaxis(t, source=(0, 1), destination=(2, 0))),
        (lambda t: np.roll(t, [1, 2], [0, 2]), lambda t: np.roll(t, shift=(1, 2), axis=(0, 2))),
        (lambda t: np.tile(t, [2, 1]), lambda t: np.tile(t, reps=(2, 1))),
    ):
        np.testing.assert_array_equal(by_position(leaf(x)).data, by_name(x))
        np.testing.assert_array_equal(gradient(by_position, x), gradient(by_name, x))


def test_one_argument_comes_back_alone_and_several_as_a_tuple():
    a, b = leaf(1.0), leaf(A)
    for function in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
        assert isinstance(function(a), tg.Tensor)
        assert [t.shape for t in function(a, b, [1.0])] == [t.shape for t in function(1.0, A, [1.0])]
    assert isinstance(np.broadcast_arrays(a), tuple)
    for xs in ([a], [leaf([1.0, 2.0]), np.arange(3.0)]):
        grids = np.meshgrid(*xs, indexing="xy", sparse=True)
        plain = np.meshgrid(*[getattr(x, "data", x) if isinstance(x, tg.Tensor) else x for x in xs], sparse=True)
        assert [grid.shape for grid in grids] == [grid.shape for grid in plain]
    with pytest.raises(ValueError, match="'xy' or 'ij'"):
        np.meshgrid(a, indexing="yx")


def test_full_like_depends_on_its_fill_value_and_on_nothing_else():
    like, fill = leaf(A), leaf(2.0)
    out = np.full_like(like, fill)
    np.sum(out).backward()
    assert fill.grad == A.size
    assert like.grad is None
    plain = np.full_like(like, 7)
    assert type(plain) is np.ndarray
    assert plain.flags.writeable
    np.testing.assert_array_equal(plain, np.full_like(A, 7), strict=True)
    np.testing.assert_array_equal(np.full_like(like, -0.0, shape=(2,)), [-0.0, -0.0])
    with pytest.raises(NotImplementedError, match=r"np\.copyto"):
        np.full_like(A, fill)  # NumPy does not ask the fill value


def test_applying_along_an_axis_puts_new_axes_where_the_old_one_was():
    x = np.arange(24.0).reshape(2, 3, 4)
    for axis in (0, 1, -1):
        for function in (np.diag, np.sum, np.flip, lambda row: np.stack([row, row * row])):
            out = np.apply_along_axis(function, axis, leaf(x))
            np.testing.assert_array_equal(out.data, np.apply_along_axis(function, axis, x))
            check_against_differences(lambda a, f=function, k=axis: np.apply_along_axis(f, k, a), x)
    assert type(np.apply_along_axis(np.argmax, 0, leaf(x))) is np.ndarray
    with pytest.raises(ValueError, match="keep the number of axes"):
        np.apply_over_axes(lambda a, axis: a[0, 0], leaf(x), 0)


def test_resizing_nothing_gives_zeros():
    assert np.resize(leaf(np.ones(0)), (2,)).data.tolist() == [0, 0]
    assert gradient(lambda t: np.resize(t, (2,)), np.ones(0)).shape == (0,)


# ---- refused -----------------------------------------------------------------------------------------------------
REFUSED = {
    "put": lambda t: np.put(t, 0, 1.0),
    "place": lambda t: np.place(t, A > 0, 1.0),
    "copyto": lambda t: np.copyto(t, A),
    "copyto from a Tensor": lambda t: np.copyto(A.copy(), t),
    "putmask": lambda t: np.putmask(t, A > 0, 1.0),
    "put_along_axis": lambda t: np.put_along_axis(t, np.array([[0, 0, 0]]), 1.0, 0),
    "fill_diagonal": lambda t: np.fill_diagonal(t, 1.0),
    "fill_diagonal with a Tensor": lambda t: np.fill_diagonal(A.copy(), t[0, 0]),
    "intersect1d": lambda t: np.intersect1d(t, A),
    "ix_": lambda t: np.ix_(t[0], t[1]),
    "asarray": lambda t: np.asarray(t),
    "ascontiguousarray": lambda t: np.ascontiguousarray(t),
    "require": lambda t: np.require(t),
    "order": lambda t: np.copy(t, subok=True),
    "dtype": lambda t: np.trace(t, dtype=np.float32),
    "structured": lambda t: np.sort(t, order="name"),
}


@pytest.mark.parametrize("attempt", REFUSED.values(), ids=REFUSED)
def test_refused_rather_than_detached(attempt):
    with pytest.raises((TypeError, NotImplementedError), match=r"np\.|lose"):
        attempt(leaf(A))
