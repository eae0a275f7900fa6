"""A run that was interrupted and resumed is bit for bit the run that was not; what does not fit changes nothing."""

import copy
import json

import numpy as np
import pytest
import safetensors.numpy

import tinygrad_edu as tg
from tinygrad_edu import nn, optim
from tinygrad_edu.data import MinMaxScaler, Standardizer, batches
from tinygrad_edu.generators import load_generator
from tinygrad_edu.saving import load, load_checkpoint, save, save_checkpoint
from tinygrad_edu.saving.files import KEY
from tinygrad_edu.train import EarlyStopping, History, fit


class Noisy(nn.Module):
    """A layer that draws random numbers and keeps a running mean: all that a module can remember."""

    def __init__(self, rng):
        self.rng = np.random.default_rng(rng)
        self.mean = np.zeros(())

    def forward(self, x):
        self.mean += 0.1 * (np.mean(x).item() - self.mean)
        return x * (1 + 0.1 * self.rng.standard_normal(np.shape(x)))


class Record:
    """The simplest part: a history of the user's own."""

    def __init__(self):
        self.losses, self.note = [], None

    def state_dict(self):
        return {"losses": self.losses, "note": self.note}

    def load_state_dict(self, state):
        self.losses, self.note = list(state["losses"]), state["note"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.safetensors"


def identical(a, b):
    """The same structure, types and bits, arrays as bytes."""
    if isinstance(a, dict):
        return type(b) is dict and a.keys() == b.keys() and all(identical(a[key], b[key]) for key in a)
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    return type(a) is type(b) and json.dumps(a) == json.dumps(b)  # floats to the last digit, NaN equal to NaN


# ---- bit for bit -------------------------------------------------------------------------------------------------
X = np.random.default_rng(0).standard_normal((20, 3))
Y = np.sin(X @ np.array([[1.0], [2.0], [-1.0]]))

OPTIMIZERS = {
    "momentum": lambda params, schedule: optim.SGD(params, lr=schedule, momentum=0.9, nesterov=True),
    "RMSprop": lambda params, schedule: optim.RMSprop(params, lr=0.01),
    "Adam": lambda params, schedule: optim.Adam(params, lr=optim.schedules.exponential(0.01, 0.9)),
    "AdamW with groups": lambda params, schedule: optim.AdamW(
        [{"params": params[:1], "lr": schedule}, {"params": params[1:], "weight_decay": 0.1}]
    ),
}


def run(seed, optimizer, dtype):
    """The parts of a run, made anew."""
    rng = np.random.default_rng(seed)
    layers = nn.Linear(3, 8, rng=rng), nn.Tanh(), nn.Dropout(0.3, rng=rng), Noisy(seed), nn.Linear(8, 1, rng=rng)
    net = nn.Sequential(*layers).astype(dtype)
    schedule = optim.schedules.ReduceOnPlateau(0.05, factor=0.7, patience=0)
    parts = {"model": net, "optimizer": OPTIMIZERS[optimizer](net.parameters(), schedule), "schedule": schedule}
    data = batches(X.astype(dtype), Y.astype(dtype), 6, rng=seed + 1)
    return parts | {"data": data, "history": Record(), "rng": np.random.default_rng(seed)}


def train(parts, epochs):
    net, optimizer = parts["model"], parts["optimizer"]
    for _ in range(epochs):
        total = 0.0
        for x, y in parts["data"]:
            optimizer.zero_grad()
            x = x + parts["rng"].normal(0, 0.01, x.shape).astype(x.dtype)
            loss = nn.mse_loss(net(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        parts["schedule"].report(total)
        parts["history"].losses.append(total)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_resumed_run_is_the_run_that_was_not_interrupted(path, optimizer, dtype):
    whole = run(0, optimizer, dtype)
    train(whole, 6)
    interrupted = run(0, optimizer, dtype)
    train(interrupted, 2)
    save_checkpoint(path, **interrupted)
    resumed = run(5, optimizer, dtype)  # other weights, other random numbers: everything has to come from the file
    train(resumed, 1)
    load_checkpoint(path, **resumed)
    train(resumed, 4)
    for name in whole:
        if name != "rng":
            assert identical(resumed[name].state_dict(), whole[name].state_dict()), name
    assert resumed["history"].losses == whole["history"].losses
    assert resumed["model"][2].rng.random() == whole["model"][2].rng.random()
    assert resumed["rng"].random() == whole["rng"].random()
    save_checkpoint(path, **interrupted)
    train(interrupted, 4)  # saving has disturbed nothing
    assert interrupted["history"].losses == whole["history"].losses


@pytest.mark.parametrize("forgotten", ["model", "optimizer", "data", "rng"])
def test_the_comparison_notices_a_part_that_was_forgotten(path, forgotten):
    whole, resumed = run(0, "momentum", np.float64), run(0, "momentum", np.float64)
    train(whole, 2)
    save_checkpoint(path, **whole)
    train(resumed, 1)
    other = run(5, "momentum", np.float64)
    load_checkpoint(path, **resumed | {forgotten: other[forgotten]})
    train(whole, 4)
    train(resumed, 4)
    assert resumed["history"].losses != whole["history"].losses


def test_fit_goes_on_where_a_callback_saved_it(path):
    def parts(seed):
        some = run(seed, "Adam", np.float64)
        return {name: some[name] for name in ("model", "optimizer", "data")} | {
            "history": History(),
            "stopping": EarlyStopping(patience=3),
        }

    def go_on(parts, epochs, *callbacks):
        history = fit(
            parts["model"],
            nn.mse_loss,
            parts["optimizer"],
            parts["data"],
            epochs,
            validation=batches(X, Y, 20, shuffle=False),
            callbacks=[parts["stopping"], *callbacks],
            progress=False,
            history=parts["history"],
        )
        return [{k: v for k, v in sorted(table.items()) if k != "seconds"} for table in (history.epochs, history.steps)]

    whole, resumed = parts(0), parts(5)
    save_third = lambda r: len(r.history) == 3 and save_checkpoint(path, **whole | {"history": r.history})
    expected = go_on(whole, 8, save_third)
    load_checkpoint(path, **resumed)
    assert go_on(resumed, 5) == expected
    assert identical(resumed["model"].state_dict(), whole["model"].state_dict())  # the best weights are put back
    assert identical(resumed["stopping"].state_dict(), whole["stopping"].state_dict())


# ---- parts -------------------------------------------------------------------------------------------------------
KINDS = [np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937, np.random.Philox, np.random.SFC64]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_generator_goes_on(path, kind):
    rng = np.random.Generator(kind(3))
    rng.random(5, dtype=np.float32)  # leaves half a number behind
    save_checkpoint(path, rng=rng)
    expected = rng.random(7, dtype=np.float32), rng.standard_normal(700)
    other = np.random.Generator(kind(4))
    load_checkpoint(path, rng=other)
    np.testing.assert_array_equal(other.random(7, dtype=np.float32), expected[0])
    np.testing.assert_array_equal(other.standard_normal(700), expected[1])


HOSTILE = {
    "pos": [625, 100_000_000, -1, 2**70, 1.0, None, "1", np.arange(2)],
    "buffer_pos": [5, -1, 2**40],
    "has_uint32": [2, -1],
    "uinteger": [2**32, -1],
    "inc": [2**128 + 1, -1, 2, 0, [1]],
    "key": ["key", {}, [0] * 624, np.ones(624), np.zeros(0, np.uint32), np.array([1] + [0] * 623, np.uint32)],
    "counter": [[1, 2, 3, 4], np.zeros(3, np.uint64), np.zeros((4, 1), np.uint64)],
    "buffer": [[0] * 4, None],
    "state": [{}, [], None, 7, {"state": 1}, {"state": 2**128, "inc": 1}, {"state": -1, "inc": 1}, {"state": [1] * 4}],
    "bit_generator": ["PCG", None, 3],
}


def planted(state, name, value):
    """The state with the values of this name replaced."""
    if not isinstance(state, dict):
        return state
    return {key: value if key == name else planted(child, name, value) for key, child in state.items()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_state_in_which_no_generator_ever_was_is_refused(kind, name):
    """Some of them NumPy takes, and the next number is a crash of the process, or never comes."""
    rng = np.random.Generator(kind(0))
    before = rng.bit_generator.state
    for value in HOSTILE[name]:
        state = planted(before, name, value)
        if repr(state) != repr(before):  # it has something of this name
            with pytest.raises(ValueError, match=r"random generator is (damaged|a )"):
                load_generator(rng, state)
            assert repr(rng.bit_generator.state) == repr(before)


def test_a_state_is_a_dict():
    for state in (None, [], {}, "PCG64"):
        with pytest.raises(ValueError, match="The saved random generator is a None, this one a PCG64"):
            load_generator(np.random.default_rng(0), state)


class Hostile(Record):
    """Saves whatever state it is told."""

    def state_dict(self):
        return self.note


def test_a_checkpoint_with_a_hostile_generator_changes_nothing(path):
    rng = np.random.Generator(np.random.MT19937(0))
    data = batches(np.arange(4), np.arange(4), 2, rng=rng)
    net = nn.Sequential(nn.Dropout(0.5, rng=rng))
    before = repr(rng.bit_generator.state)
    hostile, saved = Hostile(), rng.bit_generator.state
    saved["state"]["pos"] = 100_000_000
    for note, part in [(saved, rng), ({"rng": saved}, data), ({"0.rng": saved}, net)]:
        hostile.note = note
        save_checkpoint(path, part=hostile)
        with pytest.raises(ValueError, match=r"the part 'part' cannot be loaded.*its pos cannot be 100000000"):
            load_checkpoint(path, part=part)
    assert repr(rng.bit_generator.state) == before


@pytest.mark.parametrize("kind", [MinMaxScaler, Standardizer])
def test_a_scaler_comes_back_into_a_fresh_one(path, kind):
    scaler, fresh = kind().fit(X), kind()
    save_checkpoint(path, scaler=scaler)
    load_checkpoint(path, scaler=fresh)
    np.testing.assert_array_equal(fresh.transform(X), scaler.transform(X))
    fresh = kind()
    save_checkpoint(path, scaler=scaler, history=Hostile())
    with pytest.raises(ValueError, match="'history'"):
        load_checkpoint(path, scaler=fresh, history=Refuses())
    assert repr(fresh) == f"{kind.__name__}(not fitted)"


def test_any_value_of_a_state_comes_back(path):
    part, other = Record(), Record()
    part.losses = [0.1, float("inf"), float("-inf"), -0.0, 5e-324, 1 / 3]
    part.note = {"a": [2**127, -1, True, None, "ü"], "b": {"c": (1.5, np.float32(0.1), np.arange(3))}, "a.b": []}
    save_checkpoint(path, one=part, two=part)
    load_checkpoint(path, one=other, two=Record())
    assert other.losses == part.losses
    assert str(other.losses) == str(part.losses)
    assert repr(other.note) == repr(part.note)


def test_arrays_stand_in_the_file_under_their_parts_names(path):
    layer = nn.Linear(2, 1, rng=0)
    save_checkpoint(path, model=nn.Sequential(layer), optimizer=optim.SGD(layer.parameters(), lr=0.1), history=Record())
    arrays = safetensors.numpy.load_file(path)
    np.testing.assert_array_equal(arrays["model.0.weight"], layer.weight.data)
    assert arrays["optimizer.groups.0.lr"] == 0.1


def test_a_part_may_be_called_path(path):
    rng = np.random.default_rng(0)
    save_checkpoint(path, path=rng)
    load_checkpoint(path, path=rng)


# ---- all or nothing ----------------------------------------------------------------------------------------------
def parts():
    net = nn.Sequential(nn.Linear(2, 2, rng=0), nn.Dropout(0.5, rng=1))
    return {"model": net, "rng": np.random.default_rng(2), "history": Record()}


def states(parts):
    return copy.deepcopy(
        [
            parts["model"].state_dict(),
            [rng.bit_generator.state for _, rng in parts["model"].named_generators()],
            parts["rng"].bit_generator.state,
            vars(parts["history"]),
        ]
    )


def moved():
    other = parts()
    other["model"][0].weight.data[...] = 7
    other["model"](np.ones(2))
    other["rng"].random()
    other["history"].losses = [1.0]
    return other


class Refuses(Record):
    """Changes half of itself, then refuses; the state that it had is welcome."""

    def load_state_dict(self, state):
        self.losses = ["half"]
        if state["note"] == "unwelcome":
            raise KeyError("no thanks")
        super().load_state_dict(state)


def test_a_part_that_refuses_leaves_all_parts_as_they_were(path):
    saved = parts()
    saved["history"].note = "unwelcome"
    save_checkpoint(path, **saved)
    other = moved() | {"history": Refuses()}
    before = states(other)
    with pytest.raises(ValueError, match=r"run\.safetensors': the part 'history' cannot .* so none was.*no thanks"):
        load_checkpoint(path, **other)
    assert repr(states(other)) == repr(before)


def test_ctrl_c_in_the_middle_leaves_all_parts_as_they_were(path):
    class Interrupted(Record):
        def load_state_dict(self, state):
            if not state["losses"]:
                raise KeyboardInterrupt
            super().load_state_dict(state)

    save_checkpoint(path, **parts())
    other = moved()
    other["history"] = Interrupted()
    other["history"].losses = [3.0]
    before = states(other)
    with pytest.raises(KeyboardInterrupt):
        load_checkpoint(path, **other)
    assert repr(states(other)) == repr(before)


def test_missing_and_unexpected_parts_are_listed(path):
    save_checkpoint(path, **parts())
    other = moved()
    before = states(other)
    with pytest.raises(
        ValueError,
        match=r"(?s)in the file, but not given: history, rng\n.*given, but not in the file: generator\n.*"
        r"load_checkpoint\(path, model=model, rng=rng, history=history\)",
    ):
        load_checkpoint(path, model=other["model"], generator=other["rng"])
    assert repr(states(other)) == repr(before)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Sequential(nn.Linear(2, 3), nn.Dropout()), r"'model'.*0\.weight: \(2, 2\)"),
        (nn.Sequential(nn.Linear(2, 2)), r"'model'.*unexpected: 1\.rng"),
        (nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.Dropout()), r"draws no random numbers at: 2\.rng"),
        (nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), r"missing: 1\.weight"),
        (nn.Sequential(nn.Linear(2, 2), nn.Dropout(rng=np.random.Generator(np.random.SFC64(0)))), "'model'.*SFC64"),
    ],
)
def test_a_model_that_does_not_fit(path, model, message):
    save_checkpoint(path, **parts())
    other = moved() | {"model": model}
    before = states(other)
    with pytest.raises(ValueError, match="(?s)" + message):
        load_checkpoint(path, rng=other["rng"], history=other["history"], model=model)
    assert repr(states(other)) == repr(before)


