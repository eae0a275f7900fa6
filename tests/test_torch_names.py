"""PyTorch's names and layouts: there and back nothing is lost, and PyTorch computes the same with them."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn.attention import MultiHeadAttention, TransformerBlock
from tinygrad_edu.nn.convolution import Conv1d, Conv2d
from tinygrad_edu.nn.normalization import BatchNorm1d, BatchNorm2d, LayerNorm
from tinygrad_edu.nn.torch_names import from_torch_state_dict, to_torch_state_dict


def stirred(model, seed=0):
    """The model with every parameter and buffer random: zeros and ones would hide mistakes."""
    rng = np.random.default_rng(seed)
    return model.load_state_dict({n: rng.uniform(0.2, 1, a.shape) for n, a in model.state_dict().items()}) and model


class Own(nn.Module):
    """A module of one's own, with parameters beside the library's layers."""

    def __init__(self):
        self.weight = tg.Tensor(np.ones((2, 3)), requires_grad=True)
        self.layers = [nn.Linear(3, 2, rng=0)]
        self.cells = {"gru": nn.GRU(2, 4, rng=1)}
        self.seen = np.zeros((2, 5))


def test_names_and_layouts():
    model = Own()
    state = to_torch_state_dict(model)
    assert {name: array.shape for name, array in state.items()} == {
        "weight": (2, 3),
        "layers.0.weight": (2, 3),
        "layers.0.bias": (2,),
        "cells.gru.weight_ih_l0": (12, 2),
        "cells.gru.weight_hh_l0": (12, 4),
        "cells.gru.bias_ih_l0": (12,),
        "cells.gru.bias_hh_l0": (12,),
        "seen": (2, 5),
    }
    np.testing.assert_array_equal(state["layers.0.weight"], model.layers[0].weight.data.T)
    assert all(array.flags.c_contiguous for array in state.values())


def test_batch_normalisation_has_a_counter_there():
    state = to_torch_state_dict(nn.Sequential(BatchNorm2d(3)))
    assert set(state) == {f"0.{n}" for n in ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]}
    assert state["0.num_batches_tracked"].shape == ()
    assert state["0.num_batches_tracked"].dtype.kind == "i"
    assert set(to_torch_state_dict(BatchNorm1d(3))) == {name[2:] for name in state}


MODELS = {
    "own": Own,
    "linear": lambda: nn.Linear(3, 3, rng=0),
    "lstm": lambda: nn.LSTM(2, 2, rng=0),
    "block": lambda: TransformerBlock(4, 2, rng=0),
    "image": lambda: nn.Sequential(Conv2d(2, 2, 3, rng=0), BatchNorm2d(2)),
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_there_and_back_is_where_it_was(make):
    model, other = stirred(make()), make()
    assert from_torch_state_dict(other, to_torch_state_dict(model)) is other
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(other.state_dict()[name], array)


def test_the_state_is_a_copy():
    layer = nn.Linear(2, 1, rng=0)
    before = layer.state_dict()
    for array in to_torch_state_dict(layer).values():
        array[...] = 7
    np.testing.assert_array_equal(layer.weight.data, before["weight"])
    np.testing.assert_array_equal(layer.bias.data, before["bias"])


def test_what_does_not_fit_is_listed_and_nothing_is_loaded():
    model = nn.Sequential(nn.Linear(2, 3, rng=0), nn.GRU(3, 3, rng=0))
    state = to_torch_state_dict(model)
    before = model.state_dict()
    state |= {"0.weight": np.ones((2, 3)), "1.weight_ih": state.pop("1.weight_ih_l0"), "2.weight": np.ones(1)}
    with pytest.raises(ValueError, match=r"(?s)\(in, out\).*0\.weight: \(3, 2\) .* for \(2, 3\)") as caught:
        from_torch_state_dict(model, state)
    assert "missing: 1.weight_ih" in str(caught.value)  # the name here, in PyTorch's state, is no name
    assert "unexpected: 2.weight" in str(caught.value)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


# ---- against PyTorch ---------------------------------------------------------------------------------------------
def torch_layers():
    """(our model, PyTorch's, shape of the input) by name."""
    torch = pytest.importorskip("torch")
    there = torch.nn

    class Fast(there.Module):
        def forward(self, x):
            return there.functional.gelu(x, approximate="tanh")

    return {
        "mlp": (
            nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3, bias=False), nn.Tanh()),
            there.Sequential(there.Linear(4, 5), there.ReLU(), there.Linear(5, 3, bias=False), there.Tanh()),
            (6, 4),
        ),
        "conv1d": (
            nn.Sequential(Conv1d(4, 6, 3, stride=2, padding=1, groups=2), BatchNorm1d(6)),
            there.Sequential(there.Conv1d(4, 6, 3, stride=2, padding=1, groups=2), there.BatchNorm1d(6)),
            (2, 4, 9),
        ),
        "conv2d": (
            nn.Sequential(Conv2d(3, 4, 3, padding=1), BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(80, 2)),
            there.Sequential(
                there.Conv2d(3, 4, 3, padding=1),
                there.BatchNorm2d(4),
                there.ReLU(),
                there.Flatten(),
                there.Linear(80, 2),
            ),
            (2, 3, 4, 5),
        ),
        "layernorm": (LayerNorm((3, 4)), there.LayerNorm((3, 4)), (5, 3, 4)),
        "rnn": (nn.RNN(3, 5), there.RNN(3, 5, batch_first=True), (2, 7, 3)),
        "gru": (nn.GRU(3, 5), there.GRU(3, 5, batch_first=True), (2, 7, 3)),
        "lstm": (nn.LSTM(3, 5), there.LSTM(3, 5, batch_first=True), (2, 7, 3)),
        "block": (
            TransformerBlock(8, 2, hidden=12),
            there.TransformerEncoderLayer(8, 2, 12, 0.0, Fast(), batch_first=True, norm_first=True),
            (2, 5, 8),
        ),
    }


