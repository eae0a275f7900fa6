"""The house stands as drawn: a file imports only from floors below its own, and needs nothing but NumPy."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_edu

HOUSE = Path(tinygrad_edu.__file__).parent
FLOORS = {
    **dict.fromkeys(["rules", "extras", "generators", "states"], 0),
    **dict.fromkeys(["backward", "recording", "array_methods"], 1),
    "accumulate": 1.5,
    "tensor": 2,
    "pytree": 2,
    "walk": 2,
    **dict.fromkeys(["functions", "transforms", "vector", "finite_differences", "wording"], 3),
    **dict.fromkeys(["nn", "optim", "gradcheck", "lazy", "explain", "trace", "plot"], 4),
    **dict.fromkeys(["compile", "data", "draw", "train", "saving"], 5),
    "lessons": 6,
    "widgets": 6.5,
    "cli": 7,
    "__main__": 8,  # the doorbell: python -m tinygrad_edu
}
FILES = [path.relative_to(HOUSE) for path in sorted(HOUSE.rglob("*.py"))]
every_file = pytest.mark.parametrize("path", FILES, ids=str)


def room_of(path):
    return path.with_suffix("").parts[0]


def imports_of(path):
    """The rooms of the package that a file imports from, with the line."""
    for node in ast.walk(ast.parse((HOUSE / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write the whole name, from tinygrad_edu.… import"
            from_the_door = node.module == "tinygrad_edu"
            modules = [f"tinygrad_edu.{alias.name}" for alias in node.names] if from_the_door else [node.module]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        for module in modules:
            package, _, rest = module.partition(".")
            if package == "tinygrad_edu":
                yield rest.partition(".")[0] or "the whole package", node.lineno


@every_file
def test_imports_run_only_down_the_floors(path):
    room = room_of(path)
    if room == "__init__":
        return  # the front door opens every room
    assert room in FLOORS, f"{path} is on no floor: give it one in FLOORS and in the table of the house"
    for other, line in imports_of(path):
        if other == room or (other not in FLOORS and FLOORS[room] >= 6):
            continue  # within a room; and from the lessons up, through the front door as users do
        assert other in FLOORS, f"{path}:{line} imports {other}: import from the file that defines it"
        assert FLOORS[other] < FLOORS[room], f"{path}:{line} on floor {FLOORS[room]} imports {other}, {FLOORS[other]}"


@every_file
def test_every_module_says_what_it_offers(path):
    tree = ast.parse((HOUSE / path).read_text(encoding="utf-8"))
    targets = [t for node in tree.body if isinstance(node, ast.Assign) for t in node.targets]
    targets += [node.target for node in tree.body if isinstance(node, ast.AnnAssign)]
    assert "__all__" in {getattr(target, "id", None) for target in targets}, f"{path} has no __all__"


ONLY_NUMPY = """
import importlib.abc, sys

class OnlyNumpy(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in ("numpy", "tinygrad_edu"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, OnlyNumpy())
import numpy as np, tinygrad_edu as tg
net = tg.nn.Sequential(tg.nn.Linear(2, 2, rng=0), tg.nn.ReLU())
tg.nn.mse_loss(net(np.ones((1, 2))), np.zeros((1, 2))).backward()
tg.optim.Adam(net.parameters()).step()
try:
    import pytest
except ModuleNotFoundError:
    print("nothing else was there")
"""


def test_numpy_is_all_it_needs():
    run = subprocess.run(
        [sys.executable, "-c", ONLY_NUMPY], capture_output=True, text=True, cwd=HOUSE.parent, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "nothing else was there"
