# Everything a newcomer types. `make` alone lists it.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The fastest Python there is; only setup asks.
PYTHON ?= $(shell deploy/fastest-python)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/danshu.stamp
# A test waits for its servers a third of its time: three workers keep two cores busy. Those marked serial are in two lines.
XDIST := -n $(or $(WORKERS),3) --dist loadgroup --no-loadscope-reorder
PYTEST := $(BIN)/python -m pytest
CODE := chassis cli demo deploy schemas services simulators tests

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-zA-Z0-9_-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Look at it
.PHONY: demo
demo: setup ## Twelve channels' orders become shipped parcels and settled refunds
	$(BIN)/danshu demo

.PHONY: up
up: setup ## Start the embedded Kafka, registry, Postgres and Valkey
	$(BIN)/danshu up

.PHONY: down
down: setup ## Stop them
	$(BIN)/danshu down

##@ Work on it
.PHONY: setup
setup: $(STAMP) ## Install the locked dependencies into .venv (once)

$(STAMP): requirements.lock pyproject.toml
	@python=$(PYTHON); \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Danshu needs Python 3.11 or newer; name one: make PYTHON=python3.12" >&2; exit 1; }; \
	test -x $(BIN)/python || "$$python" -m venv $(VENV) \
		|| { echo "Python's venv module is missing: on Debian install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: format
format: setup ## Lay the code out and mend what ruff can mend
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

.PHONY: check
check: setup ## Layout, lint, types and the house's own laws
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(PYTEST) tests/tidy

##@ Prove it
.PHONY: test
test: setup chromium ## The whole suite; T=path runs one test or folder
ifdef T
	$(PYTEST) $(T)
else
	$(PYTEST) $(XDIST)
endif

.PHONY: unit contract integration e2e faults
unit: setup ## Pure rules: no sockets, no servers
	$(PYTEST) $(XDIST) tests/unit
contract: setup ## Doubles, codecs and plug-ins against the real parts
	$(PYTEST) $(XDIST) tests/contract
integration: setup ## Services on the embedded servers
	$(PYTEST) $(XDIST) tests/integration
e2e: setup chromium ## From a channel's payload to a settled refund, and the browser
	$(PYTEST) $(XDIST) tests/e2e tests/browser
faults: setup ## Kill processes and servers at the named points, at length
	FAULTS=1 $(PYTEST) tests/faults

.PHONY: soak
soak: setup ## 50,000 orders of all channels in a storm of faults and outages; SOAK="--orders 2000" changes it
	$(BIN)/python -m tests.soak $(SOAK)

.PHONY: bench
bench: setup ## Throughput and latency; JSON lands in bench-results/
	$(BIN)/python -m tests.bench

.PHONY: chromium
chromium: setup ## Find or install a Chromium and a Chinese font for the browser test
	$(BIN)/python -m tests.support.chromium

##@ Tidy up
.PHONY: clean
clean: ## Stop the servers and remove .venv, data and caches (downloads in ~/.cache/danshu stay)
	@test ! -x $(BIN)/danshu || $(BIN)/danshu down --wipe
	rm -rf $(VENV) .danshu .mypy_cache .ruff_cache .pytest_cache .hypothesis bench-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
