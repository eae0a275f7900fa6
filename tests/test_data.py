"""Mini-batches, splits, scalers and data sets: nothing is lost, nothing leaks, the same seed gives the same."""

import itertools
import sys

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import data


# ---- batches -----------------------------------------------------------------------------------------------------
@given(
    st.integers(1, 20),
    st.integers(1, 25),
    st.booleans(),
    st.booleans(),
)
def test_an_epoch_is_every_sample_once(n, size, shuffle, drop_last):
    x, y = np.arange(2 * n).reshape(n, 2), np.arange(n) * 10
    if drop_last and size > n:
        with pytest.raises(ValueError, match=rf"does not fill one batch of {size}"):
            data.batches(x, y, size, shuffle, 0, drop_last)
        return
    batches = data.batches(x, y, size, shuffle, 0, drop_last)
    for _ in range(2):
        epoch = list(batches)
        assert len(epoch) == len(batches)
        assert all(len(xb) == len(yb) == size for xb, yb in epoch[:-1])
        assert len(epoch[-1][0]) == (size if drop_last else n - size * (len(epoch) - 1))
        seen = np.concatenate([yb for _, yb in epoch]) // 10
        np.testing.assert_array_equal(np.concatenate([xb for xb, _ in epoch]), x[seen])
        whole = n // size * size if drop_last else n
        assert len(set(seen)) == len(seen) == whole
        if not shuffle:
            assert seen.tolist() == list(range(whole))


def orders(batches, epochs):
    return [[y.tolist() for _, y in batches] for _ in range(epochs)]


def test_every_epoch_has_an_order_of_its_own_and_a_seed_gives_the_same_ones():
    numbers = np.arange(50)
    first = orders(data.batches(numbers, numbers, 7, rng=3), 3)
    assert orders(data.batches(numbers, numbers, 7, rng=np.random.default_rng(3)), 3) == first
    assert first[0] != first[1] != first[2]
    assert orders(data.batches(numbers, numbers, 7, rng=4), 3) != first


@pytest.mark.parametrize("kind", [np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64])
def test_a_saved_state_goes_on_with_the_same_orders(kind):
    numbers = np.arange(30)
    make = lambda seed: data.batches(numbers, numbers, 4, rng=np.random.Generator(kind(seed)))
    straight, saved, resumed = make(0), make(0), make(1)
    orders(saved, 2)
    resumed.load_state_dict(saved.state_dict())
    assert orders(straight, 5)[2:] == orders(resumed, 3)


@pytest.mark.parametrize(
    "state", [{}, {"rng": None}, {"rng": {"bit_generator": "MT19937"}}, {"rng": {"bit_generator": "PCG64"}}]
)
def test_a_state_that_does_not_fit_changes_nothing(state):
    batches, twin = (data.batches(np.arange(9), np.arange(9), 2, rng=0) for _ in range(2))
    with pytest.raises(ValueError, match=r"this one a PCG64|random generator is damaged"):
        batches.load_state_dict(state)
    assert orders(batches, 1) == orders(twin, 1)


class Table:
    """As pandas has it: a[places] looks up labels, which stand in an order of their own."""

    def __init__(self, rows, labels):
        self.rows, self.labels, self.ndim, self.shape = rows, labels, np.ndim(rows), np.shape(rows)

    def __len__(self):
        return len(self.rows)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.rows, dtype=dtype)

    def __getitem__(self, labels):
        return self.rows[[np.flatnonzero(self.labels == label)[0] for label in labels]]


def test_tables_are_paired_by_place_and_not_by_label():
    numbers = np.arange(12)
    table = Table(numbers, numbers[::-1])
    assert table[[0]] == 11
    for pairs in (data.batches(numbers, table, 4, rng=0), data.split(table, numbers, rng=0)):
        for x, y in pairs:
            np.testing.assert_array_equal(x, y)


