"""What is saved comes back bit for bit, or an error says why it does not; nothing is ever half saved or half loaded."""

import hashlib
import json
import os
import pickle
import random
import signal
import stat
import subprocess
import sys
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.extras import need
from tinygrad_edu.saving import load, load_metadata, save
from tinygrad_edu.saving.files import KEY, read, write
from tinygrad_edu.saving.trees import decode, encode


class Holder(nn.Module):
    """Whatever arrays are wanted, as buffers, and parameters beside them."""

    def __init__(self, parameters=(), **buffers):
        self.parameters_ = [tg.Tensor(p, requires_grad=True) for p in parameters]
        vars(self).update(buffers)


def net(seed=0):
    return nn.Sequential(nn.Linear(3, 4, rng=seed), nn.Tanh(), nn.Linear(4, 2, rng=seed + 1))


def bits(model):
    return {name: (a.dtype, a.shape, a.tobytes()) for name, a in model.state_dict().items()}


def same(a, b):
    """Equal in type, structure and every bit."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray | np.generic):
        return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return np.float64(a).tobytes() == np.float64(b).tobytes() if isinstance(a, float) else a == b


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


# ---- what goes in comes out --------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("kind", [str, Path])
def test_a_model_comes_back(path, dtype, kind):
    model, other = net(0).astype(dtype), net(5).astype(dtype)
    saved = bits(model)
    save(model, kind(path))
    assert load(other, kind(path)) is other
    assert bits(other) == saved
    assert bits(model) == saved
    assert all(p.data.base is other[0].weight.data.base for p in other.parameters())  # still one vector


def test_awkward_arrays_come_back(path):
    awkward = {
        "scalar": np.array(2.5),
        "empty": np.zeros((0, 3), np.float32),
        "transposed": np.arange(6.0).reshape(2, 3).T,
        "strided": np.arange(20)[::-3],
        "big_endian": np.arange(3, dtype=">f8"),
        "broadcast": np.broadcast_to(np.float32(7), (2, 2)).copy()[:, ::-1],
        "odd": np.array([np.inf, -np.inf, np.nan, -0.0, 5e-324]),
        "flags": np.array([True, False]),
        "__metadata__": np.arange(2),
    }
    model = Holder([np.ones(()), np.ones((2, 0))], **awkward)
    save(model, path)
    other = Holder([np.zeros(()), np.ones((2, 0))], **{name: np.zeros_like(a) for name, a in awkward.items()})
    load(other, path)
    for name, array in awkward.items():
        np.testing.assert_array_equal(getattr(other, name), array)
    assert np.signbit(other.odd[3])
    assert other.parameters_[0].item() == 1


def test_the_file_is_safetensors_with_the_models_own_names(path):
    save(net(), path)
    arrays = safetensors.numpy.load_file(path)
    assert {name: a.shape for name, a in arrays.items()} == {n: p.shape for n, p in net().named_parameters()}
    np.testing.assert_array_equal(arrays["0.weight"], net()[0].weight.data)


def test_the_same_model_gives_the_same_file(tmp_path):
    for name in "ab":
        save(net(), tmp_path / name, metadata={"z": 1, "a": [2]})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_tied_layer_is_saved_once(path):
    layer = nn.Linear(2, 2, rng=0)
    save(nn.Sequential(layer, layer), path)
    assert set(safetensors.numpy.load_file(path)) == {"0.weight", "0.bias"}


def test_float64_goes_into_a_float32_model(path):
    save(net(), path)
    model = load(net(3).astype(np.float32), path)
    np.testing.assert_array_equal(model[0].weight.data, net()[0].weight.data.astype(np.float32))


def test_metadata_comes_back(path):
    metadata = {"hidden": [64, 32], "mean": np.array([0.1, np.inf]), "target": "Größe", "none": None, "pair": (1, True)}
    save(net(), path, metadata)
    assert same(load_metadata(path), metadata)
    load(net(1), path)
    save(net(), path)
    assert load_metadata(path) is None


numbers = st.integers(-(2**200), 2**200) | st.floats() | st.booleans() | st.none() | st.text(max_size=5)
arrays = hnp.arrays(
    st.sampled_from(["?", "i1", "u8", "f2", "f4", "f8", "i4"]), hnp.array_shapes(min_dims=0, min_side=0, max_side=3)
)
keys = st.sampled_from(["a", "b", "a.b", "b.0", "array", ""]) | st.text(max_size=3)
states = st.recursive(
    numbers | arrays | hnp.arrays("f4", ()).map(lambda a: a[()]) | hnp.arrays("i8", ()).map(lambda a: a[()]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(
            st.sampled_from(["a", "b", "a.b", "b.0", "array", ""]) | st.text(max_size=3), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["a", "a.b", "__metadata__"]), states, max_size=3), states)
def test_any_state_survives_json_exactly(state, metadata):
    arrays = {}
    forms = [json.loads(json.dumps(encode(value, name, arrays))) for value, name in [(state, ""), (metadata, "m")]]
    arrays = safetensors.numpy.load(safetensors.numpy.save(arrays))
    assert same(decode(forms[0], arrays), state)
    assert same(decode(forms[1], arrays), metadata)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.ones(1, complex), "array of dtype complex128"),
        (np.array([object()]), "dtype object"),
        (np.ones(1, np.longdouble), "float128|longdouble|float96"),
        (tg.Tensor([1.0]), r"type Tensor.*\.data"),
        (np.random.default_rng(0), r"type Generator.*bit_generator\.state"),
        ({1: 2}, "strings as keys"),
        ({1, 2}, "type set"),
    ],
)
def test_what_cannot_be_saved_is_named(path, value, message):
    save(net(), path)
    before = path.read_bytes()
    with pytest.raises(TypeError, match=rf"(?s)^metadata\.deep\.0 is .*({message})"):
        save(net(), path, {"deep": [value]})
    assert path.read_bytes() == before


# ---- errors that teach -------------------------------------------------------------------------------------------
def test_names_and_shapes_that_do_not_fit_are_listed(path):
    save(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2, bias=False)), path)
    model = nn.Sequential(nn.Linear(3, 5, rng=0), nn.Linear(5, 2, rng=1))
    before = bits(model)
    with pytest.raises(ValueError, match=r"net\.safetensors") as caught:
        load(model, path)
    for problem in ("0.weight: (3, 4)", "missing: 1.weight, 1.bias", "unexpected: 2.weight"):
        assert problem in str(caught.value)
    assert bits(model) == before


@pytest.mark.parametrize("function", [save, load])
def test_swapped_arguments(function, path):
    with pytest.raises(TypeError, match=r"swapped: tg\.\w+\(model, "):
        function(path, net())
    with pytest.raises(TypeError, match=r"got dict and str\. The model comes first"):
        function({}, "net.safetensors")
    with pytest.raises(TypeError, match=r"needs a model to write into.*Write: tg\.load\(model, '.*net\.safetensors'\)"):
        load(path)
    with pytest.raises(TypeError):
        function(net())
    assert not path.exists()


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.safetensors' does not exist"):
        load(net(), tmp_path / "nowhere.safetensors")
    with pytest.raises(FileNotFoundError, match="is not a file"):
        load(net(), tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no directory .*nowhere.*makedirs"):
        save(net(), tmp_path / "nowhere" / "net.safetensors")
    with pytest.raises(OSError, match="not an ordinary file"):
        save(net(), tmp_path)
    assert list(tmp_path.iterdir()) == []


WITHOUT = """
import sys
sys.modules["safetensors"] = None
import tinygrad_edu as tg
from tinygrad_edu.saving import save
try:
    save(tg.nn.Linear(1, 1), "never.safetensors")
