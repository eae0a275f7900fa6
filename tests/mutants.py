"""Mutation testing of the rules: plant one error at a time and see whether the judge of the table catches it.

    python -m tests.mutants [name of a module of rules ...]

Every sign is flipped, every factor dropped, every pair of arguments swapped, every number changed, in every rule and in
every helper that a rule uses. Each planted error must make the checks of some row fail. What survives is printed; the
exit code is the number of survivors that are not known to be harmless.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import importlib
import inspect
import io
import pathlib
import pkgutil
import signal
import sys
import types
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.differences import check_first, check_float32, check_forward, check_second
from tests.samples import SAMPLES
from tests.samples.base import Sample
from tests.test_table import calls
from tinygrad_edu import functions, rules
from tinygrad_edu.nn import classification_losses, losses
from tinygrad_edu.rules.table import name_of
from tinygrad_edu.rules.table import rows as every_row

HERE = pathlib.Path(__file__).parent
SPECIAL = [
    str(HERE / f"test_{topic}.py")
    for topic in (
        *("strong_zero", "awkward_points", "elementwise", "reductions", "shape", "linear_algebra", "fourier"),
        *("functions", "indexing", "nn", "losses", "activations"),
    )
    if (HERE / f"test_{topic}.py").exists()
]
IGNORED = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of modules that this one has imported already
SKIPPED = {"table", "several"}  # no rules of their own
BINARY = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
}
# (module, text of the mutant): why it makes no difference.
HARMLESS: dict[tuple[str, str], str] = {
    (
        "strong_zero",
        "arguments swapped: function(g, other) → function(other, g)",
    ): "stands in the forward pass of a primitive, which planting does not reach; by hand, test_strong_zero catches it",
    ("strong_zero", "another number: 1 << 14 → 2 << 14"): "where the shorter way begins changes no result",
    ("strong_zero", "another number: 1 << 14 → 1 << 15"): "where the shorter way begins changes no result",
    ("products", "swapped: result @ square → square @ result"): "powers of one matrix commute",
    ("functions", "another number: np.minimum(x, 0) → np.minimum(x, 1)"): "what it gives above 0 is not used",
    ("elementwise", "another number: range(12) → range(13)"): "the series has all the digits of a float already",
    (
        "elementwise",
        "another number: np.where(near, z * z, 0) → np.where(near, z * z, 1)",
    ): "what the series gives away from 0 is not used",
    (
        "joining",
        "another number: shape[axis] if -len(shape) <= axis < len(shape) else 0"
        " → shape[axis] if -len(shape) <= axis < len(shape) else 1",
    ): "NumPy refuses to join arrays that do not have the axis, so the length is never used",
    (
        "linear_algebra",
        "arguments swapped: _cofactor_curvature(g, h, a) → _cofactor_curvature(h, g, a)",
    ): "a second derivative does not mind the order of its directions",
    ("products", "arguments swapped: zip(a_sides, b_sides) → zip(b_sides, a_sides)"): "p * q is q * p",
    ("polynomials", "arguments swapped: _padded(a1, a2) → _padded(a2, a1)"): "np.add does not mind the order",
    ("statistics", "swapped: x - mean[:, None] → mean[:, None] - x"): "both factors of the product change their sign",
}


class Mutant:
    """One changed place in one module."""

    def __init__(self, module: types.ModuleType, owner: str, tree: ast.Module, line: int, text: str) -> None:
        self.module, self.owner, self.tree, self.line, self.text = module, owner, tree, line, text

    def __str__(self) -> str:
        return f"{self.module.__name__.rsplit('.', 1)[-1]}.py:{self.line} {self.text}"


def modules() -> list[types.ModuleType]:
    """Every module that defines rules."""
    found = [importlib.import_module(f"{rules.__name__}.{m.name}") for m in pkgutil.iter_modules(rules.__path__)]
    return [m for m in found if m.__name__.rsplit(".", 1)[-1] not in SKIPPED] + [
        functions,
        losses,
        classification_losses,
    ]


def changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """What could be written wrongly here, and how it would then read."""
    if isinstance(node, ast.BinOp):
        if type(node.op) in BINARY and ast.unparse(node.right) != "0.0":  # + 0.0 is there for the dtype
            yield "another operator", ast.BinOp(node.left, BINARY[type(node.op)](), node.right)
        if isinstance(node.op, ast.Mult | ast.Div | ast.MatMult):
            yield "right factor dropped", node.left
        if isinstance(node.op, ast.Mult | ast.MatMult):
            yield "left factor dropped", node.right
        if isinstance(node.op, ast.Sub | ast.Div | ast.MatMult) and ast.dump(node.left) != ast.dump(node.right):
            yield "swapped", ast.BinOp(node.right, node.op, node.left)
    elif is_number(node):
        yield "another number", ast.Constant(ast.literal_eval(node) + 1)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "sign dropped", node.operand
    elif isinstance(node, ast.Call) and can_be_swapped(node):
        yield "arguments swapped", ast.Call(node.func, [node.args[1], node.args[0], *node.args[2:]], node.keywords)


def is_number(node: ast.AST) -> bool:
    """Whether this is a number as it is written, such as 2, 0.5 or -1."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def can_be_swapped(call: ast.Call) -> bool:
    """Whether swapping the first two arguments can make a difference."""
    commutative = (
        *("equal", "hypot", "maximum", "minimum", "logaddexp", "times_both", "convolve"),
        *("result_type", "promote_types", "slice", "clip"),
    )
    return (
        len(call.args) > 1
        and not any(isinstance(argument, ast.Starred) for argument in call.args)
        and ast.unparse(call.func) not in ("max", "min")
        and ast.unparse(call.func).rsplit(".", 1)[-1] not in commutative
    )