def test_what_is_not_shuffled_cannot_be_changed_by_mistake():
    x, y = np.ones((6, 2)), np.zeros(6)
    for batches in (data.batches(x, y, 4, shuffle=False), data.batches(x.tolist(), y, 4, shuffle=False)):
        for xb, yb in batches:
            assert xb.base is not None  # a view
            for array in (xb, yb):
                with pytest.raises(ValueError, match="read-only"):
                    array += 1
    for xb, yb in data.batches(x, y, 4, rng=0):
        xb *= 0  # a copy
        yb += 1
    assert x.all()
    assert not y.any()
    x += 1  # it is still yours


def test_dask_arrays_stay_lazy():
    da = pytest.importorskip("dask.array")
    x = np.arange(10.0)
    for shuffle in (True, False):
        for xb, yb in data.batches(da.from_array(x, chunks=5), x, 4, shuffle, 0):
            assert isinstance(xb, da.Array)
            np.testing.assert_array_equal(xb.compute(), yb)


def test_batches_take_lists_tensors_and_float32():
    (xb, yb), *_ = data.batches([[1.0], [2.0]], [0, 1], 2, shuffle=False)
    assert xb.tolist() == [[1], [2]]
    assert yb.tolist() == [0, 1]
    (xb, _), *_ = data.batches(tg.Tensor([[1.0], [2.0]]), np.zeros(2), 1, shuffle=False)
    assert isinstance(xb, tg.Tensor)
    (xb, _), *_ = data.batches(np.ones((3, 2), np.float32), np.zeros(3), 2, rng=0)
    assert xb.dtype == np.float32


@pytest.mark.parametrize("call", [lambda x, y: data.batches(x, y, 2), data.split])
def test_lengths_must_agree(call):
    with pytest.raises(ValueError, match=r"x has shape \(3, 2\) and y \(4,\); their first axes"):
        call(np.ones((3, 2)), np.ones(4))
    with pytest.raises(ValueError, match=r"x has shape \(\)"):
        call(1.0, np.ones(4))
    with pytest.raises(ValueError, match=r"there are no samples: x has shape \(0, 2\)"):
        call(np.ones((0, 2)), np.ones(0))


@pytest.mark.parametrize("size", [0, -1, 2.5, "8", None])
def test_a_batch_size_is_a_whole_number(size):
    with pytest.raises(ValueError, match="is not a whole number above 0"):
        data.batches(np.ones(3), np.ones(3), size)


# ---- splitting ---------------------------------------------------------------------------------------------------
FRACTIONS = st.sampled_from([(0.8, 0.2), (0.5, 0.5), (0.6, 0.2, 0.2), (0.1, 0.2, 0.3, 0.4), (1.0,)])


@given(FRACTIONS, st.lists(st.integers(5, 40), min_size=1, max_size=8), st.integers(0, 5), st.booleans())
def test_shares_are_right_to_within_one_sample(fractions, sizes, seed, stratify):
    y = np.repeat(np.arange(len(sizes)), sizes)
    x = np.arange(len(y))
    parts = data.split(x, y, fractions, stratify=stratify, rng=seed)
    assert sorted(np.concatenate([xs for xs, _ in parts])) == x.tolist()
    for fraction, (xs, ys) in zip(fractions, parts, strict=True):
        np.testing.assert_array_equal(ys, y[xs])
        assert abs(len(xs) - fraction * len(y)) < (3 if stratify else 1)
        if stratify:
            counts = np.bincount(ys, minlength=len(sizes))
            assert (np.abs(counts - fraction * np.array(sizes)) <= 1 + 1e-9).all()
    again = data.split(x, y, fractions, stratify=stratify, rng=np.random.default_rng(seed))
    assert all((a[0] == b[0]).all() for a, b in zip(parts, again))


def test_many_small_classes_do_not_all_round_the_same_way():
    y = np.repeat(np.arange(100), 3)  # 2.4 of each to train on
    train, test = data.split(y, y, (0.8, 0.2), stratify=True, rng=0)
    assert (len(train[0]), len(test[0])) == (240, 60)


