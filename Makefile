# make demo   compose a tune on a machine that has only Python >= 3.11
# make test   everything that continuous integration runs
# make quick  the fast tests, while you work
.PHONY: demo test quick lint clean

PYTHON ?= $(shell for p in python3 python3.12 python3.11 python3.13 python; do \
  $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q install -c constraints.txt
# two workers on two cores: more threads would wait for each other
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

.venv/installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "composer needs Python 3.11, 3.12 or 3.13; none was found" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@echo "installing composer and its libraries into .venv (a few minutes the first time)"
	$(PIP) -e .
	@touch $@

.venv/testable: .venv/installed
	$(PIP) -e '.[test]'
	@touch $@

demo: .venv/installed
	$(BIN)/composer tune --style jig --key 'D dorian' --endings --seed 7 --title 'The Empty Machine' -o out

test: .venv/testable lint
	scripts/test-system.sh
	$(PYTEST) --dist loadgroup

quick: .venv/testable lint
	$(PYTEST) -m 'not slow'

lint: .venv/testable
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf .venv out dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
