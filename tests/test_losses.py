"""Losses are their formulas, in every shape and reduction; at their ends they are what mathematics says."""

import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tests.differences import check_first
from tinygrad_edu import nn
from tinygrad_edu.rules.table import rows

REDUCTIONS = {"mean": np.mean, "sum": np.sum, "none": lambda losses: losses}


def log(p):
    with np.errstate(divide="ignore"):
        return np.log(p)


def xlogy(x, p):
    return np.where(x == 0, 0, x * np.where(x == 0, 0, log(p)))


# Each loss: its formula entry by entry, and the ranges of prediction and target.
ENTRYWISE = {
    "mse_loss": (lambda p, y: (p - y) ** 2, (-3, 3), (-3, 3)),
    "l1_loss": (lambda p, y: abs(p - y), (-3, 3), (-3, 3)),
    "huber_loss": (lambda p, y: np.where(abs(p - y) <= 1, (p - y) ** 2 / 2, abs(p - y) - 0.5), (-3, 3), (-3, 3)),
    "binary_cross_entropy": (lambda p, y: -xlogy(y, p) - xlogy(1 - y, 1 - p), (0.2, 0.8), (0, 1)),
    "binary_cross_entropy_with_logits": (
        lambda z, y: -xlogy(y, 1 / (1 + np.exp(-z))) - xlogy(1 - y, 1 / (1 + np.exp(z))),
        (-5, 5),
        (0, 1),
    ),
}
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=4)


def numbers(draw, shape, low, high, dtype=np.float64):
    """Values spread over a range; no difference of two of them is a kink of any loss."""
    parts = draw(hnp.arrays(int, shape, elements=st.integers(0, 100)))
    return np.asarray((low + (high - low) * (parts + 0.37) / 102).astype(dtype))


def gradient(loss, prediction, *rest, **options):
    t = tg.Tensor(prediction, requires_grad=True)
    out = loss(t, *rest, **options)
    out.backward(np.ones(out.shape))
    return t.grad


@pytest.mark.parametrize("name", ENTRYWISE)
@given(data=st.data())
def test_entry_by_entry_losses_are_their_formulas(name, data):
    formula, *ranges = ENTRYWISE[name]
    shape = data.draw(SHAPES)
    dtype = data.draw(st.sampled_from([np.float64, np.float32]))
    reduction = data.draw(st.sampled_from(sorted(REDUCTIONS)))
    p, y = (numbers(data.draw, shape, *bounds, dtype) for bounds in ranges)
    p = p + dtype(0.003)
    right = REDUCTIONS[reduction](formula(p.astype(float), y.astype(float)))
    loss = getattr(nn, name)(tg.Tensor(p, requires_grad=True), y, reduction=reduction)
    assert loss.dtype == dtype
    np.testing.assert_allclose(loss.data, right, rtol=1e-12 if dtype is np.float64 else 1e-4, atol=1e-6)
    np.testing.assert_array_equal(getattr(nn, name)(p, y, reduction=reduction), loss.data)
    if dtype is np.float64:
        check_first(lambda p, y: getattr(nn, name)(p, y, reduction=reduction), [p, y], [True, False])
    else:
        assert gradient(getattr(nn, name), p, y, reduction=reduction).dtype == np.float32


def test_huber_takes_its_delta():
    p = np.array([0.5, 3.0, -4.0])
    assert nn.huber_loss(p, np.zeros(3), reduction="none", delta=2).tolist() == [0.125, 2 * (3 - 1), 2 * (4 - 1)]
    assert gradient(nn.huber_loss, p, np.zeros(3), reduction="sum", delta=2).tolist() == [0.5, 2, -2]
    for delta in (0, -1, math.inf, math.nan):
        with pytest.raises(ValueError, match=r"huber_loss: delta=.* is not a finite number above 0"):
            nn.huber_loss(p, p, delta=delta)


@pytest.mark.parametrize("name", [*ENTRYWISE, "hinge"])
@pytest.mark.parametrize("shape", [(3, 1), (1, 3), (), (2,), (3, 3)])
def test_nothing_is_broadcast(name, shape):
    with pytest.raises(ValueError, match=rf"^{name}: prediction has shape \(3,\) and target .*must be equal"):
        getattr(nn, name)(tg.Tensor(np.full(3, 0.5), requires_grad=True), np.ones(shape))