def test_parts_are_shuffled():
    x = np.arange(200)
    (train, _), _ = data.split(x, x // 100, stratify=True, rng=0)
    assert np.any(np.diff(train) < 0)
    assert not np.array_equal(train, data.split(x, x // 100, stratify=True, rng=1)[0][0])


def test_split_says_what_is_wrong():
    x, y = np.ones((6, 2)), np.array(["a", "a", "a", "b", "b", "c"])
    with pytest.raises(ValueError, match=r"class 'c' has only 1 of 6 samples, too few for 2 parts"):
        data.split(x, y, stratify=True)
    with pytest.raises(ValueError, match=r"class 'b' has only 2 of 5 samples, too few for 3 parts"):
        data.split(x[:5], y[:5], (0.5, 0.3, 0.2), stratify=True)
    with pytest.raises(ValueError, match=r"but y has shape \(6, 3\).*np.argmax"):
        data.split(x, np.ones((6, 3)), stratify=True)
    with pytest.raises(ValueError, match=r"a fraction of 0\.01 of 6 samples is none"):
        data.split(x, y, (0.99, 0.01))
    for stratify in (y, "y", None, 1):
        with pytest.raises(TypeError, match="write stratify=True; the classes are those of y"):
            data.split(x, y, stratify=stratify)
    for fractions in [(0.8, 0.3), (1.2, -0.2), (), 0.2, (np.nan, 0.5)]:
        with pytest.raises(ValueError, match="must be above 0 and add up to 1"):
            data.split(x, y, fractions)


# ---- scaling -----------------------------------------------------------------------------------------------------
SCALERS = [data.Standardizer, data.MinMaxScaler]
COLUMNS = hnp.arrays(
    float,
    hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=5),
    elements=st.integers(-1000, 1000).map(lambda k: k / 8),
)


@given(COLUMNS)
def test_scaled_columns_are_what_the_scaler_promises(x):
    constant = np.ptp(x, axis=0) == 0
    standard = data.Standardizer().fit_transform(x)
    np.testing.assert_allclose(standard.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(standard.std(axis=0), np.where(constant, 0, 1), atol=1e-12)
    between = data.MinMaxScaler().fit_transform(x)
    np.testing.assert_array_equal(between.min(axis=0), 0)
    np.testing.assert_allclose(between.max(axis=0), np.where(constant, 0, 1), rtol=1e-15)
    for kind in SCALERS:
        scaler = kind().fit(x)
        np.testing.assert_allclose(scaler.inverse_transform(scaler.transform(x)), x, atol=1e-12)


@pytest.mark.parametrize("kind", SCALERS)
def test_a_constant_column_becomes_zero_exactly(kind):
    x = np.full((7, 2), [0.1, 1e17 / 3])
    scaler = kind().fit(x)
    assert (scaler.transform(x) == 0).all()
    assert (scaler.inverse_transform(scaler.transform(x)) == x).all()


@pytest.mark.parametrize("spread", [1e-170, 5e-324])
def test_a_column_whose_deviation_underflows_is_as_good_as_constant(spread):
    x = np.array([[0.0], [spread]])
    assert np.std(x) == 0
    assert np.abs(data.Standardizer().fit_transform(x)).max() <= spread
    np.testing.assert_array_equal(data.MinMaxScaler().fit_transform(x), [[0], [1]])


@pytest.mark.parametrize("kind", SCALERS)
def test_scalers_keep_float32_and_take_tensors_and_whole_numbers(kind):
    x = np.array([[1, 5], [3, 4], [4, 9]])
    scaler = kind().fit(x)
    scaled = scaler.transform(x)
    assert scaled.dtype == np.float64
    small = scaler.transform(x.astype(np.float32))
    assert small.dtype == scaler.inverse_transform(small).dtype == np.float32
    np.testing.assert_allclose(small, scaled, rtol=1e-6)
    np.testing.assert_array_equal(scaler.transform(tg.Tensor(x, dtype=float)).data, scaled)
    np.testing.assert_array_equal(kind().fit_transform(x.tolist()), scaled)
    table = Table(x, np.random.default_rng(0).permutation(3))
    np.testing.assert_array_equal(kind().fit_transform(table), scaled)
    assert repr(scaler) == f"{kind.__name__}(samples of shape (2,))"


@pytest.mark.parametrize("kind", SCALERS)
def test_a_scaler_is_saved_and_loaded(kind):
    x = np.array([[1.0, 5], [3, 4]])
    scaler, other = kind().fit(x), kind()
    other.load_state_dict(scaler.state_dict())
    assert (other.transform(x) == scaler.transform(x)).all()
    (another,) = set(SCALERS) - {kind}
    for state in ({}, {"offset": [1.0], "scale": [1.0]}, {"kind": kind.__name__}, another().fit(x).state_dict()):
        with pytest.raises(ValueError, match=f"^{kind.__name__}: this is not the state of one, but of "):
            other.load_state_dict(state)
    for offset, scale in [
        ([1], [1, 2]),
        ([1], [0]),
        ([1], [-1]),
        ([1], [np.inf]),
        ([np.nan], [1]),
        (None, [1]),
        ("a", 1),
    ]:
        with pytest.raises(ValueError, match=r"offset and scale must be finite|could not convert"):
            other.load_state_dict({"kind": kind.__name__, "offset": offset, "scale": scale})
    assert (other.transform(x) == scaler.transform(x)).all()


@pytest.mark.parametrize("kind", SCALERS)
def test_that_nothing_was_measured_yet_is_a_state_too(kind):
    scaler = kind().fit(np.arange(3.0))
    scaler.load_state_dict(kind().state_dict())
    assert repr(scaler) == f"{kind.__name__}(not fitted)"
    with pytest.raises(RuntimeError, match="has not been fitted yet"):
        scaler.transform(np.ones(2))


@pytest.mark.parametrize("kind", SCALERS)
def test_scalers_say_what_is_wrong(kind):
    x = np.array([[1.0, 5], [3, 4]])
    for use in (lambda s: s.transform(x), lambda s: s.inverse_transform(x)):
        with pytest.raises(RuntimeError, match=r"has not been fitted yet: call fit\(x_train\)"):
            use(kind())
    scaler = kind().fit(x)
    for bad in (np.nan, np.inf):
        for use in (scaler.transform, kind().fit, kind().fit_transform):
            with pytest.raises(ValueError, match="column 1 has an entry that is NaN or infinite"):
                use(np.array([[1.0, 2], [3, bad]]))
    with pytest.raises(ValueError, match="the data has an entry that is NaN"):
        kind().fit([1.0, np.nan])
    with pytest.raises(ValueError, match=r"fitted to samples of shape \(2,\), but x has shape \(2,\)"):
        scaler.transform(x[0])
    with pytest.raises(ValueError, match=r"there is nothing to fit to: x has shape \(0, 2\)"):
        kind().fit(np.ones((0, 2)))
    with pytest.raises(ValueError, match="column 1 has values so large that their spread overflows"):
        kind().fit([[1, 1e308], [2, -1e308]])


# ---- data sets ---------------------------------------------------------------------------------------------------
MADE = {name: getattr(data, name) for name in ("moons", "circles", "spirals", "blobs", "xor", "brightness", "exam")}


@pytest.mark.parametrize("name", MADE)
def test_the_same_seed_gives_the_same_set(name):
    make = MADE[name]
    (x, y), (same, labels), (other, _) = (
        make(12, noise=0.1, rng=5),
        make(12, noise=0.1, rng=5),
        make(12, noise=0.1, rng=6),
    )
    assert (x == same).all()
    assert (y == labels).all()
    assert x.dtype == np.float64
    assert len(x) == len(y)
    noisy = (y, make(12, noise=0.1, rng=6)[1]) if name == "brightness" else (x, other)
    assert (noisy[0] != noisy[1]).any()


@pytest.mark.parametrize("name", MADE)
def test_sets_refuse_what_cannot_be(name):
    for options in ({"noise": -1}, {"noise": np.nan}):
        with pytest.raises(ValueError, match="a standard deviation, must be a finite number from 0"):
            MADE[name](**options)
    with pytest.raises(ValueError, match=r"0"):
        MADE[name](0)


def test_moons_lie_on_their_half_circles():
    x, y = data.moons(100, noise=0, rng=0)
    centre = np.where(y[:, None] == 0, [0, 0], [1, 0.5])
    np.testing.assert_allclose(np.linalg.norm(x - centre, axis=1), 1, rtol=1e-14)
    assert (np.where(y == 0, x[:, 1], 0.5 - x[:, 1]) >= 0).all()


def test_circles_blobs_and_spirals_lie_where_they_should():
    x, y = data.circles(100, noise=0, rng=0)
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), np.where(y == 0, 1, 0.5), rtol=1e-14)
    x, y = data.blobs(12, classes=4, noise=0, rng=0)
    np.testing.assert_allclose(x, np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])[y], atol=1e-15)
    x, y = data.spirals(90, classes=3, noise=0, rng=0)
    radius, angle = np.linalg.norm(x, axis=1), np.arctan2(x[:, 1], x[:, 0]) / (2 * np.pi)
    turns = angle - radius - y / 3
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-12)
    assert 0.1 <= radius.min() < radius.max() <= 1
    assert np.bincount(y).tolist() == [30, 30, 30]