def test_another_optimizer_is_refused(path):
    layer = nn.Linear(2, 1, rng=0)
    save_checkpoint(path, optimizer=optim.SGD(layer.parameters(), lr=0.1))
    with pytest.raises(ValueError, match=r"(?s)'optimizer' cannot.*missing.*state\.0\.m"):
        load_checkpoint(path, optimizer=optim.Adam(layer.parameters()))


@pytest.mark.parametrize("function", [save_checkpoint, load_checkpoint])
def test_arguments_that_are_no_parts(path, function):
    with pytest.raises(TypeError, match="'losses' of type list cannot be saved: it has no state_dict"):
        function(path, losses=[1.0])
    with pytest.raises(TypeError, match=r"write: tg\.\w+\(path, model=model"):
        function(nn.Linear(1, 1), model=nn.Linear(1, 1))
    for nameless in ([], [nn.Linear(1, 1)], [nn.Linear(1, 1), np.random.default_rng(0)]):
        with pytest.raises(TypeError, match=r"write: tg\.\w+\(path, model=model, optimizer=.* every part by name"):
            function(path, *nameless)
    with pytest.raises(TypeError, match="every part by name"):
        function(path, nn.Linear(1, 1), rng=np.random.default_rng(0))
    assert not path.exists()


def test_what_a_part_cannot_save_is_named_and_the_old_file_stays(path):
    save_checkpoint(path, **parts())
    before = path.read_bytes()
    other = parts()
    other["history"].losses = [tg.Tensor(1.0)]
    with pytest.raises(TypeError, match=r"history\.losses\.0 is of type Tensor"):
        save_checkpoint(path, **other)
    assert path.read_bytes() == before