except ImportError as error:
    print(error)
"""


def test_without_safetensors_one_sentence_says_what_to_install(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(tg.__file__).parents[1])},
        check=False,
    )
    assert run.stdout == (
        "Saving needs the package safetensors; install it with: pip install 'tinygrad-edu[save]'\n"
    ), run.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("import nosuch_dependency", ModuleNotFoundError),
        ("from math import nosuch", ImportError),
        ("1 / 0", ZeroDivisionError),
    ],
)
def test_a_broken_package_says_itself_what_is_wrong(tmp_path, monkeypatch, content, error):
    (tmp_path / "broken_package.py").write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(error, match=r"nosuch|zero") as caught:
        need("broken_package", "save", "Saving")
    assert "pip install" not in str(caught.value)


# ---- damaged and hostile files -----------------------------------------------------------------------------------
def refuses(path, message=None):
    """`load` names the file and says what to do, and the model stays as it was."""
    model = net(9)
    before = bits(model)
    with pytest.raises(ValueError, match=message) as caught:
        load(model, path)
    assert str(path) in str(caught.value)
    assert "tg.save" in str(caught.value) or "older copy" in str(caught.value)
    assert bits(model) == before


def raw(header, data=b"", length=None):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(header) if length is None else length).to_bytes(8, "little") + header + data


def tensor(shape, start, stop):
    return {"dtype": "F64", "shape": shape, "data_offsets": [start, stop]}


NESTED = b'{"a":' * 100_000 + b"1" + b"}" * 100_000


def sealed(seal, **tensors):
    return raw({"__metadata__": {KEY: seal}, **tensors})


class Bomb:
    """Unpickling one leaves a trace."""

    def __reduce__(self):
        return os.mkdir, ("exploded",)


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (b"", "it is empty"),
        (b"\x00" * 7, "cannot be read"),
        (pickle.dumps({"weight": np.ones(3)}), "cannot be read.*pickle"),
        (pickle.dumps(Bomb()), "Nothing was executed"),
        (b"\xff" * 64, "cannot be read"),
        (raw(b"{}", length=2**63), "cannot be read"),
        (raw(b"{}", length=99_999_999), "cannot be read"),
        (raw({"a": tensor([1], 0, 8), "b": tensor([1], 0, 8)}, b"0" * 16), "cannot be read"),
        (raw({"a": tensor([1], 2**64 - 9, 2**64 - 1)}, b"0" * 16), "cannot be read"),
        (raw({"a": tensor([2**62, 4], 0, 8)}, b"0" * 8), "cannot be read"),
        (raw({"a": tensor([0, 2**62, 2**62], 0, 0)}), "cannot be read"),
        (raw({"a": tensor([0] + [1] * 99, 0, 0)}), "cannot be read"),
        (raw({"a": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}, b"00"), "cannot be read"),
        (raw(NESTED), "cannot be read"),
        (raw([1]), "cannot be read"),
        (raw({"__metadata__": {KEY: ["list"]}}), "cannot be read"),
        (raw({}), "neither tg.save nor tg.save_checkpoint has written it"),
        (raw({"__metadata__": None}), "neither"),
        (raw({"__metadata__": {"format": "pt"}}), "safetensors.numpy.load_file"),
        (sealed("not JSON"), "damaged"),
        (sealed("[]"), "damaged"),
        (sealed("{}"), "damaged"),
        (sealed(NESTED.decode()), "damaged.*RecursionError"),
        (sealed('{"kind": "model", "state": {"dict": {}}, "metadata": null, "sha256": "0"}'), "checksum does not fit"),
    ],
)
def test_hostile_files_are_refused(path, blob, message, monkeypatch):
    monkeypatch.chdir(path.parent)
    path.write_bytes(blob)
    refuses(path, message)
    assert not Path("exploded").exists()


def rightly_sealed(state, kind="model"):
    """A file without arrays whose checksum is right, whatever its state says."""
    content = {"kind": kind, "state": state, "metadata": None}
    return sealed(json.dumps(content | {"sha256": hashlib.sha256(json.dumps([content, []]).encode()).hexdigest()}))


NONSENSE = [
    {"array": "nowhere"},
    {"dict": [1]},
    {"dict": {}, "tuple": []},
    {"exec": "1"},
    {"scalar": ["float32", "x"]},
    {"scalar": ["float32", [1, 2]]},
    {"scalar": ["int8", 1000]},
    {"scalar": ["U100000000", "x"]},  # 400 MB
    {"scalar": ["V100000000", 0]},
    {"scalar": ["O", 1]},
    {"scalar": ["complex128", 1]},
    {"scalar": [["float32"], 1]},
]


@pytest.mark.parametrize(
    "state", [*NONSENSE, *({"dict": {"a": bad}} for bad in NONSENSE), {"array": []}, {}, None, [1]]
)
def test_a_right_checksum_makes_no_nonsense_welcome(path, state):
    path.write_bytes(rightly_sealed(state))
    refuses(path, "damaged")


def test_an_array_that_is_named_twice_is_refused():
    """A million times, and it would fill the memory."""
    for what in ("array", "floats"):
        with pytest.raises(KeyError):
            decode([{what: "a"}] * 2, {"a": np.zeros(3)})


@pytest.mark.parametrize("kind", ["cake", None, [], 1])
def test_an_unknown_kind_of_file_is_refused(path, kind):
    path.write_bytes(rightly_sealed({"dict": {}}, kind))
    refuses(path, "damaged")


@pytest.mark.parametrize("state", [{}, {"0.weight": "text", "0.bias": None}, {"0.weight": {"dict": {}}}])
def test_a_whole_file_with_another_state_is_refused(path, state):
    path.write_bytes(rightly_sealed({"dict": state}))
    model = net(9)
    before = bits(model)
    with pytest.raises(ValueError, match=r"(?s)net\.safetensors.*missing"):
        load(model, path)
    assert bits(model) == before


def test_a_zip_is_refused(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", pickle.dumps(Bomb()))
    refuses(path, "cannot be read")


damage = st.one_of(
    st.tuples(st.just("flip"), st.lists(st.integers(0, 10**6), min_size=1, max_size=3)),
    st.tuples(st.just("cut"), st.integers(0, 10**6)),
    st.tuples(st.just("append"), st.binary(min_size=1, max_size=20)),
)


def damaged(blob, how, where):
    if how == "append":
        return blob + where
    if how == "cut":
        return blob[: where % len(blob)]
    blob = bytearray(blob)
    for bit in where:
        blob[bit // 8 % len(blob)] ^= 1 << bit % 8
    return bytes(blob)


@pytest.fixture
def whole(path):
    """The bytes of a file with a network and metadata."""
    save(net(0), path, {"n": 1.5})
    return path.read_bytes()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(how=damage)
def test_damage_is_noticed_or_harmless(path, whole, how):
    path.write_bytes(damaged(whole, *how))
    model = net(9)
    before = bits(model)
    try:
        load(model, path)
    except ValueError:
        refuses(path)
        assert bits(model) == before
    else:  # two flips of one bit, or a blank in the header became another blank
        assert bits(model) == bits(net(0))
        assert load_metadata(path) == {"n": 1.5}


def test_every_flip_in_the_numbers_is_noticed(path):
    """The library alone would not: numbers stay numbers."""
    save(net(0), path)
    whole = path.read_bytes()
    data = len(whole) - sum(p.data.nbytes for p in net().parameters())
    for at in range(data, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        safetensors.numpy.load_file(path)
        refuses(path, "checksum does not fit")


# ---- the file on the disk ----------------------------------------------------------------------------------------
def test_permissions_are_kept_and_follow_the_umask(path):
    umask = os.umask(0o027)
    try:
        save(net(), path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o666)
        save(net(), path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o666
    finally:
        os.umask(umask)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_protected_file_stays(path):
    save(net(0), path)
    path.chmod(0o444)
    with pytest.raises(PermissionError, match="may not be written"):
        save(net(1), path)
    assert bits(load(net(9), path)) == bits(net(0))


def test_a_symbolic_link_stays_one(tmp_path):
    (tmp_path / "there").mkdir()
    link, target = tmp_path / "latest", tmp_path / "there" / "run"
    link.symlink_to(Path("there") / "run")
    for seed in (0, 1):  # the target does not exist, then it does
        save(net(seed), link)
        assert link.is_symlink()
        assert not target.is_symlink()
        assert bits(load(net(9), link)) == bits(net(seed))
    assert sorted(tmp_path.rglob("*")) == sorted([link, target, target.parent])


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_an_error_costs_nothing_and_leaves_nothing(path, monkeypatch, step):
    """The disk is full, or Ctrl-C comes, at the worst moment."""
    save(net(0), path)
    for error in (OSError(28, "No space left on device"), KeyboardInterrupt()):

        def fail(*_, error=error):
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(os, step, fail)
            with pytest.raises(type(error)) as caught:
                save(net(1), path)
        if isinstance(error, OSError):
            assert str(path) in str(caught.value)
            assert "[Errno 28] No space left on device. Nothing was saved" in str(caught.value)
            assert caught.value.errno == 28
    assert bits(load(net(9), path)) == bits(net(0))
    assert list(path.parent.iterdir()) == [path]


# ---- killed in the middle ----------------------------------------------------------------------------------------
def killed_at_random(path, write, kills, rng):
    """Kill a process that writes states 1, 2, 3 … in a loop at random moments; yield each state found, or None.

    Every child begins with the state that was found last.
    """
    last = 0
    for _ in range(kills):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the child of a process with threads: it uses none
            child = os.fork()
        if not child:
            try:
                for state in range(last + 1, last + 10_000):
                    write(path, state)
            finally:
                os._exit(1)
        time.sleep(rng.uniform(0, 0.02))
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        yield last
        try:
            values = load(Holder(big=np.zeros(20_000)), path).big
        except ValueError:
            yield None
            return
        assert len(set(values)) == 1, "a mixture of two states"
        assert values[0] >= last, "an older state than one that was there"
        last = int(values[0])


def state(number):
    return Holder(big=np.full(20_000, float(number)))


forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


@forks
def test_killed_200_times_and_never_a_damaged_file(path):
    save(state(0), path)
    found = list(killed_at_random(path, lambda path, n: save(state(n), path), 200, random.Random(0)))
    assert len(found) == 200
    assert None not in found
    assert found[-1] > 10, "the children were killed before they had saved anything"
    assert len(list(path.parent.glob(".*.tmp"))) > 10, "the children were not killed in the middle"


@forks
def test_the_killing_finds_a_writer_that_writes_in_place(path):
    save(state(0), path)
    whole = path.read_bytes()

    def in_place(path, n):
        with path.open("wb") as file:
            file.write(whole[: len(whole) // 2])
            time.sleep(0.001)
            file.write(whole[len(whole) // 2 :])

    assert None in killed_at_random(path, in_place, 200, random.Random(0))


def test_files_tell_models_from_checkpoints(path):
    write(path, "checkpoint", {"model": {}})
    with pytest.raises(ValueError, match=r"holds a checkpoint, not a model. Open it with tg.load_checkpoint\("):
        load_metadata(path)
    write(path, "model", {})
    with pytest.raises(ValueError, match=r"holds a model, not a checkpoint. Open it with tg.load\("):
        read(path, "checkpoint")
