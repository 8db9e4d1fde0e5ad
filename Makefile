# Two commands matter: `make demo` runs the main job, `make test` runs every test. Both set up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
KERNEL_TESTS := tests/unit/test_kernels_roofline.py tests/unit/test_timing_laws.py tests/unit/test_event_engine.py \
	tests/unit/test_shared_resources.py \
	$(wildcard tests/unit/test_*_law.py)
# Of what runs side by side, the output stays together, where make can do that.
SYNC := $(if $(filter output-sync,$(.FEATURES)),--output-sync)

.PHONY: demo test checked-kernels plain-kernels mypy lint-imports codespell ruff mutation docs bench lock clean

demo: $(VENV)/.installed
	$(BIN)/archmodel demo --output results/demo

test: $(VENV)/.installed
	$(MAKE) --jobs 2 $(SYNC) checked-kernels ruff mypy lint-imports codespell plain-kernels
	$(BIN)/pytest -n 3 --junit-xml results/junit.xml

# Kernels with checks of bounds; to optimise them fully would take longer than it saves.
checked-kernels: $(VENV)/.installed
	NUMBA_BOUNDSCHECK=1 NUMBA_OPT=1 $(BIN)/pytest -n 2 --quiet -k "not python_form" $(KERNEL_TESTS) \
		tests/unit/test_matmul_programs.py

# Kernels as the Python that they are written in.
plain-kernels: $(VENV)/.installed
	NUMBA_DISABLE_JIT=1 $(BIN)/pytest -n 2 --quiet $(KERNEL_TESTS)

mypy lint-imports codespell: $(VENV)/.installed
	$(BIN)/$@

ruff: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Seeds faults into hardware blocks and timing laws, one at a time, and writes down what found them.
mutation: $(VENV)/.installed
	$(BIN)/python -m archmodel.verify.mutation --output docs/methods/seeded-faults.md

docs: $(VENV)/.installed
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html
	@echo "open docs/_build/html/index.html"

bench: $(VENV)/.installed
	$(BIN)/python benchmarks/run.py

lock: $(VENV)/.installed
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --generate-hashes --upgrade --quiet \
		--no-annotate --no-header --no-emit-index-url --output-file requirements.lock

clean:
	rm -rf $(VENV) results docs/_build docs/generated docs/*/generated

# The lock pins every package with its hash; the project itself is installed in place. Most modules of the packages are
# never imported: without bytecode for them the installation takes half of the time.
$(VENV)/.installed: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "archmodel needs Python 3.11 or newer; run: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' \
		|| { echo "this Python has no venv module; on Debian run: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@
