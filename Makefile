# The one runner: developers, pre-commit and CI call these targets. `make run` and `make test` start from nothing.

PYTHON ?= python3
# any requirement, with options if need be: make test TORCH="torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu"
TORCH ?= torch==2.13.0
VENV ?= .venv
# test processes: a number, or auto for one a core
JOBS ?= auto
PYTEST_ARGS ?=
# drawn rows of each kind: make attack DENSE=3000
DENSE ?= 1000

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest
INSTALLED := $(VENV)/.installed

# the tests of the page look for a Chromium and for axe-core; CHROMIUM=... names another one
AXE := tests/browser/node_modules/.installed

.PHONY: run test check lint format types imports bench fuzz attack readme docs golden reports browser clean

run: $(INSTALLED)
	@$(BIN)/shapecheck styletts2

# the README's examples and the golden outputs are tests like all others
test: $(INSTALLED) browser
	$(PYTEST) --numprocesses=$(JOBS) --maxprocesses=4 $(PYTEST_ARGS)

check: lint types imports test

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

format: $(INSTALLED)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: $(INSTALLED)
	$(BIN)/pyright --pythonpath $(BIN)/python

imports: $(INSTALLED)
	$(BIN)/lint-imports

# what is measured: ratios within one run on one machine
bench: $(INSTALLED)
	$(PYTEST) -o python_files='bench_*.py' -s tests/benchmarks tests/browser $(PYTEST_ARGS)

# generated programs beside eager PyTorch: make fuzz N=20000 SEED=7, and ONLY=1234 repeats one of them
N ?= 1000
SEED ?= 0
ONLY ?=
fuzz: $(INSTALLED)
	$(BIN)/python -m tests.fuzz --count $(N) --seed $(SEED) $(if $(ONLY),--only $(ONLY))

# the rules with every row of their tables, and so many drawn ones of each kind; so many chains of views and sums
attack: $(INSTALLED)
	DENSE=$(DENSE) $(PYTEST) --numprocesses=$(JOBS) tests/rules tests/adversarial/test_singles.py $(PYTEST_ARGS)

# write what the commands in README.md really print between its markers
readme: $(INSTALLED)
	$(PYTEST) --overwrite-golden tests/documentation -k commands

# the documentation as a site: build/site/index.html
docs: $(INSTALLED)
	$(BIN)/python -m mkdocs build --strict

# accept the present outputs as right; read the difference before committing it
golden: $(INSTALLED)
	$(PYTEST) --overwrite-golden tests/render tests/test_cli.py

# the documents of the three public configurations; a test compares them with what is made anew
reports: $(INSTALLED)
	$(BIN)/shapecheck report presets --output reports

# what the tests of the page need: Debian's Chromium, where it can be installed, and axe-core; without, they are skipped
browser: $(AXE)
	@command -v chromium >/dev/null || [ -n "$$CHROMIUM" ] || { \
		[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
		&& apt-get -qq update && apt-get -qq install --yes --no-install-recommends chromium >/dev/null; \
	} || echo 'No Chromium: the tests of the page are skipped. On Debian: apt-get install chromium' >&2

$(AXE): tests/browser/package.json
	@command -v npm >/dev/null || { \
		[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
		&& apt-get -qq update && apt-get -qq install --yes --no-install-recommends npm >/dev/null; \
	} || true
	@npm install --prefix tests/browser --silent --no-fund --no-audit --no-package-lock && touch $@ \
		|| echo 'No axe-core: the accessibility tests are skipped. They need npm' >&2

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# torch comes first, so that the file that was asked for is the one that everything else finds; styletts2 (whose modules
# the tests compare with) without its dependencies, which pin versions that contradict each other; so kokoro, of which
# the tests load three files, and whose text frontend they do not need: they run on Pythons that it says it does not
$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo 'shapecheck needs Python 3.10 or newer: make PYTHON=python3.12 ...' >&2; exit 1; }
	@echo 'Installing into $(VENV): PyTorch, then everything else. This happens once and takes a few minutes.' >&2
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) $(TORCH)
	@$(PIP) --editable '.[dev]'
	@$(PIP) --no-deps --ignore-requires-python styletts2==0.1.6 kokoro==0.9.4
	@touch $@