@pytest.mark.parametrize("name", [*ENTRYWISE, "hinge"])
def test_the_mean_of_nothing_is_refused(name):
    nothing = tg.Tensor(np.zeros((0, 2)), requires_grad=True)
    with pytest.raises(ValueError, match=rf"{name}: the batch is empty \(shape \(0, 2\)\).*0 / 0"):
        getattr(nn, name)(nothing, np.zeros((0, 2)))
    assert getattr(nn, name)(nothing, np.zeros((0, 2)), reduction="sum").item() == 0
    with pytest.raises(ValueError, match=rf"{name}: reduction='average' is none of"):
        getattr(nn, name)(np.full(2, 0.5), np.ones(2), reduction="average")


@pytest.mark.parametrize("name", [*ENTRYWISE, "hinge"])
@pytest.mark.parametrize(
    "target", [[1, 1], np.array([1, 1]), np.array([1, 1], np.uint8), np.ones(2), tg.Tensor([1, 1])]
)
def test_any_kind_of_target_keeps_float32(name, target):
    p = tg.Tensor(np.array([0.5, 0.25], np.float32), requires_grad=True)
    loss = getattr(nn, name)(p, target)
    assert loss.dtype == np.float32
    assert loss.item() == pytest.approx(getattr(nn, name)(p.data.astype(float), np.ones(2)), rel=1e-6)
    loss.backward()
    assert p.grad.dtype == np.float32


def test_differences_of_small_whole_numbers_do_not_wrap():
    a, b = np.array([0, 200], np.uint8), np.array([1, 0], np.uint8)
    assert nn.mse_loss(a, b) == (1 + 40000) / 2
    assert nn.l1_loss(a, b) == (1 + 200) / 2


# ---- the ends ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("p", "y", "loss", "slope"),
    [
        (0, 0, 0, 1),
        (1, 1, 0, -1),
        (0, 1, np.inf, -np.inf),
        (1, 0, np.inf, np.inf),
        (0, 0.5, np.inf, -np.inf),
        (1e-300, 1, 300 * math.log(10), -1e300),
        (1e-20, 0, 1e-20, 1),
    ],
)
def test_binary_cross_entropy_of_certainties(p, y, loss, slope):
    assert nn.binary_cross_entropy([p], [y]) == pytest.approx(loss, rel=1e-14)
    assert not np.signbit(nn.binary_cross_entropy([p], [y]))
    assert gradient(nn.binary_cross_entropy, [float(p)], [y]) == pytest.approx(slope, rel=1e-14)


def test_an_infinite_surprise_that_was_not_selected_leaves_no_trace():
    p, y = tg.Tensor([0.0, 0.5], requires_grad=True), tg.Tensor([1.0, 1.0], requires_grad=True)
    losses = nn.binary_cross_entropy(p, y, reduction="none")
    np.sum(np.where([False, True], losses, 0)).backward()
    assert p.grad.tolist() == [0, -2]
    assert y.grad.tolist() == [0, 0]
    z = tg.Tensor([[0.0, -np.inf], [0.0, 0.0]], requires_grad=True)
    q = tg.Tensor([[0.0, 1.0], [1.0, 0.0]], requires_grad=True)
    np.sum(np.where([False, True], nn.cross_entropy(z, q, reduction="none"), 0)).backward()
    assert z.grad.tolist() == [[0, 0], [-0.5, 0.5]]
    np.testing.assert_allclose(q.grad, [[0, 0], [math.log(2), math.log(2)]], rtol=1e-15)


def test_an_infinite_surprise_may_count_infinitely():
    p = tg.Tensor([0.0, 1.0], requires_grad=True)
    nn.binary_cross_entropy(p, [1, 0], reduction="none").backward([np.inf, np.inf])
    assert p.grad.tolist() == [-np.inf, np.inf]


@pytest.mark.parametrize("z", [-1000.0, -40.0, 0.0, 40.0, 1000.0, np.inf, -np.inf])
@pytest.mark.parametrize("y", [0.0, 1.0])
def test_binary_cross_entropy_with_logits_of_any_size(z, y):
    wrong = z if y == 0 else -z  # the larger, the worse
    loss = max(wrong, 0) + math.log1p(math.exp(-abs(z)))
    slope = math.exp(min(wrong, 0)) / (1 + math.exp(-abs(z))) * (1 if y == 0 else -1)
    if wrong == -np.inf or wrong < -700:
        loss = slope = 0
    got = nn.binary_cross_entropy_with_logits(np.array([z]), [y])
    assert got == pytest.approx(loss, rel=1e-14)
    assert gradient(nn.binary_cross_entropy_with_logits, [z], [y]) == pytest.approx(slope, rel=1e-14)


