"""Every figure of lesson 1, to the digits that it prints, on whichever side of the kink the rounding falls."""

import math

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.lessons import flip

KINKS = ["W1[0,0]", "W1[2,0]", "W1[3,0]", "b1[0]"]
ULP = 2.0**-56  # the spacing of numbers near 0.1, and so the smallest nudge that b1[0] can take: 1.4e-17


def nudged(to):
    """The traced network with the pre-activation of unit 0 at `to` (or the nearest number that can be)."""
    model = flip.traced_network()
    model[0].bias.data[0] -= flip.trace(model, flip.IMAGE).z1[0]
    assert flip.trace(model, flip.IMAGE).z1[0] == 0
    model[0].bias.data[0] += to
    return model


@pytest.fixture(params=[-ULP, 0.0, ULP], ids=["below", "on", "above"])
def model(request):
    model = nudged(request.param)
    assert flip.trace(model, flip.IMAGE).z1[0] == request.param
    return model


def test_parameters():
    assert [layer.parameters for layer in flip.layers(flip.traced_network())] == [12 + 3, 12 + 4]
    assert sum(p.size for p in flip.network(4).parameters()) == 40


def test_the_weights_of_the_example():
    w1, b1, w2, b2 = (parameter.data for parameter in flip.named(flip.traced_network()).values())
    np.testing.assert_array_equal(w1, [[0.2, -0.5, 0.1], [-0.3, 0.4, -0.2], [0.1, 0.3, 0.5], [-0.4, 0.2, -0.1]])
    np.testing.assert_array_equal(b1, [0.1, -0.1, 0])
    np.testing.assert_array_equal(w2[2], [0.2, -0.4, 0.1, -0.5])
    np.testing.assert_array_equal(b2, [0, 0.1, -0.1, 0])


def test_images_are_all_16_and_flipping_is_the_transpose():
    images = flip.images()
    assert len({tuple(image) for image in images}) == 16
    assert set(images.ravel()) == {0.0, 1.0}
    np.testing.assert_array_equal(flip.flipped(images).reshape(-1, 2, 2), images.reshape(-1, 2, 2).transpose(0, 2, 1))


def test_forward(model):
    trace = flip.trace(model, flip.IMAGE)
    np.testing.assert_array_equal(trace.x, [1, 0, 1, 1])
    np.testing.assert_array_equal(trace.target, [1, 1, 0, 1])
    np.testing.assert_allclose(trace.z1, [0.0, -0.1, 0.5], atol=1e-16)
    np.testing.assert_allclose(trace.h, [0, 0, 0.5], atol=1e-16)
    np.testing.assert_allclose(trace.prediction, [0.1, -0.1, -0.05, -0.25], atol=1e-15)
    assert trace.loss == pytest.approx(0.89625, abs=1e-15)


def test_gradients(model):
    gradients = flip.backprop(model, flip.IMAGE)
    np.testing.assert_allclose(gradients["b2"], [-0.45, -0.55, -0.025, -0.625], atol=1e-15)
    np.testing.assert_allclose(gradients["W2"][2], [-0.225, -0.275, -0.0125, -0.3125], atol=1e-15)
    np.testing.assert_allclose(gradients["W2"][:2], 0, atol=1e-16)
    np.testing.assert_allclose(gradients["W1"][:, 2], [0.44, 0, 0.44, 0.44], atol=1e-15)
    np.testing.assert_array_equal(gradients["W1"][:, 1], 0)
    assert gradients["b1"][2] == pytest.approx(0.44, abs=1e-15)
    assert gradients["b1"][1] == 0


def test_backward_begins_at_the_prediction(model):
    says = [-0.45, -0.55, -0.025, -0.625]
    np.testing.assert_allclose(flip.output_gradient(model, flip.IMAGE), says, atol=1e-15)
    np.testing.assert_array_equal(
        flip.check_gradients(model, flip.IMAGE).output, flip.backprop(model, flip.IMAGE)["b2"]
    )


