"""Every cause is produced by something small and real, and named rightly; where nothing is wrong, nothing is blamed."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.explain.explanation import CAUSES
from tinygrad_edu.lessons.flip import IMAGE, WEIGHTS

pytestmark = pytest.mark.filterwarnings("ignore:.*encountered.*:RuntimeWarning")


def leaf(values):
    return tg.Tensor(np.array(values, float), requires_grad=True)


def flip():
    w1, b1, w2, b2 = map(leaf, WEIGHTS.values())
    b1.data = b1.data - [1e-9, 0, 0]  # unit 0 sits on the kink, where the BLAS would decide: let it be silent
    h = tg.relu(IMAGE @ w1 + b1)
    loss = tg.nn.mse_loss(h @ w2 + b2, np.array([1.0, 1.0, 0.0, 1.0]))
    return {"W1": w1, "b1": b1, "W2": w2, "b2": b2, "h": h, "loss": loss}


# ---- None --------------------------------------------------------------------------------------------------------
def test_not_asked_for():
    w = tg.Tensor([1.0, 2.0])
    answer = tg.explain(w, np.sum(w * leaf([1.0, 1.0])))
    assert answer.cause == "not asked for"
    assert "requires_grad=True" in answer.mend
    assert "cannot be told" in answer.what
    assert tg.explain(w).cause == "not asked for"


def test_computed_under_no_grad():
    w = leaf([1.0, 2.0])
    with tg.no_grad():
        loss = np.sum(w * w)
    answer = tg.explain(w, loss)
    assert answer.cause == "not connected"
    assert "no_grad" in answer.what


@pytest.mark.parametrize("cut", [lambda w: w.detach(), lambda w: w.data, lambda w: w.numpy()])
def test_cut_off_by_detach_or_data(cut):
    w, other = leaf([1.5, 2.0]), leaf([1.0, 1.0])
    answer = tg.explain(w, np.sum(np.sin(cut(w) * other)))
    assert answer.cause == "not connected"
    assert answer.operation == "np.multiply"
    assert "exactly its numbers" in answer.what


def test_never_used():
    answer = tg.explain(leaf([1.5, 2.0]), np.sum(leaf([1.0, 1.0]) * 2))
    assert (answer.cause, answer.operation) == ("not connected", None)
    assert "cannot be told" in answer.what


def test_backward_not_called():
    w = leaf([1.0, 2.0])
    loss = np.sum(w * w)
    assert tg.explain(w, loss).cause == "backward not called"
    assert tg.explain(w).cause == "backward not called"
    assert "loss.backward()" in tg.explain(w, loss).mend


def test_graph_freed():
    w, v = leaf([-1.0, 2.0]), leaf([1.0])
    loss = np.sum(tg.relu(w))
    loss.backward()
    answer = tg.explain(w, loss)
    assert answer.cause == "graph freed"
    assert "The gradient is 0 at 0" in answer.what
    assert tg.explain(v, loss).cause == "graph freed"
    assert tg.explain(w).cause == "needs the loss"


def test_a_parameter_that_was_replaced_is_no_leaf():
    w = leaf([1.0, 2.0])
    w = w - 0.1 * w
    answer = tg.explain(w, np.sum(w * w))
    assert answer.cause == "not a leaf"
    assert "w.data -= lr * w.grad" in answer.mend
    assert tg.explain(w).cause == "not a leaf"


def test_old_gradients_are_not_blamed_on_this_loss():
    w = leaf([1.0, 2.0])
    w.grad = np.array([np.nan, 1.0])
    answer = tg.explain(w, np.sum(w * w))
    assert answer.cause == "old gradient"
    assert "zero_grad" in answer.mend


# ---- zero --------------------------------------------------------------------------------------------------------
def test_dead_relu_names_the_unit():
    net = tg.nn.Sequential(tg.nn.Linear(4, 3, rng=0), tg.nn.ReLU(), tg.nn.Linear(3, 2, rng=1))
    net[0].bias.data = np.array([1.0, -100.0, 1.0])
    x = np.random.default_rng(0).uniform(0.1, 1, (8, 4))
    loss = np.mean(net(x) ** 2)
    for name, parameter in net.named_parameters():
        answer = tg.explain(parameter, loss, names=net)
        if name == "2.bias":
            assert answer.cause == "backward not called"
        else:  # also the weights behind the silent unit
            assert (answer.cause, answer.operation) == ("dead relu", "relu"), name
            assert "unit 1 (of 3)" in answer.what
            assert not answer.also


def test_the_flip_network_has_a_dead_unit_and_a_black_pixel():
    t = flip()
    answer = tg.explain(t["W1"], t["loss"], names=t)
    assert (answer.cause, answer.operation) == ("dead relu", "relu")
    assert "h = relu(" in answer.place
    assert "units 0, 1 (of 3)" in answer.what
    assert [other.cause for other in answer.also] == ["multiplied by zero"]
    assert answer.also[0].place.endswith("get nothing: row 1")
    assert tg.explain(t["W2"], t["loss"]).cause == "dead relu"
    assert tg.explain(t["b2"], t["loss"]).cause == "backward not called"


def test_a_relu_that_is_silent_for_some_samples_is_not_dead():
    w = leaf([[1.0, -1.0]])
    x = np.array([[1.0], [-1.0]])
    assert tg.explain(w, np.sum(tg.relu(x @ w))).cause == "backward not called"


def test_of_two_dead_layers_the_one_nearest_the_loss_is_named():
    w = leaf([-1.0, -2.0])
    first = tg.relu(w)
    answer = tg.explain(w, np.sum(tg.relu(first - 1.0)), names={"w": w, "first": first})
    assert answer.cause == "dead relu"
    assert "first - ?" not in answer.what
    assert "relu(t2)" in answer.place


@pytest.mark.parametrize(
    ("function", "cause", "operation"),
    [
        (lambda w: np.maximum(-w, 0), "dead relu", "np.maximum"),
        (lambda w: np.tanh(w * 100), "saturated", "np.tanh"),
        (lambda w: tg.sigmoid(w * 40), "saturated", "sigmoid"),  # not 0, but 4e-18
        (lambda w: tg.sigmoid(w * -900), "saturated", "sigmoid"),
        (lambda w: tg.softmax(w * 1000)[0], "saturated", "softmax"),
        (lambda w: np.where(np.array([False, False, True]), w, 0.0), "masked", "np.where"),
        (lambda w: np.clip(w, 5, 6), "masked", "np.clip"),
        (lambda w: np.maximum(w, 10.0), "masked", "np.maximum"),
        (lambda w: np.minimum(w, -10.0), "masked", "np.minimum"),
        (lambda w: w[1:], "masked", "getitem"),
        (lambda w: np.max(w), "masked", "np.max"),
        (lambda w: w * 0, "multiplied by zero", "np.multiply"),
        (lambda w: w @ np.zeros((3, 2)), "multiplied by zero", "np.matmul"),
        (lambda w: w @ leaf(np.zeros((3, 2))), "multiplied by zero", "np.matmul"),
        (lambda w: (w - w.data) ** 2, "flat", "np.power"),
        (lambda w: np.abs(w - w.data), "flat", "np.absolute"),
        (lambda w: w - w, "cancelled", None),
        (lambda w: w - np.mean(w), "cancelled", None),
    ],
)
def test_zero_and_why(function, cause, operation):
    w = leaf([1.0, 2.0, 4.0])
    answer = tg.explain(w, np.sum(np.sin(function(w)) if cause != "cancelled" else function(w)))
    assert answer.cause == cause
    assert answer.operation == operation


def test_partly_masked_says_where():
    w = leaf([1.0, 2.0, 4.0])
    answer = tg.explain(w, np.sum(np.clip(w, 0, 3)))
    assert answer.cause == "masked"
    assert answer.place.endswith("get nothing: 2")


def test_zero_weights_before_zero_weights():
    """Both layers begin at zero: the first learns nothing, because the second multiplies with 0."""
    w1, w2 = leaf(np.zeros((2, 3))), leaf(np.zeros((3, 1)))
    loss = np.mean((np.tanh(np.ones((4, 2)) @ w1) @ w2 - 1) ** 2)
    answer = tg.explain(w1, loss, names={"w1": w1, "w2": w2})
    assert (answer.cause, answer.operation) == ("multiplied by zero", "np.matmul")
    assert "w2 is 0 there" in answer.what


# ---- NaN and inf -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("function", "cause", "operation", "words"),
    [
        (lambda w: (w / np.array([1.0, 0.0, 1.0])) ** 2 * 3, "inf", "np.divide", "inf at index 1"),
        (lambda w: np.tanh(w / np.array([0.0, 1.0, 1.0]) * 2) + 1, "nan", "np.divide", "0 / 0"),
        (lambda w: np.sin(np.exp(w * 1000)) * 2, "inf", "np.exp", "at index 1"),
        (lambda w: np.log(w) * 2, "inf", "np.log", "np.log(0)"),
        (lambda w: np.sqrt(w), "inf", "np.sqrt", "index 0"),
        (lambda w: np.sqrt(w * w), "nan", "np.sqrt", "index 0"),  # inf * 0 further on
        (lambda w: np.exp(np.sqrt(w - 2) * 2), "nan", "np.sqrt", "index 0"),
        (lambda w: np.sin(w * np.array([1.0, np.inf, 1.0])), "inf", "np.multiply", "constant"),
        (lambda w: np.arcsin(w), "nan", "np.arcsin", "index 2"),
    ],
)
def test_where_it_stopped_being_a_number(function, cause, operation, words):
    w = leaf([0.0, 1.0, 4.0])
    answer = tg.explain(w, np.sum(function(w)))
    assert (answer.cause, answer.operation) == (cause, operation)
    assert words in answer.what


def test_a_planted_nan_in_the_middle_of_a_chain_is_found():
    x = leaf(np.linspace(0.5, 1.5, 6).reshape(2, 3))
    holes = np.ones((2, 3))
    holes[1, 2] = 0
    chain = np.tanh(x * 2)
    ratio = (chain * holes) / holes  # 0 / 0 at (1, 2)
    loss = np.mean(np.exp(np.sin(ratio) * 3) + x)
    answer = tg.explain(x, loss, names={"x": x, "ratio": ratio})
    assert (answer.cause, answer.operation) == ("nan", "np.divide")
    assert "at index (1, 2)" in answer.what
    assert answer.what.count("0 / 0") == 1
    assert answer.place.startswith("ratio = ")
    assert "(2, 3)" in answer.place


def test_a_leaf_that_holds_nan():
    w = leaf([1.0, np.nan])
    for answer in (tg.explain(w), tg.explain(w, np.sum(w * w)), tg.explain(w, np.sum(w * 2))):
        assert (answer.cause, answer.operation) == ("nan", None)
        assert "itself holds" in answer.what
        assert "index 1" in answer.what


def test_what_where_did_not_select_is_not_blamed():
    w = leaf([0.0, 1.0])
    loss = np.sum(np.where(w.data > 0, np.log(w), w * 2))
    assert tg.explain(w, loss).cause == "backward not called"
    loss.backward()
    assert tg.explain(w, loss).cause == "fine"


# ---- nothing, and manners ----------------------------------------------------------------------------------------
def healthy():
    rng = np.random.default_rng(3)
    net = tg.nn.Sequential(tg.nn.Linear(3, 5, rng=1), tg.nn.ReLU(), tg.nn.Linear(5, 2, rng=2))
    x, y = rng.normal(size=(40, 3)), rng.uniform(size=(40, 2))
    return net, lambda: tg.nn.mse_loss(tg.sigmoid(net(x)), y)


def test_where_nothing_is_wrong_nothing_is_reported():
    net, loss_of = healthy()
    loss = loss_of()
    for parameter in net.parameters():
        assert tg.explain(parameter, loss).cause == "backward not called"
    loss.backward()
    again = loss_of()
    for parameter in net.parameters():
        assert tg.explain(parameter, again).cause == "fine"
        assert tg.explain(parameter).cause == "fine"


def test_nothing_is_changed():
    net, loss_of = healthy()
    loss = loss_of()
    before = [p.data.copy() for p in net.parameters()]
    for parameter in net.parameters():
        tg.explain(parameter, loss)
    assert all(p.grad is None for p in net.parameters())
    for p, data in zip(net.parameters(), before, strict=True):
        np.testing.assert_array_equal(p.data, data)
    loss.backward()
    assert all(p.grad is not None for p in net.parameters())


def test_the_arguments_may_be_swapped():
    t = flip()
    assert tg.explain(t["loss"], t["W1"]) == tg.explain(t["W1"], t["loss"])


@pytest.mark.parametrize("call", [lambda w, loss: tg.explain(w.grad, loss), lambda w, loss: tg.explain(w, 3.0)])
def test_what_is_no_tensor_is_refused(call):
    w = leaf([1.0])
    with pytest.raises(TypeError, match=r"needs a Tensor.*tg.explain\(W1, loss\)"):
        call(w, np.sum(w))


def test_a_module_gets_the_line_that_works():
    net = tg.nn.Linear(2, 2, rng=0)
    with pytest.raises(TypeError, match=r"for name, p in net.named_parameters\(\)"):
        tg.explain(net, np.sum(net(np.ones((1, 2)))))


def test_it_prints_cause_place_and_mend():
    t = flip()
    text = str(tg.explain(t["W1"], t["loss"], names=t))
    assert [line.split()[0] for line in text.splitlines() if line and not line.startswith(" ")] == [
        *("cause", "place", "mend"),
        *("cause", "place", "mend"),
    ]
    assert max(map(len, text.splitlines())) <= 90
    assert tg.explain(t["W1"], t["loss"]).cause in CAUSES