def test_cross_entropy_of_logits_of_any_size():
    z = np.array([[1000.0, -1000.0], [-1000.0, 1000.0], [1e300, -1e300], [0.0, -np.inf]])
    assert nn.cross_entropy(z, [0, 0, 0, 0], reduction="none").tolist() == [0, 2000, 0, 0]
    assert gradient(nn.cross_entropy, z, [0, 0, 0, 0], reduction="sum").tolist() == [[0, 0], [-1, 1], [0, 0], [0, 0]]
    assert nn.cross_entropy(z[3:], [1]) == np.inf
    assert gradient(nn.cross_entropy, z[3:], [1]).tolist() == [[1, -1]]


def test_kl_divergence_of_certainties():
    with np.errstate(divide="ignore"):
        believed = np.log([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    true = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    losses = nn.kl_div(believed, true, reduction="none")
    assert losses.tolist() == [[0, 0], [math.log(2), 0], [np.inf, 0]]
    assert gradient(nn.kl_div, believed, true, reduction="sum").tolist() == [[-1, 0]] * 3
    assert nn.kl_div(believed, log(true), reduction="none", log_target=True).tolist() == losses.tolist()


# ---- classes -----------------------------------------------------------------------------------------------------
def surprise(logits, labels, weight, ignore, smoothing):
    """Row by row, as it is written in books: the losses, and by what the mean divides."""
    losses, counted = np.zeros(labels.shape), 0.0
    for place in np.ndindex(labels.shape):
        if labels[place] == ignore:
            continue
        z = logits[place]
        log_p = z - math.log(sum(math.exp(value) for value in z))
        hit = labels[place]
        losses[place] = -(1 - smoothing) * weight[hit] * log_p[hit] - smoothing * np.mean(weight * log_p)
        counted += weight[hit]
    return losses, counted


@given(data=st.data())
def test_cross_entropy_of_classes_is_its_formula(data):
    shape, classes = data.draw(hnp.array_shapes(min_dims=0, max_dims=2, max_side=4)), data.draw(st.integers(1, 4))
    logits = numbers(data.draw, (*shape, classes), -4, 4)
    labels = np.asarray(data.draw(hnp.arrays(np.int64, shape, elements=st.integers(0, classes - 1))))
    ignore = data.draw(st.sampled_from([-100, 0, 1]))
    smoothing = data.draw(st.sampled_from([0.0, 0.1, 1.0]))
    weight = data.draw(st.none() | st.just(np.array([0.5, 2.0, 1.0, 3.0])[:classes]))
    options = {"weight": weight, "ignore_index": ignore, "label_smoothing": smoothing}
    losses, counted = surprise(logits, labels, np.ones(classes) if weight is None else weight, ignore, smoothing)
    right = {"none": losses, "sum": np.sum(losses), "mean": np.sum(losses) / (counted or 1)}
    reduction = data.draw(st.sampled_from(sorted(right)))
    cross_entropy = lambda z: nn.cross_entropy(z, labels, reduction=reduction, **options)
    through_logs = lambda z: nn.nll_loss(
        tg.log_softmax(z), labels, weight=weight, ignore_index=ignore, reduction=reduction
    )
    for loss in [cross_entropy] if smoothing else [cross_entropy, through_logs]:
        if reduction == "mean" and not counted:
            with pytest.raises(ValueError, match=r"every target is ignored or has weight 0"):
                loss(logits)
        else:
            np.testing.assert_allclose(loss(logits), right[reduction], atol=1e-13)
            check_first(loss, [logits], [True])


@given(data=st.data())
def test_probabilities_that_are_certain_are_classes(data):
    shape, classes = data.draw(hnp.array_shapes(max_dims=2, max_side=3)), data.draw(st.integers(1, 4))
    logits = numbers(data.draw, (*shape, classes), -4, 4)
    labels = data.draw(hnp.arrays(int, shape, elements=st.integers(0, classes - 1)))
    for reduction in REDUCTIONS:
        for options in ({}, {"label_smoothing": 0.25}):
            np.testing.assert_allclose(
                nn.cross_entropy(logits, np.eye(classes)[labels], reduction=reduction, **options),
                nn.cross_entropy(logits, labels, reduction=reduction, **options),
                rtol=1e-14,
            )


def test_cross_entropy_of_probabilities_is_its_formula():
    z, q, w = (
        np.array([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]]),
        np.array([[0.2, 0.3, 0.5], [1, 0, 0]]),
        np.array([1, 2, 3.0]),
    )
    log_p = np.log(np.exp(z) / np.exp(z).sum(axis=1, keepdims=True))
    smooth = 0.9 * q + 0.1 / 3
    np.testing.assert_allclose(nn.cross_entropy(z, q), -np.sum(q * log_p) / 2, rtol=1e-14)
    np.testing.assert_allclose(
        nn.cross_entropy(z, q, weight=w, label_smoothing=0.1), -np.sum(w * smooth * log_p) / 2, rtol=1e-14
    )
    p = np.exp(log_p)
    np.testing.assert_allclose(gradient(nn.cross_entropy, z, q), (p - q) / 2, atol=1e-15)


def test_targets_can_be_trained_too():
    q = lambda s: tg.softmax(s)
    z, s = np.array([[1.0, 2.0, -1.0]]), np.array([[0.3, -0.2, 0.5]])
    for loss in (
        lambda z, s: nn.cross_entropy(z, q(s), label_smoothing=0.1),
        lambda z, s: nn.kl_div(tg.log_softmax(z), q(s)),
        lambda z, s: nn.kl_div(tg.log_softmax(z), tg.log_softmax(s), log_target=True),
        lambda z, s: nn.binary_cross_entropy(q(z), q(s)),
        lambda z, s: nn.binary_cross_entropy_with_logits(z, q(s), pos_weight=2),
        nn.mse_loss,
        nn.huber_loss,
    ):
        assert tg.gradcheck(loss, z, s)


def test_kl_div_is_its_formula_and_divides_as_asked():
    p, q = np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]]), np.array([[0.1, 0.8, 0.1], [0.3, 0.3, 0.4]])
    right = q * np.log(q / p)
    for reduction, expected in {**REDUCTIONS, "batchmean": lambda losses: np.sum(losses) / 2}.items():
        np.testing.assert_allclose(nn.kl_div(np.log(p), q, reduction=reduction), expected(right), rtol=1e-13)
        both_logs = nn.kl_div(np.log(p), np.log(q), reduction=reduction, log_target=True)
        np.testing.assert_allclose(both_logs, expected(right), rtol=1e-13)
    assert tg.gradcheck(lambda z: nn.kl_div(z, q, reduction="batchmean"), np.log(p))


