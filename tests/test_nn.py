"""Modules find their parameters, parameters are one vector, layers and losses are their formulas."""

import copy

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn


def parameter(*shape):
    return tg.Tensor(np.ones(shape), requires_grad=True)


class Nested(nn.Module):
    """Parameters wherever a module can keep them."""

    def __init__(self):
        self.own = parameter(2)
        self.listed = [parameter(1), nn.Linear(2, 3, rng=0)]
        self.named = {"left": parameter(3), "deep": {"down": (parameter(), nn.Linear(1, 1, bias=False, rng=1))}}
        self.tied = self.own
        self.constant = tg.Tensor([1.0])
        self.made = self.own * 2
        self.number, self.nothing = 3, None
        self.parent = self


def test_parameters_are_found_by_walking():
    assert [(name, p.shape) for name, p in Nested().named_parameters()] == [
        ("own", (2,)),
        ("listed.0", (1,)),
        ("listed.1.weight", (2, 3)),
        ("listed.1.bias", (3,)),
        ("named.left", (3,)),
        ("named.deep.down.0", ()),
        ("named.deep.down.1.weight", (1, 1)),
    ]


def test_a_shared_layer_counts_once():
    layer = nn.Linear(2, 2, rng=0)
    net = nn.Sequential(layer, nn.Tanh(), layer)
    assert [name for name, _ in net.named_parameters()] == ["0.weight", "0.bias"]
    np.sum(net(np.ones((1, 2)))).backward()
    w, b = layer.weight.data, layer.bias.data
    h = np.tanh(np.ones(2) @ w + b)
    delta = (w.sum(axis=1)) * (1 - h**2)  # what arrives before the tanh
    np.testing.assert_allclose(layer.bias.grad, 1 + delta)
    np.testing.assert_allclose(layer.weight.grad, np.outer(h, np.ones(2)) + np.outer(np.ones(2), delta))


def test_parameters_are_views_of_one_vector():
    module = Nested()
    values = [p.numpy() for p in (module.own, module.listed[1].weight)]
    params = module.parameters()
    vector = params[0].data.base
    assert vector.shape == (sum(p.size for p in params),)
    assert vector.flags.c_contiguous
    assert all(p.data.base is vector for p in params)
    np.testing.assert_array_equal(module.own.data, values[0])
    np.testing.assert_array_equal(module.listed[1].weight.data, values[1])
    vector[:] = np.arange(vector.size)
    np.testing.assert_array_equal(np.concatenate([p.data.ravel() for p in params]), np.arange(vector.size))
    assert all(p.data.base is vector for p in module.parameters())  # asking again moves nothing


def test_a_fortran_ordered_parameter_keeps_its_entries_in_place():
    w = tg.Tensor(np.asfortranarray([[1.0, 2.0], [3.0, 4.0]]), requires_grad=True)
    module = nn.Module()
    module.w = w
    module.parameters()
    assert w.data.tolist() == [[1, 2], [3, 4]]
    assert w.data.base.tolist() == [1, 2, 3, 4]


def test_zero_grad_forgets():
    net = nn.Sequential(nn.Linear(2, 2, rng=0), nn.Linear(2, 1, rng=0))
    np.sum(net(np.ones((1, 2)))).backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_astype_changes_every_parameter():
    net = nn.Sequential(nn.Linear(2, 3, rng=0), nn.ReLU(), nn.Linear(3, 1, rng=1))
    before = [p.numpy() for p in net.parameters()]
    assert net.astype(np.float32) is net
    for p, value in zip(net.parameters(), before):
        assert p.dtype == np.float32
        np.testing.assert_array_equal(p.data, value.astype(np.float32))
    assert len({id(p.data.base) for p in net.parameters()}) == 1
    loss = nn.mse_loss(net(np.ones((4, 2), np.float32)), np.zeros((4, 1), np.float32))
    assert loss.dtype == np.float32
    loss.backward()
    assert {p.grad.dtype for p in net.parameters()} == {np.dtype(np.float32)}


def test_a_deep_copy_is_independent():
    net = nn.Sequential(nn.Linear(2, 2, rng=0), nn.Tanh())
    net.parameters()
    twin = copy.deepcopy(net)
    np.sum(twin(np.ones(2))).backward()
    tg.optim.SGD(twin.parameters(), lr=1.0).step()
    assert net[0].weight.grad is None
    assert (twin[0].weight.data == nn.Linear(2, 2, rng=0).weight.data - twin[0].weight.grad).all()
    assert (net[0].weight.data == nn.Linear(2, 2, rng=0).weight.data).all()
    assert not np.shares_memory(net[0].weight.data, twin[0].weight.data)