def mutants(module: types.ModuleType) -> Iterator[Mutant]:
    """All mutants of a module's rules and of the helpers that they use."""
    tree = ast.parse(inspect.getsource(module))
    for number, (where, owner) in enumerate(rule_code(tree.body)):
        for path in places(where):
            original = at(where, path)
            for what, new in changes(original):
                changed = copy.deepcopy(tree)
                here = list(rule_code(changed.body))[number][0]
                put(here, path, ast.copy_location(copy.deepcopy(new), original))
                shown = path[:-1] if is_number(original) else path  # of a number, what it is in
                text = f"{what}: {ast.unparse(at(where, shown))} → {ast.unparse(at(here, shown))}"
                yield Mutant(module, owner, ast.fix_missing_locations(changed), original.lineno, text)


def rule_code(statements: list[ast.stmt]) -> Iterator[tuple[ast.AST, str]]:
    """The parts of a module that are rules, or what rules use, with the names of that."""
    for statement in statements:
        if isinstance(statement, ast.FunctionDef):
            decorators = [ast.unparse(d) for d in statement.decorator_list]
            if not any(d.startswith("primitive") for d in decorators):  # a forward pass: compared with NumPy elsewhere
                yield from ((part, statement.name) for part in statement.body if not is_text(part))
        elif isinstance(statement, ast.For | ast.If):
            yield from rule_code(statement.body)
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            yield statement, " ".join(n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name))
        elif isinstance(statement, ast.Expr) and ast.unparse(statement).startswith("derivative("):
            assert isinstance(statement.value, ast.Call)
            yield from ((k.value, "") for k in statement.value.keywords if isinstance(k.value, ast.Lambda))


