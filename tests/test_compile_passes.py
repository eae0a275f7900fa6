"""Each optimisation alone: the calls before and after, and the same numbers."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn, optim
from tinygrad_edu.compile import optimize
from tinygrad_edu.compile.buffers import allocated, gradient_slices
from tinygrad_edu.compile.operands import even_operands
from tinygrad_edu.compile.scene import Scene
from tinygrad_edu.compile.source import Source
from tinygrad_edu.compile.tracing import trace

X = np.random.default_rng(2).normal(size=(5, 4))


def program_of(function, *args):
    scene = Scene([("", function)])
    return trace(function, scene, list(args), lambda given: (tuple(given), {}), "step").program


def calls_after(one, function, *args):
    """(calls before, calls after) a pass, having seen that the program still gives the function's numbers."""
    program = program_of(function, *args)
    before = len(program.calls)
    one(program)
    after = len(program.calls)
    expected = function(*args)
    for attempt in range(2):  # the second time buffers hold what the first left behind
        out = Source(program, [f"x{i}" for i in range(len(args))], {}).make()(*args)
        np.testing.assert_array_equal(out, expected, err_msg=f"call {attempt}")
    return before, after


def test_dead_code():
    def f(x):
        np.exp(np.sin(x))
        return x + 1

    assert calls_after(optimize.dead_code, f, X) == (3, 1)


# ---- the check itself: passes that are wrong must be caught ----------------------------------------------------------
def forgets_writes(program):
    """Takes equal calls for one whatever was written in between, and leaves out the later one."""
    seen = {}
    for call in list(program.calls):
        key = (call.function, tuple(map(id, call.args)))
        if call.target is None and key in seen:
            swap = dict(zip(call.results, seen[key].results))
            program.calls.remove(call)
            for later in program.calls:
                later.replace(lambda value, swap=swap: swap.get(value, value))
        seen.setdefault(key, call)


def leaves_out_a_write(program):
    program.calls.remove(next(call for call in program.calls if call.target is not None))


def takes_buffers_too_early(program):
    """Puts all results of one shape into one place, whether the older ones are still needed or not."""
    allocated(program)
    places = {}
    for memory, place in program.homes.items():
        program.homes[memory] = places.setdefault(place.sample.shape, place)


@pytest.mark.parametrize("wrong", [forgets_writes, leaves_out_a_write, takes_buffers_too_early])
def test_a_wrong_pass_is_caught(wrong):
    state = np.ones(4)

    def f(x):
        state[...] = 1.0
        before = np.sin(state) @ x.T
        state[...] = 2.0
        after = np.sin(state) @ x.T
        return np.sum(np.exp(before) - np.exp(after)) + np.sum(before)

    with pytest.raises(AssertionError, match="call"):
        calls_after(wrong, f, X)
    calls_after(lambda program: None, f, X)


# ---- one by one ------------------------------------------------------------------------------------------------------
def test_writes_to_state_and_draws_are_not_dead():
    state, rng = np.zeros(4), np.random.default_rng(0)

    def f(x):
        rng.random(3)
        unused = np.zeros_like(x)
        unused[0] = 1
        state[...] = x[0]
        return x + 1

    program = program_of(f, X)
    optimize.dead_code(program)
    assert len(program.calls) == 4  # the draw, x[0], the write, the sum


def test_a_write_that_is_read_later_is_not_dead():
    def f(x):
        total = np.zeros_like(x)
        total[1:] = x[:-1]
        return total * 2

    assert calls_after(optimize.dead_code, f, X) == (4, 4)


def test_constants():
    def f(x):
        return x * (np.ones_like(x) * 3 + 1)

    assert calls_after(optimize.constants, f, X) == (4, 1)


def test_what_is_written_to_is_no_constant():
    def f(x):
        total = np.zeros_like(x)
        total += x
        return total * 1.5

    assert calls_after(optimize.constants, f, X) == (3, 3)


def test_common_subexpressions():
    def f(x):
        return np.sin(x) * np.cos(x) + np.sin(x) * np.cos(x)

    assert calls_after(optimize.common_subexpressions, f, X) == (7, 4)


def test_a_write_in_between_is_a_barrier():
    state = np.ones(4)

    def f(x):
        before = np.sin(state) + x
        state[...] = 2.0
        after = np.sin(state) + x
        state[...] = 1.0
        return before - after

    assert calls_after(optimize.common_subexpressions, f, X) == (7, 7)


def aliased(function):
    """The step gives eager's results although its arguments lie in one another and in its state."""
    state = np.arange(4.0) + 1

    def eager(x, y):
        return function(x, y, state)

    compiled = tg.compile(eager)
    for _ in range(2):
        for x, y in [(state, state), (state, np.ones(4)), (state[::-1], state), (state[1:], state[:-1])]:
            ends = []
            for step in (eager, compiled):
                state[...] = np.arange(4.0) + 1
                ends.append((step(x, y), state.copy()))
            for mine, theirs in zip(*ends):
                np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("nothing", [lambda x: x * 1, lambda x: x.copy(), lambda x: x.astype(float), lambda x: x - 0])
