"""The optimizers against their published formulas, written out once more in plain NumPy."""

import copy
import pickle

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import vector
from tinygrad_edu.optim import SGD, Adagrad, Adam, AdamW, RMSprop
from tinygrad_edu.optim import optimizer as optimizer_module

SHAPES = [(3, 2), (), (4,), (2, 1, 2)]
STEPS = 20


def start(dtype, shapes=SHAPES):
    rng = np.random.default_rng(0)
    return [tg.Tensor(rng.normal(size=shape), requires_grad=True, dtype=dtype) for shape in shapes]


def bowl(params):
    """A loss with a slope of its own in every entry: Σ (k + 1) w⁴ / 4 + w."""
    return sum(np.sum((k + 1) * p**4 / 4 + p) for k, p in enumerate(params))


def slopes_of_bowl(weights):
    return [(k + 1) * w**3 + 1 for k, w in enumerate(weights)]


def sgd(lr, momentum=0.0, nesterov=False, weight_decay=0.0):
    """Sutskever et al. (2013), as PyTorch's documentation writes it: v ← μv + g, w ← w − η(g + μv) or w − ηv."""

    def step(t, w, g, memory):
        g = g + weight_decay * w
        memory["v"] = v = momentum * memory.get("v", 0) + g
        return w - lr * (g + momentum * v if nesterov else v)

    return step


def adam(lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    """Kingma and Ba (2015), algorithm 1."""

    def step(t, w, g, memory):
        g = g + weight_decay * w
        memory["m"] = m = betas[0] * memory.get("m", 0) + (1 - betas[0]) * g
        memory["v"] = v = betas[1] * memory.get("v", 0) + (1 - betas[1]) * g**2
        return w - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)

    return step


