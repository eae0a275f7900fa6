# Two commands for people and CI alike: `make demo` and `make test`. Both set up .venv first, once.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: demo test test-oldest lint format bench bench-peers mutants notebooks clean

demo: $(VENV)/.cli
	$(BIN)/tinygrad-edu flip

test: lint
	$(BIN)/python -m pytest -q -n auto

# On the oldest supported NumPy, in an environment of its own; benchmarks, notebooks and pages are for the newest.
test-oldest: .venv-oldest/.ready
	.venv-oldest/bin/python -m pytest -q -n auto --ignore tinygrad_edu/widgets --ignore tests/notebooks.py \
		$(addprefix --ignore tests/test_,benchmarks.py benchmarks_peers.py notebooks.py browser.py widgets.py)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev
	mkdir -p bench-results
	$(BIN)/python -m benchmarks --plot bench-results --json bench-results/results.json

# Beside PyTorch, JAX and others, where they are installed.
bench-peers: $(VENV)/.dev $(VENV)/.peers
	mkdir -p bench-results
	$(BIN)/python -m benchmarks --plot bench-results --json bench-results/results.json --markdown bench-results/README.md

# Plant one error at a time in every rule, and see whether the tests catch it; takes a quarter of an hour.
mutants: $(VENV)/.dev
	$(BIN)/python -m tests.mutants

notebooks: $(VENV)/.dev
	$(BIN)/jupyter lab notebooks

clean:
	rm -rf $(VENV) .venv-oldest bench-results build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

# An empty file says that an extra is installed; a changed pyproject.toml makes it stale.
$(VENV)/.%: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	touch $@

.venv-oldest/.ready: pyproject.toml
	test -x .venv-oldest/bin/python || $(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[cli]' 'numpy==2.0.*' \
		pytest pytest-xdist hypothesis
	touch $@
