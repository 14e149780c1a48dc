# Needs make and a Python 3.11, 3.12 or 3.13 with its venv module; everything else comes from PyPI into .venv and .cache.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
TOOLS := .cache/tools
READY := $(VENV)/.ready
LIGHT := .cache/light
DATA ?= ../shared/data
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long bench bench-quality bench-peers check cypher docs clean

help: ## What there is to make
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 15

setup: $(READY) ## Make .venv and install the project with all its extras and tools

demo: $(LIGHT)/.ready ## Save, search and explore real conversations: make demo [FILE=my.jsonl]
	@$(LIGHT)/bin/context-persistence demo $(if $(FILE),"$(FILE)")

test: $(READY) ## Run all tests, in two processes: make test [WORKERS=0] [ARGS="-k search"]
	@$(RUN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

test-long: $(READY) ## Run the long fault tests, for minutes to hours: make test-long [ARGS="-k soak"]
	@$(RUN)/python -m pytest -m long $(ARGS)

bench: $(READY) ## Measure speed, and compare with bench/baseline.json
	@$(RUN)/python -m bench $(ARGS)

bench-peers: $(READY) ## Measure what other libraries find of the same texts: make bench-peers DATA=folder [ARGS="--peer NAME"]
	@$(RUN)/python -m bench.peers $(DATA) $(ARGS)

bench-quality: $(READY) ## Measure what is found on the development sets: make bench-quality DATA=folder [ARGS="--only quality"]
	@$(RUN)/python -m bench.required $(DATA) $(ARGS)

check: $(READY) ## Style, types and layers
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/lint-imports

cypher: $(READY) ## Plan every statement with its samples
	@$(RUN)/python -m pytest tests/graph/test_statements.py $(ARGS)

docs: $(READY) ## Run the examples of the documentation
	@$(RUN)/python -m pytest tests/acceptance $(ARGS)

clean: ## Remove what was made here; stores and downloaded jars stay
	rm -rf $(VENV) .cache .*_cache .hypothesis .coverage* dist build *.egg-info

# uv lives in an environment of its own, in the pinned version, whatever the machine has.
$(TOOLS)/bin/uv: constraints.txt
	@python=; for name in "$(PYTHON)" python3.13 python3.12 python3.11; do \
	  if $$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then python=$$name; break; fi; \
	done; \
	if [ -z "$$python" ]; then echo "No Python 3.11, 3.12 or 3.13 found: say make PYTHON=/path/to/python" >&2; exit 1; fi; \
	$$python -m venv --clear $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	@touch $@

$(READY): pyproject.toml constraints.txt $(TOOLS)/bin/uv
	@test -x $(RUN)/python || $(TOOLS)/bin/uv venv --quiet --python $(TOOLS)/bin/python $(VENV)
	$(TOOLS)/bin/uv pip install --python $(RUN)/python --constraint constraints.txt --build-constraint constraints.txt --editable '.[all]' --group dev
	@touch $@

# The demo needs no extras: an environment of its own is there in seconds, not minutes.
$(LIGHT)/.ready: pyproject.toml constraints.txt $(TOOLS)/bin/uv
	@test -x $(LIGHT)/bin/python || $(TOOLS)/bin/uv venv --quiet --python $(TOOLS)/bin/python $(LIGHT)
	$(TOOLS)/bin/uv pip install --python $(LIGHT)/bin/python --constraint constraints.txt --build-constraint constraints.txt --editable .
	@touch $@