# ---- files -------------------------------------------------------------------------------------------------------
def test_a_saved_model_is_no_checkpoint(path):
    save(nn.Linear(1, 1), path)
    with pytest.raises(ValueError, match=r"holds a model, not a checkpoint\. Open it with tg\.load\("):
        load_checkpoint(path, model=nn.Linear(1, 1))


def test_a_model_alone_is_taken_out_of_a_checkpoint(path):
    saved = parts()
    save_checkpoint(path, **saved, twin=moved()["model"])
    for part, source in [("model", saved["model"]), ("twin", moved()["model"])]:
        model = nn.Sequential(nn.Linear(2, 2, rng=5), nn.Dropout(0.5, rng=6))
        drawn = repr(model[1].rng.bit_generator.state)
        assert load(model, path, part=part) is model
        assert identical(model.state_dict(), source.state_dict())
        assert repr(model[1].rng.bit_generator.state) == drawn
    assert identical(load(nn.Sequential(nn.Linear(2, 2)), path).state_dict(), saved["model"].state_dict())
    for part, message in [
        ("net", "without a model called 'net'. It holds: model, rng, history, twin"),
        ("rng", "missing"),
    ]:
        before = repr(model.state_dict())
        with pytest.raises(ValueError, match=f"(?s)run\\.safetensors.*{message}"):
            load(model, path, part=part)
        assert repr(model.state_dict()) == before


def test_damage_anywhere_leaves_the_parts_as_they_were(path):
    save_checkpoint(path, **parts())
    whole = path.read_bytes()
    other = moved()
    before = states(other)
    for at in [*range(0, len(whole), 37), -1]:
        flipped = bytearray(whole)
        flipped[at] ^= 4
        path.write_bytes(flipped)
        with pytest.raises(ValueError, match=r"run\.safetensors"):
            load_checkpoint(path, **other)
        path.write_bytes(whole[:at])
        with pytest.raises(ValueError, match=r"run\.safetensors"):
            load_checkpoint(path, **other)
    assert repr(states(other)) == repr(before)


def test_the_state_of_generators_is_under_the_checksum(path):
    """It is JSON, where a digit more would go unnoticed."""
    save_checkpoint(path, rng=np.random.default_rng(0))
    whole = path.read_bytes()
    header = json.loads(whole[8:])
    state = str(np.random.default_rng(0).bit_generator.state["state"]["state"])
    assert state in header["__metadata__"][KEY]
    path.write_bytes(whole.replace(state.encode(), state[::-1].encode()))
    with pytest.raises(ValueError, match="checksum does not fit"):
        load_checkpoint(path, rng=np.random.default_rng(0))
