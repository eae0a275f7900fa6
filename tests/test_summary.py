"""summary counts every parameter once, shows the shapes that come out, and leaves the model as it was."""

import re

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn.summary import Layer, summary


def image_network():
    return nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(64, 32, rng=0), nn.ReLU()), nn.Linear(32, 10, rng=1))


def test_every_layer_with_its_shape_and_count():
    table = summary(image_network(), np.ones((5, 8, 8)))
    assert table.layers == (
        Layer("", "Sequential", "(5, 10)", 0),
        Layer("0", "Flatten", "(5, 64)", 0),
        Layer("1", "Sequential", "(5, 32)", 0),
        Layer("1.0", "Linear", "(5, 32)", 64 * 32 + 32),
        Layer("1.1", "ReLU", "(5, 32)", 0),
        Layer("2", "Linear", "(5, 10)", 32 * 10 + 10),
    )
    assert table.parameters == sum(p.size for p in image_network().parameters()) == 2410
    assert table.memory == 8 * 2410
    assert summary(image_network().astype(np.float32)).memory == 4 * 2410


def test_without_an_example_there_are_no_shapes():
    assert {layer.output for layer in summary(image_network()).layers} == {""}


class Odd(nn.Module):
    """Parameters in a list, a buffer, a layer used twice with different shapes, one never called, a tied weight."""

    def __init__(self):
        self.shared = nn.Linear(3, 3, rng=0)
        self.loose = [tg.Tensor(np.ones(7), requires_grad=True)]
        self.tied = nn.Linear(3, 3, rng=1)
        self.tied.weight = self.shared.weight
        self.again = self.shared
        self.running = np.zeros((2, 5), np.float32)
        self.memory = nn.LSTM(3, 4, rng=2)

    def forward(self, x, y):
        return self.memory(self.again(self.shared(x)) + np.sum(self.shared(y)))


def test_what_is_shared_counts_once():
    table = summary(Odd(), (np.ones((2, 6, 3)), np.ones(3)))
    lstm = 3 * 16 + 4 * 16 + 2 * 16
    outputs = "(2, 6, 4), ((1, 2, 4), (1, 2, 4))"
    assert table.layers == (
        Layer("", "Odd", outputs, 7),
        Layer("shared", "Linear", "(2, 6, 3) or (3,)", 12),
        Layer("tied", "Linear", "", 3),
        Layer("again", "= shared", "", 0),
        Layer("memory", "LSTM", outputs, lstm),
    )
    assert table.parameters == 12 + 7 + 3 + lstm == sum(p.size for p in Odd().parameters())
    assert table.buffers == 10
    assert table.memory == 8 * table.parameters + 4 * 10
    assert "10 numbers in buffers" in str(table)


def test_the_model_stays_as_it_was():
    drop = nn.Dropout(0.5, rng=0)
    model = nn.Sequential(nn.Linear(2, 2, rng=0), drop)
    np.sum(model(np.ones(2))).backward()
    before = model.state_dict(), model[0].weight.grad.copy(), drop.rng.bit_generator.state
    summary(model, np.ones((4, 2)))
    after = model.state_dict(), model[0].weight.grad, drop.rng.bit_generator.state
    assert all((before[0][name] == after[0][name]).all() for name in before[0])
    assert (before[1] == after[1]).all()
    assert before[2] == after[2]
    assert model.training
    assert drop.training
    assert "forward" not in vars(drop)
    with pytest.raises(ValueError, match=r"Linear\(2, 2\) got x of shape"):
        summary(model, np.ones(5))


def test_the_example_runs_as_in_use():
    class Watchful(nn.Module):
        def forward(self, x):
            return x if self.training else x[:1]

    assert summary(Watchful(), np.ones((4, 2))).layers[0].output == "(1, 2)"


@pytest.mark.parametrize("width", [120, 60, 40, 20])
def test_it_fits_into_the_terminal(width):
    text = summary(Odd(), (np.ones((2, 6, 3)), np.ones(3))).text(width)
    lines = text.split("\n")
    assert max(map(len, lines)) <= max(width, 36)
    assert lines[0].split() == ["layer", "kind", "output", "parameters"]
    assert [line.split()[-1] for line in lines[2:6]] == ["7", "12", "3", "-"]
    assert lines[-2:] == ["10 numbers in buffers", "1.4 kB of memory"]
    if width == 120:
        assert "…" not in text


def test_the_terminals_width_is_used(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    table = summary(Odd(), (np.ones((2, 6, 3)), np.ones(3)))
    assert str(table) == repr(table) == table.text(40)


def test_html_has_a_cell_for_everything():
    class Angle(nn.Module):
        def forward(self, x):
            return "<b>"

    table = summary(nn.Sequential(nn.Linear(4, 3), Angle()), np.ones(4))
    html = table._repr_html_()
    assert re.findall(r"<td[^>]*>(.*?)</td>", html) == [cell for layer in table.layers for cell in layer.cells()]
    assert "15 parameters<br>120 bytes of memory" in html


def test_large_numbers_are_readable():
    model = nn.Linear(1000, 2000, rng=0)
    assert "2,002,000" in summary(model).text(80)
    assert str(summary(model)).endswith("16.0 MB of memory")


def test_what_a_model_keeps_is_as_it_was():
    class Keeping(nn.Module):
        def __init__(self):
            self.layer, self.norm = nn.Linear(2, 2, rng=0), nn.BatchNorm1d(2)
            self.calls = np.zeros(())

        def forward(self, x):
            self.calls += 1
            self.hidden = self.norm(self.layer(x))
            self.last = self.hidden.data
            return np.tanh(self.hidden)

    model = Keeping()
    model.norm.eval()
    for calls in range(2):
        assert summary(model, np.ones((4, 2))).layers[0].output == "(4, 2)"
        assert hasattr(model, "hidden") == bool(calls)
        assert model.calls == calls
        assert (model.training, model.norm.training) == (True, False)
        model(np.ones((1, 2)))
        hidden = model.hidden
        summary(model, np.ones((4, 2)))
        assert model.hidden is hidden


def test_functions_and_modules_in_lists_have_their_lines():
    class Listed(nn.Module):
        def __init__(self):
            self.parts = [nn.Linear(2, 3, rng=0), np.tanh]
            self.me = self

        def forward(self, x):
            return self.parts[1](self.parts[0](x))

    assert summary(Listed(), np.ones(2)).layers == (
        Layer("", "Listed", "(3,)", 0),
        Layer("parts.0", "Linear", "(3,)", 9),
        Layer("parts.1", "np.tanh", "", 0),
        Layer("me", "= the model", "", 0),
    )


def test_a_shape_is_no_example():
    with pytest.raises(TypeError, match=r"write summary\(model, np\.zeros\(\(10, 4\)\)\)"):
        summary(nn.Linear(4, 3), (10, 4))
