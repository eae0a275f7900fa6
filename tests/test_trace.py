"""The chain rule as a table: right numbers, the rules as they stand in the source, and nothing disturbed."""

import html
import re

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.lessons.flip import IMAGE, WEIGHTS


def leaf(values):
    return tg.Tensor(np.array(values, float), requires_grad=True)


@pytest.fixture
def flip():
    """The traced network of lesson 1, every tensor by its name."""
    w1, b1, w2, b2 = map(leaf, WEIGHTS.values())
    b1.data = b1.data - [1e-9, 0, 0]  # unit 0 sits on the kink, where the BLAS would decide: let it be silent
    x, target = IMAGE, np.array([1.0, 1.0, 0.0, 1.0])
    z1 = x @ w1 + b1
    h = tg.relu(z1)
    prediction = h @ w2 + b2
    loss = tg.nn.mse_loss(prediction, target)
    names = {"x": x, "W1": w1, "b1": b1, "W2": w2, "b2": b2, "z1": z1, "h": h, "prediction": prediction}
    return {**names, "target": target, "loss": loss}


def test_the_flip_network_shows_the_lessons_figures(flip):
    table = tg.trace(flip["loss"], names=flip)
    text = table.text(120)
    for figure in ("[0.1 -0.1 -0.05 -0.25]", "0.89625", "[-0.45 -0.55 -0.025 -0.625]", "[0 0 0.5]", "[0 0 0.44]"):
        assert figure in text
    for figure in ("-0.225", "-0.275", "-0.0125", "-0.3125"):
        assert figure in text
    np.testing.assert_allclose(table["z1"].value, [0, -0.1, 0.5], atol=1e-8)
    np.testing.assert_allclose(table["W1"].gradient[:, 2], [0.44, 0, 0.44, 0.44])
    np.testing.assert_allclose(table["W2"].gradient[2], [-0.225, -0.275, -0.0125, -0.3125])


def test_formulas_are_the_program(flip):
    table = tg.trace(flip["loss"], names=flip)
    made = {line.name: line.formula for line in table}
    assert made["t4"] == "x @ W1"
    assert made["z1"] == "t4 + b1"
    assert made["h"] == "relu(z1)"
    assert made["loss"] == "mean_squared_error(prediction, target)"
    assert made["W1"] == "a leaf"


def test_rules_are_source_text(flip):
    table = tg.trace(flip["loss"], names=flip)
    assert dict(table["h"].rules) == {"x": "g * (out > 0)"}
    assert dict(table["z1"].rules) == {"x": "g", "y": "g"}
    assert dict(table["t7"].rules)["x"] == "g @ y.T"  # the line of the rule that was taken, not its name


def test_two_lambdas_on_one_line_are_told_apart():
    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    assert dict(tg.trace(a - b, seed=[1, 1])[-1].rules) == {"x": "g", "y": "-g"}


def test_a_rule_that_cannot_be_read_goes_by_its_name():
    @tg.primitive
    def twice(x):
        return x + x

    scope = {}
    exec("def rule_from_nowhere(g):\n    return g + g", scope)
    tg.derivative(twice, x=scope["rule_from_nowhere"])
    assert dict(tg.trace(np.sum(twice(leaf([1.0]))))[1].rules) == {"x": "rule_from_nowhere(g)"}


def diamond():
    x, w = leaf([[0.5, -1.0], [2.0, 0.1]]), leaf([0.3, -0.7])
    y = np.tanh(x @ w)
    z = np.exp(y) * y + np.concatenate([y[:1], w[1:]]) / (1 + y * y)
    return np.mean(z * z), [x, w]


def test_contributions_add_up_to_what_arrived():
    loss, _ = diamond()
    table = tg.trace(loss)
    assert max(len(line.contributions) for line in table) >= 4
    for line in list(table)[:-1]:
        np.testing.assert_allclose(sum(g for _, g in line.contributions), line.gradient, rtol=1e-14)
        assert all(number > line.number for number, _ in line.contributions)


def test_gradients_are_those_of_backward():
    loss, leaves = diamond()
    table = tg.trace(loss, names={"x": leaves[0], "w": leaves[1]})
    loss.backward()
    for name, t in zip("xw", leaves, strict=True):
        np.testing.assert_allclose(table[name].gradient, t.grad, rtol=1e-14)


def graph(node, seen):
    """Everything that hangs on a node, by identity."""
    if node not in seen:
        seen[node] = [(parent, rule, tuple(map(id, saved))) for parent, rule, saved in node.edges]
        for parent, _, _ in node.edges:
            graph(parent, seen)
    return seen


def test_trace_leaves_everything_as_it_was():
    loss, leaves = diamond()
    leaves[0].grad = np.full((2, 2), 7.0)
    before, data = graph(loss.node, {}), [t.data.copy() for t in leaves]
    str(tg.trace(loss))
    assert graph(loss.node, {}) == before
    np.testing.assert_array_equal(leaves[0].grad, np.full((2, 2), 7.0))
    assert leaves[1].grad is None
    for t, old in zip(leaves, data, strict=True):
        np.testing.assert_array_equal(t.data, old)
    loss.backward()
    assert leaves[1].grad is not None