def test_a_copy_is_none_if_what_it_is_a_copy_of_may_change(nothing):
    def from_state(x, y, state):
        before = nothing(state)
        x += 1
        return np.sum(before * 2)

    def from_argument(x, y, state):
        before = nothing(x)
        state[...] = 7
        return np.sum(before * 2)

    def from_another(x, y, state):
        before = nothing(y)
        x += 1
        return np.sum(before * 2)

    for function in (from_state, from_argument, from_another):
        aliased(function)


def test_what_is_computed_again_after_a_write_elsewhere():
    def writes_argument(x, y, state):
        before = np.sin(state)
        x += 1
        return np.sum(np.sin(state) - before)

    def writes_state(x, y, state):
        before = np.sin(x) + np.sin(y)
        state += 1
        return np.sum(np.sin(x) + np.sin(y) - before)

    for function in (writes_argument, writes_state):
        aliased(function)


def test_what_is_written_to_is_not_shared():
    def f(x):
        one, two = x * 2, x * 2
        one += 1
        return one - two

    assert calls_after(optimize.common_subexpressions, f, X) == (4, 4)


def test_draws_are_not_shared():
    rng = np.random.default_rng(0)
    program = program_of(lambda x: x + rng.random(4) - rng.random(4), X)
    optimize.common_subexpressions(program)
    assert len(program.calls) == 4


@pytest.mark.parametrize(
    "nothing",
    [
        *(lambda x: x**1, lambda x: x * 1, lambda x: 1 * x, lambda x: x / 1, lambda x: x - 0),
        *(lambda x: x.reshape(5, 4), lambda x: x.astype(np.float64), lambda x: np.broadcast_to(x, (5, 4))),
    ],
)
def test_algebra(nothing):
    assert calls_after(optimize.algebra, lambda x: np.exp(nothing(x + 1)), X) == (3, 2)


def test_algebra_of_whole_numbers():
    assert calls_after(optimize.algebra, lambda x: abs(x * 2 + 0), np.arange(3)) == (3, 2)


def test_adding_zero_to_floats_is_not_nothing():
    """-0.0 + 0 is 0.0."""
    assert calls_after(optimize.algebra, lambda x: 1 / (x * 2 + 0), X) == (3, 3)


def test_taking_away_a_negative_zero_is_not_nothing():
    x = np.array([-0.0, 0.0, 1.0])
    assert calls_after(optimize.algebra, lambda x: np.signbit(x - -0.0), x) == (2, 2)
    assert calls_after(optimize.algebra, lambda x: np.signbit(x - 0.0), x) == (2, 1)


def test_a_number_need_not_be_broadcast():
    def f(x):
        return x * np.broadcast_to(np.sum(x), (5, 4))

    def both(program):
        optimize.algebra(program)
        optimize.dead_code(program)

    assert calls_after(both, f, X) == (3, 2)


def test_a_mean_is_a_sum_and_a_division():
    assert calls_after(optimize.algebra, lambda x: np.mean(x, axis=0), X) == (1, 2)


def test_split_is_slices():
    def f(x):
        left, right = np.split(x, 2, axis=1)
        return left - right

    assert calls_after(optimize.algebra, f, X) == (2, 3)


def test_views_of_state_are_hoisted():
    state = np.ones((4, 3))

    def f(x):
        return x @ state.T.T[:, 1:].reshape(4, 2)

    before, after = calls_after(optimize.hoisted_views, f, X)
    assert (before, after) == (5, 1)


def test_copies_of_state_are_not_hoisted():
    state = np.ones((4, 3))
    assert calls_after(optimize.hoisted_views, lambda x: np.sum(x) * state.T.ravel(), X) == (4, 3)


def test_buffers_are_used_again():
    def f(x):
        for _ in range(6):
            x = np.sin(x) @ np.ones((4, 4))
        return np.sum(x)

    program = program_of(f, X)
    allocated(program)
    assert len(program.buffers) == 2
    before, after = calls_after(allocated, f, X)
    assert before == after


def test_a_result_that_is_returned_has_no_buffer():
    program = program_of(lambda x: (np.sin(x), np.exp(np.sin(x) * 2)), X)
    allocated(program)
    assert not {value.memory for value in program.buffers} & program.escaping()


def test_a_part_of_a_join_that_is_returned_is_the_callers():
    step = tg.compile(lambda x: np.concatenate([np.ravel(x * 2), np.sin(x[0])])[1:])
    kept = step(X)
    step(X + 1)
    np.testing.assert_array_equal(kept, np.concatenate([np.ravel(X * 2), np.sin(X[0])])[1:])