def test_noise_has_the_standard_deviation_that_was_asked_for():
    x, _ = data.xor(10_000, noise=0.3, rng=0)
    assert (x - np.round(data.xor(10_000)[0])).std() == pytest.approx(0.3, rel=0.05)


def test_xor_and_flips_are_complete():
    assert {(*corner, label) for corner, label in zip(data.xor()[0].tolist(), data.xor()[1].tolist())} == {
        (a, b, a ^ b) for a in (0, 1) for b in (0, 1)
    }
    x, y = data.flips()
    assert sorted(map(tuple, x)) == sorted(itertools.product((0, 1), repeat=4))
    np.testing.assert_array_equal(y.reshape(16, 2, 2), x.reshape(16, 2, 2).swapaxes(1, 2))


def test_a_plane_explains_most_of_the_brightness_but_not_all():
    x, y = data.brightness(noise=0)
    plane, *_ = np.linalg.lstsq(x, y, rcond=None)
    assert plane[1] > plane[2] > 0
    assert 0 <= y.min() < y.max() <= 1
    assert 0.01 < np.sqrt(np.mean((x @ plane - y) ** 2)) < 0.25 * y.std()


def test_exams_are_best_in_the_middle():
    x, y = data.exam(2000, noise=0, rng=0)
    best = x[np.argmax(y)]
    np.testing.assert_allclose(best, [7, 8], atol=0.5)
    plane, *_ = np.linalg.lstsq(np.column_stack([np.ones(len(x)), x]), y, rcond=None)
    assert np.mean((plane[0] + x @ plane[1:] - y) ** 2) > 0.3 * y.var()  # a hill, and no plane follows it


# ---- scikit-learn's sets -----------------------------------------------------------------------------------------
BUNDLED = {"digits": (1797, 64, 10), "iris": (150, 4, 3), "wine": (178, 13, 3), "breast_cancer": (569, 30, 2)}


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_sets(name):
    pytest.importorskip("sklearn")
    samples, features, classes = BUNDLED[name]
    x, y = getattr(data, name)()
    assert x.shape == (samples, features)
    assert sorted(set(y.tolist())) == list(range(classes))
    assert (x.dtype, y.dtype) == (np.float64, np.int64)
    small, _ = getattr(data, name)(dtype=np.float32)
    assert small.dtype == np.float32
    np.testing.assert_allclose(small, x, rtol=1e-6)
    if name == "digits":
        assert (x.min(), x.max()) == (0, 1)


def test_without_scikit_learn_one_sentence_says_what_helps(monkeypatch):
    for module in ("sklearn", "sklearn.datasets"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        ImportError, match=r"The data set digits needs the package scikit-learn; .* pip install 'tinygrad-edu\[data\]'$"
    ):
        data.digits()