def test_27_agree_and_4_lie_on_a_kink(model):
    is_above = flip.trace(model, flip.IMAGE).z1[0] > 0
    check = flip.check_gradients(model, flip.IMAGE)
    assert check.well
    assert {v: check.count(v) for v in ("agree", "kink", "mismatch", "inconclusive")} == {
        "agree": 27,
        "kink": 4,
        "mismatch": 0,
        "inconclusive": 0,
    }
    assert [entry.name for entry in check.kinks] == KINKS
    for entry in check.kinks:
        assert entry.left == pytest.approx(0, abs=1e-9)
        assert entry.right == pytest.approx(0.2, abs=1e-9)
        assert entry.backprop == pytest.approx(0.2 if is_above else 0, abs=1e-12)
        assert entry.central == pytest.approx(0.1, abs=1e-5)  # half of the right-hand slope
    assert check.max_error < 1e-9


def test_passes_are_counted():
    check = flip.check_gradients(flip.traced_network(), flip.IMAGE)
    assert check.forward_passes == 62
    assert check.backprop_passes == (1, 1)


def test_one_step(model):
    after = flip.one_step(model, flip.IMAGE)
    np.testing.assert_allclose(after.h, [0, 0, 0.324], atol=1e-15)
    np.testing.assert_allclose(after.prediction, [0.11709, 0.03431, -0.064695, -0.089375], atol=1e-14)
    assert after.loss == pytest.approx(0.7257526, abs=5e-8)


def test_the_nudge_reaches_unit_0_alone():
    before = flip.trace(flip.traced_network(), flip.IMAGE).z1
    after = flip.trace(flip.traced_network(nudge=1e-3), flip.IMAGE).z1
    np.testing.assert_allclose(after - before, [1e-3, 0, 0], atol=1e-16)


def test_measuring_takes_longer_than_backward():
    timing = flip.timing(flip.traced_network(), flip.IMAGE, repeats=5)
    assert 0 < timing.backprop < timing.finite_difference
    assert timing.ratio == timing.finite_difference / timing.backprop


# ---- training ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("optimizer", flip.DEFAULT_LR)
def test_one_image_is_learned(optimizer):
    run = flip.train_one(flip.Settings(optimizer=optimizer))
    assert run.ended == "goal"
    assert run.loss < 1e-6
    assert all(math.isfinite(loss) for loss in run.losses)


def test_the_floor_is_the_variance_that_hidden_units_cannot_span():
    targets = flip.flipped(flip.images())
    variances = np.linalg.eigvalsh(np.cov(targets.T, bias=True))  # ascending
    for hidden in range(1, 6):
        assert flip.floor(hidden) == pytest.approx(variances[: max(4 - hidden, 0)].sum() / 4)
    assert flip.floor(3) == 1 / 16


def test_most_images():
    assert flip.most_images(3) == 15
    assert flip.most_images(4) == 16


def test_an_image_is_right_if_all_four_outputs_are():
    model = flip.network(4)
    for name, value in {"W1": np.eye(4), "b1": 0, "W2": np.eye(4)[[0, 2, 1, 3]], "b2": 0}.items():
        parameter = flip.named(model)[name]
        parameter.data = np.broadcast_to(value, parameter.shape)
    assert flip.images_right(model) == 16
    model[2].bias.data[0] = 0.6  # the first pixel is now always on
    assert flip.images_right(model) == 8


def test_a_model_of_nan_gets_no_image_right_and_has_no_silent_unit():
    model = flip.traced_network()
    for parameter in model.parameters():
        parameter.data = np.full(parameter.shape, np.nan)
    assert flip.images_right(model) == 0
    assert flip.dead_units(model) == 0