def test_yes_can_count_more():
    z, y, w = np.array([[1.0, -2.0], [0.5, 3.0]]), np.array([[1, 0], [0, 1]]), np.array([3.0, 0.5])
    p = 1 / (1 + np.exp(-z))
    right = -w * y * np.log(p) - (1 - y) * np.log(1 - p)
    loss = lambda z: nn.binary_cross_entropy_with_logits(z, y, reduction="none", pos_weight=w)
    np.testing.assert_allclose(loss(z), right, rtol=1e-13)
    assert tg.gradcheck(lambda z: np.sum(loss(z)), z)
    with pytest.raises(ValueError, match=r"pos_weight of shape \(3,\) does not fit targets of \(2, 2\)"):
        nn.binary_cross_entropy_with_logits(z, y, pos_weight=np.ones(3))


def test_hinge_is_its_formula():
    p, y = np.array([2.0, 0.5, -3.0, 1.0, -0.25]), np.array([1, 1, 1, 1, -1])
    assert nn.hinge(p, y, reduction="none").tolist() == [0, 0.5, 4, 0, 0.75]
    assert gradient(nn.hinge, p, y, reduction="sum").tolist() == [0, -1, -1, 0, 1]  # at the kink, p = 1, nothing
    with pytest.raises(ValueError, match=r"hinge: the target holds 0 \(at index \[1\]\).*2 \* target - 1"):
        nn.hinge([1.0, 2.0], [1, 0])


