# `make run` starts Truecast, `make test` proves it, `make check` reads the code. Nothing is installed outside this
# folder, except what `make test` needs from the system's packages (PostgreSQL, Redis, Chromium), where it may.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test check bench fmt web docs wheel lock clean

BIN := .venv/bin
WEB_SOURCES := $(shell find web -path web/node_modules -prune -o -type f -print 2>/dev/null)

help: ## list these targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

run: .venv/.core src/truecast/web/index.html ## set everything up and start; options in ARGS="--replay 2021-01-04"
	@exec $(BIN)/truecast up $(ARGS)

test: .venv/.dev src/truecast/web/index.html ## set everything up and run all tests; pytest options in ARGS
	@scripts/services
	scripts/web test
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

check: .venv/.dev src/truecast/web/index.html ## formatting, lint, types, layers, pins
	@status=0; run() { echo "==> $$*" >&2; "$$@" || status=1; }; \
	run $(BIN)/ruff check --quiet; \
	run $(BIN)/ruff format --check --quiet; \
	run $(BIN)/mypy; \
	run $(BIN)/lint-imports --no-logo; \
	run $(BIN)/python scripts/check_constraints.py; \
	run $(BIN)/mypy --strict examples/*.py; \
	run $(BIN)/python scripts/reference.py --check; \
	run $(BIN)/python scripts/write_client.py --check; \
	run scripts/web run check; \
	exit $$status

bench: .venv/.dev ## run every benchmark and write benchmarks/RESULTS.md
	@for file in benchmarks/*.py; do echo "==> $$file" >&2; $(BIN)/python "$$file"; done
	$(BIN)/python scripts/join_results.py

fmt: .venv/.dev ## put the code in order
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

web: src/truecast/web/index.html ## build the dashboard into the package

docs: .venv/.dev web/node_modules/.ready ## write the tables of the user pages, the client's calls and the page's types
	$(BIN)/python scripts/reference.py
	$(BIN)/python scripts/write_client.py
	scripts/web run types

wheel: .venv/.dev src/truecast/web/index.html ## build dist/*.whl
	rm -rf dist
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m build --wheel --outdir dist .

lock: ## pin the newest versions in constraints.txt
	scripts/lock

clean: ## remove everything that make made here; data and settings stay
	rm -rf .venv web/node_modules src/truecast/web dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache
	find src tests benchmarks scripts -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is written last, so that an interrupted step is done again.
.venv/.core: pyproject.toml constraints.txt
	@scripts/install core
	@touch $@

.venv/.dev: pyproject.toml constraints.txt
	@scripts/install dev
	@touch $@ .venv/.core

web/node_modules/.ready: web/package.json web/package-lock.json | .venv/.core
	scripts/web ci
	@touch $@

src/truecast/web/index.html: web/node_modules/.ready $(WEB_SOURCES)
	scripts/web run build