def adamw(lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
    """Loshchilov and Hutter (2019), algorithm 2, the decay scaled with η as PyTorch's documentation writes it."""
    without_decay = adam(lr, betas, eps)

    def step(t, w, g, memory):
        return without_decay(t, w - lr * weight_decay * w, g, memory)

    return step


def adagrad(lr, eps=1e-10, weight_decay=0.0):
    """Duchi, Hazan and Singer (2011), figure 1: the step is divided by the root of the sum of all squares so far."""

    def step(t, w, g, memory):
        g = g + weight_decay * w
        memory["squares"] = [*memory.get("squares", []), g**2]
        return w - lr * g / (np.sqrt(sum(memory["squares"])) + eps)

    return step


def rmsprop(lr, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0):
    """Tieleman and Hinton (2012), lecture 6.5: divide by the root of a running mean of the square.

    With momentum as PyTorch's documentation writes it: b ← μb + g/√v, w ← w − ηb.
    """

    def step(t, w, g, memory):
        g = g + weight_decay * w
        memory["v"] = v = alpha * memory.get("v", 0) + (1 - alpha) * g**2
        memory["b"] = b = momentum * memory.get("b", 0) + g / (np.sqrt(v) + eps)
        return w - lr * b

    return step


SETTINGS = [
    (SGD, sgd, {"lr": 0.05}),
    (SGD, sgd, {"lr": 0.05, "weight_decay": 0.3}),
    (SGD, sgd, {"lr": 0.02, "momentum": 0.8}),
    (SGD, sgd, {"lr": 0.02, "momentum": 0.8, "weight_decay": 0.3}),
    (SGD, sgd, {"lr": 0.02, "momentum": 0.8, "nesterov": True}),
    (SGD, sgd, {"lr": 0.02, "momentum": 0.8, "nesterov": True, "weight_decay": 0.3}),
    (Adam, adam, {"lr": 0.1}),
    (Adam, adam, {"lr": 0.1, "betas": (0.5, 0.7), "eps": 0.1}),
    (Adam, adam, {"lr": 0.1, "weight_decay": 0.3}),
    (AdamW, adamw, {"lr": 0.1}),
    (AdamW, adamw, {"lr": 0.1, "betas": (0.5, 0.7), "eps": 0.1, "weight_decay": 0.3}),
    (Adagrad, adagrad, {"lr": 0.1}),
    (Adagrad, adagrad, {"lr": 0.1, "eps": 0.1, "weight_decay": 0.3}),
    (RMSprop, rmsprop, {"lr": 0.03}),
    (RMSprop, rmsprop, {"lr": 0.03, "alpha": 0.5, "eps": 0.1, "weight_decay": 0.3}),
    (RMSprop, rmsprop, {"lr": 0.01, "alpha": 0.9, "momentum": 0.7}),
]
every_setting = pytest.mark.parametrize(("optimizer", "formula", "settings"), SETTINGS)


def assert_on_track(params, weights, rtol=1e-12, atol=0):
    for p, w in zip(params, weights):
        np.testing.assert_allclose(p.data, w, rtol=rtol, atol=atol)


@pytest.mark.parametrize(("dtype", "rtol", "atol"), [(np.float64, 1e-12, 0), (np.float32, 2e-6, 1e-6)])
@every_setting
def test_every_step_is_the_formula(optimizer, formula, settings, dtype, rtol, atol):
    params = start(dtype)
    weights, memories = [p.data.astype(float) for p in params], [{} for _ in params]
    by_hand, moving = formula(**settings), optimizer(params, **settings)
    for t in range(1, STEPS + 1):
        bowl(params).backward()
        moving.step()
        moving.zero_grad()
        slopes = slopes_of_bowl(weights)
        weights = [by_hand(t, w, g, memory) for w, g, memory in zip(weights, slopes, memories)]
        assert_on_track(params, weights, rtol, atol)
    assert {p.dtype for p in params} == {np.dtype(dtype)}


def test_adam_in_float32_corrects_its_bias_with_every_digit():
    """1 − 0.999 in float32 is wrong by 1 in 80,000; the first step must still be η to the last bits."""
    w = tg.Tensor(np.zeros(1), requires_grad=True, dtype=np.float32)
    optimizer = Adam([w], lr=1.0, eps=0)
    np.sum(w * 3).backward()
    optimizer.step()
    assert w.data[0] == pytest.approx(-1, rel=5e-7)


@every_setting
def test_a_parameter_without_gradient_stays_and_does_not_age(optimizer, formula, settings):
    """Parameter 1 and 2 sit out some steps: they do not move, and their own time stands still."""
    params = start(float)
    weights, memories, ages = [p.numpy() for p in params], [{} for _ in params], [0] * len(params)
    by_hand, moving = formula(**settings), optimizer(params, **settings)
    for t in range(STEPS):
        resting = {1} if t % 3 == 1 else {1, 2} if t % 3 == 2 else set()
        moving.zero_grad()
        sum(np.sum((k + 1) * p**4 / 4 + p) for k, p in enumerate(params) if k not in resting).backward()
        moving.step()
        for k, g in enumerate(slopes_of_bowl(weights)):
            if k not in resting:
                ages[k] += 1
                weights[k] = by_hand(ages[k], weights[k], g, memories[k])
        assert_on_track(params, weights)


def test_parameters_of_two_dtypes_move_once_each():
    params = [tg.Tensor(1.0, requires_grad=True, dtype=dtype) for dtype in (np.float64, np.float32, np.float32)]
    optimizer = SGD(params, lr=0.5)
    (params[0] + params[1]).backward()  # nothing arrives at the last one, which shares a vector with the one before
    optimizer.step()
    assert [p.item() for p in params] == [0.5, 0.5, 1.0]


def test_several_optimizers_share_a_model():
    net = tg.nn.Sequential(tg.nn.Linear(2, 2, rng=0), tg.nn.Linear(2, 2, rng=1))
    before = [p.numpy() for p in net.parameters()]
    first, second = SGD(net[1].parameters()[::-1], lr=1.0), SGD([net[0].weight], lr=2.0)
    np.sum(net(np.ones((1, 2)))).backward()
    first.step()
    second.step()
    moved = [rate * p.grad for rate, p in zip((2, 0, 1, 1), net.parameters())]
    for p, was, by in zip(net.parameters(), before, moved):
        np.testing.assert_allclose(p.data, was - by, rtol=1e-15)


@every_setting
def test_the_learning_rate_can_change_on_the_way(optimizer, formula, settings):
    params = start(float)
    weights, memories = [p.numpy() for p in params], [{} for _ in params]
    moving = optimizer(params, **settings)
    for t in range(1, 7):
        lr = settings["lr"] / t
        moving.lr = lr
        assert moving.lr == lr
        moving.zero_grad()
        bowl(params).backward()
        moving.step()
        by_hand = formula(**settings | {"lr": lr})
        slopes = slopes_of_bowl(weights)
        weights = [by_hand(t, w, g, memory) for w, g, memory in zip(weights, slopes, memories)]
    assert_on_track(params, weights)


def test_a_step_leaves_the_gradients_alone():
    for optimizer, _, settings in SETTINGS:
        params = start(float)
        moving = optimizer(params, **settings)
        bowl(params).backward()
        before = [p.grad.copy() for p in params]
        moving.step()
        for p, g in zip(params, before):
            np.testing.assert_array_equal(p.grad, g)


def test_gradients_that_have_a_graph_will_do():
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    optimizer = SGD([w], lr=0.5)
    np.sum(w * w).backward(create_graph=True)
    optimizer.step()
    assert w.data.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("optimizer", "settings", "message"),
    [
        (SGD, {"lr": -0.1}, "lr=-0.1 is out of range"),
        (SGD, {"lr": float("nan")}, "lr=nan is out of range"),
        (SGD, {"lr": float("inf")}, "lr=inf is out of range"),
        (SGD, {"lr": 0.1, "momentum": 1.0}, "momentum=1.0 is out of range"),
        (SGD, {"lr": 0.1, "momentum": -0.1}, "momentum=-0.1 is out of range"),
        (SGD, {"lr": 0.1, "weight_decay": -1}, "weight_decay=-1 is out of range"),
        (SGD, {"lr": 0.1, "nesterov": True}, "nesterov=True needs a momentum"),
        (Adam, {"lr": -1}, "lr=-1 is out of range"),
        (Adam, {"betas": (1.0, 0.9)}, r"betas\[0\]=1.0 is out of range"),
        (Adam, {"betas": (0.9, -0.1)}, r"betas\[1\]=-0.1 is out of range"),
        (Adam, {"eps": -1e-8}, "eps=-1e-08 is out of range"),
        (Adam, {"weight_decay": -1}, "weight_decay=-1 is out of range"),
        (Adam, {"betas": (0.9,)}, r"betas=\(0.9,\) is not a pair"),
        (AdamW, {"betas": (0.9, 1.0)}, r"betas\[1\]=1.0 is out of range"),
        (Adagrad, {"eps": -1}, "eps=-1 is out of range"),
        (RMSprop, {"alpha": 1}, "alpha=1 is out of range"),
        (RMSprop, {"momentum": 1}, "momentum=1 is out of range"),
    ],
)
def test_bad_settings_are_refused(optimizer, settings, message):
    with pytest.raises(ValueError, match=message):
        optimizer(start(float), **settings)


