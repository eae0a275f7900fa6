"""The numba backend gives the same numbers to rounding, or says that it cannot."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn, optim

RNG = np.random.default_rng(3)
X, Y, LABELS = RNG.normal(size=(16, 4)), RNG.normal(size=(16, 3)), RNG.integers(0, 3, 16)


def trained(optimizer, loss, y, activation=nn.ReLU, **options):
    net = nn.Sequential(nn.Linear(4, 8, rng=0), activation(), nn.Linear(8, 3, rng=1))
    moves = optimizer(net.parameters())

    @tg.compile(**options)
    def step(x, y):
        value = loss(net(x), y)
        value.backward()
        moves.step()
        moves.zero_grad()
        return value

    return [step(X, y).item() for _ in range(20)]


OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "adam": lambda p: optim.Adam(p, lr=0.01),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.01),
    "a schedule": lambda p: optim.SGD(p, lr=optim.schedules.cosine(0.1, steps=20)),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_the_same_numbers(optimizer, activation):
    pytest.importorskip("numba")
    numpy = trained(optimizer, nn.mse_loss, Y, activation)
    numba = trained(optimizer, nn.mse_loss, Y, activation, backend="numba")
    np.testing.assert_allclose(numba, numpy, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int8, np.uint8, np.int32])
def test_results_are_of_numpys_types(dtype):
    pytest.importorskip("numba")

    def function(x):
        return x * 3, x * 2.5, np.sum(x, axis=0), np.sum(x), np.max(x)

    x = np.arange(12).reshape(4, 3).astype(dtype) * 7
    for mine, numpys in zip(tg.compile(function, backend="numba")(x), function(x)):
        assert type(mine) is type(numpys)
        assert mine.dtype == numpys.dtype
        np.testing.assert_allclose(mine, numpys, rtol=1e-6)


def test_gradients_that_stay_and_random_numbers():
    pytest.importorskip("numba")
    ends = []
    for options in ({}, {"backend": "numba"}):
        net = nn.Sequential(nn.Linear(4, 8, rng=0), nn.Dropout(0.3, rng=1), nn.Linear(8, 3, rng=2))
        moves = optim.Adam(net.parameters(), lr=0.01)

        @tg.compile(**options)
        def step(x, y, net=net, moves=moves):
            moves.zero_grad()
            value = nn.mse_loss(net(x), y)
            value.backward()
            moves.step()
            return value

        losses = [step(X, Y).item() for _ in range(10)]
        ends.append([losses, *(p.grad for p in net.parameters()), net[1].rng.random()])
    for mine, numpys in zip(*ends):
        np.testing.assert_allclose(mine, numpys, rtol=1e-12)


def add_the_transpose(state, x):
    np.add(state, state.T, out=state)


def add_the_row_above(state, x):
    state[1:] += state[:-1]


def add_an_argument(state, x):
    state += x


@pytest.mark.parametrize("write", [add_the_transpose, add_the_row_above, add_an_argument])
def test_writes_into_what_is_being_read(write):
    pytest.importorskip("numba")
    numpy, numba = X[:4].copy(), X[:4].copy()

    def step(x):
        write(numba, x)
        twice = x * 2
        return np.sum(twice + twice.T, axis=0)

    compiled = tg.compile(step, backend="numba")
    for flipped in (False, True):
        write(numpy, numpy[::-1] if flipped else X[:4])
        compiled(numba[::-1] if flipped else X[:4])
        np.testing.assert_allclose(numba, numpy, rtol=1e-12)
    np.testing.assert_allclose(compiled(X[:4]), np.sum(2 * X[:4] + 2 * X[:4].T, axis=0), rtol=1e-12)


def test_division_by_zero_is_no_error():
    pytest.importorskip("numba")
    assert tg.compile(lambda x: 1 / np.sum(x), backend="numba")(np.zeros(3)) == np.inf


@pytest.mark.parametrize(
    ("function", "x", "reason"),
    [
        (lambda x: np.einsum("ij,kj", x, x), X, "einsum"),
        (lambda x: x * 2, X.astype(np.float16), "float16"),
        (lambda x: x - LABELS[:, None], X.astype(np.float32), "float32 beside whole numbers"),
        (lambda x: x.reshape(4, 4, 4) @ np.ones((4, 2)), X, "3d"),
    ],
)
def test_the_announcement_says_what_numba_lacks(function, x, reason):
    pytest.importorskip("numba")
    step = tg.compile(function, backend="numba")
    with pytest.warns(UserWarning, match=rf"runs as NumPy: .*{reason}"):
        out = step(x)
    np.testing.assert_array_equal(out, function(x))
    np.testing.assert_array_equal(step(x), function(x))


def test_what_numba_cannot_runs_as_numpy_and_says_so():
    pytest.importorskip("numba")
    with pytest.warns(UserWarning, match="runs as NumPy"):
        numba = trained(OPTIMIZERS["sgd"], nn.cross_entropy, LABELS, backend="numba")
    assert numba == trained(OPTIMIZERS["sgd"], nn.cross_entropy, LABELS)


def test_without_numba_the_error_says_how_to_get_it(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ImportError, match=r"pip install 'tinygrad-edu\[numba\]'"):
        trained(OPTIMIZERS["sgd"], nn.mse_loss, Y, backend="numba")
