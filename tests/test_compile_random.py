"""Random networks, trained eagerly and compiled while things happen to them: the same bits at every step."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import nn, optim
from tinygrad_edu.optim import schedules

RNG = np.random.default_rng(0)
CLASSES = 3
ROWS, LENGTH, SIDE, WIDTH, WORDS = 40, 5, 6, 4, 7
ACTIVATIONS = [nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.Softmax]
SCHEDULES = [
    0.05,
    schedules.constant(0.05),
    schedules.step_decay(0.05, every=2),
    schedules.exponential(0.05, 0.9),
    schedules.cosine(0.05, steps=3, restarts=True),
    schedules.warmup(schedules.cosine(0.05, steps=9), steps=3),
    schedules.one_cycle(0.05, steps=7),
    lambda step: 0.05 / np.sqrt(1 + step),
]
OPTIMIZERS = [
    optim.SGD,
    lambda p, **options: optim.SGD(p, momentum=0.9, **options),
    lambda p, **options: optim.SGD(p, momentum=0.9, nesterov=True, **options),
    optim.Adagrad,
    optim.RMSprop,
    optim.Adam,
    optim.AdamW,
    lambda p, **options: optim.Adam([{"params": p[:1], "lr": 0.02}, {"params": p[1:]}], **options),
]


class Last(nn.Module):
    """The last output of a recurrent layer."""

    def __init__(self, kind, seed):
        self.layer = kind(WIDTH, WIDTH, rng=seed)

    def forward(self, x):
        return self.layer(x)[0][:, -1]


class Mean(nn.Module):
    """The mean over time of what attention makes of a sequence."""

    def __init__(self, seed):
        self.layer = nn.TransformerBlock(WIDTH, 2, causal=True, dropout=0.2, rng=seed)

    def forward(self, x):
        return np.mean(self.layer(x), axis=1)


def rows(dtype):
    return RNG.normal(size=(ROWS, WIDTH)).astype(dtype)


def sequences(dtype):
    return RNG.normal(size=(ROWS, LENGTH, WIDTH)).astype(dtype)


def images(dtype):
    return RNG.normal(size=(ROWS, 1, SIDE, SIDE)).astype(dtype)


def words(dtype):
    return RNG.integers(0, WORDS, ROWS)


# What a network begins with: its data, its first layers (each made of a seed), and the width that comes out.
BEGINNINGS = [
    (rows, lambda seed: [], WIDTH),
    (rows, lambda seed: [], WIDTH),
    (rows, lambda seed: [nn.BatchNorm1d(WIDTH)], WIDTH),
    (words, lambda seed: [nn.Embedding(WORDS, WIDTH, rng=seed)], WIDTH),
    (sequences, lambda seed: [Last(nn.RNN, seed)], WIDTH),
    (sequences, lambda seed: [Last(nn.GRU, seed)], WIDTH),
    (sequences, lambda seed: [Last(nn.LSTM, seed)], WIDTH),
    (sequences, lambda seed: [Mean(seed)], WIDTH),
    (images, lambda seed: [nn.Conv2d(1, 2, 3, rng=seed), nn.BatchNorm2d(2), nn.MaxPool2d(2), nn.Flatten()], 8),
    (images, lambda seed: [nn.Conv2d(1, 2, 3, padding=1, rng=seed), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten()], 18),
]
TARGETS = {
    "numbers": (lambda dtype: RNG.normal(size=(ROWS, CLASSES)).astype(dtype), [nn.mse_loss, nn.l1_loss, nn.huber_loss]),
    "classes": (
        lambda dtype: RNG.integers(0, CLASSES, ROWS),
        [nn.cross_entropy, lambda p, y: nn.cross_entropy(p, y, weight=[1.0, 2.0, 3.0], label_smoothing=0.1)],
    ),
    "yes and no": (
        lambda dtype: RNG.integers(0, 2, (ROWS, CLASSES)).astype(dtype),
        [nn.binary_cross_entropy_with_logits, lambda p, y: nn.hinge(p, 2 * y - 1)],
    ),
}


@st.composite
def networks(draw):
    """(the data's maker, a maker of the network)."""
    data, begin, width = draw(st.sampled_from(BEGINNINGS))
    seed = draw(st.integers(0, 1000))
    plan = []
    for i in range(draw(st.integers(0, 2))):
        wider = draw(st.integers(1, 6))
        plan.append((nn.Linear, (width, wider), {"bias": draw(st.booleans()), "rng": seed + i}))
        width = wider
        plan += [(kind, (), {}) for kind in draw(st.lists(st.sampled_from(ACTIVATIONS), max_size=1))]
        extra = draw(st.sampled_from([None, nn.Dropout, nn.BatchNorm1d, nn.LayerNorm]))
        if extra:
            plan.append((extra, (0.3,), {"rng": seed}) if extra is nn.Dropout else (extra, (width,), {}))
    plan.append((nn.Linear, (width, CLASSES), {"rng": seed}))

    def make():
        return nn.Sequential(*begin(seed), *(kind(*args, **options) for kind, args, options in plan))

    return data, make


def set_rate(net, opt, start):
    for group in opt.param_groups:
        group["lr"] = 0.01


def set_decay(net, opt, start):
    opt.param_groups[0]["weight_decay"] = 0.2


def reload(net, opt, start):
    net.load_state_dict(start[0])
    opt.load_state_dict(start[1])


def shrink(net, opt, start):
    net.parameters()[0].data *= 0.5


EVENTS = {
    "nothing": lambda net, opt, start: None,
    "train": lambda net, opt, start: net.train(),
    "eval": lambda net, opt, start: net.eval(),
    "rate": set_rate,
    "decay": set_decay,
    "reload": reload,
    "shrink": shrink,
    "forget": lambda net, opt, start: opt.zero_grad(),
}


@st.composite
def trainings(draw):
    """Everything that a training is made of, as (how to make it, what happens step by step)."""
    data, make = draw(networks())
    targets, losses = draw(st.sampled_from(list(TARGETS.values())))
    setting = {
        "make": make,
        "optimizer": draw(st.sampled_from(OPTIMIZERS)),
        "options": {"lr": draw(st.sampled_from(SCHEDULES)), "weight_decay": draw(st.sampled_from([0, 0.1]))},
        "loss": draw(st.sampled_from(losses)),
        "dtype": draw(st.sampled_from([np.float64, np.float32])),
        "zero": draw(st.sampled_from(["end", "start"])),
        "parts": draw(st.sampled_from([1, 1, 2])),
        "clip": draw(st.sampled_from([None, None, 0.5])),
    }
    dtype = draw(st.sampled_from([np.float64, np.float32]))
    sizes = st.integers(4, 6)
    happenings = draw(st.lists(st.tuples(st.sampled_from(list(EVENTS)), sizes), min_size=3, max_size=8))
    return setting, data(dtype), targets(setting["dtype"]), happenings


def trained(compiled, setting, x, y, happenings):
    """All that is left: every loss, all parameters, buffers, gradients and what the optimizer remembers."""
    net = setting["make"]().astype(setting["dtype"])
    opt = setting["optimizer"](net.parameters(), **setting["options"])

    def step(x, y):
        if setting["zero"] == "start":
            opt.zero_grad()
        losses = []
        for xs, ys in zip(np.split(x, setting["parts"]), np.split(y, setting["parts"])):
            losses.append(setting["loss"](net(xs), ys))
            losses[-1].backward()
        norm = optim.clip_grad_norm(net.parameters(), setting["clip"]) if setting["clip"] else 0.0
        opt.step()
        if setting["zero"] == "end":
            opt.zero_grad()
        return losses, norm

    taken = tg.compile(step) if compiled else step
    start = (net.state_dict(), opt.state_dict())
    ends = []
    for i, (event, size) in enumerate(happenings):
        EVENTS[event](net, opt, start)
        size *= setting["parts"]
        losses, norm = taken(x[i : i + size], y[i : i + size])
        ends += [*(loss.numpy() for loss in losses), norm]
    ends += [*net.state_dict().values(), *opt.state_dict().values()]
    ends += [parameter.grad for parameter in net.parameters()]
    ends += [rng.random() for _, rng in net.named_generators()]
    return ends


@settings(max_examples=30, deadline=None)
@given(trainings())
def test_random_trainings(training):
    with np.errstate(all="ignore"):
        eager, compiled = (trained(way, *training) for way in (False, True))
    assert len(eager) == len(compiled)
    for theirs, mine in zip(eager, compiled):
        if theirs is None:
            assert mine is None
            continue
        np.testing.assert_array_equal(mine, theirs)
        assert np.asarray(mine).dtype == np.asarray(theirs).dtype