def test_float32_and_lists_of_classes():
    z = tg.Tensor(np.array([[1, 2], [3, 4]], np.float32), requires_grad=True)
    for target in ([0, 1], np.array([0, 1], np.uint8), tg.Tensor([0, 1]), [[0.5, 0.5], [1, 0]]):
        for options in ({}, {"weight": [1, 2]}, {"label_smoothing": 0.1}, {"ignore_index": 1}):
            loss = nn.cross_entropy(z, target, **options)
            assert loss.dtype == np.float32
            z.grad = None
            loss.backward()
            assert z.grad.dtype == np.float32
    assert nn.cross_entropy([[1, 2], [3, 4]], [0, 1], weight=[0.5, 2]) == pytest.approx(
        (0.5 * math.log1p(math.e) + 2 * math.log1p(1 / math.e)) / 2.5
    )


@pytest.mark.parametrize(
    ("logits", "target", "error", "message"),
    [
        ((4, 3), (4, 1), ValueError, r"logits have shape \(4, 3\) and target \(4, 1\).*target\[\.\.\., 0\]"),
        ((4, 3), (5,), ValueError, r"target \(5,\)\. There must be one class for every row of logits: shape \(4,\)"),
        ((4, 3, 5), (4, 5), ValueError, r"np\.moveaxis\(logits, 1, -1\)"),
        ((), (), ValueError, r"logits have shape \(\) and target \(\)"),
        ((1, 3), [3], ValueError, r"class 3 \(at index \[0\]\), but 3 classes are numbered 0 to 2"),
        ((2, 3), [0, -1], ValueError, r"class -1 \(at index \[1\]\)"),
        ((2, 3), [0.5, 1.0], TypeError, r"dtype float64 and holds 0\.5.*target\.astype\(int\)"),
        ((2, 3), [True, False], TypeError, r"dtype bool and holds True"),
        ((1, 2), [[0.5, 0.6]], ValueError, r"must add up to 1, but some add up to 1\.1 \(at index \[0\]\)"),
        ((1, 2), [[-0.5, 1.5]], ValueError, r"holds -0\.5 \(at index \[0, 0\]\)"),
        ((1, 2), [[np.nan, 1]], ValueError, r"holds nan"),
        ((0, 3), np.zeros(0, int), ValueError, r"the batch is empty, and the mean of nothing"),
        ((2, 3), [-100, -100], ValueError, r"every target is ignored"),
    ],
)
def test_cross_entropy_says_what_is_wrong(logits, target, error, message):
    target = np.zeros(target, int) if isinstance(target, tuple) else target
    with pytest.raises(error, match="^cross_entropy: .*" + message):
        nn.cross_entropy(tg.Tensor(np.zeros(logits), requires_grad=True), target)


def test_other_bad_targets_and_options():
    z = np.zeros((2, 3))
    for weight in ([1, 2], [1, 2, -3], [[1, 2, 3]], [1, 2, np.nan]):
        with pytest.raises(
            ValueError,
            match=r"cross_entropy: weight must hold one number, 0 or more, for every class, so be of shape \(3,\)",
        ):
            nn.cross_entropy(z, [0, 1], weight=weight)
    with pytest.raises(ValueError, match=r"label_smoothing=1\.5 is not between 0 and 1"):
        nn.cross_entropy(z, [0, 1], label_smoothing=1.5)
    with pytest.raises(ValueError, match=r"every target is ignored or has weight 0"):
        nn.cross_entropy(z, [0, 1], weight=[0, 0, 1])
    with pytest.raises(ValueError, match=r"prediction holds 1\.5 \(at index \[1\]\).*binary_cross_entropy_with_logits"):
        nn.binary_cross_entropy([0.5, 1.5], [0, 1])
    with pytest.raises(ValueError, match=r"target holds 2 \(at index \[0\]\), but probabilities"):
        nn.binary_cross_entropy([0.5, 0.5], [2, 1])
    with pytest.raises(ValueError, match="kl_div: the target's probabilities along the last axis"):
        nn.kl_div(z, np.ones((2, 3)))


def test_a_prediction_that_is_nan_stays_nan():
    """It is the program's doing, which the training loop names; a NaN in a target is an error in the data."""
    assert np.isnan(nn.binary_cross_entropy([np.nan], [1]))
    with pytest.raises(ValueError, match="the target holds nan"):
        nn.binary_cross_entropy([0.5], [np.nan])


def test_lost_shares_of_one_in_a_thousand_are_found():
    """The checks above would see a wrong rule: plant one."""
    row = rows()[nn.classification_losses.softmax_cross_entropy]
    right = row.rules[0].vjp
    row.rules[0].vjp = lambda g, logits, target: right(g, logits, target) * 1.001
    try:
        assert not tg.gradcheck(lambda z: nn.cross_entropy(z, [0, 2]), np.array([[1.0, 2, 3], [0, 1, 0]]))
    finally:
        row.rules[0].vjp = right


