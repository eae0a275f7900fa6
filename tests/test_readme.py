"""The README's code runs as it stands there."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_network_in_ten_lines_learns_and_its_gradient_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    exec(BLOCKS[0], names)
    assert float(capsys.readouterr().out.split()[1]) < 1e-6
    check = re.search(r"`print\((tg\.gradcheck\(.*?wrt=model\))\)`", README.read_text(encoding="utf-8"))
    assert check is not None
    assert eval(check[1], names)


def test_a_network_is_trained_and_saved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"tg": tg}
    exec(BLOCKS[1], names)
    assert names["history"]["val_accuracy"][-1] > 0.9
    assert (tmp_path / "moons.png").stat().st_size > 5000
    weights = names["model"].state_dict()
    for parameter in names["model"].parameters():
        parameter.data[...] = 0
    tg.load(names["model"], "moons.safetensors")
    assert all(np.array_equal(weights[name], array) for name, array in names["model"].state_dict().items())


def test_row_quoted_is_the_row_of_the_table() -> None:
    rows = (Path(tg.__file__).parent / "rules" / "elementwise.py").read_text(encoding="utf-8")
    assert re.sub(r"\s+", "", BLOCKS[2].strip()) in re.sub(r"\s+", "", rows)


def test_function_of_ones_own() -> None:
    names: dict[str, object] = {"tg": tg}
    exec(BLOCKS[3], names)
    assert tg.gradcheck(names["cube"], 2.0)  # type: ignore[arg-type]


def test_gradients_of_functions() -> None:
    names: dict[str, Any] = {"tg": tg, "np": np}
    exec(BLOCKS[4], names)
    assert np.array_equal(names["gradient"]["w"], [2, 4])
    assert names["gradient"]["b"] == 1


def test_map_names_every_file_of_the_package() -> None:
    text = README.read_text(encoding="utf-8")
    package = Path(tg.__file__).parent
    # These are one entry each.
    folders = {
        "gradcheck",
        "explain",
        "cli",
        "saving",
        "train",
        "plot",
        "draw",
        "compile",
        "questions",
        "flip",
        "pictures",
    }
    for file in package.rglob("*.py"):
        if file.name not in ("__init__.py", "__main__.py") and file.parent.name not in folders:
            assert f"{file.name}`" in text, f"README.md has no line for {file.relative_to(package)}"