def test_forward_values_that_no_rule_kept_are_computed_again():
    x = leaf([1.0, 2.0, 3.0])
    table = tg.trace(np.sum((x - x[0]) / 2), names={"x": x})
    np.testing.assert_array_equal(table["x"].value, [1, 2, 3])
    np.testing.assert_array_equal(table["t2"].value, [0, 1, 2])  # np.subtract keeps nothing
    assert tg.trace(np.sum(x + 1))["t1"].value is None  # and the 1 is not kept either
    assert tg.trace(np.sum(x + 1))["t1"].formula == "t0 + ?"


@pytest.mark.parametrize(
    ("function", "formula"),
    [
        (lambda t: t[1:, ::2], "t0[1:, ::2]"),
        (lambda t: t[np.array([0, 1])], "t0[[0, 1]]"),
        (lambda t: -t, "-t0"),
        (lambda t: 2.0 * t, "2.0 * t0"),
        (lambda t: t**3, "t0 ** 3"),
        (lambda t: np.sum(t, axis=0), "np.sum(t0, axis=0)"),
        (lambda t: t.astype(np.float32), "t0.astype(float32)"),
    ],
)
def test_formulas_read_as_one_would_write_them(function, formula):
    result = function(leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    assert tg.trace(np.sum(result))["t1"].formula == formula


def test_a_list_of_arrays_is_written_as_a_list():
    @tg.primitive
    def total(arrays, axis=0):
        return np.sum(np.stack(arrays, axis=axis), axis=axis)

    tg.derivative(total, arrays=lambda g, i, axis: g)
    t = leaf([1.0, 2.0])
    table = tg.trace(np.sum(total([np.ones(2), t, t * 2], axis=-1)))
    assert table["t2"].formula == "total([?, t0, t1], axis=-1)"
    assert table["t2"].value is None  # its first array is not kept


def test_names_come_from_modules_and_from_locals():
    net = tg.nn.Sequential(tg.nn.Linear(2, 2, rng=0), tg.nn.ReLU())
    x = np.ones((3, 2))
    loss = np.sum(net(x))
    _ = loss
    assert {"0.weight", "0.bias"} <= {line.name for line in tg.trace(loss, names=net)}
    table = tg.trace(loss, names=locals())
    assert table["net.0.weight"].shape == (2, 2)
    assert any(line.formula == "linear(x, net.0.weight, net.0.bias)" for line in table)
    assert any(dict(line.rules).get("weight") == "x.T @ g" for line in table)  # seen through a call of another rule


def test_large_arrays_are_summarized():
    w = leaf(np.linspace(-1, 1, 1000))
    text = tg.trace(np.sum(w * w), names={"w": w}).text(150)
    assert "-2 … 2, norm" in text
    assert max(map(len, text.splitlines())) <= 150


@pytest.mark.parametrize("width", [80, 100, 120])
def test_the_table_fits_the_terminal(flip, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    table = tg.trace(flip["loss"], names=flip)
    lines = str(table).splitlines()
    assert max(map(len, lines)) <= width
    assert repr(table) == str(table)


def test_html_escapes_and_holds_every_line(flip):
    page = tg.trace(flip["loss"], names=flip)._repr_html_()
    assert page.count("<tr>") == 11
    assert "g * (out &gt; 0)" in page
    plain = html.unescape(re.sub("<[^>]*>", " ", page))
    assert "-0.3125" in plain


def test_results_that_are_several_arrays():
    a = leaf([[2.0, 1.0], [1.0, 3.0]])
    values, vectors = np.linalg.eigh(a)
    assert "np.linalg.eigh" in tg.trace(np.sum(values) + np.sum(vectors**2)).text(200)


def test_a_look_at_the_graph_leaves_it_as_it_was():
    """Of functions of several arrays too, whose list of arrays a rule may have asked for."""
    x, y, z = leaf(np.ones((3, 2))), leaf(np.ones(2)), leaf(np.ones((2, 3)))
    for make in (lambda: np.einsum("ij,j->", x, y), lambda: np.sum(np.linalg.multi_dot([x, z, x]))):
        loss = make()
        assert tg.trace(loss).text(200) == tg.trace(loss).text(200)
        tg.explain(x, loss)
        loss.backward()


def test_a_lookup_by_name_says_what_there_is(flip):
    with pytest.raises(KeyError, match="no line is called 'W3'; there are t0, "):
        tg.trace(flip["loss"])["W3"]


def test_trace_refuses_with_a_reason(flip):
    flip["loss"].backward()
    with pytest.raises(RuntimeError, match="already used and freed this graph"):
        tg.trace(flip["loss"])
    with pytest.raises(RuntimeError, match="remembers nothing"):
        tg.trace(tg.Tensor(1.0))
    with pytest.raises(TypeError, match="names must be a dict"):
        tg.trace(np.sum(leaf([1.0])), names=["W1"])
    with pytest.raises(ValueError, match=r"got shape \(3,\)"):
        tg.trace(leaf([1.0, 2.0]) * 2, seed=np.ones(3))


def test_of_very_many_lines_the_first_and_the_last_are_printed():
    t = leaf([1.0])
    for _ in range(1000):
        t = t * 1.001
    table = tg.trace(t)
    text = table.text(100)
    assert len(table) == 1001
    assert "801 lines more" in text.replace("\n", " ")
    assert text.count("\n") < 230
    assert not any(line.startswith("500") for line in text.splitlines())


def test_of_very_many_contributions_the_first_are_printed():
    t = leaf([1.0])
    table = tg.trace(sum(t * float(i) for i in range(50)), names={"t": t})
    assert len(table["t"].contributions) == 50
    assert "… 38 more" in table.text(100)