def test_a_bad_learning_rate_is_refused_later_too():
    optimizer = SGD(start(float), lr=0.1)
    with pytest.raises(ValueError, match="lr=-1 is out of range"):
        optimizer.lr = -1
    assert optimizer.lr == 0.1


def test_an_option_needs_its_name():
    """By position PyTorch's next options (dampening, eps) would end in others here."""
    for make in (
        lambda p: SGD(p, 0.1, 0.9, 0.5),
        lambda p: Adam(p, 0.1, (0.9, 0.99), 1e-6),
        lambda p: AdamW(p, 0.1, (0.9, 0.99), 1e-6),
        lambda p: Adagrad(p, 0.1, 0.5),
        lambda p: RMSprop(p, 0.1, 0.5),
    ):
        with pytest.raises(TypeError, match="positional arguments"):
            make(start(float))
    assert SGD(start(float), 0.1, 0.9).param_groups[0]["momentum"] == 0.9
    assert Adam(start(float), 0.1, (0.5, 0.6)).param_groups[0]["betas"] == (0.5, 0.6)
    assert SGD(start(float)).lr == 1e-3


@pytest.mark.parametrize("settings", [{"lr": True}, {"lr": None}, {"lr": 1j}, {"lr": 0.1, "weight_decay": np.True_}])
def test_what_is_no_number_is_refused(settings):
    with pytest.raises(TypeError, match="is not a number"):
        SGD(start(float), **settings)