class Headed(nn.Sequential):
    """What a subclass adds is as much a part of it as its layers."""

    def __init__(self):
        super().__init__(nn.Linear(2, 3, rng=0), nn.Tanh())
        self.drop = nn.Dropout(0.5, rng=0)
        self.head = nn.Linear(3, 1, rng=1)
        self.count = np.zeros(2)

    def forward(self, x):
        return self.head(self.drop(super().forward(x)))


def test_a_subclass_of_sequential_loses_nothing():
    net = Headed()
    assert list(net.state_dict()) == ["0.weight", "0.bias", "head.weight", "head.bias", "count"]
    assert [type(module).__name__ for module in net.modules()] == ["Headed", "Linear", "Tanh", "Dropout", "Linear"]
    assert not net.eval().drop.training
    before = net.head.weight.numpy()
    np.sum(net(np.ones((1, 2)))).backward()
    tg.optim.SGD(net.parameters(), lr=1.0).step()
    assert (net.head.weight.data == before - net.head.weight.grad).all()


def test_where_nothing_would_be_found_is_refused():
    module = nn.Module()
    for lost in ({nn.ReLU()}, frozenset([parameter(1)])):
        module.parts = [lost]
        with pytest.raises(TypeError, match=r"parts\.0 is a set of modules or Tensors.*make it a list"):
            module.parameters()
    module.parts = {1, 2}
    assert module.parameters() == []
    for shared in (nn.Linear(1, 1), parameter(2)):
        with pytest.raises(TypeError, match=r"Shared\.layer belongs to the class.*self\.layer = "):
            type("Shared", (nn.Module,), {"layer": shared})


def test_astype_reaches_constants():
    module = nn.Module()
    module.scales, module.places = [tg.Tensor([0.5, 2.0])], tg.Tensor([1, 2])
    module.layer = nn.Linear(2, 2, rng=0)
    module.astype(np.float32)
    assert module.scales[0].dtype == np.float32
    assert module.scales[0].data.tolist() == [0.5, 2.0]
    assert module.places.dtype == np.dtype(int)
    assert (module.layer(np.ones((1, 2), np.float32)) * module.scales[0]).dtype == np.float32


def test_parameters_can_be_loaded_as_they_are():
    here, there = nn.Linear(2, 3, rng=0), nn.Linear(2, 3, rng=1)
    assert there.load_state_dict(dict(here.named_parameters())) == ([], [])
    np.testing.assert_array_equal(there.weight.data, here.weight.data)
    assert not np.shares_memory(there.weight.data, here.weight.data)


def test_a_state_that_does_not_fit_is_listed_whole_and_leaves_everything():
    layer = nn.Linear(2, 3, rng=0)
    before = layer.state_dict()
    message = r"missing: bias\n  unexpected: other\n  wrongly shaped or typed: weight: \(3, 2\) float64 for \(2, 3\)"
    with pytest.raises(ValueError, match=message):
        layer.load_state_dict({"weight": np.zeros((3, 2)), "other": np.zeros(1)})
    with pytest.raises(ValueError, match="wrongly shaped"):
        layer.load_state_dict({"weight": np.zeros((3, 2))}, strict=False)
    assert layer.load_state_dict({"bias": np.ones(3), "other": np.zeros(1)}, strict=False) == (["weight"], ["other"])
    assert layer.bias.data.tolist() == [1, 1, 1]
    np.testing.assert_array_equal(layer.weight.data, before["weight"])


# ---- layers ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("shape", [(4,), (5, 4), (2, 5, 4), (0, 4)])
def test_linear_takes_any_shape_in_front(shape):
    layer, x = nn.Linear(4, 3, rng=0), np.cos(np.arange(np.prod(shape))).reshape(shape)
    out = layer(x)
    np.testing.assert_allclose(out.data, np.einsum("...i,ij->...j", x, layer.weight.data) + layer.bias.data, rtol=1e-14)
    np.sum(out).backward()
    rows = x.reshape(int(np.prod(shape[:-1])), 4)
    np.testing.assert_allclose(layer.weight.grad, np.repeat(rows.sum(axis=0)[:, None], 3, axis=1), rtol=1e-13)
    np.testing.assert_allclose(layer.bias.grad, np.full(3, float(len(rows))))


def test_linear_starts_uniform_in_one_over_root_n():
    layer = nn.Linear(100, 200, rng=0)
    for p in (layer.weight, layer.bias):
        assert np.abs(p.data).max() <= 0.1
        assert np.abs(p.data).max() > 0.09
        assert p.data.std() == pytest.approx(0.1 / np.sqrt(3), rel=0.1)