def test_what_is_still_needed_is_not_written_over():
    def f(x):
        a = x + 1
        b = a * 2
        c = np.sin(a)  # a is read here once more
        view = b.T
        d = b * 3
        return np.sum(view.T - d + c)

    calls_after(allocated, f, X)


def test_gradients_are_made_in_their_places():
    def f(x):
        return np.sum(np.concatenate([np.ravel(x * 2), np.sin(x[0]), x[1]]) ** 2)

    program = program_of(f, X)
    before = len(program.calls)
    gradient_slices(program)
    joined = [call for call in program.calls if call.function is np.concatenate]
    assert not joined
    assert len(program.calls) < before
    calls_after(gradient_slices, f, X)


def test_a_join_of_joins():
    def f(x):
        one = np.concatenate([x[0] * 2, x[1] * 3])
        two = np.concatenate([x[2] * 4, one, one])
        return np.sum(np.concatenate([two, one]) ** 2)

    calls_after(gradient_slices, f, X)


@pytest.mark.parametrize("exponent", [2, 0.5, np.float64(2), np.float64(0.5), np.array(2.0), np.float32(2)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_powers_are_of_numpys_precision(exponent, dtype):
    def f(x):
        return np.sum(x**exponent)

    calls_after(allocated, f, np.abs(X * 9).astype(dtype))


@pytest.mark.parametrize("width", [3, 64, 200])
def test_products_add_up_as_matmul_does(width):
    table = np.random.default_rng(width).normal(size=(2 * width, 2 * width))

    def f(x, w):
        return np.exp(x @ w), np.exp(x.T @ w), np.exp(x @ w.T)

    for x, w in ((table[::2, ::2], table[:width, :width]), (table[:width, :width], table[::2, ::2])):
        for mine, numpys in zip(tg.compile(f)(x, w), f(x, w)):
            np.testing.assert_array_equal(mine, numpys)


def test_a_join_of_several_precisions():
    single = X.astype(np.float32)

    def f(x, single):
        return np.sum(np.concatenate([np.sum(single, axis=0), (x[0] * 2).astype(np.float32), x[1] * 3]) ** 2)

    calls_after(gradient_slices, f, X, single)


def test_all_of_them_make_a_training_step_shorter():
    net = nn.Sequential(nn.Linear(4, 3, rng=0), nn.ReLU(), nn.Linear(3, 4, rng=1))
    optimizer = optim.SGD(net.parameters(), lr=0.1)

    @tg.compile
    def step(x, y):
        loss = nn.mse_loss(net(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    step(X, X)
    calls = step.stats["calls"]
    copies = calls["operands evened"] - calls["dead code again"]
    assert calls["traced"] + copies - calls["views of buffers hoisted"] >= 8
    assert step.source.count("np.empty") == step.stats["buffers"]
    forward, backward = step.source.split("# backward")
    assert forward.count("dot(") == 2
    assert backward.count("dot(") == 3
    assert backward.split("# update")[1].count("subtract(") == 1  # one vector


def test_operands_are_evened():
    bias, mask = np.arange(4.0), X > 0

    def f(x, mask):
        return (x * 2 + bias) * mask

    before, after = calls_after(even_operands, f, X, mask)
    assert after == before + 2  # a copy of the bias in every row, and one of the mask as numbers
    calls_after(allocated, f, X, mask)


def test_a_copy_is_made_anew_after_a_write():
    bias = np.arange(4.0)

    def f(x):
        bias[...] = 1.0
        before = x + bias
        bias[...] = 2.0
        return before * (x + bias)

    calls_after(even_operands, f, X)
    calls_after(allocated, f, X)


def test_columns_first_are_left_as_they_are():
    bias = np.arange(5.0)

    def f(x):
        return x.T + bias

    before, after = calls_after(even_operands, f, X)
    assert after == before  # a copy would not be contiguous, and so have no buffer to go into


def test_a_row_is_looked_at_as_a_table_of_one():
    bias = np.arange(4.0)

    def f(x):
        return x * 2 + bias

    program = program_of(f, X[:1])
    allocated(program)
    assert [call.results[0].sample.shape for call in program.setup if optimize.is_view(call)] == [(1, 4)]
    calls_after(allocated, f, X[:1])


def test_a_row_times_a_column_is_left_as_it_is():
    row = np.arange(4.0)

    def f(column):
        return column * row

    before, after = calls_after(even_operands, f, X[:, :1])
    assert after == before


@pytest.mark.parametrize("shape", [(100, 100), (1,), ()])
def test_large_arrays_and_numbers_are_left_as_they_are(shape):
    x, bias = np.ones(shape), np.ones(shape[-1:])

    def f(x):
        return x + bias

    before, after = calls_after(even_operands, f, x)
    assert after == before
