# Two commands do everything: `make demo` and `make test`. `make check` adds format, lint, types,
# import layers and a smoke test of the built wheel; `make thorough` tests properties on far more.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DEMO   ?= $(or $(TMPDIR),/tmp)/vquery-demo

.PHONY: demo test thorough check fix bench compare clean size

demo: $(STAMP)
	$(BIN)/vquery demo --output $(DEMO)

# A file of tests stays on one core, so that what its tests share is made once; the cores are taken, so
# that more threads of BLAS and PyTorch would only wait for each other, at full load. Files go in their
# own order: files of few tests, put last otherwise, are the long ones, and the last core would wait.
test: $(STAMP)
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto \
		--maxprocesses 4 --dist loadfile --no-loadscope-reorder

# The same with twelve times as many drawn examples, and new ones each time.
thorough: export HYPOTHESIS_PROFILE = thorough
thorough: test

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	sh tests/wheel_smoke.sh $(PYTHON) $(BIN)/python

fix: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)
	$(BIN)/python -m pytest tests/bench --benchmark-only --benchmark-enable -o addopts="--import-mode=importlib"

# Queries beside those of other libraries, which are installed for it; FACES sets the size.
FACES ?= 1e6
compare: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --group bench
	$(BIN)/python -m tests.bench.queries.compare --faces $(FACES)
	$(BIN)/python -m tests.bench.queries.compare --faces $(FACES) --streams 4 --queries q2b q3
	$(BIN)/python -m tests.bench.queries.stream

size:
	@find vquery kernels datasets -name '*.py' | xargs wc -l | sort -rn | head -40

clean:
	rm -rf $(VENV) dist build

# Re-made whenever the project's needs change.
$(STAMP): pyproject.toml constraints.txt
	@echo "== environment in $(VENV) (a few minutes the first time)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "vquery needs Python 3.11 or newer; found $$($(PYTHON) --version). Set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python's venv is missing. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		-e '.[cpu,learn,serve,notebook]' --group dev
	@touch $(STAMP)