def test_the_same_seed_gives_the_same_weights():
    one, same, other = nn.Linear(3, 2, rng=7), nn.Linear(3, 2, rng=np.random.default_rng(7)), nn.Linear(3, 2, rng=8)
    assert (one.weight.data == same.weight.data).all()
    assert (one.bias.data == same.bias.data).all()
    assert (one.weight.data != other.weight.data).any()


def test_linear_says_what_fits():
    layer = nn.Linear(4, 3)
    with pytest.raises(ValueError, match=r"Linear\(4, 3\) got x of shape \(2, 5\).*length 4.*Linear\(5, 3\)"):
        layer(np.ones((2, 5)))
    with pytest.raises(ValueError, match=r"got x of shape \(\)"):
        layer(1.0)


@pytest.mark.parametrize(
    ("x", "message", "mended"),
    [
        (np.ones((2, 2)), r"np\.reshape\(x, \(-1, 4\)\)", lambda x: nn.Linear(4, 3)(np.reshape(x, (-1, 4)))),
        (np.ones((2, 2)), r"Linear\(2, 3\)", lambda x: nn.Linear(2, 3)(x)),
        (1.0, r"Linear\(1, 3\), and give it np\.reshape\(x, 1\)", lambda x: nn.Linear(1, 3)(np.reshape(x, 1))),
    ],
)
def test_the_lines_that_linear_suggests_work(x, message, mended):
    with pytest.raises(ValueError, match=message):
        nn.Linear(4, 3)(x)
    assert mended(x).shape[-1] == 3
    with pytest.raises(ValueError, match=r"Linear\(4, 3\) got") as error:
        nn.Linear(4, 3)(np.ones((2, 5)))
    assert "reshape" not in str(error.value)  # ten entries make no rows of four


def test_a_recurrent_layer_in_a_sequential_is_explained():
    x = np.ones((1, 2, 2))
    with pytest.raises(TypeError, match=r"got a tuple of 2\. Recurrent layers return .*lambda result: result\[0\]"):
        nn.Sequential(nn.LSTM(2, 3), nn.Linear(3, 1))(x)
    assert nn.Sequential(nn.LSTM(2, 3), lambda result: result[0], nn.Linear(3, 1))(x).shape == (1, 2, 1)
    with pytest.raises(TypeError, match="matmul"):
        nn.Linear(1, 1, bias=False)(np.array([["a"]]))


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.MultiHeadAttention(4, 2, 0.1),
        lambda: nn.TransformerBlock(4, 2, 8, 0.1),
        lambda: nn.LSTM(2, 3, 2),
        lambda: nn.Embedding(5, 3, 0),
        lambda: nn.Dropout(0.5, True),
        lambda: nn.Linear(2, 3, True, 0),
        lambda: nn.cross_entropy(np.ones((1, 2)), [0], "sum"),
        lambda: nn.init.normal((2,), 0, 1, 7),
    ],
)
def test_what_means_something_else_in_torch_must_be_named(make):
    with pytest.raises(TypeError, match="positional argument"):
        make()


def test_names_are_those_of_torch():
    assert nn.Linear(in_features=2, out_features=3).weight.shape == (2, 3)
    assert nn.GRU(input_size=2, hidden_size=3).weight_ih.shape == (2, 9)
    x = np.ones(2)
    assert nn.Identity()(x) is x
    with pytest.raises(AttributeError, match=r"no 'CrossEntropyLoss'\. Instead there is nn\.cross_entropy\("):
        nn.CrossEntropyLoss  # noqa: B018
    with pytest.raises(AttributeError, match=r"tinygrad_edu\.nn has no 'Mamba'\.$"):
        nn.Mamba  # noqa: B018
    named = [text.partition("(")[0] for text in nn._ELSEWHERE.values() if text.startswith("nn.")]
    assert all(hasattr(nn, text.removeprefix("nn.").partition(",")[0]) for text in named)


@pytest.mark.parametrize("make", [lambda: nn.Linear(-1, 3), lambda: nn.RNN(2, 1.5), lambda: nn.Embedding("5", 3)])
def test_sizes_are_whole_numbers(make):
    with pytest.raises(ValueError, match=r"a parameter of shape \(.*\) cannot be: every side must be a whole number"):
        make()


