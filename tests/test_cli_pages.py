"""The commands `tinygrad-edu downhill` and `playground`, without a browser: options, and packages that are missing."""

import json
import subprocess
import sys
import tomllib

import pytest

from tinygrad_edu.cli import main
from tinygrad_edu.cli.pages import FOLDER, PAGES

each_page = pytest.mark.parametrize("name", PAGES)


@each_page
@pytest.mark.parametrize("package", ["voila", "ipywidgets"])
def test_what_is_missing_is_one_sentence(name, package):
    pytest.importorskip("ipywidgets")
    code = f"import sys; sys.modules[{package!r}] = None\nfrom tinygrad_edu.cli import main\nsys.exit(main([{name!r}]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    says = f"The page needs the package {package}; install it with: pip install 'tinygrad-edu[notebooks]'"
    assert done.stderr == f"tinygrad-edu: {says}\n"


@each_page
@pytest.mark.parametrize("port", ["0", "70000", "http"])
def test_ports_that_there_are_not(capsys, name, port):
    with pytest.raises(SystemExit) as exit:
        main([name, "--port", port])
    assert exit.value.code == 2
    assert "is not a whole number from 1 to 65535; try for instance 8866" in capsys.readouterr().err


@each_page
def test_its_notebook_is_two_cells_that_have_not_run(name):
    notebook = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    words, code = notebook["cells"]
    assert words["source"].startswith(f"# {notebook['metadata']['title']}\n")
    assert code["outputs"] == []
    names = {}
    pytest.importorskip("ipywidgets")
    exec(compile(code["source"], name, "exec"), names)
    assert {"downhill": "Downhill", "playground": "Playground"}[name] in names


@each_page
def test_the_page_is_part_of_what_is_installed(name):
    """Data files that pyproject.toml does not name would be missing from a wheel."""
    root = FOLDER.parents[2]
    if not (root / "pyproject.toml").exists():
        pytest.skip("not in a checkout")
    listed = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]
    package = root / "tinygrad_edu"
    shipped = {path for pattern in listed["tinygrad_edu"] for path in package.glob(pattern)}
    files = {path for path in FOLDER.rglob("*") if path.is_file()}
    assert FOLDER / f"{name}.ipynb" in files
    assert files <= shipped, {str(path.relative_to(root)) for path in files - shipped}
