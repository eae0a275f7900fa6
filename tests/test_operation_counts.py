"""Speed that no clock is needed for: how many nodes a step records, how many rules and forward passes run."""

import collections

import numpy as np
import pytest

pytest.importorskip("rich")

from benchmarks import flip_step, scaling
from tinygrad_edu import nn, optim
from tinygrad_edu.backward import Node
from tinygrad_edu.rules.table import name_of, rows

FORWARD = ["linear", "relu", "linear", "mean_squared_error"]


@pytest.fixture
def recorded(monkeypatch):
    """The names of the operations recorded since."""
    names = []
    construct = Node.__init__

    def counted(node, row, *rest):
        construct(node, row, *rest)
        if row is not None:
            names.append(name_of(row.function))

    monkeypatch.setattr(Node, "__init__", counted)
    return names


@pytest.fixture
def rules_run(monkeypatch):
    """How often the rule of each function, for each of its inputs, has run since."""
    runs = collections.Counter()

    def counted(key, vjp):
        def run(*args):
            runs[key] += 1
            return vjp(*args)

        return run

    for function, row in rows().items():
        for rule in filter(None, row.rules):
            monkeypatch.setattr(rule, "vjp", counted((name_of(function), rule.name), rule.vjp))
    return runs


@pytest.mark.parametrize("batch", [1, 16])
def test_a_flip_step_records_three_operations_and_the_loss(batch, recorded):
    step = flip_step.eager(flip_step.network(), *flip_step.images(batch))
    step()
    assert recorded == FORWARD
    step()
    assert recorded == FORWARD * 2


def test_backward_runs_each_rule_of_a_flip_step_once(rules_run):
    net = flip_step.network()
    loss = nn.mse_loss(net(flip_step.images(16)[0]), flip_step.images(16)[1])
    assert not rules_run
    loss.backward()
    assert rules_run == {
        ("mean_squared_error", "prediction"): 1,  # the target needs no gradient
        ("linear", "x"): 1,  # nor do the images
        ("linear", "weight"): 2,
        ("linear", "bias"): 2,
        ("relu", "x"): 1,
    }


def test_the_optimizer_records_nothing(recorded):
    net = flip_step.network()
    nn.mse_loss(net(flip_step.images(1)[0]), flip_step.images(1)[1]).backward()
    recorded.clear()
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    optimizer.step()
    optimizer.zero_grad()
    assert recorded == []


@pytest.mark.parametrize("shape", scaling.SHAPES[:2])
def test_wiggling_takes_two_forward_passes_for_every_parameter(shape, recorded):
    problem = scaling.Problem(*shape)
    before = problem.vector.copy()
    slopes = scaling.central_differences(problem.loss, problem.vector, range(problem.vector.size))
    assert problem.forward_passes == 2 * problem.vector.size
    assert recorded == []
    assert np.array_equal(problem.vector, before)
    problem.backpropagation()
    assert problem.forward_passes == 2 * problem.vector.size + 1
    assert slopes == pytest.approx(problem.gradient, abs=1e-8)
