# `make demo` and `make test` are all a newcomer needs; the rest is for developers.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A process for each core; those that are through with their part take over tests of the others.
PARALLEL := -n auto --dist worksteal
PACKAGES := $(wildcard plugins/*)
EDITABLE := $(foreach package,$(PACKAGES),-e ./$(package))
export TEXT ?= Doctor Smith paid $$3.50 at 10:45. The quick brown fox jumps over the lazy dog.

.PHONY: demo test test-slow soak check clean

$(VENV)/.installed: pyproject.toml $(wildcard plugins/*/pyproject.toml)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e ".[evaluation]" $(EDITABLE)
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check -e ".[evaluation,training,dev]" $(EDITABLE)
	touch $@

demo: $(VENV)/.installed
	HF_HUB_OFFLINE=1 $(BIN)/mmzoo demo "$$TEXT" -o demo.wav

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -q $(PARALLEL)

test-slow: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -q -m slow $(PARALLEL)

soak: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/soak.py --write
	$(BIN)/python benchmarks/faults.py --write

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) demo.wav
