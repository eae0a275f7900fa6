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