@pytest.mark.parametrize(
    "layer",
    [
        *(nn.LeakyReLU(np.float64(0.2)), nn.ELU(np.float64(0.5)), nn.Dropout(np.float64(0.5), rng=0)),
        *(nn.LayerNorm(3, eps=np.float64(1e-5)), nn.BatchNorm1d(3, np.float64(1e-5), np.float64(0.1))),
        nn.BatchNorm1d(3, eps=np.float64(1e-5)).eval(),
    ],
)
def test_settings_that_are_numpy_numbers_keep_float32(layer):
    assert layer.astype(np.float32)(np.eye(3, dtype=np.float32)).dtype == np.float32


def test_layers_take_lists():
    image = [[[[1.0, -2.0]]]]
    for layer in (nn.LeakyReLU(), nn.ReLU(), nn.MaxPool2d(1), nn.AvgPool2d(1), nn.Conv2d(1, 1, 1, rng=0)):
        np.testing.assert_array_equal(np.shape(layer(image)), (1, 1, 1, 2))


def test_linear_without_bias():
    layer = nn.Linear(2, 3, bias=False, rng=0)
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    assert layer([0.0, 0.0]).data.tolist() == [0, 0, 0]


def test_sequential_takes_modules_and_functions():
    net = nn.Sequential(nn.Linear(2, 3, rng=0), np.tanh, nn.Sigmoid(), nn.ReLU())
    x = np.array([[0.5, -1.0]])
    inner = np.tanh(x @ net[0].weight.data + net[0].bias.data)
    np.testing.assert_allclose(net(x).data, 1 / (1 + np.exp(-inner)), rtol=1e-14)
    assert len(net) == 4


def test_sequential_grows_and_refuses_what_cannot_be_called():
    net = nn.Sequential(nn.Linear(2, 3, rng=0))
    assert net.append(nn.Linear(3, 1, rng=1)) is net
    assert net(np.ones((5, 2))).shape == (5, 1)
    for given in ([nn.ReLU()], {"a": nn.ReLU()}, None):
        with pytest.raises(TypeError, match=rf"one by one, and {type(given).__name__} is neither.*\*layers"):
            nn.Sequential(given)


def test_a_module_without_forward_says_so():
    with pytest.raises(NotImplementedError, match="Module has no forward"):
        nn.Module()(1)


def test_repr_shows_the_parts():
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Sequential(nn.Linear(3, 4, bias=False), nn.Tanh()))
    assert repr(net) == (
        "Sequential(\n  (0): Linear(4, 3)\n  (1): ReLU()\n"
        "  (2): Sequential(\n    (0): Linear(3, 4, bias=False)\n    (1): Tanh()\n  )\n)"
    )


def test_repr_shows_settings_lists_functions_and_what_is_met_again():
    shared = nn.Linear(2, 2)
    net = nn.Sequential(shared, tg.relu, np.tanh, shared)
    assert repr(net) == "Sequential(\n  (0): Linear(2, 2)\n  (1): relu\n  (2): np.tanh\n  (3): the same as (0)\n)"
    attention = nn.MultiHeadAttention(4, 2, causal=True)
    assert repr(attention) == "MultiHeadAttention(4, 2, causal=True\n  (out_proj): Linear(4, 4)\n)"
    assert repr(Nested()) == (
        "Nested(\n  (listed.1): Linear(2, 3)\n  (named.deep.down.1): Linear(1, 1, bias=False)\n  (parent): (…)\n)"
    )
    round_about = nn.Module()
    round_about.parts = [nn.ReLU()]
    round_about.parts.append(round_about.parts)
    assert repr(round_about) == "Module(\n  (parts.0): ReLU()\n)"


# ---- losses ------------------------------------------------------------------------------------------------------
def test_mse_loss_is_its_formula():
    p, y = tg.Tensor([[1.0, 2.0], [3.0, 5.0]], requires_grad=True), tg.Tensor([[1.0, 0.0], [4.0, 2.0]], True)
    loss = nn.mse_loss(p, y)
    assert loss.item() == (0 + 4 + 1 + 9) / 4
    loss.backward()
    np.testing.assert_array_equal(p.grad, 2 * (p.data - y.data) / 4)
    np.testing.assert_array_equal(y.grad, -p.grad)


def test_mse_loss_takes_arrays_and_lists():
    assert nn.mse_loss(np.array([1.0, 3.0]), np.array([1.0, 1.0])) == 2
    assert nn.mse_loss(tg.Tensor([1.0, 3.0]), [1, 1]).item() == 2


@pytest.mark.parametrize("shape", [(3, 1), (1, 3), (), (2,)])
def test_mse_loss_refuses_to_broadcast(shape):
    with pytest.raises(ValueError, match=r"mse_loss: prediction has shape \(3,\) and target .*must be equal"):
        nn.mse_loss(parameter(3), np.ones(shape))