def test_second_derivatives_of_the_losses():
    """The curvature of logistic regression is X^T diag(p (1 - p)) X; that of softmax diag(p) - p p^T."""
    z = np.array([0.3, -1.2, 2.0])
    p = 1 / (1 + np.exp(-z))
    curvature = tg.hessian(lambda z: nn.binary_cross_entropy_with_logits(z, [1, 0, 0.3], reduction="sum"))(z)
    np.testing.assert_allclose(curvature, np.diag(p * (1 - p)), atol=1e-14)
    p = np.exp(z) / np.exp(z).sum()
    np.testing.assert_allclose(tg.hessian(lambda z: nn.cross_entropy(z, 1))(z), np.diag(p) - np.outer(p, p), atol=1e-14)


@pytest.mark.parametrize("poison", [np.nan, -np.inf])
@pytest.mark.parametrize("excluded", ["ignored", "of weight 0", "not selected"])
def test_rows_that_do_not_count_send_back_exactly_zero(poison, excluded):
    z = np.array([[1.0, 2.0, 3.0], [poison, poison, poison]])
    alone = gradient(nn.cross_entropy, z[:1], [0])
    with np.errstate(invalid="ignore"):
        if excluded == "not selected":
            t = tg.Tensor(z, requires_grad=True)
            np.sum(np.where([True, False], nn.cross_entropy(t, [0, 1], reduction="none"), 0)).backward()
            got = t.grad
        else:
            options = {"ignore_index": 1} if excluded == "ignored" else {"weight": [1, 0, 1]}
            got = gradient(nn.cross_entropy, z, [0, 1], **options)
    np.testing.assert_array_equal(got, np.concatenate([alone, np.zeros((1, 3))]))


@pytest.mark.parametrize("name", [*ENTRYWISE, "hinge"])
def test_complex_numbers_are_refused(name):
    real, imaginary = np.full(2, 0.5), np.full(2, 0.5j)
    for pair in ((imaginary, real), (real, imaginary), (tg.Tensor(imaginary, requires_grad=True), imaginary)):
        with pytest.raises(TypeError, match=rf"{name} got complex numbers.*np\.abs\(prediction - target\) \*\* 2"):
            getattr(nn, name)(*pair)


def test_weights_that_want_gradients_are_refused():
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    for loss in (
        lambda: nn.cross_entropy([[1.0, 2.0]], [0], weight=w),
        lambda: nn.nll_loss([[-1.0, -2.0]], [0], weight=w),
        lambda: nn.binary_cross_entropy_with_logits([[1.0, 2.0]], [[0, 1]], pos_weight=w),
    ):
        with pytest.raises(TypeError, match=r"weight is a Tensor that requires gradients.*weight\.data"):
            loss()
    assert nn.cross_entropy([[1.0, 2.0]], [0], weight=w.detach()) == nn.cross_entropy([[1.0, 2.0]], [0], weight=w.data)


def test_probabilities_in_place_of_logarithms_are_refused():
    p = np.array([[0.25, 0.75]])
    for loss in (lambda p: nn.nll_loss(p, [0]), lambda p: nn.kl_div(p, [[0.5, 0.5]])):
        with pytest.raises(ValueError, match=r"log_probabilities hold 0\.25 .*tg\.log_softmax\(logits\).*np\.log\("):
            loss(p)
        assert loss(np.log(p) + 1e-7) > 0  # rounding is none
    assert nn.nll_loss([[0.0, -np.inf]], [0]) == 0


def test_settings_that_are_numpy_numbers_keep_float32():
    z = np.zeros((2, 2), np.float32)
    assert nn.cross_entropy(z, [0, 1], label_smoothing=np.float64(0.1)).dtype == np.float32
    assert nn.huber_loss(z, z, delta=np.float64(0.5)).dtype == np.float32


def test_a_reshape_is_suggested_only_where_it_works():
    with pytest.raises(ValueError, match=r"target\.reshape\(prediction\.shape\)\.$"):
        nn.mse_loss(np.ones(3), np.ones((3, 1)))
    with pytest.raises(ValueError, match=r"compare every entry with every other\.$"):
        nn.mse_loss(np.ones(3), np.ones(4))
