"""The digits lesson: shifted images, networks that fit them, and training that reaches what it should."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.data import batches
from tinygrad_edu.lessons import digits


@given(st.integers(0, 2**32 - 1))
def test_shifted_images_are_the_images_moved_by_at_most_a_pixel(seed):
    images = np.random.default_rng(seed).random((5, 64), np.float32)
    [(moved, labels)] = digits.Shifted(batches(images, range(5), 5, shuffle=False), rng=seed)
    assert moved.dtype == np.float32
    assert labels.tolist() == list(range(5))
    for image, found in zip(images.reshape(-1, 8, 8), moved.reshape(-1, 8, 8)):
        frame = np.pad(image, 1)
        places = [(r, c) for r in range(3) for c in range(3) if (frame[r : r + 8, c : c + 8] == found).all()]
        assert len(places) == 1


def test_all_nine_shifts_are_equally_likely():
    image = np.zeros((9000, 64))
    image[:, 9] = 1
    [(moved, _)] = digits.Shifted(batches(image, range(9000), 9000), rng=0)
    counts = moved.sum(axis=0)[[r * 8 + c for r in range(3) for c in range(3)]]
    assert counts.sum() == 9000
    assert np.abs(counts - 1000).max() < 5 * np.sqrt(9000 * 1 / 9 * 8 / 9)


@pytest.mark.parametrize(("network", "size"), [(digits.mlp, 64 * 256 + 256 + 2570), (digits.cnn, 160 + 4640 + 5130)])
def test_networks(network, size):
    first, again, other = network(0), network(0), network(1)
    x = np.random.default_rng(0).random((3, 64))
    assert sum(p.size for p in first.parameters()) == size
    assert (first.eval()(x).data == again.eval()(x).data).all()
    assert (first(x).data != other.eval()(x).data).any()


def test_training_reaches_what_it_should_in_fewer_epochs():
    pytest.importorskip("sklearn")
    result = digits.train_mlp(seed=0, epochs=15)
    assert result.test_accuracy >= 0.965
    assert {str(p.dtype) for p in result.model.parameters()} == {"float32"}
    assert len(result.history) == 15
    assert (
        digits.train_mlp(seed=0, epochs=1).history.steps["loss"]
        == digits.train_mlp(seed=0, epochs=1).history.steps["loss"]
    )


def test_the_convolutional_network_learns():
    pytest.importorskip("sklearn")
    result = digits.train_cnn(seed=0, epochs=3)
    assert result.test_accuracy >= 0.93


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_no_network_has_a_loss_below_the_least(smoothing):
    recipe = digits.Recipe(lr=0.1, epochs=1, label_smoothing=smoothing)
    chances = np.full(10, smoothing / 10 + 1e-300)
    chances[3] += 1 - smoothing
    best = tg.nn.cross_entropy(np.log(chances)[None], np.array([3]), label_smoothing=smoothing)
    assert digits.least_loss(recipe) == pytest.approx(float(best), abs=1e-12)