def is_text(statement: ast.stmt) -> bool:
    """A docstring, or the raising of an error."""
    return isinstance(statement, ast.Raise) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def places(node: ast.AST, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to every expression below a node, conditions on shapes and error messages left out."""
    for name, value in ast.iter_fields(node):
        children = enumerate(value) if isinstance(value, list) else [(None, value)]
        for number, child in children:
            skip = isinstance(child, ast.Raise | ast.JoinedStr | ast.arguments | ast.Compare | ast.keyword)
            if isinstance(child, ast.AST) and not skip and name not in ("test", "annotation", "returns", "slice"):
                yield (*path, (name, number))
                if not is_number(child):
                    yield from places(child, (*path, (name, number)))


def at(node: Any, path: tuple[Any, ...]) -> Any:
    """The node at the end of a path."""
    for name, number in path:
        node = getattr(node, name) if number is None else getattr(node, name)[number]
    return node


def put(node: Any, path: tuple[Any, ...], new: ast.AST) -> None:
    """Replace the node at the end of a path."""
    node, (name, number) = at(node, path[:-1]), path[-1]
    if number is None:
        setattr(node, name, new)
    else:
        getattr(node, name)[number] = new


def signature(code: types.CodeType) -> Any:
    """What a function does, without where it is written."""
    return code.co_code, tuple(signature(c) if isinstance(c, types.CodeType) else repr(c) for c in code.co_consts)


def planted(mutant: Mutant) -> list[Any]:
    """Run the changed module, so that its rules replace those of the table; the functions whose rules may differ."""
    before = dict(every_row())
    own = {f: [(r, r.vjp) for r in row.rules if r] for f, row in before.items()}
    bodies = {f: row.body for f, row in before.items()}
    space = {"__name__": mutant.module.__name__, "__file__": mutant.module.__file__}
    exec(compile(mutant.tree, str(mutant.module.__file__), "exec"), space)
    for name, new in space.items():  # a primitive made anew has a row of its own: hand its rules to the one in use
        old = getattr(mutant.module, name, None)
        table = every_row()
        if old is not new and callable(new) and hasattr(new, "__wrapped__") and new in table and old in before:
            for field in type(table[new]).__slots__:
                if field != "function":
                    setattr(before[old], field, getattr(table[new], field))
    changed = [f for f in before if differs(f, own[f], bodies[f], every_row()[f], mutant)]
    ours = [f.__name__ for f in changed if str(getattr(f, "__module__", "")).startswith("tinygrad_edu")]
    # And the compositions that go through a primitive of ours, as np.einsum goes through contract.
    through = [f for f, row in before.items() if row.body and any(uses(row.body, name) for name in ours)]
    return changed + [f for f in through if f not in changed]


def differs(function: Any, own: list[Any], body: Any, row: Any, mutant: Mutant) -> bool:
    now = [r.vjp for r in row.rules if r]
    if row.body is not body and row.body is not None:
        return any(uses(row.body, name) for name in mutant.owner.split())
    if len(now) != len(own) or any(signature(a.__code__) != signature(b.__code__) for a, (_, b) in zip(now, own)):
        return True
    return any(uses(rule, name) for rule in now for name in mutant.owner.split())


def uses(function: Any, name: str, seen: frozenset[str] = frozenset()) -> bool:
    """Whether a function is the named helper, was made by it, or uses it by way of others."""
    function = inspect.unwrap(function)
    if getattr(function, "__qualname__", "").split(".")[0] == name:
        return True
    if not isinstance(function, types.FunctionType):
        return False
    names = [n for code in codes(function.__code__) for n in code.co_names]
    inside = [v for v in inspect.getclosurevars(function).nonlocals.values() if callable(v)]
    called = [function.__globals__.get(n) for n in names if n not in seen] + inside
    return name in names or any(
        uses(other, name, seen | set(names)) for other in called if isinstance(other, types.FunctionType)
    )


def codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """A function's code and that of the functions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes(constant)


@contextlib.contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """An error may turn a loop into one without an end."""

    def stop(*_: Any) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1)  # again and again: a garbage collector's callback may swallow it
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def is_caught(function: Any) -> bool:
    """Whether the judge of the table finds something wrong with a row."""

    @settings(
        phases=[Phase.generate],
        max_examples=40,
        database=None,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(data=st.data())
    def judged(sample: Sample, data: st.DataObject) -> None:
        call, inputs = data.draw(calls(sample))
        check_forward(call, inputs)
        check_first(call, inputs, [True] * len(inputs))
        check_second(call, inputs)
        check_float32(call, inputs)

    try:
        with warnings.catch_warnings(), at_most(60):
            warnings.simplefilter("error")
            for sample in SAMPLES[function]:
                judged(sample)
    except Exception:
        return True
    return False


def is_caught_elsewhere() -> bool:
    """Whether a test written for one function finds what drawn examples, which avoid poles and ties, cannot."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return pytest.main(["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", *IGNORED, *SPECIAL]) != 0


def main(wanted: list[str]) -> int:
    """Print the survivors and the score; how many survived without a reason."""
    if is_caught_elsewhere():
        raise SystemExit("The tests fail without any mutant; mend them first.")
    made, survivors, sound = 0, [], {None}
    for module in modules():
        short = module.__name__.rsplit(".", 1)[-1]
        if wanted and short not in wanted:
            continue
        saved = {row: [(n, getattr(row, n)) for n in type(row).__slots__] for row in every_row().values()}
        for mutant in mutants(module):
            try:
                with np.errstate(all="ignore"):
                    affected = [f for f in planted(mutant) if f in SAMPLES]
                    caught = any(is_caught(f) for f in affected) or (bool(affected) and is_caught_elsewhere())
            except Exception:
                caught, affected = True, [None]  # it does not even define a rule
            finally:
                for row, values in saved.items():
                    for name, value in values:
                        setattr(row, name, value)
            if affected:
                made += 1
                if condemned := [f for f in affected if f not in sound and is_caught(f)]:
                    raise SystemExit(f"The judge finds fault with {name_of(condemned[0])} as it is; mend that first.")
                sound.update(affected)
                if not caught:
                    survivors.append(mutant)
                    known = HARMLESS.get((short, mutant.text))
                    used_by = ", ".join(name_of(f) for f in affected[:3])
                    print(f"{'harmless' if known else 'SURVIVED'} {mutant} [{used_by}] {known or ''}", flush=True)
    alive = [m for m in survivors if (m.module.__name__.rsplit(".", 1)[-1], m.text) not in HARMLESS]
    print(f"{made} mutants, {made - len(survivors)} caught, {len(survivors) - len(alive)} harmless, {len(alive)} alive")
    return len(alive)


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 100))
