"""See the compiled step: three steps that are one, what was taken away, and the clock."""

import numpy as np
import pytest

from tinygrad_edu.lessons import compiled, flip


def data(count):
    x = flip.IMAGE[None] if count == 1 else flip.images()
    return x, flip.flipped(x)


def test_the_figures_of_the_flip_step():
    x, y = data(1)
    for step in compiled.steps().all().values():
        assert step(x, y).item() == pytest.approx(0.89625, abs=1e-12)
        assert step(x, y).item() == pytest.approx(0.7257526, abs=5e-8)


@pytest.mark.parametrize("count", [1, 16])
def test_the_three_steps_are_one(count):
    three, (x, y) = compiled.steps(lr=0.05), data(count)
    for _ in range(50):
        eager, same, by_hand = (step(x, y).item() for step in three.all().values())
        assert eager == same
        assert by_hand == pytest.approx(eager, rel=1e-9)


def test_stages_count_what_is_left():
    three = compiled.steps()
    with pytest.raises(RuntimeError, match="has not run yet"):
        compiled.stages(three.compiled)
    three.compiled(*data(16))
    found = compiled.stages(three.compiled)
    assert {stage.name for stage in found} == set(compiled.WHAT)
    assert all(stage.what for stage in found)
    assert all(stage.removed >= 0 or stage.what.startswith("(adds") for stage in found)
    assert found[0].calls - sum(stage.removed for stage in found) == found[-1].calls
    assert found[-1].calls < found[0].calls


def test_the_clock_asks_each_step_the_same_number_of_times():
    counts = {"a": 0, "b": 0}

    def counting(name):
        def step(x, y):
            counts[name] += 1

        return step

    found = compiled.speed({name: counting(name) for name in counts}, np.ones(1), np.ones(1), rounds=3, times=5)
    assert counts == {"a": 16, "b": 16}
    assert all(0 <= seconds < 60 for seconds in found.values())