def test_three_units_reach_the_floor_and_four_get_below_it():
    three = flip.train_all(3, flip.Settings())
    assert len(three.starts) == flip.STARTS
    assert three.best.run.loss == pytest.approx(1 / 16, rel=1e-3)
    assert 12 in three.right_at_floor  # the lesson's best of 24 starts
    assert max(three.right_at_floor) <= 14  # a theorem, see `most_images`
    assert len(three.right_at_floor) == three.at_floor
    assert all(start.run.loss > 1 / 16 - 1e-9 and start.images_right <= 15 for start in three.starts)
    # a start that lost units ends on the floor of the units that are left
    for start in three.starts:
        assert start.run.loss == pytest.approx(flip.floor(3 - start.dead_units), rel=1e-2)

    four = flip.train_all(4, flip.Settings())
    assert four.best.run.loss < 1e-6
    assert four.best.images_right == 16


def test_the_seed_decides_the_starts():
    losses = [flip.train_all(3, flip.Settings(seed=seed, steps=3)).best.run.losses for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


def starts(*results):
    return flip.Starts(3, [flip.Start(i, flip.Run([1.0, loss], ""), n, 0) for i, (loss, n) in enumerate(results, 1)])


def test_the_best_start_has_the_lowest_loss_and_then_the_most_images():
    assert starts((0.0625, 10), (0.06251, 14), (0.125, 16)).best.number == 2
    assert starts((math.nan, 16), (math.inf, 16), (0.5, 1)).best.number == 3
    assert starts((math.nan, 1), (math.inf, 2)).best.number == 2


def test_starts_that_blew_up_have_not_lost_a_unit():
    ends = [(0.125, 1), (0.0625, 0), (math.nan, 3), (math.inf, 3), (1e9, 2)]
    tried = flip.Starts(3, [flip.Start(i, flip.Run([1.0, end], ""), 0, dead) for i, (end, dead) in enumerate(ends)])
    assert (tried.at_floor, tried.with_dead_units, tried.blown_up) == (1, 1, 3)


def test_training_says_why_it_ended():
    def ended(lr, **options):
        model = flip.traced_network()
        return flip.train(model, flip.IMAGE, tg.optim.SGD(model.parameters(), lr), **options)

    assert ended(0.1, steps=7).ended == "steps"
    assert ended(0.1, steps=7).steps == 7
    assert ended(0.1, steps=1000, goal=1e-6).ended == "goal"
    assert ended(1e-9, steps=1000, patience=50).ended == "plateau"
    blown = ended(100.0, steps=1000)
    assert blown.ended == "overflow"
    assert not math.isfinite(blown.loss)


# ---- learning rates ----------------------------------------------------------------------------------------------
def test_learning_rates():
    rates = flip.learning_rates()
    assert [rate.lr for rate in rates] == [0.001, 0.1, 1.0, 10.0]
    assert [rate.verdict for rate in rates] == ["crawls", "steady", "fast, unstable", "blows up"]


@pytest.mark.parametrize(
    ("losses", "verdict"),
    [
        ([1.0, 0.99, 0.98], "crawls"),
        ([1.0] + [0.96**k for k in range(1, 50)], "steady"),
        ([1.0] + [0.5**k for k in range(1, 50)], "fast"),
        ([1.0, 0.3, 0.4, 0.1], "fast, unstable"),
        ([1.0] + [0.96**k for k in range(1, 50)] + [0.3, 0.1], "unstable"),
        ([1.0, 0.8, 1.1], "unstable"),
        ([1.0, 5.0, 20.0], "blows up"),
    ],
)
def test_the_verdict_comes_from_the_losses(losses, verdict):
    assert flip.Rate(0.1, flip.Run(losses, "steps")).verdict == verdict


def test_an_overflow_blows_up():
    rate = flip.Rate(10.0, flip.Run([1.0, math.nan], "overflow"))
    assert rate.verdict == "blows up"
    assert math.isnan(rate.at(100))


# ---- judging -----------------------------------------------------------------------------------------------------
def test_own_settings_are_reported_and_not_judged():
    assert flip.Settings(seed=7, hidden=5).are_default
    for own in ({"lr": 0.1}, {"steps": 10}, {"optimizer": "adam"}):
        assert not flip.Settings(**own).are_default