def test_a_switch_is_on_or_off():
    with pytest.raises(TypeError, match=r"nesterov=0\.5 is neither True nor False"):
        SGD(start(float), lr=0.1, momentum=0.9, nesterov=0.5)
    assert SGD(start(float), lr=0.1, momentum=0.9, nesterov=np.True_).param_groups[0]["nesterov"] is True


def test_complex_parameters_are_refused():
    z = tg.Tensor([1 + 2j, 3j], requires_grad=True)
    with pytest.raises(TypeError, match=r"params\[1\], of shape \(2,\), is complex128.*re \+ 1j \* im"):
        SGD([tg.Tensor(1.0, requires_grad=True), z], lr=0.1)


def test_what_the_refusal_of_complex_parameters_advises_works():
    re, im = tg.Tensor(1.0, requires_grad=True), tg.Tensor(2.0, requires_grad=True)
    optimizer = SGD([re, im], lr=0.25)
    (np.abs(re + 1j * im) ** 2).backward()  # |z|² has the slopes 2·re and 2·im
    optimizer.step()
    np.testing.assert_allclose([re.item(), im.item()], [0.5, 1.0], rtol=1e-12)


def test_a_model_in_place_of_its_parameters_is_turned_round():
    net = tg.nn.Linear(2, 2, rng=0)
    for wrong in (net, [{"params": net}]):
        with pytest.raises(TypeError, match=r"params is a Linear; pass model\.parameters\(\)"):
            SGD(wrong, lr=0.1)


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("lr_scheduler", r"lr=tg\.optim\.schedules\.cosine"),
        ("clip_grad_norm_", r"tg\.optim\.clip_grad_norm\("),
        ("clip_grad_value_", r"tg\.optim\.clip_grad_value\("),
        ("Adamw", r"has no 'Adamw'\.$"),
    ],
)
def test_pytorchs_names_lead_to_those_here(name, instead):
    with pytest.raises(AttributeError, match=instead):
        getattr(tg.optim, name)


def test_bad_parameters_are_refused():
    w = tg.Tensor(1.0, requires_grad=True)
    with pytest.raises(TypeError, match=r"single Tensor; put it in a list: \[w\]"):
        SGD(w, lr=0.1)
    for wrong in (tg.Tensor(1.0), w * 2, np.ones(2), 3):
        with pytest.raises(TypeError, match=r"params\[1\] is .*not a Tensor made with requires_grad=True"):
            SGD([w, wrong], lr=0.1)
    with pytest.raises(ValueError, match="no parameters to optimize"):
        SGD([], lr=0.1)
    with pytest.raises(ValueError, match="more than once"):
        SGD([w, w], lr=0.1)


def test_a_step_without_gradients_is_refused():
    params = start(float)
    with pytest.raises(RuntimeError, match=r"no gradient on any parameter.*loss\.backward\(\)"):
        SGD(params, lr=0.1).step()


@pytest.mark.parametrize("dtypes", [[np.float32], [np.float32, np.float64]])
def test_a_model_that_changed_dtype_needs_a_new_optimizer(dtypes):
    """Also when it comes back to the old dtype: the optimizer's vector is not the model's any more."""
    net = tg.nn.Linear(2, 2, rng=0)
    optimizer = SGD(net.parameters(), lr=0.1)
    for dtype in dtypes:
        net.astype(dtype)
    np.sum(net(np.ones(2, dtypes[-1]))).backward()
    with pytest.raises(RuntimeError, match=r"Call model\.astype\(\.\.\.\) first, then make the optimizer"):
        optimizer.step()


