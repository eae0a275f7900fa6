"""Whatever a step refers to may change between two calls, in whatever it is kept, and counts from then on."""

import sys
import types
import weakref

import numpy as np
import pytest

import tinygrad_edu as tg

X = np.random.default_rng(3).normal(size=(5, 4))
FACTOR = [1.0]


def follows(function, *changes, x=X):
    """Compiled and eager give the same bits before the changes and after each of them, at the first call and later."""
    compiled = tg.compile(function)
    for change in (lambda: None, *changes):
        change()
        for _ in range(2):
            assert compiled(x).tobytes() == function(x).tobytes()
    return compiled


class Scale:
    factor = 2.0

    def by(self, x):
        return x * self.factor

    @property
    def doubled(self):
        return self.factor * FACTOR[0]

    @classmethod
    def times(cls, x):
        return x * cls.factor

    @staticmethod
    def of_all(x):
        return x * FACTOR[0]


class Inherited(Scale):
    pass


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    monkeypatch.setattr(Scale, "factor", 2.0)
    FACTOR[0] = 1.0


def test_attributes_of_classes():
    own = Scale()
    steps = [lambda x: x * Scale.factor, lambda x: x * Inherited.factor, own.by, Scale.times, Inherited.times]
    for step in steps:
        Scale.factor = 2.0
        follows(step, lambda: setattr(Scale, "factor", 5.0))


def test_an_attribute_that_hides_that_of_the_class(monkeypatch):
    follows(Inherited().by, lambda: monkeypatch.setattr(Inherited, "factor", 7.0, raising=False))


def test_properties_and_static_methods():
    own = Scale()
    follows(lambda x: x * own.doubled, lambda: FACTOR.__setitem__(0, 3.0), lambda: setattr(own, "factor", 4.0))
    follows(Scale.of_all, lambda: FACTOR.__setitem__(0, 5.0))


def test_a_method_that_is_replaced_in_its_class(monkeypatch):
    own = Scale()
    follows(lambda x: own.by(x), lambda: monkeypatch.setattr(Scale, "by", lambda self, x: x * 9))


def test_arrays_of_classes():
    class Table:
        entries = np.ones(4)

    follows(lambda x: x * Table.entries, lambda: Table.entries.fill(3), lambda: setattr(Table, "entries", np.zeros(4)))


def test_a_counter_of_a_class_is_refused():
    class Counted:
        calls = 0

    def step(x):
        Counted.calls += 1
        return x * 1.5

    with pytest.raises(tg.CompileError, match=r"Counted\.calls"):
        tg.compile(step)(X)
    assert Counted.calls == 0


def test_sets():
    numbers = {1.0}
    follows(lambda x: x * sum(numbers), lambda: numbers.add(2.0), numbers.clear)


def test_what_was_empty_at_first():
    hooks, names, holder = [], {}, types.SimpleNamespace()

    def step(x):
        for hook in (*hooks, *names.values()):
            x = hook(x)
        return x * getattr(holder, "factor", 1.0)

    follows(
        step,
        lambda: hooks.append(np.sin),
        lambda: names.update(more=np.exp),
        lambda: setattr(holder, "factor", 3.0),
        hooks.clear,
        names.clear,
    )


def test_objects_behind_weak_references():
    own = Scale()
    own.factor = 1.5
    reference = weakref.ref(own)
    follows(lambda x: x * reference().factor, lambda: setattr(own, "factor", 2.5))


def test_slots_with_and_without_a_dict_beside_them():
    class Slots:
        __slots__ = ("__hidden", "factor")

        def __init__(self):
            self.factor, self.__hidden = 1.0, 2.0

        def hide(self, value):
            self.__hidden = value

        def step(self, x):
            return x * self.factor * self.__hidden

    class Both(Slots):
        pass

    for own in (Slots(), Both()):
        follows(
            lambda x, own=own: own.step(x), lambda own=own: setattr(own, "factor", 3.0), lambda own=own: own.hide(5.0)
        )


def test_modules_that_are_imported_inside(monkeypatch):
    module = types.ModuleType("settings_of_a_test")
    module.factor = 2.0
    monkeypatch.setitem(sys.modules, "settings_of_a_test", module)

    def by_module(x):
        import settings_of_a_test

        return x * settings_of_a_test.factor

    def by_name(x):
        from settings_of_a_test import factor

        return x * factor

    for step in (by_module, by_name):
        module.factor = 2.0
        follows(step, lambda: setattr(module, "factor", 5.0))


def test_numbers_that_are_equal_and_not_the_same():
    numbers = [0.0]
    follows(
        lambda x: x * numbers[0],
        *(lambda n=n: numbers.__setitem__(0, n) for n in (-0.0, 0, False, np.float32(0), np.float32(-0.0), 0j, np.nan)),
        x=X.astype(np.float32),
    )


def test_numbers_as_arguments_that_are_equal_and_not_the_same():
    step = tg.compile(lambda x, k: np.copysign(x, k))
    for k in (0.0, -0.0, 0.0, -0.0, 0, np.nan, np.nan):
        assert step(X, k).tobytes() == np.copysign(X, k).tobytes()
    assert step.stats["programs"] == 4


def test_keys_that_are_no_names():
    table = {"{x}": 1.0, "a b": 2.0, 3: 3.0, (1, "'"): 4.0, 0.5: 5.0}
    follows(lambda x: x * sum(table.values()), *(lambda k=k: table.__setitem__(k, 9.0) for k in list(table)))


def test_a_default_that_is_changed_goes_by_its_name():
    def step(x, seen=[]):  # noqa: B006
        seen.append(1)
        return x * len(seen)

    with pytest.raises(tg.CompileError, match=r"seen\[0\]"):
        tg.compile(step)(X)


def test_installed_packages_are_not_walked_through(monkeypatch):
    """Else a step would be refused for a counter that pytest keeps, for one."""
    module = types.ModuleType("installed")
    module.__file__ = "/usr/lib/python3/site-packages/installed.py"
    exec("calls = [0]\ndef double(x):\n    calls.append(1)\n    return x * 2", vars(module))
    module.double.__code__ = module.double.__code__.replace(co_filename=module.__file__)
    module.double.__module__ = "installed"
    monkeypatch.setitem(sys.modules, "installed", module)
    double = module.double
    np.testing.assert_array_equal(tg.compile(lambda x: double(x))(X), X * 2)