NAMES = ["mlp", "conv1d", "conv2d", "layernorm", "rnn", "gru", "lstm", "block"]


def outputs(result):
    """All arrays of a result, also where a state comes with it."""
    if isinstance(result, tuple):
        return [array for part in result for array in outputs(part)]
    return [result.detach().numpy() if hasattr(result, "detach") else np.asarray(getattr(result, "data", result))]


def assert_the_same(ours, theirs, x):
    """To 1e-6, in evaluation, in float64."""
    torch = pytest.importorskip("torch")
    results = outputs(ours.eval()(x)), outputs(theirs.double().eval()(torch.from_numpy(x)))
    assert len(results[0]) == len(results[1])
    for one, other in zip(*results):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_pytorch_computes_the_same_with_our_weights(name):
    torch = pytest.importorskip("torch")
    ours, theirs, shape = torch_layers()[name]
    state = to_torch_state_dict(stirred(ours))
    theirs.double().load_state_dict({name: torch.from_numpy(array) for name, array in state.items()}, strict=True)
    assert {name: tuple(t.shape) for name, t in theirs.state_dict().items()} == {n: a.shape for n, a in state.items()}
    assert_the_same(ours, theirs, np.random.default_rng(1).standard_normal(shape))


@pytest.mark.parametrize("name", NAMES)
def test_we_compute_the_same_with_pytorchs_weights(name):
    torch = pytest.importorskip("torch")
    ours, theirs, shape = torch_layers()[name]
    theirs(torch.ones(shape))  # moves the running statistics
    from_torch_state_dict(ours, theirs.state_dict())
    assert_the_same(ours, theirs, np.random.default_rng(1).standard_normal(shape))


def test_embedding_and_attention_are_pytorchs():
    torch = pytest.importorskip("torch")
    words = np.array([[3, 1, 3], [0, 9, 2]])
    theirs = torch.nn.Embedding(10, 4)
    ours = from_torch_state_dict(nn.Embedding(10, 4), theirs.state_dict())
    x = ours(words).data
    np.testing.assert_array_equal(x, theirs(torch.from_numpy(words)).detach().numpy())
    theirs = torch.nn.MultiheadAttention(4, 2, batch_first=True).double()
    with torch.no_grad():
        for parameter in theirs.parameters():  # the biases are zeros
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    for causal in (False, True):
        ours = from_torch_state_dict(MultiHeadAttention(4, 2, causal=causal), theirs.state_dict())
        mask = torch.triu(torch.ones(3, 3, dtype=torch.bool), 1) if causal else None
        query = torch.from_numpy(np.array(x))
        expected, _ = theirs(query, query, query, attn_mask=mask)
        np.testing.assert_allclose(ours(x).data, expected.detach().numpy(), rtol=1e-6, atol=1e-6)