# ---- large vectors ---------------------------------------------------------------------------------------------------
@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of 3 entries, so that small parameters are large, and some share a run while others are cut."""
    monkeypatch.setattr(vector, "BLOCK", 3)
    monkeypatch.setattr(optimizer_module, "BLOCK", 3)


def steps_taken(optimizer, settings):
    params = start(np.float32, [(3, 2), (), (2,), (4,), (2, 1, 2)])
    moving = optimizer(params, **settings)
    for _ in range(5):
        moving.zero_grad()
        bowl(params).backward()
        moving.step()
    return [p.numpy() for p in params], [len(run.parameters) for run in moving.param_groups[0].runs]


@every_setting
def test_blocks_give_the_same_numbers_as_the_whole(optimizer, formula, settings, request):
    whole, runs = steps_taken(optimizer, settings)
    assert runs == [5]
    request.getfixturevalue("small_blocks")
    blocks, runs = steps_taken(optimizer, settings)
    assert runs == [1, 2, 1, 1]
    for a, b in zip(whole, blocks):
        np.testing.assert_array_equal(a, b)


def test_a_step_in_blocks_leaves_the_gradients_alone(small_blocks):
    test_a_step_leaves_the_gradients_alone()


def test_gradients_in_another_memory_order_will_do(small_blocks):
    w = tg.Tensor(np.zeros((2, 3)), requires_grad=True)
    w.grad = np.arange(6.0).reshape(3, 2).T
    SGD([w], lr=1.0).step()
    np.testing.assert_array_equal(w.data, [[0, -2, -4], [-1, -3, -5]])


# ---- groups ----------------------------------------------------------------------------------------------------------
def test_groups_move_with_settings_of_their_own():
    params = start(float)
    weights, memories = [p.numpy() for p in params], [{} for _ in params]
    own = [{"lr": 0.01, "momentum": 0.5}, {"weight_decay": 0.1}]
    groups = [{"params": params[:2], **own[0]}, {"params": iter(params[2:]), **own[1]}]
    moving = SGD(groups, lr=0.05)
    for t in range(1, STEPS + 1):
        if t == 10:
            moving.param_groups[0]["lr"] = own[0]["lr"] = 0.02
            moving.param_groups[1].update(momentum=0.9, nesterov=True)
            own[1] |= {"momentum": 0.9, "nesterov": True}
        moving.zero_grad()
        bowl(params).backward()
        moving.step()
        for k, g in enumerate(slopes_of_bowl(weights)):
            weights[k] = sgd(**{"lr": 0.05} | own[k // 2])(t, weights[k], g, memories[k])
            if t < 10 and k > 1:
                memories[k].clear()  # without momentum nothing is remembered
        assert_on_track(params, weights)


def test_a_group_reads_as_a_dict():
    w, b = start(float, [(2,), (3,)])
    optimizer = SGD([{"params": w}, {"params": [b], "lr": 0.5}], lr=0.1)
    assert [dict(group) for group in optimizer.param_groups] == [
        {"params": (w,), "lr": 0.1, "momentum": 0, "nesterov": False, "weight_decay": 0},
        {"params": (b,), "lr": 0.5, "momentum": 0, "nesterov": False, "weight_decay": 0},
    ]
    assert len(optimizer.param_groups[0]) == 5
    assert optimizer.params == [w, b]


def test_a_group_can_join_later():
    w, b = start(float, [(2,), (3,)])
    optimizer = SGD([w], lr=1.0)
    optimizer.add_param_group({"params": [b], "lr": 2.0})
    before = [p.numpy() for p in (w, b)]
    (np.sum(w) + np.sum(b)).backward()
    optimizer.step()
    assert_on_track([w, b], [before[0] - 1, before[1] - 2])


def test_numbers_of_numpy_do_not_make_float32_wider():
    params = start(np.float32)
    optimizer = SGD(params, lr=np.float64(0.1), momentum=np.array(0.9))
    optimizer.param_groups[0]["weight_decay"] = np.float64(0.1)
    assert {type(optimizer.param_groups[0][name]) for name in ("lr", "momentum", "weight_decay")} == {float}


@pytest.mark.parametrize(
    ("name", "value", "error", "message"),
    [
        ("lr", -1, ValueError, "lr=-1 is out of range"),
        ("lr", "fast", TypeError, "lr='fast' is not a number"),
        ("momentum", (0.9,), TypeError, "momentum=.* is not a number"),
        ("momentum", np.ones(2), TypeError, "momentum=.* is not a number"),
        ("momentum", 1.0, ValueError, "momentum=1.0 is out of range"),
        ("nesterov", True, ValueError, "nesterov=True needs a momentum"),
        ("learning_rate", 0.1, KeyError, "'learning_rate' is no setting of SGD; there are lr, momentum"),
        ("params", [], KeyError, "use optimizer.add_param_group"),
    ],
)
def test_what_is_assigned_to_a_group_is_checked_at_once(name, value, error, message):
    group = SGD(start(float), lr=0.1).param_groups[0]
    before = dict(group)
    with pytest.raises(error, match=message):
        group[name] = value
    assert dict(group) == before


def test_settings_cannot_be_removed():
    group = SGD(start(float), lr=0.1).param_groups[0]
    with pytest.raises(TypeError, match="'lr' cannot be removed"):
        del group["lr"]


def test_bad_groups_are_refused():
    w, b = start(float, [(2,), (3,)])
    with pytest.raises(ValueError, match="SGD has no setting 'rate'; there are lr, momentum, nesterov, weight_decay"):
        SGD([{"params": [w], "rate": 1}], lr=0.1)
    with pytest.raises(ValueError, match="more than once"):
        SGD([{"params": [w]}, {"params": [b, w]}], lr=0.1)
    with pytest.raises(ValueError, match="no parameters to optimize in a group"):
        SGD([{"params": []}], lr=0.1)
    for wrong in ([{"params": [w]}, b], [{"lr": 0.1}]):
        with pytest.raises(TypeError, match="a group is a dict"):
            SGD(wrong, lr=0.1)
    with pytest.raises(ValueError, match="momentum=2 is out of range"):
        SGD([{"params": [w], "momentum": 2}], lr=0.1)
    with pytest.raises(AttributeError, match=r'several groups.*param_groups\[0\]\["lr"\]'):
        SGD([{"params": [w]}, {"params": [b]}], lr=0.1).lr = 0.2


# ---- saving ----------------------------------------------------------------------------------------------------------
def train(optimizer, params, steps, resting=()):
    for _ in range(steps):
        optimizer.zero_grad()
        sum(np.sum((k + 1) * p**4 / 4 + p) for k, p in enumerate(params) if k not in resting).backward()
        optimizer.step()


@pytest.mark.parametrize("blocks", [False, True])
@every_setting
def test_a_resumed_run_is_the_run_that_was_not_interrupted(optimizer, formula, settings, blocks, request):
    """Also where parameters rested for a while, and where a setting was changed on the way."""
    if blocks:
        request.getfixturevalue("small_blocks")

    def begin():
        params = start(np.float32)
        return params, optimizer([{"params": params[:3]}, {"params": params[3:], "lr": 0.01}], **settings)

    params, moving = begin()
    train(moving, params, 3)
    train(moving, params, 2, resting={1, 3})
    moving.param_groups[0]["lr"] = 0.03
    train(moving, params, 2)
    state, weights = moving.state_dict(), [p.numpy() for p in params]
    train(moving, params, 5)

    again, resumed = begin()
    for p, w in zip(again, weights):
        p.data = w
    resumed.load_state_dict(state)
    assert resumed.param_groups[0]["lr"] == resumed.lr == 0.03
    train(resumed, again, 5)
    for p, q in zip(params, again):
        np.testing.assert_array_equal(p.data, q.data)
    assert_same_state(moving.state_dict(), resumed.state_dict())


def assert_same_state(one, other):
    assert list(one) == list(other)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)
        assert one[name].dtype == other[name].dtype


def test_the_saved_names_are_numbered_as_in_pytorch():
    params = start(float, [(3, 2), ()])
    optimizer = Adam([{"params": params[:1]}, {"params": params[1:]}])
    train(optimizer, params, 2)
    state = optimizer.state_dict()
    assert list(state) == [
        "steps",
        *(f"groups.{i}.{name}" for i in (0, 1) for name in ("lr", "betas", "eps", "weight_decay")),
        *(f"state.{i}.{name}" for i in (0, 1) for name in ("step", "m", "v")),
    ]
    assert state["state.0.m"].shape == (3, 2)
    assert state["state.1.step"] == 2
    assert state["groups.0.betas"].tolist() == [0.9, 0.999]


def test_a_saved_state_is_a_copy():
    params = start(float)
    optimizer = Adam(params)
    train(optimizer, params, 1)
    state = optimizer.state_dict()
    before = {name: array.copy() for name, array in state.items()}
    train(optimizer, params, 1)
    assert_same_state(before, state)


def test_settings_are_loaded_as_what_they_were():
    params = start(float)
    saved = SGD(params, lr=0.1, momentum=0.9, nesterov=True)
    train(saved, params, 2)
    other = SGD(start(float), lr=0.5)
    other.load_state_dict(saved.state_dict())
    assert dict(other.param_groups[0]) | {"params": ()} == dict(saved.param_groups[0]) | {"params": ()}
    assert other.param_groups[0]["nesterov"] is True
    assert_same_state(saved.state_dict(), other.state_dict())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("state.1.m"), r"missing: state\.1\.m"),
        (lambda s: s.pop("groups.0.lr"), r"missing: groups\.0\.lr"),
        (lambda s: s.pop("steps"), "missing: steps"),
        (lambda s: s.update(momentum=1), "unexpected: momentum"),
        (lambda s: s.update({"state.0.m": np.ones(6)}), r"state\.0\.m: \(6,\) float64 for \(3, 2\) float64"),
        (lambda s: s.update({"state.0.m": np.full((3, 2), 1j)}), r"state\.0\.m: \(3, 2\) complex128 for"),
        (lambda s: s.update({"state.0.step": 1.5}), r"state\.0\.step: \(\) float64 for \(\) int64"),
        (lambda s: s.update({"groups.0.betas": np.ones(3)}), r"groups\.0\.betas: \(3,\) float64 for \(2,\)"),
        (lambda s: s.update({"groups.0.eps": "x"}), r"groups\.0\.eps: \(\) <U1 for"),
        (lambda s: s.update({"groups.0.eps": -1.0}), r"eps=-1\.0 is out of range"),
        (lambda s: s.update({"groups.0.lr": np.nan}), r"lr=nan is out of range"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, message):
    params = start(float)
    optimizer = Adam(params)
    train(optimizer, params, 2)
    before, weights = optimizer.state_dict(), [p.numpy() for p in params]
    state = {name: array + 1 if name.startswith("state") else array for name, array in before.items()}
    change(state)
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(state)
    assert_same_state(before, optimizer.state_dict())
    for p, w in zip(params, weights):
        np.testing.assert_array_equal(p.data, w)


def test_a_copy_goes_its_own_way():
    params = start(float)
    optimizer = Adam(params, lr=0.1)
    train(optimizer, params, 2)
    train(optimizer, params, 1, resting={1})
    twin_params, twin = copy.deepcopy((params, optimizer))
    train(optimizer, params, 3)
    assert_same_state(pickle.loads(pickle.dumps(twin)).state_dict(), twin.state_dict())
    train(twin, twin_params, 3)
    for p, q in zip(params, twin_params):
        np.testing.assert_array_equal(p.data, q.data)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_optimizers_that_share_parameters_can_be_copied_together(duplicate, order):
    """Whichever comes first packs what it moves; the others find some of their parameters apart."""
    params = start(float)
    optimizers = [Adam(params, lr=0.1), SGD(params[1:3], lr=0.02, momentum=0.9), RMSprop(params[2:], lr=0.01)]
    optimizers = [optimizers[i] for i in order]

    def go_on(params, optimizers):
        for _ in range(3):
            for p in params:
                p.grad = None
            bowl(params).backward()
            for optimizer in optimizers:
                optimizer.step()

    go_on(params, optimizers)
    twins, twin_params = duplicate((optimizers, params))
    go_on(params, optimizers)
    go_on(twin_params, twins)
    for p, q in zip(params, twin_params):
        np.testing.assert_array_equal(p.data, q.data)
    for one, other in zip(optimizers, twins):
        assert_same_state(one.state_dict(), other.state_dict())
